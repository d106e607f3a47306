//! A run's curves over the router: windows, small pictures, figures, exports, comparison, definitions.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use curfew_contract::scripted::Scripted;
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{Clock, Home, RunId, Timestamp};
use curfew_engine::{Engine, LaunchRequest};
use curfew_series::store::Writer;
use curfew_series::{Keeper, Point};
use curfew_ui::{App, Browser, Host, router};
use http_body_util::BodyExt as _;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;

struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-11-20T17:30:00Z".parse().unwrap()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

struct Stage {
    dir: tempfile::TempDir,
    cloud: Scripted,
    engine: Arc<Engine>,
    panel: Router,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("iris")).unwrap();
        std::fs::write(dir.path().join("iris/train.py"), "").unwrap();
        let cloud = Scripted::new("local").writing_series();
        let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(cloud.clone())];
        let engine = Engine::open(Home::at(dir.path().join("home")), providers, Arc::new(Still)).unwrap();
        let panel = router(App::new(engine.clone(), Arc::new(Browser)));
        Self { dir, cloud, engine, panel }
    }
    async fn run(&self, lr: &str) -> RunId {
        let request = LaunchRequest {
            dir: self.dir.path().join("iris").display().to_string(),
            hyper: vec![format!("lr={lr}"), "epochs=3".into()],
            ..LaunchRequest::default()
        };
        let cx = self.engine.cx();
        let (spec, _) = self.engine.plan_run(&cx, &request).await.unwrap();
        self.engine.launch(&cx, &spec).await.unwrap().spec.id
    }
    fn series(&self, run: &RunId) -> PathBuf {
        self.engine.home().series(run)
    }
    async fn bytes(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let (parts, body) = self.panel.clone().oneshot(request).await.unwrap().into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }
    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        self.bytes(Request::get(path).body(Body::empty()).unwrap()).await
    }
    async fn text(&self, path: &str) -> String {
        let (status, _, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        String::from_utf8(body).unwrap()
    }
    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path)
            .header("hx-request", "true")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form));
        let (status, _, body) = self.bytes(request.unwrap()).await;
        (status, String::from_utf8(body).unwrap())
    }
}

fn points(writer: &mut Writer, metric: &str, count: u32, value: impl Fn(u32) -> f64) {
    for step in 0..count {
        let time_ms = 1_700_000_000_000 + i64::from(step) * 1_000;
        let (step, value) = (Some(step.into()), value(step));
        writer.append(&Point { metric, rank: None, step, epoch: None, time_ms, value }).unwrap();
    }
}

fn write(stage: &Stage, run: &RunId, floor: f64) {
    let mut writer = Writer::open(&stage.series(run)).unwrap();
    points(&mut writer, "loss", 1_000, |step| floor + if step == 500 { 50.0 } else { f64::from(step % 5) / 10.0 });
    points(&mut writer, "val_loss", 10, |_| floor);
    points(&mut writer, "acc", 10, |_| 0.5);
}

#[tokio::test]
async fn a_window_is_smoothed_and_says_what_else_stands_there() {
    let stage = Stage::new();
    let run = stage.run("0.1").await;
    write(&stage, &run, 0.25);
    let chart = stage.json(&format!("/runs/{run}/series.json?x=step&width=100&smooth=0.9")).await;
    let loss = &chart["metrics"][0];
    assert_eq!((chart["total"].as_u64(), loss["key"].as_str()), (Some(3), Some("loss")));
    assert_eq!(chart["metrics"].as_array().unwrap().len(), 2, "the loss in training and validation");
    let columns = ["x", "mean", "min", "max", "smooth"].map(|column| loss[column].as_array().unwrap().len());
    assert!(columns.iter().all(|len| *len == columns[0] && *len <= 100 && *len > 80), "{columns:?}");
    let most = loss["max"].as_array().unwrap().iter().filter_map(Value::as_f64).fold(0.0, f64::max);
    assert!((most - 50.25).abs() < 1e-9, "the one spike is there");
    assert!(loss["calm"][1].as_f64().unwrap() < 2.0, "and need not set the scale");
    assert_eq!(chart["metrics"][1]["smooth"][9], 0.25, "a constant stays what it is");
    let spots = &chart["spots"];
    assert_eq!((spots["step"][7].as_u64(), spots["time"][7].as_i64()), (Some(7), Some(1_700_000_007_000)));

    let near = stage.json(&format!("/runs/{run}/series.json?x=step&width=100&from=495&to=505")).await;
    let near = &near["metrics"][0];
    assert_eq!((near["exact"].as_bool(), near["x"].as_array().unwrap().len()), (Some(true), 11), "full fidelity");
    assert_eq!(near["extent"][1], 999.0);
}

#[tokio::test]
async fn small_pictures_are_found_by_name_among_five_thousand() {
    let stage = Stage::new();
    let run = stage.run("0.1").await;
    let mut writer = Writer::open(&stage.series(&run)).unwrap();
    for name in 0..5_000 {
        points(&mut writer, &format!("layer.{name}.norm"), 2, f64::from);
    }
    drop(writer);
    let found = stage.json(&format!("/runs/{run}/panels.json?q=LAYER.4321&width=50")).await;
    assert_eq!(
        (found["total"].as_u64(), found["pictures"][0]["metrics"][0]["key"].as_str()),
        (Some(1), Some("layer.4321.norm"))
    );
    let first = stage.json(&format!("/runs/{run}/panels.json?most=9&width=50")).await;
    assert_eq!((first["total"].as_u64(), first["pictures"].as_array().unwrap().len()), (Some(5_000), 9));
    let page = stage.text(&format!("/runs/{run}")).await;
    assert!(page.len() < 100_000, "the page does not grow with the names: {}", page.len());
    assert!(page.contains("and 4940 more"));
    let chart = stage.text(&format!("/runs/{run}/series.json?width=1000")).await;
    assert!(chart.len() < 100_000, "{}", chart.len());
}

#[tokio::test]
async fn a_figure_is_drawn_as_the_chart_stands() {
    let stage = Stage::new();
    let run = stage.run("0.1").await;
    write(&stage, &run, 0.25);
    let dialog = stage.text(&format!("/runs/{run}/figure?x=step&log_y=on&smoothing=0.6&metric=loss&metric=acc")).await;
    assert!(dialog.contains("loss, acc by step, smoothed 0.6") && dialog.contains("value=\"x=step&#38;"), "{dialog}");
    let chart = "x%3Dstep%26log_y%3Don%26smoothing%3D0.6%26metric%3Dloss%26metric%3Dacc";
    for (format, kind, start) in
        [("svg", "image/svg+xml", &b"<svg"[..]), ("png", "image/png", b"\x89PNG"), ("pdf", "application/pdf", b"%PDF")]
    {
        let path = format!("/runs/{run}/figure/file?chart={chart}&format={format}&width=89&caption=on");
        let (status, headers, bytes) = stage.get(&path).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
        assert_eq!(headers["content-disposition"], format!("attachment; filename=\"{run}.{format}\""));
        assert!(bytes.starts_with(start), "{format}");
    }
    let svg = stage.text(&format!("/runs/{run}/figure/file?chart={chart}&format=svg&width=89&caption=on")).await;
    assert!(svg.contains("acc") && svg.contains(run.as_str()), "the metrics and where it comes from");
}

#[tokio::test]
async fn every_point_is_exported() {
    let stage = Stage::new();
    let run = stage.run("0.1").await;
    write(&stage, &run, 0.25);
    assert!(stage.text(&format!("/runs/{run}/export")).await.contains("All 1,020 points of 3 metrics"));
    let csv = stage.text(&format!("/runs/{run}/export/csv")).await;
    assert_eq!(csv.lines().count(), 1 + 1_020);
    let json: Value = stage.json(&format!("/runs/{run}/export/json")).await;
    assert_eq!(json["metrics"][1]["points"].as_array().unwrap().len(), 1_000);
    let (_, headers, parquet) = stage.get(&format!("/runs/{run}/export/parquet")).await;
    assert!(parquet.starts_with(b"PAR1") && headers["content-disposition"].to_str().unwrap().ends_with(".parquet\""));
    let (_, headers, _) = stage.get(&format!("/runs/{run}/export/tfevents")).await;
    assert!(headers["content-disposition"].to_str().unwrap().contains("events.out.tfevents."));
    assert_eq!(stage.get(&format!("/runs/{run}/export/xlsx")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(stage.get("/runs/no-such/export/csv").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn runs_are_compared_by_what_differs() {
    let stage = Stage::new();
    let (good, bad, same) = (stage.run("0.1").await, stage.run("0.01").await, stage.run("0.1").await);
    for (run, floor) in [(&good, 0.25), (&bad, 0.75), (&same, 0.35)] {
        write(&stage, run, floor);
    }
    let page = stage.text(&format!("/compare?run={bad}&run={good}&run=no-such&run={bad}")).await;
    let (first, second) = (format!("data-compared=\"{good}\""), format!("data-compared=\"{bad}\""));
    assert!(page.find(&first).unwrap() < page.find(&second).unwrap(), "the best first");
    assert_eq!(page.matches("data-compared=").count(), 2);
    assert!(page.contains("data-hyper=\"lr\"") && !page.contains("data-hyper=\"epochs\""), "only what differs");
    assert!(page.contains("<dt>epochs</dt><dd>3</dd>"), "and what is the same, apart");
    assert!(page.contains(&format!("value=\"{bad}\" aria-label=\"Choose iris\" checked")));

    let path = format!("/compare/series.json?run={good}&run={bad}&run={same}&width=500");
    let runs = stage.json(&path).await;
    assert_eq!((runs["metric"].as_str(), runs["higher"].as_bool()), (Some("loss"), Some(false)));
    assert_eq!(runs["curves"].as_array().unwrap().len(), 3);
    let acc = stage.json(&format!("{path}&metric=acc")).await;
    assert_eq!((acc["metric"].as_str(), acc["higher"].as_bool()), (Some("acc"), Some(true)));
    let groups = stage.json(&format!("{path}&metric=val_loss&by=lr")).await;
    let keys: Vec<_> = groups["curves"].as_array().unwrap().iter().map(|c| c["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["0.01 (1 run)", "0.1 (2 runs)"]);
    let two = &groups["curves"][1];
    assert_eq!(
        (two["mean"][5].as_f64(), two["min"][5].as_f64(), two["max"][5].as_f64()),
        (Some(0.3), Some(0.25), Some(0.35))
    );
    assert!(stage.text("/compare").await.contains("Choose two or more runs"));
}

#[tokio::test]
async fn definitions_change_the_past_and_stay_with_the_script() {
    let stage = Stage::new();
    let run = stage.run("0.1").await;
    // What the scripted computer says is the log of every run.
    let log = b"epoch 1 loss=0.5\nthe contract is kept\n";
    stage.cloud.set_run(&run, RunState::Completed, Still.now());
    let mut keeper = Keeper::open(&stage.series(&run), None, 0).unwrap();
    keeper.push(log, 5, &mut |_| ()).unwrap();
    keeper.finish(5, &mut |_| ()).unwrap();
    drop(keeper);
    let toml = stage.dir.path().join("iris/curfew.toml");
    std::fs::write(&toml, "# mine\n").unwrap();

    let path = format!("/runs/{run}/metrics");
    let page = stage.text(&path).await;
    assert!(page.contains("data-printed=\"loss\"") && page.contains("1 at the log’s end"), "{page}");
    let form = [
        ("printed", "loss"),
        ("rename", "train loss"),
        ("define_name", "fall"),
        ("define_regex", "epoch ([0-9]+)"),
        ("recognise", "on"),
    ];
    let (_, lines) = stage.post(&format!("{path}/lines"), &form).await;
    assert!(lines.contains("<b>fall</b> 1") && lines.contains("<b>train loss</b> 0.5"), "{lines}");
    let mut wrong = form;
    wrong[3].1 = "epoch (";
    let (status, body) = stage.post(&path, &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("value=\"epoch (\"") && body.contains("cannot be read"), "{body}");

    let (status, body) = stage.post(&path, &form).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.contains("The log has been read again."), "{body}");
    let chart = stage.json(&format!("/runs/{run}/series.json?metric=fall&metric=train+loss")).await;
    let counts: Vec<_> =
        chart["metrics"].as_array().unwrap().iter().map(|m| (m["key"].as_str(), m["count"].as_u64())).collect();
    assert_eq!(counts, [(Some("train loss"), Some(1)), (Some("fall"), Some(1))]);
    let kept = std::fs::read_to_string(&toml).unwrap();
    assert!(kept.starts_with("# mine\n") && kept.contains("epoch ([0-9]+)") && kept.contains("train loss"), "{kept}");
    assert!(stage.text(&path).await.contains("value=\"train loss\""), "and are there again");
}

/// A host with a dialog, which says a folder, or is closed.
struct Dialog(Option<PathBuf>, Mutex<Vec<String>>);

#[async_trait::async_trait]
impl Host for Dialog {
    fn can_pick(&self) -> bool {
        true
    }
    fn can_save(&self) -> bool {
        true
    }
    async fn pick_folder(&self, _: &str) -> curfew_core::Result<Option<PathBuf>> {
        Ok(None)
    }
    async fn pick_file(&self, _: &str, _: &[&str]) -> curfew_core::Result<Option<PathBuf>> {
        Ok(None)
    }
    async fn save(&self, name: &str, bytes: &[u8]) -> curfew_core::Result<Option<PathBuf>> {
        self.1.lock().unwrap().push(name.to_owned());
        let Some(folder) = &self.0 else { return Ok(None) };
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        Ok(Some(path))
    }
    async fn save_where(&self, name: &str) -> curfew_core::Result<Option<PathBuf>> {
        self.1.lock().unwrap().push(name.to_owned());
        Ok(self.0.as_ref().map(|folder| folder.join(name)))
    }
    async fn open_url(&self, _: &str) -> curfew_core::Result<()> {
        Ok(())
    }
    async fn notify(&self, _: &str, _: &str) -> curfew_core::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_desktop_saves_where_its_dialog_says() {
    let mut stage = Stage::new();
    let run = stage.run("0.1").await;
    write(&stage, &run, 0.25);
    for folder in [Some(stage.dir.path().to_owned()), None] {
        let host = Arc::new(Dialog(folder.clone(), Mutex::default()));
        stage.panel = router(App::new(stage.engine.clone(), host.clone()));
        let dialog = stage.text(&format!("/runs/{run}/figure?metric=loss")).await;
        assert!(dialog.contains(&format!("hx-post=\"/runs/{run}/figure/save\"")) && !dialog.contains("method=\"get\""));
        let form = [("chart", "metric=loss"), ("format", "pdf"), ("width", "89")];
        let (status, body) = stage.post(&format!("/runs/{run}/figure/save"), &form).await;
        assert_eq!((status, body.contains("saved-path")), (StatusCode::OK, folder.is_some()), "{body}");
        let (status, body) = stage.post(&format!("/runs/{run}/export/csv"), &[]).await;
        assert_eq!((status, body.contains("saved-path")), (StatusCode::OK, folder.is_some()), "{body}");
        assert_eq!(*host.1.lock().unwrap(), [format!("{run}.pdf"), format!("{run}.csv")]);
        let wrong = [("chart", "metric=no+such"), ("format", "svg"), ("width", "89")];
        let (status, body) = stage.post(&format!("/runs/{run}/figure/save"), &wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(body.contains("The run has no metric “no such”") && body.contains("figure-form"), "{body}");
    }
    assert!(std::fs::read(stage.dir.path().join(format!("{run}.pdf"))).unwrap().starts_with(b"%PDF"));
    let saved = std::fs::read_to_string(stage.dir.path().join(format!("{run}.csv"))).unwrap();
    assert!(saved.starts_with("metric,") && saved.contains("loss,,") && saved.ends_with("\r\n"), "{saved}");
    let nowhere = stage.dir.path().join("no such folder");
    stage.panel = router(App::new(stage.engine.clone(), Arc::new(Dialog(Some(nowhere), Mutex::default()))));
    let (status, body) = stage.post(&format!("/runs/{run}/export/csv"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
}
