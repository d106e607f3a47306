//! A provider in memory that does what it is told, faults included: before the call is carried out, or after it ("done,
//! but the answer was lost"), by rule or at a seeded rate. For tests only.

mod kinds;
mod serving;
mod training;

use async_trait::async_trait;
use curfew_core::connect::KeyLife;
use curfew_core::curfew::Enforcer;
use curfew_core::endpoint::{EndpointSpec, EndpointStatus};
use curfew_core::error::{Bill, Retry};
use curfew_core::market::Market;
use curfew_core::provider::{Kind, Machine, Offers, Provider, Serving, Training};
use curfew_core::run::{RunSpec, RunState, RunStatus};
use curfew_core::{
    AccountId, CloudId, Cost, Cx, EndpointId, Error, ErrorKind, HourlyRate, MachineRef, Progress, RegionName, Result,
    RunId, Sweep, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

use kinds::kinds;

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
