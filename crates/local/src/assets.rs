//! The runners and labs that the binary carries, written out for Python to run.

use crate::files;
use curfew_core::{Error, Home, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Every file, by its path below assets: `labs/iris/train.py`.
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The paths of all files, sorted: `runners/serve.py`, `labs/iris/lab.toml`.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _)| *path)
}

/// One file's content.
pub fn file(path: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(p, _)| *p == path).map(|(_, content)| *content)
}

/// The ids of the labs, sorted: each has a `labs/ID/lab.toml`.
pub fn labs() -> Vec<&'static str> {
    paths().filter_map(|p| p.strip_prefix("labs/")?.strip_suffix("/lab.toml")).filter(|id| !id.contains('/')).collect()
}

/// Writes the files out, if that has not been done, and returns their folder, which changes with their content.
///
/// What a user changed there is put back, so that a run never starts on half an update.
pub fn ensure(home: &Home) -> Result<PathBuf> {
    let io = |e| Error::io("write the runners", "the files that Curfew brings cannot be written", e);
    let folder = home.assets().join(version());
    if folder.is_dir() && FILES.iter().all(|(p, content)| std::fs::read(folder.join(p)).is_ok_and(|c| c == *content)) {
        return Ok(folder);
    }
    files::make_private_folder(&folder).map_err(io)?;
    for (path, content) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        // Each whole at any moment: a server may be starting from them now.
        files::write_atomic(&path, content).map_err(io)?;
    }
    Ok(folder)
}

/// The folder of a lab on disk, with its scripts and data.
pub fn lab(home: &Home, id: &str) -> Result<PathBuf> {
    if !labs().contains(&id) {
        let error = Error::new(curfew_core::ErrorKind::NotFound, "find the lab", format!("there is no lab “{id}”"));
        return Err(error.next(format!("There is: {}", labs().join(", "))));
    }
    Ok(ensure(home)?.join("labs").join(id))
}

fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hash = Sha256::new();
        for (path, content) in FILES {
            hash.update(path);
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
        hash.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
            _ = write!(text, "{byte:02x}");
            text
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_written_out_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert_eq!(labs(), ["iris"]);
        let assets = ensure(&home).unwrap();
        let serve = assets.join("runners/serve.py");
        assert_eq!(std::fs::read(&serve).unwrap(), file("runners/serve.py").unwrap());
        std::fs::write(&serve, "broken").unwrap();
        assert_eq!(ensure(&home).unwrap(), assets);
        assert_eq!(std::fs::read(&serve).unwrap(), file("runners/serve.py").unwrap());
        assert!(lab(&home, "iris").unwrap().join("train.py").is_file());
        assert!(lab(&home, "../x").is_err());
    }
}
