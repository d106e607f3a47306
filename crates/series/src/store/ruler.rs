//! Where points stand on an axis, and where pixels lie.

use super::bits::BLOCK;
use super::chunk::{Body, Place, Present};
use super::reader::Reader;
use super::series::{Attempt, ChunkRef, Series};
use super::view::Window;
use crate::Axis;

/// From which step on each attempt is overridden: the least step at which a later one starts.
pub(super) fn step_limits(attempts: &[Attempt]) -> Vec<u64> {
    let mut limits = vec![u64::MAX; attempts.len()];
    for at in (0..attempts.len().saturating_sub(1)).rev() {
        limits[at] = limits[at + 1].min(attempts[at + 1].step);
    }
    limits
}

fn epoch_limits(attempts: &[Attempt]) -> Vec<f64> {
    let mut limits = vec![f64::INFINITY; attempts.len()];
    for at in (0..attempts.len().saturating_sub(1)).rev() {
        limits[at] = limits[at + 1].min(attempts[at + 1].epoch);
    }
    limits
}

/// What is drawn from left to right, resolved for one series.
#[derive(Clone, Copy)]
pub(super) struct Ruler {
    pub(super) axis: Axis,
    pub(super) numbered: bool,
    start_ms: i64,
}

impl Ruler {
    pub(super) fn new(reader: &Reader, series: &Series, axis: Axis) -> Ruler {
        let numbered = match axis {
            Axis::Step => !series.has_steps,
            Axis::Epoch => !series.has_epochs,
            Axis::Time | Axis::Relative => false,
        };
        Ruler { axis, numbered, start_ms: reader.start_ms().unwrap_or(0) }
    }

    /// Where a point stands that is the `nth` of the series.
    pub(super) fn x(self, place: Place, nth: u64) -> f64 {
        match self.axis {
            _ if self.numbered => nth as f64,
            Axis::Step => place.step as f64,
            Axis::Epoch => place.epoch,
            Axis::Time => place.time as f64,
            Axis::Relative => self.relative(place.time),
        }
    }

    pub(super) fn relative(self, time: i64) -> f64 {
        time.saturating_sub(self.start_ms) as f64 / 1000.0
    }

    /// Whether steps go back by a restart on this axis.
    pub(super) fn by_attempt(self) -> bool {
        matches!(self.axis, Axis::Step | Axis::Epoch) && !self.numbered
    }

    /// Whether the blocks' own starts tell where a chunk's blocks stand.
    pub(super) fn reads_blocks(self, chunk: &ChunkRef) -> bool {
        let head = &chunk.head;
        match self.axis {
            _ if self.numbered => true,
            Axis::Step => !head.back[0] && head.steps != Present::Some,
            Axis::Epoch => !head.back[1] && head.epochs != Present::Some,
            Axis::Time | Axis::Relative => !head.back[2],
        }
    }

    /// Where the first point of a block stands.
    pub(super) fn block_x(self, chunk: &ChunkRef, body: &Body, block: usize) -> f64 {
        match self.axis {
            _ if self.numbered => (chunk.head.start + (block * BLOCK) as u64) as f64,
            Axis::Step => body.first_step(block).unwrap_or(chunk.head.place_first.step) as f64,
            Axis::Epoch => body.first_epoch(block).unwrap_or(chunk.head.place_first.epoch),
            Axis::Time => body.first_time(block) as f64,
            Axis::Relative => self.relative(body.first_time(block)),
        }
    }
}

/// Where pixels lie.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    width: f64,
    log: Option<(f64, f64)>,
}

impl Scale {
    pub(super) fn new(from: f64, to: f64, window: &Window) -> Scale {
        let log = window.log_x.then(|| {
            // Zero has no place on a logarithmic axis; what lies at or below it shares the first pixel.
            let low = if from > 0.0 { from } else { (to * 1e-9).clamp(f64::MIN_POSITIVE, 1.0).min(to) };
            (low.ln(), to.ln() - low.ln())
        });
        Scale {
            from,
            to,
            width: window.width.max(1) as f64,
            log: log.filter(|(low, span)| low.is_finite() && *span > 0.0),
        }
    }

    /// In pixels from the left, 0 to the width.
    pub(super) fn position(self, x: f64) -> f64 {
        let share = match self.log {
            Some((low, span)) => (x.max(f64::MIN_POSITIVE).ln() - low) / span,
            None if self.to > self.from => (x - self.from) / (self.to - self.from),
            None => 0.0,
        };
        (share * self.width).clamp(0.0, self.width - 1e-9)
    }
}

/// Where on the ruler each attempt is overridden by a later one; empty where steps do not go back on this axis.
pub(super) fn limits(series: &Series, ruler: Ruler) -> Vec<f64> {
    if !ruler.by_attempt() {
        return Vec::new();
    }
    let attempts = series.attempts();
    match ruler.axis {
        Axis::Epoch => epoch_limits(&attempts),
        _ => step_limits(&attempts)
            .into_iter()
            .map(|limit| if limit == u64::MAX { f64::INFINITY } else { limit as f64 })
            .collect(),
    }
}
