//! Dialogs that hand something out: a figure, an export.

use super::parts::{Name, Text, Told};
use askama::Template;

/// "Save figure…".
#[derive(Debug, Clone, Default, Template)]
#[template(path = "figure.html")]
pub struct SaveFigure {
    /// Where it is drawn, root-relative: of a run, or of runs that are compared.
    pub at: String,
    /// Does the host ask where to save? Where not, it is a download.
    pub can_save: bool,
    /// How the chart stands, as an encoded form: names from outside go through it unharmed.
    pub state: String,
    /// What will be drawn, in words.
    pub says: Text,
    /// What went wrong at the last try.
    pub told: Vec<Told>,
}

/// "Export…".
#[derive(Debug, Clone, Default, Template)]
#[template(path = "export.html")]
pub struct Export {
    /// The run.
    pub id: String,
    /// Does the host ask where to save? Where not, they are downloads.
    pub can_save: bool,
    /// How many points, in words.
    pub says: Text,
    /// What went wrong at the last try.
    pub told: Vec<Told>,
}

/// A file has been written, or the user thought better of it.
#[derive(Debug, Clone, Template)]
#[template(path = "saved.html")]
pub struct Saved {
    /// Where it lies.
    pub path: Option<Name>,
}
