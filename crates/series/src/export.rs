//! Series for other programs: whole, every point, in the order printed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use parquet::basic::{Encoding, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::error::At;
use crate::store::{Metric, MetricId, Reader, Stored};
use crate::tbevents::EventWriter;
use crate::{Error, Point, Result};

/// Points in a row group of Parquet: bounds the memory an export takes.
const GROUP: usize = 1 << 18;

/// The metrics asked for, all where none is named; sorted by name and rank.
fn chosen(reader: &Reader, ids: &[MetricId]) -> Vec<Metric> {
    reader.metrics().into_iter().filter(|metric| ids.is_empty() || ids.contains(&metric.id)).collect()
}

/// A time as RFC 3339 with milliseconds; empty where no calendar holds it.
fn time(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// A number that reads back as the same one; `NaN`, `Infinity` and `-Infinity` in words.
fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        odd(value).to_owned()
    } else if size == 0.0 || (1e-5..1e16).contains(&size) {
        format!("{value}")
    } else {
        // Not three hundred zeros.
        format!("{value:e}")
    }
}

fn odd(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// What a run's points are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values: see [`csv`].
    Csv,
    /// See [`json`].
    Json,
    /// See [`parquet`](parquet()).
    Parquet,
    /// A TensorBoard event file: see [`tensorboard`].
    TensorBoard,
}

impl Format {
    /// By a file's extension, or its name's middle for event files: `csv`, `json`, `parquet`, `tfevents`.
    pub fn of_extension(extension: &str) -> Option<Format> {
        let all = [Format::Csv, Format::Json, Format::Parquet, Format::TensorBoard];
        all.into_iter().find(|format| format.extension().eq_ignore_ascii_case(extension))
    }

    /// The extension, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Parquet => "parquet",
            Format::TensorBoard => "tfevents",
        }
    }

    /// For a download's header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::TensorBoard => "application/octet-stream",
        }
    }

    /// Writes every point of the metrics `ids`, of all where there are none, into the file `path`: whole or not at all, so
    /// that a full disk leaves the file as it was. Takes as much memory as some thousands of points.
    pub fn save(self, reader: &Reader, ids: &[MetricId], path: &Path) -> Result<()> {
        let part = path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().to_string_lossy()));
        let written = (|| {
            let mut out = io::BufWriter::with_capacity(1 << 20, File::create(&part).at(path)?);
            self.write(reader, ids, &mut out)?;
            // Some file systems tell only now that the disk is full.
            out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all()).at(path)?;
            fs::rename(&part, path).at(path)
        })();
        if written.is_err() {
            // Nobody is helped by half of it; that it cannot be removed is less than what is told anyway.
            let _ = fs::remove_file(&part);
        }
        written
    }

    /// Writes every point of the metrics `ids`, of all where there are none. Fails where some cannot be read.
    pub fn write(self, reader: &Reader, ids: &[MetricId], out: &mut (impl Write + Send)) -> Result<()> {
        reader.damage().map_or(Ok(()), Err)?;
        match self {
            Format::Csv => csv(reader, ids, out),
            Format::Json => json(reader, ids, out),
            Format::Parquet => parquet(reader, ids, out),
            Format::TensorBoard => tensorboard(reader, ids, out),
        }
    }
}

/// Comma-separated values (RFC 4180), one point a line: metric, rank, step, epoch, time, value, attempt, overridden.
/// With no `ids`, all metrics.
pub fn csv(reader: &Reader, ids: &[MetricId], out: &mut impl Write) -> Result<()> {
    let mut out = io::BufWriter::new(out);
    let write = Error::Export;
    out.write_all(b"metric,rank,step,epoch,time,value,attempt,overridden\r\n").map_err(write)?;
    for metric in chosen(reader, ids) {
        let name = field(&metric.name);
        let rank = metric.rank.map_or_else(String::new, |rank| rank.to_string());
        for point in reader.points(metric.id, 0..u64::MAX) {
            let Stored { step, epoch, time_ms, value, attempt, overridden } = point?;
            let step = step.map_or_else(String::new, |step| step.to_string());
            let epoch = epoch.map_or_else(String::new, number);
            let (time, value) = (time(time_ms), number(value));
            write!(out, "{name},{rank},{step},{epoch},{time},{value},{attempt},{overridden}\r\n").map_err(write)?;
        }
    }
    out.flush().map_err(write)
}

/// `{"metrics": [{"name", "rank", "points": [{"step", "epoch", "time", "value", "attempt", "overridden"}]}]}`. JSON has
/// no NaN and no infinity: they are the strings `NaN`, `Infinity`, `-Infinity`. With no `ids`, all metrics.
pub fn json(reader: &Reader, ids: &[MetricId], out: &mut impl Write) -> Result<()> {
    let mut out = io::BufWriter::new(out);
    let write = Error::Export;
    let value = |value: f64| if value.is_finite() { json!(value) } else { Value::from(odd(value)) };
    out.write_all(b"{\"metrics\": [").map_err(write)?;
    for (nth, metric) in chosen(reader, ids).into_iter().enumerate() {
        let comma = if nth == 0 { "" } else { ", " };
        let (name, rank) = (Value::from(metric.name.as_str()), json!(metric.rank));
        write!(out, "{comma}{{\"name\": {name}, \"rank\": {rank}, \"points\": [").map_err(write)?;
        for (nth, point) in reader.points(metric.id, 0..u64::MAX).enumerate() {
            let point = point?;
            let shown = json!({
                "step": point.step,
                "epoch": point.epoch.map(value),
                "time": time(point.time_ms),
                "value": value(point.value),
                "attempt": point.attempt,
                "overridden": point.overridden,
            });
            write!(out, "{}{shown}", if nth == 0 { "" } else { ", " }).map_err(write)?;
        }
        out.write_all(b"]}").map_err(write)?;
    }
    out.write_all(b"]}\n").map_err(write)?;
    out.flush().map_err(write)
}

/// Parquet, one point a row: metric, rank, step, epoch, `time_ms` (milliseconds since 1970, UTC), value, attempt,
/// overridden. With no `ids`, all metrics.
pub fn parquet(reader: &Reader, ids: &[MetricId], out: &mut (impl Write + Send)) -> Result<()> {
    let failed = |error: ParquetError| Error::Export(io::Error::other(error));
    let schema = schema().map_err(failed)?;
    let delta = Encoding::DELTA_BINARY_PACKED;
    let mut properties = WriterProperties::builder().set_created_by("curfew".into());
    for column in ["step", "time_ms"] {
        let path = ColumnPath::from(column);
        properties = properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, delta);
    }
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties.build())).map_err(failed)?;
    for metric in chosen(reader, ids) {
        let mut points = reader.points(metric.id, 0..u64::MAX);
        loop {
            let rows: Vec<Stored> = points.by_ref().take(GROUP).collect::<Result<_>>()?;
            if rows.is_empty() {
                break;
            }
            let mut group = file.next_row_group().map_err(failed)?;
            write_rows(&mut group, &metric, &rows).map_err(failed)?;
            group.close().map_err(failed)?;
        }
    }
    file.close().map_err(failed)?;
    Ok(())
}

fn schema() -> Result<Arc<Type>, ParquetError> {
    let column = |name: &str, physical: Physical, repetition: Repetition, logical: Option<LogicalType>| {
        let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let (must, may) = (Repetition::REQUIRED, Repetition::OPTIONAL);
    let columns = vec![
        column("metric", Physical::BYTE_ARRAY, must, Some(LogicalType::String))?,
        column("rank", Physical::INT32, may, Some(LogicalType::integer(32, false)))?,
        column("step", Physical::INT64, may, Some(LogicalType::integer(64, false)))?,
        column("epoch", Physical::DOUBLE, may, None)?,
        column("time_ms", Physical::INT64, must, None)?,
        column("value", Physical::DOUBLE, must, None)?,
        column("attempt", Physical::INT32, must, Some(LogicalType::integer(32, false)))?,
        column("overridden", Physical::BOOLEAN, must, None)?,
    ];
    Ok(Arc::new(Type::group_type_builder("series").with_fields(columns).build()?))
}

fn write_rows<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    metric: &Metric,
    rows: &[Stored],
) -> Result<(), ParquetError> {
    let name = ByteArray::from(metric.name.as_str());
    required::<ByteArrayType, W>(group, &vec![name; rows.len()])?;
    let rank = metric.rank.map(u32::cast_signed);
    optional::<Int32Type, W>(group, rows.iter().map(|_| rank))?;
    optional::<Int64Type, W>(group, rows.iter().map(|row| row.step.map(u64::cast_signed)))?;
    optional::<DoubleType, W>(group, rows.iter().map(|row| row.epoch))?;
    required::<Int64Type, W>(group, &rows.iter().map(|row| row.time_ms).collect::<Vec<_>>())?;
    required::<DoubleType, W>(group, &rows.iter().map(|row| row.value).collect::<Vec<_>>())?;
    required::<Int32Type, W>(group, &rows.iter().map(|row| row.attempt.cast_signed()).collect::<Vec<_>>())?;
    required::<BoolType, W>(group, &rows.iter().map(|row| row.overridden).collect::<Vec<_>>())
}

fn required<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".into()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

fn optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let mut there = Vec::new();
    let levels: Vec<i16> = values
        .map(|value| {
            let level = i16::from(value.is_some());
            there.extend(value);
            level
        })
        .collect();
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".into()))?;
    column.typed::<T>().write_batch(&there, Some(&levels), None)?;
    column.close()
}

/// A TensorBoard event file. Its format holds `float32`, so values lose digits here and nowhere else, and those beyond
/// 3.4e38 become infinite; points without a step are numbered. A rank goes before the name as `rank2/`. With no `ids`, all metrics.
pub fn tensorboard(reader: &Reader, ids: &[MetricId], out: &mut impl Write) -> Result<()> {
    let start = reader.start_ms().unwrap_or(0);
    let mut events = EventWriter::new(io::BufWriter::new(out), start).map_err(Error::Export)?;
    for metric in chosen(reader, ids) {
        let tag = metric.rank.map_or_else(|| metric.name.clone(), |rank| format!("rank{rank}/{}", metric.name));
        for (nth, point) in (0..).zip(reader.points(metric.id, 0..u64::MAX)) {
            let Stored { step, epoch, time_ms, value, .. } = point?;
            let step = Some(step.unwrap_or(nth));
            let point = Point { metric: &tag, rank: None, step, epoch, time_ms, value };
            events.write(&point).map_err(Error::Export)?;
        }
    }
    events.flush().map_err(Error::Export)
}
