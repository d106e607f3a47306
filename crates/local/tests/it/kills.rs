//! kill -9 at any moment: nothing lost, nothing doubled, nothing left running unseen.

use crate::bench::{Bench, PATIENCE, is_alive, kill, launcher, marked, settings, supervisor, until};
use curfew_core::provider::{Provider, Training};
use curfew_core::resource::Evidence;
use curfew_core::run::RunState;
use curfew_core::verdict::{Verdict, judge};
use curfew_core::{ErrorKind, Home, Timestamp};
use curfew_local::{Launcher, Settings};
use std::path::Path;
use std::time::{Duration, Instant};

const SLEEPER: &str = "import os, time
open(os.environ['SM_OUTPUT_DATA_DIR'] + '/starts', 'a').write('x')
print('ready')
time.sleep(600)";

#[tokio::test]
async fn many_launches_of_one_intent_start_once() {
    let bench = Bench::new();
    let spec = bench.script(SLEEPER);
    let other = bench.again();
    let launches = (0..8).map(|i| {
        let training = if i % 2 == 0 { bench.training() } else { other.training().unwrap() };
        training.launch(&bench.cx, &spec)
    });
    let mut all = Vec::new();
    for launch in futures(launches).await {
        all.push(launch.unwrap());
    }
    assert!(all.iter().all(|h| *h == all[0]));
    bench.printed(&all[0], "ready").await;
    assert_eq!(other.training().unwrap().find(&bench.cx, &spec).await.unwrap().as_ref(), Some(&all[0]));
    let starts = bench.home.run(&spec.id).join("output/data/starts");
    assert_eq!(std::fs::read_to_string(&starts).unwrap(), "x");
    assert_eq!(marked(&bench.home).len(), 1);

    let mut rival = spec.clone();
    rival.intent = "another".parse().unwrap();
    let error = bench.training().launch(&bench.cx, &rival).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(bench.training().find(&bench.cx, &rival).await.unwrap().is_none());

    bench.training().stop(&bench.cx, &all[0], "done").await.unwrap();
    bench.ended(&all[0]).await;
    bench.launch(&spec).await;
    assert_eq!(bench.status(&all[0]).await.state, RunState::Stopped, "a run is never begun twice");
    assert_eq!(std::fs::read_to_string(&starts).unwrap(), "x");
}

/// All at once.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, slot) in pinned.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(out) = future.as_mut().poll(cx)
            {
                *slot = Some(out);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_launch_that_was_cut_short_is_found_and_begun() {
    // The panel dies after the folder is there and before a supervisor is.
    let bench = Bench::with(Launcher { program: "/bin/false".into(), args: Vec::new() }, settings());
    let spec = bench.script(SLEEPER);
    assert!(bench.training().launch(&bench.cx, &spec).await.is_err());
    let run = bench.training().find(&bench.cx, &spec).await.unwrap().unwrap();
    let status = bench.status(&run).await;
    assert_eq!((status.state, status.detail.as_deref()), (RunState::Queued, Some("not begun")));
    let good = bench.again();
    assert_eq!(good.training().unwrap().launch(&bench.cx, &spec).await.unwrap(), run);
    bench.printed(&run, "ready").await;
    bench.training().stop(&bench.cx, &run, "done").await.unwrap();
    bench.ended(&run).await;

    // One that was stopped before it began does not begin any more.
    let spec = bench.script(SLEEPER);
    assert!(bench.training().launch(&bench.cx, &spec).await.is_err());
    let run = bench.training().find(&bench.cx, &spec).await.unwrap().unwrap();
    bench.training().stop(&bench.cx, &run, "you stopped it").await.unwrap();
    assert_eq!(bench.status(&run).await.state, RunState::Stopped);
    good.training().unwrap().launch(&bench.cx, &spec).await.unwrap();
    until("the supervisor's word", || bench.home.run(&spec.id).join("state.json").exists()).await;
    let status = bench.ended(&run).await;
    assert_eq!(
        (status.state, status.started, status.ended_by.as_deref()),
        (RunState::Stopped, None, Some("you stopped it"))
    );
    assert!(!bench.home.run(&spec.id).join("output/data/starts").exists());
}

#[tokio::test]
async fn a_killed_supervisor_leaves_a_lost_run_and_orphans_that_are_found() {
    let bench = Bench::with(launcher(), Settings { grace: Duration::from_millis(300), ..settings() });
    // A worker that has cleared its environment, and ignores SIGTERM.
    let text = "import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen(['/bin/sleep', '600'], env={})
print('worker', worker.pid, 'ready')
time.sleep(600)";
    let spec = bench.script(text);
    let run = bench.launch(&spec).await;
    bench.printed(&run, "ready").await;
    let log = bench.log(&run).await;
    let worker: i64 = log.split_whitespace().nth(1).unwrap().parse().unwrap();
    let script = marked(&bench.home);
    assert_eq!(script.len(), 1);
    kill(supervisor(&run.native), "KILL");
    let started = Instant::now();
    let status = loop {
        let status = bench.status(&run).await;
        if status.state.is_over() || started.elapsed() > PATIENCE {
            break status;
        }
    };
    assert_eq!(status.state, RunState::Lost);
    assert!(is_alive(worker) && is_alive(script[0]));

    let region = &bench.local.regions()[0];
    let kind = |id: &str| bench.local.kinds().iter().find(|k| k.sheet().id == id).unwrap();
    let found = kind("process").list(&bench.cx, region).await;
    assert!(found.is_whole());
    let [orphan] = found.items.as_slice() else { panic!("{found:#?}") };
    assert_eq!(orphan.key.id, format!("run:{}", spec.id));
    assert!(orphan.size.as_deref().unwrap().starts_with("2 processes"), "{orphan:?}");
    assert_eq!(judge(orphan, Timestamp::now()).verdict, Verdict::Forgotten);
    let lost = kind("run").read(&bench.cx, region, spec.id.as_str()).await.unwrap().unwrap();
    assert!(lost.evidence.iter().any(|e| matches!(e, Evidence::Orphan { .. })));
    let delete = lost.steps.last().unwrap();
    let error = kind("run").remove(&bench.cx, region, spec.id.as_str(), delete).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "not while its processes run");

    for _ in 0..2 {
        kind("process").remove(&bench.cx, region, &orphan.key.id, &orphan.steps[0]).await.unwrap();
    }
    assert!(!is_alive(worker) && !is_alive(script[0]));
    assert!(kind("process").read(&bench.cx, region, &orphan.key.id).await.unwrap().is_none());
    for _ in 0..2 {
        kind("run").remove(&bench.cx, region, spec.id.as_str(), delete).await.unwrap();
    }
    assert!(kind("run").read(&bench.cx, region, spec.id.as_str()).await.unwrap().is_none());
}

/// Processes whose folder is gone too are still found, by their mark.
#[tokio::test]
async fn orphans_without_a_folder_are_found() {
    let bench = Bench::new();
    let run = bench.launch(&bench.script(SLEEPER)).await;
    bench.printed(&run, "ready").await;
    kill(supervisor(&run.native), "KILL");
    std::fs::remove_dir_all(&run.native).unwrap();
    let region = &bench.local.regions()[0];
    let kind = bench.local.kinds().iter().find(|k| k.sheet().id == "process").unwrap();
    let started = Instant::now();
    let orphan = loop {
        let mut found = kind.list(&bench.cx, region).await;
        assert!(found.is_whole());
        if let Some(orphan) = found.items.pop() {
            break orphan;
        }
        assert!(started.elapsed() < PATIENCE);
    };
    kind.remove(&bench.cx, region, &orphan.key.id, &orphan.steps[0]).await.unwrap();
    assert!(marked(&bench.home).is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_asked_to_end_ends_its_run_first() {
    let bench = Bench::new();
    let run = bench.launch(&bench.script(SLEEPER)).await;
    bench.printed(&run, "ready").await;
    kill(supervisor(&run.native), "TERM");
    let status = bench.ended(&run).await;
    assert_eq!(status.ended_by.as_deref(), Some("the system asked its supervisor to end"));
    assert!(marked(&bench.home).is_empty());
}

/// The panel: a process of its own that launches and is then killed. Started by the test below, and by itself nothing.
#[tokio::test]
async fn panel() {
    let Some(home) = std::env::var_os("PANEL_HOME") else { return };
    let spec: curfew_core::run::RunSpec = serde_json::from_str(&std::env::var("PANEL_SPEC").unwrap()).unwrap();
    let local = curfew_local::Local::new(Home::at(home), launcher(), settings()).unwrap();
    let cx = Bench::new().cx.clone();
    local.launch(&cx, &spec).await.unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_run_survives_the_panel_and_keeps_its_curfew() {
    let bench = Bench::new();
    let mut spec = bench.script(
        "import time
for i in range(10**6):
    print('step %d loss=0.5' % i)
    time.sleep(0.05)",
    );
    spec.curfew = Timestamp::now() + jiff::SignedDuration::from_secs(15);
    let mut panel = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::panel", "--nocapture"])
        .env("PANEL_HOME", bench.home.root())
        .env("PANEL_SPEC", serde_json::to_string(&spec).unwrap())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let native = bench.home.run(&spec.id);
    until("the supervisor", || Path::new(&native).join("supervisor.json").exists()).await;
    panel.kill().unwrap();
    panel.wait().unwrap();
    let run = bench.training().find(&bench.cx, &spec).await.unwrap().unwrap();
    let seen = bench.log(&run).await.len();
    until("the log to grow without the panel", || {
        std::fs::metadata(native.join("log")).is_ok_and(|m| m.len() > seen as u64)
    })
    .await;
    let status = bench.ended(&run).await;
    assert_eq!((status.state, status.ended_by.as_deref()), (RunState::Stopped, Some("its curfew came")));
    assert!(marked(&bench.home).is_empty());
}
