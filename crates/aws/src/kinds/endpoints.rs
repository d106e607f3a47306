//! SageMaker endpoints: machines that bill every hour until they are deleted; and the files of ours that have ended.

use super::{At, Sheet, last_used, not_billed, step, storage_rate, unknown_step};
use crate::attached::Attached;
use crate::clock::timestamp;
use crate::error::gone_is_fine;
use crate::machines;
use crate::names::ENDPOINTS;
use crate::retry::call;
use crate::serving::{Places, Record};
use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_endpoint::DescribeEndpointOutput;
use aws_sdk_sagemaker::types::{EndpointStatus, ProductionVariantSummary};
use curfew_core::resource::{Artefacts, Evidence, KindSheet, RemovalStep, Resource};
use curfew_core::{Cost, Curfew, EndpointId, Enforcer, Error, ErrorKind, HourlyRate, Result, say};
use std::time::Duration;

pub(super) struct Endpoints;

#[async_trait]
impl Sheet for Endpoints {
    fn sheet(&self) -> KindSheet {
        KindSheet {
            id: "endpoint",
            one: "SageMaker endpoint",
            many: "SageMaker endpoints",
            bills_idle: true,
            order: 10,
        }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(at.cx, "list the endpoints", || {
                at.clients.sagemaker.list_endpoints().max_results(100).set_next_token(token.clone()).send()
            })
            .await?;
            names.extend(page.endpoints().iter().filter_map(|e| e.endpoint_name()).map(str::to_owned));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        // Folders of endpoints that have ended.
        for store in at.inner.stores(at.cx, at.region).await? {
            names.extend(store.folders(at.cx, ENDPOINTS).await?);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        let found =
            call(at.cx, "look at the endpoint", || at.clients.sagemaker.describe_endpoint().endpoint_name(name).send());
        let found = match found.await {
            Ok(found) => Some(found),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let folder = folder_of(at, name).await?;
        if let Some(found) = found {
            return live(at, name, &found, folder).await.map(Some);
        }
        let Some(folder) = folder else { return Ok(None) };
        let mut endpoint = ended(at, name, &folder);
        let files = endpoint.steps.pop();
        detach_step(&mut endpoint, at.inner.attached_of_late(at.cx, at.region).await.ok().as_ref());
        endpoint.steps.extend(files);
        Ok(Some(endpoint))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        match verb {
            "delete" => {
                at.inner.end_endpoint(at.cx, at.region, name, Duration::from_mins(15)).await?;
                at.inner.wait_until_gone(at.cx, at.region, name).await
            }
            "detach" => {
                at.inner.forget_attached(at.region);
                at.inner.detach(at.cx, at.region, name).await
            }
            "files" => {
                let Ok(id) = EndpointId::new(name) else { return Ok(()) };
                let there = at.inner.describe_endpoint(at.cx, at.region, &id).await?;
                if there.as_ref().is_some_and(|e| e.endpoint_status() == Some(&EndpointStatus::Deleting)) {
                    at.inner.wait_until_gone(at.cx, at.region, name).await?;
                } else if there.is_some() {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "remove it",
                        format!("the endpoint {name} still exists"),
                    )
                    .next("Delete it first"));
                }
                at.inner.remove_endpoint_folder(at.cx, at.region, &id).await
            }
            other => Err(unknown_step(other)),
        }
    }
}

fn detach_step(endpoint: &mut Resource, attached: Option<&Attached>) {
    let ours = attached.map(|all| all.of(&endpoint.name)).unwrap_or_default();
    if !ours.is_empty() {
        endpoint.steps.push(step("detach", format!("Remove what hangs on it: {}", ours.says())));
    }
}

/// What lies in the bucket of an endpoint of ours.
struct OurFolder {
    record: Option<Record>,
    curfew: Option<curfew_core::Timestamp>,
    bytes: u64,
    uri: String,
}

/// The step that takes its files: it can be left out.
fn files_step(at: &At<'_>, folder: &OurFolder, says: String) -> RemovalStep {
    let artefacts = Artefacts {
        says: format!("{} in {}", say::bytes(folder.bytes), folder.uri),
        rate: storage_rate(at.region, folder.bytes),
    };
    RemovalStep { artefacts: Some(artefacts), ..step("files", says) }
}

async fn folder_of(at: &At<'_>, name: &str) -> Result<Option<OurFolder>> {
    let Ok(id) = EndpointId::new(name) else { return Ok(None) };
    let places = Places::of(&id);
    let Some(store) = at.inner.store_with(at.cx, at.region, &places.folder).await? else { return Ok(None) };
    let room = store.room(at.cx, &places.folder).await?;
    if room.files == 0 {
        at.inner.forget_record(&store, &places.record);
        return Ok(None);
    }
    let record: Option<Record> = at.inner.record(at.cx, &store, &places.record).await?;
    let moved = store.get_json(at.cx, &format!("{}curfew.json", places.folder)).await?;
    let curfew = moved.or(record.as_ref().map(|r| r.spec.curfew));
    Ok(Some(OurFolder { record, curfew, bytes: room.bytes, uri: store.uri(&places.folder) }))
}

async fn live(at: &At<'_>, name: &str, found: &DescribeEndpointOutput, folder: Option<OurFolder>) -> Result<Resource> {
    let mut endpoint = at.resource(name, name);
    let status = found.endpoint_status().cloned().unwrap_or(EndpointStatus::Creating);
    endpoint.state = words(status.as_str());
    endpoint.created = found.creation_time().map(timestamp);
    at.tagged(&mut endpoint, found.endpoint_arn().unwrap_or_default()).await?;
    let (rate, size) = rate_of(at, found).await?;
    (endpoint.rate, endpoint.size) = (rate, size);
    if status == EndpointStatus::Failed {
        endpoint.rate = not_billed("a failed endpoint is not billed");
    }
    if let (Some(created), Cost::Estimated { .. }) = (endpoint.created, &endpoint.rate) {
        let lived = at.cx.now().duration_since(created);
        endpoint.so_far = endpoint.rate.clone().map(|rate| rate.over(lived));
    }
    if let Some(folder) = &folder {
        endpoint.bytes = Some(folder.bytes);
        endpoint.curfew = folder.curfew.map(|at| Curfew { at, enforcer: Enforcer::OnlyWhileOn });
        if let Some(record) = &folder.record {
            endpoint.intent = endpoint.intent.or(Some(record.spec.intent.clone()));
        }
    }
    evidence(at, &mut endpoint, found, &status).await;
    if status != EndpointStatus::Deleting {
        let attached = at.inner.attached_of_late(at.cx, at.region).await;
        let unread = if attached.is_err() { "; scaling targets and alarms of it could not be looked for" } else { "" };
        endpoint.steps.push(step("delete", format!("Delete the endpoint; it stops billing then{unread}")));
        detach_step(&mut endpoint, attached.ok().as_ref());
    }
    if let Some(folder) = &folder {
        endpoint.steps.push(files_step(at, folder, "Delete its files and its log".into()));
    }
    let config = found.endpoint_config_name().unwrap_or_default();
    // Not the count of requests: CloudWatch counts a minute or two late, so that it would change with nobody asking.
    // And that it has come up since is what was to be expected of one that was being made.
    let up = matches!(status, EndpointStatus::Creating | EndpointStatus::InService | EndpointStatus::Updating);
    endpoint.fingerprint = format!("{} {config}", if up { "up" } else { &endpoint.state });
    Ok(endpoint)
}

/// What speaks for its use.
async fn evidence(at: &At<'_>, endpoint: &mut Resource, found: &DescribeEndpointOutput, status: &EndpointStatus) {
    const HOW: &str = "CloudWatch Invocations";
    if *status == EndpointStatus::Failed || *status == EndpointStatus::OutOfService {
        endpoint.evidence.push(Evidence::Rebuildable { how: "deploy its model again".into() });
        endpoint.evidence.extend(found.last_modified_time().map(|t| last_used(timestamp(t), "when it failed")));
        return;
    }
    if *status == EndpointStatus::Deleting {
        let now = at.cx.now();
        endpoint.evidence.push(last_used(found.last_modified_time().map_or(now, timestamp), "when it was deleted"));
        return;
    }
    if *status != EndpointStatus::InService {
        endpoint.evidence.push(Evidence::Active { what: format!("it is {}", endpoint.state) });
        return;
    }
    let mut last = None;
    let since = endpoint.created.unwrap_or(curfew_core::Timestamp::UNIX_EPOCH);
    for variant in found.production_variants() {
        let name = variant.variant_name().unwrap_or_default();
        match at.inner.read_traffic(at.cx, at.region, &endpoint.name, name, since).await {
            Ok(traffic) => last = last.max(traffic.last_request),
            Err(e) => {
                endpoint.evidence.push(Evidence::UsageUnknown { why: e.message().to_owned() });
                return;
            }
        }
    }
    endpoint.evidence.push(match last {
        Some(time) => last_used(time, HOW),
        None => Evidence::NeverUsed { how: HOW.into() },
    });
}

/// By its configuration: the machines of all variants together.
async fn rate_of(at: &At<'_>, found: &DescribeEndpointOutput) -> Result<(Cost<HourlyRate>, Option<String>)> {
    let name = found.endpoint_config_name().unwrap_or_default();
    let config = call(at.cx, "look at the endpoint's configuration", || {
        at.clients.sagemaker.describe_endpoint_config().endpoint_config_name(name).send()
    });
    let config = match config.await {
        Ok(config) => config,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Ok((Cost::Unknown { why: "its configuration is gone".into() }, None));
        }
        Err(e) => return Err(e),
    };
    let (mut total, mut sizes) = (None::<Cost<HourlyRate>>, Vec::new());
    for variant in config.production_variants() {
        let Some(kind) = variant.instance_type() else {
            sizes.push("serverless".to_owned());
            total = total.or(Some(not_billed("a serverless endpoint bills by request")));
            continue;
        };
        let now = found.production_variants().iter().find(|v| v.variant_name() == variant.variant_name());
        let count = now
            .and_then(ProductionVariantSummary::current_instance_count)
            .or(variant.initial_instance_count())
            .unwrap_or(1);
        at.inner.learn_price(at.cx, at.region, kind.as_str(), "Hosting").await;
        let rate = machines::rate(at.region.as_str(), kind.as_str(), "Hosting", count.unsigned_abs());
        sizes.push(format!("{} × {count}", kind.as_str()));
        total = Some(match (total, rate) {
            (None, rate) => rate,
            (Some(Cost::Estimated { amount, as_of, basis }), Cost::Estimated { amount: more, .. }) => {
                Cost::Estimated { amount, as_of, basis }.map(|a: HourlyRate| a.plus(more))
            }
            (_, unknown @ Cost::Unknown { .. }) => unknown,
            (Some(known), _) => known,
        });
    }
    let none = Cost::Unknown { why: "its configuration names no machine".into() };
    Ok((total.unwrap_or(none), Some(sizes.join(", ")).filter(|s| !s.is_empty())))
}

fn ended(at: &At<'_>, name: &str, folder: &OurFolder) -> Resource {
    let mut endpoint = at.resource(name, name);
    endpoint.state = "ended".into();
    endpoint.bytes = Some(folder.bytes);
    endpoint.size = Some(say::bytes(folder.bytes));
    endpoint.rate = storage_rate(at.region, folder.bytes);
    if let Some(record) = &folder.record {
        endpoint.created = Some(record.created);
        endpoint.owner = Some(record.spec.owner.clone());
        endpoint.intent = Some(record.spec.intent.clone());
        endpoint.evidence.push(last_used(record.created, "when it was deployed"));
    }
    endpoint.evidence.push(Evidence::Rebuildable { how: "deploy its model again".into() });
    let says = format!("Delete {} of files, and its log", say::bytes(folder.bytes));
    endpoint.steps.push(files_step(at, folder, says));
    endpoint.fingerprint = format!("ended {}", folder.bytes);
    endpoint
}

/// "InService" as "in service".
pub(super) fn words(state: &str) -> String {
    let mut out = String::new();
    for c in state.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// Used by the kinds beside: deleting what is gone is fine.
pub(super) fn fine(result: Result<()>) -> Result<()> {
    gone_is_fine(result)
}
