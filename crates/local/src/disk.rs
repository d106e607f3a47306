//! How much room a folder takes.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The room of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// On disk, so a file with holes counts what it takes. A file with several names counts once.
    pub bytes: u64,
    /// Not all was counted: it took too long, or some could not be read.
    pub at_least: bool,
}

/// A network disk with a million files must not hold up a sweep.
const LIMIT: Duration = Duration::from_secs(5);

/// Counts.
pub(crate) fn room_of(path: &Path) -> Room {
    let started = Instant::now();
    let mut room = Room { bytes: 0, at_least: false };
    let mut seen = HashSet::new();
    for (i, entry) in walkdir::WalkDir::new(path).into_iter().enumerate() {
        let Ok(metadata) = entry.as_ref().map_err(|_| ()).and_then(|e| e.metadata().map_err(|_| ())) else {
            room.at_least = true;
            continue;
        };
        if metadata.nlink() == 1 || metadata.is_dir() || seen.insert((metadata.dev(), metadata.ino())) {
            room.bytes += metadata.blocks() * 512;
        }
        if i % 1024 == 0 && started.elapsed() > LIMIT {
            room.at_least = true;
            break;
        }
    }
    room
}

impl Room {
    /// "1.2 GiB", "at least 1.2 GiB".
    pub(crate) fn words(self) -> String {
        let bytes = curfew_core::say::bytes(self.bytes);
        if self.at_least { format!("at least {bytes}") } else { bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let empty = room_of(folder.path()).bytes;
        std::fs::write(folder.path().join("a"), vec![1; 100_000]).unwrap();
        let one = room_of(folder.path()).bytes;
        assert!(one >= empty + 100_000);
        std::fs::hard_link(folder.path().join("a"), folder.path().join("b")).unwrap();
        assert_eq!(room_of(folder.path()).bytes, one);
    }
}
