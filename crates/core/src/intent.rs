//! What is about to be done to a provider, written down before it is done.

use crate::ids::{AccountId, CloudId, IntentId, LabId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Start a training run.
    Launch,
    /// Create an endpoint.
    Deploy,
    /// End a run or endpoint.
    Stop,
    /// Move a curfew.
    Extend,
    /// Run one item of a removal plan.
    Remove,
    /// Ask for a larger quota.
    AskQuota,
    /// Make a part of an account's set-up: a role, a bucket.
    SetUp,
}

/// One intent. `payload` holds the spec or plan item as JSON, enough to carry on after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its id; idempotency token and tag of what it creates.
    pub id: IntentId,
    /// What.
    pub verb: Verb,
    /// At which cloud.
    pub cloud: CloudId,
    /// In which account.
    pub account: AccountId,
    /// To what: a run, an endpoint, a resource key.
    pub target: String,
    /// The spec.
    pub payload: serde_json::Value,
    /// When.
    pub opened: Timestamp,
    /// Within this lab session.
    pub lab: Option<LabId>,
}
