//! One account at a cloud.

use crate::pages::account::{Account, CandidateRow, FeatureRow, Make, May, Need, PartCard, PolicyPart, Regions};
use crate::pages::parts::{Field, Name, Tag, Text, Told};
use crate::pages::shell::Shell;
use curfew_core::access::{Candidate, Chosen, Level, May as MayI, Part, PartSheet, Policy, Report, RightsHint, Who};
use curfew_core::{AccountId, CloudId, Error, Sweep, say};
use jiff::Zoned;

/// An account's address. Account numbers are the cloud's own text, so what is no letter or digit is encoded.
pub fn address(cloud: &CloudId, account: &AccountId) -> String {
    use std::fmt::Write as _;
    let mut path = format!("/accounts/{cloud}/");
    for byte in account.0.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// Where a refusal can be looked up.
pub fn lookup(hint: &RightsHint) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(action) = &hint.action {
        query.append_pair("need", action);
    }
    let at = address(&hint.cloud, &hint.account);
    let query = query.finish();
    if query.is_empty() { at } else { format!("{at}?{query}") }
}

/// What is known of an account without asking.
pub struct Known {
    /// "AWS · vision-lab".
    pub title: String,
    /// The cloud.
    pub cloud: CloudId,
    /// The account.
    pub account: AccountId,
    /// What to ask an admin for, smallest first.
    pub policies: Vec<Policy>,
    /// The regions.
    pub regions: curfew_core::access::Regions,
}

/// The page. `need`: the action that was refused, where a refusal has led here.
pub fn account(shell: Shell, known: &Known, need: Option<&str>, can_save: bool) -> Account {
    let Known { title, cloud, account, policies, regions } = known;
    let at = address(cloud, account);
    // The smallest that has the action, by its own text: levels come smallest first.
    let smallest = need.and_then(|action| {
        let quoted = format!("\"{action}\"");
        policies.iter().find(|p| p.text.contains(&quoted)).map(|p| p.level)
    });
    let part = |p: &Policy| PolicyPart {
        level: p.level.word(),
        says: Text::from(&p.says),
        text: p.text.clone(),
        open: smallest == Some(p.level),
    };
    Account {
        title: Name::from(title),
        id: Name(format!("{cloud} · {account}")),
        need: need.map(|action| Need { action: Name::from(action), level: smallest.map_or("", Level::word) }),
        policies: policies.iter().map(part).collect(),
        regions: self::regions(&at, regions, &shell.now),
        shell,
        at,
        can_save,
    }
}

/// The regions.
pub fn regions(at: &str, regions: &curfew_core::access::Regions, now: &Zoned) -> Regions {
    let says = match (&regions.limited_by, regions.at) {
        (Some(by), _) => format!("{by} says which regions are read; a sweep tells that it read no others."),
        (None, Some(asked)) => format!(
            "A sweep reads every region that is enabled: {}. Asked {}, and again after a day.",
            say::count(regions.read.len(), "region", "regions"),
            super::when(asked, now)
        ),
        (None, None) => "Which regions are enabled has not been asked yet; a sweep asks first.".into(),
    };
    let text = |r: &curfew_core::RegionName| r.to_string();
    Regions {
        at: at.to_owned(),
        home: regions.home.to_string(),
        read: regions.read.iter().map(text).collect(),
        left_out: regions.enabled.iter().filter(|r| !regions.read.contains(r)).map(text).collect(),
        says,
        told: Vec::new(),
    }
}

/// Who, and what may be done.
pub fn may(at: &str, who: &Who, report: &Report, now: &Zoned) -> May {
    May {
        at: at.to_owned(),
        who: Text::from(&who.says),
        principal: Name::from(&who.principal),
        caution: who.caution.as_ref().map(Text::from),
        how: Text(format!("{} Asked {}.", report.how, super::at(report.at, now))),
        limits: report.limits.iter().map(Text::from).collect(),
        features: report.features.iter().map(feature).collect(),
    }
}

fn feature(feature: &curfew_core::access::Feature) -> FeatureRow {
    let (tag, why, refused) = match &feature.may {
        MayI::Allowed { how } => (Tag { word: "yes", class: "home" }, how.clone(), Vec::new()),
        MayI::Unknown { why } => (Tag { word: "unknown", class: "info" }, why.clone(), Vec::new()),
        MayI::Denied { refused } => {
            let each = refused.iter().map(|r| (Name::from(&r.action), Text::from(&r.by))).collect();
            (Tag { word: "no", class: "lost" }, String::new(), each)
        }
    };
    FeatureRow {
        id: Name::from(&feature.id),
        title: Text::from(&feature.title),
        says: Text::from(&feature.says),
        tag,
        why: Text(why),
        refused,
        level: feature.level.word(),
    }
}

/// A part of the set-up.
pub fn part(
    at: &str,
    part: Part,
    sheet: &PartSheet,
    chosen: &Result<Option<Chosen>, Error>,
    found: &Sweep<Candidate>,
) -> PartCard {
    let known = chosen.as_ref().ok().and_then(Option::as_ref);
    let row = |c: &Candidate| CandidateRow {
        id: Name::from(&c.id),
        name: Name::from(&c.name),
        notes: Text(c.notes.join(", ")),
        cautions: c.cautions.iter().map(Text::from).collect(),
        used: known.is_some_and(|k| k.id == c.id),
    };
    PartCard {
        at: at.to_owned(),
        part: part.word(),
        title: Text::from(&sheet.title),
        says: Text::from(&sheet.says),
        chosen: known.map(|k| (Name::from(&k.id), Text::from(&k.by))),
        free: known.is_none_or(|k| !k.fixed),
        forgets: known.is_some_and(|k| k.by.starts_with("chosen")),
        found: found.items.iter().map(row).collect(),
        gaps: found.gaps.iter().map(|g| Text(format!("{}: {}", g.what, g.reason))).collect(),
        typed: Field::default(),
        example: Name::from(&sheet.typed),
        told: chosen.as_ref().err().map(Told::from).into_iter().collect(),
        kept: false,
    }
}

/// What would be made.
pub fn make(at: &str, part: Part, sheet: &PartSheet) -> Make {
    Make {
        at: at.to_owned(),
        part: part.word(),
        ours: Name::from(&sheet.ours),
        makes: Text::from(&sheet.makes),
        documents: sheet.documents.iter().map(|(title, text)| (Text::from(title), text.clone())).collect(),
        told: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_any_account() {
        let check = |account: &str, expect: &str| {
            assert_eq!(address(&CloudId::new("aws").unwrap(), &AccountId(account.into())), expect);
        };
        check("123456789012", "/accounts/aws/123456789012");
        check("../x?y#z", "/accounts/aws/%2E%2E%2Fx%3Fy%23z");
        let hint = RightsHint {
            cloud: CloudId::new("aws").unwrap(),
            account: AccountId("1".into()),
            action: Some("iam:PassRole".into()),
            level: Some(Level::Researcher),
        };
        assert_eq!(lookup(&hint), "/accounts/aws/1?need=iam%3APassRole");
    }
}
