//! The desktop shell around a page of its own, without an engine: for trying the window, the tray, notifications and
//! the question before leaving. What "runs" is read from `tray.json` in CURFEW_HOME, so that a test can change it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, State};
use axum::response::Html;
use axum::routing::{get, post};
use curfew_desktop::{Desk, Note, Panel, Pick, Running, Start, TrayState, open};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    headline: String,
    running: Vec<(String, String, bool)>,
}

fn main() -> ExitCode {
    let home = std::env::var_os("CURFEW_HOME").map(PathBuf::from).expect("CURFEW_HOME is set for the shell");
    let hidden = std::env::args().any(|argument| argument == "--hidden");
    let path = std::env::args().find(|argument| argument.starts_with("/here")).unwrap_or_else(|| "/".to_owned());
    open(Start { home, path, hidden }, |desk| {
        let home = desk.home().to_owned();
        if home.join("broken").exists() {
            return Err("The store in <home> is locked by another program.".to_owned());
        }
        let (watched, left) = (home.join("tray.json"), home.join("left"));
        let ended = watched.clone();
        Ok(Panel {
            router: pages(desk),
            state: watch(watched),
            end_local: Some(Arc::new(move || {
                let ended = std::fs::write(&ended, "{}").map_err(|error| error.to_string());
                Box::pin(async move { ended })
            })),
            left: Box::new(move || std::fs::write(&left, "left").expect("the home can be written")),
        })
    })
}

fn watch(file: PathBuf) -> tokio::sync::watch::Receiver<TrayState> {
    let (tell, told) = tokio::sync::watch::channel(state(&file));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let now = state(&file);
            tell.send_if_modified(|shown| {
                now != *shown && {
                    *shown = now;
                    true
                }
            });
        }
    });
    told
}

fn state(file: &std::path::Path) -> TrayState {
    let kept: Kept = std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let running = kept.running.into_iter().map(|(label, path, local)| Running { label, path, local }).collect();
    TrayState { headline: kept.headline, running }
}

#[derive(Deserialize)]
struct Said {
    text: String,
}

fn pages(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(|| async { page("Shell", FORMS) }))
        .route(
            "/here/{name}",
            get(|axum::extract::Path(name): axum::extract::Path<String>| async move { page(&name, "") }),
        )
        .route("/said", post(|Form(said): Form<Said>| async move { page("Said", &said.text.replace('<', "&lt;")) }))
        .route("/inline", get(|| async { page("Inline", "<script>document.title = 'ran'</script>") }))
        .route("/remote", get(|| async { page("Remote", "<img src=\"https://example.com/x.png\" alt=\"x\">") }))
        .route("/pick", post(pick))
        .route("/save", post(save))
        .route("/note", post(note))
        .with_state(desk)
}

const FORMS: &str = "<form method=\"post\" action=\"/said\"><label>Say <input name=\"text\"></label><button>Send</button></form>\
    <form method=\"post\" action=\"/pick\"><button id=\"pick\">Choose a folder…</button></form>\
    <form method=\"post\" action=\"/save\"><button id=\"save\">Save…</button></form>\
    <form method=\"post\" action=\"/note\"><button id=\"note\">Notify</button></form>\
    <p><a id=\"away\" href=\"https://example.com/\">Away</a> <a id=\"new\" href=\"/here/new\" target=\"_blank\">New</a></p>";

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    ))
}

async fn pick(State(desk): State<Arc<Desk>>) -> Html<String> {
    let pick =
        Pick { title: "Choose a script folder".to_owned(), start: Some(desk.home().to_owned()), endings: vec![] };
    match desk.pick_folder(pick).await {
        Some(folder) => page("Picked", &folder.display().to_string()),
        None => page("Picked", "nothing"),
    }
}

async fn save(State(desk): State<Arc<Desk>>) -> Html<String> {
    let pick = Pick { title: "Save the report".to_owned(), start: Some(desk.home().to_owned()), endings: vec![] };
    match desk.save(pick, "report.html", b"all clean".to_vec()).await {
        Ok(Some(path)) => page("Saved", &path.display().to_string()),
        Ok(None) => page("Saved", "nothing"),
        Err(error) => page("Saved", &error.to_string()),
    }
}

async fn note(State(desk): State<Arc<Desk>>) -> Html<String> {
    let shown = desk
        .notify(Note {
            title: "iris <b>ended</b>".to_owned(),
            body: "It cost $0.12 & went home at 22:00.".to_owned(),
            path: "/here/run".to_owned(),
            actions: vec![("Look at it".to_owned(), "/here/look".to_owned())],
            urgent: false,
        })
        .await;
    page("Noted", if shown { "shown" } else { "nobody is there" })
}
