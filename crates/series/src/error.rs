use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a series on disk or with a definition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder in question.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was exported could not be written.
    #[error("the export could not be written: {0}")]
    Export(io::Error),
    /// Another process writes this series. There is one writer per run.
    #[error("{}: another process is writing this series", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file is not what a writer of ours leaves behind, even after a crash.
    #[error("{}: {what} at byte {offset}", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where the damage starts.
        offset: u64,
        /// What was found there.
        what: &'static str,
    },
    /// A metric definition cannot be used.
    #[error("metric “{name}”: {reason}")]
    Definition {
        /// The metric's name as written by the user.
        name: String,
        /// What is wrong with it, in words for the user.
        reason: String,
    },
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds the path to an I/O error.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { path: path.to_owned(), source })
    }
}
