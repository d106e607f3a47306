//! How accounts come and go: what can be connected, by which fields, and until when its keys last. A cloud has one
//! [`Connector`]; pages and commands are written from what it says, and never name a cloud's own things.

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::ids::{AccountId, CloudId, RegionName};
use crate::provider::Provider;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A text that is shown, logged and stored nowhere but in the system's keychain: `Debug` leaves it out, and there is no
/// `Display` and no serde.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself, for whoever has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
    /// Is there nothing in it?
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where secrets were put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In the system's keychain.
    Keychain,
    /// In this process's memory; gone with it. With the reason.
    ThisSession(String),
}

/// The place for secrets. Calls may block (a locked keychain asks its user).
pub trait Secrets: Send + Sync {
    /// Keeps a secret under a name, in place of what was there.
    fn put(&self, name: &str, secret: &Secret) -> Kept;
    /// The secret of that name; `None`: there is none. An error where the keychain cannot be asked.
    fn get(&self, name: &str) -> Result<Option<Secret>>;
    /// Takes it out of the keychain and out of memory. That there is none is fine; that the keychain cannot be asked is an
    /// error, unless it was in memory.
    fn remove(&self, name: &str) -> Result<()>;
}

/// How long an account's keys last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "lasts", rename_all = "snake_case")]
pub enum KeyLife {
    /// No end of them is known.
    #[default]
    NoEnd,
    /// The cloud or whoever handed them out has said until when.
    Until {
        /// Then they end.
        at: Timestamp,
    },
    /// Nobody has said; they end then at the latest.
    AtMost {
        /// Then at the latest.
        at: Timestamp,
    },
    /// They are renewed without anybody's doing while a sign-in lasts that may end after this.
    Renewed {
        /// Until then without a renewal.
        at: Timestamp,
    },
}

impl KeyLife {
    /// The instant that is known of.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::NoEnd => None,
            Self::Until { at } | Self::AtMost { at } | Self::Renewed { at } => Some(*at),
        }
    }
    /// Are they over for certain? What is renewed or not known is not over before the cloud says so.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Until { at } | Self::AtMost { at } => *at <= now,
            Self::NoEnd | Self::Renewed { .. } => false,
        }
    }
    /// Might they end before `then`?
    pub fn may_end_before(&self, then: Timestamp) -> bool {
        self.at().is_some_and(|at| at < then)
    }
    /// "no end", "2 h 05 m left", "over since 14:20".
    pub fn says(&self, now: &jiff::Zoned) -> String {
        let left = |at: Timestamp| crate::say::duration(at.duration_since(now.timestamp()));
        let when = |at: Timestamp| crate::say::when(at, now);
        match *self {
            Self::NoEnd => "no end that is known of".into(),
            Self::Until { at } | Self::AtMost { at } if at <= now.timestamp() => format!("over since {}", when(at)),
            Self::Until { at } => format!("{} left, until {}", left(at), when(at)),
            Self::AtMost { at } => format!("not said; {} left at most, until {}", left(at), when(at)),
            Self::Renewed { at } if at <= now.timestamp() => "renewed by themselves while the sign-in lasts".into(),
            Self::Renewed { at } => {
                format!("renewed by themselves while the sign-in lasts, at least until {}", when(at))
            }
        }
    }
}

/// How new keys for an account are had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Renewal {
    /// New ones are pasted.
    Paste,
    /// With another code of a second factor; the id is a [`Found::id`].
    Code {
        /// What it is given to.
        id: String,
    },
    /// By signing in; the id is a [`Found::id`].
    SignIn {
        /// What to sign in to.
        id: String,
    },
    /// Where they came from: not here. One sentence says where.
    Elsewhere {
        /// "Renew them where the environment gets them from".
        says: String,
    },
}

/// What is known of a connected account, or of one that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// The cloud.
    pub cloud: CloudId,
    /// The account's number.
    pub account: AccountId,
    /// "AWS · vision-lab".
    pub title: String,
    /// Who the keys belong to, in the cloud's own words; `None`: not asked.
    pub who: Option<String>,
    /// Its home region.
    pub home: Option<RegionName>,
    /// Where its keys come from: "profile lab of ~/.aws", "pasted 26 Nov, in the system keychain".
    pub source: String,
    /// Other ways to the same account, which are not used.
    pub also: Vec<String>,
    /// Its keys are in this process's memory alone; why.
    pub this_session_only: Option<String>,
    /// Can it be taken away here? What the environment names cannot.
    pub removable: bool,
    /// How new keys are had.
    pub renewal: Renewal,
}

/// A connected account.
#[derive(Clone)]
pub struct Account {
    /// What is known of it.
    pub facts: AccountFacts,
    /// What it can do.
    pub provider: Arc<dyn Provider>,
}

/// Something that should be connected and is not.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Its cloud.
    pub cloud: CloudId,
    /// Which account, where that is known.
    pub facts: Option<AccountFacts>,
    /// Why.
    pub error: Arc<Error>,
}

/// What could be opened, and what could not.
#[derive(Clone, Default)]
pub struct Opened {
    /// One for each account; an account that is reached twice is here once.
    pub accounts: Vec<Account>,
    /// Why others are not there.
    pub problems: Vec<Problem>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts: Vec<&AccountFacts> = self.accounts.iter().map(|a| &a.facts).collect();
        f.debug_struct("Opened").field("accounts", &accounts).field("problems", &self.problems).finish()
    }
}

/// How something found on this computer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FoundState {
    /// It can be connected.
    Ready,
    /// It is connected.
    Connected,
    /// A sign-in is needed first; why.
    SignIn {
        /// "the session ran out yesterday 18:20".
        says: String,
    },
    /// It can be connected with a code of a second factor, which its user reads off a device.
    Code {
        /// "it asks for a code of arn:aws:iam::123456789012:mfa/ada".
        says: String,
    },
    /// Something is missing in it; what.
    Incomplete {
        /// "it names the SSO session corp, which is not there".
        says: String,
    },
}

/// Something on this computer that an account can be reached by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// By which it is connected and signed in to: `profile lab`.
    pub id: String,
    /// The name as the user gave it: `lab`.
    pub name: String,
    /// For people: "profile lab".
    pub title: String,
    /// What it is: "account 123456789012 as Researcher by the SSO session corp, eu-west-1".
    pub says: String,
    /// How it stands.
    pub state: FoundState,
    /// Can be signed in to.
    pub signs_in: bool,
    /// Can be connected (a session by itself is no account).
    pub connects: bool,
    /// Once it is ready, accounts can be chosen from what it opens: [`Connector::choices`].
    pub chooses: bool,
}

/// How a field of a pasted connection is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// As typed, and given back with an error.
    Plain,
    /// Seen while it is typed, never given back.
    Once,
    /// Never seen.
    Hidden,
    /// Several lines, never given back.
    Block,
}

/// A field of a pasted connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSheet {
    /// Its name in forms and errors.
    pub id: &'static str,
    /// "Secret access key".
    pub label: &'static str,
    /// One sentence, or nothing.
    pub hint: &'static str,
    /// What it looks like.
    pub example: &'static str,
    /// How it is shown.
    pub kind: FieldKind,
}

/// What is pasted, and where one has it from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasteSheet {
    /// "Paste keys".
    pub title: &'static str,
    /// Where one gets them, and what becomes of them.
    pub says: &'static str,
    /// The fields, in this order. The first block field can stand for all others.
    pub fields: &'static [FieldSheet],
}

/// What is to be connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Something that was found.
    Found {
        /// Its [`Found::id`].
        id: String,
    },
    /// Pasted, by the ids of [`PasteSheet::fields`]; fields left empty may be missing.
    Pasted(Vec<(String, Secret)>),
}

/// An account that is to be connected, and what its user calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// How.
    pub way: Way,
    /// What to call it; the provider's choice where `None`.
    pub name: Option<String>,
    /// Its home region; what the way names, or the cloud's usual one, where `None`.
    pub region: Option<String>,
    /// The code of a second factor, where what was found asks for one.
    pub code: Option<Secret>,
    /// Refuse it where its secrets could not be kept beyond this process (`Unsupported`): nothing is changed then.
    pub lasting: bool,
}

/// A sign-in that has begun. Whoever holds it drives it to its end by awaiting `done`; dropping it gives it up.
pub struct SignIn {
    /// What to compare with what the browser shows.
    pub code: String,
    /// The page to open.
    pub url: String,
    /// Until then it can be done.
    pub until: Timestamp,
    /// Ends when the user has signed in, has refused, or has let it run out.
    pub done: Pin<Box<dyn Future<Output = Result<()>> + Send>>,
}

/// One cloud's way of connecting accounts. Several processes may have one on the same home.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The cloud.
    fn cloud(&self) -> &CloudId;
    /// "AWS".
    fn title(&self) -> &'static str;
    /// What is pasted.
    fn paste(&self) -> PasteSheet;
    /// The accounts that something found opens, which nothing on this computer names: asked of the cloud now. Each is
    /// connected by its [`Found::id`]; nothing is written on this computer for it but in Curfew's own list.
    async fn choices(&self, _cx: &Cx, id: &str) -> Result<Vec<Found>> {
        Err(Error::input("profile", format!("no accounts are chosen from {}", crate::say::clean(id, 80))))
    }
    /// What there is on this computer. Reads files and calls nobody; a file that cannot be read is an error.
    fn found(&self, cx: &Cx) -> Result<Vec<Found>>;
    /// Another text whenever [`Connector::open`] might answer differently: cheap to ask every second.
    fn stamp(&self) -> String;
    /// Opens all accounts: connected ones and those that need no set-up. One that has not changed since the last call is
    /// the same provider as then.
    async fn open(&self, cx: &Cx) -> Opened;
    /// Tries a connection and keeps it; answers the account. Errors name the field at fault. An account that is connected
    /// already gets these keys and keeps all else.
    async fn connect(&self, cx: &Cx, connection: &Connection) -> Result<AccountFacts>;
    /// Begins a sign-in to something found.
    async fn sign_in(&self, cx: &Cx, id: &str) -> Result<SignIn>;
    /// Forgets a connection, and takes its secrets out of the keychain.
    async fn forget(&self, account: &AccountId) -> Result<()>;
}

/// How soon the end of keys is worth a word on Today.
pub const SOON: SignedDuration = SignedDuration::from_hours(12);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let way = Way::Pasted(vec![("secret".into(), Secret::new("planted"))]);
        assert!(!format!("{way:?} {:?}", Secret::new("planted")).contains("planted"));
    }

    #[test]
    fn how_long_keys_last_in_words() {
        let now: jiff::Zoned = "2026-11-26T14:20:00+01:00[Europe/Berlin]".parse().unwrap();
        let in_minutes = |m: i64| now.timestamp() + SignedDuration::from_mins(m);
        let check = |life: KeyLife, says: &str, over: bool| {
            assert_eq!((life.says(&now).as_str(), life.is_over(now.timestamp())), (says, over), "{life:?}");
        };
        check(KeyLife::NoEnd, "no end that is known of", false);
        check(KeyLife::Until { at: in_minutes(125) }, "2 h 05 m left, until 16:25", false);
        check(KeyLife::Until { at: in_minutes(-5) }, "over since 14:15", true);
        check(KeyLife::AtMost { at: in_minutes(720) }, "not said; 12 h 00 m left at most, until tomorrow 02:20", false);
        check(KeyLife::Renewed { at: in_minutes(-5) }, "renewed by themselves while the sign-in lasts", false);
        assert!(KeyLife::AtMost { at: in_minutes(60) }.may_end_before(in_minutes(61)));
        assert!(!KeyLife::NoEnd.may_end_before(in_minutes(99_999)));
    }
}
