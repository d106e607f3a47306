//! Parts of the endpoints' pages: how a model is served, what is measured of it, and an answer that comes later.

use super::endpoint::Answer;
use super::parts::{Field, Name, Spark, Told};
use askama::Template;

/// The choice of how to serve, and what that asks for.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "modes.html")]
pub struct Modes {
    /// What is chosen: what is wrong with it stands beside it.
    pub mode: Field,
    /// The modes: what is sent, what is shown.
    pub modes: Vec<(&'static str, &'static str)>,
    /// What the chosen one is.
    pub says: &'static str,
    /// What it asks for.
    pub fields: Vec<ModeNumber>,
}

/// A number that a mode asks for.
#[derive(Debug, Clone)]
pub struct ModeNumber {
    /// The field's name.
    pub name: &'static str,
    /// "Memory (MB)".
    pub title: String,
    /// What it decides.
    pub hint: &'static str,
    /// What holds where nothing is typed.
    pub usual: String,
    /// As typed.
    pub field: Field,
}

/// What is measured of an endpoint.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "figures.html")]
pub struct Figures {
    /// Where it is read again.
    pub href: String,
    /// "as of 19:12, from 16:12 on, a point for each minute".
    pub about: String,
    /// The figures.
    pub rows: Vec<FigureRow>,
    /// Why there are none: in one sentence.
    pub none: String,
    /// What could not be read.
    pub told: Vec<Told>,
}

/// One figure.
#[derive(Debug, Clone)]
pub struct FigureRow {
    /// Its name in tests and ids.
    pub name: Name,
    /// "Median latency".
    pub title: Name,
    /// "12.4 ms"; a dash where there is none.
    pub value: String,
    /// "newest", or why there is no number.
    pub of: Name,
    /// Its course; nothing to draw where there are fewer than two points.
    pub spark: Option<Spark>,
}

/// An answer that comes later: waited for, there, or gone wrong.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "answer_later.html")]
pub struct Later {
    /// Where it is asked for again.
    pub href: String,
    /// Where it will lie.
    pub place: Name,
    /// It is there.
    pub answer: Option<Answer>,
    /// What went wrong.
    pub told: Vec<Told>,
}
