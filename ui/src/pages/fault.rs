//! An error as a page, and as a fragment where only a part of a page was asked for.

use super::parts::Told;
use super::shell::Shell;
use askama::Template;

/// A page that could not be shown.
#[derive(Debug, Clone, Template)]
#[template(path = "fault.html")]
pub struct Fault {
    /// The frame.
    pub shell: Shell,
    /// "There is no such page".
    pub title: String,
    /// Why.
    pub told: Told,
}

/// The four sentences alone.
#[derive(Debug, Clone, Template)]
#[template(path = "told.html")]
pub struct Notice {
    /// Why.
    pub told: Told,
}
