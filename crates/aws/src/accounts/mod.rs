//! Accounts: the environment, the profiles of ~/.aws, pasted keys. [`Connections`] is the list of them.

mod chosen;
mod code;
mod connections;
mod environment;
mod files;
mod keychain;
mod keys;
mod opening;
mod paste;
mod records;
mod sso;

pub use connections::Connections;

use crate::error::from_sdk;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::{Builder, tls};
use curfew_core::connect::{KeyLife, Secret};
use curfew_core::{Error, ErrorKind, RegionName, Result};
use std::fmt;
use std::path::PathBuf;
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

impl Keys {
    /// As they lie in the keychain.
    fn to_secret(&self) -> Secret {
        Secret::new(serde_json::json!({ "id": self.id, "secret": self.secret, "session": self.session }).to_string())
    }
    fn of_secret(secret: &Secret) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(secret.expose()).ok()?;
        let text = |name: &str| value.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        Some(Self { id: text("id")?, secret: text("secret")?, session: text("session") })
    }
    /// The last four characters of the id, by which people tell keys apart.
    fn tail(&self) -> String {
        let count = self.id.chars().count();
        self.id.chars().skip(count.saturating_sub(4)).collect()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
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
    /// A role of an SSO session instead of a profile; [`Connections`] names it.
    pub sso: Option<SsoRole>,
    /// Its home region; the environment's or the profile's where `None`, else us-east-1.
    pub region: Option<String>,
    /// The only regions to look at, beside the home region; empty: all that are enabled.
    pub regions: Vec<RegionName>,
    /// A stand-in's address; the SDK's own `AWS_ENDPOINT_URL` works too.
    pub endpoint: Option<String>,
    /// The bucket for runs, instead of ours.
    pub bucket: Option<String>,
    /// The execution role's ARN, instead of one that is found.
    pub role: Option<String>,
    /// How long its keys last.
    pub life: KeyLife,
    /// The folder in which what is chosen is kept; in memory alone where `None`.
    pub kept: Option<PathBuf>,
}

/// A role that was chosen of an SSO session, and where this signs in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SsoRole {
    account: String,
    role: String,
    session: String,
    start_url: String,
    region: String,
}

/// Who the keys belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// `arn:aws:iam::123456789012:user/ada`, or an assumed role's.
    pub arn: String,
}

fn http() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
}

/// What all of the SDK's configurations here have: one HTTP stack, its patience, our name.
fn loader() -> aws_config::ConfigLoader {
    let http = http();
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_mins(1))
        .build();
    // Three attempts of the SDK's, with its own knowledge of what may be tried again; `retry.rs` goes on from there.
    let retries = aws_config::retry::RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(5));
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        .app_name(aws_config::AppName::new("curfew").expect("a constant that is a name"))
}

/// The SDK's configuration for these settings. Reads the environment and ~/.aws; calls nobody.
pub(crate) async fn load(settings: &Settings) -> Result<SdkConfig> {
    let mut loader = loader();
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
    if let Some(chosen) = &settings.sso {
        use aws_config::{provider_config::ProviderConfig, sso::SsoCredentialsProvider};
        // The SDK's own: it reads the token where the AWS CLI keeps it, and renews it there.
        let region = Region::new(chosen.region.clone());
        let how = ProviderConfig::without_region().with_http_client(http()).with_region(Some(region.clone()));
        let sso = SsoCredentialsProvider::builder().configure(&how).region(region).start_url(&chosen.start_url);
        let sso = sso.account_id(&chosen.account).role_name(&chosen.role).session_name(&chosen.session);
        loader = loader.credentials_provider(sso.build());
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_some() {
        return Ok(config);
    }
    Ok(config.to_builder().region(Region::new("us-east-1")).build())
}

/// How often AWS is asked whose keys these are, each time with the SDK's own three attempts; and for how long.
const ROUNDS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks AWS whose keys these are; needs no right at all.
pub(crate) async fn identity(config: &SdkConfig) -> Result<Identity> {
    let sts = aws_sdk_sts::Client::new(config);
    let begun = std::time::Instant::now();
    let mut round = 0;
    let answer = loop {
        let error = match sts.get_caller_identity().send().await {
            Ok(answer) => break answer,
            Err(e) => from_sdk("ask AWS whose keys these are", &e),
        };
        round += 1;
        // A hiccup is worth another try; that there is no network shall not hold up the start.
        if round >= ROUNDS || begun.elapsed() > PATIENCE || !crate::retry::again(&error) {
            return Err(error);
        }
        crate::retry::pause(round).await;
    };
    let missing = || Error::new(ErrorKind::Unknown, "ask AWS whose keys these are", "AWS named no account");
    Ok(Identity {
        account: answer.account().ok_or_else(missing)?.to_owned(),
        arn: answer.arn().unwrap_or_default().to_owned(),
    })
}

/// A variable of the environment, if it says anything.
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        let keys =
            Keys { id: "AKIAplanted".into(), secret: "planted-secret".into(), session: Some("planted-token".into()) };
        assert_eq!(Keys::of_secret(&keys.to_secret()), Some(keys.clone()));
        let settings = Settings { keys: Some(keys), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("planted"));
    }
}
