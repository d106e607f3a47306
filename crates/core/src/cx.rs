//! What every call is given: the time, whether to stop, and until when to try.

use crate::error::{Error, ErrorKind, Result};
use crate::say;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the time. The binaries pass the system's clock, tests pass one that they move.
pub trait Clock: Send + Sync {
    /// The instant.
    fn now(&self) -> Timestamp;
    /// The user's time zone, in which "22:00" and "end of day" are meant.
    fn zone(&self) -> TimeZone;
    /// The instant in the user's time zone.
    fn local(&self) -> Zoned {
        self.now().to_zoned(self.zone())
    }
}

/// How far something large has come, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is done: "uploading its data".
    pub what: String,
    /// So much of it.
    pub done: u64,
    /// Of so much.
    pub total: u64,
}

/// "uploading its data: 12 MiB of 40 MiB".
impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} of {}", self.what, say::bytes(self.done), say::bytes(self.total))
    }
}

/// Who is told how far it has come. Called from wherever the work is done, and often; must not wait.
pub type Told = Arc<dyn Fn(&Progress) + Send + Sync>;

/// The context of one call. Cloning shares the cancel flag.
#[derive(Clone)]
pub struct Cx {
    clock: Arc<dyn Clock>,
    cancelled: Arc<AtomicBool>,
    told: Option<Told>,
    /// After this instant nothing is tried again.
    pub deadline: Option<Timestamp>,
}

impl Cx {
    /// A context with no deadline.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, cancelled: Arc::new(AtomicBool::new(false)), told: None, deadline: None }
    }
    /// The same clock, with a deadline and a cancel flag of its own.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        Self { clock: self.clock.clone(), cancelled, told: self.told.clone(), deadline: Some(deadline) }
    }
    /// The same, with one more who is told how far large things have come.
    #[must_use]
    pub fn telling(&self, told: Told) -> Self {
        let before = self.told.clone();
        let both: Told = Arc::new(move |progress| {
            told(progress);
            if let Some(before) = &before {
                before(progress);
            }
        });
        Self { told: Some(both), ..self.clone() }
    }
    /// Tells how far it has come.
    pub fn tell(&self, progress: &Progress) {
        if let Some(told) = &self.told {
            told(progress);
        }
    }
    /// The instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
    /// Asks every call with this context to stop at its next convenient point.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
    /// An error if the call was cancelled or its deadline has passed. Called between steps and before each retry.
    pub fn check(&self, operation: &'static str) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, operation, "this was cancelled"));
        }
        if self.deadline.is_some_and(|d| self.now() > d) {
            return Err(Error::new(ErrorKind::Timeout, operation, "there was no answer in time"));
        }
        Ok(())
    }
}
