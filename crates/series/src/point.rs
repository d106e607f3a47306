use serde::{Deserialize, Serialize};

/// One value of one metric, as read from a log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// The metric's name as printed, words joined by one space.
    pub metric: &'a str,
    /// The process of a distributed run that printed it, where the log tells.
    pub rank: Option<u32>,
    /// The step over the whole run: where a log counts anew in each epoch, the epochs before are added.
    pub step: Option<u64>,
    /// The epoch as printed; with a progress bar, the part of the epoch done is added.
    pub epoch: Option<f64>,
    /// When the line arrived, in milliseconds since 1970 (UTC).
    pub time_ms: i64,
    /// The value, NaN and infinities included.
    pub value: f64,
}

/// How far a run has come, as far as its log tells.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch last seen, with the part of it that is done where known.
    pub epoch: Option<f64>,
    /// How many epochs there will be.
    pub epochs_total: Option<u64>,
    /// The step last seen, over the whole run.
    pub step: Option<u64>,
    /// How many steps there will be, over the whole run.
    pub steps_total: Option<u64>,
}

/// What is drawn from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Steps; points that carry none are numbered 0, 1, 2…
    #[default]
    Step,
    /// Epochs; points that carry none are numbered 0, 1, 2…
    Epoch,
    /// Milliseconds since 1970 (UTC).
    Time,
    /// Seconds since the first point of the run.
    Relative,
}
