//! The one writer of a run's series.

use hashbrown::HashMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::chunk::{CHUNK, Columns, Place, seal};
use super::files::{self, CHUNKS, CHUNKS_HEADER, LOCK, StoreId, TAIL, TAIL_HEADER, TailHeader};
use super::reader::Reader;
use crate::error::At;
use crate::{Error, Point, Result};

/// How many points of all metrics together may wait for a full chunk: 32 MB of memory.
const MOST_WAITING: usize = 1 << 20;
/// With that many waiting, chunks of at least so many points are made.
const LEAST_CHUNK: usize = 128;
/// A tail shorter than this, in bytes, is not written anew.
const SHORT_TAIL: u64 = 4 << 20;
/// With more than so many bytes a waiting point, a tail is written anew: some twice what it then takes.
const TAIL_EACH: u64 = 80;
/// Sealed chunks are handed to the system when so many bytes of them wait.
const GULP: usize = 1 << 20;
/// While the disk is full so many bytes of them wait, some thirty million points; after that, points are refused.
const MOST_PENDING: usize = 64 << 20;
/// How much at the end of `series.chunks` is checked word by word after a crash.
const CHECKED: u64 = 16 << 20;
/// A metric that went back so often, with fewer than [`SHORT_ATTEMPT`] points each time, counts something else.
const MANY_ATTEMPTS: u32 = 64;
const SHORT_ATTEMPT: u64 = 32;

/// Writes the series of one run. There is one writer at a time.
pub struct Writer {
    dir: PathBuf,
    chunks_path: PathBuf,
    tail_path: PathBuf,
    id: StoreId,
    generation: u64,
    chunks: File,
    chunks_len: u64,
    tail: File,
    tail_len: u64,
    lock: File,
    ids: HashMap<String, Vec<(Option<u32>, u32)>>,
    metrics: Vec<Waiting>,
    /// The metric of the last point.
    last: u32,
    waiting: usize,
    /// Metrics with points that are not in the tail yet.
    dirty: Vec<u32>,
    /// Bytes for the end of `series.chunks`.
    pending: Vec<u8>,
    /// What was appended since the last flush and is only in memory.
    unflushed: bool,
}

/// A metric's points that are in no chunk yet.
struct Waiting {
    name: String,
    rank: Option<u32>,
    /// The metric of which a point came after this one's last.
    next: u32,
    columns: Columns,
    /// The number of the first of them.
    start: u64,
    attempt: u32,
    /// Where the series stood before the first of them.
    place: Place,
    last_step: Option<u64>,
    last_epoch: Option<f64>,
    in_tail: usize,
    dirty: bool,
}

impl Writer {
    /// Opens or creates the series in `dir` and drops what a crash left half written.
    pub fn open(dir: &Path) -> Result<Writer> {
        fs::create_dir_all(dir).at(dir)?;
        let lock_path = dir.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).at(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(Error::Locked { path: lock_path }),
            Err(fs::TryLockError::Error(source)) => return Err(Error::Io { path: lock_path, source }),
        }
        Writer::open_locked(dir, lock)
    }

    fn open_locked(dir: &Path, lock: File) -> Result<Writer> {
        let (chunks_path, tail_path) = (dir.join(CHUNKS), dir.join(TAIL));
        let chunks = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&chunks_path)
            .at(&chunks_path)?;
        let len = chunks.metadata().at(&chunks_path)?.len();
        if len < CHUNKS_HEADER as u64 {
            // New, or the crash came with the first bytes: there is no point in it.
            chunks.set_len(0).at(&chunks_path)?;
            files::write_at(&chunks, 0, &files::chunks_header(StoreId::new())).at(&chunks_path)?;
        }
        let mut reader = Reader::open(dir)?;
        if let Some(torn) = reader.first_torn(len.saturating_sub(CHECKED)) {
            // Lengths fit and content does not: the power went before the disk had it all.
            chunks.set_len(torn).at(&chunks_path)?;
            reader = Reader::open(dir)?;
        }
        let Some(id) = reader.id else {
            return Err(Error::Corrupt { path: chunks_path, offset: 0, what: "this is no file of series" });
        };
        if reader.damage().is_some() {
            // More than a crash cuts off. What goes on here goes on after the last record that can be read; the rest is
            // kept aside, for whoever can make something of it.
            for path in [&chunks_path, &tail_path] {
                let mut aside = path.clone().into_os_string();
                aside.push(".damaged");
                fs::copy(path, &aside).at(path)?;
            }
        }
        chunks.set_len(reader.chunks_read).at(&chunks_path)?;
        // Replaced below; opened here so that the field always holds a file.
        let tail = chunks.try_clone().at(&chunks_path)?;
        let mut writer = Writer {
            dir: dir.to_owned(),
            chunks_path,
            tail_path,
            id,
            generation: reader.generation.unwrap_or(0),
            chunks,
            chunks_len: reader.chunks_read,
            tail,
            tail_len: 0,
            lock,
            ids: HashMap::new(),
            metrics: Vec::new(),
            last: 0,
            waiting: 0,
            dirty: Vec::new(),
            pending: Vec::new(),
            unflushed: false,
        };
        for (id, series) in (0_u32..).zip(std::mem::take(&mut reader.series)) {
            writer.ids.entry_ref(series.name.as_str()).or_default().push((series.rank, id));
            let attempt = series.last_attempt();
            let place = if series.tail.len() > 0 {
                series.tail_place()
            } else {
                series.chunks.last().map_or(Place::START, |chunk| chunk.head.place_last)
            };
            let last = series.chunks.last().map(|chunk| &chunk.head);
            let waiting = Waiting {
                name: series.name.clone(),
                rank: series.rank,
                next: id,
                start: series.sealed(),
                attempt,
                place,
                last_step: latest(&series.tail.steps)
                    .or_else(|| last.filter(|_| series.has_steps).map(|head| head.place_last.step)),
                last_epoch: latest(&series.tail.epochs)
                    .or_else(|| last.filter(|_| series.has_epochs).map(|head| head.place_last.epoch)),
                in_tail: 0,
                dirty: false,
                columns: series.tail,
            };
            writer.waiting += waiting.columns.len();
            writer.metrics.push(waiting);
        }
        if reader.tail_fits && reader.generation.is_some() {
            writer.go_on(reader.tail_read)?;
        } else {
            writer.renew_tail()?;
        }
        Ok(writer)
    }

    /// Goes on with the tail that is there, of which `len` bytes are whole.
    fn go_on(&mut self, len: u64) -> Result<()> {
        let path = &self.tail_path;
        let tail = OpenOptions::new().read(true).write(true).open(path).at(path)?;
        tail.set_len(len).at(path)?;
        (self.tail, self.tail_len) = (tail, len);
        for metric in &mut self.metrics {
            metric.in_tail = metric.columns.len();
        }
        Ok(())
    }

    /// Takes one point. It is on disk after the next [`Writer::flush`], or earlier.
    ///
    /// Fails only where a disk has been full for so long that more than 64 MB of chunks wait for it.
    pub fn append(&mut self, point: &Point<'_>) -> Result<()> {
        let id = self.id_of(point.metric, point.rank);
        let metric = &mut self.metrics[id as usize];
        let epoch = point.epoch.filter(|epoch| epoch.is_finite());
        let back = match (point.step, metric.last_step) {
            (Some(now), Some(before)) => now < before,
            (None, None) => matches!((epoch, metric.last_epoch), (Some(now), Some(before)) if now < before),
            _ => false,
        };
        if back {
            let points = metric.start + metric.columns.len() as u64;
            if metric.attempt < MANY_ATTEMPTS || points / u64::from(metric.attempt) >= SHORT_ATTEMPT {
                self.seal(id);
                let metric = &mut self.metrics[id as usize];
                metric.attempt += 1;
                metric.place = metric.place.again();
            }
        }
        let metric = &mut self.metrics[id as usize];
        metric.last_step = point.step.or(metric.last_step);
        metric.last_epoch = epoch.or(metric.last_epoch);
        metric.columns.steps.push(point.step);
        metric.columns.epochs.push(epoch);
        metric.columns.times.push(point.time_ms);
        metric.columns.values.push(point.value);
        if !metric.dirty {
            metric.dirty = true;
            self.dirty.push(id);
        }
        let len = metric.columns.len();
        self.waiting += 1;
        self.unflushed = true;
        if len >= CHUNK || (self.waiting > MOST_WAITING && len >= LEAST_CHUNK) {
            self.seal(id);
            if self.pending.len() > GULP
                && let Err(error) = self.write_pending()
                && self.pending.len() > MOST_PENDING
            {
                return Err(error);
            }
        }
        Ok(())
    }

    fn id_of(&mut self, name: &str, rank: Option<u32>) -> u32 {
        // Lines repeat their metrics in order, so the one that came after the last one comes again.
        let next = self.metrics.get(self.last as usize).map_or(0, |metric| metric.next);
        if let Some(metric) = self.metrics.get(next as usize)
            && metric.rank == rank
            && metric.name == name
        {
            self.last = next;
            return next;
        }
        let id = self.look_up(name, rank);
        if let Some(metric) = self.metrics.get_mut(self.last as usize) {
            metric.next = id;
        }
        self.last = id;
        id
    }

    fn look_up(&mut self, name: &str, rank: Option<u32>) -> u32 {
        if let Some(ids) = self.ids.get(name)
            && let Some((_, id)) = ids.iter().find(|(known, _)| *known == rank)
        {
            return *id;
        }
        let id = self.metrics.len() as u32;
        self.ids.entry_ref(name).or_default().push((rank, id));
        files::write_name(id, rank, name, &mut self.pending);
        self.metrics.push(Waiting {
            name: name.to_owned(),
            rank,
            next: id,
            columns: Columns::default(),
            start: 0,
            attempt: 0,
            place: Place::START,
            last_step: None,
            last_epoch: None,
            in_tail: 0,
            dirty: false,
        });
        id
    }

    /// Makes a chunk of what waits.
    fn seal(&mut self, id: u32) {
        let metric = &mut self.metrics[id as usize];
        let len = metric.columns.len();
        if len == 0 {
            return;
        }
        let (head, meta, bits) = seal(id, metric.attempt, metric.start, metric.place, &metric.columns);
        files::write_chunk(&head, &meta, &bits, &mut self.pending);
        metric.place = head.place_last;
        metric.start += len as u64;
        metric.columns.clear();
        metric.in_tail = 0;
        self.waiting -= len;
    }

    /// Hands what was appended to the system, so that it outlives this process and others can read it.
    ///
    /// After an error (a full disk), nothing is lost but time: the next call writes the same bytes again.
    pub fn flush(&mut self) -> Result<()> {
        self.write_pending()?;
        if !self.unflushed {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for id in &self.dirty {
            let metric = &self.metrics[*id as usize];
            if metric.columns.len() > metric.in_tail {
                files::write_tail(*id, metric.start, metric.attempt, &metric.columns, metric.in_tail, &mut bytes);
            }
        }
        files::write_at(&self.tail, self.tail_len, &bytes).at(&self.tail_path)?;
        self.tail_len += bytes.len() as u64;
        for id in self.dirty.drain(..) {
            let metric = &mut self.metrics[id as usize];
            metric.in_tail = metric.columns.len();
            metric.dirty = false;
        }
        self.unflushed = false;
        if self.tail_len > SHORT_TAIL.max(TAIL_EACH * self.waiting as u64) {
            self.renew_tail()?;
        }
        Ok(())
    }

    /// As [`Writer::flush`], and waits until the disk has it.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.chunks.sync_data().at(&self.chunks_path)?;
        self.tail.sync_data().at(&self.tail_path)
    }

    fn write_pending(&mut self) -> Result<()> {
        files::write_at(&self.chunks, self.chunks_len, &self.pending).at(&self.chunks_path)?;
        self.chunks_len += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Writes a tail with what is in no chunk, and puts it in the old one's place.
    fn renew_tail(&mut self) -> Result<()> {
        self.write_pending()?;
        let old = self.chunks_len > CHUNKS_HEADER as u64;
        if old {
            // The new tail leaves out what the chunks hold, so the disk must have those first.
            self.chunks.sync_data().at(&self.chunks_path)?;
        }
        let header = TailHeader { id: self.id, generation: self.generation + 1, chunks_len: self.chunks_len };
        let mut bytes = header.write();
        debug_assert_eq!(bytes.len(), TAIL_HEADER);
        for (id, metric) in (0_u32..).zip(&self.metrics) {
            if metric.columns.len() > 0 {
                files::write_tail(id, metric.start, metric.attempt, &metric.columns, 0, &mut bytes);
            }
        }
        let new = self.dir.join("series.tail.new");
        let tail = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&new).at(&new)?;
        files::write_at(&tail, 0, &bytes).at(&new)?;
        if old {
            tail.sync_data().at(&new)?;
        }
        fs::rename(&new, &self.tail_path).at(&self.tail_path)?;
        (self.tail, self.tail_len, self.generation) = (tail, bytes.len() as u64, header.generation);
        for metric in &mut self.metrics {
            metric.in_tail = metric.columns.len();
        }
        Ok(())
    }

    /// Puts these series, all of them, in the place of `old`'s, whose readers then see them. For a log that was read
    /// again with other definitions, into a folder of its own.
    pub fn replace(mut self, old: Writer) -> Result<Writer> {
        // With every point in a chunk, a crash between the two renames loses nothing: the old tail is then ignored.
        for id in 0..self.metrics.len() as u32 {
            self.seal(id);
        }
        self.flush()?;
        self.renew_tail()?;
        let dir = old.dir.clone();
        let lock = old.lock.try_clone().at(&dir)?;
        // What the old one still holds in memory must not be written over the new one.
        let mut old = old;
        old.pending.clear();
        old.unflushed = false;
        drop(old);
        fs::rename(&self.chunks_path, dir.join(CHUNKS)).at(&self.chunks_path)?;
        fs::rename(&self.tail_path, dir.join(TAIL)).at(&self.tail_path)?;
        let own = self.dir.clone();
        drop(self);
        // Only a lock file is left; a folder that does not go away holds nothing that anybody reads.
        let _ = fs::remove_file(own.join(LOCK));
        let _ = fs::remove_dir(&own);
        Writer::open_locked(&dir, lock)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody is left to be told; what could not be written was not promised.
        let _ = self.flush();
    }
}

fn latest<T: Copy>(column: &[Option<T>]) -> Option<T> {
    column.iter().rev().find_map(|one| *one)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that takes nothing stands for a full disk: what comes meanwhile is there once it takes something again.
    #[test]
    fn a_disk_that_was_full_for_a_while_has_every_point() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let mut count = 0_u32;
        let mut append = |writer: &mut Writer, more: u32| {
            for _ in 0..more {
                let (step, value) = (Some(count.into()), f64::from(count).ln_1p());
                writer.append(&Point { metric: "loss", rank: None, step, epoch: None, time_ms: 0, value }).unwrap();
                count += 1;
            }
        };
        append(&mut writer, 10_000);
        writer.flush().unwrap();
        let full = |path: &Path| File::open(path).unwrap();
        let chunks = std::mem::replace(&mut writer.chunks, full(&writer.chunks_path));
        let tail = std::mem::replace(&mut writer.tail, full(&writer.tail_path));
        // More than a gulp of chunks, so that appending itself meets the full disk.
        for _ in 0..40 {
            append(&mut writer, 10_000);
            assert!(matches!(writer.flush(), Err(Error::Io { .. })));
        }
        assert!(writer.pending.len() > GULP);
        assert_eq!(Reader::open(dir.path()).unwrap().metrics()[0].count, 10_000);
        (writer.chunks, writer.tail) = (chunks, tail);
        append(&mut writer, 1);
        writer.flush().unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let points = reader.points(reader.find("loss", None).unwrap(), 0..u64::MAX);
        let values: Vec<f64> = points.map(|point| point.unwrap().value).collect();
        assert_eq!(values.len(), 410_001);
        assert!((0_u32..).zip(values).all(|(at, value)| value.to_bits() == f64::from(at).ln_1p().to_bits()));
    }
}
