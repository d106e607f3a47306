//! The system's clock and time zone. Only the binaries pass it in; tests pass a clock that they move.

use curfew_core::Clock;
use jiff::{Timestamp, tz::TimeZone};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }
}
