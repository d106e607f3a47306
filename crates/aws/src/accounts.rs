//! Accounts: the environment, and the profiles of ~/.aws.

use crate::Aws;
use crate::error::from_sdk;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::{Builder, tls};
use curfew_core::{Error, ErrorKind, RegionName, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Keys as they were pasted. Never shown, never written: `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// `AKIA…`, or `ASIA…` for temporary ones.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session token of temporary keys.
    pub session: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Which account, and how to reach it.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// "vision-lab"; shown after "AWS · ".
    pub title: Option<String>,
    /// A profile of ~/.aws; the environment and the default profile where `None`.
    pub profile: Option<String>,
    /// Keys instead of a profile.
    pub keys: Option<Keys>,
    /// Its home region, where neither environment nor profile name one.
    pub region: Option<String>,
    /// The only regions to look at, beside the home region; empty: all that are enabled.
    pub regions: Vec<RegionName>,
    /// A stand-in's address; the SDK's own `AWS_ENDPOINT_URL` works too.
    pub endpoint: Option<String>,
    /// The bucket for runs, instead of ours.
    pub bucket: Option<String>,
    /// The execution role's ARN, instead of one that is found.
    pub role: Option<String>,
    /// The folder in which what is chosen is kept; in memory alone where `None`.
    pub kept: Option<PathBuf>,
}

/// Who the keys belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// `arn:aws:iam::123456789012:user/ada`, or an assumed role's.
    pub arn: String,
}

/// The SDK's configuration for these settings. Reads the environment and ~/.aws; calls nobody.
pub(crate) async fn load(settings: &Settings) -> Result<SdkConfig> {
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_mins(1))
        .build();
    // Three attempts of the SDK's, with its own knowledge of what may be tried again; `retry.rs` goes on from there.
    let retries = aws_config::retry::RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(5));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        .app_name(aws_config::AppName::new("curfew").expect("a constant that is a name"));
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(keys) = &settings.keys {
        let keys = aws_sdk_sts::config::Credentials::new(
            keys.id.clone(),
            keys.secret.clone(),
            keys.session.clone(),
            None,
            "pasted into Curfew",
        );
        loader = loader.credentials_provider(keys);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    if config.region().is_some() {
        return Ok(config);
    }
    let region = settings.region.clone().unwrap_or_else(|| "us-east-1".into());
    Ok(config.to_builder().region(Region::new(region)).build())
}

/// Asks AWS whose keys these are; needs no right at all.
pub(crate) async fn identity(config: &SdkConfig) -> Result<Identity> {
    let sts = aws_sdk_sts::Client::new(config);
    let answer = sts.get_caller_identity().send().await.map_err(|e| from_sdk("ask AWS whose keys these are", &e))?;
    let missing = || Error::new(ErrorKind::Unknown, "ask AWS whose keys these are", "AWS named no account");
    Ok(Identity {
        account: answer.account().ok_or_else(missing)?.to_owned(),
        arn: answer.arn().unwrap_or_default().to_owned(),
    })
}

/// Accounts that need no set-up: keys in the environment, or a default profile. Reads files, calls nobody.
pub fn ready_made() -> Option<Settings> {
    let set = |name: &str| std::env::var(name).is_ok_and(|v| !v.is_empty());
    let in_environment = set("AWS_ACCESS_KEY_ID") || set("AWS_PROFILE") || set("AWS_WEB_IDENTITY_TOKEN_FILE");
    if !in_environment && !profiles().contains("default") {
        return None;
    }
    let list = std::env::var("CURFEW_AWS_REGIONS").unwrap_or_default();
    let regions = list.split(',').filter_map(|r| RegionName::new(r.trim()).ok()).collect();
    let given = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    Some(Settings {
        regions,
        bucket: given("CURFEW_AWS_BUCKET"),
        role: given("CURFEW_AWS_ROLE"),
        ..Settings::default()
    })
}

/// What could be connected, and what could not, in a sentence each.
#[derive(Default)]
pub struct Connected {
    /// The accounts.
    pub accounts: Vec<Aws>,
    /// Why others are not there.
    pub problems: Vec<Error>,
}

/// Connects what needs no set-up. Asks AWS whose keys these are the first time, and remembers the answer in `notes` (which
/// holds account numbers, no keys), so that later starts ask nobody.
///
/// Blocks, and may be called within a runtime as well as outside.
pub fn connect_all(notes: &Path) -> Connected {
    let Some(mut settings) = ready_made() else { return Connected::default() };
    settings.kept = notes.parent().map(|home| home.join("accounts"));
    // A thread of its own: whoever calls may be inside a runtime, which cannot be blocked.
    let notes = notes.to_owned();
    let work = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::io("connect AWS", "no thread could be had", e))?;
        runtime.block_on(connect(settings, &notes))
    });
    let result = work.join().unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unknown, "connect AWS", "a part of Curfew broke while connecting AWS"))
    });
    match result {
        Ok(account) => Connected { accounts: vec![account], problems: Vec::new() },
        Err(e) => Connected { accounts: Vec::new(), problems: vec![e] },
    }
}

async fn connect(settings: Settings, notes: &Path) -> Result<Aws> {
    let config = load(&settings).await?;
    let mark = mark(&settings);
    let mut known: BTreeMap<String, String> =
        std::fs::read(notes).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let account = if let Some(account) = known.get(&mark) {
        account.clone()
    } else {
        let account = identity(&config).await?.account;
        known.insert(mark, account.clone());
        // That it is asked again next time is all that follows from a failed write.
        if let Ok(text) = serde_json::to_vec_pretty(&known) {
            let _ = std::fs::create_dir_all(notes.parent().unwrap_or(Path::new(".")));
            let _ = std::fs::write(notes, text);
        }
        account
    };
    // The connections that were made here end with this thread's runtime: the account gets a client of its own.
    let config = load(&settings).await?;
    Aws::new(settings, config, account)
}

/// What the answer to "whose keys are these" depends on: the key's id, the profile, when its files were changed, and where
/// AWS is. No secret is in it.
fn mark(settings: &Settings) -> String {
    let env = |name: &str| std::env::var(name).unwrap_or_default();
    let mut mark = format!(
        "{}|{}|{}|{}",
        env("AWS_ACCESS_KEY_ID"),
        env("AWS_PROFILE"),
        settings.profile.as_deref().unwrap_or_default(),
        env("AWS_ENDPOINT_URL")
    );
    for path in files() {
        let changed = path.metadata().and_then(|m| m.modified()).ok();
        let since = changed.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        mark.push('|');
        mark.push_str(&since.map_or(0, |t| t.as_secs()).to_string());
    }
    mark
}

/// The files of ~/.aws, or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say.
fn files() -> Vec<PathBuf> {
    let file = |variable: &str, name: &str| {
        let path = std::env::var_os(variable).map(PathBuf::from);
        path.or_else(|| Some(std::env::home_dir()?.join(".aws").join(name)))
    };
    let files = [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    files.into_iter().flatten().collect()
}

/// The names of the profiles in ~/.aws (or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say).
pub fn profiles() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files() {
        names.extend(profiles_in(&std::fs::read_to_string(path).unwrap_or_default()));
    }
    names
}

fn profiles_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter_map(|line| {
        let name = line.trim().strip_prefix('[')?.split(']').next()?.trim();
        if name.starts_with("sso-session ") || name.starts_with("services ") {
            return None;
        }
        Some(name.strip_prefix("profile ").unwrap_or(name).trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files() {
        let text =
            "[default]\nregion=eu-west-1\n# x\n[profile vision lab]\n[sso-session s]\n [ada]\n[services local]\n";
        assert_eq!(profiles_in(text).collect::<Vec<_>>(), ["default", "vision lab", "ada"]);
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = Keys { id: "AKIA1".into(), secret: "planted-secret".into(), session: Some("planted-token".into()) };
        let settings = Settings { keys: Some(keys), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("planted"));
    }
}
