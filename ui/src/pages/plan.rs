//! A frozen removal plan: each step before it is run, each outcome after.

use super::parts::{Name, Price, Tag, Text, Told};
use super::shell::Shell;
use super::today::GapLine;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "plan.html")]
pub struct Plan {
    /// The frame.
    pub shell: Shell,
    /// Its id.
    pub id: String,
    /// "frozen 21:14, 3 things".
    pub sub: String,
    /// In the order in which they run.
    pub items: Vec<PlanLine>,
    /// What could not be read when it was made.
    pub gaps: Vec<GapLine>,
    /// "It saves $14.16 a day and frees 3.2 GiB."
    pub saves: String,
    /// Has it been run?
    pub ran: bool,
    /// "2 removed, 1 skipped" once it has been run.
    pub result: String,
    /// What went wrong with the whole.
    pub told: Vec<Told>,
}

/// An item of the plan.
#[derive(Debug, Clone)]
pub struct PlanLine {
    /// Its name.
    pub name: Name,
    /// "endpoint · This computer".
    pub what: Name,
    /// The verdict when it was frozen.
    pub tag: Tag,
    /// It was at work when the plan was made.
    pub at_work: bool,
    /// Why.
    pub why: Vec<Text>,
    /// What is done, in order, and whether it can be undone.
    pub steps: Vec<(Text, bool)>,
    /// What ending it saves a day.
    pub a_day: Price,
    /// Disk it frees.
    pub frees: String,
    /// What came of it.
    pub outcome: Option<PlanOutcome>,
}

/// What came of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOutcome {
    /// "removed", "skipped".
    pub tag: Tag,
    /// Why, where there is something to say.
    pub why: Text,
}
