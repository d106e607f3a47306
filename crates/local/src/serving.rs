//! Endpoints on this computer.

use crate::care::{Bytes, Known};
use crate::files::write_json;
use crate::folder::{Folder, Held, Record, StopRequest};
use crate::http::{self, NoAnswer};
use crate::local::{Inner, Local, blocking};
use crate::orders::{Orders, Work};
use crate::settings::Settings;
use crate::start::{Staged, begin};
use crate::supervise::{self, SERVER};
use crate::training::{check_curfew, move_curfew, read_log};
use crate::venv::Environment;
use crate::{assets, files, unpack};
use async_trait::async_trait;
use curfew_core::endpoint::{
    EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Figures, Invocation, Reply, Traffic,
};
use curfew_core::error::Bill;
use curfew_core::mode::{REAL_TIME, ServingMode};
use curfew_core::provider::{Quote, Serving};
use curfew_core::run::{Failure, LogChunk};
use curfew_core::{Curfew, Cx, EndpointId, Enforcer, Error, ErrorKind, Result, Sweep, Timestamp, say};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a model may think; SageMaker's limit is the same.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);
/// How long a server may take to say that it lives.
const PINGS_WITHIN: Duration = Duration::from_secs(2);

static MODES: [ServingMode; 1] =
    [ServingMode { says: "A server on this computer that answers at once, until its curfew.", ..REAL_TIME }];

#[async_trait]
impl Serving for Local {
    fn modes(&self) -> &'static [ServingMode] {
        &MODES
    }
    async fn quote(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Quote> {
        cx.check("check the endpoint")?;
        let (inner, spec, now) = (self.inner.clone(), spec.clone(), cx.now());
        blocking("check the endpoint", move || Ok(inner.check_endpoint(&spec, now)?.quote)).await
    }
    async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle> {
        cx.check("deploy")?;
        let (inner, spec, now) = (self.inner.clone(), spec.clone(), cx.now());
        blocking("deploy", move || inner.deploy(&spec, now)).await
    }
    async fn find(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Option<EndpointHandle>> {
        cx.check("find the endpoint")?;
        let (inner, spec) = (self.inner.clone(), spec.clone());
        blocking("find the endpoint", move || {
            let found = inner.endpoint_folder(&spec.id).spec::<EndpointSpec>()?;
            Ok(found.filter(|f| f.intent == spec.intent).map(|f| inner.endpoint_handle(&f.id)))
        })
        .await
    }
    async fn list(&self, cx: &Cx) -> Result<Sweep<(EndpointHandle, EndpointSpec)>> {
        cx.check("list the endpoints")?;
        let inner = self.inner.clone();
        blocking("list the endpoints", move || Ok(inner.endpoints())).await
    }
    async fn status(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<EndpointStatus> {
        cx.check("look at the endpoint")?;
        let (inner, endpoint, now) = (self.inner.clone(), endpoint.clone(), cx.now());
        blocking("look at the endpoint", move || {
            let folder = inner.endpoint_folder(&endpoint.id);
            inner.endpoint_status(&folder, now)?.ok_or_else(|| folder.not_found("look at the endpoint"))
        })
        .await
    }
    async fn log(&self, cx: &Cx, endpoint: &EndpointHandle, from: &str, max: usize) -> Result<LogChunk> {
        cx.check("read the log")?;
        let (inner, endpoint, from) = (self.inner.clone(), endpoint.clone(), from.to_owned());
        blocking("read the log", move || {
            let folder = inner.endpoint_folder(&endpoint.id);
            let record = endpoint_record(&folder)?.ok_or_else(|| folder.not_found("read the log"))?;
            read_log(&folder, &from, max, record.log_cut, record.state.is_over())
        })
        .await
    }
    async fn invoke(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Reply> {
        cx.check("ask the model")?;
        let (inner, endpoint, request) = (self.inner.clone(), endpoint.clone(), request.clone());
        let left = cx.deadline.map(|d| Duration::try_from(d.duration_since(cx.now())).unwrap_or(Duration::ZERO));
        let limit = left.map_or(ANSWERS_WITHIN, |left| left.min(ANSWERS_WITHIN));
        blocking("ask the model", move || inner.invoke(&endpoint.id, &request, limit)).await
    }
    async fn figures(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<Option<Figures>> {
        Ok(crate::figures::of(&self.status(cx, endpoint).await?, cx.now()))
    }
    async fn stop(&self, cx: &Cx, endpoint: &EndpointHandle, why: &str) -> Result<()> {
        cx.check("stop the endpoint")?;
        let (inner, endpoint, why, now) = (self.inner.clone(), endpoint.clone(), why.to_owned(), cx.now());
        blocking("stop the endpoint", move || {
            let folder = inner.endpoint_folder(&endpoint.id);
            let record = endpoint_record(&folder)?.ok_or_else(|| folder.not_found("stop the endpoint"))?;
            if record.state.is_over() {
                return Ok(());
            }
            folder.ask_to_stop(&StopRequest { why, at: now }).map(drop).map_err(|e| e.bill(Bill::StillRunning))
        })
        .await
    }
    async fn delete(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<()> {
        cx.check("delete the endpoint")?;
        let (inner, endpoint, now) = (self.inner.clone(), endpoint.clone(), cx.now());
        blocking("delete the endpoint", move || inner.delete_endpoint(&endpoint.id, now)).await
    }
    async fn set_curfew(&self, cx: &Cx, endpoint: &EndpointHandle, at: Timestamp) -> Result<Enforcer> {
        cx.check("move the curfew")?;
        let (inner, endpoint, now) = (self.inner.clone(), endpoint.clone(), cx.now());
        blocking("move the curfew", move || {
            let folder = inner.endpoint_folder(&endpoint.id);
            let record = endpoint_record(&folder)?.ok_or_else(|| folder.not_found("move the curfew"))?;
            let ended = record.state.is_over() || record.state == EndpointState::Deleting;
            move_curfew(&folder, at, now, ended.then(|| record.state.word()))
        })
        .await
    }
}

/// An endpoint that may be deployed.
struct Checked {
    quote: Quote,
    known: Known,
    environment: Environment,
}

impl Inner {
    pub(crate) fn endpoint_folder(&self, id: &EndpointId) -> Folder {
        Folder::endpoint(self.home.endpoint(id))
    }

    fn endpoint_handle(&self, id: &EndpointId) -> EndpointHandle {
        EndpointHandle { id: id.clone(), native: self.home.endpoint(id).display().to_string() }
    }

    fn check_endpoint(&self, spec: &EndpointSpec, now: Timestamp) -> Result<Checked> {
        if !spec.machine.is_local() {
            return Err(Error::input("machine", format!("this computer cannot be {}", spec.machine)));
        }
        check_curfew(spec.curfew, now)?;
        if let Some(script) = &spec.script {
            check_script(script)?;
        }
        let known = self.know(spec)?;
        if known.unpacked > self.room() {
            let what = format!("the model takes {}, which the disk has no room for", say::bytes(known.unpacked));
            return Err(Error::new(ErrorKind::DiskFull, "deploy", what).at("model").bill(Bill::NothingStarted));
        }
        let (environment, cautions) = self.plan_serving(spec, &known)?;
        let quote =
            Quote { rate: self.rate(), cautions, enforcer: Enforcer::Supervisor, by_use: Vec::new(), longest: None };
        Ok(Checked { quote, known, environment })
    }

    fn deploy(&self, spec: &EndpointSpec, now: Timestamp) -> Result<EndpointHandle> {
        let folder = self.endpoint_folder(&spec.id);
        if !folder.exists() {
            let checked = self.check_endpoint(spec, now)?;
            let open = checked.quote.cautions.iter().find(|c| c.ask && !spec.confirmed.contains(&c.code));
            if let Some(caution) = open {
                let error = Error::new(ErrorKind::Conflict, "deploy", caution.says.trim_end_matches('.'));
                return Err(error
                    .next(format!("{} Confirm “{}” to go on", caution.risk, caution.code))
                    .with("caution", &caution.code)
                    .bill(Bill::NothingStarted));
            }
            self.publish_endpoint(spec, &checked, now)?;
        }
        let taken = || {
            let what = format!("there is already an endpoint {}", spec.id);
            Error::new(ErrorKind::AlreadyExists, "deploy", what).at("name").bill(Bill::NothingStarted)
        };
        let found = folder.spec::<EndpointSpec>()?.ok_or_else(taken)?;
        if found.intent != spec.intent {
            return Err(taken().next("Choose another name, or delete the one that is there"));
        }
        begin(self, &folder)?;
        Ok(self.endpoint_handle(&spec.id))
    }

    fn publish_endpoint(&self, spec: &EndpointSpec, checked: &Checked, now: Timestamp) -> Result<()> {
        let failed = |e: io::Error| {
            Error::io("deploy", "the folder of the endpoint cannot be made", e).bill(Bill::NothingStarted)
        };
        let assets = assets::ensure(&self.home)?;
        let target = self.home.endpoint(&spec.id);
        let staged = Staged::new(&target).map_err(failed)?;
        let model = staged.path().join("model");
        std::fs::create_dir_all(&model).map_err(failed)?;
        std::fs::create_dir_all(staged.path().join(SERVER)).map_err(failed)?;
        match &checked.known.bytes {
            Bytes::Archive(path) => unpack::unpack(path, &model, self.room())?,
            Bytes::File(path) => {
                let name = path.file_name().unwrap_or_default();
                std::fs::copy(path, model.join(name)).map_err(failed)?;
            }
        }
        let script = match &spec.script {
            Some(script) => Some(copy_script(script, &staged.path().join("code")).map_err(failed)?),
            None => None,
        };
        let orders = Orders {
            created: now,
            home: self.home.root().to_owned(),
            assets,
            grace_ms: u64::try_from(self.settings.grace.as_millis()).unwrap_or(u64::MAX),
            longest_log: self.settings.longest_log,
            environment: checked.environment.clone(),
            rate: self.rate().amount().copied(),
            work: Work::Endpoint { script },
        };
        write_json(&staged.path().join("orders.json"), &orders).map_err(failed)?;
        write_json(&staged.path().join("spec.json"), spec).map_err(failed)?;
        staged.publish(&target).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn endpoints(&self) -> Sweep<(EndpointHandle, EndpointSpec)> {
        let mut sweep = Sweep::default();
        for folder in self.folders(&self.home.endpoints(), "endpoints", Folder::endpoint, &mut sweep.gaps) {
            match folder.spec::<EndpointSpec>() {
                Ok(Some(spec)) => sweep.items.push((self.endpoint_handle(&spec.id), spec)),
                Ok(None) => {}
                Err(e) => sweep.gaps.push(self.gap(folder.what(), &e)),
            }
        }
        sweep
    }

    pub(crate) fn endpoint_status(&self, folder: &Folder, now: Timestamp) -> Result<Option<EndpointStatus>> {
        let Some(record) = endpoint_record(folder)? else { return Ok(None) };
        let Some(spec) = folder.spec::<EndpointSpec>()? else { return Ok(None) };
        let created = folder.orders::<Orders>()?.map_or(now, |o| o.created);
        let serves = record.state == EndpointState::InService;
        let url = supervise::address(folder).filter(|_| serves).map(|a| a.url);
        let stats = url.as_deref().and_then(|url| http::stats(url, PINGS_WITHIN));
        let mut detail = record.detail;
        if serves && stats.is_none() && detail.is_none() {
            detail = Some("does not answer".into());
        }
        let stats = match stats {
            Some(stats) => Some(stats),
            None => files::read_json(&folder.join(SERVER).join("stats.json"), "its counts").unwrap_or_default(),
        };
        let over = record.state.is_over();
        let curfew = folder.curfew_request()?.map_or(spec.curfew, |r| r.at);
        let until = record.ended.unwrap_or(if over { created } else { now });
        Ok(Some(EndpointStatus {
            state: record.state,
            detail,
            failure: record.failure,
            ended_by: record.ended_by,
            created,
            ended: record.ended,
            url,
            traffic: stats.map(|s| traffic(&s, over)),
            curfew: Some(Curfew { at: curfew, enforcer: Enforcer::Supervisor }),
            rate: if over { Settings::idle_rate() } else { self.rate() },
            so_far: self.so_far(until.duration_since(created)),
            versions: record.versions,
        }))
    }

    fn invoke(&self, id: &EndpointId, request: &Invocation, limit: Duration) -> Result<Reply> {
        let folder = self.endpoint_folder(id);
        let record = endpoint_record(&folder)?.ok_or_else(|| folder.not_found("ask the model"))?;
        let away = |kind, what: String| Error::new(kind, "ask the model", what).with("endpoint", id);
        if record.state != EndpointState::InService {
            let kind = if record.state.is_over() { ErrorKind::Conflict } else { ErrorKind::Unavailable };
            return Err(away(kind, format!("the endpoint {id} is {}", record.state.word())));
        }
        let address = supervise::address(&folder)
            .ok_or_else(|| away(ErrorKind::Unavailable, format!("the endpoint {id} has no address just now")))?;
        for (field, value) in [("content type", &request.content_type), ("accept", &request.accept)] {
            if value.is_empty() || value.bytes().any(|b| b.is_ascii_control()) || !value.is_ascii() {
                return Err(Error::input("input", format!("the {field} is not one")));
            }
        }
        let answer = http::invoke(&address.url, &request.content_type, &request.accept, &request.body, limit);
        let answer = answer.map_err(|e| match e {
            NoAnswer::Timeout => {
                away(ErrorKind::Timeout, format!("the model did not answer within {} seconds", limit.as_secs()))
            }
            NoAnswer::Broken(why) => away(ErrorKind::Unavailable, format!("the endpoint {id} does not answer ({why})")),
        })?;
        if answer.status == 200 {
            let latency_ms = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
            return Ok(Reply { content_type: answer.content_type, body: answer.body, latency_ms });
        }
        let said = say::clean(String::from_utf8_lossy(&answer.body).trim(), 500);
        Err(match answer.status {
            400 | 406 | 411 | 413 | 415 => Error::input("input", said).with("status", answer.status),
            status => {
                let error = away(ErrorKind::Unavailable, said).with("status", status);
                error.next("Read the end of the endpoint's log, which has the whole error")
            }
        })
    }

    fn delete_endpoint(&self, id: &EndpointId, now: Timestamp) -> Result<()> {
        let folder = self.endpoint_folder(id);
        self.end_endpoint(&folder, "it is being deleted", now)?;
        files::remove_folder(folder.path()).map_err(|e| {
            Error::io("delete the endpoint", format!("the files of {} cannot be removed", folder.what()), e)
        })
    }

    /// Asks an endpoint to end and waits until it has.
    pub(crate) fn end_endpoint(&self, folder: &Folder, why: &str, now: Timestamp) -> Result<()> {
        let over = || Ok(endpoint_record(folder)?.is_none_or(|r| r.state.is_over()));
        if over()? {
            return Ok(());
        }
        folder.ask_to_stop(&StopRequest { why: why.into(), at: now })?;
        self.wait_until_over(folder, over)
    }

    /// Waits for a supervisor to do what it was asked.
    pub(crate) fn wait_until_over(&self, folder: &Folder, over: impl Fn() -> Result<bool>) -> Result<()> {
        let limit = self.settings.grace * 2 + Duration::from_secs(30);
        let started = Instant::now();
        while !over()? {
            if started.elapsed() > limit {
                let what = format!("{} was asked to end and has not yet", folder.what());
                return Err(Error::new(ErrorKind::Timeout, "wait for its end", what).bill(Bill::StillRunning));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// How an endpoint stands by its files and processes; `None` where there is no such endpoint.
pub(crate) fn endpoint_record(folder: &Folder) -> Result<Option<Record<EndpointState>>> {
    if !folder.exists() {
        return Ok(None);
    }
    let held = folder.held()?;
    let mut record = match (folder.record::<EndpointState>()?, &held) {
        (Some(record), _) => record,
        (None, Held::NotBegun) => match folder.stop_request()? {
            Some(stop) => {
                Record { ended_by: Some(stop.why), ended: Some(stop.at), ..Record::new(EndpointState::Stopped) }
            }
            None => Record { detail: Some("not begun".into()), ..Record::new(EndpointState::Creating) },
        },
        (None, _) => Record::new(EndpointState::Creating),
    };
    if !record.state.is_over() {
        match held {
            Held::Dead => {
                record.state = EndpointState::Lost;
                record.detail = None;
                record.failure = Some(Failure {
                    what: "Its supervisor was killed, or the computer went down".into(),
                    next: "Look under Sweep for processes it left behind, then deploy it again.".into(),
                    log_end: Vec::new(),
                });
            }
            Held::Elsewhere(host) => {
                record.detail = Some(format!("runs on {}; not seen from here", say::clean(&host, 60)));
            }
            Held::Alive | Held::NotBegun => {}
        }
    }
    Ok(Some(record))
}

fn traffic(stats: &http::Stats, over: bool) -> Traffic {
    Traffic {
        requests: stats.requests,
        errors: stats.errors,
        last_request: stats.last_request_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        p50_ms: stats.latency_ms.p50,
        p90_ms: stats.latency_ms.p90,
        p99_ms: stats.latency_ms.p99,
        memory_bytes: stats.rss_bytes.filter(|_| !over),
    }
}

fn check_script(script: &Path) -> Result<()> {
    let shown = say::clean(&script.display().to_string(), 200);
    if !script.is_absolute() {
        return Err(Error::input("script", "the inference script has to be an absolute path"));
    }
    if !script.is_file() {
        return Err(Error::input("script", format!("there is no script {shown}")));
    }
    if script.extension().is_none_or(|e| e != "py") {
        return Err(Error::input("script", format!("{shown} is not a Python script (.py)")));
    }
    Ok(())
}

/// Copies the script and the modules beside it, which it may import. Its path below the endpoint's folder.
fn copy_script(script: &Path, folder: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let beside = script.parent().unwrap_or(Path::new("/"));
    for entry in std::fs::read_dir(beside)? {
        let path = entry?.path();
        let wanted =
            path.extension().is_some_and(|e| e == "py") || path.file_name().is_some_and(|n| n == "requirements.txt");
        if wanted && path.is_file() && path != script {
            // A neighbour that cannot be read is none of the script's business until it is imported.
            let _ = std::fs::copy(&path, folder.join(path.file_name().unwrap_or_default()));
        }
    }
    let name = script.file_name().unwrap_or_default();
    std::fs::copy(script, folder.join(name))?;
    Ok(Path::new("code").join(name))
}
