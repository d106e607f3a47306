//! Routes, view structs, templates and static files: the panel's pages.
//!
//! - [`pages`]: a view struct and a template each; pure functions from view to HTML.
//!
//! Invariant: a page does no I/O. Invariant: no page needs a redirect, a cookie, a WebSocket or a server-sent event.

mod assets;
pub mod fields;
pub mod guard;
pub mod headers;
pub mod host;
pub mod pages;

pub use host::Host;
