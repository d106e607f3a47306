//! Pages: a view struct and its template each. A page is a function from its view to HTML.
//!
//! Invariant: nothing here does I/O, knows the engine or reads a clock; `now` is in the view. Text from outside goes
//! through [`Name`] (control characters made visible) and through the templates' escaping.

pub mod account;
pub mod accounts;
pub mod compare;
pub mod dialog;
pub mod endpoint;
pub mod endpoints;
pub mod fault;
pub mod figure;
pub mod labs;
pub mod machines;
pub mod metrics;
pub mod parts;
pub mod plan;
pub mod proof;
pub mod run;
pub mod serving;
pub mod settings;
pub mod shell;
pub mod sweep;
pub mod today;
pub mod train;

pub use parts::{Name, Text};
pub use shell::Shell;

/// A complete HTML text. Made only by templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Draws a page.
    pub fn of(page: &impl askama::Template) -> Self {
        // Writing to a String and showing our own types cannot fail.
        Self(page.render().expect("a template renders"))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl axum::response::IntoResponse for Html {
    fn into_response(self) -> axum::response::Response {
        axum::response::Html(self.0).into_response()
    }
}
