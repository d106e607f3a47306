//! Virtual environments, cached by what is in them.
//!
//! The folder's name is a hash of the requirements and the Python, so the same requirements are installed once.
//! A virtual environment cannot be moved (its scripts name its path), so it is built where it stays, under a lock, and
//! counts only once `ready.json` is in it.

use crate::python::Interpreter;
use curfew_core::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The Python that a script or server gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Used as it is, or to make the virtual environment.
    pub interpreter: Interpreter,
    /// What has to be installed; `None`: nothing.
    pub packages: Option<Packages>,
}

/// What has to be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packages {
    /// The content of a requirements.txt.
    pub requirements: String,
    /// Versions that a model was made with, as pip's constraints: used where asked for anyway.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// Set where the requirements name files: they may change, so the environment is this run's alone.
    #[serde(default)]
    pub only_for: Option<String>,
}

/// Written into an environment when it is whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub python: String,
    pub requirements: String,
    pub made: Timestamp,
    /// The interpreter it was made from, without which it does not work.
    pub base: PathBuf,
}

impl Packages {
    /// `None` where nothing is asked for.
    pub(crate) fn of(requirements: &str, owner: &str) -> Option<Self> {
        let lines: Vec<&str> = lines(requirements).collect();
        if lines.is_empty() {
            return None;
        }
        let names_files = lines.iter().any(|l| {
            l.starts_with(['.', '/', '-'])
                || l.contains("file:")
                || l.contains("git+")
                || Path::new(l).extension().is_some_and(|e| e == "whl")
        });
        let only_for = names_files.then(|| owner.to_owned());
        Some(Self { requirements: requirements.to_owned(), constraints: Vec::new(), only_for })
    }
}

/// The lines that ask for something.
fn lines(requirements: &str) -> impl Iterator<Item = &str> {
    requirements
        .lines()
        .map(|l| l.split(" #").next().unwrap_or(l).trim())
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
}

impl Environment {
    /// The name of its virtual environment; `None` where it needs none. Comments and empty lines do not matter.
    pub(crate) fn key(&self) -> Option<String> {
        let packages = self.packages.as_ref()?;
        let mut hash = Sha256::new();
        for line in lines(&packages.requirements) {
            hash.update(line);
            hash.update("\n");
        }
        for line in packages.constraints.iter().chain(&packages.only_for) {
            hash.update("\0");
            hash.update(line);
        }
        hash.update(format!("\0{}\0{}", self.interpreter.version, self.interpreter.path.display()));
        let mut key = format!("py{}-", self.interpreter.version.minor_line().replace('.', ""));
        for byte in &hash.finalize()[..10] {
            _ = write!(key, "{byte:02x}");
        }
        Some(key)
    }
}

/// Where the parts of a cached environment lie.
pub(crate) struct Place {
    pub folder: PathBuf,
}

impl Place {
    pub(crate) fn of(venvs: &Path, key: &str) -> Self {
        Self { folder: venvs.join(key) }
    }
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
    pub(crate) fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }
    /// Held while it is built or removed. Beside the folder, so that removing it does not remove the lock.
    pub(crate) fn lock(&self) -> PathBuf {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.folder.with_file_name(format!(".{name}.lock"))
    }
    /// Its time of change is when it was used last.
    pub(crate) fn used(&self) -> PathBuf {
        self.folder.join("used")
    }
    pub(crate) fn ready(&self) -> curfew_core::Result<Option<Ready>> {
        let ready: Option<Ready> =
            crate::files::read_json(&self.folder.join("ready.json"), "a virtual environment's mark")?;
        // The Python it was made from may have been removed since: then its own link leads nowhere.
        Ok(ready.filter(|_| self.python().exists()))
    }
    pub(crate) fn mark_ready(&self, ready: &Ready) -> std::io::Result<()> {
        crate::files::write_json(&self.folder.join("ready.json"), ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::Version;

    fn key(requirements: &str, version: &str) -> Option<String> {
        let interpreter = Interpreter { path: "/usr/bin/python3".into(), version: Version::parse(version).unwrap() };
        Environment { interpreter, packages: Packages::of(requirements, "r") }.key()
    }

    #[test]
    fn the_same_requirements_have_the_same_key() {
        assert_eq!(key("", "3.11.7"), None);
        assert_eq!(key("# nothing\n\n", "3.11.7"), None);
        let one = key("numpy==2.1 # pinned\n", "3.11.7").unwrap();
        assert!(one.starts_with("py311-"), "{one}");
        assert_eq!(key("# first\r\nnumpy==2.1\r\n", "3.11.7").unwrap(), one);
        assert_ne!(key("numpy==2.2", "3.11.7").unwrap(), one);
        assert_ne!(key("numpy==2.1", "3.12.1").unwrap(), one);
        assert_eq!(Packages::of("./my-package", "r").unwrap().only_for.as_deref(), Some("r"));
        assert_eq!(Packages::of("numpy>=1", "r").unwrap().only_for, None);
    }
}
