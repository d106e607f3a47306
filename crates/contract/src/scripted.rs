//! A provider in memory that does what it is told, faults included: before the call is carried out, or after it ("done,
//! but the answer was lost"), by rule or at a seeded rate. For tests only.

use async_trait::async_trait;
use curfew_core::connect::KeyLife;
use curfew_core::curfew::{Curfew, Enforcer};
use curfew_core::endpoint::{EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Invocation, Reply, Traffic};
use curfew_core::error::{Bill, Retry};
use curfew_core::market::Market;
use curfew_core::provider::{Kind, Machine, Offers, Provider, Quote, Serving, Training};
use curfew_core::resource::{Evidence, KindSheet, RemovalStep, Resource, ResourceKey};
use curfew_core::run::{LogChunk, RunHandle, RunSpec, RunState, RunStatus};
use curfew_core::{
    AccountId, CloudId, Cost, Cx, EndpointId, Error, ErrorKind, Gap, HourlyRate, MachineRef, Progress, RegionName,
    Result, RunId, Sweep, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The call is not carried out.
    Before,
    /// The call is carried out and its answer is lost.
    After,
}

/// A fault by rule: the `nth` call (from 0) of `operation` fails with `kind`.
#[derive(Debug, Clone)]
pub struct Fault {
    /// "launch", "status", "stop", "deploy", "list", "read", "remove", …
    pub operation: &'static str,
    /// Which call of it.
    pub nth: usize,
    /// Before or after.
    pub when: When,
    /// With which error. `None`: the caller dies here (its future never goes on).
    pub kind: Option<ErrorKind>,
}

/// What the provider holds and counts. Two providers over the same `World` are two processes at one cloud.
#[derive(Default)]
pub struct World {
    runs: BTreeMap<RunId, (RunSpec, RunStatus)>,
    endpoints: BTreeMap<EndpointId, (EndpointSpec, EndpointStatus)>,
    calls: Vec<&'static str>,
    faults: Vec<Fault>,
    rate: Option<(f64, u64)>,
    /// The cloud takes these keys no more: each call is refused.
    pub refused: bool,
    /// How often something was really started: doubles show here.
    pub launches: usize,
    /// How often an endpoint was really made.
    pub deploys: usize,
}

/// The provider.
#[derive(Clone)]
pub struct Scripted {
    world: Arc<Mutex<World>>,
    cloud: CloudId,
    account: AccountId,
    region: RegionName,
    kinds: Arc<Vec<Box<dyn Kind>>>,
    enforcer: Enforcer,
    usd_per_hour: Option<rust_decimal::Decimal>,
    market: Option<Arc<dyn Market>>,
    writes_series: bool,
    life: KeyLife,
    upload: Option<watch::Receiver<u64>>,
}

/// How many bytes a launch uploads, where [`Scripted::uploading`] is told to.
pub const UPLOAD: u64 = 40 << 20;

impl Scripted {
    /// A provider of the cloud `cloud` with an empty world.
    pub fn new(cloud: &str) -> Self {
        let cloud = CloudId::new(cloud).expect("a test names its cloud well");
        let world = Arc::new(Mutex::new(World::default()));
        let account = AccountId("scripted".into());
        Self {
            kinds: Arc::new(kinds(&cloud, &account, &world)),
            world,
            cloud,
            account,
            region: region(),
            enforcer: Enforcer::OnlyWhileOn,
            usd_per_hour: Some(rust_decimal::Decimal::ONE),
            market: None,
            writes_series: false,
            life: KeyLife::NoEnd,
            upload: None,
        }
    }
    /// Another account at the same cloud.
    #[must_use]
    pub fn of_account(mut self, account: &str) -> Self {
        self.account = AccountId(account.into());
        self.kinds = Arc::new(kinds(&self.cloud, &self.account, &self.world));
        self
    }
    /// Reached by keys that last so long.
    #[must_use]
    pub fn keyed(mut self, life: KeyLife) -> Self {
        self.life = life;
        self
    }
    /// Leaves a run's series to whoever plays its supervisor: the test. Otherwise the engine reads them from its log.
    #[must_use]
    pub fn writing_series(mut self) -> Self {
        self.writes_series = true;
        self
    }
    /// A launch uploads [`UPLOAD`] bytes first, and has come as far as was sent here.
    #[must_use]
    pub fn uploading(mut self, sent: watch::Receiver<u64>) -> Self {
        self.upload = Some(sent);
        self
    }
    /// Who holds curfews.
    #[must_use]
    pub fn enforced_by(mut self, enforcer: Enforcer) -> Self {
        self.enforcer = enforcer;
        self
    }
    /// Tells prices and limits too.
    #[must_use]
    pub fn telling(mut self, market: Arc<dyn Market>) -> Self {
        self.market = Some(market);
        self
    }
    /// The price of everything, or unknown.
    #[must_use]
    pub fn priced(mut self, usd_per_hour: Option<rust_decimal::Decimal>) -> Self {
        self.usd_per_hour = usd_per_hour;
        self
    }
    /// What it holds.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.world().faults.push(fault);
    }
    /// Faults at a rate, half of them after the call, from a seed.
    pub fn fault_rate(&self, rate: f64, seed: u64) {
        self.world().rate = Some((rate, seed | 1));
    }
    /// No more faults.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.rate = None;
    }
    /// Lets a run take a state.
    pub fn set_run(&self, id: &RunId, state: RunState, at: Timestamp) {
        if let Some((_, status)) = self.world().runs.get_mut(id) {
            status.state = state;
            if state.is_over() {
                status.ended = Some(at);
            } else {
                status.started = Some(at);
            }
        }
    }
    /// Changes what is seen of a run in any way.
    pub fn edit_run(&self, id: &RunId, edit: impl FnOnce(&mut RunStatus)) {
        if let Some((_, status)) = self.world().runs.get_mut(id) {
            edit(status);
        }
    }
    /// Changes what is seen of an endpoint in any way.
    pub fn edit_endpoint(&self, id: &EndpointId, edit: impl FnOnce(&mut EndpointStatus)) {
        if let Some((_, status)) = self.world().endpoints.get_mut(id) {
            edit(status);
        }
    }
    /// Every run, with what was asked for.
    pub fn runs(&self) -> Vec<(RunSpec, RunStatus)> {
        self.world().runs.values().cloned().collect()
    }
    /// How many runs are there and not over.
    pub fn running(&self) -> usize {
        self.world().runs.values().filter(|(_, s)| !s.state.is_over()).count()
    }
    /// How many endpoints are there and not over.
    pub fn serving_now(&self) -> usize {
        self.world().endpoints.values().filter(|(_, s)| !s.state.is_over()).count()
    }
    /// How many calls were made in all.
    pub fn calls(&self) -> usize {
        self.world().calls.len()
    }
    /// How many calls of one operation were made.
    pub fn calls_of(&self, operation: &str) -> usize {
        self.world().calls.iter().filter(|c| **c == operation).count()
    }
    fn rate(&self, as_of: Timestamp) -> Cost<HourlyRate> {
        self.usd_per_hour.map_or_else(
            || Cost::Unknown { why: "the script says so".into() },
            |usd| Cost::Estimated { amount: HourlyRate::usd(usd), as_of, basis: "script".into() },
        )
    }
    /// `false`: it was asked to end before all of it was there.
    async fn upload(&self, cx: &Cx, run: &RunId, mut sent: watch::Receiver<u64>) -> bool {
        loop {
            let done = *sent.borrow_and_update();
            cx.tell(&Progress { what: "uploading the data of “training”".into(), done, total: UPLOAD });
            if self.world().runs.get(run).is_some_and(|(_, status)| status.state.is_over()) {
                return false;
            }
            if done >= UPLOAD || sent.changed().await.is_err() {
                return true;
            }
        }
    }
    async fn around<T>(&self, operation: &'static str, act: impl FnOnce(&mut World) -> Result<T> + Send) -> Result<T> {
        around(&self.world, operation, act).await
    }
}

fn kinds(cloud: &CloudId, account: &AccountId, world: &Arc<Mutex<World>>) -> Vec<Box<dyn Kind>> {
    let one = |kind| {
        Box::new(ScriptedKind { kind, cloud: cloud.clone(), account: account.clone(), world: world.clone() })
            as Box<dyn Kind>
    };
    ["run", "endpoint"].into_iter().map(one).collect()
}

fn region() -> RegionName {
    RegionName::new("stage").expect("a constant that is a name")
}

/// One call: a fault before it, the deed, a fault after it.
async fn around<T>(
    world: &Arc<Mutex<World>>,
    operation: &'static str,
    act: impl FnOnce(&mut World) -> Result<T> + Send,
) -> Result<T> {
    let before = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = world.calls.iter().filter(|c| **c == operation).count();
        world.calls.push(operation);
        let rule = |world: &World, when| {
            world.faults.iter().find(|f| f.operation == operation && f.nth == nth && f.when == when).map(|f| f.kind)
        };
        let refused = world.refused.then_some(Some(ErrorKind::CredentialsExpired));
        match refused
            .or_else(|| rule(&world, When::Before))
            .or_else(|| world.roll().filter(|(_, w)| *w == When::Before).map(|(k, _)| Some(k)))
        {
            Some(kind) => Err(kind),
            None => Ok(rule(&world, When::After).or_else(|| world.roll_after())),
        }
    };
    match before {
        Err(kind) => strike(operation, kind, When::Before).await,
        Ok(after) => {
            let done = {
                let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
                act(&mut world)
            };
            match after {
                Some(kind) if done.is_ok() => strike(operation, kind, When::After).await,
                _ => done,
            }
        }
    }
}

async fn strike<T>(operation: &'static str, kind: Option<ErrorKind>, when: When) -> Result<T> {
    let Some(kind) = kind else { return std::future::pending().await };
    let error = Error::new(kind, operation, format!("a fault in {operation}"));
    Err(match when {
        When::Before => error,
        When::After => error.bill(Bill::NotKnown).retry(Retry::Later),
    })
}

impl World {
    /// xorshift64: seeded, so that a failing seed can be run again.
    fn next(&mut self) -> Option<(f64, f64)> {
        let (rate, mut x) = self.rate?;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.rate = Some((rate, x));
        Some((rate, (x >> 11) as f64 / (1u64 << 53) as f64))
    }
    fn roll(&mut self) -> Option<(ErrorKind, When)> {
        let (rate, x) = self.next()?;
        (x < rate / 2.0).then_some((ErrorKind::Unavailable, When::Before))
    }
    #[expect(clippy::option_option, reason = "no fault, the caller dies, or an error: the same shape as a rule's kind")]
    fn roll_after(&mut self) -> Option<Option<ErrorKind>> {
        let (rate, x) = self.next()?;
        (x < rate / 2.0).then_some(Some(ErrorKind::Timeout))
    }
}

impl Provider for Scripted {
    fn cloud(&self) -> &CloudId {
        &self.cloud
    }
    fn account(&self) -> &AccountId {
        &self.account
    }
    fn title(&self) -> String {
        format!("{} · {}", self.cloud, self.account)
    }
    fn regions(&self) -> Vec<RegionName> {
        vec![self.region.clone()]
    }
    fn offers(&self) -> Option<&dyn Offers> {
        (self.cloud.as_str() == "local").then_some(self as &dyn Offers)
    }
    fn training(&self) -> Option<&dyn Training> {
        Some(self)
    }
    fn serving(&self) -> Option<&dyn Serving> {
        Some(self)
    }
    fn kinds(&self) -> &[Box<dyn Kind>] {
        &self.kinds
    }
    fn market(&self) -> Option<&dyn Market> {
        self.market.as_deref()
    }
    fn key_life(&self) -> KeyLife {
        self.life
    }
}

/// A scripted computer of eight vCPUs. It says so without a fault, and without counting as a call.
#[async_trait]
impl Offers for Scripted {
    async fn machines(&self, cx: &Cx) -> Result<Sweep<Machine>> {
        let rate = self.rate(cx.now());
        let machine = MachineRef::local();
        Ok(Sweep::whole(vec![Machine { machine, vcpus: 8, memory_gib: 16.0, accelerators: None, rate }]))
    }
}

/// What every provider refuses.
fn check(cx: &Cx, curfew: Timestamp) -> Result<()> {
    cx.check("carry out a call")?;
    if curfew <= cx.now() {
        return Err(Error::input("curfew", "the curfew is in the past"));
    }
    Ok(())
}

fn taken(what: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, "make it", format!("there is another {what} of that name"))
}

fn gone(what: &str) -> Error {
    Error::new(ErrorKind::NotFound, "find it", format!("there is no such {what}"))
}

#[async_trait]
impl Training for Scripted {
    async fn quote(&self, cx: &Cx, spec: &RunSpec) -> Result<Quote> {
        check(cx, spec.curfew)?;
        let (rate, enforcer) = (self.rate(cx.now()), self.enforcer.clone());
        self.around("quote", |_| Ok(Quote { rate, cautions: vec![], enforcer, by_use: Vec::new(), longest: None }))
            .await
    }
    async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle> {
        check(cx, spec.curfew)?;
        let status = RunStatus {
            state: RunState::Running,
            detail: None,
            progress: None,
            failure: None,
            ended_by: None,
            created: cx.now(),
            started: Some(cx.now()),
            ended: None,
            exit_code: None,
            model: None,
            curfew: Some(Curfew { at: spec.curfew, enforcer: self.enforcer.clone() }),
            rate: self.rate(cx.now()),
            so_far: Cost::Unknown { why: "the script does not add up".into() },
            spot: None,
        };
        if let Some(sent) = self.upload.clone() {
            // Claimed first, as in a bucket: found by its intent, and asked to end, from then on.
            let claimed = RunStatus { state: RunState::Queued, started: None, ..status.clone() };
            self.world().runs.entry(spec.id.clone()).or_insert_with(|| (spec.clone(), claimed));
            if !self.upload(cx, &spec.id, sent).await {
                return Ok(spec.id.clone().into());
            }
        }
        self.around("launch", |world| {
            if world.runs.get(&spec.id).is_some_and(|(there, _)| there.intent != spec.intent) {
                return Err(taken("run"));
            }
            if world.runs.get(&spec.id).is_none_or(|(_, there)| there.state == RunState::Queued) {
                world.launches += 1;
                world.runs.insert(spec.id.clone(), (spec.clone(), status));
            }
            Ok(spec.id.clone().into())
        })
        .await
    }
    async fn find(&self, _cx: &Cx, spec: &RunSpec) -> Result<Option<RunHandle>> {
        self.around("find", |w| {
            Ok(w.runs.values().find(|(s, _)| s.intent == spec.intent).map(|(s, _)| s.id.clone().into()))
        })
        .await
    }
    async fn list(&self, _cx: &Cx) -> Result<Sweep<(RunHandle, RunSpec)>> {
        self.around("list runs", |w| {
            Ok(Sweep::whole(w.runs.values().map(|(s, _)| (s.id.clone().into(), s.clone())).collect()))
        })
        .await
    }
    async fn status(&self, _cx: &Cx, run: &RunHandle) -> Result<RunStatus> {
        self.around("status", |w| w.runs.get(&run.id).map(|(_, s)| s.clone()).ok_or_else(|| gone("run"))).await
    }
    async fn log(&self, _cx: &Cx, run: &RunHandle, from: &str, max: usize) -> Result<LogChunk> {
        let from: usize = from.parse().unwrap_or(0);
        self.around("log", |w| {
            let (_, status) = w.runs.get(&run.id).ok_or_else(|| gone("run"))?;
            let left = LOG.get(from..).unwrap_or_default();
            let bytes = left[..left.len().min(max)].to_vec();
            let at = from + bytes.len();
            Ok(LogChunk { bytes, next: at.to_string(), end: status.state.is_over() && at >= LOG.len() })
        })
        .await
    }
    async fn stop(&self, cx: &Cx, run: &RunHandle, why: &str) -> Result<()> {
        let now = cx.now();
        self.around("stop", |w| {
            let (_, status) = w.runs.get_mut(&run.id).ok_or_else(|| gone("run"))?;
            if !status.state.is_over() {
                status.state = RunState::Stopped;
                status.ended = Some(now);
                status.ended_by = Some(why.to_owned());
            }
            Ok(())
        })
        .await
    }
    async fn set_curfew(&self, _cx: &Cx, run: &RunHandle, at: Timestamp) -> Result<Enforcer> {
        let enforcer = self.enforcer.clone();
        self.around("set curfew", |w| {
            let (_, status) = w.runs.get_mut(&run.id).ok_or_else(|| gone("run"))?;
            if status.state.is_over() {
                return Err(Error::new(ErrorKind::Conflict, "move the curfew", "the run is over"));
            }
            status.curfew = Some(Curfew { at, enforcer: enforcer.clone() });
            Ok(enforcer)
        })
        .await
    }
    fn writes_series(&self) -> bool {
        self.writes_series
    }
}

#[async_trait]
impl Serving for Scripted {
    async fn quote(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Quote> {
        check(cx, spec.curfew)?;
        let (rate, enforcer) = (self.rate(cx.now()), self.enforcer.clone());
        self.around("quote endpoint", |_| {
            Ok(Quote { rate, cautions: vec![], enforcer, by_use: Vec::new(), longest: None })
        })
        .await
    }
    async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle> {
        check(cx, spec.curfew)?;
        let status = EndpointStatus {
            state: EndpointState::InService,
            detail: None,
            failure: None,
            ended_by: None,
            created: cx.now(),
            ended: None,
            url: None,
            traffic: Some(Traffic::default()),
            curfew: Some(Curfew { at: spec.curfew, enforcer: self.enforcer.clone() }),
            rate: self.rate(cx.now()),
            so_far: Cost::Unknown { why: "the script does not add up".into() },
            versions: vec![],
        };
        self.around("deploy", |world| {
            if world.endpoints.get(&spec.id).is_some_and(|(there, _)| there.intent != spec.intent) {
                return Err(taken("endpoint"));
            }
            if !world.endpoints.contains_key(&spec.id) {
                world.deploys += 1;
                world.endpoints.insert(spec.id.clone(), (spec.clone(), status));
            }
            Ok(spec.id.clone().into())
        })
        .await
    }
    async fn find(&self, _cx: &Cx, spec: &EndpointSpec) -> Result<Option<EndpointHandle>> {
        self.around("find endpoint", |w| {
            Ok(w.endpoints.values().find(|(s, _)| s.intent == spec.intent).map(|(s, _)| s.id.clone().into()))
        })
        .await
    }
    async fn list(&self, _cx: &Cx) -> Result<Sweep<(EndpointHandle, EndpointSpec)>> {
        self.around("list endpoints", |w| {
            Ok(Sweep::whole(w.endpoints.values().map(|(s, _)| (s.id.clone().into(), s.clone())).collect()))
        })
        .await
    }
    async fn status(&self, _cx: &Cx, endpoint: &EndpointHandle) -> Result<EndpointStatus> {
        self.around("endpoint status", |w| {
            w.endpoints.get(&endpoint.id).map(|(_, s)| s.clone()).ok_or_else(|| gone("endpoint"))
        })
        .await
    }
    async fn log(&self, _cx: &Cx, _endpoint: &EndpointHandle, _from: &str, _max: usize) -> Result<LogChunk> {
        self.around("endpoint log", |_| Ok(LogChunk::default())).await
    }
    async fn invoke(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Reply> {
        let now = cx.now();
        self.around("invoke", |w| {
            let (_, status) = w.endpoints.get_mut(&endpoint.id).ok_or_else(|| gone("endpoint"))?;
            if status.state.is_over() {
                return Err(Error::new(ErrorKind::Conflict, "ask the model", "the endpoint is over"));
            }
            let traffic = status.traffic.get_or_insert_default();
            traffic.requests += 1;
            traffic.last_request = Some(now);
            Ok(Reply { content_type: request.accept.clone(), body: request.body.clone(), latency_ms: 1 })
        })
        .await
    }
    async fn stop(&self, cx: &Cx, endpoint: &EndpointHandle, why: &str) -> Result<()> {
        let now = cx.now();
        self.around("stop endpoint", |w| {
            let (_, status) = w.endpoints.get_mut(&endpoint.id).ok_or_else(|| gone("endpoint"))?;
            if !status.state.is_over() {
                status.state = EndpointState::Stopped;
                status.ended = Some(now);
                status.ended_by = Some(why.to_owned());
            }
            Ok(())
        })
        .await
    }
    async fn delete(&self, _cx: &Cx, endpoint: &EndpointHandle) -> Result<()> {
        self.around("delete endpoint", |w| {
            w.endpoints.remove(&endpoint.id);
            Ok(())
        })
        .await
    }
    async fn set_curfew(&self, _cx: &Cx, endpoint: &EndpointHandle, at: Timestamp) -> Result<Enforcer> {
        let enforcer = self.enforcer.clone();
        self.around("set endpoint curfew", |w| {
            let (_, status) = w.endpoints.get_mut(&endpoint.id).ok_or_else(|| gone("endpoint"))?;
            if status.state.is_over() {
                return Err(Error::new(ErrorKind::Conflict, "move the curfew", "the endpoint is over"));
            }
            status.curfew = Some(Curfew { at, enforcer: enforcer.clone() });
            Ok(enforcer)
        })
        .await
    }
}

/// What every run prints.
const LOG: &[u8] = b"epoch 1 loss=0.5\nthe contract is kept\n";

struct ScriptedKind {
    kind: &'static str,
    cloud: CloudId,
    account: AccountId,
    world: Arc<Mutex<World>>,
}

impl ScriptedKind {
    fn all(&self, world: &World) -> Vec<Resource> {
        let run = |(spec, status): &(RunSpec, RunStatus)| {
            let active = !status.state.is_over();
            let evidence = if active {
                vec![Evidence::Active { what: "a script runs".into() }]
            } else {
                vec![Evidence::HoldsResults { what: "its log".into() }]
            };
            let parts = (
                spec.id.as_str(),
                status.state.word(),
                spec.intent.clone(),
                status.curfew.clone().filter(|_| !status.state.is_over()),
                status.rate.clone(),
            );
            self.resource(parts, status.created, evidence)
        };
        let endpoint = |(spec, status): &(EndpointSpec, EndpointStatus)| {
            let last = status.traffic.as_ref().and_then(|t| t.last_request);
            let how = || "its request count".to_owned();
            let evidence =
                last.map_or_else(|| Evidence::NeverUsed { how: how() }, |at| Evidence::LastUsed { at, how: how() });
            let parts = (
                spec.id.as_str(),
                status.state.word(),
                spec.intent.clone(),
                status.curfew.clone().filter(|_| !status.state.is_over()),
                status.rate.clone(),
            );
            self.resource(parts, status.created, vec![evidence])
        };
        if self.kind == "run" {
            world.runs.values().map(run).collect()
        } else {
            world.endpoints.values().map(endpoint).collect()
        }
    }
    fn resource(
        &self,
        (id, state, intent, curfew, rate): (&str, &str, curfew_core::IntentId, Option<Curfew>, Cost<HourlyRate>),
        created: Timestamp,
        evidence: Vec<Evidence>,
    ) -> Resource {
        Resource {
            key: ResourceKey {
                cloud: self.cloud.clone(),
                account: self.account.clone(),
                region: region(),
                kind: self.kind.into(),
                id: id.into(),
            },
            name: id.into(),
            kind_title: self.sheet().one.into(),
            state: state.into(),
            created: Some(created),
            owner: None,
            size: None,
            bytes: None,
            rate,
            so_far: Cost::Unknown { why: "the script does not add up".into() },
            evidence,
            curfew,
            intent: Some(intent),
            keep_until: None,
            steps: vec![RemovalStep {
                verb: "delete".into(),
                says: "Delete it".into(),
                reversible: false,
                artefacts: None,
            }],
            fingerprint: state.into(),
        }
    }
}

#[async_trait]
impl Kind for ScriptedKind {
    fn sheet(&self) -> KindSheet {
        if self.kind == "run" {
            KindSheet { id: "run", one: "training run", many: "training runs", bills_idle: false, order: 20 }
        } else {
            KindSheet { id: "endpoint", one: "endpoint", many: "endpoints", bills_idle: true, order: 10 }
        }
    }
    async fn list(&self, _cx: &Cx, region: &RegionName) -> Sweep<Resource> {
        match around(&self.world, "list", |w| Ok(self.all(w))).await {
            Ok(items) => Sweep::whole(items),
            Err(e) => {
                let gap = Gap::new(&self.cloud, &self.account, Some(region), self.sheet().many, &e);
                Sweep { items: vec![], gaps: vec![gap] }
            }
        }
    }
    async fn read(&self, _cx: &Cx, _region: &RegionName, id: &str) -> Result<Option<Resource>> {
        around(&self.world, "read", |w| Ok(self.all(w).into_iter().find(|r| r.key.id == id))).await
    }
    async fn remove(&self, _cx: &Cx, _region: &RegionName, id: &str, _step: &RemovalStep) -> Result<()> {
        around(&self.world, "remove", |w| {
            w.runs.retain(|k, _| self.kind != "run" || k.as_str() != id);
            w.endpoints.retain(|k, _| self.kind != "endpoint" || k.as_str() != id);
            Ok(())
        })
        .await
    }
}
