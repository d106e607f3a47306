//! What a run can be asked for besides: its own metrics, several machines, ways for data to come, an image of one's own;
//! and large uploads that tell how far they have come and go on where they broke off.

use crate::bench::Bench;
use curfew_core::run::{Channel, RunSpec, RunState};
use curfew_core::{Cx, ErrorKind, Progress};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Launches, waits for its end, and answers what was asked of AWS, and its log.
async fn whole(bench: &Bench, spec: &RunSpec) -> (Value, String) {
    let cx = &bench.cx;
    let run = bench.training().launch(cx, spec).await.unwrap();
    let request = asked(bench, spec);
    let done = bench.until(&run, |s| s.state.is_over()).await;
    let (mut log, mut from) = (Vec::new(), String::new());
    loop {
        let chunk = bench.training().log(cx, &run, &from, 1 << 20).await.unwrap();
        log.extend(chunk.bytes);
        from = chunk.next;
        if chunk.end {
            break;
        }
    }
    let log = String::from_utf8_lossy(&log).into_owned();
    assert_eq!(done.state, RunState::Completed, "{done:#?}\n{log}");
    (request, log)
}

fn asked(bench: &Bench, spec: &RunSpec) -> Value {
    let log = bench.control("log", None);
    let made = |e: &&Value| e["op"] == "CreateTrainingJob" && e["params"]["TrainingJobName"] == spec.id.as_str();
    log.as_array().unwrap().iter().rfind(made).unwrap()["params"].clone()
}

fn with(spec: &mut RunSpec, options: &[(&str, &str)]) {
    spec.options = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_metrics() {
    let bench = Bench::new().await;
    let defined = "[metrics]\ndefine = [{ name = \"train:score\", regex = 'score is ([0-9.]+)' }]\n";
    let dir =
        bench.scripts(&[("train.py", "print('score is 0.25')\nprint('score is 0.75')"), ("curfew.toml", defined)]);
    let spec = bench.run_of(dir);
    let (request, log) = whole(&bench, &spec).await;
    let expect = json!([{ "Name": "train:score", "Regex": "score is ([0-9.]+)" }]);
    assert_eq!(request["AlgorithmSpecification"]["MetricDefinitions"], expect);
    assert!(log.contains("score is 0.75"));
    // SageMaker's side of it, recognised by code that is not ours.
    let job = bench.boto("sagemaker", "describe_training_job", &json!({ "TrainingJobName": spec.id }));
    let last = &job["FinalMetricDataList"][0];
    assert_eq!((last["MetricName"].as_str(), last["Value"].as_f64()), (Some("train:score"), Some(0.75)), "{job}");

    let many: Vec<String> = (0..41).map(|n| format!("{{ name = 'm{n}', regex = 'm{n}=([0-9.]+)' }}")).collect();
    let long = format!("[metrics]\ndefine = [{}]\n", many.join(", "));
    let spec = bench.run_of(bench.scripts(&[("train.py", "print(1)"), ("curfew.toml", &long)]));
    let quote = bench.training().quote(&bench.cx, &spec).await.unwrap();
    assert!(quote.cautions.iter().any(|c| c.code == "metrics-left-out" && c.says.starts_with("1 of")), "{quote:?}");
    bench.no_bad_request();
}

/// Waits until its script works.
async fn at_work(bench: &Bench, run: &curfew_core::run::RunHandle) {
    let begun = std::time::Instant::now();
    loop {
        let chunk = bench.training().log(&bench.cx, run, "", 1 << 20).await.unwrap();
        if String::from_utf8_lossy(&chunk.bytes).contains("at work") {
            return;
        }
        assert!(begun.elapsed() < std::time::Duration::from_mins(5), "it printed nothing");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_run_tells_what_was_billed_and_how_often_it_was_taken_away() {
    let bench = Bench::new().await;
    // Where the stand-in runs without containers, checkpoints lie beside the model.
    let script = "import os, time\nplace = '/opt/ml/checkpoints'\nif not os.path.isdir(place):\n    \
                  place = os.environ['SM_MODEL_DIR'].replace('/model', '/checkpoints')\n\
                  again = os.listdir(place)\nopen(place + '/first', 'w').close()\n\
                  print('at work', flush=True)\ntime.sleep(2.5 if again else 600)\n";
    let mut spec = bench.run(script);
    spec.machine = "aws:ml.m5.xlarge:spot".parse().unwrap();
    spec.project = Some("vision/2".parse().unwrap());
    let run = bench.training().launch(&bench.cx, &spec).await.unwrap();
    at_work(&bench, &run).await;
    assert_eq!(bench.training().status(&bench.cx, &run).await.unwrap().spot, None, "it goes on");
    bench.control("interrupt", Some(&json!({ "job": spec.id })));
    let done = bench.until(&run, |s| s.state.is_over()).await;
    assert_eq!(done.state, RunState::Completed, "{done:#?}");
    let used = done.spot.expect("an ended spot run tells");
    assert_eq!(used.interruptions, 1);
    assert!(used.trained_s >= 2 && used.billed_s < used.trained_s, "{used:?}");
    // As SageMaker says it, read by code that is not ours.
    let job = bench.boto("sagemaker", "describe_training_job", &json!({ "TrainingJobName": spec.id }));
    assert_eq!(job["TrainingTimeInSeconds"], used.trained_s, "{job}");
    assert_eq!(job["BillableTimeInSeconds"], used.billed_s);
    let tags = bench.boto("sagemaker", "list_tags", &json!({ "ResourceArn": job["TrainingJobArn"] }));
    let project = json!({ "Key": "curfew:project", "Value": "vision/2" });
    assert!(tags["Tags"].as_array().unwrap().contains(&project), "{tags}");
    // Another process that knows nothing finds it with its project.
    let again = bench.again().await;
    let found = curfew_core::provider::Provider::training(&again).unwrap().list(&bench.cx).await.unwrap();
    let (_, seen) = found.items.into_iter().find(|(h, _)| h.id == spec.id).unwrap();
    assert_eq!(seen.project, spec.project);

    let plain = bench.run("print(1)");
    let run = bench.training().launch(&bench.cx, &plain).await.unwrap();
    assert_eq!(bench.until(&run, |s| s.state.is_over()).await.spot, None, "on demand there is nothing to save");
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn data_as_they_are_read_and_through_a_pipe() {
    let bench = Bench::new().await;
    let mut spec = bench.run("import os\nprint('read', open(os.environ['SM_CHANNEL_TRAINING'] + '/x.txt').read())");
    spec.data.push(bench.data("training", "x.txt", "41"));
    with(&mut spec, &[("input_mode", "FastFile")]);
    let (request, log) = whole(&bench, &spec).await;
    assert_eq!(request["InputDataConfig"][0]["InputMode"], "FastFile");
    assert_eq!(request["AlgorithmSpecification"]["TrainingInputMode"], "FastFile");
    assert!(log.contains("read 41"), "{log}");

    let mut spec = bench.run("import os\nprint('piped', open(os.environ['SM_CHANNEL_TRAINING'] + '_0').read())");
    spec.data.push(bench.data("training", "x.txt", "42"));
    with(&mut spec, &[("input_mode", "Pipe")]);
    let (request, log) = whole(&bench, &spec).await;
    assert_eq!(request["InputDataConfig"][0]["InputMode"], "Pipe");
    assert!(log.contains("piped 42"), "{log}");
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_work_together() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let mut spec = bench
        .run("import os, json\nprint(os.environ['SM_CURRENT_HOST'], 'of', len(json.loads(os.environ['SM_HOSTS'])))");
    let one = bench.training().quote(cx, &spec).await.unwrap().rate;
    with(&mut spec, &[("instances", "2"), ("volume_gb", "50")]);
    let quote = bench.training().quote(cx, &spec).await.unwrap();
    let dollars = |rate: &curfew_core::Cost<curfew_core::HourlyRate>| rate.amount().unwrap().0.amount();
    assert_eq!(dollars(&quote.rate), dollars(&one) * rust_decimal::Decimal::TWO);
    assert!(quote.cautions.iter().any(|c| c.code == "no-distribution"), "{quote:?}");
    let (request, log) = whole(&bench, &spec).await;
    let resources = &request["ResourceConfig"];
    assert_eq!((&resources["InstanceCount"], &resources["VolumeSizeInGB"]), (&json!(2), &json!(50)), "{resources}");
    assert!(log.contains("algo-1 of 2") && log.contains("algo-2 of 2"), "each has run the script: {log}");

    // What starts them together is in the toolkit's hyperparameters; the stand-in has neither MPI nor torchrun.
    for (distribution, key, value) in [
        ("torch_distributed", "sagemaker_torch_distributed_enabled", "true"),
        ("mpi", "sagemaker_mpi_num_of_processes_per_host", "4"),
        ("parameter_server", "sagemaker_parameter_server_enabled", "true"),
        ("smddp", "sagemaker_distributed_dataparallel_enabled", "true"),
    ] {
        let mut spec = bench.run("print(1)");
        with(&mut spec, &[("instances", "2"), ("distribution", distribution), ("processes_per_host", "4")]);
        let quote = bench.training().quote(cx, &spec).await.unwrap();
        assert!(quote.cautions.iter().all(|c| c.code != "no-distribution"), "{quote:?}");
        let run = bench.training().launch(cx, &spec).await.unwrap();
        assert_eq!(asked(&bench, &spec)["HyperParameters"][key], value, "{distribution}");
        bench.training().stop(cx, &run, "it was only asked for").await.unwrap();
    }
    for (name, value) in [("instances", "0"), ("instances", "many"), ("volume_gb", "0"), ("processes_per_host", "65")] {
        let mut spec = bench.run("print(1)");
        with(&mut spec, &[(name, value)]);
        let error = bench.training().quote(cx, &spec).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(name)), "{error:?}");
    }
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_ones_own() {
    const IMAGE: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1";
    let bench = Bench::new().await;
    let mut spec = bench.run("print('in an image of my own')");
    spec.stop.not_a_number = true;
    with(&mut spec, &[("image", IMAGE)]);
    let (request, log) = whole(&bench, &spec).await;
    assert_eq!(request["AlgorithmSpecification"]["TrainingImage"], IMAGE);
    // Nothing is known of what is in it, so that the script starts without our entry point.
    assert_eq!(request["HyperParameters"]["sagemaker_program"], "\"train.py\"");
    assert!(log.contains("in an image of my own"), "{log}");
    bench.no_bad_request();
}

/// Asked to end while its data are on their way: whoever asks, it has ended before it began.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_while_it_is_uploaded_has_no_job() {
    let bench = Bench::new().await;
    let dir = bench.scripts(&[("small.txt", "x")]);
    std::fs::File::create(dir.join("large.bin")).unwrap().set_len(48 << 20).unwrap();
    let mut spec = bench.run("print(1)");
    spec.data.push(Channel { name: "training".into(), source: dir.display().to_string() });
    bench.fault(&json!({ "op": "CompleteMultipartUpload", "delay_s": 5 }));
    let (begun, there) = tokio::sync::oneshot::channel();
    let begun = Mutex::new(Some(begun));
    let telling = bench.cx.telling(Arc::new(move |progress| {
        if progress.what.contains("training") && progress.done > 0 {
            begun.lock().unwrap().take().map(|begun| begun.send(()));
        }
    }));
    let launch = bench.training().launch(&telling, &spec);
    let other = bench.again().await;
    let training = curfew_core::provider::Provider::training(&other).unwrap();
    let stop = async {
        there.await.unwrap();
        let run = training.find(&bench.cx, &spec).await.unwrap().expect("it is claimed");
        training.stop(&bench.cx, &run, "you stopped it").await.unwrap();
    };
    let (launched, ()) = tokio::join!(launch, stop);
    let status = bench.training().status(&bench.cx, &launched.unwrap()).await.unwrap();
    assert_eq!((status.state, status.ended_by.as_deref()), (RunState::Stopped, Some("you stopped it")));
    assert_eq!(bench.calls("CreateTrainingJob"), 0);
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_tells_how_far_it_is_and_goes_on_after_a_cut() {
    const SIZE: u64 = 80 << 20;
    let bench = Bench::new().await;
    let dir = bench.scripts(&[("small.txt", "x")]);
    let large = std::fs::File::create(dir.join("large.bin")).unwrap();
    large.set_len(SIZE).unwrap();
    let mut spec =
        bench.run("import os\nd = os.environ['SM_CHANNEL_TRAINING']\nprint('has', os.path.getsize(d + '/large.bin'))");
    spec.data.push(Channel { name: "training".into(), source: dir.display().to_string() });

    // Cut off when the first parts are there.
    let told = Arc::new(Mutex::new(Vec::<Progress>::new()));
    let cut = bench.cx.until(bench.cx.now() + jiff::SignedDuration::from_hours(1));
    let (cancel, list) = (cut.clone(), told.clone());
    let cutting: Cx = cut.telling(Arc::new(move |progress| {
        list.lock().unwrap().push(progress.clone());
        if progress.what.contains("training") && progress.done >= 16 << 20 {
            cancel.cancel();
        }
    }));
    let error = bench.training().launch(&cutting, &spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
    assert_eq!(bench.training().find(&bench.cx, &spec).await.unwrap().map(|r| r.id), Some(spec.id.clone()), "it stays");
    let first = told.lock().unwrap().clone();
    assert!(first.iter().any(|p| p.what == "uploading its code" && p.done == p.total), "{first:?}");
    let data = |list: &[Progress]| list.iter().filter(|p| p.what.contains("“training”")).cloned().collect::<Vec<_>>();
    assert!(data(&first).last().unwrap().done < SIZE, "{first:?}");

    // Again, over a bad line: what is there is not sent again.
    told.lock().unwrap().clear();
    bench.fault(&json!({ "op": "UploadPart", "kind": "drop", "count": 2 }));
    let list = told.clone();
    let again = bench.cx.telling(Arc::new(move |progress| list.lock().unwrap().push(progress.clone())));
    let run = bench.training().launch(&again, &spec).await.unwrap();
    bench.fault(&json!([]));
    let second = data(&told.lock().unwrap());
    assert!(second.windows(2).all(|w| w[0].done <= w[1].done), "it only grows: {second:?}");
    let last = second.last().unwrap();
    assert_eq!((last.done, last.total), (SIZE + 1, SIZE + 1));
    assert_eq!(last.to_string(), "uploading the data of “training”: 80.0 MiB of 80.0 MiB");
    let log = bench.control("log", None);
    // Only what was there before the list of parts was asked for can be known: what was on its way at the cut may have
    // come later, and is then sent twice.
    let log = log.as_array().unwrap();
    let listed = log.iter().rfind(|e| e["op"] == "ListParts").expect("what is there is asked for");
    let parts = |keep: &dyn Fn(f64, f64) -> bool| -> BTreeSet<&str> {
        let sent = log.iter().filter(|e| e["op"] == "UploadPart" && e["status"] == 200);
        let times = |e: &Value| (e["t"].as_f64().unwrap(), e["t"].as_f64().unwrap() + e["ms"].as_f64().unwrap() / 1e3);
        sent.filter(|e| keep(times(e).0, times(e).1)).map(|e| e["part"].as_str().unwrap()).collect()
    };
    let asked = listed["t"].as_f64().unwrap();
    let (before, after) = (parts(&|_, end| end < asked), parts(&|start, _| start > asked));
    assert!(!before.is_empty() && before.is_disjoint(&after), "{before:?} were there, and {after:?} sent");
    assert_eq!(parts(&|_, _| true), BTreeSet::from(["1", "2", "3", "4", "5"]));
    let done = bench.until(&run, |s| s.state.is_over()).await;
    assert_eq!(done.state, RunState::Completed, "{done:#?}");
    let text = bench.training().log(&bench.cx, &run, "", 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&text.bytes).contains(&format!("has {SIZE}")), "it is whole at the script");
    bench.no_bad_request();
}
