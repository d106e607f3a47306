//! From what the engine knows to what a page shows. Pure: the I/O has been done by the routes.

pub mod account;
pub mod accounts;
pub mod compare;
pub mod endpoint;
pub mod labs;
pub mod machines;
pub mod metrics;
pub mod run;
pub mod serving;
pub mod settings;
pub mod shell;
pub mod sweep;
pub mod today;
pub mod train;

use crate::pages::parts::{Field, Name, Price, Text};
use crate::pages::run::Failed;
use crate::pages::today::GapLine;
use crate::pages::train::PriceLine;
use curfew_core::money::Total;
use curfew_core::provider::Quote;
use curfew_core::resource::ResourceKey;
use curfew_core::run::Failure;
use curfew_core::{AccountId, CloudId, Cost, Error, Gap, Money, RegionName, Timestamp, say};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

/// A resource's key as a form sends it. Ids are a provider's, verbatim, and may hold what HTML does not carry
/// unharmed (control characters, line ends), so each part is percent-encoded.
pub fn key_token(key: &ResourceKey) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("c", key.cloud.as_str())
        .append_pair("a", &key.account.0)
        .append_pair("r", key.region.as_str())
        .append_pair("k", &key.kind)
        .append_pair("i", &key.id);
    text.finish()
}

/// The key back. `None` for what no page of ours has sent.
pub fn key_of(token: &str) -> Option<ResourceKey> {
    let mut key = (None, None, None, None, None);
    for (name, value) in form_urlencoded::parse(token.as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "c" => key.0 = CloudId::new(value).ok(),
            "a" => key.1 = Some(AccountId(value)),
            "r" => key.2 = RegionName::new(value).ok(),
            "k" => key.3 = Some(value),
            "i" => key.4 = Some(value),
            _ => return None,
        }
    }
    Some(ResourceKey { cloud: key.0?, account: key.1?, region: key.2?, kind: key.3?, id: key.4? })
}

/// An element id out of a key: stable, and different for different keys.
pub fn slug(key: &ResourceKey) -> String {
    // FNV-1a, which stays the same from one toolchain to the next, as ids in tests must.
    let hash = key_token(key).bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let name = curfew_core::ids::to_name(&key.id).unwrap_or_default();
    let name: String = name.chars().take(24).collect();
    format!("{}-{hash:08x}", name.trim_matches('-')).trim_start_matches('-').to_owned()
}

pub(crate) fn gap(gap: &Gap) -> GapLine {
    let mut what = gap.what.clone();
    if let Some(region) = &gap.region {
        what = format!("{what} · {region}");
    }
    GapLine { what: Name(format!("{what} · {} {}", gap.cloud, gap.account)), reason: Text::from(&gap.reason) }
}

pub(crate) fn failed(failure: &Failure) -> Failed {
    Failed {
        what: Text::from(&failure.what),
        next: Text::from(&failure.next),
        log_end: failure.log_end.iter().map(Text::from).collect(),
    }
}

/// A sum of costs, with what it leaves out.
pub(crate) fn total(total: &Total<Money>) -> Price {
    let mut notes = Vec::new();
    if total.unknown > 0 {
        notes.push(format!("and {} of unknown price", total.unknown));
    }
    if total.not_billed > 0 && total.sum().is_none() && total.unknown == 0 {
        return Price::words("not billed", "electricity not counted");
    }
    if total.not_billed > 0 {
        notes.push(format!("{} not billed", total.not_billed));
    }
    match total.sum() {
        Some(sum) => {
            let word = match (total.billed, total.estimated) {
                (Some(_), None) => "billed",
                (Some(_), Some(_)) => "billed and estimated",
                _ => "estimated",
            };
            notes.insert(0, word.into());
            Price::amount(sum, notes.join(", "))
        }
        None if total.unknown > 0 => Price::words("price unknown", format!("{} of unknown price", total.unknown)),
        // Of nothing, nothing is known to be the whole: an empty sum is the one honest zero.
        None => Price::amount(Money::zero_usd(), "nothing in the list"),
    }
}

/// What a quote says before the button.
pub(crate) fn price_line(quote: &Quote, curfew: Timestamp, now: &Zoned) -> PriceLine {
    let zone = now.time_zone();
    let left = quote.longest.unwrap_or_else(|| curfew.duration_since(now.timestamp()));
    let at_most: Cost<Money> = quote.rate.clone().map(|rate| rate.over(left));
    PriceLine {
        hour: Some(Price::of(&quote.rate, zone)),
        lasting: None,
        by_use: quote.by_use.iter().map(|u| (u.of.clone(), Price::of(&u.cost, zone))).collect(),
        at_most: Some(Price::of(&at_most, zone)).filter(|p| p.known),
        home: format!("Goes home {}, {}.", at(curfew, now), quote.enforcer),
        cautions: quote.cautions.iter().map(|c| (Text::from(&c.says), Text::from(&c.risk))).collect(),
        missing: String::new(),
    }
}

/// The same of what lasts until it is ended: what it comes to in a day, and in a month of 730 hours.
pub(crate) fn lasting_price_line(quote: &Quote, curfew: Timestamp, now: &Zoned) -> PriceLine {
    let zone = now.time_zone();
    let hours = |n: i64| Price::of(&quote.rate.clone().map(|rate| rate.over(SignedDuration::from_hours(n))), zone);
    let lasting = (hours(24), hours(730));
    PriceLine { lasting: Some(lasting).filter(|l| l.0.known), ..price_line(quote, curfew, now) }
}

/// Puts an error's sentence at its field. `false`: no such field here.
pub(crate) fn at_field(error: &Error, fields: &mut [(&str, &mut Field)]) -> bool {
    let Some(name) = error.field() else { return false };
    let Some((_, field)) = fields.iter_mut().find(|(n, _)| *n == name) else { return false };
    field.wrong = wrong(error);
    true
}

/// What stands beside a field: the sentence, and the next step where the error knows its own.
pub(crate) fn wrong(error: &Error) -> String {
    let notice = curfew_core::Notice::from(error);
    let text = match error.next_step() {
        Some(_) => format!("{} {}", notice.happened, notice.next),
        None => notice.happened,
    };
    say::clean(&text, 500)
}

/// "19:12", "yesterday 19:12"; nothing for the time before anything was seen.
pub(crate) fn when(at: Timestamp, now: &Zoned) -> String {
    if at == Timestamp::UNIX_EPOCH { String::new() } else { say::when(at, now) }
}

/// "at 22:05", "tomorrow 08:00".
pub(crate) fn at(at: Timestamp, now: &Zoned) -> String {
    let when = say::when(at, now);
    if when.starts_with(|c: char| c.is_ascii_digit()) { format!("at {when}") } else { when }
}

/// `2026-11-21 18:30 Europe/Berlin`.
pub(crate) fn stamp(at: Timestamp, zone: &TimeZone) -> String {
    let name = zone.iana_name().unwrap_or("local time");
    format!("{} {name}", say::date_time(at, zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_survives_its_form(id in any::<String>(), account in any::<String>(), kind in any::<String>()) {
            let key = ResourceKey {
                cloud: CloudId::new("aws").unwrap(),
                account: AccountId(account),
                region: RegionName::new("eu-west-1").unwrap(),
                kind,
                id,
            };
            let token = key_token(&key);
            prop_assert!(token.bytes().all(|b| b.is_ascii_graphic()), "{token}");
            prop_assert_eq!(key_of(&token), Some(key.clone()));
            prop_assert!(slug(&key).bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        }
    }
}
