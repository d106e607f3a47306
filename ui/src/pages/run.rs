//! A run: how it stands, its curves, its log, what ends it.

use super::parts::{Name, Tag, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "run.html")]
pub struct Run {
    /// The frame.
    pub shell: Shell,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// Its state.
    pub tag: Tag,
    /// "This computer".
    pub place: Name,
    /// "started 19:12 by lab-03".
    pub started: Name,
    /// What it does just now, or why it ended.
    pub detail: Name,
    /// How far what it needs has been uploaded, while it is.
    pub upload: Option<Upload>,
    /// The numbers in a row.
    pub stats: Vec<Stat>,
    /// How it ended badly.
    pub failure: Option<Failed>,
    /// What could not be read.
    pub told: Vec<Told>,
    /// Does it still go on?
    pub going: bool,
    /// Can it be shown in a window of its own?
    pub pops_out: bool,
    /// Can its curfew be moved? Where not, why.
    pub extend: Result<(), String>,
    /// Has it a model to deploy?
    pub model: Option<Name>,
    /// Its metrics, the one to show first at the head.
    pub metrics: Vec<MetricRow>,
    /// What ends it by itself, a sentence each.
    pub stop_rules: Vec<String>,
    /// Who checks that.
    pub stop_checked: String,
    /// What was asked for.
    pub facts: Vec<(&'static str, Name)>,
    /// How many more metrics there are than are listed.
    pub metrics_left: usize,
    /// When it began to cost, in milliseconds since 1970.
    pub began_ms: i64,
    /// Money an hour in US dollars, for the chart's readout; `None` where it is not known or not billed.
    pub usd_per_hour: Option<String>,
}

/// A number with its label.
#[derive(Debug, Clone)]
pub struct Stat {
    /// Stable id: `epochs`, `loss`, `so-far`.
    pub id: &'static str,
    /// The number or word.
    pub value: String,
    /// What it is.
    pub label: String,
    /// `value` is words, not a number.
    pub words: bool,
}

/// What is uploaded before a machine is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// "Uploading the data of “training”".
    pub what: Name,
    /// "12 MiB of 40 MiB".
    pub says: String,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes in all; at least 1.
    pub total: u64,
    /// Whole percent.
    pub percent: u64,
}

/// How something ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What happened.
    pub what: Text,
    /// What to do.
    pub next: Text,
    /// The log's last lines.
    pub log_end: Vec<Text>,
}

/// A metric in the list: the text that says what the chart shows.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// Its name.
    pub name: Name,
    /// The newest value.
    pub last: String,
    /// The best value and where it was.
    pub best: String,
    /// "falling", "rising", "level", "too few points".
    pub trend: &'static str,
    /// How many points are kept.
    pub points: String,
}

impl Run {
    fn chart_says(&self) -> String {
        let lines: Vec<String> = self
            .metrics
            .iter()
            .take(6)
            .map(|m| {
                // "400, 11 not finite": what a picture marks is said.
                let odd = m.points.split_once(", ").map_or(String::new(), |(_, odd)| format!(", {odd}"));
                format!("{}: last {}, best {}, {}{odd}", m.name, m.last, m.best, m.trend)
            })
            .collect();
        if lines.is_empty() { "No metric has been printed yet.".into() } else { lines.join("; ") }
    }
}
