//! The desktop's own few pages (the question before leaving, a home that does not open): plain HTML under the same
//! policy as the panel's. They work when the panel itself does not.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;

/// Where the style and the script of these pages lie.
const STYLE: &str = "/desktop.css";
const SCRIPT: &str = "/desktop.js";

/// A whole page; `body` is HTML, `title` is text.
pub(crate) fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"{STYLE}\"><script src=\"{SCRIPT}\" defer></script></head>\
         <body>{body}</body></html>"
    )
}

/// The style and the script.
pub(crate) fn files() -> Router {
    let css = [(CONTENT_TYPE, "text/css; charset=utf-8")];
    let js = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    Router::new()
        .route(STYLE, get(move || async move { (css, include_str!("desktop.css")) }))
        .route(SCRIPT, get(move || async move { (js, include_str!("desktop.js")) }))
}

/// What the window shows in place of a panel that could not be put together.
pub(crate) fn broken(why: &str) -> Router {
    let why = escape(why);
    let page = document(
        "Curfew could not open",
        &format!(
            "<main><h1>Curfew could not open</h1><p class=\"why\">{why}</p><p>What runs goes on under its own \
             supervisor and keeps its curfew. Mend the cause and start Curfew again.</p></main>"
        ),
    );
    files().fallback(move || {
        let page = page.clone();
        async move { (StatusCode::SERVICE_UNAVAILABLE, Html(page)) }
    })
}

/// Names come from folders and clouds: they are data.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
