//! What things of ours are called at AWS, and where they lie in the bucket.

use curfew_core::{AccountId, EndpointId, RegionName, RunId};

/// The names of one account in one region.
pub(crate) struct Names {
    account: String,
    region: String,
    partition: &'static str,
}

/// Everything of ours in the bucket lies below this.
pub(crate) const RUNS: &str = "curfew/runs/";
pub(crate) const ENDPOINTS: &str = "curfew/endpoints/";

/// Where CloudWatch keeps what training jobs print.
pub(crate) const JOB_LOGS: &str = "/aws/sagemaker/TrainingJobs";

/// Tags of what we create. `INTENT` ties it to the journal.
pub(crate) const TAG_INTENT: &str = "curfew:intent";
pub(crate) const TAG_OWNER: &str = "curfew:owner";
pub(crate) const TAG_CURFEW: &str = "curfew:curfew";
pub(crate) const TAG_PROJECT: &str = "curfew:project";
pub(crate) const TAG_KEEP: &str = "curfew:keep";
/// On buckets and roles of ours.
pub(crate) const TAG_OURS: &str = "curfew:made-by";

impl Names {
    pub(crate) fn of(account: &AccountId, region: &RegionName) -> Self {
        let region = region.to_string();
        let partition = match () {
            () if region.starts_with("cn-") => "aws-cn",
            () if region.starts_with("us-gov-") => "aws-us-gov",
            () => "aws",
        };
        Self { account: account.0.clone(), region, partition }
    }
    /// `sagemaker` in the name: AWS's own policy for SageMaker's roles (AmazonSageMakerFullAccess) reaches such buckets,
    /// so that a class's ready-made role works.
    pub(crate) fn bucket(&self) -> String {
        format!("curfew-sagemaker-{}-{}", self.region, self.account)
    }
    pub(crate) fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:{}:sagemaker:{}:{}:{kind}/{name}", self.partition, self.region, self.account)
    }
    pub(crate) fn partition(&self) -> &'static str {
        self.partition
    }
    /// An ARN in every region of the account.
    pub(crate) fn everywhere(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:*:{}:{rest}", self.partition, self.account)
    }
    /// An ARN of IAM's, which knows no regions.
    pub(crate) fn iam(&self, rest: &str) -> String {
        format!("arn:{}:iam::{}:{rest}", self.partition, self.account)
    }
    /// A bucket's ARN, which names no account.
    pub(crate) fn s3(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.partition)
    }
}

/// A run's folder in the bucket.
pub(crate) fn run_folder(id: &RunId) -> String {
    format!("{RUNS}{id}/")
}
/// An endpoint's folder in the bucket.
pub(crate) fn endpoint_folder(id: &EndpointId) -> String {
    format!("{ENDPOINTS}{id}/")
}

/// Text as a tag's value may hold it: letters, digits, spaces and `_.:/=+-@`, 256 of them (Tag in SageMaker's API).
pub(crate) fn tag_value(text: &str) -> String {
    let fits = |c: char| if c.is_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '-' };
    text.chars().map(fits).take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_hold_what_aws_takes() {
        assert_eq!(tag_value("ada@host <b>'\u{7}"), "ada@host -b---");
        assert_eq!(tag_value(&"x".repeat(300)).len(), 256);
    }
}
