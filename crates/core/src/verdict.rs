//! From evidence to a verdict. The only place that says "forgotten".

use crate::resource::{Evidence, Resource};
use crate::say;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What we think of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Costs (or holds space) for nobody.
    Forgotten,
    /// Probably so: the evidence has a hole or is young.
    Probably,
    /// Usage could not be read: not judged, and so not clean either.
    NotJudged,
    /// In use, or has a curfew that somebody holds.
    Fine,
    /// Someone said keep.
    Kept,
}

impl Verdict {
    /// The word on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forgotten => "forgotten",
            Self::Probably => "probably",
            Self::NotJudged => "not judged",
            Self::Fine => "fine",
            Self::Kept => "kept",
        }
    }
    /// Does it belong in "needs you"?
    pub const fn needs_you(self) -> bool {
        matches!(self, Self::Forgotten | Self::Probably)
    }
}

/// A verdict with its reasons, each a plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// What we think.
    pub verdict: Verdict,
    /// Why, strongest first.
    pub why: Vec<String>,
}

/// After how long without use a thing counts as forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// After how long it is worth a question.
const PROBABLY_AFTER: SignedDuration = SignedDuration::from_hours(2);

/// Judges one resource at `now`.
pub fn judge(resource: &Resource, now: Timestamp) -> Judged {
    let mut why = Vec::new();
    if let Some(until) = resource.keep_until.filter(|&u| u > now) {
        return Judged {
            verdict: Verdict::Kept,
            why: vec![format!("Marked keep until {}.", until.strftime("%Y-%m-%d"))],
        };
    }
    let (mut active, mut needed, mut orphan, mut rebuildable, mut results, mut unknown) =
        (false, false, false, false, false, false);
    let mut last_used: Option<Timestamp> = None;
    let mut never = false;
    for evidence in &resource.evidence {
        match evidence {
            Evidence::Active { what } => {
                active = true;
                why.push(format!("At work: {what}."));
            }
            Evidence::NeededBy { what } => {
                needed = true;
                why.push(format!("Needed: {what}."));
            }
            Evidence::Orphan { of } => {
                orphan = true;
                why.push(format!("Left behind: {of}."));
            }
            Evidence::LastUsed { at, how } => {
                last_used = last_used.max(Some(*at));
                why.push(format!("Last used {} ({how}).", say::ago(*at, now)));
            }
            Evidence::NeverUsed { how } => {
                never = true;
                let made = resource.created.map_or(String::new(), |c| format!(", made {}", say::ago(c, now)));
                why.push(format!("Never used{made} ({how})."));
            }
            Evidence::Rebuildable { how } => {
                rebuildable = true;
                why.push(format!("Can be made again: {how}."));
            }
            Evidence::HoldsResults { what } => {
                results = true;
                why.push(format!("Holds {what}."));
            }
            Evidence::UsageUnknown { why: reason } => {
                unknown = true;
                why.push(format!("Whether it is used could not be read: {reason}."));
            }
        }
    }
    if let Some(curfew) = &resource.curfew {
        if !curfew.is_due(now) {
            why.push(format!("Has a curfew, {}.", curfew.enforcer));
        }
    } else if active || resource.rate.amount().is_some() {
        why.push("Has no curfew.".into());
    }
    // Idle since: the last use, or the making where it was never used. What neither tells is not judged by time.
    let idle_since = last_used.or(if never { resource.created } else { None });
    let idle = idle_since.map(|since| now.duration_since(since));
    let has_curfew = resource.curfew.as_ref().is_some_and(|c| !c.is_due(now));
    let verdict = if orphan {
        if results { Verdict::Probably } else { Verdict::Forgotten }
    } else if active || needed || has_curfew {
        Verdict::Fine
    } else if results {
        // Results are never "forgotten" by age alone: a finished run is what the user worked for.
        Verdict::Fine
    } else {
        match idle {
            Some(t) if t >= FORGOTTEN_AFTER => {
                if unknown {
                    Verdict::Probably
                } else {
                    Verdict::Forgotten
                }
            }
            Some(t) if t >= PROBABLY_AFTER => Verdict::Probably,
            Some(_) => Verdict::Fine,
            None if rebuildable => Verdict::Probably,
            None => Verdict::NotJudged,
        }
    };
    Judged { verdict, why }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::curfew::{Curfew, Enforcer};
    use crate::ids::{AccountId, CloudId, RegionName};
    use crate::money::Cost;
    use crate::resource::ResourceKey;

    pub(crate) fn thing(evidence: Vec<Evidence>) -> Resource {
        Resource {
            key: ResourceKey {
                cloud: CloudId::new("aws").unwrap(),
                account: AccountId("1".into()),
                region: RegionName::new("eu-west-1").unwrap(),
                kind: "endpoint".into(),
                id: "e".into(),
            },
            name: "e".into(),
            kind_title: "endpoint".into(),
            state: "in service".into(),
            created: Some(at(0)),
            owner: None,
            size: None,
            bytes: None,
            rate: Cost::Unknown { why: "test".into() },
            so_far: Cost::Unknown { why: "test".into() },
            evidence,
            curfew: None,
            intent: None,
            keep_until: None,
            steps: vec![],
            fingerprint: String::new(),
        }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn check(evidence: Vec<Evidence>, curfew: Option<i64>, now: i64, expect: Verdict) {
        let mut r = thing(evidence);
        r.curfew = curfew.map(|h| Curfew { at: at(h), enforcer: Enforcer::Supervisor });
        let judged = judge(&r, at(now));
        assert_eq!(judged.verdict, expect, "{:?}", judged.why);
    }

    #[test]
    fn verdicts() {
        let never = || Evidence::NeverUsed { how: "its request count".into() };
        let used = |h| Evidence::LastUsed { at: at(h), how: "its request count".into() };
        let unknown = || Evidence::UsageUnknown { why: "not allowed".into() };
        check(vec![never()], None, 1, Verdict::Fine);
        check(vec![never()], None, 3, Verdict::Probably);
        check(vec![never()], None, 25, Verdict::Forgotten);
        check(vec![never()], Some(30), 25, Verdict::Fine);
        check(vec![never()], Some(20), 25, Verdict::Forgotten);
        check(vec![used(24)], None, 25, Verdict::Fine);
        check(vec![used(1), unknown()], None, 99, Verdict::Probably);
        check(vec![unknown()], None, 99, Verdict::NotJudged);
        check(vec![], None, 99, Verdict::NotJudged);
        check(vec![Evidence::Orphan { of: "its supervisor died".into() }], Some(99), 25, Verdict::Forgotten);
        check(vec![Evidence::HoldsResults { what: "a model".into() }], None, 999, Verdict::Fine);
        check(vec![Evidence::Active { what: "a script runs".into() }], None, 99, Verdict::Fine);
    }

    #[test]
    fn keep_wins_until_it_ends() {
        let mut r = thing(vec![Evidence::NeverUsed { how: String::new() }]);
        r.keep_until = Some(at(50));
        assert_eq!(judge(&r, at(49)).verdict, Verdict::Kept);
        assert_eq!(judge(&r, at(51)).verdict, Verdict::Forgotten);
    }
}
