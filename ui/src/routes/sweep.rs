//! Sweep, keeping, and plans.

use super::{Query, id};
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::dialog::{Asked, Confirm};
use crate::pages::parts::{Field, Name, Text};
use crate::{App, views};
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use curfew_core::resource::ResourceKey;
use curfew_core::{CurfewSpec, Error, PlanId, Result, say};

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let shell = app.shell("sweep", "Sweep", "/sweep").await?;
    let report = app.engine().last_sweep().await?;
    Ok(Html::of(&views::sweep::sweep(shell, report.as_ref())).into_response())
}

/// Reads everything again.
pub(crate) async fn again(State(app): State<App>) -> Answer {
    app.engine().sweep(&app.cx()).await?;
    Ok(go("/sweep"))
}

fn key(token: &str) -> Result<ResourceKey> {
    views::key_of(token).ok_or_else(|| Error::input("key", "the page sent something that names no resource"))
}

/// Freezes a plan over what was chosen, and shows it. Nothing is removed.
pub(crate) async fn freeze(State(app): State<App>, fields: Fields) -> Answer {
    let keys = fields.all("key").map(key).collect::<Result<Vec<_>>>()?;
    if keys.is_empty() {
        return Err(Error::input("key", "nothing is chosen").next("Tick what should go, then review the plan").into());
    }
    let plan = app.engine().freeze(&app.cx(), &keys, None).await?;
    Ok(go(&format!("/plans/{}", plan.id)))
}

pub(crate) async fn plan(State(app): State<App>, Path(plan): Path<String>) -> Answer {
    let plan: PlanId = id(&plan, "find the plan")?;
    let frozen = app.engine().plan(&plan)?;
    let shell = app.shell("sweep", "Plan", "").await?;
    let place = |key: &ResourceKey| {
        let providers = app.engine().providers();
        let provider = providers.iter().find(|p| *p.cloud() == key.cloud && *p.account() == key.account);
        provider.map_or_else(|| key.cloud.to_string(), |p| p.title())
    };
    let outcomes = app.outcomes(plan.as_str());
    Ok(Html::of(&views::sweep::plan(shell, &frozen, place, outcomes.as_deref())).into_response())
}

/// Runs a plan that has been shown. What has changed since is skipped by the engine.
pub(crate) async fn run(State(app): State<App>, Path(plan): Path<String>) -> Answer {
    let plan: PlanId = id(&plan, "find the plan")?;
    let frozen = app.engine().plan(&plan)?;
    let outcomes = app.engine().run_plan(&app.cx(), &frozen).await?;
    app.remember(plan.as_str(), outcomes);
    Ok(go(&format!("/plans/{plan}")))
}

async fn keep_form(app: &App, token: &str, typed: &str) -> Result<Confirm> {
    let key = key(token)?;
    let report = app.engine().last_sweep().await?;
    let row = report.iter().flat_map(|r| &r.rows).find(|r| r.resource.key == key);
    let name = row.map_or(key.id.as_str(), |r| r.resource.name.as_str());
    let kept = row.and_then(|r| r.resource.keep_until).filter(|until| *until > app.cx().now());
    let now = app.cx().clock().local();
    let mut says: Vec<Text> = vec!["Until then it is not called forgotten, and no plan removes it.".into()];
    if let Some(until) = kept {
        says.push(Text(format!("It is kept until {} now. Leave the field empty to end that.", say::when(until, &now))));
    }
    Ok(Confirm {
        title: Name(format!("Keep “{}” until…", say::clean(name, 60))),
        says,
        post: "/sweep/keep".into(),
        hidden: vec![("key", Name::from(token))],
        ask: Some(Asked {
            id: "until",
            label: "Until",
            hint: "7d, 22:00, tomorrow 8:00, 2026-12-24 18:00".into(),
            field: Field::of(typed),
            choices: vec!["1d", "7d", "30d", "end of day"],
        }),
        does: "Keep it",
        leaves: "Leave it as it is",
        ..Confirm::default()
    })
}

pub(crate) async fn ask_keep(State(app): State<App>, Query(query): Query) -> Answer {
    Ok(Html::of(&keep_form(&app, query.raw("key"), "").await?).into_response())
}

pub(crate) async fn keep(State(app): State<App>, fields: Fields) -> Answer {
    let key = key(fields.raw("key"))?;
    let now = app.cx().clock().local();
    let until = match fields.get("until") {
        None => Ok(None),
        Some(text) => text.parse::<CurfewSpec>().and_then(|spec| spec.resolve(&now)).map(Some).map_err(|e| {
            Error::input("until", e.to_string().replace("a curfew", "a time").replace("the curfew", "the time"))
        }),
    };
    match until {
        Ok(until) => {
            app.engine().keep(&key, until).await?;
            // The verdict changes with the mark; the table shows it at once.
            app.engine().sweep(&app.cx()).await?;
            Ok(go("/sweep"))
        }
        Err(error) => {
            let mut dialog = keep_form(&app, fields.raw("key"), fields.raw("until")).await?;
            if let Some(asked) = &mut dialog.ask {
                asked.field.wrong = views::wrong(&error);
            }
            Ok(unprocessable(&dialog))
        }
    }
}
