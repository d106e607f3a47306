//! What there is in memory, to be swept.

use super::{World, around, region};
use async_trait::async_trait;
use curfew_core::curfew::Curfew;
use curfew_core::endpoint::{EndpointSpec, EndpointStatus};
use curfew_core::provider::Kind;
use curfew_core::resource::{Evidence, KindSheet, RemovalStep, Resource, ResourceKey};
use curfew_core::run::{RunSpec, RunStatus};
use curfew_core::{AccountId, CloudId, Cost, Cx, Gap, HourlyRate, RegionName, Result, Sweep, Timestamp};
use std::sync::{Arc, Mutex};

pub(super) fn kinds(cloud: &CloudId, account: &AccountId, world: &Arc<Mutex<World>>) -> Vec<Box<dyn Kind>> {
    let one = |kind| {
        Box::new(ScriptedKind { kind, cloud: cloud.clone(), account: account.clone(), world: world.clone() })
            as Box<dyn Kind>
    };
    ["run", "endpoint"].into_iter().map(one).collect()
}

struct ScriptedKind {
    kind: &'static str,
    cloud: CloudId,
    account: AccountId,
    world: Arc<Mutex<World>>,
}

impl ScriptedKind {
    fn all(&self, world: &World) -> Vec<Resource> {
        let run = |(spec, status): &(RunSpec, RunStatus)| {
            let active = !status.state.is_over();
            let evidence = if active {
                vec![Evidence::Active { what: "a script runs".into() }]
            } else {
                vec![Evidence::HoldsResults { what: "its log".into() }]
            };
            let parts = (
                spec.id.as_str(),
                status.state.word(),
                spec.intent.clone(),
                status.curfew.clone().filter(|_| !status.state.is_over()),
                status.rate.clone(),
            );
            self.resource(parts, status.created, evidence)
        };
        let endpoint = |(spec, status): &(EndpointSpec, EndpointStatus)| {
            let last = status.traffic.as_ref().and_then(|t| t.last_request);
            let how = || "its request count".to_owned();
            let evidence =
                last.map_or_else(|| Evidence::NeverUsed { how: how() }, |at| Evidence::LastUsed { at, how: how() });
            let parts = (
                spec.id.as_str(),
                status.state.word(),
                spec.intent.clone(),
                status.curfew.clone().filter(|_| !status.state.is_over()),
                status.rate.clone(),
            );
            self.resource(parts, status.created, vec![evidence])
        };
        if self.kind == "run" {
            world.runs.values().map(run).collect()
        } else {
            world.endpoints.values().map(endpoint).collect()
        }
    }
    fn resource(
        &self,
        (id, state, intent, curfew, rate): (&str, &str, curfew_core::IntentId, Option<Curfew>, Cost<HourlyRate>),
        created: Timestamp,
        evidence: Vec<Evidence>,
    ) -> Resource {
        Resource {
            key: ResourceKey {
                cloud: self.cloud.clone(),
                account: self.account.clone(),
                region: region(),
                kind: self.kind.into(),
                id: id.into(),
            },
            name: id.into(),
            kind_title: self.sheet().one.into(),
            state: state.into(),
            created: Some(created),
            owner: None,
            size: None,
            bytes: None,
            rate,
            so_far: Cost::Unknown { why: "the script does not add up".into() },
            evidence,
            curfew,
            intent: Some(intent),
            keep_until: None,
            steps: vec![RemovalStep {
                verb: "delete".into(),
                says: "Delete it".into(),
                reversible: false,
                artefacts: None,
            }],
            fingerprint: state.into(),
        }
    }
}

#[async_trait]
impl Kind for ScriptedKind {
    fn sheet(&self) -> KindSheet {
        if self.kind == "run" {
            KindSheet { id: "run", one: "training run", many: "training runs", bills_idle: false, order: 20 }
        } else {
            KindSheet { id: "endpoint", one: "endpoint", many: "endpoints", bills_idle: true, order: 10 }
        }
    }
    async fn list(&self, _cx: &Cx, region: &RegionName) -> Sweep<Resource> {
        match around(&self.world, "list", |w| Ok(self.all(w))).await {
            Ok(items) => Sweep::whole(items),
            Err(e) => {
                let gap = Gap::new(&self.cloud, &self.account, Some(region), self.sheet().many, &e);
                Sweep { items: vec![], gaps: vec![gap] }
            }
        }
    }
    async fn read(&self, _cx: &Cx, _region: &RegionName, id: &str) -> Result<Option<Resource>> {
        around(&self.world, "read", |w| Ok(self.all(w).into_iter().find(|r| r.key.id == id))).await
    }
    async fn remove(&self, _cx: &Cx, _region: &RegionName, id: &str, _step: &RemovalStep) -> Result<()> {
        around(&self.world, "remove", |w| {
            w.runs.retain(|k, _| self.kind != "run" || k.as_str() != id);
            w.endpoints.retain(|k, _| self.kind != "endpoint" || k.as_str() != id);
            Ok(())
        })
        .await
    }
}
