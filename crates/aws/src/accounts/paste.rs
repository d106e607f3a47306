//! Keys as people paste them: lines of a shell, a section of an ini file, JSON of AWS's own tools.

use curfew_core::connect::Secret;
use curfew_core::{Error, Result, Timestamp};
use serde_json::Value;

/// What a block names. Nothing here is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pasted {
    pub id: Option<Secret>,
    pub secret: Option<Secret>,
    pub session: Option<Secret>,
    pub region: Option<String>,
    pub until: Option<Timestamp>,
}

/// Reads a block. Errors name the field `block`, and never hold what is in it.
pub(crate) fn read(text: &str) -> Result<Pasted> {
    let mut found = Pasted::default();
    let text = text.trim();
    if text.starts_with('{') {
        let value: Value = serde_json::from_str(text)
            .map_err(|_| Error::input("block", "this begins as JSON and is none: a part of it may be missing"))?;
        found.json(&value)?;
    } else {
        found.lines(text)?;
    }
    if found.id.is_none() && found.secret.is_none() && found.session.is_none() {
        return Err(Error::input("block", "no keys were found in this")
            .next("Paste all of it: lines with aws_access_key_id, aws_secret_access_key and aws_session_token"));
    }
    Ok(found)
}

impl Pasted {
    fn json(&mut self, value: &Value) -> Result<()> {
        let object = value.get("Credentials").or_else(|| value.get("credentials")).unwrap_or(value);
        for (name, value) in object.as_object().into_iter().flatten() {
            if let Some(text) = value.as_str() {
                self.take(name, text)?;
            }
        }
        Ok(())
    }

    fn lines(&mut self, text: &str) -> Result<()> {
        let mut last = None;
        for line in text.lines().flat_map(|l| l.split("&&")).flat_map(|l| l.split(';')) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '[']) {
                last = None;
                continue;
            }
            // A terminal breaks long tokens over several lines.
            let broken = line.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
            if let (Some("session"), true, Some(token)) = (last, broken && !line.contains('_'), &mut self.session) {
                *token = Secret::new(format!("{}{line}", token.expose()));
                continue;
            }
            last = self.statement(line)?;
        }
        Ok(())
    }

    /// `export A=1 B="2"`, `set A=1`, `$Env:A = "1"`, `set -gx A 1`, `a = 1`.
    fn statement(&mut self, line: &str) -> Result<Option<&'static str>> {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let rest = ["set -gx ", "set -x ", "setx "].iter().find_map(|start| line.strip_prefix(start));
        let (name, value) = match (rest, line.split_once('=')) {
            (Some(rest), _) => rest.trim().split_once(char::is_whitespace).unwrap_or((rest, "")),
            (None, Some((name, value))) => (name, value),
            (None, None) => return Ok(None),
        };
        let plain = name.trim();
        let plain = plain.get(..4).filter(|p| p.eq_ignore_ascii_case("set ")).map_or(plain, |_| plain[4..].trim());
        let plain = plain.get(..5).filter(|p| p.eq_ignore_ascii_case("$env:")).map_or(plain, |_| &plain[5..]);
        let value = value.trim();
        let quoted = value.strip_prefix(['"', '\'']).and_then(|v| v.split_once(['"', '\'']));
        let (value, more) = quoted.unwrap_or_else(|| value.split_once(char::is_whitespace).unwrap_or((value, "")));
        let took = self.take(plain, value)?;
        let more = more.trim();
        if more.contains('=') && !more.starts_with('#') {
            return self.statement(more);
        }
        Ok(took)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<Option<&'static str>> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(None);
        }
        let (slot, what) = match name.to_lowercase().replace(['-', '_'], "").as_str() {
            "awsaccesskeyid" | "accesskeyid" => (&mut self.id, "id"),
            "awssecretaccesskey" | "secretaccesskey" => (&mut self.secret, "secret"),
            "awssessiontoken" | "awssecuritytoken" | "sessiontoken" | "token" => (&mut self.session, "session"),
            "awsdefaultregion" | "awsregion" | "region" => {
                self.region = Some(value.to_owned());
                return Ok(None);
            }
            "awscredentialexpiration"
            | "awssessionexpiration"
            | "awsexpiration"
            | "expiration"
            | "xsecuritytokenexpires" => {
                self.until = instant(value);
                return Ok(None);
            }
            _ => return Ok(None),
        };
        let value = Secret::new(value);
        if slot.as_ref().is_some_and(|there| *there != value) {
            return Err(Error::input("block", "this holds the keys of two accounts or sessions")
                .next("Paste one section of it at a time"));
        }
        *slot = Some(value);
        Ok(Some(what))
    }
}

/// "2026-11-26T18:20:00Z", with an offset, or with a blank for the T.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<[&str; 5], &str>) {
        let got = read(text);
        if let Ok(found) = &got {
            assert!(!format!("{found:?}").contains("SECRET"), "shown");
        }
        let text_of = |s: &Option<Secret>| s.as_ref().map_or_else(String::new, |s| s.expose().to_owned());
        let got = got.map(|p| {
            let until = p.until.map_or_else(String::new, |t| t.to_string());
            [text_of(&p.id), text_of(&p.secret), text_of(&p.session), p.region.unwrap_or_default(), until]
        });
        match (got, expect) {
            (Ok(got), Ok(expect)) => assert_eq!(got, expect, "{text}"),
            (Err(e), Err(expect)) => assert_eq!((e.message(), e.field()), (expect, Some("block")), "{text}"),
            (got, expect) => panic!("{text}: {got:?}, not {expect:?}"),
        }
    }

    #[test]
    fn as_learner_labs_and_consoles_hand_them_out() {
        let whole = Ok(["ASIA1", "SECRET+/x", "TOKEN/abc==", "", ""]);
        check(
            "[default]\naws_access_key_id=ASIA1\naws_secret_access_key=SECRET+/x\naws_session_token=TOKEN/abc==\n",
            whole,
        );
        check(
            "export AWS_ACCESS_KEY_ID=\"ASIA1\"\nexport AWS_SECRET_ACCESS_KEY=\"SECRET+/x\"\nexport AWS_SESSION_TOKEN=\"TOKEN/abc==\"",
            whole,
        );
        check(
            "SET AWS_ACCESS_KEY_ID=ASIA1\r\nSET AWS_SECRET_ACCESS_KEY=SECRET+/x\r\nSET AWS_SESSION_TOKEN=TOKEN/abc==",
            whole,
        );
        check(
            "$Env:AWS_ACCESS_KEY_ID=\"ASIA1\"\n$Env:AWS_SECRET_ACCESS_KEY=\"SECRET+/x\"\n$Env:AWS_SESSION_TOKEN=\"TOKEN/abc==\"",
            whole,
        );
        check(
            "set -gx AWS_ACCESS_KEY_ID ASIA1\nset -gx AWS_SECRET_ACCESS_KEY SECRET+/x; set -gx AWS_SESSION_TOKEN TOKEN/abc==",
            whole,
        );
        check(
            "export AWS_ACCESS_KEY_ID=ASIA1 AWS_SECRET_ACCESS_KEY=SECRET+/x && export AWS_SESSION_TOKEN=TOKEN/abc==",
            whole,
        );
        check(
            "[x]\n aws_access_key_id = ASIA1\n aws_secret_access_key = SECRET+/x\n aws_session_token = TOKEN/a\nbc==\n# mine",
            whole,
        );
        check(
            r#"{"Credentials": {"AccessKeyId": "ASIA1", "SecretAccessKey": "SECRET+/x", "SessionToken": "TOKEN", "Expiration": "2026-11-26T18:20:00+00:00"}}"#,
            Ok(["ASIA1", "SECRET+/x", "TOKEN", "", "2026-11-26T18:20:00Z"]),
        );
        check(
            "[s]\naws_access_key_id=A\naws_secret_access_key=SECRET\nx_security_token_expires = 2026-11-26T19:20:00+01:00\nregion = eu-west-1",
            Ok(["A", "SECRET", "", "eu-west-1", "2026-11-26T18:20:00Z"]),
        );
        check("hello", Err("no keys were found in this"));
        check("", Err("no keys were found in this"));
        check("{\"AccessKeyId\": \"SECR", Err("this begins as JSON and is none: a part of it may be missing"));
        check("aws_access_key_id=A\naws_access_key_id=B", Err("this holds the keys of two accounts or sessions"));
    }
}
