//! Run folders: what was trained here.

use super::{checkpoints, fingerprint, last_used, set_room, step, still_at_work, unknown_step};
use crate::disk::room_of;
use crate::folder::{Folder, StopRequest};
use crate::local::Inner;
use crate::orphans::{self, Owner};
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::run::{RunSpec, RunState, RunStatus};
use curfew_core::{Error, Result, RunId, Sweep, Timestamp};

#[derive(Clone, Copy)]
pub(crate) struct Runs;

impl super::Local for Runs {
    fn sheet(self) -> KindSheet {
        KindSheet { id: "run", one: "run", many: "runs", bills_idle: false, order: 20 }
    }

    fn list(self, inner: &Inner) -> Sweep<Resource> {
        let mut sweep = Sweep::default();
        let runs = inner.runs();
        sweep.gaps = runs.gaps;
        for (handle, spec) in runs.items {
            match describe(inner, &inner.run_folder(&handle.id), &spec) {
                Ok(found) => sweep.items.extend(found),
                Err(e) => sweep.gaps.push(inner.gap(&format!("the run {}", handle.id), &e)),
            }
        }
        sweep
    }

    fn read(self, inner: &Inner, id: &str) -> Result<Option<Resource>> {
        let Ok(id) = RunId::new(id) else { return Ok(None) };
        let folder = inner.run_folder(&id);
        match folder.spec::<RunSpec>()? {
            Some(spec) => describe(inner, &folder, &spec),
            None => Ok(None),
        }
    }

    fn remove(self, inner: &Inner, id: &str, verb: &str) -> Result<()> {
        let Ok(id) = RunId::new(id) else { return Ok(()) };
        let folder = inner.run_folder(&id);
        let over = || Ok(inner.run_status(&folder, Timestamp::now())?.is_none_or(|s| s.state.is_over()));
        match verb {
            "stop" => {
                if over()? {
                    return Ok(());
                }
                folder.ask_to_stop(&StopRequest { why: "it was cleared away".into(), at: Timestamp::now() })?;
                inner.wait_until_over(&folder, over)
            }
            "end" => orphans::end(inner, &Owner::Run(id)),
            "delete" => {
                if !folder.exists() {
                    return Ok(());
                }
                if !over()? || orphans::any_that_stay(inner, &Owner::Run(id))? {
                    return Err(still_at_work(folder.what()));
                }
                crate::files::remove_folder(folder.path()).map_err(|e| {
                    Error::io("delete the run", format!("the files of {} cannot be removed", folder.what()), e)
                })
            }
            other => Err(unknown_step(other)),
        }
    }
}

fn describe(inner: &Inner, folder: &Folder, spec: &RunSpec) -> Result<Option<Resource>> {
    let Some(status) = inner.run_status(folder, Timestamp::now())? else { return Ok(None) };
    let id = spec.id.as_str();
    let mut run = inner.resource(super::Local::sheet(Runs), id, &spec.name);
    run.state = status.state.word().into();
    run.created = Some(status.created);
    run.owner = Some(spec.owner.clone());
    run.intent = Some(spec.intent.clone());
    run.rate.clone_from(&status.rate);
    run.so_far.clone_from(&status.so_far);
    run.curfew = status.curfew.clone().filter(|_| !status.state.is_over());
    let checkpoints = checkpoints::found(folder, &status).map_or(0, |c| c.room.bytes);
    let mut room = room_of(folder.path());
    let whole = room.words();
    // Checkpoints have an item of their own, and no byte is counted twice.
    room.bytes = room.bytes.saturating_sub(checkpoints);
    set_room(&mut run, room);

    let left = match status.state {
        RunState::Lost => orphans::of(inner, &Owner::Run(spec.id.clone()))?,
        _ => None,
    };
    run.evidence = evidence(folder, &status, left.is_some());
    if !status.state.is_over() {
        run.steps.push(step("stop", "End the script"));
    }
    if left.is_some() {
        run.steps.push(step("end", "End what it left running"));
    }
    let kept =
        if run.evidence.iter().any(|e| matches!(e, Evidence::HoldsResults { .. })) { ", its results too" } else { "" };
    // Its size grows by itself while it runs, and says nothing about a deletion.
    run.steps.push(if status.state.is_over() {
        step("delete", format!("Delete {whole} of files{kept}"))
    } else {
        step("delete", "Delete its files")
    });
    run.fingerprint = fingerprint(&run, &status.ended.map(|e| e.to_string()).unwrap_or_default());
    Ok(Some(run))
}

fn evidence(folder: &Folder, status: &RunStatus, left_behind: bool) -> Vec<Evidence> {
    let active = |what: &str| vec![Evidence::Active { what: what.into() }];
    match status.state {
        RunState::Queued => active("it is about to begin"),
        RunState::Starting => active("it is being prepared"),
        RunState::Running => active("its script runs"),
        RunState::Stopping => active("it is ending"),
        RunState::Completed | RunState::Failed | RunState::Stopped | RunState::Lost => {
            let mut facts = Vec::new();
            if status.state == RunState::Lost {
                let of = if left_behind {
                    "its supervisor died, and its processes run on"
                } else {
                    "its supervisor died before it ended"
                };
                facts.push(Evidence::Orphan { of: of.into() });
            }
            if let Some(at) = status.ended {
                facts.push(last_used(at, "when it ended"));
            }
            facts.extend(results(folder, status).map(|what| Evidence::HoldsResults { what }));
            facts
        }
    }
}

/// What the run left that exists nowhere else.
fn results(folder: &Folder, status: &RunStatus) -> Option<String> {
    let id = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    if status.model.is_some() {
        return Some(format!("the model and log of {id}"));
    }
    let any =
        |name: &str| walkdir::WalkDir::new(folder.join(name)).into_iter().flatten().any(|e| e.file_type().is_file());
    if any("model") {
        Some(format!("what {id} saved, not packed"))
    } else if any("output/data") {
        Some(format!("the output of {id}"))
    } else {
        None
    }
}
