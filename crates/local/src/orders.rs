//! What a launch tells the supervisor, frozen: settings changed later do not change what runs.

use crate::venv::Environment;
use curfew_core::{HourlyRate, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How the supervisor is to do it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// When it was accepted.
    pub created: Timestamp,
    /// The CURFEW_HOME.
    pub home: PathBuf,
    /// Where the runners were written out.
    pub assets: PathBuf,
    /// From SIGTERM to SIGKILL.
    pub grace_ms: u64,
    /// How long the log may grow, in bytes.
    pub longest_log: u64,
    /// The Python to use.
    pub environment: Environment,
    /// What an hour costs, where that is known: for the spend rule.
    #[serde(default)]
    pub rate: Option<HourlyRate>,
    /// What kind of thing.
    pub work: Work,
}

/// What kind of thing is supervised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Work {
    /// A script that ends.
    Run,
    /// A server that does not.
    Endpoint {
        /// The user's script, below the endpoint's folder.
        script: Option<PathBuf>,
    },
}
