//! The list of connections, without secrets: `aws-connections.json` in the home. And what AWS answered to "whose keys are
//! these", so that later starts ask nobody: `aws-accounts.json`.

use super::Identity;
use curfew_core::{Error, ErrorKind, Result, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// A connection, one for each account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Twelve digits.
    pub account: String,
    /// Who the keys belong to.
    pub arn: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// Its home region, where the user or what was pasted named one.
    pub region: Option<String>,
    /// Where its keys are.
    pub from: From,
}

/// Where the keys of a connection are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum From {
    /// In a profile of ~/.aws.
    Profile {
        /// Its name.
        profile: String,
        /// The files' state in which it was seen to be this account.
        mark: u64,
    },
    /// By a role that was chosen of an SSO session; nothing in ~/.aws names it.
    Sso {
        /// The session's name in ~/.aws/config.
        session: String,
        /// The role's name.
        role: String,
    },
    /// Pasted; in the keychain, or in memory.
    Keys {
        /// The last characters of the key's id.
        tail: String,
        /// They are temporary.
        temporary: bool,
        /// When.
        pasted: Timestamp,
        /// Their end, where what was pasted named it.
        until: Option<Timestamp>,
        /// A code of a second factor has opened them, of this profile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        coded: Option<String>,
        /// They are not in the keychain; why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        this_session_only: Option<String>,
    },
}

/// An answer to "whose keys are these".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub account: String,
    pub arn: String,
    /// When these keys were first seen here.
    pub seen: Timestamp,
}

/// Both files of a home.
#[derive(Debug, Clone)]
pub(super) struct Records {
    folder: PathBuf,
}

const LIST: &str = "aws-connections.json";
const NOTES: &str = "aws-accounts.json";

impl Records {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
    /// The list's state on disk; another one after each change.
    pub(super) fn stamp(&self) -> String {
        let meta = self.folder.join(LIST).metadata().ok();
        let changed = meta.as_ref().and_then(|m| m.modified().ok());
        let nanos = changed.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |t| t.as_nanos());
        format!("{nanos} {}", meta.map_or(0, |m| m.len()))
    }
    /// All connections. A list that cannot be understood is an error, never an empty list.
    pub(super) fn list(&self) -> Result<Vec<Record>> {
        Ok(self.read(LIST)?.unwrap_or_default())
    }
    /// Changes the list, one process at a time.
    pub(super) fn change<T>(&self, f: impl FnOnce(&mut Vec<Record>) -> T) -> Result<T> {
        std::fs::create_dir_all(&self.folder).map_err(|e| io(&self.folder, e))?;
        let path = self.folder.join("aws-connections.lock");
        let lock = File::options().create(true).append(true).open(&path).map_err(|e| io(&path, e))?;
        lock.lock().map_err(|e| io(&path, e))?;
        let mut list = self.list()?;
        let out = f(&mut list);
        self.write(LIST, &list)?;
        Ok(out)
    }
    pub(super) fn note(&self, mark: u64) -> Option<Note> {
        // A note that cannot be read is asked for again.
        let notes: BTreeMap<String, Note> = self.read(NOTES).ok().flatten().unwrap_or_default();
        notes.get(&mark.to_string()).cloned()
    }
    pub(super) fn put_note(&self, mark: u64, note: &Note) {
        // Only the present state of the files is ever asked for; older ones go with time.
        let mut notes: BTreeMap<String, Note> = self.read(NOTES).ok().flatten().unwrap_or_default();
        while notes.len() >= 20 {
            let Some(oldest) = notes.iter().min_by_key(|(_, n)| n.seen).map(|(k, _)| k.clone()) else { break };
            notes.remove(&oldest);
        }
        notes.insert(mark.to_string(), note.clone());
        // That it is asked again next time is all that follows from a failed write.
        if std::fs::create_dir_all(&self.folder).is_ok() {
            let _ = self.write(NOTES, &notes);
        }
    }
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.folder.join(name);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| {
                Error::new(
                    ErrorKind::Corrupt,
                    "read the list of accounts",
                    format!("{} is damaged: {e}", path.display()),
                )
                .next("Move it aside and connect the accounts again; what runs in them goes on")
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io(&path, e)),
        }
    }
    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.folder.join(name);
        let text = serde_json::to_vec_pretty(value).map_err(|e| io(&path, e.into()))?;
        let part = self.folder.join(format!("{name}.part"));
        std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &path)).map_err(|e| io(&path, e))
    }
}

fn io(path: &Path, e: std::io::Error) -> Error {
    Error::io("keep the list of accounts", path.display(), e)
}

/// A short mark of anything. The same in each process of one version, which is all that is asked of it; nothing can be
/// read back from it.
pub(super) fn mark(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Note {
    pub(super) fn new(who: Identity, seen: Timestamp) -> Self {
        Self { account: who.account, arn: who.arn, seen }
    }
}
