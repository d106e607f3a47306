//! The loop of the supervisor: a child is watched until it and everything below it has ended.

use super::due::{Due, since_boot};
use super::ending;
use crate::environment::{ENDPOINT_MARK, HOME_MARK, RUN_MARK};
use crate::folder::Folder;
use crate::orders::{Orders, Work};
use crate::process::ProcessId;
use curfew_core::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// How long it sleeps at most: what nothing announces (a jump of the clock, a request on a file system without
/// notification) is seen after so long.
const TICK: Duration = Duration::from_secs(1);
/// The same while something is ending.
const ENDING_TICK: Duration = Duration::from_millis(50);
/// Output is read at most so often, so that a chatty script does not keep the supervisor awake.
const CALM: Duration = Duration::from_millis(40);
/// How often other computers with the same home are told that this one lives.
const BEAT: Duration = Duration::from_mins(1);
/// After SIGKILL has been sent for so long, what is left cannot be ended by anyone (a dead network disk).
const GIVE_UP: Duration = Duration::from_secs(30);

/// What the supervisor does beside waiting.
pub(crate) trait Duty {
    /// Looks around. `Some`: a reason to end, "its loss is not a number".
    fn tick(&mut self, _now: Timestamp) -> Option<String> {
        None
    }
    /// The child has started.
    fn started(&mut self, _child: ProcessId) {}
    /// It is being ended.
    fn ending(&mut self, _why: &str) {}
    /// The curfew is another.
    fn curfew(&mut self, _at: Timestamp) {}
    /// How soon it wants to look again.
    fn wants_tick_in(&self) -> Duration {
        TICK
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    /// Somebody else collected it, which does not happen.
    Unknown,
}

/// Everything that is watched.
pub(crate) struct Watch {
    folder: Folder,
    signals: UnixStream,
    notify: Option<OwnedFd>,
    due: Due,
    grace: Duration,
    /// Why it ends, once it does.
    why: Option<String>,
    asked_at: Option<Duration>,
    calm_until: Duration,
    beat_at: Duration,
    marks: Vec<(&'static str, OsString)>,
}

impl Watch {
    pub(crate) fn new(folder: Folder, orders: &Orders) -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        for signal in [signal_hook::consts::SIGCHLD, signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let told = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        // A terminal that closes is not ours any more; a file that may not grow is an error to report, not an end.
        for signal in [signal_hook::consts::SIGHUP, 25 /* SIGXFSZ, the same on every Linux but MIPS */] {
            signal_hook::flag::register(signal, told.clone())?;
        }
        TERMINATED.with(|flag| -> io::Result<()> {
            for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
                signal_hook::flag::register(signal, flag.clone())?;
            }
            Ok(())
        })?;
        let notify = watch_files(&folder).ok();
        let wall = Timestamp::now();
        // The spec's curfew is put in by `hold`.
        let due = Due::new(Timestamp::MAX, wall, since_boot());
        let grace = Duration::from_millis(orders.grace_ms);
        let mark = if matches!(orders.work, Work::Run) { RUN_MARK } else { ENDPOINT_MARK };
        let id = folder.path().file_name().unwrap_or_default().to_owned();
        let marks = vec![(mark, id), (HOME_MARK, orders.home.clone().into_os_string())];
        Ok(Self {
            folder,
            signals: reader,
            notify,
            due,
            grace,
            why: None,
            asked_at: None,
            calm_until: Duration::ZERO,
            beat_at: Duration::ZERO,
            marks,
        })
    }

    /// Gives a command the marks by which its processes are found again without us.
    pub(crate) fn mark(&self, command: &mut Command) {
        for other in [RUN_MARK, ENDPOINT_MARK] {
            command.env_remove(other);
        }
        command.envs(self.marks.iter().map(|(k, v)| (*k, v)));
    }
    /// Waits a little, or until something happens.
    pub(crate) fn pause(&mut self) {
        let _ = self.sleep(Duration::from_millis(200));
    }

    /// Holds this curfew, unless it was moved already.
    pub(crate) fn hold(&mut self, at: Timestamp) {
        self.due = Due::new(at, Timestamp::now(), since_boot());
        self.look_at_curfew();
    }
    pub(crate) fn curfew(&self) -> Timestamp {
        self.due.at()
    }
    /// Why it ends or has ended, if anyone asked.
    pub(crate) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
    /// Also wakes for changes of this file or folder.
    pub(crate) fn also(&self, path: &std::path::Path) {
        if let Some(notify) = &self.notify {
            let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::MOVED_TO;
            let _ = inotify::add_watch(notify, path, flags);
        }
    }
    /// Asks for the end before a child is there; `true` once it is to end.
    pub(crate) fn should_end(&mut self, duty: &mut dyn Duty) -> bool {
        self.look(duty);
        self.why.is_some()
    }

    /// Starts `command` in a process group of its own and returns when it and all its descendants have ended.
    /// An error means that it could not be started.
    pub(crate) fn run(&mut self, command: &mut Command, duty: &mut dyn Duty) -> io::Result<Exit> {
        // Collected by `reap`, together with whatever else becomes our child.
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let id = ProcessId::of(pid)?.ok_or_else(|| io::Error::other("the child is not in /proc"))?;
        duty.started(id.clone());
        let mut exit = None;
        let mut leftovers = ending::Leftovers::new(self.grace, GIVE_UP);
        self.asked_at = None;
        loop {
            reap(pid, &mut exit)?;
            self.look(duty);
            let now = since_boot();
            if exit.is_some() {
                // What the script left running goes with it.
                if leftovers.end(now, self.asked_at)? {
                    break;
                }
            } else if self.why.is_some() {
                match self.asked_at {
                    None => {
                        self.asked_at = Some(now);
                        // Only the script itself, as a container's first process is told: it may still need its workers.
                        let _ = id.signal(Signal::TERM);
                    }
                    Some(asked) if now.saturating_sub(asked) >= self.grace => leftovers.kill(now)?,
                    Some(_) => {}
                }
            }
            let busy = exit.is_some() || self.why.is_some();
            let wanted = if busy { ENDING_TICK } else { duty.wants_tick_in().min(TICK) };
            self.sleep(wanted)?;
        }
        self.look(duty);
        Ok(exit.unwrap_or(Exit::Unknown))
    }

    /// Requests, the clock, signals, and the duty's own look.
    fn look(&mut self, duty: &mut dyn Duty) {
        let now = since_boot();
        if now >= self.beat_at {
            self.folder.beat();
            self.beat_at = now + BEAT;
        }
        let held = self.due.at();
        self.look_at_curfew();
        if self.due.at() != held {
            duty.curfew(self.due.at());
        }
        let found = duty.tick(Timestamp::now());
        if self.why.is_some() {
            return;
        }
        let asked = match self.folder.stop_request() {
            Ok(request) => request.map(|r| r.why),
            // Somebody asked, though it cannot be read what.
            Err(error) => Some(format!("it was asked to end ({error})")),
        };
        let terminated = TERMINATED.with(|flag| flag.load(std::sync::atomic::Ordering::Relaxed));
        self.why = asked
            .or_else(|| self.due.has_come(Timestamp::now(), since_boot()).then(|| "its curfew came".into()))
            .or_else(|| terminated.then(|| "the system asked its supervisor to end".into()))
            .or(found);
        if let Some(why) = &self.why {
            duty.ending(why);
        }
    }

    fn look_at_curfew(&mut self) {
        match self.folder.curfew_request() {
            Ok(Some(request)) if request.at != self.due.at() => {
                self.due = Due::new(request.at, Timestamp::now(), since_boot());
            }
            Ok(_) => {}
            // The curfew that is held stays.
            Err(error) => eprintln!("{} {error:?}", Timestamp::now()),
        }
    }

    fn sleep(&mut self, most: Duration) -> io::Result<()> {
        let now = since_boot();
        let calm = self.calm_until.saturating_sub(now);
        let limit = if calm.is_zero() { most } else { most.min(calm) };
        // Never so short that a curfew in the past spins.
        let limit = limit.min(self.due.wait(Timestamp::now())).max(Duration::from_millis(5));
        let timeout = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: limit.subsec_nanos().into() };
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if let Some(notify) = self.notify.as_ref().filter(|_| calm.is_zero()) {
            fds.push(PollFd::new(notify, PollFlags::IN));
        }
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let noticed = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        drain(&self.signals);
        if noticed {
            if let Some(notify) = &self.notify {
                drain(notify);
            }
            self.calm_until = since_boot() + CALM;
        }
        Ok(())
    }
}

thread_local! {
    /// Set by SIGTERM and SIGINT. One watch per process.
    static TERMINATED: std::sync::Arc<std::sync::atomic::AtomicBool> = std::sync::Arc::default();
}

fn watch_files(folder: &Folder) -> io::Result<OwnedFd> {
    let notify = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
    let flags = inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CREATE;
    inotify::add_watch(&notify, folder.path(), flags)?;
    Ok(notify)
}

/// Empties a descriptor that does not block; what it says is of no interest, only that it spoke.
fn drain(fd: impl std::os::fd::AsFd) {
    let mut buffer = [0u8; 4096];
    while rustix::io::read(&fd, &mut buffer).is_ok_and(|n| n > 0) {}
}

/// Collects every child that has ended. The subreaper's adopted ones too, or they stay as zombies.
fn reap(main: i32, exit: &mut Option<Exit>) -> io::Result<()> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == main => {
                *exit = Some(match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (_, Some(signal)) => Exit::Signal(signal),
                    _ => Exit::Unknown,
                });
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(()),
            Err(Errno::CHILD) => {
                exit.get_or_insert(Exit::Unknown);
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        }
    }
}
