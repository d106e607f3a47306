//! What stands around every page: the rail, the bar with the money, the lab button.

use super::parts::{Name, Price};
use curfew_core::Timestamp;
use jiff::Zoned;

/// The frame of a page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The window's title, before "· Curfew".
    pub title: String,
    /// The [`RailItem::id`] of this page's section; empty for none.
    pub section: &'static str,
    /// The sections there are.
    pub rail: Vec<RailItem>,
    /// The accounts at the rail's foot.
    pub accounts: Vec<AccountDot>,
    /// The money in the bar.
    pub meters: Vec<Meter>,
    /// "3 go home by 22:00".
    pub home_by: Option<String>,
    /// The lab session that is on.
    pub lab: Option<LabOn>,
    /// Where this page is read again from when something changes; empty for never.
    pub live: String,
    /// The position in the changes that this page shows.
    pub cursor: String,
    /// When the page was made, in the user's time zone.
    pub now: Zoned,
}

impl Shell {
    /// The instant of `now`.
    pub fn at(&self) -> Timestamp {
        self.now.timestamp()
    }
    /// "22:05", "tomorrow 08:00".
    pub fn when(&self, at: &Timestamp) -> String {
        curfew_core::say::when(*at, &self.now)
    }
    /// "4 minutes ago".
    pub fn ago(&self, at: &Timestamp) -> String {
        curfew_core::say::ago(*at, self.at())
    }
}

/// A section in the rail.
#[derive(Debug, Clone)]
pub struct RailItem {
    /// Stable id: `today`, `train`.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Where it is.
    pub href: &'static str,
    /// How many things there need the user; 0 shows nothing.
    pub count: usize,
}

/// The sections of this version. A section enters with its first page that does something.
pub fn sections(need_you: usize) -> Vec<RailItem> {
    let item = |id, title, href| RailItem { id, title, href, count: 0 };
    vec![
        item("today", "Today", "/"),
        item("machines", "Machines", "/machines"),
        item("train", "Train", "/train"),
        item("endpoints", "Endpoints", "/endpoints"),
        RailItem { count: need_you, ..item("sweep", "Sweep", "/sweep") },
        item("labs", "Labs", "/labs"),
        item("settings", "Settings", "/settings"),
    ]
}

/// An account in the rail's foot.
#[derive(Debug, Clone)]
pub struct AccountDot {
    /// "AWS · vision-lab".
    pub title: Name,
    /// Could it be read at the last try?
    pub on: bool,
    /// What the dot means, in words.
    pub says: String,
}

/// A sum in the bar.
#[derive(Debug, Clone)]
pub struct Meter {
    /// Stable id: `hour`, `day`, `month`.
    pub id: &'static str,
    /// The sum.
    pub price: Price,
    /// Beside it: "an hour, now".
    pub per: String,
    /// Under it: "7 things running · 2 without a curfew".
    pub small: String,
}

/// The lab session that is on.
#[derive(Debug, Clone)]
pub struct LabOn {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Name,
}
