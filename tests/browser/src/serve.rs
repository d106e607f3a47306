//! `curfew serve` in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::process::{Process, eventually_some};
use crate::program;

/// A CURFEW_HOME for one test. What runs in it is ended with it.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty home.
    ///
    /// # Panics
    /// If there is no room for it.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("curfew-home-").tempdir().expect("a home can be made");
        Self { folder }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `curfew ARGS…` in this home.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("CURFEW_BIN"));
        command.args(arguments).env("CURFEW_HOME", self.path());
        command
    }

    /// Runs `curfew ARGS…` to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn curfew(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("curfew can be started")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Home {
    /// Runs and endpoints outlive the panel by design, so a failed test would leave its own behind. What belongs to this
    /// home names it: its folder is of this test alone.
    fn drop(&mut self) {
        let home = self.path().as_os_str().as_encoded_bytes().to_owned();
        let names = |file: &str, id: &str| {
            let text = std::fs::read(format!("/proc/{id}/{file}"));
            text.is_ok_and(|text| text.windows(home.len()).any(|part| part == home))
        };
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let id = process.file_name().to_string_lossy().into_owned();
            let pid = id.parse().ok().filter(|&pid: &i32| u32::try_from(pid) != Ok(std::process::id()));
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
                && (names("cmdline", &id) || names("environ", &id))
            {
                _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// A panel served on loopback.
#[derive(Debug)]
pub struct Served {
    // First, so that it ends before its home does.
    process: Process,
    /// Its home.
    pub home: Home,
    /// The address that it printed, with its token.
    pub address: String,
}

impl Served {
    /// Serves a panel in a fresh home.
    pub async fn start() -> Self {
        Self::at(Home::new()).await
    }

    /// Serves a panel in this home, and waits for its address.
    ///
    /// # Panics
    /// If it ends instead.
    pub async fn at(home: Home) -> Self {
        Self::with(home, &[]).await
    }

    /// The same, with this in its environment.
    ///
    /// # Panics
    /// If it ends instead.
    pub async fn with(home: Home, environment: &[(String, String)]) -> Self {
        let log = home.log("serve.log");
        let mut command = home.command(&["serve"]);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start(command, &log);
        let address = eventually_some("the address of curfew serve", async || {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(process.ended().is_none(), "curfew serve ended: {said}");
            let start = said.find("http://127.0.0.1:")?;
            let address = &said[start..];
            // A whole line only: the address may be half written.
            let end = address.find('\n')?;
            address[..end].split_whitespace().next().map(str::to_owned)
        })
        .await;
        Self { process, home, address }
    }

    /// The server's process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.log("serve.log")).unwrap_or_default()
    }
}
