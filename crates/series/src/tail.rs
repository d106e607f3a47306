//! A log file that grows: its new bytes, and when they came.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::At;
use crate::store::Writer;
use crate::{Definitions, Error, Recogniser, Result};

/// Reads a log file from where it left off.
#[derive(Debug)]
pub struct LogTail {
    path: PathBuf,
    file: Option<File>,
    offset: u64,
}

impl LogTail {
    /// Reads `path` from `offset` on; the file need not exist yet.
    pub fn new(path: &Path, offset: u64) -> LogTail {
        LogTail { path: path.to_owned(), file: None, offset }
    }

    /// Fills `bytes` with what was written since; 0 where nothing was.
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => match File::open(&self.path) {
                Ok(mut file) => {
                    file.seek(SeekFrom::Start(self.offset)).at(&self.path)?;
                    none.insert(file)
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error).at(&self.path),
            },
        };
        loop {
            match file.read(bytes) {
                Ok(read) => {
                    self.offset += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).at(&self.path),
            }
        }
    }

    /// How far it has read, in bytes from the start of the log.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// Notes when which part of a log arrived, so that a log read again keeps its times. Some bytes a note; a note cut off by
/// a crash is not there.
#[derive(Debug)]
pub struct Arrivals {
    path: PathBuf,
    file: File,
    /// How long the whole notes are: what a full disk took of the next one is written over.
    bytes: u64,
    offset: u64,
    time_ms: i64,
}

impl Arrivals {
    /// Opens or creates the notes, and goes on after the last whole one.
    pub fn open(path: &Path) -> Result<Arrivals> {
        let notes = read_arrivals(path)?;
        let (offset, time_ms) = notes.notes.last().copied().unwrap_or((0, 0));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).at(path)?;
        file.set_len(notes.bytes).at(path)?;
        Ok(Arrivals { path: path.to_owned(), file, bytes: notes.bytes, offset, time_ms })
    }

    /// Notes that the log up to `offset` had arrived at `time_ms` (milliseconds since 1970, UTC). After an error, the next
    /// note stands for this one too.
    pub fn note(&mut self, offset: u64, time_ms: i64) -> Result<()> {
        if offset <= self.offset {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(20);
        write_number(offset - self.offset, &mut bytes);
        let later = time_ms.wrapping_sub(self.time_ms);
        // Small steps back, of a clock that was set, stay short too.
        write_number((later.cast_unsigned() << 1) ^ (later >> 63).cast_unsigned(), &mut bytes);
        self.file.seek(SeekFrom::Start(self.bytes)).at(&self.path)?;
        if let Err(error) = self.file.write_all(&bytes) {
            // Half a note before a crash would be read as another one; where even this fails, it is written over.
            let _ = self.file.set_len(self.bytes);
            return Err(error).at(&self.path);
        }
        self.bytes += bytes.len() as u64;
        (self.offset, self.time_ms) = (offset, time_ms);
        Ok(())
    }
}

struct Notes {
    /// The log's length and the time, in order.
    notes: Vec<(u64, i64)>,
    /// How long the whole notes are.
    bytes: u64,
}

fn read_arrivals(path: &Path) -> Result<Notes> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).at(path),
    };
    let mut notes = Notes { notes: Vec::new(), bytes: 0 };
    let (mut rest, mut offset, mut time) = (&bytes[..], 0_u64, 0_i64);
    while let (Some(longer), Some(later)) = (read_number(&mut rest), read_number(&mut rest)) {
        offset = offset.saturating_add(longer);
        time = time.wrapping_add((later >> 1).cast_signed() ^ -(later & 1).cast_signed());
        notes.notes.push((offset, time));
        notes.bytes = (bytes.len() - rest.len()) as u64;
    }
    Ok(notes)
}

fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Reads a log again from `from` on, with other definitions, into `writer` (of a folder of its own; see [`Writer::replace`]).
///
/// Times are those noted in `arrivals`; what is not noted arrived at `otherwise_ms`. Returns the recogniser, which can
/// go on where the log ended, and how far that was. Fails on a log of which a part was given back to the disk: what was
/// printed there stands in the old series only.
pub fn read_again(
    log: &Path,
    from: u64,
    arrivals: &Path,
    otherwise_ms: i64,
    definitions: Option<&Definitions>,
    writer: &mut Writer,
) -> Result<(Recogniser, u64)> {
    let notes = read_arrivals(arrivals)?.notes;
    let mut recogniser = Recogniser::new(definitions)?;
    let mut tail = LogTail::new(log, from);
    let mut bytes = vec![0; 1 << 18];
    let mut next = 0;
    let mut failed = None;
    loop {
        let start = tail.offset();
        let read = tail.read(&mut bytes)?;
        if read == 0 {
            break;
        }
        if read == bytes.len() && bytes.iter().all(|byte| *byte == 0) {
            let what = "a part of this log was given back to the disk, and its values would be lost";
            return Err(Error::Corrupt { path: log.to_owned(), offset: start, what });
        }
        let mut rest = &bytes[..read];
        let mut at = start;
        while !rest.is_empty() {
            while notes.get(next).is_some_and(|(offset, _)| *offset <= at) {
                next += 1;
            }
            let (end, time_ms) = notes.get(next).copied().unwrap_or((u64::MAX, otherwise_ms));
            let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(rest.len());
            recogniser.push(&rest[..len], time_ms, &mut |point| {
                if let Err(error) = writer.append(&point) {
                    failed.get_or_insert(error);
                }
            });
            rest = &rest[len..];
            at += len as u64;
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    writer.flush()?;
    Ok((recogniser, tail.offset()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reader;

    #[test]
    fn a_log_is_read_as_it_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut tail = LogTail::new(&path, 0);
        let mut bytes = [0; 8];
        assert_eq!(tail.read(&mut bytes).unwrap(), 0);
        fs::write(&path, b"loss=0.1\nloss=0.2\n").unwrap();
        let mut seen = Vec::new();
        loop {
            let read = tail.read(&mut bytes).unwrap();
            if read == 0 {
                break;
            }
            seen.extend_from_slice(&bytes[..read]);
        }
        assert_eq!((seen.as_slice(), tail.offset()), (&b"loss=0.1\nloss=0.2\n"[..], 18));
    }

    #[test]
    fn a_log_read_again_keeps_its_times() {
        let dir = tempfile::tempdir().unwrap();
        let (log, notes) = (dir.path().join("log"), dir.path().join("arrivals"));
        fs::write(&log, b"loss=0.1\nloss=0.2\nloss=0.3\nloss=0.4\n").unwrap();
        let mut arrivals = Arrivals::open(&notes).unwrap();
        arrivals.note(9, 1_000).unwrap();
        arrivals.note(18, 5_000).unwrap();
        drop(arrivals);
        // A crash in the middle of a note, and a clock that was set back.
        fs::write(&notes, [fs::read(&notes).unwrap(), vec![0x80]].concat()).unwrap();
        Arrivals::open(&notes).unwrap().note(27, 4_000).unwrap();
        let definitions = Definitions { rename: [("loss".into(), "fall".into())].into(), ..Definitions::default() };
        let mut writer = Writer::open(&dir.path().join("series")).unwrap();
        let (_, offset) = read_again(&log, 0, &notes, 9_000, Some(&definitions), &mut writer).unwrap();
        assert_eq!(offset, 36);
        let reader = Reader::open(&dir.path().join("series")).unwrap();
        let id = reader.find("fall", None).unwrap();
        let seen: Vec<_> =
            reader.points(id, 0..9).map(|point| point.map(|point| (point.time_ms, point.value)).unwrap()).collect();
        assert_eq!(seen, [(1_000, 0.1), (5_000, 0.2), (4_000, 0.3), (9_000, 0.4)]);
    }
}
