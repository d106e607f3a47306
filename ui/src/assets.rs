//! Static files, all embedded: our own under `static/`, and what npm brought.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

static OWN: &[(&str, &str, &[u8])] = &[
    ("panel.css", CSS, include_bytes!("../static/panel.css")),
    ("first.js", JS, include_bytes!("../static/first.js")),
    ("panel.js", JS, include_bytes!("../static/panel.js")),
    ("scale.js", JS, include_bytes!("../static/scale.js")),
    ("plot.js", JS, include_bytes!("../static/plot.js")),
    ("chart.js", JS, include_bytes!("../static/chart.js")),
    ("compare.js", JS, include_bytes!("../static/compare.js")),
    ("machines.js", JS, include_bytes!("../static/machines.js")),
    ("log.js", JS, include_bytes!("../static/log.js")),
    ("icon.svg", SVG, include_bytes!("../static/icon.svg")),
];
static VENDORED: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

/// The embedded files as routes.
pub fn router<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
    axum::Router::new().route("/static/{name}", axum::routing::get(file))
}

/// The panel's style for a page that stands alone; its fonts are the reader's.
pub(crate) const PLAIN_STYLE: &str = include_str!("../static/panel.css");

/// `GET /static/{name}`.
async fn file(Path(name): Path<String>) -> Response {
    match OWN.iter().chain(VENDORED).find(|(known, ..)| *known == name) {
        Some((_, kind, bytes)) => ([(header::CONTENT_TYPE, *kind)], *bytes).into_response(),
        None => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "no such file\n")
            .into_response(),
    }
}
