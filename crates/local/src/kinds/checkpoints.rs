//! Checkpoints of runs that have ended: often most of what a run takes on the disk.

use super::{fingerprint, last_used, set_room, step, still_at_work, unknown_step};
use crate::disk::{Room, room_of};
use crate::folder::Folder;
use crate::local::Inner;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::run::{RunSpec, RunState, RunStatus};
use curfew_core::{Error, Result, RunId, Sweep, Timestamp};
use std::path::PathBuf;

#[derive(Clone, Copy)]
pub(crate) struct Checkpoints;

/// The checkpoints of one run.
pub(crate) struct Found {
    paths: Vec<PathBuf>,
    pub room: Room,
    newest: Option<Timestamp>,
}

/// How deep they are looked for; libraries make `output/checkpoint-500` and `lightning_logs/version_0/checkpoints`.
const DEEPEST: usize = 5;

/// Looks for them. The model folder is left out: what is in it is the model.
pub(crate) fn found(folder: &Folder, status: &RunStatus) -> Option<Found> {
    if !status.state.is_over() {
        return None;
    }
    let mut paths = Vec::new();
    for part in ["code", "output", "checkpoints"] {
        let mut walk = walkdir::WalkDir::new(folder.join(part)).max_depth(DEEPEST).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if entry.file_type().is_dir() {
                if name.starts_with("checkpoint") || name == "ckpt" || name == "ckpts" {
                    paths.push(entry.path().to_owned());
                    walk.skip_current_dir();
                }
            } else if entry.file_type().is_file()
                && entry.path().extension().is_some_and(|e| e.eq_ignore_ascii_case("ckpt"))
            {
                paths.push(entry.path().to_owned());
            }
        }
    }
    if paths.is_empty() {
        return None;
    }
    let mut room = Room { bytes: 0, at_least: false };
    let mut newest = None;
    for path in &paths {
        let one = room_of(path);
        room.bytes += one.bytes;
        room.at_least |= one.at_least;
        let modified = path.metadata().and_then(|m| m.modified()).ok().and_then(|t| Timestamp::try_from(t).ok());
        newest = newest.max(modified);
    }
    Some(Found { paths, room, newest })
}

impl super::Local for Checkpoints {
    fn sheet(self) -> KindSheet {
        KindSheet { id: "checkpoints", one: "checkpoints of a run", many: "checkpoints", bills_idle: false, order: 30 }
    }

    fn list(self, inner: &Inner) -> Sweep<Resource> {
        let mut sweep = Sweep::default();
        // Folders that cannot be read are a gap of the runs.
        for (handle, spec) in inner.runs().items {
            match describe(inner, &inner.run_folder(&handle.id), &spec) {
                Ok(found) => sweep.items.extend(found),
                Err(e) => sweep.gaps.push(inner.gap(&format!("the checkpoints of {}", handle.id), &e)),
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
        if verb != "delete" {
            return Err(unknown_step(verb));
        }
        let Ok(id) = RunId::new(id) else { return Ok(()) };
        let folder = inner.run_folder(&id);
        let Some(status) = inner.run_status(&folder, Timestamp::now())? else { return Ok(()) };
        if !status.state.is_over() {
            return Err(still_at_work(folder.what()));
        }
        for path in found(&folder, &status).map(|f| f.paths).unwrap_or_default() {
            let removed = if path.is_dir() { crate::files::empty(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(|e| Error::io("remove it", format!("the checkpoints of {id} cannot be removed"), e))?;
        }
        Ok(())
    }
}

fn describe(inner: &Inner, folder: &Folder, spec: &RunSpec) -> Result<Option<Resource>> {
    let Some(status) = inner.run_status(folder, Timestamp::now())? else { return Ok(None) };
    let Some(found) = found(folder, &status) else { return Ok(None) };
    let mut resource = inner.resource(super::Local::sheet(Checkpoints), spec.id.as_str(), &spec.name);
    resource.state = format!("run {}", status.state.word());
    resource.created = Some(status.created);
    resource.owner = Some(spec.owner.clone());
    resource.intent = Some(spec.intent.clone());
    set_room(&mut resource, found.room);
    let done = status.state == RunState::Completed && status.model.is_some();
    if let Some(at) = found.newest.or(status.ended) {
        resource.evidence.push(last_used(at, "when the newest was written"));
    }
    if !done {
        let what = format!("checkpoints from which {} could go on", spec.id);
        resource.evidence.push(Evidence::HoldsResults { what });
    }
    resource.steps = vec![step("delete", format!("Delete {} of files", found.room.words()))];
    resource.fingerprint = fingerprint(&resource, &found.paths.len().to_string());
    Ok(Some(resource))
}
