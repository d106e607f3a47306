//! Sweep: everything that is there, judged, with evidence; and what could not be read.

use super::parts::{Name, Price, Tag, Text, Told};
use super::shell::Shell;
use super::today::GapLine;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "sweep.html")]
pub struct Sweep {
    /// The frame.
    pub shell: Shell,
    /// "2 things look forgotten, $14.16 a day" or what else there is to say.
    pub sub: String,
    /// "read 3 minutes ago"; empty before the first sweep.
    pub read_at: String,
    /// What was read.
    pub read: Vec<Text>,
    /// What could not be read.
    pub gaps: Vec<GapLine>,
    /// Worst first, then dearest.
    pub rows: Vec<SweepLine>,
    /// What went wrong with the whole.
    pub told: Vec<Told>,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub struct SweepLine {
    /// The resource's key.
    pub key: String,
    /// An id for the page's elements.
    pub slug: String,
    /// Its name.
    pub name: Name,
    /// "virtual environment · This computer · made 3 days ago by lab-03".
    pub sub: Name,
    /// What we think.
    pub tag: Tag,
    /// Why.
    pub why: Vec<Text>,
    /// The provider's word for its state.
    pub state: Name,
    /// "1.2 GiB", "ml.m5.xlarge × 1".
    pub size: Name,
    /// What it costs a day.
    pub a_day: Price,
    /// What it has cost.
    pub so_far: Price,
    /// "home 22:05", "kept until 3 Dec", or nothing.
    pub ends: String,
    /// It is kept.
    pub kept: bool,
}

impl Sweep {
    /// The verdicts to filter by.
    fn verdicts() -> [&'static str; 5] {
        use curfew_core::verdict::Verdict as V;
        [V::Forgotten, V::Probably, V::NotJudged, V::Fine, V::Kept].map(V::word)
    }
}
