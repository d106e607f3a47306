//! Model archives from anywhere, looked through and unpacked without letting them out of their folder.
//!
//! Refused: paths with `..` or from the root, links that lead out, anything but files, folders and links, a name twice,
//! more than fits the disk, an archive that is cut short. An archive is refused whole, before a byte is unpacked.

use curfew_core::{Error, ErrorKind, Result, say};
use flate2::read::MultiGzDecoder;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, Entry, EntryType};

/// What an archive holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Bytes of its files, unpacked.
    pub bytes: u64,
    /// How many files.
    pub files: usize,
    /// `curfew-model.json`, if it is there and small.
    pub made_with: Option<Vec<u8>>,
    /// `code/requirements.txt`, if it is there and small.
    pub requirements: Option<String>,
    /// There is a `code/inference.py`.
    pub has_script: bool,
}

/// No model has more files.
const MOST_FILES: usize = 200_000;
/// Of a file that is read while looking.
const SMALL: u64 = 1 << 20;

/// Looks an archive through from end to end. `most_bytes`: what the disk has room for.
pub(crate) fn look_through(path: &Path, most_bytes: u64) -> Result<Contents> {
    let mut contents = Contents::default();
    let mut names = BTreeSet::new();
    let mut links = BTreeSet::new();
    each(path, |entry| {
        let (name, kind) = checked(entry)?;
        let written = name.clone();
        if links.iter().any(|link: &PathBuf| written.starts_with(link)) {
            return Err(unsafe_member(&name, "lies below a link"));
        }
        if kind != EntryType::Directory && !names.insert(name.clone()) {
            return Err(unsafe_member(&name, "is there twice, so the later one hides the earlier"));
        }
        if kind == EntryType::Symlink {
            links.insert(name.clone());
        }
        if kind.is_file() {
            contents.files += 1;
            contents.bytes = contents.bytes.saturating_add(entry.size());
        }
        if contents.bytes > most_bytes {
            let what =
                format!("the model unpacks to more than the {} that the disk has room for", say::bytes(most_bytes));
            return Err(Error::new(ErrorKind::DiskFull, "unpack the model", what).at("model"));
        }
        if names.len() > MOST_FILES {
            return Err(Error::input("model", format!("the archive holds more than {MOST_FILES} files")));
        }
        let small = entry.size() <= SMALL;
        match name.to_str() {
            Some("code/inference.py") => contents.has_script = true,
            Some("code/requirements.txt") if small => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(|e| damaged(path, &e))?;
                contents.requirements = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
            Some(crate::model::MADE_WITH) if small => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(|e| damaged(path, &e))?;
                contents.made_with = Some(bytes);
            }
            _ => {}
        }
        Ok(())
    })?;
    if contents.files == 0 {
        return Err(Error::input("model", "the archive holds no files"));
    }
    Ok(contents)
}

/// Unpacks an archive into `folder`, an empty folder of ours. Looks again, since the file may be another by now.
pub(crate) fn unpack(path: &Path, folder: &Path, most_bytes: u64) -> Result<()> {
    let mut left = most_bytes;
    each(path, |entry| {
        let (name, kind) = checked(entry)?;
        if kind.is_file() {
            left = left.checked_sub(entry.size()).ok_or_else(|| {
                Error::new(ErrorKind::DiskFull, "unpack the model", "the model has grown while it was unpacked")
                    .at("model")
            })?;
        }
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                damaged(path, &e)
            }
            _ => Error::io("unpack the model", "the model cannot be unpacked", e).at("model"),
        };
        entry.set_preserve_permissions(false);
        // The crate's own guard, which resolves every parent on disk, stands behind ours.
        if !entry.unpack_in(folder).map_err(failed)? {
            return Err(unsafe_member(&name, "leads out of its folder"));
        }
        Ok(())
    })
}

fn each(path: &Path, mut look: impl FnMut(&mut Entry<'_, Box<dyn Read>>) -> Result<()>) -> Result<()> {
    let mut archive = Archive::new(open(path)?);
    for entry in archive.entries().map_err(|e| damaged(path, &e))? {
        let mut entry = entry.map_err(|e| damaged(path, &e))?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        look(&mut entry)?;
    }
    // What follows the end mark still has to be whole, or the file was cut.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|e| damaged(path, &e))?;
    Ok(())
}

/// Opens an archive, packed by gzip or not.
fn open(path: &Path) -> Result<Box<dyn Read>> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Error::input("model", format!("there is no {}", shown(path))),
        _ => Error::io("read the model", format!("{} cannot be read", shown(path)), e).at("model"),
    };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Error::input("model", format!("{} is a folder; give the model.tar.gz", shown(path))));
    }
    let mut magic = [0; 4];
    let mut got = 0;
    while got < magic.len() {
        match file.read(&mut magic[got..]).map_err(failed)? {
            0 => break,
            n => got += n,
        }
    }
    file.rewind().map_err(failed)?;
    match &magic[..got] {
        [] => Err(Error::input("model", format!("{} is empty", shown(path)))),
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 17, file)))),
        b"PK\x03\x04" => Err(Error::input("model", format!("{} is a zip file, and not a .tar.gz", shown(path)))),
        _ => Ok(Box::new(BufReader::with_capacity(1 << 17, file))),
    }
}

/// A member's path, cleaned, if it may be unpacked.
fn checked(entry: &Entry<'_, Box<dyn Read>>) -> Result<(PathBuf, EntryType)> {
    let raw = entry.path_bytes();
    let given = PathBuf::from(String::from_utf8_lossy(&raw).into_owned());
    if raw.iter().any(u8::is_ascii_control) {
        return Err(unsafe_member(&given, "has control characters in its name"));
    }
    let mut name = PathBuf::new();
    for component in given.components() {
        match component {
            Component::Normal(part) => name.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err(unsafe_member(&given, "leads out of its folder by ..")),
            Component::RootDir | Component::Prefix(_) => return Err(unsafe_member(&given, "is an absolute path")),
        }
    }
    let kind = entry.header().entry_type();
    match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse | EntryType::Directory => {}
        EntryType::Symlink | EntryType::Link => {
            let target = entry.link_name().ok().flatten().map(std::borrow::Cow::into_owned);
            // A symbolic link is meant from where it lies, a hard one from the archive's root.
            let base = if kind == EntryType::Symlink { name.parent().unwrap_or(Path::new("")) } else { Path::new("") };
            if !target.is_some_and(|target| stays_inside(base, &target)) {
                return Err(unsafe_member(&given, "is a link out of its folder"));
            }
        }
        _ => return Err(unsafe_member(&given, "is neither a file nor a folder")),
    }
    Ok((name, kind))
}

fn stays_inside(base: &Path, target: &Path) -> bool {
    let mut depth = base.components().count();
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

fn unsafe_member(name: &Path, why: &str) -> Error {
    let name = say::clean(&name.display().to_string(), 120);
    Error::input("model", format!("the archive is not safe to unpack: “{name}” {why}"))
        .next("Ask whoever made it for another, or pack it anew")
}

fn damaged(path: &Path, e: &io::Error) -> Error {
    Error::input("model", format!("{} is damaged or no model archive ({e})", shown(path)))
        .next("Copy it again from where it was made, or pack it anew as .tar.gz")
}

fn shown(path: &Path) -> String {
    say::clean(&path.display().to_string(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tar::Header;

    enum Member<'a> {
        File(&'a str, &'a [u8]),
        Symlink(&'a str, &'a str),
        Hardlink(&'a str, &'a str),
        Device(&'a str),
    }
    use Member::{Device, File as Plain, Hardlink, Symlink};

    /// An archive with names that the tar crate itself would refuse to write.
    fn archive(members: &[Member<'_>]) -> Vec<u8> {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for member in members {
            let (name, kind, link, data): (&str, _, &str, &[u8]) = match member {
                Plain(name, data) => (name, EntryType::Regular, "", data),
                Symlink(name, to) => (name, EntryType::Symlink, to, b""),
                Hardlink(name, to) => (name, EntryType::Link, to, b""),
                Device(name) => (name, EntryType::Char, "", b""),
            };
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(kind);
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, data).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    /// Looks and unpacks; the message, or the files that are there then.
    fn check(bytes: &[u8], expect: &str) {
        let outer = tempfile::tempdir().unwrap();
        let (path, folder) = (outer.path().join("m.tar.gz"), outer.path().join("in/model"));
        std::fs::create_dir_all(&folder).unwrap();
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let got = look_through(&path, 1 << 20).and_then(|_| unpack(&path, &folder, 1 << 20));
        let got = match got {
            Ok(()) => {
                let walk = walkdir::WalkDir::new(&folder).min_depth(1).sort_by_file_name().into_iter().flatten();
                let names = walk.filter(|e| !e.file_type().is_dir());
                let names: Vec<_> =
                    names.map(|e| e.path().strip_prefix(&folder).unwrap().display().to_string()).collect();
                names.join(" ")
            }
            Err(e) => {
                assert_eq!(e.field(), Some("model"));
                assert!(matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::DiskFull), "{e:?}");
                // Looking refuses; unpacking alone lets nothing out either.
                let _ = unpack(&path, &folder, 1 << 20);
                e.message().replace(&path.display().to_string(), "M")
            }
        };
        assert!(got.contains(expect), "{got}");
        let mut outside: Vec<_> = std::fs::read_dir(outer.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        outside.sort();
        assert_eq!(outside, ["in", "m.tar.gz"], "nothing got out");
        assert_eq!(std::fs::read_dir(outer.path().join("in")).unwrap().count(), 1, "nothing got out");
    }

    #[test]
    fn good_archives() {
        check(
            &archive(&[Plain("model.joblib", b"x"), Plain("./code/inference.py", b"")]),
            "code/inference.py model.joblib",
        );
        check(&archive(&[Plain("a/b", b"x"), Symlink("a/c", "b"), Hardlink("d", "a/b")]), "a/b a/c d");
    }

    #[test]
    fn archives_that_want_out() {
        check(&archive(&[Plain("ok", b""), Plain("../evil", b"x")]), "“../evil” leads out of its folder by ..");
        check(&archive(&[Plain("a/../../evil", b"x")]), "leads out");
        check(&archive(&[Plain("/evil", b"x")]), "is an absolute path");
        check(&archive(&[Symlink("a", "../../evil")]), "is a link out of its folder");
        check(&archive(&[Symlink("a", "/etc")]), "is a link out of its folder");
        check(&archive(&[Hardlink("a", "../m.tar.gz")]), "is a link out of its folder");
        check(&archive(&[Symlink("a", "."), Plain("a/evil", b"x")]), "lies below a link");
        check(&archive(&[Device("tty")]), "is neither a file nor a folder");
        check(&archive(&[Plain("a\x1b[31m", b"")]), "control characters");
        check(&archive(&[Plain("a", b"1"), Plain("a", b"2")]), "is there twice");
        check(&archive(&[Plain("big", &vec![0; 2 << 20])]), "more than the 1.00 MiB");
    }

    #[test]
    fn damaged_archives() {
        let whole = archive(&[Plain("model", &vec![7; 10_000])]);
        check(&whole[..whole.len() / 2], "is damaged");
        check(&whole[..whole.len() - 4], "is damaged");
        check(b"", "is empty");
        check(b"PK\x03\x04rest", "is a zip file");
        check(b"no archive at all, but text that is long enough to be read as one".repeat(20).as_slice(), "is damaged");
        check(&archive(&[]), "holds no files");
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let outer = tempfile::tempdir().unwrap();
        let from = outer.path().join("from");
        std::fs::create_dir_all(from.join("code")).unwrap();
        std::fs::write(from.join("code/inference.py"), "x").unwrap();
        std::fs::write(from.join("curfew-model.json"), "{}").unwrap();
        let (one, two) = (outer.path().join("1.tar.gz"), outer.path().join("2.tar.gz"));
        assert!(crate::pack::pack(&from, &one).unwrap());
        assert!(crate::pack::pack(&from, &two).unwrap());
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap(), "the same files, the same bytes");
        let contents = look_through(&one, 1 << 20).unwrap();
        assert!(contents.has_script && contents.made_with.as_deref() == Some(b"{}".as_slice()));
        std::fs::remove_dir_all(&from).unwrap();
        std::fs::create_dir_all(&from).unwrap();
        assert!(!crate::pack::pack(&from, &one).unwrap(), "nothing to pack");
    }
}
