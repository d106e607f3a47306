//! Each way a run can end badly has a state that says what happened.

use crate::bench::{Bench, is_alive, launcher, marked, settings, until};
use curfew_core::run::{RunState, RunStatus};
use curfew_core::{ErrorKind, Timestamp};
use curfew_local::{Launcher, Settings};
use jiff::SignedDuration;
use std::time::Duration;

/// Runs a script to its end.
async fn end_of(text: &str) -> (Bench, RunStatus) {
    let bench = Bench::new();
    let run = bench.launch(&bench.script(text)).await;
    let status = bench.ended(&run).await;
    (bench, status)
}

fn failure(status: &RunStatus) -> (&str, &str) {
    let failure = status.failure.as_ref().unwrap_or_else(|| panic!("{status:#?}"));
    (&failure.what, &failure.next)
}

#[tokio::test]
async fn a_crash_shows_the_error_and_the_end_of_the_log() {
    let (_bench, status) = end_of("print('working')\nraise ValueError('no \\x1b[31mdata')").await;
    assert_eq!((status.state, status.exit_code), (RunState::Failed, Some(1)));
    assert_eq!(failure(&status).0, "The script ended with exit code 1: ValueError: no data");
    let end = &status.failure.as_ref().unwrap().log_end;
    assert!(end.iter().any(|l| l == "working") && end.iter().any(|l| l.contains("ValueError")), "{end:?}");
    assert!(status.model.is_none());
}

#[tokio::test]
async fn an_exit_code_is_kept() {
    let (_bench, status) = end_of("import sys; sys.exit(7)").await;
    assert_eq!((status.state, status.exit_code), (RunState::Failed, Some(7)));
    assert_eq!(failure(&status).0, "The script ended with exit code 7");
}

#[tokio::test]
async fn a_missing_package_is_named() {
    let (_bench, status) = end_of("import curfew_has_no_such_module.inner").await;
    assert_eq!(
        failure(&status),
        (
            "The script needs the Python package curfew_has_no_such_module, which is not installed",
            "Add curfew_has_no_such_module to requirements.txt beside train.py, and start it again."
        )
    );
}

#[tokio::test]
async fn a_killed_script_is_told_as_killed() {
    let (_bench, status) = end_of("import os; os.kill(os.getpid(), 9)").await;
    assert_eq!((status.state, status.exit_code), (RunState::Failed, None));
    assert_eq!(failure(&status).0, "The script was killed by signal 9 (SIGKILL)");
}

#[tokio::test]
async fn without_python_nothing_is_started() {
    let bench = Bench::with(launcher(), Settings { python: Some("/nowhere/python3".into()), ..settings() });
    let error = bench.training().launch(&bench.cx, &bench.script("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingProgram);
    assert!(!bench.home.runs().exists());
}

#[tokio::test]
async fn a_python_that_goes_away_before_the_start_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let venv = folder.path().join("venv");
    let made = std::process::Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&venv).status().unwrap();
    assert!(made.success());
    // The last moment before the supervisor begins.
    let shell = format!("rm -rf '{}'; exec \"$0\" \"$@\"", venv.display());
    let launcher =
        Launcher { program: "/bin/sh".into(), args: vec!["-c".into(), shell.into(), launcher().program.into()] };
    let bench = Bench::with(launcher, Settings { python: Some(venv.join("bin/python")), ..settings() });
    let run = bench.launch(&bench.script("")).await;
    let status = bench.ended(&run).await;
    assert_eq!(status.state, RunState::Failed);
    assert!(failure(&status).0.contains("is not there any more"), "{:?}", failure(&status));
}

#[tokio::test]
async fn a_requirement_that_cannot_be_installed_is_named_with_its_line() {
    let bench = Bench::new();
    // No index: pip answers as it does for a name that the index does not have.
    let requirements = "--no-index\n# ours\n\ncurfew-no-such-thing==9.9\n";
    let dir = bench.scripts(&[("train.py", "print('never')"), ("requirements.txt", requirements)]);
    let run = bench.launch(&bench.spec(&dir)).await;
    let status = bench.ended(&run).await;
    assert_eq!(status.state, RunState::Failed);
    assert_eq!(failure(&status).0, "requirements.txt, line 4: “curfew-no-such-thing==9.9” could not be installed");
    assert!(status.failure.as_ref().unwrap().log_end.iter().any(|l| l.contains("No matching distribution")));
    assert!(!bench.log(&run).await.contains("never"));
    let left: Vec<_> = std::fs::read_dir(bench.home.venvs()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|n| n.as_encoded_bytes().starts_with(b".")), "no half environment: {left:?}");
}

/// No file may grow beyond 4 MiB, as if that were all the room there is.
#[tokio::test]
async fn a_full_disk_is_told_as_one() {
    let limited = "ulimit -f 8192; exec \"$0\" \"$@\"";
    let launcher =
        Launcher { program: "/bin/sh".into(), args: vec!["-c".into(), limited.into(), launcher().program.into()] };
    let bench = Bench::with(launcher, settings());
    let spec = bench.script("import os\nopen(os.environ['SM_MODEL_DIR'] + '/big', 'wb').write(bytes(16 << 20))");
    let run = bench.launch(&spec).await;
    let status = bench.ended(&run).await;
    assert_eq!((status.state, status.exit_code), (RunState::Failed, Some(1)));
    assert_eq!(failure(&status).0, "The disk is full: the script could not write any more");

    // Enough for the files of the model, and not for the archive of them all.
    let text =
        "import os\nfor i in range(3): open(os.environ['SM_MODEL_DIR'] + f'/{i}', 'wb').write(os.urandom(3 << 20))";
    let run = bench.launch(&bench.script(text)).await;
    let status = bench.ended(&run).await;
    assert_eq!((status.state, status.exit_code), (RunState::Failed, Some(0)));
    assert_eq!(failure(&status).0, "The disk is full: the script ended, but its model could not be packed");
    assert!(failure(&status).1.contains("the unpacked model is in"));

    // The log itself.
    let run = bench.launch(&bench.script("while True: print('x' * 1000)")).await;
    let status = bench.ended(&run).await;
    assert_eq!(status.state, RunState::Failed, "{status:#?}");
}

#[tokio::test]
async fn the_curfew_comes() {
    let bench = Bench::new();
    let mut spec = bench.script("import time\nprint('ready')\ntime.sleep(600)");
    spec.curfew = Timestamp::now() + SignedDuration::from_secs(3);
    let run = bench.launch(&spec).await;
    let status = bench.ended(&run).await;
    assert_eq!((status.state, status.ended_by.as_deref()), (RunState::Stopped, Some("its curfew came")));
    assert!(status.ended.unwrap() >= spec.curfew);
}

#[tokio::test]
async fn a_curfew_can_be_moved_both_ways() {
    let bench = Bench::new();
    let mut spec = bench.script("import time\nprint('ready')\ntime.sleep(600)");
    let first = Timestamp::now() + SignedDuration::from_secs(20);
    spec.curfew = first;
    let run = bench.launch(&spec).await;
    bench.running(&run).await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    bench.training().set_curfew(&bench.cx, &run, later).await.unwrap();
    assert_eq!(bench.status(&run).await.curfew.unwrap().at, later);
    until("the first curfew to pass", || Timestamp::now() > first + SignedDuration::from_secs(2)).await;
    assert_eq!(bench.status(&run).await.state, RunState::Running);

    let error = bench.training().set_curfew(&bench.cx, &run, Timestamp::now()).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some("curfew")));
    let soon = Timestamp::now() + SignedDuration::from_secs(1);
    bench.training().set_curfew(&bench.cx, &run, soon).await.unwrap();
    let status = bench.ended(&run).await;
    assert_eq!(status.ended_by.as_deref(), Some("its curfew came"));
    let error = bench.training().set_curfew(&bench.cx, &run, later).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn who_does_not_listen_is_killed_after_the_grace_time() {
    let bench = Bench::with(launcher(), Settings { grace: Duration::from_millis(300), ..settings() });
    let text = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\ntime.sleep(600)";
    let run = bench.launch(&bench.script(text)).await;
    bench.printed(&run, "ready").await;
    bench.training().stop(&bench.cx, &run, "you stopped it").await.unwrap();
    let status = bench.ended(&run).await;
    assert_eq!((status.state, status.exit_code), (RunState::Stopped, None));
    until("nothing to be left", || marked(&bench.home).is_empty()).await;
}

/// A daemon: forked twice, a session of its own, deaf to SIGTERM, its environment cleared, its output closed.
const DAEMON: &str = r"
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(os.path.join(os.environ['SM_OUTPUT_DATA_DIR'], 'pid'), 'w') as f:
            f.write(str(os.getpid()))
        os.rename(f.name, f.name + '.whole')
        os.closerange(0, 3)
        os.execve('/bin/sleep', ['sleep', '600'], {}) if 'bare' in sys.argv else time.sleep(600)
    os._exit(0)
path = os.path.join(os.environ['SM_OUTPUT_DATA_DIR'], 'pid.whole')
while not os.path.exists(path):
    time.sleep(0.01)
print('daemon', open(path).read())
";

#[tokio::test]
async fn descendants_go_with_the_script() {
    let bench = Bench::with(launcher(), Settings { grace: Duration::from_millis(300), ..settings() });
    for bare in ["", "\nsys.argv.append('bare')\n"] {
        let run = bench.launch(&bench.script(&format!("import sys{bare}{DAEMON}"))).await;
        let status = bench.ended(&run).await;
        assert_eq!(status.state, RunState::Completed, "{status:#?}");
        let log = bench.log(&run).await;
        let pid: i64 = log.trim().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(!is_alive(pid), "the daemon {pid} is gone when the run is over");
    }
}

#[tokio::test]
async fn a_log_may_hold_anything() {
    let bench = Bench::new();
    let text = r"
import os
os.write(1, b'\xff\xfe loss=0.5 \x00\x1b[2J\n' + b'y' * 11_000_000 + b'\nend loss=0.25\n')
";
    let spec = bench.script(text);
    let run = bench.launch(&spec).await;
    assert_eq!(bench.ended(&run).await.state, RunState::Completed);
    let chunk = bench.training().log(&bench.cx, &run, "", 3).await.unwrap();
    assert_eq!((chunk.bytes, chunk.end), (b"\xff\xfe ".to_vec(), false));
    let size = std::fs::metadata(bench.home.run(&spec.id).join("log")).unwrap().len();
    let last = bench.training().log(&bench.cx, &run, &(size - 5).to_string(), 100).await.unwrap();
    assert_eq!((last.bytes, last.end), (b"0.25\n".to_vec(), true));
    let beyond = bench.training().log(&bench.cx, &run, &last.next, 100).await.unwrap();
    assert!(beyond.bytes.is_empty() && beyond.end && beyond.next == last.next);
    assert!(bench.training().log(&bench.cx, &run, "x", 1).await.is_err());
    let points = curfew_series::store::Reader::open(&bench.home.series(&spec.id)).unwrap();
    let loss = points.metrics().into_iter().find(|m| m.name == "loss").unwrap();
    assert_eq!((loss.count, loss.first, loss.last), (1, 0.5, 0.5));
    let last =
        points.metrics().into_iter().find(|m| m.name == "end loss").expect("what follows a line too long to keep");
    assert_eq!((last.count, last.last), (1, 0.25));
}

#[tokio::test]
async fn a_rule_ends_the_run() {
    let bench = Bench::new();
    let mut spec = bench.script("import time\nfor e in range(1, 600):\n    print(f'epoch {e} loss={1.0 if e < 3 else \"nan\"}')\n    time.sleep(0.1)");
    spec.stop.not_a_number = true;
    let run = bench.launch(&spec).await;
    let status = bench.ended(&run).await;
    assert_eq!(
        (status.state, status.ended_by.as_deref()),
        (RunState::Stopped, Some("loss is not a number in epoch 3"))
    );
}

#[tokio::test]
async fn a_stated_tariff_is_counted_at_once_and_everywhere() {
    let bench = Bench::new();
    let run = bench.launch(&bench.script("")).await;
    let status = bench.ended(&run).await;
    assert_eq!(status.so_far.word(), "not billed");
    let power = curfew_local::Power {
        watts: 85.into(),
        per_kwh: curfew_core::Money::usd(rust_decimal::Decimal::new(30, 2)),
        stated: Timestamp::now(),
    };
    bench.again().set_power(Some(&power)).unwrap();
    let status = bench.status(&run).await;
    assert!(matches!(&status.so_far, curfew_core::Cost::Estimated { basis, .. } if basis == "85 W at $0.30 per kWh"));
}
