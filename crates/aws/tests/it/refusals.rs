//! What AWS refuses, and how that is told; what a refused start leaves behind: nothing.

use crate::bench::{Bench, machine};
use curfew_core::endpoint::ModelSource;
use curfew_core::error::Bill;
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{Error, ErrorKind, Notice, Sweep};
use serde_json::json;

/// The account after a refusal: no run, no endpoint, no config, no model.
pub(crate) async fn nothing_is_left(bench: &Bench) {
    for kind in bench.aws.kinds() {
        if ["bucket", "role"].contains(&kind.sheet().id) {
            continue;
        }
        for region in bench.aws.regions() {
            let found = kind.list(&bench.cx, &region).await;
            assert_eq!(found, Sweep::default(), "{}", kind.sheet().id);
        }
    }
}

fn told(error: &Error, kind: ErrorKind, says: &str, next: &str) {
    let notice = Notice::from(error);
    assert_eq!((error.kind(), error.bill_effect()), (kind, Bill::NothingStarted), "{notice:#?}");
    assert!(notice.happened.contains(says) && notice.next.contains(next), "{notice:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_and_leave_nothing() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let quota = |name: &str, value: u32| json!({ "QuotaName": name, "Value": value, "QuotaCode": "L-0", "ServiceCode": "sagemaker" });
    bench.control(
        "data",
        Some(&json!({ "quotas": { "sagemaker": [
            quota("ml.m5.xlarge for training job usage", 0),
            quota("ml.m5.2xlarge for training job usage", 4),
            quota("ml.m4.xlarge for endpoint usage", 0),
            quota("ml.t2.medium for endpoint usage", 2),
        ] } })),
    );
    let run = bench.run("print(1)");
    let error = bench.training().launch(cx, &run).await.unwrap_err();
    told(&error, ErrorKind::Quota, "“ml.m5.xlarge for training job usage” of this account is 0", "ml.m5.2xlarge");
    assert_eq!(error.field(), Some("machine"));
    assert!(bench.training().find(cx, &run).await.unwrap().is_none());

    let known = bench.aws.market().unwrap().quotas(cx).await.unwrap();
    let zero = known.items.iter().find(|q| q.name == "ml.m5.xlarge for training job usage").unwrap();
    assert_eq!((zero.value, zero.used), (Some(0.into()), Some(0.into())), "told before the click");

    let model = bench.scripts(&[("model.joblib", "x")]).join("model.joblib");
    let mut endpoint = bench.endpoint(ModelSource::File { path: model });
    endpoint.machine = machine("aws:ml.m4.xlarge");
    let error = bench.serving().deploy(cx, &endpoint).await.unwrap_err();
    told(&error, ErrorKind::Quota, "“ml.m4.xlarge for endpoint usage” of this account is 0", "ml.t2.medium");
    assert!(bench.serving().find(cx, &endpoint).await.unwrap().is_none());

    let mut run = bench.run("print(1)");
    run.machine = machine("aws:ml.m5.2xlarge");
    run.data.push(curfew_core::run::Channel { name: "training".into(), source: "s3://no-such-bucket-at-all/x".into() });
    let error = bench.training().launch(cx, &run).await.unwrap_err();
    told(&error, ErrorKind::InvalidInput, "no data at s3://no-such-bucket-at-all/x", "Check the bucket");
    assert_eq!(error.field(), Some("data"));

    for (on, field) in [("aws:g5.xlarge", "machine"), ("aws:ec2:us-east-1:g5.xlarge", "machine")] {
        let mut run = bench.run("print(1)");
        run.machine = machine(on);
        let error = bench.training().quote(cx, &run).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(field)), "{error:?}");
    }
    nothing_is_left(&bench).await;

    let mut run = bench.run("print(1)");
    run.machine = machine("aws:ml.m5.2xlarge");
    bench.control("clock", Some(&json!({ "fail": { run.id.as_str(): { "at": "Starting", "reason": "CapacityError: Unable to provision requested ML compute capacity." } } })));
    let handle = bench.training().launch(cx, &run).await.unwrap();
    let failed = bench.until(&handle, |s| s.state.is_over()).await;
    assert_eq!(failed.state, RunState::Failed);
    assert_eq!(failed.failure.unwrap().what, "AWS had no such machine free");
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_run_out_is_said_and_is_no_empty_list() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let id = bench.control("seed", None);
    let id = id["key"].as_str().unwrap().to_owned();
    bench.control("clock", Some(&json!({ "expired_keys": [id] })));
    let run = bench.run("print(1)");
    let error = bench.training().launch(cx, &run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CredentialsExpired, "{error:?}");
    for kind in bench.aws.kinds() {
        if kind.sheet().id == "role" {
            continue;
        }
        let found = kind.list(cx, &bench.aws.regions()[0]).await;
        assert!(
            found.items.is_empty() && found.gaps.iter().all(|g| g.kind == ErrorKind::CredentialsExpired),
            "{found:?}"
        );
        assert!(!found.gaps.is_empty(), "{}", kind.sheet().id);
    }
}
