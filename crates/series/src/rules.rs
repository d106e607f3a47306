//! When a run should stop by itself. Whoever watches a run (its supervisor, an entry point in the cloud) asks here.
//!
//! `vectors/rules.json` says what each rule does with each log, for every implementation of them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::Point;
use crate::names::{higher_is_better, is_loss};

/// A reason to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// A value is NaN or infinite. Without a name, any metric that is to be lowered: gradients may overflow for once.
    NotANumber {
        /// The metric's name, as kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metric: Option<String>,
    },
    /// A metric has not become better for so many epochs; where no epochs are printed, for so many of its points.
    Flat {
        /// The metric's name, as kept; the first loss printed where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metric: Option<String>,
        /// For how many epochs.
        epochs: f64,
        /// By how much a value must beat the best to be better.
        #[serde(default)]
        min_delta: f64,
    },
    /// The run has cost so much, in dollars.
    Spend {
        /// The limit.
        usd: f64,
    },
    /// The run has taken so long.
    Time {
        /// The limit, in seconds.
        seconds: f64,
    },
}

/// The rules of a launch form. A metric that is named is watched for both; no other unnamed one is than a loss.
pub fn of_form(
    not_a_number: bool,
    flat_epochs: Option<u32>,
    metric: Option<&str>,
    spend_usd: Option<f64>,
    seconds: Option<f64>,
) -> Vec<Rule> {
    let metric = metric.map(str::to_owned);
    let mut rules = Vec::new();
    if not_a_number {
        rules.push(Rule::NotANumber { metric: None });
        rules.extend(metric.is_some().then(|| Rule::NotANumber { metric: metric.clone() }));
    }
    rules.extend(flat_epochs.map(|epochs| Rule::Flat { metric, epochs: f64::from(epochs), min_delta: 0.0 }));
    rules.extend(spend_usd.map(|usd| Rule::Spend { usd }));
    rules.extend(seconds.map(|seconds| Rule::Time { seconds }));
    rules
}

/// A run is to be stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Which of the rules says so, counted from 0.
    pub rule: usize,
    /// What was seen, in words for the user.
    pub why: String,
}

/// Watches a run with its rules. The first rule that is met is the one reported, and it is reported once.
#[derive(Debug, Clone)]
pub struct Watch {
    rules: Vec<Rule>,
    /// By rule and rank: the best value, and where it was seen.
    best: BTreeMap<(usize, Option<u32>), Best>,
    /// By rule: the loss that a rule without a name watches.
    losses: BTreeMap<usize, String>,
    stopped: bool,
}

#[derive(Debug, Clone, Copy)]
struct Best {
    value: f64,
    at: f64,
    points: f64,
}

impl Watch {
    /// Watches with these rules.
    pub fn new(rules: Vec<Rule>) -> Watch {
        Watch { rules, best: BTreeMap::new(), losses: BTreeMap::new(), stopped: false }
    }

    /// Takes a point; says whether the run is to be stopped for it.
    pub fn see(&mut self, point: &Point<'_>) -> Option<Stop> {
        if self.stopped {
            return None;
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let why = match rule {
                Rule::NotANumber { metric } => not_a_number(metric.as_deref(), point),
                Rule::Flat { metric, epochs, min_delta } => {
                    let watched = metric.as_ref().or_else(|| self.losses.get(&at));
                    let watches = watched.map_or_else(|| is_loss(point.metric), |name| name == point.metric);
                    if watches && watched.is_none() {
                        self.losses.insert(at, point.metric.to_owned());
                    }
                    watches.then(|| flat(&mut self.best, (at, point.rank), *epochs, *min_delta, point)).flatten()
                }
                Rule::Spend { .. } | Rule::Time { .. } => None,
            };
            if let Some(why) = why {
                self.stopped = true;
                return Some(Stop { rule: at, why });
            }
        }
        None
    }

    /// Takes what the run has taken and cost so far; a cost that is not known meets no limit.
    pub fn check(&mut self, elapsed_seconds: f64, spent_usd: Option<f64>) -> Option<Stop> {
        if self.stopped {
            return None;
        }
        let met = self.rules.iter().enumerate().find_map(|(at, rule)| match rule {
            Rule::Spend { usd } if spent_usd.is_some_and(|spent| spent >= *usd) => Some(Stop {
                rule: at,
                why: format!("it has cost ${:.2}, its limit is ${usd:.2}", spent_usd.unwrap_or(0.0)),
            }),
            Rule::Time { seconds } if elapsed_seconds >= *seconds => Some(Stop {
                rule: at,
                why: format!("it has run for {elapsed_seconds:.0} s, its limit is {seconds:.0} s"),
            }),
            _ => None,
        });
        self.stopped |= met.is_some();
        met
    }
}

fn not_a_number(metric: Option<&str>, point: &Point<'_>) -> Option<String> {
    let watched = match metric {
        Some(metric) => metric == point.metric,
        None => higher_is_better(point.metric) == Some(false),
    };
    (watched && !point.value.is_finite()).then(|| {
        let place = match (point.step, point.epoch) {
            (Some(step), _) => format!(" at step {step}"),
            (None, Some(epoch)) => format!(" in epoch {epoch}"),
            (None, None) => String::new(),
        };
        let what = if point.value.is_nan() { "not a number" } else { "infinite" };
        format!("{} is {what}{place}", point.metric)
    })
}

fn flat(
    best: &mut BTreeMap<(usize, Option<u32>), Best>,
    key: (usize, Option<u32>),
    epochs: f64,
    min_delta: f64,
    point: &Point<'_>,
) -> Option<String> {
    if !point.value.is_finite() {
        return None;
    }
    let higher = higher_is_better(point.metric).unwrap_or(false);
    let known = best.entry(key).or_insert(Best { value: point.value, at: point.epoch.unwrap_or(0.0), points: -1.0 });
    known.points += 1.0;
    let now = point.epoch.unwrap_or(known.points);
    let gain = if higher { point.value - known.value } else { known.value - point.value };
    // A restart from a checkpoint goes back in epochs; the wait starts anew from there.
    if gain > min_delta || now < known.at {
        known.at = now;
        if gain > 0.0 {
            known.value = point.value;
        }
    }
    let waited = now - known.at;
    (waited >= epochs).then(|| {
        let unit = if point.epoch.is_some() { "epochs" } else { "values" };
        format!("{} has not become better than {} for {waited} {unit}", point.metric, known.value)
    })
}
