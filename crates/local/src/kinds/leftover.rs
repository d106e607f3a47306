//! Folders that were being made or removed when something was killed.

use super::{fingerprint, set_room, step, unknown_step};
use crate::disk::room_of;
use crate::files::{STAGING, TRASH};
use crate::local::Inner;
use crate::process;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{Error, Result, Sweep, Timestamp};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy)]
pub(crate) struct Leftovers;

const PARENTS: [&str; 3] = ["runs", "endpoints", "venvs"];

impl super::Local for Leftovers {
    fn sheet(self) -> KindSheet {
        KindSheet { id: "leftover", one: "unfinished folder", many: "unfinished folders", bills_idle: false, order: 90 }
    }

    fn list(self, inner: &Inner) -> Sweep<Resource> {
        let mut sweep = Sweep::default();
        for parent in PARENTS {
            let path = inner.home.root().join(parent);
            let entries = match std::fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => {
                    let error = Error::io("list a folder", format!("{parent} cannot be read"), e);
                    sweep.gaps.push(inner.gap(self.sheet().many, &error));
                    continue;
                }
            };
            let mut names: Vec<String> =
                entries.flatten().filter_map(|e| e.file_name().into_string().ok()).filter(|n| is_leftover(n)).collect();
            names.sort();
            sweep.items.extend(names.iter().filter_map(|n| describe(inner, &format!("{parent}/{n}"))));
        }
        sweep
    }

    fn read(self, inner: &Inner, id: &str) -> Result<Option<Resource>> {
        Ok(describe(inner, id))
    }

    fn remove(self, inner: &Inner, id: &str, verb: &str) -> Result<()> {
        if verb != "delete" {
            return Err(unknown_step(verb));
        }
        let Some(path) = path_of(inner.home.root(), id) else { return Ok(()) };
        if maker(&path).is_some_and(is_running) {
            return Err(super::still_at_work("whoever makes this folder"));
        }
        crate::files::empty(&path).map_err(|e| Error::io("remove it", "an unfinished folder cannot be removed", e))
    }
}

fn is_leftover(name: &str) -> bool {
    name.starts_with(STAGING) || name.starts_with(TRASH)
}

/// The folder of an id; `None` for an id that leads elsewhere.
fn path_of(home: &Path, id: &str) -> Option<PathBuf> {
    let (parent, name) = id.split_once('/')?;
    (PARENTS.contains(&parent) && is_leftover(name) && !name.contains('/')).then(|| home.join(parent).join(name))
}

/// The process that made it: `.new-NAME.PID.N`, `.gone-NAME-PID`.
fn maker(path: &Path) -> Option<i32> {
    let name = path.file_name()?.to_str()?;
    if name.starts_with(STAGING) {
        name.rsplit('.').nth(1)?.parse().ok()
    } else {
        name.rsplit('-').next()?.parse().ok()
    }
}

fn is_running(pid: i32) -> bool {
    process::stat(pid).ok().flatten().is_some_and(|s| !s.zombie)
}

fn describe(inner: &Inner, id: &str) -> Option<Resource> {
    let path = path_of(inner.home.root(), id)?;
    let metadata = path.symlink_metadata().ok()?;
    let mut resource = inner.resource(super::Local::sheet(Leftovers), id, id);
    resource.created = metadata.modified().ok().and_then(|t| Timestamp::try_from(t).ok());
    set_room(&mut resource, room_of(&path));
    let removing = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(TRASH));
    if maker(&path).is_some_and(is_running) {
        resource.state = if removing { "being removed" } else { "being made" }.into();
        resource.evidence.push(Evidence::Active { what: resource.state.clone() });
    } else {
        resource.state = "left behind".into();
        let of = if removing { "its removal was cut short" } else { "a start that was cut short" };
        resource.evidence.push(Evidence::Orphan { of: of.into() });
    }
    let size = resource.size.clone().unwrap_or_default();
    resource.steps = vec![step("delete", format!("Delete {size} of files"))];
    resource.fingerprint = fingerprint(&resource, "");
    Some(resource)
}
