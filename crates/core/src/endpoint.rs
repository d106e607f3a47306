//! Endpoints: a model behind an address, and whether anybody asks it anything.

use crate::curfew::Curfew;
use crate::ids::{EndpointId, IntentId, RunId};
use crate::machine::MachineRef;
use crate::mode::Mode;
use crate::money::{Cost, HourlyRate, Money};
use crate::project::Project;
use crate::run::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The states of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointState {
    /// Being made ready.
    Creating,
    /// Answers.
    InService,
    /// Being taken down.
    Deleting,
    /// Could not be made, or broke.
    Failed,
    /// Ended, by its curfew or on request; costs nothing any more.
    Stopped,
    /// Its server is gone and nobody saw it end.
    Lost,
}

impl EndpointState {
    /// Has it ended?
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::Stopped | Self::Lost)
    }
    /// The word on screen and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::InService => "in service",
            Self::Deleting => "deleting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }
}

/// Where the model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ModelSource {
    /// A run of ours; `archive` is its packed model, as the run's status named it.
    Run {
        /// The run.
        run: RunId,
        /// Path or URL of model.tar.gz.
        archive: String,
    },
    /// A model.tar.gz made elsewhere.
    Archive {
        /// The file.
        path: PathBuf,
    },
    /// A bare model file (model.joblib, model.pkl) fitted elsewhere.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// What to deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// Its name, ours and the provider's.
    pub id: EndpointId,
    /// The model.
    pub model: ModelSource,
    /// The user's inference.py; where `None`, the model's own `code/inference.py`, else the defaults.
    pub script: Option<PathBuf>,
    /// Where.
    pub machine: MachineRef,
    /// How it serves.
    #[serde(default)]
    pub mode: Mode,
    /// When it goes home.
    pub curfew: Timestamp,
    /// The user has confirmed these cautions, by code. What is not confirmed and asks to be, refuses the deploy.
    pub confirmed: Vec<String>,
    /// The intent that created it.
    pub intent: IntentId,
    /// Who asked for it.
    pub owner: String,
    /// What it is for, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
}

/// What a provider sees of an endpoint now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Where it stands.
    pub state: EndpointState,
    /// In plain words.
    pub detail: Option<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why it ended: "its curfew came", "you stopped it".
    pub ended_by: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Where it answers, if it has an address a person can use.
    pub url: Option<String>,
    /// How it is used.
    pub traffic: Option<Traffic>,
    /// Its curfew.
    pub curfew: Option<Curfew>,
    /// What an hour costs.
    pub rate: Cost<HourlyRate>,
    /// What it has cost.
    pub so_far: Cost<Money>,
    /// The interpreter and frameworks it serves with: ("python", "3.11.7").
    pub versions: Vec<(String, String)>,
}

/// Requests seen. Counts only grow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests answered, errors included.
    pub requests: u64,
    /// Of these, answered with an error.
    pub errors: u64,
    /// When the last one came.
    pub last_request: Option<Timestamp>,
    /// Median latency of recent requests, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 90th percentile, in milliseconds.
    pub p90_ms: Option<f64>,
    /// 99th percentile, in milliseconds.
    pub p99_ms: Option<f64>,
    /// Memory in use, in bytes.
    pub memory_bytes: Option<u64>,
}

/// What a provider measures of an endpoint over time, whichever figures it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// When it was read.
    pub as_of: Timestamp,
    /// From when on.
    pub since: Timestamp,
    /// How far two points lie apart, in seconds.
    pub step_s: u32,
    /// The figures, in the order to show them.
    pub items: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Stable: `requests`.
    pub name: String,
    /// "Requests".
    pub title: String,
    /// `ms`, `%`; empty for a count.
    pub unit: String,
    /// One number for all of it: a count's sum, else the newest value. `None`: there is none yet.
    pub value: Option<f64>,
    /// What the number is: "in all", "just now".
    pub of: String,
    /// By time, oldest first; where nothing was measured there is no point.
    pub points: Vec<(Timestamp, f64)>,
    /// Why there is no number: what cannot be read, or nothing was measured.
    pub missing: Option<String>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Answered.
    Answered(Reply),
    /// Taken in; the answer comes later.
    Later(Ticket),
}

/// By which an answer that comes later is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// As its provider takes it back; safe in a URL.
    pub id: String,
    /// Where the answer will lie, for people: an address at the provider.
    pub place: String,
}

/// An endpoint as its provider knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointHandle {
    /// Our id.
    pub id: EndpointId,
    /// The provider's own name (a folder, an ARN).
    pub native: String,
}

/// A request to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// `text/csv`, `application/json`, `application/x-npy`.
    pub content_type: String,
    /// What is wanted back.
    pub accept: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A model's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// As the model says.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// From request to the last byte, in milliseconds.
    pub latency_ms: u64,
}
