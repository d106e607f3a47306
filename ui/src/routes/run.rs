//! A run: its page, its log, and what can be done with it.

use super::{Query, id};
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::dialog::{Asked, Confirm, Tick};
use crate::pages::parts::{Field, Name, Price, Text, Told};
use crate::{App, series, views};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use curfew_core::plan::OutcomeResult;
use curfew_core::run::LogChunk;
use curfew_core::{Error, ErrorKind, Result, RunId, say};
use rust_decimal::Decimal;
use std::time::{Duration, Instant};

/// How many metrics the table shows.
const METRICS: usize = 60;
/// As money by the month is told everywhere.
const MONTH: jiff::SignedDuration = jiff::SignedDuration::from_hours(730);
/// How often the page's wait looks at the run's files. The page asks once a second; its chart has a wait of its own.
const LOOK: Duration = Duration::from_millis(200);

/// Where a run's page is: the store's cursor, and the state of the run's files, which grow without the store's knowing.
fn place(cursor: &str, files: &str) -> String {
    format!("{cursor}.{files}")
}

fn files(app: &App, run: &RunId) -> String {
    let home = app.engine().home();
    format!("{}{}", series::version(&home.run(run)), series::version(&home.series(run)))
}

/// Waits until the store or one of the run's files changes.
async fn wait(app: &App, run: &RunId, after: Option<&str>) -> Result<()> {
    let Some((cursor, seen)) = after.and_then(|a| a.split_once('.')) else { return Ok(()) };
    let store = app.wait(Some(cursor));
    tokio::pin!(store);
    let end = Instant::now() + Duration::from_secs(25);
    while Instant::now() < end {
        if files(app, run) != seen {
            return Ok(());
        }
        tokio::select! {
            result = &mut store => return result,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}

pub(crate) async fn page(State(app): State<App>, Path(run): Path<String>, query: Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    wait(&app, &run, query.after()).await?;
    let files = files(&app, &run);
    let view = app.engine().run(&app.cx(), &run).await?;
    let mut shell = app.shell("train", say::clean(&view.spec.name, 80), format!("/runs/{run}")).await?;
    shell.cursor = place(&shell.cursor, &files);
    let (metrics, left, damage) =
        series::metrics(app.engine(), &run, METRICS).await.unwrap_or_else(|error| (Vec::new(), 0, Some(error)));
    let told = damage.iter().map(Told::from).collect();
    let mut page = views::run::run(shell, &view, metrics);
    page.metrics_left = left;
    page.told = told;
    page.pops_out = app.host().can_pop_out();
    Ok(Html::of(&page).into_response())
}

pub(crate) async fn pop_out(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    app.host().pop_out(&run).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// How much of a log one answer holds.
const LOG: usize = 256 << 10;
/// How much of a long log's end is shown at first.
const LOG_END: usize = 1 << 20;

/// A piece of the log as bytes; where to read on stands in `curfew-next`. `?from=` empty: the end of the log.
pub(crate) async fn log(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    log_piece(&app, &LogOf::Run(run), query.raw("from")).await
}

/// Whose log is read.
pub(crate) enum LogOf {
    Run(RunId),
    Endpoint(curfew_core::EndpointId),
}

impl LogOf {
    async fn read(&self, app: &App, from: &str) -> Result<LogChunk> {
        match self {
            Self::Run(run) => app.engine().run_log(&app.cx(), run, from, LOG).await,
            Self::Endpoint(endpoint) => app.engine().endpoint_log(&app.cx(), endpoint, from, LOG).await,
        }
    }
}

/// A piece of any log: from a position on, or the end of a log that is read from its start.
pub(crate) async fn log_piece(app: &App, of: &LogOf, from: &str) -> Answer {
    let mut chunk = of.read(app, from).await?;
    let mut skipped = 0;
    if from.is_empty() {
        let mut end = LogEnd::default();
        // A provider may give less than it is asked for; much less means that this is all there is now.
        while chunk.bytes.len() >= LOG / 2 {
            let next = chunk.next.clone();
            end.push(chunk.bytes);
            chunk = of.read(app, &next).await?;
        }
        skipped = end.finish(&mut chunk);
    }
    Ok(piece(chunk, skipped))
}

/// The last part of a log that is read from its start.
#[derive(Default)]
struct LogEnd {
    bytes: Vec<u8>,
    skipped: usize,
}

impl LogEnd {
    fn push(&mut self, bytes: Vec<u8>) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(LOG_END);
        self.bytes.drain(..over);
        self.skipped += over;
    }
    /// Puts what is kept into the last chunk; answers how many bytes were left out.
    fn finish(mut self, last: &mut LogChunk) -> usize {
        self.push(std::mem::take(&mut last.bytes));
        if self.skipped > 0 {
            // From a line's start on.
            let line = self.bytes.iter().position(|b| *b == b'\n').map_or(0, |i| i + 1);
            self.bytes.drain(..line);
            self.skipped += line;
        }
        last.bytes = self.bytes;
        self.skipped
    }
}

fn piece(chunk: LogChunk, skipped: usize) -> Response {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        // A position is a provider's, opaque; one that no header carries reads from the start again.
        headers.insert(name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
    };
    put("content-type", "application/octet-stream");
    put("curfew-next", &chunk.next);
    put("curfew-end", if chunk.end { "1" } else { "" });
    put("curfew-skipped", &skipped.to_string());
    (headers, chunk.bytes).into_response()
}

/// The dialog that moves a curfew.
pub(crate) fn extend_dialog(what: &str, name: &str, now: &str, longest: &str, typed: &str) -> Confirm {
    Confirm {
        title: Name(format!("Extend “{}”", say::clean(name, 60))),
        says: vec![Text(format!("It goes home {now}. It costs what it costs for as much longer."))],
        post: format!("{what}/extend"),
        ask: Some(Asked {
            id: "curfew",
            label: "New curfew",
            hint: format!("2h from now, 22:00, tomorrow 8:00; at most {longest} from now"),
            field: Field::of(typed),
            choices: vec!["30m", "1h", "2h", "4h", "22:00", "end of day"],
        }),
        does: "Extend",
        leaves: "Leave it",
        ..Confirm::default()
    }
}

/// The same with what is wrong.
pub(crate) fn extend_wrong(mut dialog: Confirm, error: &Error) -> Response {
    match (&mut dialog.ask, error.field()) {
        (Some(asked), Some("curfew")) => asked.field.wrong = views::wrong(error),
        _ => dialog.told.push(Told::from(error)),
    }
    unprocessable(&dialog)
}

pub(crate) fn longest(app: &App) -> String {
    app.engine().policy().map_or_else(|_| "what your team's policy allows".into(), |p| p.longest_curfew.to_string())
}

async fn extend_form(app: &App, run: &RunId, typed: &str) -> Result<Confirm> {
    let view = app.engine().run(&app.cx(), run).await?;
    let now = app.cx().clock().local();
    let at = view.status.curfew.as_ref().map_or_else(|| "never".into(), |c| views::at(c.at, &now));
    Ok(extend_dialog(&format!("/runs/{run}"), &view.spec.name, &at, &longest(app), typed))
}

pub(crate) async fn ask_extend(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    Ok(Html::of(&extend_form(&app, &run, "").await?).into_response())
}

pub(crate) async fn extend(State(app): State<App>, Path(run): Path<String>, fields: Fields) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let text = fields.raw("curfew");
    let result = match fields.get("curfew") {
        Some(text) => app.engine().extend_run(&app.cx(), &run, text).await,
        None => Err(Error::input("curfew", "say until when: 2h, 22:00 or tomorrow 8:00")),
    };
    match result {
        Ok(_) => Ok(go(&format!("/runs/{run}"))),
        Err(error) => Ok(extend_wrong(extend_form(&app, &run, text).await?, &error)),
    }
}

async fn stop_form(app: &App, run: &RunId) -> Result<Confirm> {
    let view = app.engine().run(&app.cx(), run).await?;
    Ok(Confirm {
        title: Name(format!("Stop “{}”?", say::clean(&view.spec.name, 60))),
        says: if view.status.progress.is_some() {
            vec![
                "What it needs is still on its way. Nothing has begun, and no machine is billed; no more is sent."
                    .into(),
            ]
        } else {
            vec![
                "The script is asked to end, and ended if it does not within its grace time. What it has saved so far stays."
                    .into(),
                "Once it has ended, it costs nothing more.".into(),
            ]
        },
        post: format!("/runs/{run}/stop"),
        does: "Stop the run",
        leaves: "Let it run",
        ends: true,
        ..Confirm::default()
    })
}

pub(crate) async fn ask_stop(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    Ok(Html::of(&stop_form(&app, &run).await?).into_response())
}

pub(crate) async fn stop(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    match app.engine().stop_run(&app.cx(), &run, "you stopped it").await {
        Ok(_) => Ok(go(&format!("/runs/{run}"))),
        Err(error) => {
            let mut dialog = stop_form(&app, &run).await?;
            dialog.told.push(Told::from(&error));
            Ok(unprocessable(&dialog))
        }
    }
}

/// The dialog before something is removed for good: its plan of one, in words.
pub(crate) async fn remove_form(
    app: &App,
    id: &str,
    keys: &[curfew_core::resource::ResourceKey],
    post: String,
    artefacts: bool,
) -> Result<Confirm> {
    let plan = app.engine().freeze_with(&app.cx(), keys, None, artefacts).await?;
    // The same address tells of the plan, and takes it.
    let tick = plan.items.iter().find_map(|item| {
        let goes = item.steps.iter().find_map(|step| step.artefacts.as_ref()).filter(|_| item.steps.len() > 1);
        let of = item.stays.first().or(goes)?;
        Some(Tick {
            id: "artefacts",
            label: format!("Delete its files and its log too: {}", say::clean(&of.says, 200)),
            on: artefacts,
            href: post.clone(),
        })
    });
    let mut says: Vec<Text> = Vec::new();
    for item in &plan.items {
        if item.was_active {
            says.push("It is at work now.".into());
        }
        for step in &item.steps {
            let undo = if step.reversible { "" } else { " This cannot be undone." };
            says.push(Text(format!("{}.{undo}", step.says.trim_end_matches('.'))));
        }
    }
    for left in plan.items.iter().flat_map(|item| &item.stays) {
        let cost = left.rate.clone().map(|rate| rate.over(MONTH));
        let month = Price::of(&cost, &app.cx().clock().zone());
        let costs = match cost.amount() {
            Some(money) if money.amount() < Decimal::new(1, 2) => "less than a cent a month".to_owned(),
            Some(money) => format!("{money} a month"),
            None => month.main,
        };
        says.push(Text(format!("Its files stay, {}: {costs} ({}).", left.says, month.note)));
    }
    says.extend(plan.gaps.iter().map(|gap| Text(format!("It could not be read: {}", gap.reason))));
    if plan.items.is_empty() && plan.gaps.is_empty() {
        says.push("It is gone already; only its entry here is left.".into());
    }
    let name = plan.items.first().map_or(id, |i| i.name.as_str());
    Ok(Confirm {
        title: Name(format!("Remove “{}”?", say::clean(name, 60))),
        says,
        post,
        hidden: vec![("plan", Name::from(plan.id.as_str()))],
        tick,
        does: "Remove",
        leaves: "Keep it",
        ends: true,
        ..Confirm::default()
    })
}

/// Runs the plan that the dialog has shown, and nothing else.
pub(crate) async fn run_seen(app: &App, fields: &Fields) -> Result<()> {
    let plan = app.engine().plan(&id(fields.raw("plan"), "find the plan")?)?;
    for outcome in app.engine().run_plan(&app.cx(), &plan).await? {
        match outcome.result {
            OutcomeResult::Removed | OutcomeResult::AlreadyGone => {}
            OutcomeResult::Skipped { why } | OutcomeResult::Failed { why } => {
                return Err(Error::new(ErrorKind::Conflict, "remove it", format!("it was not removed: {why}")));
            }
        }
    }
    Ok(())
}

pub(crate) async fn ask_remove(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let key = app.engine().run_key(&run).await?;
    Ok(Html::of(&remove_form(&app, run.as_str(), &[key], format!("/runs/{run}/remove"), true).await?).into_response())
}

pub(crate) async fn remove(State(app): State<App>, Path(_): Path<String>, fields: Fields) -> Answer {
    run_seen(&app, &fields).await?;
    Ok(go("/train"))
}
