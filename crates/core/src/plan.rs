//! Removal plans: frozen when a person looks at them, and re-checked item by item when they run.

use crate::ids::{LabId, PlanId};
use crate::money::{Cost, HourlyRate};
use crate::resource::{Artefacts, RemovalStep, Resource, ResourceKey};
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
    /// What of it is left: the reviewer has not asked for it to go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<Artefacts>,
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
    if !steps_of(item, seen).eq(item.steps.iter()) {
        return skip("Removing it would now take other steps than you saw.");
    }
    SecondLook::Proceed
}

/// The steps that are left of what an item asks for.
pub fn steps_of<'a>(item: &PlanItem, seen: &'a Resource) -> impl Iterator<Item = &'a RemovalStep> {
    let all = item.stays.is_empty();
    seen.steps.iter().filter(move |step| all || step.artefacts.is_none())
}

impl PlanItem {
    /// Leaves out what can be left out, where something else is to be done; a thing of which only this is left goes with it.
    pub fn leave_artefacts(&mut self) {
        if self.steps.iter().any(|step| step.artefacts.is_none()) {
            self.stays = self.steps.iter().filter_map(|step| step.artefacts.clone()).collect();
            self.steps.retain(|step| step.artefacts.is_none());
            if !self.stays.is_empty() {
                self.bytes = None;
            }
        }
    }
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
            stays: vec![],
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

    #[test]
    fn what_stays_may_change_and_what_goes_may_not() {
        let step = |verb: &str, bytes: Option<u64>| RemovalStep {
            verb: verb.into(),
            says: verb.into(),
            reversible: false,
            artefacts: bytes.map(|bytes| Artefacts {
                says: format!("{bytes} bytes"),
                rate: Cost::Unknown { why: "a test".into() },
            }),
        };
        let seen = |steps: &[RemovalStep]| Resource { steps: steps.to_vec(), ..thing(vec![]) };
        let mut item = item_of(&seen(&[step("delete", None), step("files", Some(7))]));
        let whole = item.clone();
        item.leave_artefacts();
        assert_eq!((item.steps.len(), item.stays.len(), item.stays[0].says.as_str()), (1, 1, "7 bytes"));
        let look =
            |item: &PlanItem, steps: &[RemovalStep]| second_look(item, Some(&seen(steps)), Timestamp::UNIX_EPOCH);
        let grown = [step("delete", None), step("files", Some(8))];
        assert_eq!(look(&item, &grown), SecondLook::Proceed, "files that stay may grow");
        assert!(matches!(look(&whole, &grown), SecondLook::Skip { .. }), "files that go may not");
        assert!(matches!(look(&item, &[step("stop", None)]), SecondLook::Skip { .. }));
        // Only files are left of it: it goes with them.
        let mut ended = item_of(&seen(&[step("files", Some(7))]));
        ended.leave_artefacts();
        assert_eq!((ended.steps.len(), ended.stays.len()), (1, 0));
    }

    fn item_of(seen: &Resource) -> PlanItem {
        PlanItem {
            key: seen.key.clone(),
            name: seen.name.clone(),
            kind_title: seen.kind_title.clone(),
            verdict: Verdict::Fine,
            why: vec![],
            rate: seen.rate.clone(),
            bytes: seen.bytes,
            steps: seen.steps.clone(),
            stays: vec![],
            fingerprint: seen.fingerprint.clone(),
            was_active: false,
            read: None,
        }
    }
}
