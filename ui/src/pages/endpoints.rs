//! Endpoints: all of them, and the form that makes one.

use super::parts::{Field, Name, Price, Tag, Text, Told};
use super::serving::Modes;
use super::shell::Shell;
use super::train::PriceLine;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "endpoints.html")]
pub struct Endpoints {
    /// The frame.
    pub shell: Shell,
    /// Newest first.
    pub rows: Vec<EndpointRow>,
    /// The form.
    pub form: Deploy,
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct EndpointRow {
    /// Its id, which is its name.
    pub id: String,
    /// "This computer · from the run iris".
    pub sub: Name,
    /// Its state.
    pub tag: Tag,
    /// In plain words.
    pub detail: Name,
    /// "1,204, last one 4 minutes ago".
    pub requests: String,
    /// "3.1 ms".
    pub latency: String,
    /// What it costs a day.
    pub a_day: Price,
    /// When it goes home; empty once it has ended.
    pub curfew: String,
    /// Has it ended?
    pub over: bool,
}

/// The form as typed.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "deploy.html")]
pub struct Deploy {
    /// A run's id, or a path.
    pub model: Field,
    /// Runs with a model: id and "iris, completed 12 minutes ago".
    pub runs: Vec<(String, Name)>,
    /// inference.py.
    pub script: Field,
    /// Its name.
    pub name: Field,
    /// The machine.
    pub machine: Field,
    /// The machines to choose from.
    pub machines: Vec<(String, Name)>,
    /// How it serves.
    pub modes: Modes,
    /// The curfew.
    pub curfew: Field,
    /// The policy's default.
    pub curfew_default: String,
    /// What it is for.
    pub project: Field,
    /// The policy's projects.
    pub projects: Vec<Name>,
    /// What must be confirmed before it starts.
    pub cautions: Vec<Caution>,
    /// Can the host choose files?
    pub can_pick: bool,
    /// What is wrong with the whole.
    pub told: Vec<Told>,
    /// The price, where it can be told already.
    pub price: Option<PriceLine>,
}

/// A caution in the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caution {
    /// The code it is confirmed by.
    pub code: Name,
    /// What.
    pub says: Text,
    /// What could happen.
    pub risk: Text,
    /// Must it be confirmed?
    pub ask: bool,
    /// Has it been?
    pub confirmed: bool,
}
