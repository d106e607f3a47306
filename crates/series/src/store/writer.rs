use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::At;
use crate::{Error, Point, Result};

pub(super) const TAIL: &str = "series.tail";

/// Writes the series of one run. There is one writer at a time.
pub struct Writer {
    path: PathBuf,
    file: File,
    _lock: File,
    ids: HashMap<(String, Option<u32>), u32>,
    pending: Vec<u8>,
}

impl Writer {
    /// Opens or creates the series in `dir` and drops what a crash left half written.
    pub fn open(dir: &Path) -> Result<Writer> {
        fs::create_dir_all(dir).at(dir)?;
        let lock_path = dir.join("series.lock");
        let lock = File::create(&lock_path).at(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(Error::Locked { path: lock_path }),
            Err(fs::TryLockError::Error(source)) => return Err(Error::Io { path: lock_path, source }),
        }
        let path = dir.join(TAIL);
        let mut ids = HashMap::new();
        let mut good = 0;
        if let Ok(bytes) = fs::read(&path) {
            good = super::reader::records(&bytes, &mut |record| {
                if let super::reader::Record::Name { id, rank, name } = record {
                    ids.insert((name, rank), id);
                }
            });
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path).at(&path)?;
        file.set_len(good as u64).at(&path)?;
        file.flush().at(&path)?;
        Ok(Writer { path, file, _lock: lock, ids, pending: Vec::new() })
    }

    /// Takes one point. It is on disk after the next [`Writer::flush`], or earlier.
    pub fn append(&mut self, point: &Point<'_>) -> Result<()> {
        let key = (point.metric.to_owned(), point.rank);
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let id = if let Some(id) = self.ids.get(&key) {
            *id
        } else {
            let mut body = vec![0];
            body.extend(next.to_le_bytes());
            body.push(u8::from(point.rank.is_some()));
            body.extend(point.rank.unwrap_or(0).to_le_bytes());
            body.extend(point.metric.as_bytes());
            self.record(&body);
            self.ids.insert(key, next);
            next
        };
        let mut body = vec![1];
        body.extend(id.to_le_bytes());
        body.push(u8::from(point.step.is_some()) | u8::from(point.epoch.is_some()) << 1);
        body.extend(point.step.unwrap_or(0).to_le_bytes());
        body.extend(point.epoch.unwrap_or(0.0).to_le_bytes());
        body.extend(point.time_ms.to_le_bytes());
        body.extend(point.value.to_le_bytes());
        self.record(&body);
        if self.pending.len() > 1 << 16 { self.flush() } else { Ok(()) }
    }

    fn record(&mut self, body: &[u8]) {
        self.pending.extend(crc32fast::hash(body).to_le_bytes());
        self.pending.extend(u32::try_from(body.len()).unwrap_or(0).to_le_bytes());
        self.pending.extend(body);
    }

    /// Hands what was appended to the system, so that it outlives this process and others can read it.
    pub fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.pending).at(&self.path)?;
        self.pending.clear();
        Ok(())
    }

    /// As [`Writer::flush`], and waits until the disk has it.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.file.sync_data().at(&self.path)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody is left to be told; what could not be written was not promised.
        let _ = self.flush();
    }
}
