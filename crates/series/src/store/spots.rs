//! What else stands where a point stands: the step, the epoch and the time of a place on a picture's axis.

use serde::{Deserialize, Serialize};

use super::Window;
use super::bits::BLOCK;
use super::chunk::{Columns, Place};
use super::reader::Reader;
use super::ruler::{Ruler, limits};
use super::series::{ChunkRef, Series};
use crate::Result;

/// A place on a picture's axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// Where it stands on the axis.
    pub x: f64,
    /// The step there, where steps are printed.
    pub step: Option<u64>,
    /// The epoch there, where epochs are printed.
    pub epoch: Option<f64>,
    /// When it was, in milliseconds since 1970 (UTC).
    pub time_ms: i64,
}

/// Up to so many chunks are read point by point; of more, every 512th point is told, and a reader looks between those.
const READ_WHOLE: usize = 2;
/// How many spots are handed out at most, give or take one.
const MOST: usize = 2_000;

struct Collector<'a> {
    series: &'a Series,
    ruler: Ruler,
    range: (f64, f64),
    limit: f64,
    spots: Vec<Spot>,
}

impl Collector<'_> {
    fn take(&mut self, place: Place, nth: u64) {
        let x = self.ruler.x(place, nth);
        if x < self.range.0 || x > self.range.1 || x >= self.limit {
            return;
        }
        let step = self.series.has_steps.then_some(place.step);
        let epoch = self.series.has_epochs.then_some(place.epoch);
        self.spots.push(Spot { x, step, epoch, time_ms: place.time });
    }

    fn columns(&mut self, place: &mut Place, start: u64, columns: &Columns) {
        for at in 0..columns.len() {
            place.go(columns.steps[at], columns.epochs[at], columns.times[at]);
            self.take(*place, start + at as u64);
        }
    }

    fn chunk(&mut self, reader: &Reader, chunk: &ChunkRef, whole: bool) -> Result<()> {
        let head = &chunk.head;
        if whole {
            let (body, bits) = (reader.body(chunk)?, reader.bits(chunk)?);
            let (mut columns, mut place) = (Columns::default(), head.place_first);
            for block in 0..body.blocks() {
                columns.clear();
                body.points(&bits, block, &mut columns);
                self.columns(&mut place, head.start + (block * BLOCK) as u64, &columns);
            }
            return Ok(());
        }
        self.take(head.place_first, head.start);
        for (at, part) in head.coarse.iter().enumerate().skip(1) {
            self.take(part.place, head.start + (at * super::chunk::COARSE) as u64);
        }
        self.take(head.place_last, head.start + u64::from(head.count) - 1);
        Ok(())
    }
}

/// From left to right, without what restarts went over again.
pub(super) fn spots(reader: &Reader, series: &Series, window: &Window) -> Result<Vec<Spot>> {
    let ruler = Ruler::new(reader, series, window.axis);
    let range = window.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let limits = limits(series, ruler);
    let limit = |attempt: u32| limits.get(attempt as usize).copied().unwrap_or(f64::INFINITY);
    let mut collector = Collector { series, ruler, range, limit: f64::INFINITY, spots: Vec::new() };
    let within = |chunk: &&ChunkRef| {
        let head = &chunk.head;
        let last = ruler.x(head.place_last, head.start + u64::from(head.count) - 1);
        ruler.x(head.place_first, head.start) <= range.1 && last >= range.0
    };
    let chunks: Vec<&ChunkRef> = series.chunks.iter().filter(within).collect();
    for chunk in &chunks {
        collector.limit = limit(chunk.head.attempt);
        collector.chunk(reader, chunk, chunks.len() <= READ_WHOLE)?;
    }
    collector.limit = limit(series.tail_attempt);
    collector.columns(&mut series.tail_place(), series.sealed(), &series.tail);
    let mut spots = collector.spots;
    let every = spots.len().div_ceil(MOST);
    if every > 1 {
        let last = spots.last().copied();
        spots = spots.into_iter().step_by(every).collect();
        spots.extend(last.filter(|last| spots.last() != Some(last)));
    }
    Ok(spots)
}
