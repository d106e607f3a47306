//! The present state of a run's loss, for lists and headers. The whole series is read by pages through `curfew-series`.

use crate::MetricNow;
use curfew_series::Standing;
use curfew_series::names::{Split, family, prominence};
use curfew_series::store::{Metric, Readers};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What a header needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesNow {
    pub(crate) loss: Option<MetricNow>,
    pub(crate) epochs: Option<(f64, Option<f64>)>,
    pub(crate) standing: Option<Standing>,
}

/// The length and the time of change of each file that is read.
type Version = [Option<(u64, SystemTime)>; 3];

/// What was last read of each run, so that a list of a thousand runs opens only what has changed.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<PathBuf, (Version, SeriesNow)>>>);

impl Seen {
    /// Reads the summary; a series that is not there yet is simply nothing.
    pub(crate) fn read(&self, readers: &Readers, dir: &Path) -> SeriesNow {
        let version = version(dir);
        let known = |seen: &Self| {
            // A panic elsewhere leaves the map whole: entries are put in at once.
            let seen = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(dir).filter(|(then, _)| *then == version).map(|(_, now)| now.clone())
        };
        if let Some(now) = known(self) {
            return now;
        }
        let now = read(readers, dir);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_owned(), (version, now.clone()));
        now
    }
}

fn version(dir: &Path) -> Version {
    ["series.chunks", "series.tail", "progress.json"].map(|name| {
        let about = std::fs::metadata(dir.join(name)).ok()?;
        Some((about.len(), about.modified().ok()?))
    })
}

fn read(readers: &Readers, dir: &Path) -> SeriesNow {
    let Ok(metrics) = readers.look(dir, |reader| Ok(reader.metrics())) else { return SeriesNow::default() };
    let loss = headline(&metrics).map(|m| MetricNow {
        name: m.name.clone(),
        count: m.count,
        last: m.last,
        best: m.best.unwrap_or(m.last),
    });
    let standing = Standing::read(dir);
    let progress = standing.map(|standing| standing.progress);
    let seen = metrics
        .iter()
        .filter_map(|m| m.last_epoch)
        .fold(None, |most: Option<f64>, e| Some(most.map_or(e, |m| m.max(e))));
    let epoch = progress.and_then(|p| p.epoch).or(seen);
    let total = progress.and_then(|p| p.epochs_total).map(|n| n as f64);
    SeriesNow { loss, epochs: epoch.map(|e| (e, total)), standing }
}

/// The metric that a header shows is the one that a picture shows first: the training loss, else any loss, else the first.
fn headline(metrics: &[Metric]) -> Option<&Metric> {
    metrics.iter().min_by_key(|m| (prominence(&m.name), family(&m.name).1 != Split::Train, m.id.0))
}
