//! Curfews: until when a thing may live, written as people say it and resolved late, in the user's time zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A curfew as said: "2h", "22:00", "tomorrow 8:00", "end of day", "2026-11-21 22:00".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurfewSpec {
    /// From the start on.
    For(SignedDuration),
    /// At the next time the clock shows this.
    At(Time),
    /// At this time on the day after today.
    Tomorrow(Time),
    /// At this time on this day.
    On(DateTime),
    /// At the next midnight.
    EndOfDay,
}

/// Why a curfew cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCurfew {
    /// Not understood.
    #[error("“{0}” is not a curfew; write 2h, 90m, 22:00, tomorrow 8:00, end of day, or 2026-11-21 22:00")]
    NotUnderstood(String),
    /// In the past.
    #[error("the curfew {0} is in the past")]
    Past(String),
    /// Too far away to be meant.
    #[error("the curfew is more than a year away")]
    TooFar,
}

impl FromStr for CurfewSpec {
    type Err = BadCurfew;
    fn from_str(text: &str) -> Result<Self, BadCurfew> {
        let lower = text.trim().to_lowercase();
        let bad = || BadCurfew::NotUnderstood(text.chars().take(60).flat_map(char::escape_debug).collect());
        if matches!(lower.as_str(), "end of day" | "eod" | "midnight") {
            return Ok(Self::EndOfDay);
        }
        if let Some(rest) = lower.strip_prefix("tomorrow") {
            return Ok(Self::Tomorrow(clock_time(rest.trim()).ok_or_else(bad)?));
        }
        if let Some(time) = clock_time(&lower) {
            return Ok(Self::At(time));
        }
        if let Some((date, time)) = lower.split_once([' ', 't'])
            && let (Ok(date), Some(time)) = (date.parse::<Date>(), clock_time(time.trim()))
        {
            return Ok(Self::On(date.to_datetime(time)));
        }
        duration(&lower).map(Self::For).ok_or_else(bad)
    }
}

/// "22:00", "8:05".
fn clock_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |s: &str| (1..=2).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || minute.len() != 2 || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// "2h", "90m", "2h30m", "1d", "45s": whole numbers and units, largest first, no unit twice.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut seconds: i64 = 0;
    let mut rest: &str = &text.replace(' ', "");
    let mut last = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |i| digits + i);
        let unit = match &rest[digits..unit_end] {
            "d" | "day" | "days" => 86_400,
            "h" | "hour" | "hours" => 3_600,
            "m" | "min" | "minutes" => 60,
            "s" | "sec" | "seconds" => 1,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[unit_end..];
    }
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

impl CurfewSpec {
    /// The instant it means when said at `now`. A clock time that a change to summer time skips moves forward, one that
    /// occurs twice is the first (jiff's "compatible" rule, RFC 5545).
    pub fn resolve(&self, now: &Zoned) -> Result<Timestamp, BadCurfew> {
        let zone = now.time_zone();
        let too_far = |_| BadCurfew::TooFar;
        let on = |at: DateTime| at.to_zoned(zone.clone()).map(|z| z.timestamp()).map_err(too_far);
        let next_day = || now.date().checked_add(1.day()).map_err(too_far);
        let at = match self {
            Self::For(time) => now.timestamp().checked_add(*time).map_err(too_far)?,
            Self::EndOfDay => on(next_day()?.to_datetime(Time::midnight()))?,
            Self::Tomorrow(time) => on(next_day()?.to_datetime(*time))?,
            Self::On(at) => on(*at)?,
            Self::At(time) => {
                let today = on(now.date().to_datetime(*time))?;
                if today > now.timestamp() { today } else { on(next_day()?.to_datetime(*time))? }
            }
        };
        if at <= now.timestamp() {
            return Err(BadCurfew::Past(self.to_string()));
        }
        let year: Span = 366.days();
        if now.checked_add(year).is_ok_and(|limit| at > limit.timestamp()) {
            return Err(BadCurfew::TooFar);
        }
        Ok(at)
    }
}

impl fmt::Display for CurfewSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => f.write_str(&crate::say::exact_duration(*time)),
            Self::At(t) => write!(f, "{}", t.strftime("%H:%M")),
            Self::Tomorrow(t) => write!(f, "tomorrow {}", t.strftime("%H:%M")),
            Self::On(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%M")),
            Self::EndOfDay => f.write_str("end of day"),
        }
    }
}

impl Serialize for CurfewSpec {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for CurfewSpec {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who ends the thing at its curfew. Always shown: a curfew that nobody holds is a hope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Enforcer {
    /// Its own supervisor on this computer: also with the panel closed or killed.
    Supervisor,
    /// The cloud itself; the name of the mechanism, for people ("AWS", "EventBridge Scheduler").
    Cloud {
        /// Shown after "enforced by".
        name: String,
    },
    /// Our loop, so only while some Curfew runs on this computer.
    OnlyWhileOn,
}

impl fmt::Display for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supervisor => f.write_str("held on this computer, also with the panel closed"),
            Self::Cloud { name } => write!(f, "enforced by {name}"),
            Self::OnlyWhileOn => f.write_str("only while this computer is on"),
        }
    }
}

/// A curfew in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curfew {
    /// When it goes home.
    pub at: Timestamp,
    /// Who sees to it.
    pub enforcer: Enforcer,
}

impl Curfew {
    /// Is it time?
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(now: &str, text: &str, expect: &str) {
        let now: Zoned = now.parse().unwrap();
        let got = text.parse::<CurfewSpec>().and_then(|c| c.resolve(&now));
        let got = got.map_or_else(|e| e.to_string(), |t| t.to_zoned(now.time_zone().clone()).to_string());
        assert!(got.starts_with(expect), "{text}: {got}");
    }

    #[test]
    fn said_and_meant() {
        let now = "2026-11-21T18:30:00+01:00[Europe/Berlin]";
        check(now, "2h", "2026-11-21T20:30:00");
        check(now, "2h30m", "2026-11-21T21:00:00");
        check(now, "22:00", "2026-11-21T22:00:00");
        check(now, "8:00", "2026-11-22T08:00:00");
        check(now, "tomorrow 8:00", "2026-11-22T08:00:00");
        check(now, "end of day", "2026-11-22T00:00:00");
        check(now, "2026-11-21 22:00", "2026-11-21T22:00:00");
        check(now, "2026-11-21 18:00", "the curfew 2026-11-21 18:00 is in the past");
        check(now, "0h", "“0h” is not a curfew");
        check(now, "-2h", "“-2h” is not a curfew");
        check(now, "25:00", "“25:00” is not a curfew");
        check(now, "2m2h", "“2m2h” is not a curfew");
        check(now, "2hé", "“2hé” is not a curfew");
        check(now, "9000d", "the curfew is more than a year away");
        check(now, "99999999999999999d", "“99999999999999999d” is not a curfew");
    }

    #[test]
    fn summer_time() {
        // 02:30 does not exist on 2027-03-28 in Berlin, and exists twice on 2026-10-25.
        check("2027-03-27T23:00:00+01:00[Europe/Berlin]", "2:30", "2027-03-28T03:30:00+02:00");
        check("2026-10-24T23:00:00+02:00[Europe/Berlin]", "2:30", "2026-10-25T02:30:00+02:00");
    }

    proptest! {
        #[test]
        fn never_in_the_past_and_reads_back(secs in 0i64..4_000_000_000, text in "(([1-9][0-9]?h)?([1-5][0-9]m)?|[0-2][0-9]:[0-5][0-9]|end of day|tomorrow [0-1]?[0-9]:00)") {
            let now = Timestamp::from_second(secs).unwrap().to_zoned(jiff::tz::TimeZone::get("America/New_York").unwrap());
            if let Ok(spec) = text.parse::<CurfewSpec>() {
                prop_assert_eq!(&spec.to_string().parse::<CurfewSpec>().unwrap(), &spec);
                prop_assert!(spec.resolve(&now).unwrap() > now.timestamp());
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<CurfewSpec>();
        }
    }
}
