//! Endpoints.

use crate::bench::{Bench, marked, until};
use curfew_core::endpoint::{EndpointState, Invocation, ModelSource};
use curfew_core::run::RunState;
use curfew_local::assets;

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
