//! Headers, files, faults, waits, the door.

use crate::stage::Stage;
use crate::stage::read;
use crate::support::tags;
use axum::body::Body;
use axum::http::Request;
use axum::http::StatusCode;
use curfew_ui::guard;
use curfew_ui::headers;
use tower::ServiceExt as _;

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
