//! The bucket for runs: the one of ours in a region, made private and encrypted where it is not there.

use crate::aws::{Clients, Inner};
use crate::names::{RUNS, TAG_OURS};
use crate::retry::call;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint, CreateBucketConfiguration,
    ExpirationStatus, LifecycleRule, LifecycleRuleFilter, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
};
use curfew_core::access::Candidate;
use curfew_core::error::Bill;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result, say};

/// How long uploads that broke off, and scratch, are kept.
pub(crate) const UPLOAD_DAYS: i32 = 7;
pub(crate) const SCRATCH_DAYS: i32 = 30;

/// Is there a bucket of this name in this account and region?
pub(crate) async fn is_there(inner: &Inner, cx: &Cx, s3: &aws_sdk_s3::Client, name: &str) -> Result<bool> {
    // Whose it is, is asked along: a bucket of this name in a stranger's account is not ours to write to.
    // A list, and not a HEAD: the answer to a HEAD has no room for a reason.
    let list = call(cx, "look for the bucket", || {
        let list = s3.list_objects_v2().bucket(name).prefix("curfew/").max_keys(1);
        list.expected_bucket_owner(&inner.account.0).send()
    });
    match list.await {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e.with("bucket", name)),
    }
}

/// The name of the bucket that is used in a region, which is there afterwards.
pub(crate) async fn ensure(inner: &Inner, cx: &Cx, clients: &Clients) -> Result<String> {
    let name = inner.bucket_wanted(cx, &clients.region).await?;
    if is_there(inner, cx, &clients.s3, &name).await? {
        // What comes last when it is made is its tag: without it, a first start may have been broken off in between.
        let ours = name == inner.names(&clients.region).bucket();
        if ours && !tagged(cx, clients, &name).await.unwrap_or(true) {
            furnish(cx, clients, &name).await?;
        }
        return Ok(name);
    }
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
            is_there(inner, cx, &clients.s3, &name).await?;
        }
        Err(e) => {
            return Err(e
                .next("Choose a bucket of yours on the account's page, or ask for s3:CreateBucket")
                .at("bucket")
                .bill(Bill::NothingStarted)
                .with("bucket", &name));
        }
    }
    furnish(cx, clients, &name).await?;
    Ok(name)
}

/// Does it carry our tag?
pub(crate) async fn tagged(cx: &Cx, clients: &Clients, name: &str) -> Result<bool> {
    let tags = call(cx, "read the bucket's tags", || clients.s3.get_bucket_tagging().bucket(name).send());
    match tags.await {
        Ok(tags) => Ok(tags.tag_set().iter().any(|t| t.key() == TAG_OURS)),
        // No tags at all is an error at S3.
        Err(e) if says(&e, "NoSuchTagSet") => Ok(false),
        Err(e) => Err(e),
    }
}

fn says(error: &Error, code: &str) -> bool {
    error.context().iter().any(|(_, v)| v == code)
}

/// Where a bucket is. `PermissionDenied` for a stranger's.
pub(crate) async fn region(inner: &Inner, cx: &Cx, name: &str) -> Result<RegionName> {
    const WHAT: &str = "ask where the bucket is";
    let clients = inner.at(&inner.home);
    let answer = call(cx, WHAT, || {
        clients.any_s3.get_bucket_location().bucket(name).expected_bucket_owner(&inner.account.0).send()
    });
    let answer = answer.await.map_err(|e| e.with("bucket", name))?;
    // S3's first regions have names of their own: none is us-east-1, EU is eu-west-1.
    let region = match answer.location_constraint().map(BucketLocationConstraint::as_str) {
        None | Some("") => "us-east-1",
        Some("EU") => "eu-west-1",
        Some(region) => region,
    };
    RegionName::new(region).map_err(|_| {
        Error::new(
            ErrorKind::Unknown,
            WHAT,
            format!("AWS names a region that cannot be one: {}", say::clean(region, 60)),
        )
    })
}

/// The names of all buckets of the account.
pub(crate) async fn all(inner: &Inner, cx: &Cx) -> Result<Vec<String>> {
    let clients = inner.at(&inner.home);
    let (mut names, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = call(cx, "list the buckets", || {
            clients.s3.list_buckets().max_buckets(1000).set_continuation_token(token.clone()).send()
        })
        .await?;
        names.extend(page.buckets().iter().filter_map(|b| b.name()).map(str::to_owned));
        token = page.continuation_token;
        if token.is_none() {
            names.sort();
            return Ok(names);
        }
    }
}

/// What there is to say of a bucket before it is chosen. What cannot be read is said, and not taken for good.
pub(crate) async fn candidate(inner: &Inner, cx: &Cx, name: String) -> Candidate {
    let (mut notes, mut cautions) = (Vec::new(), Vec::new());
    let region = match region(inner, cx, &name).await {
        Ok(region) => {
            notes.push(format!("in {region}"));
            region
        }
        Err(e) => {
            cautions.push(format!("where it is, is not known: {}", e.message()));
            return Candidate { id: name.clone(), name, notes, cautions };
        }
    };
    let clients = inner.at(&region);
    match call(cx, "look at the bucket", || clients.any_s3.get_bucket_encryption().bucket(&name).send()).await {
        Ok(answer) => {
            let config = answer.server_side_encryption_configuration();
            let how = config.and_then(|c| c.rules().iter().find_map(|r| r.apply_server_side_encryption_by_default()));
            match how.map(|h| h.sse_algorithm().as_str()) {
                Some("aws:kms" | "aws:kms:dsse") => {
                    notes.push("encrypted with a key of KMS".into());
                    cautions.push("the execution role must be allowed to use its KMS key".into());
                }
                Some(how) => notes.push(format!("encrypted ({how})")),
                None => cautions.push("no encryption of its own is set".into()),
            }
        }
        // S3 encrypts every new object since January 2023, also where a bucket says nothing of it.
        Err(e) if says(&e, "ServerSideEncryptionConfigurationNotFoundError") => {
            notes.push("encrypted by S3's default".into());
        }
        Err(e) => cautions.push(format!("whether it is encrypted is not known: {}", e.message())),
    }
    match call(cx, "look at the bucket", || clients.any_s3.get_public_access_block().bucket(&name).send()).await {
        Ok(answer) => {
            let closed = answer.public_access_block_configuration().is_some_and(|c| {
                [c.block_public_acls(), c.ignore_public_acls(), c.block_public_policy(), c.restrict_public_buckets()]
                    .iter()
                    .all(|on| *on == Some(true))
            });
            if closed {
                notes.push("closed to the public".into());
            } else {
                cautions.push("public access is not barred altogether".into());
            }
        }
        Err(e) if says(&e, "NoSuchPublicAccessBlockConfiguration") => {
            cautions.push("public access is not barred by the bucket itself".into());
        }
        Err(e) => cautions.push(format!("whether the public may read it is not known: {}", e.message())),
    }
    if name == inner.names(&region).bucket() {
        notes.push("made by Curfew".into());
    }
    Candidate { id: name.clone(), name, notes, cautions }
}

/// S3's rules for names, as far as they matter: 3 to 63 of small letters, digits, dots and hyphens.
pub(crate) fn can_be_a_name(name: &str) -> bool {
    let end = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|&b| end(b) || b == b'-' || b == b'.')
        && end(bytes[0])
        && end(bytes[bytes.len() - 1])
        && !name.contains("..")
}

/// Private, encrypted, and tidied by S3 itself. New buckets are encrypted (SSE-S3) and private by AWS's default since
/// 2023; both are set here all the same, so that it can be seen, and no later policy opens it by mistake.
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
    let by_s3 = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256);
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(by_s3.build().map_err(built)?)
        .build();
    let encrypted = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(built)?;
    let set = call(cx, "encrypt the bucket", || {
        let put = clients.s3.put_bucket_encryption().bucket(name);
        put.server_side_encryption_configuration(encrypted.clone()).send()
    });
    match set.await {
        Ok(_) => {}
        // Who may not set it has S3's default, which is the same.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
        Err(e) => return Err(e),
    }
    let uploads = LifecycleRule::builder()
        .id("curfew: uploads that were broken off")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder().days_after_initiation(UPLOAD_DAYS).build(),
        )
        .build()
        .map_err(built)?;
    let scratch = LifecycleRule::builder()
        .id("curfew: old scratch")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("curfew/scratch/").build())
        .expiration(aws_sdk_s3::types::LifecycleExpiration::builder().days(SCRATCH_DAYS).build())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets() {
        for (name, good) in [
            ("lab-data", true),
            ("a.b", true),
            ("ab", false),
            ("Lab", false),
            ("a..b", false),
            ("-ab", false),
            ("a/b", false),
        ] {
            assert_eq!(can_be_a_name(name), good, "{name}");
        }
        assert!(can_be_a_name(&"x".repeat(63)) && !can_be_a_name(&"x".repeat(64)));
    }
}
