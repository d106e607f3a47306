//! Team policy: a TOML file that a lead shares. Unknown keys are errors, with line and column.

use crate::curfew::CurfewSpec;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A team's rules. Every field has a default, so an empty file is a valid policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The curfew of a run that names none.
    pub run_curfew: CurfewSpec,
    /// The curfew of an endpoint that names none.
    pub endpoint_curfew: CurfewSpec,
    /// No curfew may be further away than this; a duration.
    pub longest_curfew: CurfewSpec,
    /// No machine above this price, in US dollars an hour.
    pub max_usd_per_hour: Option<Decimal>,
    /// Above this price on demand, spot is required.
    pub spot_above_usd_per_hour: Option<Decimal>,
    /// Machine families allowed ("g5", "ml.m5"); empty: all.
    pub families: Vec<String>,
    /// Regions allowed; empty: all.
    pub regions: Vec<String>,
    /// Monthly budgets.
    pub monthly_budget_usd: Budgets,
    /// Resources with one of these tags (`key` or `key=value`) are never offered for removal.
    pub protected_tags: Vec<String>,
}

/// Monthly budgets in US dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// For the whole team.
    pub team: Option<Decimal>,
    /// By person.
    pub people: BTreeMap<String, Decimal>,
    /// By project.
    pub projects: BTreeMap<String, Decimal>,
}

impl Default for Policy {
    fn default() -> Self {
        let spec = |text: &str| text.parse().expect("a constant that parses");
        Self {
            run_curfew: spec("4h"),
            endpoint_curfew: CurfewSpec::EndOfDay,
            longest_curfew: spec("7d"),
            max_usd_per_hour: None,
            spot_above_usd_per_hour: None,
            families: Vec::new(),
            regions: Vec::new(),
            monthly_budget_usd: Budgets::default(),
            protected_tags: Vec::new(),
        }
    }
}

/// What is wrong in a policy file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("line {line}, column {column}: {message}")]
pub struct BadPolicy {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// One sentence.
    pub message: String,
}

impl Policy {
    /// Reads a policy.
    pub fn parse(text: &str) -> Result<Self, BadPolicy> {
        let policy: Self = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            bad(text, at, e.message())
        })?;
        let find = |key: &str| text.find(key).unwrap_or(0);
        if !matches!(policy.longest_curfew, CurfewSpec::For(_)) {
            return Err(bad(text, find("longest_curfew"), "longest_curfew is a duration such as 12h or 7d"));
        }
        let limits = [
            ("max_usd_per_hour", policy.max_usd_per_hour),
            ("spot_above_usd_per_hour", policy.spot_above_usd_per_hour),
        ];
        for (key, limit) in limits {
            if limit.is_some_and(|l| l.is_sign_negative()) {
                return Err(bad(text, find(key), &format!("{key} cannot be negative")));
            }
        }
        Ok(policy)
    }
    /// The policy as the file that says it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

fn bad(text: &str, at: usize, message: &str) -> BadPolicy {
    let before = text.get(..at).unwrap_or("");
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    BadPolicy {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let got = Policy::parse(text).map_or_else(|e| e.to_string(), |p| p.to_toml());
        assert!(got.contains(expect), "{got}");
    }

    #[test]
    fn reads_and_explains() {
        check("", "run_curfew = \"4h\"");
        check("run_curfew = \"2h\"\nmax_usd_per_hour = 5.0\n[monthly_budget_usd]\nteam = 900\n", "run_curfew = \"2h\"");
        check("run_curfew = \"2h\"\nmax_usd_per_our = 5\n", "line 2, column 1: unknown field `max_usd_per_our`");
        check("run_curfew = \"soon\"\n", "line 1, column 14: “soon” is not a curfew");
        check("\nlongest_curfew = \"22:00\"\n", "line 2, column 1: longest_curfew is a duration");
        check("max_usd_per_hour = -1\n", "cannot be negative");
        check("run_curfew = \n", "line 1");
        assert_eq!(Policy::parse(&Policy::default().to_toml()).unwrap(), Policy::default());
    }
}
