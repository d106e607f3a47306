//! Tables that name their columns once: scikit-learn's gradient boosting, fastai, skorch, spaCy, YOLO, CSV, Markdown.

use super::lexicon::Lexicon;
use super::line::{Line, Of, Pair};
use super::number::{Unit, number, unit};
use super::words::{Class, classify};

/// The header in force.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    comma: bool,
    /// What YOLO measures of all classes, in the columns of a table of their own.
    measures: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Column {
    name: Vec<u8>,
    class: Class,
    /// Where the column starts and ends in the header, to place cells in rows with gaps.
    start: usize,
    end: usize,
}

/// More columns than this are data, not a table of metrics.
const MOST_COLUMNS: usize = 200;

/// The cells of a line with their places: parted by `|`, by commas, or by tabs and spaces.
fn cells(text: &[u8], comma: bool, header: bool) -> impl Iterator<Item = (usize, &[u8])> {
    let bars = text.contains(&b'|');
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            if at >= text.len() {
                return None;
            }
            let start = at;
            let is_end = |at: usize| match text[at] {
                b'|' => true,
                b',' => comma,
                b'\t' => !comma && !bars,
                // Names of columns may have one space in them, cells of numbers have none.
                b' ' => !comma && !bars && (!header || text.get(at + 1).is_none_or(|next| *next == b' ')),
                _ => false,
            };
            let end = (start..text.len()).find(|at| is_end(*at)).unwrap_or(text.len());
            at = end + 1;
            let cell = text[start..end].trim_ascii();
            if !cell.is_empty() {
                let indent = text[start..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                return Some((start + indent, cell));
            }
        }
    })
}

impl Table {
    /// Takes the line as a header if it is one: several names, the first of them a step's or an epoch's.
    pub(super) fn see_header(&mut self, text: &[u8]) -> bool {
        let start = text.iter().take_while(|byte| matches!(byte, b' ' | b'|' | b'\t')).count();
        let rest = &text[start..];
        if rest.starts_with(b"Class ") {
            return self.see_measures(rest);
        }
        if rest.starts_with(b"E ") && rest[1..].trim_ascii_start().starts_with(b"# ") {
            return self.see_spacy(rest, start);
        }
        let word = rest.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_').count();
        let parted = match rest.get(word) {
            Some(b',' | b'\t' | b'|') => true,
            Some(b' ') => matches!(rest.get(word + 1), Some(b' ' | b'|' | b'\t')),
            _ => false,
        };
        if word == 0 || !parted || !matches!(classify(&rest[..word]), Class::Epoch | Class::Step) {
            return false;
        }
        let comma = rest.contains(&b',');
        let mut columns = Vec::new();
        for (start, cell) in cells(text, comma, true) {
            let named = cell[0].is_ascii_alphabetic() || cell[0] == b'_' || cell[0] >= 0x80;
            if !named || cell.iter().any(|byte| matches!(byte, b':' | b'=')) || columns.len() == MOST_COLUMNS {
                return false;
            }
            columns.push(Column { name: cell.to_vec(), class: classify(cell), start, end: start + cell.len() });
        }
        if columns.len() < 2 {
            return false;
        }
        (self.columns, self.comma) = (columns, comma);
        true
    }

    /// spaCy's header, in which `E` is the epoch and `#` the step.
    fn see_spacy(&mut self, rest: &[u8], start: usize) -> bool {
        self.comma = false;
        self.columns = cells(rest, false, true)
            .take(MOST_COLUMNS)
            .map(|(at, cell)| {
                let class = match cell {
                    b"E" => Class::Epoch,
                    b"#" => Class::Step,
                    b"SCORE" => Class::Metric,
                    name => classify(name),
                };
                Column { name: cell.to_vec(), class, start: start + at, end: start + at + cell.len() }
            })
            .collect();
        true
    }

    /// YOLO's header of a validation: `Class  Images  Instances  Box(P  R  mAP50  mAP50-95): 100%|…`.
    fn see_measures(&mut self, rest: &[u8]) -> bool {
        let rest = &rest[..memchr::memmem::find(rest, b": ").unwrap_or(rest.len())];
        let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        if (words.next(), words.next()) != (Some(b"Class"), Some(b"Images")) {
            return false;
        }
        let mut group: &[u8] = b"";
        self.measures.clear();
        for word in words.skip(1).take(MOST_COLUMNS) {
            let open = word.iter().position(|byte| *byte == b'(');
            let own = match open {
                Some(open) => {
                    group = &word[..open];
                    &word[open + 1..]
                }
                None => word,
            };
            let own: &[u8] = match own.strip_suffix(b")").unwrap_or(own) {
                b"P" => b"precision",
                b"R" => b"recall",
                own => own,
            };
            let of: &[u8] = if group.is_empty() { b"" } else { b" " };
            self.measures.push([b"val ", group, of, own].concat());
        }
        !self.measures.is_empty()
    }

    /// The row of all classes under YOLO's header: `all  722  1444  0.989  0.99  0.993  0.681`.
    fn see_measured<S>(&self, rest: &[u8], lexicon: &mut Lexicon<S>, line: &mut Line) -> bool {
        let mut cells = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(3);
        for name in &self.measures {
            let Some((cell, found)) = cells.next().and_then(|cell| Some((cell, number(cell)?))) else { return false };
            if found.len != cell.len() {
                return false;
            }
            line.pairs.push(Pair { word: lexicon.word(name), class: Class::Metric, value: found.value });
        }
        cells.next().is_none()
    }

    /// Reads the line as a row under the header, if it is one.
    pub(super) fn see_row<S>(&self, text: &[u8], lexicon: &mut Lexicon<S>, line: &mut Line) -> bool {
        if !self.measures.is_empty() {
            let rest = text.trim_ascii();
            if rest.starts_with(b"all ") && self.see_measured(rest, lexicon, line) {
                return true;
            }
            line.clear();
        }
        let Some(first) = text.iter().find(|byte| !matches!(byte, b' ' | b'|' | b'\t')) else { return false };
        if self.columns.is_empty() || !first.is_ascii_digit() {
            return false;
        }
        // YOLO draws a bar behind its rows.
        let bar = bar_behind(text);
        let (text, behind) = text.split_at(bar.unwrap_or(text.len()));
        let count = cells(text, self.comma, false).count();
        let complete = count == self.columns.len();
        if count < 2 || count > self.columns.len() {
            return false;
        }
        let mut seen_first = false;
        for (at, (start, cell)) in cells(text, self.comma, false).enumerate() {
            let column = if complete {
                Some(&self.columns[at])
            } else {
                let end = start + cell.len();
                self.columns.iter().find(|column| start < column.end && column.start < end)
            };
            let Some(column) = column else { continue };
            let Some(found) = number(cell) else {
                if seen_first {
                    continue;
                }
                return false;
            };
            // 3/10: an epoch and how many there are
            let total = match cell.get(found.len) {
                Some(b'/') if column.class == Class::Epoch && found.whole.is_some() => {
                    number(&cell[found.len + 1..]).filter(|all| found.len + 1 + all.len == cell.len())
                }
                _ => None,
            };
            if total.is_none() && !is_whole_cell(cell, found.len) {
                if seen_first {
                    continue;
                }
                return false;
            }
            if !seen_first && found.whole.is_none() && column.class != Class::Epoch {
                return false;
            }
            seen_first = true;
            match column.class {
                Class::Step => line.step = line.step.or(Some(Of { value: found.value, total: None })),
                Class::Epoch if !(0.0..f64::INFINITY).contains(&found.value) => {}
                Class::Epoch => {
                    let total = total.and_then(|all| all.whole);
                    line.epoch = line.epoch.or(Some(Of { value: found.value, total }));
                }
                Class::Metric | Class::Setting | Class::Unknown => {
                    let word = lexicon.word(&column.name);
                    line.pairs.push(Pair { word, class: column.class, value: found.value });
                }
                Class::Rank | Class::Tally | Class::Other => {}
            }
        }
        if let (None, Some(done)) = (line.step, done_of(behind)) {
            (line.step, line.bar) = (Some(done), true);
        }
        seen_first
    }
}

/// Where `640:  50%|█████     | 1/2 [` begins to be a bar, at its colon.
fn bar_behind(text: &[u8]) -> Option<usize> {
    let percent = memchr::memchr(b'%', text)?;
    let digits = text[..percent].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = text[..percent - digits].trim_ascii_end();
    (digits > 0 && before.ends_with(b":")).then(|| before.len() - 1)
}

/// The first `1/2` in a bar.
fn done_of(bar: &[u8]) -> Option<Of> {
    bar.split(|byte| matches!(byte, b' ' | b'|' | b'[')).find_map(|word| {
        let done = number(word)?;
        let all = number(word.get(done.len..)?.strip_prefix(b"/")?)?;
        let whole = done.len + 1 + all.len == word.len() && done.whole.is_some();
        Some(Of { value: done.value, total: Some(all.whole.filter(|all| whole && *all > 0)?) })
    })
}

fn is_whole_cell(cell: &[u8], len: usize) -> bool {
    let (unit, taken) = unit(&cell[len..]);
    matches!(unit, Unit::None | Unit::Percent) && len + taken == cell.len()
}
