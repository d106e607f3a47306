//! Reading a run's series for pages. The files are read on blocking threads; a run without any has no metrics.

pub(crate) mod chart;
pub(crate) mod compare;

use crate::pages::parts::Spark;
use crate::pages::run::MetricRow;
use curfew_core::{Error, ErrorKind, Result, RunId};
use curfew_engine::Engine;
use curfew_series::Axis;
use curfew_series::export::Format;
use curfew_series::order::sort;
use curfew_series::store::{Metric, Reader, Window};
use std::path::Path;

fn failed(error: &curfew_series::Error) -> Error {
    let kind = match error {
        curfew_series::Error::Corrupt { .. } => ErrorKind::Corrupt,
        _ => ErrorKind::Unknown,
    };
    Error::new(kind, "read the run's curves", error.to_string())
}

/// On a blocking thread, with the run's series open.
async fn read<T: Send + 'static>(
    engine: &Engine,
    id: &RunId,
    look: impl FnOnce(&Reader) -> curfew_series::Result<T> + Send + 'static,
) -> Result<T> {
    let (readers, dir) = (engine.readers().clone(), engine.home().series(id));
    tokio::task::spawn_blocking(move || readers.look(&dir, look))
        .await
        .map_err(|e| Error::new(ErrorKind::Unknown, "read the run's curves", "the reader stopped").caused_by(e))?
        .map_err(|e| failed(&e))
}

/// A metric's course for a small picture. What cannot be read is an empty picture: its page tells why.
pub(crate) async fn spark(engine: &Engine, id: &RunId, metric: &str, width: usize) -> Spark {
    let name = metric.to_owned();
    let values = read(engine, id, move |reader| {
        let found = reader.metrics().into_iter().find(|m| m.name == name);
        found.map_or_else(|| Ok((Vec::new(), None)), |m| Ok((course(reader, &m, width)?, m.best)))
    });
    let (values, best) = values.await.unwrap_or_default();
    Spark::of(metric, values).with_best(best)
}

fn course(reader: &Reader, metric: &Metric, width: usize) -> curfew_series::Result<Vec<f64>> {
    let view = reader.view(metric.id, &Window::whole(Axis::Step, width))?;
    Ok(view.buckets.iter().map(|b| if b.mean.is_finite() { b.mean } else { b.last }).collect())
}

/// The metrics of a run for its table, the loss first; at most `most`, how many more there are, and what of them cannot be
/// read any more.
pub(crate) async fn metrics(
    engine: &Engine,
    id: &RunId,
    most: usize,
) -> Result<(Vec<MetricRow>, usize, Option<Error>)> {
    read(engine, id, move |reader| {
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let rows = metrics.iter().take(most).map(|m| {
            let better = curfew_series::names::higher_is_better(&m.name);
            Ok(crate::views::run::metric(m, better, &course(reader, m, 50)?))
        });
        let damage = reader.damage().map(|e| {
            failed(&e).next("Save its metrics as they are under “Rename, hide, define…”: its log is then read again")
        });
        Ok((rows.collect::<curfew_series::Result<_>>()?, metrics.len().saturating_sub(most), damage))
    })
    .await
}

/// The names under which a run's metrics are kept, what matters most first.
pub(crate) async fn names(engine: &Engine, id: &RunId) -> Result<Vec<String>> {
    read(engine, id, |reader| {
        let mut metrics = reader.metrics();
        sort(&mut metrics);
        let mut names: Vec<String> = metrics.into_iter().map(|m| m.name).collect();
        names.dedup();
        Ok(names)
    })
    .await
}

/// How many points of how many metrics a run has.
pub(crate) async fn size(engine: &Engine, id: &RunId) -> Result<(u64, usize)> {
    read(engine, id, |reader| {
        let metrics = reader.metrics();
        Ok((metrics.iter().map(|m| m.count).sum(), metrics.len()))
    })
    .await
}

/// Writes every point. Blocks.
pub(crate) fn export(dir: &Path, format: Format, out: &mut (impl std::io::Write + Send)) -> Result<()> {
    Reader::open(dir).and_then(|reader| format.write(&reader, &[], out)).map_err(|e| failed(&e))
}

/// The same into a file, whole or not at all.
pub(crate) fn save(dir: &Path, format: Format, path: &Path) -> Result<()> {
    Reader::open(dir).and_then(|reader| format.save(&reader, &[], path)).map_err(|e| match e {
        curfew_series::Error::Io { source, .. } | curfew_series::Error::Export(source) => {
            Error::io("export the run", path.display(), source)
        }
        other => failed(&other),
    })
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
