//! Compare runs: the page and its curves.

use super::Query;
use super::series::asked;
use crate::answer::Answer;
use crate::fields::Fields;
use crate::pages::Html;
use crate::series::chart::Ask;
use crate::series::compare::{Wanted, metrics, names, overlay};
use crate::{App, views};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use curfew_core::{RunId, say};

/// More curves than this nobody can tell apart.
const MOST: usize = 200;

/// The runs named, each once, in their order. What is no id names no run.
pub(crate) fn chosen(query: &Fields) -> Vec<RunId> {
    let mut ids: Vec<RunId> = Vec::new();
    for id in query.all("run").filter_map(|text| text.parse().ok()) {
        if !ids.contains(&id) && ids.len() < MOST {
            ids.push(id);
        }
    }
    ids
}

pub(crate) async fn page(State(app): State<App>, Query(query): Query) -> Answer {
    let all = app.engine().runs(&app.cx(), false).await?;
    let known = |id: &RunId| all.iter().any(|run| run.spec.id == *id);
    let chosen: Vec<RunId> = chosen(&query).into_iter().filter(known).collect();
    let metrics = metrics(app.engine().home(), &chosen).await;
    let shell = app.shell("train", "Compare runs", "").await?;
    Ok(Html::of(&views::compare::compare(shell, &all, &chosen, &metrics, &names(&metrics))).into_response())
}

/// `?run=…&metric=NAME&by=HYPERPARAMETER`, and as for one run.
pub(crate) async fn json(State(app): State<App>, Query(query): Query) -> Answer {
    let by = query.get("by");
    let chosen = chosen(&query);
    let all = app.engine().runs(&app.cx(), false).await?;
    let wanted = chosen.iter().filter_map(|id| all.iter().find(|run| run.spec.id == *id)).map(|run| Wanted {
        id: run.spec.id.clone(),
        name: say::clean(&run.spec.name, 60),
        group: by.map(|key| run.spec.hyper.get(key).map_or_else(|| "not given".into(), |v| say::clean(v, 60))),
    });
    let ask = Ask { keys: None, ..asked(&query) };
    let metric = query.get("metric").map(str::to_owned);
    Ok(Json(overlay(app.engine().home(), wanted.collect(), metric, ask).await?).into_response())
}
