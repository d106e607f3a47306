//! `panel://`: the window's only origin, answered in process by the same Router that `curfew serve` puts on loopback.
//!
//! The scheme hands over one complete request and takes one complete answer. Redirects and cookies are unreliable
//! there (Windows serves `http://panel.localhost`), so an answer with either is a fault of the page and shown as one.

use axum::Router;
use axum::body::Body;
use curfew_ui::headers;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// The scheme's name.
pub const SCHEME: &str = "panel";

/// The address of a root-relative path (with its query) inside the window.
///
/// # Panics
/// If `path` does not start with `/`.
pub fn address(path: &str) -> tauri::Url {
    assert!(path.starts_with('/'), "a panel path starts with /: {path}");
    let base = if cfg!(windows) { "http://panel.localhost" } else { "panel://localhost" };
    format!("{base}{path}").parse().expect("a root-relative path makes a valid address")
}

/// Whether a navigation stays within the panel.
pub fn is_panel(url: &tauri::Url) -> bool {
    let here = if cfg!(windows) { ("http", "panel.localhost") } else { (SCHEME, "localhost") };
    (url.scheme(), url.host_str()) == (here.0, Some(here.1)) && url.port().is_none() && url.username().is_empty()
}

/// The root-relative path of an address, with its query.
pub fn path(url: &tauri::Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// Answers one request of the webview with the Router. Always answers: a handler that panics or an answer that the
/// scheme cannot carry becomes a page that says so, since a request without an answer would hang the window.
pub async fn answer(router: Router, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    // A task of its own, so that a panic in a handler ends here.
    let answered = tokio::spawn(async move {
        let response = router.oneshot(request.map(Body::from)).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        body.collect().await.map(|body| Response::from_parts(parts, body.to_bytes().to_vec()))
    })
    .await;
    let mut response = match answered {
        Ok(Ok(response)) if response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED => {
            fault(&asked, "the page answered with a redirect, which the window cannot follow")
        }
        Ok(Ok(response)) if response.headers().contains_key(SET_COOKIE) => {
            fault(&asked, "the page set a cookie, which the window does not keep")
        }
        Ok(Ok(response)) => response,
        Ok(Err(error)) => fault(&asked, &format!("the answer broke off: {error}")),
        Err(error) => fault(&asked, &format!("the page failed: {error}")),
    };
    // The panel's pages carry these already; the desktop's own, and what fails here, do not.
    headers::add(response.headers_mut());
    response
}

fn fault(asked: &str, why: &str) -> Response<Vec<u8>> {
    tracing::error!(asked, why, "panel request failed");
    let text = format!(
        "Curfew could not show this page ({asked}): {why}.\nNothing that runs or bills was touched by this. \
         Open Curfew again; if it happens again, the log has the details.\n"
    );
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
    use axum::response::Redirect;
    use axum::routing::{get, post};

    fn pages() -> Router {
        Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/echo", post(|body: String| async move { format!("<{body}>") }))
            .route("/away", get(|| async { Redirect::to("/") }))
            .route("/cookie", get(|| async { ([("set-cookie", "a=b")], "x") }))
            .route("/panic", get(|| async { panic!("as asked") as &'static str }))
            .route("/big", get(|| async { "x".repeat(3_000_000) }))
    }

    /// What the webview gets: `STATUS BODY`.
    async fn check(method: &str, path: &str, body: &str, expect: &str) {
        let request =
            Request::builder().method(method).uri(address(path).as_str()).body(body.as_bytes().to_vec()).unwrap();
        let response = answer(pages(), request).await;
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let policies: Vec<_> = response.headers().get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, [headers::CSP]);
        let text = String::from_utf8_lossy(response.body()).into_owned();
        let text = if text.len() > 200 { format!("{} bytes", text.len()) } else { text };
        let seen = format!("{} {text}", response.status().as_u16());
        assert!(seen.starts_with(expect), "{method} {path}: {seen}");
    }

    #[tokio::test]
    async fn answers_as_the_router_does() {
        check("GET", "/", "", "200 hello").await;
        check("GET", "/?a=b", "", "200 hello").await;
        check("POST", "/echo", "loss=0.4&ü", "200 <loss=0.4&ü>").await;
        check("GET", "/none", "", "404 ").await;
        check("POST", "/", "", "405 ").await;
        check("GET", "/big", "", "200 3000000 bytes").await;
    }

    #[tokio::test]
    async fn what_the_scheme_cannot_carry_is_a_fault() {
        for path in ["/away", "/cookie", "/panic"] {
            let request = Request::builder().uri(address(path).as_str()).body(Vec::new()).unwrap();
            let response = answer(pages(), request).await;
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert!(!response.headers().contains_key(SET_COOKIE));
        }
    }

    #[test]
    fn only_the_panel_is_the_panel() {
        let check = |url: &str, expect: bool| assert_eq!(is_panel(&url.parse().unwrap()), expect, "{url}");
        check("panel://localhost/", !cfg!(windows));
        check("panel://localhost/runs/1?tab=log", !cfg!(windows));
        check("http://panel.localhost/", cfg!(windows));
        check("panel://elsewhere/", false);
        check("panel://user@localhost/", false);
        check("panel://localhost:1/", false);
        check("https://localhost/", false);
        check("file:///etc/passwd", false);
        check("javascript:alert(1)", false);
        check("about:blank", false);
        check("data:text/html,x", false);
    }
}
