//! The bucket for runs: the one of ours in a region, made private and encrypted where it is not there.

use crate::aws::{Clients, Inner};
use crate::names::{RUNS, TAG_OURS};
use crate::retry::call;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint, CreateBucketConfiguration,
    ExpirationStatus, LifecycleRule, LifecycleRuleFilter, PublicAccessBlockConfiguration, Tag, Tagging,
};
use curfew_core::error::Bill;
use curfew_core::{Cx, Error, ErrorKind, Result};

/// The name of the bucket, if it is there.
pub(crate) async fn find(inner: &Inner, cx: &Cx, clients: &Clients) -> Result<Option<String>> {
    let name = wanted(inner, clients);
    // Whose it is, is asked along: a bucket of this name in a stranger's account is not ours to write to.
    // A list, and not a HEAD: the answer to a HEAD has no room for a reason.
    let list = call(cx, "look for the bucket", || {
        let list = clients.s3.list_objects_v2().bucket(&name).prefix("curfew/").max_keys(1);
        list.expected_bucket_owner(&inner.account.0).send()
    });
    match list.await {
        Ok(_) => Ok(Some(name)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e.with("bucket", name)),
    }
}

fn wanted(inner: &Inner, clients: &Clients) -> String {
    inner.settings.bucket.clone().unwrap_or_else(|| inner.names(&clients.region).bucket())
}

/// The name of the bucket, which is there afterwards.
pub(crate) async fn ensure(inner: &Inner, cx: &Cx, clients: &Clients) -> Result<String> {
    if let Some(bucket) = find(inner, cx, clients).await? {
        return Ok(bucket);
    }
    let name = wanted(inner, clients);
    // us-east-1 is the one region that must not be named.
    let place = (clients.region.as_str() != "us-east-1").then(|| {
        let region = BucketLocationConstraint::from(clients.region.as_str());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let made = call(cx, "make the bucket", || {
        clients.s3.create_bucket().bucket(&name).set_create_bucket_configuration(place.clone()).send()
    });
    match made.await {
        Ok(_) => {}
        // Made by a first call whose answer was lost, or by another Curfew at the same time.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            find(inner, cx, clients).await?;
        }
        Err(e) => {
            return Err(e
                .next("Ask for s3:CreateBucket, or name a bucket of yours under Settings")
                .bill(Bill::NothingStarted)
                .with("bucket", &name));
        }
    }
    furnish(cx, clients, &name).await?;
    Ok(name)
}

/// Private, and tidied by S3 itself. New buckets are encrypted (SSE-S3) and private by AWS's default since 2023; public
/// access is barred here all the same, so that no later policy opens it by mistake.
async fn furnish(cx: &Cx, clients: &Clients, name: &str) -> Result<()> {
    let built = |e: aws_sdk_s3::error::BuildError| {
        Error::new(ErrorKind::Unknown, "make the bucket", "the request could not be made").caused_by(e)
    };
    let closed = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    call(cx, "close the bucket to the public", || {
        clients.s3.put_public_access_block().bucket(name).public_access_block_configuration(closed.clone()).send()
    })
    .await?;
    let uploads = LifecycleRule::builder()
        .id("curfew: uploads that were broken off")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build())
        .build()
        .map_err(built)?;
    let scratch = LifecycleRule::builder()
        .id("curfew: old scratch")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("curfew/scratch/").build())
        .expiration(aws_sdk_s3::types::LifecycleExpiration::builder().days(30).build())
        .build()
        .map_err(built)?;
    let rules = BucketLifecycleConfiguration::builder().rules(uploads).rules(scratch).build().map_err(built)?;
    call(cx, "set the bucket's rules", || {
        clients.s3.put_bucket_lifecycle_configuration().bucket(name).lifecycle_configuration(rules.clone()).send()
    })
    .await?;
    let tag = Tag::builder().key(TAG_OURS).value("curfew").build().map_err(built)?;
    let tags = Tagging::builder().tag_set(tag).build().map_err(built)?;
    call(cx, "tag the bucket", || clients.s3.put_bucket_tagging().bucket(name).tagging(tags.clone()).send())
        .await
        .map(drop)
}

/// Where the folders of runs begin, for words on screen.
pub(crate) fn shown(bucket: &str) -> String {
    format!("s3://{bucket}/{RUNS}")
}
