//! The frame of every page, from what Today knows.

use super::total;
use crate::pages::Name;
use crate::pages::parts::Price;
use crate::pages::shell::{AccountDot, LabOn, Meter, Shell, sections};
use curfew_core::provider::Provider;
use curfew_core::{Money, say};
use curfew_engine::{AccountView, Today};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use std::sync::Arc;

/// Where a page stands and where it is read again from.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The section in the rail; empty for none.
    pub section: &'static str,
    /// The window's title.
    pub title: String,
    /// Where it is read again from when something changes; empty for never.
    pub live: String,
    /// What it shows, as the wait for news takes it.
    pub cursor: String,
}

/// The frame of a page.
pub fn shell(today: &Today, providers: &[Arc<dyn Provider>], zone: TimeZone, place: Place) -> Shell {
    let now = today.now.to_zoned(zone);
    Shell {
        title: place.title,
        section: place.section,
        rail: sections(today.needs_you.len()),
        accounts: providers.iter().map(|p| account(&**p, today)).collect(),
        meters: meters(today),
        home_by: home_by(today, &now),
        lab: today.lab.as_ref().map(|l| LabOn { id: l.id.to_string(), name: Name::from(&l.name) }),
        live: place.live,
        cursor: place.cursor,
        now,
    }
}

/// The frame of a page that cannot know the money: the store could not be read.
pub fn bare(now: Zoned, title: impl Into<String>) -> Shell {
    Shell {
        title: title.into(),
        section: "",
        rail: sections(0),
        accounts: Vec::new(),
        meters: vec![Meter {
            id: "hour",
            price: Price::words("Not known", ""),
            per: "what it costs now".into(),
            small: "it could not be read".into(),
        }],
        home_by: None,
        lab: None,
        live: String::new(),
        cursor: String::new(),
        now,
    }
}

fn account(provider: &dyn Provider, today: &Today) -> AccountDot {
    let gaps = today.gaps.iter().filter(|g| g.cloud == *provider.cloud() && g.account == *provider.account()).count();
    let mine = |v: &&AccountView| v.facts.cloud == *provider.cloud() && v.facts.account == *provider.account();
    if today.accounts.iter().find(mine).is_some_and(|v| v.refused_since.is_some()) {
        return AccountDot { title: Name(provider.title()), on: false, says: "its keys have run out".into() };
    }
    let says = match (gaps, today.swept) {
        (0, Some(_)) => "read at the last sweep".into(),
        (0, None) => "connected, not swept yet".into(),
        (n, _) => format!("{} could not be read", say::count(n, "place", "places")),
    };
    AccountDot { title: Name(provider.title()), on: gaps == 0, says }
}

fn meters(today: &Today) -> Vec<Meter> {
    let mut small = match today.running {
        0 => "nothing is running".into(),
        n => say::count(n, "thing running", "things running"),
    };
    if today.no_curfew > 0 {
        small = format!("{small} · {} without a curfew", today.no_curfew);
    }
    if today.rate.unknown > 0 {
        small = format!("{small} · {} of unknown price", today.rate.unknown);
    }
    if !today.gaps.is_empty() {
        small = format!("{small} · {} not read", say::count(today.gaps.len(), "place", "places"));
    }
    let hour = match today.rate.sum() {
        Some(sum) => (Price::amount(sum, ""), "an hour, now"),
        None if today.rate.unknown > 0 => (Price::words("Price unknown", ""), "now"),
        None if today.rate.not_billed > 0 => (Price::words("Not billed", ""), "now"),
        None => (Price::amount(Money::zero_usd(), ""), "an hour, now"),
    };
    let day = total(&today.today);
    let capital = |text: &str| {
        let mut chars = text.chars();
        chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect::<String>())
    };
    vec![
        Meter { id: "hour", price: hour.0, per: hour.1.into(), small },
        Meter {
            id: "day",
            per: "today".into(),
            small: day.note.clone(),
            price: Price { main: capital(&day.main), ..day },
        },
    ]
}

/// "3 go home by 22:05": what ends by itself within the next twelve hours.
fn home_by(today: &Today, now: &Zoned) -> Option<String> {
    let limit = today.now + SignedDuration::from_hours(12);
    let ends: Vec<_> = today.night.iter().filter_map(|row| row.at).filter(|at| *at <= limit).collect();
    let last = ends.iter().max()?;
    let verb = if ends.len() == 1 { "goes" } else { "go" };
    let midnight = last.to_zoned(now.time_zone().clone()).time() == jiff::civil::Time::midnight();
    let last = if midnight { "midnight".into() } else { say::when(*last, now) };
    Some(format!("{} {verb} home by {last}", ends.len()))
}
