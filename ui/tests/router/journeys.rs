//! Forms and dialogs, from the first field to the end.

use crate::stage::Stage;
use crate::stage::Still;
use crate::stage::encode;
use crate::support::tags;
use axum::body::Body;
use axum::http::Request;
use axum::http::StatusCode;
use curfew_core::Clock as _;
use curfew_core::run::RunState;
use std::future::Future as _;
use tower::ServiceExt as _;

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
