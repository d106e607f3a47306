//! Curves of a run: which to draw, along which axis, smoothed, and in words.

use crate::FigureOptions;
use crate::fonts;
use crate::scale::{number, time_unit};
use curfew_core::{Error, ErrorKind, Result};
use curfew_series::names::{Split, family, higher_is_better, prominence};
use curfew_series::store::{Bucket, Metric, Reader, View, Window};
use curfew_series::trend::trend;
use curfew_series::{Axis, Error as SeriesError};
use std::path::Path;

/// One line of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The metric, as printed. Curves of one family (`loss`, `val_loss`) share a picture.
    pub metric: String,
    /// What the legend calls it: the metric's name, or whatever tells it from the others. Data.
    pub label: String,
    /// Its points, or where these are more than the figure is wide, buckets of them.
    pub view: View,
    /// What lies to the left of a zoomed view, from where it is smoothed; empty: nothing does.
    pub run_up: Vec<Bucket>,
}

/// What a figure of a run is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct RunCurves {
    /// In the order in which they are drawn.
    pub curves: Vec<Curve>,
    /// What is drawn from left to right.
    pub axis: Axis,
    /// How many points stand behind the curves.
    pub points: u64,
    /// When the first of them arrived, in milliseconds since 1970 (UTC).
    pub first_ms: i64,
}

/// More lines than this nobody can tell apart, and a figure takes long to draw.
pub(crate) const MOST_CURVES: usize = 200;

impl RunCurves {
    /// Reads what `options` ask for from a run's series.
    ///
    /// # Errors
    /// `NotFound` where the run has printed no metric yet; `InvalidInput` at `metrics` for a name that it has not printed.
    pub fn read(series_dir: &Path, options: &FigureOptions) -> Result<Self> {
        let reader = Reader::open(series_dir).map_err(unreadable)?;
        let metrics = reader.metrics();
        if metrics.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "draw the figure",
                "the run has printed no metric yet, so there is nothing to draw",
            )
            .next("Wait for its first value; if its log shows values already, define the metric in curfew.toml."));
        }
        let chosen =
            if options.metrics.is_empty() { main_family(&metrics) } else { named(&metrics, &options.metrics)? };
        if chosen.len() > MOST_CURVES {
            let many = format!("{} curves are too many for one figure; {MOST_CURVES} are the most", chosen.len());
            return Err(Error::input("metrics", many).next("Choose fewer metrics."));
        }
        let axis = options.axis.unwrap_or_else(|| common_axis(&chosen));
        // A bucket as wide as a dot of a 300 dpi print.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a width is checked to be below a metre"
        )]
        let width = (options.width_mm.clamp(1.0, 1000.0) / 25.4 * 300.0) as usize;
        let window = Window { axis, range: options.range, width, log_x: options.log_x };
        let mut curves = Vec::new();
        for metric in &chosen {
            let label =
                metric.rank.map_or_else(|| metric.name.clone(), |rank| format!("{} (rank {rank})", metric.name));
            let view = reader.view(metric.id, &window).map_err(unreadable)?;
            let run_up = if options.smoothing > 0.0 { reader.run_up(metric.id, &window) } else { Ok(Vec::new()) };
            let run_up = run_up.map_err(unreadable)?;
            curves.push(Curve { metric: metric.name.clone(), label, view: one_a_place(view), run_up });
        }
        let points = chosen.iter().map(|metric| metric.count).sum();
        let first_ms = chosen.iter().map(|metric| metric.first_time_ms).min().unwrap_or_default();
        Ok(Self { curves, axis, points, first_ms })
    }
}

/// A view in which nothing shares a place with its neighbour, so that no line goes straight up: what arrived in one piece
/// of the log, or was printed for one step, is one bucket there.
#[must_use]
pub fn one_a_place(mut view: View) -> View {
    let before = view.buckets.len();
    view.buckets = merged(view.buckets);
    view.overridden = merged(view.overridden);
    view.exact &= view.buckets.len() == before;
    view
}

fn merged(buckets: Vec<Bucket>) -> Vec<Bucket> {
    let mut merged: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for next in buckets {
        let Some(last) = merged.last_mut().filter(|l| l.x.total_cmp(&next.x).is_eq() && l.attempt == next.attempt)
        else {
            merged.push(next);
            continue;
        };
        let finite = |b: &Bucket| (b.count - b.nan - b.infinite) as f64;
        let (old, new) = (finite(last), finite(&next));
        if new > 0.0 {
            let mean = if old > 0.0 { last.mean + (next.mean - last.mean) * (new / (old + new)) } else { next.mean };
            last.mean = mean;
            (last.min, last.max) = (last.min.min(next.min), last.max.max(next.max));
        }
        last.last = next.last;
        last.count += next.count;
        last.nan += next.nan;
        last.infinite += next.infinite;
    }
    merged
}

fn unreadable(error: SeriesError) -> Error {
    const OPERATION: &str = "read the run's series";
    match error {
        SeriesError::Io { path, source } => Error::io(OPERATION, path.display(), source),
        SeriesError::Corrupt { .. } => Error::new(ErrorKind::Corrupt, OPERATION, error.to_string()).caused_by(error),
        SeriesError::Locked { .. } => Error::new(ErrorKind::Locked, OPERATION, error.to_string()).caused_by(error),
        _ => Error::new(ErrorKind::Unknown, OPERATION, error.to_string()).caused_by(error),
    }
}

fn sorted<'a>(metrics: impl Iterator<Item = &'a Metric>) -> Vec<&'a Metric> {
    let mut metrics: Vec<&Metric> = metrics.collect();
    metrics.sort_by_cached_key(|metric| (family(&metric.name), metric.name.clone(), metric.rank));
    metrics
}

/// What a figure shows where nobody chose: the loss, in training and validation.
fn main_family(metrics: &[Metric]) -> Vec<&Metric> {
    // The first that fits best; `metrics` is sorted by name.
    let best = metrics.iter().min_by_key(|metric| prominence(&metric.name)).map(|metric| family(&metric.name).0);
    sorted(metrics.iter().filter(|metric| Some(family(&metric.name).0) == best))
}

fn named<'a>(metrics: &'a [Metric], names: &[String]) -> Result<Vec<&'a Metric>> {
    for name in names {
        if metrics.iter().all(|metric| metric.name != *name) {
            let mut known: Vec<String> = metrics.iter().take(12).map(|metric| fonts::shown(&metric.name, 60)).collect();
            known.dedup();
            let more = if metrics.len() > 12 { ", …" } else { "" };
            return Err(Error::input("metrics", format!("the run has no metric “{}”", fonts::shown(name, 80)))
                .next(format!("Choose from: {}{more}.", known.join(", "))));
        }
    }
    Ok(sorted(metrics.iter().filter(|metric| names.contains(&metric.name))))
}

/// The axis on which every one of the curves can stand.
fn common_axis(metrics: &[&Metric]) -> Axis {
    let all = |has: fn(&Metric) -> bool| metrics.iter().all(|metric| has(metric));
    if all(|m| m.last_step.is_some()) {
        Axis::Step
    } else if all(|m| m.last_epoch.is_some()) {
        Axis::Epoch
    } else if all(|m| m.last_step.is_none() && m.last_epoch.is_none()) && metrics.len() == 1 {
        // Numbered.
        Axis::Step
    } else {
        Axis::Relative
    }
}

/// The name of an axis, with its unit; `span` is how much of it is shown.
pub(crate) fn axis_name(axis: Axis, numbered: bool, span: f64, zone: &str) -> String {
    match axis {
        Axis::Step | Axis::Epoch if numbered => "Point".into(),
        Axis::Step => "Step".into(),
        Axis::Epoch => "Epoch".into(),
        Axis::Time => format!("Time ({zone})"),
        Axis::Relative => format!("Time since start ({})", time_unit(span).1),
    }
}

/// A curve in one sentence, for those who do not see it: last and best value, and where it is heading.
pub fn describe(curve: &Curve, axis: Axis) -> String {
    let name = fonts::shown(&curve.label, 80);
    let finite: Vec<&Bucket> = curve.view.buckets.iter().filter(|bucket| bucket.mean.is_finite()).collect();
    let (Some(last), Some(first)) = (curve.view.buckets.last(), curve.view.buckets.first()) else {
        return format!("{name}: no value.");
    };
    let at = match axis {
        _ if curve.view.numbered => format!("point {}", number(last.x)),
        Axis::Step => format!("step {}", number(last.x)),
        Axis::Epoch => format!("epoch {}", number(last.x)),
        Axis::Time => format!("{} after the first", span((last.x - first.x) / 1000.0)),
        Axis::Relative => span(last.x),
    };
    if finite.is_empty() {
        return format!("{name}: {} at {at}; no finite value.", number(last.last));
    }
    let least = finite.iter().map(|bucket| bucket.min).fold(f64::INFINITY, f64::min);
    let greatest = finite.iter().map(|bucket| bucket.max).fold(f64::NEG_INFINITY, f64::max);
    let best = match higher_is_better(&curve.metric) {
        Some(higher) => format!("best {}", number(if higher { greatest } else { least })),
        None => format!("between {} and {}", number(least), number(greatest)),
    };
    format!(
        "{name}: last {} at {at}, {best}, {}.",
        number(last.last),
        trend(&finite.iter().map(|b| b.mean).collect::<Vec<_>>())
    )
}

fn span(seconds: f64) -> String {
    let (unit, name) = time_unit(seconds);
    format!("{} {name}", number((seconds / unit * 10.0).round() / 10.0))
}

/// The order in which curves of one family are drawn and coloured: training first.
pub(crate) fn panel_of(curve: &Curve) -> (String, Split) {
    family(&curve.metric)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A curve of points as they are.
    pub(crate) fn curve(name: &str, points: &[(f64, f64)]) -> Curve {
        let bucket = |&(x, value): &(f64, f64)| {
            let seen = if value.is_finite() { value } else { f64::NAN };
            Bucket {
                x,
                min: seen,
                max: seen,
                mean: seen,
                last: value,
                count: 1,
                nan: u64::from(value.is_nan()),
                infinite: u64::from(value.is_infinite()),
                attempt: 0,
            }
        };
        let extent = points.first().zip(points.last()).map(|(a, b)| (a.0, b.0));
        let view = View { buckets: points.iter().map(bucket).collect(), extent, exact: true, ..View::default() };
        Curve { metric: name.into(), label: name.into(), view, run_up: Vec::new() }
    }

    #[test]
    fn the_axis_is_one_that_all_have() {
        let check = |metrics: &[(Option<u64>, Option<f64>)], expect| {
            let metrics: Vec<Metric> = metrics
                .iter()
                .map(|&(last_step, last_epoch)| Metric { last_step, last_epoch, ..metric("loss") })
                .collect();
            assert_eq!(common_axis(&metrics.iter().collect::<Vec<_>>()), expect);
        };
        check(&[(Some(1), Some(1.0)), (Some(1), None)], Axis::Step);
        check(&[(Some(1), Some(1.0)), (None, Some(1.0))], Axis::Epoch);
        check(&[(Some(1), None), (None, Some(1.0))], Axis::Relative);
        check(&[(None, None)], Axis::Step);
        check(&[(None, None), (None, None)], Axis::Relative);
    }

    fn metric(name: &str) -> Metric {
        Metric {
            id: curfew_series::store::MetricId(0),
            name: name.into(),
            rank: None,
            count: 1,
            nan: 0,
            infinite: 0,
            first: 1.0,
            last: 1.0,
            min: 1.0,
            max: 1.0,
            best: None,
            last_step: None,
            last_epoch: None,
            first_time_ms: 0,
            last_time_ms: 0,
            restarts: 0,
        }
    }

    #[test]
    fn the_loss_is_what_is_drawn_where_nobody_chose() {
        let check = |names: &[&str], expect: &[&str]| {
            let metrics: Vec<Metric> = names.iter().map(|name| metric(name)).collect();
            let found: Vec<&str> = main_family(&metrics).iter().map(|metric| metric.name.as_str()).collect();
            assert_eq!(found, expect);
        };
        check(&["acc", "loss", "lr", "val_acc", "val_loss"], &["loss", "val_loss"]);
        check(&["aux_loss", "val_loss"], &["val_loss"]);
        check(&["test-logloss", "train-logloss"], &["train-logloss", "test-logloss"]);
        check(&["lr", "throughput", "val_f1"], &["val_f1"]);
        check(&["lr"], &["lr"]);
    }

    #[test]
    fn what_shares_a_place_is_one_bucket() {
        let drawn = curve("loss", &[(0.0, 1.0), (1.0, 4.0), (1.0, f64::NAN), (1.0, 2.0), (2.0, 1.0)]);
        let view = one_a_place(drawn.view);
        let seen: Vec<_> = view.buckets.iter().map(|b| (b.x, b.min, b.mean, b.max, b.count, b.nan)).collect();
        assert_eq!(seen, [(0.0, 1.0, 1.0, 1.0, 1, 0), (1.0, 2.0, 3.0, 4.0, 3, 1), (2.0, 1.0, 1.0, 1.0, 1, 0)]);
        assert!(!view.exact);
        let apart = curve("loss", &[(0.0, 1.0), (1.0, 2.0)]).view;
        assert_eq!(one_a_place(apart.clone()), apart);
    }

    #[test]
    fn told_in_a_sentence() {
        let check = |name, values: &[f64], expect: &str| {
            let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            assert_eq!(describe(&curve(name, &points), Axis::Epoch), expect);
        };
        check("loss", &[2.0, 1.0, 0.5, 0.6], "loss: last 0.6 at epoch 3, best 0.5, rising.");
        check("val_accuracy", &[0.5, 0.9, 0.9], "val_accuracy: last 0.9 at epoch 2, best 0.9, too few points.");
        check("lr", &[0.1, 0.01], "lr: last 0.01 at epoch 1, between 0.01 and 0.1, too few points.");
        check("loss", &[1.0, f64::NAN], "loss: last NaN at epoch 1, best 1, too few points.");
        check("loss", &[f64::NAN], "loss: NaN at epoch 0; no finite value.");
        check("loss", &[], "loss: no value.");
    }
}
