//! The two files of a store, and what makes them safe to read while they are written and after a crash.
//!
//! `series.chunks` only grows: names of metrics, and chunks that are full. `series.tail` holds the points that are in no
//! chunk yet; it only grows, too, until a new one with what is still needed is renamed over it. A record that is not
//! whole, by its length or its checksum, is not there. Points are numbered per metric, so a point that stands in both
//! files (written to the tail, then sealed) is taken once.

use std::fs::File;
use std::io;

use super::bits::{Broken, Fields};
use super::chunk::{Columns, Head};

pub(super) const CHUNKS: &str = "series.chunks";
pub(super) const TAIL: &str = "series.tail";
pub(super) const LOCK: &str = "series.lock";

const CHUNKS_MAGIC: &[u8; 8] = b"CURFSER1";
const TAIL_MAGIC: &[u8; 8] = b"CURFTAL1";
pub(super) const CHUNKS_HEADER: usize = 16;
pub(super) const TAIL_HEADER: usize = 36;
/// Kind, lengths and checksums before a record's head.
pub(super) const RECORD_HEADER: usize = 24;
/// A head longer than this is no head of ours.
const LONGEST_HEAD: usize = 1 << 16;

const NAME: u32 = 1;
const POINTS: u32 = 2;

/// What both files of one store have in common; another number is another store under the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreId(pub(super) u64);

impl StoreId {
    /// A number not used before, from the keys that every process draws for its hash maps.
    pub(super) fn new() -> StoreId {
        use std::hash::{BuildHasher, Hasher};
        StoreId(std::hash::RandomState::new().build_hasher().finish())
    }
}

pub(super) fn chunks_header(id: StoreId) -> [u8; CHUNKS_HEADER] {
    let mut header = [0; CHUNKS_HEADER];
    header[..8].copy_from_slice(CHUNKS_MAGIC);
    header[8..].copy_from_slice(&id.0.to_le_bytes());
    header
}

pub(super) fn read_chunks_header(bytes: &[u8]) -> Option<StoreId> {
    let mut fields = Fields(bytes);
    (fields.bytes(8).ok()? == CHUNKS_MAGIC).then_some(StoreId(fields.u64().ok()?))
}

/// What the tail builds upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TailHeader {
    pub(super) id: StoreId,
    /// Counts the tails of this store.
    pub(super) generation: u64,
    /// How long `series.chunks` was: what stands there is not in this tail.
    pub(super) chunks_len: u64,
}

impl TailHeader {
    pub(super) fn write(self) -> Vec<u8> {
        let mut out = TAIL_MAGIC.to_vec();
        out.extend_from_slice(&self.id.0.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.chunks_len.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Option<TailHeader> {
        let mut fields = Fields(bytes.get(..TAIL_HEADER)?);
        if fields.bytes(8).ok()? != TAIL_MAGIC {
            return None;
        }
        let (id, generation, chunks_len) = (StoreId(fields.u64().ok()?), fields.u64().ok()?, fields.u64().ok()?);
        let crc = fields.u32().ok()?;
        (crc == crc32fast::hash(&bytes[..TAIL_HEADER - 4])).then_some(TailHeader { id, generation, chunks_len })
    }
}

/// A record of `series.chunks`, without its body.
#[derive(Debug)]
pub(super) enum Record {
    Name { id: u32, rank: Option<u32>, name: String },
    Points(Box<Head>),
}

/// The fixed part of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    kind: u32,
    pub(super) head_len: usize,
    pub(super) body_len: u64,
    pub(super) meta_crc: u32,
    pub(super) bits_crc: u32,
    head_crc: u32,
}

impl Frame {
    /// `None` where no record of ours starts.
    pub(super) fn read(bytes: &[u8]) -> Option<Frame> {
        let mut fields = Fields(bytes.get(..RECORD_HEADER)?);
        let (kind, head_len, body_len) =
            (fields.u32().ok()?, fields.u32().ok()? as usize, u64::from(fields.u32().ok()?));
        let (meta_crc, bits_crc, head_crc) = (fields.u32().ok()?, fields.u32().ok()?, fields.u32().ok()?);
        let fits = matches!(kind, NAME | POINTS) && head_len <= LONGEST_HEAD;
        fits.then_some(Frame { kind, head_len, body_len, meta_crc, bits_crc, head_crc })
    }

    /// The record, if its head is whole; `bytes` starts at the frame.
    pub(super) fn record(&self, bytes: &[u8]) -> Option<Record> {
        let head = bytes.get(RECORD_HEADER..RECORD_HEADER + self.head_len)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[..RECORD_HEADER - 4]);
        crc.update(head);
        if crc.finalize() != self.head_crc {
            return None;
        }
        if self.kind == POINTS {
            let head = Head::read(head).ok()?;
            let body_len = u64::from(head.meta_len) + u64::from(head.bits_len);
            return (body_len == self.body_len).then(|| Record::Points(Box::new(head)));
        }
        let mut fields = Fields(head);
        let (id, has_rank, rank) = (fields.u32().ok()?, fields.u8().ok()?, fields.u32().ok()?);
        let name = String::from_utf8_lossy(fields.0).into_owned();
        Some(Record::Name { id, rank: (has_rank == 1).then_some(rank), name })
    }

    pub(super) fn len(&self) -> u64 {
        (RECORD_HEADER + self.head_len) as u64 + self.body_len
    }
}

fn write_record(kind: u32, head: &[u8], meta: &[u8], bits: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&(head.len() as u32).to_le_bytes());
    out.extend_from_slice(&((meta.len() + bits.len()) as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(meta).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(bits).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&out[start..]);
    crc.update(head);
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(meta);
    out.extend_from_slice(bits);
}

pub(super) fn write_name(id: u32, rank: Option<u32>, name: &str, out: &mut Vec<u8>) {
    let mut head = id.to_le_bytes().to_vec();
    head.push(u8::from(rank.is_some()));
    head.extend_from_slice(&rank.unwrap_or(0).to_le_bytes());
    // A name is at most a screen's width long; what is longer is cut at a character.
    let mut end = name.len().min(LONGEST_HEAD / 2);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    head.extend_from_slice(&name.as_bytes()[..end]);
    write_record(NAME, &head, &[], &[], out);
}

pub(super) fn write_chunk(head: &Head, meta: &[u8], bits: &[u8], out: &mut Vec<u8>) {
    let mut bytes = Vec::with_capacity(1024);
    head.write(&mut bytes);
    write_record(POINTS, &bytes, meta, bits, out);
}

/// Some points of one metric in the tail.
#[derive(Debug, Default)]
pub(super) struct TailRecord {
    pub(super) metric: u32,
    /// The number of the first point.
    pub(super) start: u64,
    pub(super) attempt: u32,
    pub(super) columns: Columns,
}

const TAIL_FRAME: usize = 8;

/// Appends the points from `from` on.
pub(super) fn write_tail(metric: u32, start: u64, attempt: u32, columns: &Columns, from: usize, out: &mut Vec<u8>) {
    let frame = out.len();
    out.extend_from_slice(&[0; TAIL_FRAME]);
    out.extend_from_slice(&metric.to_le_bytes());
    out.extend_from_slice(&(start + from as u64).to_le_bytes());
    out.extend_from_slice(&attempt.to_le_bytes());
    for at in from..columns.len() {
        let (step, epoch) = (columns.steps[at], columns.epochs[at]);
        out.push(u8::from(step.is_some()) | u8::from(epoch.is_some()) << 1);
        if let Some(step) = step {
            out.extend_from_slice(&step.to_le_bytes());
        }
        if let Some(epoch) = epoch {
            out.extend_from_slice(&epoch.to_le_bytes());
        }
        out.extend_from_slice(&columns.times[at].to_le_bytes());
        out.extend_from_slice(&columns.values[at].to_le_bytes());
    }
    let body = out.len() - frame - TAIL_FRAME;
    let crc = crc32fast::hash(&out[frame + TAIL_FRAME..]);
    out[frame..frame + 4].copy_from_slice(&(body as u32).to_le_bytes());
    out[frame + 4..frame + TAIL_FRAME].copy_from_slice(&crc.to_le_bytes());
}

/// The record at the start of `bytes` and its length; `None` where it is not (yet) whole.
pub(super) fn read_tail(bytes: &[u8]) -> Option<(TailRecord, usize)> {
    let mut fields = Fields(bytes);
    let (len, crc) = (fields.u32().ok()? as usize, fields.u32().ok()?);
    let body = fields.bytes(len).ok()?;
    if crc32fast::hash(body) != crc {
        return None;
    }
    Some((tail_body(body).ok()?, TAIL_FRAME + len))
}

fn tail_body(body: &[u8]) -> Result<TailRecord, Broken> {
    let mut fields = Fields(body);
    let mut record =
        TailRecord { metric: fields.u32()?, start: fields.u64()?, attempt: fields.u32()?, columns: Columns::default() };
    let columns = &mut record.columns;
    while !fields.0.is_empty() {
        let has = fields.u8()?;
        columns.steps.push(if has & 1 != 0 { Some(fields.u64()?) } else { None });
        columns.epochs.push(if has & 2 != 0 { Some(fields.f64()?) } else { None });
        columns.times.push(fields.i64()?);
        columns.values.push(fields.f64()?);
    }
    Ok(record)
}

/// Reads up to `bytes.len()` bytes from `at`, fewer at the end of the file.
pub(super) fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match read_once(file, at + done as u64, &mut bytes[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn read_once(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, at)
}

#[cfg(windows)]
fn read_once(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, at)
}

/// Writes at a place, so that what a failed write left behind is written over by the next.
pub(super) fn write_at(file: &File, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_once(file, at, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                at += written as u64;
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn write_once(file: &File, at: u64, bytes: &[u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, at)
}

#[cfg(windows)]
fn write_once(file: &File, at: u64, bytes: &[u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, at)
}
