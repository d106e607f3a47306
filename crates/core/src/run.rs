//! Training runs: what is asked for, what is seen, what went wrong.

use crate::curfew::Curfew;
use crate::cx::Progress;
use crate::ids::{IntentId, RunId};
use crate::machine::MachineRef;
use crate::money::{Cost, HourlyRate, Money};
use crate::project::Project;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The states a run goes through, in words that every provider's own states map to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Accepted, not begun.
    Queued,
    /// A machine, an environment or data is being prepared.
    Starting,
    /// The script runs.
    Running,
    /// Asked to end; not ended yet.
    Stopping,
    /// Ended by itself, successfully.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended because someone or a rule asked for it.
    Stopped,
    /// Nobody knows how it ended: its supervisor died, or the provider no longer knows it.
    Lost,
}

impl RunState {
    /// Has it ended?
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped | Self::Lost)
    }
    /// The word on screen and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }
}

/// Data under a channel name, as SageMaker's `InputDataConfig` calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// `training` by default; becomes `SM_CHANNEL_TRAINING`.
    pub name: String,
    /// A local path, `s3://…` or `gs://…`.
    pub source: String,
}

/// When a run ends by itself. All `None` or `false`: only by its script or its curfew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopRules {
    /// A metric is NaN or infinite.
    pub not_a_number: bool,
    /// The watched metric has not improved for so many epochs.
    pub flat_epochs: Option<u32>,
    /// The metric that "flat" watches; the first loss where none is named.
    pub metric: Option<String>,
    /// It has cost this much.
    pub spend: Option<Money>,
    /// Its script has worked for so long.
    #[serde(default)]
    pub time: Option<SignedDuration>,
}

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Ours, and the name at the provider.
    pub id: RunId,
    /// What the user calls it.
    pub name: String,
    /// The script folder, absolute.
    pub dir: PathBuf,
    /// The entry script, relative to `dir`.
    pub entry: String,
    /// Data, by channel.
    pub data: Vec<Channel>,
    /// Passed as `--key value`, sorted by key as SageMaker's toolkit does.
    pub hyper: BTreeMap<String, String>,
    /// Where.
    pub machine: MachineRef,
    /// When it goes home.
    pub curfew: Timestamp,
    /// When it ends by itself.
    pub stop: StopRules,
    /// What its provider is asked for besides, by [`RunOption::name`]; over what the folder's curfew.toml says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// The intent that created it: idempotency token and tag.
    pub intent: IntentId,
    /// Who asked for it: `user` or `user@host`.
    pub owner: String,
    /// What it is for, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
}

/// Something that a provider can be asked for with a run, beyond what all of them have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunOption {
    /// Stable, in forms, on the command line and in the spec: `instances`.
    pub name: &'static str,
    /// "Machines".
    pub title: &'static str,
    /// What it decides.
    pub hint: &'static str,
    /// What holds where nothing is said and curfew.toml says nothing either.
    pub usual: &'static str,
    /// What it may be, with words for it; anything that its provider takes where there is none.
    pub choices: &'static [(&'static str, &'static str)],
}

/// How a run ended badly, told to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence: "The script ended with exit code 1".
    pub what: String,
    /// One sentence: what to do about it.
    pub next: String,
    /// The last lines of the log, cleaned of control characters.
    pub log_end: Vec<String>,
}

/// What a provider sees of a run now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// Where it stands.
    pub state: RunState,
    /// In plain words: "installing requirements", "finding a spot machine, 3 minutes so far".
    pub detail: Option<String>,
    /// How far what it needs has been uploaded, while it is. Until then no machine is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Why it failed, stopped or got lost.
    pub failure: Option<Failure>,
    /// Why it was stopped: "its curfew came", "you stopped it", "loss is not a number".
    pub ended_by: Option<String>,
    /// When the provider took it.
    pub created: Timestamp,
    /// When the script began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The script's exit code.
    pub exit_code: Option<i32>,
    /// Where the packed model is, once there is one: a path, `s3://…`, `gs://…`.
    pub model: Option<String>,
    /// Its curfew.
    pub curfew: Option<Curfew>,
    /// What an hour costs.
    pub rate: Cost<HourlyRate>,
    /// What it has cost.
    pub so_far: Cost<Money>,
    /// On a spot machine, once it has ended and the provider tells: what of its time was billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<SpotUse>,
}

/// What a run on a spot machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotUse {
    /// Seconds that it trained.
    pub trained_s: u64,
    /// Seconds that were billed for it, at the price on demand.
    pub billed_s: u64,
    /// How often its machine was taken away.
    pub interruptions: u32,
}

/// A run as its provider knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunHandle {
    /// Our id.
    pub id: RunId,
    /// The provider's own name (a folder, an ARN).
    pub native: String,
}

/// A piece of a run's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogChunk {
    /// Raw bytes, as written; not always valid UTF-8, not always ending at a line's end.
    pub bytes: Vec<u8>,
    /// Where to read on. Opaque; empty means the start.
    pub next: String,
    /// No more will come.
    pub end: bool,
}
