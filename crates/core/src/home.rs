//! Where things lie in a CURFEW_HOME. Paths only: nothing here touches the disk.

use crate::ids::{EndpointId, LabId, PlanId, RunId};
use std::path::{Path, PathBuf};

/// A CURFEW_HOME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The home at `root`, an absolute path.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }
    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }
    /// The SQLite store.
    pub fn store(&self) -> PathBuf {
        self.0.join("store.db")
    }
    /// The lock of the background loop.
    pub fn loop_lock(&self) -> PathBuf {
        self.0.join("loop.lock")
    }
    /// All run folders.
    pub fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }
    /// A run's folder: spec, state, log, output, model, series.
    pub fn run(&self, id: &RunId) -> PathBuf {
        self.runs().join(id.as_str())
    }
    /// A run's loss series (`curfew-series`), written by its supervisor here and by the engine for cloud runs.
    pub fn series(&self, id: &RunId) -> PathBuf {
        self.run(id).join("series")
    }
    /// All endpoint folders.
    pub fn endpoints(&self) -> PathBuf {
        self.0.join("endpoints")
    }
    /// An endpoint's folder: spec, state, log, unpacked model.
    pub fn endpoint(&self, id: &EndpointId) -> PathBuf {
        self.endpoints().join(id.as_str())
    }
    /// Cached virtual environments, one folder per content key.
    pub fn venvs(&self) -> PathBuf {
        self.0.join("venvs")
    }
    /// A removal plan.
    pub fn plan(&self, id: &PlanId) -> PathBuf {
        self.0.join("plans").join(format!("{id}.json"))
    }
    /// A lab session's pages.
    pub fn lab(&self, id: &LabId) -> PathBuf {
        self.0.join("labs").join(id.as_str())
    }
    /// The team policy, where the user has put one.
    pub fn policy(&self) -> PathBuf {
        self.0.join("policy.toml")
    }
    /// Refreshed prices, laid over the embedded ones.
    pub fn prices(&self) -> PathBuf {
        self.0.join("prices")
    }
    /// The power draw and tariff of this computer, where the user has stated them.
    pub fn power(&self) -> PathBuf {
        self.0.join("power.json")
    }
    /// The runners and labs that the binary carries, written out for Python to run.
    pub fn assets(&self) -> PathBuf {
        self.0.join("assets")
    }
}
