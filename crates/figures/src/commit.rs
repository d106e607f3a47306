//! Which commit a script folder stood at, read from git's own files: no git need be installed.
//!
//! What is checked out now may be another commit than the one that ran, so the log of HEAD is asked first. Whether files
//! were changed since that commit is not looked at, and so nothing is said about it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A log of HEAD grows by some 200 bytes with each commit or checkout.
const MOST_BYTES: u64 = 16 << 20;

/// The commit that was checked out in `dir` at `seconds` since 1970, as a full hash in hex. None outside a checkout and
/// where git kept no record that reaches back so far.
pub(crate) fn at(dir: &Path, seconds: i64) -> Option<String> {
    let git = dir.ancestors().find_map(|dir| git_dir(&dir.join(".git")))?;
    match read(&git.join("logs/HEAD")) {
        Some(log) => logged(&log, seconds),
        // Without a log there is only what is checked out now; it can be named only if it has not moved since.
        None => unmoved_since(&git, seconds).then(|| head(&git)).flatten(),
    }
}

/// A worktree's or submodule's `.git` is a file that says where the folder is.
fn git_dir(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return path.join("HEAD").is_file().then(|| path.to_owned());
    }
    let text = read(path)?;
    let dir = path.parent()?.join(text.strip_prefix("gitdir:")?.trim());
    dir.join("HEAD").is_file().then_some(dir)
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// SHA-1 or SHA-256, in hex.
fn hash(text: &str) -> Option<String> {
    let hex = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && text.bytes().any(|b| b != b'0')).then(|| text.to_ascii_lowercase())
}

/// Each line is `OLD NEW name <mail> SECONDS +ZONE<tab>why`.
fn logged(log: &str, seconds: i64) -> Option<String> {
    let mut found = None;
    for (at, line) in log.lines().enumerate() {
        let fields = line.split('\t').next()?;
        let mut from_end = fields.rsplit(' ');
        let _zone = from_end.next()?;
        let when: i64 = from_end.next()?.parse().ok()?;
        let mut hashes = fields.split(' ');
        let (old, new) = (hashes.next()?, hashes.next()?);
        if when > seconds {
            return if at == 0 { hash(old) } else { found };
        }
        found = hash(new);
    }
    found
}

fn head(git: &Path) -> Option<String> {
    let head = read(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref:").map(str::trim) else { return hash(head.trim()) };
    let inside = name.starts_with("refs/") && !name.split('/').any(|part| part.is_empty() || part == "..");
    if !inside {
        return None;
    }
    // A worktree shares its branches with the repository it came from.
    let common = read(&git.join("commondir")).map_or_else(|| git.to_owned(), |to| git.join(to.trim()));
    if let Some(found) = [git, &common].iter().find_map(|dir| read(&dir.join(name))) {
        return hash(found.trim());
    }
    let packed = read(&common.join("packed-refs"))?;
    let line = packed.lines().find_map(|line| line.split_once(' ').filter(|(_, of)| *of == name))?;
    hash(line.0)
}

fn unmoved_since(git: &Path, seconds: i64) -> bool {
    let changed = |path: PathBuf| {
        let time = fs::metadata(path).ok()?.modified().ok()?;
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
    };
    let common = read(&git.join("commondir")).map_or_else(|| git.to_owned(), |to| git.join(to.trim()));
    let name = read(&git.join("HEAD")).and_then(|head| Some(head.trim().strip_prefix("ref:")?.trim().to_owned()));
    let mut places = vec![git.join("HEAD"), common.join("packed-refs")];
    places.extend(name.map(|name| common.join(name)));
    places.into_iter().filter_map(changed).all(|at| at <= seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const NONE: &str = "0000000000000000000000000000000000000000";
    const LATE: i64 = 1 << 40;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_log_tells_what_stood_there_when_the_run_began() {
        let log = format!(
            "{NONE} {A} Ada L <ada@example.org> 1000 +0100\tcommit (initial): a\n\
             {A} {B} Ada L <ada@example.org> 2000 +0100\tcommit: b 1500 +0100\n"
        );
        let check = |seconds, expect: Option<&str>| assert_eq!(logged(&log, seconds).as_deref(), expect);
        check(999, None);
        check(1000, Some(A));
        check(1999, Some(A));
        check(2000, Some(B));
        check(LATE, Some(B));
        assert_eq!(
            logged(&log[log.find('\n').unwrap() + 1..], 1500).as_deref(),
            Some(A),
            "an old log is cut at its start"
        );
        assert_eq!(logged("nonsense\n", 5), None);
    }

    #[test]
    fn found_from_a_folder_within() {
        let room = tempfile::tempdir().unwrap();
        let git = room.path().join(".git");
        let scripts = room.path().join("a/b");
        fs::create_dir_all(&scripts).unwrap();
        let check = |expect: Option<&str>| assert_eq!(at(&scripts, LATE).as_deref(), expect);
        write(&git.join("HEAD"), "ref: refs/heads/main\n");
        check(None);
        write(&git.join("packed-refs"), &format!("# pack-refs with: peeled\n{A} refs/heads/main\n"));
        check(Some(A));
        write(&git.join("refs/heads/main"), &format!("{B}\n"));
        check(Some(B));
        assert_eq!(at(&scripts, 10), None, "it moved since");
        write(&git.join("HEAD"), &format!("{A}\n"));
        check(Some(A));
        write(&git.join("HEAD"), "ref: refs/../../secret\n");
        check(None);
    }

    #[test]
    fn found_in_a_worktree() {
        let room = tempfile::tempdir().unwrap();
        let git = room.path().join("main/.git/worktrees/w");
        write(&git.join("HEAD"), "ref: refs/heads/w\n");
        write(&git.join("commondir"), "../..\n");
        write(&room.path().join("main/.git/refs/heads/w"), B);
        write(&room.path().join("w/.git"), "gitdir: ../main/.git/worktrees/w\n");
        assert_eq!(at(&room.path().join("w"), LATE).as_deref(), Some(B));
    }
}
