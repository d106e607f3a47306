//! What an account may do, and what it is set up with: who, which regions, which role and bucket. A provider that has
//! none of it (this computer) leaves [`crate::provider::Provider::access`] as it is.

use crate::cx::Cx;
use crate::error::Result;
use crate::ids::{AccountId, CloudId, RegionName};
use crate::sweep::Sweep;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Rights and set-up of one account.
#[async_trait]
pub trait Access: Send + Sync {
    /// Whose keys these are.
    async fn who(&self, cx: &Cx) -> Result<Who>;
    /// The regions as last known; asks nobody.
    fn regions_known(&self) -> Regions;
    /// The regions, asked for again where what is known is older than `at_most`.
    async fn regions(&self, cx: &Cx, at_most: SignedDuration) -> Result<Regions>;
    /// What may I do here? Changes nothing.
    async fn may(&self, cx: &Cx) -> Result<Report>;
    /// What to ask an admin for: one document for each level, smallest first.
    fn policies(&self) -> Vec<Policy>;
    /// What is said of a part of the set-up, and what would be made.
    fn part(&self, part: Part) -> PartSheet;
    /// What of the account's own could be picked. Where it may not be listed, that is a gap.
    async fn found(&self, cx: &Cx, part: Part) -> Sweep<Candidate>;
    /// What is used now; `None` where nothing is chosen and nothing fits by itself.
    async fn chosen(&self, cx: &Cx, part: Part) -> Result<Option<Chosen>>;
    /// Uses this one from now on, in every process. Errors name the field `role` or `bucket`.
    async fn choose(&self, cx: &Cx, part: Part, id: &str) -> Result<Chosen>;
    /// Forgets what was chosen.
    fn unchoose(&self, part: Part) -> Result<()>;
    /// Makes ours as [`Access::part`] shows it, and uses it from now on. Doing it twice is fine.
    async fn make(&self, cx: &Cx, part: Part) -> Result<Chosen>;
}

/// Whose keys these are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The account.
    pub account: AccountId,
    /// The principal, as the cloud writes it. Data.
    pub principal: String,
    /// "The user researcher", "A session of the role LabRole".
    pub says: String,
    /// What is unwise about it.
    pub caution: Option<String>,
}

/// The regions of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regions {
    /// Where things are started if no region is named.
    pub home: RegionName,
    /// Those that are enabled, by name; empty where that is not known.
    pub enabled: Vec<RegionName>,
    /// Those that a sweep reads, the home region first.
    pub read: Vec<RegionName>,
    /// What limits `read` to less than all that are enabled: "CURFEW_AWS_REGIONS".
    pub limited_by: Option<String>,
    /// When the cloud told which are enabled.
    pub at: Option<Timestamp>,
}

/// What may I do here?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// How it was found out, in a sentence.
    pub how: String,
    /// What this way of finding out cannot see, a sentence each.
    pub limits: Vec<String>,
    /// One for each thing that Curfew does.
    pub features: Vec<Feature>,
}

/// Something that Curfew does, and whether the account may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Stable id: `train`, `sweep`.
    pub id: String,
    /// "Train".
    pub title: String,
    /// What it is, in a sentence.
    pub says: String,
    /// The smallest policy that allows it.
    pub level: Level,
    /// May the account?
    pub may: May,
}

/// Whether an account may do something. What is not known is never "allowed".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "may", rename_all = "snake_case")]
pub enum May {
    /// Yes.
    Allowed {
        /// How that is known.
        how: String,
    },
    /// No.
    Denied {
        /// Each action that is refused.
        refused: Vec<Refused>,
    },
    /// Not known until it is tried.
    Unknown {
        /// Why.
        why: String,
    },
}

/// An action that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// In the cloud's words: `sagemaker:CreateEndpoint`.
    pub action: String,
    /// By what: "no policy allows it", "the permissions boundary".
    pub by: String,
}

/// How much an account may do, as policies to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Costs and the sweep: reads, changes nothing.
    ReadOnly,
    /// Trains, deploys and deletes, under a role that is there.
    Researcher,
    /// The set-up too: role, bucket, quotas, and deleting what others made.
    Full,
}

impl Level {
    /// All of them, smallest first.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::Researcher, Self::Full];
    /// `read-only`, `researcher`, `full`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Researcher => "researcher",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Level {
    type Err = crate::Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|l| l.word() == text).ok_or_else(|| {
            let shown = crate::say::clean(text, 40);
            crate::Error::input("level", format!("there is no policy “{shown}”: read-only, researcher or full"))
        })
    }
}

/// A policy to ask an admin for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How much.
    pub level: Level,
    /// What to call it: `curfew-researcher`.
    pub name: String,
    /// What it lets one do, in a sentence.
    pub says: String,
    /// The document, in the cloud's own format.
    pub text: String,
}

/// A part of an account's set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What jobs and endpoints run as.
    Role,
    /// Where runs keep code, data and results.
    Bucket,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Role, Self::Bucket];
    /// `role`, `bucket`: in addresses, commands and fields.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Bucket => "bucket",
        }
    }
}

impl FromStr for Part {
    type Err = crate::Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|p| p.word() == text).ok_or_else(|| {
            crate::Error::new(crate::ErrorKind::NotFound, "look at the set-up", "there is no such part of a set-up")
        })
    }
}

/// What is said of a part of the set-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSheet {
    /// "Execution role".
    pub title: String,
    /// What it is for, in a sentence.
    pub says: String,
    /// What one types where nothing can be listed: `arn:aws:iam::123456789012:role/…`.
    pub typed: String,
    /// What [`Access::make`] makes: `curfew-sagemaker`.
    pub ours: String,
    /// What that is, in a sentence.
    pub makes: String,
    /// What it is made of, to be read before: title and text.
    pub documents: Vec<(String, String)>,
}

/// Something of the account's own that could be picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// What is kept when it is chosen.
    pub id: String,
    /// For people. Data.
    pub name: String,
    /// Facts about it: "us-east-1", "encrypted (AES256)".
    pub notes: Vec<String>,
    /// What speaks against it.
    pub cautions: Vec<String>,
}

/// What is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The role or bucket.
    pub id: String,
    /// Why this one: "chosen here", "CURFEW_AWS_ROLE", "found by its name".
    pub by: String,
    /// Can it be changed here? Not where the environment says it.
    pub fixed: bool,
}

/// Where a refusal can be looked up: the account's page, with what to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsHint {
    /// The cloud.
    pub cloud: CloudId,
    /// The account.
    pub account: AccountId,
    /// What was refused: `sagemaker:CreateTrainingJob`.
    pub action: Option<String>,
    /// The smallest policy that has it.
    pub level: Option<Level>,
}
