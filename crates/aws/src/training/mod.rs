//! Runs as SageMaker training jobs.

mod launch;
mod status;

pub(crate) use status::state;

use crate::aws::{Aws, Inner};
use crate::images;
use crate::job::{self, Places, Record};
use crate::names::RUNS;
use crate::retry::call;
use crate::store::Store;
use crate::{machines, pack, role};
use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_training_job::DescribeTrainingJobOutput as Job;
use curfew_core::error::Bill;
use curfew_core::machine::Purchase;
use curfew_core::provider::{Caution, Quote, Training};
use curfew_core::run::{LogChunk, RunHandle, RunOption, RunSpec, RunStatus};
use curfew_core::{Cost, Cx, Enforcer, Error, ErrorKind, RegionName, Result, RunId, Sweep, Timestamp, say};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who asked a run or endpoint to end, and why. The first to ask gives the reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StopNote {
    pub why: String,
    pub at: Timestamp,
}

/// How long a run that was claimed and never begun counts as about to begin.
pub(crate) const BEGINS_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// How long CloudWatch may take to have the last lines of a job that has ended.
const LOG_LAG: SignedDuration = SignedDuration::from_secs(5);

#[async_trait]
impl Training for Aws {
    fn options(&self) -> &'static [RunOption] {
        &job::OPTIONS
    }
    async fn quote(&self, cx: &Cx, spec: &RunSpec) -> Result<Quote> {
        cx.check("check the run")?;
        Ok(self.inner.check_run(cx, spec).await?.1)
    }
    async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle> {
        cx.check("start the run")?;
        Box::pin(self.inner.launch(cx, spec)).await
    }
    async fn find(&self, cx: &Cx, spec: &RunSpec) -> Result<Option<RunHandle>> {
        cx.check("find the run")?;
        let region = self.inner.region_of(&spec.machine)?;
        let record = self.inner.run_record(cx, &region, &spec.id).await?;
        Ok(record.filter(|r| r.spec.intent == spec.intent).map(|_| handle(&spec.id, &region)))
    }
    async fn list(&self, cx: &Cx) -> Result<Sweep<(RunHandle, RunSpec)>> {
        cx.check("list the runs")?;
        let list = |region: RegionName| async move {
            match self.inner.runs_in(cx, &region).await {
                Ok(found) => Sweep::whole(found.into_iter().map(|r| (handle(&r.spec.id, &region), r.spec)).collect()),
                Err(e) => Sweep { items: Vec::new(), gaps: vec![self.inner.gap(&region, "runs", &e)] },
            }
        };
        Ok(self.inner.in_each_region(list).await)
    }
    async fn status(&self, cx: &Cx, run: &RunHandle) -> Result<RunStatus> {
        cx.check("look at the run")?;
        self.inner.run_status(cx, &self.inner.region_of_run(run), &run.id).await
    }
    async fn log(&self, cx: &Cx, run: &RunHandle, from: &str, max: usize) -> Result<LogChunk> {
        cx.check("read the log")?;
        self.inner.run_log(cx, &self.inner.region_of_run(run), &run.id, from, max).await
    }
    async fn stop(&self, cx: &Cx, run: &RunHandle, why: &str) -> Result<()> {
        cx.check("stop the run")?;
        self.inner.stop_run(cx, &self.inner.region_of_run(run), &run.id, why).await
    }
    async fn set_curfew(&self, cx: &Cx, run: &RunHandle, _at: Timestamp) -> Result<Enforcer> {
        cx.check("move the curfew")?;
        let status = self.inner.run_status(cx, &self.inner.region_of_run(run), &run.id).await?;
        if status.state.is_over() {
            let what = format!("the run {} is {}, so its curfew cannot be moved", run.id, status.state.word());
            return Err(Error::new(ErrorKind::Conflict, "move the curfew", what).at("curfew"));
        }
        let what = "AWS fixes how long a training job may run when it starts, and does not move it later";
        Err(Error::new(ErrorKind::Unsupported, "move the curfew", what)
            .at("curfew")
            .bill(Bill::StillRunning)
            .next("End it by hand when you have seen enough, or start it again with another curfew"))
    }
    fn writes_series(&self) -> bool {
        false
    }
}

/// The handle carries the region: `us-east-1/iris-7f3a`.
fn handle(id: &RunId, region: &RegionName) -> RunHandle {
    RunHandle { id: id.clone(), native: format!("{region}/{id}") }
}

fn no_run(id: &RunId, operation: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, operation, format!("AWS has no run {id}"))
}

impl Inner {
    fn region_of_run(&self, run: &RunHandle) -> RegionName {
        self.region_in(&run.native)
    }
    /// The region in a handle's native name; the home region where it names none.
    pub(crate) fn region_in(&self, native: &str) -> RegionName {
        let named = native.split_once('/').and_then(|(region, _)| RegionName::new(region).ok());
        named.unwrap_or_else(|| self.home.clone())
    }

    /// What was noted before the run was begun; read once.
    pub(crate) async fn run_record(&self, cx: &Cx, region: &RegionName, id: &RunId) -> Result<Option<Record>> {
        let places = Places::of(id);
        let Some(store) = self.store_with(cx, region, &places.folder).await? else { return Ok(None) };
        self.record(cx, &store, &places.record).await
    }

    /// A record in the bucket, which never changes once written, and so is read once.
    pub(crate) async fn record<T: serde::de::DeserializeOwned>(
        &self,
        cx: &Cx,
        store: &Store,
        key: &str,
    ) -> Result<Option<T>> {
        let uri = store.uri(key);
        let known = self.records.lock().expect("nothing panics while it is held").get(&uri).cloned();
        let text = if let Some(text) = known {
            text
        } else {
            let Some(bytes) = store.get(cx, key).await? else { return Ok(None) };
            let text: Arc<str> = String::from_utf8_lossy(&bytes).into();
            self.records.lock().expect("nothing panics while it is held").insert(uri.clone(), text.clone());
            text
        };
        serde_json::from_str(&text).map(Some).map_err(|e| {
            Error::new(ErrorKind::Corrupt, "read what was asked for", format!("{uri} is not what Curfew wrote"))
                .caused_by(e)
        })
    }

    pub(crate) fn forget_record(&self, store: &Store, key: &str) {
        self.records.lock().expect("nothing panics while it is held").remove(&store.uri(key));
    }

    pub(crate) async fn runs_in(&self, cx: &Cx, region: &RegionName) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for store in self.stores_by_and_by(cx, region).await? {
            for name in store.folders(cx, RUNS).await? {
                let Ok(id) = RunId::new(name) else { continue };
                records.extend(self.record::<Record>(cx, &store, &Places::of(&id).record).await?);
            }
        }
        Ok(records)
    }

    /// Checks everything that can be checked without changing anything.
    async fn check_run(&self, cx: &Cx, spec: &RunSpec) -> Result<(Record, Quote)> {
        let region = self.region_of(&spec.machine)?;
        let machine = job::machine(spec)?;
        let wishes = job::wishes(spec)?;
        let now = cx.now();
        self.learn_price(cx, &region, machine, "Training").await;
        let ceiling_s = job::ceiling(spec, &wishes.aws, &region, now)?;
        let image = job::image(spec, &wishes.image, &region)?;
        job::sources(spec)?;
        pack::script_files(&spec.dir, &job::data_in_code(spec))?;
        let spot = spec.machine.purchase == Purchase::Spot;
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut cautions: Vec<Caution> = images::past_support(&image, images::TRAINING, today).into_iter().collect();
        let mut say = |code: &str, says: String, risk: &str| {
            cautions.push(Caution { code: code.into(), says, risk: risk.into(), ask: false });
        };
        let (metrics, left) = job::metrics(&spec.dir);
        if left > 0 {
            let says = format!(
                "{left} of the metrics in curfew.toml are not sent to AWS, which takes 40 with expressions of at most 500 characters."
            );
            say("metrics-left-out", says, "Curfew recognises them all the same; CloudWatch does not have them.");
        }
        if wishes.aws.instances > 1 && wishes.aws.distribution.is_empty() && image.framework != "own" {
            let says = format!("{} machines each start the script by themselves.", wishes.aws.instances);
            say(
                "no-distribution",
                says,
                "Unless the script divides the work (SM_HOSTS, SM_CURRENT_HOST), each does all of it.",
            );
        }
        if spot {
            let risk = "Save checkpoints to /opt/ml/checkpoints and go on from them, or a start again begins anew.";
            say(
                "spot",
                "A spot machine may be taken away at any time; SageMaker then starts the run again.".into(),
                risk,
            );
        }
        if role::find(self, cx, &region).await.is_ok_and(|r| r.is_none()) {
            let says = format!("This account has no execution role for SageMaker; Curfew makes one, {}.", role::OURS);
            say("new-role", says, "It may read and write Curfew's bucket, write logs and read framework images.");
        }
        let says = format!("AWS ends it after {} of running.", say::duration(SignedDuration::from_secs(ceiling_s)));
        say("fixed-ceiling", says, "This cannot be moved once it has started; waiting for a machine is not billed.");
        let mut rate = machines::rate(region.as_str(), machine, "Training", wishes.aws.instances);
        if let (true, Cost::Estimated { basis, .. }) = (spot, &mut rate) {
            basis.push_str(", on demand; spot costs less, and how much is told at the end");
        }
        let longest = Some(SignedDuration::from_secs(ceiling_s));
        let quote = Quote { rate, cautions, enforcer: enforcer(), by_use: Vec::new(), longest };
        let inference = spec.dir.join("inference.py").is_file();
        let record =
            Record { spec: spec.clone(), image, shape: wishes.aws, metrics, inference, created: now, ceiling_s };
        Ok((record, quote))
    }

    pub(crate) async fn describe(&self, cx: &Cx, region: &RegionName, id: &RunId) -> Result<Option<Job>> {
        let client = self.at(region).sagemaker.clone();
        let job = call(cx, "look at the run", || client.describe_training_job().training_job_name(id.as_str()).send());
        match job.await {
            Ok(job) => Ok(Some(job)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(crate) async fn stop_note(&self, cx: &Cx, store: &Store, key: &str) -> Result<Option<StopNote>> {
        store.get_json(cx, key).await
    }

    pub(crate) async fn stop_run(&self, cx: &Cx, region: &RegionName, id: &RunId, why: &str) -> Result<()> {
        let places = Places::of(id);
        let store = self.store_with(cx, region, &places.folder).await?.ok_or_else(|| no_run(id, "stop the run"))?;
        self.run_record(cx, region, id).await?.ok_or_else(|| no_run(id, "stop the run"))?;
        let job = self.describe(cx, region, id).await?;
        if job.as_ref().is_some_and(|j| state(j).is_over()) {
            return Ok(());
        }
        let note = StopNote { why: why.to_owned(), at: cx.now() };
        store.claim(cx, &places.stop, &crate::store::json(&note)?).await.map_err(|e| e.bill(Bill::StillRunning))?;
        if job.is_none() {
            return Ok(());
        }
        let client = self.at(region).sagemaker.clone();
        let stopped = call(cx, "stop the run", || client.stop_training_job().training_job_name(id.as_str()).send());
        match stopped.await {
            Ok(_) => Ok(()),
            // Ended by itself, or asked before.
            Err(e) if e.kind() == ErrorKind::Conflict => Ok(()),
            Err(e) => Err(e.bill(Bill::StillRunning)),
        }
    }

    /// Deletes the folder with all that is in it, uploads that broke off too; the record last.
    pub(crate) async fn remove_run_folder(&self, cx: &Cx, store: &Store, id: &RunId) -> Result<()> {
        let places = Places::of(id);
        crate::kinds::uploads::abort_below(cx, store, &places.folder).await?;
        store.remove_folder(cx, &places.folder, &places.record).await?;
        self.forget_record(store, &places.record);
        Ok(())
    }
}

/// AWS holds the ceiling on a job's running time.
fn enforcer() -> Enforcer {
    Enforcer::Cloud { name: "AWS".into() }
}
