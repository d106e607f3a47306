//! What a picture of curves is given: for each metric as many buckets as the picture is wide, smoothed as figures are.

use super::read;
use curfew_core::{Result, RunId};
use curfew_engine::Engine;
use curfew_series::Axis;
use curfew_series::names::{Split, family};
use curfew_series::order::{sort, usual};
use curfew_series::smooth::{range_without_outliers, smooth_after};
use curfew_series::store::{Bucket, Metric, Reader, View, Window};
use serde::Serialize;

/// What a chart asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) axis: Axis,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) width: usize,
    pub(crate) log_x: bool,
    /// 0 (as printed) up to, but not including, 1.
    pub(crate) smoothing: f64,
    /// Single outliers take no part in what is smoothed.
    pub(crate) calm: bool,
    /// By [`Metric::key`]; `None`: the loss, in training and validation.
    pub(crate) keys: Option<Vec<String>>,
}

impl Ask {
    fn window(&self) -> Window {
        Window { axis: self.axis, range: self.range, width: self.width, log_x: self.log_x }
    }
}

/// What a chart is given.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    /// Changes when there are new points.
    version: String,
    /// When the run's first value came, in milliseconds since 1970: where time since the start is zero.
    start_ms: i64,
    /// How many metrics there are.
    total: usize,
    /// The first of them, by key, losses first.
    names: Vec<String>,
    /// Those that are drawn.
    metrics: Vec<Curve>,
    /// What else stands where on the axis.
    spots: Spots,
}

/// Columns of equal length: what stands at `x`.
#[derive(Debug, Default, Serialize)]
struct Spots {
    x: Vec<f64>,
    step: Vec<Option<u64>>,
    epoch: Vec<Option<f64>>,
    time: Vec<i64>,
}

/// Small pictures, one for each family of metrics.
#[derive(Debug, Serialize)]
pub(crate) struct Panels {
    version: String,
    /// How many families there are under the filter.
    total: usize,
    pictures: Vec<Panel>,
}

#[derive(Debug, Serialize)]
struct Panel {
    title: String,
    metrics: Vec<Curve>,
}

/// One metric's window: columns of equal length.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Curve {
    pub(crate) key: String,
    /// `train`, `validation` or `test`.
    split: &'static str,
    pub(crate) count: u64,
    pub(crate) last: Option<f64>,
    pub(crate) best: Option<f64>,
    /// Where it is heading, in a word.
    trend: &'static str,
    /// Every bucket is one point.
    exact: bool,
    /// The points carry no step (or epoch) and are numbered.
    numbered: bool,
    pub(crate) extent: Option<(f64, f64)>,
    pub(crate) x: Vec<f64>,
    pub(crate) mean: Vec<Option<f64>>,
    /// Empty where every bucket is one point.
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    /// Empty where nothing is smoothed.
    pub(crate) smooth: Vec<Option<f64>>,
    /// Where NaN and infinities were printed: the bucket, how many of each.
    bad: Vec<(usize, u64, u64)>,
    /// The buckets at which the line begins anew: the run went back to a checkpoint.
    breaks: Vec<usize>,
    /// What a restart has gone over again.
    over: Over,
    /// From where to where values go when single outliers are left out.
    calm: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Over {
    x: Vec<f64>,
    mean: Vec<Option<f64>>,
    breaks: Vec<usize>,
}

impl Curve {
    /// A curve that was worked out of others: its mean and how far they lie apart.
    pub(crate) fn of_columns(
        x: Vec<f64>,
        mean: Vec<Option<f64>>,
        (min, max): (Vec<Option<f64>>, Vec<Option<f64>>),
        count: u64,
    ) -> Self {
        let extent = x.first().copied().zip(x.last().copied());
        let round = |column: Vec<Option<f64>>| column.into_iter().map(|v| v.and_then(short)).collect();
        Self { extent, x, mean: round(mean), min: round(min), max: round(max), count, ..Self::default() }
    }
    #[cfg(test)]
    pub(crate) fn band(&self, at: usize) -> (Option<f64>, Option<f64>) {
        (self.min[at], self.max[at])
    }
}

/// How many curves are drawn unasked, and how many at most.
const UNASKED: usize = 12;
const MOST: usize = 100;
/// How many names are sent.
const NAMES: usize = 200;

/// The curves. `None`: nothing has changed since `after`.
pub(crate) async fn chart(engine: &Engine, id: &RunId, ask: Ask, after: Option<String>) -> Result<Option<Chart>> {
    let version = super::version(&engine.home().series(id));
    if after.as_deref() == Some(version.as_str()) {
        return Ok(None);
    }
    read(engine, id, move |reader| {
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let names = metrics.iter().take(NAMES).map(Metric::key).collect();
        let drawn: Vec<&Metric> = match &ask.keys {
            Some(keys) => metrics.iter().filter(|m| keys.contains(&m.key())).take(MOST).collect(),
            None => usual(&metrics, UNASKED),
        };
        let longest = drawn.iter().max_by_key(|m| m.count).copied();
        let spots = longest.map_or_else(|| Ok(Vec::new()), |m| reader.spots(m.id, &ask.window()))?;
        let curves = drawn.into_iter().map(|m| curve_of(reader, m, &ask));
        let metrics_drawn = curves.collect::<curfew_series::Result<_>>()?;
        let mut columns = Spots::default();
        for spot in spots {
            columns.x.push(spot.x);
            columns.step.push(spot.step);
            columns.epoch.push(spot.epoch);
            columns.time.push(spot.time_ms);
        }
        let start_ms = reader.start_ms().unwrap_or(0);
        let total = metrics.len();
        Ok(Some(Chart { version, start_ms, total, names, metrics: metrics_drawn, spots: columns }))
    })
    .await
}

/// Small pictures of the families whose name holds `filter`: `most` of them, after the first `skip`.
pub(crate) async fn panels(
    engine: &Engine,
    id: &RunId,
    ask: Ask,
    filter: &str,
    (skip, most): (usize, usize),
) -> Result<Panels> {
    let version = super::version(&engine.home().series(id));
    let filter = filter.to_lowercase();
    read(engine, id, move |reader| {
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let mut families: Vec<(String, Vec<&Metric>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for metric in metrics.iter().filter(|m| m.name.to_lowercase().contains(&filter)) {
            let name = family(&metric.name).0;
            let at = *places.entry(name.clone()).or_insert_with(|| {
                families.push((name, Vec::new()));
                families.len() - 1
            });
            families[at].1.push(metric);
        }
        let total = families.len();
        let pictures = families.into_iter().skip(skip).take(most).map(|(title, of)| {
            let mut of = of;
            of.truncate(UNASKED);
            // One alone is called what was printed; a family, what its names have in common.
            let title = if let [one] = of[..] { one.key() } else { title };
            let curves = of.into_iter().map(|m| curve_of(reader, m, &ask));
            Ok(Panel { title, metrics: curves.collect::<curfew_series::Result<_>>()? })
        });
        Ok(Panels { version, total, pictures: pictures.collect::<curfew_series::Result<_>>()? })
    })
    .await
}

/// One metric as asked for.
pub(crate) fn curve_of(reader: &Reader, metric: &Metric, ask: &Ask) -> curfew_series::Result<Curve> {
    let view = curfew_figures::one_a_place(reader.view(metric.id, &ask.window())?);
    let run_up = if ask.smoothing > 0.0 { reader.run_up(metric.id, &ask.window())? } else { Vec::new() };
    let mut curve = curve(&view, &run_up, ask);
    curve.key = metric.key();
    curve.split = match family(&metric.name).1 {
        Split::Train => "train",
        Split::Validation => "validation",
        Split::Test => "test",
    };
    curve.trend = curfew_series::trend::trend(&view.buckets.iter().map(|b| b.mean).collect::<Vec<_>>());
    (curve.count, curve.last, curve.best) = (metric.count, Some(metric.last).filter(|v| v.is_finite()), metric.best);
    Ok(curve)
}

/// Seven digits: more than a screen shows, and half as much to send.
fn short(value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some(value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a double's exponent has three digits")]
    let shift = 6 - value.abs().log10().floor() as i32;
    // Powers beyond 22 are not exact, and make no number shorter.
    if shift.abs() > 22 {
        return Some(value);
    }
    let power = 10_f64.powi(shift.abs());
    Some(if shift < 0 { (value / power).round() * power } else { (value * power).round() / power })
}

fn breaks(buckets: &[Bucket]) -> Vec<usize> {
    let pairs = buckets.windows(2).enumerate();
    pairs.filter(|(_, pair)| pair[0].attempt != pair[1].attempt).map(|(at, _)| at + 1).collect()
}

fn curve(view: &View, run_up: &[Bucket], ask: &Ask) -> Curve {
    let buckets = &view.buckets;
    let column = |of: fn(&Bucket) -> f64| buckets.iter().map(|b| short(of(b))).collect::<Vec<_>>();
    let bad = buckets.iter().enumerate().filter(|(_, b)| b.nan + b.infinite > 0);
    Curve {
        exact: view.exact,
        numbered: view.numbered,
        extent: view.extent,
        x: buckets.iter().map(|b| b.x).collect(),
        mean: column(|b| b.mean),
        min: if view.exact { Vec::new() } else { column(|b| b.min) },
        max: if view.exact { Vec::new() } else { column(|b| b.max) },
        smooth: if ask.smoothing > 0.0 { smoothed(view, run_up, ask) } else { Vec::new() },
        bad: bad.map(|(at, b)| (at, b.nan, b.infinite)).collect(),
        breaks: breaks(buckets),
        over: Over {
            x: view.overridden.iter().map(|b| b.x).collect(),
            mean: view.overridden.iter().map(|b| short(b.mean)).collect(),
            breaks: breaks(&view.overridden),
        },
        calm: range_without_outliers(buckets),
        ..Curve::default()
    }
}

/// As figures are smoothed: over the axis as it is drawn.
fn smoothed(view: &View, run_up: &[Bucket], ask: &Ask) -> Vec<Option<f64>> {
    let place = |x: f64| if ask.log_x { x.max(f64::MIN_POSITIVE).ln() } else { x };
    let ends = ask.range.or(view.extent).map(|(from, to)| {
        let from =
            if ask.log_x && from <= 0.0 { view.buckets.iter().map(|b| b.x).find(|x| *x > 0.0) } else { Some(from) };
        (place(from.unwrap_or(to)), place(to))
    });
    let calm = range_without_outliers(&view.buckets).filter(|_| ask.calm);
    let far = |b: &Bucket| calm.is_some_and(|(low, high)| !(low..=high).contains(&b.mean));
    let placed = |buckets: &[Bucket]| -> Vec<Bucket> {
        let placed = |b: &Bucket| Bucket { x: place(b.x), mean: if far(b) { f64::NAN } else { b.mean }, ..*b };
        buckets.iter().map(placed).collect()
    };
    let span = ends.map_or(0.0, |(from, to)| to - from);
    let values = smooth_after(&placed(run_up), &placed(&view.buckets), ask.smoothing, span);
    values.into_iter().map(|value| short(value).filter(|v| v.is_finite())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_series::Point;
    use curfew_series::store::Writer;

    fn chart_of(points: &[(&str, u64, f64)], ask: &Ask) -> Vec<Curve> {
        let room = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(room.path()).unwrap();
        for (metric, step, value) in points {
            let point = Point { metric, rank: None, step: Some(*step), epoch: None, time_ms: 0, value: *value };
            writer.append(&point).unwrap();
        }
        drop(writer);
        let reader = Reader::open(room.path()).unwrap();
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        usual(&metrics, UNASKED).into_iter().map(|m| curve_of(&reader, m, ask).unwrap()).collect()
    }

    fn ask() -> Ask {
        Ask { width: 100, ..Ask::default() }
    }

    #[test]
    fn training_and_validation_come_together() {
        let points = [("acc", 1, 0.5), ("loss", 1, 0.25), ("lr", 1, 0.1), ("val_loss", 1, 0.75), ("kl_loss", 1, 1.0)];
        let curves = chart_of(&points, &ask());
        let seen: Vec<_> = curves.iter().map(|c| (c.key.as_str(), c.split)).collect();
        assert_eq!(seen, [("loss", "train"), ("val_loss", "validation")]);
    }

    #[test]
    fn what_is_not_finite_is_told_and_a_restart_breaks_the_line() {
        let points = [("loss", 1, 4.0), ("loss", 2, f64::NAN), ("loss", 3, 3.0), ("loss", 2, 2.0), ("loss", 3, 1.0)];
        let curve = &chart_of(&points, &ask())[0];
        assert_eq!((&curve.x, &curve.mean), (&vec![1.0, 2.0, 3.0], &vec![Some(4.0), Some(2.0), Some(1.0)]));
        assert_eq!((curve.breaks.as_slice(), curve.over.x.as_slice()), (&[1][..], &[2.0, 3.0][..]));
        let curve = &chart_of(&points[..3], &ask())[0];
        assert_eq!((curve.bad.as_slice(), curve.mean[1]), (&[(1, 1, 0)][..], None));
    }

    #[test]
    fn what_shares_a_place_is_one_bucket_with_a_band() {
        let points = [("loss", 1, 1.0), ("loss", 2, 4.0), ("loss", 2, f64::NAN), ("loss", 2, 2.0), ("loss", 3, 1.0)];
        let curve = &chart_of(&points, &ask())[0];
        assert_eq!((&curve.x, &curve.mean), (&vec![1.0, 2.0, 3.0], &vec![Some(1.0), Some(3.0), Some(1.0)]));
        assert_eq!(
            (curve.exact, curve.band(1), curve.bad.as_slice()),
            (false, (Some(2.0), Some(4.0)), &[(1, 1, 0)][..])
        );
    }

    #[test]
    fn a_zoomed_smooth_curve_does_not_begin_afresh() {
        let points: Vec<_> = (0..2_000).map(|step| ("loss", step, f64::from(u8::from(step % 2 == 1)))).collect();
        for (log_x, range) in [(false, (1_000.0, 1_100.0)), (true, (1_000.0, 1_100.0)), (true, (-1.0, 500.0))] {
            let curve = &chart_of(&points, &Ask { smoothing: 0.9, range: Some(range), log_x, ..ask() })[0];
            let first = curve.smooth.iter().find_map(|v| *v).unwrap();
            assert!(range.0 < 0.0 || (0.2..0.8).contains(&first), "{first} in {range:?}");
            assert_eq!(curve.smooth.len(), curve.x.len());
        }
    }

    #[test]
    fn smoothing_is_that_of_figures() {
        let points: Vec<_> = (0..50).map(|step| ("loss", step, 0.5)).collect();
        for log_x in [false, true] {
            let curve = &chart_of(&points, &Ask { smoothing: 0.9, log_x, ..ask() })[0];
            assert_eq!(curve.smooth, vec![Some(0.5); 50], "a constant stays what it is");
        }
        assert!(chart_of(&points, &ask())[0].smooth.is_empty());
    }

    #[test]
    fn an_outlier_out_of_scale_does_not_pull_the_line() {
        let points: Vec<_> = (0..90).map(|step| ("loss", step, if step == 40 { 1e6 } else { 0.5 })).collect();
        let pulled = &chart_of(&points, &Ask { smoothing: 0.9, ..ask() })[0];
        assert!(pulled.smooth[45] > Some(100.0));
        let calm = &chart_of(&points, &Ask { smoothing: 0.9, calm: true, ..ask() })[0];
        assert_eq!((calm.smooth[39], calm.smooth[40], calm.smooth[41]), (Some(0.5), None, Some(0.5)));
        assert_eq!(calm.mean[40], Some(1e6), "what was printed stays");
    }

    #[test]
    fn numbers_are_sent_short() {
        let check = |value: f64, expect| assert_eq!(short(value), expect);
        check(0.123_456_789, Some(0.123_456_8));
        check(-1.5e300, Some(-1.5e300));
        check(3.0e-5, Some(3.0e-5));
        check(f64::MAX, Some(f64::MAX));
        check(5e-324, Some(5e-324));
        check(-0.0, Some(-0.0));
        check(1_234_567_890.0, Some(1_234_568_000.0));
        check(f64::INFINITY, None);
    }
}
