//! Reading a run's series for pages. The files are read on blocking threads; a run without any has no metrics.

use crate::pages::parts::Spark;
use crate::pages::run::MetricRow;
use curfew_core::{Error, ErrorKind, Home, Result, RunId};
use curfew_series::Axis;
use curfew_series::store::{Bucket, Metric, Reader, View, Window};
use serde::Serialize;
use std::path::{Path, PathBuf};

fn failed(error: &curfew_series::Error) -> Error {
    let kind = match error {
        curfew_series::Error::Corrupt { .. } => ErrorKind::Corrupt,
        _ => ErrorKind::Unknown,
    };
    Error::new(kind, "read the run's curves", error.to_string())
}

/// On a blocking thread, with the series open.
async fn read<T: Send + 'static>(
    dir: PathBuf,
    f: impl FnOnce(&Reader) -> curfew_series::Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(move || Reader::open(&dir).and_then(|reader| f(&reader)))
        .await
        .map_err(|e| Error::new(ErrorKind::Unknown, "read the run's curves", "the reader stopped").caused_by(e))?
        .map_err(|e| failed(&e))
}

/// A metric's course for a small picture. What cannot be read is an empty picture: its page tells why.
pub(crate) async fn spark(home: &Home, id: &RunId, metric: &str, width: usize) -> Spark {
    let name = metric.to_owned();
    let values = read(home.series(id), move |reader| {
        let found = reader.metrics().into_iter().find(|m| m.name == name);
        found.map_or_else(|| Ok(Vec::new()), |m| course(reader, &m, width))
    });
    Spark::of(metric, values.await.unwrap_or_default())
}

fn course(reader: &Reader, metric: &Metric, width: usize) -> curfew_series::Result<Vec<f64>> {
    let view = reader.view(metric.id, &Window::whole(Axis::Relative, width))?;
    Ok(view.buckets.iter().map(|b| if b.mean.is_finite() { b.mean } else { b.last }).collect())
}

/// The metrics of a run for its table, the loss first; at most `most`.
pub(crate) async fn metrics(home: &Home, id: &RunId, most: usize) -> Result<Vec<MetricRow>> {
    read(home.series(id), move |reader| {
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let rows = metrics.iter().take(most).map(|m| {
            let better = curfew_series::names::higher_is_better(&m.name);
            Ok(crate::views::run::metric(m, better, &course(reader, m, 50)?))
        });
        rows.collect()
    })
    .await
}

/// Losses first, training before held-out, then as sorted by name.
fn sort(metrics: &mut [Metric]) {
    metrics.sort_by_key(|m| {
        let name = m.name.to_lowercase();
        let held_out = ["val", "valid", "test", "eval"].iter().any(|w| name.contains(w));
        (!name.contains("loss"), held_out)
    });
}

/// What a chart asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) axis: Axis,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) width: usize,
    /// By [`key`]; `None`: the losses, or the first metric where there is no loss.
    pub(crate) keys: Option<Vec<String>>,
}

/// What a chart is given.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    /// Changes when there are new points.
    pub(crate) version: String,
    /// Every metric there is, by key, losses first.
    names: Vec<String>,
    /// Those that are drawn.
    metrics: Vec<Curve>,
}

/// One metric's window: columns of equal length.
#[derive(Debug, Serialize)]
struct Curve {
    key: String,
    count: u64,
    last: Option<f64>,
    best: Option<f64>,
    /// Every bucket is one point.
    exact: bool,
    /// The points carry no step (or epoch) and are numbered.
    numbered: bool,
    extent: Option<(f64, f64)>,
    x: Vec<f64>,
    mean: Vec<Option<f64>>,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
}

/// How many curves are drawn unasked.
const UNASKED: usize = 6;
/// How many names are sent.
const NAMES: usize = 2000;

/// A metric's name on the page, its rank with it where a run is distributed.
fn key(metric: &Metric) -> String {
    match metric.rank {
        Some(rank) => format!("{} [{rank}]", metric.name),
        None => metric.name.clone(),
    }
}

/// The curves. `None`: nothing has changed since `after`.
pub(crate) async fn chart(home: &Home, id: &RunId, ask: Ask, after: Option<String>) -> Result<Option<Chart>> {
    let dir = home.series(id);
    let version = version(&dir);
    if after.as_deref() == Some(version.as_str()) {
        return Ok(None);
    }
    read(dir, move |reader| {
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let names = metrics.iter().take(NAMES).map(key).collect();
        let losses = metrics.iter().filter(|m| m.name.to_lowercase().contains("loss")).count();
        let unasked = losses.clamp(1, UNASKED);
        let drawn: Vec<&Metric> = match &ask.keys {
            Some(keys) => metrics.iter().filter(|m| keys.contains(&key(m))).take(100).collect(),
            None => metrics.iter().take(unasked).collect(),
        };
        let window = Window { axis: ask.axis, range: ask.range, width: ask.width, log_x: false };
        let curves = drawn.into_iter().map(|m| Ok(curve(m, &reader.view(m.id, &window)?)));
        Ok(Some(Chart { version, names, metrics: curves.collect::<curfew_series::Result<_>>()? }))
    })
    .await
}

fn curve(metric: &Metric, view: &View) -> Curve {
    let finite = |v: f64| Some(v).filter(|v| v.is_finite());
    let mut curve = Curve {
        key: key(metric),
        count: metric.count,
        last: finite(metric.last),
        best: metric.best,
        exact: view.exact,
        numbered: view.numbered,
        extent: view.extent,
        x: Vec::with_capacity(view.buckets.len()),
        mean: Vec::with_capacity(view.buckets.len()),
        min: Vec::with_capacity(view.buckets.len()),
        max: Vec::with_capacity(view.buckets.len()),
    };
    let mut push = |bucket: &Bucket| {
        // Where x stands still (several points in one step) the newest value speaks; the band keeps all of them.
        if curve.x.last() == Some(&bucket.x) {
            let at = curve.x.len() - 1;
            let least = |a: Option<f64>, b: Option<f64>, f: fn(f64, f64) -> f64| match (a, b) {
                (Some(a), Some(b)) => Some(f(a, b)),
                (one, other) => one.or(other),
            };
            curve.min[at] = least(curve.min[at], finite(bucket.min), f64::min);
            curve.max[at] = least(curve.max[at], finite(bucket.max), f64::max);
            curve.mean[at] = finite(bucket.mean).or(curve.mean[at]);
            return;
        }
        curve.x.push(bucket.x);
        curve.mean.push(finite(bucket.mean));
        curve.min.push(finite(bucket.min));
        curve.max.push(finite(bucket.max));
    };
    view.buckets.iter().for_each(&mut push);
    curve
}

/// Changes whenever a file of the series does: names, lengths and times of change, by which a page knows that there is
/// something new without reading it.
pub(crate) fn version(dir: &Path) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
        .filter_map(|file| {
            let about = file.metadata().ok()?;
            about.is_file().then(|| (file.file_name(), about.len(), about.modified().ok()))
        })
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
