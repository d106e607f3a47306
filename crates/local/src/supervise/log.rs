//! The log: written by the script itself, so that it loses nothing when the supervisor dies, and read here as it grows.

use crate::folder::Folder;
use curfew_core::say;
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How much is read before other things are looked at.
const AT_ONCE: usize = 8 << 20;
/// What stays of a log that grew too long: its beginning. Its end stays too.
const KEEP_HEAD: u64 = 16 << 20;
/// How many lines of a log's end a failure shows.
const END_LINES: usize = 20;
/// How many bytes of a log's end those are looked for in.
const END_BYTES: u64 = 32 << 10;

/// Opens the log for a child to append to.
pub(crate) fn open_for_child(folder: &Folder) -> io::Result<File> {
    File::options().append(true).create(true).open(folder.log())
}

/// Says something in the log, as pip and the script do.
pub(crate) fn say(folder: &Folder, line: &str) {
    use std::io::Write;
    let written = open_for_child(folder).and_then(|mut log| writeln!(log, "[curfew] {line}"));
    if let Err(e) = written {
        eprintln!("{} the log cannot be written: {e}", curfew_core::Timestamp::now());
    }
}

/// Reads a growing log.
pub(crate) struct Tail {
    file: File,
    at: u64,
    cut: Option<(u64, u64)>,
    buffer: Vec<u8>,
}

impl Tail {
    /// From `at` on.
    pub(crate) fn open(path: &Path, at: u64) -> io::Result<Self> {
        let mut file = File::options().read(true).write(true).open(path)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Self { file, at, cut: None, buffer: vec![0; 256 << 10] })
    }
    /// Hands on what is new. `true`: there is more.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut total = 0;
        while total < AT_ONCE {
            let n = match self.file.read(&mut self.buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if n == 0 {
                return Ok(false);
            }
            take(&self.buffer[..n]);
            self.at += n as u64;
            total += n;
        }
        Ok(true)
    }
    /// For a log that nobody reads on: only keeps it within `longest`.
    pub(crate) fn skip_and_keep_within(&mut self, longest: u64) -> Option<(u64, u64)> {
        self.at = self.file.metadata().map_or(self.at, |m| m.len());
        self.keep_within(longest)
    }
    /// Gives the middle of a log longer than `longest` back to the disk, once it has been read. What was cut so far.
    pub(crate) fn keep_within(&mut self, longest: u64) -> Option<(u64, u64)> {
        let keep_end = longest / 2;
        let from = KEEP_HEAD.min(longest / 4);
        let to = self.at.saturating_sub(keep_end);
        let cut_to = self.cut.map_or(from, |(_, to)| to);
        // In pieces of an eighth, not line by line.
        if self.at > longest && to > cut_to + longest / 8 {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match rustix::fs::fallocate(&self.file, flags, cut_to, to - cut_to) {
                Ok(()) => self.cut = Some((from, to)),
                // A file system without holes: the log grows on, and a full disk is told as one.
                Err(e) => {
                    eprintln!("{} the log cannot be shortened: {e}", curfew_core::Timestamp::now());
                    self.cut = Some((to, to));
                }
            }
        }
        self.cut.filter(|(from, to)| from < to)
    }
}

/// The last lines of a log, fit to be shown: no control characters, of a progress bar its last state.
pub(crate) fn end_of(path: &Path, from: u64) -> Vec<String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let at = length.saturating_sub(END_BYTES).max(from);
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.take(END_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    lines_of(&read().unwrap_or_default())
}

fn lines_of(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter_map(|line| {
        let line = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or("");
        let line = strip_colours(line).replace('\t', "    ");
        (!line.trim().is_empty()).then(|| say::clean(line.trim_end(), 400))
    });
    let all: Vec<String> = lines.collect();
    all[all.len().saturating_sub(END_LINES)..].to_vec()
}

/// Without ANSI's colours and cursor movements: ESC [ parameters, then a letter.
fn strip_colours(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let end = after.find(|c: char| ('@'..='~').contains(&c)).map_or(after.len(), |i| i + 1);
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    fn check(bytes: &[u8], expect: &[&str]) {
        assert_eq!(lines_of(bytes), expect);
    }

    #[test]
    fn the_end_of_a_log_is_fit_to_be_shown() {
        check(b"one\n\n  two  \n", &["one", "  two"]);
        check(b"\x1b[31mred\x1b[0m\n 1%\r50%\r100%\n", &["red", "100%"]);
        check(b"bad \xff\xfe bytes \x07\n", &["bad \u{fffd}\u{fffd} bytes \\u{7}"]);
        let many: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        assert_eq!(lines_of(many.join("\n").as_bytes()).first().map(String::as_str), Some("80"));
    }

    #[test]
    fn a_log_that_grows_too_long_loses_its_middle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = File::create(&path).unwrap();
        let mut tail = Tail::open(&path, 0).unwrap();
        let (longest, piece) = (8u64 << 20, vec![b'x'; 1 << 20]);
        let mut seen = 0;
        for _ in 0..32 {
            log.write_all(&piece).unwrap();
            while tail.read(|b| seen += b.len()).unwrap() {}
            tail.keep_within(longest);
        }
        assert_eq!(seen, 32 << 20, "every byte was read before it was cut");
        let on_disk = path.metadata().unwrap().blocks() * 512;
        assert!(on_disk <= longest + (2 << 20), "{on_disk}");
        let (from, to) = tail.keep_within(longest).unwrap();
        assert!(from < to && to < 32 << 20);
    }
}
