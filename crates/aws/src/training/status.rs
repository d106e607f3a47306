//! How a run stands, and its log.

use super::{BEGINS_WITHIN, LOG_LAG, enforcer, no_run};
use crate::aws::Inner;
use crate::clock::timestamp;
use crate::job::{Places, Record};
use crate::names::JOB_LOGS;
use crate::store::Store;
use crate::{failure, log, machines, rules};
use aws_sdk_sagemaker::operation::describe_training_job::DescribeTrainingJobOutput as Job;
use aws_sdk_sagemaker::types::{SecondaryStatus, TrainingJobStatus};
use curfew_core::machine::Purchase;
use curfew_core::run::{LogChunk, RunState, RunStatus, SpotUse};
use curfew_core::{Cost, Curfew, Cx, RegionName, Result, RunId, Timestamp, say};
use jiff::SignedDuration;
use std::sync::Arc;

impl Inner {
    pub(crate) async fn run_status(&self, cx: &Cx, region: &RegionName, id: &RunId) -> Result<RunStatus> {
        let places = Places::of(id);
        let store = self.store_with(cx, region, &places.folder).await?.ok_or_else(|| no_run(id, "look at the run"))?;
        let record = self.run_record(cx, region, id).await?.ok_or_else(|| no_run(id, "look at the run"))?;
        let Some(job) = self.describe(cx, region, id).await? else {
            return self.without_job(cx, &store, &record, &places).await;
        };
        let state = state(&job);
        self.learn_price(cx, region, record.spec.machine.machine.as_deref().unwrap_or_default(), "Training").await;
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
            progress: None,
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
            spot: None,
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

    pub(super) async fn run_log(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &RunId,
        from: &str,
        max: usize,
    ) -> Result<LogChunk> {
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
    let spot = spot_use(job).filter(|_| state.is_over());
    if let Some(SpotUse { trained_s, billed_s, .. }) = spot {
        let saved = 100_u64.saturating_sub(billed_s * 100 / trained_s);
        detail = Some(format!("billed {billed_s} s of {trained_s} s: spot saved {saved} %"));
    }
    RunStatus {
        state,
        detail,
        progress: None,
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
        spot,
    }
}

/// What a managed spot job was billed for (TrainingTimeInSeconds, BillableTimeInSeconds), and how often it was interrupted
/// (SecondaryStatusTransitions). `None`: on demand, or not told.
fn spot_use(job: &Job) -> Option<SpotUse> {
    if job.enable_managed_spot_training() != Some(true) {
        return None;
    }
    let seconds = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok());
    let trained_s = seconds(job.training_time_in_seconds()).filter(|n| *n > 0)?;
    let billed_s = seconds(job.billable_time_in_seconds())?;
    let steps = job.secondary_status_transitions().iter();
    let interruptions = steps.filter(|t| t.status() == Some(&SecondaryStatus::Interrupted)).count();
    Some(SpotUse { trained_s, billed_s, interruptions: u32::try_from(interruptions).unwrap_or(u32::MAX) })
}
