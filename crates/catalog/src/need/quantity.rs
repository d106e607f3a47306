//! Quantities: a number with its bounds and its unit, and what it is a quantity of.

use super::clash::Field;
use super::grammar::{Bound, Parser, merge};
use super::vocabulary::Meaning;
use super::{Accelerators, Data, DataAt, Span};
use crate::amount::Usd;
use jiff::SignedDuration;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

/// A number with what is glued to it: `$5/h` is (true, 5, "/h"), `12gib` is (false, 12, "gib").
pub(super) struct Number {
    pub(super) money: bool,
    pub(super) value: Option<Decimal>,
    pub(super) unit: String,
}

pub(super) fn number(word: &str) -> Option<Number> {
    let named = ["one", "two", "three", "four", "five", "six", "seven", "eight"].iter().position(|n| *n == word);
    if let Some(n) = named {
        return Some(Number { money: false, value: Decimal::from_usize(n + 1), unit: String::new() });
    }
    let (money, rest) = word.strip_prefix('$').map_or((false, word), |rest| (true, rest));
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(rest.len());
    let (digits, unit) = rest.split_at(end);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // Thirteen digits: more is a slip of the finger, and sums with it could overflow.
    let plain = digits.trim_end_matches('.').replace(',', "");
    let value = plain.parse::<Decimal>().ok().filter(|d| *d < Decimal::from(10_000_000_000_000_i64));
    let (money, unit) = unit.strip_prefix('$').map_or((money, unit), |rest| (true, rest));
    Some(Number { money, value, unit: unit.trim_start_matches('-').to_owned() })
}

impl Parser<'_> {
    /// "at least 8 vcpu", "12 GiB or more", "8 x A100", "under $5 an hour", "100 GB of data in us-east-1".
    pub(super) fn quantity(&mut self) -> bool {
        let from = self.at;
        let before = self.bound_before();
        // ">=8": the sign may be glued to the number.
        let (glued, word) = match self.here().strip_prefix(['≥', '>', '≤', '<']) {
            Some(rest) if before.is_none() => {
                let sign = if self.here().starts_with(['≥', '>']) { Bound::Min } else { Bound::Max };
                (Some(sign), rest.trim_start_matches('='))
            }
            _ => (None, self.here()),
        };
        let bound = before.or(glued);
        let Some(found) = number(word) else {
            if self.glued_kind(from, bound) {
                return true;
            }
            if bound.is_some() {
                // A bound without a number: the words after it are read for themselves.
                self.at = from;
                self.wrong(from, "needs a number after it");
                self.at = from + 1;
                return true;
            }
            self.at = from;
            return false;
        };
        let at_number = self.at;
        self.at += 1;
        let Some(value) = found.value else {
            self.wrong(at_number, "is not a number that can be meant");
            return true;
        };
        let dollars = self.eat_any(&["usd", "dollars", "dollar", "$"]);
        if found.money || found.unit == "usd" || dollars {
            self.money(from, at_number, value, bound, &found.unit);
            return true;
        }
        let plus = found.unit.strip_suffix('+');
        let unit = plus.unwrap_or(&found.unit).to_owned();
        let upper = self.upper_of_range(&unit);
        let unit = match upper {
            Some((_, ref unit)) => unit.clone(),
            None => unit,
        };
        let span = |bound: Bound| match (upper.as_ref(), bound) {
            (Some((high, _)), _) => Span { min: Some(value), max: Some(*high) },
            (None, Bound::Min) => Span::at_least(value),
            (None, Bound::Max) => Span { min: None, max: Some(value) },
            (None, Bound::Exact) => Span { min: Some(value), max: Some(value) },
        };
        let bound = bound.or(plus.map(|_| Bound::Min));
        self.with_unit(from, at_number, value, &unit, &|late: Option<Bound>| {
            span(bound.or(late).unwrap_or(Bound::Min))
        });
        true
    }
    /// "4 to 8 vcpu", "4-8 vcpu": the upper end and its unit.
    fn upper_of_range(&mut self, glued: &str) -> Option<(Decimal, String)> {
        let dashed = number(glued).filter(|n| !glued.is_empty() && n.unit.is_empty());
        if let Some(high) = dashed.and_then(|n| n.value) {
            return Some((high, String::new()));
        }
        if !glued.is_empty() || self.here() != "to" {
            return None;
        }
        let high = number(self.word(self.at + 1)).filter(|n| !n.money)?;
        let value = high.value?;
        self.at += 2;
        Some((value, high.unit))
    }
    fn money(&mut self, from: usize, at_number: usize, value: Decimal, bound: Option<Bound>, unit: &str) {
        let slash = unit.strip_prefix('/');
        let hour = |w: &str| matches!(w, "h" | "hr" | "hour" | "hours");
        let per_hour = slash.is_some_and(hour)
            || ["an", "per", "a", "/"].contains(&self.here()) && hour(self.word(self.at + 1)) && {
                self.at += 2;
                true
            }
            || self.eat_any(&["hourly", "/h", "/hr", "/hour"]);
        let in_all = !per_hour && self.eat_any(&["in all", "in total", "total", "altogether", "all in", "to finish"]);
        let after = self.bound_after();
        if matches!(bound.or(after), Some(Bound::Min | Bound::Exact)) {
            self.wrong(at_number, "is a price, which can only have an upper bound");
            return;
        }
        let Some(usd) = Usd::from_decimal(value) else {
            return self.wrong(at_number, "is not a price that can be meant");
        };
        let (field, slot) = if in_all {
            (Field::Total, &mut self.need.max_usd)
        } else {
            (Field::PricePerHour, &mut self.need.max_usd_per_hour)
        };
        let same = slot.is_none_or(|old| old == usd);
        *slot = Some(slot.map_or(usd, |old| old.min(usd)));
        self.clause(field, from, same, "both are ceilings for the same price");
    }
    fn with_unit(
        &mut self,
        from: usize,
        at_number: usize,
        value: Decimal,
        glued: &str,
        span: &dyn Fn(Option<Bound>) -> Span<Decimal>,
    ) {
        let at_unit = if glued.is_empty() { self.at } else { at_number };
        let unit = if glued.is_empty() { self.here() } else { glued };
        if unit.is_empty() {
            return self.wrong(at_number, "needs a unit: GPU, vCPU, GiB, hours or a price");
        }
        if let Some(gib) = gib(unit) {
            self.at = at_unit + 1;
            let after = self.bound_after();
            return self.gigabytes(from, value, gib, unit, span, after);
        }
        if let Some(ms) = unit_of_time(unit, value) {
            self.at = at_unit + 1;
            let same = self.need.hours.is_none_or(|h| h == ms);
            self.need.hours = Some(ms);
            return self.clause(Field::Hours, from, same, "a job has one length");
        }
        let times = matches!(unit, "x" | "×");
        let (kind_at, rest) = match unit.strip_prefix(['x', '×']) {
            Some("") => (at_unit + 1, None),
            Some(rest) if !glued.is_empty() => (at_unit, Some(rest)),
            _ => (at_unit, (!glued.is_empty()).then_some(unit)),
        };
        let found = match rest {
            Some(glued) => self.words.meaning(glued).map(|m| (m.clone(), 1)),
            None => self.meaning_at(kind_at),
        };
        match found {
            Some((Meaning::Vcpus, taken)) if !times => {
                self.at = kind_at + taken;
                let after = self.bound_after();
                let wanted = span(after);
                let whole = |d: Option<Decimal>| d.map(|d| d.ceil().to_u32().unwrap_or(u32::MAX));
                let new = Span { min: whole(wanted.min), max: whole(wanted.max) };
                let same = merge(&mut self.need.vcpus, new);
                self.clause(Field::Vcpus, from, same, "");
            }
            Some((meaning @ (Meaning::Kinds(_) | Meaning::Class(_)), taken)) => {
                self.at = kind_at + taken;
                let after = self.bound_after();
                self.accelerators(from, Some(span(after)), meaning);
            }
            _ => {
                self.at = at_unit + 1;
                self.wrong(at_unit, "is not a unit that is understood here");
            }
        }
    }
    /// "a100x8", "t4:2", "8xa100" as one word.
    fn glued_kind(&mut self, from: usize, bound: Option<Bound>) -> bool {
        let word = self.here();
        let Some(i) = word.rfind(['x', '×', ':']) else { return false };
        let after = &word[i..];
        let digits = after.trim_start_matches(['x', '×', ':']);
        let (Some(Number { value: Some(count), unit, money: false }), Some(meaning)) =
            (number(digits), self.words.meaning(&word[..i]).cloned())
        else {
            return false;
        };
        if !unit.is_empty() || !matches!(meaning, Meaning::Kinds(_) | Meaning::Class(_)) {
            return false;
        }
        self.at += 1;
        self.accelerators(from, Some(bounded(count, bound)), meaning);
        true
    }
    fn gigabytes(
        &mut self,
        from: usize,
        value: Decimal,
        gib: Decimal,
        _unit: &str,
        span: &dyn Fn(Option<Bound>) -> Span<Decimal>,
        after: Option<Bound>,
    ) {
        self.eat("of");
        let in_gib = |d: Decimal| (d * gib).round_dp(12).normalize();
        let gb = || (in_gib(value) * binary_gb()).round_dp(3);
        if self.eat_any(&["disk", "ssd", "storage", "disc"]) {
            let gb = gb().ceil().to_u32().unwrap_or(u32::MAX);
            let same = self.need.disk_gb.is_none_or(|d| d == gb);
            self.need.disk_gb = Some(gb);
            return self.clause(Field::Disk, from, same, "a machine has one disk here");
        }
        if self.eat("data") {
            let at = self.place_of_data();
            let data = Data { gb: gb(), at };
            let same = self.need.data.as_ref().is_none_or(|d| *d == data);
            self.need.data = Some(data);
            return self.clause(Field::Data, from, same, "data lies in one place here");
        }
        let mut wanted = span(after);
        wanted = Span { min: wanted.min.map(in_gib), max: wanted.max.map(in_gib) };
        let of_accelerator = self.eat_any(&["vram", "gpu memory", "gpu ram", "video memory", "accelerator memory"]);
        let of_host = !of_accelerator && self.eat_any(&["memory", "ram", "mem", "main memory"]);
        let kind = self.meaning_at(self.at).filter(|(m, _)| matches!(m, Meaning::Kinds(_) | Meaning::Class(_)));
        let after_accelerator = self.clauses.last().is_some_and(|c| c.field == Field::Accelerators);
        let late = after.is_none().then(|| self.bound_after()).flatten();
        if late == Some(Bound::Max) && wanted.max.is_none() {
            wanted = Span { min: None, max: wanted.min };
        }
        if of_host || !(of_accelerator || kind.is_some() || after_accelerator) {
            let same = merge(&mut self.need.memory_gib, wanted);
            return self.clause(Field::Memory, from, same, "");
        }
        let none = matches!(self.need.accelerators, Accelerators::None);
        let need = self.accelerator_need();
        need.memory_gib = wanted.min.max(need.memory_gib);
        self.clause(Field::Accelerators, from, !none, "");
    }
    fn place_of_data(&mut self) -> DataAt {
        self.eat_any(&["in", "at", "on", "from"]);
        self.eat_any(&["s3", "gs", "gcs"]);
        self.eat_any(&["in", "at", "on"]);
        match self.meaning_at(self.at) {
            Some((Meaning::Regions(regions), taken)) if regions.len() == 1 => {
                self.at += taken;
                let cloud = self.words.clouds_of_region.get(&regions[0]).cloned().unwrap_or_default();
                DataAt::Cloud { cloud, region: Some(regions[0].clone()) }
            }
            Some((Meaning::Cloud(cloud), taken)) if cloud != "local" => {
                self.at += taken;
                DataAt::Cloud { cloud: cloud.to_owned(), region: None }
            }
            Some((Meaning::Cloud(_), taken)) => {
                self.at += taken;
                DataAt::Here
            }
            _ => {
                self.eat("here");
                DataAt::Here
            }
        }
    }
}

fn bounded(value: Decimal, bound: Option<Bound>) -> Span<Decimal> {
    match bound {
        None | Some(Bound::Min) => Span::at_least(value),
        Some(Bound::Max) => Span { min: None, max: Some(value) },
        Some(Bound::Exact) => Span { min: Some(value), max: Some(value) },
    }
}

/// GiB in one of a unit; GB are 10^9 bytes, as card makers and disk prices count.
fn gib(unit: &str) -> Option<Decimal> {
    let gb = Decimal::ONE / binary_gb();
    Some(match unit {
        "gib" | "gi" => Decimal::ONE,
        "tib" | "ti" => Decimal::from(1024),
        "mib" => Decimal::ONE / Decimal::from(1024),
        "gb" | "g" | "gig" | "gigs" | "gigabytes" => gb,
        "tb" | "terabytes" => gb * Decimal::ONE_THOUSAND,
        "mb" => gb / Decimal::ONE_THOUSAND,
        _ => return None,
    })
}
/// GB in a GiB.
fn binary_gb() -> Decimal {
    Decimal::from(1_u64 << 30) / Decimal::from(1_000_000_000_u64)
}

/// Work in hours, minutes or days.
fn unit_of_time(unit: &str, value: Decimal) -> Option<SignedDuration> {
    let seconds = match unit {
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "min" | "mins" | "minute" | "minutes" => 60,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    };
    let ms = (value * Decimal::from(seconds * 1000)).round().to_i64()?;
    Some(SignedDuration::from_millis(ms.clamp(0, 3_155_760_000_000)))
}
