//! Endpoints.

use crate::bench::{Bench, kill, marked, supervisor, until};
use crate::models::{SCRIPT, archive};
use curfew_core::endpoint::{EndpointState, Invocation, ModelSource};
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{ErrorKind, Timestamp};
use curfew_local::assets;
use jiff::SignedDuration;

pub(crate) fn csv(text: &str) -> Invocation {
    Invocation { content_type: "text/csv".into(), accept: "application/json".into(), body: text.into() }
}

/// The whole lab, from requirements.txt on: needs the package index.
#[tokio::test]
async fn iris_from_training_to_prediction() {
    let bench = Bench::new();
    let lab = assets::lab(&bench.home, "iris").unwrap();
    let mut spec = bench.spec(&lab);
    spec.hyper = [("epochs".into(), "20".into()), ("seconds-per-epoch".into(), "0".into())].into();
    let run = bench.launch(&spec).await;
    let status = bench.ended(&run).await;
    assert_eq!(status.state, RunState::Completed, "{status:#?}\n{}", bench.log(&run).await);

    let model = ModelSource::Run { run: spec.id.clone(), archive: status.model.unwrap() };
    let mut endpoint = bench.endpoint(model);
    endpoint.script = Some(lab.join("inference.py"));
    let quote = bench.serving().quote(&bench.cx, &endpoint).await.unwrap();
    assert!(quote.cautions.is_empty(), "our own model in its own environment: {:?}", quote.cautions);
    let handle = bench.deploy(&endpoint).await;
    let status = bench.in_service(&handle).await;
    assert!(status.versions.iter().any(|(name, _)| name == "scikit-learn"), "{:?}", status.versions);

    let reply = bench.serving().invoke(&bench.cx, &handle, &csv("5.1,3.5,1.4,0.2")).await.unwrap();
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(json["predictions"][0]["species"], "setosa", "{json}");
    let error = bench.serving().invoke(&bench.cx, &handle, &csv("1,2")).await.unwrap_err();
    assert!(error.message().contains("a flower is 4 numbers"), "{error:?}");
    let status = bench.serving().status(&bench.cx, &handle).await.unwrap();
    let traffic = status.traffic.unwrap();
    assert_eq!((traffic.requests, traffic.errors), (2, 1));
    assert!(traffic.p50_ms.unwrap() > 0.0 && traffic.memory_bytes.unwrap() > 1 << 20);

    bench.serving().stop(&bench.cx, &handle, "you stopped it").await.unwrap();
    let status = bench.endpoint_until(&handle, "its end", |s| s.state.is_over()).await;
    assert_eq!((status.state, status.ended_by.as_deref()), (EndpointState::Stopped, Some("you stopped it")));
    assert_eq!(status.traffic.unwrap().requests, 2, "its counts stay");
    bench.serving().delete(&bench.cx, &handle).await.unwrap();
    bench.serving().delete(&bench.cx, &handle).await.unwrap();
    assert!(bench.serving().list(&bench.cx).await.unwrap().items.is_empty());
    until("nothing to be left", || marked(&bench.home).is_empty()).await;
}

/// An endpoint of a plain script that needs nothing installed.
async fn plain(bench: &Bench) -> (curfew_core::endpoint::EndpointSpec, curfew_core::endpoint::EndpointHandle) {
    let mut spec = bench.endpoint(ModelSource::Archive { path: archive(bench, &[("model.txt", b"x")]) });
    spec.script = Some(bench.scripts(&[("inference.py", SCRIPT)]).join("inference.py"));
    let handle = bench.deploy(&spec).await;
    bench.in_service(&handle).await;
    (spec, handle)
}

#[tokio::test]
async fn an_endpoint_holds_its_curfew_and_its_name() {
    let bench = Bench::new();
    let (spec, handle) = plain(&bench).await;
    assert_eq!(bench.deploy(&spec).await, handle, "the same intent finds the same endpoint");
    let mut rival = spec.clone();
    rival.intent = "another".parse().unwrap();
    let error = bench.serving().deploy(&bench.cx, &rival).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::AlreadyExists, Some("name")));

    let error = bench.serving().invoke(&bench.cx, &handle, &csv("boom")).await.unwrap_err();
    assert!(error.message().contains("boom <b>"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let strange = Invocation { content_type: "text/csv\r\nx: y".into(), ..csv("1") };
    assert_eq!(bench.serving().invoke(&bench.cx, &handle, &strange).await.unwrap_err().field(), Some("input"));

    let soon = Timestamp::now() + SignedDuration::from_secs(1);
    bench.serving().set_curfew(&bench.cx, &handle, soon).await.unwrap();
    let status = bench.endpoint_until(&handle, "its curfew", |s| s.state.is_over()).await;
    assert_eq!((status.state, status.ended_by.as_deref()), (EndpointState::Stopped, Some("its curfew came")));
    assert!(marked(&bench.home).is_empty());
    let error = bench.serving().invoke(&bench.cx, &handle, &csv("1")).await.unwrap_err();
    assert_eq!(error.message(), format!("the endpoint {} is stopped", spec.id));
}

#[tokio::test]
async fn a_server_that_dies_and_a_supervisor_that_dies_are_told_apart() {
    let bench = Bench::new();
    let (_, handle) = plain(&bench).await;
    let server = marked(&bench.home);
    assert_eq!(server.len(), 1);
    kill(server[0], "KILL");
    let status = bench.endpoint_until(&handle, "its end", |s| s.state.is_over()).await;
    assert_eq!(status.state, EndpointState::Failed);
    assert!(status.failure.unwrap().what.contains("killed by signal 9"));

    let (spec, handle) = plain(&bench).await;
    kill(supervisor(&handle.native), "KILL");
    let status = bench.endpoint_until(&handle, "being lost", |s| s.state.is_over()).await;
    assert_eq!(status.state, EndpointState::Lost);
    assert_eq!(marked(&bench.home).len(), 1, "its server runs on");
    let region = &bench.local.regions()[0];
    let kind = bench.local.kinds().iter().find(|k| k.sheet().id == "endpoint").unwrap();
    let lost = kind.read(&bench.cx, region, spec.id.as_str()).await.unwrap().unwrap();
    assert_eq!(lost.steps.iter().map(|s| s.verb.as_str()).collect::<Vec<_>>(), ["end", "delete"]);
    for step in &lost.steps {
        kind.remove(&bench.cx, region, spec.id.as_str(), step).await.unwrap();
    }
    assert!(marked(&bench.home).is_empty());
    assert!(kind.read(&bench.cx, region, spec.id.as_str()).await.unwrap().is_none());
}
