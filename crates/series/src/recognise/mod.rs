//! What people print, to points.
//!
//! Invariant: the points of a log do not depend on the pieces in which its bytes arrive; only `time_ms` does.
//! Invariant: memory is bounded whatever is printed: one line of 1 MiB, [`MOST_NAMES`] names, [`MOST_RANKS`] processes.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 60,000 words, and steps were whole numbers when printed"
)]

mod boxed;
mod context;
mod counts;
mod lexicon;
mod line;
mod lines;
mod number;
mod prefix;
mod scan;
mod table;
mod vocabulary;
mod words;

use regex::bytes::Regex;
use std::sync::Arc;

use crate::{Definitions, Point, Progress, Result};
use context::{Context, Place};
use lexicon::{Lexicon, Word};
use line::Line;
use lines::Lines;
use words::Class;

/// How many metric names one run may have; later ones are counted in [`Recogniser::names_dropped`] and not kept.
pub const MOST_NAMES: usize = 20_000;
/// How many processes of one run are told apart; later ones count as one.
pub const MOST_RANKS: usize = 4_096;

/// Reads a log as it grows and hands on the points in it.
///
/// ```
/// use curfew_series::Recogniser;
/// let mut recogniser = Recogniser::new(None)?;
/// let mut seen = Vec::new();
/// recogniser.push(b"epoch 3 loss=0.4", 1_000, &mut |point| seen.push(point.value));
/// recogniser.push(b"1 acc=0.83\n", 1_002, &mut |point| seen.push(point.value));
/// assert_eq!(seen, [0.41, 0.83]);
/// # Ok::<(), curfew_series::Error>(())
/// ```
pub struct Recogniser {
    lines: Lines,
    reader: Reader,
}

struct Reader {
    definitions: Definitions,
    defined: Vec<(Arc<str>, Regex)>,
    recognises: bool,
    line: Line,
    table: table::Table,
    boxed: boxed::Boxed,
    /// The next line repeats the best round.
    skip_next: bool,
    lexicon: Lexicon<NameState>,
    names: usize,
    names_dropped: u64,
    /// One context per process; the one without a rank comes first.
    contexts: Vec<(Option<u32>, Context)>,
    latest: usize,
    /// Where the last line stood: its rank, and its step and epoch.
    place: (Option<u32>, Place),
}

#[derive(Default)]
struct NameState {
    /// The name it is kept under; `None` where the user hides it.
    kept: Option<Arc<str>>,
    confirmed: bool,
    /// The first value of a name of which nothing is known: kept if the value ever changes.
    pending: Option<Value>,
    /// Rank, step and value of the last point.
    latest: Option<(Option<u32>, Option<u64>, u64)>,
    /// It is of data held out: a bar shows the last measurement again in each step of the epoch after it.
    held_out: bool,
    /// What the full bar of an epoch showed; the epoch's own once the next one begins.
    last_shown: Option<Value>,
}

/// A value on its way to becoming a point.
#[derive(Clone, Copy)]
struct Value {
    class: Class,
    number: f64,
    place: Place,
    rank: Option<u32>,
    time_ms: i64,
    /// The line speaks of training: it has a step, an epoch or a known metric.
    in_context: bool,
    bar: bool,
    /// In a bar that names its epoch: whether it is full.
    epoch_bar: Option<bool>,
}

impl Recogniser {
    /// A reader for one log. Fails where a definition's expression cannot be compiled.
    pub fn new(definitions: Option<&Definitions>) -> Result<Recogniser> {
        let definitions = definitions.cloned().unwrap_or_default();
        let defined = definitions.compile()?.into_iter().map(|(name, regex)| (name.into(), regex)).collect();
        let recognises = definitions.recognises();
        let lexicon = Lexicon::new(&definitions.keep);
        let reader = Reader {
            definitions,
            defined,
            recognises,
            line: Line::default(),
            table: table::Table::default(),
            boxed: boxed::Boxed::default(),
            skip_next: false,
            lexicon,
            names: 0,
            names_dropped: 0,
            contexts: vec![(None, Context::default())],
            latest: 0,
            place: Default::default(),
        };
        Ok(Recogniser { lines: Lines::default(), reader })
    }

    /// Reads the next bytes of the log, which arrived at `arrived_ms` (milliseconds since 1970, UTC).
    pub fn push(&mut self, bytes: &[u8], arrived_ms: i64, sink: &mut impl FnMut(Point<'_>)) {
        let reader = &mut self.reader;
        self.lines.push(bytes, &mut |text| reader.read(text, arrived_ms, sink));
    }

    /// Reads a last line that has no end, once the run is over.
    pub fn finish(&mut self, arrived_ms: i64, sink: &mut impl FnMut(Point<'_>)) {
        let reader = &mut self.reader;
        self.lines.finish(&mut |text| reader.read(text, arrived_ms, sink));
        reader.finish(arrived_ms, sink);
    }

    /// How far the run has come, by the process that printed last.
    pub fn progress(&self) -> Progress {
        self.reader.contexts[self.reader.latest].1.progress()
    }

    /// How many values were passed over because the run has more than [`MOST_NAMES`] names.
    pub fn names_dropped(&self) -> u64 {
        self.reader.names_dropped
    }
}

/// A line of a log and what was found in it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Matched {
    /// Which line, counted from 0. Each redraw of a progress bar is a line.
    pub line: usize,
    /// The line as a terminal shows it, at most [`LONGEST_SAMPLE`] bytes of it.
    pub text: String,
    /// Names as kept and values, in the line's order.
    pub found: Vec<(String, f64)>,
}

/// How much of a line is shown among the lines that match.
pub const LONGEST_SAMPLE: usize = 400;

/// Which lines of a piece of a log match which metrics under these definitions, for the user who writes them.
pub fn matches(definitions: Option<&Definitions>, sample: &[u8]) -> Result<Vec<Matched>> {
    let mut recogniser = Recogniser::new(definitions)?;
    let mut matched = Vec::new();
    let mut at = 0;
    let Recogniser { lines, reader } = &mut recogniser;
    let mut on_line = |text: &[u8]| {
        let mut found = Vec::new();
        reader.read(text, 0, &mut |point| found.push((point.metric.to_owned(), point.value)));
        if !found.is_empty() {
            let shown = String::from_utf8_lossy(&text[..text.len().min(LONGEST_SAMPLE)]).into_owned();
            matched.push(Matched { line: at, text: shown, found });
        }
        at += 1;
    };
    lines.push(sample, &mut on_line);
    lines.finish(&mut on_line);
    Ok(matched)
}

impl Reader {
    fn read(&mut self, text: &[u8], time_ms: i64, sink: &mut impl FnMut(Point<'_>)) {
        self.recognise(text, time_ms, sink);
        // Searched in the whole line: SageMaker's own definitions for XGBoost start at the round.
        for (name, regex) in &self.defined {
            let Some(found) = regex.captures(text) else { continue };
            let group = found.get(1).or_else(|| found.get(0)).map_or(&b""[..], |group| group.as_bytes());
            if let Some(number) = number::number(group.trim_ascii()) {
                let (rank, Place { step, epoch, .. }) = self.place;
                sink(Point { metric: name, rank, step, epoch, time_ms, value: number.value });
            }
        }
    }

    fn recognise(&mut self, text: &[u8], time_ms: i64, sink: &mut impl FnMut(Point<'_>)) {
        self.line.clear();
        self.lexicon.start_line();
        if std::mem::take(&mut self.skip_next) {
            return;
        }
        let before = prefix::prefix(text);
        let mut text = &text[before.len..];
        if text.first() == Some(&b'|') && self.boxed.see_row(text) {
            return;
        }
        if self.boxed.is_open() {
            self.boxed.end(&mut self.lexicon, &mut self.line);
            let rank = self.line.settle(before);
            self.give(text, prefix::Prefix::default(), rank, time_ms, sink);
            if boxed::is_edge(text) {
                return;
            }
            self.line.clear();
            self.lexicon.start_line();
        }
        if text.trim_ascii_start().starts_with(b"Trial ")
            && let Some(best) = memchr::memmem::rfind(text, b". Best is trial ")
        {
            // Optuna says the best value so far once more.
            text = &text[..best];
        }
        if is_aside(text) {
            self.skip_next = text.ends_with(b"teration is:") || text.ends_with(b"teration:");
            return;
        }
        if self.table.see_header(text) {
            return;
        }
        if !self.table.see_row(text, &mut self.lexicon, &mut self.line) {
            self.line.clear();
            scan::scan(text, &mut self.lexicon, &mut self.line);
        }
        self.line.starred = text.trim_ascii_start().starts_with(b"* ");
        let rank = self.line.settle(before);
        self.give(text, before, rank, time_ms, sink);
    }

    /// Gives the points of the line that was read.
    fn give(
        &mut self,
        text: &[u8],
        before: prefix::Prefix,
        rank: Option<u32>,
        time_ms: i64,
        sink: &mut impl FnMut(Point<'_>),
    ) {
        self.latest = self.context_of(rank);
        let place = self.contexts[self.latest].1.place(&self.line);
        self.place = (rank, place);
        if !self.recognises || self.line.pairs.is_empty() {
            return;
        }
        let line = &mut self.line;
        if line.bar && self.contexts[self.latest].1.is_repeated(text, line) {
            return;
        }
        if place.aside {
            line.put_aside(&mut self.lexicon);
        }
        // CatBoost repeats the best value so far in every round.
        let best = before.round.is_some();
        let in_context =
            line.step.is_some() || line.epoch.is_some() || line.pairs.iter().any(|pair| pair.class == Class::Metric);
        let full = line.step.map(|step| step.total == Some(step.value as u64));
        let epoch_bar = if line.bar && line.epoch.is_some() && !place.aside { full } else { None };
        let line = std::mem::take(line);
        for pair in &line.pairs {
            if !(best && *self.lexicon.entries[pair.word.0 as usize].text == *b"best") {
                let (class, number, bar) = (pair.class, pair.value, line.bar);
                let value = Value { class, number, place, rank, time_ms, in_context, bar, epoch_bar };
                self.take(pair.word, &value, sink);
            }
        }
        self.line = line;
    }

    fn context_of(&mut self, rank: Option<u32>) -> usize {
        if self.contexts[self.latest].0 == rank {
            return self.latest;
        }
        if let Some(at) = self.contexts.iter().position(|(known, _)| *known == rank) {
            return at;
        }
        if self.contexts.len() >= MOST_RANKS {
            return 0;
        }
        self.contexts.push((rank, Context::default()));
        self.contexts.len() - 1
    }

    fn take(&mut self, word: Word, seen: &Value, sink: &mut impl FnMut(Point<'_>)) {
        let entry = &mut self.lexicon.entries[word.0 as usize];
        let state = match &mut entry.state {
            Some(state) => state,
            None if self.names >= MOST_NAMES => {
                self.names_dropped += 1;
                return;
            }
            none => {
                self.names += 1;
                let printed = String::from_utf8_lossy(&entry.text);
                let kept = self.definitions.kept_name(&printed).map(Arc::from);
                let held_out = words::is_held_out(&entry.text);
                let confirmed = seen.class == Class::Metric;
                none.insert(NameState { kept, confirmed, held_out, ..NameState::default() })
            }
        };
        let mut seen = seen;
        let before;
        if let (Some(full), true) = (seen.epoch_bar, state.held_out) {
            let shown = if full { state.last_shown.replace(*seen) } else { state.last_shown.take() };
            let same = |a: &Value| full && (a.rank, a.place.epoch) == (seen.rank, seen.place.epoch);
            let Some(shown) = shown.filter(|shown| !same(shown)) else { return };
            before = shown;
            seen = &before;
        }
        state.give(seen, sink);
    }

    /// Hands on what the last bars showed.
    fn finish(&mut self, time_ms: i64, sink: &mut impl FnMut(Point<'_>)) {
        if self.boxed.is_open() {
            self.line.clear();
            self.lexicon.start_line();
            self.boxed.end(&mut self.lexicon, &mut self.line);
            let rank = self.line.settle(prefix::Prefix::default());
            self.give(b"", prefix::Prefix::default(), rank, time_ms, sink);
        }
        for state in self.lexicon.entries.iter_mut().filter_map(|entry| entry.state.as_mut()) {
            if let Some(shown) = state.last_shown.take() {
                state.give(&shown, sink);
            }
        }
    }
}

impl NameState {
    /// A value of this name to a point, unless nothing is known of the name yet, or it is hidden.
    fn give(&mut self, seen: &Value, sink: &mut impl FnMut(Point<'_>)) {
        let state = self;
        let Some(metric) = state.kept.as_deref() else { return };
        state.confirmed |= seen.in_context;
        if !state.confirmed {
            match state.pending {
                None => {
                    state.pending = Some(*seen);
                    return;
                }
                Some(first) if first.number.to_bits() == seen.number.to_bits() => return,
                Some(_) => state.confirmed = true,
            }
        }
        // A bar drawn once more in the same place, with another metric added, brings nothing new of this one.
        let mark = (seen.rank, seen.place.step, seen.number.to_bits());
        if seen.bar && state.latest == Some(mark) {
            return;
        }
        state.latest = Some(mark);
        for value in state.pending.take().as_ref().into_iter().chain([seen]) {
            let Value { place, rank, time_ms, number, .. } = *value;
            sink(Point { metric, rank, step: place.step, epoch: place.epoch, time_ms, value: number });
        }
    }
}

/// Lines that look like results and are not: LightGBM's notes, and what announces the best round, printed once more.
fn is_aside(text: &[u8]) -> bool {
    text.starts_with(b"[LightGBM]")
        || text.starts_with(b"Namespace(")
        || text.starts_with(b"Early stopping, best iteration is:")
        || text.starts_with(b"Did not meet early stopping. Best iteration is:")
        || text == b"Best iteration:"
        // Its summary of the run says everything once more.
        || text.starts_with(b"wandb: ")
}
