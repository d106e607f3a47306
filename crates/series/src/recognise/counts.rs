//! The signs in and behind numbers: decimal commas, totals, progress bars, brackets that hold an epoch.

use std::ops::Range;

use super::line::Of;
use super::number::{Number, Unit, number, unit};
use super::scan::Scanner;
use super::words::{Class, is_split};

impl<S> Scanner<'_, S> {
    /// `0,41` as `0.41`, for the names of metrics: a comma within digits that parts no thousands. Once one was seen, none
    /// does.
    pub(super) fn with_decimal_comma(&mut self, start: usize, number: Number) -> Number {
        let rest = &self.text[start..];
        let sign = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        let digits = |at: usize| rest[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let before = sign + digits(sign);
        if before == sign || rest.get(before) != Some(&b',') {
            return number;
        }
        let fraction = digits(before + 1);
        let thousands = number.len > before;
        // 1,2,3 and 1,000,000 and 1,5.0 are something else.
        if fraction == 0
            || (thousands && (!self.line.decimal_comma || number.len != before + 1 + fraction))
            || matches!(rest.get(before + 1 + fraction), Some(b',' | b'.') if rest.get(before + 2 + fraction).is_some_and(u8::is_ascii_digit))
        {
            return number;
        }
        let Some(first) = self.first(true) else { return number };
        let word = self.lexicon.word(&self.text[first..self.end]);
        if !matches!(self.lexicon.class(word), Class::Metric | Class::Setting | Class::Unknown) {
            return number;
        }
        let mut printed = [0; 64];
        let end = rest.len().min(printed.len());
        printed[..end].copy_from_slice(&rest[..end]);
        if before >= end {
            return number;
        }
        printed[before] = b'.';
        self.line.decimal_comma = true;
        super::number::number(&printed[..end]).unwrap_or(number)
    }

    /// `Train: 3 [ 50/1251 …`, `Train: 3/10 ( 30%) [ 50/1251 …`: the number after the data's name is the epoch.
    pub(super) fn is_epoch_of_label(&self, number: &Number, end: usize) -> bool {
        if self.count != 1 || number.whole.is_none() || !is_split(&self.text[self.words[0]..self.end]) {
            return false;
        }
        let mut at = self.skip_spaces(end);
        if self.at(at) == b'(' {
            let inner = self.text[at..].iter().take(8).take_while(|byte| **byte != b')').count();
            at = self.skip_spaces(at + inner + 1);
        }
        if self.at(at) != b'[' {
            return false;
        }
        let at = self.skip_spaces(at + 1);
        super::number::number(&self.text[at.min(self.text.len())..])
            .is_some_and(|done| done.whole.is_some() && self.at(at + done.len) == b'/')
    }

    /// `/10`, ` / 10` or ` of 10` after a number.
    pub(super) fn total(&self, end: &mut usize) -> Option<u64> {
        let mut at = self.skip_spaces(*end);
        if self.at(at) == b'/' {
            at += 1;
        } else if self.text[at.min(self.text.len())..].starts_with(b"of ") {
            at += 3;
        } else {
            return None;
        }
        at = self.skip_spaces(at);
        let total = number(&self.text[at..])?;
        // 11/20/2026 is a date.
        if self.at(at + total.len) == b'/' || unit(&self.text[at + total.len..]).0 == Unit::NotANumber {
            return None;
        }
        *end = at + total.len;
        total.whole
    }

    /// A number without a name: part of a progress bar (`12/469`), or nothing.
    pub(super) fn bare_number(&mut self, at: usize) -> usize {
        self.close_words();
        let Some(number) = number(&self.text[at..]) else { return at + 1 };
        let end = at + number.len;
        let before = if at == 0 { b' ' } else { self.text[at - 1] };
        // fairseq has spaces: 2800 / 160368
        let spaced = usize::from(self.text[end..].starts_with(b" / "));
        if let (Some(done), b'/', b' ' | b'|' | b'[' | b'(') = (number.whole, self.at(end + spaced), before)
            && let Some(total) = super::number::number(&self.text[end + 1 + 2 * spaced..])
            && let Some(all) = total.whole
        {
            let close = end + 1 + 2 * spaced + total.len;
            // [0/25][100/1583]: the epoch before the step
            if before == b'['
                && self.text[close..].starts_with(b"][")
                && self.at(close + 2).is_ascii_digit()
                && self.line.epoch.is_none()
                && self.line.step.is_none()
                && done <= all
            {
                self.line.epoch = Some(Of { value: done as f64, total: Some(all) });
                return close + 1;
            }
            if matches!(self.at(close), b' ' | b'[' | b']' | b'(' | b')' | b'|' | b',' | 0) && done <= all && all > 0 {
                if self.line.step.is_none() {
                    self.line.step = Some(Of { value: done as f64, total: Some(all) });
                    self.line.bar = true;
                }
                return close;
            }
        }
        let (_, len) = unit(&self.text[end..]);
        self.skip_token(end + len)
    }

    /// Where the name says which data a count is of: `Epoch(train)`, `Iter(val)`.
    pub(super) fn data_in_brackets(&self, name: &Range<usize>) -> Option<Range<usize>> {
        let own = self.text[name.clone()].strip_suffix(b")")?;
        let open = own.iter().position(|byte| *byte == b'(')?;
        is_split(&own[open + 1..]).then(|| name.start + open + 1..name.end - 1)
    }
}
