//! TensorBoard event files: what a script that logs there has written, and files for TensorBoard to read.
//!
//! A file is a row of records (length, checksum, bytes, checksum; TFRecord), each an `Event` of TensorBoard's
//! `event.proto`, of which only what scalars need is written down here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use prost::Message;

use crate::error::At;
use crate::{Error, Point, Result};

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    /// As PyTorch and TensorFlow 1 write it.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    /// As TensorFlow 2 and Keras write it.
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(bytes = "vec", tag = "4")]
    content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    doubles: Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    ints: Vec<i32>,
    #[prost(int64, repeated, tag = "10")]
    longs: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dims: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
struct Dim {
    #[prost(int64, tag = "1")]
    size: i64,
}

impl Tensor {
    /// The value of a tensor that is a single number; `None` for images, texts and histograms.
    fn scalar(&self) -> Option<f64> {
        if self.shape.as_ref().is_some_and(|shape| !shape.dims.is_empty()) {
            return None;
        }
        let content = &self.content[..];
        // The numbers of TensorFlow's DataType.
        match self.dtype {
            1 => self
                .floats
                .first()
                .copied()
                .or_else(|| Some(f32::from_le_bytes(content.try_into().ok()?)))
                .map(f64::from),
            2 => self.doubles.first().copied().or_else(|| Some(f64::from_le_bytes(content.try_into().ok()?))),
            3 => {
                self.ints.first().copied().or_else(|| Some(i32::from_le_bytes(content.try_into().ok()?))).map(f64::from)
            }
            9 => self
                .longs
                .first()
                .copied()
                .or_else(|| Some(i64::from_le_bytes(content.try_into().ok()?)))
                .map(|long| long as f64),
            _ => None,
        }
    }
}

/// TFRecord's checksum, which is turned so that a checksum of checksums is no weak one.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A record longer than this is no scalar's; images may be large.
const LONGEST: u64 = 1 << 30;

/// Reads the scalars of an event file from `offset` (0, or what the last call returned) to its end, and returns where to
/// go on. A record that is not whole yet is left for the next call.
pub fn read(path: &Path, offset: u64, sink: &mut impl FnMut(Point<'_>)) -> Result<u64> {
    read_prefixed(path, offset, "", sink)
}

fn read_prefixed(path: &Path, mut offset: u64, prefix: &str, sink: &mut impl FnMut(Point<'_>)) -> Result<u64> {
    let file = File::open(path).at(path)?;
    let end = file.metadata().at(path)?.len();
    let mut file = io::BufReader::with_capacity(1 << 16, file);
    file.seek(SeekFrom::Start(offset)).at(path)?;
    let corrupt = |offset, what| Error::Corrupt { path: path.to_owned(), offset, what };
    let mut bytes = Vec::new();
    while end.saturating_sub(offset) >= 12 {
        let mut head = [0; 12];
        file.read_exact(&mut head).at(path)?;
        let (length, check) = head.split_at(8);
        if masked(length).to_le_bytes() != check {
            return Err(corrupt(offset, "a record's length does not match its checksum"));
        }
        let length = length.try_into().map_or(u64::MAX, u64::from_le_bytes);
        if length > LONGEST {
            return Err(corrupt(offset, "a record is longer than any of TensorBoard's"));
        }
        let next = offset + 12 + length + 4;
        if next > end {
            break;
        }
        bytes.clear();
        (&mut file).take(length + 4).read_to_end(&mut bytes).at(path)?;
        let Some((event, check)) = bytes.split_last_chunk::<4>() else { break };
        if masked(event).to_le_bytes() != *check {
            return Err(corrupt(offset, "a record does not match its checksum"));
        }
        let event = Event::decode(event).map_err(|_| corrupt(offset, "a record is no event"))?;
        hand_on(&event, prefix, sink);
        offset = next;
    }
    Ok(offset)
}

fn hand_on(event: &Event, prefix: &str, sink: &mut impl FnMut(Point<'_>)) {
    let Some(summary) = &event.summary else { return };
    for value in &summary.value {
        // Lightning and Hugging Face log the epoch itself: a place, not a metric.
        if value.tag.rsplit('/').next() == Some("epoch") {
            continue;
        }
        let scalar = value.simple_value.map(f64::from).or_else(|| value.tensor.as_ref()?.scalar());
        let Some(scalar) = scalar else { continue };
        let (name, time_ms) = (format!("{prefix}{}", value.tag), milliseconds(event.wall_time));
        let step = u64::try_from(event.step).ok();
        sink(Point { metric: &name, rank: None, step, epoch: None, time_ms, value: scalar });
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time that no i64 holds becomes the nearest that it does")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

/// How deep event files are looked for: the output folder, its runs, and their train and validation folders.
const DEEPEST: usize = 4;

/// The event files in a folder, read as they grow. A file in a subfolder has the subfolder's name before its metrics, as
/// in `validation/epoch_loss`.
#[derive(Debug)]
pub struct EventFolder {
    dir: PathBuf,
    offsets: BTreeMap<PathBuf, u64>,
}

impl EventFolder {
    /// Watches `dir`, which need not exist yet.
    pub fn new(dir: &Path) -> EventFolder {
        EventFolder { dir: dir.to_owned(), offsets: BTreeMap::new() }
    }

    /// Reads everything again at the next [`EventFolder::read`].
    pub fn rewind(&mut self) {
        self.offsets.clear();
    }

    /// Reads what was written since. A damaged file is reported once, after the others were read, and then left alone.
    pub fn read(&mut self, sink: &mut impl FnMut(Point<'_>)) -> Result<()> {
        let mut files = Vec::new();
        find(&self.dir, 0, &mut files)?;
        files.sort();
        let mut first_error = None;
        for path in files {
            let offset = self.offsets.get(&path).copied().unwrap_or(0);
            let inner = path.parent().and_then(|parent| parent.strip_prefix(&self.dir).ok());
            let mut prefix = String::new();
            for part in inner.into_iter().flat_map(Path::components) {
                prefix.push_str(&part.as_os_str().to_string_lossy());
                prefix.push('/');
            }
            // A file that is gone or was damaged is not asked for again.
            let reached = if offset == u64::MAX { Ok(offset) } else { read_prefixed(&path, offset, &prefix, sink) };
            let next = reached.unwrap_or_else(|error| {
                first_error.get_or_insert(error);
                u64::MAX
            });
            self.offsets.insert(path, next);
        }
        first_error.map_or(Ok(()), Err)
    }
}

fn find(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).at(dir),
    };
    for entry in entries {
        let entry = entry.at(dir)?;
        // Links are not followed: they may lead out of the folder, or round in a circle.
        let kind = entry.file_type().at(dir)?;
        if kind.is_dir() && depth < DEEPEST {
            find(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && entry.file_name().to_string_lossy().contains(".tfevents.") {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Writes an event file.
pub(crate) struct EventWriter<W> {
    out: W,
}

impl<W: Write> EventWriter<W> {
    pub(crate) fn new(out: W, start_ms: i64) -> io::Result<EventWriter<W>> {
        let mut writer = EventWriter { out };
        let wall_time = start_ms as f64 / 1_000.0;
        writer.record(&Event { wall_time, step: 0, file_version: Some("brain.Event:2".into()), summary: None })?;
        Ok(writer)
    }

    pub(crate) fn write(&mut self, point: &Point<'_>) -> io::Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "TensorBoard's own precision")]
        let value = Scalar { tag: point.metric.to_owned(), simple_value: Some(point.value as f32), tensor: None };
        self.record(&Event {
            wall_time: point.time_ms as f64 / 1_000.0,
            step: i64::try_from(point.step.unwrap_or(0)).unwrap_or(i64::MAX),
            file_version: None,
            summary: Some(Summary { value: vec![value] }),
        })
    }

    fn record(&mut self, event: &Event) -> io::Result<()> {
        let bytes = event.encode_to_vec();
        let length = (bytes.len() as u64).to_le_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&masked(&length).to_le_bytes())?;
        self.out.write_all(&bytes)?;
        self.out.write_all(&masked(&bytes).to_le_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
