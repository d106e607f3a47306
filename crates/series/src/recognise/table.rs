//! Tables that name their columns once: scikit-learn's gradient boosting, fastai, skorch, CSV, Markdown.

use super::lexicon::Lexicon;
use super::number::{Unit, number, unit};
use super::scan::{Line, Of, Pair};
use super::words::{Class, classify};

/// The header in force.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    comma: bool,
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

    /// Reads the line as a row under the header, if it is one.
    pub(super) fn see_row<S>(&self, text: &[u8], lexicon: &mut Lexicon<S>, line: &mut Line) -> bool {
        let Some(first) = text.iter().find(|byte| !matches!(byte, b' ' | b'|' | b'\t')) else { return false };
        if self.columns.is_empty() || !first.is_ascii_digit() {
            return false;
        }
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
            let Some(found) = number(cell).filter(|found| is_whole_cell(cell, found.len)) else {
                if seen_first {
                    continue;
                }
                return false;
            };
            if !seen_first && found.whole.is_none() && column.class != Class::Epoch {
                return false;
            }
            seen_first = true;
            match column.class {
                Class::Step => line.step = line.step.or(Some(Of { value: found.value, total: None })),
                Class::Epoch => line.epoch = line.epoch.or(Some(Of { value: found.value, total: None })),
                Class::Metric | Class::Unknown => {
                    let word = lexicon.word(&column.name);
                    line.pairs.push(Pair { word, class: column.class, value: found.value });
                }
                Class::Rank | Class::Other => {}
            }
        }
        seen_first
    }
}

fn is_whole_cell(cell: &[u8], len: usize) -> bool {
    let (unit, taken) = unit(&cell[len..]);
    matches!(unit, Unit::None | Unit::Percent) && len + taken == cell.len()
}
