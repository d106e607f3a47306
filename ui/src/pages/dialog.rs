//! What stands in the dialog: one question, its consequences, its answer.

use super::parts::{Field, Name, Text, Told};
use askama::Template;

/// A question before something is done.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "confirm.html")]
pub struct Confirm {
    /// "Stop “iris”?"
    pub title: Name,
    /// What it does and what it means for the bill.
    pub says: Vec<Text>,
    /// Where the answer goes.
    pub post: String,
    /// Sent along.
    pub hidden: Vec<(&'static str, Name)>,
    /// A text to type, where one is needed.
    pub ask: Option<Asked>,
    /// A choice that changes what is asked: the dialog is fetched again with it.
    pub tick: Option<Tick>,
    /// The button that does it.
    pub does: &'static str,
    /// The button that does nothing.
    pub leaves: &'static str,
    /// It ends or removes something.
    pub ends: bool,
    /// What went wrong at the last try.
    pub told: Vec<Told>,
}

/// A choice in a dialog.
#[derive(Debug, Clone, Default)]
pub struct Tick {
    /// Its name in the address.
    pub id: &'static str,
    /// "Delete its files too".
    pub label: String,
    /// It is chosen.
    pub on: bool,
    /// Where the dialog comes from.
    pub href: String,
}

/// A text in a dialog.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Its name in the form.
    pub id: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Under it.
    pub hint: String,
    /// As typed.
    pub field: Field,
    /// To choose from.
    pub choices: Vec<&'static str>,
}
