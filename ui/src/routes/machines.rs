//! Machines: the page, the list that follows each key, rows as they are scrolled to, one opened up, some side by side.

use super::Query;
use crate::App;
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::dialog::{Asked as Asking, Confirm};
use crate::pages::machines::{Found, Machines, Score, Table};
use crate::pages::parts::{Field, Name, Text, Told};
use crate::views::machines as views;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use curfew_catalog::{Offer, Usd};
use curfew_core::{AccountId, Error, ErrorKind};
use curfew_engine::machines::{Asked, MachinesRequest, PriceSources, RefreshRequest, TrialRequest};
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
    let reading = app.engine().prices_now();
    found.reading = reading.is_some();
    found.prices = format!("{} · answered in {}", reading.unwrap_or(found.prices), milliseconds(took));
    found
}

/// "0.4 ms", "12 ms".
fn milliseconds(took: std::time::Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    // Less than a tenth is told as that: nobody reads on.
    if ms < 10.0 { format!("{:.1} ms", ms.max(0.1)) } else { format!("{ms:.0} ms") }
}

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let (request, asked) = asked(&app, &query.0).await?;
    let live = format!("/machines?{}", views::query(&request));
    let shell = app.shell("machines", "Machines", live).await?;
    let jobs = app.engine().jobs().await?;
    let kept = app.engine().settings().await?.hour_usd.and_then(Usd::from_decimal);
    let trial = app.engine().trial_now();
    let projects = crate::views::train::projects(&app.engine().policy()?);
    let around = views::Around { jobs: &jobs, kept, projects: &projects, trial: trial.as_ref(), now: shell.at() };
    let form = views::form(&request, &asked, around);
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
    Ok(Html::of(&views::show(&asked, &offer, !accounts(&app, &asked, &offer).is_empty())).into_response())
}

/// Two to five side by side.
pub(crate) async fn compare(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offers = fields.all("pick").map(|key| asked.machines.find(key)).collect::<Result<Vec<_>, _>>()?;
    Ok(Html::of(&views::compare(&asked, &offers)).into_response())
}

/// The account that a request for more can be sent through: of several the chosen one, whose quota is told.
fn accounts(app: &App, asked: &Asked, offer: &Offer<'_>) -> Vec<(String, Name)> {
    let providers = app.engine().providers();
    let holds = asked.account_at(&offer.slot.cloud);
    let of_cloud = providers.iter().filter(|p| *p.cloud().as_str() == *offer.slot.cloud && p.market().is_some());
    let mine = of_cloud.filter(|p| holds.is_none_or(|a| a == p.account()));
    mine.map(|p| (p.account().0.clone(), Name(p.title()))).collect()
}

/// Asking for more of what bars a machine.
pub(crate) async fn ask(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offer = asked.machines.find(fields.raw("key"))?;
    Ok(Html::of(&views::ask(&asked, &offer, app.host().can_pick(), accounts(&app, &asked, &offer))).into_response())
}

/// Sends the request through an account.
pub(crate) async fn send_ask(State(app): State<App>, fields: Fields) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offer = asked.machines.find(fields.raw("key"))?;
    let mut page = views::ask(&asked, &offer, app.host().can_pick(), accounts(&app, &asked, &offer));
    let explained = asked.explain(&offer);
    let Some(wish) = views::quota_to_ask(&explained) else { return Ok(Html::of(&page).into_response()) };
    let account = AccountId(fields.raw("account").to_owned());
    match app.engine().ask_for_quota(&app.cx(), wish, &account).await {
        Ok(told) => {
            page.done = views::asked_for(&told, &wish.unit);
            page.accounts.clear();
        }
        Err(error) => page.told.push(Told::from(&error)),
    }
    Ok(Html::of(&page).into_response())
}

/// How likely a spot machine starts, asked when its drawer is open.
pub(crate) async fn placement(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let offer = asked.machines.find(fields.raw("key"))?;
    let said = match app.engine().placement(&app.cx(), &offer, asked.account_at(&offer.slot.cloud)).await {
        Ok(Some(score)) => views::placement(score),
        Ok(None) => "no score was given".to_owned(),
        Err(e) => format!("not known: {}", e.message()),
    };
    Ok(Html::of(&Score { says: Text(said) }).into_response())
}

/// Cost against time.
pub(crate) async fn picture(State(app): State<App>, Query(fields): Query) -> Answer {
    let (_, asked) = asked(&app, &fields).await?;
    let picked = asked.pick(asked.machines.catalog().len());
    Ok(Html::of(&views::picture(&asked, &picked)).into_response())
}

/// Keeps what an hour of the user's time is worth.
pub(crate) async fn hour(State(app): State<App>, fields: Fields) -> Answer {
    let mut settings = app.engine().settings().await?;
    settings.hour_usd = match fields.get("hour_usd") {
        None => None,
        Some(text) => Some(curfew_engine::machines::hourly_value(text)?),
    };
    app.engine().set_settings(&settings).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn prices_form(regions: Field) -> Confirm {
    Confirm {
        title: Name::from("Read newer prices?"),
        says: vec![
            Text::from(
                "From AWS's public price list, which needs no account: EC2 is some 300 MB a region, SageMaker far less. \
                 Google's catalogue is read where CURFEW_GOOGLE_API_KEY holds a key.",
            ),
            Text::from("What cannot be read keeps the old prices, and says so. Reading prices costs nothing."),
        ],
        post: "/machines/prices".into(),
        ask: Some(Asking {
            id: "region",
            label: "Regions of AWS",
            hint: "Empty: your team's, or us-east-1".into(),
            field: regions,
            choices: vec!["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"],
        }),
        does: "Read them",
        leaves: "Not now",
        ..Confirm::default()
    }
}

pub(crate) async fn ask_prices() -> Answer {
    Ok(Html::of(&prices_form(Field::default())).into_response())
}

/// Starts reading newer prices; the page says how far it is.
pub(crate) async fn prices(State(app): State<App>, fields: Fields) -> Answer {
    let typed = fields.raw("region");
    let regions = typed.split([',', ' ']).filter(|r| !r.is_empty()).map(str::to_owned).collect();
    let request = RefreshRequest { regions, feeds: Vec::new() };
    match app.engine_arc().start_refresh(app.cx(), PriceSources::from_env(), request) {
        Ok(()) => Ok(go("/machines")),
        Err(error) => {
            let mut form = prices_form(Field { value: typed.to_owned(), wrong: crate::views::wrong(&error) });
            form.told = if error.field().is_some() { Vec::new() } else { vec![Told::from(&error)] };
            Ok(unprocessable(&form))
        }
    }
}

/// Times some steps of what the launcher describes; the picker shows how it goes and then what it means.
pub(crate) async fn trial(State(app): State<App>, fields: Fields) -> Answer {
    let request = TrialRequest { launch: crate::views::train::request(&fields, &[]), total: None };
    match app.engine_arc().start_trial(app.cx(), request).await {
        Ok(dir) => {
            let job = form_urlencoded::byte_serialize(dir.to_string_lossy().as_bytes()).collect::<String>();
            Ok(go(&format!("/machines?job={job}")))
        }
        Err(errors) => {
            let form = crate::views::train::launcher(&fields, &super::train::choices(&app, &fields).await);
            Ok(unprocessable(&crate::views::train::with_errors(form, &errors.0)))
        }
    }
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
