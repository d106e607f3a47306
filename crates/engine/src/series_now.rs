//! The present state of a run's loss, for lists and headers. The whole series is read by pages through `curfew-series`.

use crate::MetricNow;
use curfew_series::Progress;
use curfew_series::store::{Metric, Reader};
use std::path::Path;

/// What a header needs.
#[derive(Debug, Default)]
pub(crate) struct SeriesNow {
    pub(crate) loss: Option<MetricNow>,
    pub(crate) epochs: Option<(f64, Option<f64>)>,
}

/// Reads the summary; a series that is not there yet is simply nothing.
pub(crate) fn read(dir: &Path) -> SeriesNow {
    let Ok(reader) = Reader::open(dir) else { return SeriesNow::default() };
    let metrics = reader.metrics();
    let loss = headline(&metrics).map(|m| MetricNow {
        name: m.name.clone(),
        count: m.count,
        last: m.last,
        best: m.best.unwrap_or(m.last),
    });
    let progress: Option<Progress> =
        std::fs::read(dir.join("progress.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let seen = metrics
        .iter()
        .filter_map(|m| m.last_epoch)
        .fold(None, |most: Option<f64>, e| Some(most.map_or(e, |m| m.max(e))));
    let epoch = progress.as_ref().and_then(|p| p.epoch).or(seen);
    let total = progress.and_then(|p| p.epochs_total).map(|n| n as f64);
    SeriesNow { loss, epochs: epoch.map(|e| (e, total)) }
}

/// The metric that a header shows: the training loss, else any loss, else the first.
fn headline(metrics: &[Metric]) -> Option<&Metric> {
    let rank = |m: &&Metric| {
        let name = m.name.to_lowercase();
        let held_out = ["val", "valid", "test", "eval"].iter().any(|w| name.contains(w));
        (!name.contains("loss"), held_out, m.id.0)
    };
    metrics.iter().min_by_key(rank)
}
