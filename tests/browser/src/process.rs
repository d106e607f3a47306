//! Programs started by a test, and waiting.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// The deadline of every wait. Generous: it is only reached by a failing test, and the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(40);

/// Waits until `look` gives something.
///
/// # Panics
/// At the deadline, with `what` was waited for.
pub async fn eventually_some<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain for {what}", DEADLINE.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until `look` is true.
///
/// # Panics
/// At the deadline, with `what` was waited for.
pub async fn eventually(what: &str, mut look: impl AsyncFnMut() -> bool) {
    eventually_some(what, async || look().await.then_some(())).await;
}

/// A program and whatever it started, ended with the test.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts a program in a process group of its own. Its output goes to `log`, read with [`Process::log`].
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut command: Command, log: &Path) -> Self {
        use std::os::unix::process::CommandExt as _;
        let name = command.get_program().to_string_lossy().into_owned();
        let out = std::fs::File::create(log).expect("the log can be made");
        let err = out.try_clone().expect("a file can be shared");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} could not be started: {error}; ./test installs it"));
        Self { child, name }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// It and its descendants, by process id and name. What has made itself a session of its own (a supervisor) is among
    /// them as long as its parent lives.
    pub fn tree(&self) -> Vec<(u32, String)> {
        let out = Command::new("ps").args(["-e", "-o", "pid=,ppid=,comm="]).output().expect("ps is there");
        let all: Vec<(u32, u32, String)> = String::from_utf8_lossy(&out.stdout)
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.to_owned()))
            })
            .collect();
        let mut tree: Vec<(u32, String)> =
            all.iter().filter(|(pid, ..)| *pid == self.id()).map(|(pid, _, name)| (*pid, name.clone())).collect();
        let mut at = 0;
        while at < tree.len() {
            let parent = tree[at].0;
            tree.extend(all.iter().filter(|(_, p, _)| *p == parent).map(|(pid, _, name)| (*pid, name.clone())));
            at += 1;
        }
        tree
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits until it has ended by itself.
    pub async fn end(&mut self) -> ExitStatus {
        let name = self.name.clone();
        eventually_some(&format!("the end of {name}"), async || self.ended()).await
    }

    /// Sends a signal to it alone.
    ///
    /// # Panics
    /// If it is gone.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the program is there");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group may outlive the program, so it is signalled even if the program has ended.
        _ = kill_process_group(self.pid(), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        _ = kill_process_group(self.pid(), Signal::KILL);
        _ = self.child.wait();
    }
}
