//! Who holds a journal entry: a process, known by pid, start time and boot id together, since pids are used again.

use serde::{Deserialize, Serialize};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pid: u32,
    start: Option<u64>,
    boot: Option<String>,
}

impl Owner {
    /// This process.
    pub(crate) fn me() -> Self {
        let pid = std::process::id();
        Self { pid, start: start_time(pid), boot: boot_id() }
    }
    /// A process that has ended, for tests of what is left behind.
    #[cfg(test)]
    pub(crate) fn long_gone() -> Self {
        Self { boot: Some("an earlier boot".into()), ..Self::me() }
    }
    /// Does it still live? Where the system does not tell (neither Linux nor readable), it is taken as alive, so that
    /// nobody resumes what another process may still be doing.
    pub(crate) fn is_alive(&self) -> bool {
        if self.boot != boot_id() {
            return false;
        }
        match (self.start, start_time(self.pid)) {
            (Some(then), now) => now == Some(then),
            (None, _) => true,
        }
    }
}

fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|s| s.trim().to_owned())
}

/// Field 22 of /proc/PID/stat (proc(5)), counted from behind the command's closing bracket, which may hold anything.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    // A zombie has ended; only its parent has not looked yet.
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_pid() {
        let me = Owner::me();
        assert!(me.is_alive());
        assert!(!Owner { start: Some(1), ..me.clone() }.is_alive());
        assert!(!Owner { boot: Some("another".into()), ..me.clone() }.is_alive());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = Owner { pid: child.id(), start: start_time(child.id()).or(Some(7)), ..me };
        child.wait().unwrap();
        assert!(!ended.is_alive());
    }
}
