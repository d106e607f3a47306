//! What the host picks for a field: the answer is the path, as text, for the page's script to put in.

use super::Query;
use crate::App;
use crate::answer::Answer;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use curfew_core::Error;
use std::path::PathBuf;

fn picked(path: Option<PathBuf>) -> Answer {
    let text = |path: PathBuf| -> Result<Response, Error> {
        let path = path.into_os_string().into_string().map_err(|path| {
            let shown = curfew_core::say::clean(&path.to_string_lossy(), 200);
            Error::input("path", format!("the path “{shown}” is not valid UTF-8, and no script could be told of it"))
        })?;
        Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], path).into_response())
    };
    // Closed without a choice: the field stays as it is.
    Ok(path.map_or_else(|| Ok(StatusCode::NO_CONTENT.into_response()), text)?)
}

pub(crate) async fn pick_folder(State(app): State<App>) -> Answer {
    picked(app.host().pick_folder("Choose the folder that holds your training script").await?)
}

pub(crate) async fn pick_file(State(app): State<App>, Query(query): Query) -> Answer {
    let (title, endings): (_, &[&str]) = match query.get("for") {
        Some("script") => ("Choose the inference script", &["py"]),
        Some("model") => ("Choose a model file", &["tar.gz", "tgz", "joblib", "pkl"]),
        _ => ("Choose a file", &[]),
    };
    picked(app.host().pick_file(title, endings).await?)
}
