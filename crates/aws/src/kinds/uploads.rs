//! Uploads into our bucket that were broken off: S3 keeps, and bills, the parts until they are thrown away.

use super::{At, Sheet, last_used, step, unknown_step};
use crate::clock::timestamp;
use crate::error::gone_is_fine;
use crate::retry::call;
use crate::store::Store;
use async_trait::async_trait;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{Cost, Cx, Result};

pub(super) struct Uploads;

#[async_trait]
impl Sheet for Uploads {
    fn sheet(&self) -> KindSheet {
        KindSheet { id: "upload", one: "unfinished upload", many: "unfinished uploads", bills_idle: true, order: 80 }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for store in at.inner.stores(at.cx, at.region).await? {
            // A bucket that was chosen may hold others' uploads too.
            ids.extend(below(at.cx, &store, OURS).await?.into_iter().map(|u| format!("{} {}", u.id, u.key)));
        }
        Ok(ids)
    }

    async fn read(&self, at: &At<'_>, id: &str) -> Result<Option<Resource>> {
        let Some((upload, key)) = id.split_once(' ') else { return Ok(None) };
        let Some((_, found)) = find(at, upload, key).await? else { return Ok(None) };
        let mut resource = at.resource(id, key);
        resource.state = "unfinished".into();
        resource.created = found.begun;
        resource.rate = Cost::Unknown { why: "how much was sent is not counted".into() };
        let fresh = found.begun.is_some_and(|t| at.cx.now().duration_since(t) < crate::training::BEGINS_WITHIN);
        if fresh {
            resource.evidence.push(Evidence::Active { what: "it may still be going on".into() });
        } else {
            resource.evidence.push(Evidence::Orphan { of: "whoever sent it has stopped".into() });
        }
        resource.evidence.extend(found.begun.map(|t| last_used(t, "when it was begun")));
        resource.steps.push(step("abort", "Throw the parts away"));
        id.clone_into(&mut resource.fingerprint);
        Ok(Some(resource))
    }

    async fn remove(&self, at: &At<'_>, id: &str, verb: &str) -> Result<()> {
        let Some((upload, key)) = id.split_once(' ') else { return Ok(()) };
        let Some((store, _)) = find(at, upload, key).await? else { return Ok(()) };
        match verb {
            "abort" => abort(at.cx, &store, upload, key).await,
            other => Err(unknown_step(other)),
        }
    }
}

/// Everything of ours in a bucket lies below this.
const OURS: &str = "curfew/";

/// An upload, and the bucket in which it is.
async fn find(at: &At<'_>, upload: &str, key: &str) -> Result<Option<(Store, Upload)>> {
    for store in at.inner.stores(at.cx, at.region).await? {
        let all = below(at.cx, &store, key).await?;
        if let Some(found) = all.into_iter().find(|u| u.id == upload && u.key == key) {
            return Ok(Some((store, found)));
        }
    }
    Ok(None)
}

struct Upload {
    id: String,
    key: String,
    begun: Option<curfew_core::Timestamp>,
}

async fn below(cx: &Cx, store: &Store, prefix: &str) -> Result<Vec<Upload>> {
    let (mut all, mut key, mut id) = (Vec::new(), None::<String>, None::<String>);
    loop {
        let page = call(cx, "list the unfinished uploads", || {
            let list = store.s3.list_multipart_uploads().bucket(&store.bucket).prefix(prefix);
            list.set_key_marker(key.clone()).set_upload_id_marker(id.clone()).send()
        })
        .await?;
        all.extend(page.uploads().iter().map(|u| Upload {
            id: u.upload_id().unwrap_or_default().into(),
            key: u.key().unwrap_or_default().into(),
            begun: u.initiated().map(timestamp),
        }));
        if page.is_truncated != Some(true) {
            return Ok(all);
        }
        (key, id) = (page.next_key_marker, page.next_upload_id_marker);
    }
}

async fn abort(cx: &Cx, store: &Store, id: &str, key: &str) -> Result<()> {
    let aborted = call(cx, "throw the upload away", || {
        store.s3.abort_multipart_upload().bucket(&store.bucket).key(key).upload_id(id).send()
    });
    gone_is_fine(aborted.await.map(drop))
}

/// Throws away every unfinished upload below a prefix.
pub(crate) async fn abort_below(cx: &Cx, store: &Store, prefix: &str) -> Result<()> {
    for upload in below(cx, store, prefix).await? {
        abort(cx, store, &upload.id, &upload.key).await?;
    }
    Ok(())
}
