//! A run's curves, as the window asks for them.

use curfew_series::names::{Split, family, higher_is_better};
use curfew_series::order::{sort, usual};
use curfew_series::smooth::smooth_after;
use curfew_series::store::{Bucket, Metric, Reader, Window};
use curfew_series::{Axis, Result};
use std::path::PathBuf;

/// How many curves are drawn unasked, and how many at most.
const UNASKED: usize = 6;
const MOST: usize = 24;
/// From how many places a zoomed curve's trend is told.
const TREND: usize = 100;
/// How many metrics are offered.
const OFFERED: usize = 200;

/// What the window wants to see.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ask {
    pub(crate) axis: Axis,
    /// Where it is zoomed to; `None`: the whole run, as it grows.
    pub(crate) range: Option<(f64, f64)>,
    /// In points of the screen; 0: nothing is drawn yet.
    pub(crate) width: usize,
    /// 0 (as printed) up to, but not including, 1.
    pub(crate) smoothing: f64,
    /// By [`Metric::key`]; `None`: the loss, in training and validation.
    pub(crate) keys: Option<Vec<String>>,
}

/// What is there to be drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Drawn {
    /// All metrics by key, what matters most first; at most [`OFFERED`].
    pub(crate) names: Vec<String>,
    pub(crate) curves: Vec<Curve>,
}

/// One metric's curve: stretches without a hole, from left to right.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Curve {
    pub(crate) key: String,
    /// Of data that was not trained on: drawn in another stroke.
    pub(crate) held_out: bool,
    /// As printed: means of what shares a place.
    pub(crate) raw: Vec<Vec<[f64; 2]>>,
    /// Smoothed; empty where nothing is.
    pub(crate) smooth: Vec<Vec<[f64; 2]>>,
    /// x, least and greatest, where a place holds more than one point.
    pub(crate) band: Vec<Vec<[f64; 3]>>,
    /// Where NaN or an infinity was printed.
    pub(crate) bad: Vec<f64>,
    /// "loss: last 0.41, best 0.388, falling".
    pub(crate) says: String,
}

/// A run's series, read on as they grow.
pub(crate) struct Curves {
    dir: PathBuf,
    reader: Option<Reader>,
}

impl Curves {
    pub(crate) fn of(dir: PathBuf) -> Self {
        Self { dir, reader: None }
    }

    /// Reads what is new. Says whether anything was.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        if let Some(reader) = &mut self.reader {
            return reader.refresh();
        }
        self.reader = Some(Reader::open(&self.dir)?);
        Ok(true)
    }

    /// The curves as asked for; nothing before the first [`Self::refresh`].
    pub(crate) fn drawn(&self, ask: &Ask) -> Result<Drawn> {
        let Some(reader) = &self.reader else { return Ok(Drawn::default()) };
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let names = metrics.iter().take(OFFERED).map(Metric::key).collect();
        let wanted: Vec<&Metric> = match &ask.keys {
            Some(keys) => metrics.iter().filter(|m| keys.contains(&m.key())).take(MOST).collect(),
            None => usual(&metrics, UNASKED),
        };
        let curves = if ask.width == 0 {
            Vec::new()
        } else {
            wanted.into_iter().map(|m| curve(reader, m, ask)).collect::<Result<_>>()?
        };
        Ok(Drawn { names, curves })
    }
}

fn curve(reader: &Reader, metric: &Metric, ask: &Ask) -> Result<Curve> {
    let window = Window { axis: ask.axis, range: ask.range, width: ask.width, log_x: false };
    let view = curfew_figures::one_a_place(reader.view(metric.id, &window)?);
    let buckets = &view.buckets;
    // In words it is the run, wherever the picture is zoomed to.
    let whole = match ask.range {
        Some(_) => reader.view(metric.id, &Window::whole(ask.axis, TREND))?.buckets,
        None => buckets.clone(),
    };
    let mut drawn = Curve {
        key: metric.key(),
        held_out: family(&metric.name).1 != Split::Train,
        raw: stretches(buckets, |_, b| b.mean.is_finite().then_some([b.x, b.mean])),
        bad: buckets.iter().filter(|b| b.nan + b.infinite > 0).map(|b| b.x).collect(),
        says: says(metric, &whole),
        ..Curve::default()
    };
    if !view.exact {
        let band = |_, b: &Bucket| (b.min.is_finite() && b.max.is_finite()).then_some([b.x, b.min, b.max]);
        drawn.band = stretches(buckets, band);
    }
    if ask.smoothing > 0.0 {
        let span = ask.range.or(view.extent).map_or(0.0, |(from, to)| to - from);
        let values = smooth_after(&reader.run_up(metric.id, &window)?, buckets, ask.smoothing, span);
        drawn.smooth = stretches(buckets, |at, b| values[at].is_finite().then_some([b.x, values[at]]));
    }
    Ok(drawn)
}

/// Cut where there is nothing to draw, and where a restart goes back.
fn stretches<const N: usize>(
    buckets: &[Bucket],
    point: impl Fn(usize, &Bucket) -> Option<[f64; N]>,
) -> Vec<Vec<[f64; N]>> {
    let (mut all, mut now, mut attempt) = (Vec::new(), Vec::new(), None);
    for (at, bucket) in buckets.iter().enumerate() {
        let point = point(at, bucket);
        if (point.is_none() || attempt.is_some_and(|a| a != bucket.attempt)) && !now.is_empty() {
            all.push(std::mem::take(&mut now));
        }
        attempt = Some(bucket.attempt);
        now.extend(point);
    }
    if !now.is_empty() {
        all.push(now);
    }
    all
}

/// A curve in words, for those who do not see it.
fn says(metric: &Metric, buckets: &[Bucket]) -> String {
    let number = curfew_core::say::number;
    let best = match metric.best.filter(|_| higher_is_better(&metric.name).is_some()) {
        Some(best) => format!(", best {}", number(best)),
        None => String::new(),
    };
    let values: Vec<f64> = buckets.iter().map(|b| b.mean).collect();
    format!("{}: last {}{best}, {}", metric.key(), number(metric.last), curfew_series::trend::trend(&values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_series::Point;
    use curfew_series::store::Writer;

    fn written(points: &[(&str, u64, f64)]) -> (tempfile::TempDir, Curves) {
        let room = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(room.path()).unwrap();
        for (metric, step, value) in points {
            let point = Point { metric, rank: None, step: Some(*step), epoch: None, time_ms: 0, value: *value };
            writer.append(&point).unwrap();
        }
        drop(writer);
        let mut curves = Curves::of(room.path().to_owned());
        assert!(curves.refresh().unwrap());
        (room, curves)
    }

    fn ask() -> Ask {
        Ask { width: 100, ..Ask::default() }
    }

    #[test]
    fn the_loss_comes_unasked_in_training_and_validation() {
        let (_room, curves) = written(&[("acc", 1, 0.5), ("loss", 1, 0.25), ("val_loss", 1, 0.75), ("lr", 1, 0.1)]);
        let drawn = curves.drawn(&ask()).unwrap();
        let seen: Vec<_> = drawn.curves.iter().map(|c| (c.key.as_str(), c.held_out)).collect();
        assert_eq!(seen, [("loss", false), ("val_loss", true)]);
        assert_eq!(drawn.names, ["loss", "val_loss", "acc", "lr"]);
        let keys = Some(vec!["acc".to_owned()]);
        assert_eq!(curves.drawn(&Ask { keys, ..ask() }).unwrap().curves[0].key, "acc");
        assert!(curves.drawn(&Ask::default()).unwrap().curves.is_empty(), "no width is nothing to draw on");
    }

    #[test]
    fn a_hole_and_a_restart_cut_the_line() {
        let (_room, curves) = written(&[("loss", 1, 4.0), ("loss", 2, f64::NAN), ("loss", 3, 3.0)]);
        let curve = curves.drawn(&ask()).unwrap().curves.remove(0);
        assert_eq!(curve.raw, [vec![[1.0, 4.0]], vec![[3.0, 3.0]]]);
        assert_eq!(curve.bad, [2.0]);
        let (_room, curves) =
            written(&[("loss", 1, 4.0), ("loss", 2, 3.0), ("loss", 3, 2.5), ("loss", 2, 2.0), ("loss", 3, 1.0)]);
        let curve = curves.drawn(&ask()).unwrap().curves.remove(0);
        assert_eq!(curve.raw, [vec![[1.0, 4.0]], vec![[2.0, 2.0], [3.0, 1.0]]], "nothing is drawn backwards");
    }

    #[test]
    fn a_zoom_shows_every_point_and_a_constant_stays_one() {
        let points: Vec<_> = (0..5_000).map(|step| ("loss", step, 0.5)).collect();
        let (_room, curves) = written(&points);
        let whole = curves.drawn(&Ask { smoothing: 0.9, ..ask() }).unwrap().curves.remove(0);
        assert!(whole.smooth.iter().flatten().all(|[_, y]| y.to_bits() == 0.5_f64.to_bits()));
        assert!(!whole.band.is_empty(), "a place holds many points");
        let zoomed = curves.drawn(&Ask { range: Some((100.0, 109.0)), ..ask() }).unwrap().curves.remove(0);
        let inside = zoomed.raw.iter().flatten().filter(|[x, _]| (100.0..=109.0).contains(x)).count();
        assert_eq!((inside, zoomed.band.len()), (10, 0));
        assert_eq!(zoomed.says, "loss: last 0.5, best 0.5, level");
    }
}
