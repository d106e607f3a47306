//! The policies to ask an admin for, written from the table.

use super::rights::{Condition, FEATURES, RIGHTS, Resource, Right};
use crate::names::{Names, TAG_INTENT};
use crate::role;
use curfew_core::access::{Level, Policy};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whose things the policies name.
pub(crate) struct Scope<'a> {
    pub names: &'a Names,
    /// The execution role that is used, if one is known.
    pub role: Option<&'a str>,
    /// The bucket that is used, where it is not ours.
    pub bucket: Option<&'a str>,
}

impl Scope<'_> {
    /// ARNs as a policy names them.
    pub(crate) fn arns(&self, resource: Resource) -> Vec<String> {
        let buckets = || {
            let ours = self.names.s3("curfew-sagemaker-*");
            self.bucket.map(|b| self.names.s3(b)).into_iter().chain([ours])
        };
        let sagemaker = |kind: &str| self.names.everywhere("sagemaker", &format!("{kind}/*"));
        match resource {
            Resource::Any => vec!["*".into()],
            Resource::Bucket => buckets().collect(),
            Resource::Object => buckets().map(|b| format!("{b}/curfew/*")).collect(),
            Resource::OurBucket => vec![self.names.s3("curfew-sagemaker-*")],
            Resource::Log => vec![self.names.everywhere("logs", "log-group:/aws/sagemaker/*")],
            Resource::Job => vec![sagemaker("training-job")],
            Resource::Model => vec![sagemaker("model")],
            Resource::EndpointConfig => vec![sagemaker("endpoint-config")],
            Resource::Endpoint => vec![sagemaker("endpoint")],
            // IAM wants the right on its configuration too.
            Resource::NewEndpoint => vec![sagemaker("endpoint"), sagemaker("endpoint-config")],
            Resource::Ours => ["training-job", "model", "endpoint-config", "endpoint"].map(sagemaker).into(),
            Resource::OurRole => vec![self.names.iam(&format!("role/{}", role::OURS))],
            Resource::Pass => {
                vec![self.role.map_or_else(|| self.names.iam(&format!("role/{}", role::OURS)), Into::into)]
            }
            Resource::Me => vec![self.names.iam("role/*"), self.names.iam("user/*")],
        }
    }
}

/// One for each level.
pub(crate) fn all(scope: &Scope<'_>) -> Vec<Policy> {
    let policy = |level: Level| Policy {
        level,
        name: format!("curfew-{level}"),
        says: says(level).into(),
        text: serde_json::to_string_pretty(&document(scope, level)).expect("strings are JSON"),
    };
    Level::ALL.map(policy).into()
}

fn says(level: Level) -> &'static str {
    match level {
        Level::ReadOnly => "Sees what is there and what it costs; changes nothing.",
        Level::Researcher => {
            "Also trains, deploys, and deletes what carries Curfew's tag, under one execution role that is there; makes \
             Curfew's own bucket."
        }
        Level::Full => "Also makes that role, deletes what others made, and asks for quotas.",
    }
}

/// Which statement a right goes into: the first feature of this level that needs it, on what, and when.
type Place = (usize, Resource, Condition);

fn document(scope: &Scope<'_>, level: Level) -> Document {
    let wanted = |right: &&Right| right.level() <= level;
    // What is allowed without a condition needs no second statement with one.
    let covered = |right: &Right| {
        right.condition != Condition::None
            && RIGHTS.iter().filter(wanted).any(|other| {
                other.action == right.action && other.resource == right.resource && other.condition == Condition::None
            })
    };
    let everywhere = |right: &Right| {
        right.resource != Resource::Any
            && RIGHTS.iter().filter(wanted).any(|other| other.action == right.action && other.resource == Resource::Any)
    };
    let mut statements: BTreeMap<Place, Vec<&'static str>> = BTreeMap::new();
    for right in RIGHTS.iter().filter(wanted).filter(|r| !covered(r) && !everywhere(r)) {
        let first = FEATURES.iter().position(|f| f.level <= level && right.features.contains(&f.id)).unwrap_or(0);
        let actions = statements.entry((first, right.resource, right.condition)).or_default();
        if !actions.contains(&right.action) {
            actions.push(right.action);
        }
    }
    let statement = |((feature, resource, condition), mut action): (Place, Vec<&'static str>)| {
        action.sort_unstable();
        let sid = sid(FEATURES[feature].id, resource, condition);
        Statement { sid, effect: "Allow", action, resource: scope.arns(resource), condition: when(condition) }
    };
    Document { version: "2012-10-17", statement: statements.into_iter().map(statement).collect() }
}

/// In the order in which AWS writes its own.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// Letters and digits, and different for each statement of a document.
fn sid(feature: &str, resource: Resource, condition: Condition) -> String {
    let word = |text: &str| {
        let mut chars = text.chars();
        chars.next().map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + chars.as_str())
    };
    let feature: String = feature.split('-').map(word).collect();
    let on = match resource {
        Resource::Any => String::new(),
        other => format!("{other:?}"),
    };
    let when = match condition {
        Condition::None => "",
        Condition::TaggedRequest => "WithTag",
        Condition::Tagged => "OfCurfew",
        Condition::AtCreate => "AtCreation",
        Condition::Passed => "ToSageMaker",
    };
    format!("{feature}{on}{when}")
}

/// The calls that bring tags along.
pub(crate) const CREATING: [&str; 4] = ["CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"];

fn when(condition: Condition) -> Option<Value> {
    let there = |key: String| json!({ "Null": { key: "false" } });
    match condition {
        Condition::None => None,
        Condition::TaggedRequest => Some(there(format!("aws:RequestTag/{TAG_INTENT}"))),
        Condition::Tagged => Some(there(format!("aws:ResourceTag/{TAG_INTENT}"))),
        Condition::AtCreate => Some(json!({ "StringEquals": { "sagemaker:TaggingAction": CREATING } })),
        Condition::Passed => Some(json!({ "StringEquals": { "iam:PassedToService": "sagemaker.amazonaws.com" } })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn check(role: Option<&str>, bucket: Option<&str>) -> Vec<Policy> {
        let account = curfew_core::AccountId("123456789012".into());
        let names = Names::of(&account, &"us-east-1".parse().unwrap());
        all(&Scope { names: &names, role, bucket })
    }

    #[test]
    fn what_an_admin_is_handed() {
        for policy in check(None, None) {
            insta::assert_snapshot!(policy.name.clone(), policy.text);
        }
        let named = check(Some("arn:aws:iam::123456789012:role/service-role/LabRole"), Some("our-lab"));
        let text = &named[1].text;
        assert!(text.contains("role/service-role/LabRole") && text.contains("arn:aws:s3:::our-lab/curfew/*"), "{text}");
        assert!(!named[0].text.contains("PassRole"));
    }

    /// IAM's own limits: 6,144 characters without white space (managed policies), Sid of letters and digits, each once.
    #[test]
    fn iam_would_take_them() {
        for policy in check(Some(&format!("arn:aws:iam::123456789012:role/{}", "r".repeat(64))), Some(&"b".repeat(63)))
        {
            let size = policy.text.chars().filter(|c| !c.is_whitespace()).count();
            assert!(size <= 6_144, "{}: {size} characters", policy.name);
            let document: Value = serde_json::from_str(&policy.text).unwrap();
            let mut sids = BTreeSet::new();
            for statement in document["Statement"].as_array().unwrap() {
                let sid = statement["Sid"].as_str().unwrap();
                assert!(sid.bytes().all(|b| b.is_ascii_alphanumeric()) && sids.insert(sid.to_owned()), "{sid}");
                let actions = statement["Action"].as_array().unwrap();
                assert!(!actions.is_empty() && actions.iter().all(|a| !a.as_str().unwrap().contains('*')), "{sid}");
            }
        }
    }

    #[test]
    fn each_level_has_all_of_the_one_before() {
        let actions = |policy: &Policy| -> BTreeSet<String> {
            let document: Value = serde_json::from_str(&policy.text).unwrap();
            let all = document["Statement"].as_array().unwrap().iter().flat_map(|s| s["Action"].as_array().unwrap());
            all.map(|a| a.as_str().unwrap().to_owned()).collect()
        };
        let all: Vec<_> = check(None, None).iter().map(actions).collect();
        assert!(all[0].is_subset(&all[1]) && all[1].is_subset(&all[2]));
        assert!(!all[1].contains("iam:CreateRole") && all[1].contains("iam:PassRole"));
        assert!(RIGHTS.iter().all(|r| all[2].contains(r.action)));
    }
}
