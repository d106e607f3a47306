//! The files of ~/.aws: profiles, SSO sessions, and the tokens of those that are signed in to. Reads only.
//!
//! The format is the AWS CLI's ("Configuration and credential file settings", AWS SDKs and Tools Reference Guide).

use super::paste::instant;
use crate::accounts::given;
use curfew_core::connect::{Found, FoundState, KeyLife, Secret};
use curfew_core::{Error, Result, Timestamp, say};
use jiff::{SignedDuration, Zoned};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How long temporary keys live at most where nobody says: the longest session of a role.
pub(crate) const AT_MOST: SignedDuration = SignedDuration::from_hours(12);

type Section = BTreeMap<String, String>;

/// What is in the files.
#[derive(Default)]
pub(crate) struct Files {
    profiles: BTreeMap<String, Section>,
    sessions: BTreeMap<String, Section>,
    /// When the credentials were last written, which is when temporary keys in it were pasted at the latest.
    written: Option<Timestamp>,
}

/// Where to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SsoAt {
    /// What the token's file is named after: the session's name, or the address in profiles of the older kind.
    pub key: String,
    pub start_url: String,
    pub region: String,
    pub scopes: Vec<String>,
}

/// A second factor, and what its code opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecondFactor {
    /// The device.
    pub serial: String,
    /// The role; a session of the keys themselves where `None`.
    pub role: Option<String>,
    /// The profile that has the keys.
    pub source: String,
    pub external: Option<String>,
    pub seconds: Option<i32>,
}

/// A token as the AWS CLI keeps it. Holds secrets: no `Debug`.
#[expect(clippy::struct_field_names, reason = "the names are those of the CLI's file")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    pub access_token: String,
    pub expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

impl Token {
    fn refreshes(&self, now: Timestamp) -> bool {
        let registered = self.registration_expires_at.as_deref().and_then(instant);
        self.refresh_token.is_some() && self.client_id.is_some() && registered.is_some_and(|at| at > now)
    }
}

/// `~/.aws/config` and `~/.aws/credentials`, or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say.
pub(crate) fn paths() -> [Option<PathBuf>; 2] {
    let file = |variable: &str, name: &str| {
        let path = std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
        path.or_else(|| Some(std::env::home_dir()?.join(".aws").join(name)))
    };
    [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")]
}

/// The folder of SSO's tokens: always in ~/.aws, as the SDKs have it.
pub(crate) fn token_folder() -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(".aws/sso/cache"))
}

/// The file of a token (the AWS CLI's name for it).
pub(crate) fn token_path(key: &str) -> Option<PathBuf> {
    let digest = Sha1::digest(key.as_bytes());
    let name = digest.iter().fold(String::new(), |text, b| format!("{text}{b:02x}"));
    Some(token_folder()?.join(name).with_extension("json"))
}

fn token(key: &str) -> Option<Token> {
    serde_json::from_slice(&std::fs::read(token_path(key)?).ok()?).ok()
}

/// When each of the files was last written; changes whenever one of them may say something else.
pub(crate) fn stamp() -> String {
    let mut stamp = String::new();
    let mut add = |path: &Path| {
        use std::fmt::Write as _;
        let meta = path.metadata().ok();
        let changed = meta.as_ref().and_then(|m| m.modified().ok());
        let nanos = changed.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |t| t.as_nanos());
        _ = write!(stamp, "{nanos} {};", meta.map_or(0, |m| m.len()));
    };
    for path in paths().iter().flatten() {
        add(path);
    }
    let tokens = token_folder().and_then(|f| std::fs::read_dir(f).ok());
    let mut tokens: Vec<PathBuf> = tokens.into_iter().flatten().flatten().map(|e| e.path()).collect();
    tokens.sort();
    for path in &tokens {
        add(path);
    }
    stamp
}

fn sections(text: &str, mut each: impl FnMut(&str) -> Option<(bool, String)>) -> Vec<((bool, String), Section)> {
    let mut all: Vec<((bool, String), Section)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default().trim();
            let section = each(name);
            open = section.is_some();
            all.extend(section.map(|s| (s, Section::new())));
            continue;
        }
        // Indented lines are nested settings (`s3 =`), which do not matter here.
        let nested = line.starts_with([' ', '\t']) && all.last().is_some_and(|(_, s)| s.values().any(String::is_empty));
        if !open || nested || line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if let (Some((_, section)), Some((name, value))) = (all.last_mut(), line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default();
            section.insert(name.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    all
}

impl Files {
    /// Reads both files. One that is not there is empty; one that cannot be read is an error.
    pub(crate) fn read() -> Result<Self> {
        let mut texts = [String::new(), String::new()];
        let paths = paths();
        for (text, path) in texts.iter_mut().zip(&paths) {
            let Some(path) = path else { continue };
            match std::fs::read_to_string(path) {
                Ok(read) => *text = read,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("read the profiles", path.display(), e)),
            }
        }
        let mut files = Self::of(&texts[0], &texts[1]);
        let written = paths[1].as_ref().and_then(|p| p.metadata().ok()?.modified().ok());
        files.written = written.and_then(|t| Timestamp::try_from(t).ok());
        Ok(files)
    }
    fn of(config: &str, credentials: &str) -> Self {
        let mut files = Self::default();
        let in_config = |name: &str| {
            if let Some(session) = name.strip_prefix("sso-session ") {
                return Some((true, session.trim().to_owned()));
            }
            let profile = name.strip_prefix("profile ").map(str::trim).or((name == "default").then_some(name));
            profile.map(|p| (false, p.to_owned()))
        };
        for ((session, name), section) in sections(config, in_config) {
            let all = if session { &mut files.sessions } else { &mut files.profiles };
            all.entry(name).or_default().extend(section);
        }
        for ((_, name), section) in sections(credentials, |name| Some((false, name.to_owned()))) {
            files.profiles.entry(name).or_default().extend(section);
        }
        files
    }

    pub(crate) fn has(&self, profile: &str) -> bool {
        self.profiles.contains_key(profile)
    }
    /// Is there anything in it that keys could come from?
    pub(crate) fn has_keys(&self, profile: &str, now: &Zoned) -> bool {
        !matches!(self.state(profile, now, 0).0, FoundState::Incomplete { .. })
            || self.get(profile, "aws_access_key_id").is_some()
    }
    fn get(&self, profile: &str, key: &str) -> Option<&str> {
        self.profiles.get(profile)?.get(key).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The region that a profile names.
    pub(crate) fn region(&self, profile: &str) -> Option<String> {
        self.get(profile, "region").map(str::to_owned)
    }
    /// Where a profile signs in, if it is one of SSO; why not, if something is missing.
    pub(crate) fn sso_of(&self, profile: &str) -> Option<Result<SsoAt, String>> {
        if let Some(session) = self.get(profile, "sso_session") {
            return Some(self.session(session));
        }
        let start_url = self.get(profile, "sso_start_url")?;
        let Some(region) = self.get(profile, "sso_region") else { return Some(Err("it has no sso_region".into())) };
        let start_url = start_url.to_owned();
        Some(Ok(SsoAt { key: start_url.clone(), start_url, region: region.into(), scopes: Vec::new() }))
    }
    pub(crate) fn session(&self, name: &str) -> Result<SsoAt, String> {
        let shown = say::clean(name, 60);
        let section = self.sessions.get(name).ok_or(format!("it names the SSO session {shown}, which is not there"))?;
        let get = |key: &str| section.get(key).filter(|v| !v.is_empty());
        let missing = |key: &str| format!("the SSO session {shown} has no {key}");
        let scopes = get("sso_registration_scopes").map_or("sso:account:access", String::as_str);
        Ok(SsoAt {
            key: name.to_owned(),
            start_url: get("sso_start_url").ok_or_else(|| missing("sso_start_url"))?.clone(),
            region: get("sso_region").ok_or_else(|| missing("sso_region"))?.clone(),
            scopes: scopes.split(',').map(|s| s.trim().to_owned()).collect(),
        })
    }

    /// How a profile stands, and what it is.
    fn state(&self, profile: &str, now: &Zoned, depth: u8) -> (FoundState, String) {
        let missing = |says: &str| FoundState::Incomplete { says: says.to_owned() };
        let region = self.get(profile, "region").map_or_else(String::new, |r| format!(", {}", say::clean(r, 30)));
        if let Some(sso) = self.sso_of(profile) {
            let (account, role) = (self.get(profile, "sso_account_id"), self.get(profile, "sso_role_name"));
            let says = format!(
                "account {} as {} by SSO{region}",
                say::clean(account.unwrap_or("?"), 20),
                say::clean(role.unwrap_or("?"), 60)
            );
            let state = match (sso, account, role) {
                (Err(why), ..) => missing(&why),
                (_, None, _) => missing("it has no sso_account_id"),
                (_, _, None) => missing("it has no sso_role_name"),
                (Ok(at), ..) => session_state(&at, now),
            };
            return (state, says);
        }
        if self.get(profile, "aws_access_key_id").is_some() {
            let temporary = self.get(profile, "aws_session_token").is_some();
            let says = format!("{} in the file{region}", if temporary { "temporary keys" } else { "keys" });
            let over = self.named_end(profile).filter(|at| *at <= now.timestamp());
            let state = match (self.get(profile, "aws_secret_access_key"), over, self.get(profile, "mfa_serial")) {
                (None, ..) => missing("it has no aws_secret_access_key"),
                (_, Some(at), _) => missing(&format!("its keys ran out {}", say::when(at, now))),
                // What asks for a second factor and is no role opens a session of the keys themselves. As the source of a
                // role they are used as they are.
                (.., Some(serial)) if !temporary && depth == 0 => asks_for(serial),
                _ => FoundState::Ready,
            };
            return (state, says);
        }
        if let Some(role) = self.get(profile, "role_arn") {
            let says = format!("the role {}{region}", say::clean(role, 120));
            let source = self.get(profile, "source_profile");
            let state = if let (Some(serial), Some(source)) = (self.get(profile, "mfa_serial"), source) {
                match self.has(source) && (source == profile || depth < 8) {
                    false => missing(&format!("it builds on profile {}, which is not there", say::clean(source, 60))),
                    true if source == profile => asks_for(serial),
                    true => match self.state(source, now, depth + 1).0 {
                        FoundState::Ready => asks_for(serial),
                        other => other,
                    },
                }
            } else if self.get(profile, "mfa_serial").is_some() {
                missing(&format!(
                    "it asks for a code of a second factor: run “{}”, type the code there, and paste what it prints",
                    export(profile)
                ))
            } else if let Some(source) = source {
                match self.has(source) {
                    false => missing(&format!("it builds on profile {}, which is not there", say::clean(source, 60))),
                    true if source != profile && depth < 8 => self.state(source, now, depth + 1).0,
                    true => FoundState::Ready,
                }
            } else if self.get(profile, "credential_source").or(self.get(profile, "web_identity_token_file")).is_some()
            {
                FoundState::Ready
            } else {
                missing("it names no source_profile")
            };
            return (state, says);
        }
        if self.get(profile, "credential_process").is_some() {
            return (FoundState::Ready, format!("keys from a program of yours{region}"));
        }
        let says = region.trim_start_matches(", ").to_owned();
        if self.get(profile, "login_session").is_some() {
            let says_how = format!("it is one of “aws login”: run “{}”, and paste what it prints", export(profile));
            return (missing(&says_how), says);
        }
        (missing("it has no keys"), says)
    }

    /// What a profile asks a code for.
    pub(crate) fn second_factor(&self, profile: &str) -> Option<SecondFactor> {
        let get = |key: &str| self.get(profile, key).map(str::to_owned);
        let role = get("role_arn");
        Some(SecondFactor {
            serial: get("mfa_serial")?,
            source: if role.is_some() { get("source_profile")? } else { profile.to_owned() },
            external: get("external_id"),
            seconds: get("duration_seconds").and_then(|text| text.parse().ok()),
            role,
        })
    }

    /// How long the keys of a profile last, as far as the files tell.
    pub(crate) fn life(&self, profile: &str, now: Timestamp) -> KeyLife {
        self.life_of(profile, now, 0)
    }
    fn life_of(&self, profile: &str, now: Timestamp, depth: u8) -> KeyLife {
        if let Some(sso) = self.sso_of(profile) {
            let token = sso.ok().and_then(|at| token(&at.key));
            return token.map_or(KeyLife::Until { at: now }, |t| life_of_token(&t, now));
        }
        if self.get(profile, "aws_access_key_id").is_some() {
            if self.get(profile, "aws_session_token").is_none() {
                return KeyLife::NoEnd;
            }
            return match self.named_end(profile) {
                Some(at) => KeyLife::Until { at },
                None => KeyLife::AtMost { at: self.written.unwrap_or(now) + AT_MOST },
            };
        }
        match self.get(profile, "source_profile") {
            Some(source) if source != profile && depth < 8 => self.life_of(source, now, depth + 1),
            _ => KeyLife::NoEnd,
        }
    }
    fn named_end(&self, profile: &str) -> Option<Timestamp> {
        let names = ["x_security_token_expires", "aws_expiration", "aws_session_expiration", "expiration"];
        names.iter().find_map(|name| instant(self.get(profile, name)?))
    }

    /// Everything in the files, profiles first.
    pub(crate) fn found(&self, now: &Zoned) -> Vec<Found> {
        let profiles = self.profiles.keys().map(|name| {
            let (state, says) = self.state(name, now, 0);
            Found {
                id: format!("profile {name}"),
                name: name.clone(),
                title: format!("profile {name}"),
                says,
                state,
                signs_in: matches!(self.sso_of(name), Some(Ok(_))),
                connects: true,
                chooses: false,
            }
        });
        let sessions = self.sessions.keys().map(|name| {
            let at = self.session(name);
            let users: Vec<&str> = self
                .profiles
                .iter()
                .filter(|(_, p)| p.get("sso_session") == Some(name))
                .map(|(n, _)| n.as_str())
                .collect();
            let used = if users.is_empty() {
                "no profile uses it; its accounts can be chosen here once you have signed in".to_owned()
            } else {
                format!("used by {}", users.join(", "))
            };
            Found {
                id: format!("sso-session {name}"),
                name: name.clone(),
                title: format!("SSO session {name}"),
                says: used,
                signs_in: at.is_ok(),
                state: at.map_or_else(|says| FoundState::Incomplete { says }, |at| session_state(&at, now)),
                connects: false,
                chooses: true,
            }
        });
        profiles.chain(sessions).collect()
    }
}

fn asks_for(serial: &str) -> FoundState {
    FoundState::Code { says: format!("it asks for a code of your second factor, {}", say::clean(serial, 100)) }
}

/// Prints temporary keys of any profile, as the AWS CLI has them; asks for a code where one is needed.
fn export(profile: &str) -> String {
    let quoted = if profile.contains(' ') { format!("\"{profile}\"") } else { profile.to_owned() };
    format!("aws configure export-credentials --format env --profile {}", say::clean(&quoted, 60))
}

fn session_state(at: &SsoAt, now: &Zoned) -> FoundState {
    let Some(token) = token(&at.key) else { return FoundState::SignIn { says: "not signed in".into() } };
    match instant(&token.expires_at) {
        Some(end) if end > now.timestamp() => FoundState::Ready,
        _ if token.refreshes(now.timestamp()) => FoundState::Ready,
        Some(end) => FoundState::SignIn { says: format!("the session ran out {}", say::when(end, now)) },
        None => FoundState::SignIn { says: "not signed in".into() },
    }
}

fn life_of_token(token: &Token, now: Timestamp) -> KeyLife {
    let at = instant(&token.expires_at).unwrap_or(now);
    if token.refreshes(now) { KeyLife::Renewed { at } } else { KeyLife::Until { at } }
}

/// Whoever holds this may ask for keys; `None`: nobody has signed in, or it is over.
pub(crate) fn access_token(at: &SsoAt, now: Timestamp) -> Option<Secret> {
    let token = token(&at.key)?;
    (instant(&token.expires_at)? > now).then(|| Secret::new(token.access_token))
}
/// How long a sign-in lasts.
pub(crate) fn life_of_session(at: &SsoAt, now: Timestamp) -> KeyLife {
    token(&at.key).map_or(KeyLife::Until { at: now }, |t| life_of_token(&t, now))
}

/// The profile that the environment means: AWS_PROFILE, or `default`.
pub(crate) fn profile_of_environment() -> String {
    given("AWS_PROFILE").unwrap_or_else(|| "default".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-26T14:20:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    #[test]
    fn what_is_found_and_how_it_stands() {
        let config = "[default]\nregion=eu-west-1\n# x\n[profile vision lab]\nsso_session = corp\nsso_account_id=111111111111\n\
            sso_role_name=Researcher\ns3 =\n  max_queue_size = 3\nregion = us-west-2\n[sso-session corp]\nsso_start_url=https://x.awsapps.com/start\nsso_region=eu-west-1\n\
            [services local]\n[profile half]\nsso_session=gone\n[profile role]\nrole_arn=arn:aws:iam::1:role/R\nsource_profile=ada\n\
            [profile mfa]\nrole_arn=x\nsource_profile=ada\nmfa_serial=y\n[profile empty]\nregion=eu-west-1\n";
        let credentials = " [ada]\naws_access_key_id=A\naws_secret_access_key=planted\n[class]\naws_access_key_id=B\n\
            aws_secret_access_key=planted\naws_session_token=planted\nx_security_token_expires=2026-11-26T12:00:00Z\n[odd]\naws_access_key_id=C\n";
        let files = Files::of(config, credentials);
        let found = files.found(&now());
        let lines: Vec<String> = found
            .iter()
            .map(|f| {
                let state = match &f.state {
                    FoundState::Ready => "ready".to_owned(),
                    FoundState::Connected => "connected".to_owned(),
                    FoundState::SignIn { says } => format!("sign in: {says}"),
                    FoundState::Code { says } => format!("code: {says}"),
                    FoundState::Incomplete { says } => format!("incomplete: {says}"),
                };
                format!("{} | {} | {state}", f.title, f.says)
            })
            .collect();
        assert!(!lines.concat().contains("planted"));
        insta::assert_snapshot!(lines.join("\n"), @"
        profile ada | keys in the file | ready
        profile class | temporary keys in the file | incomplete: its keys ran out 13:00
        profile default | eu-west-1 | incomplete: it has no keys
        profile empty | eu-west-1 | incomplete: it has no keys
        profile half | account ? as ? by SSO | incomplete: it names the SSO session gone, which is not there
        profile mfa | the role x | code: it asks for a code of your second factor, y
        profile odd | keys in the file | incomplete: it has no aws_secret_access_key
        profile role | the role arn:aws:iam::1:role/R | ready
        profile vision lab | account 111111111111 as Researcher by SSO, us-west-2 | sign in: not signed in
        SSO session corp | used by vision lab | sign in: not signed in
        ");
        assert_eq!(files.life("ada", now().timestamp()), KeyLife::NoEnd);
        assert_eq!(
            files.life("class", now().timestamp()),
            KeyLife::Until { at: "2026-11-26T12:00:00Z".parse().unwrap() }
        );
        assert_eq!(files.life("role", now().timestamp()), KeyLife::NoEnd);
    }

    #[test]
    fn a_token_lies_where_the_cli_puts_it() {
        // sha1("my-sso"), as `aws sso login` names its file.
        let path = token_path("my-sso").unwrap();
        assert_eq!(path.file_name().unwrap(), "0ad374308c5a4e22f723adf10145eafad7c4031c.json");
    }
}
