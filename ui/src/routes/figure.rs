//! "Save figure…": the chart as it stands, drawn for a paper.

use super::series::{axis, number};
use super::{Query, id};
use crate::App;
use crate::answer::Answer;
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::figure::{SaveFigure, Saved};
use crate::pages::parts::{Name, Told};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use curfew_core::{Error, ErrorKind, Result, RunId, say};
use curfew_figures::{FigureOptions, Format, run_figure_bytes};

/// What the chart sends along, by name.
const STATE: [&str; 10] = ["x", "usd", "log_x", "log_y", "smoothing", "from", "to", "low", "high", "metric"];

fn options(app: &App, fields: &Fields) -> FigureOptions {
    let kept = |name| number(fields, name);
    FigureOptions {
        width_mm: kept("width").unwrap_or(curfew_figures::SINGLE_COLUMN_MM),
        metrics: fields.all("metric").filter(|m| !m.is_empty()).map(str::to_owned).collect(),
        axis: fields.get("x").map(|word| axis(Some(word))),
        range: kept("from").zip(kept("to")),
        values: kept("low").zip(kept("high")).filter(|(low, high)| low < high),
        log_x: fields.on("log_x"),
        log_y: fields.on("log_y"),
        smoothing: kept("smoothing").unwrap_or(0.0),
        band: fields.on("band"),
        caption: fields.on("caption"),
        zone: app.engine().clock().zone(),
        ..FigureOptions::default()
    }
}

/// What the chart said of itself comes back with the form, encoded.
fn with_chart(form: &Fields) -> Fields {
    let mut fields = Fields::parse(form.raw("chart").as_bytes());
    for name in ["format", "width", "caption", "band"] {
        fields.add(name, form.raw(name));
    }
    fields
}

fn says(fields: &Fields) -> String {
    let mut metrics: Vec<String> = fields.all("metric").filter(|m| !m.is_empty()).map(|m| say::clean(m, 60)).collect();
    metrics.dedup();
    let what = if metrics.is_empty() { "The loss".to_owned() } else { metrics.join(", ") };
    let by = match fields.get("x") {
        _ if fields.on("usd") => "time since the start (a figure has no axis of $)",
        Some("epoch") => "epoch",
        Some("time") => "clock",
        Some("relative") => "time since the start",
        _ => "step",
    };
    let window = if fields.get("from").is_some() { ", the part in view" } else { "" };
    let calm = if fields.get("low").is_some() { ", outliers out of scale" } else { "" };
    let log = match (fields.on("log_x"), fields.on("log_y")) {
        (true, true) => ", both axes logarithmic",
        (true, false) => ", x logarithmic",
        (false, true) => ", y logarithmic",
        (false, false) => "",
    };
    let smooth = fields.get("smoothing").filter(|s| *s != "0").map_or_else(String::new, |s| format!(", smoothed {s}"));
    format!("{what} by {by}{smooth}{window}{log}{calm}, as in the chart; colours and strokes that everybody can tell apart.")
}

fn dialog(app: &App, run: &RunId, fields: &Fields) -> SaveFigure {
    let mut state = form_urlencoded::Serializer::new(String::new());
    for name in STATE {
        state.extend_pairs(fields.all(name).filter(|value| !value.is_empty()).map(|value| (name, value)));
    }
    SaveFigure {
        id: run.to_string(),
        can_save: app.host().can_save(),
        state: state.finish(),
        says: says(fields).into(),
        told: Vec::new(),
    }
}

pub(crate) async fn ask(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    Ok(Html::of(&dialog(&app, &run, &query)).into_response())
}

/// Draws it: its name, its type, its bytes.
async fn draw(app: &App, run: &RunId, fields: &Fields) -> Result<(String, &'static str, Vec<u8>)> {
    let format = match fields.get("format") {
        Some("png") => Format::Png,
        Some("pdf") => Format::Pdf,
        _ => Format::Svg,
    };
    let view = app.engine().run(&app.cx(), run).await?;
    let (dir, options) = (app.engine().home().series(run), options(app, fields));
    let bytes = tokio::task::spawn_blocking(move || run_figure_bytes(&dir, &view.spec, format, &options))
        .await
        .map_err(|e| Error::new(ErrorKind::Unknown, "draw the figure", "the drawing stopped").caused_by(e))??;
    Ok((format!("{run}.{}", format.extension()), format.content_type(), bytes))
}

pub(crate) async fn file(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let (name, kind, bytes) = draw(&app, &run, &with_chart(&query)).await?;
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response())
}

/// Saves it where the host's dialog says.
pub(crate) async fn save(State(app): State<App>, Path(run): Path<String>, fields: Fields) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let fields = with_chart(&fields);
    let saved = async {
        let (name, _, bytes) = draw(&app, &run, &fields).await?;
        app.host().save(&name, &bytes).await
    };
    match saved.await {
        Ok(path) => {
            let path = path.map(|path| Name(path.to_string_lossy().into_owned()));
            Ok(Html::of(&Saved { path }).into_response())
        }
        Err(error) => {
            let dialog = SaveFigure { told: vec![Told::from(&error)], ..dialog(&app, &run, &fields) };
            Ok(crate::answer::unprocessable(&dialog))
        }
    }
}
