//! What the user says of a run's metrics.

use super::id;
use crate::answer::{Answer, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::metrics::{Form, Lines, Metrics};
use crate::pages::parts::Told;
use crate::{App, series, views};
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use curfew_core::{Error, Result, RunId, say};
use curfew_engine::Defined;
use curfew_series::Definitions;

async fn form(app: &App, run: &RunId, definitions: &Definitions) -> Result<Form> {
    let view = app.engine().run(&app.cx(), run).await?;
    let kept = series::names(app.engine(), run).await?;
    Ok(views::metrics::form(&view, definitions, &kept))
}

/// The lines that match; what is wrong with the definitions stands in their place.
async fn matching(app: &App, run: &RunId, definitions: &Definitions) -> Lines {
    match app.engine().try_definitions(&app.cx(), run, definitions).await {
        Ok(matched) => views::metrics::lines(run.as_str(), &matched),
        Err(error) => Lines { id: run.to_string(), wrong: views::wrong(&error), ..Lines::default() },
    }
}

pub(crate) async fn page(State(app): State<App>, Path(run): Path<String>) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let definitions = app.engine().definitions(&run).await?;
    let form = form(&app, &run, &definitions).await?;
    let lines = matching(&app, &run, &definitions).await;
    let shell = app.shell("train", format!("Metrics of {}", say::clean(&form.name.0, 60)), "").await?;
    Ok(Html::of(&Metrics { shell, form, lines }).into_response())
}

/// While the user types.
pub(crate) async fn lines(State(app): State<App>, Path(run): Path<String>, fields: Fields) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let before = app.engine().definitions(&run).await?;
    let definitions = views::metrics::of_fields(&fields, &before);
    Ok(Html::of(&matching(&app, &run, &definitions).await).into_response())
}

pub(crate) async fn save(State(app): State<App>, Path(run): Path<String>, fields: Fields) -> Answer {
    let run: RunId = id(&run, "find the run")?;
    let before = app.engine().definitions(&run).await?;
    let definitions = views::metrics::of_fields(&fields, &before);
    match app.engine().define_metrics(&app.cx(), &run, &definitions).await {
        Ok(defined) => {
            let mut form = form(&app, &run, &definitions).await?;
            form.done = Some(told(&defined).into());
            Ok(Html::of(&form).into_response())
        }
        Err(error) => Ok(unprocessable(&refused(form(&app, &run, &before).await?, &fields, &error))),
    }
}

fn told(defined: &Defined) -> String {
    let read =
        if defined.soon { "The log is being read again as the run goes on." } else { "The log has been read again." };
    match &defined.kept_in {
        Ok(_) => format!("Saved. {read}"),
        Err(why) => format!("{read} The script folder could not keep it, so it holds for this run only: {why}"),
    }
}

fn refused(form: Form, fields: &Fields, error: &Error) -> Form {
    if error.field() == Some("define") {
        return views::metrics::typed(form, fields, views::wrong(error));
    }
    let mut form = views::metrics::typed(form, fields, String::new());
    form.told.push(Told::from(error));
    form
}
