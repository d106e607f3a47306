//! Runs beside each other: what differs in their hyperparameters, their best values, their curves.

use super::parts::{Name, Tag};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "compare.html")]
pub struct Compare {
    /// The frame.
    pub shell: Shell,
    /// Every run there is, the newest first.
    pub choices: Vec<Choice>,
    /// Those that were chosen, beside each other.
    pub compared: Compared,
}

impl Compare {
    /// Runs have been chosen: the list of all stands back behind what they say.
    fn folded(&self) -> bool {
        self.compared.rows.len() > 1
    }
}

/// A run to choose.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// Its state.
    pub tag: Tag,
    /// When it began.
    pub started: String,
    /// Its hyperparameters in a line.
    pub hyper: Name,
    /// Its best loss.
    pub best: String,
    /// Is it chosen?
    pub chosen: bool,
}

/// The chosen runs beside each other.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "compared.html")]
pub struct Compared {
    /// Hyperparameters that are not the same in all of them.
    pub differ: Vec<Name>,
    /// Metrics of which the best values stand in the table, and which way is better, in words.
    pub metrics: Vec<(Name, &'static str)>,
    /// A row each, the best first.
    pub rows: Vec<Row>,
    /// What is the same in all of them.
    pub same: Vec<(Name, Name)>,
}

/// A chosen run.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// Its state.
    pub tag: Tag,
    /// By [`Compared::differ`].
    pub hyper: Vec<Cell>,
    /// By [`Compared::metrics`].
    pub best: Vec<Cell>,
    /// What it has cost.
    pub cost: String,
    /// How long it took.
    pub took: String,
}

/// A value in the table.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// As shown.
    pub text: Name,
    /// As it sorts and is drawn; empty where it is no number.
    pub value: String,
    /// The best of its column.
    pub best: bool,
}
