//! Processes that outlived their supervisor: a server whose parent died, a script that nobody watches.

use super::{step, unknown_step};
use crate::local::Inner;
use crate::orphans::{self, Orphans, Owner};
use crate::process::resident_bytes;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{Result, Sweep, say};

#[derive(Clone, Copy)]
pub(crate) struct Processes;

impl super::Local for Processes {
    fn sheet(self) -> KindSheet {
        KindSheet {
            id: "process",
            one: "process left behind",
            many: "processes left behind",
            bills_idle: false,
            order: 5,
        }
    }

    fn list(self, inner: &Inner) -> Sweep<Resource> {
        match orphans::find(inner) {
            Ok(found) => Sweep::whole(found.iter().map(|o| describe(inner, o)).collect()),
            Err(e) => Sweep { items: Vec::new(), gaps: vec![inner.gap(self.sheet().many, &e)] },
        }
    }

    fn read(self, inner: &Inner, id: &str) -> Result<Option<Resource>> {
        let Some(owner) = Owner::of_id(id) else { return Ok(None) };
        Ok(orphans::of(inner, &owner)?.map(|o| describe(inner, &o)))
    }

    fn remove(self, inner: &Inner, id: &str, verb: &str) -> Result<()> {
        match (Owner::of_id(id), verb) {
            (None, _) => Ok(()),
            (Some(owner), "end") => orphans::end(inner, &owner),
            (Some(_), other) => Err(unknown_step(other)),
        }
    }
}

fn describe(inner: &Inner, left: &Orphans) -> Resource {
    let id = left.owner.to_id();
    let name = match &left.owner {
        Owner::Run(id) => id.as_str(),
        Owner::Endpoint(id) => id.as_str(),
    };
    let mut resource = inner.resource(super::Local::sheet(Processes), &id, name);
    resource.state = "running".into();
    // What they draw is the computer's draw; nobody holds a curfew over them.
    resource.rate = inner.rate();
    resource.created = left.owner.folder(inner).supervisor().ok().flatten().map(|s| s.began);
    let memory: u64 = left.processes.iter().filter_map(|s| resident_bytes(s.pid)).sum();
    let count = say::count(left.processes.len(), "process", "processes");
    resource.size = Some(format!("{count}, {} of memory", say::bytes(memory)));
    let first = left.processes.first().map(|s| say::clean(&s.name, 40)).unwrap_or_default();
    resource.evidence = vec![Evidence::Orphan { of: "its supervisor died".into() }];
    resource.steps = vec![step("end", format!("End {first} and what belongs to it"))];
    // The oldest stays the same while workers come and go.
    resource.fingerprint = left.processes.first().map(|s| format!("{} {}", s.pid, s.start)).unwrap_or_default();
    resource
}
