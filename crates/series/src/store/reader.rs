//! The series of one run, read while another process may write them.

use hashbrown::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::bits::BLOCK;
use super::chunk::{Body, Columns};
use super::files::{self, CHUNKS, CHUNKS_HEADER, Frame, RECORD_HEADER, Record, StoreId, TAIL, TAIL_HEADER, TailHeader};
use super::series::{ChunkRef, Series};
use super::{Bucket, Metric, MetricId, Spot, View, Window, ruler, spots, view};
use crate::error::At;
use crate::{Error, Result};

/// One point as kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The step over the whole run.
    pub step: Option<u64>,
    /// The epoch.
    pub epoch: Option<f64>,
    /// When it arrived, in milliseconds since 1970 (UTC).
    pub time_ms: i64,
    /// The value, NaN and infinities included.
    pub value: f64,
    /// How often the run had gone back to an earlier step before this point.
    pub attempt: u32,
    /// A later attempt has been here again.
    pub overridden: bool,
}

/// How much of the chunks' content a reader keeps at hand, in bytes.
const CACHE: usize = 16 << 20;
/// How much is read at once when looking through a file.
const GULP: usize = 1 << 20;

/// Reads the series of one run, also while another process writes them.
pub struct Reader {
    dir: PathBuf,
    pub(super) id: Option<StoreId>,
    chunks: Option<File>,
    /// How far `series.chunks` was read: the end of the last whole record.
    pub(super) chunks_read: u64,
    pub(super) generation: Option<u64>,
    pub(super) tail_read: u64,
    /// The tail goes on where the chunks end.
    pub(super) tail_fits: bool,
    pub(super) series: Vec<Series>,
    names: HashMap<(String, Option<u32>), u32>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    bytes: usize,
    bodies: HashMap<u64, Arc<Body>>,
    bits: HashMap<u64, Arc<[u8]>>,
}

impl Reader {
    /// Opens the series in `dir`; a folder in which nothing was written yet has no metrics.
    pub fn open(dir: &Path) -> Result<Reader> {
        let mut reader = Reader {
            dir: dir.to_owned(),
            id: None,
            chunks: None,
            chunks_read: 0,
            generation: None,
            tail_read: 0,
            tail_fits: false,
            series: Vec::new(),
            names: HashMap::new(),
            cache: Mutex::default(),
        };
        reader.refresh()?;
        Ok(reader)
    }

    fn chunks_path(&self) -> PathBuf {
        self.dir.join(CHUNKS)
    }

    /// Reads what was written since. Says whether there was anything.
    ///
    /// Where the series were replaced by others (the log was read again with other definitions), everything is read
    /// anew and metrics may have other ids.
    pub fn refresh(&mut self) -> Result<bool> {
        let mut changed = false;
        // The writer may seal points between our look at one file and the other. Each round sees a later state; three
        // are enough, since sealing takes far longer than looking.
        for _ in 0..3 {
            let new;
            (new, self.tail_fits) = self.look()?;
            changed |= new;
            if self.tail_fits {
                break;
            }
        }
        Ok(changed)
    }

    /// One look at both files: whether anything was new, and whether they fit together.
    fn look(&mut self) -> Result<(bool, bool)> {
        let path = self.dir.join(TAIL);
        let tail = match File::open(&path) {
            Ok(tail) => Some(tail),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(Error::Io { path, source }),
        };
        let mut start = [0; TAIL_HEADER];
        let header = match &tail {
            Some(tail) => {
                let read = files::read_at(tail, 0, &mut start).at(&path)?;
                TailHeader::read(&start[..read])
            }
            None => None,
        };
        let replaced = header.is_some_and(|header| self.id.is_some_and(|id| id != header.id));
        let mut changed = self.read_chunks(replaced)?;
        let (Some(tail), Some(header)) = (tail, header) else { return Ok((changed, self.generation.is_none())) };
        if self.id != Some(header.id) {
            // Between two renames; the tail of the store that was there before says nothing.
            return Ok((changed, false));
        }
        let complete = self.chunks_read >= header.chunks_len;
        if self.generation != Some(header.generation) {
            self.generation = Some(header.generation);
            self.tail_read = TAIL_HEADER as u64;
            for series in &mut self.series {
                series.tail.clear();
            }
        }
        let (new, whole) = self.read_tail(&tail, &path)?;
        changed |= new;
        Ok((changed, complete && whole))
    }

    fn read_chunks(&mut self, replaced: bool) -> Result<bool> {
        let path = self.chunks_path();
        if self.chunks.is_none() || replaced {
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                Err(source) => return Err(Error::Io { path, source }),
            };
            let mut header = [0; CHUNKS_HEADER];
            let read = files::read_at(&file, 0, &mut header).at(&path)?;
            if read < CHUNKS_HEADER {
                return Ok(false);
            }
            let Some(id) = files::read_chunks_header(&header) else {
                return Err(Error::Corrupt { path, offset: 0, what: "this is no file of series" });
            };
            if self.id != Some(id) {
                self.series.clear();
                self.names.clear();
                *self.cache.get_mut().unwrap_or_else(PoisonError::into_inner) = Cache::default();
                (self.id, self.chunks, self.chunks_read, self.generation) =
                    (Some(id), Some(file), CHUNKS_HEADER as u64, None);
            }
        }
        let Some(file) = self.chunks.take() else { return Ok(false) };
        let before = self.chunks_read;
        let result = self.read_records(&file).at(&path);
        self.chunks = Some(file);
        result?;
        Ok(self.chunks_read > before)
    }

    /// Reads the heads of whole records, from where it left off.
    fn read_records(&mut self, file: &File) -> io::Result<()> {
        let end = file.metadata()?.len();
        if end < self.chunks_read {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "it is shorter than it was"));
        }
        let mut buffer = Vec::new();
        let mut buffer_at = self.chunks_read;
        loop {
            let at = self.chunks_read;
            // Bodies are passed over; heads are read many at a time where chunks are small.
            let mut have = buffer.get((at - buffer_at) as usize..).unwrap_or_default();
            let need = Frame::read(have).map_or(RECORD_HEADER, |frame| RECORD_HEADER + frame.head_len);
            if have.len() < need {
                let wanted = if buffer.is_empty() || have.is_empty() && buffer.len() < GULP { 4096 } else { GULP };
                buffer.resize(wanted.min((end - at) as usize), 0);
                let read = files::read_at(file, at, &mut buffer)?;
                buffer.truncate(read);
                buffer_at = at;
                have = &buffer;
                let Some(frame) = Frame::read(have) else { return Ok(()) };
                if have.len() < RECORD_HEADER + frame.head_len {
                    buffer.resize(RECORD_HEADER + frame.head_len, 0);
                    let read = files::read_at(file, at, &mut buffer)?;
                    buffer.truncate(read);
                    have = &buffer;
                }
            }
            let Some(frame) = Frame::read(have) else { return Ok(()) };
            let Some(record) = frame.record(have) else { return Ok(()) };
            if at + frame.len() > end {
                return Ok(());
            }
            match record {
                Record::Name { id, rank, name } => {
                    if id as usize != self.series.len() {
                        return Ok(());
                    }
                    self.names.insert((name.clone(), rank), id);
                    self.series.push(Series::new(name, rank));
                }
                Record::Points(head) => {
                    let offset = at + (RECORD_HEADER + frame.head_len) as u64;
                    let chunk = ChunkRef {
                        head: *head,
                        record: at,
                        offset,
                        meta_crc: frame.meta_crc,
                        bits_crc: frame.bits_crc,
                    };
                    let Some(series) = self.series.get_mut(chunk.head.metric as usize) else { return Ok(()) };
                    if chunk.head.start != series.sealed() {
                        return Ok(());
                    }
                    series.push_chunk(chunk);
                }
            }
            self.chunks_read = at + frame.len();
        }
    }

    /// Reads the tail's new records: whether there were any, and whether all of them could be placed.
    fn read_tail(&mut self, file: &File, path: &Path) -> Result<(bool, bool)> {
        let end = file.metadata().at(path)?.len();
        let mut bytes = Vec::new();
        let mut piece = GULP;
        let mut changed = false;
        while self.tail_read < end {
            bytes.resize(piece.min((end - self.tail_read) as usize), 0);
            let read = files::read_at(file, self.tail_read, &mut bytes).at(path)?;
            let mut rest = &bytes[..read];
            while let Some((record, len)) = files::read_tail(rest) {
                let Some(series) = self.series.get_mut(record.metric as usize) else { return Ok((changed, false)) };
                let before = series.len();
                if !series.push_tail(record.start, record.attempt, &record.columns) {
                    return Ok((changed, false));
                }
                changed |= series.len() > before;
                rest = &rest[len..];
                self.tail_read += len as u64;
            }
            if rest.len() < read {
                piece = GULP;
            } else if self.tail_read + read as u64 >= end {
                // What is left is not whole (yet).
                break;
            } else {
                piece *= 2;
            }
        }
        Ok((changed, true))
    }

    /// Lets go of the chunks' content; heads and the tail stay at hand.
    pub(super) fn rest(&mut self) {
        *self.cache.get_mut().unwrap_or_else(PoisonError::into_inner) = Cache::default();
    }

    /// What cannot be read although it was written: a damaged record, beyond which nothing is read. What comes before is
    /// there. `None` where everything is, as after any crash; a record that a crash cut off was not written.
    pub fn damage(&self) -> Option<Error> {
        let missing = self.generation.is_some() && !self.tail_fits;
        missing.then(|| self.corrupt(self.chunks_read, "a record is damaged, and what comes after it is not shown"))
    }

    /// Every metric, sorted by name and rank.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics: Vec<Metric> =
            (0_u32..).zip(&self.series).filter_map(|(id, series)| series.summary(MetricId(id))).collect();
        metrics.sort_by(|a, b| (&a.name, a.rank).cmp(&(&b.name, b.rank)));
        metrics
    }

    /// What is known of one metric.
    pub fn metric(&self, id: MetricId) -> Option<Metric> {
        self.series.get(id.0 as usize)?.summary(id)
    }

    /// The metric of that name and rank.
    pub fn find(&self, name: &str, rank: Option<u32>) -> Option<MetricId> {
        self.names.get(&(name.to_owned(), rank)).copied().map(MetricId)
    }

    /// When the run's first point arrived, in milliseconds since 1970 (UTC): where [`crate::Axis::Relative`] is zero.
    pub fn start_ms(&self) -> Option<i64> {
        self.series.iter().filter_map(Series::first_time).min()
    }

    /// A window on a metric. It costs the same for a thousand points and for ten million.
    pub fn view(&self, id: MetricId, window: &Window) -> Result<View> {
        match self.series.get(id.0 as usize) {
            Some(series) => view::view(self, series, window),
            None => Ok(View::default()),
        }
    }

    /// What lies to the left of a zoomed window, one window's length of it: what is smoothed begins there, so that the curve
    /// does not begin afresh at the window's edge. Nothing where the whole series is shown.
    pub fn run_up(&self, id: MetricId, window: &Window) -> Result<Vec<Bucket>> {
        let Some((from, to)) = window.range else { return Ok(Vec::new()) };
        let begin = match window.log_x {
            false => from - (to - from),
            true if from > 0.0 && to > 0.0 => from * (from / to),
            true => return Ok(Vec::new()),
        };
        let mut buckets = self.view(id, &Window { range: Some((begin, from)), ..*window })?.buckets;
        buckets.retain(|b| b.x < from);
        Ok(buckets)
    }

    /// The step, the epoch and the time of places on the window's axis, from left to right; between two of them lie
    /// at most 511 points. For what a picture says under the pointer.
    pub fn spots(&self, id: MetricId, window: &Window) -> Result<Vec<Spot>> {
        match self.series.get(id.0 as usize) {
            Some(series) => spots::spots(self, series, window),
            None => Ok(Vec::new()),
        }
    }

    /// Every point of a metric, in the order printed; `range` counts points from 0.
    pub fn points(&self, id: MetricId, range: Range<u64>) -> Points<'_> {
        let series = self.series.get(id.0 as usize);
        let end = series.map_or(0, Series::len).min(range.end);
        let limits = series.map_or_else(Vec::new, |series| ruler::step_limits(&series.attempts()));
        Points {
            reader: self,
            series,
            at: range.start,
            end,
            limits,
            block: Columns::default(),
            block_start: 0,
            attempt: 0,
            step: 0,
        }
    }

    pub(super) fn body(&self, chunk: &ChunkRef) -> Result<Arc<Body>> {
        if let Some(body) = self.cache().bodies.get(&chunk.offset) {
            return Ok(body.clone());
        }
        let meta = self.read_checked(chunk.offset, chunk.head.meta_len as usize, chunk.meta_crc)?;
        let len = meta.len();
        let body = Body::read(&chunk.head, meta).map_err(|what| self.corrupt(chunk.offset, what))?;
        let body = Arc::new(body);
        let mut cache = self.cache();
        cache.make_room(2 * len);
        cache.bodies.insert(chunk.offset, body.clone());
        Ok(body)
    }

    pub(super) fn bits(&self, chunk: &ChunkRef) -> Result<Arc<[u8]>> {
        if let Some(bits) = self.cache().bits.get(&chunk.offset) {
            return Ok(bits.clone());
        }
        let offset = chunk.offset + u64::from(chunk.head.meta_len);
        let bits: Arc<[u8]> = self.read_checked(offset, chunk.head.bits_len as usize, chunk.bits_crc)?.into();
        let mut cache = self.cache();
        cache.make_room(bits.len());
        cache.bits.insert(chunk.offset, bits.clone());
        Ok(bits)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn corrupt(&self, offset: u64, what: &'static str) -> Error {
        Error::Corrupt { path: self.chunks_path(), offset, what }
    }

    fn read_checked(&self, offset: u64, len: usize, crc: u32) -> Result<Vec<u8>> {
        let Some(file) = &self.chunks else { return Err(self.corrupt(offset, "the file is not open")) };
        let mut bytes = vec![0; len];
        let read = files::read_at(file, offset, &mut bytes).at(&self.chunks_path())?;
        if read < len {
            return Err(self.corrupt(offset, "a chunk ends too early"));
        }
        if crc32fast::hash(&bytes) != crc {
            return Err(self.corrupt(offset, "a chunk does not match its checksum"));
        }
        Ok(bytes)
    }

    /// Whether the last chunks' bodies are what was written; returns where the first damaged record starts.
    pub(super) fn first_torn(&self, from: u64) -> Option<u64> {
        let torn = |chunk: &&ChunkRef| {
            let meta = self.read_checked(chunk.offset, chunk.head.meta_len as usize, chunk.meta_crc);
            let offset = chunk.offset + u64::from(chunk.head.meta_len);
            meta.is_err() || self.read_checked(offset, chunk.head.bits_len as usize, chunk.bits_crc).is_err()
        };
        let late =
            self.series.iter().flat_map(|series| series.chunks.iter().rev().take_while(|chunk| chunk.offset >= from));
        late.filter(torn).map(|chunk| chunk.record).min()
    }
}

impl Cache {
    fn make_room(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes > CACHE {
            // A zoom or a pan needs what is near; starting over is as good as any order and needs no list.
            *self = Cache { bytes, ..Cache::default() };
        }
    }
}

/// The points of a metric, read chunk by chunk. See [`Reader::points`].
pub struct Points<'a> {
    reader: &'a Reader,
    series: Option<&'a Series>,
    at: u64,
    end: u64,
    /// From which step on each attempt is overridden.
    limits: Vec<u64>,
    block: Columns,
    block_start: u64,
    attempt: u32,
    step: u64,
}

impl Points<'_> {
    fn load(&mut self, series: &Series) -> Result<()> {
        self.block.clear();
        let sealed = series.sealed();
        if self.at >= sealed {
            self.block_start = sealed;
            self.attempt = series.tail_attempt;
            self.step = series.tail_place().step;
            self.block.extend(&series.tail, 0);
            return Ok(());
        }
        let nth = series.chunks.partition_point(|chunk| chunk.head.start + u64::from(chunk.head.count) <= self.at);
        let chunk = &series.chunks[nth];
        let (body, bits) = (self.reader.body(chunk)?, self.reader.bits(chunk)?);
        for block in 0..body.blocks() {
            body.points(&bits, block, &mut self.block);
        }
        debug_assert_eq!(body.blocks(), (chunk.head.count as usize).div_ceil(BLOCK));
        (self.block_start, self.attempt, self.step) =
            (chunk.head.start, chunk.head.attempt, chunk.head.place_first.step);
        Ok(())
    }
}

impl Iterator for Points<'_> {
    type Item = Result<Stored>;

    fn next(&mut self) -> Option<Self::Item> {
        let series = self.series?;
        if self.at >= self.end {
            return None;
        }
        let loaded = self.block_start..self.block_start + self.block.len() as u64;
        if !loaded.contains(&self.at)
            && let Err(error) = self.load(series)
        {
            // A damaged chunk is reported once, and the rest of the series still read.
            let end = |chunk: &ChunkRef| chunk.head.start + u64::from(chunk.head.count);
            let nth = series.chunks.partition_point(|chunk| end(chunk) <= self.at);
            self.at = series.chunks.get(nth).map_or(self.end, end);
            return Some(Err(error));
        }
        let nth = (self.at - self.block_start) as usize;
        self.at += 1;
        let block = &self.block;
        self.step = block.steps[nth].map_or(self.step, |step| step.max(self.step));
        let limit = self.limits.get(self.attempt as usize).copied().unwrap_or(u64::MAX);
        Some(Ok(Stored {
            step: block.steps[nth],
            epoch: block.epochs[nth],
            time_ms: block.times[nth],
            value: block.values[nth],
            attempt: self.attempt,
            overridden: series.has_steps && self.step >= limit,
        }))
    }
}
