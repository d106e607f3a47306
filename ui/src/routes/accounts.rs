//! Accounts: connect, sign in, give new keys, remove.

use super::Query;
use crate::answer::{Answer, go, unprocessable};
use crate::fields::Fields;
use crate::host::may_open;
use crate::pages::Html;
use crate::pages::accounts::Accounts;
use crate::pages::dialog::Confirm;
use crate::pages::parts::Told;
use crate::{App, views};
use axum::extract::State;
use axum::response::IntoResponse as _;
use curfew_core::connect::{Connection, Connector, Secret, Way};
use curfew_core::{Error, ErrorKind, Result};
use curfew_engine::AccountView;
use std::sync::Arc;

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let engine = app.engine();
    let cx = app.cx();
    engine.follow_accounts(&cx).await?;
    let shell = app.shell("settings", "Accounts", "/accounts").await?;
    let now = shell.now.clone();
    let rows: Vec<_> = engine.account_views().iter().map(|v| views::accounts::row(v, &now)).collect();
    let problems = engine.account_problems();
    let signing = engine.signing_in();
    let mut clouds = Vec::new();
    for connector in engine.connectors() {
        let found = engine.found_accounts(&cx, connector).await;
        let about = (connector.cloud(), connector.title());
        clouds.push(views::accounts::cloud(about, &connector.paste(), found, &signing, &now));
    }
    let page = Accounts {
        sub: views::accounts::sub(&rows),
        told: problems.iter().filter(|p| p.facts.is_none()).map(|p| Told::from(&*p.error)).collect(),
        rows,
        clouds,
        can_open: app.host().can_pick(),
        shell,
    };
    Ok(Html::of(&page).into_response())
}

fn connector<'a>(app: &'a App, fields: &Fields) -> Result<&'a Arc<dyn Connector>> {
    let cloud = fields.raw("cloud");
    app.engine().connectors().iter().find(|c| c.cloud().as_str() == cloud).ok_or_else(|| {
        let shown = curfew_core::say::clean(cloud, 40);
        Error::new(ErrorKind::NotFound, "find the cloud", format!("accounts of “{shown}” cannot be connected here"))
    })
}

/// What a sign-in opens, to choose from.
pub(crate) async fn choose(State(app): State<App>, Query(fields): Query) -> Answer {
    let (engine, cx) = (app.engine(), app.cx());
    let connector = connector(&app, &fields)?;
    let id = fields.raw("id");
    let found = engine.choices_of(&cx, connector.cloud().as_str(), id).await?;
    let all = engine.found_accounts(&cx, connector).await?;
    let title = all.iter().find(|f| f.id == id).map_or(id, |f| f.title.as_str());
    Ok(Html::of(&views::accounts::choose(connector.cloud(), title, &found)).into_response())
}

/// Connects what was found.
pub(crate) async fn connect(State(app): State<App>, fields: Fields) -> Answer {
    let way = Way::Found { id: fields.raw("id").to_owned() };
    let connection = Connection { way, name: None, region: None, code: None, lasting: false };
    app.engine().connect(&app.cx(), fields.raw("cloud"), &connection).await?;
    Ok(go("/accounts"))
}

async fn code_form(app: &App, fields: &Fields) -> Result<Confirm> {
    let connector = connector(app, fields)?;
    let found = app.engine().found_accounts(&app.cx(), connector).await?;
    let found = found.into_iter().find(|f| f.id == fields.raw("id")).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "find it", "what the code was for is not on this computer any more")
    })?;
    Ok(views::accounts::code(connector.cloud(), &found))
}

pub(crate) async fn ask_code(State(app): State<App>, Query(fields): Query) -> Answer {
    Ok(Html::of(&code_form(&app, &fields).await?).into_response())
}

/// Connects with a code of a second factor. The code is never given back.
pub(crate) async fn code(State(app): State<App>, fields: Fields) -> Answer {
    let way = Way::Found { id: fields.raw("id").to_owned() };
    let code = Some(Secret::new(fields.raw("code")));
    let connection = Connection { way, name: None, region: None, code, lasting: false };
    let Err(error) = app.engine().connect(&app.cx(), fields.raw("cloud"), &connection).await else {
        return Ok(go("/accounts"));
    };
    let mut dialog = code_form(&app, &fields).await?;
    match (&mut dialog.ask, error.field()) {
        (Some(asked), Some("code")) => asked.field.wrong = views::wrong(&error),
        _ => dialog.told.push(Told::from(&error)),
    }
    Ok(unprocessable(&dialog))
}

/// Connects by what was pasted. Nothing of what was typed is lost but the secrets.
pub(crate) async fn paste(State(app): State<App>, fields: Fields) -> Answer {
    let connector = connector(&app, &fields)?;
    let sheet = connector.paste();
    let connection = views::accounts::connection(&fields, &sheet);
    match app.engine().connect(&app.cx(), connector.cloud().as_str(), &connection).await {
        Ok(_) => Ok(go("/accounts")),
        Err(error) => {
            tracing::debug!(error = ?error, "keys that were pasted were not taken");
            Ok(unprocessable(&views::accounts::paste_wrong(connector.cloud(), &sheet, &fields, &error)))
        }
    }
}

/// Begins a sign-in; the page shows its code, and the browser is opened where the host can.
pub(crate) async fn sign_in(State(app): State<App>, fields: Fields) -> Answer {
    let begun = app.engine_arc().start_sign_in(&app.cx(), fields.raw("cloud"), fields.raw("id")).await?;
    if may_open(&begun.url)
        && app.host().can_pick()
        && let Err(error) = app.host().open_url(&begun.url).await
    {
        // The page shows the address too.
        tracing::warn!(error = ?error, "the browser could not be opened for the sign-in");
    }
    Ok(go("/accounts"))
}

fn known(app: &App, fields: &Fields) -> Result<AccountView> {
    let (cloud, account) = views::accounts::account_of(fields);
    let mut all = app.engine().account_views().into_iter();
    all.find(|v| v.facts.cloud.as_str() == cloud && v.facts.account == account)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "find the account", "this account is not connected any more"))
}

pub(crate) async fn ask_forget(State(app): State<App>, Query(fields): Query) -> Answer {
    let view = known(&app, &fields)?;
    let (today, _) = app.today().await?;
    Ok(Html::of(&views::accounts::forget(&view, views::accounts::running(&today, &view))).into_response())
}

pub(crate) async fn forget(State(app): State<App>, fields: Fields) -> Answer {
    let (cloud, account) = views::accounts::account_of(&fields);
    app.engine().forget_account(&app.cx(), &cloud, &account).await?;
    Ok(go("/accounts"))
}
