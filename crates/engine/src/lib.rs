//! Verbs over the nouns of `curfew-core`: launch, watch, deploy, invoke, extend, stop, sweep, plan, remove, lab sessions;
//! the store, the journal and the one background loop of a home.
//!
//! Invariant: no verb changes a provider before its intent is in the journal.
//! Invariant: nothing here knows which clouds exist; providers come as a list.

mod access;
mod accounts;
mod budget;
#[cfg(test)]
mod budget_tests;
mod changes;
mod clock;
mod endpoints;
mod finish;
mod following;
mod input;
mod journal;
mod keys;
mod labs;
mod launching;
mod looping;
pub mod machines;
mod metrics;
mod owner;
mod pace;
mod place;
mod removal;
mod runs;
mod series_now;
mod settings;
mod store;
mod sweeping;
mod today;

#[cfg(test)]
mod accounts_tests;
#[cfg(test)]
mod tests;

pub use accounts::{AccountView, Opening, Providers, SigningIn};
pub use budget::{Budget, Whose};
pub use changes::Cursor;
pub use clock::SystemClock;
pub use endpoints::{DeployRequest, EndpointView};
pub use finish::{CostToFinish, Finish};
pub use input::FieldErrors;
pub use journal::JournalEntry;
pub use labs::StartedThing;
pub use looping::{Event, LoopHandle};
pub use metrics::Defined;
pub use place::default_home;
pub use runs::{LaunchRequest, MetricNow, RunView};
pub use settings::{Power, Settings};
pub use store::JournalMode;
pub use sweeping::{SweepReport, SweepRow};
pub use today::{NightRow, Today};

use curfew_core::provider::Provider;
use curfew_core::{Clock, Cx, Error, Home, IntentId, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// The engine of one CURFEW_HOME. Cheap to share behind an `Arc`; many processes may have one on the same home.
pub struct Engine {
    home: Home,
    store: store::Store,
    accounts: accounts::Accounts,
    clock: Arc<dyn Clock>,
    owner: owner::Owner,
    labs: Option<PathBuf>,
    readers: curfew_series::store::Readers,
    seen: series_now::Seen,
    shelf: machines::Shelf,
    pace: pace::Pace,
    following: following::Following,
}

impl Engine {
    /// Opens (or makes) the home's store. Fails with `Locked`, `PermissionDenied`, `Corrupt` or `DiskFull` where the
    /// store cannot be used; nothing is lost by that.
    pub fn open(home: Home, providers: Vec<Arc<dyn Provider>>, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        Self::open_with_labs(home, providers, clock, None)
    }
    /// The same, with the folder that holds the guided labs, one folder each.
    pub fn open_with_labs(
        home: Home,
        providers: Vec<Arc<dyn Provider>>,
        clock: Arc<dyn Clock>,
        labs: Option<PathBuf>,
    ) -> Result<Arc<Self>> {
        Self::open_with(home, Opening { providers, labs, ..Opening::default() }, clock)
    }
    /// The same, with accounts that come and go.
    pub fn open_with(home: Home, opening: Opening, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        std::fs::create_dir_all(home.root()).map_err(|e| {
            Error::io("open Curfew's folder", home.root().display(), e)
                .next("Set CURFEW_HOME to a folder that you can write to")
        })?;
        let store = store::Store::open(&home.store())?;
        Ok(Arc::new(Self::over(home, store, opening, clock, owner::Owner::me())))
    }
    fn over(home: Home, store: store::Store, opening: Opening, clock: Arc<dyn Clock>, owner: owner::Owner) -> Self {
        Self {
            home,
            store,
            accounts: accounts::Accounts::new(opening.providers, opening.connectors, opening.opened),
            clock,
            owner,
            labs: opening.labs,
            readers: curfew_series::store::Readers::default(),
            seen: series_now::Seen::default(),
            shelf: machines::Shelf::default(),
            pace: pace::Pace::default(),
            following: following::Following::default(),
        }
    }
    /// Where everything lies.
    pub fn home(&self) -> &Home {
        &self.home
    }
    /// The series of runs, those that were looked at of late at hand.
    pub fn readers(&self) -> &curfew_series::store::Readers {
        &self.readers
    }
    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
    /// A fresh context.
    pub fn cx(&self) -> Cx {
        Cx::new(self.clock.clone())
    }
    /// How the store keeps its journal: WAL, or DELETE where WAL does not work (network file systems).
    pub fn journal_mode(&self) -> JournalMode {
        self.store.mode()
    }
    /// How long to wait between two looks at a run or endpoint on this machine.
    pub fn look_every(&self, machine: &curfew_core::MachineRef) -> jiff::SignedDuration {
        self.provider_for(machine).map_or(jiff::SignedDuration::from_secs(1), |p| p.look_every())
    }
}

pub(crate) fn new_intent() -> IntentId {
    IntentId::new(format!("i-{}", random_word(12))).expect("letters and digits are a valid id")
}

/// `length` random letters and digits without the ones that look alike: 5 bits each.
pub(crate) fn random_word(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
    (0..length).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])).collect()
}

/// `user@host`, for "who started it".
pub(crate) fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "someone".into());
    let host = gethostname::gethostname();
    format!("{user}@{}", host.to_string_lossy())
}
