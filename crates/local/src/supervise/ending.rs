//! Ends processes: first asked, then killed, until none is left.

use super::below_us;
use crate::process;
use rustix::process::Signal;
use std::io;
use std::time::Duration;

/// The ending of everything below the supervisor after the script itself has ended.
pub(crate) struct Leftovers {
    grace: Duration,
    give_up: Duration,
    asked: Option<Duration>,
    killed: Option<Duration>,
}

impl Leftovers {
    pub(crate) fn new(grace: Duration, give_up: Duration) -> Self {
        Self { grace, give_up, asked: None, killed: None }
    }

    /// One round at `now`. `true`: nothing is left, or nothing more can be done. `script_asked`: when the script was
    /// asked to end, if it was; its grace time is theirs too.
    pub(crate) fn end(&mut self, now: Duration, script_asked: Option<Duration>) -> io::Result<bool> {
        let left = below_us()?;
        if left.is_empty() {
            return Ok(true);
        }
        if self.killed.is_some_and(|k| now.saturating_sub(k) >= self.give_up) {
            let names: Vec<String> = left.iter().map(|s| format!("{} ({})", s.pid, s.name)).collect();
            eprintln!("{} cannot be ended: {}", curfew_core::Timestamp::now(), names.join(", "));
            return Ok(true);
        }
        let asked = if let Some(asked) = self.asked {
            asked
        } else {
            send(&left, Signal::TERM);
            *self.asked.insert(script_asked.unwrap_or(now))
        };
        if now.saturating_sub(asked) >= self.grace {
            self.kill(now)?;
        }
        Ok(false)
    }

    /// Kills everything below the supervisor.
    pub(crate) fn kill(&mut self, now: Duration) -> io::Result<()> {
        self.killed.get_or_insert(now);
        send(&below_us()?, Signal::KILL);
        Ok(())
    }
}

/// One that may not be signalled (it runs as another user) must not keep the others from it.
fn send(to: &[process::Stat], signal: Signal) {
    for stat in to {
        if let Err(e) = stat.id().signal(signal) {
            eprintln!("{} {} ({}) cannot be signalled: {e}", curfew_core::Timestamp::now(), stat.pid, stat.name);
        }
    }
}

/// Kills everything below `root`, again and again while new ones appear. Does not collect them.
pub(crate) fn kill_all_below(root: i32) -> io::Result<()> {
    for _ in 0..100 {
        let left = process::descendants(root)?;
        if left.is_empty() {
            return Ok(());
        }
        send(&left, Signal::KILL);
    }
    Ok(())
}
