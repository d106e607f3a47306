//! Cached virtual environments.

use super::{fingerprint, last_used, set_room, step, unknown_step};
use crate::disk::room_of;
use crate::local::Inner;
use crate::orders::Orders;
use crate::serving::endpoint_record;
use crate::venv::Place;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{Error, ErrorKind, Result, Sweep, Timestamp, say};
use std::fs::{File, TryLockError};
use std::io;

#[derive(Clone, Copy)]
pub(crate) struct Venvs;

impl super::Local for Venvs {
    fn sheet(self) -> KindSheet {
        KindSheet { id: "venv", one: "virtual environment", many: "virtual environments", bills_idle: false, order: 80 }
    }

    fn list(self, inner: &Inner) -> Sweep<Resource> {
        let mut sweep = Sweep::default();
        let venvs = inner.home.venvs();
        let folders = inner.folders(&venvs, self.sheet().many, crate::folder::Folder::run, &mut sweep.gaps);
        for folder in folders {
            let Some(key) = folder.path().file_name().and_then(|n| n.to_str()) else { continue };
            match describe(inner, key) {
                Ok(found) => sweep.items.extend(found),
                Err(e) => sweep.gaps.push(inner.gap(&format!("the virtual environment {key}"), &e)),
            }
        }
        sweep
    }

    fn read(self, inner: &Inner, id: &str) -> Result<Option<Resource>> {
        if is_key(id) { describe(inner, id) } else { Ok(None) }
    }

    fn remove(self, inner: &Inner, id: &str, verb: &str) -> Result<()> {
        if verb != "delete" {
            return Err(unknown_step(verb));
        }
        let place = Place::of(&inner.home.venvs(), id);
        if !is_key(id) || !place.folder.exists() {
            return Ok(());
        }
        let busy = |why: &str| {
            Error::new(ErrorKind::Conflict, "remove it", format!("the virtual environment {id} {why}"))
                .next("End what uses it first")
        };
        let lock = lock(&place).map_err(|e| Error::io("remove it", "its lock cannot be opened", e))?;
        // Whoever begins from here on finds the lock taken, and then no environment.
        if lock.is_none() {
            return Err(busy("is being built"));
        }
        if let Some(user) = users(inner, id)?.first() {
            return Err(busy(&format!("is used by {user}")));
        }
        crate::files::remove_folder(&place.folder)
            .map_err(|e| Error::io("remove it", format!("the virtual environment {id} cannot be removed"), e))
    }
}

/// A key is a plain name, so an id cannot lead elsewhere.
fn is_key(id: &str) -> bool {
    curfew_core::ids::check_name(id).is_ok()
}

/// `None`: somebody holds it.
fn lock(place: &Place) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(place.lock())?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // No locks on this file system: then nobody holds one.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// What runs now and was ordered to use it.
fn users(inner: &Inner, key: &str) -> Result<Vec<String>> {
    let mut users = Vec::new();
    let uses = |orders: Option<Orders>| orders.and_then(|o| o.environment.key()).as_deref() == Some(key);
    for (handle, _) in inner.runs().items {
        let folder = inner.run_folder(&handle.id);
        let working = inner.run_status(&folder, Timestamp::now())?.is_some_and(|s| !s.state.is_over());
        if working && uses(folder.orders()?) {
            users.push(format!("the run {}", handle.id));
        }
    }
    for (handle, _) in inner.endpoints().items {
        let folder = inner.endpoint_folder(&handle.id);
        let working = endpoint_record(&folder)?.is_some_and(|r| !r.state.is_over());
        if working && uses(folder.orders()?) {
            users.push(format!("the endpoint {}", handle.id));
        }
    }
    Ok(users)
}

fn describe(inner: &Inner, key: &str) -> Result<Option<Resource>> {
    let place = Place::of(&inner.home.venvs(), key);
    if !place.folder.is_dir() {
        return Ok(None);
    }
    let mut venv = inner.resource(super::Local::sheet(Venvs), key, key);
    let room = room_of(&place.folder);
    set_room(&mut venv, room);
    match place.ready()? {
        Some(ready) => {
            venv.state = "ready".into();
            venv.created = Some(ready.made);
            let mut lines = ready.requirements.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
            let first = lines.next().unwrap_or("").to_owned();
            let more = lines.count();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            venv.name = say::clean(&format!("{first}{more} (Python {})", ready.python), 120);
            if let Some(at) = place.used().metadata().and_then(|m| m.modified()).ok().and_then(|t| t.try_into().ok()) {
                venv.evidence.push(last_used(at, "the run or endpoint that used it last"));
            }
        }
        None if lock(&place).is_ok_and(|l| l.is_none()) => {
            venv.state = "being built".into();
            venv.evidence.push(Evidence::Active { what: "requirements are being installed".into() });
        }
        None => {
            venv.state = "half built".into();
            venv.evidence.push(Evidence::Orphan { of: "its building was cut short".into() });
        }
    }
    for user in users(inner, key)? {
        venv.evidence.push(Evidence::NeededBy { what: format!("{user} uses it") });
    }
    venv.evidence.push(Evidence::Rebuildable { how: "requirements are installed again when needed".into() });
    venv.steps = vec![step("delete", format!("Delete {} of files", room.words()))];
    // Python writes compiled modules into it as it is used, so its size says nothing.
    venv.fingerprint = fingerprint(&Resource { bytes: None, ..venv.clone() }, "");
    Ok(Some(venv))
}
