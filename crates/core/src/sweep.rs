//! The answer of every list: what was found, and what could not be read.

use crate::error::{Error, ErrorKind};
use crate::ids::{AccountId, CloudId, RegionName};
use serde::{Deserialize, Serialize};

/// Items and gaps. An empty `items` means "nothing there" only where `gaps` is empty too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep<T> {
    /// What was found.
    pub items: Vec<T>,
    /// What could not be read, and why.
    pub gaps: Vec<Gap>,
}

impl<T> Default for Sweep<T> {
    fn default() -> Self {
        Self { items: Vec::new(), gaps: Vec::new() }
    }
}

impl<T> Sweep<T> {
    /// Everything was read.
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, gaps: Vec::new() }
    }
    /// Was everything read?
    pub const fn is_whole(&self) -> bool {
        self.gaps.is_empty()
    }
    /// Takes in another answer.
    pub fn absorb(&mut self, other: Self) {
        self.items.extend(other.items);
        self.gaps.extend(other.gaps);
    }
    /// The same gaps with other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Sweep<U> {
        Sweep { items: self.items.into_iter().map(f).collect(), gaps: self.gaps }
    }
}

/// Something that could not be read. Shown wherever its absence could be taken for "clean".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The cloud.
    pub cloud: CloudId,
    /// The account.
    pub account: AccountId,
    /// The region, or none for what has no region.
    pub region: Option<RegionName>,
    /// What was being listed, in words ("SageMaker endpoints").
    pub what: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The error's kind, so that "not allowed" and "cut by expiry" can be told apart.
    pub kind: ErrorKind,
}

impl Gap {
    /// A gap from the error that made it.
    pub fn new(
        cloud: &CloudId,
        account: &AccountId,
        region: Option<&RegionName>,
        what: impl Into<String>,
        error: &Error,
    ) -> Self {
        Self {
            cloud: cloud.clone(),
            account: account.clone(),
            region: region.cloned(),
            what: what.into(),
            reason: error.message().to_owned(),
            kind: error.kind(),
        }
    }
}
