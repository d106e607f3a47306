//! run export.

use crate::out::{Exit, Failed, note, print_json};
use curfew_core::{Error, ErrorKind, Result, RunId, say};
use curfew_series::export::Format;
use curfew_series::store::{MetricId, Reader};
use std::path::{Path, PathBuf};

const OPERATION: &str = "export the run";

/// What to write, and to which file: a folder, or a name without a known extension that ends in a slash, gets an event
/// file.
fn target(id: &RunId, output: &Path) -> Result<(Format, PathBuf)> {
    let extension = output.extension().map(|e| e.to_string_lossy().into_owned());
    let format = extension.as_deref().and_then(Format::of_extension);
    match format {
        Some(format) if format != Format::TensorBoard && !output.is_dir() => Ok((format, output.to_owned())),
        None if extension.is_some() && !output.is_dir() => {
            Err(Error::input("output", format!("an export cannot be a .{} file", extension.unwrap_or_default()))
                .next("Give a name that ends in .csv, .json or .parquet, or a folder for TensorBoard"))
        }
        _ => {
            std::fs::create_dir_all(output).map_err(|e| Error::io(OPERATION, output.display(), e).at("output"))?;
            Ok((Format::TensorBoard, output.join(format!("events.out.tfevents.0.{id}"))))
        }
    }
}

fn chosen(reader: &Reader, names: &[String]) -> Result<Vec<MetricId>> {
    let metrics = reader.metrics();
    for name in names {
        if metrics.iter().all(|m| m.name != *name) {
            return Err(Error::input("metric", format!("the run has no metric “{}”", say::clean(name, 80)))
                .next("See its metrics with curfew run metrics ID"));
        }
    }
    Ok(metrics.into_iter().filter(|m| names.contains(&m.name)).map(|m| m.id).collect())
}

/// Writes every point, whole or not at all.
pub(crate) fn export(series: &Path, id: &RunId, output: &Path, names: &[String], json: bool) -> Result<Exit, Failed> {
    let failed = |e: curfew_series::Error| Error::new(ErrorKind::Unknown, OPERATION, e.to_string());
    let reader = Reader::open(series).map_err(failed)?;
    let ids = chosen(&reader, names)?;
    let points: u64 = reader.metrics().iter().filter(|m| ids.is_empty() || ids.contains(&m.id)).map(|m| m.count).sum();
    let (format, path) = target(id, output)?;
    format.save(&reader, &ids, &path).map_err(|e| match e {
        curfew_series::Error::Io { source, .. } | curfew_series::Error::Export(source) => {
            Error::io(OPERATION, path.display(), source).at("output")
        }
        other => failed(other),
    })?;
    note(format!("Wrote {}: {points} points.", path.display()));
    if json {
        print_json(&serde_json::json!({ "id": id, "file": path, "points": points }));
    }
    Ok(Exit::Done)
}
