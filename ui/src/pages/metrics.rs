//! What the user says of a run's metrics: other names, what to leave out, what to look for.

use super::parts::{Field, Name, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "metrics.html")]
pub struct Metrics {
    /// The frame.
    pub shell: Shell,
    /// The form.
    pub form: Form,
    /// The lines that match.
    pub lines: Lines,
}

/// The form, as typed.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "metrics_form.html")]
pub struct Form {
    /// The run.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// The script folder, in which this is kept.
    pub dir: Name,
    /// Metrics as printed.
    pub found: Vec<Found>,
    /// How many more there are than are listed.
    pub left: usize,
    /// Name and expression, at least one row.
    pub define: Vec<(String, String)>,
    /// What is wrong with the expressions.
    pub wrong: Field,
    /// Are metrics also recognised by themselves, where some are defined?
    pub recognise: bool,
    /// What could not be done.
    pub told: Vec<Told>,
    /// What has been done.
    pub done: Option<Text>,
}

/// A metric as printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// As printed, encoded for the form.
    pub token: String,
    /// As printed, to read.
    pub printed: Name,
    /// What it is to be called; empty for as printed.
    pub rename: String,
    /// Is it left out?
    pub hidden: bool,
}

/// The lines that match, the newest first.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "metrics_lines.html")]
pub struct Lines {
    /// The run.
    pub id: String,
    /// How many lines match.
    pub count: usize,
    /// Some of them: the line, and what is found in it.
    pub lines: Vec<(Text, Vec<(Name, String)>)>,
    /// Why there are none.
    pub wrong: String,
}
