//! Settings.

use crate::answer::{Answer, unprocessable};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::parts::{Name, Told};
use crate::pages::settings::Settings;
use crate::{App, views};
use axum::extract::State;
use axum::response::IntoResponse as _;

pub(crate) async fn page(State(app): State<App>, query: super::Query) -> Answer {
    app.wait(query.after()).await?;
    let engine = app.engine();
    let settings = engine.settings().await?;
    let file = engine.home().policy();
    let page = Settings {
        shell: app.shell("settings", "Settings", "/settings").await?,
        accounts: engine.providers().iter().map(|p| views::settings::account(&**p)).collect(),
        power: views::settings::power(&settings),
        habits: views::settings::habits(&settings, app.host().autostart()),
        policy: views::settings::policy(&file, file.exists(), &engine.policy()),
        home: Name(engine.home().root().to_string_lossy().into_owned()),
        journal: views::settings::journal(engine.journal_mode()),
        looping: if engine.loop_is_elsewhere() {
            "a Curfew process of this folder looks at what runs, sweeps and enforces".into()
        } else {
            "no process holds it just now; curfews held by supervisors and clouds hold all the same".into()
        },
    };
    Ok(Html::of(&page).into_response())
}

pub(crate) async fn power(State(app): State<App>, fields: Fields) -> Answer {
    let errors = match views::settings::power_of(&fields) {
        Err(errors) => errors,
        Ok(power) => {
            let mut settings = app.engine().settings().await?;
            settings.power = power;
            match app.engine().set_settings(&settings).await {
                Ok(()) => {
                    let mut form = views::settings::power(&settings);
                    form.kept = true;
                    return Ok(Html::of(&form).into_response());
                }
                Err(error) => vec![error],
            }
        }
    };
    Ok(unprocessable(&views::settings::power_typed(&fields, &errors)))
}

pub(crate) async fn habits(State(app): State<App>, fields: Fields) -> Answer {
    let mut settings = app.engine().settings().await?;
    settings.notify_ended = fields.on("notify_ended");
    settings.notify_curfew = fields.on("notify_curfew");
    settings.notify_forgotten = fields.on("notify_forgotten");
    let mut told = Vec::new();
    if app.host().autostart().is_some() {
        match app.host().set_autostart(fields.on("autostart")).await {
            Ok(()) => settings.autostart = fields.on("autostart"),
            Err(error) => told.push(Told::from(&error)),
        }
    }
    app.engine().set_settings(&settings).await?;
    let mut form = views::settings::habits(&settings, app.host().autostart());
    form.kept = told.is_empty();
    form.told = told;
    Ok(Html::of(&form).into_response())
}
