//! Which Python there is on this computer.

use crate::settings::Settings;
use curfew_core::error::Bill;
use curfew_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::SystemTime;

/// An interpreter that was seen to work.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Interpreter {
    /// What it says of itself (`sys.executable`), so not the shim of a version switcher.
    pub path: PathBuf,
    pub version: Version,
}

/// "3.11.7".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    /// Takes "3.11.7", "3.11" and "3.13.0rc1".
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.').map(|p| {
            let digits: String = p.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().ok()
        });
        Some(Self { major: parts.next()??, minor: parts.next()??, patch: parts.next().flatten().unwrap_or(0) })
    }
    /// "3.11", by which compiled packages and pickles fit or do not.
    pub(crate) fn minor_line(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }
    pub(crate) fn same_minor(self, other: Self) -> bool {
        (self.major, self.minor) == (other.major, other.minor)
    }
}
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
impl From<Version> for String {
    fn from(v: Version) -> Self {
        v.to_string()
    }
}
impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("“{text}” is no version"))
    }
}

/// Finds interpreters and remembers what they said, until their file changes.
#[derive(Default)]
pub(crate) struct Pythons {
    seen: Mutex<BTreeMap<PathBuf, (Option<SystemTime>, Interpreter)>>,
}

const ASK: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)";

impl Pythons {
    /// The Python that runs scripts: the settings', `$CURFEW_PYTHON`, else `python3` on the PATH.
    pub(crate) fn usual(&self, settings: &Settings) -> Result<Interpreter> {
        let chosen = settings.python.clone().or_else(|| std::env::var_os("CURFEW_PYTHON").map(PathBuf::from));
        let (path, from) = match chosen {
            Some(path) => (path, "CURFEW_PYTHON"),
            None => (PathBuf::from("python3"), "the PATH"),
        };
        self.ask(&path).map_err(|why| {
            Error::new(
                ErrorKind::MissingProgram,
                "find Python",
                format!("Python cannot be used: {why} ({} from {from})", path.display()),
            )
            .next("Install it (on Debian and Ubuntu: sudo apt install python3 python3-venv), or name one in CURFEW_PYTHON")
            .bill(Bill::NothingStarted)
        })
    }

    /// One of the same minor version, wherever interpreters usually are.
    pub(crate) fn with_minor(&self, usual: Interpreter, wanted: Version) -> Option<Interpreter> {
        self.with_minor_below(usual, wanted, std::env::home_dir().as_deref())
    }

    fn with_minor_below(&self, usual: Interpreter, wanted: Version, home: Option<&Path>) -> Option<Interpreter> {
        if usual.version.same_minor(wanted) {
            return Some(usual);
        }
        let name = format!("python{}", wanted.minor_line());
        let mut places = vec![PathBuf::from(&name)];
        places.extend(["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(|d| Path::new(d).join(&name)));
        if let Some(home) = home {
            // pyenv, uv, conda: each version in a folder of its own.
            for (folder, inside) in
                [(".pyenv/versions", "bin"), (".local/share/uv/python", "bin"), ("miniconda3/envs", "bin")]
            {
                let Ok(entries) = std::fs::read_dir(home.join(folder)) else { continue };
                let mut found: Vec<PathBuf> = entries.flatten().map(|e| e.path().join(inside).join(&name)).collect();
                // Newest last in name order; take it first.
                found.sort();
                found.reverse();
                places.extend(found.into_iter().filter(|p| p.exists()));
            }
        }
        places.iter().find_map(|p| self.ask(p).ok().filter(|i| i.version.same_minor(wanted)))
    }

    /// Asks an interpreter for its version. A shim that finds nothing, or something that is no Python, says why.
    pub(crate) fn ask(&self, path: &Path) -> std::result::Result<Interpreter, String> {
        let modified = path.metadata().and_then(|m| m.modified()).ok();
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A bare name may lead elsewhere when the PATH changes; only a file is remembered.
        if let Some((_, known)) = seen.get(path).filter(|(then, _)| modified.is_some() && *then == modified) {
            return Ok(known.clone());
        }
        let found = ask(path.as_os_str())?;
        if modified.is_some() {
            seen.insert(path.to_owned(), (modified, found.clone()));
        }
        Ok(found)
    }
}

fn ask(program: &OsStr) -> std::result::Result<Interpreter, String> {
    let mut command = Command::new(program);
    command.args(["-I", "-c", ASK]).stdin(Stdio::null()).current_dir("/");
    let output = command.output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "it is not there".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be started".to_owned(),
        _ => e.to_string(),
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    match (lines.next().and_then(Version::parse), lines.next()) {
        (Some(version), Some(path)) if output.status.success() && !path.is_empty() => {
            if (version.major, version.minor) < (3, 8) {
                return Err(format!("it is Python {version}, and 3.8 or later is needed"));
            }
            Ok(Interpreter { path: path.into(), version })
        }
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it did not tell its version");
            Err(curfew_core::say::clean(said.trim(), 200))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Version::parse(text).map(|v| v.to_string()).as_deref(), expect, "{text}");
        };
        check("3.11.7", Some("3.11.7"));
        check("3.11", Some("3.11.0"));
        check("3.13.0rc1", Some("3.13.0"));
        check("3", None);
        check("x.y", None);
    }

    #[test]
    fn finds_another_version_where_version_managers_keep_them() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let make = |place: &str, version: &str| {
            let path = home.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, format!("#!/bin/sh\necho {version}\necho {}\n", path.display())).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let older = make(".pyenv/versions/3.97.1/bin/python3.97", "3.97.1");
        make(".pyenv/versions/3.96.2/bin/python3.96", "3.95.0");
        let pythons = Pythons::default();
        let usual = pythons.usual(&Settings::default()).unwrap();
        let find = |text: &str| {
            let found = pythons.with_minor_below(usual.clone(), Version::parse(text).unwrap(), Some(home.path()));
            found.map(|i| i.path)
        };
        assert_eq!(find("3.97.0"), Some(older), "the same minor version will do");
        assert_eq!(find("3.96.2"), None, "one that says otherwise is not it");
        assert_eq!(find(&usual.version.to_string()), Some(usual.path.clone()));
    }

    #[test]
    fn finds_the_usual_one_and_says_why_another_is_none() {
        let pythons = Pythons::default();
        let usual = pythons.usual(&Settings::default()).unwrap();
        assert!(usual.path.is_absolute());
        let error = |path: &str| {
            let settings = Settings { python: Some(path.into()), ..Settings::default() };
            pythons.usual(&settings).unwrap_err()
        };
        assert_eq!(error("/nowhere/python3").kind(), ErrorKind::MissingProgram);
        assert!(error("/nowhere/python3").message().contains("it is not there"));
        assert!(error("/bin/true").message().contains("did not tell its version"));
    }
}
