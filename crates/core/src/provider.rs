//! What a cloud can do, as separate object-safe parts. A part that a cloud lacks is `None`, and pages say so from data.
//!
//! A provider object stands for one account at one cloud. It keeps no truth of its own: the cloud does (for `local`:
//! the disk and the process table), so two processes with the same account see the same things.

use crate::curfew::Enforcer;
use crate::cx::Cx;
use crate::endpoint::{Asked, EndpointHandle, EndpointSpec, EndpointStatus, Figures, Invocation, Reply};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AccountId, CloudId, EndpointId, RegionName, RunId};
use crate::machine::MachineRef;
use crate::mode::{Mode, REAL_TIME, ServingMode};
use crate::money::{Cost, HourlyRate, Money};
use crate::resource::{KindSheet, RemovalStep, Resource};
use crate::run::{LogChunk, RunHandle, RunOption, RunSpec, RunStatus};
use crate::sweep::Sweep;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One account at one cloud.
pub trait Provider: Send + Sync {
    /// `local`, `aws`, `gcp`.
    fn cloud(&self) -> &CloudId;
    /// The account.
    fn account(&self) -> &AccountId;
    /// For people: "This computer", "AWS · vision-lab".
    fn title(&self) -> String;
    /// The regions to read; for `local` the one region `here`.
    fn regions(&self) -> Vec<RegionName>;
    /// Those of them in which machines and prices are known here.
    fn priced_regions(&self) -> Vec<RegionName> {
        self.regions()
    }
    /// Machines that it offers.
    fn offers(&self) -> Option<&dyn Offers>;
    /// Training.
    fn training(&self) -> Option<&dyn Training>;
    /// Serving.
    fn serving(&self) -> Option<&dyn Serving>;
    /// Kinds of things that can be left behind here; each is one file.
    fn kinds(&self) -> &[Box<dyn Kind>];
    /// Prices and limits that this account tells.
    fn market(&self) -> Option<&dyn crate::market::Market> {
        None
    }
    /// What the account may do, and what it is set up with.
    fn access(&self) -> Option<&dyn crate::access::Access> {
        None
    }
    /// How long the keys last that it is reached with.
    fn key_life(&self) -> crate::connect::KeyLife {
        crate::connect::KeyLife::NoEnd
    }
    /// How often it makes sense to look at what runs here. Every look at a cloud is a call over the network.
    fn look_every(&self) -> SignedDuration {
        SignedDuration::from_secs(1)
    }
}

/// Machines on offer at this account.
#[async_trait]
pub trait Offers: Send + Sync {
    /// The machines, best known price each.
    async fn machines(&self, cx: &Cx) -> Result<Sweep<Machine>>;
}

/// A machine on offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name, as `--on` takes it.
    pub machine: MachineRef,
    /// vCPUs.
    pub vcpus: u32,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// "T4 × 1", or `None`.
    pub accelerators: Option<String>,
    /// Price.
    pub rate: Cost<HourlyRate>,
}

/// Something to say before the button is pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caution {
    /// Stable code, by which it is confirmed: `foreign-pickle`, `python-version`.
    pub code: String,
    /// One sentence: what.
    pub says: String,
    /// One sentence: what could happen.
    pub risk: String,
    /// Must be confirmed before anything is started.
    pub ask: bool,
}

/// What something would cost and what to know first. Nothing has been started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// By the hour.
    pub rate: Cost<HourlyRate>,
    /// What to say first.
    pub cautions: Vec<Caution>,
    /// Who would hold its curfew.
    pub enforcer: Enforcer,
    /// What its use costs, where it is paid by use: of one, and of as much as is expected.
    #[serde(default)]
    pub by_use: Vec<UsePrice>,
    /// The longest time that it can be paid for by the hour; `None`: until its curfew.
    #[serde(default)]
    pub longest: Option<SignedDuration>,
}

/// What so much use costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsePrice {
    /// "a second of answering", "500 requests a day of 400 ms each, in a day".
    pub of: String,
    /// What they cost.
    pub cost: Cost<Money>,
}

/// Training runs.
#[async_trait]
pub trait Training: Send + Sync {
    /// What can be asked for with a run here, beyond what all providers have.
    fn options(&self) -> &'static [RunOption] {
        &[]
    }
    /// Checks the spec and prices it; changes nothing. Errors name the field at fault.
    async fn quote(&self, cx: &Cx, spec: &RunSpec) -> Result<Quote>;
    /// Starts it. Idempotent by `spec.intent`: a second call with the same intent finds the first one's run.
    async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle>;
    /// The run that `spec.intent` has started, if it has. How the journal learns the truth after a crash.
    async fn find(&self, cx: &Cx, spec: &RunSpec) -> Result<Option<RunHandle>>;
    /// Every run at this account that is ours (tagged), ended ones included.
    async fn list(&self, cx: &Cx) -> Result<Sweep<(RunHandle, RunSpec)>>;
    /// How it stands.
    async fn status(&self, cx: &Cx, run: &RunHandle) -> Result<RunStatus>;
    /// The log from a position on ("" is the start); at most about `max` bytes.
    async fn log(&self, cx: &Cx, run: &RunHandle, from: &str, max: usize) -> Result<LogChunk>;
    /// Asks it to end. `why` is told to the user ("you stopped it"). Stopping what has ended is fine.
    async fn stop(&self, cx: &Cx, run: &RunHandle, why: &str) -> Result<()>;
    /// Moves its curfew, if this provider can; `Unsupported` tells why not.
    async fn set_curfew(&self, cx: &Cx, run: &RunHandle, at: Timestamp) -> Result<Enforcer>;
    /// Does the provider itself write the loss series into the run's folder (as `local`'s supervisor does)?
    /// Otherwise the engine's loop reads the log and writes it.
    fn writes_series(&self) -> bool;
    /// vCPUs that the run has kept busy on average since its script began; `None` where the provider cannot tell.
    async fn busy(&self, _cx: &Cx, _run: &RunHandle) -> Result<Option<f64>> {
        Ok(None)
    }
}

/// Endpoints.
#[async_trait]
pub trait Serving: Send + Sync {
    /// The ways to serve that it has; the first is the usual one.
    fn modes(&self) -> &'static [ServingMode] {
        &[REAL_TIME]
    }
    /// The machine that a mode really runs on, of the one that was chosen; an error where the two do not go together.
    fn place(&self, machine: &MachineRef, _mode: &Mode) -> Result<MachineRef> {
        Ok(machine.clone())
    }
    /// Checks the spec and prices it; changes nothing.
    async fn quote(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Quote>;
    /// Creates it. Idempotent by `spec.intent`. Unconfirmed cautions that ask are an error (`Conflict`).
    async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle>;
    /// The endpoint that `spec.intent` has created, if it has.
    async fn find(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Option<EndpointHandle>>;
    /// Every endpoint at this account that is ours.
    async fn list(&self, cx: &Cx) -> Result<Sweep<(EndpointHandle, EndpointSpec)>>;
    /// How it stands.
    async fn status(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<EndpointStatus>;
    /// The log, as for runs.
    async fn log(&self, cx: &Cx, endpoint: &EndpointHandle, from: &str, max: usize) -> Result<LogChunk>;
    /// Asks the model. An error of the user's script is an `InvalidInput` or `Unavailable` that carries its sentence.
    async fn invoke(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Reply>;
    /// Puts a question: answered at once, or, where its mode answers later, taken in.
    async fn ask(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Asked> {
        self.invoke(cx, endpoint, request).await.map(Asked::Answered)
    }
    /// The answer to an earlier question; `None`: not there yet.
    async fn answer(&self, _cx: &Cx, _endpoint: &EndpointHandle, _ticket: &str) -> Result<Option<Reply>> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "fetch the answer",
            "this endpoint answers at once, and keeps no answers",
        ))
    }
    /// What is measured of it; `None`: nothing is.
    async fn figures(&self, _cx: &Cx, _endpoint: &EndpointHandle) -> Result<Option<Figures>> {
        Ok(None)
    }
    /// Ends it; nothing costs any more. What remains (files, a config) is the sweep's to remove.
    async fn stop(&self, cx: &Cx, endpoint: &EndpointHandle, why: &str) -> Result<()>;
    /// The things that an endpoint consists of, by the ids of their kinds and their own.
    fn parts(&self, id: &EndpointId) -> Vec<(&'static str, String)> {
        vec![("endpoint", id.to_string())]
    }
    /// Ends it and removes all of it, in the right order.
    async fn delete(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<()>;
    /// Moves its curfew.
    async fn set_curfew(&self, cx: &Cx, endpoint: &EndpointHandle, at: Timestamp) -> Result<Enforcer>;
}

/// One kind of thing that can be left behind. One file in `crates/<cloud>/src/kinds/`, one line in its `mod.rs`.
#[async_trait]
pub trait Kind: Send + Sync {
    /// The data sheet.
    fn sheet(&self) -> KindSheet;
    /// Every one of them in `region`, with evidence, price and removal steps. What cannot be read is a gap.
    async fn list(&self, cx: &Cx, region: &RegionName) -> Sweep<Resource>;
    /// One of them read again; `None` only where the provider says that it is gone.
    async fn read(&self, cx: &Cx, region: &RegionName, id: &str) -> Result<Option<Resource>>;
    /// Carries out one removal step. Doing it twice is fine; "already gone" is success.
    async fn remove(&self, cx: &Cx, region: &RegionName, id: &str, step: &RemovalStep) -> Result<()>;
}

/// The run handle for a provider that names runs by our id.
impl From<RunId> for RunHandle {
    fn from(id: RunId) -> Self {
        Self { native: id.to_string(), id }
    }
}
/// The endpoint handle for a provider that names endpoints by our id.
impl From<EndpointId> for EndpointHandle {
    fn from(id: EndpointId) -> Self {
        Self { native: id.to_string(), id }
    }
}
