//! The router over a real engine and a scripted provider: headers, faults, forms, dialogs, long polls, the door.

mod support;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use curfew_contract::scripted::Scripted;
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{Clock, Home, Timestamp};
use curfew_engine::Engine;
use curfew_ui::{App, Browser, guard, headers, router};
use http_body_util::BodyExt as _;
use jiff::tz::TimeZone;
use std::future::Future as _;
use std::sync::Arc;
use support::tags;
use tower::ServiceExt as _;

struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-11-20T17:30:00Z".parse().unwrap()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }
}

/// A home with a script folder and a model, an engine over a scripted computer, and the panel.
struct Stage {
    dir: tempfile::TempDir,
    cloud: Scripted,
    engine: Arc<Engine>,
    panel: Router,
}

impl Stage {
    fn new() -> Self {
        Self::with(Scripted::new("local").writing_series())
    }
    fn with(cloud: Scripted) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("iris")).unwrap();
        std::fs::write(dir.path().join("iris/train.py"), "print('loss=1')").unwrap();
        std::fs::write(dir.path().join("model.joblib"), "x").unwrap();
        let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(cloud.clone())];
        let engine = Engine::open(Home::at(dir.path().join("home")), providers, Arc::new(Still)).unwrap();
        let panel = router(App::new(engine.clone(), Arc::new(Browser)));
        Self { dir, cloud, engine, panel }
    }
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
    async fn send(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, String) {
        read(self.panel.clone().oneshot(request).await.unwrap()).await
    }
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, _, body) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        (status, body)
    }
    /// As htmx does. Answers status, where to go, body.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, Option<String>, String) {
        let form = encode(form);
        let request = Request::post(path)
            .header("hx-request", "true")
            .header("content-type", "application/x-www-form-urlencoded");
        let (status, headers, body) = self.send(request.body(Body::from(form)).unwrap()).await;
        (status, headers.get("hx-location").map(|v| v.to_str().unwrap().to_owned()), body)
    }
    async fn launch(&self) -> String {
        let (status, to, body) =
            self.post("/runs", &[("dir", &self.path("iris")), ("hyper_key", "epochs"), ("hyper_value", "3")]).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        to.unwrap().trim_start_matches("/runs/").to_owned()
    }
    async fn deploy(&self) -> String {
        let (status, to, body) =
            self.post("/endpoints", &[("model", &self.path("model.joblib")), ("name", "demo")]).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        to.unwrap().trim_start_matches("/endpoints/").to_owned()
    }
}

async fn read(response: Response) -> (StatusCode, axum::http::HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
}

fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let stage = Stage::new();
    for path in [
        "/",
        "/machines",
        "/machines/found?words=gpu",
        "/machines/show?key=none",
        "/train",
        "/endpoints",
        "/sweep",
        "/labs",
        "/settings",
        "/static/panel.css",
        "/static/htmx.js",
        "/nowhere",
        "/runs/none",
        "/static/none",
        "/train/price?dir=x",
    ] {
        let (_, headers, _) = stage.send(Request::get(path).body(Body::empty()).unwrap()).await;
        let check = |name: &str, value: &str| assert_eq!(headers.get(name).unwrap(), value, "{path}");
        check("content-security-policy", headers::CSP);
        check("x-content-type-options", "nosniff");
        check("cache-control", "no-store");
        check("referrer-policy", "no-referrer");
        assert!(!headers.contains_key("set-cookie") && !headers.contains_key("location"), "{path}");
    }
}

#[tokio::test]
async fn everything_a_page_loads_is_there() {
    let stage = Stage::new();
    let (_, page) = stage.get("/").await;
    let mut files: Vec<String> = tags(&page)
        .iter()
        .filter_map(|t| t.get("src").or(t.get("href")))
        .filter(|f| f.starts_with("/static/"))
        .map(str::to_owned)
        .collect();
    let (_, css) = stage.get("/static/panel.css").await;
    files.extend(css.split("url(\"").skip(1).map(|part| part[..part.find('"').unwrap()].to_owned()));
    assert!(files.len() > 12, "{files:?}");
    for file in files {
        assert_eq!(stage.get(&file).await.0, StatusCode::OK, "{file}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_a_page_that_says_so() {
    let stage = Stage::new();
    for path in [
        "/nowhere",
        "/runs/none-1",
        "/runs/..%2f..%2fetc",
        "/endpoints/Bad%20Name",
        "/plans/plan-none",
        "/labs/none",
        "/labs/sessions/none",
        "/runs/none-1/log",
    ] {
        let (status, body) = stage.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body.contains("<h1>Not found</h1>") && body.contains("id=\"rail\""), "{path}: {body}");
    }
    // htmx gets the notice alone, where notices stand.
    let (status, headers, body) =
        stage.send(Request::get("/runs/none-1/stop").header("hx-request", "true").body(Body::empty()).unwrap()).await;
    assert_eq!((status, headers["hx-retarget"].to_str().unwrap()), (StatusCode::NOT_FOUND, "#notices"));
    assert!(body.starts_with("<div class=\"notice\""), "{body}");
    let request = Request::get("/runs/none-1/stop").header("hx-request", "true").header("hx-target", "dialog");
    let (_, headers, body) = stage.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(headers["hx-retarget"], "#dialog");
    assert!(body.contains("id=\"dialog-title\""), "{body}");
}

#[tokio::test]
async fn a_bad_form_keeps_what_was_typed() {
    let stage = Stage::new();
    let typed = [
        ("dir", "/no/such/\"><b>folder"),
        ("entry", "../x.py"),
        ("hyper_key", "a b"),
        ("hyper_value", "1"),
        ("source", "/gone"),
        ("channel", ""),
        ("curfew", "2020-01-01 22:00"),
        ("spend", "many"),
        ("flat_epochs", "-1"),
    ];
    let (status, to, body) = stage.post("/runs", &typed).await;
    assert_eq!((status, to), (StatusCode::UNPROCESSABLE_ENTITY, None));
    let tags = tags(&body);
    for (name, value) in typed.iter().filter(|(_, v)| !v.is_empty()) {
        let field = tags.iter().find(|t| t.get("name") == Some(name)).unwrap_or_else(|| panic!("{name}"));
        let shown = value.replace('"', "&#34;").replace('<', "&#60;").replace('>', "&#62;");
        assert_eq!(field.get("value"), Some(shown.as_str()), "{name}");
    }
    for id in ["dir", "curfew", "spend", "flat_epochs"] {
        let wrong = tags.iter().find(|t| t.get("id") == Some(&format!("{id}-wrong"))).unwrap();
        assert!(!wrong.text.trim().is_empty(), "{id} is told what is wrong: {body}");
    }
    assert_eq!(stage.engine.runs(&stage.engine.cx(), false).await.unwrap().len(), 0, "nothing was started");
}

#[tokio::test]
async fn a_run_from_form_to_removal() {
    let stage = Stage::new();
    let (_, price) = stage.get(&format!("/train/price?{}", encode(&[("dir", &stage.path("iris"))]))).await;
    assert!(
        price.contains("$1.00") && price.contains("at most $4.00") && price.contains("Goes home at 22:30"),
        "{price}"
    );
    let id = stage.launch().await;
    let (status, page) = stage.get(&format!("/runs/{id}")).await;
    assert_eq!(status, StatusCode::OK);
    for part in ["data-state=\"running\"", "id=\"stop\"", "id=\"extend\"", "id=\"chart\"", "id=\"log\"", "epochs = 3"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, table) = stage.get("/train").await;
    assert!(table.contains(&format!("data-run=\"{id}\"")));
    // Extend: wrong, then right.
    let (status, _, body) = stage.post(&format!("/runs/{id}/extend"), &[("curfew", "\"><b>soon")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("value=\"&#34;&#62;&#60;b&#62;soon\"") && body.contains("is not a curfew"), "{body}");
    let (_, to, body) = stage.post(&format!("/runs/{id}/extend"), &[("curfew", "6h")]).await;
    assert_eq!(to.as_deref(), Some(format!("/runs/{id}").as_str()), "{body}");
    assert!(stage.get(&format!("/runs/{id}")).await.1.contains("tomorrow 00:30"));
    // Stop asks first, then stops.
    let (_, dialog) = stage.get(&format!("/runs/{id}/stop")).await;
    assert!(dialog.contains("id=\"dialog-do\"") && dialog.contains("Let it run"), "{dialog}");
    let (_, to, body) = stage.post(&format!("/runs/{id}/stop"), &[]).await;
    assert!(to.is_some(), "{body}");
    stage.cloud.set_run(&id.parse().unwrap(), RunState::Stopped, Still.now());
    let (_, page) = stage.get(&format!("/runs/{id}")).await;
    assert!(page.contains("data-state=\"stopped\"") && page.contains("id=\"remove\"") && !page.contains("id=\"stop\""));
    // Removal shows its plan, and runs that plan.
    let (_, dialog) = stage.get(&format!("/runs/{id}/remove")).await;
    let tags = tags(&dialog);
    let plan = tags.iter().find(|t| t.get("name") == Some("plan")).and_then(|t| t.get("value")).unwrap();
    let (_, to, body) = stage.post(&format!("/runs/{id}/remove"), &[("plan", plan)]).await;
    assert_eq!(to.as_deref(), Some("/train"), "{body}");
    assert_eq!(stage.get(&format!("/runs/{id}")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_endpoint_from_form_to_removal() {
    let stage = Stage::new();
    let (status, _, body) = stage.post("/endpoints", &[("model", "no-such-run"), ("name", "Not A Name")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("value=\"no-such-run\"") && body.contains("value=\"Not A Name\""), "{body}");
    let id = stage.deploy().await;
    let (_, page) = stage.get(&format!("/endpoints/{id}")).await;
    assert!(page.contains("data-state=\"in service\"") && page.contains("id=\"ask-form\""), "{page}");
    let (status, _, body) = stage.post(&format!("/endpoints/{id}/ask"), &[("kind", "csv"), ("body", "5.1,3.5")]).await;
    assert!(status == StatusCode::OK && body.contains("id=\"answer\"") && body.contains("5.1,3.5"), "{body}");
    let (status, _, body) = stage.post(&format!("/endpoints/{id}/ask"), &[("kind", "json"), ("body", "[1,")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && body.contains("not JSON"), "{body}");
    let (_, to, _) = stage.post(&format!("/endpoints/{id}/stop"), &[]).await;
    assert!(to.is_some());
    let (_, page) = stage.get(&format!("/endpoints/{id}")).await;
    assert!(page.contains("data-state=\"stopped\"") && !page.contains("id=\"stop\""), "{page}");
}

#[tokio::test]
async fn a_sweep_from_table_to_outcome() {
    let stage = Stage::new();
    let id = stage.launch().await;
    let (_, to, _) = stage.post("/sweep", &[]).await;
    assert_eq!(to.as_deref(), Some("/sweep"));
    let (_, page) = stage.get("/sweep").await;
    let boxes = tags(&page);
    let key =
        boxes.iter().find(|t| t.get("name") == Some("key")).and_then(|t| t.get("value")).unwrap().replace("&#38;", "&");
    // Keep it, which the verdict shows.
    let (status, _, body) = stage.post("/sweep/keep", &[("key", &key), ("until", "never")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && body.contains("value=\"never\""), "{body}");
    stage.post("/sweep/keep", &[("key", &key), ("until", "7d")]).await;
    assert!(stage.get("/sweep").await.1.contains("data-verdict=\"kept\""));
    stage.post("/sweep/keep", &[("key", &key), ("until", "")]).await;
    assert!(!stage.get("/sweep").await.1.contains("data-verdict=\"kept\""));
    // Nothing chosen is told, nothing is made.
    let (status, to, body) = stage.post("/sweep/plan", &[]).await;
    assert_eq!((status, to), (StatusCode::UNPROCESSABLE_ENTITY, None));
    assert!(body.contains("Nothing is chosen"), "{body}");
    let (status, ..) = stage.post("/sweep/plan", &[("key", "c=x&nonsense")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    // Review, run, outcome.
    let (_, to, body) = stage.post("/sweep/plan", &[("key", &key)]).await;
    let plan = to.unwrap_or_else(|| panic!("{body}"));
    let (_, page) = stage.get(&plan).await;
    assert!(
        page.contains("Review the plan") && page.contains("at work now") && page.contains("id=\"plan-run\""),
        "{page}"
    );
    assert!(stage.engine.run(&stage.engine.cx(), &id.parse().unwrap()).await.is_ok(), "reviewing removes nothing");
    let (_, to, body) = stage.post(&format!("{plan}/run"), &[]).await;
    assert_eq!(to.as_deref(), Some(plan.as_str()), "{body}");
    let (_, page) = stage.get(&plan).await;
    assert!(
        page.contains("What was done") && page.contains("1 removed") && !page.contains("id=\"plan-run\""),
        "{page}"
    );
}

#[tokio::test]
async fn a_lab_session_ends_with_proof() {
    let stage = Stage::new();
    let (_, to, _) = stage.post("/labs/sessions", &[("name", "Lab <10>")]).await;
    assert_eq!(to.as_deref(), Some("/labs"));
    let (_, labs) = stage.get("/labs").await;
    assert!(labs.contains("Lab &#60;10&#62;") && labs.contains("id=\"end-of-lab\""), "{labs}");
    let session =
        tags(&labs).iter().find(|t| t.get("id") == Some("end-of-lab")).unwrap().get("href").unwrap().to_owned();
    stage.launch().await;
    let (_, page) = stage.get(&session).await;
    assert!(page.contains("data-clean=\"false\"") && page.contains("Not clean: 1 thing is still there"), "{page}");
    let (_, dialog) = stage.get(&format!("{session}/clear")).await;
    let checked =
        tags(&dialog).iter().find(|t| t.get("name") == Some("checked")).unwrap().get("value").unwrap().to_owned();
    let (status, ..) = stage.post(&format!("{session}/clear"), &[("checked", "another")]).await;
    assert_eq!(status, StatusCode::CONFLICT, "only what was seen is ended");
    let (_, to, body) = stage.post(&format!("{session}/clear"), &[("checked", &checked)]).await;
    assert_eq!(to.as_deref(), Some(session.as_str()), "{body}");
    let (_, page) = stage.get(&session).await;
    assert!(page.contains("data-clean=\"true\"") && page.contains("All clean: $0.00 an hour"), "{page}");
    let (_, proof) = stage.get(&format!("{session}/proof")).await;
    assert!(proof.contains("All clean") && proof.contains("there is no gap"), "{proof}");
}

#[tokio::test]
async fn settings_are_kept_and_checked() {
    let stage = Stage::new();
    let (status, _, body) = stage.post("/settings/power", &[("watts", "85"), ("usd_per_kwh", "0.30")]).await;
    assert!(status == StatusCode::OK && body.contains("Kept."), "{body}");
    assert!(stage.get("/settings").await.1.contains("85 W at $0.30 per kWh"));
    let (status, _, body) = stage.post("/settings/power", &[("watts", "-1"), ("usd_per_kwh", "0.30")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && body.contains("value=\"-1\""), "{body}");
    let (_, _, body) = stage.post("/settings/habits", &[("notify_curfew", "on")]).await;
    assert!(body.contains("Kept."), "{body}");
    let kept = stage.engine.settings().await.unwrap();
    assert_eq!((kept.notify_curfew, kept.notify_ended), (true, false));
    std::fs::write(stage.engine.home().policy(), "run_curfew = \"soon\"\n").unwrap();
    let (_, page) = stage.get("/settings").await;
    assert!(page.contains("cannot be read") && page.contains("line 1, column 14"), "{page}");
}

/// The page that asked is closed before the provider answers: the launch is known all the same.
#[tokio::test]
async fn what_was_begun_is_finished() {
    let stage = Stage::new();
    let form = encode(&[("dir", &stage.path("iris"))]);
    let request = Request::post("/runs").header("content-type", "application/x-www-form-urlencoded");
    let mut asked = Box::pin(stage.panel.clone().oneshot(request.body(Body::from(form)).unwrap()));
    // One look, and the connection is gone.
    let first = std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx).is_ready())).await;
    assert!(!first, "it has been dropped half way");
    drop(asked);
    let (engine, cx) = (&stage.engine, stage.engine.cx());
    // The entry is closed after the run is known, so that it is waited for as well.
    let known = async {
        let running =
            || async { engine.runs(&cx, false).await.unwrap().iter().any(|r| r.status.state == RunState::Running) };
        let closed = || async { engine.journal(9).await.unwrap().iter().all(|entry| entry.closed.is_some()) };
        while !(running().await && closed().await) {
            engine.changed(engine.cursor().await.unwrap(), std::time::Duration::from_secs(1)).await.unwrap();
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), known).await;
    in_time.expect("the run is known, and nothing is left open");
}

#[tokio::test]
async fn a_page_waits_for_news_and_then_answers() {
    let stage = Stage::new();
    let (_, page) = stage.get("/train").await;
    let tags = tags(&page);
    let cursor = tags.iter().find(|t| t.get("id") == Some("page")).unwrap().get("data-cursor").unwrap().to_owned();
    let panel = stage.panel.clone();
    let waiting = tokio::spawn(async move {
        let request = Request::get(format!("/train?after={cursor}")).body(Body::empty()).unwrap();
        read(panel.oneshot(request).await.unwrap()).await
    });
    let id = stage.launch().await;
    let (status, _, body) = waiting.await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains(&format!("data-run=\"{id}\"")), "the news is in the answer");
}

#[tokio::test]
async fn a_run_page_wakes_when_its_files_grow() {
    let stage = Stage::new();
    let id = stage.launch().await;
    let (_, page) = stage.get(&format!("/runs/{id}")).await;
    let cursor =
        tags(&page).iter().find(|t| t.get("id") == Some("page")).unwrap().get("data-cursor").unwrap().to_owned();
    let series = format!("/runs/{id}/series.json");
    let (_, empty) = stage.get(&series).await;
    let version = serde_json::from_str::<serde_json::Value>(&empty).unwrap()["version"].as_str().unwrap().to_owned();
    assert_eq!(stage.get(&format!("{series}?after={version}")).await.0, StatusCode::NO_CONTENT);
    let (panel, path) = (stage.panel.clone(), format!("/runs/{id}?after={cursor}"));
    let waiting = tokio::spawn(async move {
        read(panel.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()).await
    });
    let dir = stage.engine.home().series(&id.parse().unwrap());
    let mut writer = curfew_series::store::Writer::open(&dir).unwrap();
    for step in 0..100_u64 {
        let value = if step == 50 { f64::NAN } else { 1.0 / (step + 1) as f64 };
        writer
            .append(&curfew_series::Point {
                metric: "loss",
                rank: None,
                step: Some(step),
                epoch: None,
                time_ms: 0,
                value,
            })
            .unwrap();
    }
    writer.flush().unwrap();
    let (_, _, body) = waiting.await.unwrap();
    assert!(body.contains("id=\"chart\""));
    let (_, json) = stage.get(&format!("{series}?after={version}&x=step&width=1000")).await;
    let chart: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (chart["metrics"][0]["count"].as_u64(), chart["metrics"][0]["x"].as_array().unwrap().len()),
        (Some(100), 100)
    );
    assert_eq!(chart["metrics"][0]["mean"][50], serde_json::Value::Null, "a NaN is a hole, never a number");
    let (_, page) = stage.get(&format!("/runs/{id}")).await;
    assert!(page.contains("data-metric=\"loss\"") && page.contains("1 not finite"), "{page}");
}

#[tokio::test]
async fn the_door_of_serve() {
    let stage = Stage::new();
    let panel = stage.panel.clone().layer(guard::layer("t0ken", 4000));
    let ask = async |request: axum::http::request::Builder| {
        read(panel.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()).await
    };
    let host = ("host", "127.0.0.1:4000");
    let (status, headers, body) = ask(Request::get("/").header(host.0, host.1)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("token") && !body.contains("t0ken") && headers.contains_key("content-security-policy"));
    let (status, headers, body) = ask(Request::get("/?token=t0ken").header(host.0, host.1)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("id=\"rail\""));
    let cookie = headers["set-cookie"].to_str().unwrap();
    assert_eq!(cookie, "curfew-4000=t0ken; Path=/; HttpOnly; SameSite=Strict");
    let known = ("cookie", "curfew-4000=t0ken");
    assert_eq!(ask(Request::get("/train").header(host.0, host.1).header(known.0, known.1)).await.0, StatusCode::OK);
    assert_eq!(ask(Request::get("/static/panel.css").header(host.0, host.1)).await.0, StatusCode::UNAUTHORIZED);
    let post = |origin| {
        Request::post("/sweep")
            .header(host.0, host.1)
            .header(known.0, known.1)
            .header("hx-request", "true")
            .header("origin", origin)
    };
    assert_eq!(ask(post("http://evil.example")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(post("http://127.0.0.1:4000")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_picker_from_words_to_the_launcher() {
    let stage = Stage::new();
    let (status, page) = stage.get("/machines?words=1+gpu+12+gib&hours=2&hour_usd=50").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("1,950 of 9,654 offers") && page.contains("best with your time"), "{page}");
    // The list follows: a word that is still being typed is completed, and not wrong yet.
    let (_, found) = stage.get("/machines/found?words=1+gpu+spo&at=9").await;
    assert!(found.contains("data-text=\"spot\"") && found.contains("data-wrong-of=\"words\"></span>"), "{found}");
    let (_, found) = stage.get("/machines/found?words=1+gpu+spto+&hours=soon").await;
    assert!(found.contains("“spto” (character 7) is not a word"), "{found}");
    assert!(found.contains("data-wrong-of=\"hours\">“soon” is not a time"), "{found}");
    let (_, found) = stage.get("/machines/found?words=spot+on+demand").await;
    assert!(found.contains("0 of 9,654 offers") && found.contains("exclude each other"), "{found}");
    let (_, found) = stage.get("/machines/found?words=4096+vcpu").await;
    assert!(found.contains("The nearest that exist"), "{found}");
    // Rows from any place on, as they are scrolled to.
    let (_, rows) = stage.get("/machines/rows?words=1+gpu&from=100").await;
    assert_eq!(rows.matches("<tr ").count(), 50, "{rows}");
    assert!(rows.contains("aria-rowindex=\"102\""), "{rows}");
    assert_eq!(stage.get("/machines/rows?from=99999999999").await.1.matches("<tr ").count(), 0);
    // Opened up, side by side, asked for.
    let (_, shown) = stage.get("/machines/show?key=aws:ec2:us-east-1:g5.xlarge&hours=2").await;
    assert!(shown.contains("1.006 USD × 2 h") && shown.contains("L-DB2E81BA") || shown.contains("Running On-Demand G"));
    assert!(shown.contains("/train?machine=aws%3Aec2%3Aus-east-1%3Ag5.xlarge"), "{shown}");
    let pick = "pick=local&pick=aws:ec2:us-east-1:g5.xlarge&pick=gcp:gce:us-central1:g2-standard-4:spot";
    let (_, side) = stage.get(&format!("/machines/compare?hours=2&{pick}")).await;
    assert_eq!(side.matches("<th scope=\"col\"").count(), 3, "{side}");
    assert!(stage.get("/machines/compare?pick=local").await.1.contains("Choose two to five"));
    let (_, asks) = stage.get("/machines/ask?key=aws:ec2:us-east-1:g5.xlarge").await;
    assert!(asks.contains("Ask for 4 vCPU of") && asks.contains("servicequotas/home/services/ec2/quotas/L-DB2E81BA"));
    assert!(stage.get("/machines/picture?words=gpu&hours=2").await.1.contains("<svg"));
    assert_eq!(stage.get("/machines/show?key=aws:ec2:us-east-1:none").await.0, StatusCode::NOT_FOUND);
    assert_eq!(stage.post("/host/open?url=https://example.com/", &[]).await.0, StatusCode::FORBIDDEN);
    // Use hands the machine to the launcher, which says what is missing with its price.
    let (_, train) = stage.get("/train?machine=aws%3Aec2%3Aus-east-1%3Ag5.xlarge").await;
    assert!(train.contains("<option value=\"aws:ec2:us-east-1:g5.xlarge\" selected>"), "{train}");
    let dir = encode(&[("dir", &stage.path("iris")), ("machine", "aws:ec2:us-east-1:g5.xlarge")]);
    assert!(stage.get(&format!("/train/price?{dir}")).await.1.contains("o account at “aws” is connected"));
}

#[tokio::test]
async fn what_no_budget_pays_for_is_refused_at_the_machine_and_the_form_knows_the_projects() {
    let stage = Stage::with(Scripted::new("aws"));
    let policy = "[monthly_budget_usd.projects]\nvision = 3\nnlp = 900\n";
    std::fs::write(stage.dir.path().join("home/policy.toml"), policy).unwrap();
    let dir = stage.path("iris");
    let form = [("dir", &*dir), ("machine", "aws:ml.m5.xlarge"), ("curfew", "4h"), ("project", "vision")];
    let (status, to, body) = stage.post("/runs", &form).await;
    assert_eq!((status, to), (StatusCode::UNPROCESSABLE_ENTITY, None));
    let at_machine = body.split("id=\"machine-wrong\">").nth(1).unwrap().split("</span>").next().unwrap();
    assert_eq!(
        at_machine,
        "It would cost at most $4.00 ($1.00 an hour for 4 h 00 m), and $3.00 is left of this month’s $3.00 for project \
         “vision” ($0.00 spent). Give it a curfew of 3h or less, choose a cheaper machine, or ask your lead for more \
         (monthly_budget_usd.projects in the policy file)."
    );
    assert!(body.contains("<datalist id=\"projects\"><option value=\"nlp\"><option value=\"vision\"></datalist>"));
    assert!(body.contains("name=\"project\" value=\"vision\""), "what was typed stays");
    let (_, line) = stage.get(&format!("/train/price?{}", encode(&form))).await;
    assert!(line.contains("is left of this month’s"), "{line}");
    let model = stage.path("model.joblib");
    let deploy = [("model", &*model), ("machine", "aws:ml.m5.xlarge"), ("curfew", "4h"), ("project", "vision")];
    let (status, _, body) = stage.post("/endpoints", &deploy).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("id=\"machine-wrong\">It would cost at most $4.00"), "{body}");
    assert_eq!((stage.cloud.calls_of("launch"), stage.cloud.calls_of("deploy")), (0, 0), "nothing was made");
    // The picker has the field, says what is left, and hands the project on.
    let (_, page) = stage.get("/machines?hours=2&project=vision").await;
    assert!(page.contains("<label for=\"project\">Project</label>"));
    assert!(page.contains("<b>Budget:</b> $3.00 is left of this month’s $3.00 for project “vision”"), "{page}");
    assert!(page.contains("&amp;project=vision") || page.contains("&#38;project=vision"), "{page}");
    let run = [("dir", &*dir), ("machine", "aws:ml.m5.xlarge"), ("curfew", "2h"), ("project", "vision")];
    let (status, to, _) = stage.post("/runs", &run).await;
    assert_eq!(status, StatusCode::OK);
    let (_, page) = stage.get(&to.unwrap()).await;
    assert!(page.contains("Project") && page.contains("vision"));
    let (_, page) = stage.get("/settings").await;
    assert!(page.contains("Budgets of projects") && page.contains("nlp $900, vision $3"), "{page}");
}

#[tokio::test]
async fn of_several_accounts_the_picker_hands_on_the_chosen_one() {
    let dir = tempfile::tempdir().unwrap();
    let account = |id: &str| Arc::new(Scripted::new("aws").of_account(id));
    let providers: Vec<Arc<dyn Provider>> = vec![account("111"), account("222")];
    let engine = Engine::open(Home::at(dir.path()), providers, Arc::new(Still)).unwrap();
    let panel = router(App::new(engine, Arc::new(Browser)));
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        read(panel.clone().oneshot(request).await.unwrap()).await.2
    };
    let page = get("/machines?lenient=1&words=g5.xlarge+on+demand").await;
    assert!(page.contains("<option value=\"\">the first: aws · 111</option>"), "{page}");
    assert!(page.contains("machine=aws%40111%3A"), "the first where none is chosen");
    let page = get("/machines?lenient=1&words=g5.xlarge+on+demand&account=222").await;
    assert!(page.contains("<option value=\"222\" selected>aws · 222</option>"), "{page}");
    assert!(page.contains("machine=aws%40222%3A") && !page.contains("machine=aws%40111%3A"));
    let page = get("/machines?account=333").await;
    assert!(page.contains("id=\"account-wrong\">No account “333” is connected."), "{page}");
}
