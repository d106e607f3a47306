//! The folder of a run or an endpoint: what lies where in it, and who writes what.
//!
//! | file | written by | holds |
//! |---|---|---|
//! | `spec.json` | the launch, once | what was asked for |
//! | `orders.json` | the launch, once | how the supervisor is to do it |
//! | `supervisor.json` | the supervisor, once | who it is; of two supervisors, one gets to write it |
//! | `state.json` | the supervisor | how things stand |
//! | `stop.json` | whoever asks first | that it should end, and why |
//! | `curfew.json` | whoever asks last | its curfew, where it has been moved |
//! | `log` | the script itself | standard output and error, raw |
//! | `supervisor.log` | the supervisor | its own troubles |

use crate::files::{read_json, write_atomic, write_json, write_once};
use crate::process::ProcessId;
use curfew_core::run::Failure;
use curfew_core::{Error, ErrorKind, Result, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of a run or an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    /// "the run x", for errors.
    what: String,
}

/// How things stand, as its supervisor last wrote. `S` is a `RunState` or an `EndpointState`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record<S> {
    pub state: S,
    #[serde(default)]
    pub detail: Option<String>,
    #[serde(default)]
    pub failure: Option<Failure>,
    #[serde(default)]
    pub ended_by: Option<String>,
    #[serde(default)]
    pub started: Option<Timestamp>,
    #[serde(default)]
    pub ended: Option<Timestamp>,
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The script or server.
    #[serde(default)]
    pub child: Option<ProcessId>,
    /// Where in the log the script's own output begins, after that of installing.
    #[serde(default)]
    pub log_begins: u64,
    /// A part of the log that was given back to the disk because the log grew too long: from, to, in bytes.
    #[serde(default)]
    pub log_cut: Option<(u64, u64)>,
    /// Relative to the folder.
    #[serde(default)]
    pub model: Option<String>,
    /// Key of the virtual environment in use.
    #[serde(default)]
    pub venv: Option<String>,
    /// Interpreter and frameworks: ("python", "3.11.7").
    #[serde(default)]
    pub versions: Vec<(String, String)>,
    /// The curfew that the supervisor holds.
    #[serde(default)]
    pub curfew: Option<Timestamp>,
}

impl<S> Record<S> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            state,
            detail: None,
            failure: None,
            ended_by: None,
            started: None,
            ended: None,
            exit_code: None,
            child: None,
            log_begins: 0,
            log_cut: None,
            model: None,
            venv: None,
            versions: Vec::new(),
            curfew: None,
        }
    }
}

/// Who supervises.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Supervisor {
    pub process: ProcessId,
    /// The computer: a home on a network file system is seen by several.
    pub host: String,
    pub began: Timestamp,
}

/// That it should end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StopRequest {
    pub why: String,
    pub at: Timestamp,
}

/// A curfew that was moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CurfewRequest {
    pub at: Timestamp,
}

/// Is its supervisor there?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// No supervisor has begun.
    NotBegun,
    /// It lives, here.
    Alive,
    /// It died, or the computer was started again.
    Dead,
    /// It belongs to another computer, which cannot be seen from here, and was heard of a short while ago.
    Elsewhere(String),
}

impl Folder {
    pub(crate) fn run(path: PathBuf) -> Self {
        let what = format!("the run {}", name_of(&path));
        Self { path, what }
    }
    pub(crate) fn endpoint(path: PathBuf) -> Self {
        let what = format!("the endpoint {}", name_of(&path));
        Self { path, what }
    }
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    pub(crate) fn what(&self) -> &str {
        &self.what
    }
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.join("log")
    }
    pub(crate) fn exists(&self) -> bool {
        self.join("spec.json").exists()
    }

    fn part(&self, part: &str) -> String {
        format!("the {part} of {}", self.what)
    }
    pub(crate) fn spec<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read_json(&self.join("spec.json"), &self.part("spec"))
    }
    pub(crate) fn orders<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read_json(&self.join("orders.json"), &self.part("orders"))
    }
    pub(crate) fn record<S: DeserializeOwned>(&self) -> Result<Option<Record<S>>> {
        read_json(&self.join("state.json"), &self.part("state"))
    }
    pub(crate) fn supervisor(&self) -> Result<Option<Supervisor>> {
        read_json(&self.join("supervisor.json"), &self.part("supervisor"))
    }
    pub(crate) fn stop_request(&self) -> Result<Option<StopRequest>> {
        read_json(&self.join("stop.json"), &self.part("stop request"))
    }
    pub(crate) fn curfew_request(&self) -> Result<Option<CurfewRequest>> {
        read_json(&self.join("curfew.json"), &self.part("moved curfew"))
    }

    /// Keeps room for a last state, so that "the disk is full" can still be written on a full disk.
    pub(crate) fn keep_spare(&self) -> io::Result<()> {
        write_atomic(&self.join(SPARE), &vec![b' '; SPARE_BYTES])
    }
    /// Writes the state; where the disk is full, into the room kept for it.
    pub(crate) fn write_record<S: Serialize>(&self, record: &Record<S>) -> io::Result<()> {
        let path = self.join("state.json");
        match write_json(&path, record) {
            Err(e) if is_full(&e) => {
                let _ = std::fs::remove_file(self.join(SPARE));
                write_json(&path, record)
            }
            other => other,
        }
    }
    /// Makes `own` the one supervisor of this folder, for ever. `false`: another was first.
    pub(crate) fn begin(&self, own: &Supervisor) -> io::Result<bool> {
        write_once(&self.join("supervisor.json"), &crate::files::to_json(own))
    }
    /// Asks it to end. Whoever asks first gives the reason.
    pub(crate) fn ask_to_stop(&self, request: &StopRequest) -> Result<bool> {
        write_once(&self.join("stop.json"), &crate::files::to_json(request))
            .map_err(|e| Error::io("stop it", format!("{} cannot be told to end", self.what), e))
    }
    /// Asks it to end at another time.
    pub(crate) fn ask_for_curfew(&self, request: &CurfewRequest) -> Result<()> {
        write_json(&self.join("curfew.json"), request)
            .map_err(|e| Error::io("move the curfew", format!("the curfew of {} cannot be moved", self.what), e))
    }

    /// Whether its supervisor is there.
    pub(crate) fn held(&self) -> Result<Held> {
        Ok(match self.supervisor()? {
            None => Held::NotBegun,
            Some(s) if s.process.is_alive() => Held::Alive,
            Some(s) if s.host != host() && self.heard_lately() => Held::Elsewhere(s.host),
            Some(_) => Held::Dead,
        })
    }
    /// Tells other computers that its supervisor lives: the time of change of a file that all of them see.
    pub(crate) fn beat(&self) {
        let _ = std::fs::write(self.join(BEAT), "");
    }
    /// By the file system's own clock on both sides, as far as it has one.
    fn heard_lately(&self) -> bool {
        let beat = self.join(BEAT).metadata().and_then(|m| m.modified());
        beat.is_ok_and(|at| at.elapsed().is_ok_and(|ago| ago < HEARD_WITHIN) || at > std::time::SystemTime::now())
    }
    /// An error for something that is not there.
    pub(crate) fn not_found(&self, operation: &'static str) -> Error {
        Error::new(ErrorKind::NotFound, operation, format!("there is no {}", self.what.trim_start_matches("the ")))
            .next("Look at the list for what there is")
    }
}

/// Written once a minute.
const BEAT: &str = "beat";
/// After so many missed beats the other computer counts as gone.
const HEARD_WITHIN: Duration = Duration::from_mins(10);
const SPARE: &str = ".spare";
const SPARE_BYTES: usize = 64 * 1024;

/// No room on the disk, in the quota, or in the largest file allowed.
pub(crate) fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// This computer's name.
pub(crate) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "this-computer".into(), |s| s.trim().into())
}

fn name_of(path: &Path) -> String {
    curfew_core::say::clean(&path.file_name().unwrap_or_default().to_string_lossy(), 80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn another_computer_is_believed_while_it_is_heard_of() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::run(place.path().join("r"));
        std::fs::create_dir(folder.path()).unwrap();
        assert_eq!(folder.held().unwrap(), Held::NotBegun);
        // A process that is not here: another boot.
        let process = ProcessId { boot: "another".into(), ..ProcessId::own().unwrap() };
        let them = Supervisor { process, host: "far-away".into(), began: Timestamp::UNIX_EPOCH };
        assert!(folder.begin(&them).unwrap() && !folder.begin(&them).unwrap());
        assert_eq!(folder.held().unwrap(), Held::Dead, "never heard of");
        folder.beat();
        assert_eq!(folder.held().unwrap(), Held::Elsewhere("far-away".into()));
        let long_ago = SystemTime::now() - HEARD_WITHIN * 2;
        std::fs::File::options().write(true).open(folder.join(BEAT)).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(folder.held().unwrap(), Held::Dead);
    }

    #[test]
    fn a_last_state_fits_on_a_full_disk() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_full(&full) && !is_full(&io::Error::from(io::ErrorKind::NotFound)));
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::run(place.path().to_owned());
        folder.keep_spare().unwrap();
        assert_eq!(folder.join(SPARE).metadata().unwrap().len(), SPARE_BYTES as u64);
    }
}
