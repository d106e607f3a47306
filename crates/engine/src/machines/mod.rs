//! Which machine? The catalogue with this computer in it, what bars a machine, how long the user's jobs take, and the
//! answers to questions put in words or by a form.
//!
//! Invariant: loaded once and kept until the price files or the policy change; a question, with what is left of the
//! budgets that hold for it, then touches memory only.

mod ask;
mod facets;
mod jobs;
mod market;
mod past;
mod prices;
#[cfg(test)]
mod prices_tests;
mod quotas;
#[cfg(test)]
mod tests;
mod told;
mod trial;

pub use ask::{AccountChoice, Asked, MachinesRequest, hourly_value};
pub use facets::{Facet, FacetOption};
pub use jobs::{Job, TrialRecord};
pub use market::Machines;
pub use prices::{PriceSources, RefreshRequest, Refreshed};
pub use quotas::{AskWhere, ask_where, has};
pub use trial::{TrialNow, TrialRequest};

use std::sync::Arc;
use tokio::sync::Mutex;

/// What an engine keeps at hand for the picker.
#[derive(Default)]
pub(crate) struct Shelf {
    market: Mutex<Option<(market::Stamp, Arc<Machines>)>>,
    jobs: Mutex<Option<(i64, Arc<Vec<Job>>)>>,
    told: Mutex<Option<(i64, Arc<told::Told>)>>,
    reading: std::sync::Mutex<Option<String>>,
    trial: std::sync::Mutex<Option<TrialNow>>,
}
