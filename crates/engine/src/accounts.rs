//! Accounts that come and go while the engine runs: connected, signed in to, given new keys, forgotten.
//!
//! What is connected is the connectors' truth (their lists, the keychain, the files of the clouds' own tools); here is only
//! the list of providers made of it, which is made anew when a connector says that something has changed.

use crate::Engine;
use crate::keys::Refused;
use curfew_core::connect::{AccountFacts, Connection, Connector, Found, FoundState, KeyLife, Opened, Problem, Way};
use curfew_core::provider::{Kind, Provider, Serving, Training};
use curfew_core::{AccountId, CloudId, Cx, Error, ErrorKind, MachineRef, Result, Timestamp, say};
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub(crate) type Key = (CloudId, AccountId);

/// Every provider there is just now.
pub type Providers = Arc<[Arc<dyn Provider>]>;

/// What an engine is opened with.
#[derive(Default)]
pub struct Opening {
    /// Providers that stay: this computer.
    pub providers: Vec<Arc<dyn Provider>>,
    /// How accounts of clouds come and go.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// What they have opened already.
    pub opened: Opened,
    /// The folder that holds the guided labs, one folder each.
    pub labs: Option<PathBuf>,
}

/// An account as pages and commands show it.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// What is known of it.
    #[serde(flatten)]
    pub facts: AccountFacts,
    /// How long its keys last.
    pub keys: KeyLife,
    /// Since when the cloud refuses its keys.
    pub refused_since: Option<Timestamp>,
    /// Why it is not connected, although it should be.
    pub problem: Option<String>,
}

/// A sign-in that goes on, or how it went wrong.
#[derive(Debug, Clone)]
pub struct SigningIn {
    /// The cloud.
    pub cloud: CloudId,
    /// What is signed in to.
    pub id: String,
    /// What to compare with what the browser shows.
    pub code: String,
    /// The page to open.
    pub url: String,
    /// Until then it can be done.
    pub until: Timestamp,
    /// Why it failed, once it has.
    pub failed: Option<Arc<Error>>,
}

/// What is connected now, and what is known of its keys.
pub(crate) struct Accounts {
    fixed: Vec<Arc<dyn Provider>>,
    connectors: Vec<Arc<dyn Connector>>,
    now: RwLock<(Providers, Arc<Opened>)>,
    /// What the connectors said when the list was made; held while it is made, so that it is made once.
    stamp: tokio::sync::Mutex<Vec<String>>,
    /// How often the list was made anew.
    generation: AtomicU64,
    refused: Mutex<HashMap<Key, Refused>>,
    signing: Mutex<Vec<SigningIn>>,
}

impl Accounts {
    pub(crate) fn new(providers: Vec<Arc<dyn Provider>>, connectors: Vec<Arc<dyn Connector>>, opened: Opened) -> Self {
        let now = RwLock::new((list(&providers, &opened), Arc::new(opened)));
        let stamp = connectors.iter().map(|c| c.stamp()).collect();
        Self {
            fixed: providers,
            connectors,
            now,
            stamp: tokio::sync::Mutex::new(stamp),
            generation: AtomicU64::new(0),
            refused: Mutex::default(),
            signing: Mutex::default(),
        }
    }
    pub(crate) fn now(&self) -> (Providers, Arc<Opened>) {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(crate) fn refused(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn signing(&self) -> std::sync::MutexGuard<'_, Vec<SigningIn>> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(fixed: &[Arc<dyn Provider>], opened: &Opened) -> Providers {
    fixed.iter().chain(opened.accounts.iter().map(|a| &a.provider)).cloned().collect()
}

fn key(provider: &dyn Provider) -> Key {
    (provider.cloud().clone(), provider.account().clone())
}

/// A provider that trains, held while it is used.
pub(crate) struct TrainingAt(Arc<dyn Provider>);

impl TrainingAt {
    pub(crate) fn part(&self) -> &dyn Training {
        self.0.training().expect("looked at when this was made, and a provider's parts stay")
    }
    pub(crate) fn provider(&self) -> &dyn Provider {
        &*self.0
    }
}

/// A provider that serves, held while it is used.
pub(crate) struct ServingAt(Arc<dyn Provider>);

impl ServingAt {
    pub(crate) fn part(&self) -> &dyn Serving {
        self.0.serving().expect("looked at when this was made, and a provider's parts stay")
    }
    pub(crate) fn provider(&self) -> &dyn Provider {
        &*self.0
    }
}

/// A kind of a provider's, held while it is used.
pub(crate) struct KindAt(Arc<dyn Provider>, usize);

impl KindAt {
    pub(crate) fn part(&self) -> &dyn Kind {
        &*self.0.kinds()[self.1]
    }
}

impl Engine {
    /// Every provider there is just now.
    pub fn providers(&self) -> Providers {
        self.accounts.now().0
    }
    /// How accounts of clouds come and go here; none in a panel that is built without a cloud.
    pub fn connectors(&self) -> &[Arc<dyn Connector>] {
        &self.accounts.connectors
    }
    fn connector(&self, cloud: &str) -> Result<&Arc<dyn Connector>> {
        self.accounts.connectors.iter().find(|c| c.cloud().as_str() == cloud).ok_or_else(|| {
            let shown = say::clean(cloud, 40);
            Error::input("cloud", format!("accounts of “{shown}” cannot be connected here"))
        })
    }

    /// The provider of an account.
    pub(crate) fn provider(&self, cloud: &CloudId, account: &AccountId) -> Result<Arc<dyn Provider>> {
        let found = self.providers().iter().find(|p| p.cloud() == cloud && p.account() == account).cloned();
        found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find the account", format!("no account {account} at {cloud} is connected"))
                .next("Connect it under Settings, Accounts; what runs there goes on meanwhile, and is billed")
        })
    }
    /// The provider that a machine belongs to: its account's, or the first one of its cloud.
    pub(crate) fn provider_for(&self, machine: &MachineRef) -> Result<Arc<dyn Provider>> {
        let fits = |p: &&Arc<dyn Provider>| {
            *p.cloud() == machine.cloud && machine.account.as_ref().is_none_or(|a| a == p.account())
        };
        self.providers().iter().find(fits).cloned().ok_or_else(|| {
            let which = machine.account.as_ref().map_or_else(String::new, |a| format!(" {a}"));
            Error::input("machine", format!("no account{which} at “{}” is connected", machine.cloud))
                .next("Choose this computer (local), or connect an account under Settings, Accounts")
        })
    }
    pub(crate) fn training_for(&self, machine: &MachineRef) -> Result<TrainingAt> {
        trains(self.provider_for(machine)?)
    }
    pub(crate) fn training_of(&self, cloud: &CloudId, account: &AccountId) -> Result<TrainingAt> {
        trains(self.provider(cloud, account)?)
    }
    pub(crate) fn serving_for(&self, machine: &MachineRef) -> Result<ServingAt> {
        serves(self.provider_for(machine)?)
    }
    pub(crate) fn serving_of(&self, cloud: &CloudId, account: &AccountId) -> Result<ServingAt> {
        serves(self.provider(cloud, account)?)
    }
    pub(crate) fn kind_of(&self, key: &curfew_core::resource::ResourceKey) -> Result<KindAt> {
        let provider = self.provider(&key.cloud, &key.account)?;
        let kind = provider.kinds().iter().position(|k| k.sheet().id == key.kind);
        let title = provider.title();
        kind.map(|kind| KindAt(provider, kind)).ok_or_else(|| {
            let message = format!("{title} knows no “{}”", say::clean(&key.kind, 60));
            Error::new(ErrorKind::Unsupported, "find the kind", message)
        })
    }
    /// What to call the place of an account, connected or not.
    pub(crate) fn place(&self, cloud: &CloudId, account: &AccountId) -> String {
        if let Ok(provider) = self.provider(cloud, account) {
            return provider.title();
        }
        let (_, opened) = self.accounts.now();
        let known = opened.problems.iter().filter_map(|p| p.facts.as_ref());
        let title = known.filter(|f| f.cloud == *cloud && f.account == *account).map(|f| f.title.clone()).next();
        format!("{} (not connected)", title.unwrap_or_else(|| format!("{cloud} {account}")))
    }

    /// Every account of a cloud: connected ones first, then those that should be and are not.
    pub fn account_views(&self) -> Vec<AccountView> {
        let (_, opened) = self.accounts.now();
        let refused = self.accounts.refused().clone();
        let connected = opened.accounts.iter().map(|a| AccountView {
            facts: a.facts.clone(),
            keys: a.provider.key_life(),
            refused_since: refused.get(&key(&*a.provider)).map(|r| r.since),
            problem: None,
        });
        let problems = opened.problems.iter().filter_map(|p| {
            Some(AccountView {
                facts: p.facts.clone()?,
                keys: KeyLife::NoEnd,
                refused_since: None,
                problem: Some(p.error.message().to_owned()),
            })
        });
        connected.chain(problems).collect()
    }
    /// What should be connected and is not.
    pub fn account_problems(&self) -> Vec<Problem> {
        self.accounts.now().1.problems.clone()
    }
    /// What a connector finds on this computer.
    pub async fn found_accounts(&self, cx: &Cx, connector: &Arc<dyn Connector>) -> Result<Vec<Found>> {
        let (connector, cx) = (connector.clone(), cx.clone());
        let found = tokio::task::spawn_blocking(move || connector.found(&cx)).await;
        found.map_err(|e| {
            Error::new(ErrorKind::Unknown, "look for accounts", "a part of Curfew broke while looking").caused_by(e)
        })?
    }

    /// Makes the list of providers anew, if a connector says that something has changed.
    pub async fn follow_accounts(&self, cx: &Cx) -> Result<()> {
        self.reload(cx, false).await
    }
    /// Makes the list anew, whether or not something has changed.
    pub(crate) async fn open_again(&self, cx: &Cx) -> Result<()> {
        self.reload(cx, true).await
    }
    async fn reload(&self, cx: &Cx, anyway: bool) -> Result<()> {
        let mut stamp = self.accounts.stamp.lock().await;
        let stamps = || self.accounts.connectors.iter().map(|c| c.stamp()).collect::<Vec<_>>();
        let fresh = stamps();
        if !anyway && *stamp == fresh {
            return Ok(());
        }
        let mut opened = Opened::default();
        for connector in &self.accounts.connectors {
            let Opened { accounts, problems } = connector.open(cx).await;
            opened.accounts.extend(accounts);
            opened.problems.extend(problems);
        }
        // What has been given new keys is another provider, and worth a try at once.
        let (before, _) = self.accounts.now();
        let same = |p: &Arc<dyn Provider>| before.iter().any(|b| Arc::ptr_eq(b, p));
        {
            let mut refused = self.accounts.refused();
            let stays: Vec<Key> =
                opened.accounts.iter().filter(|a| same(&a.provider)).map(|a| key(&*a.provider)).collect();
            refused.retain(|k, _| stays.contains(k));
        }
        let now = (list(&self.accounts.fixed, &opened), Arc::new(opened));
        if now.0.len() != before.len() || !now.0.iter().all(same) {
            self.accounts.generation.fetch_add(1, Ordering::Relaxed);
        }
        *self.accounts.now.write().unwrap_or_else(PoisonError::into_inner) = now;
        // Opening writes notes of its own; what was read is what is there now.
        *stamp = stamps();
        drop(stamp);
        self.accounts_changed(cx).await
    }
    /// Another number each time that accounts have come, gone or been given other keys.
    pub(crate) fn accounts_generation(&self) -> u64 {
        self.accounts.generation.load(Ordering::Relaxed)
    }
    /// Pages wait for a change in the store.
    pub(crate) async fn accounts_changed(&self, cx: &Cx) -> Result<()> {
        self.store.put_fact("accounts changed", &cx.now()).await
    }

    /// Tries a connection and keeps it. Its account is there at once, for pages, commands and the loop.
    pub async fn connect(&self, cx: &Cx, cloud: &str, connection: &Connection) -> Result<AccountFacts> {
        let facts = self.connector(cloud)?.connect(cx, connection).await?;
        self.reload(cx, true).await?;
        // Keys that replace others may be the same ones: the note that they are over has no ground any more.
        self.accounts.refused().remove(&(facts.cloud.clone(), facts.account.clone()));
        let (_, opened) = self.accounts.now();
        let now =
            opened.accounts.iter().map(|a| &a.facts).find(|f| f.cloud == facts.cloud && f.account == facts.account);
        Ok(now.cloned().unwrap_or(facts))
    }
    /// The accounts that something found opens.
    pub async fn choices_of(&self, cx: &Cx, cloud: &str, id: &str) -> Result<Vec<Found>> {
        self.connector(cloud)?.choices(cx, id).await
    }
    /// Forgets a connection. What runs in the account goes on.
    pub async fn forget_account(&self, cx: &Cx, cloud: &str, account: &AccountId) -> Result<()> {
        let known =
            self.account_views().into_iter().find(|v| v.facts.cloud.as_str() == cloud && v.facts.account == *account);
        match known {
            Some(view) if !view.facts.removable => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "remove the account",
                    format!("{} comes from {}, and comes back from there", view.facts.title, view.facts.source),
                )
                .next("Take it away there"));
            }
            Some(_) => {}
            None => {
                let message =
                    format!("no account {} at {} is connected", say::clean(&account.0, 40), say::clean(cloud, 20));
                return Err(Error::new(ErrorKind::NotFound, "remove the account", message).next("See curfew accounts"));
            }
        }
        self.connector(cloud)?.forget(account).await?;
        self.reload(cx, true).await
    }

    /// Begins a sign-in, which goes on by itself; how it stands is in [`Engine::signing_in`]. What was found is connected
    /// when it is done, if it can be.
    pub async fn start_sign_in(self: &Arc<Self>, cx: &Cx, cloud: &str, id: &str) -> Result<SigningIn> {
        let connector = self.connector(cloud)?.clone();
        let begun = connector.sign_in(cx, id).await?;
        let now = SigningIn {
            cloud: connector.cloud().clone(),
            id: id.to_owned(),
            code: begun.code,
            url: begun.url,
            until: begun.until,
            failed: None,
        };
        {
            let mut all = self.accounts.signing();
            all.retain(|s| s.id != id);
            all.push(now.clone());
        }
        self.accounts_changed(cx).await?;
        let (engine, cx, code, id) = (self.clone(), cx.clone(), now.code.clone(), id.to_owned());
        let done = begun.done;
        tokio::spawn(async move {
            let result = match done.await {
                Ok(()) => engine.after_sign_in(&cx, &connector, &id).await,
                Err(e) => Err(e),
            };
            {
                let mut all = engine.accounts.signing();
                match result {
                    Ok(()) => all.retain(|s| s.code != code),
                    Err(e) => {
                        let failed = Arc::new(e);
                        for signing in all.iter_mut().filter(|s| s.code == code) {
                            signing.failed = Some(failed.clone());
                        }
                    }
                }
            }
            if let Err(e) = engine.accounts_changed(&cx).await {
                tracing::warn!(error = ?e, "the end of a sign-in could not be told to the pages");
            }
        });
        Ok(now)
    }
    /// Connects what was signed in to, and looks at everything that hangs on it.
    pub async fn after_sign_in(&self, cx: &Cx, connector: &Arc<dyn Connector>, id: &str) -> Result<()> {
        let found = self.found_accounts(cx, connector).await?;
        if found.iter().any(|f| f.id == id && f.connects && f.state == FoundState::Ready) {
            let way = Way::Found { id: id.to_owned() };
            self.connect(
                cx,
                connector.cloud().as_str(),
                &Connection { way, name: None, region: None, code: None, lasting: false },
            )
            .await?;
        }
        self.accounts.refused().clear();
        self.reload(cx, true).await
    }
    /// Sign-ins that go on, and those that failed.
    pub fn signing_in(&self) -> Vec<SigningIn> {
        self.accounts.signing().clone()
    }
}

fn trains(provider: Arc<dyn Provider>) -> Result<TrainingAt> {
    if provider.training().is_some() {
        return Ok(TrainingAt(provider));
    }
    let message = format!("{} cannot train", provider.title());
    Err(Error::new(ErrorKind::Unsupported, "start a run", message).at("machine"))
}

fn serves(provider: Arc<dyn Provider>) -> Result<ServingAt> {
    if provider.serving().is_some() {
        return Ok(ServingAt(provider));
    }
    let message = format!("{} cannot serve models", provider.title());
    Err(Error::new(ErrorKind::Unsupported, "deploy", message).at("machine"))
}
