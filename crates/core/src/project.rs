//! Projects: what money is spent for. The policy has budgets by them, and what is started carries one.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A project's name: 1 to 63 letters, digits, inner spaces and `_.:/+@-`, which AWS takes as a tag's value as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Project(String);

/// Why a text cannot be a project's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{shown}” cannot be a project’s name: use 1 to 63 letters, digits, spaces within it and _.:/+@-")]
pub struct BadProject {
    /// The text, with control characters made visible, cut at 80 characters.
    pub shown: String,
}

impl Project {
    /// Takes a name as typed; spaces around it are left out.
    pub fn new(text: &str) -> Result<Self, BadProject> {
        let name = text.trim();
        let fits = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/+@-".contains(c);
        if (1..=63).contains(&name.chars().count()) && name.chars().all(fits) {
            return Ok(Self(name.to_owned()));
        }
        Err(BadProject { shown: text.chars().take(80).flat_map(char::escape_debug).collect() })
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Are the two the same to a person, who does not count capital letters?
    pub fn is(&self, name: &str) -> bool {
        self.0.to_lowercase() == name.to_lowercase()
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for Project {
    type Err = BadProject;
    fn from_str(text: &str) -> Result<Self, BadProject> {
        Self::new(text)
    }
}

// A name read back from a run's folder goes through the same check.
impl<'de> Deserialize<'de> for Project {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_projects() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Project::new(text).ok().as_ref().map(Project::as_str), expect, "{text:?}");
        };
        check(" Vision 2 ", Some("Vision 2"));
        check("größe/a.b:c+d@e-f_g", Some("größe/a.b:c+d@e-f_g"));
        check("", None);
        check("  ", None);
        check("a\nb", None);
        check("<b>", None);
        check(&"x".repeat(64), None);
        assert!(Project::new("Vision").unwrap().is("vision"));
        assert!(serde_json::from_str::<Project>("\"a\\u0007\"").is_err());
    }
}
