//! What the tests stand on.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::StatusCode;
use axum::response::Response;
use curfew_contract::scripted::Scripted;
use curfew_core::Clock;
use curfew_core::Home;
use curfew_core::Timestamp;
use curfew_core::provider::Provider;
use curfew_engine::Engine;
use curfew_ui::App;
use curfew_ui::Browser;
use curfew_ui::router;
use http_body_util::BodyExt as _;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tower::ServiceExt as _;

pub(crate) struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-11-20T17:30:00Z".parse().unwrap()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }
}

/// A home with a script folder and a model, an engine over a scripted computer, and the panel.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) cloud: Scripted,
    pub(crate) engine: Arc<Engine>,
    pub(crate) panel: Router,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Scripted::new("local").writing_series())
    }
    pub(crate) fn with(cloud: Scripted) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("iris")).unwrap();
        std::fs::write(dir.path().join("iris/train.py"), "print('loss=1')").unwrap();
        std::fs::write(dir.path().join("model.joblib"), "x").unwrap();
        let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(cloud.clone())];
        let engine = Engine::open(Home::at(dir.path().join("home")), providers, Arc::new(Still)).unwrap();
        let panel = router(App::new(engine.clone(), Arc::new(Browser)));
        Self { dir, cloud, engine, panel }
    }
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, String) {
        read(self.panel.clone().oneshot(request).await.unwrap()).await
    }
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, _, body) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        (status, body)
    }
    /// As htmx does. Answers status, where to go, body.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, Option<String>, String) {
        let form = encode(form);
        let request = Request::post(path)
            .header("hx-request", "true")
            .header("content-type", "application/x-www-form-urlencoded");
        let (status, headers, body) = self.send(request.body(Body::from(form)).unwrap()).await;
        (status, headers.get("hx-location").map(|v| v.to_str().unwrap().to_owned()), body)
    }
    pub(crate) async fn launch(&self) -> String {
        let (status, to, body) =
            self.post("/runs", &[("dir", &self.path("iris")), ("hyper_key", "epochs"), ("hyper_value", "3")]).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        to.unwrap().trim_start_matches("/runs/").to_owned()
    }
    pub(crate) async fn deploy(&self) -> String {
        let (status, to, body) =
            self.post("/endpoints", &[("model", &self.path("model.joblib")), ("name", "demo")]).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        to.unwrap().trim_start_matches("/endpoints/").to_owned()
    }
}

pub(crate) async fn read(response: Response) -> (StatusCode, axum::http::HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
