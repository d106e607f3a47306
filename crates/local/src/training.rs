//! Runs on this computer.

use crate::copy::{self, TooMuch};
use crate::files::write_json;
use crate::folder::{CurfewRequest, Folder, Held, Record, StopRequest};
use crate::local::{Inner, Local, blocking};
use crate::orders::{Orders, Work};
use crate::settings::Settings;
use crate::start::{Staged, begin};
use crate::venv::{Environment, Packages, Place};
use crate::{assets, series};
use async_trait::async_trait;
use curfew_core::error::Bill;
use curfew_core::provider::{Caution, Quote, Training};
use curfew_core::run::{Failure, LogChunk, RunHandle, RunSpec, RunState, RunStatus};
use curfew_core::{Curfew, Cx, Enforcer, Error, ErrorKind, Gap, Result, Sweep, Timestamp, say};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

#[async_trait]
impl Training for Local {
    async fn quote(&self, cx: &Cx, spec: &RunSpec) -> Result<Quote> {
        cx.check("check the run")?;
        let (inner, spec, now) = (self.inner.clone(), spec.clone(), cx.now());
        blocking("check the run", move || Ok(inner.check_run(&spec, now)?.quote)).await
    }
    async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle> {
        cx.check("start the run")?;
        let (inner, spec, now) = (self.inner.clone(), spec.clone(), cx.now());
        blocking("start the run", move || inner.launch(&spec, now)).await
    }
    async fn find(&self, cx: &Cx, spec: &RunSpec) -> Result<Option<RunHandle>> {
        cx.check("find the run")?;
        let (inner, spec) = (self.inner.clone(), spec.clone());
        blocking("find the run", move || {
            let found = inner.run_folder(&spec.id).spec::<RunSpec>()?;
            Ok(found.filter(|f| f.intent == spec.intent).map(|f| inner.run_handle(&f)))
        })
        .await
    }
    async fn list(&self, cx: &Cx) -> Result<Sweep<(RunHandle, RunSpec)>> {
        cx.check("list the runs")?;
        let inner = self.inner.clone();
        blocking("list the runs", move || Ok(inner.runs())).await
    }
    async fn status(&self, cx: &Cx, run: &RunHandle) -> Result<RunStatus> {
        cx.check("look at the run")?;
        let (inner, run, now) = (self.inner.clone(), run.clone(), cx.now());
        blocking("look at the run", move || {
            let folder = inner.run_folder(&run.id);
            inner.run_status(&folder, now)?.ok_or_else(|| folder.not_found("look at the run"))
        })
        .await
    }
    async fn log(&self, cx: &Cx, run: &RunHandle, from: &str, max: usize) -> Result<LogChunk> {
        cx.check("read the log")?;
        let (inner, run, from) = (self.inner.clone(), run.clone(), from.to_owned());
        blocking("read the log", move || {
            let folder = inner.run_folder(&run.id);
            // Looked at first: what was written before the end is then in what is read after.
            let status = inner.run_status(&folder, Timestamp::now())?;
            let over = status.ok_or_else(|| folder.not_found("read the log"))?.state.is_over();
            let cut = folder.record::<RunState>()?.and_then(|r| r.log_cut);
            read_log(&folder, &from, max, cut, over)
        })
        .await
    }
    async fn stop(&self, cx: &Cx, run: &RunHandle, why: &str) -> Result<()> {
        cx.check("stop the run")?;
        let (inner, run, why, now) = (self.inner.clone(), run.clone(), why.to_owned(), cx.now());
        blocking("stop the run", move || {
            let folder = inner.run_folder(&run.id);
            let status = inner.run_status(&folder, now)?.ok_or_else(|| folder.not_found("stop the run"))?;
            if status.state.is_over() {
                return Ok(());
            }
            folder.ask_to_stop(&StopRequest { why, at: now }).map(drop).map_err(|e| e.bill(Bill::StillRunning))
        })
        .await
    }
    async fn set_curfew(&self, cx: &Cx, run: &RunHandle, at: Timestamp) -> Result<Enforcer> {
        cx.check("move the curfew")?;
        let (inner, run, now) = (self.inner.clone(), run.clone(), cx.now());
        blocking("move the curfew", move || {
            let folder = inner.run_folder(&run.id);
            let status = inner.run_status(&folder, now)?.ok_or_else(|| folder.not_found("move the curfew"))?;
            let ended = status.state.is_over() || status.state == RunState::Stopping;
            move_curfew(&folder, at, now, ended.then(|| status.state.word()))
        })
        .await
    }
    fn writes_series(&self) -> bool {
        true
    }
    async fn busy(&self, cx: &Cx, run: &RunHandle) -> Result<Option<f64>> {
        cx.check("look at the run")?;
        let (inner, run) = (self.inner.clone(), run.clone());
        blocking("look at the run", move || crate::orphans::busy(&inner, &run.id)).await
    }
}

/// Moves the curfew of a run or endpoint; `ended` is the word for its state where there is nothing left to move.
pub(crate) fn move_curfew(folder: &Folder, at: Timestamp, now: Timestamp, ended: Option<&str>) -> Result<Enforcer> {
    if let Some(word) = ended {
        let what = format!("{} is {word}, so its curfew cannot be moved", folder.what());
        return Err(Error::new(ErrorKind::Conflict, "move the curfew", what).at("curfew"));
    }
    check_curfew(at, now)?;
    folder.ask_for_curfew(&CurfewRequest { at })?;
    Ok(Enforcer::Supervisor)
}

pub(crate) fn check_curfew(at: Timestamp, now: Timestamp) -> Result<()> {
    if at <= now {
        let error = Error::input("curfew", format!("the curfew {} is in the past", at.strftime("%Y-%m-%d %H:%M:%SZ")));
        return Err(error.with("now", now));
    }
    Ok(())
}

/// A piece of a log. The part that was given back to the disk is left out, and said so.
pub(crate) fn read_log(
    folder: &Folder,
    from: &str,
    max: usize,
    cut: Option<(u64, u64)>,
    over: bool,
) -> Result<LogChunk> {
    let bad = || Error::new(ErrorKind::InvalidInput, "read the log", "this is no position in a log");
    let mut at: u64 = if from.is_empty() { 0 } else { from.parse().map_err(|_| bad())? };
    let failed = |e| Error::io("read the log", format!("the log of {} cannot be read", folder.what()), e);
    let mut file = match std::fs::File::open(folder.log()) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(LogChunk { bytes: Vec::new(), next: at.to_string(), end: over });
        }
        Err(e) => return Err(failed(e)),
    };
    let length = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    let mut limit = max.max(1) as u64;
    if let Some((cut_from, cut_to)) = cut {
        if (cut_from..cut_to).contains(&at) {
            bytes.extend(format!("\n[curfew] {} of the log are left out here\n", say::bytes(cut_to - at)).into_bytes());
            at = cut_to;
        } else if at < cut_from {
            limit = limit.min(cut_from - at);
        }
    }
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    let read = file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let position = at.saturating_add(read as u64);
    Ok(LogChunk { bytes, next: position.to_string(), end: over && position >= length })
}

/// A run that may be started.
struct Checked {
    quote: Quote,
    code: copy::Plan,
    environment: Environment,
}

impl Inner {
    pub(crate) fn run_folder(&self, id: &curfew_core::RunId) -> Folder {
        Folder::run(self.home.run(id))
    }

    fn run_handle(&self, spec: &RunSpec) -> RunHandle {
        RunHandle { id: spec.id.clone(), native: self.home.run(&spec.id).display().to_string() }
    }

    /// Checks everything that can be checked without changing anything.
    fn check_run(&self, spec: &RunSpec, now: Timestamp) -> Result<Checked> {
        if !spec.machine.is_local() {
            return Err(Error::input("machine", format!("this computer cannot be {}", spec.machine)));
        }
        check_curfew(spec.curfew, now)?;
        check_entry(spec)?;
        check_hyperparameters(spec)?;
        let data = check_data(spec)?;
        series::definitions(&spec.dir)?;
        let code = self.plan_code(spec, &data)?;
        let interpreter = self.pythons.usual(&self.settings)?;
        let requirements = read_requirements(&spec.dir.join("requirements.txt"))?;
        let packages = Packages::of(&requirements.unwrap_or_default(), spec.id.as_str());
        let environment = Environment { interpreter, packages };

        let mut cautions = Vec::new();
        if let Some(key) = environment.key()
            && !matches!(Place::of(&self.home.venvs(), &key).ready(), Ok(Some(_)))
        {
            cautions.push(Caution {
                code: "installs-requirements".into(),
                says: "What requirements.txt names is installed first.".into(),
                risk: "This takes a while and some disk space, once.".into(),
                ask: false,
            });
        }
        if spec.stop.spend.is_some() && self.power().is_none() {
            cautions.push(Caution {
                code: "spend-not-known".into(),
                says: "The spend cap has no effect here.".into(),
                risk: "Nothing is billed on this computer; state its power draw and tariff in Settings to have it counted."
                    .into(),
                ask: false,
            });
        }
        let quote =
            Quote { rate: self.rate(), cautions, enforcer: Enforcer::Supervisor, by_use: Vec::new(), longest: None };
        Ok(Checked { quote, code, environment })
    }

    fn plan_code(&self, spec: &RunSpec, data: &[PathBuf]) -> Result<copy::Plan> {
        let most = self.settings.largest_code;
        let home = self.home.root().to_owned();
        let mut except = vec![home];
        let mut plan = copy::plan(&spec.dir, &except, most);
        if matches!(plan, Err(TooMuch::Bytes | TooMuch::Files)) {
            // What is given as data need not be copied as code.
            except.extend(data.iter().cloned());
            plan = copy::plan(&spec.dir, &except, most);
        }
        plan.map_err(|too_much| {
            let what = match too_much {
                TooMuch::Bytes => format!("the script folder holds more than {}", say::bytes(most)),
                TooMuch::Files => "the script folder holds more than 50,000 files".into(),
                TooMuch::Io(e) => {
                    return Error::io("read the script folder", "the script folder cannot be read", e).at("dir");
                }
            };
            Error::input("dir", what).next("Keep data in a folder of its own, and give it as data (--data)")
        })
    }

    fn launch(&self, spec: &RunSpec, now: Timestamp) -> Result<RunHandle> {
        let folder = self.run_folder(&spec.id);
        if !folder.exists() {
            let checked = self.check_run(spec, now)?;
            self.publish_run(spec, checked, now)?;
        }
        // Ours or another's: of several launches at once, one has made the folder.
        let Some(found) = folder.spec::<RunSpec>()? else {
            let what = format!("a folder is in the way: {}", folder.path().display());
            return Err(Error::new(ErrorKind::AlreadyExists, "start the run", what)
                .at("name")
                .bill(Bill::NothingStarted));
        };
        if found.intent != spec.intent {
            let what = format!("there is already a run {}", spec.id);
            return Err(Error::new(ErrorKind::AlreadyExists, "start the run", what)
                .at("name")
                .bill(Bill::NothingStarted));
        }
        begin(self, &folder)?;
        Ok(self.run_handle(spec))
    }

    fn publish_run(&self, spec: &RunSpec, checked: Checked, now: Timestamp) -> Result<()> {
        let failed = |e: io::Error| {
            Error::io("start the run", "the folder of the run cannot be made", e).bill(Bill::NothingStarted)
        };
        let assets = assets::ensure(&self.home)?;
        let target = self.home.run(&spec.id);
        let staged = Staged::new(&target).map_err(failed)?;
        checked.code.carry_out(&spec.dir, &staged.path().join("code")).map_err(failed)?;
        let orders = Orders {
            created: now,
            home: self.home.root().to_owned(),
            assets,
            grace_ms: u64::try_from(self.settings.grace.as_millis()).unwrap_or(u64::MAX),
            longest_log: self.settings.longest_log,
            environment: checked.environment,
            rate: self.rate().amount().copied(),
            work: Work::Run,
        };
        write_json(&staged.path().join("orders.json"), &orders).map_err(failed)?;
        write_json(&staged.path().join("spec.json"), spec).map_err(failed)?;
        staged.publish(&target).map_err(failed)?;
        Ok(())
    }

    /// Every run folder here. Folders of cloud runs, which hold only a series, are not ours.
    pub(crate) fn runs(&self) -> Sweep<(RunHandle, RunSpec)> {
        let mut sweep = Sweep::default();
        for folder in self.folders(&self.home.runs(), "runs", Folder::run, &mut sweep.gaps) {
            match folder.spec::<RunSpec>() {
                Ok(Some(spec)) => sweep.items.push((self.run_handle(&spec), spec)),
                Ok(None) => {}
                Err(e) => sweep.gaps.push(self.gap(folder.what(), &e)),
            }
        }
        sweep
    }

    /// The folders in `parent`, sorted by name; those being made or removed are left out.
    pub(crate) fn folders(
        &self,
        parent: &Path,
        what: &str,
        make: impl Fn(PathBuf) -> Folder,
        gaps: &mut Vec<Gap>,
    ) -> Vec<Folder> {
        let entries = match std::fs::read_dir(parent) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(e) => {
                let error = Error::io("list a folder", format!("{} cannot be read", parent.display()), e);
                gaps.push(self.gap(what, &error));
                return Vec::new();
            }
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) if entry.file_name().as_encoded_bytes().starts_with(b".") => {}
                Ok(entry) => paths.push(entry.path()),
                Err(e) => gaps.push(self.gap(what, &Error::io("list a folder", what, e))),
            }
        }
        paths.sort();
        paths.into_iter().map(make).collect()
    }

    pub(crate) fn gap(&self, what: &str, error: &Error) -> Gap {
        Gap::new(&self.cloud, &self.account, Some(&self.region), what, error)
    }

    /// How a run stands; `None` where there is no such run.
    pub(crate) fn run_status(&self, folder: &Folder, now: Timestamp) -> Result<Option<RunStatus>> {
        let Some(spec) = folder.spec::<RunSpec>()? else { return Ok(None) };
        let created = folder.orders::<Orders>()?.map_or(now, |o| o.created);
        // Before the state: a supervisor that ends in between has then written its last one.
        let held = folder.held()?;
        let record = folder.record::<RunState>()?;
        let mut record = match (record, &held) {
            (Some(record), _) => record,
            (None, Held::NotBegun) => match folder.stop_request()? {
                Some(stop) => {
                    Record { ended_by: Some(stop.why), ended: Some(stop.at), ..Record::new(RunState::Stopped) }
                }
                None => Record { detail: Some("not begun".into()), ..Record::new(RunState::Queued) },
            },
            (None, _) => Record::new(RunState::Starting),
        };
        if !record.state.is_over() {
            match held {
                Held::Dead => lose(&mut record),
                Held::Elsewhere(host) => {
                    record.detail = Some(format!("runs on {}; not seen from here", say::clean(&host, 60)));
                }
                Held::Alive | Held::NotBegun => {}
            }
        }
        let over = record.state.is_over();
        let curfew = folder.curfew_request()?.map_or(spec.curfew, |r| r.at);
        let begun = record.started.unwrap_or(record.ended.unwrap_or(now));
        let worked = record.ended.unwrap_or(if over { begun } else { now }).duration_since(begun);
        Ok(Some(RunStatus {
            state: record.state,
            detail: record.detail,
            progress: None,
            failure: record.failure,
            ended_by: record.ended_by,
            created,
            started: record.started,
            ended: record.ended,
            exit_code: record.exit_code,
            model: record.model.map(|m| folder.join(&m).display().to_string()),
            curfew: Some(Curfew { at: curfew, enforcer: Enforcer::Supervisor }),
            rate: if over { Settings::idle_rate() } else { self.rate() },
            so_far: self.so_far(worked),
            spot: None,
        }))
    }
}

fn lose(record: &mut Record<RunState>) {
    record.state = RunState::Lost;
    record.detail = None;
    record.failure = Some(Failure {
        what: "Its supervisor was killed, or the computer went down, before it ended".into(),
        next: "Look under Sweep for processes it left behind, then start it again.".into(),
        log_end: Vec::new(),
    });
}

fn check_entry(spec: &RunSpec) -> Result<()> {
    if !spec.dir.is_absolute() {
        return Err(Error::input("dir", "the script folder has to be an absolute path"));
    }
    let shown = say::clean(&spec.dir.display().to_string(), 200);
    match spec.dir.metadata() {
        Ok(m) if m.is_dir() => {}
        Ok(_) => return Err(Error::input("dir", format!("{shown} is a file; give the folder it is in"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Error::input("dir", format!("there is no folder {shown}")));
        }
        Err(e) => {
            return Err(Error::io("check the run", format!("{shown} cannot be read"), e)
                .at("dir")
                .bill(Bill::NothingStarted));
        }
    }
    let entry = Path::new(&spec.entry);
    let name = say::clean(&spec.entry, 120);
    let plain = entry.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if spec.entry.is_empty() || !plain || spec.entry.contains('\0') {
        return Err(Error::input("entry", format!("“{name}” is not a script in the folder")));
    }
    let known = entry.extension().is_some_and(|e| e == "py" || e == "sh");
    if !known {
        return Err(Error::input("entry", format!("“{name}” is neither a Python (.py) nor a shell script (.sh)")));
    }
    if !spec.dir.join(entry).is_file() {
        let mut there: Vec<String> = std::fs::read_dir(&spec.dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .filter(|n| Path::new(n).extension().is_some_and(|e| e == "py" || e == "sh"))
            .collect();
        there.sort();
        there.truncate(8);
        let next = if there.is_empty() {
            "Choose the folder that holds your training script".to_owned()
        } else {
            format!("Choose one that is there: {}", say::clean(&there.join(", "), 300))
        };
        return Err(Error::input("entry", format!("there is no {name} in {shown}")).next(next));
    }
    Ok(())
}

fn check_hyperparameters(spec: &RunSpec) -> Result<()> {
    let bad = |what: String| Err(Error::input("hyper", what));
    for (name, value) in &spec.hyper {
        let shown = say::clean(name, 60);
        let good = !name.is_empty() && name.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '=');
        if !good || name.starts_with('-') || name.len() > 255 {
            return bad(format!("“{shown}” cannot be the name of a hyperparameter; write name=value"));
        }
        if name.starts_with("sagemaker_") {
            return bad(format!("“{shown}”: names that begin with sagemaker_ are SageMaker's own"));
        }
        if value.contains('\0') || value.len() > 2500 {
            return bad(format!("the value of “{shown}” is too long, or holds a character that no argument can"));
        }
    }
    Ok(())
}

/// The channels' paths.
fn check_data(spec: &RunSpec) -> Result<Vec<PathBuf>> {
    let mut names: Vec<String> = Vec::new();
    let mut paths = Vec::new();
    for channel in &spec.data {
        let (name, source) = (say::clean(&channel.name, 60), say::clean(&channel.source, 200));
        let good = (1..=64).contains(&channel.name.len())
            && channel.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && !channel.name.starts_with('.');
        if !good {
            return Err(Error::input(
                "data",
                format!("“{name}” cannot be a channel's name; use letters, digits, - and _"),
            ));
        }
        // SM_CHANNEL_TRAIN and SM_CHANNEL_train would be one variable.
        if names.contains(&channel.name.to_uppercase()) {
            return Err(Error::input("data", format!("the channel “{name}” is given twice")));
        }
        names.push(channel.name.to_uppercase());
        if channel.source.contains("://") {
            let error = Error::input("data", format!("the data “{source}” is not on this computer"));
            return Err(error.next("Copy it here first, or train where the data is"));
        }
        let path = PathBuf::from(&channel.source);
        if !path.is_absolute() {
            return Err(Error::input("data", format!("{source} has to be an absolute path")));
        }
        let readable = path.metadata().and_then(|m| {
            if m.is_dir() { std::fs::read_dir(&path).map(drop) } else { std::fs::File::open(&path).map(drop) }
        });
        readable.map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::input("data", format!("there is no {source}")),
            _ => Error::input("data", format!("{source} cannot be read: {e}")),
        })?;
        paths.push(path);
    }
    Ok(paths)
}

/// A requirements.txt; `None` where there is none.
pub(crate) fn read_requirements(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() > 1 << 20 => Err(Error::input("dir", "requirements.txt is longer than 1 MiB")),
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("check the requirements", "requirements.txt cannot be read", e).at("dir")),
    }
}
