//! Files that another process may read at any moment, and that a kill or a full disk may interrupt at any moment.
//!
//! Invariant: a reader sees the old content or the new one, never a half.

use curfew_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces `path` by `bytes`, on disk when this returns.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder_of(path);
    Ok(())
}

/// Writes `path` unless it is there. `false`: it was there, and is unchanged. Of several callers one is told `true`.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = temporary_beside(path);
    write_synced(&temporary, bytes)?;
    // A link, unlike O_EXCL, makes the name appear with its content, and is atomic on NFS.
    let linked = match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links: the name is still given to one caller only.
        Err(_) => match File::options().write(true).create_new(true).open(path) {
            Ok(mut file) => file.write_all(bytes).and_then(|()| file.sync_all()).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        },
    };
    let _ = fs::remove_file(&temporary);
    sync_folder_of(path);
    linked
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// One name per process and thread, so that two writers do not share it and a kill leaves few.
fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    path.with_file_name(format!(".{name}.{}-{thread}.tmp", std::process::id()))
}

/// Makes a rename or link in it last through a power cut. Some network file systems refuse; then it lasts when it lasts.
fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent() {
        let _ = File::open(folder).and_then(|f| f.sync_all());
    }
}

/// As [`write_atomic`], JSON.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    write_atomic(path, &to_json(value))
}

/// Readable JSON with a line end.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("our own types have no maps with keys that are not text");
    text.push(b'\n');
    text
}

/// Reads JSON; `None` where there is no such file. `what` names it in an error: "the state of the run x".
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => {
            return Err(Error::io("read a file", format!("{what} cannot be read"), e).with("file", path.display()));
        }
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| {
        Error::new(ErrorKind::Corrupt, "read a file", format!("{what} is damaged: {e}"))
            .with("file", path.display())
            .caused_by(e)
    })
}

/// Makes a folder and its parents, readable by this user alone: logs and data may be private.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes a folder so that no half of it is seen under its name: it is renamed first. Gone already is fine.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let trash = path.with_file_name(format!("{TRASH}{name}-{}", std::process::id()));
    match fs::rename(path, &trash) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        // The name of an earlier trash that could not be emptied.
        Err(_) => return empty(path),
    }
    sync_folder_of(path);
    empty(&trash)
}

/// Removes all, also from folders that a script has made read-only.
pub(crate) fn empty(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            for entry in walkdir::WalkDir::new(path).into_iter().flatten().filter(|e| e.file_type().is_dir()) {
                let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
            }
            fs::remove_dir_all(path)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// How the names of folders begin that are being made; a kill can leave them.
pub(crate) const STAGING: &str = ".new-";
/// How the names of folders begin that are being removed; a kill can leave them.
pub(crate) const TRASH: &str = ".gone-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_writers_one_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let wins: usize = std::thread::scope(|s| {
            let all: Vec<_> = (0..8)
                .map(|i| {
                    s.spawn({
                        let path = &path;
                        move || write_once(path, &[b'0' + i]).unwrap()
                    })
                })
                .collect();
            all.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
        });
        assert_eq!(wins, 1);
        assert_eq!(fs::read(&path).unwrap().len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_damaged_file_is_an_error_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert!(read_json::<u32>(&path, "x").unwrap().is_none());
        fs::write(&path, "{").unwrap();
        assert_eq!(read_json::<u32>(&path, "x").unwrap_err().kind(), ErrorKind::Corrupt);
        write_json(&path, &7).unwrap();
        assert_eq!(read_json::<u32>(&path, "x").unwrap(), Some(7));
    }
}
