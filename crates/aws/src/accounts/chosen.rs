//! Connecting what was found: a profile as it is, one that asks for a code, a role of an SSO session.

use super::connections::Connections;
use super::environment::profile_mark;
use super::files::{self, Files};
use super::opening::sso_role;
use super::records::{From, Record};
use super::{Settings, code, identity, load, sso};
use curfew_core::connect::{AccountFacts, Connector as _, FoundState, Secret};
use curfew_core::{Cx, Error, ErrorKind, Result, say};

impl Connections {
    pub(super) async fn connect_profile(
        &self,
        cx: &Cx,
        id: &str,
        name: Option<String>,
        region: Option<String>,
        code: Option<&Secret>,
        lasting: bool,
    ) -> Result<AccountFacts> {
        let found = self.found(cx)?.into_iter().find(|f| f.id == id && f.connects);
        let Some(found) = found else {
            return Err(Error::input("profile", format!("there is no {} in ~/.aws", say::clean(id, 80)))
                .next("See what there is with curfew accounts"));
        };
        match found.state {
            FoundState::Ready | FoundState::Connected => {}
            FoundState::Code { .. } => return self.connect_code(cx, found.name, code, (name, region), lasting).await,
            FoundState::SignIn { says } => {
                return Err(Error::new(
                    ErrorKind::CredentialsExpired,
                    "connect AWS",
                    format!("{}: {says}", found.title),
                )
                .next(format!("Sign in first: curfew account sign-in {}", found.name))
                .at("profile"));
            }
            FoundState::Incomplete { says } => {
                return Err(Error::input("profile", format!("{} cannot be used: {says}", found.title))
                    .next("Complete it in ~/.aws, or paste keys"));
            }
        }
        let profile = found.name;
        let settings = Settings { profile: Some(profile.clone()), region: region.clone(), ..Settings::default() };
        let who = identity(&load(&settings).await?).await.map_err(|e| e.at("profile"))?;
        // An account that has a name keeps it; the default profile's is not worth showing.
        let known = self.records.list()?.into_iter().any(|r| r.account == who.account && r.name.is_some());
        let name = name.or_else(|| (profile != "default" && !known).then(|| profile.clone()));
        let from = From::Profile { mark: profile_mark(&profile), profile };
        self.keep(Record { account: who.account, arn: who.arn, name, region, from }, None, false, cx).await
    }

    /// A session of a profile that asks for a code. Its keys are temporary ones, and are kept as if they had been pasted.
    async fn connect_code(
        &self,
        cx: &Cx,
        profile: String,
        code: Option<&Secret>,
        (name, region): (Option<String>, Option<String>),
        lasting: bool,
    ) -> Result<AccountFacts> {
        let files = Files::read()?;
        let factor = files.second_factor(&profile);
        let factor =
            factor.ok_or_else(|| Error::input("profile", "it does not say which second factor it asks for"))?;
        let (pair, until) = code::open(&factor, code).await?;
        let region = region.or_else(|| files.region(&profile));
        let settings = Settings { keys: Some(pair.clone()), region: region.clone(), ..Settings::default() };
        let who = identity(&load(&settings).await?).await.map_err(|e| e.at("profile"))?;
        let known = self.records.list()?.into_iter().any(|r| r.account == who.account && r.name.is_some());
        let name = name.or_else(|| (profile != "default" && !known).then(|| profile.clone()));
        let from = From::Keys {
            tail: pair.tail(),
            temporary: true,
            pasted: cx.now(),
            until: Some(until),
            coded: Some(profile),
            this_session_only: None,
        };
        let record = Record { account: who.account, arn: who.arn, name, region, from };
        self.keep(record, Some(pair.to_secret()), lasting, cx).await
    }

    /// A role that was chosen of a session. Nothing is written into ~/.aws.
    pub(super) async fn connect_sso(
        &self,
        cx: &Cx,
        id: &str,
        name: Option<String>,
        region: Option<String>,
    ) -> Result<AccountFacts> {
        let session = sso::Role::of(id).map(|role| role.session);
        let Some(session) = session else { return Err(Error::input("profile", "this names no role of a session")) };
        let roles = self.roles(cx, &session).await?;
        let chosen = roles.into_iter().find(|role| role.id() == id).ok_or_else(|| {
            Error::input("profile", format!("the sign-in does not open {}", say::clean(id, 120)))
                .next(format!("See what it opens with curfew account choose {}", say::clean(&session, 60)))
        })?;
        let at = Files::read()?.session(&session).map_err(|why| Error::input("profile", why))?;
        let region_of_account = region.clone().or_else(|| Some(at.region.clone()));
        let settings = Settings {
            sso: Some(sso_role(&session, &chosen.account, &chosen.name, at)),
            region: region_of_account,
            ..Settings::default()
        };
        let who = identity(&load(&settings).await?).await.map_err(|e| e.at("profile"))?;
        let known = self.records.list()?.into_iter().any(|r| r.account == who.account && r.name.is_some());
        let name = name.or_else(|| (!known && !chosen.named.is_empty()).then_some(chosen.named));
        let from = From::Sso { session, role: chosen.name };
        self.keep(Record { account: who.account, arn: who.arn, name, region, from }, None, false, cx).await
    }

    pub(super) async fn roles(&self, cx: &Cx, session: &str) -> Result<Vec<sso::Role>> {
        let at = Files::read()?.session(session).map_err(|why| {
            Error::input("profile", format!("one cannot sign in there: {why}")).next("Complete it in ~/.aws")
        })?;
        let Some(token) = files::access_token(&at, cx.now()) else {
            let message = format!("nobody is signed in to the SSO session {}", say::clean(session, 60));
            return Err(Error::new(ErrorKind::CredentialsExpired, "list the accounts of the sign-in", message)
                .next(format!("Sign in first: curfew account sign-in {}", say::clean(session, 60)))
                .at("profile"));
        };
        sso::roles(session, &at, &token).await
    }
}
