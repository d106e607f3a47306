//! Team policy: a TOML file that a lead shares. Unknown keys are errors, with line and column.

use crate::curfew::CurfewSpec;
use crate::project::Project;
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
        let wrong = |path: &[&str], message: &str| Err(bad(text, place(text, path).unwrap_or(0), message));
        let CurfewSpec::For(longest) = policy.longest_curfew else {
            return wrong(&["longest_curfew"], "longest_curfew is a duration such as 12h or 7d");
        };
        // A default gives way to the limit; only what the file itself says can contradict it.
        for (key, curfew) in [("run_curfew", &policy.run_curfew), ("endpoint_curfew", &policy.endpoint_curfew)] {
            if matches!(curfew, CurfewSpec::For(time) if *time > longest) && place(text, &[key]).is_some() {
                return wrong(&[key], &format!("{key} is longer than longest_curfew allows"));
            }
        }
        let budgets = &policy.monthly_budget_usd;
        let mut limits = vec![
            (vec!["max_usd_per_hour"], policy.max_usd_per_hour),
            (vec!["spot_above_usd_per_hour"], policy.spot_above_usd_per_hour),
            (vec![BUDGETS, "team"], budgets.team),
        ];
        for (table, by) in [("people", &budgets.people), ("projects", &budgets.projects)] {
            limits.extend(by.iter().map(|(name, usd)| (vec![BUDGETS, table, name], Some(*usd))));
        }
        for (path, limit) in limits {
            if limit.is_some_and(|l| l.is_sign_negative()) {
                return wrong(&path, &format!("{} cannot be negative", path.last().unwrap_or(&"")));
            }
        }
        for (i, name) in budgets.projects.keys().enumerate() {
            let path = [BUDGETS, "projects", name];
            match Project::new(name) {
                Err(e) => return wrong(&path, &e.to_string()),
                Ok(project) if project.as_str() != name => {
                    return wrong(&path, &format!("“{name}” has spaces around it, which no run’s project has"));
                }
                Ok(project) => {
                    if let Some(same) = budgets.projects.keys().take(i).find(|other| project.is(other)) {
                        let says = format!("“{same}” and “{name}” are one project: capital letters do not count");
                        return wrong(&path, &says);
                    }
                }
            }
        }
        for (list, key) in [(&policy.families, "families"), (&policy.regions, "regions")] {
            if let Some(odd) = list.iter().find(|n| n.trim().is_empty() || n.contains(char::is_whitespace)) {
                return wrong(&[key], &format!("“{odd}” is no name that a machine family or a region has"));
            }
        }
        if let Some(tag) = policy.protected_tags.iter().find(|t| t.starts_with('=') || t.trim().is_empty()) {
            return wrong(&["protected_tags"], &format!("“{tag}” is not a tag; write key or key=value"));
        }
        Ok(policy)
    }
    /// A project as the file names it, which does not count capital letters; as it is where the file has none such.
    pub fn as_named(&self, project: Project) -> Project {
        let named = self.monthly_budget_usd.of_project(&project).and_then(|(name, _)| Project::new(name).ok());
        named.unwrap_or(project)
    }
    /// The policy as the file that says it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

impl Budgets {
    /// Is there none at all?
    pub fn is_empty(&self) -> bool {
        self.team.is_none() && self.people.is_empty() && self.projects.is_empty()
    }
    /// A project's budget, as the file names it.
    pub fn of_project(&self, project: &Project) -> Option<(&str, Decimal)> {
        self.projects.iter().find(|(name, _)| project.is(name)).map(|(name, usd)| (name.as_str(), *usd))
    }
    /// The project of the file that was probably meant by one that it does not have.
    pub fn near_project(&self, typed: &Project) -> Option<&str> {
        let typed = typed.as_str().to_lowercase();
        let near = self.projects.keys().map(|name| (distance(&typed, &name.to_lowercase()), name)).min()?;
        (near.0 <= 2 && near.0 < typed.chars().count() / 2).then_some(near.1)
    }
}

/// The table of budgets.
const BUDGETS: &str = "monthly_budget_usd";

/// Where a key is set, by the tables that it lies in; whichever way the file writes them.
fn place(text: &str, path: &[&str]) -> Option<usize> {
    let file = toml::de::DeTable::parse(text).ok()?;
    let (last, tables) = path.split_last()?;
    let mut table = file.get_ref();
    for name in tables {
        table = table.iter().find(|(key, _)| key.get_ref() == name)?.1.get_ref().as_table()?;
    }
    table.iter().find(|(key, _)| key.get_ref() == last).map(|(key, _)| key.span().start)
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
    // The amounts are exact decimals, whose reader names its own type.
    if message.contains("Decimal type") || message.starts_with("invalid type") && message.contains("Decimal") {
        return "this is no amount in US dollars; write 900 or 12.50".to_owned();
    }
    let Some(typed) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) else {
        return message.to_owned();
    };
    let letters = |word: &str| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let typed_letters = letters(typed);
    let near = KEYS.iter().map(|key| (distance(&typed_letters, &letters(key)), key)).min();
    match near {
        Some((0, key)) if ["team", "people", "projects"].contains(key) => {
            format!("`{key}` belongs to the monthly budgets: [{BUDGETS}] team = 900, [{BUDGETS}.projects] vision = 300")
        }
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
        check("[projects]\nvision = 3\n", "line 1, column 2: `projects` belongs to the monthly budgets");
        check("[monthly_budget_usd.project]\nvision = 3\n", "unknown field `project`; did you mean `projects`?");
        check("nothing_like_it = 1\n", "line 1, column 1: unknown field `nothing_like_it`, expected");
        check("run_curfew = \n", "line 1");
        assert_eq!(Policy::parse(&Policy::default().to_toml()).unwrap(), Policy::default());
    }

    #[test]
    fn budgets_of_projects_are_explained_where_they_stand() {
        let file = |projects: &str| {
            format!("[monthly_budget_usd.people]\nvision = 5\n\n[monthly_budget_usd.projects]\n{projects}\n")
        };
        // The same word among the people is not taken for it.
        check(&file("vision = -3"), "line 5, column 1: vision cannot be negative");
        check(&file("nlp = 1\n  \"a<b\" = 3"), "line 6, column 3: “a<b” cannot be a project’s name");
        check(&file("\" nlp\" = 1"), "line 5, column 1: “ nlp” has spaces around it");
        check(&file("NLP = 1\nnlp = 2"), "line 6, column 1: “NLP” and “nlp” are one project");
        check(&file("nlp = 1\nnlp = 2"), "line 6, column 1: duplicate key");
        check(&file("nlp = \"lots\""), "line 5, column 7: this is no amount in US dollars; write 900 or 12.50");
        check(&file("nlp = true"), "line 5, column 7: this is no amount in US dollars");
        check(&file("nlp = { month = 3 }"), "line 5, column 7: this is no amount in US dollars");
        check(&file("nlp ="), "line 5, column 6");
        check("monthly_budget_usd = { projects = { nlp = 1, vision = -2 } }\n", "line 1, column 46: vision cannot");
        check("monthly_budget_usd.projects.vision = -2\n", "line 1, column 29: vision cannot be negative");
        check("monthly_budget_usd.projects = 7\n", "line 1, column 31");
        let budgets = Policy::parse(&file("Vision = 3\nnlp = 4.5")).unwrap().monthly_budget_usd;
        let project = |name: &str| Project::new(name).unwrap();
        assert_eq!(budgets.of_project(&project("vision")), Some(("Vision", Decimal::from(3))));
        assert_eq!(budgets.of_project(&project("visoin")), None);
        assert_eq!(budgets.near_project(&project("visoin")), Some("Vision"));
        assert_eq!(budgets.near_project(&project("speech")), None);
    }
}
