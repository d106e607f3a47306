//! What can be left behind on this computer. A new kind is one file here and one line in [`all`].

mod checkpoints;
mod endpoint;
mod leftover;
mod process;
mod run;
mod venv;

use crate::disk::Room;
use crate::local::{Inner, blocking};
use crate::settings::Settings;
use async_trait::async_trait;
use curfew_core::money::Cost;
use curfew_core::provider::Kind;
use curfew_core::resource::{Evidence, KindSheet, RemovalStep, Resource, ResourceKey};
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result, Sweep};
use std::sync::Arc;

/// Every kind, in the order in which they are removed.
pub(crate) fn all(inner: &Arc<Inner>) -> Vec<Box<dyn Kind>> {
    vec![
        on_disk(inner, process::Processes),
        on_disk(inner, endpoint::Endpoints),
        on_disk(inner, run::Runs),
        on_disk(inner, checkpoints::Checkpoints),
        on_disk(inner, leftover::Leftovers),
        on_disk(inner, venv::Venvs),
    ]
}

/// A kind as its file writes it: synchronous, over disk and process table.
pub(crate) trait Local: Send + Sync + Copy + 'static {
    fn sheet(self) -> KindSheet;
    fn list(self, inner: &Inner) -> Sweep<Resource>;
    fn read(self, inner: &Inner, id: &str) -> Result<Option<Resource>>;
    fn remove(self, inner: &Inner, id: &str, step: &str) -> Result<()>;
}

fn on_disk(inner: &Arc<Inner>, kind: impl Local) -> Box<dyn Kind> {
    Box::new(OnDisk { inner: inner.clone(), kind })
}

struct OnDisk<K> {
    inner: Arc<Inner>,
    kind: K,
}

#[async_trait]
impl<K: Local> Kind for OnDisk<K> {
    fn sheet(&self) -> KindSheet {
        self.kind.sheet()
    }
    async fn list(&self, cx: &Cx, region: &RegionName) -> Sweep<Resource> {
        if *region != self.inner.region {
            return Sweep::default();
        }
        let (inner, kind) = (self.inner.clone(), self.kind);
        let listed = match cx.check("list what is here") {
            Ok(()) => blocking("list what is here", move || Ok(kind.list(&inner))).await,
            Err(e) => Err(e),
        };
        listed.unwrap_or_else(|e| {
            let gaps = vec![self.inner.gap(self.kind.sheet().many, &e)];
            Sweep { items: Vec::new(), gaps }
        })
    }
    async fn read(&self, cx: &Cx, region: &RegionName, id: &str) -> Result<Option<Resource>> {
        cx.check("look again")?;
        if *region != self.inner.region {
            return Ok(None);
        }
        let (inner, kind, id) = (self.inner.clone(), self.kind, id.to_owned());
        blocking("look again", move || kind.read(&inner, &id)).await
    }
    async fn remove(&self, cx: &Cx, region: &RegionName, id: &str, step: &RemovalStep) -> Result<()> {
        cx.check("remove it")?;
        if *region != self.inner.region {
            return Ok(());
        }
        let (inner, kind, id, verb) = (self.inner.clone(), self.kind, id.to_owned(), step.verb.clone());
        blocking("remove it", move || kind.remove(&inner, &id, &verb)).await
    }
}

impl Inner {
    /// A resource with what all of them share; the rest is for its kind to fill in.
    fn resource(&self, sheet: KindSheet, id: &str, name: &str) -> Resource {
        Resource {
            key: ResourceKey {
                cloud: self.cloud.clone(),
                account: self.account.clone(),
                region: self.region.clone(),
                kind: sheet.id.into(),
                id: id.into(),
            },
            name: name.into(),
            kind_title: sheet.one.into(),
            state: String::new(),
            created: None,
            owner: None,
            size: None,
            bytes: None,
            rate: Settings::idle_rate(),
            so_far: Cost::NotBilled { note: "nothing is billed on this computer".into() },
            evidence: Vec::new(),
            curfew: None,
            intent: None,
            keep_until: None,
            steps: Vec::new(),
            fingerprint: String::new(),
        }
    }
}

fn step(verb: &str, says: impl Into<String>) -> RemovalStep {
    RemovalStep { verb: verb.into(), says: says.into(), reversible: false, artefacts: None }
}

/// Puts the size of a folder where it is shown.
fn set_room(resource: &mut Resource, room: Room) {
    resource.bytes = Some(room.bytes);
    resource.size = Some(room.words());
}

/// Changes with the state, and with the size of what does not work on.
fn fingerprint(resource: &Resource, more: &str) -> String {
    // A count that was cut short is another one each time.
    let size = resource.size.as_deref().filter(|s| !resource.is_active() && !s.starts_with("at least"));
    format!("{} {} {more}", resource.state, size.map_or(0, |_| resource.bytes.unwrap_or(0)))
}

fn last_used(at: curfew_core::Timestamp, how: &str) -> Evidence {
    Evidence::LastUsed { at, how: how.into() }
}

fn unknown_step(verb: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "remove it",
        format!("there is no step “{}”", curfew_core::say::clean(verb, 40)),
    )
}

fn still_at_work(what: &str) -> Error {
    Error::new(ErrorKind::Conflict, "remove it", format!("{what} is at work")).next("End it first")
}
