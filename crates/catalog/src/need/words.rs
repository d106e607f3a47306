//! A need written in words: "1 GPU, 12 GiB or more", "a100x8 spot in europe under $20 an hour".
//!
//! What is understood is taken, word by word; what is not is named with its place, so that the list can follow each
//! key while a word is still being typed.

use super::clash::{self, Clash};
use super::grammar::Parser;
use super::vocabulary::Vocabulary;
use super::{Need, clash::Field};
use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// A word that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadWord {
    /// The word.
    pub word: String,
    /// From which character of the text on (from 0), and up to which.
    pub at: Range<usize>,
    /// What is wrong: "is not a machine, region or word that is understood".
    pub says: String,
    /// Words it may have been meant to be, nearest first.
    pub meant: Vec<String>,
    /// It is the last word and a known one begins with it: it is still being typed.
    pub unfinished: bool,
}

impl fmt::Display for BadWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = curfew_core::say::clean(&self.word, 60);
        write!(f, "“{word}” (character {}) {}", self.at.start + 1, self.says)?;
        match self.meant.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; did you mean “{one}”?"),
            [many @ .., last] => write!(f, "; did you mean “{}” or “{last}”?", many.join("”, “")),
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What was understood.
    pub need: Need,
    /// What was not.
    pub bad: Vec<BadWord>,
    /// Two things that cannot both be had, in the words that were typed.
    pub clashes: Vec<Clash>,
}

impl Reading {
    /// The need, if all of it was understood and nothing clashes; else the first thing that is wrong, as a sentence.
    pub fn need(&self) -> Result<&Need, String> {
        if let Some(bad) = self.bad.first() {
            return Err(bad.to_string());
        }
        self.clashes.first().map_or(Ok(&self.need), |clash| Err(clash.to_string()))
    }
}

/// A word of the text: where it is, and in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// Byte range in the text.
    pub(super) at: Range<usize>,
    pub(super) lower: String,
}

/// Splits at spaces, commas and semicolons; a comma between digits of a number ("1,000") does not split.
pub(super) fn split(text: &str) -> Vec<Raw> {
    let bytes = text.as_bytes();
    let thousands = |i: usize| {
        let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        i > 0 && digit(i - 1) && digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4)
    };
    let splits = |i: usize, c: char| c.is_whitespace() || c == ';' || (c == ',' && !thousands(i));
    let mut raws = Vec::new();
    let mut start = None;
    for (i, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if i == text.len() || splits(i, c) {
            if let Some(from) = start.take() {
                let word = text[from..i].trim_end_matches(['.', '!', '?']);
                if !word.is_empty() {
                    raws.push(Raw { at: from..from + word.len(), lower: word.to_lowercase() });
                }
            }
        } else if start.is_none() {
            start = Some(i);
        }
    }
    raws
}

impl Vocabulary {
    /// Reads a need from words. Never fails: what is not understood is in the reading.
    pub fn read(&self, text: &str) -> Reading {
        let raws = split(text);
        let mut parser = Parser::new(self, text, &raws);
        parser.run();
        let Parser { need, bad, mut clashes, clauses, .. } = parser;
        if clashes.is_empty() {
            let typed =
                |field: Field| clauses.iter().rev().find(|c| c.field == field).map(|c| text[c.at.clone()].to_owned());
            clashes.extend(clash::find(&need, self, typed));
        }
        Reading { need, bad, clashes }
    }
}

/// Byte range to character range.
pub(super) fn characters(text: &str, at: &Range<usize>) -> Range<usize> {
    let count = |end: usize| text.get(..end).map_or(0, |t| t.chars().count());
    count(at.start)..count(at.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot;
    use std::sync::LazyLock;

    static WORDS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::new(&snapshot::embedded()));

    fn check(text: &str, expect: &str) {
        let reading = WORDS.read(text);
        let got = reading.need().map_or_else(|e| format!("! {e}"), Need::says);
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn accelerators() {
        check("1 GPU, 12 GiB or more", "1 GPU or more with 12 GiB or more each");
        check("gpu", "1 GPU or more");
        check("a100x8", "8 A100-40GB or A100-80GB or more");
        check("8xa100", "8 A100-40GB or A100-80GB or more");
        check("8 x A100 80GB", "8 A100-80GB or more");
        check("80 gb a100", "1 A100-40GB or A100-80GB or more with 74.505805969238 GiB or more each");
        check("t4 or l4", "1 L4 or T4 or more");
        check("exactly 2 gpus", "exactly 2 GPUs");
        check("up to 4 gpus", "0 to 4 GPUs");
        check("rtx pro 6000", "1 RTX PRO 6000 or more");
        check("0.5 rtx", "0.5 RTX PRO 4500 or RTX PRO 6000 or more");
        check("tpu v5e x4", "4 TPU v5e or more");
        check("two t4", "2 T4 or more");
        check("no gpu", "no accelerator");
        check("t4:2", "2 T4 or more");
        check("1 gpu 16 gib, 32 gib memory", "1 GPU or more with 16 GiB or more each, 32 GiB of memory or more");
        check("2 gpus with 40 gib each", "2 GPUs or more with 40 GiB or more each");
        check("24 GB vram", "1 accelerator or more with 22.351741790771 GiB or more each");
    }

    #[test]
    fn the_rest_of_a_machine() {
        check("", "any machine");
        check("4 vcpu", "4 vCPU or more");
        check("at least 8 cores and 64 GiB ram", "8 vCPU or more, 64 GiB of memory or more");
        check("<= 16 vcpus", "16 vCPU at most");
        check("4 to 8 vcpu", "4 to 8 vCPU");
        check("16gib", "16 GiB of memory or more");
        check("arm", "arm64");
        check("g5.xlarge or ml.g5.xlarge", "g5.xlarge or ml.g5.xlarge");
        check("n1-standard spot", "n1-standard, spot");
        check("sagemaker training", "sagemaker, training");
        check("in eu-west-1 or us-east-1", "in eu-west-1 or us-east-1");
        check(
            "aws europe",
            "aws, in eu-central-1 or eu-west-1 or eu-west-2 or europe-west1 or europe-west2 or europe-west4",
        );
    }

    #[test]
    fn money_time_and_data() {
        check("under $5 an hour", "at most $5 an hour");
        check("max 1,000 usd in all", "at most $1000 in all");
        check("$0.50/h", "at most $0.5 an hour");
        check("less than 3 dollars per hour", "at most $3 an hour");
        check("$20 total", "at most $20 in all");
        check("for 2 hours", "2h of work");
        check("90 min", "1h30m of work");
        check("ready by 21:00", "ready by 21:00");
        check("by tomorrow 8:00 spot", "spot, ready by tomorrow 08:00");
        check("100 GB of data in us-east-1", "100 GB of data at aws us-east-1");
        check("1 tb data here", "1000 GB of data on this computer");
        check("200 gb disk", "200 GB of disk");
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_place() {
        check("1 gpu spto", "! “spto” (character 7) is not a word that is understood here; did you mean “spot”?");
        check("4 bananas", "! “bananas” (character 3) is not a unit that is understood here");
        check(
            "in eu-wset-1",
            "! “eu-wset-1” (character 4) is not a word that is understood here; did you mean “eu-west-1” or “eu-west-2”?",
        );
        check("über 4", "! “über” (character 1) is not a word that is understood here");
        check("4", "! “4” (character 1) needs a unit: GPU, vCPU, GiB, hours or a price");
        check("over $5 an hour", "! “$5” (character 6) is a price, which can only have an upper bound");
        check(
            "99999999999999999999999999999999 gpu",
            "! “99999999999999999999999999999999” (character 1) is not a number that can be meant",
        );
        let unfinished: Vec<bool> = WORDS.read("1 gpu spo").bad.iter().map(|b| b.unfinished).collect();
        assert_eq!(unfinished, [true]);
        assert!(!WORDS.read("1 gpu spo ").bad[0].unfinished);
    }

    #[test]
    fn contradictions_say_which_two() {
        check("spot on demand", "! “spot” and “on demand” exclude each other: a machine is bought one way");
        check("no gpu 2 gpus", "! “no gpu” and “2 gpus” exclude each other");
        check("google in us-east-1", "! “google” and “us-east-1” exclude each other: us-east-1 is a region of aws");
        check("ec2 gcp", "! “gcp” and “ec2” exclude each other: ec2 is a service of aws");
        check("arm x86", "! “arm” and “x86” exclude each other: a machine has one architecture");
        check("at least 8 vcpu at most 4 vcpu", "! “at least 8 vcpu” and “at most 4 vcpu” exclude each other");
        check("ec2 training", "! “ec2” and “training” exclude each other: ec2 has no offers for training");
    }

    #[test]
    fn nothing_typed_makes_it_panic() {
        for text in [
            "$",
            "$$",
            "x",
            "xx",
            "1x",
            "x1",
            "a100x",
            ":",
            "a:1",
            ">=",
            "+",
            "or",
            "or more",
            "by",
            "ready by",
            "data",
            "1 gb data in",
            "µ",
            "１２",
            "\u{0}",
            "-",
            "1e9 gpu",
            "in",
            "10 gb data here in",
            "1 to",
            "4 to 8",
            "$1 an",
        ] {
            let _ = WORDS.read(text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[ -~]{0,60}", odd in "\\PC{0,20}") {
            let _ = WORDS.read(&text);
            let _ = WORDS.read(&odd);
        }
        #[test]
        fn any_words_are_read(words in proptest::collection::vec(proptest::sample::select(vec!["1", "gpu", "12", "gib", "or", "more", "spot", "under", "$5", "an", "hour", "data", "in", "us-east-1", "by", "21:00", "x", "a100", "to", "at", "least", "8", "vcpu", "no", "disk"]), 0..12)) {
            let reading = WORDS.read(&words.join(" "));
            let _ = reading.need.says();
        }
    }
}
