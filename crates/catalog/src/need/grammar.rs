//! The grammar of needs: quantities with bounds and units, phrases of the vocabulary, times, data.

use super::clash::{Clash, Field};
use super::quantity::number;
use super::vocabulary::{Meaning, Vocabulary};
use super::words::{BadWord, Raw, characters};
use super::{AcceleratorNeed, Accelerators, Need, Span};
use crate::spec::Class;
use curfew_core::curfew::CurfewSpec;
use rust_decimal::Decimal;
use std::ops::Range;

/// A stretch of the text and what it set.
pub(super) struct Clause {
    pub(super) field: Field,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Min,
    Max,
    Exact,
}

pub(super) struct Parser<'a> {
    pub(super) words: &'a Vocabulary,
    text: &'a str,
    raws: &'a [Raw],
    pub(super) at: usize,
    pub(super) need: Need,
    pub(super) bad: Vec<BadWord>,
    pub(super) clashes: Vec<Clash>,
    pub(super) clauses: Vec<Clause>,
}

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
    pub(super) fn word(&self, i: usize) -> &'a str {
        self.raws.get(i).map_or("", |r| r.lower.as_str())
    }
    pub(super) fn here(&self) -> &'a str {
        self.word(self.at)
    }
    /// Takes these words if they come next.
    pub(super) fn eat(&mut self, phrase: &str) -> bool {
        let count = phrase.split(' ').count();
        let found = phrase.split(' ').enumerate().all(|(i, w)| self.word(self.at + i) == w);
        if found {
            self.at += count;
        }
        found
    }
    pub(super) fn eat_any(&mut self, phrases: &[&str]) -> bool {
        phrases.iter().any(|p| self.eat(p))
    }
    fn span(&self, from: usize) -> Range<usize> {
        let last = self.at.clamp(from + 1, self.raws.len().max(from + 1)) - 1;
        let start = self.raws.get(from).map_or(self.text.len(), |r| r.at.start);
        start..self.raws.get(last).map_or(self.text.len(), |r| r.at.end)
    }
    pub(super) fn wrong(&mut self, i: usize, says: &str) {
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
    pub(super) fn clause(&mut self, field: Field, from: usize, same: bool, why: &str) {
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

    pub(super) fn bound_before(&mut self) -> Option<Bound> {
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
    pub(super) fn bound_after(&mut self) -> Option<Bound> {
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

    /// The longest phrase of the vocabulary from word `i` on, and how many words it takes.
    pub(super) fn meaning_at(&self, i: usize) -> Option<(Meaning, usize)> {
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
    pub(super) fn accelerators(&mut self, from: usize, count: Option<Span<Decimal>>, meaning: Meaning) {
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
    pub(super) fn accelerator_need(&mut self) -> &mut AcceleratorNeed {
        if !matches!(self.need.accelerators, Accelerators::Some(_)) {
            self.need.accelerators = Accelerators::Some(AcceleratorNeed::default());
        }
        match &mut self.need.accelerators {
            Accelerators::Some(need) => need,
            Accelerators::Any | Accelerators::None => unreachable!("set just above"),
        }
    }
}

/// Narrows a span; says whether anything is left of it.
pub(super) fn merge<T: PartialOrd + Copy>(old: &mut Span<T>, new: Span<T>) -> bool {
    if let Some(min) = new.min.filter(|n| old.min.is_none_or(|o| *n > o)) {
        old.min = Some(min);
    }
    if let Some(max) = new.max.filter(|n| old.max.is_none_or(|o| *n < o)) {
        old.max = Some(max);
    }
    !matches!((old.min, old.max), (Some(min), Some(max)) if min > max)
}

pub(super) fn push(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|x| x == item) {
        list.push(item.to_owned());
    }
}

/// The class that a list of kinds is of, where they are all of one.
pub(crate) fn class_of(kinds: &[String]) -> Option<Class> {
    let of = |kind: &String| {
        crate::Accelerator { kind: kind.as_str().into(), count: Decimal::ONE, memory_gib: None }.class()
    };
    let first = kinds.first().map(of)?;
    kinds.iter().all(|k| of(k) == first).then_some(first)
}
