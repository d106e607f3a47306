//! Processes that outlived their supervisor. Found again by the mark in their environment, or by their session.

use crate::environment::{ENDPOINT_MARK, HOME_MARK, RUN_MARK};
use crate::folder::{Folder, Held};
use crate::local::Inner;
use crate::process::{self, ProcessId, Stat};
use curfew_core::{EndpointId, Error, ErrorKind, Result, RunId};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Whose processes they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Run(RunId),
    Endpoint(EndpointId),
}

impl Owner {
    /// As a resource's id: `run:iris-7f3a`.
    pub(crate) fn to_id(&self) -> String {
        match self {
            Self::Run(id) => format!("run:{id}"),
            Self::Endpoint(id) => format!("endpoint:{id}"),
        }
    }
    pub(crate) fn of_id(id: &str) -> Option<Self> {
        match id.split_once(':')? {
            ("run", id) => RunId::new(id).ok().map(Self::Run),
            ("endpoint", id) => EndpointId::new(id).ok().map(Self::Endpoint),
            _ => None,
        }
    }
    pub(crate) fn folder(&self, inner: &Inner) -> Folder {
        match self {
            Self::Run(id) => inner.run_folder(id),
            Self::Endpoint(id) => inner.endpoint_folder(id),
        }
    }
}

/// All that is left of one owner, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Orphans {
    pub owner: Owner,
    pub processes: Vec<Stat>,
}

/// Finds every orphan of this home, sorted by owner.
pub(crate) fn find(inner: &Inner) -> Result<Vec<Orphans>> {
    let all = process::all().map_err(|e| Error::io("list the processes", "the processes cannot be listed", e))?;
    let mut by_owner: BTreeMap<Owner, Vec<Stat>> = BTreeMap::new();
    let sessions = dead_supervisors(inner);
    let mut held: BTreeMap<Owner, bool> = BTreeMap::new();
    for stat in all {
        if stat.zombie {
            continue;
        }
        let owner = owner_by_mark(inner.home.root(), stat.pid).or_else(|| {
            // One that has cleaned its environment keeps its session, and a session's number is not used again while
            // any process is in it.
            let (owner, began) = sessions.get(&stat.session)?;
            (stat.start >= began.start).then(|| owner.clone())
        });
        let Some(owner) = owner else { continue };
        let orphaned = if let Some(known) = held.get(&owner) {
            *known
        } else {
            let dead = matches!(owner.folder(inner).held()?, Held::Dead | Held::NotBegun);
            *held.entry(owner.clone()).or_insert(dead)
        };
        if orphaned {
            by_owner.entry(owner).or_default().push(stat);
        }
    }
    let sorted = by_owner.into_iter().map(|(owner, mut processes)| {
        processes.sort_by_key(|s| (s.start, s.pid));
        Orphans { owner, processes }
    });
    Ok(sorted.collect())
}

/// Those of one owner.
pub(crate) fn of(inner: &Inner, owner: &Owner) -> Result<Option<Orphans>> {
    Ok(find(inner)?.into_iter().find(|o| o.owner == *owner))
}

/// vCPUs that a run's processes have kept busy on average since the first of them began; `None`: it has none.
pub(crate) fn busy(inner: &Inner, run: &RunId) -> Result<Option<f64>> {
    let all = process::all().map_err(|e| Error::io("list the processes", "the processes cannot be listed", e))?;
    let ours = |s: &Stat| owner_by_mark(inner.home.root(), s.pid) == Some(Owner::Run(run.clone()));
    let mut began = u64::MAX;
    let mut ticks = 0;
    for stat in all.into_iter().filter(ours) {
        began = began.min(stat.start);
        ticks += stat.ticks;
    }
    let since_boot = process::ticks_since_boot().filter(|now| *now > began);
    Ok(since_boot.map(|now| ticks as f64 / (now - began) as f64))
}

/// Are there any, when what is just ending is given a moment? A supervisor writes the end down and then goes, and the
/// last of its processes may still be on their way out.
pub(crate) fn any_that_stay(inner: &Inner, owner: &Owner) -> Result<bool> {
    let started = Instant::now();
    while of(inner, owner)?.is_some() {
        if started.elapsed() > inner.settings.grace {
            return Ok(true);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(false)
}

fn owner_by_mark(home: &Path, pid: i32) -> Option<Owner> {
    let environment = process::environment(pid)?;
    let get = |name: &str| environment.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    if Path::new(get(HOME_MARK)?) != home {
        return None;
    }
    let run = get(RUN_MARK).and_then(|id| RunId::new(id).ok()).map(Owner::Run);
    run.or_else(|| get(ENDPOINT_MARK).and_then(|id| EndpointId::new(id).ok()).map(Owner::Endpoint))
}

/// Supervisors of this boot that are gone, by pid, which is their session's number.
fn dead_supervisors(inner: &Inner) -> BTreeMap<i32, (Owner, ProcessId)> {
    let mut found = BTreeMap::new();
    let runs = inner.runs().items.into_iter().map(|(handle, _)| Owner::Run(handle.id));
    let endpoints = inner.endpoints().items.into_iter().map(|(handle, _)| Owner::Endpoint(handle.id));
    for owner in runs.chain(endpoints) {
        let folder = owner.folder(inner);
        // A damaged file is told where the folder itself is listed.
        if let Ok(Some(supervisor)) = folder.supervisor()
            && supervisor.process.boot == process::boot_id()
            && !supervisor.process.is_alive()
        {
            found.insert(supervisor.process.pid, (owner, supervisor.process));
        }
    }
    found
}

/// Ends all that is left of an owner: asked, then killed after the grace time. None left is success.
pub(crate) fn end(inner: &Inner, owner: &Owner) -> Result<()> {
    let started = Instant::now();
    let mut asked = false;
    loop {
        let Some(left) = of(inner, owner)? else { return Ok(()) };
        let killing = started.elapsed() >= inner.settings.grace;
        if killing || !asked {
            for stat in &left.processes {
                let sent = stat.id().signal(if killing { Signal::KILL } else { Signal::TERM });
                sent.map_err(|e| Error::io("end the processes", format!("process {} cannot be ended", stat.pid), e))?;
            }
            asked = true;
        }
        if started.elapsed() > inner.settings.grace * 2 + std::time::Duration::from_secs(30) {
            let pids: Vec<String> = left.processes.iter().map(|s| s.pid.to_string()).collect();
            let what = format!("the processes {} do not end", pids.join(", "));
            return Err(Error::new(ErrorKind::Timeout, "end the processes", what));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
