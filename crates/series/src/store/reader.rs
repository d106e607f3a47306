use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Bucket, Metric, MetricId, View, Window, writer::TAIL};
use crate::{Axis, Error, Result};

/// One point as kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The step over the whole run.
    pub step: Option<u64>,
    /// The epoch.
    pub epoch: Option<f64>,
    /// When it arrived, in milliseconds since 1970 (UTC).
    pub time_ms: i64,
    /// The value, NaN and infinities included.
    pub value: f64,
    /// How often the run had gone back to an earlier step before this point.
    pub attempt: u32,
    /// A later attempt has been here again.
    pub overridden: bool,
}

pub(super) enum Record {
    Name { id: u32, rank: Option<u32>, name: String },
    Point { id: u32, point: Stored },
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or_default()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or_default()
}

/// Reads whole records; returns where the first broken one starts.
pub(super) fn records(bytes: &[u8], on_record: &mut impl FnMut(Record)) -> usize {
    let mut at = 0;
    while bytes.len() - at >= 8 {
        let len = u32_at(bytes, at + 4) as usize;
        let Some(body) = bytes.get(at + 8..at + 8 + len) else { break };
        if crc32fast::hash(body) != u32_at(bytes, at) || body.len() < 10 {
            break;
        }
        let id = u32_at(body, 1);
        on_record(if body[0] == 0 {
            let rank = (body[5] == 1).then(|| u32_at(body, 6));
            Record::Name { id, rank, name: String::from_utf8_lossy(&body[10..]).into_owned() }
        } else {
            let step = (body[5] & 1 != 0).then(|| u64_at(body, 6));
            let epoch = (body[5] & 2 != 0).then(|| f64::from_bits(u64_at(body, 14)));
            let time_ms = u64_at(body, 22).cast_signed();
            let value = f64::from_bits(u64_at(body, 30));
            Record::Point { id, point: Stored { step, epoch, time_ms, value, attempt: 0, overridden: false } }
        });
        at += 8 + len;
    }
    at
}

#[derive(Default)]
struct Series {
    name: String,
    rank: Option<u32>,
    points: Vec<Stored>,
}

/// Reads the series of one run, also while another process writes them.
pub struct Reader {
    path: PathBuf,
    series: Vec<Series>,
    read: usize,
}

impl Reader {
    /// Opens the series in `dir`; a folder in which nothing was written yet has no metrics.
    pub fn open(dir: &Path) -> Result<Reader> {
        let mut reader = Reader { path: dir.join(TAIL), series: Vec::new(), read: 0 };
        reader.refresh()?;
        Ok(reader)
    }

    /// Reads what was written since. Says whether there was anything.
    pub fn refresh(&mut self) -> Result<bool> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(Error::Io { path: self.path.clone(), source }),
        };
        let series = &mut self.series;
        let read = records(bytes.get(self.read..).unwrap_or_default(), &mut |record| match record {
            Record::Name { rank, name, .. } => series.push(Series { name, rank, points: Vec::new() }),
            Record::Point { id, mut point } => {
                if let Some(series) = series.get_mut(id as usize) {
                    if let Some(last) = series.points.last() {
                        point.attempt = last.attempt + u32::from(point.step < last.step);
                        if point.attempt > last.attempt {
                            for old in series.points.iter_mut().filter(|old| old.step >= point.step) {
                                old.overridden = true;
                            }
                        }
                    }
                    series.points.push(point);
                }
            }
        });
        self.read += read;
        Ok(read > 0)
    }

    /// Every metric, sorted by name and rank.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics: Vec<Metric> =
            (0_u32..).zip(&self.series).filter_map(|(id, series)| series.summary(MetricId(id))).collect();
        metrics.sort_by(|a, b| (&a.name, a.rank).cmp(&(&b.name, b.rank)));
        metrics
    }

    /// The metric of that name and rank.
    pub fn find(&self, name: &str, rank: Option<u32>) -> Option<MetricId> {
        (0_u32..)
            .zip(&self.series)
            .find(|(_, series)| series.name == name && series.rank == rank)
            .map(|(id, _)| MetricId(id))
    }

    /// Every point of a metric, in the order printed; `range` counts points from 0.
    pub fn points(&self, id: MetricId, range: Range<u64>) -> impl Iterator<Item = Result<Stored>> + '_ {
        let points = self.series.get(id.0 as usize).map_or(&[][..], |series| &series.points);
        let skip = usize::try_from(range.start).unwrap_or(usize::MAX);
        let take = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        points.iter().skip(skip).take(take).copied().map(Ok)
    }

    /// A window on a metric.
    pub fn view(&self, id: MetricId, window: &Window) -> Result<View> {
        Ok(self.series.get(id.0 as usize).map_or_else(View::default, |series| series.view(window)))
    }
}

impl Series {
    fn summary(&self, id: MetricId) -> Option<Metric> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let finite = || self.points.iter().map(|point| point.value).filter(|value| value.is_finite());
        let (min, max) = (finite().fold(f64::NAN, f64::min), finite().fold(f64::NAN, f64::max));
        let best = crate::names::higher_is_better(&self.name).map(|higher| if higher { max } else { min });
        Some(Metric {
            id,
            name: self.name.clone(),
            rank: self.rank,
            count: self.points.len() as u64,
            nan: self.points.iter().filter(|point| point.value.is_nan()).count() as u64,
            infinite: self.points.iter().filter(|point| point.value.is_infinite()).count() as u64,
            first: first.value,
            last: last.value,
            min,
            max,
            best: best.filter(|best| !best.is_nan()),
            last_step: last.step,
            last_epoch: last.epoch,
            first_time_ms: first.time_ms,
            last_time_ms: last.time_ms,
            restarts: last.attempt,
        })
    }

    fn view(&self, window: &Window) -> View {
        let numbered = match window.axis {
            Axis::Step => self.points.iter().all(|point| point.step.is_none()),
            Axis::Epoch => self.points.iter().all(|point| point.epoch.is_none()),
            Axis::Time | Axis::Relative => false,
        };
        let start = self.points.first().map_or(0, |point| point.time_ms);
        let mut latest = f64::NEG_INFINITY;
        let mut attempt = 0;
        let placed: Vec<(f64, Stored)> = (0_u32..)
            .zip(&self.points)
            .map(|(at, point)| {
                let x = match window.axis {
                    _ if numbered => f64::from(at),
                    Axis::Step => point.step.unwrap_or(0) as f64,
                    Axis::Epoch => point.epoch.unwrap_or(0.0),
                    Axis::Time => point.time_ms as f64,
                    Axis::Relative => (point.time_ms - start) as f64 / 1000.0,
                };
                if point.attempt != attempt {
                    (attempt, latest) = (point.attempt, f64::NEG_INFINITY);
                }
                latest = latest.max(x);
                (latest, *point)
            })
            .collect();
        let (Some(low), Some(high)) =
            (placed.iter().map(|(x, _)| *x).reduce(f64::min), placed.iter().map(|(x, _)| *x).reduce(f64::max))
        else {
            return View::default();
        };
        let (from, to) = window.range.unwrap_or((low, high));
        let inside: Vec<_> = placed.into_iter().filter(|(x, _)| (from..=to).contains(x)).collect();
        let by_attempt = matches!(window.axis, Axis::Step | Axis::Epoch) && !numbered;
        let mut view =
            View { extent: Some((low, high)), numbered, exact: inside.len() <= window.width, ..View::default() };
        let mut last_key = None;
        for (at, (x, point)) in inside.iter().enumerate() {
            let slot = if view.exact {
                at
            } else {
                ((x - from) / (to - from).max(f64::MIN_POSITIVE) * window.width as f64) as usize
            };
            let aside = by_attempt && point.overridden;
            let key = (slot, point.attempt, aside);
            let list = if aside { &mut view.overridden } else { &mut view.buckets };
            if last_key != Some(key) {
                list.push(Bucket {
                    x: *x,
                    min: f64::NAN,
                    max: f64::NAN,
                    mean: f64::NAN,
                    last: point.value,
                    count: 0,
                    nan: 0,
                    infinite: 0,
                    attempt: point.attempt,
                });
                last_key = Some(key);
            }
            let Some(bucket) = list.last_mut() else { continue };
            bucket.count += 1;
            bucket.last = point.value;
            bucket.nan += u64::from(point.value.is_nan());
            bucket.infinite += u64::from(point.value.is_infinite());
            if point.value.is_finite() {
                bucket.min = bucket.min.min(point.value);
                bucket.max = bucket.max.max(point.value);
                let finite = (bucket.count - bucket.nan - bucket.infinite) as f64;
                bucket.mean =
                    if finite > 1.0 { bucket.mean + (point.value - bucket.mean) / finite } else { point.value };
            }
        }
        view.buckets.sort_by(|a, b| a.x.total_cmp(&b.x));
        view
    }
}
