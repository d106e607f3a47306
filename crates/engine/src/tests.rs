//! The engine against a provider that fails and callers that die.

use crate::{DeployRequest, Engine, Event, LaunchRequest, owner::Owner};
use curfew_contract::scripted::{Fault, Scripted, UPLOAD, When};
use curfew_core::curfew::Enforcer;
use curfew_core::intent::Verb;
use curfew_core::lab::CleanState;
use curfew_core::plan::OutcomeResult;
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{Clock, ErrorKind, Home, Timestamp};
use jiff::{SignedDuration, tz::TimeZone};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that tests move.
pub(crate) struct Hand(Mutex<Timestamp>);

impl Hand {
    pub(crate) fn forward(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }
}

/// A home, a script folder, a cloud, and as many engines over them as a test wants.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) cloud: Scripted,
    pub(crate) clock: Arc<Hand>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Scripted::new("local"))
    }
    pub(crate) fn with(cloud: Scripted) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("iris")).unwrap();
        std::fs::write(dir.path().join("iris/train.py"), "print('loss=1')").unwrap();
        std::fs::write(dir.path().join("model.joblib"), "x").unwrap();
        let clock = Arc::new(Hand(Mutex::new("2026-11-21T18:30:00Z".parse().unwrap())));
        Self { dir, cloud, clock }
    }
    /// Another process of this home. `alive`: whether its journal entries count as held.
    pub(crate) fn process(&self, alive: bool) -> Engine {
        let store = crate::store::Store::open(&self.dir.path().join("home.db")).unwrap();
        let owner = if alive { Owner::me() } else { Owner::long_gone() };
        let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(self.cloud.clone())];
        let opening = crate::Opening { providers, ..crate::Opening::default() };
        Engine::over(Home::at(self.dir.path()), store, opening, self.clock.clone(), owner)
    }
    pub(crate) fn request(&self) -> LaunchRequest {
        LaunchRequest { dir: self.dir.path().join("iris").display().to_string(), ..LaunchRequest::default() }
    }
    fn deploy_request(&self, name: &str) -> DeployRequest {
        let model = self.dir.path().join("model.joblib").display().to_string();
        DeployRequest { model, name: Some(name.into()), ..DeployRequest::default() }
    }
}

#[tokio::test]
async fn a_launch_goes_through_the_journal() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    let (spec, _) = engine.plan_run(&cx, &stage.request()).await.unwrap();
    let view = engine.launch(&cx, &spec).await.unwrap();
    assert_eq!(view.status.state, RunState::Running);
    let journal = engine.journal(9).await.unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].intent.verb, journal[0].outcome.as_deref()), (Verb::Launch, Some("started")));
    // The second time with the same intent finds the first one's run.
    engine.launch(&cx, &spec).await.unwrap();
    assert_eq!(stage.cloud.world().launches, 1);
}

/// A run as it stands in the store, once it is as it should be.
async fn run_once(engine: &Engine, id: &curfew_core::RunId, good: impl Fn(&crate::RunView) -> bool) -> crate::RunView {
    let look = async {
        loop {
            // Before its launch has written anything there is none.
            if let Ok(view) = engine.run(&engine.cx(), id).await
                && good(&view)
            {
                return view;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), look).await.unwrap()
}

#[tokio::test]
async fn every_process_sees_how_far_an_upload_has_come() {
    let (send, sent) = tokio::sync::watch::channel(0);
    let stage = Stage::with(Scripted::new("local").uploading(sent));
    let (one, other) = (Arc::new(stage.process(true)), stage.process(true));
    let (spec, _) = one.plan_run(&one.cx(), &stage.request()).await.unwrap();
    let (engine, asked) = (one.clone(), spec.clone());
    let launch = tokio::spawn(async move { engine.launch(&engine.cx(), &asked).await });
    for part in 1..=3 {
        send.send(UPLOAD / 4 * part).unwrap();
        let of = |view: &crate::RunView| view.status.progress.as_ref().map(|p| (p.done, p.total));
        let seen = run_once(&other, &spec.id, |view| of(view) == Some((UPLOAD / 4 * part, UPLOAD))).await;
        assert_eq!(seen.status.state, RunState::Queued);
        let says = format!("uploading the data of “training”: {part}0.0 MiB of 40.0 MiB");
        assert_eq!(seen.status.detail.as_deref(), Some(says.as_str()));
        assert!(matches!(seen.status.so_far, curfew_core::Cost::NotBilled { .. }), "{:?}", seen.status.so_far);
        assert_eq!(seen.status.curfew.map(|c| c.at), Some(spec.curfew));
        let log = other.run_log(&other.cx(), &spec.id, "", 1 << 10).await.unwrap();
        assert_eq!((log.bytes.len(), log.end), (0, false), "it has no log yet, and will have one");
    }
    assert_eq!(stage.cloud.world().launches, 0);
    send.send(UPLOAD).unwrap();
    let view = launch.await.unwrap().unwrap();
    assert_eq!((view.status.state, &view.status.progress), (RunState::Running, &None));
    assert_eq!(stage.cloud.world().launches, 1);
}

#[tokio::test]
async fn a_run_that_is_stopped_while_it_is_uploaded_never_begins() {
    let (send, sent) = tokio::sync::watch::channel(0);
    let stage = Stage::with(Scripted::new("local").uploading(sent));
    let (one, other) = (Arc::new(stage.process(true)), stage.process(true));
    let (spec, _) = one.plan_run(&one.cx(), &stage.request()).await.unwrap();
    let (engine, asked) = (one.clone(), spec.clone());
    let launch = tokio::spawn(async move { engine.launch(&engine.cx(), &asked).await });
    send.send(UPLOAD / 2).unwrap();
    run_once(&other, &spec.id, |view| view.status.progress.is_some()).await;
    let stopped = other.stop_run(&other.cx(), &spec.id, "you stopped it").await.unwrap();
    assert_eq!(stopped.status.state, RunState::Stopping);
    send.send(UPLOAD / 4 * 3).unwrap();
    let view = launch.await.unwrap().unwrap();
    assert_eq!((view.status.state, view.status.ended_by.as_deref()), (RunState::Stopped, Some("you stopped it")));
    assert_eq!(stage.cloud.world().launches, 0, "nothing was started");
    assert!(one.store.open_intents().await.unwrap().is_empty());
}

#[tokio::test]
async fn every_wrong_field_is_told_at_once() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let request = LaunchRequest {
        dir: "/nowhere/at/all".into(),
        hyper: vec!["epochs".into()],
        machine: Some("AWS".into()),
        curfew: Some("2020-01-01 22:00".into()),
        spend: Some("a lot".into()),
        flat_epochs: Some("-1".into()),
        stop_after: Some("22:00".into()),
        ..LaunchRequest::default()
    };
    let errors = engine.plan_run(&engine.cx(), &request).await.unwrap_err();
    let fields: Vec<_> = errors.0.iter().filter_map(curfew_core::Error::field).collect();
    assert_eq!(fields, ["dir", "hyper", "machine", "curfew", "spend", "flat_epochs", "stop_after"]);
    assert_eq!(stage.cloud.calls(), 0, "nothing was asked of the provider");
}

#[tokio::test]
async fn policy_bars_what_it_bars() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let check = |policy: &str, curfew: Option<&str>| {
        std::fs::write(stage.dir.path().join("policy.toml"), policy).unwrap();
        let request = LaunchRequest { curfew: curfew.map(Into::into), ..stage.request() };
        let engine = &engine;
        async move { engine.plan_run(&engine.cx(), &request).await.map_err(|e| e.into_first().to_string()) }
    };
    assert!(check("", None).await.is_ok());
    let told = check("max_usd_per_hour = 0.5", None).await.unwrap_err();
    assert_eq!(told, "it costs $1.00 an hour, and your team's policy allows at most $0.5");
    let told = check("longest_curfew = \"2h\"", Some("3h")).await.unwrap_err();
    assert_eq!(told, "your team's longest curfew is 2h");
    // The default gives way to the limit; only what the user asked for is refused.
    let (spec, _) = check("longest_curfew = \"2h\"", None).await.unwrap();
    assert_eq!(spec.curfew, stage.clock.now() + SignedDuration::from_hours(2));
    let told = check("run_curfw = \"2h\"", None).await.unwrap_err();
    assert!(told.contains("line 1, column 1"), "{told}");
}

#[tokio::test]
async fn an_unknown_price_is_not_a_low_one() {
    let stage = Stage::with(Scripted::new("local").priced(None));
    std::fs::write(stage.dir.path().join("policy.toml"), "max_usd_per_hour = 5").unwrap();
    let engine = stage.process(true);
    let told = engine.plan_run(&engine.cx(), &stage.request()).await.unwrap_err().into_first();
    assert_eq!(told.kind(), ErrorKind::Policy);
    assert!(told.message().contains("not known"), "{told}");
}

/// Dies at the `nth` call of `operation`, before or after it, then restarts: one truth.
async fn die_and_restart(operation: &'static str, nth: usize, when: When) {
    let stage = Stage::new();
    {
        let dying = stage.process(false);
        let cx = dying.cx();
        let (spec, _) = dying.plan_run(&cx, &stage.request()).await.unwrap();
        let (endpoint, _) = dying.plan_deploy(&cx, &stage.deploy_request("iris")).await.unwrap();
        let story = async {
            dying.launch(&cx, &spec).await?;
            dying.deploy(&cx, &endpoint).await?;
            dying.extend_run(&cx, &spec.id, "3h").await?;
            dying.stop_run(&cx, &spec.id, "you stopped it").await?;
            let key = dying.endpoint_key(&endpoint.id).await?;
            dying.remove(&cx, &key).await?;
            Ok::<_, curfew_core::Error>(())
        };
        stage.cloud.fault(Fault { operation, nth, when, kind: None });
        let reached = tokio::time::timeout(Duration::from_millis(300), story).await;
        assert!(reached.is_err(), "{operation} {nth} {when:?}: the story went on: {reached:?}");
    }
    stage.cloud.heal();
    let engine = stage.process(true);
    let cx = engine.cx();
    engine.resume(&cx).await.unwrap();
    engine.turn(&cx).await.unwrap();
    let place = format!("{operation} {nth} {when:?}");
    assert!(engine.store.open_intents().await.unwrap().is_empty(), "{place}: the journal is closed");
    assert!(stage.cloud.world().launches <= 1 && stage.cloud.world().deploys <= 1, "{place}: no doubles");
    // What the store says runs is what runs, and the other way round.
    let running = engine.runs(&cx, true).await.unwrap().iter().filter(|r| !r.status.state.is_over()).count();
    assert_eq!(running, stage.cloud.running(), "{place}: runs");
    let serving = engine.endpoints(&cx, true).await.unwrap().iter().filter(|e| !e.status.state.is_over()).count();
    assert_eq!(serving, stage.cloud.serving_now(), "{place}: endpoints");
    for view in engine.runs(&cx, false).await.unwrap() {
        let told = view.status.failure.as_ref().map(|f| f.what.clone()).unwrap_or_default();
        let never = view.status.state == RunState::Failed;
        assert_eq!(never, told.contains("interrupted before it could be started"), "{place}: {told}");
    }
}

#[tokio::test]
async fn killed_between_any_two_calls_ends_in_one_truth() {
    let operations = ["launch", "status", "deploy", "endpoint status", "set curfew", "stop", "read", "remove"];
    for operation in operations {
        for when in [When::Before, When::After] {
            Box::pin(die_and_restart(operation, 0, when)).await;
        }
    }
    Box::pin(die_and_restart("status", 1, When::Before)).await;
    Box::pin(die_and_restart("read", 1, When::After)).await;
    Box::pin(die_and_restart("read", 2, When::Before)).await;
}

#[tokio::test]
async fn one_in_five_calls_fails_and_nothing_is_doubled() {
    for seed in 1..=50 {
        let stage = Stage::new();
        let engine = stage.process(true);
        let cx = engine.cx();
        let (spec, _) = engine.plan_run(&cx, &stage.request()).await.unwrap();
        stage.cloud.fault_rate(0.2, seed);
        // As a user does: press again until it has happened.
        for _ in 0..20 {
            if engine.launch(&cx, &spec).await.is_ok() {
                break;
            }
        }
        for _ in 0..20 {
            if engine.stop_run(&cx, &spec.id, "you stopped it").await.is_ok_and(|v| v.status.state.is_over()) {
                break;
            }
        }
        stage.cloud.heal();
        engine.turn(&cx).await.unwrap();
        assert_eq!(stage.cloud.world().launches, 1, "seed {seed}");
        assert_eq!(stage.cloud.running(), 0, "seed {seed}");
        assert_eq!(engine.run(&cx, &spec.id).await.unwrap().status.state, RunState::Stopped, "seed {seed}");
    }
}

#[tokio::test]
async fn the_loop_ends_what_nobody_else_ends() {
    for (enforcer, still) in [(Enforcer::OnlyWhileOn, 0), (Enforcer::Supervisor, 1)] {
        let stage = Stage::with(Scripted::new("local").enforced_by(enforcer));
        let engine = stage.process(true);
        let cx = engine.cx();
        let (spec, _) =
            engine.plan_run(&cx, &LaunchRequest { curfew: Some("2h".into()), ..stage.request() }).await.unwrap();
        engine.launch(&cx, &spec).await.unwrap();
        stage.clock.forward(SignedDuration::from_mins(119));
        engine.turn(&cx).await.unwrap();
        assert_eq!(stage.cloud.running(), 1, "not yet");
        // A clock that jumps back does not stop it from ending, nor end it early.
        stage.clock.forward(SignedDuration::from_hours(-5));
        engine.turn(&cx).await.unwrap();
        assert_eq!(stage.cloud.running(), 1);
        stage.clock.forward(SignedDuration::from_hours(9));
        engine.turn(&cx).await.unwrap();
        assert_eq!(stage.cloud.running(), still);
    }
}

#[tokio::test]
async fn one_loop_per_home_and_it_tells() {
    let stage = Stage::new();
    let (one, two) = (Arc::new(stage.process(true)), Arc::new(stage.process(true)));
    let cx = one.cx();
    let (spec, _) = one.plan_run(&cx, &stage.request()).await.unwrap();
    one.launch(&cx, &spec).await.unwrap();
    let first = one.start_loop();
    let mut events = first.events();
    until(|| one.loop_is_elsewhere() && two.loop_is_elsewhere()).await;
    let second = two.start_loop();
    let mut silent = second.events();
    // The loop has seen it run once its sweep is noted.
    while one.last_sweep().await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    stage.cloud.set_run(&spec.id, RunState::Completed, stage.clock.now());
    let told = tokio::time::timeout(Duration::from_secs(20), events.recv()).await.unwrap().unwrap();
    assert!(matches!(told, Event::RunEnded { badly: false, .. }), "{told:?}");
    assert!(silent.try_recv().is_err(), "the other loop waits for the lock");
    drop(first);
}

#[tokio::test]
async fn a_plan_skips_what_changed() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    let mut keys = Vec::new();
    for name in ["one", "two", "three"] {
        let (spec, _) = engine.plan_deploy(&cx, &stage.deploy_request(name)).await.unwrap();
        engine.deploy(&cx, &spec).await.unwrap();
        keys.push(engine.endpoint_key(&spec.id).await.unwrap());
    }
    let plan = engine.freeze(&cx, &keys, None).await.unwrap();
    assert_eq!(engine.plan(&plan.id).unwrap(), plan, "the file is the plan");
    engine.keep(&keys[0], Some(stage.clock.now() + SignedDuration::from_hours(99))).await.unwrap();
    let two = curfew_core::EndpointId::new("two").unwrap();
    engine.stop_endpoint(&cx, &two, "you stopped it").await.unwrap();
    let outcomes = engine.run_plan(&cx, &plan).await.unwrap();
    let of = |name: &str| outcomes.iter().find(|o| o.name == name).map(|o| o.result.clone()).unwrap();
    assert_eq!(of("one"), OutcomeResult::Skipped { why: "It has been marked keep since.".into() });
    assert_eq!(of("two"), OutcomeResult::Skipped { why: "It has changed since.".into() });
    assert_eq!(of("three"), OutcomeResult::Removed);
    assert_eq!(engine.endpoints(&cx, true).await.unwrap().len(), 2);
    // Running it once more does no harm.
    let again = engine.run_plan(&cx, &plan).await.unwrap();
    assert!(again.iter().any(|o| o.name == "three" && o.result == OutcomeResult::AlreadyGone));
}

#[tokio::test]
async fn a_lab_is_clean_only_when_all_was_read() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    let before = engine.plan_deploy(&cx, &stage.deploy_request("mine")).await.unwrap().0;
    engine.deploy(&cx, &before).await.unwrap();
    let lab = engine.lab_start(&cx, "Lab <b>10</b>").await.unwrap();
    assert_eq!(engine.lab_start(&cx, "another").await.unwrap_err().kind(), ErrorKind::Conflict);
    let (spec, _) = engine.plan_deploy(&cx, &stage.deploy_request("theirs")).await.unwrap();
    engine.deploy(&cx, &spec).await.unwrap();
    let report = engine.lab_end(&cx, &lab.id).await.unwrap();
    assert_eq!(report.state, CleanState::NotClean { left: 1 }, "what was there before the lab is not the lab's");
    assert_eq!(report.state.headline(&report.still), "Not clean: 1 thing is still there, $1.00 an hour");
    let (outcomes, report) = engine.lab_clear(&cx, &report).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(report.state, CleanState::AllClean);
    assert!(engine.running_lab().await.unwrap().is_none());
    assert_eq!(report.started[0].state, "removed");
    assert_eq!(stage.cloud.serving_now(), 1, "the endpoint from before still serves");

    let lab = engine.lab_start(&cx, "unread").await.unwrap();
    stage.cloud.fault(Fault {
        operation: "list",
        nth: stage.cloud.calls_of("list"),
        when: When::Before,
        kind: Some(ErrorKind::PermissionDenied),
    });
    let report = engine.lab_end(&cx, &lab.id).await.unwrap();
    assert_eq!(report.state, CleanState::NotFullyChecked { gaps: 1 });
    assert!(engine.running_lab().await.unwrap().is_some(), "an unproved session stays on");
}

#[tokio::test]
async fn a_lost_store_finds_the_runs_again() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    let (spec, _) = engine.plan_run(&cx, &stage.request()).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    drop(engine);
    for file in ["home.db", "home.db-wal", "home.db-shm"] {
        let _ = std::fs::remove_file(stage.dir.path().join(file));
    }
    let engine = stage.process(true);
    assert!(engine.runs(&cx, false).await.unwrap().is_empty());
    let runs = engine.runs(&cx, true).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].spec, spec);
}

#[tokio::test]
async fn a_failed_look_changes_nothing_that_is_known() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    let (spec, _) = engine.plan_run(&cx, &stage.request()).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    let nth = stage.cloud.calls_of("status");
    stage.cloud.fault(Fault { operation: "status", nth, when: When::Before, kind: Some(ErrorKind::Unavailable) });
    assert_eq!(engine.run(&cx, &spec.id).await.unwrap().status.state, RunState::Running);
}

/// Waits for a condition, at most 20 seconds.
async fn until(condition: impl Fn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(std::time::Instant::now() < end, "the condition never came true");
        tokio::task::yield_now().await;
    }
}
