//! Ways to serve a model: always on, by request, or answering later. Which ones there are, what each asks for and how it
//! is paid is data of the provider; what was chosen is part of the spec.

use crate::error::{Error, Result};
use crate::say;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A way to serve that a provider offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ServingMode {
    /// Stable, as `--mode` takes it: `real-time`.
    pub id: &'static str,
    /// As a choice in a form: "Real-time".
    pub title: &'static str,
    /// One sentence: what it is and how it is paid.
    pub says: &'static str,
    /// Does it run on a machine of its own that the user chooses?
    pub machine: bool,
    /// Is the answer fetched after the question, instead of waited for?
    pub later: bool,
    /// What it asks for.
    pub fields: &'static [ModeField],
}

/// A number that a mode asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ModeField {
    /// Stable, in forms, on the command line and in the spec: `memory`.
    pub name: &'static str,
    /// "Memory".
    pub title: &'static str,
    /// "MB"; empty for a count.
    pub unit: &'static str,
    /// What it decides.
    pub hint: &'static str,
    /// Where nothing is said; `None`: then it is not known, and nothing is assumed.
    pub usual: Option<u32>,
    /// The least.
    pub from: u32,
    /// The most.
    pub to: u32,
    /// Only multiples of this.
    pub step: u32,
}

/// On a machine that waits for questions: what every provider that serves has.
pub const REAL_TIME: ServingMode = ServingMode {
    id: "real-time",
    title: "Real-time",
    says: "A machine of its own that answers at once. It costs the same every hour, asked or not.",
    machine: true,
    later: false,
    fields: &[],
};

/// The mode of an endpoint, with the numbers that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mode {
    /// [`ServingMode::id`].
    pub id: String,
    /// By [`ModeField::name`].
    #[serde(default)]
    pub settings: BTreeMap<String, u32>,
}

impl Default for Mode {
    fn default() -> Self {
        Self { id: REAL_TIME.id.into(), settings: BTreeMap::new() }
    }
}

impl Mode {
    /// The mode as its provider offers it; `None`: it offers none of this id.
    pub fn of<'a>(&self, modes: &'a [ServingMode]) -> Option<&'a ServingMode> {
        modes.iter().find(|m| m.id == self.id)
    }

    /// What was typed as a mode of `modes`, which `who` offers. Each thing that is wrong is one error at its field.
    pub fn choose(
        who: &str,
        modes: &[ServingMode],
        id: Option<&str>,
        typed: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Error>> {
        let id = id.unwrap_or(REAL_TIME.id);
        let Some(mode) = modes.iter().find(|m| m.id == id) else {
            let known: Vec<&str> = modes.iter().map(|m| m.id).collect();
            let what = format!("{who} has no “{}” endpoints", say::clean(id, 40));
            return Err(vec![Error::input("mode", what).next(format!("It has: {}", known.join(", ")))]);
        };
        let mut errors = Vec::new();
        let mut settings = BTreeMap::new();
        for field in mode.fields {
            match typed.get(field.name).map(|t| t.trim()).filter(|t| !t.is_empty()) {
                None => settings.extend(field.usual.map(|usual| (field.name.to_owned(), usual))),
                Some(text) => match field.number(text) {
                    Ok(number) => drop(settings.insert(field.name.to_owned(), number)),
                    Err(e) => errors.push(e),
                },
            }
        }
        let of_mode = |name: &str| mode.fields.iter().any(|f| f.name == name);
        for (name, text) in typed.iter().filter(|(name, text)| !of_mode(name) && !text.trim().is_empty()) {
            let what =
                format!("a {} endpoint has no {}: leave “{}” out", mode.id, say::clean(name, 40), say::clean(text, 40));
            errors.push(Error::input("mode", what));
        }
        if errors.is_empty() { Ok(Self { id: id.into(), settings }) } else { Err(errors) }
    }
}

impl ModeField {
    /// The number that was typed, where this field may have it.
    pub fn number(&self, text: &str) -> Result<u32> {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let plain = text.trim().trim_end_matches(self.unit).trim();
        let number: Option<u32> = plain.parse().ok();
        let fits =
            number.filter(|n| (self.from..=self.to).contains(n) && (n - self.from).is_multiple_of(self.step.max(1)));
        fits.ok_or_else(|| {
            let steps = if self.step > 1 { format!(" in steps of {}", self.step) } else { String::new() };
            let range = format!("{} to {}{unit}{steps}", self.from, self.to);
            Error::input(self.name, format!("“{}” is not one of {range}", say::clean(text, 40)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_REQUEST: ServingMode = ServingMode {
        id: "by-request",
        title: "By request",
        says: "Costs nothing while nobody asks.",
        machine: false,
        later: false,
        fields: &[ModeField {
            name: "memory",
            title: "Memory",
            unit: "MB",
            hint: "",
            usual: Some(2048),
            from: 1024,
            to: 6144,
            step: 1024,
        }],
    };

    fn check(id: Option<&str>, typed: &[(&str, &str)], expect: Result<&str, &str>) {
        let typed = typed.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let got = Mode::choose("This computer", &[REAL_TIME, BY_REQUEST], id, &typed);
        let got = got
            .map(|m| format!("{} {:?}", m.id, m.settings))
            .map_err(|e| format!("{:?} {}", e[0].field(), e[0].message()));
        match expect {
            Ok(text) => assert_eq!(got.as_deref(), Ok(text)),
            Err(text) => assert!(got.as_ref().is_err_and(|e| e.contains(text)), "{got:?}"),
        }
    }

    #[test]
    fn what_was_typed() {
        check(None, &[], Ok("real-time {}"));
        check(Some("by-request"), &[], Ok(r#"by-request {"memory": 2048}"#));
        check(Some("by-request"), &[("memory", " 4096 MB ")], Ok(r#"by-request {"memory": 4096}"#));
        check(Some("by-request"), &[("memory", "1500")], Err("“1500” is not one of 1024 to 6144 MB in steps of 1024"));
        check(Some("by-request"), &[("memory", "much")], Err(r#"Some("memory")"#));
        check(None, &[("memory", "2048")], Err("a real-time endpoint has no memory"));
        check(None, &[("memory", " ")], Ok("real-time {}"));
        check(Some("tomorrow"), &[], Err("This computer has no “tomorrow” endpoints"));
    }

    #[test]
    fn a_spec_of_before_has_the_usual_mode() {
        assert_eq!(serde_json::from_str::<Mode>(r#"{"id":"real-time"}"#).unwrap(), Mode::default());
    }
}
