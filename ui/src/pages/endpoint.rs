//! An endpoint: how it stands, try it, who asks it, what it costs.

use super::parts::{Field, Name, Tag, Told};
use super::run::{Failed, Stat};
use super::serving::Later;
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "endpoint.html")]
pub struct Endpoint {
    /// The frame.
    pub shell: Shell,
    /// Its id, which is its name.
    pub id: String,
    /// Its state.
    pub tag: Tag,
    /// "This computer".
    pub place: Name,
    /// "made 19:12 by lab-03".
    pub made: Name,
    /// What it does just now, or why it ended.
    pub detail: Name,
    /// The numbers in a row.
    pub stats: Vec<Stat>,
    /// How it ended badly.
    pub failure: Option<Failed>,
    /// What could not be read.
    pub told: Vec<Told>,
    /// Are there figures to read?
    pub measures: bool,
    /// Does it answer?
    pub answers: bool,
    /// Has it ended?
    pub over: bool,
    /// The form to try it.
    pub ask: Ask,
    /// What was asked for, and what it serves with.
    pub facts: Vec<(&'static str, Name)>,
    /// Where it answers: address, and whether the host opens it.
    pub url: Option<Name>,
}

/// The form to try it, and the answer.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "ask.html")]
pub struct Ask {
    /// The endpoint.
    pub id: String,
    /// `csv`, `json` or `numbers`.
    pub kind: String,
    /// What is sent as CSV or JSON.
    pub body: Field,
    /// What is sent as numbers.
    pub numbers: Vec<String>,
    /// What is wrong with the numbers.
    pub numbers_wrong: String,
    /// The answer.
    pub answer: Option<Answer>,
    /// An answer that comes later.
    pub later: Option<Later>,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// A model's answer as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The body, laid out where it is JSON; cut where it is long.
    pub text: String,
    /// "application/json, 212 B, 3 ms".
    pub about: String,
}
