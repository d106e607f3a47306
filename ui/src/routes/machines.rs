//! Machines: the page, the list that follows each key, rows as they are scrolled to, one opened up, some side by side.

use super::Query;
use crate::App;
use crate::answer::Answer;
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::machines::{Found, Machines, Table};
use crate::views::machines as views;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use curfew_catalog::Usd;
use curfew_core::{Error, ErrorKind};
use curfew_engine::machines::{Asked, MachinesRequest};
use std::time::Instant;

async fn asked(app: &App, fields: &Fields) -> Result<(MachinesRequest, Asked), Error> {
    let request = views::request(fields);
    let asked = app.engine().ask_machines(&app.cx(), &request).await?;
    Ok((request, asked))
}

/// The answer with the time that it took.
fn found(request: &MachinesRequest, asked: &Asked, fields: &Fields, app: &App) -> Found {
    let began = Instant::now();
    let picked = asked.pick(Table::CHUNK);
    let took = began.elapsed();
    let cursor = fields.get("at").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let mut found = views::found(request, asked, &picked, cursor, &app.cx().clock().local());
    found.prices = format!("{} · answered in {}", found.prices, milliseconds(took));
    found
}

/// "0.4 ms", "12 ms".
fn milliseconds(took: std::time::Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let (request, asked) = asked(&app, &query.0).await?;
    let live = format!("/machines?{}", views::query(&request));
    let shell = app.shell("machines", "Machines", live).await?;
    let jobs = app.engine().jobs().await?;
    let kept = app.engine().settings().await?.hour_usd.and_then(Usd::from_decimal);
    let form = views::form(&request, &asked, &jobs, kept, shell.at());
    let found = found(&request, &asked, &query.0, &app);
    Ok(Html::of(&Machines { shell, form, found }).into_response())
}

/// What follows each key.
pub(crate) async fn list(State(app): State<App>, Query(fields): Query) -> Answer {
    let (request, asked) = asked(&app, &fields).await?;
    Ok(Html::of(&found(&request, &asked, &fields, &app)).into_response())
}

/// Rows from a place on, as they are scrolled to.
pub(crate) async fn rows(State(app): State<App>, Query(fields): Query) -> Answer {
    let from: usize = fields.number("from", "a row's number")?.unwrap_or(0);
    let (_, asked) = asked(&app, &fields).await?;
    let from = from.min(asked.machines.catalog().len());
    let picked = asked.pick(from + Table::CHUNK);
    Ok(Html::of(&views::rows(&asked, &picked, from, &app.cx().clock().local())).into_response())
}

/// One machine opened up.
pub(crate) async fn show(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offer = asked.machines.find(fields.raw("key"))?;
    Ok(Html::of(&views::show(&asked, &offer)).into_response())
}

/// Two to five side by side.
pub(crate) async fn compare(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offers = fields.all("pick").map(|key| asked.machines.find(key)).collect::<Result<Vec<_>, _>>()?;
    Ok(Html::of(&views::compare(&asked, &offers)).into_response())
}

/// Asking for more of what bars a machine.
pub(crate) async fn ask(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offer = asked.machines.find(fields.raw("key"))?;
    let connected = app.engine().providers().iter().any(|p| *p.cloud().as_str() == *offer.slot.cloud);
    Ok(Html::of(&views::ask(&asked, &offer, app.host().can_pick(), connected)).into_response())
}

/// Cost against time.
pub(crate) async fn picture(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let picked = asked.pick(asked.machines.catalog().len());
    Ok(Html::of(&views::picture(&asked, &picked)).into_response())
}

/// Opens a cloud's console in the user's browser.
pub(crate) async fn open(State(app): State<App>, Query(fields): Query) -> Answer {
    let url = fields.raw("url");
    if !crate::host::may_open(url) {
        return Err(Error::new(ErrorKind::PermissionDenied, "open the page", "this address may not be opened").into());
    }
    app.host().open_url(url).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
