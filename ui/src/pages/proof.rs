//! The proof of a lab session's end: a page that stands alone, to print or to hand in.

use super::labs::Report;
use super::parts::Name;
use askama::Template;

/// The page. It needs nothing but the panel's style, so that it prints as it looks.
#[derive(Debug, Clone, Template)]
#[template(path = "proof.html")]
pub struct Proof {
    /// The session's name.
    pub name: Name,
    /// Its id.
    pub id: String,
    /// When it began.
    pub began: String,
    /// When it ended; "still on" else.
    pub ended: String,
    /// What the check found.
    pub report: Report,
    /// "2026-11-20 19:12 Europe/Berlin".
    pub made: String,
    /// The style sheet itself, for a file that stands alone; on the panel's page it is linked.
    pub style: Option<&'static str>,
}
