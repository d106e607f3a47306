//! An account with rights: what it may do, what it is set up with.

use super::{NASTY, now};
use curfew_core::access::{
    Candidate, Chosen, Feature, Level, May, Part, PartSheet, Policy, Refused, Regions, Report, RightsHint, Who,
};
use curfew_core::error::Bill;
use curfew_core::{AccountId, CloudId, Error, ErrorKind, Gap, Sweep};
use curfew_ui::pages::account as pages;
use curfew_ui::views::account::{self as views, Known};

const AT: &str = "/accounts/aws/123456789012";

fn cloud() -> (CloudId, AccountId) {
    (CloudId::new("aws").unwrap(), AccountId("123456789012".into()))
}

pub(crate) fn known() -> Known {
    let policy = |level: Level, actions: &str| Policy {
        level,
        name: format!("curfew-{level}"),
        says: "Sees what is there and what it costs; changes nothing.".into(),
        text: format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Action\": [{actions}]\n}}"),
    };
    let (cloud, account) = cloud();
    let region = |name: &str| name.parse().unwrap();
    Known {
        title: format!("AWS · {NASTY}"),
        cloud,
        account,
        policies: vec![
            policy(Level::ReadOnly, "\"sagemaker:ListEndpoints\""),
            policy(Level::Researcher, "\"sagemaker:CreateTrainingJob\", \"sagemaker:ListEndpoints\""),
            policy(Level::Full, "\"iam:CreateRole\", \"sagemaker:CreateTrainingJob\", \"sagemaker:ListEndpoints\""),
        ],
        regions: Regions {
            home: region("us-east-1"),
            enabled: vec![region("eu-west-1"), region("us-east-1"), region("us-west-2")],
            read: vec![region("us-east-1"), region("us-west-2")],
            limited_by: Some("CURFEW_AWS_REGIONS".into()),
            at: Some(now().timestamp()),
        },
    }
}

pub(crate) fn may() -> pages::May {
    let feature = |id: &str, title: &str, level, may| Feature {
        id: id.into(),
        title: title.into(),
        says: "What it is, in a sentence.".into(),
        level,
        may,
    };
    let report = Report {
        at: now().timestamp(),
        how: format!("IAM has simulated the policies of {NASTY}."),
        limits: vec!["What a bucket's own policy forbids, it does not see.".into()],
        features: vec![
            feature("sweep", "Sweep", Level::ReadOnly, May::Allowed { how: "by EC2's dry run".into() }),
            feature(
                "train",
                "Train",
                Level::Researcher,
                May::Denied {
                    refused: vec![Refused { action: "iam:PassRole".into(), by: "the permissions boundary".into() }],
                },
            ),
            feature("role", NASTY, Level::Full, May::Unknown { why: "unknown until tried: nobody may ask".into() }),
        ],
    };
    let who = Who {
        account: cloud().1,
        principal: format!("arn:aws:iam::123456789012:user/{NASTY}"),
        says: "The account's root user".into(),
        caution: Some("The root user can do everything in the account.".into()),
    };
    views::may(AT, &who, &report, &now())
}

fn sheet() -> PartSheet {
    PartSheet {
        title: "Execution role".into(),
        says: "Training jobs and endpoints run as this role.".into(),
        typed: "arn:aws:iam::123456789012:role/…".into(),
        ours: "curfew-sagemaker".into(),
        makes: "It may read and write Curfew's buckets.".into(),
        documents: vec![("What it may do".into(), "{ \"Version\": \"2012-10-17\" }".into())],
    }
}

pub(crate) fn role() -> pages::PartCard {
    let candidate = |id: &str, cautions: Vec<String>| Candidate {
        id: id.into(),
        name: id.into(),
        notes: vec!["made by Curfew".into()],
        cautions,
    };
    let found = Sweep::whole(vec![candidate("LabRole", Vec::new()), candidate(NASTY, vec![NASTY.into()])]);
    let chosen = Chosen { id: "LabRole".into(), by: "chosen here".into(), fixed: false };
    let mut card = views::part(AT, Part::Role, &sheet(), &Ok(Some(chosen)), &found);
    card.kept = true;
    card
}

pub(crate) fn bucket_refused() -> pages::PartCard {
    let (cloud, account) = cloud();
    let error = Error::new(ErrorKind::PermissionDenied, "list the buckets", format!("no: {NASTY}"));
    let gap = Gap::new(&cloud, &account, None, "buckets of this account", &error);
    let mut card = views::part(AT, Part::Bucket, &sheet(), &Err(error), &Sweep { items: Vec::new(), gaps: vec![gap] });
    card.typed.value = "\"><b>bucket".into();
    card.typed.wrong = "that cannot be the name of a bucket.".into();
    card
}

pub(crate) fn make() -> pages::Make {
    views::make(AT, Part::Role, &sheet())
}

pub(crate) fn refused() -> Error {
    let (cloud, account) = cloud();
    let hint = RightsHint {
        cloud,
        account,
        action: Some("sagemaker:CreateTrainingJob".into()),
        level: Some(Level::Researcher),
    };
    Error::new(ErrorKind::PermissionDenied, "start the run", format!("this account may not do that: {NASTY}"))
        .next("Ask an admin for sagemaker:CreateTrainingJob; the smallest policy that has it is “researcher”")
        .bill(Bill::NothingStarted)
        .ask_for(hint)
}
