//! The bucket of ours in a region.

use super::endpoints::fine;
use super::{At, Sheet, not_billed, step, unknown_step};
use crate::retry::call;
use async_trait::async_trait;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{Error, ErrorKind, Result};

pub(super) struct Buckets;

#[async_trait]
impl Sheet for Buckets {
    fn sheet(&self) -> KindSheet {
        KindSheet {
            id: "bucket",
            one: "bucket of Curfew's",
            many: "buckets of Curfew's",
            bills_idle: false,
            order: 200,
        }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        Ok(at.inner.stores(at.cx, at.region).await?.into_iter().map(|s| s.bucket).collect())
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        // Asked anew, and not from what is remembered: it may have been deleted.
        if !crate::bucket::is_there(at.inner, at.cx, &at.clients.s3, name).await? {
            at.inner.forget_bucket(at.region, name).await;
            return Ok(None);
        }
        if !crate::bucket::tagged(at.cx, &at.clients, name).await? {
            return Ok(None);
        }
        let mut bucket = at.resource(name, name);
        bucket.state = "there".into();
        bucket.rate = not_billed("what lies in it is counted by itself; an empty bucket costs nothing");
        bucket.so_far = curfew_core::Cost::NotBilled { note: "an empty bucket costs nothing".into() };
        let what = format!("runs and endpoints are kept in it, below {}", crate::bucket::shown(name));
        bucket.evidence.push(Evidence::NeededBy { what });
        bucket.steps.push(step("delete", "Delete the bucket, if nothing is in it"));
        bucket.fingerprint = "there".into();
        Ok(Some(bucket))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        if verb != "delete" {
            return Err(unknown_step(verb));
        }
        let deleted = call(at.cx, "delete the bucket", || at.clients.s3.delete_bucket().bucket(name).send()).await;
        let deleted = deleted.map(drop).map_err(|e| {
            if e.context().iter().any(|(_, v)| v == "BucketNotEmpty") {
                return Error::new(ErrorKind::Conflict, "delete the bucket", "there is something in it")
                    .next("Remove its runs and endpoints first");
            }
            e
        });
        fine(deleted)?;
        at.inner.forget_bucket(at.region, name).await;
        Ok(())
    }
}
