//! The names of a run, each judged once.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::sync::Arc;

use super::MOST_NAMES;
use super::words::{Class, classify};

/// How many words may be remembered, names of metrics included: prose has new ones without end.
const MOST_WORDS: usize = 3 * MOST_NAMES;

/// How many names of a line are expected in the next one; the rest are looked up.
const MOST_EXPECTED: usize = 64;

/// A name by its place in the lexicon, good until the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u32);

#[derive(Debug)]
pub(super) struct Entry<S> {
    pub(super) text: Box<[u8]>,
    pub(super) class: Class,
    /// What is known of it as a metric, once it had a value.
    pub(super) state: Option<S>,
}

/// Every name seen, and what it stands for.
#[derive(Debug)]
pub(super) struct Lexicon<S> {
    places: HashMap<Arc<[u8]>, u32, FxBuildHasher>,
    pub(super) entries: Vec<Entry<S>>,
    /// The names of the line before, in order: most lines have the same ones again.
    expected: Vec<u32>,
    nth: usize,
    keep: Vec<String>,
}

impl<S> Lexicon<S> {
    /// `keep` are names that are metrics whatever they look like.
    pub(super) fn new(keep: &[String]) -> Lexicon<S> {
        let places = HashMap::with_hasher(FxBuildHasher);
        Lexicon { places, entries: Vec::new(), expected: Vec::new(), nth: 0, keep: keep.to_vec() }
    }

    /// Begins a line. Words given out before are no longer good.
    pub(super) fn start_line(&mut self) {
        self.nth = 0;
        if self.entries.len() > MOST_WORDS {
            self.entries.retain(|entry| entry.state.is_some());
            self.places.clear();
            self.expected.clear();
            for (at, entry) in (0_u32..).zip(&self.entries) {
                self.places.insert(Arc::from(&*entry.text), at);
            }
        }
    }

    pub(super) fn class(&self, word: Word) -> Class {
        self.entries[word.0 as usize].class
    }

    /// The name's place, which it gets if it has none.
    pub(super) fn word(&mut self, text: &[u8]) -> Word {
        let nth = self.nth;
        self.nth += 1;
        if let Some(expected) = self.expected.get(nth)
            && *self.entries[*expected as usize].text == *text
        {
            return Word(*expected);
        }
        let place = match self.places.get(text) {
            Some(place) => *place,
            None => self.add(text),
        };
        if nth < self.expected.len() {
            self.expected[nth] = place;
        } else if nth == self.expected.len() && nth < MOST_EXPECTED {
            self.expected.push(place);
        }
        Word(place)
    }

    fn add(&mut self, text: &[u8]) -> u32 {
        let place = self.entries.len() as u32;
        let kept = self.keep.iter().any(|keep| keep.as_bytes() == text);
        let class = if kept { Class::Metric } else { classify(text) };
        self.entries.push(Entry { text: text.into(), class, state: None });
        self.places.insert(text.into(), place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_without_end_is_forgotten_and_metrics_are_not() {
        let mut lexicon = Lexicon::<u32>::new(&[]);
        let loss = lexicon.word(b"loss");
        lexicon.entries[loss.0 as usize].state = Some(7);
        for at in 0..200_000 {
            lexicon.start_line();
            lexicon.word(format!("word{at}").as_bytes());
            assert!(lexicon.entries.len() <= MOST_WORDS + 1);
        }
        lexicon.start_line();
        let loss = lexicon.word(b"loss");
        assert_eq!(lexicon.entries[loss.0 as usize].state, Some(7));
        assert_eq!(lexicon.class(loss), Class::Metric);
    }
}
