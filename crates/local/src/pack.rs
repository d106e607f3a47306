//! The model folder as model.tar.gz, the same bytes for the same files.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// Packs `folder` into `archive`, which appears whole or not at all. `false`: there was nothing to pack.
///
/// Links are followed, since they would lead nowhere on another machine; what is no file and no folder is left out.
pub(crate) fn pack(folder: &Path, archive: &Path) -> io::Result<bool> {
    let temporary = archive.with_extension("gz.tmp");
    let result = write(folder, &temporary);
    if !matches!(result, Ok(true)) {
        let _ = fs::remove_file(&temporary);
        return result;
    }
    fs::rename(&temporary, archive)?;
    Ok(true)
}

fn write(folder: &Path, archive: &Path) -> io::Result<bool> {
    let walk = walkdir::WalkDir::new(folder).follow_links(true).min_depth(1).sort_by_file_name();
    // Fast: models are floats, which hardly compress, and a GPU's owner should not wait for gzip.
    let gzip = GzEncoder::new(BufWriter::new(File::create(archive)?), Compression::fast());
    let mut tar = Builder::new(gzip);
    let mut any = false;
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            // A link that leads nowhere, or in a circle.
            Err(e) if e.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => continue,
            Err(e) if e.loop_ancestor().is_some() => continue,
            Err(e) => return Err(e.into()),
        };
        let name = entry.path().strip_prefix(folder).map_err(io::Error::other)?;
        let metadata = entry.metadata()?;
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            tar.append_data(&mut header, name, io::empty())?;
        } else if metadata.is_file() {
            any = true;
            header.set_mode(if is_executable(&metadata) { 0o755 } else { 0o644 });
            header.set_size(metadata.len());
            let mut file = File::open(entry.path())?;
            tar.append_data(&mut header, name, &mut file)?;
        }
    }
    let mut out = tar.into_inner()?.finish()?;
    out.flush()?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(any)
}

fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}
