//! A session that a code of a second factor opens: of the role that the profile names, or of its keys themselves.

use super::files::SecondFactor;
use super::{Keys, Settings, load};
use crate::error::from_sdk;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use curfew_core::connect::Secret;
use curfew_core::{Error, ErrorKind, Result, Timestamp};

const WHAT: &str = "open a session";
/// Of keys themselves; a role has its own longest, of which an hour is always allowed (AssumeRole, GetSessionToken).
const SECONDS: i32 = 12 * 3600;
const SECONDS_OF_ROLE: i32 = 3600;

/// Its keys, and until when they hold. An error of the code is one at the field `code`.
pub(super) async fn open(factor: &SecondFactor, code: Option<&Secret>) -> Result<(Keys, Timestamp)> {
    let code = code.map(|code| code.expose().trim()).unwrap_or_default();
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(
            Error::input("code", "a code of a second factor is six digits").next("Type what your device shows now")
        );
    }
    let base = load(&Settings { profile: Some(factor.source.clone()), ..Settings::default() }).await?;
    let sts = aws_sdk_sts::Client::new(&base);
    let found = if let Some(role) = &factor.role {
        let asked = sts.assume_role().role_arn(role).role_session_name("curfew");
        let asked = asked.serial_number(&factor.serial).token_code(code).set_external_id(factor.external.clone());
        let asked = asked.duration_seconds(factor.seconds.unwrap_or(SECONDS_OF_ROLE));
        asked.send().await.map(|answer| answer.credentials).map_err(|e| of_code(&e, from_sdk(WHAT, &e)))?
    } else {
        let asked = sts.get_session_token().serial_number(&factor.serial).token_code(code);
        let asked = asked.duration_seconds(factor.seconds.unwrap_or(SECONDS));
        asked.send().await.map(|answer| answer.credentials).map_err(|e| of_code(&e, from_sdk(WHAT, &e)))?
    };
    let found = found.ok_or_else(|| Error::new(ErrorKind::Unknown, WHAT, "AWS opened a session and gave no keys"))?;
    let keys = Keys {
        id: found.access_key_id().to_owned(),
        secret: found.secret_access_key().to_owned(),
        session: Some(found.session_token().to_owned()),
    };
    Ok((keys, crate::clock::timestamp(found.expiration())))
}

/// STS refuses a wrong code with AccessDenied and a sentence; of another want of rights it says another.
fn of_code(answer: &impl ProvideErrorMetadata, error: Error) -> Error {
    if answer.message().is_some_and(|text| text.contains("MultiFactorAuthentication failed")) {
        return Error::input("code", "AWS does not take this code")
            .next("Type the one that your device shows now; each works once");
    }
    error.at("profile")
}
