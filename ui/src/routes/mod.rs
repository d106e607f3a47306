//! Addresses and what answers them. Here is the I/O: the engine is asked, views are made, pages are drawn.

mod account;
mod accounts;
mod compare;
mod endpoints;
mod export;
mod figure;
mod host;
mod labs;
mod machines;
mod metrics;
mod run;
mod series;
mod settings;
mod sweep;
mod today;
mod train;

use crate::pages::parts::Name;
use crate::views::train::Choices;
use crate::{App, answer, assets, headers};
use axum::Router;
use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use curfew_core::{Error, ErrorKind};
use std::convert::Infallible;

/// The panel's pages. `serve` puts [`crate::guard`] around it; the desktop answers `panel://` with it.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(today::page))
        .route("/machines", get(machines::page))
        .route("/machines/found", get(machines::list))
        .route("/machines/rows", get(machines::rows))
        .route("/machines/show", get(machines::show))
        .route("/machines/compare", get(machines::compare))
        .route("/machines/ask", get(machines::ask).post(machines::send_ask))
        .route("/machines/placement", get(machines::placement))
        .route("/machines/picture", get(machines::picture))
        .route("/machines/hour", post(machines::hour))
        .route("/machines/prices", get(machines::ask_prices).post(machines::prices))
        .route("/train/trial", post(machines::trial))
        .route("/host/open", post(machines::open))
        .route("/train", get(train::page))
        .route("/train/price", get(train::price))
        .route("/train/options", get(train::options))
        .route("/runs", get(train::page).post(train::launch))
        .route("/runs/{id}", get(run::page))
        .route("/runs/{id}/series.json", get(series::json))
        .route("/runs/{id}/panels.json", get(series::panels_json))
        .route("/compare/figure", get(figure::ask_of_several))
        .route("/compare/figure/file", get(figure::file_of_several))
        .route("/compare/figure/save", post(figure::save_of_several))
        .route("/runs/{id}/figure", get(figure::ask))
        .route("/runs/{id}/figure/file", get(figure::file))
        .route("/runs/{id}/figure/save", post(figure::save))
        .route("/runs/{id}/metrics", get(metrics::page).post(metrics::save))
        .route("/runs/{id}/metrics/lines", post(metrics::lines))
        .route("/runs/{id}/export", get(export::ask))
        .route("/runs/{id}/export/{format}", get(export::file).post(export::save))
        .route("/compare", get(compare::page))
        .route("/compare/series.json", get(compare::json))
        .route("/runs/{id}/log", get(run::log))
        .route("/runs/{id}/monitor", post(run::pop_out))
        .route("/runs/{id}/extend", get(run::ask_extend).post(run::extend))
        .route("/runs/{id}/stop", get(run::ask_stop).post(run::stop))
        .route("/runs/{id}/remove", get(run::ask_remove).post(run::remove))
        .route("/endpoints", get(endpoints::page).post(endpoints::deploy))
        .route("/endpoints/price", get(endpoints::price))
        .route("/endpoints/modes", get(endpoints::modes))
        .route("/endpoints/{id}", get(endpoints::one))
        .route("/endpoints/{id}/figures", get(endpoints::figures))
        .route("/endpoints/{id}/answer", get(endpoints::answer))
        .route("/endpoints/{id}/ask", post(endpoints::ask))
        .route("/endpoints/{id}/log", get(endpoints::log))
        .route("/endpoints/{id}/extend", get(endpoints::ask_extend).post(endpoints::extend))
        .route("/endpoints/{id}/stop", get(endpoints::ask_stop).post(endpoints::stop))
        .route("/endpoints/{id}/remove", get(endpoints::ask_remove).post(endpoints::remove))
        .route("/sweep", get(sweep::page).post(sweep::again))
        .route("/sweep/plan", post(sweep::freeze))
        .route("/sweep/keep", get(sweep::ask_keep).post(sweep::keep))
        .route("/plans/{id}", get(sweep::plan))
        .route("/plans/{id}/run", post(sweep::run))
        .route("/labs", get(labs::page))
        .route("/labs/sessions", post(labs::start))
        .route("/labs/sessions/{id}", get(labs::session))
        .route("/labs/sessions/{id}/check", post(labs::check))
        .route("/labs/sessions/{id}/end", post(labs::end))
        .route("/labs/sessions/{id}/clear", get(labs::ask_clear).post(labs::clear))
        .route("/labs/sessions/{id}/close", get(labs::ask_close).post(labs::close))
        .route("/labs/sessions/{id}/proof", get(labs::proof))
        .route("/labs/sessions/{id}/proof.pdf", get(labs::proof_pdf))
        .route("/labs/sessions/{id}/proof/save", post(labs::save_proof))
        .route("/labs/{lab}", get(labs::guided))
        .route("/labs/{lab}/{verb}", post(labs::step))
        .route("/accounts/{cloud}/{account}", get(account::page))
        .route("/accounts/{cloud}/{account}/may", get(account::may))
        .route("/accounts/{cloud}/{account}/regions", post(account::regions))
        .route("/accounts/{cloud}/{account}/policies/{level}", get(account::policy_file).post(account::save_policy))
        .route("/accounts/{cloud}/{account}/parts/{part}", get(account::part).post(account::choose))
        .route("/accounts/{cloud}/{account}/parts/{part}/forget", post(account::forget))
        .route("/accounts/{cloud}/{account}/parts/{part}/make", get(account::ask_make).post(account::make))
        .route("/accounts", get(accounts::page))
        .route("/accounts/choose", get(accounts::choose))
        .route("/accounts/code", get(accounts::ask_code).post(accounts::code))
        .route("/accounts/connect", post(accounts::connect))
        .route("/accounts/paste", post(accounts::paste))
        .route("/accounts/sign-in", post(accounts::sign_in))
        .route("/accounts/forget", get(accounts::ask_forget).post(accounts::forget))
        .route("/settings", get(settings::page))
        .route("/settings/power", post(settings::power))
        .route("/settings/habits", post(settings::habits))
        .route("/host/pick-folder", post(host::pick_folder))
        .route("/host/pick-file", post(host::pick_file))
        .layer(from_fn_with_state(app.clone(), answer::show_faults))
        .merge(assets::router())
        .fallback(nowhere)
        .layer(from_fn_with_state(app.clone(), answer::show_faults))
        .layer(from_fn(answer::finish))
        .layer(from_fn(headers::on_every_answer))
        .with_state(app)
}

async fn nowhere() -> answer::Failed {
    Error::new(ErrorKind::NotFound, "open the page", "there is no such page here")
        .next("Choose a section on the left")
        .into()
}

/// The query string as fields.
pub(crate) struct Query(pub(crate) crate::fields::Fields);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let RawQuery(text) = RawQuery::from_request_parts(parts, state).await?;
        Ok(Self(crate::fields::Fields::parse(text.unwrap_or_default().as_bytes())))
    }
}

impl Query {
    /// Where the page said that it is.
    pub(crate) fn after(&self) -> Option<&str> {
        self.0.get("after")
    }
}

/// An id from an address. One that cannot be an id names nothing.
pub(crate) fn id<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Error> {
    text.parse().map_err(|_| {
        let shown = curfew_core::say::clean(text, 80);
        Error::new(ErrorKind::NotFound, what, format!("there is nothing called “{shown}”"))
    })
}

/// What the launcher and the deploy form offer. That a list cannot be read takes nothing from the form but the choice.
pub(crate) async fn choices(app: &App, of_runs: bool) -> Choices {
    let cx = app.cx();
    let mut machines = Vec::new();
    let providers = app.engine().providers();
    for provider in providers.iter() {
        let able = if of_runs { provider.training().is_some() } else { provider.serving().is_some() };
        if !able {
            continue;
        }
        let offers = match provider.offers() {
            Some(offers) => offers.machines(&cx).await.map(|sweep| sweep.items).unwrap_or_default(),
            None => Vec::new(),
        };
        if provider.cloud().as_str() == "local" {
            let size = offers.first().map(|m| {
                let accelerators = m.accelerators.as_ref().map_or_else(|| "no GPU".into(), Clone::clone);
                format!(" ({} cores, {:.0} GiB, {accelerators})", m.vcpus, m.memory_gib)
            });
            machines.push(("local".to_owned(), Name(format!("{}{}", provider.title(), size.unwrap_or_default()))));
            continue;
        }
        // Where a cloud has several accounts here, a machine says whose it is.
        let several = providers.iter().filter(|p| p.cloud() == provider.cloud()).count() > 1;
        machines.extend(offers.into_iter().map(|mut m| {
            m.machine.account = several.then(|| provider.account().clone());
            let name = curfew_core::MachineRef { account: None, ..m.machine.clone() };
            let shown = format!("{} · {name} · {} vCPU, {:.0} GiB", provider.title(), m.vcpus, m.memory_gib);
            (m.machine.to_string(), Name(shown))
        }));
    }
    Choices::new(machines, app.engine().policy().ok().as_ref(), app.host().can_pick(), of_runs)
}
