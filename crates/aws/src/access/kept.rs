//! What is kept of an account in a file of the home: which role and bucket were chosen, and which regions are enabled.
//! No secret is in it. Every process of the home reads it anew when it has changed.

use curfew_core::{Error, RegionName, Result, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Notes {
    /// The chosen execution role's ARN.
    pub role: Option<String>,
    /// The chosen bucket.
    pub bucket: Option<InRegion>,
    /// Buckets that were chosen before: runs may still lie there.
    pub earlier: Vec<InRegion>,
    /// The enabled regions.
    pub regions: Option<Enabled>,
    /// List prices that were asked for, by "REGION MACHINE".
    pub prices: std::collections::BTreeMap<String, crate::market::heard::Told>,
    /// What serverless endpoints cost, where the account's price list has told it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub serverless: BTreeMap<RegionName, crate::market::Seconds>,
}

/// A bucket and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InRegion {
    pub name: String,
    pub region: RegionName,
}

/// The enabled regions, and when AWS told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enabled {
    pub at: Timestamp,
    pub names: Vec<RegionName>,
}

/// The file, and what was last read of it. Without a file, memory alone.
#[derive(Debug)]
pub(crate) struct Kept {
    path: Option<PathBuf>,
    last: Mutex<(Option<(SystemTime, u64)>, Notes)>,
}

impl Kept {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, last: Mutex::default() }
    }

    /// What is kept now. A file that cannot be read as what it should be counts as empty: all of it can be chosen and
    /// found out again.
    pub(crate) fn notes(&self) -> Notes {
        let mut last = self.last.lock().expect("nothing panics while it is held");
        let Some(path) = &self.path else { return last.1.clone() };
        let mark = path.metadata().ok().and_then(|m| Some((m.modified().ok()?, m.len())));
        if mark != last.0 {
            let read = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
            *last = (mark, read.unwrap_or_default());
        }
        last.1.clone()
    }

    /// Changes it. Written whole or not at all.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Notes)) -> Result<()> {
        let mut notes = self.notes();
        change(&mut notes);
        let mut last = self.last.lock().expect("nothing panics while it is held");
        if let Some(path) = &self.path {
            let io = |e| Error::io("keep what was chosen", path.display(), e);
            let folder = path.parent().unwrap_or(path);
            std::fs::create_dir_all(folder).map_err(io)?;
            let text = serde_json::to_vec_pretty(&notes).map_err(|e| io(e.into()))?;
            let mut whole = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
            std::io::Write::write_all(&mut whole, &text).map_err(io)?;
            whole.persist(path).map_err(|e| io(e.error))?;
            // Read again by the next look: two writes may fall into one tick of the file system's clock.
            last.0 = None;
        }
        last.1 = notes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_see_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts").join("aws-1.json");
        let (one, other) = (Kept::new(Some(path.clone())), Kept::new(Some(path.clone())));
        assert_eq!(other.notes(), Notes::default());
        one.change(|n| n.role = Some("arn:aws:iam::1:role/a".into())).unwrap();
        assert_eq!(other.notes().role.as_deref(), Some("arn:aws:iam::1:role/a"));
        other.change(|n| n.bucket = Some(InRegion { name: "b".into(), region: "eu-west-1".parse().unwrap() })).unwrap();
        let both = one.notes();
        assert!(both.role.is_some() && both.bucket.is_some(), "{both:?}");
        std::fs::write(&path, "not json").unwrap();
        assert_eq!(one.notes(), Notes::default());
    }
}
