//! Runs of ours: the training job and its folder in the bucket with code, data, checkpoints and results.

use super::jobs::stop_and_wait;
use super::{At, Sheet, last_used, step, storage_rate, unknown_step};
use crate::job::Places;
use crate::log;
use crate::names::{JOB_LOGS, RUNS};
use crate::retry::call;
use async_trait::async_trait;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::run::{RunState, RunStatus};
use curfew_core::{Error, ErrorKind, Result, RunId, say};

pub(super) struct Runs;

#[async_trait]
impl Sheet for Runs {
    fn sheet(&self) -> KindSheet {
        KindSheet { id: "run", one: "run", many: "runs", bills_idle: false, order: 90 }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for store in at.inner.stores(at.cx, at.region).await? {
            names.extend(store.folders(at.cx, RUNS).await?);
        }
        Ok(names)
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        let Ok(id) = RunId::new(name) else { return Ok(None) };
        let places = Places::of(&id);
        let Some(store) = at.inner.store_with(at.cx, at.region, &places.folder).await? else { return Ok(None) };
        let room = store.room(at.cx, &places.folder).await?;
        if room.files == 0 {
            at.inner.forget_record(&store, &places.record);
            return Ok(None);
        }
        let mut run = at.resource(name, name);
        run.bytes = Some(room.bytes);
        run.size = Some(say::bytes(room.bytes));
        let Some(record) = at.inner.run_record(at.cx, at.region, &id).await? else {
            // A deletion that was broken off, or files that somebody put there.
            run.state = "files only".into();
            run.rate = storage_rate(at.region, room.bytes);
            run.evidence.push(Evidence::Orphan { of: "what was asked for is not noted with it".into() });
            run.steps.push(step("delete", format!("Delete {} of files", say::bytes(room.bytes))));
            run.fingerprint = format!("files {}", room.bytes);
            return Ok(Some(run));
        };
        let status = at.inner.run_status(at.cx, at.region, &id).await?;
        let over = status.state.is_over();
        run.name.clone_from(&record.spec.name);
        run.state = status.state.word().into();
        run.created = Some(status.created);
        run.owner = Some(record.spec.owner.clone());
        run.intent = Some(record.spec.intent.clone());
        run.rate = if over { storage_rate(at.region, room.bytes) } else { status.rate.clone() };
        run.so_far = status.so_far.clone();
        run.curfew = status.curfew.clone().filter(|_| !over);
        run.evidence = evidence(name, &status);
        if !over {
            run.steps.push(step("stop", "Stop the training job"));
        }
        let kept = if status.model.is_some() { ", its model too" } else { "" };
        run.steps.push(if over {
            step("delete", format!("Delete {} of files{kept}, and its log", say::bytes(room.bytes)))
        } else {
            step("delete", "Delete its files and its log")
        });
        let ended = status.ended.map(|e| e.to_string()).unwrap_or_default();
        run.fingerprint = format!("{} {} {ended}", run.state, if over { room.bytes } else { 0 });
        if !over {
            // Where it stands within its way moves by itself, and says nothing about a deletion.
            run.fingerprint = "at work".into();
        }
        Ok(Some(run))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        let Ok(id) = RunId::new(name) else { return Ok(()) };
        match verb {
            "stop" => {
                match at.inner.stop_run(at.cx, at.region, &id, "it was cleared away").await {
                    Ok(()) => {}
                    Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
                    Err(e) => return Err(e),
                }
                stop_and_wait(at, name).await
            }
            "delete" => {
                let job = at.inner.describe(at.cx, at.region, &id).await?;
                if job.as_ref().is_some_and(|j| !crate::training::state(j).is_over()) {
                    return Err(Error::new(ErrorKind::Conflict, "remove it", format!("the run {id} is at work"))
                        .next("End it first"));
                }
                log::remove_streams(at.cx, &at.clients.logs, JOB_LOGS, &format!("{id}/")).await?;
                if job.is_some() {
                    delete_record(at, name).await?;
                }
                match at.inner.store_with(at.cx, at.region, &Places::of(&id).folder).await? {
                    Some(store) => at.inner.remove_run_folder(at.cx, &store, &id).await,
                    None => Ok(()),
                }
            }
            other => Err(unknown_step(other)),
        }
    }
}

/// AWS's own record of the job. That it stays is no harm: it costs nothing, and older permissions do not know the call.
async fn delete_record(at: &At<'_>, name: &str) -> Result<()> {
    let deleted = call(at.cx, "delete the training job", || {
        at.clients.sagemaker.delete_training_job().training_job_name(name).send()
    });
    match deleted.await {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidInput) => {
            Ok(())
        }
        Err(e) => Err(e),
    }
}

fn evidence(name: &str, status: &RunStatus) -> Vec<Evidence> {
    let active = |what: &str| vec![Evidence::Active { what: what.into() }];
    match status.state {
        RunState::Queued => active("it is about to begin"),
        RunState::Starting => active("it is being prepared"),
        RunState::Running => active("its script runs"),
        RunState::Stopping => active("it is ending"),
        RunState::Completed | RunState::Failed | RunState::Stopped | RunState::Lost => {
            let mut facts = Vec::new();
            if status.state == RunState::Lost {
                facts.push(Evidence::Orphan { of: "its training job is gone".into() });
            }
            facts.extend(status.ended.map(|at| last_used(at, "when it ended")));
            if status.model.is_some() {
                facts.push(Evidence::HoldsResults { what: format!("the model of {name}") });
            }
            if facts.is_empty() {
                facts.push(last_used(status.created, "when it was made"));
            }
            facts
        }
    }
}
