//! Anything that can be left behind: what it is, what shows that it is idle, what it costs, how it is removed.

use crate::curfew::Curfew;
use crate::ids::{AccountId, CloudId, IntentId, RegionName};
use crate::money::{Cost, HourlyRate, Money};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a kind of resource is, read like a data sheet. One per file in `crates/<cloud>/src/kinds/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindSheet {
    /// Stable id within its cloud: `run`, `endpoint`, `venv`, `sagemaker-endpoint`.
    pub id: &'static str,
    /// One of them: "SageMaker endpoint".
    pub one: &'static str,
    /// Many: "SageMaker endpoints".
    pub many: &'static str,
    /// Does it bill by time while it exists, used or not?
    pub bills_idle: bool,
    /// Deletion order between kinds: lower first (endpoint 10, endpoint config 20, model 30, storage 90).
    pub order: u16,
}

/// Names one resource everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// The cloud.
    pub cloud: CloudId,
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: RegionName,
    /// [`KindSheet::id`].
    pub kind: String,
    /// The provider's id, verbatim. Data: may hold anything.
    pub id: String,
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}:{}", self.cloud, self.account, self.region, self.kind, self.id)
    }
}

/// One observed fact that speaks for or against "forgotten". Facts are the provider's; the verdict is `verdict.rs`'s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Evidence {
    /// It works now ("a script runs", "serves requests").
    Active {
        /// What it does.
        what: String,
    },
    /// It was last used then.
    LastUsed {
        /// When.
        at: Timestamp,
        /// How that is known ("CloudWatch Invocations", "its request count").
        how: String,
    },
    /// It has never been used since it was made.
    NeverUsed {
        /// How that is known.
        how: String,
    },
    /// What it served is gone ("its machine was deleted", "its supervisor died").
    Orphan {
        /// What is gone.
        of: String,
    },
    /// Something else that exists needs it ("the run iris-7f3a uses it").
    NeededBy {
        /// By what.
        what: String,
    },
    /// It can be made again at no loss ("requirements are installed again when needed").
    Rebuildable {
        /// How.
        how: String,
    },
    /// It holds results that exist nowhere else.
    HoldsResults {
        /// Which ("the model and log of iris-7f3a").
        what: String,
    },
    /// Usage could not be read.
    UsageUnknown {
        /// Why.
        why: String,
    },
}

/// One step of a removal, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalStep {
    /// What the kind's `remove` understands: "stop", "delete", "snapshot".
    pub verb: String,
    /// What it does, for the reviewer: "End the server", "Delete 1.2 GiB of files".
    pub says: String,
    /// Can it be undone?
    pub reversible: bool,
    /// It removes what the thing has made or was made from, and not the thing: it can be left out, and this stays then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefacts: Option<Artefacts>,
}

/// Files that belong to a thing and can outlive it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefacts {
    /// "12.0 MiB in s3://bucket/curfew/endpoints/iris/".
    pub says: String,
    /// What keeping them costs.
    pub rate: Cost<HourlyRate>,
}

/// A resource as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its key.
    pub key: ResourceKey,
    /// What people call it. Data: may hold anything.
    pub name: String,
    /// [`KindSheet::one`].
    pub kind_title: String,
    /// The state in the provider's words, lower case.
    pub state: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Who made it, where known.
    pub owner: Option<String>,
    /// The machine or size ("ml.m5.xlarge × 1", "1.2 GiB").
    pub size: Option<String>,
    /// Bytes on disk, where that is what it costs.
    pub bytes: Option<u64>,
    /// What it costs while nobody uses it, by the hour.
    pub rate: Cost<HourlyRate>,
    /// What it has cost.
    pub so_far: Cost<Money>,
    /// What is known of its use.
    pub evidence: Vec<Evidence>,
    /// Its curfew.
    pub curfew: Option<Curfew>,
    /// Our intent that made it, from the tag in the creating call.
    pub intent: Option<IntentId>,
    /// Marked keep until then, at the provider (a tag) or in our store.
    pub keep_until: Option<Timestamp>,
    /// The ordered steps that remove it.
    pub steps: Vec<RemovalStep>,
    /// Changes whenever the thing changes in a way that matters to a deletion (state, size, generation).
    pub fingerprint: String,
}

impl Resource {
    /// Is it at work now, by its own evidence?
    pub fn is_active(&self) -> bool {
        self.evidence.iter().any(|e| matches!(e, Evidence::Active { .. }))
    }

    /// When it was last seen to be used; `None` where it never was, or nobody knows.
    pub fn last_used(&self) -> Option<Timestamp> {
        let times =
            self.evidence.iter().filter_map(|e| if let Evidence::LastUsed { at, .. } = e { Some(*at) } else { None });
        times.max()
    }
}
