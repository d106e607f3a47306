//! Completions of the word under the cursor.

use super::vocabulary::{Meaning, Vocabulary};
use super::words::{characters, split};
use serde::Serialize;
use std::ops::Range;

/// A way to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completion {
    /// What to put in.
    pub text: String,
    /// What it is.
    pub says: String,
    /// Which characters of the text it replaces.
    pub replaces: Range<usize>,
}

/// Units that can follow a number.
const UNITS: [(&str, &str); 8] = [
    ("GPU", "graphics processors"),
    ("vCPU", "processors, as clouds count them"),
    ("GiB memory", "main memory"),
    ("GB disk", "disk"),
    ("GB data in", "data that the job reads, and where it lies"),
    ("hours", "how long the job takes"),
    ("USD an hour", "the most an hour may cost"),
    ("USD in all", "the most the job may cost"),
];

/// Phrases that begin a clause.
const STARTS: [(&str, &str); 5] = [
    ("under $", "the most an hour may cost"),
    ("at least", "a lower bound"),
    ("at most", "an upper bound"),
    ("ready by", "when it must be done"),
    ("exactly", "no more and no less"),
];

impl Vocabulary {
    /// Ways to complete the word that ends at character `cursor`, the likeliest first, at most `most`.
    pub fn complete(&self, text: &str, cursor: usize, most: usize) -> Vec<Completion> {
        let end = text.char_indices().nth(cursor).map_or(text.len(), |(i, _)| i);
        let before = &text[..end];
        let raws = split(before);
        let open = raws.last().filter(|r| r.at.end == end);
        let at = open.map_or(end..end, |r| r.at.clone());
        let (replaces, typed) = (characters(text, &at), open.map_or("", |r| r.lower.as_str()));
        let done = if open.is_some() { raws.len() - 1 } else { raws.len() };
        let after_number = done > 0 && is_number(&raws[done - 1].lower);
        let mut found: Vec<(u8, usize, Completion)> = Vec::new();
        let mut offer = |rank: u8, phrase: &str, says: &str| {
            let lower = phrase.to_lowercase();
            let place = if lower.starts_with(typed) { 0 } else { 3 };
            let inside = typed.len() >= 2 && lower.contains(typed);
            if (place == 0 || inside) && lower != typed {
                let text = phrase.to_owned();
                let completion = Completion { text, says: says.to_owned(), replaces: replaces.clone() };
                found.push((place + rank, found.len(), completion));
            }
        };
        if after_number {
            for (unit, says) in UNITS {
                offer(0, unit, says);
            }
        }
        for e in self.entries.iter().filter(|e| !e.says.is_empty()) {
            let rank = match &e.meaning {
                Meaning::Kinds(_) => 0,
                _ if after_number => continue,
                Meaning::Class(_) | Meaning::NoAccelerator | Meaning::Spot(_) | Meaning::Arch(_) => 0,
                Meaning::Cloud(_) | Meaning::Service(_) | Meaning::Component(_) | Meaning::Regions(_) => 1,
                Meaning::Machine(_) if typed.is_empty() => continue,
                Meaning::Machine(_) | Meaning::Commitments => 2,
                Meaning::Vcpus | Meaning::Filler => continue,
            };
            let shown = match &e.meaning {
                Meaning::Kinds(kinds) if kinds.len() == 1 => kinds[0].clone(),
                _ => e.phrase.clone(),
            };
            offer(rank, &shown, &e.says);
        }
        if !after_number {
            for (phrase, says) in STARTS {
                offer(1, phrase, says);
            }
        }
        found.sort_by_key(|(rank, order, _)| (*rank, *order));
        found.into_iter().take(most).map(|(.., c)| c).collect()
    }
}

fn is_number(word: &str) -> bool {
    let digits = word.trim_start_matches(['$', '>', '<', '=', '≥', '≤']);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completes_the_word_under_the_cursor() {
        let words = Vocabulary::new(&crate::snapshot::embedded());
        let check = |text: &str, expect: &[&str]| {
            let got = words.complete(text, text.chars().count(), 4);
            let texts: Vec<&str> = got.iter().map(|c| c.text.as_str()).collect();
            assert_eq!(texts, expect, "{text}");
        };
        check("sp", &["spot"]);
        check("1 g", &["GPU", "GiB memory", "GB disk", "GB data in"]);
        check("a10", &["A100-40GB", "A100-80GB", "A10G", "a100"]);
        check("in eu-w", &["eu-west-1", "eu-west-2"]);
        check("g5.x", &["g5.xlarge", "ml.g5.xlarge"]);
        let got = words.complete("é sp 4", 4, 1);
        assert_eq!(got[0].replaces, 2..4);
    }
}
