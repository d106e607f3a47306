//! The contract that every provider keeps, so that the engine, the pages and the commands need know none of them.
//!
//! A provider's own tests bring a [`Stage`] and call [`training`], [`serving`] and [`inventory`]. Each panics with a
//! sentence where the contract is broken.

use async_trait::async_trait;
use curfew_core::access::{Level, May, Part};
use curfew_core::endpoint::{EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Invocation, Reply};
use curfew_core::provider::{Provider, Serving, Training};
use curfew_core::resource::Resource;
use curfew_core::run::{RunHandle, RunSpec, RunState, RunStatus};
use curfew_core::{Cx, ErrorKind, IntentId, Sweep};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A provider with an empty account, and what can be done there.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The provider.
    fn provider(&self) -> &dyn Provider;
    /// The same account seen by another process.
    fn again(&self) -> &dyn Provider;
    /// A context whose clock is the provider's.
    fn cx(&self) -> Cx;
    /// A new run that ends well by itself within [`Stage::patience`], prints `contract` and leaves a model.
    fn short_run(&self) -> RunSpec;
    /// A new run that goes on until it is ended.
    fn long_run(&self) -> RunSpec;
    /// A new run whose script fails with exit code 3.
    fn failing_run(&self) -> RunSpec;
    /// A new endpoint, for the model of [`Stage::short_run`] where one is needed.
    fn endpoint(&self, trained: Option<(&RunSpec, &RunStatus)>) -> EndpointSpec;
    /// What its model can answer.
    fn question(&self) -> Invocation;
    /// Is this the answer?
    fn is_answer(&self, reply: &Reply) -> bool;
    /// Lets a little time pass, real or the provider's.
    async fn wait(&self);
    /// How long anything may take, in real time.
    fn patience(&self) -> Duration {
        Duration::from_mins(10)
    }
}

/// Everything.
pub async fn whole(stage: &dyn Stage) {
    shape(stage);
    if stage.provider().training().is_some() {
        training(stage).await;
    }
    if stage.provider().serving().is_some() {
        serving(stage).await;
    }
    inventory(stage).await;
    if stage.provider().access().is_some() {
        access(stage).await;
    }
}

/// Rights: told without a change, never "allowed" without a reason; policies that grow; regions that begin at home.
pub async fn access(stage: &dyn Stage) {
    let (provider, cx) = (stage.provider(), &stage.cx());
    let access = provider.access().expect("this provider knows rights");
    assert_eq!(access.who(cx).await.unwrap().account, *provider.account());
    let report = access.may(cx).await.unwrap();
    let ids: BTreeSet<_> = report.features.iter().map(|f| &f.id).collect();
    assert!(!ids.is_empty() && ids.len() == report.features.len(), "each feature has an id of its own");
    for feature in &report.features {
        let told = match &feature.may {
            May::Allowed { how } => !how.is_empty(),
            May::Unknown { why } => !why.is_empty(),
            May::Denied { refused } => refused.iter().all(|r| !r.action.is_empty() && !r.by.is_empty()),
        };
        assert!(told, "{feature:?} says why");
    }
    let levels: Vec<_> = access.policies().iter().map(|p| p.level).collect();
    assert_eq!(levels, Level::ALL, "the smallest comes first");
    let regions = access.regions(cx, SignedDuration::ZERO).await.unwrap();
    assert_eq!((&regions.read, &regions.read[0]), (&provider.regions(), &regions.home), "home comes first");
    for part in Part::ALL {
        let sheet = access.part(part);
        assert!(!sheet.title.is_empty() && !sheet.ours.is_empty() && !sheet.makes.is_empty(), "{sheet:?}");
        let nonsense = access.choose(cx, part, "<no such thing>").await.unwrap_err();
        assert_eq!((nonsense.kind(), nonsense.field()), (ErrorKind::InvalidInput, Some(part.word())));
        let made = access.make(cx, part).await.unwrap();
        assert_eq!(access.make(cx, part).await.unwrap(), made, "making it twice is making it once");
        let seen = stage.again().access().expect("the same provider").chosen(cx, part).await.unwrap();
        assert_eq!(seen.map(|c| c.id), Some(made.id), "another process uses it too");
    }
}

/// Names and sheets.
pub fn shape(stage: &dyn Stage) {
    let provider = stage.provider();
    assert!(!provider.title().is_empty(), "a provider has a title");
    assert!(!provider.regions().is_empty(), "a provider has at least one region");
    let sheets: Vec<_> = provider.kinds().iter().map(|k| k.sheet()).collect();
    let ids: BTreeSet<_> = sheets.iter().map(|s| s.id).collect();
    assert_eq!(ids.len(), sheets.len(), "each kind has an id of its own: {sheets:?}");
    assert!(sheets.iter().all(|s| !s.one.is_empty() && !s.many.is_empty()), "each kind has words: {sheets:?}");
    assert_eq!((provider.cloud(), provider.account()), (stage.again().cloud(), stage.again().account()));
}

/// Runs: priced without a trace, started once, ended once, never brought back.
pub async fn training(stage: &dyn Stage) {
    let training = stage.provider().training().expect("this provider trains");
    let cx = &stage.cx();
    let known = ids(training, cx).await;

    let spec = stage.short_run();
    assert!(training.find(cx, &spec).await.unwrap().is_none(), "nothing is found before it is started");
    training.quote(cx, &spec).await.expect("a good spec is priced");
    let mut late = spec.clone();
    late.curfew = cx.now() - SignedDuration::from_secs(60);
    for error in [training.quote(cx, &late).await.unwrap_err(), training.launch(cx, &late).await.unwrap_err()] {
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some("curfew")), "a curfew in the past");
    }
    assert!(training.find(cx, &spec).await.unwrap().is_none(), "a quote and a refusal start nothing");
    assert_eq!(ids(training, cx).await, known, "a quote and a refusal change no list");

    let cancelled = cx.until(cx.now() + SignedDuration::from_hours(1));
    cancelled.cancel();
    assert_eq!(training.launch(&cancelled, &spec).await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(training.find(cx, &spec).await.unwrap().is_none(), "what was cancelled before is not started");

    let run = training.launch(cx, &spec).await.unwrap();
    assert_eq!(run.id, spec.id);
    let other = stage.again().training().expect("the same provider");
    assert_eq!(training.launch(cx, &spec).await.unwrap(), run, "the same intent is the same run");
    assert_eq!(other.launch(cx, &spec).await.unwrap(), run, "the same intent is the same run, also elsewhere");
    assert_eq!(other.find(cx, &spec).await.unwrap().as_ref(), Some(&run));
    let listed = other.list(cx).await.unwrap();
    let mine: Vec<_> = listed.items.iter().filter(|(h, _)| h.id == spec.id).collect();
    assert_eq!(mine, [&(run.clone(), spec.clone())], "a run is listed once, with what was asked for");
    let mut rival = spec.clone();
    rival.intent = IntentId::new("a-rival-intent").expect("a constant that is a name");
    assert_eq!(training.launch(cx, &rival).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(training.find(cx, &rival).await.unwrap().is_none(), "another's run is not found as one's own");

    let done = run_until_over(stage, training, &run).await;
    assert_eq!(done.state, RunState::Completed, "{done:#?}");
    assert!(done.failure.is_none() && done.model.is_some(), "{done:#?}");
    let (started, ended) = (done.started.expect("it started"), done.ended.expect("it ended"));
    assert!(done.created <= started && started <= ended, "{done:#?}");
    read_log(training, cx, &run).await;
    for _ in 0..2 {
        training.stop(cx, &run, "too late").await.expect("stopping what has ended is fine");
    }
    assert_eq!(training.status(cx, &run).await.unwrap(), done, "what has ended does not change");
    let moved = training.set_curfew(cx, &run, cx.now() + SignedDuration::from_hours(9)).await.unwrap_err();
    assert!(matches!(moved.kind(), ErrorKind::Conflict | ErrorKind::Unsupported), "{moved:?}");

    let failing = stage.failing_run();
    let run = training.launch(cx, &failing).await.unwrap();
    let failed = run_until_over(stage, training, &run).await;
    assert_eq!(failed.state, RunState::Failed, "{failed:#?}");
    let failure = failed.failure.as_ref().expect("a failed run says why");
    assert!(!failure.what.is_empty() && !failure.next.is_empty(), "{failure:?}");

    stop_and_extend(stage, training).await;

    let nobody = RunHandle { id: "nobody-has-this".parse().expect("a name"), native: "nobody-has-this".into() };
    let missing = training.status(cx, &nobody).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "what is not there is said to be not there: {missing:?}");
}

async fn stop_and_extend(stage: &dyn Stage, training: &dyn Training) {
    let cx = &stage.cx();
    let long = stage.long_run();
    let run = training.launch(cx, &long).await.unwrap();
    let status = run_until(stage, training, &run, |s| s.state == RunState::Running).await;
    let curfew = status.curfew.expect("a run has a curfew");
    assert_eq!(curfew.at, long.curfew);
    let later = long.curfew + SignedDuration::from_hours(1);
    match training.set_curfew(cx, &run, later).await {
        Ok(enforcer) => {
            let curfew = training.status(cx, &run).await.unwrap().curfew.expect("it still has one");
            assert_eq!((curfew.at, curfew.enforcer), (later, enforcer), "the curfew was moved");
        }
        Err(e) => assert_eq!(e.kind(), ErrorKind::Unsupported, "{e:?}"),
    }
    training.stop(cx, &run, "the contract asks it to").await.unwrap();
    training.stop(cx, &run, "again").await.expect("stopping twice is fine");
    let stopped = run_until_over(stage, training, &run).await;
    assert_eq!(stopped.state, RunState::Stopped, "{stopped:#?}");
    assert_eq!(stopped.ended_by.as_deref(), Some("the contract asks it to"), "whoever asks first gives the reason");
}

async fn ids(training: &dyn Training, cx: &Cx) -> Vec<String> {
    let listed: Sweep<_> = training.list(cx).await.unwrap();
    assert!(listed.is_whole(), "{:?}", listed.gaps);
    let ids: Vec<String> = listed.items.iter().map(|(h, _)| h.native.clone()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "nothing is listed twice");
    ids
}

/// The log in small pieces is the log in one.
async fn read_log(training: &dyn Training, cx: &Cx, run: &RunHandle) {
    let mut logs = Vec::new();
    for max in [7, 1 << 20] {
        let (mut bytes, mut at) = (Vec::new(), String::new());
        loop {
            let chunk = training.log(cx, run, &at, max).await.unwrap();
            bytes.extend(&chunk.bytes);
            if chunk.end {
                break;
            }
            assert_ne!(chunk.next, at, "a log of an ended run that has not been read to its end goes on");
            at = chunk.next;
        }
        logs.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    assert_eq!(logs[0], logs[1]);
    assert!(logs[0].contains("contract"), "{}", logs[0]);
}

async fn run_until_over(stage: &dyn Stage, training: &dyn Training, run: &RunHandle) -> RunStatus {
    run_until(stage, training, run, |s| s.state.is_over()).await
}

async fn run_until(
    stage: &dyn Stage,
    training: &dyn Training,
    run: &RunHandle,
    good: impl Fn(&RunStatus) -> bool,
) -> RunStatus {
    let begun = Instant::now();
    loop {
        let status = training.status(&stage.cx(), run).await.unwrap();
        if good(&status) {
            return status;
        }
        assert!(!status.state.is_over(), "it ended otherwise: {status:#?}");
        assert!(begun.elapsed() < stage.patience(), "it takes too long: {status:#?}");
        stage.wait().await;
    }
}

/// Endpoints: made once, answering, counting, ended once, removed.
pub async fn serving(stage: &dyn Stage) {
    let serving = stage.provider().serving().expect("this provider serves");
    let cx = &stage.cx();
    let trained = trained(stage).await;
    let mut spec = stage.endpoint(trained.as_ref().map(|(spec, status)| (spec, status)));
    assert!(serving.find(cx, &spec).await.unwrap().is_none());
    let mut late = spec.clone();
    late.curfew = cx.now() - SignedDuration::from_secs(60);
    for error in [serving.quote(cx, &late).await.unwrap_err(), serving.deploy(cx, &late).await.unwrap_err()] {
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some("curfew")), "a curfew in the past");
    }
    let quote = serving.quote(cx, &spec).await.unwrap();
    let asking: Vec<String> = quote.cautions.iter().filter(|c| c.ask).map(|c| c.code.clone()).collect();
    if !asking.is_empty() {
        let refused = serving.deploy(cx, &spec).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict, "a caution that asks has to be confirmed");
        spec.confirmed = asking;
    }
    assert!(serving.list(cx).await.unwrap().items.iter().all(|(h, _)| h.id != spec.id), "nothing was made so far");

    let endpoint = serving.deploy(cx, &spec).await.unwrap();
    let other = stage.again().serving().expect("the same provider");
    assert_eq!(other.deploy(cx, &spec).await.unwrap(), endpoint, "the same intent is the same endpoint");
    assert_eq!(other.find(cx, &spec).await.unwrap().as_ref(), Some(&endpoint));
    let listed = other.list(cx).await.unwrap();
    assert!(listed.is_whole());
    let mine: Vec<_> = listed.items.iter().filter(|(h, _)| h.id == spec.id).collect();
    assert_eq!(mine, [&(endpoint.clone(), spec.clone())]);
    let mut rival = spec.clone();
    rival.intent = IntentId::new("a-rival-intent").expect("a constant that is a name");
    assert_eq!(serving.deploy(cx, &rival).await.unwrap_err().kind(), ErrorKind::AlreadyExists);

    let fresh = endpoint_until(stage, serving, &endpoint, |s| s.state == EndpointState::InService).await;
    assert!(fresh.traffic.is_none_or(|t| t.requests == 0), "nobody has asked yet");
    assert_eq!(fresh.curfew.expect("an endpoint has a curfew").at, spec.curfew);
    let reply = serving.invoke(cx, &endpoint, &stage.question()).await.unwrap();
    assert!(stage.is_answer(&reply), "{:?}", String::from_utf8_lossy(&reply.body));
    let counted = |s: &EndpointStatus| s.traffic.as_ref().is_none_or(|t| t.requests == 1);
    endpoint_until(stage, serving, &endpoint, counted).await;

    serving.stop(cx, &endpoint, "the contract asks it to").await.unwrap();
    serving.stop(cx, &endpoint, "again").await.expect("stopping twice is fine");
    let stopped = endpoint_until(stage, serving, &endpoint, |s| s.state.is_over()).await;
    assert_eq!(stopped.state, EndpointState::Stopped, "{stopped:#?}");
    assert_eq!(stopped.ended_by.as_deref(), Some("the contract asks it to"));
    assert!(serving.invoke(cx, &endpoint, &stage.question()).await.is_err(), "what is stopped does not answer");
    let moved = serving.set_curfew(cx, &endpoint, cx.now() + SignedDuration::from_hours(9)).await.unwrap_err();
    assert!(matches!(moved.kind(), ErrorKind::Conflict | ErrorKind::Unsupported), "{moved:?}");

    for _ in 0..2 {
        serving.delete(cx, &endpoint).await.expect("deleting twice is fine");
    }
    assert!(serving.list(cx).await.unwrap().items.iter().all(|(h, _)| h.id != spec.id));
    assert_eq!(serving.status(cx, &endpoint).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(serving.find(cx, &spec).await.unwrap().is_none());
}

/// A run of the stage's, where this provider trains.
async fn trained(stage: &dyn Stage) -> Option<(RunSpec, RunStatus)> {
    let training = stage.provider().training()?;
    let spec = stage.short_run();
    let run = training.launch(&stage.cx(), &spec).await.unwrap();
    let status = run_until_over(stage, training, &run).await;
    Some((spec, status))
}

async fn endpoint_until(
    stage: &dyn Stage,
    serving: &dyn Serving,
    endpoint: &EndpointHandle,
    good: impl Fn(&EndpointStatus) -> bool,
) -> EndpointStatus {
    let begun = Instant::now();
    loop {
        let status = serving.status(&stage.cx(), endpoint).await.unwrap();
        if good(&status) {
            return status;
        }
        assert!(!status.state.is_over(), "it ended otherwise: {status:#?}");
        assert!(begun.elapsed() < stage.patience(), "it takes too long: {status:#?}");
        stage.wait().await;
    }
}

/// Inventory: what was made is seen, read again the same, removed by its steps, and then gone.
pub async fn inventory(stage: &dyn Stage) {
    let cx = &stage.cx();
    let Some(training) = stage.provider().training() else { return };
    let ended = stage.short_run();
    let run = training.launch(cx, &ended).await.unwrap();
    run_until_over(stage, training, &run).await;
    let working = stage.long_run();
    let run = training.launch(cx, &working).await.unwrap();
    run_until(stage, training, &run, |s| s.state == RunState::Running).await;

    for spec in [&ended, &working] {
        let found = everything(stage).await;
        let resource = found.iter().find(|r| r.intent.as_ref() == Some(&spec.intent));
        let resource = resource.unwrap_or_else(|| panic!("{} is in no list: {found:#?}", spec.id));
        assert_eq!(resource.is_active(), spec.id == working.id, "{resource:#?}");
        assert_eq!(resource.curfew.is_some(), spec.id == working.id, "a curfew is of what runs: {resource:#?}");
        assert!(!resource.steps.is_empty() && !resource.evidence.is_empty(), "{resource:#?}");
        remove(stage, resource).await;
    }
    let provider = stage.provider();
    for kind in provider.kinds() {
        for region in provider.regions() {
            let nobody = kind.read(cx, &region, "nobody-has-this").await.unwrap();
            assert!(nobody.is_none(), "{}", kind.sheet().id);
        }
    }
}

async fn everything(stage: &dyn Stage) -> Vec<Resource> {
    let provider = stage.provider();
    let cx = &stage.cx();
    let mut all = Vec::new();
    for kind in provider.kinds() {
        for region in provider.regions() {
            let found = kind.list(cx, &region).await;
            assert!(found.is_whole(), "{:?}", found.gaps);
            for resource in &found.items {
                assert_eq!(resource.key.kind, kind.sheet().id);
                assert_eq!((&resource.key.cloud, &resource.key.account), (provider.cloud(), provider.account()));
                assert_eq!(resource.key.region, region);
            }
            all.extend(found.items);
        }
    }
    let keys: BTreeSet<_> = all.iter().map(|r| r.key.clone()).collect();
    assert_eq!(keys.len(), all.len(), "nothing is listed twice");
    all
}

async fn remove(stage: &dyn Stage, resource: &Resource) {
    let cx = &stage.cx();
    let kind = stage.provider().kinds().iter().find(|k| k.sheet().id == resource.key.kind).expect("its kind");
    let (region, id) = (&resource.key.region, &resource.key.id);
    let again = kind.read(cx, region, id).await.unwrap().expect("what was listed is there");
    assert_eq!((&again.key, &again.steps), (&resource.key, &resource.steps), "read again it is the same");
    assert_eq!(again.fingerprint, resource.fingerprint, "a fingerprint changes only with the thing");
    for round in ["first", "second"] {
        for step in &resource.steps {
            let done = kind.remove(cx, region, id, step).await;
            done.unwrap_or_else(|e| panic!("{round} time “{}” of {id}: {e:?}", step.verb));
        }
    }
    assert!(kind.read(cx, region, id).await.unwrap().is_none(), "what was removed is gone");
    let left = kind.list(cx, region).await;
    assert!(left.is_whole() && left.items.iter().all(|r| r.key != resource.key));
}
