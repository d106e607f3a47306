//! Keys that were pasted: the fields they come in, what is wrong with them, and whose they are.

use super::paste::{self, Pasted};
use super::{Identity, Keys, Settings, identity, load};
use curfew_core::connect::{FieldKind, FieldSheet, Secret};
use curfew_core::{Error, ErrorKind, Result, Timestamp, say};

pub(super) const FIELDS: &[FieldSheet] = &[
    FieldSheet {
        id: "block",
        label: "All of it at once",
        hint: "The lines as they are shown to you: “export AWS_ACCESS_KEY_ID=…”, or a section with “aws_access_key_id = …”",
        example: "[default]\naws_access_key_id = ASIA…\naws_secret_access_key = …\naws_session_token = …",
        kind: FieldKind::Block,
    },
    FieldSheet { id: "key_id", label: "Access key ID", hint: "", example: "ASIA…", kind: FieldKind::Once },
    FieldSheet { id: "secret", label: "Secret access key", hint: "", example: "", kind: FieldKind::Hidden },
    FieldSheet {
        id: "session",
        label: "Session token",
        hint: "Only temporary keys have one",
        example: "",
        kind: FieldKind::Hidden,
    },
];

/// What was pasted, from the block or the fields; whether it was the block.
pub(super) fn together(fields: &[(String, Secret)]) -> Result<(Pasted, bool)> {
    let get = |id: &str| fields.iter().find(|(name, value)| name == id && !value.is_blank()).map(|(_, v)| v);
    if let Some(block) = get("block") {
        if get("key_id").or(get("secret")).or(get("session")).is_some() {
            return Err(Error::input("block", "there are keys here and in the fields").next("Use one of the two"));
        }
        return Ok((paste::read(block.expose())?, true));
    }
    let own = |id: &str| get(id).map(|s| Secret::new(s.expose().trim()));
    Ok((Pasted { id: own("key_id"), secret: own("secret"), session: own("session"), ..Pasted::default() }, false))
}

pub(super) fn checked(pasted: &Pasted, in_block: bool, now: Timestamp) -> Result<Keys> {
    let at = |field: &'static str| if in_block { "block" } else { field };
    let text = |s: &Option<Secret>| s.as_ref().map(|s| s.expose().to_owned());
    let id = text(&pasted.id).ok_or_else(|| Error::input(at("key_id"), "the access key ID is missing"))?;
    if !(16..=128).contains(&id.len()) || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Error::input(at("key_id"), "this is no access key ID: it has 16 or more letters and digits")
            .next("It often begins with AKIA or ASIA; the longer one with + and / is the secret"));
    }
    let secret = text(&pasted.secret).ok_or_else(|| Error::input(at("secret"), "the secret access key is missing"))?;
    let session = text(&pasted.session);
    if id.starts_with("ASIA") && session.is_none() {
        let says = "a key that begins with ASIA is temporary, and its session token is missing";
        return Err(Error::input(at("session"), says).next("Copy it from the same place; it is long"));
    }
    if [Some(&secret), session.as_ref()]
        .into_iter()
        .flatten()
        .any(|s| s.chars().any(|c| c.is_whitespace() || c.is_control()))
    {
        return Err(
            Error::input(at("secret"), "there is a blank or a line end in the middle of it").next("Copy it again")
        );
    }
    if let Some(until) = pasted.until.filter(|u| *u <= now) {
        let says = format!("these keys have run out already, {}", say::ago(until, now));
        return Err(Error::input(at("session"), says).next("Get new ones where you got these"));
    }
    Ok(Keys { id, secret, session })
}

pub(super) fn a_region(text: &str, field: &'static str) -> Result<String> {
    // `us-east-1`, `us-gov-west-1`, `ap-southeast-3`.
    let parts: Vec<&str> = text.split('-').collect();
    let word = |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase());
    let good = parts.len() >= 3
        && parts[..parts.len() - 1].iter().all(word)
        && parts.last().is_some_and(|n| !n.is_empty() && n.len() <= 2 && n.bytes().all(|b| b.is_ascii_digit()));
    if good {
        return Ok(text.to_owned());
    }
    Err(Error::input(field, format!("“{}” is no region of AWS", say::clean(text, 40))).next("Write it as eu-west-1"))
}

/// Whose keys these are, with an error at its field.
pub(super) async fn try_keys(settings: &Settings, in_block: bool) -> Result<Identity> {
    let config = load(settings).await?;
    identity(&config).await.map_err(|e| {
        let code =
            e.context().iter().find(|(k, _)| *k == "code").map(|(_, v)| v.as_str()).unwrap_or_default().to_owned();
        let at = |field: &'static str| if in_block { "block" } else { field };
        let session = settings.keys.as_ref().is_some_and(|k| k.session.is_some());
        match code.as_str() {
            "ExpiredToken" | "ExpiredTokenException" => {
                Error::new(ErrorKind::CredentialsExpired, "try the keys", "these keys have run out already")
                    .next("Get new ones where you got these, and paste them")
                    .at(at("session"))
            }
            "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" if session => Error::new(
                ErrorKind::InvalidInput,
                "try the keys",
                "AWS does not know these keys, or not with this session token",
            )
            .next("Copy all three again from the same place")
            .at(at("session")),
            "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
                Error::new(ErrorKind::InvalidInput, "try the keys", "AWS does not know this access key ID")
                    .next("Copy it again; a key that was deleted or switched off is unknown too")
                    .at(at("key_id"))
            }
            "SignatureDoesNotMatch" if e.kind() == ErrorKind::CredentialsExpired => {
                Error::new(ErrorKind::InvalidInput, "try the keys", "the secret does not fit this access key ID")
                    .next("Copy both again from the same place")
                    .at(at("secret"))
            }
            _ => e,
        }
    })
}
