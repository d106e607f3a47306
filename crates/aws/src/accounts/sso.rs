//! Signing in to IAM Identity Center by the device flow: a code to compare, a page to confirm it on, a token afterwards.
//!
//! The token goes where the AWS CLI puts it and every SDK looks for it (~/.aws/sso/cache): the one secret that is kept
//! outside the keychain, since others read it there.

use super::files::{SsoAt, Token, token_path};
use super::loader;
use crate::error::from_sdk;
use aws_config::Region;
use aws_sdk_ssooidc::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use curfew_core::connect::{Secret, SignIn};
use curfew_core::{Cx, Error, ErrorKind, Result, Timestamp};
use jiff::SignedDuration;
use std::path::Path;
use std::time::Duration;

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const BEGIN: &str = "begin to sign in";
const END: &str = "sign in";

/// A role that a session opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    pub session: String,
    /// Twelve digits.
    pub account: String,
    /// As the organisation calls the account; empty where it has no name.
    pub named: String,
    /// The role's name.
    pub name: String,
}

impl Role {
    /// `sso corp/123456789012/Researcher`.
    pub(super) fn id(&self) -> String {
        format!("sso {}/{}/{}", self.session, self.account, self.name)
    }
    /// Out of an id; the account's name is not in it.
    pub(super) fn of(id: &str) -> Option<Self> {
        let mut parts = id.strip_prefix("sso ")?.rsplitn(3, '/');
        let (role, account, session) = (parts.next()?, parts.next()?, parts.next()?);
        let part = |text: &str| text.to_owned();
        Some(Self { session: part(session), account: part(account), named: String::new(), name: part(role) })
    }
}

/// All roles that a session opens, by account.
pub(super) async fn roles(session: &str, at: &SsoAt, token: &Secret) -> Result<Vec<Role>> {
    const WHAT: &str = "list the accounts of the sign-in";
    let config = loader().no_credentials().region(Region::new(at.region.clone())).load().await;
    let client = aws_sdk_sso::Client::new(&config);
    let (mut accounts, mut page) = (Vec::new(), None::<String>);
    loop {
        let asked = client.list_accounts().access_token(token.expose()).max_results(100).set_next_token(page);
        let found = asked.send().await.map_err(|e| from_sdk(WHAT, &e))?;
        let named = |a: &aws_sdk_sso::types::AccountInfo| {
            Some((a.account_id()?.to_owned(), a.account_name().unwrap_or_default().to_owned()))
        };
        accounts.extend(found.account_list().iter().filter_map(named));
        page = found.next_token;
        if page.is_none() {
            break;
        }
    }
    let mut roles = Vec::new();
    for (account, named) in accounts {
        let mut page = None::<String>;
        loop {
            let asked = client.list_account_roles().access_token(token.expose()).account_id(&account);
            let found = asked.max_results(100).set_next_token(page).send().await.map_err(|e| from_sdk(WHAT, &e))?;
            roles.extend(found.role_list().iter().filter_map(|r| r.role_name()).map(|role| Role {
                session: session.to_owned(),
                account: account.clone(),
                named: named.clone(),
                name: role.to_owned(),
            }));
            page = found.next_token;
            if page.is_none() {
                break;
            }
        }
    }
    roles.sort_by(|a, b| (&a.named, &a.account, &a.name).cmp(&(&b.named, &b.account, &b.name)));
    Ok(roles)
}

/// Begins a sign-in. Nothing is kept before the user has confirmed it.
pub(super) async fn begin(cx: &Cx, at: SsoAt) -> Result<SignIn> {
    let config = loader().no_credentials().region(Region::new(at.region.clone())).load().await;
    let client = Client::new(&config);
    let registered = client
        .register_client()
        .client_name("curfew")
        .client_type("public")
        .set_scopes((!at.scopes.is_empty()).then(|| at.scopes.clone()))
        .send()
        .await
        .map_err(|e| from_sdk(BEGIN, &e))?;
    let missing = || Error::new(ErrorKind::Unknown, BEGIN, "AWS's sign-in service gave no code");
    let id = registered.client_id().ok_or_else(missing)?.to_owned();
    let secret = registered.client_secret().ok_or_else(missing)?.to_owned();
    let registered_until = Timestamp::from_second(registered.client_secret_expires_at()).ok();
    let begun = client
        .start_device_authorization()
        .client_id(&id)
        .client_secret(&secret)
        .start_url(&at.start_url)
        .send()
        .await
        .map_err(|e| from_sdk(BEGIN, &e))?;
    let code = begun.user_code().ok_or_else(missing)?.to_owned();
    let url = begun.verification_uri_complete().or(begun.verification_uri()).ok_or_else(missing)?.to_owned();
    let device = begun.device_code().ok_or_else(missing)?.to_owned();
    let until = cx.now() + SignedDuration::from_secs(i64::from(begun.expires_in().max(1)));
    let wait = Wait { client, at, id, secret, registered_until, device, until, cx: cx.clone() };
    let every = Duration::from_secs(u64::try_from(begun.interval()).unwrap_or(0).clamp(1, 60));
    Ok(SignIn { code, url, until, done: Box::pin(wait.done(every)) })
}

struct Wait {
    client: Client,
    at: SsoAt,
    id: String,
    secret: String,
    registered_until: Option<Timestamp>,
    device: String,
    until: Timestamp,
    cx: Cx,
}

impl Wait {
    async fn done(self, mut every: Duration) -> Result<()> {
        let over =
            || Error::new(ErrorKind::Timeout, END, "the sign-in was not confirmed in time").next("Sign in again");
        loop {
            tokio::time::sleep(every).await;
            self.cx.check(END)?;
            let asked = self.client.create_token().grant_type(DEVICE);
            let asked = asked.device_code(&self.device).client_id(&self.id).client_secret(&self.secret);
            let error = match asked.send().await {
                Ok(answer) => {
                    let token = answer
                        .access_token()
                        .ok_or_else(|| Error::new(ErrorKind::Unknown, END, "AWS's sign-in service gave no token"))?;
                    let until = self.cx.now() + SignedDuration::from_secs(i64::from(answer.expires_in()));
                    return self.keep(token, answer.refresh_token(), until);
                }
                Err(error) => error,
            };
            match error.code() {
                Some("AuthorizationPendingException") => {}
                Some("SlowDownException") => every += Duration::from_secs(5),
                Some("ExpiredTokenException") => return Err(over()),
                Some("AccessDeniedException") => {
                    return Err(Error::new(ErrorKind::PermissionDenied, END, "the sign-in was refused in the browser")
                        .next("Sign in again, and allow it there"));
                }
                _ => {
                    let error = from_sdk(END, &error);
                    if !crate::retry::again(&error) {
                        return Err(error);
                    }
                }
            }
            if self.cx.now() > self.until {
                return Err(over());
            }
        }
    }

    fn keep(&self, token: &str, refresh: Option<&str>, until: Timestamp) -> Result<()> {
        let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let token = Token {
            start_url: Some(self.at.start_url.clone()),
            region: Some(self.at.region.clone()),
            access_token: token.to_owned(),
            expires_at: second(until),
            client_id: Some(self.id.clone()),
            client_secret: Some(self.secret.clone()),
            registration_expires_at: self.registered_until.map(second),
            refresh_token: refresh.map(str::to_owned),
        };
        let path = token_path(&self.at.key).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "keep the session", "your home folder is not known").next("Set HOME")
        })?;
        write(&path, &token).map_err(|e| Error::io("keep the session", path.display(), e))
    }
}

/// Whole or not at all, and for nobody else to read.
fn write(path: &Path, token: &Token) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut part = tempfile::Builder::new().prefix("curfew-").tempfile_in(folder)?;
    part.write_all(&serde_json::to_vec(token)?)?;
    part.persist(path).map_err(|e| e.error)?;
    Ok(())
}
