//! The grammar of needs: quantities with bounds and units, phrases of the vocabulary, times, data.

use super::clash::{Clash, Field};
use super::vocabulary::{Meaning, Vocabulary};
use super::words::{BadWord, Raw, characters};
use super::{AcceleratorNeed, Accelerators, Data, DataAt, Need, Span};
use crate::amount::Usd;
use crate::spec::Class;
use curfew_core::curfew::CurfewSpec;
use jiff::SignedDuration;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::ops::Range;

/// A stretch of the text and what it set.
pub(super) struct Clause {
    pub(super) field: Field,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Min,
    Max,
    Exact,
}

pub(super) struct Parser<'a> {
    words: &'a Vocabulary,
    text: &'a str,
    raws: &'a [Raw],
    at: usize,
    pub(super) need: Need,
    pub(super) bad: Vec<BadWord>,
    pub(super) clashes: Vec<Clash>,
    pub(super) clauses: Vec<Clause>,
}

/// A number with what is glued to it: `$5/h` is (true, 5, "/h"), `12gib` is (false, 12, "gib").
struct Number {
    money: bool,
    value: Option<Decimal>,
    unit: String,
}

fn number(word: &str) -> Option<Number> {
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

use rust_decimal::prelude::FromPrimitive;

impl<'a> Parser<'a> {
    pub(super) fn new(words: &'a Vocabulary, text: &'a str, raws: &'a [Raw]) -> Self {
        let (need, bad, clashes, clauses) = Default::default();
        Self { words, text, raws, at: 0, need, bad, clashes, clauses }
    }
    pub(super) fn run(&mut self) {
        while self.at < self.raws.len() {
            let before = self.at;
            if !(self.ready_by() || self.quantity() || self.phrase()) {
                self.not_understood(self.at);
                self.at += 1;
            }
            debug_assert!(self.at > before, "each step takes a word");
        }
    }
    fn word(&self, i: usize) -> &'a str {
        self.raws.get(i).map_or("", |r| r.lower.as_str())
    }
    fn here(&self) -> &'a str {
        self.word(self.at)
    }
    /// Takes these words if they come next.
    fn eat(&mut self, phrase: &str) -> bool {
        let count = phrase.split(' ').count();
        let found = phrase.split(' ').enumerate().all(|(i, w)| self.word(self.at + i) == w);
        if found {
            self.at += count;
        }
        found
    }
    fn eat_any(&mut self, phrases: &[&str]) -> bool {
        phrases.iter().any(|p| self.eat(p))
    }
    fn span(&self, from: usize) -> Range<usize> {
        let last = self.at.clamp(from + 1, self.raws.len().max(from + 1)) - 1;
        let start = self.raws.get(from).map_or(self.text.len(), |r| r.at.start);
        start..self.raws.get(last).map_or(self.text.len(), |r| r.at.end)
    }
    fn wrong(&mut self, i: usize, says: &str) {
        let Some(raw) = self.raws.get(i) else { return };
        let word = self.text[raw.at.clone()].to_owned();
        let at = characters(self.text, &raw.at);
        self.bad.push(BadWord { word, at, says: says.to_owned(), meant: Vec::new(), unfinished: false });
    }
    fn not_understood(&mut self, i: usize) {
        self.wrong(i, "is not a word that is understood here");
        let (last, typing) = (i + 1 == self.raws.len(), !self.text.ends_with([' ', ',', ';']));
        let lower = self.word(i);
        let begins = self.words.entries.iter().any(|e| e.phrase.starts_with(lower));
        // Nobody reads the tenth suggestion, and a pasted page has thousands of words.
        let meant = if self.bad.len() <= 3 { self.words.nearest(lower) } else { Vec::new() };
        if let Some(bad) = self.bad.last_mut() {
            bad.meant = meant;
            bad.unfinished = last && typing && begins;
        }
    }
    /// Remembers what a clause set; a second clause for a field that has one value is a contradiction.
    fn clause(&mut self, field: Field, from: usize, same: bool, why: &str) {
        let at = self.span(from);
        if let Some(other) = self.clauses.iter().rev().find(|c| c.field == field).filter(|_| !same) {
            let (a, b) = (self.text[other.at.clone()].to_owned(), self.text[at.clone()].to_owned());
            self.clashes.push(Clash { one: a, other: b, why: why.to_owned() });
        }
        self.clauses.push(Clause { field, at });
    }

    fn ready_by(&mut self) -> bool {
        let from = self.at;
        if !self.eat_any(&["ready by", "done by", "finish by", "finished by", "by", "before"]) {
            return false;
        }
        self.eat("today");
        for count in (1..=3).rev() {
            let Some(raws) = self.raws.get(self.at..self.at + count) else { continue };
            let text = raws.iter().map(|r| r.lower.as_str()).collect::<Vec<_>>().join(" ");
            let Ok(spec) = text.parse::<CurfewSpec>() else { continue };
            self.at += count;
            let same = self.need.ready_by.as_ref().is_none_or(|s| *s == spec);
            self.need.ready_by = Some(spec);
            self.clause(Field::ReadyBy, from, same, "");
            return true;
        }
        self.wrong(self.at.min(self.raws.len() - 1), "is not a time; write 21:00, tomorrow 8:00 or 4h");
        self.at = (self.at + 1).min(self.raws.len());
        true
    }

    fn bound_before(&mut self) -> Option<Bound> {
        let min = ["at least", "no less than", "more than", "minimum", "min", "over", "above", ">=", "≥", ">"];
        let max = [
            "at most",
            "no more than",
            "less than",
            "cheaper than",
            "up to",
            "maximum",
            "max",
            "under",
            "below",
            "<=",
            "≤",
            "<",
        ];
        if self.eat_any(&min) {
            Some(Bound::Min)
        } else if self.eat_any(&max) {
            Some(Bound::Max)
        } else {
            self.eat_any(&["exactly", "just", "="]).then_some(Bound::Exact)
        }
    }
    fn bound_after(&mut self) -> Option<Bound> {
        if self.eat_any(&["or more", "and more", "or above", "and up", "+"]) {
            Some(Bound::Min)
        } else {
            // "8 vcpu at most", but not the beginning of "at most 4 gpus".
            let at = self.at;
            let less = self.eat_any(&["or less", "or fewer"]) || self.eat_any(&["at most", "max"]);
            let belongs_here = less && number(self.here()).is_none();
            if !belongs_here {
                self.at = at;
            }
            belongs_here.then_some(Bound::Max)
        }
    }

    /// "at least 8 vcpu", "12 GiB or more", "8 x A100", "under $5 an hour", "100 GB of data in us-east-1".
    fn quantity(&mut self) -> bool {
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
    /// The longest phrase of the vocabulary from word `i` on, and how many words it takes.
    fn meaning_at(&self, i: usize) -> Option<(Meaning, usize)> {
        (1..=self.words.longest).rev().find_map(|count| {
            let raws = self.raws.get(i..i + count)?;
            let phrase = raws.iter().map(|r| r.lower.as_str()).collect::<Vec<_>>().join(" ");
            self.words.meaning(&phrase).map(|m| (m.clone(), count))
        })
    }
    fn phrase(&mut self) -> bool {
        let from = self.at;
        let Some((meaning, taken)) = self.meaning_at(from) else { return false };
        self.at += taken;
        match meaning {
            Meaning::Filler => {}
            Meaning::Kinds(_) | Meaning::Class(_) => {
                // "a100 x 8", "a100 x8"
                let next = self.here().strip_prefix(['x', '×']).map(str::to_owned);
                let count = match next.as_deref() {
                    Some("") => {
                        number(self.word(self.at + 1)).filter(|n| n.unit.is_empty() && !n.money).map(|n| (n, 2))
                    }
                    Some(digits) => number(digits).filter(|n| n.unit.is_empty() && !n.money).map(|n| (n, 1)),
                    None => None,
                };
                let span = count.and_then(|(n, words)| {
                    self.at += words;
                    n.value.map(Span::at_least)
                });
                self.accelerators(from, span, meaning);
            }
            Meaning::NoAccelerator => {
                let same = matches!(self.need.accelerators, Accelerators::Any | Accelerators::None);
                self.need.accelerators = Accelerators::None;
                self.clause(Field::Accelerators, from, same, "");
            }
            Meaning::Vcpus => {
                self.wrong(from, "needs a number before it: 4 vCPU");
            }
            Meaning::Spot(spot) => {
                let same = self.need.spot.is_none_or(|s| s == spot);
                self.need.spot = Some(spot);
                self.clause(Field::Spot, from, same, "a machine is bought one way");
            }
            Meaning::Arch(arch) => {
                let same = self.need.arch.is_none_or(|a| a == arch);
                self.need.arch = Some(arch);
                self.clause(Field::Arch, from, same, "a machine has one architecture");
            }
            Meaning::Commitments => self.need.commitments = true,
            Meaning::Cloud(cloud) => {
                push(&mut self.need.clouds, cloud);
                self.clause(Field::Cloud, from, true, "");
            }
            Meaning::Service(service) => {
                push(&mut self.need.services, &service);
                self.clause(Field::Service, from, true, "");
            }
            Meaning::Component(component) => {
                push(&mut self.need.components, &component);
                self.clause(Field::Component, from, true, "");
            }
            Meaning::Regions(regions) => {
                for region in &regions {
                    push(&mut self.need.regions, region);
                }
                self.clause(Field::Region, from, true, "");
            }
            Meaning::Machine(machine) => {
                push(&mut self.need.machines, &machine);
                self.clause(Field::Machine, from, true, "");
            }
        }
        true
    }
    fn accelerators(&mut self, from: usize, count: Option<Span<Decimal>>, meaning: Meaning) {
        let none = matches!(self.need.accelerators, Accelerators::None);
        let need = self.accelerator_need();
        let mut same = true;
        match meaning {
            Meaning::Kinds(kinds) => {
                for kind in &kinds {
                    push(&mut need.kinds, kind);
                }
                need.kinds.sort();
            }
            Meaning::Class(class) => {
                same = class.is_none() || need.class.is_none() || need.class == class;
                need.class = class.or(need.class);
            }
            _ => {}
        }
        if let Some(count) = count {
            same = merge(&mut need.count, count) && same;
        }
        self.clause(Field::Accelerators, from, same && !none, "");
    }
    fn accelerator_need(&mut self) -> &mut AcceleratorNeed {
        if !matches!(self.need.accelerators, Accelerators::Some(_)) {
            self.need.accelerators = Accelerators::Some(AcceleratorNeed::default());
        }
        match &mut self.need.accelerators {
            Accelerators::Some(need) => need,
            Accelerators::Any | Accelerators::None => unreachable!("set just above"),
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

/// Narrows a span; says whether anything is left of it.
fn merge<T: PartialOrd + Copy>(old: &mut Span<T>, new: Span<T>) -> bool {
    if let Some(min) = new.min.filter(|n| old.min.is_none_or(|o| *n > o)) {
        old.min = Some(min);
    }
    if let Some(max) = new.max.filter(|n| old.max.is_none_or(|o| *n < o)) {
        old.max = Some(max);
    }
    !matches!((old.min, old.max), (Some(min), Some(max)) if min > max)
}

fn push(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|x| x == item) {
        list.push(item.to_owned());
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

/// The class that a list of kinds is of, where they are all of one.
pub(crate) fn class_of(kinds: &[String]) -> Option<Class> {
    let of = |kind: &String| {
        crate::Accelerator { kind: kind.as_str().into(), count: Decimal::ONE, memory_gib: None }.class()
    };
    let first = kinds.first().map(of)?;
    kinds.iter().all(|k| of(k) == first).then_some(first)
}
