//! An endpoint: environment, server, and its end.

use super::environment::{self, NotPrepared, Prepared};
use super::log::{self, Tail};
use super::watch::{Duty, Exit, Watch};
use crate::folder::{Folder, Record};
use crate::orders::{Orders, Work};
use crate::process::ProcessId;
use curfew_core::endpoint::{EndpointSpec, EndpointState};
use curfew_core::run::Failure;
use curfew_core::{Error, ErrorKind, Result, Timestamp};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the server keeps `endpoint.json`, `stats.json` and `failure.json`, below the endpoint's folder.
pub(crate) const SERVER: &str = "server";

/// What serve.py writes when its port is bound.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Address {
    pub url: String,
}

/// What serve.py writes when it gives up.
#[derive(Debug, Clone, Deserialize)]
struct GaveUp {
    what: String,
    next: String,
}

struct Endpoint {
    folder: Folder,
    record: Record<EndpointState>,
    log: Option<Tail>,
    longest_log: u64,
}

impl Endpoint {
    fn write(&self) {
        if let Err(e) = self.folder.write_record(&self.record) {
            eprintln!("{} the state cannot be written: {e}", Timestamp::now());
        }
    }
    fn end(&mut self, state: EndpointState) {
        self.record.state = state;
        self.record.ended = Some(Timestamp::now());
        self.record.child = None;
        self.write();
    }
    fn fail(&mut self, what: String, next: String) {
        self.record.detail = None;
        let log_end = log::end_of(&self.folder.log(), self.record.log_begins);
        self.record.failure = Some(Failure { what, next, log_end });
        self.end(EndpointState::Failed);
    }
    fn is_waiting(&self) -> bool {
        self.record.state == EndpointState::Creating && self.record.child.is_some()
    }
}

impl Duty for Endpoint {
    fn tick(&mut self, now: Timestamp) -> Option<String> {
        let cut = self.log.as_mut().and_then(|log| log.skip_and_keep_within(self.longest_log));
        if cut != self.record.log_cut {
            self.record.log_cut = cut;
            self.write();
        }
        if self.is_waiting() {
            let address: Option<Address> =
                crate::files::read_json(&self.folder.join(SERVER).join("endpoint.json"), "the server's address")
                    .unwrap_or_default();
            if address.is_some_and(|a| crate::http::ping(&a.url, Duration::from_secs(5)) == Ok(true)) {
                self.record.state = EndpointState::InService;
                self.record.detail = None;
                self.record.started = Some(now);
                self.write();
            }
        }
        None
    }
    fn started(&mut self, child: ProcessId) {
        // Also pip's steps start children; only the server comes after the environment.
        if self.record.detail.as_deref() == Some(LOADING) {
            self.record.child = Some(child);
            self.write();
        }
    }
    fn ending(&mut self, why: &str) {
        self.record.state = EndpointState::Deleting;
        self.record.ended_by = Some(why.into());
        self.record.detail = None;
        log::say(&self.folder, &format!("ending: {}", curfew_core::say::clean(why, 200)));
        self.write();
    }
    fn curfew(&mut self, at: Timestamp) {
        self.record.curfew = Some(at);
        self.write();
    }
    fn wants_tick_in(&self) -> Duration {
        if self.is_waiting() { Duration::from_millis(100) } else { Duration::from_secs(1) }
    }
}

const LOADING: &str = "loading the model";

pub(crate) fn carry_out(folder: &Folder, orders: &Orders, mut watch: Watch) -> Result<()> {
    let Some(spec) = folder.spec::<EndpointSpec>()? else {
        return Err(Error::new(ErrorKind::NotFound, "supervise", "there is no spec in this folder"));
    };
    watch.hold(spec.curfew);
    let mut endpoint = Endpoint {
        folder: folder.clone(),
        record: Record::new(EndpointState::Creating),
        log: None,
        longest_log: orders.longest_log,
    };
    endpoint.record.curfew = Some(watch.curfew());
    endpoint.record.detail = Some("preparing".into());
    endpoint.write();
    if watch.should_end(&mut endpoint) {
        endpoint.end(EndpointState::Stopped);
        return Ok(());
    }
    let venvs = curfew_core::Home::at(&orders.home).venvs();
    let prepared = {
        let record = endpoint.record.clone();
        let told = folder.clone();
        let mut detail = |text: &str| {
            let _ = told.write_record(&Record { detail: Some(text.to_owned()), ..record.clone() });
        };
        let code = folder.path();
        environment::prepare(folder, &venvs, &orders.environment, code, &mut watch, &mut endpoint, &mut detail)
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(NotPrepared::Ended) => {
            endpoint.end(EndpointState::Stopped);
            return Ok(());
        }
        Err(NotPrepared::Failed { what, next }) => {
            endpoint.fail(what, next);
            return Ok(());
        }
    };
    serve(&spec, orders, &prepared, &mut watch, &mut endpoint);
    Ok(())
}

fn serve(spec: &EndpointSpec, orders: &Orders, prepared: &Prepared, watch: &mut Watch, endpoint: &mut Endpoint) {
    endpoint.record.venv.clone_from(&prepared.key);
    if let Some(made_of) = crate::model::probe(&orders.assets, prepared) {
        endpoint.record.versions = made_of.versions();
    }
    endpoint.record.log_begins = endpoint.folder.log().metadata().map_or(0, |m| m.len());
    endpoint.record.detail = Some(LOADING.into());
    endpoint.write();

    let script = match &orders.work {
        Work::Endpoint { script } => script.clone(),
        Work::Run => None,
    };
    let mut command = Command::new(&prepared.python);
    let server = endpoint.folder.join(SERVER);
    command.arg(orders.assets.join("runners/serve.py"));
    command.arg("--model-dir").arg(endpoint.folder.join("model"));
    command.arg("--state-dir").arg(&server);
    command.args(["--name", spec.id.as_str(), "--port", "0", "--host", "127.0.0.1"]);
    // Half of the grace for the request in hand, so that the server still ends by itself.
    command.arg("--grace").arg(format!("{:.1}", Duration::from_millis(orders.grace_ms).as_secs_f64() / 2.0));
    if let Some(script) = script {
        command.arg("--script").arg(endpoint.folder.path().join(script));
    }
    super::train::dress(&mut command, prepared);
    watch.mark(&mut command);
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH");
    command.current_dir(endpoint.folder.path());
    let out = log::open_for_child(&endpoint.folder).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, err) = match out {
        Ok(both) => both,
        Err(e) => return endpoint.fail(format!("The log cannot be written: {e}"), "Free some disk space.".into()),
    };
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    endpoint.log = Tail::open(&endpoint.folder.log(), 0).ok();

    let exit = match watch.run(&mut command, endpoint) {
        Ok(exit) => exit,
        Err(e) => {
            let failure = Failure::from(environment::not_started(&prepared.python, &e));
            return endpoint.fail(failure.what, failure.next);
        }
    };
    endpoint.record.exit_code = match exit {
        Exit::Code(code) => Some(code),
        Exit::Signal(_) | Exit::Unknown => None,
    };
    if watch.why().is_some() {
        return endpoint.end(EndpointState::Stopped);
    }
    let gave_up: Option<GaveUp> =
        crate::files::read_json(&server.join("failure.json"), "the server's reason").unwrap_or_default();
    let (what, next) = match (gave_up, exit) {
        (Some(reason), _) => (sentence(&reason.what), reason.next),
        (None, Exit::Signal(signal)) => (
            format!("The server was killed by signal {signal}"),
            "If memory was short, serve a smaller model; else deploy it again.".to_owned(),
        ),
        (None, _) => ("The server ended by itself".into(), "Read the end of the log, and deploy it again.".into()),
    };
    endpoint.fail(what, next);
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Where the server is, as it wrote itself.
pub(crate) fn address(folder: &Folder) -> Option<Address> {
    let path: PathBuf = folder.join(SERVER).join("endpoint.json");
    crate::files::read_json(&path, "the server's address").ok().flatten()
}
