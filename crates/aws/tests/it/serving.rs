//! Ways to serve: by request, and with answers that come later; what is measured; what goes with an endpoint.

use crate::bench::{Bench, machine};
use crate::contract::ADDER;
use crate::refusals::nothing_is_left;
use curfew_core::endpoint::{
    Asked, EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Invocation, ModelSource,
};
use curfew_core::error::Bill;
use curfew_core::provider::Provider;
use curfew_core::{Cost, ErrorKind, Mode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An endpoint that adds numbers up, on scikit-learn's image.
pub(crate) fn adder(bench: &Bench, mode: &str, settings: &[(&str, u32)]) -> EndpointSpec {
    let files = bench.scripts(&[("model.txt", "x"), ("inference.py", ADDER)]);
    let mut spec = bench.endpoint(ModelSource::File { path: files.join("model.txt") });
    spec.script = Some(files.join("inference.py"));
    spec.mode = Mode { id: mode.into(), settings: settings.iter().map(|(k, v)| ((*k).into(), *v)).collect() };
    spec.machine = bench.serving().place(&spec.machine, &spec.mode).unwrap();
    spec
}

pub(crate) fn question(body: &str) -> Invocation {
    Invocation { content_type: "text/csv".into(), accept: "text/csv".into(), body: body.into() }
}

async fn until(bench: &Bench, endpoint: &EndpointHandle, good: impl Fn(&EndpointStatus) -> bool) -> EndpointStatus {
    let begun = Instant::now();
    loop {
        let status = bench.serving().status(&bench.cx, endpoint).await.unwrap();
        if good(&status) {
            return status;
        }
        assert!(!status.state.is_over() && begun.elapsed() < Duration::from_mins(5), "{status:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What was sent to an operation of SageMaker's, the last time.
fn sent(bench: &Bench, operation: &str) -> Value {
    let log = bench.control("log", None);
    let entries = log.as_array().unwrap().iter().rev();
    entries.filter(|e| e["op"] == operation).map(|e| e["params"].clone()).next().unwrap()
}

async fn remove_all(bench: &Bench) {
    for kind in bench.aws.kinds() {
        if ["bucket", "role"].contains(&kind.sheet().id) {
            continue;
        }
        for region in bench.aws.regions() {
            for found in kind.list(&bench.cx, &region).await.items {
                for step in &found.steps {
                    kind.remove(&bench.cx, &region, &found.key.id, step).await.unwrap();
                }
            }
        }
    }
    nothing_is_left(bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_request() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let quota = |name: &str, value: u32| json!({ "QuotaName": name, "Value": value, "QuotaCode": "L-0", "ServiceCode": "sagemaker" });
    bench.control(
        "data",
        Some(&json!({ "quotas": { "sagemaker": [
            quota("Memory size in MB per serverless endpoint", 3072),
            quota("Maximum total concurrency that can be allocated across all serverless endpoints", 10),
        ] } })),
    );
    for (memory, at_once, field, says) in [
        (4096, 5, "memory", "“Memory size in MB per serverless endpoint” of this account is 3072, and this needs 4096"),
        (
            2048,
            20,
            "concurrency",
            "serverless endpoints” of this account is 10, of which 0 are in use, and this needs 20",
        ),
    ] {
        let spec = adder(&bench, "serverless", &[("memory", memory), ("concurrency", at_once)]);
        for error in
            [bench.serving().quote(cx, &spec).await.unwrap_err(), bench.serving().deploy(cx, &spec).await.unwrap_err()]
        {
            assert_eq!(
                (error.kind(), error.field(), error.bill_effect()),
                (ErrorKind::Quota, Some(field), Bill::NothingStarted)
            );
            assert!(error.message().contains(says), "{error:?}");
        }
    }
    let spec = adder(&bench, "serverless", &[("memory", 2048), ("concurrency", 6)]);
    assert_eq!(spec.machine, machine("aws:serverless"));
    let quote = bench.serving().quote(cx, &spec).await.unwrap();
    assert!(matches!(&quote.rate, Cost::NotBilled { note } if note.contains("nothing while nobody asks")), "{quote:?}");
    let [second, day] = &quote.by_use[..] else { panic!("{quote:?}") };
    assert!(second.of == "a second of answering" && second.cost.amount().is_some(), "{second:?}");
    assert!(day.cost.is_unknown(), "nothing was said of how often it is asked: {day:?}");

    let endpoint = bench.serving().deploy(cx, &spec).await.unwrap();
    let variant = &sent(&bench, "CreateEndpointConfig")["ProductionVariants"][0];
    assert_eq!(variant["ServerlessConfig"], json!({ "MemorySizeInMB": 2048, "MaxConcurrency": 6 }));
    assert!(variant.get("InstanceType").is_none() && variant.get("InitialInstanceCount").is_none(), "{variant}");
    // What is in use counts.
    let other = adder(&bench, "serverless", &[("memory", 1024), ("concurrency", 5)]);
    let error = bench.serving().quote(cx, &other).await.unwrap_err();
    assert!(error.message().contains("of which 6 are in use, and this needs 5"), "{error:?}");

    let status = until(&bench, &endpoint, |s| s.state == EndpointState::InService).await;
    assert!(matches!(&status.so_far, Cost::NotBilled { note } if note.contains("nobody has asked")), "{status:#?}");
    let Asked::Answered(reply) = bench.serving().ask(cx, &endpoint, &question("1,2")).await.unwrap() else { panic!() };
    assert_eq!(reply.body, b"3");
    remove_all(&bench).await;
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_come_later() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let spec = adder(&bench, "async", &[]);
    let mut real_time = spec.clone();
    real_time.mode = Mode::default();
    let (quote, usual) =
        (bench.serving().quote(cx, &spec).await.unwrap(), bench.serving().quote(cx, &real_time).await.unwrap());
    assert_eq!((quote.rate, quote.by_use), (usual.rate, Vec::new()), "its machine costs what a real-time one does");
    let endpoint = bench.serving().deploy(cx, &spec).await.unwrap();
    let output = sent(&bench, "CreateEndpointConfig")["AsyncInferenceConfig"]["OutputConfig"].clone();
    let folder = format!("curfew/endpoints/{}", spec.id);
    assert!(output["S3OutputPath"].as_str().unwrap().ends_with(&format!("{folder}/answers")), "{output}");
    assert!(output["S3FailurePath"].as_str().unwrap().ends_with(&format!("{folder}/failures")), "{output}");
    until(&bench, &endpoint, |s| s.state == EndpointState::InService).await;

    let Asked::Later(ticket) = bench.serving().ask(cx, &endpoint, &question("1,2")).await.unwrap() else { panic!() };
    assert!(ticket.place.starts_with("s3://") && ticket.place.contains(&folder), "{ticket:?}");
    let begun = Instant::now();
    let reply = loop {
        if let Some(reply) = bench.serving().answer(cx, &endpoint, &ticket.id).await.unwrap() {
            break reply;
        }
        assert!(begun.elapsed() < Duration::from_mins(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((reply.body.as_slice(), reply.content_type.split(';').next().unwrap()), (&b"3"[..], "text/csv"));
    // Waiting for it is what a plain question does.
    assert_eq!(bench.serving().invoke(cx, &endpoint, &question("4,5")).await.unwrap().body, b"9");
    let error = bench.serving().invoke(cx, &endpoint, &question("four")).await.unwrap_err();
    assert!(error.message().contains("input_fn"), "the failure object says why: {error:?}");
    remove_all(&bench).await;
    bench.no_bad_request();
}

/// A clock that is ahead.
struct Ahead(i64);

impl curfew_core::Clock for Ahead {
    fn now(&self) -> curfew_core::Timestamp {
        curfew_core::Timestamp::now() + jiff::SignedDuration::from_secs(self.0)
    }
    fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::UTC
    }
}

/// CloudWatch is paid by what is asked, and asked once for all endpoints of a region.
#[tokio::test(flavor = "multi_thread")]
async fn the_use_of_all_endpoints_is_one_question() {
    let bench = Bench::new().await;
    let mut endpoints = Vec::new();
    for _ in 0..3 {
        endpoints.push(bench.serving().deploy(&bench.cx, &adder(&bench, "real-time", &[])).await.unwrap());
    }
    for endpoint in &endpoints {
        until(&bench, endpoint, |s| s.state == EndpointState::InService).await;
        bench.serving().invoke(&bench.cx, endpoint, &question("1,2")).await.unwrap();
    }
    let round = async |ahead: i64| {
        let cx = curfew_core::Cx::new(std::sync::Arc::new(Ahead(ahead)));
        let before = bench.calls("GetMetricData");
        let mut requests = Vec::new();
        for endpoint in &endpoints {
            let status = bench.serving().status(&cx, endpoint).await.unwrap();
            requests.push(status.traffic.map_or(0, |t| t.requests));
        }
        (bench.calls("GetMetricData") - before, requests)
    };
    // Each is young: a quarter of a minute, and it is looked at again; the first one's look takes the others along.
    assert_eq!(round(20).await.0, 1);
    assert_eq!(round(21).await.0, 0, "what is fresh is not asked again");
    let begun = Instant::now();
    let mut ahead = 40;
    loop {
        let (calls, requests) = round(ahead).await;
        assert_eq!(calls, 1);
        if requests == [1, 1, 1] {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "each has its own count: {requests:?}");
        ahead += 20;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    remove_all(&bench).await;
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_measured() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let endpoint = bench.serving().deploy(cx, &adder(&bench, "real-time", &[])).await.unwrap();
    until(&bench, &endpoint, |s| s.state == EndpointState::InService).await;
    for body in ["1,2", "3,4", "five"] {
        drop(bench.serving().invoke(cx, &endpoint, &question(body)).await);
    }
    let begun = Instant::now();
    let found = loop {
        let found = bench.serving().figures(cx, &endpoint).await.unwrap().unwrap();
        let value = |name: &str| found.items.iter().find(|f| f.name == name).and_then(|f| f.value);
        if value("requests") == Some(3.0) && value("cpu").is_some() && value("median").is_some() {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_mins(5), "{found:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let figure = |name: &str| found.items.iter().find(|f| f.name == name).unwrap();
    assert_eq!(figure("failed").value, Some(1.0));
    assert_eq!((figure("refused").value, figure("refused").missing.as_ref()), (Some(0.0), None));
    let (median, longest) = (figure("median"), figure("longest"));
    assert!(median.unit == "ms" && median.value.unwrap() > 0.0 && median.value.unwrap() < 10_000.0, "{median:?}");
    assert!(longest.value.unwrap() >= figure("average").points.last().unwrap().1, "{longest:?}");
    assert!(found.items.iter().all(|f| f.name != "gpu"), "a machine without a GPU has no figure of one");
    let reads = bench.control("log", None);
    let reads = reads.as_array().unwrap().iter().filter(|e| e["op"] == "GetMetricStatistics").count();
    assert_eq!(reads, 0, "one question for all of them");
    let status = until(&bench, &endpoint, |s| s.traffic.as_ref().is_some_and(|t| t.requests == 3)).await;
    let traffic = status.traffic.unwrap();
    assert!(traffic.errors == 1 && traffic.p50_ms.is_some() && traffic.last_request.is_some(), "{traffic:?}");

    // What may not be read is said, and is no empty table.
    bench.fault(
        &json!({ "service": "cloudwatch", "code": "AccessDenied", "status": 403, "message": "no", "count": 50 }),
    );
    let error = bench.serving().figures(cx, &endpoint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    bench.fault(&json!([]));
    remove_all(&bench).await;
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_it_goes_with_it() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let (mut one, other) = (adder(&bench, "real-time", &[]), adder(&bench, "real-time", &[]));
    one.machine = "aws:sagemaker:us-east-1:ml.m5.xlarge".parse().unwrap();
    for spec in [&one, &other] {
        let endpoint = bench.serving().deploy(cx, spec).await.unwrap();
        until(&bench, &endpoint, |s| s.state == EndpointState::InService).await;
        let target = json!({
            "ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": format!("endpoint/{}/variant/main", spec.id), "MinCapacity": 1, "MaxCapacity": 2,
        });
        bench.boto("application-autoscaling", "register_scalable_target", &target);
        for metric in ["Invocations", "ModelLatency"] {
            let alarm = json!({
                "AlarmName": format!("{metric}-{}", spec.id), "Namespace": "AWS/SageMaker", "MetricName": metric,
                "Statistic": "Sum", "Period": 60, "Threshold": 1, "EvaluationPeriods": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{ "Name": "EndpointName", "Value": spec.id }, { "Name": "VariantName", "Value": "main" }],
            });
            bench.boto("cloudwatch", "put_metric_alarm", &alarm);
        }
    }
    let left = || {
        let sagemaker = json!({ "ServiceNamespace": "sagemaker" });
        let targets = bench.boto("application-autoscaling", "describe_scalable_targets", &sagemaker);
        let alarms = bench.boto("cloudwatch", "describe_alarms", &json!({}));
        (targets["ScalableTargets"].as_array().unwrap().len(), alarms["MetricAlarms"].as_array().unwrap().len())
    };
    assert_eq!(left(), (2, 4));
    let kind = bench.aws.kinds().iter().find(|k| k.sheet().id == "endpoint").unwrap();
    let region = &bench.aws.regions()[0];
    let seen = kind.read(cx, region, one.id.as_str()).await.unwrap().unwrap();
    assert!(
        matches!(&seen.so_far, Cost::Estimated { amount, .. } if amount.amount().is_sign_positive() && !amount.amount().is_zero()),
        "{:?}",
        seen.so_far
    );
    let says: Vec<&str> = seen.steps.iter().map(|s| s.says.as_str()).collect();
    assert_eq!(says[1], "Remove what hangs on it: 1 scaling target and 2 alarms", "{says:?}");
    for step in &seen.steps {
        kind.remove(cx, region, one.id.as_str(), step).await.unwrap();
        kind.remove(cx, region, one.id.as_str(), step).await.expect("twice is fine");
    }
    assert_eq!(left(), (1, 2), "those of the other endpoint stay");
    bench
        .serving()
        .delete(cx, &EndpointHandle { native: format!("{region}/{}", other.id), id: other.id.clone() })
        .await
        .unwrap();
    assert_eq!(left(), (0, 0));
    // Who may not look for them is told so before, and the endpoint goes all the same.
    let third = adder(&bench, "real-time", &[]);
    let endpoint = bench.serving().deploy(cx, &third).await.unwrap();
    until(&bench, &endpoint, |s| s.state == EndpointState::InService).await;
    bench.fault(&json!({ "service": "application-autoscaling", "code": "AccessDeniedException", "status": 400, "message": "no", "count": 90 }));
    let fresh = bench.again().await;
    let kind = fresh.kinds().iter().find(|k| k.sheet().id == "endpoint").unwrap();
    let seen = kind.read(cx, region, third.id.as_str()).await.unwrap().unwrap();
    assert!(seen.steps[0].says.contains("could not be looked for"), "{:?}", seen.steps);
    for step in &seen.steps {
        kind.remove(cx, region, third.id.as_str(), step).await.unwrap();
    }
    bench.fault(&json!([]));
    remove_all(&bench).await;
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_said_before_the_price() {
    let bench = Bench::new().await;
    let dir = bench.scripts(&[("inference.py", ADDER)]);
    let path = dir.join("model.joblib");
    // A real model, by a scikit-learn that says it were another.
    bench.trained(
        "import sys, joblib, sklearn.base\nfrom sklearn.linear_model import LinearRegression\n\
         sklearn.base.__version__ = '1.5.2'\n\
         joblib.dump(LinearRegression().fit([[0], [1]], [0, 1]), sys.argv[1], compress=3)",
        &[path.to_str().unwrap()],
    );
    let quote = bench.serving().quote(&bench.cx, &bench.endpoint(ModelSource::File { path })).await.unwrap();
    let said: Vec<(&str, &str)> = quote.cautions.iter().map(|c| (c.code.as_str(), c.says.as_str())).collect();
    assert_eq!(said[0].0, "image-version", "{said:?}");
    assert!(said[0].1.contains("sklearn 1.5.2; the nearest is 1.9-0"), "{said:?}");
}
