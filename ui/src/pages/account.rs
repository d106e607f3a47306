//! One account at a cloud: who, what it may do, what to ask for, role, bucket and regions.

use super::parts::{Field, Name, Tag, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page. What has to be asked of the cloud comes in by parts, once it is shown.
#[derive(Debug, Clone, Template)]
#[template(path = "account.html")]
pub struct Account {
    /// The frame.
    pub shell: Shell,
    /// "AWS · vision-lab".
    pub title: Name,
    /// "aws · 123456789012".
    pub id: Name,
    /// Its address: `/accounts/aws/123456789012`.
    pub at: String,
    /// What was refused, where a refusal has led here.
    pub need: Option<Need>,
    /// What to ask an admin for.
    pub policies: Vec<PolicyPart>,
    /// The regions.
    pub regions: Regions,
    /// Does the host save files by a dialog? Else they are downloads.
    pub can_save: bool,
}

/// A right that was missing.
#[derive(Debug, Clone)]
pub struct Need {
    /// `sagemaker:CreateTrainingJob`.
    pub action: Name,
    /// `researcher`; nothing where no policy of ours has it.
    pub level: &'static str,
}

/// A policy to ask for.
#[derive(Debug, Clone)]
pub struct PolicyPart {
    /// `researcher`.
    pub level: &'static str,
    /// What it lets one do.
    pub says: Text,
    /// The document.
    pub text: String,
    /// It is the one to ask for.
    pub open: bool,
}

/// The regions.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "account_regions.html")]
pub struct Regions {
    /// The account's address.
    pub at: String,
    /// `us-east-1`.
    pub home: String,
    /// Those that a sweep reads.
    pub read: Vec<String>,
    /// Those that are enabled and that no sweep reads.
    pub left_out: Vec<String>,
    /// What is said of them.
    pub says: String,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// Who, and what may be done.
#[derive(Debug, Clone, Template)]
#[template(path = "account_may.html")]
pub struct May {
    /// The account's address.
    pub at: String,
    /// "The user researcher".
    pub who: Text,
    /// Its ARN.
    pub principal: Name,
    /// What is unwise about it.
    pub caution: Option<Text>,
    /// How it was found out, and when.
    pub how: Text,
    /// What that does not see.
    pub limits: Vec<Text>,
    /// Each thing that Curfew does.
    pub features: Vec<FeatureRow>,
}

/// A row of it.
#[derive(Debug, Clone)]
pub struct FeatureRow {
    /// `train`.
    pub id: Name,
    /// "Train".
    pub title: Text,
    /// What it is.
    pub says: Text,
    /// "yes", "no", "unknown".
    pub tag: Tag,
    /// How that is known.
    pub why: Text,
    /// Each action that is refused, and by what.
    pub refused: Vec<(Name, Text)>,
    /// The smallest policy that has it.
    pub level: &'static str,
}

/// A part of the set-up: the execution role, the bucket.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "account_part.html")]
pub struct PartCard {
    /// The account's address.
    pub at: String,
    /// `role`, `bucket`.
    pub part: &'static str,
    /// "Execution role".
    pub title: Text,
    /// What it is for.
    pub says: Text,
    /// What is used; nothing where there is none yet.
    pub chosen: Option<(Name, Text)>,
    /// It can be changed here.
    pub free: bool,
    /// What is chosen can be forgotten.
    pub forgets: bool,
    /// To choose from.
    pub found: Vec<CandidateRow>,
    /// Why there is nothing to choose from.
    pub gaps: Vec<Text>,
    /// What is typed where it is not listed.
    pub typed: Field,
    /// An example of that.
    pub example: Name,
    /// What went wrong.
    pub told: Vec<Told>,
    /// It has just been changed.
    pub kept: bool,
}

/// Something that can be chosen.
#[derive(Debug, Clone)]
pub struct CandidateRow {
    /// What is sent.
    pub id: Name,
    /// What people call it.
    pub name: Name,
    /// What is known of it.
    pub notes: Text,
    /// What speaks against it.
    pub cautions: Vec<Text>,
    /// It is the one that is used.
    pub used: bool,
}

/// What would be made, before it is.
#[derive(Debug, Clone, Template)]
#[template(path = "account_make.html")]
pub struct Make {
    /// The account's address.
    pub at: String,
    /// `role`, `bucket`.
    pub part: &'static str,
    /// What it will be called.
    pub ours: Name,
    /// What it is.
    pub makes: Text,
    /// What it is made of.
    pub documents: Vec<(Text, String)>,
    /// What went wrong.
    pub told: Vec<Told>,
}
