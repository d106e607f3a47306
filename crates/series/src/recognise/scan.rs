//! One line to name and value pairs, a step, an epoch, a rank.

use std::ops::Range;

use super::lexicon::{Lexicon, Word};
use super::line::{Line, Of, Pair};
use super::number::{Number, Unit, number, unit};
use super::words::{Class, is_filler, is_held_out, is_of_settings, is_qualifier, is_split, tally};

/// How many words before a separator a name may have; of more, the last ones are taken.
const MOST_WORDS: usize = 3;
/// The longest name kept; what is longer is prose or data.
const LONGEST_NAME: usize = 120;

/// Reads the pairs, step, epoch and rank of one line into `line`, which was cleared before.
pub(super) fn scan<S>(text: &[u8], lexicon: &mut Lexicon<S>, line: &mut Line) {
    Scanner { text, lexicon, line, words: [0; MOST_WORDS], count: 0, end: 0, label: 0..0 }.run();
}

pub(super) struct Scanner<'a, S> {
    pub(super) text: &'a [u8],
    pub(super) lexicon: &'a mut Lexicon<S>,
    pub(super) line: &'a mut Line,
    /// Where the last words before the position start, oldest first; parted by one space each.
    pub(super) words: [usize; MOST_WORDS],
    pub(super) count: usize,
    pub(super) end: usize,
    /// Which data the values are of, where a word says so before the names: `Validation: loss=…`.
    label: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Letter,
    Digit,
    Sign,
    Quote,
    Open,
    Other,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        kinds[at] = match byte {
            b' ' => Kind::Space,
            b'0'..=b'9' => Kind::Digit,
            b'-' | b'+' | b'.' => Kind::Sign,
            b'"' | b'\'' | b'`' => Kind::Quote,
            b'{' | b'}' => Kind::Open,
            // Letters beyond ASCII. 0xc2 starts ± and µ, 0xe2 bars, arrows and dashes, 0xef what stands for broken text.
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0xc3..=0xe1 | 0xe3..=0xee | 0xf0 => Kind::Letter,
            _ => Kind::Other,
        };
        at += 1;
    }
    kinds
};

/// Which bytes go on with a name once it has begun.
const IN_NAME: [bool; 256] = {
    let mut yes = [false; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        yes[at] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'/' | b'.' | b'@' | b'-' | b'%' | b'#' | b'+' | b'\'')
            || (byte >= 0x80 && !matches!(byte, 0xc2 | 0xe2 | 0xef | 0xf5..));
        at += 1;
    }
    yes
};

impl<S> Scanner<'_, S> {
    pub(super) fn at(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn run(mut self) {
        let mut at = 0;
        while at < self.text.len() {
            let byte = self.text[at];
            match KINDS[byte as usize] {
                Kind::Letter => at = self.word(at),
                Kind::Space => {
                    if self.at(at + 1) == b' ' {
                        self.close_words();
                    }
                    at += 1;
                }
                Kind::Digit => at = self.bare_number(at),
                Kind::Quote => at = self.quoted(at),
                Kind::Open => {
                    if byte == b'}' {
                        self.line.scopes.pop();
                        self.line.scopes.pop();
                    }
                    self.close_words();
                    at += 1;
                }
                Kind::Sign | Kind::Other => {
                    self.close_words();
                    // CloudWatch shows a tab as #011.
                    at += if self.text[at..].starts_with(b"#011") { 4 } else { 1 };
                }
            }
        }
    }

    /// Forgets the words seen, which end here; alone, a word such as "Validation" speaks of what follows.
    pub(super) fn close_words(&mut self) {
        if self.count > 0 {
            self.take_label();
            self.count = 0;
        }
    }

    fn take_label(&mut self) {
        let first = self.words[0];
        let word_end = if self.count == 1 { self.end } else { self.words[1] - 1 };
        let alone = match self.count {
            1 => true,
            2 => [&b"set"[..], b"dataset", b"metrics", b"results", b"step", b"phase", b"epoch"]
                .iter()
                .any(|word| self.text[self.words[1]..self.end].eq_ignore_ascii_case(word)),
            _ => false,
        };
        if alone && is_split(&self.text[first..word_end]) {
            self.label = first..word_end;
        }
    }

    fn push_word(&mut self, start: usize, end: usize) {
        if self.count > 0 && start != self.end + 1 {
            self.close_words();
        }
        if self.count == MOST_WORDS {
            self.words.rotate_left(1);
            self.count -= 1;
        }
        self.words[self.count] = start;
        self.count += 1;
        self.end = end;
    }

    /// A name in quotes, as in JSON and Python dicts; any other quote parts words.
    fn quoted(&mut self, at: usize) -> usize {
        let quote = self.text[at];
        let rest = &self.text[at + 1..];
        let close = rest.iter().take(LONGEST_NAME + 1).position(|byte| *byte == quote);
        self.close_words();
        let Some(len) = close else { return at + 1 };
        let after = self.skip_spaces(at + 1 + len + 1);
        if len == 0 || self.at(after) != b':' {
            return at + 1;
        }
        self.words[0] = at + 1;
        self.count = 1;
        self.end = at + 1 + len;
        self.separator(after)
    }

    pub(super) fn skip_spaces(&self, mut at: usize) -> usize {
        while self.at(at) == b' ' {
            at += 1;
        }
        at
    }

    fn word(&mut self, start: usize) -> usize {
        let text = self.text;
        let mut end = start + 1;
        while end < text.len() && IN_NAME[text[end] as usize] {
            end += 1;
        }
        // A sign at the end belongs to the sentence, or starts a value: "loss-", "path/". A short "Avg." is a word.
        while end > start + 1 && matches!(text[end - 1], b'/' | b'-' | b'+' | b'\'' | b'.') {
            if text[end - 1] == b'.' && end - start <= 5 {
                break;
            }
            end -= 1;
        }
        // loss(train), top1(%)
        if self.at(end) == b'(' {
            let inner = text[end + 1..].iter().take(24).take_while(|byte| IN_NAME[**byte as usize]).count();
            if inner > 0 && self.at(end + 1 + inner) == b')' && matches!(self.at(end + 2 + inner), b':' | b'=' | b' ') {
                end += 2 + inner;
            }
        }
        if end - start > LONGEST_NAME {
            self.count = 0;
            return end;
        }
        self.push_word(start, end);
        let after = self.skip_spaces(end);
        match self.at(after) {
            b':' | b'=' => self.separator(after),
            // ： and ＝, as in Chinese and Japanese
            0xef if self.text[after..].starts_with(b"\xef\xbc\x9a")
                || self.text[after..].starts_with(b"\xef\xbc\x9d") =>
            {
                self.separator(after + 2)
            }
            b'0'..=b'9' | b'-' | b'+' | b'.' | b'[' | b'(' | b'#' | b'n' | b'N' | b'i' | b'I' if after > end => {
                self.space_value(after)
            }
            _ => end,
        }
    }

    /// After a name, at its `:` or `=`.
    fn separator(&mut self, at: usize) -> usize {
        let mut next = at + 1;
        // ==, =>, :=, ::
        if matches!(self.at(next), b'=' | b'>') {
            next += 1;
        } else if self.at(next) == b':' || (self.at(next) == b'/' && self.at(next + 1) == b'/') {
            self.count = 0;
            return next + 1;
        }
        while matches!(self.at(next), b' ' | b'\t') {
            next += 1;
        }
        if self.at(next) == b'{' {
            self.enter_scope();
            return next + 1;
        }
        let (start, bracketed) = self.skip_wrapper(next);
        match number(&self.text[start..]) {
            Some(number) if !bracketed => {
                let number = self.with_decimal_comma(start, number);
                self.value(start, number, true)
            }
            Some(number) if self.is_single(start + number.len) => self.value(start, number, true),
            _ => {
                self.take_label();
                self.count = 0;
                next
            }
        }
    }

    /// `"train": {"loss": …}`: the outer name goes before the inner ones.
    fn enter_scope(&mut self) {
        let range = self.words[0]..self.end;
        self.line.scopes.extend([range.start, range.end]);
        self.count = 0;
    }

    /// Steps over quotes and what wraps a number when printed: `tensor(0.41, …)`, `np.float64(0.41)`, `[0.41]`.
    fn skip_wrapper(&self, mut at: usize) -> (usize, bool) {
        if matches!(self.at(at), b'"' | b'\'') {
            at += 1;
        }
        let word = self.text[at.min(self.text.len())..]
            .iter()
            .take(20)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.')
            .count();
        if word > 0 && self.at(at + word) == b'(' {
            let name = self.text[at..at + word].to_ascii_lowercase();
            if [&b"tensor"[..], b"array", b"float64", b"float32", b"float16", b"float", b"bfloat16", b"scalar"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                at += word + 1;
            }
        }
        let bracketed = self.at(at) == b'[';
        while self.at(at) == b'[' {
            at += 1;
        }
        if bracketed {
            at = self.skip_spaces(at);
        }
        (at, bracketed)
    }

    fn is_single(&self, at: usize) -> bool {
        // NumPy writes whole numbers as [21.]
        let at = at + usize::from(self.at(at) == b'.');
        self.at(self.skip_spaces(at)) == b']'
    }

    /// After a name and a space, where a value may stand without a sign: `step 120`, `lr 3e-4`, `Epoch [3/10]`.
    fn space_value(&mut self, at: usize) -> usize {
        let last = self.words[self.count - 1];
        let word = self.lexicon.word(&self.text[last..self.end]);
        let class = self.lexicon.class(word);
        let here = self.end;
        let counted = matches!(class, Class::Step | Class::Epoch | Class::Tally);
        if !(counted || matches!(class, Class::Metric | Class::Setting | Class::Rank)) {
            return here;
        }
        let opened = counted && matches!(self.at(at), b'[' | b'(' | b'#');
        let start = if opened { self.skip_spaces(at + 1) } else { at };
        match number(&self.text[start..]) {
            Some(number) => self.value(start, number, false),
            None => here,
        }
    }

    /// The value of the name seen, at `start`. Returns where to go on.
    fn value(&mut self, start: usize, number: Number, separated: bool) -> usize {
        let mut end = start + number.len;
        let (unit, len) = unit(&self.text[end..]);
        end += len;
        if unit == Unit::NotANumber {
            self.count = 0;
            return self.skip_token(end);
        }
        let total = if unit == Unit::None { self.total(&mut end) } else { None };
        if separated && self.is_epoch_of_label(&number, end) {
            self.take_label();
            self.line.epoch.get_or_insert(Of { value: number.value, total });
            self.count = 0;
            return end;
        }
        if let Some(first) = self.first(separated) {
            self.keep(first..self.end, number, unit, total);
        }
        self.count = 0;
        // 0.41+0.002, 0.41 ± 0.002: the spread is not another value.
        end
    }

    /// Where the name starts among the words seen.
    pub(super) fn first(&self, separated: bool) -> Option<usize> {
        let starts = &self.words[..self.count];
        let word = |at: usize| {
            let end = starts.get(at + 1).map_or(self.end, |next| next - 1);
            &self.text[starts[at]..end]
        };
        let mut first = 0;
        if separated {
            while first + 1 < starts.len() && is_filler(word(first)) {
                first += 1;
            }
        } else {
            first = starts.len() - 1;
            while first > 0 && is_qualifier(word(first - 1)) {
                first -= 1;
            }
        }
        starts.get(first).copied()
    }

    fn keep(&mut self, name: Range<usize>, number: Number, unit: Unit, total: Option<u64>) {
        let word = self.lexicon.word(&self.text[name.clone()]);
        let class = self.lexicon.class(word);
        let whole = number.whole.map(|whole| whole as f64);
        match class {
            // Iter(val) counts the steps of an evaluation.
            Class::Step if self.data_in_brackets(&name).is_some_and(|of| is_held_out(&self.text[of])) => {
                self.label = self.data_in_brackets(&name).unwrap_or_default();
            }
            Class::Step if unit == Unit::None => {
                if let Some(inner) = self.data_in_brackets(&name) {
                    self.label = inner;
                }
                if let (None, Some(value)) =
                    (self.line.step, whole.or((number.value.fract() == 0.0).then_some(number.value)))
                {
                    self.line.step = Some(Of { value, total });
                }
            }
            Class::Epoch if unit == Unit::None && number.value.is_finite() && number.value >= 0.0 => {
                self.line.epoch.get_or_insert(Of { value: number.value, total });
                let own = &self.text[name.clone()];
                let first = name.start..name.start + own.iter().take_while(|byte| **byte != b' ').count();
                if is_split(&self.text[first.clone()]) {
                    self.label = first;
                } else if let Some(inner) = self.data_in_brackets(&name) {
                    self.label = inner;
                }
            }
            Class::Tally if unit == Unit::None => {
                if let (None, Some(value)) = (self.line.tally, whole) {
                    self.line.tally = tally(&self.text[name]).map(|which| (which, value));
                }
            }
            Class::Rank => self.line.rank = number.whole.and_then(|rank| u32::try_from(rank).ok()).or(self.line.rank),
            Class::Metric | Class::Setting | Class::Unknown if matches!(unit, Unit::None | Unit::Percent) => {
                if let [.., start, end] = self.line.scopes[..]
                    && is_of_settings(&self.text[start..end])
                {
                    return;
                }
                let value = match total {
                    None => number.value,
                    // "Accuracy: 9837/10000"
                    Some(total) if class == Class::Metric && total > 0 => number.value / total as f64,
                    Some(_) => return,
                };
                let word = self.full_name(name, word);
                self.line.pairs.push(Pair { word, class, value });
            }
            _ => {}
        }
    }

    /// The name with what stands before it: the objects it lies in, or the data it is of.
    fn full_name(&mut self, name: Range<usize>, word: Word) -> Word {
        if self.label.is_empty() && self.line.scopes.is_empty() {
            return word;
        }
        let text = self.text;
        let own = &text[name];
        let full = &mut self.line.name;
        full.clear();
        if self.line.scopes.is_empty() {
            let mut words = own.split(|byte| !byte.is_ascii_alphanumeric());
            // The learning rate is the training's, whatever was measured beside it.
            if words.any(|word| is_split(word) || word.eq_ignore_ascii_case(b"lr")) {
                return word;
            }
            full.extend_from_slice(&text[self.label.clone()]);
            full.push(b' ');
        }
        for scope in self.line.scopes.chunks_exact(2) {
            full.extend_from_slice(&text[scope[0]..scope[1]]);
            full.push(b'.');
        }
        full.extend_from_slice(own);
        self.lexicon.word(full)
    }

    pub(super) fn skip_token(&self, mut at: usize) -> usize {
        while at < self.text.len() && (IN_NAME[self.text[at] as usize] || self.text[at] == b':') {
            at += 1;
        }
        at
    }
}
