//! Runs as SageMaker training jobs.

use crate::aws::{Aws, Inner};
use crate::clock::timestamp;
use crate::error::from_sdk;
use crate::job::{self, Places, Record, Source};
use crate::names::{JOB_LOGS, RUNS};
use crate::retry::{self, call};
use crate::store::Store;
use crate::{failure, log, machines, pack, role, rules, upload};
use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_training_job::DescribeTrainingJobOutput as Job;
use aws_sdk_sagemaker::types::{SecondaryStatus, TrainingJobStatus};
use curfew_core::error::Bill;
use curfew_core::machine::Purchase;
use curfew_core::provider::{Caution, Quote, Training};
use curfew_core::run::{LogChunk, RunHandle, RunSpec, RunState, RunStatus};
use curfew_core::{Cost, Curfew, Cx, Enforcer, Error, ErrorKind, RegionName, Result, RunId, Sweep, Timestamp, say};
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
        let wishes = job::wishes(&spec.dir)?;
        let now = cx.now();
        let ceiling_s = job::ceiling(spec, &wishes.aws, &region, now)?;
        let (image, supported_until) = job::image(spec, &wishes.image, &region)?;
        job::sources(spec)?;
        pack::script_files(&spec.dir, &job::data_in_code(spec))?;
        let spot = spec.machine.purchase == Purchase::Spot;
        let mut cautions = Vec::new();
        let mut say = |code: &str, says: String, risk: &str| {
            cautions.push(Caution { code: code.into(), says, risk: risk.into(), ask: false });
        };
        if let Some(end) = supported_until.filter(|end| *end < now.to_zoned(jiff::tz::TimeZone::UTC).date()) {
            let says = format!("AWS no longer mends the image of {} {} (since {end}).", image.framework, image.version);
            say("image-support", says, "It may have known security faults; choose a newer version in curfew.toml.");
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
        let quote = Quote { rate, cautions, enforcer: enforcer() };
        let inference = spec.dir.join("inference.py").is_file();
        let record = Record { spec: spec.clone(), image, shape: wishes.aws, inference, created: now, ceiling_s };
        Ok((record, quote))
    }

    async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle> {
        let region = self.region_of(&spec.machine)?;
        let places = Places::of(&spec.id);
        let record = if let Some(record) = self.run_record(cx, &region, &spec.id).await? {
            record
        } else {
            let (record, _) = self.check_run(cx, spec).await?;
            // The bucket is made here, when something is to be started, and not for a price.
            let store = self.store(cx, &region).await?;
            cx.check("start the run")?;
            store.claim(cx, &places.record, &crate::store::json(&record)?).await?;
            // Whoever won: what lies there now is the truth.
            self.run_record(cx, &region, &spec.id).await?.ok_or_else(|| no_run(&spec.id, "start the run"))?
        };
        if record.spec.intent != spec.intent {
            let what = format!("there is already a run {} in this account", spec.id);
            return Err(Error::new(ErrorKind::AlreadyExists, "start the run", what)
                .at("name")
                .bill(Bill::NothingStarted));
        }
        // Where its record lies: that is another bucket, if another was chosen since.
        let store = self.store_with(cx, &region, &places.folder).await?;
        let store = store.ok_or_else(|| no_run(&spec.id, "start the run"))?;
        if self.describe(cx, &region, &spec.id).await?.is_none()
            && self.stop_note(cx, &store, &places.stop).await?.is_none()
            && let Err(e) = Box::pin(self.begin(cx, &region, &store, &record)).await
        {
            // Refused for good: nothing of it stays. What is not known stays, for the journal to find out.
            let refused = e.retry_when() == curfew_core::Retry::Never
                && e.bill_effect() != Bill::NotKnown
                && e.kind() != ErrorKind::Cancelled;
            if refused && self.describe(cx, &region, &spec.id).await.is_ok_and(|job| job.is_none()) {
                self.remove_run_folder(cx, &store, &spec.id).await?;
                return Err(e.bill(Bill::NothingStarted));
            }
            return Err(e);
        }
        Ok(handle(&spec.id, &region))
    }

    /// Uploads what is missing and creates the job.
    async fn begin(&self, cx: &Cx, region: &RegionName, store: &Store, record: &Record) -> Result<()> {
        let (spec, places) = (&record.spec, Places::of(&record.spec.id));
        self.upload_code(cx, store, record, &places).await?;
        let mut sources = Vec::new();
        for (name, source) in job::sources(spec)? {
            match source {
                Source::There(uri) => sources.push((name, uri)),
                Source::Here(files) => {
                    let prefix = places.data(&name);
                    upload::files(cx, store, &files, &prefix).await?;
                    sources.push((name, store.uri(&prefix)));
                }
            }
        }
        let role = role::ensure(self, cx, region).await?;
        let request = job::request(record, store, &role, &sources, region.as_str())?;
        let client = self.at(region).sagemaker.clone();
        let mut round = 0;
        loop {
            cx.check("start the run")?;
            let error = match create(&client, &request).await {
                Ok(()) => break,
                Err(e) => e,
            };
            // A job of this name: ours by a call whose answer was lost, or somebody else's.
            if error.kind() == ErrorKind::AlreadyExists {
                self.is_ours(cx, region, spec).await?;
                break;
            }
            round += 1;
            let waits = role::not_known_yet(&error, &role);
            if round > if waits { 40 } else { 4 } || !(waits || retry::again(&error)) {
                return Err(self.explain_quota(cx, region, error, job::machine(spec)?, "training job usage").await);
            }
            retry::pause(if waits { 4 } else { round }).await;
        }
        store.put(cx, &places.begun, b"{}".to_vec()).await
    }

    async fn upload_code(&self, cx: &Cx, store: &Store, record: &Record, places: &Places) -> Result<()> {
        let spec = &record.spec;
        let more = if rules::wraps(record) { rules::files() } else { Vec::new() };
        let archive = tempfile::NamedTempFile::new()
            .map_err(|e| Error::io("pack the script folder", "a temporary file cannot be made", e))?;
        let (dir, except, path) = (spec.dir.clone(), job::data_in_code(spec), archive.path().to_owned());
        let packed =
            tokio::task::spawn_blocking(move || pack::tar_gz(&pack::script_files(&dir, &except)?, &more, &path));
        packed.await.map_err(|e| {
            Error::new(ErrorKind::Unknown, "pack the script folder", "a part of Curfew broke while doing this")
                .caused_by(e)
        })??;
        upload::one(cx, store, archive.path(), &places.code).await
    }

    /// An error where the job of this name is not by this intent.
    async fn is_ours(&self, cx: &Cx, region: &RegionName, spec: &RunSpec) -> Result<()> {
        let arn = self.names(region).arn("training-job", spec.id.as_str());
        let intent = crate::kinds::tag(&self.at(region), cx, &arn, crate::names::TAG_INTENT).await?;
        if intent.as_deref() == Some(spec.intent.as_str()) {
            return Ok(());
        }
        let what = format!("there is already a training job {} in this account, made by something else", spec.id);
        Err(Error::new(ErrorKind::AlreadyExists, "start the run", what).at("name").bill(Bill::NothingStarted))
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

    pub(crate) async fn run_status(&self, cx: &Cx, region: &RegionName, id: &RunId) -> Result<RunStatus> {
        let places = Places::of(id);
        let store = self.store_with(cx, region, &places.folder).await?.ok_or_else(|| no_run(id, "look at the run"))?;
        let record = self.run_record(cx, region, id).await?.ok_or_else(|| no_run(id, "look at the run"))?;
        let Some(job) = self.describe(cx, region, id).await? else {
            return self.without_job(cx, &store, &record, &places).await;
        };
        let state = state(&job);
        let mut status = status_of(&record, &job, state, cx.now(), region);
        if matches!(state, RunState::Stopped | RunState::Stopping) {
            let note = self.stop_note(cx, &store, &places.stop).await?;
            status.ended_by = note.map(|n| n.why).or_else(|| ended_by(&job));
            if state == RunState::Stopped && status.model.is_none() {
                // What the script had saved when it was ended is packed too.
                let key = format!("{}out/{id}/output/model.tar.gz", places.folder);
                status.model = store.size(cx, &key).await?.map(|_| store.uri(&key));
            }
        }
        if state == RunState::Completed && rules::wraps(&record) {
            // Ended by a rule, it has kept its model and ended well; why stands at the end of its log.
            if let Some(why) = self.rule_met(cx, region, &store, id, status.ended).await? {
                status.state = RunState::Stopped;
                status.ended_by = Some(why);
                status.exit_code = None;
            }
        }
        if state == RunState::Failed {
            let reason = job.failure_reason().unwrap_or_default();
            let logs = self.at(region).logs.clone();
            let end = log::end_of(cx, &logs, JOB_LOGS, &format!("{id}/")).await.unwrap_or_default();
            status.exit_code = failure::exit_code(reason);
            status.failure = Some(failure::explain(reason, end));
        }
        Ok(status)
    }

    /// Why a stop rule ended a run, read once from the end of its log.
    async fn rule_met(
        &self,
        cx: &Cx,
        region: &RegionName,
        store: &Store,
        id: &RunId,
        ended: Option<Timestamp>,
    ) -> Result<Option<String>> {
        let key = format!("{} rule", store.uri(&Places::of(id).record));
        let known = self.records.lock().expect("nothing panics while it is held").get(&key).cloned();
        let met = if let Some(known) = known {
            known
        } else {
            let logs = self.at(region).logs.clone();
            let end = log::end_of(cx, &logs, JOB_LOGS, &format!("{id}/")).await?;
            let met: Arc<str> = rules::met(&end).unwrap_or_default().into();
            // CloudWatch may still be about to get the last lines.
            if ended.is_some_and(|at| cx.now().duration_since(at) > LOG_LAG) {
                self.records.lock().expect("nothing panics while it is held").insert(key, met.clone());
            }
            met
        };
        Ok(Some(met.to_string()).filter(|why| !why.is_empty()))
    }

    /// A run that was claimed and has no job: about to begin, ended before it began, or its job was deleted elsewhere.
    async fn without_job(&self, cx: &Cx, store: &Store, record: &Record, places: &Places) -> Result<RunStatus> {
        // The record may be remembered here and gone there.
        if store.size(cx, &places.record).await?.is_none() {
            self.forget_record(store, &places.record);
            return Err(no_run(&record.spec.id, "look at the run"));
        }
        let mut status = RunStatus {
            state: RunState::Queued,
            detail: Some("uploading its code and data".into()),
            failure: None,
            ended_by: None,
            created: record.created,
            started: None,
            ended: None,
            exit_code: None,
            model: None,
            curfew: Some(Curfew { at: record.spec.curfew, enforcer: enforcer() }),
            rate: Cost::NotBilled { note: "it has not begun".into() },
            so_far: Cost::NotBilled { note: "it has not begun".into() },
        };
        if let Some(note) = self.stop_note(cx, store, &places.stop).await? {
            status.state = RunState::Stopped;
            status.ended_by = Some(note.why);
            status.ended = Some(note.at);
            status.detail = None;
        } else if store.size(cx, &places.begun).await?.is_some()
            || cx.now().duration_since(record.created) > BEGINS_WITHIN
        {
            status.state = RunState::Lost;
            status.detail = None;
            status.ended = Some(record.created);
            status.so_far = Cost::Unknown { why: "its training job is gone".into() };
        }
        Ok(status)
    }

    async fn run_log(&self, cx: &Cx, region: &RegionName, id: &RunId, from: &str, max: usize) -> Result<LogChunk> {
        let logs = self.at(region).logs.clone();
        let prefix = format!("{id}/");
        loop {
            // Looked at first: what was written before the end is then in what is read after.
            let Some(job) = self.describe(cx, region, id).await? else {
                return match self.run_record(cx, region, id).await? {
                    Some(_) => Ok(LogChunk { bytes: Vec::new(), next: from.to_owned(), end: false }),
                    None => Err(no_run(id, "read the log")),
                };
            };
            let over = state(&job).is_over();
            let chunk = log::read(cx, &logs, JOB_LOGS, &prefix, from, max, over).await?;
            let ended = job.training_end_time().map(timestamp);
            let fresh = ended.is_some_and(|e| cx.now().duration_since(e) < LOG_LAG && e <= cx.now());
            if !(chunk.end && fresh) {
                return Ok(chunk);
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
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

async fn create(
    client: &aws_sdk_sagemaker::Client,
    request: &aws_sdk_sagemaker::operation::create_training_job::CreateTrainingJobInput,
) -> Result<()> {
    let r = request.clone();
    let made = client
        .create_training_job()
        .set_training_job_name(r.training_job_name)
        .set_algorithm_specification(r.algorithm_specification)
        .set_role_arn(r.role_arn)
        .set_input_data_config(r.input_data_config)
        .set_output_data_config(r.output_data_config)
        .set_resource_config(r.resource_config)
        .set_stopping_condition(r.stopping_condition)
        .set_hyper_parameters(r.hyper_parameters)
        .set_environment(r.environment)
        .set_enable_managed_spot_training(r.enable_managed_spot_training)
        .set_checkpoint_config(r.checkpoint_config)
        .set_tags(r.tags)
        .send();
    made.await.map(drop).map_err(|e| from_sdk("start the run", &e))
}

/// AWS holds the ceiling on a job's running time.
fn enforcer() -> Enforcer {
    Enforcer::Cloud { name: "AWS".into() }
}

/// SageMaker's states in our words.
pub(crate) fn state(job: &Job) -> RunState {
    use TrainingJobStatus as S;
    match job.training_job_status() {
        Some(S::Completed) => RunState::Completed,
        Some(S::Failed) => RunState::Failed,
        Some(S::Stopped) => RunState::Stopped,
        Some(S::Stopping) => RunState::Stopping,
        _ => match job.secondary_status() {
            Some(SecondaryStatus::Training | SecondaryStatus::Uploading) => RunState::Running,
            Some(SecondaryStatus::Stopping) => RunState::Stopping,
            _ => RunState::Starting,
        },
    }
}

fn detail(record: &Record, job: &Job, now: Timestamp) -> Option<String> {
    use SecondaryStatus as S;
    let spot = record.spec.machine.purchase == Purchase::Spot;
    let since = job.secondary_status_transitions().last().and_then(|t| t.start_time()).map(timestamp);
    let so_far = since.map_or_else(String::new, |s| format!(", {} so far", say::duration(now.duration_since(s))));
    let a_machine = if spot { "a spot machine" } else { "a machine" };
    Some(match job.secondary_status()? {
        S::Starting | S::LaunchingMlInstances | S::PreparingTrainingStack | S::Pending => {
            format!("finding {a_machine}{so_far}")
        }
        S::Downloading => "fetching its data and image".into(),
        S::DownloadingTrainingImage => "fetching its image".into(),
        S::Uploading => "saving the model".into(),
        S::Interrupted => format!("the spot machine was taken away; finding another{so_far}"),
        S::Restarting => "starting again".into(),
        S::Stopping => "ending; what it has saved is packed".into(),
        _ => return None,
    })
}

fn ended_by(job: &Job) -> Option<String> {
    let why = match job.secondary_status()? {
        SecondaryStatus::MaxRuntimeExceeded => "its curfew came",
        SecondaryStatus::MaxWaitTimeExceeded => "no spot machine was found before its curfew",
        _ => "it was stopped at AWS",
    };
    Some(why.into())
}

fn status_of(record: &Record, job: &Job, state: RunState, now: Timestamp, region: &RegionName) -> RunStatus {
    let created = job.creation_time().map_or(record.created, timestamp);
    let started = job.training_start_time().map(timestamp);
    let ended = job.training_end_time().map(timestamp).filter(|_| state.is_over());
    let machine = record.spec.machine.machine.as_deref().unwrap_or_default();
    let rate = machines::rate(region.as_str(), machine, "Training", record.shape.instances);
    let billed = match (state.is_over(), job.billable_time_in_seconds()) {
        (true, Some(seconds)) => Some(SignedDuration::from_secs(i64::from(seconds))),
        _ => started.map(|s| ended.unwrap_or(now).duration_since(s)),
    };
    let so_far = match billed {
        Some(time) => rate.clone().map(|r| r.over(time)),
        None => Cost::NotBilled { note: "waiting for a machine is not billed".into() },
    };
    let mut detail = detail(record, job, now).filter(|_| !state.is_over());
    if let (true, Some(trained), Some(billable)) =
        (state.is_over(), job.training_time_in_seconds(), job.billable_time_in_seconds())
        && job.enable_managed_spot_training() == Some(true)
        && trained > 0
    {
        let saved = 100 - i64::from(billable) * 100 / i64::from(trained);
        detail = Some(format!("billed {billable} s of {trained} s: spot saved {saved} %"));
    }
    RunStatus {
        state,
        detail,
        failure: None,
        ended_by: None,
        created,
        started: started.map(|s| s.max(created)),
        ended,
        exit_code: (state == RunState::Completed).then_some(0),
        model: job
            .model_artifacts()
            .and_then(|m| m.s3_model_artifacts())
            .filter(|_| state == RunState::Completed)
            .map(str::to_owned),
        curfew: Some(Curfew { at: record.spec.curfew, enforcer: enforcer() }),
        rate: if state.is_over() { Cost::NotBilled { note: "it has ended".into() } } else { rate },
        so_far,
    }
}
