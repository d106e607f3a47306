//! Train: the launcher and the table of runs.

use super::{Query, id};
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::train::{PriceLine, Train};
use crate::views::train::Choices;
use crate::{App, views};
use axum::extract::State;
use axum::response::IntoResponse as _;
use curfew_core::run::RunOption;
use curfew_core::{Error, ErrorKind, MachineRef, RunId};
use std::time::Duration;

/// How long a launch is waited for before its page shows how far it has come.
const LAUNCH: Duration = Duration::from_secs(3);

/// What can be asked for with a run at the chosen machine; this computer's where none is chosen or the choice is none.
fn options_at(app: &App, fields: &Fields) -> &'static [RunOption] {
    let machine = fields.get("machine").and_then(|m| m.parse().ok()).unwrap_or_else(MachineRef::local);
    app.engine().options_of_runs(&machine).unwrap_or_default()
}

pub(crate) async fn choices(app: &App, fields: &Fields) -> Choices {
    Choices { options: options_at(app, fields), ..super::choices(app, true).await }
}

pub(crate) async fn options(State(app): State<App>, Query(fields): Query) -> Answer {
    Ok(Html::of(&views::train::options(&fields, options_at(&app, &fields))).into_response())
}

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let ask = views::train::ask(&query.0);
    let shell = app.shell("train", "Train", ask.href()).await?;
    let mut choices = choices(&app, &query.0).await;
    let form = match query.0.get("again") {
        Some(run) => {
            let run: RunId = id(run, "find the run")?;
            let spec = app.engine().run(&app.cx(), &run).await?.spec;
            choices.options = app.engine().options_of_runs(&spec.machine).unwrap_or_default();
            views::train::again(&spec, &choices)
        }
        // The picker hands over a machine, with the job's folder where it knows it.
        None if query.0.on("machine") || query.0.on("dir") => views::train::launcher(&query.0, &choices),
        None => views::train::launcher(&Fields::default(), &choices),
    };
    let runs = views::train::runs(&app.engine().runs(&app.cx(), false).await?, ask, &shell.now);
    Ok(Html::of(&Train { shell, form, runs }).into_response())
}

/// The price line under the form, while it is filled in. What is wrong is told at the fields, once it is sent.
pub(crate) async fn price(State(app): State<App>, Query(fields): Query) -> Answer {
    let cx = app.cx();
    if fields.get("dir").is_none() {
        let line =
            PriceLine { missing: "The price stands here once a folder is chosen.".into(), ..PriceLine::default() };
        return Ok(Html::of(&line).into_response());
    }
    let line = match app.engine().plan_run(&cx, &views::train::request(&fields, options_at(&app, &fields))).await {
        Ok((spec, quote)) => views::price_line(&quote, spec.curfew, &cx.clock().local()),
        Err(errors) => PriceLine { missing: views::wrong(&errors.into_first()), ..PriceLine::default() },
    };
    Ok(Html::of(&line).into_response())
}

pub(crate) async fn launch(State(app): State<App>, fields: Fields) -> Answer {
    let cx = app.cx();
    let request = views::train::request(&fields, options_at(&app, &fields));
    let errors = match app.engine().plan_run(&cx, &request).await {
        Ok((spec, _)) => {
            let at = format!("/runs/{}", spec.id);
            // It goes on when nobody waits for it any more: a large upload is shown on the run's own page.
            let engine = app.engine_arc();
            let launch = tokio::spawn(async move { engine.launch(&cx, &spec).await });
            match tokio::time::timeout(LAUNCH, launch).await {
                Err(_) | Ok(Ok(Ok(_))) => return Ok(go(&at)),
                Ok(Ok(Err(error))) => vec![error],
                Ok(Err(broke)) => {
                    let what = "a part of Curfew broke while doing this";
                    vec![Error::new(ErrorKind::Unknown, "start the run", what).caused_by(broke)]
                }
            }
        }
        Err(errors) => errors.0,
    };
    let form = views::train::launcher(&fields, &choices(&app, &fields).await);
    Ok(unprocessable(&views::train::with_errors(form, &errors)))
}
