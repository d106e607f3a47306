//! What a model was made with, and what serves it.

use crate::supervise::Prepared;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The file in a model that says what it was made with.
pub(crate) const MADE_WITH: &str = "curfew-model.json";

/// What probe.py says of an interpreter. Only what others read of it is named; the rest is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeWith {
    pub python: String,
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
    #[serde(flatten)]
    pub rest: BTreeMap<String, serde_json::Value>,
}

impl MadeWith {
    /// ("python", "3.11.7"), then the packages by name.
    pub(crate) fn versions(&self) -> Vec<(String, String)> {
        let python = [("python".to_owned(), self.python.clone())];
        python.into_iter().chain(self.packages.clone()).collect()
    }
}

/// Asks an environment what it is made of.
pub(crate) fn probe(assets: &Path, prepared: &Prepared) -> Option<MadeWith> {
    let mut command = Command::new(&prepared.python);
    command.arg(assets.join("runners/probe.py")).current_dir("/");
    crate::supervise::dress(&mut command, prepared);
    let (_, text) = crate::machine::output_within(&mut command, Duration::from_mins(1))?;
    serde_json::from_str(&text).ok()
}
