//! What one line says.

use super::lexicon::{Lexicon, Word};
use super::prefix::Prefix;
use super::words::{Class, is_held_out};

/// A name and the value printed for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) word: Word,
    /// What the printed name stands for; [`Pair::word`] may have words before it.
    pub(super) class: Class,
    pub(super) value: f64,
}

/// A count and, where printed, what it counts up to: `3/10`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Of {
    pub(super) value: f64,
    pub(super) total: Option<u64>,
}

/// What one line says. Kept and cleared between lines, so that reading a line allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) pairs: Vec<Pair>,
    /// Where names are put together that do not stand in the text as they are.
    pub(super) name: Vec<u8>,
    pub(super) step: Option<Of>,
    /// The step is a progress bar's (`12/469`).
    pub(super) bar: bool,
    pub(super) epoch: Option<Of>,
    /// The line starts with an asterisk, as the sums of an evaluation do.
    pub(super) starred: bool,
    /// Episodes, frames, trials: the step of a run that prints no other; which of the names, and the count.
    pub(super) tally: Option<(usize, f64)>,
    pub(super) rank: Option<u32>,
    /// A value was printed with a decimal comma: from there on `1,234` is no thousand. Not cleared.
    pub(super) decimal_comma: bool,
    pub(super) scopes: Vec<usize>,
}

impl Line {
    pub(super) fn clear(&mut self) {
        self.pairs.clear();
        self.scopes.clear();
        self.starred = false;
        (self.step, self.bar, self.epoch, self.tally, self.rank) = (None, false, None, None, None);
    }

    /// Adds what stood before the message; returns the rank.
    pub(super) fn settle(&mut self, before: Prefix) -> Option<u32> {
        let mut rank = before.rank.or(self.rank);
        let own = self.step.is_some() || self.epoch.is_some();
        if let (Some((epoch, step)), false, false) = (before.place, own, self.pairs.is_empty()) {
            self.epoch = Some(Of { value: epoch as f64, total: None });
            self.step = Some(Of { value: step as f64, total: None });
        }
        if let Some(round) = before.round {
            self.step = Some(Of { value: round as f64, total: None });
            self.bar = false;
        } else if let Some(number) = before.numbered {
            if !own {
                self.step = (!self.pairs.is_empty()).then_some(Of { value: number as f64, total: None });
            } else if rank.is_none() {
                rank = u32::try_from(number).ok();
            }
        }
        rank
    }

    /// Says of every name that its values are of an evaluation, unless it says so itself.
    pub(super) fn put_aside<S>(&mut self, lexicon: &mut Lexicon<S>) {
        for pair in &mut self.pairs {
            let text = &lexicon.entries[pair.word.0 as usize].text;
            if !is_held_out(text) {
                let name = [b"evaluate ", &text[..]].concat();
                pair.word = lexicon.word(&name);
            }
        }
    }
}
