//! Today: the money now, what needs you, tonight's curfews, what trains.

use super::parts::{Name, Night, Price, Spark, Tag, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "today.html")]
pub struct Today {
    /// The frame.
    pub shell: Shell,
    /// "Friday evening".
    pub headline: String,
    /// "2 endpoints look forgotten. Everything else has a curfew."
    pub sub: String,
    /// What could not be shown at all.
    pub told: Vec<Told>,
    /// Accounts whose keys are over or end soon.
    pub keys: Vec<KeysLine>,
    /// Dearest first.
    pub needs: Vec<Finding>,
    /// "$14.16 a day for nobody".
    pub needs_sum: String,
    /// What could not be read, and so may hide something that bills.
    pub gaps: Vec<GapLine>,
    /// Tonight.
    pub night: Night,
    /// What trains now.
    pub training: Vec<TrainingNow>,
    /// Spend by day, where there is any.
    pub month: Option<Month>,
    /// Nothing has ever been started here.
    pub first_time: bool,
    /// Everything has been read at least once.
    pub swept: bool,
}

/// Something that needs the user.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The resource's key, for the forms.
    pub key: String,
    /// An id for the page's elements: letters, digits and hyphens.
    pub slug: String,
    /// Its name.
    pub name: Name,
    /// "SageMaker endpoint · eu-west-1".
    pub what: Name,
    /// "forgotten".
    pub tag: Tag,
    /// The strongest reason.
    pub why: Text,
    /// All reasons.
    pub all_why: Vec<Text>,
    /// What it costs in a day.
    pub a_day: Price,
    /// What it has cost.
    pub so_far: Price,
    /// It is probably, not surely, forgotten.
    pub maybe: bool,
}

/// An account's keys, where there is something to know of them.
#[derive(Debug, Clone)]
pub struct KeysLine {
    /// "AWS · vision-lab".
    pub title: Name,
    /// "keys 2 h 05 m left, until 16:25".
    pub says: Text,
    /// They are over, or refused, or not there.
    pub bad: bool,
}

/// Something that could not be read.
#[derive(Debug, Clone)]
pub struct GapLine {
    /// "SageMaker endpoints · eu-west-1 · 123456789012".
    pub what: Name,
    /// Why.
    pub reason: Text,
}

/// A run that goes on.
#[derive(Debug, Clone)]
pub struct TrainingNow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// "epoch 31 of 60 · loss 0.412 · $1.88 so far, about $3.70 to finish at 21:40".
    pub line: String,
    /// Its loss.
    pub spark: Spark,
}

/// Spend by day.
#[derive(Debug, Clone)]
pub struct Month {
    /// "$612 so far".
    pub title: String,
    /// Billed or estimated, by cloud.
    pub tags: Vec<String>,
    /// A bar for each day.
    pub days: Vec<DayBar>,
    /// The whole picture in a sentence.
    pub says: String,
}

/// One day's bar.
#[derive(Debug, Clone)]
pub struct DayBar {
    /// Day of the month.
    pub day: i8,
    /// 0 to 1 of the highest day.
    pub height: f64,
    /// Not billed yet.
    pub estimated: bool,
}

impl DayBar {
    fn x(&self) -> i32 {
        (i32::from(self.day) - 1) * 36 + 4
    }
    fn middle(&self) -> i32 {
        self.x() + 13
    }
    fn tall(&self) -> String {
        format!("{:.1}", self.height.clamp(0.0, 1.0) * 92.0)
    }
    fn top(&self) -> String {
        format!("{:.1}", 104.0 - self.height.clamp(0.0, 1.0) * 92.0)
    }
}
