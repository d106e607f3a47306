//! Train: the launcher and the table of runs.

use super::{Query, choices, id};
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::train::{PriceLine, Train};
use crate::{App, views};
use axum::extract::State;
use axum::response::IntoResponse as _;
use curfew_core::RunId;

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let ask = views::train::ask(&query.0);
    let shell = app.shell("train", "Train", ask.href()).await?;
    let choices = choices(&app, true).await;
    let form = match query.0.get("again") {
        Some(run) => {
            let run: RunId = id(run, "find the run")?;
            views::train::again(&app.engine().run(&app.cx(), &run).await?.spec, &choices)
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
    let line = match app.engine().plan_run(&cx, &views::train::request(&fields)).await {
        Ok((spec, quote)) => views::price_line(&quote, spec.curfew, &cx.clock().local()),
        Err(errors) => PriceLine { missing: views::wrong(&errors.into_first()), ..PriceLine::default() },
    };
    Ok(Html::of(&line).into_response())
}

pub(crate) async fn launch(State(app): State<App>, fields: Fields) -> Answer {
    let cx = app.cx();
    let errors = match app.engine().plan_run(&cx, &views::train::request(&fields)).await {
        Ok((spec, _)) => match app.engine().launch(&cx, &spec).await {
            Ok(run) => return Ok(go(&format!("/runs/{}", run.spec.id))),
            Err(error) => vec![error],
        },
        Err(errors) => errors.0,
    };
    let form = views::train::launcher(&fields, &choices(&app, true).await);
    Ok(unprocessable(&views::train::with_errors(form, &errors)))
}
