//! Runs: plan, launch, look, extend, stop.

use crate::input::{Checks, FieldErrors, channels, curfew, dollars, duration, entry, folder, given, hyper, project};
use crate::pace::Due;
use crate::store::RunRow;
use crate::{Engine, Finish, random_word, who};
use curfew_core::curfew::Enforcer;
use curfew_core::error::Bill;
use curfew_core::ids::to_name;
use curfew_core::intent::{Intent, Verb};
use curfew_core::machine::Purchase;
use curfew_core::policy::Policy;
use curfew_core::provider::Quote;
use curfew_core::run::{Failure, LogChunk, RunHandle, RunSpec, RunState, RunStatus, StopRules};
use curfew_core::{Cost, Cx, Error, ErrorKind, LabId, MachineRef, Notice, Result, Retry, RunId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a form or command line asks for. Everything is text as typed, so that nothing is lost when it is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchRequest {
    /// The script folder.
    pub dir: String,
    /// The entry script; `train.py` where not given.
    pub entry: Option<String>,
    /// What to call it; the folder's name where not given.
    pub name: Option<String>,
    /// `[NAME=]PATH`.
    pub data: Vec<String>,
    /// `key=value`.
    pub hyper: Vec<String>,
    /// `cloud:service:region:machine[:spot]`; `local` where not given.
    pub machine: Option<String>,
    /// "2h", "22:00"; the policy's default where not given.
    pub curfew: Option<String>,
    /// "$5".
    pub spend: Option<String>,
    /// Stop when a metric is NaN or infinite.
    pub stop_on_nan: bool,
    /// Stop when the metric is flat for so many epochs.
    pub flat_epochs: Option<String>,
    /// The metric that "flat" watches.
    pub flat_metric: Option<String>,
    /// "30 min", "2h": stop when the script has worked for so long.
    pub stop_after: Option<String>,
    /// What it is for; what the folder's curfew.toml says where not given.
    pub project: Option<String>,
    /// What the machine's provider is asked for besides, by its options' names.
    pub options: BTreeMap<String, String>,
}

/// A run as pages and commands show it.
#[derive(Debug, Clone, Serialize)]
pub struct RunView {
    /// What was asked for.
    pub spec: RunSpec,
    /// What was last seen.
    pub status: RunStatus,
    /// "This computer".
    pub place: String,
    /// The lab session it belongs to.
    pub lab: Option<LabId>,
    /// Its loss, if it has printed one.
    pub loss: Option<MetricNow>,
    /// Epochs done and in all, where the log tells.
    pub epochs: Option<(f64, Option<f64>)>,
    /// When it will be done, by its pace, where its log tells.
    pub finish: Option<Finish>,
}

/// A metric's present state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricNow {
    /// Its name.
    pub name: String,
    /// How many points.
    pub count: u64,
    /// The newest value.
    pub last: f64,
    /// The best: lowest of a loss, highest of a score.
    pub best: f64,
}

impl Engine {
    /// Checks a request and makes a spec and its price; nothing is started. All errors by field.
    pub async fn plan_run(&self, cx: &Cx, request: &LaunchRequest) -> Result<(RunSpec, Quote), FieldErrors> {
        let policy = self.policy()?;
        let mut checks = Checks::default();
        let dir = checks.take(folder(&request.dir));
        let entry = dir.as_ref().and_then(|d| checks.take(entry(d, given(request.entry.as_ref()))));
        let data = checks.take(channels(&request.data));
        let hyper = checks.take(hyper(&request.hyper));
        let machine = given(request.machine.as_ref()).map_or_else(|| Ok(MachineRef::local()), str::parse::<MachineRef>);
        let machine = checks.take(machine.map_err(|e| Error::input("machine", e.to_string())));
        let curfew = checks.take(curfew(cx, &policy, given(request.curfew.as_ref()), &policy.run_curfew));
        let spend = given(request.spend.as_ref()).and_then(|t| checks.take(dollars("spend", t)));
        let flat = given(request.flat_epochs.as_ref()).and_then(|t| {
            let n = t.parse::<u32>().ok().filter(|n| (1..=1_000_000).contains(n));
            checks.take(
                n.ok_or_else(|| Error::input("flat_epochs", "the number of flat epochs is a whole number from 1 on")),
            )
        });
        let project = checks.take(project(given(request.project.as_ref()), dir.as_deref())).flatten();
        let time = given(request.stop_after.as_ref()).and_then(|t| checks.take(duration("stop_after", t)));
        let name = match given(request.name.as_ref()) {
            Some(text) if text.chars().count() <= 100 => Some(text.to_owned()),
            Some(_) => checks.take(Err(Error::input("name", "the name has more than 100 characters"))),
            None => dir.as_ref().and_then(|d| d.file_name()).map(|n| n.to_string_lossy().into_owned()),
        };
        checks.done()?;
        let options = self.run_options(machine.as_ref(), &request.options)?;
        let (Some(dir), Some(entry), Some(data), Some(hyper), Some(machine), Some(curfew)) =
            (dir, entry, data, hyper, machine, curfew)
        else {
            return Err(Error::input("form", "something is missing").into());
        };
        let name = name.unwrap_or_else(|| "run".into());
        let base = to_name(&name).unwrap_or_else(|| "run".into());
        let id = RunId::new(format!("{base}-{}", random_word(6))).map_err(|e| Error::input("name", e.to_string()))?;
        let stop = StopRules {
            not_a_number: request.stop_on_nan,
            flat_epochs: flat,
            metric: given(request.flat_metric.as_ref()).map(str::to_owned),
            spend,
            time,
        };
        let spec = RunSpec {
            id,
            name,
            dir,
            entry,
            data,
            hyper,
            machine,
            curfew,
            stop,
            options,
            intent: crate::new_intent(),
            owner: who(),
            project: project.map(|p| policy.as_named(p)),
        };
        let training_at = self.training_for(&spec.machine)?;
        let training = training_at.part();
        let mut quote = training.quote(cx, &spec).await?;
        check_policy(&policy, &spec.machine, &quote)?;
        self.hold_budget(cx, &policy, &spec, &quote).await?;
        Self::caution_project(&policy, spec.project.as_ref(), &mut quote);
        Self::caution_keys(cx, training_at.provider(), spec.curfew, &mut quote);
        Ok((spec, quote))
    }

    /// Starts a planned run. The intent is in the journal before the provider is called.
    pub async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunView> {
        let training_at = self.training_for(&spec.machine)?;
        let training = training_at.part();
        let provider = training_at.provider();
        self.hold_launch(cx, spec, training).await?;
        let lab = self.running_lab().await?.map(|l| l.id);
        let intent = intent(cx, spec.intent.clone(), Verb::Launch, provider, spec.id.as_str(), spec, lab.clone())?;
        let mut row = RunRow {
            cloud: provider.cloud().clone(),
            account: provider.account().clone(),
            native: None,
            spec: spec.clone(),
            status: Some(not_begun(cx.now())),
            lab,
        };
        self.store.open_intent(&intent, &self.owner).await?;
        self.store.put_run(&row).await?;
        let result = match self.tell_of_launch(cx, &mut row, training).await {
            Ok(handle) => Ok(handle),
            // A refusal is final. Anything else may have been carried out: the provider is asked for the truth.
            Err(e) if e.retry_when() == Retry::Never && e.bill_effect() != Bill::NotKnown => Err(e),
            Err(e) => match training.find(cx, spec).await {
                Ok(Some(handle)) => Ok(handle),
                Ok(None) => Err(e.bill(Bill::NothingStarted)),
                // Not known: the entry stays open and is resumed.
                Err(_) => return Err(e.bill(Bill::NotKnown)),
            },
        };
        match result {
            Ok(handle) => {
                row.native = Some(handle.native.clone());
                if let Ok(status) = training.status(cx, &handle).await {
                    row.status = Some(status);
                }
                self.store.put_run(&row).await?;
                self.store.close_intent(&spec.intent, cx.now(), "started").await?;
                self.view(row).await
            }
            Err(e) => {
                row.status = Some(refused(cx.now(), &e));
                self.store.put_run(&row).await?;
                self.store.close_intent(&spec.intent, cx.now(), "not started").await?;
                Err(e)
            }
        }
    }

    /// All runs, newest first, as last seen by the loop; `now` asks every provider about runs that are not over.
    pub async fn runs(&self, cx: &Cx, now: bool) -> Result<Vec<RunView>> {
        if now {
            self.refresh_runs(cx, &Due::all()).await?;
        }
        let mut views = Vec::new();
        for row in self.store.runs().await?.iter() {
            views.push(self.view(row.clone()).await?);
        }
        Ok(views)
    }

    /// One run, asked for now.
    pub async fn run(&self, cx: &Cx, id: &RunId) -> Result<RunView> {
        let row = self.run_row(id).await?;
        let row = self.refresh_run(cx, row).await?;
        self.follow_log(cx, &row).await;
        self.view(row).await
    }

    /// A run by its id, or by its name where only one run has it; the newest of that name otherwise.
    pub async fn find_run(&self, text: &str) -> Result<RunId> {
        let rows = self.store.runs().await?;
        let by_id = rows.iter().find(|r| r.spec.id.as_str() == text);
        by_id
            .or_else(|| rows.iter().find(|r| r.spec.name == text))
            .map(|r| r.spec.id.clone())
            .ok_or_else(|| no_run(text))
    }

    /// A piece of the log.
    pub async fn run_log(&self, cx: &Cx, id: &RunId, from: &str, max: usize) -> Result<LogChunk> {
        let row = self.run_row(id).await?;
        if row.native.is_none() && row.status.as_ref().is_some_and(|s| s.progress.is_some()) {
            // What it needs is still on its way; it has no log yet.
            return Ok(LogChunk { bytes: Vec::new(), next: from.to_owned(), end: false });
        }
        let training_at = self.training_of(&row.cloud, &row.account)?;
        let training = training_at.part();
        training.log(cx, &handle(&row), from, max).await
    }

    /// Moves a run's curfew; answers the new instant and who holds it.
    pub async fn extend_run(&self, cx: &Cx, id: &RunId, curfew_text: &str) -> Result<(Timestamp, Enforcer)> {
        let mut row = self.run_row(id).await?;
        let policy = self.policy()?;
        let at = curfew(cx, &policy, Some(curfew_text), &policy.run_curfew)?;
        let training_at = self.training_of(&row.cloud, &row.account)?;
        let training = training_at.part();
        let provider = training_at.provider();
        let intent = intent(cx, crate::new_intent(), Verb::Extend, provider, id.as_str(), &at, row.lab.clone())?;
        self.store.open_intent(&intent, &self.owner).await?;
        let result = training.set_curfew(cx, &handle(&row), at).await;
        self.store.close_intent(&intent.id, cx.now(), if result.is_ok() { "moved" } else { "not moved" }).await?;
        let enforcer = result?;
        row.spec.curfew = at;
        self.store.put_run(&row).await?;
        self.refresh_run(cx, row).await?;
        Ok((at, enforcer))
    }

    /// Asks a run to end.
    pub async fn stop_run(&self, cx: &Cx, id: &RunId, why: &str) -> Result<RunView> {
        let mut row = self.run_row(id).await?;
        let training_at = self.training_of(&row.cloud, &row.account)?;
        let training = training_at.part();
        let provider = training_at.provider();
        let handle = match &row.native {
            Some(_) => handle(&row),
            // Its launch has not come back yet. Where the provider knows of it already, it can be asked to go no further.
            None => training.find(cx, &row.spec).await?.unwrap_or_else(|| handle(&row)),
        };
        let intent = intent(cx, crate::new_intent(), Verb::Stop, provider, id.as_str(), &why, row.lab.clone())?;
        self.store.open_intent(&intent, &self.owner).await?;
        match training.stop(cx, &handle, why).await {
            Ok(()) => self.store.close_intent(&intent.id, cx.now(), "asked to stop").await?,
            Err(e) => {
                self.store.close_intent(&intent.id, cx.now(), "could not be asked to stop").await?;
                return Err(e.bill(Bill::StillRunning));
            }
        }
        if let (None, Some(status)) = (&row.native, &mut row.status) {
            status.state = RunState::Stopping;
            self.store.put_run(&row).await?;
        }
        let row = self.refresh_run(cx, row).await?;
        self.view(row).await
    }

    pub(crate) async fn refresh_runs(&self, cx: &Cx, due: &Due) -> Result<()> {
        self.adopt_runs(cx, due).await?;
        for row in self.store.runs().await?.iter() {
            if due.is_due(&row.cloud, &row.account) && !row.status.as_ref().is_some_and(|s| s.state.is_over()) {
                self.refresh_run(cx, row.clone()).await?;
            }
        }
        Ok(())
    }

    /// Runs that the provider has and the store does not (a store that was lost or replaced) are taken in again.
    async fn adopt_runs(&self, cx: &Cx, due: &Due) -> Result<()> {
        let known: std::collections::HashSet<RunId> =
            self.store.runs().await?.iter().map(|r| r.spec.id.clone()).collect();
        for provider in self.providers().iter().filter(|p| due.adopts(p.cloud(), p.account())) {
            let Some(training) = provider.training() else { continue };
            let found = training.list(cx).await;
            self.note_keys(cx, provider.cloud(), provider.account(), &found).await;
            let Ok(found) = found else { continue };
            for (handle, spec) in found.items.into_iter().filter(|(h, _)| !known.contains(&h.id)) {
                let status = training.status(cx, &handle).await.ok();
                let (cloud, account) = (provider.cloud().clone(), provider.account().clone());
                self.store
                    .put_run(&RunRow { cloud, account, native: Some(handle.native), spec, status, lab: None })
                    .await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn refresh_run(&self, cx: &Cx, mut row: RunRow) -> Result<RunRow> {
        let Ok(training_at) = self.training_of(&row.cloud, &row.account) else { return Ok(row) };
        let training = training_at.part();
        if row.native.is_none() {
            return Ok(row);
        }
        let status = training.status(cx, &handle(&row)).await;
        self.note_keys(cx, &row.cloud, &row.account, &status).await;
        let status = match status {
            Ok(status) => status,
            // The provider says that it no longer knows it. An ended run was removed elsewhere; any other is lost.
            Err(e) if e.kind() == ErrorKind::NotFound => {
                if row.status.as_ref().is_some_and(|s| s.state.is_over()) {
                    self.store.forget_run(&row.spec.id).await?;
                    return Ok(row);
                }
                let mut status = row.status.clone().unwrap_or_else(|| not_begun(cx.now()));
                status.state = RunState::Lost;
                status.ended = Some(cx.now());
                status
            }
            // A failed look-up changes nothing that we know.
            Err(e) => {
                tracing::warn!(run = %row.spec.id, error = ?e, "could not look at the run");
                return Ok(row);
            }
        };
        if row.status.as_ref() != Some(&status) {
            row.status = Some(status);
            self.store.put_run(&row).await?;
        }
        Ok(row)
    }

    pub(crate) async fn run_row(&self, id: &RunId) -> Result<RunRow> {
        self.store.run(id).await?.ok_or_else(|| no_run(id.as_str()))
    }

    async fn view(&self, row: RunRow) -> Result<RunView> {
        let place = self.place(&row.cloud, &row.account);
        let dir = self.home.series(&row.spec.id);
        let (known, readers) = (self.seen.clone(), self.readers.clone());
        let seen = tokio::task::spawn_blocking(move || known.read(&readers, &dir)).await.unwrap_or_default();
        let status = row.status.unwrap_or_else(|| not_begun(Timestamp::UNIX_EPOCH));
        Ok(RunView {
            finish: seen.standing.as_ref().and_then(|standing| Finish::of(standing, &status, self.clock.now())),
            status,
            spec: row.spec,
            place,
            lab: row.lab,
            loss: seen.loss,
            epochs: seen.epochs,
        })
    }
}

/// What the policy says of a machine: family, region, price of an hour, and spot where it asks for spot.
pub(crate) fn check_policy(policy: &Policy, machine: &MachineRef, quote: &Quote) -> Result<()> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Policy, "check the machine", message).at("machine"));
    let barred = |list: &[String], name: &str| !list.is_empty() && list.iter().all(|allowed| allowed != name);
    if !machine.is_local() {
        let family = machine.machine.as_deref().map(curfew_catalog::spec::family);
        if let Some(family) = family.filter(|f| barred(&policy.families, f)) {
            return refuse(format!("your team's policy allows {}, and this is {family}", policy.families.join(", ")));
        }
        if let Some(region) = machine.region.as_deref().filter(|r| barred(&policy.regions, r)) {
            return refuse(format!("your team's policy allows {}, and this is in {region}", policy.regions.join(", ")));
        }
        let rate = quote.rate.amount().map(|rate| rate.0.amount());
        if let (Some(above), Some(rate), Purchase::OnDemand) = (policy.spot_above_usd_per_hour, rate, machine.purchase)
            && rate > above
        {
            return refuse(format!("above ${above} an hour your team's policy asks for spot, and this is on demand"));
        }
    }
    check_price(policy, quote)
}

/// The policy's ceiling on the price of an hour.
fn check_price(policy: &Policy, quote: &Quote) -> Result<()> {
    let Some(limit) = policy.max_usd_per_hour else { return Ok(()) };
    match &quote.rate {
        Cost::NotBilled { .. } => Ok(()),
        Cost::Unknown { why } => Err(Error::new(
            ErrorKind::Policy,
            "check the price",
            format!("its price is not known ({why}), and your team's policy allows at most ${limit} an hour"),
        )
        .at("machine")),
        Cost::Billed { amount, .. } | Cost::Estimated { amount, .. } => {
            if amount.0.amount() <= limit {
                return Ok(());
            }
            let message = format!("it costs {amount} an hour, and your team's policy allows at most ${limit}");
            Err(Error::new(ErrorKind::Policy, "check the price", message).at("machine"))
        }
    }
}

pub(crate) fn handle(row: &RunRow) -> RunHandle {
    RunHandle { id: row.spec.id.clone(), native: row.native.clone().unwrap_or_else(|| row.spec.id.to_string()) }
}

fn no_run(text: &str) -> Error {
    Error::new(ErrorKind::NotFound, "find the run", format!("there is no run “{}”", curfew_core::say::clean(text, 80)))
        .next("See all runs under Train, or with curfew runs")
}

pub(crate) fn not_begun(now: Timestamp) -> RunStatus {
    RunStatus {
        state: RunState::Queued,
        detail: None,
        progress: None,
        failure: None,
        ended_by: None,
        created: now,
        started: None,
        ended: None,
        exit_code: None,
        model: None,
        curfew: None,
        rate: Cost::Unknown { why: not_seen() },
        so_far: Cost::Unknown { why: not_seen() },
        spot: None,
    }
}

pub(crate) fn not_seen() -> String {
    "not seen yet".into()
}

/// The status of a run that its provider did not take.
pub(crate) fn refused(now: Timestamp, error: &Error) -> RunStatus {
    let notice = Notice::from(error);
    RunStatus {
        state: RunState::Failed,
        failure: Some(Failure { what: notice.happened, next: notice.next, log_end: Vec::new() }),
        ended: Some(now),
        rate: Cost::NotBilled { note: "it was never started".into() },
        so_far: Cost::NotBilled { note: "it was never started".into() },
        ..not_begun(now)
    }
}

pub(crate) fn intent(
    cx: &Cx,
    id: curfew_core::IntentId,
    verb: Verb,
    provider: &dyn curfew_core::provider::Provider,
    target: &str,
    payload: &impl Serialize,
    lab: Option<LabId>,
) -> Result<Intent> {
    let payload = serde_json::to_value(payload).map_err(|e| {
        Error::new(ErrorKind::Unknown, "note the intent", "the intent cannot be written down").caused_by(e)
    })?;
    Ok(Intent {
        id,
        verb,
        cloud: provider.cloud().clone(),
        account: provider.account().clone(),
        target: target.to_owned(),
        payload,
        opened: cx.now(),
        lab,
    })
}
