//! A copy of the script folder, so that a run is not changed by what is edited while it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// No script folder has more files than this; a folder of images has, and is data.
const MOST_FILES: usize = 50_000;

/// What would be copied.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Paths below the folder: folders first, then files.
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    pub bytes: u64,
}

/// Why a folder is not copied.
#[derive(Debug)]
pub(crate) enum TooMuch {
    /// More bytes than allowed.
    Bytes,
    /// More files than anyone writes.
    Files,
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for TooMuch {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

/// Looks what would be copied from `folder`, without `except` (absolute paths) and what is no part of a script.
///
/// Links are followed; those that lead nowhere or in a circle are left out, as is what is neither file nor folder.
pub(crate) fn plan(folder: &Path, except: &[PathBuf], most_bytes: u64) -> Result<Plan, TooMuch> {
    let mut plan = Plan::default();
    let walk = walkdir::WalkDir::new(folder).follow_links(true).min_depth(1).sort_by_file_name();
    let wanted = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let left_out =
            entry.file_type().is_dir() && (LEFT_OUT.contains(&&*name) || entry.path().join("pyvenv.cfg").exists());
        !left_out && !except.iter().any(|e| e == entry.path())
    };
    for entry in walk.into_iter().filter_entry(wanted) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if e.loop_ancestor().is_some() => continue,
            Err(e) if e.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => continue,
            Err(e) => return Err(TooMuch::Io(e.into())),
        };
        let path = entry.path().strip_prefix(folder).map_err(io::Error::other)?.to_owned();
        if entry.file_type().is_dir() {
            plan.folders.push(path);
        } else if entry.file_type().is_file() {
            plan.bytes += entry.metadata().map_err(io::Error::from)?.len();
            plan.files.push(path);
            if plan.bytes > most_bytes {
                return Err(TooMuch::Bytes);
            }
            if plan.files.len() > MOST_FILES {
                return Err(TooMuch::Files);
            }
        }
    }
    Ok(plan)
}

impl Plan {
    /// Copies from `folder` to `target`, which must not be there.
    pub(crate) fn carry_out(&self, folder: &Path, target: &Path) -> io::Result<()> {
        fs::create_dir_all(target)?;
        for path in &self.folders {
            fs::create_dir_all(target.join(path))?;
        }
        for path in &self.files {
            match fs::copy(folder.join(path), target.join(path)) {
                Ok(_) => {}
                // An editor's file that went away meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn copies_what_is_part_of_a_script() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        for path in
            ["train.py", "lib/a.py", ".git/config", "env/pyvenv.cfg", "env/bin/python", "data/big.bin", "__pycache__/x"]
        {
            let path = from.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12345").unwrap();
        }
        symlink("train.py", from.join("link.py")).unwrap();
        symlink("nowhere", from.join("broken")).unwrap();
        symlink("..", from.join("lib/circle")).unwrap();
        let plan = super::plan(&from, &[from.join("data")], 1000).unwrap();
        assert_eq!(plan.bytes, 15);
        let to = folder.path().join("to");
        plan.carry_out(&from, &to).unwrap();
        let mut names: Vec<String> = walkdir::WalkDir::new(&to)
            .into_iter()
            .flatten()
            .filter(|e| e.file_type().is_file())
            .map(|e| e.path().strip_prefix(&to).unwrap().display().to_string())
            .collect();
        names.sort();
        assert_eq!(names, ["lib/a.py", "link.py", "train.py"]);
        assert!(matches!(super::plan(&from, &[], 7), Err(TooMuch::Bytes)));
    }
}
