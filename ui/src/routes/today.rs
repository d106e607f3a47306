//! Today.

use super::Query;
use crate::answer::Answer;
use crate::pages::Html;
use crate::{App, series, views};
use axum::extract::State;
use axum::response::IntoResponse as _;

/// How many values a small picture shows.
const SPARK: usize = 60;

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let (today, cursor) = app.today().await?;
    let mut sparks = Vec::new();
    for run in &today.training {
        if let Some(loss) = &run.loss {
            let spark = series::spark(app.engine(), &run.spec.id, &loss.name, SPARK).await;
            sparks.push((run.spec.id.to_string(), spark));
        }
    }
    let nothing_ever = today.running == 0
        && today.needs_you.is_empty()
        && app.engine().labs().await?.is_empty()
        && app.engine().journal(1).await?.is_empty();
    let shell = app.shell_of(&today, cursor, "today", "Today", "/");
    Ok(Html::of(&views::today::today(shell, &today, &sparks, nothing_ever)).into_response())
}
