//! Endpoints: servers, and the files of those that have ended.

use super::{fingerprint, last_used, set_room, step, still_at_work, unknown_step};
use crate::disk::room_of;
use crate::folder::Folder;
use crate::local::Inner;
use crate::orphans::{self, Owner};
use crate::serving::endpoint_record;
use curfew_core::endpoint::{EndpointSpec, EndpointState, EndpointStatus};
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{EndpointId, Error, Result, Sweep, Timestamp};

#[derive(Clone, Copy)]
pub(crate) struct Endpoints;

impl super::Local for Endpoints {
    fn sheet(self) -> KindSheet {
        KindSheet { id: "endpoint", one: "endpoint", many: "endpoints", bills_idle: false, order: 10 }
    }

    fn list(self, inner: &Inner) -> Sweep<Resource> {
        let mut sweep = Sweep::default();
        let endpoints = inner.endpoints();
        sweep.gaps = endpoints.gaps;
        for (handle, spec) in endpoints.items {
            match describe(inner, &inner.endpoint_folder(&handle.id), &spec) {
                Ok(found) => sweep.items.extend(found),
                Err(e) => sweep.gaps.push(inner.gap(&format!("the endpoint {}", handle.id), &e)),
            }
        }
        sweep
    }

    fn read(self, inner: &Inner, id: &str) -> Result<Option<Resource>> {
        let Ok(id) = EndpointId::new(id) else { return Ok(None) };
        let folder = inner.endpoint_folder(&id);
        match folder.spec::<EndpointSpec>()? {
            Some(spec) => describe(inner, &folder, &spec),
            None => Ok(None),
        }
    }

    fn remove(self, inner: &Inner, id: &str, verb: &str) -> Result<()> {
        let Ok(id) = EndpointId::new(id) else { return Ok(()) };
        let folder = inner.endpoint_folder(&id);
        match verb {
            "stop" => inner.end_endpoint(&folder, "it was cleared away", Timestamp::now()),
            "end" => orphans::end(inner, &Owner::Endpoint(id)),
            "delete" => {
                let Some(record) = endpoint_record(&folder)? else { return Ok(()) };
                if !record.state.is_over() || orphans::any_that_stay(inner, &Owner::Endpoint(id))? {
                    return Err(still_at_work(folder.what()));
                }
                crate::files::remove_folder(folder.path()).map_err(|e| {
                    Error::io("delete the endpoint", format!("the files of {} cannot be removed", folder.what()), e)
                })
            }
            other => Err(unknown_step(other)),
        }
    }
}

fn describe(inner: &Inner, folder: &Folder, spec: &EndpointSpec) -> Result<Option<Resource>> {
    let Some(status) = inner.endpoint_status(folder, Timestamp::now())? else { return Ok(None) };
    let over = status.state.is_over();
    let mut endpoint = inner.resource(super::Local::sheet(Endpoints), spec.id.as_str(), spec.id.as_str());
    endpoint.state = status.state.word().into();
    endpoint.created = Some(status.created);
    endpoint.owner = Some(spec.owner.clone());
    endpoint.intent = Some(spec.intent.clone());
    endpoint.rate.clone_from(&status.rate);
    endpoint.so_far.clone_from(&status.so_far);
    endpoint.curfew = status.curfew.clone().filter(|_| !over);
    let room = room_of(folder.path());
    set_room(&mut endpoint, room);
    let left = match status.state {
        EndpointState::Lost => orphans::of(inner, &Owner::Endpoint(spec.id.clone()))?,
        _ => None,
    };
    endpoint.evidence = evidence(&status, left.is_some());
    if !over {
        endpoint.steps.push(step("stop", "End the server"));
    }
    if left.is_some() {
        endpoint.steps.push(step("end", "End what it left running"));
    }
    endpoint.steps.push(if over {
        step("delete", format!("Delete {} of files", room.words()))
    } else {
        step("delete", "Delete its files")
    });
    // Its log grows while it serves, and one that was being made comes up; a request that came since the plan means that
    // somebody uses it.
    let requests = status.traffic.as_ref().map_or(0, |t| t.requests);
    endpoint.fingerprint = if over { fingerprint(&endpoint, "") } else { format!("up {requests} requests") };
    Ok(Some(endpoint))
}

fn evidence(status: &EndpointStatus, left_behind: bool) -> Vec<Evidence> {
    const HOW: &str = "its request count";
    match status.state {
        EndpointState::Creating => vec![Evidence::Active { what: "it is being made ready".into() }],
        EndpointState::Deleting => vec![Evidence::Active { what: "it is ending".into() }],
        EndpointState::InService => match &status.traffic {
            None => vec![Evidence::UsageUnknown { why: "its request count cannot be read".into() }],
            Some(traffic) => match traffic.last_request {
                Some(at) => vec![last_used(at, HOW)],
                None => vec![Evidence::NeverUsed { how: HOW.into() }],
            },
        },
        EndpointState::Failed | EndpointState::Stopped | EndpointState::Lost => {
            let mut facts = Vec::new();
            if status.state == EndpointState::Lost {
                let of =
                    if left_behind { "its supervisor died, and its server runs on" } else { "its supervisor died" };
                facts.push(Evidence::Orphan { of: of.into() });
            }
            if let Some(at) = status.ended {
                facts.push(last_used(at, "when it ended"));
            }
            facts.push(Evidence::Rebuildable { how: "deploy its model again".into() });
            facts
        }
    }
}
