//! The process table. A process is known by pid, start time and boot together, since pids are used again.
//!
//! Linux only: everything is read from /proc.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::{fs, io};

/// One process, for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// As the kernel numbers it.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
    /// Which boot.
    pub boot: String,
}

/// What is known of a process from /proc/PID/stat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub pid: i32,
    pub parent: i32,
    pub session: i32,
    /// Ended, and not yet waited for.
    pub zombie: bool,
    pub start: u64,
    /// Processor time, that of children that were waited for included, in clock ticks.
    pub ticks: u64,
    pub name: String,
}

/// Names the boot: changes at each.
pub(crate) fn boot_id() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| "unknown".into(), |s| s.trim().into())
    })
}

impl ProcessId {
    /// This process.
    pub(crate) fn own() -> io::Result<Self> {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        Self::of(pid)?.ok_or_else(|| io::Error::other("this process is not in /proc"))
    }
    /// The process that has `pid` now, if any.
    pub(crate) fn of(pid: i32) -> io::Result<Option<Self>> {
        Ok(stat(pid)?.map(|s| s.id()))
    }
    /// Does it still run? One that has ended and waits to be collected does not.
    pub(crate) fn is_alive(&self) -> bool {
        self.boot == boot_id() && stat(self.pid).ok().flatten().is_some_and(|s| s.start == self.start && !s.zombie)
    }
    /// Sends a signal to it and to no other that has its pid by now. `false`: it is gone.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(false) };
        // The descriptor holds the process, so what is checked is what gets the signal.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        if !self.is_alive() {
            return Ok(false);
        }
        match pidfd_send_signal(handle, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

impl Stat {
    pub(crate) fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid, start: self.start, boot: boot_id().into() }
    }
}

/// Reads one process; `None` where there is none.
pub(crate) fn stat(pid: i32) -> io::Result<Option<Stat>> {
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(bytes) => Ok(parse_stat(&bytes)),
        // ESRCH: it ended while its file was open.
        Err(e) if e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(3) => Ok(None),
        Err(e) => Err(e),
    }
}

/// `pid (name) state ppid pgrp session …`, start time at 22. The name may hold anything, ")" and spaces too.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(bytes);
    let (head, rest) = text.rsplit_once(')')?;
    let (pid, name) = head.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |i: usize| fields.get(i)?.parse::<i32>().ok();
    Some(Stat {
        pid: pid.trim().parse().ok()?,
        name: name.into(),
        zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        parent: number(1)?,
        session: number(3)?,
        start: fields.get(19)?.parse().ok()?,
        ticks: (11..=14).filter_map(|i| fields.get(i)?.parse::<u64>().ok()).sum(),
    })
}

/// Clock ticks since boot, in which start times are told.
pub(crate) fn ticks_since_boot() -> Option<u64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let ticks = rustix::param::clock_ticks_per_second();
    Some(seconds.parse::<u64>().ok()? * ticks + hundredths.parse::<u64>().ok()? * ticks / 100)
}

/// Every process, sorted by pid. Those that end while this reads are left out.
pub(crate) fn all() -> io::Result<Vec<Stat>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        if let Some(pid) = entry?.file_name().to_str().and_then(|n| n.parse().ok()) {
            found.extend(stat(pid)?);
        }
    }
    found.sort_by_key(|s| s.pid);
    Ok(found)
}

/// Everything below `root`, itself not included, parents before children, those that wait to be collected left out.
pub(crate) fn descendants(root: i32) -> io::Result<Vec<Stat>> {
    let mut children: BTreeMap<i32, Vec<Stat>> = BTreeMap::new();
    for stat in all()? {
        children.entry(stat.parent).or_default().push(stat);
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        for stat in children.remove(&pid).unwrap_or_default() {
            next.push(stat.pid);
            if !stat.zombie {
                found.push(stat);
            }
        }
    }
    Ok(found)
}

/// Variables of a process, as it was started with. `None` where this user may not read them or it is gone.
pub(crate) fn environment(pid: i32) -> Option<Vec<(String, String)>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let pairs = bytes.split(|&b| b == 0).filter_map(|pair| {
        let text = String::from_utf8_lossy(pair);
        text.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))
    });
    Some(pairs.collect())
}

/// Resident memory in bytes.
pub(crate) fn resident_bytes(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_that_try_to_confuse() {
        let line = b"42 (a) R 1 (x)) S 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5555 0 0";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.pid, stat.parent, stat.session, stat.start, stat.zombie), (42, 7, 9, 5555, false));
        assert_eq!((stat.name.as_str(), stat.ticks), ("a) R 1 (x)", 0));
        assert_eq!(parse_stat(b"nonsense"), None);
    }

    #[test]
    fn a_process_that_ended_is_not_alive_even_before_it_is_collected() {
        assert!(ProcessId::own().unwrap().is_alive());
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let id = ProcessId::of(i32::try_from(child.id()).unwrap()).unwrap().unwrap();
        assert!(id.is_alive());
        assert!(!ProcessId { start: id.start + 1, ..id.clone() }.is_alive(), "another process with its pid");
        assert!(!ProcessId { boot: "another".into(), ..id.clone() }.is_alive());
        assert!(id.signal(Signal::KILL).unwrap());
        while id.is_alive() {
            std::thread::yield_now();
        }
        assert!(!id.signal(Signal::KILL).unwrap());
        child.wait().unwrap();
    }
}
