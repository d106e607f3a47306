//! The supervisor: one process per run or endpoint, which outlives the panel and holds the curfew.
//!
//! Synchronous and small: it sleeps in `poll` and wakes for its child, for a request in its folder, for new output, and
//! once a second to look at the clock.
//!
//! Invariant: when it ends by itself, nothing that it started is left, and `state.json` says how it went.

mod due;
mod ending;
mod environment;
mod log;
mod serve;
mod train;
mod watch;

pub(crate) use environment::Prepared;
pub(crate) use serve::{SERVER, address};
pub(crate) use train::dress;

use crate::folder::{Folder, Supervisor, host};
use crate::orders::{Orders, Work};
use crate::process::{self, ProcessId};
use curfew_core::{Error, ErrorKind, Result, Timestamp};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use watch::Watch;

/// Carries out the orders in a folder: `supervise FOLDER`. Returns when the run or endpoint has ended.
///
/// Exit code 0 also where the run failed (its state says so) or another supervisor has the folder; 1 where there was
/// nothing to supervise; 2 for wrong arguments.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let [folder] = args.as_slice() else {
        eprintln!("supervise FOLDER: carries out the orders of a run or an endpoint; Curfew starts it by itself");
        return ExitCode::from(2);
    };
    match supervise(&PathBuf::from(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:?}", Timestamp::now());
            ExitCode::FAILURE
        }
    }
}

fn supervise(path: &std::path::Path) -> Result<()> {
    let io = |what: &'static str| move |e: std::io::Error| Error::io("supervise", what, e);
    let path = path.canonicalize().map_err(io("the folder is not there"))?;
    // Fails only where this process leads a group already: then it has what it needs.
    let _ = rustix::process::setsid();
    std::env::set_current_dir("/").map_err(io("the root folder cannot be entered"))?;

    let read = |folder: &Folder| folder.orders::<Orders>();
    let probe = Folder::run(path.clone());
    let Some(orders) = read(&probe)? else {
        return Err(Error::new(ErrorKind::NotFound, "supervise", "there are no orders in this folder"));
    };
    let folder = match orders.work {
        Work::Run => probe,
        Work::Endpoint { .. } => Folder::endpoint(path),
    };
    let watch = Watch::new(folder.clone(), &orders).map_err(io("signals and files cannot be watched"))?;
    let own = ProcessId::own().map_err(io("this process cannot be found in /proc"))?;
    // From here on whatever loses its parent below becomes our child, so nothing escapes by a double fork.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|e| Error::io("supervise", "orphans cannot be adopted", e.into()))?;
    let me = Supervisor { process: own, host: host(), began: Timestamp::now() };
    if !folder.begin(&me).map_err(io("the folder cannot be written"))? {
        return Ok(());
    }
    let _ = folder.keep_spare();

    let work = std::panic::AssertUnwindSafe(|| match orders.work {
        Work::Run => train::carry_out(&folder, &orders, watch),
        Work::Endpoint { .. } => serve::carry_out(&folder, &orders, watch),
    });
    std::panic::catch_unwind(work).unwrap_or_else(|_| {
        // Our own fault: the state stays as it was and reads as lost, but nothing may be left running.
        let _ = ending::kill_all_below(rustix::process::getpid().as_raw_nonzero().get());
        Err(Error::new(ErrorKind::Unknown, "supervise", "the supervisor broke; see supervisor.log"))
    })
}

/// The supervisor's own children and theirs.
fn below_us() -> std::io::Result<Vec<process::Stat>> {
    process::descendants(rustix::process::getpid().as_raw_nonzero().get())
}
