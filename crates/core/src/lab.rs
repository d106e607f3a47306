//! Lab sessions: what was started within one, and what may be said at its end.

use crate::ids::LabId;
use crate::money::{Cost, HourlyRate, Money, Total};
use crate::plan::PlanItem;
use crate::sweep::Gap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A lab session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabSession {
    /// Its id.
    pub id: LabId,
    /// What it is called.
    pub name: String,
    /// When it began.
    pub started: Timestamp,
    /// When its end was proved.
    pub ended: Option<Timestamp>,
}

/// Something that was started within a session, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// "training run", "endpoint".
    pub what: String,
    /// Its id.
    pub id: String,
    /// Its name. Data.
    pub name: String,
    /// Where: "This computer".
    pub place: String,
    /// When.
    pub at: Timestamp,
    /// Its state at the check, or "removed".
    pub state: String,
    /// What it has cost.
    pub so_far: Cost<Money>,
}

/// The cleanup check of a session, and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabReport {
    /// The session.
    pub session: LabSession,
    /// When it was checked.
    pub checked: Timestamp,
    /// Who checked.
    pub by: String,
    /// What may be said.
    pub state: CleanState,
    /// What was started.
    pub started: Vec<Started>,
    /// What is still there, with what removes it.
    pub left: Vec<PlanItem>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What was read: "This computer: runs, endpoints, …".
    pub read: Vec<String>,
    /// What still costs by the hour.
    pub still: Total<HourlyRate>,
    /// What the session has cost.
    pub spent: Total<Money>,
}

/// What may be said of a session's end. "Clean" only where everything was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CleanState {
    /// Everything was read and nothing is left.
    AllClean,
    /// So many things are left.
    NotClean {
        /// How many.
        left: usize,
    },
    /// Nothing was found, but not everything could be read.
    NotFullyChecked {
        /// How many gaps.
        gaps: usize,
    },
}

impl CleanState {
    /// Judges.
    pub fn of(left: usize, gaps: &[Gap]) -> Self {
        match (left, gaps.len()) {
            (0, 0) => Self::AllClean,
            (0, gaps) => Self::NotFullyChecked { gaps },
            (left, _) => Self::NotClean { left },
        }
    }
    /// The headline.
    pub fn headline(&self, still: &Total<HourlyRate>) -> String {
        match self {
            Self::AllClean => "All clean: $0.00 an hour still running".into(),
            Self::NotClean { left } => {
                let cost = still.sum().map_or_else(|| "price unknown or not billed".into(), |r| format!("{r} an hour"));
                format!("Not clean: {} still there, {cost}", crate::say::count(*left, "thing is", "things are"))
            }
            Self::NotFullyChecked { gaps } => {
                format!("Not fully checked: {} could not be read", crate::say::count(*gaps, "place", "places"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::ids::{AccountId, CloudId};

    #[test]
    fn clean_is_said_only_where_everything_was_read() {
        let error = Error::new(ErrorKind::PermissionDenied, "list", "not allowed");
        let gap = Gap::new(&CloudId::new("aws").unwrap(), &AccountId("1".into()), None, "endpoints", &error);
        assert_eq!(CleanState::of(0, &[]), CleanState::AllClean);
        assert_eq!(CleanState::of(0, std::slice::from_ref(&gap)), CleanState::NotFullyChecked { gaps: 1 });
        assert_eq!(CleanState::of(2, &[gap]), CleanState::NotClean { left: 2 });
    }
}
