//! Folders as tar.gz, the same bytes for the same files, the way SageMaker's containers unpack them.

use curfew_core::{Error, ErrorKind, Result, say};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Folders that are no part of a script.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".idea",
    ".vscode",
    "node_modules",
];

/// A script folder that is larger is meant as data: uploading it for each run would be slow, and is not what is wanted.
pub(crate) const MOST_CODE: u64 = 500 << 20;

/// A file and where it goes in the archive.
pub(crate) struct Entry {
    pub from: PathBuf,
    pub to: String,
    pub size: u64,
}

/// The files of a script folder, without `except` (data that happens to lie in it) and what is no part of a script.
pub(crate) fn script_files(dir: &Path, except: &[PathBuf]) -> Result<Vec<Entry>> {
    let walk = walkdir::WalkDir::new(dir).follow_links(true).min_depth(1).sort_by_file_name();
    let wanted = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let left_out =
            entry.file_type().is_dir() && (LEFT_OUT.contains(&&*name) || entry.path().join("pyvenv.cfg").exists());
        !left_out && !except.iter().any(|e| e == entry.path())
    };
    let mut files = Vec::new();
    let mut bytes = 0;
    for entry in walk.into_iter().filter_entry(wanted) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if e.loop_ancestor().is_some() => continue,
            Err(e) if e.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => continue,
            Err(e) => return Err(Error::io("pack the script folder", dir.display(), e.into()).at("dir")),
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let size = entry.metadata().map_or(0, |m| m.len());
        bytes += size;
        if bytes > MOST_CODE {
            let what = format!("the script folder has more than {}", say::bytes(MOST_CODE));
            return Err(Error::new(ErrorKind::InvalidInput, "pack the script folder", what)
                .at("dir")
                .next("Keep data outside of it, and give it as data"));
        }
        let name = entry.path().strip_prefix(dir).unwrap_or(entry.path());
        files.push(Entry { to: slashes(name), from: entry.path().to_owned(), size });
    }
    Ok(files)
}

/// The files of a folder or the one file, as data.
pub(crate) fn data_files(path: &Path) -> Result<Vec<Entry>> {
    let failed = |e: io::Error| Error::io("read the data", path.display(), e).at("data");
    if path.is_file() {
        let name = path.file_name().unwrap_or_default();
        let size = path.metadata().map_err(failed)?.len();
        return Ok(vec![Entry { from: path.to_owned(), to: name.to_string_lossy().into_owned(), size }]);
    }
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(path).follow_links(true).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|e| failed(e.into()))?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(path).unwrap_or(entry.path());
            let size = entry.metadata().map_err(|e| failed(e.into()))?.len();
            files.push(Entry { to: slashes(name), from: entry.path().to_owned(), size });
        }
    }
    if files.is_empty() {
        return Err(Error::input("data", format!("there is no file in {}", say::clean(&path.to_string_lossy(), 200))));
    }
    Ok(files)
}

fn slashes(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Packs files into `archive`.
pub(crate) fn tar_gz(files: &[Entry], more: &[(&str, &[u8])], archive: &Path) -> Result<()> {
    let failed = |e| Error::io("pack the files", archive.display(), e);
    let write = || -> io::Result<()> {
        let gzip = GzEncoder::new(io::BufWriter::new(File::create(archive)?), Compression::fast());
        let mut tar = Builder::new(gzip);
        for entry in files {
            let mut file = File::open(&entry.from)?;
            let metadata = file.metadata()?;
            let mut header = header(metadata.len(), is_executable(&metadata));
            tar.append_data(&mut header, &entry.to, &mut file)?;
        }
        for (name, content) in more {
            tar.append_data(&mut header(content.len() as u64, false), name, *content)?;
        }
        let out = tar.into_inner()?.finish()?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    };
    write().map_err(failed)
}

fn header(size: u64, executable: bool) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_size(size);
    header
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}
#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let code = dir.path().join("code");
        for (name, text) in [("train.py", "x"), ("lib/util.py", "y"), ("__pycache__/a.pyc", "z"), ("data/big.csv", "1")]
        {
            fs::create_dir_all(code.join(name).parent().unwrap()).unwrap();
            fs::write(code.join(name), text).unwrap();
        }
        let files = script_files(&code, &[code.join("data")]).unwrap();
        assert_eq!(files.iter().map(|f| f.to.as_str()).collect::<Vec<_>>(), ["lib/util.py", "train.py"]);
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        tar_gz(&files, &[("code/more.txt", b"m")], &one).unwrap();
        tar_gz(&files, &[("code/more.txt", b"m")], &two).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(&one).unwrap()));
        let names: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, ["lib/util.py", "train.py", "code/more.txt"].map(PathBuf::from));
    }
}
