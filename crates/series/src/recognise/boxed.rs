//! Boxes of names and values, one to a row: Stable-Baselines3, OpenAI's baselines and Spinning Up.
//!
//! ```text
//! | rollout/           |       |
//! |    ep_rew_mean     | 21.3  |
//! | time/              |       |
//! |    total_timesteps | 2048  |
//! ------------------------------
//! ```
//!
//! The step stands among the values and not always before them: a box is read as one line, once it ends.

use super::lexicon::Lexicon;
use super::line::{Line, Of, Pair};
use super::number::{Unit, number, unit};
use super::words::{Class, classify, tally};

/// More rows than this are no box of metrics.
const MOST_ROWS: usize = 500;
/// The longest name of a row, its section included.
const LONGEST_NAME: usize = 120;

/// The rows seen since the last box ended.
#[derive(Debug, Default)]
pub(super) struct Boxed {
    /// `rollout/`, where a row of its own names a section.
    section: Vec<u8>,
    rows: Vec<(Vec<u8>, f64, Option<u64>)>,
}

impl Boxed {
    pub(super) fn is_open(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Takes the line as a row, if it is one: a name and a value, or a section's name, between bars.
    pub(super) fn see_row(&mut self, text: &[u8]) -> bool {
        let text = text.trim_ascii();
        let Some(inner) = text.strip_prefix(b"|").and_then(|text| text.strip_suffix(b"|")) else { return false };
        let mut cells = inner.split(|byte| *byte == b'|').map(<[u8]>::trim_ascii);
        let (Some(name), Some(cell), None) = (cells.next(), cells.next(), cells.next()) else { return false };
        if !name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            || name.iter().any(|byte| matches!(byte, b':' | b'='))
            || self.section.len() + name.len() > LONGEST_NAME
        {
            return false;
        }
        if cell.is_empty() {
            let section = name.ends_with(b"/");
            if section {
                self.section = name.to_vec();
            }
            return section;
        }
        let Some(found) = number(cell) else { return self.is_open() };
        let (unit, taken) = unit(&cell[found.len..]);
        if !matches!(unit, Unit::None | Unit::Percent) || found.len + taken != cell.len() {
            return self.is_open();
        }
        if self.rows.len() < MOST_ROWS {
            self.rows.push(([&self.section, name].concat(), found.value, found.whole));
        }
        true
    }

    /// Gives what the box said, which ends here.
    pub(super) fn end<S>(&mut self, lexicon: &mut Lexicon<S>, line: &mut Line) {
        for (full, value, whole) in self.rows.drain(..) {
            let own = full.rsplit(|byte| *byte == b'/').next().unwrap_or(&full);
            match (classify(own), whole) {
                (Class::Step, Some(_)) => line.step = line.step.or(Some(Of { value, total: None })),
                (Class::Epoch, _) if (0.0..f64::INFINITY).contains(&value) => {
                    line.epoch = line.epoch.or(Some(Of { value, total: None }));
                }
                (Class::Tally, Some(_)) => line.tally = line.tally.or_else(|| tally(own).map(|which| (which, value))),
                _ => {
                    let word = lexicon.word(&full);
                    let class = lexicon.class(word);
                    if matches!(class, Class::Metric | Class::Setting | Class::Unknown) {
                        line.pairs.push(Pair { word, class, value });
                    }
                }
            }
        }
        self.section.clear();
    }
}

/// Whether the line is a box's edge: `-----`, `+----+----+`.
pub(super) fn is_edge(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.len() >= 5 && text.iter().all(|byte| matches!(byte, b'-' | b'+' | b'|' | b'=' | b':'))
}
