//! Labs: guided labs, lab sessions, and the end of one.

use super::parts::{Field, Name, Price, Text, Told};
use super::shell::Shell;
use super::today::GapLine;
use askama::Template;

/// The page of all labs.
#[derive(Debug, Clone, Template)]
#[template(path = "labs.html")]
pub struct Labs {
    /// The frame.
    pub shell: Shell,
    /// The guided labs.
    pub guided: Vec<GuidedCard>,
    /// The name for a new session.
    pub name: Field,
    /// The session that is on.
    pub on: Option<SessionRow>,
    /// Those that are over, newest first.
    pub past: Vec<SessionRow>,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// A guided lab to choose.
#[derive(Debug, Clone)]
pub struct GuidedCard {
    /// Its id.
    pub id: Name,
    /// Its title.
    pub title: Name,
    /// In one sentence.
    pub summary: Text,
    /// How long it takes.
    pub minutes: u32,
}

/// A session in a list.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// "since 18:02".
    pub when: String,
    /// What its last check said.
    pub says: Name,
    /// The check said all clean.
    pub clean: bool,
}

/// A guided lab, step by step.
#[derive(Debug, Clone, Template)]
#[template(path = "guided.html")]
pub struct Guided {
    /// The frame.
    pub shell: Shell,
    /// Its id.
    pub id: Name,
    /// Its title.
    pub title: Name,
    /// In one sentence.
    pub summary: Text,
    /// In order.
    pub steps: Vec<Step>,
    /// Another session is on: its name.
    pub other: Option<Name>,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Done.
    Done,
    /// Going on by itself: wait.
    Going,
    /// To do now.
    Now,
    /// Not yet.
    Later,
}

impl Progress {
    fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Going | Self::Now => "now",
            Self::Later => "later",
        }
    }
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Going => "going on",
            Self::Now => "next",
            Self::Later => "later",
        }
    }
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does: `start`, `train`, `deploy`, `predict`, `sweep`, `end`.
    pub verb: Name,
    /// Its title.
    pub title: Name,
    /// What happens, in plain words.
    pub text: Text,
    /// How far it is.
    pub progress: Progress,
    /// How it stands: "epoch 31 of 60, loss 0.41".
    pub says: Name,
    /// Where it can be looked at: address and words.
    pub look: Option<(String, &'static str)>,
    /// The button; empty for none.
    pub button: &'static str,
}

/// What the model said in the predict step.
#[derive(Debug, Clone, Template)]
#[template(path = "lab_answer.html")]
pub struct LabAnswer {
    /// "setosa".
    pub answer: Name,
    /// It is what was expected.
    pub right: bool,
    /// What was asked.
    pub asked: Name,
    /// The whole answer.
    pub whole: Text,
}

/// A session's end: what is still there, what it costs, one button, the proof.
#[derive(Debug, Clone, Template)]
#[template(path = "session.html")]
pub struct Session {
    /// The frame.
    pub shell: Shell,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// "on since 18:02", "ended 19:12".
    pub when: String,
    /// Is it still on?
    pub on: bool,
    /// The last check.
    pub report: Option<Report>,
    /// What came of ending things just now.
    pub outcomes: Vec<(Name, super::parts::Tag, Text)>,
    /// Can the host save files? Where not, they are downloads.
    pub can_save: bool,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Report {
    /// "All clean: $0.00 an hour still running".
    pub headline: String,
    /// It may be called clean.
    pub clean: bool,
    /// Something is left.
    pub left_any: bool,
    /// When it was checked.
    pub checked: String,
    /// By whom.
    pub by: Name,
    /// What is still there.
    pub left: Vec<Left>,
    /// What was started.
    pub started: Vec<StartedLine>,
    /// What could not be read.
    pub gaps: Vec<GapLine>,
    /// What was read.
    pub read: Vec<Text>,
    /// What the session has cost.
    pub spent: Price,
}

/// Something that is still there.
#[derive(Debug, Clone)]
pub struct Left {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub what: Name,
    /// By the hour.
    pub hour: Price,
    /// What ends it, in order.
    pub steps: Vec<Name>,
    /// It is at work.
    pub at_work: bool,
}

/// Something that the session started.
#[derive(Debug, Clone)]
pub struct StartedLine {
    /// "training run".
    pub what: Name,
    /// Its name.
    pub name: Name,
    /// Where.
    pub place: Name,
    /// When.
    pub at: String,
    /// Its state at the check.
    pub state: Name,
    /// What it has cost.
    pub cost: Price,
}
