//! Every page from fixed views on a loopback port, to look at: `cargo run -p curfew-ui --example gallery [PORT]`.

#[path = "../tests/examples/mod.rs"]
mod examples;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(0);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/", listener.local_addr()?);
    let router = Router::new()
        .route("/", get(list))
        .route("/gallery/{name}", get(page))
        .route("/runs/{id}/series.json", get(series))
        .route("/runs/{id}/panels.json", get(panels))
        .route("/compare/series.json", get(overlay))
        .route("/runs/{id}/log", get(log))
        .merge(curfew_ui::assets::router());
    axum::serve(listener, router).await
}

async fn list() -> Html<String> {
    let pages = examples::pages::all();
    let links = pages.iter().map(|(name, _)| format!("<li><a href=\"/gallery/{name}\">{name}</a>"));
    Html(format!("<!doctype html><title>Gallery</title><ul>{}</ul>", links.collect::<String>()))
}

async fn page(Path(name): Path<String>) -> Response {
    let found = examples::pages::all().into_iter().find(|(n, _)| *n == name);
    let Some((_, mut html)) = found else { return StatusCode::NOT_FOUND.into_response() };
    if !html.starts_with("<!doctype") {
        html = format!(
            "<!doctype html><html lang=\"en\"><title>Dialog</title><link rel=\"stylesheet\" href=\"/static/panel.css\">\
             <body><dialog open aria-labelledby=\"dialog-title\">{html}</dialog></body></html>"
        );
    }
    let mut response = Html(html).into_response();
    curfew_ui::headers::add(response.headers_mut());
    response
}

fn curve(key: &str, split: &str, n: u32, low: f64) -> serde_json::Value {
    let xs: Vec<u32> = (0..n).map(|i| i * 18_600 / n).collect();
    let mean: Vec<f64> = (0..n)
        .map(|i| low + 2.0 * (-f64::from(i) * 5.0 / f64::from(n)).exp() + 0.05 * f64::from(i * 7919 % 13) / 13.0)
        .collect();
    let exact = n < 100;
    let band = |by: f64| if exact { Vec::new() } else { mean.iter().map(|v| v * by).collect() };
    let (min, max) = (band(0.93), band(1.08));
    serde_json::json!({ "key": key, "split": split, "count": n * 10, "last": mean.last(), "best": low, "exact": exact,
        "numbered": false, "extent": [0, 18_600], "x": xs, "mean": mean, "min": min, "max": max, "smooth": [],
        "bad": [], "breaks": [], "over": { "x": [], "mean": [], "breaks": [] }, "calm": [low, low + 2.1] })
}

async fn series() -> Json<serde_json::Value> {
    let spots = serde_json::json!({ "x": [0, 18_600], "step": [0, 18_600], "epoch": [0.0, 60.0],
        "time": [1_795_000_000_000_i64, 1_795_007_200_000_i64] });
    Json(serde_json::json!({ "version": "1", "start_ms": 1_795_000_000_000_i64, "total": 3, "spots": spots,
        "names": ["loss", "val_loss", "accuracy"],
        "metrics": [curve("loss", "train", 600, 0.38), curve("val_loss", "validation", 40, 0.44)] }))
}

async fn panels() -> Json<serde_json::Value> {
    let panel = |title: &str, low| serde_json::json!({ "title": title, "metrics": [curve(title, "train", 200, low)] });
    Json(serde_json::json!({ "version": "1", "total": 2, "pictures": [panel("loss", 0.38), panel("accuracy", 0.83)] }))
}

async fn overlay() -> Json<serde_json::Value> {
    let run = |id: &str, low| {
        let mut curve = curve(id, "train", 300, low);
        curve["id"] = id.into();
        curve["name"] = id.into();
        curve["runs"] = 1.into();
        curve
    };
    Json(serde_json::json!({ "metrics": [["loss", 3]], "metric": "loss", "higher": false,
        "curves": [run("sweep-1", 0.38), run("sweep-2", 0.5), run("sweep-3", 0.31)] }))
}

async fn log() -> Response {
    let lines = (0..200).map(|i| {
        format!(
            "20:31:{:02} epoch {} step {} loss=0.{} \u{1b}[32macc=0.83\u{1b}[0m <b>x</b>\n",
            i % 60,
            i / 7,
            i * 20,
            4000 + i
        )
    });
    ([("curfew-next", "1"), ("curfew-end", "1")], lines.collect::<String>()).into_response()
}
