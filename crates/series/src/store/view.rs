//! A window on a series, in as many buckets as it is wide.

use serde::{Deserialize, Serialize};

use super::bits::BLOCK;
use super::chunk::{Body, COARSE, Columns, Place, sum};
use super::floats::Summary;
use super::reader::Reader;
use super::ruler::{Ruler, Scale, limits};
use super::series::{ChunkRef, Series};
use crate::{Axis, Result};

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// What is drawn from left to right.
    pub axis: Axis,
    /// From and to, both included, in the axis's unit; the whole series where absent.
    pub range: Option<(f64, f64)>,
    /// How many buckets at most, usually the picture's width in pixels.
    pub width: usize,
    /// Buckets are equally wide on a logarithmic axis.
    pub log_x: bool,
}

impl Window {
    /// The whole series on `axis`, in at most `width` buckets.
    pub fn whole(axis: Axis, width: usize) -> Window {
        Window { axis, range: None, width, log_x: false }
    }
}

/// Points that share a pixel. No value in it is made up: `min`, `max` and `last` were printed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Where the first of its points stands.
    pub x: f64,
    /// The least finite value; NaN where there is none.
    pub min: f64,
    /// The greatest finite value; NaN where there is none.
    pub max: f64,
    /// The mean of the finite values; NaN where there is none.
    pub mean: f64,
    /// The last value, whatever it is.
    pub last: f64,
    /// How many points it holds, NaN and infinities included.
    pub count: u64,
    /// How many of them are NaN.
    pub nan: u64,
    /// How many of them are infinite.
    pub infinite: u64,
    /// 0 until the run first goes back to an earlier step, 1 from there, and so on. A line ends where this changes.
    pub attempt: u32,
}

/// A window's content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct View {
    /// From left to right; `x` never decreases.
    pub buckets: Vec<Bucket>,
    /// What a restart from a checkpoint has overridden, on the step and epoch axes. Each attempt from left to right.
    pub overridden: Vec<Bucket>,
    /// Where the whole series starts and ends on this axis, whatever the window.
    pub extent: Option<(f64, f64)>,
    /// The points carry no step (or epoch), so they are numbered 0, 1, 2….
    pub numbered: bool,
    /// Every bucket is one point.
    pub exact: bool,
}

/// A part that lies across the edge of a pixel by no more than this, in pixels, is not split: half a pixel of a picture a
/// thousand wide, one of a picture of two thousand, whose pixels are half as large. It bounds the work of a view: at most
/// a million points are looked at by their blocks, and an eighth of that one by one, whatever the width.
fn tolerance(width: usize) -> f64 {
    (width as f64 / 2_000.0).clamp(0.25, 1.0)
}

enum Judged {
    Outside,
    Whole { slot: u64, aside: bool },
    Split,
}

struct Painter {
    ruler: Ruler,
    scale: Scale,
    tolerance: f64,
    limit: f64,
    attempt: u32,
    /// Each point is a bucket of its own.
    exact: bool,
    /// Counts the points so far, in an exact view.
    points: u64,
    last: Option<(u64, u32, bool)>,
    view: View,
}

impl Painter {
    /// Whether the part from `first` to `last` (both included) belongs into one pixel.
    fn judge(&self, first: f64, last: f64) -> Judged {
        if last < self.scale.from || first > self.scale.to {
            return Judged::Outside;
        }
        let aside = first >= self.limit;
        let clear = first >= self.scale.from && last <= self.scale.to && aside == (last >= self.limit);
        if !clear || self.exact {
            return Judged::Split;
        }
        let (left, right) = (self.scale.position(first), self.scale.position(last));
        let slot = left as u64;
        if slot == right as u64 || right - left <= self.tolerance {
            Judged::Whole { slot, aside }
        } else {
            Judged::Split
        }
    }

    fn paint(&mut self, slot: u64, aside: bool, x: f64, count: u64, sum: &Summary) {
        let slot = if self.exact { self.points } else { slot };
        self.points += 1;
        let key = (slot, self.attempt, aside);
        let list = if aside { &mut self.view.overridden } else { &mut self.view.buckets };
        let (nan, infinite) = (u64::from(sum.nan), u64::from(sum.infinite));
        if self.last != Some(key) {
            self.last = Some(key);
            list.push(Bucket {
                x,
                min: sum.min,
                max: sum.max,
                mean: sum.mean,
                last: sum.last,
                count,
                nan,
                infinite,
                attempt: self.attempt,
            });
            return;
        }
        let Some(bucket) = list.last_mut() else { return };
        let (old, new) = (bucket.count - bucket.nan - bucket.infinite, count - nan - infinite);
        if old == 0 {
            bucket.mean = sum.mean;
        } else if new > 0 {
            let mean = bucket.mean + (sum.mean - bucket.mean) * (new as f64 / (old + new) as f64);
            // The difference of two huge values may overflow, where the mean does not.
            bucket.mean = if mean.is_finite() { mean } else { bucket.mean / 2.0 + sum.mean / 2.0 };
        }
        bucket.min = bucket.min.min(sum.min);
        bucket.max = bucket.max.max(sum.max);
        bucket.last = sum.last;
        bucket.count += count;
        bucket.nan += nan;
        bucket.infinite += infinite;
    }

    /// Paints points one after the other; `xs` never decreases.
    fn points(&mut self, xs: &[f64], values: &[f64]) {
        let end = xs.partition_point(|x| *x <= self.scale.to);
        let mut at = xs.partition_point(|x| *x < self.scale.from);
        while at < end {
            let x = xs[at];
            let aside = x >= self.limit;
            let slot = self.scale.position(x) as u64;
            // As many points as share the pixel are summed up at once.
            let next = if self.exact {
                at + 1
            } else {
                let here = |x: &f64| self.scale.position(*x) as u64 == slot && (*x >= self.limit) == aside;
                if here(&xs[end - 1]) { end } else { at + xs[at..end].partition_point(here) }
            };
            self.paint(slot, aside, x, (next - at) as u64, &sum(&values[at..next]));
            at = next;
        }
    }

    fn columns(&mut self, mut place: Place, start: u64, columns: &Columns) {
        let mut xs = [0.0; BLOCK];
        for (nth, values) in columns.values.chunks(BLOCK).enumerate() {
            for (at, x) in xs[..values.len()].iter_mut().enumerate() {
                let at = nth * BLOCK + at;
                place.go(columns.steps[at], columns.epochs[at], columns.times[at]);
                *x = self.ruler.x(place, start + at as u64);
            }
            self.points(&xs[..values.len()], values);
        }
    }

    fn chunk(&mut self, reader: &Reader, chunk: &ChunkRef) -> Result<()> {
        let head = &chunk.head;
        let end = head.start + u64::from(head.count);
        let (first, last) = (self.ruler.x(head.place_first, head.start), self.ruler.x(head.place_last, end - 1));
        match self.judge(first, last) {
            Judged::Outside => return Ok(()),
            Judged::Whole { slot, aside } => {
                self.paint(slot, aside, first, u64::from(head.count), &head.sum);
                return Ok(());
            }
            Judged::Split => {}
        }
        if head.coarse.is_empty() {
            return self.blocks(reader, chunk, 0, (head.count as usize).div_ceil(BLOCK), last);
        }
        for (at, part) in head.coarse.iter().enumerate() {
            let start = head.start + (at * COARSE) as u64;
            let first = self.ruler.x(part.place, start);
            let (last, next) = match head.coarse.get(at + 1) {
                Some(next) => (
                    self.ruler.x(next.place, start + COARSE as u64 - u64::from(self.ruler.numbered)),
                    start + COARSE as u64,
                ),
                None => (last, end),
            };
            match self.judge(first, last) {
                Judged::Outside => {}
                Judged::Whole { slot, aside } => self.paint(slot, aside, first, next - start, &part.sum),
                Judged::Split => {
                    let blocks = at * COARSE / BLOCK..((next - head.start) as usize).div_ceil(BLOCK);
                    self.blocks(reader, chunk, blocks.start, blocks.end, last)?;
                }
            }
        }
        Ok(())
    }

    /// Paints blocks `from..to` of a chunk, the last of which ends at `end` at most.
    fn blocks(&mut self, reader: &Reader, chunk: &ChunkRef, from: usize, to: usize, end: f64) -> Result<()> {
        let body = reader.body(chunk)?;
        if !self.ruler.reads_blocks(chunk) {
            return self.slowly(reader, chunk, &body, from, to);
        }
        let mut bits = None;
        let mut first = self.ruler.block_x(chunk, &body, from);
        for block in from..to {
            let next = if block + 1 < body.blocks() { self.ruler.block_x(chunk, &body, block + 1) } else { end };
            let last = if self.ruler.numbered && block + 1 < body.blocks() { next - 1.0 } else { next };
            match self.judge(first, last) {
                Judged::Outside => {}
                Judged::Whole { slot, aside } => {
                    self.paint(slot, aside, first, body.block_len(block) as u64, &body.summary(block));
                }
                Judged::Split => {
                    if bits.is_none() {
                        bits = Some(reader.bits(chunk)?);
                    }
                    self.block(chunk, &body, bits.as_deref().unwrap_or_default(), block);
                }
            }
            first = next;
        }
        Ok(())
    }

    /// Paints the points of one block, reading only the columns that are drawn.
    fn block(&mut self, chunk: &ChunkRef, body: &Body, bits: &[u8], block: usize) {
        let len = body.block_len(block);
        let mut values = [0.0; BLOCK];
        body.values(bits, block, &mut values[..len]);
        let mut xs = [0.0; BLOCK];
        let mut whole = [0; BLOCK];
        let (xs, whole) = (&mut xs[..len], &mut whole[..len]);
        match self.ruler.axis {
            _ if self.ruler.numbered => {
                let start = chunk.head.start + (block * BLOCK) as u64;
                xs.iter_mut().enumerate().for_each(|(at, x)| *x = (start + at as u64) as f64);
            }
            Axis::Step if body.steps(bits, block, whole) => {
                xs.iter_mut().zip(whole).for_each(|(x, step)| *x = *step as f64);
            }
            Axis::Step => xs.fill(chunk.head.place_first.step as f64),
            Axis::Epoch if body.epochs(bits, block, xs) => {}
            Axis::Epoch => xs.fill(chunk.head.place_first.epoch),
            Axis::Time | Axis::Relative => {
                body.times(bits, block, whole);
                let relative = self.ruler.axis == Axis::Relative;
                for (x, time) in xs.iter_mut().zip(whole) {
                    let time = time.cast_signed();
                    *x = if relative { self.ruler.relative(time) } else { time as f64 };
                }
            }
        }
        self.points(xs, &values[..len]);
    }

    /// Paints blocks of a chunk in which the axis goes back or has gaps: from its start, so that places are known.
    fn slowly(&mut self, reader: &Reader, chunk: &ChunkRef, body: &Body, from: usize, to: usize) -> Result<()> {
        let bits = reader.bits(chunk)?;
        let mut columns = Columns::default();
        let mut place = chunk.head.place_first;
        for block in 0..to {
            columns.clear();
            body.points(&bits, block, &mut columns);
            if block >= from {
                self.columns(place, chunk.head.start + (block * BLOCK) as u64, &columns);
            }
            for at in 0..columns.len() {
                place.go(columns.steps[at], columns.epochs[at], columns.times[at]);
            }
        }
        Ok(())
    }
}

/// A chunk's or the tail's first and last place.
struct Stretch {
    first: f64,
    last: f64,
    count: u64,
}

pub(super) fn view(reader: &Reader, series: &Series, window: &Window) -> Result<View> {
    let ruler = Ruler::new(reader, series, window.axis);
    let numbered = ruler.numbered;
    let mut stretches: Vec<Stretch> = series
        .chunks
        .iter()
        .map(|chunk| {
            let head = &chunk.head;
            let last = ruler.x(head.place_last, head.start + u64::from(head.count) - 1);
            Stretch { first: ruler.x(head.place_first, head.start), last, count: u64::from(head.count) }
        })
        .collect();
    if series.tail.len() > 0 {
        stretches.push(tail_stretch(series, ruler));
    }
    let Some(low) = stretches.iter().map(|stretch| stretch.first).reduce(f64::min) else { return Ok(View::default()) };
    let high = stretches.iter().map(|stretch| stretch.last).fold(low, f64::max);
    let (from, to) = window.range.unwrap_or((low, high));
    let limits = limits(series, ruler);
    let scale = Scale::new(from, to, window);
    let within = stretches.iter().filter(|stretch| stretch.first >= from && stretch.last <= to);
    let least: u64 = within.map(|stretch| stretch.count).sum();
    let mut painter = Painter {
        ruler,
        scale,
        tolerance: tolerance(window.width),
        limit: f64::INFINITY,
        attempt: 0,
        exact: true,
        points: 0,
        last: None,
        view: View { extent: Some((low, high)), numbered, exact: true, ..View::default() },
    };
    // Where chunks at the edges decide whether every point fits, it is tried.
    if least <= window.width as u64 {
        painter.all(reader, series, &limits)?;
        if painter.points <= window.width as u64 {
            return Ok(painter.finish());
        }
        (painter.points, painter.last) = (0, None);
        painter.view.buckets.clear();
        painter.view.overridden.clear();
    }
    (painter.exact, painter.view.exact) = (false, false);
    painter.all(reader, series, &limits)?;
    Ok(painter.finish())
}

fn tail_stretch(series: &Series, ruler: Ruler) -> Stretch {
    let mut place = series.tail_place();
    let tail = &series.tail;
    let mut first = None;
    for at in 0..tail.len() {
        place.go(tail.steps[at], tail.epochs[at], tail.times[at]);
        first.get_or_insert(place);
    }
    Stretch {
        first: ruler.x(first.unwrap_or(place), series.sealed()),
        last: ruler.x(place, series.len() - 1),
        count: tail.len() as u64,
    }
}

impl Painter {
    fn all(&mut self, reader: &Reader, series: &Series, limits: &[f64]) -> Result<()> {
        let limit = |attempt: u32| limits.get(attempt as usize).copied().unwrap_or(f64::INFINITY);
        for chunk in &series.chunks {
            (self.attempt, self.limit) = (chunk.head.attempt, limit(chunk.head.attempt));
            self.chunk(reader, chunk)?;
        }
        if series.tail.len() > 0 {
            (self.attempt, self.limit) = (series.tail_attempt, limit(series.tail_attempt));
            self.columns(series.tail_place(), series.sealed(), &series.tail);
        }
        Ok(())
    }

    fn finish(self) -> View {
        self.view
    }
}
