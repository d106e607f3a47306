//! One account at a cloud.

use super::Query;
use crate::answer::{Answer, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::account::PartCard;
use crate::pages::parts::{Field, Told};
use crate::{App, views};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use curfew_core::access::{Access, Level, Part, Policy};
use curfew_core::provider::Provider;
use curfew_core::{AccountId, CloudId, Error, ErrorKind, Result};
use jiff::SignedDuration;
use std::sync::Arc;

fn account(app: &App, cloud: &str, account: &str) -> Result<Arc<dyn Provider>> {
    let cloud: CloudId = super::id(cloud, "find the account")?;
    app.engine().account_at(&cloud, &AccountId(account.to_owned()))
}

fn access(provider: &dyn Provider) -> Result<&dyn Access> {
    let nothing = || Error::new(ErrorKind::Unsupported, "look at the account", "there is nothing to look up here");
    provider.access().ok_or_else(nothing)
}

fn at(provider: &dyn Provider) -> String {
    views::account::address(provider.cloud(), provider.account())
}

pub(crate) async fn page(State(app): State<App>, Path((cloud, id)): Path<(String, String)>, query: Query) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let access = access(&*provider)?;
    // Not read again by itself: nothing of it changes while it is looked at.
    let shell = app.shell("settings", provider.title(), "").await?;
    // What an address brings along is shown only if it looks like an action.
    let sound =
        |text: &&str| text.len() <= 120 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":-".contains(&b));
    let need = query.0.get("need").filter(sound);
    let known = views::account::Known {
        title: provider.title(),
        cloud: provider.cloud().clone(),
        account: provider.account().clone(),
        policies: access.policies(),
        regions: access.regions_known(),
    };
    let page = views::account::account(shell, &known, need, app.host().can_save());
    Ok(Html::of(&page).into_response())
}

pub(crate) async fn may(State(app): State<App>, Path((cloud, id)): Path<(String, String)>) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let (access, cx) = (access(&*provider)?, app.cx());
    let who = access.who(&cx).await?;
    let report = access.may(&cx).await?;
    Ok(Html::of(&views::account::may(&at(&*provider), &who, &report, &cx.clock().local())).into_response())
}

pub(crate) async fn regions(State(app): State<App>, Path((cloud, id)): Path<(String, String)>) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let (access, cx) = (access(&*provider)?, app.cx());
    let told = access.regions(&cx, SignedDuration::ZERO).await.err();
    let mut part = views::account::regions(&at(&*provider), &access.regions_known(), &cx.clock().local());
    part.told.extend(told.as_ref().map(Told::from));
    Ok(Html::of(&part).into_response())
}

// ---- Policies ----

fn policy(access: &dyn Access, level: &str) -> Result<Policy> {
    let missing = || Error::new(ErrorKind::NotFound, "find the policy", "there is no such policy");
    let level: Level = level.parse().map_err(|_| missing())?;
    access.policies().into_iter().find(|p| p.level == level).ok_or_else(missing)
}

pub(crate) async fn policy_file(
    State(app): State<App>,
    Path((cloud, id, level)): Path<(String, String, String)>,
) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let policy = policy(access(&*provider)?, &level)?;
    let disposition = format!("attachment; filename=\"{}.json\"", policy.name);
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, policy.text).into_response())
}

/// Saves it where the host's dialog says.
pub(crate) async fn save_policy(
    State(app): State<App>,
    Path((cloud, id, level)): Path<(String, String, String)>,
) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let policy = policy(access(&*provider)?, &level)?;
    app.host().save(&format!("{}.json", policy.name), policy.text.as_bytes()).await?;
    Ok(axum::http::StatusCode::NO_CONTENT.into_response())
}

// ---- Role and bucket ----

async fn card(app: &App, provider: &dyn Provider, part: Part) -> Result<PartCard> {
    let (access, cx) = (access(provider)?, app.cx());
    let chosen = access.chosen(&cx, part).await;
    let found = access.found(&cx, part).await;
    Ok(views::account::part(&at(provider), part, &access.part(part), &chosen, &found))
}

type OfPart = Path<(String, String, String)>;

pub(crate) async fn part(State(app): State<App>, Path((cloud, id, part)): OfPart) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    Ok(Html::of(&card(&app, &*provider, part.parse()?).await?).into_response())
}

pub(crate) async fn choose(State(app): State<App>, Path((cloud, id, part)): OfPart, fields: Fields) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let part: Part = part.parse()?;
    // What was typed was typed last.
    let picked = fields.get("typed").or_else(|| fields.get("id"));
    let chosen = match picked {
        Some(picked) => access(&*provider)?.choose(&app.cx(), part, picked).await.map(drop),
        None => Err(Error::input(part.word(), "nothing is chosen").next("Choose one, or type its name")),
    };
    let mut card = card(&app, &*provider, part).await?;
    match chosen {
        Ok(()) => card.kept = true,
        Err(error) => {
            card.typed = Field::of(fields.raw("typed"));
            if !views::at_field(&error, &mut [(part.word(), &mut card.typed)]) {
                card.told.push(Told::from(&error));
            }
            return Ok(unprocessable(&card));
        }
    }
    Ok(Html::of(&card).into_response())
}

pub(crate) async fn forget(State(app): State<App>, Path((cloud, id, part)): OfPart) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let part: Part = part.parse()?;
    access(&*provider)?.unchoose(part)?;
    Ok(Html::of(&card(&app, &*provider, part).await?).into_response())
}

pub(crate) async fn ask_make(State(app): State<App>, Path((cloud, id, part)): OfPart) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let part: Part = part.parse()?;
    Ok(Html::of(&views::account::make(&at(&*provider), part, &access(&*provider)?.part(part))).into_response())
}

pub(crate) async fn make(State(app): State<App>, Path((cloud, id, part)): OfPart) -> Answer {
    let provider = account(&app, &cloud, &id)?;
    let part: Part = part.parse()?;
    match app.engine().set_up(&app.cx(), &*provider, part).await {
        Ok(_) => Ok(crate::answer::go(&at(&*provider))),
        Err(error) => {
            let mut dialog = views::account::make(&at(&*provider), part, &access(&*provider)?.part(part));
            dialog.told.push(Told::from(&error));
            Ok(unprocessable(&dialog))
        }
    }
}
