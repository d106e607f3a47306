//! Endpoints: the list, the form, one of them, and what can be done with it.

use super::run::{LogOf, extend_dialog, extend_wrong, log_piece, longest, remove_form, run_seen};
use super::{Query, choices, id};
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::dialog::Confirm;
use crate::pages::endpoints::{Deploy, Endpoints};
use crate::pages::parts::{Field, Name, Told};
use crate::pages::train::PriceLine;
use crate::{App, views};
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use curfew_core::endpoint::{Asked, Ticket};
use curfew_core::{EndpointId, Error, MachineRef, Result, ServingMode};

async fn form(app: &App, fields: &Fields) -> Result<Deploy> {
    let runs = app.engine().runs(&app.cx(), false).await?;
    Ok(views::endpoint::deploy(
        fields,
        &choices(app, false).await,
        modes_at(app, fields),
        &runs,
        &app.cx().clock().local(),
    ))
}

/// The ways to serve at the chosen machine; this computer's where none is chosen or the choice is none.
fn modes_at(app: &App, fields: &Fields) -> &'static [ServingMode] {
    let machine = fields.get("machine").and_then(|m| m.parse().ok()).unwrap_or_else(MachineRef::local);
    app.engine().serving_modes(&machine).unwrap_or_default()
}

pub(crate) async fn modes(State(app): State<App>, Query(fields): Query) -> Answer {
    Ok(Html::of(&views::serving::modes(&fields, modes_at(&app, &fields))).into_response())
}

pub(crate) async fn figures(State(app): State<App>, Path(endpoint): Path<String>) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    let found = app.engine().endpoint_figures(&app.cx(), &endpoint).await;
    Ok(Html::of(&views::serving::figures(&endpoint, found, &app.cx().clock().local())).into_response())
}

pub(crate) async fn answer(State(app): State<App>, Path(endpoint): Path<String>, Query(query): Query) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    let ticket = Ticket { id: query.raw("ticket").to_owned(), place: query.raw("place").to_owned() };
    let found = app.engine().answer(&app.cx(), &endpoint, &ticket.id).await;
    Ok(Html::of(&views::serving::later(&endpoint, &ticket, found)).into_response())
}

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let shell = app.shell("endpoints", "Endpoints", "/endpoints").await?;
    let all = app.engine().endpoints(&app.cx(), false).await?;
    let rows = all.iter().map(|e| views::endpoint::row(e, &shell.now)).collect();
    let mut form = form(&app, &Fields::default()).await?;
    form.model = Field::of(query.0.raw("model"));
    if query.0.on("machine") {
        form.machine = Field::of(query.0.raw("machine"));
        views::train::offer_chosen(&form.machine, &mut form.machines);
        form.modes = views::serving::modes(&query.0, modes_at(&app, &query.0));
    }
    Ok(Html::of(&Endpoints { shell, rows, form }).into_response())
}

pub(crate) async fn price(State(app): State<App>, Query(fields): Query) -> Answer {
    let cx = app.cx();
    if fields.get("model").is_none() {
        let line =
            PriceLine { missing: "The price stands here once a model is chosen.".into(), ..PriceLine::default() };
        return Ok(Html::of(&line).into_response());
    }
    let line = match app.engine().plan_deploy(&cx, &views::endpoint::request(&fields, modes_at(&app, &fields))).await {
        Ok((spec, quote)) => views::lasting_price_line(&quote, spec.curfew, &cx.clock().local()),
        Err(errors) => PriceLine { missing: views::wrong(&errors.into_first()), ..PriceLine::default() },
    };
    Ok(Html::of(&line).into_response())
}

pub(crate) async fn deploy(State(app): State<App>, fields: Fields) -> Answer {
    let cx = app.cx();
    let request = views::endpoint::request(&fields, modes_at(&app, &fields));
    let errors = match app.engine().plan_deploy(&cx, &request).await {
        Ok((spec, quote)) if views::endpoint::unconfirmed(&quote, &request.confirmed) => {
            let form = form(&app, &fields).await?;
            let now = cx.clock().local();
            let form = views::endpoint::with_cautions(form, &quote, &request.confirmed, spec.curfew, &now);
            return Ok(unprocessable(&form));
        }
        Ok((spec, _)) => match app.engine().deploy(&cx, &spec).await {
            Ok(endpoint) => return Ok(go(&format!("/endpoints/{}", endpoint.spec.id))),
            Err(error) => vec![error],
        },
        Err(errors) => errors.0,
    };
    Ok(unprocessable(&views::endpoint::with_errors(form(&app, &fields).await?, &errors)))
}

pub(crate) async fn one(State(app): State<App>, Path(endpoint): Path<String>, query: Query) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    app.wait(query.after()).await?;
    let view = app.engine().endpoint(&app.cx(), &endpoint).await?;
    let shell = app.shell("endpoints", endpoint.as_str(), format!("/endpoints/{endpoint}")).await?;
    let ask = views::endpoint::ask(endpoint.as_str(), &Fields::default());
    Ok(Html::of(&views::endpoint::endpoint(shell, &view, ask)).into_response())
}

pub(crate) async fn ask(State(app): State<App>, Path(endpoint): Path<String>, fields: Fields) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    let mut form = views::endpoint::ask(endpoint.as_str(), &fields);
    let result = match views::endpoint::invocation(&form) {
        Ok(invocation) => app.engine().ask(&app.cx(), &endpoint, &invocation).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(Asked::Later(ticket)) => {
            form.later = Some(views::serving::later(&endpoint, &ticket, Ok(None)));
            Ok(Html::of(&form).into_response())
        }
        Ok(Asked::Answered(reply)) => {
            form.answer = Some(views::endpoint::answer(&reply));
            Ok(Html::of(&form).into_response())
        }
        Err(error) => {
            match error.field() {
                Some("body") => form.body.wrong = views::wrong(&error),
                Some("number") => form.numbers_wrong = views::wrong(&error),
                _ => form.told.push(Told::from(&error)),
            }
            Ok(unprocessable(&form))
        }
    }
}

pub(crate) async fn log(State(app): State<App>, Path(endpoint): Path<String>, Query(query): Query) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    log_piece(&app, &LogOf::Endpoint(endpoint), query.raw("from")).await
}

async fn extend_form(app: &App, endpoint: &EndpointId, typed: &str) -> Result<Confirm> {
    let view = app.engine().endpoint(&app.cx(), endpoint).await?;
    let now = app.cx().clock().local();
    let at = view.status.curfew.as_ref().map_or_else(|| "never".into(), |c| views::at(c.at, &now));
    Ok(extend_dialog(&format!("/endpoints/{endpoint}"), endpoint.as_str(), &at, &longest(app), typed))
}

pub(crate) async fn ask_extend(State(app): State<App>, Path(endpoint): Path<String>) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    Ok(Html::of(&extend_form(&app, &endpoint, "").await?).into_response())
}

pub(crate) async fn extend(State(app): State<App>, Path(endpoint): Path<String>, fields: Fields) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    let result = match fields.get("curfew") {
        Some(text) => app.engine().extend_endpoint(&app.cx(), &endpoint, text).await,
        None => Err(Error::input("curfew", "say until when: 2h, 22:00 or tomorrow 8:00")),
    };
    match result {
        Ok(_) => Ok(go(&format!("/endpoints/{endpoint}"))),
        Err(error) => Ok(extend_wrong(extend_form(&app, &endpoint, fields.raw("curfew")).await?, &error)),
    }
}

fn stop_form(endpoint: &EndpointId) -> Confirm {
    Confirm {
        title: Name(format!("End “{endpoint}” now?")),
        says: vec!["It stops answering and costs nothing more. Its model and log stay until you delete it.".into()],
        post: format!("/endpoints/{endpoint}/stop"),
        does: "End it now",
        leaves: "Let it run",
        ends: true,
        ..Confirm::default()
    }
}

pub(crate) async fn ask_stop(State(app): State<App>, Path(endpoint): Path<String>) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    app.engine().endpoint(&app.cx(), &endpoint).await?;
    Ok(Html::of(&stop_form(&endpoint)).into_response())
}

pub(crate) async fn stop(State(app): State<App>, Path(endpoint): Path<String>) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    match app.engine().stop_endpoint(&app.cx(), &endpoint, "you ended it").await {
        Ok(_) => Ok(go(&format!("/endpoints/{endpoint}"))),
        Err(error) => {
            let mut dialog = stop_form(&endpoint);
            dialog.told.push(Told::from(&error));
            Ok(unprocessable(&dialog))
        }
    }
}

pub(crate) async fn ask_remove(State(app): State<App>, Path(endpoint): Path<String>, Query(fields): Query) -> Answer {
    let endpoint: EndpointId = id(&endpoint, "find the endpoint")?;
    let keys = app.engine().endpoint_keys(&app.cx(), &endpoint).await?;
    let post = format!("/endpoints/{endpoint}/remove");
    let form = remove_form(&app, endpoint.as_str(), &keys, post, fields.on("artefacts")).await?;
    Ok(Html::of(&form).into_response())
}

pub(crate) async fn remove(State(app): State<App>, Path(_): Path<String>, fields: Fields) -> Answer {
    run_seen(&app, &fields).await?;
    Ok(go("/endpoints"))
}
