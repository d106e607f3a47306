//! Calls that fail before, and calls that are carried out and whose answer is lost: whatever happens, one job, one
//! endpoint, one model, and in the end none.

use crate::bench::Bench;
use crate::contract::ADDER;
use crate::serving::{adder, question};
use curfew_core::endpoint::{EndpointState, Invocation, ModelSource};
use curfew_core::provider::Provider;
use curfew_core::resource::Resource;
use curfew_core::run::RunState;
use curfew_core::{Cx, ErrorKind, Result};
use serde_json::json;
use std::future::Future;

/// As a person or the journal would: what may work later is tried again.
async fn at_last<T, F: Future<Output = Result<T>>>(mut act: impl FnMut() -> F) -> T {
    let mut tries = 0;
    loop {
        match act().await {
            Ok(value) => return value,
            Err(e) => {
                let later = [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Conflict];
                assert!(later.contains(&e.kind()), "an error of a fault is one that may be tried again: {e:?}");
                tries += 1;
                assert!(tries < 40, "{e:?}");
            }
        }
    }
}

async fn everything(bench: &Bench, cx: &Cx) -> Vec<Resource> {
    let mut all = Vec::new();
    for kind in bench.aws.kinds() {
        for region in bench.aws.regions() {
            loop {
                let found = kind.list(cx, &region).await;
                // A gap is what it says; looking again fills it.
                if found.is_whole() {
                    all.extend(found.items);
                    break;
                }
            }
        }
    }
    all.retain(|r| !["bucket", "role"].contains(&r.key.kind.as_str()));
    all
}

/// Train, deploy, ask, remove: the whole way, under whatever faults are set.
async fn the_whole_way(bench: &Bench, seed: u32) {
    let cx = &bench.cx;
    let script = "import os\nx = open(os.environ['SM_CHANNEL_TRAINING'] + '/x.txt').read()\nprint('loss=' + x)\n\
                  open(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write(x)";
    let mut run = bench.run(script);
    run.data.push(bench.data("training", "x.txt", "0.5"));
    let handle = at_last(|| bench.training().launch(cx, &run)).await;
    let done = loop {
        let status = at_last(|| bench.training().status(cx, &handle)).await;
        if status.state.is_over() {
            break status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(done.state, RunState::Completed, "seed {seed}: {done:#?}");
    let (mut log, mut from) = (Vec::new(), String::new());
    loop {
        let chunk = at_last(|| bench.training().log(cx, &handle, &from, 1 << 20)).await;
        log.extend(chunk.bytes);
        from = chunk.next;
        if chunk.end {
            break;
        }
    }
    let log = String::from_utf8_lossy(&log);
    assert_eq!(log.matches("loss=0.5").count(), 1, "seed {seed}: a line is read once: {log}");

    let archive = done.model.unwrap();
    let mut spec = bench.endpoint(ModelSource::Run { run: run.id.clone(), archive });
    spec.script = Some(bench.scripts(&[("inference.py", ADDER)]).join("inference.py"));
    let endpoint = at_last(|| bench.serving().deploy(cx, &spec)).await;
    loop {
        let status = at_last(|| bench.serving().status(cx, &endpoint)).await;
        if status.state == EndpointState::InService {
            break;
        }
        assert_eq!(status.state, EndpointState::Creating, "seed {seed}: {status:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let question = Invocation { content_type: "text/csv".into(), accept: "text/csv".into(), body: b"1,2".to_vec() };
    let reply = at_last(|| bench.serving().invoke(cx, &endpoint, &question)).await;
    assert_eq!(reply.body, b"3", "seed {seed}");

    let there = everything(bench, cx).await;
    let kinds: Vec<&str> = there.iter().map(|r| r.key.kind.as_str()).collect();
    assert_eq!(kinds, ["endpoint", "endpoint-config", "model", "run"], "seed {seed}: one of each: {there:#?}");
    for resource in &there {
        let kind = bench.aws.kinds().iter().find(|k| k.sheet().id == resource.key.kind).unwrap();
        for step in &resource.steps {
            at_last(|| kind.remove(cx, &resource.key.region, &resource.key.id, step)).await;
        }
    }
    let left = everything(bench, cx).await;
    assert!(left.is_empty(), "seed {seed}: {left:#?}");
}

/// Deploy, ask, remove, of an endpoint that serves by request, or whose answers come later.
async fn served(bench: &Bench, mode: &str, settings: &[(&str, u32)], seed: u32) {
    let cx = &bench.cx;
    let spec = adder(bench, mode, settings);
    let endpoint = at_last(|| bench.serving().deploy(cx, &spec)).await;
    loop {
        let status = at_last(|| bench.serving().status(cx, &endpoint)).await;
        if status.state == EndpointState::InService {
            break;
        }
        assert_eq!(status.state, EndpointState::Creating, "{mode}, seed {seed}: {status:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Where answers come later, this puts the question and waits for its answer.
    let asked = question("1,2");
    let reply = at_last(|| bench.serving().invoke(cx, &endpoint, &asked)).await;
    assert_eq!(reply.body, b"3", "{mode}, seed {seed}");
    let there = everything(bench, cx).await;
    let kinds: Vec<&str> = there.iter().map(|r| r.key.kind.as_str()).collect();
    assert_eq!(kinds, ["endpoint", "endpoint-config", "model"], "{mode}, seed {seed}: one of each: {there:#?}");
    at_last(|| bench.serving().delete(cx, &endpoint)).await;
    let left = everything(bench, cx).await;
    assert!(left.is_empty(), "{mode}, seed {seed}: {left:#?}");
}

/// So many seeds, or as many as CURFEW_FAULT_SEEDS says, each with faults of its own.
async fn each_seed(usual: u32, bench: &Bench, act: impl AsyncFn(u32)) {
    let seeds: u32 = std::env::var("CURFEW_FAULT_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(usual);
    for seed in 0..seeds {
        let kinds = ["throttle", "error500", "drop", "cut", "timeout"];
        bench.fault(&json!({ "rate": 0.2, "seed": seed, "after_share": 0.5, "kinds": kinds, "hang_s": 0.1 }));
        act(seed).await;
        bench.fault(&json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seeded_faults_change_nothing() {
    let bench = Bench::new().await;
    each_seed(6, &bench, async |seed| the_whole_way(&bench, seed).await).await;
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_where_it_serves_by_request_or_answers_later() {
    let bench = Bench::new().await;
    each_seed(3, &bench, async |seed| {
        served(&bench, "serverless", &[("memory", 2048), ("concurrency", 2)], seed).await;
        served(&bench, "async", &[], seed).await;
    })
    .await;
    bench.no_bad_request();
}
