//! Whether a curfew has come, on a clock that may be set or jump, and through a suspend.

use curfew_core::Timestamp;
use jiff::SignedDuration;
use std::time::Duration;

/// A jump of the clock past a curfew must hold so long before it counts, since ending cannot be undone.
const SETTLE: Duration = Duration::from_secs(10);

/// A curfew that is being held.
///
/// It has come when as much time has passed as there was when it was set (clock set back: a run never gets longer than
/// agreed), or when the clock shows it (clock set forward: "22:00" means what the clock says), whichever is first.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    at: Timestamp,
    /// When it was set: by the wall clock, and by the clock that counts suspends and is never set.
    set: (Timestamp, Duration),
    ahead_since: Option<Duration>,
}

impl Due {
    pub(crate) fn new(at: Timestamp, wall: Timestamp, boot: Duration) -> Self {
        Self { at, set: (wall, boot), ahead_since: None }
    }
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }
    /// Has it come?
    pub(crate) fn has_come(&mut self, wall: Timestamp, boot: Duration) -> bool {
        let passed = SignedDuration::try_from(boot.saturating_sub(self.set.1)).unwrap_or(SignedDuration::MAX);
        if passed >= self.at.duration_since(self.set.0) {
            return true;
        }
        if wall < self.at {
            self.ahead_since = None;
            return false;
        }
        let since = *self.ahead_since.get_or_insert(boot);
        boot.saturating_sub(since) >= SETTLE
    }
    /// How long one may sleep before looking again.
    pub(crate) fn wait(&self, wall: Timestamp) -> Duration {
        Duration::try_from(self.at.duration_since(wall)).unwrap_or(Duration::from_millis(200))
    }
}

/// Time since boot, suspends counted, never set.
pub(crate) fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curfew one hour away; then looks (seconds on the wall clock, seconds passed) and when it came.
    fn check(looks: &[(i64, u64)], expect: Option<usize>) {
        let wall = |s: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000_000 + s);
        let mut due = Due::new(wall(3600), wall(0), Duration::from_secs(50));
        let came = looks.iter().position(|&(w, b)| due.has_come(wall(w), Duration::from_secs(50 + b)));
        assert_eq!(came, expect, "{looks:?}");
    }

    #[test]
    fn clocks() {
        check(&[(0, 0), (3599, 3599), (3600, 3600)], Some(2));
        // Suspended for two hours.
        check(&[(10, 10), (7210, 7210)], Some(1));
        // Set back a day after ten minutes: an hour is an hour.
        check(&[(600, 600), (-85_800, 601), (-82_801, 3599), (-82_800, 3600)], Some(3));
        // Jumps ahead for a moment and returns: not ended.
        check(&[(10, 10), (90_000, 11), (12, 12), (90_000, 13), (23, 23), (3600, 3600)], Some(5));
        // Set forward for good.
        check(&[(10, 10), (4000, 11), (4009, 20), (4010, 21)], Some(3));
    }
}
