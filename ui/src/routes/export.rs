//! "Export…": every point of a run, whole.

use super::id;
use crate::answer::Answer;
use crate::pages::Html;
use crate::pages::figure::{Export, Saved};
use crate::pages::parts::{Name, Told, number};
use crate::{App, series};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use curfew_core::{Error, ErrorKind, Result, RunId};
use curfew_series::export::Format;
use std::io::{self, Write};
use tokio::sync::mpsc;

fn format(word: &str) -> Result<Format> {
    Format::of_extension(word).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "export the run", "it is exported as csv, json, parquet or tfevents")
    })
}

fn name(run: &RunId, format: Format) -> String {
    match format {
        Format::TensorBoard => format!("events.out.tfevents.0.{run}"),
        other => format!("{run}.{}", other.extension()),
    }
}

async fn dialog(app: &App, run: &RunId) -> Result<Export> {
    let (points, metrics) = series::size(app.engine(), run).await?;
    let says = if points == 0 {
        "The run has printed no metric yet.".to_owned()
    } else {
        let metrics = curfew_core::say::count(metrics, "metric", "metrics");
        format!("All {} points of {metrics}: nothing is sampled or cut.", number(points as f64))
    };
    Ok(Export { id: run.to_string(), can_save: app.host().can_save(), says: says.into(), told: Vec::new() })
}

pub(crate) async fn ask(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    Ok(Html::of(&dialog(&app, &run).await?).into_response())
}

/// Hands pieces on to an answer that is being sent. It fails once nobody reads any more.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A download, sent as it is made: a run may have more points than memory.
pub(crate) async fn file(State(app): State<App>, Path((run, word)): Path<(String, String)>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let format = format(&word)?;
    app.engine().run(&app.cx(), &run).await?;
    let dir = app.engine().home().series(&run);
    let (send, mut pieces) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut out = io::BufWriter::with_capacity(1 << 18, Pieces(send.clone()));
        let written = series::export(&dir, format, &mut out)
            .and_then(|()| out.flush().map_err(|e| Error::io("export the run", "the download", e)));
        if let Err(error) = written {
            tracing::warn!(?error, "an export ended early");
            // The download fails visibly instead of ending as if it were whole.
            let _ = send.blocking_send(Err(io::Error::other(error.to_string())));
        }
    });
    let body = Body::from_stream(futures_util::stream::poll_fn(move |cx| pieces.poll_recv(cx)));
    let disposition = format!("attachment; filename=\"{}\"", name(&run, format));
    let kind = format.content_type().to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// Saves it where the host's dialog says.
pub(crate) async fn save(State(app): State<App>, Path((run, word)): Path<(String, String)>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let format = format(&word)?;
    let dir = app.engine().home().series(&run);
    let saved = async {
        let Some(path) = app.host().save_where(&name(&run, format)).await? else { return Ok::<_, Error>(None) };
        let to = path.clone();
        tokio::task::spawn_blocking(move || series::save(&dir, format, &to))
            .await
            .map_err(|e| Error::new(ErrorKind::Unknown, "export the run", "the export stopped").caused_by(e))??;
        Ok(Some(path))
    };
    match saved.await {
        Ok(path) => {
            let path = path.map(|path| Name(path.to_string_lossy().into_owned()));
            Ok(Html::of(&Saved { path }).into_response())
        }
        Err(error) => {
            let dialog = Export { told: vec![Told::from(&error)], ..dialog(&app, &run).await? };
            Ok(crate::answer::unprocessable(&dialog))
        }
    }
}
