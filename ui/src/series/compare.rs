//! Several runs in one picture: one metric of each, or the mean of each group of them.

use super::chart::{Ask, Curve, curve_of};
use super::sort;
use curfew_core::{Error, ErrorKind, Home, Result, RunId};
use curfew_series::names::{higher_is_better, prominence};
use curfew_series::store::{Metric, Reader};
use serde::Serialize;
use std::collections::BTreeMap;

/// A run to compare: its id, what it is called, which group it is in.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) id: RunId,
    pub(crate) name: String,
    /// The value of the hyperparameter by which runs are grouped.
    pub(crate) group: Option<String>,
}

/// What a comparison is given.
#[derive(Debug, Serialize)]
pub(crate) struct Overlay {
    /// Every metric that any of the runs has, what matters most first, and how many runs have it.
    metrics: Vec<(String, usize)>,
    /// The one that is drawn.
    metric: Option<String>,
    /// Is a larger value better?
    higher: Option<bool>,
    /// One for each run that has it; or one for each group.
    curves: Vec<RunCurve>,
}

#[derive(Debug, Serialize)]
struct RunCurve {
    /// The run's id; a group's value.
    id: String,
    /// What it is called.
    name: String,
    /// How many runs stand behind it.
    runs: usize,
    #[serde(flatten)]
    curve: Curve,
}

/// A picture of many curves needs fewer places in each.
const PLACES: usize = 60_000;
/// On so many places a group's mean is worked out.
const GRID: usize = 240;
/// How many metrics are offered.
const OFFERED: usize = 200;

/// The metrics of each run, what matters most first. A run that cannot be read has none here; its page says why.
pub(crate) async fn metrics(home: &Home, ids: &[RunId]) -> Vec<Vec<Metric>> {
    let dirs: Vec<_> = ids.iter().map(|id| home.series(id)).collect();
    let read = tokio::task::spawn_blocking(move || {
        let of = |dir: &std::path::PathBuf| {
            let mut metrics = Reader::open(dir).map(|r| r.metrics()).unwrap_or_default();
            sort(&mut metrics);
            metrics
        };
        dirs.iter().map(of).collect::<Vec<_>>()
    });
    read.await.unwrap_or_default()
}

/// Names by how many runs have them, what matters most first.
pub(crate) fn names(all: &[Vec<Metric>]) -> Vec<(String, usize)> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for metrics in all {
        let mut seen: Vec<&str> = metrics.iter().map(|m| m.name.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        for name in seen {
            *names.entry(name).or_default() += 1;
        }
    }
    let mut names: Vec<(String, usize)> = names.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
    names.sort_by_cached_key(|(name, n)| (prominence(name), std::cmp::Reverse(*n), name.clone()));
    names.truncate(OFFERED);
    names
}

/// The curves of `metric` (where absent, of what matters most), grouped where the runs carry groups. A run whose series
/// cannot be read is missing from the picture and says so on its own page.
pub(crate) async fn overlay(home: &Home, wanted: Vec<Wanted>, metric: Option<String>, mut ask: Ask) -> Result<Overlay> {
    let dirs: Vec<_> = wanted.iter().map(|run| home.series(&run.id)).collect();
    ask.width = ask.width.min(PLACES / wanted.len().max(1)).max(60);
    let made = tokio::task::spawn_blocking(move || {
        let readers: Vec<Option<Reader>> = dirs.iter().map(|dir| Reader::open(dir).ok()).collect();
        let all: Vec<Vec<Metric>> =
            readers.iter().map(|r| r.as_ref().map(Reader::metrics).unwrap_or_default()).collect();
        let names = names(&all);
        let metric = metric.or_else(|| names.first().map(|(name, _)| name.clone()));
        let mut curves = Vec::new();
        for ((run, reader), metrics) in wanted.iter().zip(&readers).zip(&all) {
            // Of a distributed run, its first process speaks.
            let found = metrics.iter().find(|m| Some(&m.name) == metric.as_ref());
            if let (Some(reader), Some(found)) = (reader, found)
                && let Ok(curve) = curve_of(reader, found, &ask)
            {
                curves.push((run, curve));
            }
        }
        let grouped = wanted.iter().any(|run| run.group.is_some());
        let curves = if grouped { groups(curves, &ask) } else { curves.into_iter().map(one).collect() };
        let higher = metric.as_deref().and_then(higher_is_better);
        Overlay { metrics: names, metric, higher, curves }
    });
    made.await.map_err(|e| Error::new(ErrorKind::Unknown, "compare the runs", "the reader stopped").caused_by(e))
}

fn one((run, mut curve): (&Wanted, Curve)) -> RunCurve {
    curve.key.clone_from(&run.name);
    RunCurve { id: run.id.to_string(), name: run.name.clone(), runs: 1, curve }
}

/// The mean of each group, and how far its runs lie apart.
fn groups(curves: Vec<(&Wanted, Curve)>, ask: &Ask) -> Vec<RunCurve> {
    let mut groups: BTreeMap<Option<&str>, Vec<Curve>> = BTreeMap::new();
    for (run, curve) in curves {
        groups.entry(run.group.as_deref()).or_default().push(curve);
    }
    let mut made: Vec<RunCurve> = groups
        .into_iter()
        .map(|(value, of)| {
            let name = value.map_or_else(|| "not given".to_owned(), str::to_owned);
            let mut curve = mean_of(&of, ask.log_x);
            curve.key = format!("{name} ({})", curfew_core::say::count(of.len(), "run", "runs"));
            RunCurve { id: value.unwrap_or("").to_owned(), name, runs: of.len(), curve }
        })
        .collect();
    // 2 before 10, and 1e-4 before 1e-3.
    made.sort_by(|a, b| match (a.name.parse::<f64>(), b.name.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.name.cmp(&b.name),
    });
    made
}

/// On a common grid, between what was printed: mean, least and greatest of the runs that have come that far.
fn mean_of(curves: &[Curve], log_x: bool) -> Curve {
    let ends = curves.iter().filter_map(|c| Some((*c.x.first()?, *c.x.last()?)));
    let Some((low, high)) = ends.reduce(|(a, b), (c, d)| (a.min(c), b.max(d))) else { return Curve::default() };
    let from = if log_x { curves.iter().flat_map(|c| &c.x).copied().find(|x| *x > 0.0).unwrap_or(low) } else { low };
    let grid: Vec<f64> = (0..GRID)
        .map(|at| {
            let share = at as f64 / (GRID - 1) as f64;
            if log_x && from > 0.0 { from * (high / from).powf(share) } else { low + (high - low) * share }
        })
        .collect();
    let values: Vec<Vec<Option<f64>>> = curves.iter().map(|curve| on_grid(curve, &grid)).collect();
    let (mut mean, mut min, mut max) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..grid.len() {
        let here: Vec<f64> = values.iter().filter_map(|v| v[at]).collect();
        let some = !here.is_empty();
        mean.push(some.then(|| here.iter().sum::<f64>() / here.len() as f64));
        min.push(here.iter().copied().reduce(f64::min));
        max.push(here.iter().copied().reduce(f64::max));
    }
    let count = curves.iter().map(|c| c.count).sum();
    Curve::of_columns(grid, mean, (min, max), count)
}

/// The curve at each place of the grid, on the line between its neighbours; nothing outside of it.
fn on_grid(curve: &Curve, grid: &[f64]) -> Vec<Option<f64>> {
    let ys = if curve.smooth.is_empty() { &curve.mean } else { &curve.smooth };
    let known: Vec<(f64, f64)> = curve.x.iter().zip(ys).filter_map(|(x, y)| Some((*x, (*y)?))).collect();
    grid.iter()
        .map(|at| {
            let right = known.partition_point(|(x, _)| x < at);
            match (right.checked_sub(1).map(|left| known[left]), known.get(right)) {
                (_, Some((x, y))) if x.total_cmp(at).is_eq() => Some(*y),
                (Some((x0, y0)), Some((x1, y1))) => Some(y0 + (y1 - y0) * (at - x0) / (x1 - x0)),
                // The grid's last place, a rounding error beyond.
                (Some((x0, y0)), None) if (at - x0).abs() <= 1e-9 * at.abs() => Some(y0),
                _ => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Curve {
        let (x, mean) = points.iter().map(|(x, y)| (*x, Some(*y))).unzip();
        Curve::of_columns(x, mean, (Vec::new(), Vec::new()), points.len() as u64)
    }

    #[test]
    fn a_group_is_the_mean_of_those_that_have_come_that_far() {
        let short = line(&[(0.0, 2.0), (50.0, 1.0)]);
        let long = line(&[(0.0, 4.0), (100.0, 0.0)]);
        let group = mean_of(&[short, long], false);
        assert_eq!((group.x[0], group.x[GRID - 1], group.count), (0.0, 100.0, 4));
        assert_eq!((group.mean[0], group.band(0)), (Some(3.0), (Some(2.0), Some(4.0))));
        assert_eq!((group.mean[GRID - 1], group.band(GRID - 1)), (Some(0.0), (Some(0.0), Some(0.0))));
        assert!(group.mean.iter().flatten().all(|v| (0.0..=4.0).contains(v)), "nothing is made up");
        assert!(mean_of(&[], false).x.is_empty());
    }

    #[test]
    fn groups_are_in_the_order_of_their_numbers() {
        let wanted: Vec<Wanted> = ["10", "9", "9", "x"]
            .iter()
            .enumerate()
            .map(|(at, group)| Wanted {
                id: format!("r-{at}").parse().unwrap(),
                name: format!("r-{at}"),
                group: Some((*group).to_owned()),
            })
            .collect();
        let curves = wanted.iter().map(|run| (run, line(&[(0.0, 1.0), (1.0, 1.0)]))).collect();
        let seen: Vec<_> = groups(curves, &Ask::default()).into_iter().map(|g| g.curve.key).collect();
        assert_eq!(seen, ["9 (2 runs)", "10 (1 run)", "x (1 run)"]);
    }
}
