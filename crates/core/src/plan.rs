//! Removal plans: frozen when a person looks at them, and re-checked item by item when they run.

use crate::ids::{LabId, PlanId};
use crate::money::{Cost, HourlyRate};
use crate::resource::{RemovalStep, Resource, ResourceKey};
use crate::sweep::Gap;
use crate::verdict::Verdict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One item of a plan, as the reviewer saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    /// What.
    pub key: ResourceKey,
    /// Its name, for people.
    pub name: String,
    /// Its kind, for people.
    pub kind_title: String,
    /// What was thought of it.
    pub verdict: Verdict,
    /// Why.
    pub why: Vec<String>,
    /// What ending it saves.
    pub rate: Cost<HourlyRate>,
    /// Disk it frees.
    pub bytes: Option<u64>,
    /// What will be done, in order.
    pub steps: Vec<RemovalStep>,
    /// What it looked like.
    pub fingerprint: String,
    /// It was at work when the plan was made, and the reviewer chose it all the same.
    pub was_active: bool,
    /// When it was read for the plan; a use after that is one that the reviewer did not see.
    #[serde(default)]
    pub read: Option<Timestamp>,
}

/// A plan. The file is the plan: what runs is what was written and seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// When it was frozen.
    pub made: Timestamp,
    /// For a lab session's end.
    pub lab: Option<LabId>,
    /// In the order in which they run.
    pub items: Vec<PlanItem>,
    /// What could not be read when it was made.
    pub gaps: Vec<Gap>,
}

/// What the second look says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
pub enum SecondLook {
    /// As it was: go on.
    Proceed,
    /// No longer there: nothing to do.
    AlreadyGone,
    /// Leave it, and say why.
    Skip {
        /// One sentence.
        why: String,
    },
}

/// Compares an item with what is there now (`None`: the provider said that it is gone).
pub fn second_look(item: &PlanItem, seen: Option<&Resource>, now: Timestamp) -> SecondLook {
    let skip = |why: &str| SecondLook::Skip { why: why.into() };
    let Some(seen) = seen else { return SecondLook::AlreadyGone };
    if seen.keep_until.is_some_and(|u| u > now) {
        return skip("It has been marked keep since.");
    }
    if seen.is_active() && !item.was_active {
        return skip("It has come into use since.");
    }
    if item.read.zip(seen.last_used()).is_some_and(|(read, used)| used > read) {
        return skip("It has been used since.");
    }
    if seen.fingerprint != item.fingerprint {
        return skip("It has changed since.");
    }
    if seen.steps != item.steps {
        return skip("Removing it would now take other steps than you saw.");
    }
    SecondLook::Proceed
}

/// What happened to one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What.
    pub key: ResourceKey,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub result: OutcomeResult,
}

/// How an item of a plan ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OutcomeResult {
    /// Removed, and seen to be gone.
    Removed,
    /// It was gone before.
    AlreadyGone,
    /// Left as it is.
    Skipped {
        /// Why.
        why: String,
    },
    /// The step failed; the thing may still be there.
    Failed {
        /// Why.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Evidence;
    use crate::verdict::tests::thing;
    use jiff::SignedDuration;

    #[test]
    fn a_use_that_the_reviewer_did_not_see_speaks_against_going_on() {
        let read = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let used = |minutes| {
            let at = read + SignedDuration::from_mins(minutes);
            thing(vec![Evidence::LastUsed { at, how: "CloudWatch Invocations".into() }])
        };
        let known = thing(vec![]);
        let item = PlanItem {
            key: known.key,
            name: known.name,
            kind_title: known.kind_title,
            verdict: Verdict::Fine,
            why: vec![],
            rate: known.rate,
            bytes: None,
            steps: vec![],
            fingerprint: known.fingerprint,
            was_active: false,
            read: Some(read),
        };
        let now = read + SignedDuration::from_hours(1);
        // A request from before the plan may be counted only after it: the reviewer's own prediction is no reason to stop.
        assert_eq!(second_look(&item, Some(&used(-1)), now), SecondLook::Proceed);
        assert_eq!(second_look(&item, Some(&used(1)), now), SecondLook::Skip { why: "It has been used since.".into() });
        assert_eq!(second_look(&item, None, now), SecondLook::AlreadyGone);
    }
}
