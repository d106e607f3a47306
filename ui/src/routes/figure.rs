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
const STATE: [&str; 12] =
    ["run", "by", "x", "usd", "log_x", "log_y", "smoothing", "from", "to", "low", "high", "metric"];

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
    format!(
        "{what} by {by}{smooth}{window}{log}{calm}, as in the chart; colours and strokes that everybody can tell apart."
    )
}

/// What is drawn: a run, or those that the fields name.
enum Of {
    Run(RunId),
    Several,
}

impl Of {
    fn at(&self) -> String {
        match self {
            Self::Run(run) => format!("/runs/{run}/figure"),
            Self::Several => "/compare/figure".into(),
        }
    }
    fn runs(&self, fields: &Fields) -> Vec<RunId> {
        match self {
            Self::Run(run) => vec![run.clone()],
            Self::Several => super::compare::chosen(fields),
        }
    }
}

fn dialog(app: &App, of: &Of, fields: &Fields) -> SaveFigure {
    let mut state = form_urlencoded::Serializer::new(String::new());
    for name in STATE {
        state.extend_pairs(fields.all(name).filter(|value| !value.is_empty()).map(|value| (name, value)));
    }
    let mut says = says(fields);
    if matches!(of, Of::Several) {
        let runs = say::count(of.runs(fields).len(), "run", "runs");
        let alone = if fields.get("by").is_some() { " Each run is drawn by itself, without the groups." } else { "" };
        says = format!("{runs}: {says}{alone}");
    }
    SaveFigure {
        at: of.at(),
        can_save: app.host().can_save(),
        state: state.finish(),
        says: says.into(),
        told: Vec::new(),
    }
}

/// Draws it: its name, its type, its bytes.
async fn draw(app: &App, of: &Of, fields: &Fields) -> Result<(String, &'static str, Vec<u8>)> {
    let format = match fields.get("format") {
        Some("png") => Format::Png,
        Some("pdf") => Format::Pdf,
        _ => Format::Svg,
    };
    let mut runs = Vec::new();
    for run in of.runs(fields) {
        runs.push((app.engine().home().series(&run), app.engine().run(&app.cx(), &run).await?.spec));
    }
    let name = match of {
        Of::Run(run) => run.to_string(),
        Of::Several => "runs".into(),
    };
    let options = options(app, fields);
    let bytes = tokio::task::spawn_blocking(move || {
        let of: Vec<_> = runs.iter().map(|(dir, spec)| (dir.as_path(), spec)).collect();
        run_figure_bytes(&of, format, &options)
    })
    .await
    .map_err(|e| Error::new(ErrorKind::Unknown, "draw the figure", "the drawing stopped").caused_by(e))??;
    Ok((format!("{name}.{}", format.extension()), format.content_type(), bytes))
}

async fn answer_file(app: &App, of: &Of, query: &Fields) -> Answer {
    let (name, kind, bytes) = draw(app, of, &with_chart(query)).await?;
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response())
}

/// Saves it where the host's dialog says.
async fn answer_save(app: &App, of: &Of, fields: &Fields) -> Answer {
    let fields = with_chart(fields);
    let saved = async {
        let (name, _, bytes) = draw(app, of, &fields).await?;
        app.host().save(&name, &bytes).await
    };
    match saved.await {
        Ok(path) => {
            let path = path.map(|path| Name(path.to_string_lossy().into_owned()));
            Ok(Html::of(&Saved { path }).into_response())
        }
        Err(error) => {
            let dialog = SaveFigure { told: vec![Told::from(&error)], ..dialog(app, of, &fields) };
            Ok(crate::answer::unprocessable(&dialog))
        }
    }
}

fn of(run: &str) -> Result<Of> {
    id(run, "find the run").map(Of::Run)
}

pub(crate) async fn ask(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    Ok(Html::of(&dialog(&app, &of(&run)?, &query)).into_response())
}
pub(crate) async fn file(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    answer_file(&app, &of(&run)?, &query).await
}
pub(crate) async fn save(State(app): State<App>, Path(run): Path<String>, fields: Fields) -> Answer {
    answer_save(&app, &of(&run)?, &fields).await
}

pub(crate) async fn ask_of_several(State(app): State<App>, Query(query): Query) -> Answer {
    Ok(Html::of(&dialog(&app, &Of::Several, &query)).into_response())
}
pub(crate) async fn file_of_several(State(app): State<App>, Query(query): Query) -> Answer {
    answer_file(&app, &Of::Several, &query).await
}
pub(crate) async fn save_of_several(State(app): State<App>, fields: Fields) -> Answer {
    answer_save(&app, &Of::Several, &fields).await
}
