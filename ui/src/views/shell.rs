//! The frame of every page, from what Today knows.

use super::total;
use crate::pages::Name;
use crate::pages::parts::Price;
use crate::pages::shell::{AccountDot, LabOn, Meter, Shell, sections};
use curfew_core::{Money, say};
use curfew_engine::{Cursor, Engine, Today};
use jiff::{SignedDuration, Zoned};

/// The frame of a page that stays true: `live` is where it is read again from.
pub fn shell(
    engine: &Engine,
    today: &Today,
    cursor: Cursor,
    section: &'static str,
    title: impl Into<String>,
    live: impl Into<String>,
) -> Shell {
    let now = today.now.to_zoned(engine.clock().zone());
    Shell {
        title: title.into(),
        section,
        rail: sections(today.needs_you.len()),
        accounts: accounts(engine, today),
        meters: meters(today),
        home_by: home_by(today, &now),
        lab: today.lab.as_ref().map(|l| LabOn { id: l.id.to_string(), name: Name::from(&l.name) }),
        live: live.into(),
        cursor: cursor.0.to_string(),
        now,
    }
}

/// The frame of a page that cannot know the money: the store could not be read.
pub fn bare(engine: &Engine, title: impl Into<String>) -> Shell {
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
        now: engine.clock().local(),
    }
}

fn accounts(engine: &Engine, today: &Today) -> Vec<AccountDot> {
    let dot = |p: &std::sync::Arc<dyn curfew_core::provider::Provider>| {
        let gaps = today.gaps.iter().filter(|g| g.cloud == *p.cloud() && g.account == *p.account()).count();
        let says = match (gaps, today.swept) {
            (0, Some(_)) => "read at the last sweep".into(),
            (0, None) => "connected, not swept yet".into(),
            (n, _) => format!("{} could not be read", say::count(n, "place", "places")),
        };
        AccountDot { title: Name(p.title()), on: gaps == 0, says }
    };
    engine.providers().iter().map(dot).collect()
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
    Some(format!("{} {verb} home by {}", ends.len(), say::when(*last, now)))
}
