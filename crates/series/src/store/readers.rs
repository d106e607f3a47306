//! Series that are looked at again and again: kept open, so that only what is new is read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Reader;
use crate::Result;

/// How many series are kept open at most.
const MOST: usize = 32;
/// After so many turns in which nobody looked at it, a series lets go of its chunks' content, and then is closed.
const RESTS: u32 = 3;
const CLOSES: u32 = 30;

/// Open series, shared by all clones of this.
///
/// A run of 5,000 metrics has tens of thousands of chunks and tens of megabytes of points that are in none yet. Opened anew
/// at each look, that is what a look costs.
#[derive(Clone, Default)]
pub struct Readers(Arc<Mutex<Vec<Held>>>);

struct Held {
    dir: PathBuf,
    reader: Arc<RwLock<Reader>>,
    /// Turns since somebody looked at it.
    idle: u32,
}

impl Readers {
    /// Opens the series in `dir`, or reads what is new in it, and lets `look` see it. Several may look at once.
    pub fn look<T>(&self, dir: &Path, look: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        let known = self.known(dir);
        let refreshed = known.and_then(|reader| {
            // Whose look or refresh broke off is opened anew, as is a file that shrank or a handle that went stale.
            reader.write().ok()?.refresh().ok()?;
            Some(reader)
        });
        let reader = match refreshed {
            Some(reader) => reader,
            None => self.keep(dir, Reader::open(dir)?),
        };
        let reader = reader.read().unwrap_or_else(PoisonError::into_inner);
        look(&reader)
    }

    /// A turn of whoever looks after things, about once a second: lets go of what nobody looks at any more.
    pub fn rest(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in held.iter_mut() {
            one.idle += 1;
            if one.idle == RESTS
                && let Ok(mut reader) = one.reader.try_write()
            {
                reader.rest();
            }
        }
        held.retain(|one| one.idle < CLOSES);
    }

    /// Closes the series in `dir`, which is about to be removed.
    pub fn close(&self, dir: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| one.dir != dir);
    }

    fn known(&self, dir: &Path) -> Option<Arc<RwLock<Reader>>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = held.iter_mut().find(|one| one.dir == dir)?;
        one.idle = 0;
        Some(one.reader.clone())
    }

    fn keep(&self, dir: &Path, reader: Reader) -> Arc<RwLock<Reader>> {
        let reader = Arc::new(RwLock::new(reader));
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|one| one.dir != dir);
        if held.len() >= MOST
            && let Some((longest, _)) = held.iter().enumerate().max_by_key(|(_, one)| one.idle)
        {
            held.swap_remove(longest);
        }
        held.push(Held { dir: dir.to_owned(), reader: reader.clone(), idle: 0 });
        reader
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Point;
    use crate::store::Writer;
    use std::fs;

    fn write(writer: &mut Writer, metric: &str, count: u64) {
        for step in 0..count {
            let point = Point { metric, rank: None, step: Some(step), epoch: None, time_ms: 0, value: 1.0 };
            writer.append(&point).unwrap();
        }
        writer.flush().unwrap();
    }

    fn seen(readers: &Readers, dir: &Path) -> Vec<(String, u64)> {
        let names = |reader: &Reader| Ok(reader.metrics().into_iter().map(|one| (one.name, one.count)).collect());
        readers.look(dir, names).unwrap()
    }

    fn open(readers: &Readers) -> usize {
        readers.0.lock().unwrap().len()
    }

    #[test]
    fn who_looks_again_sees_what_is_new_and_what_was_replaced() {
        let room = tempfile::tempdir().unwrap();
        let dir = room.path().join("series");
        let readers = Readers::default();
        assert!(seen(&readers, &dir).is_empty(), "not there yet");
        let mut writer = Writer::open(&dir).unwrap();
        for round in 1..=3 {
            write(&mut writer, "loss", 5_000);
            assert_eq!(seen(&readers, &dir), [("loss".to_owned(), round * 5_000)]);
        }
        let mut other = Writer::open(&dir.join("again")).unwrap();
        write(&mut other, "renamed", 7);
        drop(other.replace(writer).unwrap());
        assert_eq!(seen(&readers, &dir), [("renamed".to_owned(), 7)]);
        // A power cut took the end of the file, and another writer went on.
        fs::write(dir.join("series.chunks"), b"CURF").unwrap();
        let mut writer = Writer::open(&dir).unwrap();
        write(&mut writer, "loss", 3);
        assert_eq!(seen(&readers, &dir), [("loss".to_owned(), 3)]);
        assert_eq!(open(&readers), 1);
        readers.close(&dir);
        assert_eq!(open(&readers), 0);
    }

    #[test]
    fn what_nobody_looks_at_is_closed() {
        let room = tempfile::tempdir().unwrap();
        let readers = Readers::default();
        for run in 0..40 {
            seen(&readers, &room.path().join(run.to_string()));
        }
        assert_eq!(open(&readers), MOST);
        let kept = room.path().join("39");
        for _ in 0..CLOSES {
            readers.rest();
            seen(&readers, &kept);
        }
        assert_eq!(open(&readers), 1);
    }
}
