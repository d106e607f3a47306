//! A run: environment, script, model. Each way it can end has a state that says what happened.

use super::environment::{self, NotPrepared, Prepared};
use super::log::{self, Tail};
use super::watch::{Duty, Exit, Watch};
use crate::environment::{LEFT_OUT, Layout, Machine};
use crate::folder::{Folder, Record, is_full};
use crate::orders::Orders;
use crate::process::ProcessId;
use crate::rules::Rules;
use crate::series::{self, Series};
use curfew_core::run::{Failure, RunSpec, RunState};
use curfew_core::{Error, ErrorKind, Result, Timestamp};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The run as the supervisor sees it.
struct Run {
    folder: Folder,
    record: Record<RunState>,
    output: Option<Output>,
    longest_log: u64,
}

/// What the script prints, on its way into the series.
struct Output {
    tail: Tail,
    series: Series,
}

impl Run {
    fn write(&self) {
        if let Err(e) = self.folder.write_record(&self.record) {
            eprintln!("{} the state cannot be written: {e}", Timestamp::now());
        }
    }
    fn detail(&mut self, detail: &str) {
        self.record.detail = Some(detail.into());
        self.write();
    }
    /// Reads what is new. `true`: there is more.
    fn read_output(&mut self, now: Timestamp) -> bool {
        let Some(Output { tail, series }) = &mut self.output else { return false };
        let read = tail.read(|bytes| series.push(bytes, now));
        series.flush(now);
        let more = read.unwrap_or_else(|e| {
            eprintln!("{} the log cannot be read: {e}", Timestamp::now());
            false
        });
        let cut = tail.keep_within(self.longest_log);
        if cut != self.record.log_cut {
            self.record.log_cut = cut;
            self.write();
        }
        more
    }
    /// Writes the end, whatever it is.
    fn end(&mut self, state: RunState) {
        self.record.state = state;
        self.record.ended = Some(Timestamp::now());
        self.record.child = None;
        self.write();
    }
    fn fail(&mut self, failure: Failure) {
        self.record.detail = None;
        self.record.failure = Some(failure);
        self.end(RunState::Failed);
    }
    fn fail_with(&mut self, what: impl Into<String>, next: impl Into<String>) {
        let log_end = log::end_of(&self.folder.log(), 0);
        self.fail(Failure { what: what.into(), next: next.into(), log_end });
    }
}

impl Duty for Run {
    fn tick(&mut self, now: Timestamp) -> Option<String> {
        self.read_output(now);
        let worked = self.record.started.map(|s| now.duration_since(s)).unwrap_or_default();
        self.output.as_mut().and_then(|output| output.series.wants_end(worked))
    }
    fn ending(&mut self, why: &str) {
        self.record.state = RunState::Stopping;
        self.record.ended_by = Some(why.into());
        self.record.detail = None;
        log::say(&self.folder, &format!("ending: {}", curfew_core::say::clean(why, 200)));
        self.write();
    }
    fn curfew(&mut self, at: Timestamp) {
        self.record.curfew = Some(at);
        self.write();
    }
}

pub(crate) fn carry_out(folder: &Folder, orders: &Orders, mut watch: Watch) -> Result<()> {
    let Some(spec) = folder.spec::<RunSpec>()? else {
        return Err(Error::new(ErrorKind::NotFound, "supervise", "there is no spec in this folder"));
    };
    watch.hold(spec.curfew);
    let mut run = Run {
        folder: folder.clone(),
        record: Record::new(RunState::Starting),
        output: None,
        longest_log: orders.longest_log,
    };
    run.record.curfew = Some(watch.curfew());
    run.detail("preparing");
    if watch.should_end(&mut run) {
        run.end(RunState::Stopped);
        return Ok(());
    }
    let layout = Layout { base: folder.path(), source: &spec.dir };
    if let Err(e) = lay_out(&spec, &layout) {
        run.fail(explain_io(&e));
        return Ok(());
    }

    let venvs = curfew_core::Home::at(&orders.home).venvs();
    let prepared = {
        // The duty writes the same record as the detail does, so one goes through the other.
        let record = run.record.clone();
        let told = folder.clone();
        let mut detail = |text: &str| {
            let _ = told.write_record(&Record { detail: Some(text.to_owned()), ..record.clone() });
        };
        environment::prepare(folder, &venvs, &orders.environment, &layout.code(), &mut watch, &mut run, &mut detail)
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(NotPrepared::Ended) => {
            run.end(RunState::Stopped);
            return Ok(());
        }
        Err(NotPrepared::Failed { what, next }) => {
            run.fail_with(what, next);
            return Ok(());
        }
    };
    train(&spec, orders, &layout, &prepared, &mut watch, &mut run);
    Ok(())
}

/// Everything that the script expects below its base folder.
fn lay_out(spec: &RunSpec, layout: &Layout<'_>) -> io::Result<()> {
    for folder in layout.folders() {
        std::fs::create_dir_all(folder)?;
    }
    for (name, text) in crate::environment::config_files(spec, layout) {
        std::fs::write(layout.base.join("input/config").join(name), text)?;
    }
    for channel in &spec.data {
        let source = PathBuf::from(&channel.source);
        let place = layout.channel(&channel.name);
        let kind = source
            .metadata()
            .map_err(|e| io::Error::new(e.kind(), format!("the data {} cannot be read: {e}", channel.source)))?;
        if kind.is_dir() {
            symlink(&source, &place)?;
        } else {
            // A channel is a folder, also where it holds one file.
            std::fs::create_dir_all(&place)?;
            symlink(&source, place.join(source.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn train(spec: &RunSpec, orders: &Orders, layout: &Layout<'_>, prepared: &Prepared, watch: &mut Watch, run: &mut Run) {
    let out = match log::open_for_child(&run.folder) {
        Ok(out) => out,
        Err(e) => return run.fail(explain_io(&e)),
    };
    let begins = out.metadata().map_or(0, |m| m.len());
    let code = layout.code();
    let definitions = series::definitions(&code).unwrap_or_else(|e| {
        eprintln!("{} {e:?}", Timestamp::now());
        None
    });
    let rules = Rules::new(&spec.stop, orders.rate);
    let series = &run.folder.join("series");
    let mut series = Series::open(series, run.folder.log(), begins, definitions.as_ref(), rules);
    series.watch_events(["output", "model"].map(|part| layout.base.join(part)), &code);
    run.output = Tail::open(&run.folder.log(), begins).ok().map(|tail| Output { tail, series });
    watch.also(&run.folder.log());

    let mut command = command(spec, layout, prepared);
    let (Ok(stdout), stderr) = (out.try_clone(), out) else {
        return run.fail_with("The log could not be opened twice", "End other programs, and start it again.");
    };
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    watch.mark(&mut command);
    let memory = MemoryKills::now();
    run.record.log_begins = begins;
    run.record.venv.clone_from(&prepared.key);

    let mut running = Running { run, begins };
    let ended = watch.run(&mut command, &mut running);
    let run = running.run;
    // All of it: nothing is written any more.
    while run.read_output(Timestamp::now()) {}
    if let Some(output) = &mut run.output {
        output.series.finish(Timestamp::now());
    }
    let exit = match ended {
        Ok(exit) => exit,
        Err(e) => {
            let not = environment::not_started(&prepared.python, &e);
            return run.fail(not.into());
        }
    };
    conclude(spec, orders, prepared, watch, run, exit, memory.grew());
}

/// While the script runs: the first thing is to say so.
struct Running<'a> {
    run: &'a mut Run,
    begins: u64,
}
impl Duty for Running<'_> {
    fn tick(&mut self, now: Timestamp) -> Option<String> {
        self.run.tick(now)
    }
    fn ending(&mut self, why: &str) {
        self.run.ending(why);
    }
    fn curfew(&mut self, at: Timestamp) {
        self.run.curfew(at);
    }
    fn started(&mut self, child: ProcessId) {
        let record = &mut self.run.record;
        record.state = RunState::Running;
        record.detail = None;
        record.started = Some(Timestamp::now());
        record.child = Some(child);
        record.log_begins = self.begins;
        self.run.write();
    }
}

fn command(spec: &RunSpec, layout: &Layout<'_>, prepared: &Prepared) -> Command {
    let mut command = if Path::new(&spec.entry).extension().is_some_and(|e| e == "sh") {
        let mut command = Command::new("/bin/sh");
        command.arg(Path::new("./").join(&spec.entry));
        command
    } else {
        let mut command = Command::new(&prepared.python);
        command.arg("--").arg(&spec.entry);
        command
    };
    command.args(crate::environment::arguments(spec)).current_dir(layout.code());
    let machine = Machine { cpus: crate::machine::cpus(), gpus: crate::machine::gpus().len() };
    dress(&mut command, prepared);
    command.envs(crate::environment::variables(spec, layout, machine));
    command
}

/// Gives a command the environment of its Python.
pub(crate) fn dress(command: &mut Command, prepared: &Prepared) {
    for name in LEFT_OUT {
        command.env_remove(name);
    }
    if let Some(venv) = &prepared.venv {
        let mut path = crate::venv::Place { folder: venv.clone() }.bin().into_os_string();
        if let Some(own) = std::env::var_os("PATH") {
            path.push(":");
            path.push(own);
        }
        command.env("VIRTUAL_ENV", venv).env("PATH", path);
    }
}

/// Says how it went, and packs the model.
fn conclude(
    spec: &RunSpec,
    orders: &Orders,
    prepared: &Prepared,
    watch: &Watch,
    run: &mut Run,
    exit: Exit,
    memory_killed: bool,
) {
    run.record.child = None;
    run.record.exit_code = match exit {
        Exit::Code(code) => Some(code),
        Exit::Signal(_) | Exit::Unknown => None,
    };
    let ended = watch.why().is_some();
    // As the toolkit leaves it.
    let output = run.folder.join("output");
    let _ = match exit {
        Exit::Code(0) => std::fs::write(output.join("success"), ""),
        Exit::Code(code) => {
            std::fs::write(output.join("failure"), format!("ExecuteUserScriptError:\nExitCode {code}\n"))
        }
        Exit::Signal(n) => {
            std::fs::write(output.join("failure"), format!("ExecuteUserScriptError:\nExitCode {}\n", -n))
        }
        Exit::Unknown => Ok(()),
    };
    if ended || exit == Exit::Code(0) {
        // A run that was ended keeps what it has saved, as SageMaker's stopped jobs do.
        if let Err(e) = keep_model(orders, prepared, run) {
            run.record.detail = None;
            let what = if is_full(&e) {
                "The disk is full: the script ended, but its model could not be packed".to_owned()
            } else {
                format!("The script ended, but its model could not be packed: {e}")
            };
            let next = format!(
                "Free some disk space (Sweep shows what Curfew keeps); the unpacked model is in {}.",
                run.folder.join("model").display()
            );
            return run.fail_with(what, next);
        }
        run.record.detail = match (&run.record.model, ended) {
            (None, false) => Some("The script left no model in SM_MODEL_DIR.".into()),
            _ => None,
        };
        return run.end(if ended { RunState::Stopped } else { RunState::Completed });
    }
    let failure = explain_exit(spec, run, exit, memory_killed);
    run.fail(failure);
}

fn keep_model(orders: &Orders, prepared: &Prepared, run: &mut Run) -> io::Result<()> {
    let model = run.folder.join("model");
    if std::fs::read_dir(&model)?.next().is_none() {
        return Ok(());
    }
    if run.record.state == RunState::Running {
        run.detail("packing the model");
    }
    let made_with = crate::model::probe(&orders.assets, prepared);
    if let Some(made_with) = made_with {
        run.record.versions = made_with.versions();
        crate::files::write_json(&model.join(crate::model::MADE_WITH), &made_with)?;
    }
    if crate::pack::pack(&model, &run.folder.join("model.tar.gz"))? {
        run.record.model = Some("model.tar.gz".into());
    }
    Ok(())
}

/// A bad end in words.
fn explain_exit(spec: &RunSpec, run: &Run, exit: Exit, memory_killed: bool) -> Failure {
    let log_end = log::end_of(&run.folder.log(), run.record.log_begins);
    let text = log_end.join("\n");
    let entry = curfew_core::say::clean(&spec.entry, 80);
    let (what, next) = match exit {
        _ if environment::speaks_of_full_disk(&text) => (
            "The disk is full: the script could not write any more".to_owned(),
            "Free some disk space (Sweep shows what Curfew keeps), then start it again.".to_owned(),
        ),
        Exit::Signal(9) if memory_killed => (
            "The script was killed because this computer ran out of memory".into(),
            "Use smaller batches or less data, or a machine with more memory.".into(),
        ),
        Exit::Signal(signal) => (
            format!("The script was killed by signal {signal}{}", signal_name(signal)),
            match signal {
                9 => "Someone or the system killed it; if memory was short, use smaller batches.".into(),
                11 | 7 | 4 | 6 => "A compiled library crashed: check the versions in requirements.txt.".into(),
                _ => "Someone ended it from outside; start it again if you still want it.".into(),
            },
        ),
        Exit::Code(code) => explain_code(&entry, code, &log_end),
        Exit::Unknown => ("Nobody saw how the script ended".into(), "Read the log, and start it again.".into()),
    };
    Failure { what, next, log_end }
}

fn explain_code(entry: &str, code: i32, log_end: &[String]) -> (String, String) {
    let last =
        log_end.iter().rev().find(|l| !l.starts_with(' ') && !l.starts_with("[curfew]")).map_or("", |l| l.trim());
    let mut what = format!("The script ended with exit code {code}");
    let mut next = "Read the end of the log, correct the script, and start it again.".to_owned();
    if let Some(rest) = last.strip_prefix("ModuleNotFoundError: No module named ") {
        let module = rest.trim().trim_matches(['\'', '"']);
        let package = match module.split('.').next().unwrap_or(module) {
            "sklearn" => "scikit-learn",
            "cv2" => "opencv-python",
            "PIL" => "pillow",
            "yaml" => "pyyaml",
            other => other,
        };
        what = format!("The script needs the Python package {package}, which is not installed");
        next = format!("Add {package} to requirements.txt beside {entry}, and start it again.");
    } else if last.contains("can't open file") {
        what = format!("The entry script {entry} cannot be opened");
        next = "Choose the script that starts the training.".into();
    } else if code == 2 && last.contains("error: unrecognized arguments") {
        what = format!("The script does not take a hyperparameter: {last}");
        next = "Correct the hyperparameters, or let the script take them.".into();
    } else if code == 137 || last.starts_with("MemoryError") || last.contains("Cannot allocate memory") {
        what = "The script ran out of memory".into();
        next = "Use smaller batches or less data, or a machine with more memory.".into();
    } else if last.contains("Error") && last.len() < 300 {
        what = format!("{what}: {last}");
    }
    (what, next)
}

fn explain_io(e: &io::Error) -> Failure {
    let (what, next) = if is_full(e) {
        ("The disk is full: the run could not be prepared".into(), "Free some disk space, then start it again.")
    } else {
        (format!("The run could not be prepared: {e}"), "Correct this, then start it again.")
    };
    Failure { what, next: next.into(), log_end: Vec::new() }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// How often the kernel has killed for want of memory: in our control group, and on the whole computer.
struct MemoryKills(u64);
impl MemoryKills {
    fn now() -> Self {
        let count = |path: &str| -> u64 {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().filter_map(|l| l.strip_prefix("oom_kill ")).filter_map(|n| n.trim().parse::<u64>().ok()).sum()
        };
        Self(count("/proc/vmstat") + count("/sys/fs/cgroup/memory.events"))
    }
    fn grew(&self) -> bool {
        Self::now().0 > self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: i32, end: &[&str], expect: &str) {
        let end: Vec<String> = end.iter().map(|s| (*s).to_owned()).collect();
        let (what, next) = explain_code("train.py", code, &end);
        assert_eq!(format!("{what} / {next}"), expect);
    }

    #[test]
    fn says_what_happened_and_what_to_do() {
        let read = "Read the end of the log, correct the script, and start it again.";
        check(1, &[], &format!("The script ended with exit code 1 / {read}"));
        check(
            1,
            &[
                "Traceback (most recent call last):",
                "  File \"train.py\"",
                "ModuleNotFoundError: No module named 'sklearn.x'",
            ],
            "The script needs the Python package scikit-learn, which is not installed / Add scikit-learn to requirements.txt beside train.py, and start it again.",
        );
        check(1, &["ValueError: no data"], &format!("The script ended with exit code 1: ValueError: no data / {read}"));
        check(
            2,
            &["usage: train.py", "train.py: error: unrecognized arguments: --x 1"],
            "The script does not take a hyperparameter: train.py: error: unrecognized arguments: --x 1 / Correct the hyperparameters, or let the script take them.",
        );
    }
}
