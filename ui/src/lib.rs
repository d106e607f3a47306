//! Routes, view structs, templates and static files: the panel's pages.
//!
//! - [`pages`]: a view struct and a template each; pure functions from view to HTML.
//! - [`views`]: from what the engine knows to a view; pure too.
//! - [`router`]: addresses; here is the I/O.
//! - [`Host`]: what a page cannot do itself. [`guard`]: who may come in over loopback.
//!
//! Invariant: a page does no I/O. Invariant: no page needs a redirect, a cookie, a WebSocket or a server-sent event:
//! live parts long-poll `?after=CURSOR`, one a page, and a POST answers with `HX-Location`.

mod answer;
mod app;
pub mod assets;
pub mod fields;
pub mod guard;
pub mod headers;
pub mod host;
pub mod pages;
mod routes;
mod series;
pub mod views;

pub use app::App;
pub use host::{Browser, Host};
pub use routes::router;

/// The proof of a lab session's end as a file that stands alone: style included, nothing loaded.
pub fn proof_html(report: &curfew_core::lab::LabReport, zone: &jiff::tz::TimeZone) -> String {
    pages::Html::of(&views::labs::proof(report, zone, Some(assets::PLAIN_STYLE))).into_string()
}
