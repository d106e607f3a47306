//! What every call is given: the time, whether to stop, and until when to try.

use crate::error::{Error, ErrorKind, Result};
use jiff::{Timestamp, Zoned, tz::TimeZone};
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

/// The context of one call. Cloning shares the cancel flag.
#[derive(Clone)]
pub struct Cx {
    clock: Arc<dyn Clock>,
    cancelled: Arc<AtomicBool>,
    /// After this instant nothing is tried again.
    pub deadline: Option<Timestamp>,
}

impl Cx {
    /// A context with no deadline.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, cancelled: Arc::new(AtomicBool::new(false)), deadline: None }
    }
    /// The same clock, with a deadline and a cancel flag of its own.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Self {
        Self { clock: self.clock.clone(), cancelled: Arc::new(AtomicBool::new(false)), deadline: Some(deadline) }
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
