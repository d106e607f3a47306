//! Accounts: what is connected and until when, what could be, and where keys are pasted.

use super::parts::{Field, Name, Tag, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "accounts.html")]
pub struct Accounts {
    /// The frame.
    pub shell: Shell,
    /// "2 accounts are connected."
    pub sub: String,
    /// What should be connected and is not, where no account is known by it.
    pub told: Vec<Told>,
    /// The accounts at clouds.
    pub rows: Vec<Row>,
    /// A part for each cloud.
    pub clouds: Vec<Cloud>,
    /// The host opens addresses by itself.
    pub can_open: bool,
}

/// An account at a cloud.
#[derive(Debug, Clone)]
pub struct Row {
    /// An id for the page's elements.
    pub slug: String,
    /// Its cloud's id.
    pub cloud: String,
    /// Its number.
    pub account: Name,
    /// "AWS · vision-lab".
    pub title: Name,
    /// Who the keys belong to.
    pub who: Name,
    /// "eu-west-1".
    pub home: Name,
    /// Where its keys come from, and other ways to it.
    pub source: Vec<Text>,
    /// "2 h 05 m left, until 16:25".
    pub keys: Text,
    /// "connected", "keys refused", "not connected".
    pub state: Tag,
    /// What is to be known: why it is not connected, that its keys are kept for this session only.
    pub notes: Vec<Text>,
    /// How new keys are had.
    pub renew: Renew,
    /// Where its rights and set-up are; empty: it is not connected.
    pub rights: String,
    /// Can be removed here.
    pub removable: bool,
}

/// How new keys are had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renew {
    /// In the form below.
    Paste,
    /// With another code for this.
    Code(Name),
    /// By signing in to this.
    SignIn(Name),
    /// Not here; where.
    Elsewhere(Text),
}

/// What a cloud has on this computer.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Its id.
    pub id: String,
    /// "AWS".
    pub title: String,
    /// What was found.
    pub found: Vec<Found>,
    /// Why nothing could be found.
    pub wrong: Option<Told>,
    /// Sign-ins that go on.
    pub signing: Vec<Signing>,
    /// Where keys are pasted.
    pub paste: Paste,
}

/// Something found.
#[derive(Debug, Clone)]
pub struct Found {
    /// By which it is connected.
    pub id: Name,
    /// An id for the page's elements.
    pub slug: String,
    /// "profile lab".
    pub title: Name,
    /// What it is.
    pub says: Text,
    /// How it stands.
    pub state: Tag,
    /// Why it cannot be connected yet.
    pub why: Text,
    /// What can be done with it.
    pub act: Act,
}

/// What can be done with something found: one button, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Connect it.
    Connect,
    /// Sign in to it.
    SignIn,
    /// Give a code of a second factor.
    Code,
    /// Choose accounts of it.
    Choose,
    /// Nothing.
    Nothing,
}

/// The accounts that a sign-in opens, in the dialog.
#[derive(Debug, Clone, Template)]
#[template(path = "accounts_choose.html")]
pub struct Choose {
    /// The cloud's id.
    pub cloud: String,
    /// "SSO session corp".
    pub title: Name,
    /// What there is.
    pub found: Vec<Found>,
}

/// A sign-in that goes on, or failed.
#[derive(Debug, Clone)]
pub struct Signing {
    /// An id for the page's elements.
    pub slug: String,
    /// "profile lab".
    pub title: Name,
    /// What to compare.
    pub code: Name,
    /// Where to.
    pub url: Name,
    /// It is an address that a page may lead to.
    pub opens: bool,
    /// "until 14:35".
    pub until: String,
    /// What went wrong.
    pub failed: Option<Told>,
}

/// Where keys are pasted.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "accounts_paste.html")]
pub struct Paste {
    /// The cloud's id.
    pub cloud: String,
    /// "Paste keys".
    pub title: String,
    /// Where one has them, and what becomes of them.
    pub says: String,
    /// The fields, as the cloud names them.
    pub fields: Vec<Asked>,
    /// What to call it.
    pub name: Field,
    /// Its home region.
    pub region: Field,
    /// What went wrong, apart from fields.
    pub told: Vec<Told>,
}

/// A field of what is pasted. What is typed into it is given back only where it is no secret.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Its name.
    pub id: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Under it.
    pub hint: &'static str,
    /// What it looks like.
    pub example: &'static str,
    /// `text`, `password` or `block`.
    pub kind: &'static str,
    /// What stands in it, and what is wrong.
    pub field: Field,
}
