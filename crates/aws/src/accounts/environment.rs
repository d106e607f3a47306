//! What the environment says of accounts, and how long keys last.

use super::files::{self, AT_MOST, Files, profile_of_environment};
use super::records::mark;
use super::{Settings, given, paste};
use curfew_core::connect::KeyLife;
use curfew_core::{Cx, RegionName, Timestamp, say};

/// How long pasted keys last.
pub(super) fn life_of_keys(temporary: bool, until: Option<Timestamp>, pasted: Timestamp) -> KeyLife {
    match (temporary, until) {
        (_, Some(at)) => KeyLife::Until { at },
        (true, None) => KeyLife::AtMost { at: pasted + AT_MOST },
        (false, None) => KeyLife::NoEnd,
    }
}

/// How long the keys of the environment last, or those of the profile that it names.
pub(super) fn life_of_environment(files: &Files, seen: Timestamp, now: Timestamp) -> KeyLife {
    if given("AWS_ACCESS_KEY_ID").is_some() {
        let until = given("AWS_CREDENTIAL_EXPIRATION").as_deref().and_then(paste::instant);
        return life_of_keys(given("AWS_SESSION_TOKEN").is_some(), until, seen);
    }
    files.life(&profile_of_environment(), now)
}

/// Accounts that need no set-up, and where their keys come from. Reads the environment, calls nobody.
pub(super) fn ready_made(files: &Files, cx: &Cx) -> Option<(Settings, String)> {
    let source = if given("AWS_ACCESS_KEY_ID").is_some() {
        "the environment (AWS_ACCESS_KEY_ID)".to_owned()
    } else if given("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
        "the environment (AWS_WEB_IDENTITY_TOKEN_FILE)".to_owned()
    } else if let Some(profile) = given("AWS_PROFILE") {
        format!("profile {} of ~/.aws, which AWS_PROFILE names", say::clean(&profile, 60))
    } else if files.has_keys("default", &cx.clock().local()) {
        "the default profile of ~/.aws".to_owned()
    } else {
        return None;
    };
    let settings = Settings {
        regions: regions(),
        bucket: given("CURFEW_AWS_BUCKET"),
        role: given("CURFEW_AWS_ROLE"),
        ..Settings::default()
    };
    Some((settings, source))
}

/// The regions that the environment limits us to; empty: all that are enabled.
pub(super) fn regions() -> Vec<RegionName> {
    let list = std::env::var("CURFEW_AWS_REGIONS").unwrap_or_default();
    list.split(',').filter_map(|r| RegionName::new(r.trim()).ok()).collect()
}

/// What the answer to "whose keys are these" depends on: the keys, the profile, its files, and where AWS is.
pub(super) fn environment_mark() -> u64 {
    let env = |name: &str| std::env::var(name).unwrap_or_default();
    mark((env("AWS_ACCESS_KEY_ID"), profile_mark(&profile_of_environment())))
}

/// What a profile's account depends on.
pub(super) fn profile_mark(profile: &str) -> u64 {
    let written: Vec<_> =
        files::paths().iter().flatten().map(|p| p.metadata().and_then(|m| m.modified()).ok()).collect();
    mark((profile, std::env::var("AWS_ENDPOINT_URL").ok(), written))
}
