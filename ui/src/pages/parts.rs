//! The handful of parts that pages are built from: names, prices, timelines, sparklines.

pub use curfew_core::say::number;
use curfew_core::{Cost, HourlyRate, Money, Notice, Timestamp, say};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::fmt;

/// Text from outside: a name, a path, an owner. Shown with control and hidden characters made visible and cut at
/// [`Name::MOST`] characters; the templates escape it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub String);

impl Name {
    /// How many characters of a name are shown.
    pub const MOST: usize = 200;
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&say::clean(&self.0, Self::MOST))
    }
}
impl<T: AsRef<str>> From<T> for Name {
    fn from(text: T) -> Self {
        Self(text.as_ref().to_owned())
    }
}

/// A sentence or more from outside: a reason, a step, a log line. As [`Name`], cut at [`Text::MOST`] characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(pub String);

impl Text {
    /// How many characters of a text are shown.
    pub const MOST: usize = 4000;
}
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&say::clean(&self.0, Self::MOST))
    }
}
impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self(text.as_ref().to_owned())
    }
}

/// A cost in the words of a page: never a bare number, never a zero for what is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// "$1.88", "not billed", "price unknown".
    pub main: String,
    /// "estimated: list price us-east-1", "electricity not counted".
    pub note: String,
    /// Is `main` an amount?
    pub known: bool,
}

impl Price {
    /// A price that is none.
    pub fn words(main: impl Into<String>, note: impl Into<String>) -> Self {
        Self { main: main.into(), note: note.into(), known: false }
    }
    /// An amount.
    pub fn amount(main: impl fmt::Display, note: impl Into<String>) -> Self {
        Self { main: main.to_string(), note: note.into(), known: true }
    }
    /// What something has cost or will cost.
    pub fn of<T: fmt::Display>(cost: &Cost<T>, zone: &TimeZone) -> Self {
        match cost {
            Cost::Billed { amount, through } => Self::amount(amount, format!("billed to {}", date(*through, zone))),
            Cost::Estimated { amount, basis, .. } => {
                Self::amount(amount, format!("estimated: {}", say::clean(basis, Name::MOST)))
            }
            Cost::Unknown { why } => Self::words("price unknown", say::clean(why, Name::MOST)),
            Cost::NotBilled { note } => Self::words("not billed", say::clean(note, Name::MOST)),
        }
    }
    /// What a rate comes to in a day.
    pub fn a_day(rate: &Cost<HourlyRate>, zone: &TimeZone) -> Self {
        let day: Cost<Money> = rate.clone().map(|HourlyRate(money)| money.times(Decimal::from(24)));
        Self::of(&day, zone)
    }
}

/// "18 Nov".
pub fn date(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%-d %b").to_string()
}

/// The tag of a state: its word and the class that colours it. The word stands alone without the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The word.
    pub word: &'static str,
    /// `hot`, `lost`, `home`, `info` or nothing.
    pub class: &'static str,
}

impl From<curfew_core::run::RunState> for Tag {
    fn from(state: curfew_core::run::RunState) -> Self {
        use curfew_core::run::RunState as S;
        let class = match state {
            S::Queued | S::Starting => "info",
            S::Running | S::Stopping => "hot",
            S::Completed => "home",
            S::Failed | S::Lost => "lost",
            S::Stopped => "",
        };
        Self { word: state.word(), class }
    }
}
impl From<curfew_core::endpoint::EndpointState> for Tag {
    fn from(state: curfew_core::endpoint::EndpointState) -> Self {
        use curfew_core::endpoint::EndpointState as S;
        let class = match state {
            S::Creating => "info",
            S::InService | S::Deleting => "hot",
            S::Failed | S::Lost => "lost",
            S::Stopped => "",
        };
        Self { word: state.word(), class }
    }
}
impl From<curfew_core::verdict::Verdict> for Tag {
    fn from(verdict: curfew_core::verdict::Verdict) -> Self {
        use curfew_core::verdict::Verdict as V;
        let class = match verdict {
            V::Forgotten => "lost",
            V::Probably => "hot",
            V::NotJudged => "info",
            V::Fine => "home",
            V::Kept => "",
        };
        Self { word: verdict.word(), class }
    }
}

/// A form field as it is shown: what was typed, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// As typed, byte for byte.
    pub value: String,
    /// What is wrong with it, one sentence; empty for nothing.
    pub wrong: String,
}

impl Field {
    /// A value that nothing is wrong with.
    pub fn of(value: impl Into<String>) -> Self {
        Self { value: value.into(), wrong: String::new() }
    }
}

/// A notice at the top of a page or dialog: the four sentences of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub happened: Text,
    /// What it means for the bill.
    pub bill: Text,
    /// What to do.
    pub next: Text,
    /// For whoever digs deeper.
    pub details: Vec<Text>,
    /// Where the missing right can be looked up, root-relative.
    pub rights: Option<String>,
}

impl From<&Notice> for Told {
    fn from(notice: &Notice) -> Self {
        Self {
            happened: Text::from(&notice.happened),
            bill: Text::from(&notice.bill),
            next: Text::from(&notice.next),
            details: notice.details.iter().map(Text::from).collect(),
            rights: notice.rights.as_ref().map(crate::views::account::lookup),
        }
    }
}
impl From<&curfew_core::Error> for Told {
    fn from(error: &curfew_core::Error) -> Self {
        Self::from(&Notice::from(error))
    }
}

/// A line of points for a small picture, with the sentence that says the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spark {
    /// Values from left to right, evenly spaced; NaN and infinities leave a hole.
    pub values: Vec<f64>,
    /// "loss falling from 2.3 to 0.41".
    pub says: String,
}

impl Spark {
    /// The picture's width in its own units.
    pub const WIDTH: f64 = 150.0;
    /// The picture's height in its own units.
    pub const HEIGHT: f64 = 48.0;

    /// A metric's recent values, with the sentence for those who do not see it.
    pub fn of(metric: &str, values: Vec<f64>) -> Self {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let says = match (finite().next(), finite().next_back()) {
            (Some(first), Some(last)) => {
                let word = if last < first {
                    "falling"
                } else if last > first {
                    "rising"
                } else {
                    "level"
                };
                format!("{} {word} from {} to {}", say::clean(metric, 60), number(first), number(last))
            }
            _ => format!("{}: no value yet", say::clean(metric, 60)),
        };
        Self { values, says }
    }
    /// The sentence with the best value of all that was printed in it.
    #[must_use]
    pub fn with_best(mut self, best: Option<f64>) -> Self {
        if let Some(best) = best {
            self.says = format!("{}, best {}", self.says, number(best));
        }
        self
    }
    /// The SVG path. Empty where there is nothing to draw.
    pub fn path(&self) -> String {
        use std::fmt::Write as _;
        let finite = || self.values.iter().copied().filter(|v| v.is_finite());
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let span = if high > low { high - low } else { 1.0 };
        let step = (Self::WIDTH - 4.0) / (self.values.len().max(2) - 1) as f64;
        let mut path = String::new();
        let mut pen_up = true;
        for (i, value) in self.values.iter().enumerate() {
            if !value.is_finite() {
                pen_up = true;
                continue;
            }
            let x = 2.0 + step * i as f64;
            let y = if high > low { 3.0 + (Self::HEIGHT - 6.0) * (high - value) / span } else { Self::HEIGHT / 2.0 };
            let _ = write!(path, "{}{x:.1} {y:.1}", if pen_up { 'M' } else { 'L' });
            pen_up = false;
        }
        path
    }
}

/// A row of the night's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct NightRow {
    /// What.
    pub name: Name,
    /// Its page.
    pub href: String,
    /// How far into the window it lives, 0 to 100.
    pub percent: f64,
    /// "22:05", "no end".
    pub end: String,
    /// Who holds the curfew; for `no end`, that nobody does.
    pub says: String,
    /// It has no curfew.
    pub open: bool,
    /// Its curfew is after the window.
    pub beyond: bool,
}

/// The night's timeline.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Night {
    /// "18:00 → 06:00".
    pub window: String,
    /// Soonest first, open ones last.
    pub rows: Vec<NightRow>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines_say_what_they_show() {
        let check = |values: &[f64], path: &str, says: &str| {
            let spark = Spark::of("loss", values.to_vec());
            assert_eq!((spark.path().as_str(), spark.says.as_str()), (path, says));
        };
        check(&[], "", "loss: no value yet");
        check(&[2.0], "M2.0 24.0", "loss level from 2 to 2");
        check(&[2.0, 1.0], "M2.0 3.0L148.0 45.0", "loss falling from 2 to 1");
        check(&[1.0, f64::NAN, 2.0], "M2.0 45.0M148.0 3.0", "loss rising from 1 to 2");
        check(&[1.0, 1.0], "M2.0 24.0L148.0 24.0", "loss level from 1 to 1");
    }

    #[test]
    fn unknown_is_not_free() {
        let check = |cost: Cost<HourlyRate>, expect: (&str, &str)| {
            let price = Price::a_day(&cost, &TimeZone::UTC);
            assert_eq!((price.main.as_str(), price.note.as_str()), expect);
        };
        check(Cost::Unknown { why: "no price list".into() }, ("price unknown", "no price list"));
        check(Cost::NotBilled { note: "electricity not counted".into() }, ("not billed", "electricity not counted"));
        let rate = HourlyRate::usd(Decimal::new(268, 3));
        let as_of = Timestamp::UNIX_EPOCH;
        check(Cost::Estimated { amount: rate, as_of, basis: "list price".into() }, ("$6.43", "estimated: list price"));
        check(Cost::Billed { amount: rate, through: as_of }, ("$6.43", "billed to 1 Jan"));
    }
}
