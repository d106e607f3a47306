//! AWS's accounts of one home: what is connected, what could be, and how.

use super::files::{self, Files, profile_of_environment};
use super::keychain::Keychain;
use super::keys;
use super::opening::merge;
use super::records::{From, Record, Records};
use super::{Settings, given, sso};
use crate::Aws;
use async_trait::async_trait;
use curfew_core::connect::{
    AccountFacts, Connection, Connector, Found, FoundState, Kept, Opened, PasteSheet, Problem, Renewal, Secret,
    Secrets, SignIn, Way,
};
use curfew_core::{AccountId, CloudId, Cx, Error, ErrorKind, Home, RegionName, Result, say};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections of one home.
pub struct Connections {
    pub(super) cloud: CloudId,
    pub(super) records: Records,
    secrets: Arc<dyn Secrets>,
    /// Where each account keeps what was chosen for it.
    pub(super) kept: PathBuf,
    /// What was opened, by all that it depends on.
    pub(super) open: Mutex<HashMap<u64, Arc<Aws>>>,
    keychain: Keychain,
}

impl Connections {
    /// The connections of this home, with their keys in `secrets`. Touches nothing yet.
    pub fn of(home: &Home, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            cloud: CloudId::new("aws").expect("a constant that is a name"),
            records: Records::of(home.root()),
            secrets,
            kept: home.root().join("accounts"),
            open: Mutex::default(),
            keychain: Keychain::default(),
        }
    }

    /// Opens everything, from outside or within a runtime; blocks.
    pub fn open_now(self: &Arc<Self>, cx: &Cx) -> Opened {
        // A thread of its own: whoever calls may be inside a runtime, which cannot be blocked.
        let (this, cx) = (self.clone(), cx.clone());
        let work = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .map(|runtime| runtime.block_on(this.open(&cx)))
                .map_err(|e| Error::io("connect AWS", "no thread could be had", e))
        });
        let result = work.join().unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unknown, "connect AWS", "a part of Curfew broke while connecting AWS"))
        });
        result.unwrap_or_else(|e| Opened { accounts: Vec::new(), problems: vec![self.problem(None, e)] })
    }

    fn problem(&self, facts: Option<AccountFacts>, error: Error) -> Problem {
        Problem { cloud: self.cloud.clone(), facts, error: Arc::new(error) }
    }
    fn secret_name(account: &str) -> String {
        format!("AWS {account}")
    }
    pub(super) async fn secret(&self, account: &str) -> Result<Option<Secret>> {
        self.keychain.get(&self.secrets, Self::secret_name(account)).await
    }

    pub(super) fn facts(&self, record: &Record, cx: &Cx) -> AccountFacts {
        let (source, only, renewal) = match &record.from {
            From::Profile { profile, .. } => {
                let shown = say::clean(profile, 60);
                let elsewhere = Renewal::Elsewhere { says: format!("Renew the keys of the profile {shown} in ~/.aws") };
                let files = Files::read().unwrap_or_default();
                let renewal = match files.sso_of(profile) {
                    Some(_) => Renewal::SignIn { id: format!("profile {profile}") },
                    None => elsewhere,
                };
                (format!("profile {shown} of ~/.aws"), None, renewal)
            }
            From::Sso { session, role } => {
                let source =
                    format!("the role {} of the SSO session {}", say::clean(role, 60), say::clean(session, 60));
                (source, None, Renewal::SignIn { id: format!("sso-session {session}") })
            }
            From::Keys { tail, pasted, this_session_only, coded: Some(profile), .. } => {
                let place =
                    if this_session_only.is_some() { "for this session only" } else { "in the system keychain" };
                let when = say::when(*pasted, &cx.clock().local());
                let shown = say::clean(profile, 60);
                let source = format!("a session of profile {shown} (keys …{tail}), opened {when} with a code, {place}");
                (source, this_session_only.clone(), Renewal::Code { id: format!("profile {profile}") })
            }
            From::Keys { tail, pasted, this_session_only, .. } => {
                let place =
                    if this_session_only.is_some() { "for this session only" } else { "in the system keychain" };
                let when = say::when(*pasted, &cx.clock().local());
                (format!("keys …{tail} pasted {when}, {place}"), this_session_only.clone(), Renewal::Paste)
            }
        };
        let shown = record.name.as_deref().unwrap_or(&record.account);
        AccountFacts {
            cloud: self.cloud.clone(),
            account: AccountId(record.account.clone()),
            title: format!("AWS · {shown}"),
            who: Some(record.arn.clone()).filter(|a| !a.is_empty()),
            home: record.region.as_deref().and_then(|r| RegionName::new(r).ok()),
            source,
            also: Vec::new(),
            this_session_only: only,
            removable: true,
            renewal,
        }
    }

    pub(super) async fn keep(
        &self,
        record: Record,
        secret: Option<Secret>,
        lasting: bool,
        cx: &Cx,
    ) -> Result<AccountFacts> {
        let name = Self::secret_name(&record.account);
        let mut record = record;
        if let Some(secret) = &secret {
            let (secrets, name, secret) = (self.secrets.clone(), name.clone(), secret.clone());
            let kept = blocking("keep the keys", move || secrets.put(&name, &secret)).await?;
            if let (Kept::ThisSession(why), true) = (&kept, lasting) {
                let message = format!("the keys were good, and could not be kept: {why}");
                return Err(Error::new(ErrorKind::Unsupported, "keep the keys", message).next(
                    "Paste them in the panel, which keeps them while it runs; or put them into a profile and use --profile",
                ));
            }
            if let From::Keys { this_session_only, .. } = &mut record.from {
                *this_session_only = match kept {
                    Kept::Keychain => None,
                    Kept::ThisSession(why) => Some(why),
                };
            }
        }
        let (kept, had_keys) = self.records.change(|list| {
            let before = list.iter().position(|r| r.account == record.account);
            let mut had_keys = None;
            if let Some(at) = before {
                let before = list.remove(at);
                had_keys = match &before.from {
                    From::Keys { this_session_only, .. } => Some(this_session_only.is_none()),
                    From::Profile { .. } | From::Sso { .. } => None,
                };
                // New keys keep everything else.
                record.name = record.name.take().or(before.name);
                record.region = record.region.take().or(before.region);
                list.insert(at, record.clone());
            } else {
                list.push(record.clone());
            }
            (record, had_keys)
        })?;
        if let (None, Some(in_keychain)) = (&secret, had_keys) {
            // An account that is reached by a profile now has no keys of its own any more.
            let secrets = self.secrets.clone();
            let removed = blocking("take the older keys out of the keychain", move || secrets.remove(&name)).await?;
            if in_keychain {
                removed?;
            }
        }
        Ok(self.facts(&kept, cx))
    }

    async fn connect_keys(
        &self,
        cx: &Cx,
        fields: &[(String, Secret)],
        name: Option<String>,
        region: Option<String>,
        lasting: bool,
    ) -> Result<AccountFacts> {
        let (pasted, in_block) = keys::together(fields)?;
        let pair = keys::checked(&pasted, in_block, cx.now())?;
        let region = match (region, pasted.region) {
            (None, Some(region)) => Some(keys::a_region(&region, "block")?),
            (region, _) => region,
        };
        let settings = Settings { keys: Some(pair.clone()), region: region.clone(), ..Settings::default() };
        let who = keys::try_keys(&settings, in_block).await?;
        let from = From::Keys {
            tail: pair.tail(),
            temporary: pair.session.is_some(),
            pasted: cx.now(),
            until: pasted.until,
            coded: None,
            this_session_only: None,
        };
        let record = Record { account: who.account, arn: who.arn, name, region, from };
        self.keep(record, Some(pair.to_secret()), lasting, cx).await
    }
}

#[async_trait]
impl Connector for Connections {
    fn cloud(&self) -> &CloudId {
        &self.cloud
    }
    fn title(&self) -> &'static str {
        "AWS"
    }
    fn paste(&self) -> PasteSheet {
        PasteSheet {
            title: "Paste keys",
            says: "As a learner lab or the access portal hands them out, or of an IAM user. They go to the keychain of this \
                   computer, and to AWS's own servers to ask whose they are.",
            fields: keys::FIELDS,
        }
    }
    fn found(&self, cx: &Cx) -> Result<Vec<Found>> {
        let mut found = Files::read()?.found(&cx.clock().local());
        let connected: Vec<String> = self
            .records
            .list()?
            .into_iter()
            .filter_map(|r| match r.from {
                From::Profile { profile, .. } => Some(format!("profile {profile}")),
                From::Keys { .. } | From::Sso { .. } => None,
            })
            .collect();
        let by_itself = given("AWS_ACCESS_KEY_ID").is_none().then(|| format!("profile {}", profile_of_environment()));
        for f in &mut found {
            if f.state == FoundState::Ready && (connected.contains(&f.id) || by_itself.as_ref() == Some(&f.id)) {
                f.state = FoundState::Connected;
            }
        }
        Ok(found)
    }
    async fn choices(&self, cx: &Cx, id: &str) -> Result<Vec<Found>> {
        let Some(session) = id.strip_prefix("sso-session ") else {
            let what = format!("{} is no SSO session", say::clean(id, 80));
            return Err(Error::input("profile", what).next("See what there is with curfew accounts"));
        };
        let connected = self.records.list()?;
        let roles = self.roles(cx, session).await?;
        let found = roles.into_iter().map(|role| {
            let here = From::Sso { session: role.session.clone(), role: role.name.clone() };
            let is_connected = connected.iter().any(|r| r.account == role.account && r.from == here);
            let named =
                if role.named.is_empty() { String::new() } else { format!("{}, ", say::clean(&role.named, 60)) };
            Found {
                id: role.id(),
                name: role.id().trim_start_matches("sso ").to_owned(),
                title: format!("{named}{} as {}", role.account, say::clean(&role.name, 60)),
                says: format!("by the SSO session {}", say::clean(session, 60)),
                state: if is_connected { FoundState::Connected } else { FoundState::Ready },
                signs_in: false,
                connects: true,
                chooses: false,
            }
        });
        Ok(found.collect())
    }
    fn stamp(&self) -> String {
        format!("{} {} {}", self.records.stamp(), files::stamp(), self.keychain.stamp())
    }
    async fn open(&self, cx: &Cx) -> Opened {
        let mut opened = Opened::default();
        let files = match Files::read() {
            Ok(files) => files,
            Err(e) => {
                opened.problems.push(self.problem(None, e));
                Files::default()
            }
        };
        let records = match self.records.list() {
            Ok(records) => records,
            Err(e) => {
                opened.problems.push(self.problem(None, e));
                Vec::new()
            }
        };
        for record in &records {
            match self.open_record(&files, record, cx).await {
                Ok(account) => opened.accounts.push(account),
                Err((facts, e)) => opened.problems.push(self.problem(Some(facts), e)),
            }
        }
        match self.ready_made(&files, cx).await {
            None => {}
            Some(Err(e)) => opened.problems.push(self.problem(None, e)),
            Some(Ok(account)) => merge(&mut opened, account, cx.now()),
        }
        // Clients of older keys go with their keys.
        let used = |aws: &Arc<Aws>| {
            let at = Arc::as_ptr(aws).cast::<()>();
            opened.accounts.iter().any(|a| std::ptr::eq(Arc::as_ptr(&a.provider).cast::<()>(), at))
        };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, aws| used(aws));
        opened
    }
    async fn connect(&self, cx: &Cx, connection: &Connection) -> Result<AccountFacts> {
        let name = connection.name.as_deref().map(str::trim).filter(|n| !n.is_empty());
        if name.is_some_and(|n| n.chars().count() > 60 || n.chars().any(char::is_control)) {
            return Err(Error::input("name", "a name has at most 60 characters, on one line"));
        }
        let region = connection.region.as_deref().map(str::trim).filter(|r| !r.is_empty());
        let region = region.map(|r| keys::a_region(r, "region")).transpose()?;
        let name = name.map(str::to_owned);
        match &connection.way {
            Way::Found { id } if id.starts_with("sso ") => self.connect_sso(cx, id, name, region).await,
            Way::Found { id } => {
                let code = connection.code.as_ref();
                self.connect_profile(cx, id, name, region, code, connection.lasting).await
            }
            Way::Pasted(fields) => self.connect_keys(cx, fields, name, region, connection.lasting).await,
        }
    }
    async fn sign_in(&self, cx: &Cx, id: &str) -> Result<SignIn> {
        let files = Files::read()?;
        let at = match (id.strip_prefix("profile "), id.strip_prefix("sso-session ")) {
            (Some(profile), _) => files.sso_of(profile),
            (_, Some(session)) => Some(files.session(session)),
            _ => None,
        };
        match at {
            Some(Ok(at)) => sso::begin(cx, at).await,
            Some(Err(why)) => {
                Err(Error::input("profile", format!("one cannot sign in there: {why}")).next("Complete it in ~/.aws"))
            }
            None => {
                Err(Error::input("profile", format!("{} is nothing that one signs in to by SSO", say::clean(id, 80)))
                    .next("See what there is with curfew accounts"))
            }
        }
    }
    async fn forget(&self, account: &AccountId) -> Result<()> {
        let (secrets, name) = (self.secrets.clone(), Self::secret_name(&account.0));
        // The keys first: a list that still names the account shows that something is left to do.
        let removed = blocking("take the keys out of the keychain", move || secrets.remove(&name)).await?;
        let of_account = |r: &Record| r.account == account.0;
        let in_keychain = |r: &Record| matches!(r.from, From::Keys { this_session_only: None, .. });
        if self.records.list()?.iter().any(|r| of_account(r) && in_keychain(r)) {
            removed?;
        }
        self.records.change(|list| list.retain(|r| r.account != account.0))
    }
}

async fn blocking<T: Send + 'static>(operation: &'static str, f: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f)
        .await
        .map_err(|e| Error::new(ErrorKind::Unknown, operation, "its thread ended early").caused_by(e))
}
