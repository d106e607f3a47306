//! A run's curves as JSON, for the chart.

use super::{Query, id};
use crate::answer::Answer;
use crate::{App, series};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use curfew_core::RunId;
use curfew_series::Axis;

/// `?x=step|epoch|time|relative&width=900&from=…&to=…&metric=…&after=VERSION`. 204: nothing new since `after`.
pub(crate) async fn json(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let number = |name: &str| query.get(name).and_then(|n| n.parse::<f64>().ok()).filter(|n| n.is_finite());
    let ask = series::Ask {
        axis: match query.get("x") {
            Some("epoch") => Axis::Epoch,
            Some("time") => Axis::Time,
            Some("relative") => Axis::Relative,
            _ => Axis::Step,
        },
        range: number("from").zip(number("to")).filter(|(from, to)| from < to),
        // A bucket a pixel; wider than any screen is of no use.
        width: query.get("width").and_then(|n| n.parse().ok()).unwrap_or(1000).clamp(10, 8000),
        keys: query.all("metric").next().is_some().then(|| query.all("metric").map(str::to_owned).collect()),
    };
    let after = query.get("after").map(str::to_owned);
    Ok(match series::chart(app.engine().home(), &run, ask, after).await? {
        Some(chart) => Json(chart).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
