//! A home, scripts, and waiting on conditions.

use curfew_core::endpoint::{EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, ModelSource};
use curfew_core::provider::{Provider, Serving, Training};
use curfew_core::run::{Channel, RunHandle, RunSpec, RunState, RunStatus, StopRules};
use curfew_core::{Clock, Cx, EndpointId, Home, IntentId, MachineRef, RunId, Timestamp};
use curfew_local::{Launcher, Local, Settings};
use jiff::{SignedDuration, tz::TimeZone};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take on a computer that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

struct System;
impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// A home that ends everything in it when it is dropped.
pub(crate) struct Bench {
    pub local: Local,
    pub cx: Cx,
    pub home: Home,
    folder: tempfile::TempDir,
}

pub(crate) fn launcher() -> Launcher {
    Launcher { program: env!("CARGO_BIN_EXE_curfew-supervise").into(), args: Vec::new() }
}

pub(crate) fn settings() -> Settings {
    Settings { grace: Duration::from_secs(5), ..Settings::default() }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(launcher(), settings())
    }
    pub(crate) fn with(launcher: Launcher, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().canonicalize().unwrap().join("home"));
        let local = Local::new(home.clone(), launcher, settings).unwrap();
        Self { local, cx: Cx::new(Arc::new(System)), home, folder }
    }
    /// The same home seen by another process, as far as the provider can tell.
    pub(crate) fn again(&self) -> Local {
        Local::new(self.home.clone(), launcher(), settings()).unwrap()
    }
    pub(crate) fn training(&self) -> &dyn Training {
        self.local.training().unwrap()
    }
    pub(crate) fn serving(&self) -> &dyn Serving {
        self.local.serving().unwrap()
    }

    /// A script folder with these files.
    pub(crate) fn scripts(&self, files: &[(&str, &str)]) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = self.folder.path().join(format!("scripts-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        folder
    }
    #[expect(clippy::unused_self, reason = "reads as what it is for: a spec on this bench")]
    pub(crate) fn spec(&self, dir: &Path) -> RunSpec {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        RunSpec {
            id: RunId::new(format!("run-{n}")).unwrap(),
            name: format!("run {n}"),
            dir: dir.to_owned(),
            entry: "train.py".into(),
            data: Vec::new(),
            hyper: [].into(),
            machine: MachineRef::local(),
            curfew: Timestamp::now() + SignedDuration::from_hours(4),
            stop: StopRules::default(),
            options: std::collections::BTreeMap::new(),
            intent: IntentId::new(format!("intent-{n}")).unwrap(),
            owner: "tester".into(),
            project: None,
        }
    }
    /// A run of one script.
    pub(crate) fn script(&self, text: &str) -> RunSpec {
        self.spec(&self.scripts(&[("train.py", text)]))
    }
    pub(crate) async fn launch(&self, spec: &RunSpec) -> RunHandle {
        self.training().launch(&self.cx, spec).await.unwrap()
    }
    pub(crate) async fn status(&self, run: &RunHandle) -> RunStatus {
        self.training().status(&self.cx, run).await.unwrap()
    }
    /// The whole log.
    pub(crate) async fn log(&self, run: &RunHandle) -> String {
        let (mut text, mut at) = (Vec::new(), String::new());
        loop {
            let chunk = self.training().log(&self.cx, run, &at, 1000).await.unwrap();
            if chunk.bytes.is_empty() {
                return String::from_utf8_lossy(&text).into_owned();
            }
            text.extend(chunk.bytes);
            at = chunk.next;
        }
    }
    pub(crate) async fn until(&self, run: &RunHandle, what: &str, good: impl Fn(&RunStatus) -> bool) -> RunStatus {
        let started = Instant::now();
        loop {
            let status = self.status(run).await;
            if good(&status) {
                return status;
            }
            let log = || std::fs::read_to_string(Path::new(&run.native).join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "waiting for {what}: {status:#?}\n{}", log());
            assert!(!status.state.is_over(), "ended while waiting for {what}: {status:#?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    pub(crate) async fn ended(&self, run: &RunHandle) -> RunStatus {
        self.until(run, "its end", |s| s.state.is_over()).await
    }
    pub(crate) async fn running(&self, run: &RunHandle) -> RunStatus {
        self.until(run, "its start", |s| s.state == RunState::Running).await
    }
    /// Waits until the log holds this.
    pub(crate) async fn printed(&self, run: &RunHandle, text: &str) {
        let started = Instant::now();
        loop {
            let log = self.log(run).await;
            if log.contains(text) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "waiting for {text:?} in the log: {log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what it is for: a spec on this bench")]
    pub(crate) fn endpoint(&self, model: ModelSource) -> EndpointSpec {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        EndpointSpec {
            id: EndpointId::new(format!("endpoint-{n}")).unwrap(),
            model,
            script: None,
            machine: MachineRef::local(),
            mode: curfew_core::Mode::default(),
            curfew: Timestamp::now() + SignedDuration::from_hours(4),
            confirmed: Vec::new(),
            intent: IntentId::new(format!("endpoint-intent-{n}")).unwrap(),
            owner: "tester".into(),
            project: None,
        }
    }
    pub(crate) async fn deploy(&self, spec: &EndpointSpec) -> EndpointHandle {
        self.serving().deploy(&self.cx, spec).await.unwrap()
    }
    pub(crate) async fn in_service(&self, endpoint: &EndpointHandle) -> EndpointStatus {
        self.endpoint_until(endpoint, "being in service", |s| s.state == EndpointState::InService).await
    }
    pub(crate) async fn endpoint_until(
        &self,
        endpoint: &EndpointHandle,
        what: &str,
        good: impl Fn(&EndpointStatus) -> bool,
    ) -> EndpointStatus {
        let started = Instant::now();
        loop {
            let status = self.serving().status(&self.cx, endpoint).await.unwrap();
            if good(&status) {
                return status;
            }
            let log = || std::fs::read_to_string(Path::new(&endpoint.native).join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "waiting for {what}: {status:#?}\n{}", log());
            assert!(!status.state.is_over(), "ended while waiting for {what}: {status:#?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Bench {
    /// Whatever a failed test left running goes by its mark, and no other process does.
    fn drop(&mut self) {
        for pid in marked(&self.home) {
            kill(pid, "KILL");
        }
        let supervisors = walk(self.home.root(), "supervisor.json");
        for path in supervisors {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
            let pid = json["process"]["pid"].as_i64().unwrap_or(0);
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let folder = path.parent().unwrap().as_os_str().as_encoded_bytes();
            // Only the supervisor of this very folder: its pid may be another's by now.
            if line.windows(folder.len()).any(|w| w == folder) {
                kill(pid, "KILL");
            }
        }
    }
}

fn walk(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for parent in ["runs", "endpoints"] {
        for entry in std::fs::read_dir(root.join(parent)).into_iter().flatten().flatten() {
            let path = entry.path().join(name);
            if path.exists() {
                found.push(path);
            }
        }
    }
    found
}

pub(crate) fn kill(pid: i64, signal: &str) {
    let _ = std::process::Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
}

/// Processes that carry the mark of this home.
pub(crate) fn marked(home: &Home) -> Vec<i64> {
    let mark = format!("CURFEW_HOME={}", home.root().display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i64>().ok()) else { continue };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ.split(|&b| b == 0).any(|v| v == mark.as_bytes()) && is_alive(pid) {
            found.push(pid);
        }
    }
    found
}

pub(crate) fn is_alive(pid: i64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until `good`.
pub(crate) async fn until(what: &str, good: impl Fn() -> bool) {
    let started = Instant::now();
    while !good() {
        assert!(started.elapsed() < PATIENCE, "waiting for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The pid that a supervisor wrote.
pub(crate) fn supervisor(native: &str) -> i64 {
    let text = std::fs::read_to_string(Path::new(native).join("supervisor.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["process"]["pid"].as_i64().unwrap()
}

pub(crate) fn channel(name: &str, source: &Path) -> Channel {
    Channel { name: name.into(), source: source.display().to_string() }
}
