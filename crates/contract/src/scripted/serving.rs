//! Endpoints in memory.

use super::{Scripted, check, gone, taken};
use async_trait::async_trait;
use curfew_core::curfew::{Curfew, Enforcer};
use curfew_core::endpoint::{EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Invocation, Reply, Traffic};
use curfew_core::provider::{Quote, Serving};
use curfew_core::run::LogChunk;
use curfew_core::{Cost, Cx, Error, ErrorKind, Result, Sweep, Timestamp};

#[async_trait]
impl Serving for Scripted {
    async fn quote(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Quote> {
        check(cx, spec.curfew)?;
        let (rate, enforcer) = (self.rate(cx.now()), self.enforcer.clone());
        self.around("quote endpoint", |_| {
            Ok(Quote { rate, cautions: vec![], enforcer, by_use: Vec::new(), longest: None })
        })
        .await
    }
    async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle> {
        check(cx, spec.curfew)?;
        let status = EndpointStatus {
            state: EndpointState::InService,
            detail: None,
            failure: None,
            ended_by: None,
            created: cx.now(),
            ended: None,
            url: None,
            traffic: Some(Traffic::default()),
            curfew: Some(Curfew { at: spec.curfew, enforcer: self.enforcer.clone() }),
            rate: self.rate(cx.now()),
            so_far: Cost::Unknown { why: "the script does not add up".into() },
            versions: vec![],
        };
        self.around("deploy", |world| {
            if world.endpoints.get(&spec.id).is_some_and(|(there, _)| there.intent != spec.intent) {
                return Err(taken("endpoint"));
            }
            if !world.endpoints.contains_key(&spec.id) {
                world.deploys += 1;
                world.endpoints.insert(spec.id.clone(), (spec.clone(), status));
            }
            Ok(spec.id.clone().into())
        })
        .await
    }
    async fn find(&self, _cx: &Cx, spec: &EndpointSpec) -> Result<Option<EndpointHandle>> {
        self.around("find endpoint", |w| {
            Ok(w.endpoints.values().find(|(s, _)| s.intent == spec.intent).map(|(s, _)| s.id.clone().into()))
        })
        .await
    }
    async fn list(&self, _cx: &Cx) -> Result<Sweep<(EndpointHandle, EndpointSpec)>> {
        self.around("list endpoints", |w| {
            Ok(Sweep::whole(w.endpoints.values().map(|(s, _)| (s.id.clone().into(), s.clone())).collect()))
        })
        .await
    }
    async fn status(&self, _cx: &Cx, endpoint: &EndpointHandle) -> Result<EndpointStatus> {
        self.around("endpoint status", |w| {
            w.endpoints.get(&endpoint.id).map(|(_, s)| s.clone()).ok_or_else(|| gone("endpoint"))
        })
        .await
    }
    async fn log(&self, _cx: &Cx, _endpoint: &EndpointHandle, _from: &str, _max: usize) -> Result<LogChunk> {
        self.around("endpoint log", |_| Ok(LogChunk::default())).await
    }
    async fn invoke(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Reply> {
        let now = cx.now();
        self.around("invoke", |w| {
            let (_, status) = w.endpoints.get_mut(&endpoint.id).ok_or_else(|| gone("endpoint"))?;
            if status.state.is_over() {
                return Err(Error::new(ErrorKind::Conflict, "ask the model", "the endpoint is over"));
            }
            let traffic = status.traffic.get_or_insert_default();
            traffic.requests += 1;
            traffic.last_request = Some(now);
            Ok(Reply { content_type: request.accept.clone(), body: request.body.clone(), latency_ms: 1 })
        })
        .await
    }
    async fn stop(&self, cx: &Cx, endpoint: &EndpointHandle, why: &str) -> Result<()> {
        let now = cx.now();
        self.around("stop endpoint", |w| {
            let (_, status) = w.endpoints.get_mut(&endpoint.id).ok_or_else(|| gone("endpoint"))?;
            if !status.state.is_over() {
                status.state = EndpointState::Stopped;
                status.ended = Some(now);
                status.ended_by = Some(why.to_owned());
            }
            Ok(())
        })
        .await
    }
    async fn delete(&self, _cx: &Cx, endpoint: &EndpointHandle) -> Result<()> {
        self.around("delete endpoint", |w| {
            w.endpoints.remove(&endpoint.id);
            Ok(())
        })
        .await
    }
    async fn set_curfew(&self, _cx: &Cx, endpoint: &EndpointHandle, at: Timestamp) -> Result<Enforcer> {
        let enforcer = self.enforcer.clone();
        self.around("set endpoint curfew", |w| {
            let (_, status) = w.endpoints.get_mut(&endpoint.id).ok_or_else(|| gone("endpoint"))?;
            if status.state.is_over() {
                return Err(Error::new(ErrorKind::Conflict, "move the curfew", "the endpoint is over"));
            }
            status.curfew = Some(Curfew { at, enforcer: enforcer.clone() });
            Ok(enforcer)
        })
        .await
    }
}
