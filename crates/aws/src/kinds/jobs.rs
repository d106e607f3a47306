//! Training jobs in progress that are no run of ours: started by a notebook, a script, another tool. Ended jobs are a
//! record that costs nothing and that AWS keeps by itself.

use super::{At, Sheet, step, unknown_step};
use crate::clock::timestamp;
use crate::job::Places;
use crate::machines;
use crate::retry::call;
use async_trait::async_trait;
use aws_sdk_sagemaker::types::{TrainingInstanceType, TrainingJobStatus};
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{ErrorKind, Result, RunId};

pub(super) struct Jobs;

#[async_trait]
impl Sheet for Jobs {
    fn sheet(&self) -> KindSheet {
        KindSheet {
            id: "training-job",
            one: "training job",
            many: "training jobs in progress",
            bills_idle: true,
            order: 15,
        }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(at.cx, "list the training jobs", || {
                let list = at.clients.sagemaker.list_training_jobs().max_results(100);
                list.status_equals(TrainingJobStatus::InProgress).set_next_token(token.clone()).send()
            })
            .await?;
            names.extend(page.training_job_summaries().iter().filter_map(|j| j.training_job_name()).map(str::to_owned));
            token = page.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        // Runs of ours have a folder, and are listed as runs.
        if let Ok(id) = RunId::new(name)
            && let Some(store) = at.inner.store_with(at.cx, at.region, &Places::of(&id).folder).await?
            && store.size(at.cx, &Places::of(&id).record).await?.is_some()
        {
            return Ok(None);
        }
        let found = call(at.cx, "look at the training job", || {
            at.clients.sagemaker.describe_training_job().training_job_name(name).send()
        });
        let found = match found.await {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        if crate::training::state(&found).is_over() {
            return Ok(None);
        }
        let mut job = at.resource(name, name);
        job.state = super::endpoints::words(found.secondary_status().map_or("InProgress", |s| s.as_str()));
        job.created = found.creation_time().map(timestamp);
        at.tagged(&mut job, found.training_job_arn().unwrap_or_default()).await?;
        if let Some(resources) = found.resource_config() {
            let kind = resources.instance_type().map(TrainingInstanceType::as_str).unwrap_or_default();
            let count = resources.instance_count().unwrap_or(1);
            job.size = Some(format!("{kind} × {count}"));
            at.inner.learn_price(at.cx, at.region, kind, "Training").await;
            job.rate = machines::rate(at.region.as_str(), kind, "Training", count.unsigned_abs());
        }
        job.evidence.push(Evidence::Active { what: format!("it is {}", job.state) });
        job.steps.push(step("stop", "Stop the training job; what it has saved is kept"));
        job.fingerprint = found.creation_time().map(|t| timestamp(t).to_string()).unwrap_or_default();
        Ok(Some(job))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        if verb != "stop" {
            return Err(unknown_step(verb));
        }
        stop_and_wait(at, name).await
    }
}

/// Stops a job and waits until it has ended.
pub(super) async fn stop_and_wait(at: &At<'_>, name: &str) -> Result<()> {
    let stopped = call(at.cx, "stop the training job", || {
        at.clients.sagemaker.stop_training_job().training_job_name(name).send()
    });
    match stopped.await {
        Ok(_) => {}
        // Ended or ending.
        Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {}
        Err(e) => return Err(e.bill(curfew_core::error::Bill::StillRunning)),
    }
    let limit = at.cx.now() + jiff::SignedDuration::from_mins(10);
    loop {
        at.cx.check("stop the training job")?;
        let found = call(at.cx, "look at the training job", || {
            at.clients.sagemaker.describe_training_job().training_job_name(name).send()
        });
        match found.await {
            Ok(found) if crate::training::state(&found).is_over() => return Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
            Ok(_) if at.cx.now() > limit => {
                let what = format!("{name} was asked to end and has not yet");
                return Err(curfew_core::Error::new(ErrorKind::Timeout, "stop the training job", what)
                    .bill(curfew_core::error::Bill::StillRunning));
            }
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
        }
    }
}
