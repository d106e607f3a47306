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
            bad(text, at, &meant(e.message()))
        })?;
        let wrong = |key: &str, message: &str| Err(bad(text, place(text, key).unwrap_or(0), message));
        let CurfewSpec::For(longest) = policy.longest_curfew else {
            return wrong("longest_curfew", "longest_curfew is a duration such as 12h or 7d");
        };
        // A default gives way to the limit; only what the file itself says can contradict it.
        for (key, curfew) in [("run_curfew", &policy.run_curfew), ("endpoint_curfew", &policy.endpoint_curfew)] {
            if matches!(curfew, CurfewSpec::For(time) if *time > longest) && place(text, key).is_some() {
                return wrong(key, &format!("{key} is longer than longest_curfew allows"));
            }
        }
        let limits = [
            ("max_usd_per_hour", policy.max_usd_per_hour),
            ("spot_above_usd_per_hour", policy.spot_above_usd_per_hour),
            ("team", policy.monthly_budget_usd.team),
        ];
        let budgets = policy.monthly_budget_usd.people.iter().chain(&policy.monthly_budget_usd.projects);
        let budgets = budgets.map(|(name, usd)| (name.as_str(), Some(*usd)));
        for (key, limit) in limits.into_iter().chain(budgets) {
            if limit.is_some_and(|l| l.is_sign_negative()) {
                return wrong(key, &format!("{key} cannot be negative"));
            }
        }
        for (list, key) in [(&policy.families, "families"), (&policy.regions, "regions")] {
            if let Some(odd) = list.iter().find(|n| n.trim().is_empty() || n.contains(char::is_whitespace)) {
                return wrong(key, &format!("“{odd}” is no name that a machine family or a region has"));
            }
        }
        if let Some(tag) = policy.protected_tags.iter().find(|t| t.starts_with('=') || t.trim().is_empty()) {
            return wrong("protected_tags", &format!("“{tag}” is not a tag; write key or key=value"));
        }
        Ok(policy)
    }
    /// The policy as the file that says it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// Where a key is set: at the start of a line, so that the same word in a comment is not taken for it.
fn place(text: &str, key: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let name = start.trim_start_matches(['"', '\'']);
        if name.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ', '\t']).starts_with('=')) {
            return Some(at + (line.len() - start.len()));
        }
        at += line.len();
    }
    None
}

/// The keys of a policy, at any depth.
const KEYS: [&str; 12] = [
    "run_curfew",
    "endpoint_curfew",
    "longest_curfew",
    "max_usd_per_hour",
    "spot_above_usd_per_hour",
    "families",
    "regions",
    "monthly_budget_usd",
    "protected_tags",
    "team",
    "people",
    "projects",
];

/// What the reader says, with the key that was probably meant.
fn meant(message: &str) -> String {
    let Some(typed) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) else {
        return message.to_owned();
    };
    let letters = |word: &str| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let typed_letters = letters(typed);
    let near = KEYS.iter().map(|key| (distance(&typed_letters, &letters(key)), key)).min();
    match near {
        Some((n, key)) if n <= 3 && n < typed.len() / 2 => format!("unknown field `{typed}`; did you mean `{key}`?"),
        _ => message.to_owned(),
    }
}

/// How many letters have to be changed, added or left out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let here = row[j + 1];
            row[j + 1] = (before + usize::from(x != *y)).min(row[j] + 1).min(here + 1);
            before = here;
        }
    }
    row[b.len()]
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
        check(
            "run_curfew = \"2h\"\nmax_usd_per_our = 5\n",
            "line 2, column 1: unknown field `max_usd_per_our`; did you mean `max_usd_per_hour`?",
        );
        check("run_curfew = \"soon\"\n", "line 1, column 14: “soon” is not a curfew");
        check("\nlongest_curfew = \"22:00\"\n", "line 2, column 1: longest_curfew is a duration");
        check("max_usd_per_hour = -1\n", "cannot be negative");
        check("# longest_curfew\n  longest_curfew = \"22:00\"\n", "line 2, column 3: longest_curfew is a duration");
        check("longest_curfew = \"2h\"\nrun_curfew = \"3h\"\n", "line 2, column 1: run_curfew is longer");
        check("[monthly_budget_usd.people]\n\"ana@lab\" = -3\n", "line 2, column 1: ana@lab cannot be negative");
        check("\nfamilies = [\"g5 p4\"]\n", "line 2, column 1: “g5 p4” is no name");
        check("protected_tags = [\"=x\"]\n", "line 1, column 1: “=x” is not a tag");
        check("famlies = [\"g5\"]\n", "did you mean `families`?");
        check("[monthly_budget_usd]\nteem = 3\n", "line 2, column 1: unknown field `teem`; did you mean `team`?");
        check("nothing_like_it = 1\n", "line 1, column 1: unknown field `nothing_like_it`, expected");
        check("run_curfew = \n", "line 1");
        assert_eq!(Policy::parse(&Policy::default().to_toml()).unwrap(), Policy::default());
    }
}
