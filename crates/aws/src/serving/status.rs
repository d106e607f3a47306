//! How an endpoint stands, and its curfew.

use super::{Places, Record, log_group, mode, no_endpoint};
use crate::aws::Inner;
use crate::clock::timestamp;
use crate::store::Store;
use crate::training::BEGINS_WITHIN;
use crate::{failure, log};
use aws_sdk_sagemaker::types::EndpointStatus as Stands;
use curfew_core::endpoint::{EndpointState, EndpointStatus, Traffic};
use curfew_core::{
    Cost, Curfew, Cx, EndpointId, Enforcer, Error, ErrorKind, HourlyRate, Money, RegionName, Result, Timestamp,
};
use jiff::SignedDuration;

impl Inner {
    pub(super) async fn endpoint_status(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
    ) -> Result<EndpointStatus> {
        const WHAT: &str = "look at the endpoint";
        let places = Places::of(id);
        let store = self.store_with(cx, region, &places.folder).await?.ok_or_else(|| no_endpoint(id, WHAT))?;
        let record = self.endpoint_record(cx, region, id).await?.ok_or_else(|| no_endpoint(id, WHAT))?;
        let found = self.describe_endpoint(cx, region, id).await?;
        if found.is_none() && store.size(cx, &places.record).await?.is_none() {
            self.forget_record(&store, &places.record);
            return Err(no_endpoint(id, WHAT));
        }
        if let Some(machine) = mode::machine(&record.spec)? {
            self.learn_price(cx, region, machine, "Hosting").await;
        }
        let rate = mode::rate(&record.spec, region)?;
        let at = self.endpoint_curfew(cx, &store, &record, &places).await?;
        let mut status = EndpointStatus {
            state: EndpointState::Creating,
            detail: None,
            failure: None,
            ended_by: None,
            created: record.created,
            ended: None,
            url: None,
            traffic: None,
            curfew: Some(Curfew { at, enforcer: Enforcer::OnlyWhileOn }),
            rate: rate.clone(),
            so_far: Cost::NotBilled { note: "an endpoint that is being made is not billed".into() },
            versions: vec![(record.image.framework.clone(), record.image.version.clone())],
        };
        let note = self.stop_note(cx, &store, &places.stop).await?;
        let Some(found) = found else {
            let begun = store.size(cx, &places.begun).await?.is_some();
            let old = cx.now().duration_since(record.created) > BEGINS_WITHIN;
            status.rate = Cost::NotBilled { note: "it has ended".into() };
            match note {
                Some(note) => {
                    status.state = EndpointState::Stopped;
                    status.ended = Some(note.at.max(record.created));
                    status.ended_by = Some(note.why);
                    let lived = note.at.duration_since(record.created);
                    status.so_far = so_far(&record, rate, lived, None);
                }
                None if begun || old => {
                    status.state = EndpointState::Lost;
                    status.so_far = Cost::Unknown { why: "it was deleted at AWS, and when is not known".into() };
                }
                None => {
                    status.detail = Some("uploading its model and code".into());
                    status.rate = Cost::NotBilled { note: "it has not begun".into() };
                }
            }
            return Ok(status);
        };
        let created = found.creation_time().map_or(record.created, timestamp);
        status.created = created.min(record.created.max(created));
        status.state = match found.endpoint_status() {
            Some(Stands::InService | Stands::Updating | Stands::SystemUpdating | Stands::RollingBack) => {
                EndpointState::InService
            }
            Some(Stands::Deleting) => EndpointState::Deleting,
            Some(Stands::Failed | Stands::OutOfService | Stands::UpdateRollbackFailed) => EndpointState::Failed,
            _ => EndpointState::Creating,
        };
        status.ended_by = note.map(|n| n.why).filter(|_| status.state == EndpointState::Deleting);
        match status.state {
            EndpointState::Creating => {
                status.detail = Some("AWS makes it ready; that takes some minutes".into());
            }
            EndpointState::InService => {
                let since = found.last_modified_time().map_or(created, timestamp).max(created);
                let lived = cx.now().duration_since(since.min(cx.now()));
                status.traffic = self.traffic(cx, region, id, created).await;
                // Billed from when it came into service; an update does not begin it anew, so the making counts along.
                status.so_far = so_far(&record, rate, lived, status.traffic.as_ref());
            }
            EndpointState::Failed => {
                let logs = self.at(region).logs.clone();
                let end = log::end_of(cx, &logs, &log_group(id), "").await.unwrap_or_default();
                status.failure = Some(failure::explain(found.failure_reason().unwrap_or_default(), end));
                status.rate = Cost::NotBilled { note: "a failed endpoint is not billed".into() };
                status.ended = found.last_modified_time().map(timestamp);
            }
            EndpointState::Deleting | EndpointState::Stopped | EndpointState::Lost => {}
        }
        Ok(status)
    }

    async fn endpoint_curfew(&self, cx: &Cx, store: &Store, record: &Record, places: &Places) -> Result<Timestamp> {
        let moved: Option<Timestamp> = store.get_json(cx, &format!("{}curfew.json", places.folder)).await?;
        Ok(moved.unwrap_or(record.spec.curfew))
    }

    pub(super) async fn move_endpoint_curfew(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        at: Timestamp,
    ) -> Result<Enforcer> {
        let status = self.endpoint_status(cx, region, id).await?;
        if status.state.is_over() || status.state == EndpointState::Deleting {
            let what = format!("the endpoint {id} is {}, so its curfew cannot be moved", status.state.word());
            return Err(Error::new(ErrorKind::Conflict, "move the curfew", what).at("curfew"));
        }
        if at <= cx.now() {
            return Err(Error::input("curfew", format!("the curfew {at} is in the past")));
        }
        let folder = Places::of(id).folder;
        let store = self.store_with(cx, region, &folder).await?.ok_or_else(|| no_endpoint(id, "move the curfew"))?;
        store.put_json(cx, &format!("{folder}curfew.json"), &at).await?;
        Ok(Enforcer::OnlyWhileOn)
    }
}

/// What it has cost. One that is billed by request has cost what its requests have, of which AWS tells nothing here.
fn so_far(record: &Record, rate: Cost<HourlyRate>, lived: SignedDuration, traffic: Option<&Traffic>) -> Cost<Money> {
    if !mode::is_serverless(&record.spec.mode) {
        return rate.map(|r| r.over(lived));
    }
    match traffic.map(|t| t.requests) {
        Some(0) => Cost::NotBilled { note: "nobody has asked it yet".into() },
        _ => Cost::Unknown { why: "each request is billed by its time, which AWS tells a day later".into() },
    }
}
