//! One metric in memory: heads of its chunks, points of its tail.

use super::chunk::{Columns, Head, Place};
use super::floats::Summary;
use super::{Metric, MetricId};

/// A chunk's head and where its body lies.
#[derive(Debug)]
pub(super) struct ChunkRef {
    pub(super) head: Head,
    /// Where the record starts in `series.chunks`.
    pub(super) record: u64,
    /// Where the body starts.
    pub(super) offset: u64,
    pub(super) meta_crc: u32,
    pub(super) bits_crc: u32,
}

/// Where an attempt starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) step: u64,
    pub(super) epoch: f64,
}

/// Of finite values the least and the greatest (NaN where there is none), and how many are not finite.
#[derive(Debug, Clone, Copy)]
struct Held {
    min: f64,
    max: f64,
    nan: u64,
    infinite: u64,
}

impl Held {
    const NOTHING: Held = Held { min: f64::NAN, max: f64::NAN, nan: 0, infinite: 0 };

    fn and(self, sum: &Summary) -> Held {
        Held {
            min: self.min.min(sum.min),
            max: self.max.max(sum.max),
            nan: self.nan + u64::from(sum.nan),
            infinite: self.infinite + u64::from(sum.infinite),
        }
    }
}

#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) rank: Option<u32>,
    pub(super) chunks: Vec<ChunkRef>,
    /// Points in no chunk yet.
    pub(super) tail: Columns,
    pub(super) tail_attempt: u32,
    /// By the attempt's number; each starts with its first sealed chunk.
    attempts: Vec<Attempt>,
    /// What the chunks hold, all of them.
    sealed: Held,
    pub(super) has_steps: bool,
    pub(super) has_epochs: bool,
}

impl Series {
    pub(super) fn new(name: String, rank: Option<u32>) -> Series {
        Series {
            name,
            rank,
            chunks: Vec::new(),
            tail: Columns::default(),
            tail_attempt: 0,
            attempts: Vec::new(),
            sealed: Held::NOTHING,
            has_steps: false,
            has_epochs: false,
        }
    }

    /// How many points are in chunks.
    pub(super) fn sealed(&self) -> u64 {
        self.chunks.last().map_or(0, |chunk| chunk.head.start + u64::from(chunk.head.count))
    }

    pub(super) fn len(&self) -> u64 {
        self.sealed() + self.tail.len() as u64
    }

    /// Adds a chunk, and forgets the points of the tail that it holds.
    pub(super) fn push_chunk(&mut self, chunk: ChunkRef) {
        let before = self.sealed();
        let head = &chunk.head;
        self.has_steps |= head.steps != super::chunk::Present::None;
        self.has_epochs |= head.epochs != super::chunk::Present::None;
        while self.attempts.len() <= head.attempt as usize {
            self.attempts.push(Attempt { step: head.place_first.step, epoch: head.place_first.epoch });
        }
        self.sealed = self.sealed.and(&head.sum);
        self.chunks.push(chunk);
        let covered = usize::try_from(self.sealed().saturating_sub(before)).unwrap_or(usize::MAX);
        self.tail.forget(covered);
    }

    /// Adds what the tail holds from `start` on; `false` where points before it are missing or belong in a chunk.
    pub(super) fn push_tail(&mut self, start: u64, attempt: u32, columns: &Columns) -> bool {
        let end = self.len();
        if start > end {
            return false;
        }
        let known = usize::try_from(end - start).unwrap_or(usize::MAX);
        if known >= columns.len() {
            return true;
        }
        if self.tail.len() > 0 && attempt != self.tail_attempt {
            return false;
        }
        self.tail_attempt = attempt;
        self.has_steps |= columns.steps[known..].iter().any(Option::is_some);
        self.has_epochs |= columns.epochs[known..].iter().any(Option::is_some);
        self.tail.extend(columns, known);
        true
    }

    /// Where the series stands before its tail.
    pub(super) fn tail_place(&self) -> Place {
        match self.chunks.last() {
            None => Place::START,
            Some(chunk) if chunk.head.attempt == self.tail_attempt => chunk.head.place_last,
            Some(chunk) => chunk.head.place_last.again(),
        }
    }

    /// Where each attempt starts, the tail's included.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        let mut attempts = self.attempts.clone();
        if self.tail.len() > 0 && attempts.len() <= self.tail_attempt as usize {
            let mut place = self.tail_place();
            place.go(self.tail.steps[0], self.tail.epochs[0], self.tail.times[0]);
            attempts.push(Attempt { step: place.step, epoch: place.epoch });
        }
        attempts
    }

    pub(super) fn last_attempt(&self) -> u32 {
        if self.tail.len() > 0 { self.tail_attempt } else { self.chunks.last().map_or(0, |chunk| chunk.head.attempt) }
    }

    /// When the first point arrived.
    pub(super) fn first_time(&self) -> Option<i64> {
        self.chunks.first().map(|chunk| chunk.head.place_first.time).or_else(|| self.tail.times.first().copied())
    }

    pub(super) fn summary(&self, id: MetricId) -> Option<Metric> {
        let Held { min, max, nan, infinite } = self.sealed.and(&super::chunk::sum(&self.tail.values));
        let (first_chunk, last_chunk) = (self.chunks.first(), self.chunks.last());
        let first = first_chunk.map(|chunk| chunk.head.first).or_else(|| self.tail.values.first().copied())?;
        let last = self.tail.values.last().copied().or_else(|| last_chunk.map(|chunk| chunk.head.sum.last))?;
        let mut place = self.tail_place();
        for time in &self.tail.times {
            place.go(None, None, *time);
        }
        let best = crate::names::higher_is_better(&self.name).map(|higher| if higher { max } else { min });
        let in_tail = self.tail.len() > 0;
        Some(Metric {
            id,
            name: self.name.clone(),
            rank: self.rank,
            count: self.len(),
            nan,
            infinite,
            first,
            last,
            min,
            max,
            best: best.filter(|best| !best.is_nan()),
            last_step: if in_tail { self.tail.steps.last().copied().flatten() } else { last_chunk?.head.last_step },
            last_epoch: if in_tail { self.tail.epochs.last().copied().flatten() } else { last_chunk?.head.last_epoch },
            first_time_ms: self.first_time()?,
            last_time_ms: place.time,
            restarts: self.last_attempt(),
        })
    }
}

impl Columns {
    /// Drops the first `count` points.
    pub(super) fn forget(&mut self, count: usize) {
        let count = count.min(self.len());
        self.steps.drain(..count);
        self.epochs.drain(..count);
        self.times.drain(..count);
        self.values.drain(..count);
    }

    pub(super) fn extend(&mut self, other: &Columns, from: usize) {
        self.steps.extend_from_slice(&other.steps[from..]);
        self.epochs.extend_from_slice(&other.epochs[from..]);
        self.times.extend_from_slice(&other.times[from..]);
        self.values.extend_from_slice(&other.values[from..]);
    }
}
