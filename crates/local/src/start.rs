//! Makes the folder of a run or endpoint appear whole, and its supervisor begin exactly once.

use crate::environment::{ENDPOINT_MARK, RUN_MARK};
use crate::files::{self, STAGING};
use crate::folder::{Folder, Held};
use crate::local::Inner;
use curfew_core::error::Bill;
use curfew_core::{Error, ErrorKind, Result};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a supervisor may take until it has begun, on a computer that is busy.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// A folder that is being filled. Dropped before [`Staged::publish`], it is removed; a kill leaves it to the sweep.
pub(crate) struct Staged {
    path: PathBuf,
}

impl Staged {
    /// An empty folder beside `target`.
    pub(crate) fn new(target: &Path) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let parent = target.parent().ok_or_else(|| io::Error::other("a home has no folder to be in"))?;
        files::make_private_folder(parent)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{STAGING}{name}.{}.{count}", std::process::id()));
        files::make_private_folder(&path)?;
        Ok(Self { path })
    }
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    /// Makes it `target`. `false`: there is one by that name already, which stays.
    pub(crate) fn publish(self, target: &Path) -> io::Result<bool> {
        match fs::rename(&self.path, target) {
            Ok(()) => {
                let _ = target.parent().map(File::open).transpose()?.map(|f| f.sync_all());
                Ok(true)
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => Ok(false),
            Err(e) => Err(e),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = files::empty(&self.path);
    }
}

/// Starts the supervisor of `folder` unless one has begun, and returns when one has.
pub(crate) fn begin(inner: &Inner, folder: &Folder) -> Result<()> {
    if folder.held()? != Held::NotBegun {
        return Ok(());
    }
    let failed = |e: io::Error| {
        let what = format!("the supervisor of {} could not be started", folder.what());
        Error::io("start the supervisor", what, e).bill(Bill::NothingStarted)
    };
    let log = File::options().append(true).create(true).open(folder.join("supervisor.log")).map_err(failed)?;
    let mut command = Command::new(&inner.launcher.program);
    command.args(&inner.launcher.args).arg(folder.path()).current_dir("/");
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
    // A script may itself start a run; its mark is not the new one's.
    command.env_remove(RUN_MARK).env_remove(ENDPOINT_MARK);
    let mut child = command.spawn().map_err(failed)?;
    let started = Instant::now();
    let result = loop {
        if folder.held()? != Held::NotBegun {
            break Ok(());
        }
        match child.try_wait() {
            Ok(Some(status)) => {
                // It may have been second to another that has begun by now.
                if folder.held()? != Held::NotBegun {
                    break Ok(());
                }
                let said = fs::read_to_string(folder.join("supervisor.log")).unwrap_or_default();
                let said = curfew_core::say::clean(said.lines().last().unwrap_or(""), 300);
                let what = format!("the supervisor of {} ended at once ({status}): {said}", folder.what());
                break Err(Error::new(ErrorKind::Unknown, "start the supervisor", what).bill(Bill::NothingStarted));
            }
            Ok(None) if started.elapsed() < BEGINS_WITHIN => std::thread::sleep(Duration::from_millis(3)),
            Ok(None) => {
                let what = format!("the supervisor of {} has not begun yet", folder.what());
                break Err(Error::new(ErrorKind::Timeout, "start the supervisor", what));
            }
            Err(e) => break Err(failed(e)),
        }
    };
    // It outlives us if we end first; if it ends first, somebody has to collect it.
    let collect = std::thread::Builder::new().name("collect".into()).stack_size(64 << 10);
    let _ = collect.spawn(move || child.wait());
    result
}
