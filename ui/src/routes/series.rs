//! A run's curves as JSON, for its pictures.

use super::{Query, id};
use crate::App;
use crate::answer::Answer;
use crate::fields::Fields;
use crate::series::chart::{Ask, chart, panels};
use crate::series::version;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use curfew_core::RunId;
use curfew_series::Axis;
use std::time::{Duration, Instant};

/// How many small pictures one answer holds at most.
const MOST_PANELS: usize = 300;

/// What is drawn from left to right, by its word in addresses.
pub(crate) fn axis(word: Option<&str>) -> Axis {
    match word {
        Some("epoch") => Axis::Epoch,
        Some("time") => Axis::Time,
        Some("relative") => Axis::Relative,
        _ => Axis::Step,
    }
}

/// A finite number under `name`.
pub(crate) fn number(query: &Fields, name: &str) -> Option<f64> {
    query.get(name).and_then(|n| n.parse::<f64>().ok()).filter(|n| n.is_finite())
}

/// `x=step|epoch|time|relative&width=900&from=…&to=…&log=1&smooth=0.6&calm=on&metric=…`
pub(crate) fn asked(query: &Fields) -> Ask {
    Ask {
        axis: axis(query.get("x")),
        range: number(query, "from").zip(number(query, "to")).filter(|(from, to)| from < to),
        // A bucket a pixel; wider than any screen is of no use.
        width: query.get("width").and_then(|n| n.parse().ok()).unwrap_or(1000).clamp(10, 8000),
        log_x: query.on("log"),
        smoothing: number(query, "smooth").unwrap_or(0.0).clamp(0.0, 0.999),
        calm: query.on("calm"),
        keys: query.all("metric").next().is_some().then(|| query.all("metric").map(str::to_owned).collect()),
    }
}

/// How often a wait looks at the run's files.
const LOOK: Duration = Duration::from_millis(60);
/// How long a wait lasts at most.
const WAIT: Duration = Duration::from_secs(25);

/// The curves that are drawn large. `&after=VERSION`; 204: nothing new since. With `&wait=on` it is waited for news.
pub(crate) async fn json(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let after = query.get("after").map(str::to_owned);
    if query.on("wait") {
        let folder = app.engine().home().series(&run);
        let end = Instant::now() + WAIT;
        let seen = after.as_deref().unwrap_or_default();
        while version(&folder) == seen {
            if Instant::now() >= end {
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(match chart(app.engine(), &run, asked(&query), after).await? {
        Some(chart) => Json(chart).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Small pictures of every family of metrics: `&q=` part of a name, `&skip=&most=` which of them.
pub(crate) async fn panels_json(State(app): State<App>, Path(run): Path<String>, Query(query): Query) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let whole = |name| query.get(name).and_then(|n| n.parse::<usize>().ok());
    let which = (whole("skip").unwrap_or(0), whole("most").unwrap_or(9).min(MOST_PANELS));
    let ask = Ask { range: None, keys: None, ..asked(&query) };
    Ok(Json(panels(app.engine(), &run, ask, query.raw("q").trim(), which).await?).into_response())
}
