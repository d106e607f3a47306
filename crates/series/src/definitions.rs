//! What a user says about a run's metrics: SageMaker-style definitions, and names to change, hide or merge.

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{Error, Result};

/// One metric by its regular expression, as in SageMaker's `MetricDefinitions`: the first group is the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// The metric's name.
    #[serde(alias = "Name")]
    pub name: String,
    /// The expression, searched in every line. Its first group (or all of it, without a group) is the value.
    #[serde(alias = "Regex")]
    pub regex: String,
}

/// The `[metrics]` table of `curfew.toml`, which travels with the script folder.
///
/// ```toml
/// [metrics]
/// define = [{ name = "train:loss", regex = "loss=([0-9.]+)" }]
/// rename = { "Avg. loss" = "loss" }
/// hide = ["best"]
/// merge = { accuracy = ["acc", "Accuracy"] }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Definitions {
    /// Metrics by name and regular expression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub define: Vec<Metric>,
    /// Whether metrics are also recognised by themselves. Unless said, only where nothing is defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognise: Option<bool>,
    /// Printed name → name to keep it under.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// Names (after renaming) not to keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<String>,
    /// Name to keep → printed names that go into it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub merge: BTreeMap<String, Vec<String>>,
    /// Names that look like counts, times or rates and are wanted as metrics all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// The longest compiled expression, in bytes: a definition must not eat the memory of the machine it runs beside.
const REGEX_LIMIT: usize = 1 << 20;

impl Definitions {
    /// Whether lines are also read by the built-in recognition.
    pub fn recognises(&self) -> bool {
        self.recognise.unwrap_or(self.define.is_empty())
    }

    /// The name a printed metric is kept under, or `None` where it is hidden.
    pub fn kept_name<'a>(&'a self, printed: &'a str) -> Option<&'a str> {
        let merged = self.merge.iter().find(|(_, from)| from.iter().any(|name| name == printed));
        let name = match merged {
            Some((into, _)) => into.as_str(),
            None => self.rename.get(printed).map_or(printed, String::as_str),
        };
        (!self.hide.iter().any(|hidden| hidden == name)).then_some(name)
    }

    /// Compiles every expression, or says which one is wrong and how.
    pub fn check(&self) -> Result<()> {
        self.compile().map(drop)
    }

    pub(crate) fn compile(&self) -> Result<Vec<(String, Regex)>> {
        self.define.iter().map(|metric| Ok((metric.name.clone(), compile(metric)?))).collect()
    }
}

fn compile(metric: &Metric) -> Result<Regex> {
    let wrong = |reason: String| Error::Definition { name: metric.name.clone(), reason };
    if metric.name.trim().is_empty() {
        return Err(Error::Definition { name: metric.name.clone(), reason: "a metric needs a name".into() });
    }
    regex::bytes::RegexBuilder::new(&metric.regex).size_limit(REGEX_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => wrong(format!("the expression {:?} is too large", metric.regex)),
        // The crate's own message points at the place with a caret, over several lines.
        other => wrong(format!("the expression cannot be read: {other}")),
    })
}
