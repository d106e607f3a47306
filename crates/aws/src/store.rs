//! One bucket as the place where runs and endpoints keep what was asked for, their code, data and results.

use crate::error::gone_is_fine;
use crate::retry::{self, call};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use curfew_core::error::Bill;
use curfew_core::{Cx, Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A bucket.
#[derive(Clone)]
pub(crate) struct Store {
    pub s3: aws_sdk_s3::Client,
    pub bucket: String,
}

/// What lies below a prefix.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub bytes: u64,
    pub files: u64,
}

impl Store {
    pub(crate) fn new(s3: aws_sdk_s3::Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    pub(crate) fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Writes an object if there is none of that key. `false`: there is one, whoever wrote it.
    pub(crate) async fn claim(&self, cx: &Cx, key: &str, content: &str) -> Result<bool> {
        let put = call(cx, "note what is asked for", || {
            let body = ByteStream::from(content.as_bytes().to_vec());
            self.s3.put_object().bucket(&self.bucket).key(key).if_none_match("*").body(body).send()
        });
        match put.await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    pub(crate) async fn put(&self, cx: &Cx, key: &str, content: Vec<u8>) -> Result<()> {
        call(cx, "write to the bucket", || {
            self.s3.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(content.clone())).send()
        })
        .await
        .map(drop)
    }

    pub(crate) async fn put_json(&self, cx: &Cx, key: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        self.put(cx, key, json(value)?.into_bytes()).await
    }

    /// An object's content; `None` where S3 says that there is none.
    pub(crate) async fn get(&self, cx: &Cx, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get_typed(cx, key).await?.map(|(content, _)| content))
    }

    /// The same, with its content type.
    pub(crate) async fn get_typed(&self, cx: &Cx, key: &str) -> Result<Option<(Vec<u8>, String)>> {
        let mut round = 0;
        loop {
            let answer = call(cx, "read from the bucket", || self.s3.get_object().bucket(&self.bucket).key(key).send());
            let answer = match answer.await {
                Ok(answer) => answer,
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            // The SDK's retries end with the headers: a body that breaks off is asked for again here.
            let kind = answer.content_type.unwrap_or_default();
            match answer.body.collect().await {
                Ok(body) => return Ok(Some((body.into_bytes().to_vec(), kind))),
                Err(e) if round >= 4 => {
                    return Err(Error::new(ErrorKind::Unavailable, "read from the bucket", "S3's answer broke off")
                        .caused_by(e));
                }
                Err(_) => round += 1,
            }
            retry::pause(round).await;
        }
    }

    pub(crate) async fn get_json<T: DeserializeOwned>(&self, cx: &Cx, key: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get(cx, key).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            Error::new(
                ErrorKind::Corrupt,
                "read from the bucket",
                format!("{} is not what Curfew wrote", self.uri(key)),
            )
            .caused_by(e)
        })
    }

    /// Does anything lie below a prefix?
    pub(crate) async fn has(&self, cx: &Cx, prefix: &str) -> Result<bool> {
        let found = call(cx, "look into the bucket", || {
            self.s3.list_objects_v2().bucket(&self.bucket).prefix(prefix).max_keys(1).send()
        })
        .await?;
        Ok(!found.contents().is_empty())
    }

    pub(crate) async fn size(&self, cx: &Cx, key: &str) -> Result<Option<u64>> {
        // A list, and not a HEAD: the answer to a HEAD has no room for a reason.
        let found = call(cx, "look into the bucket", || {
            self.s3.list_objects_v2().bucket(&self.bucket).prefix(key).max_keys(1).send()
        })
        .await?;
        // Keys come in order, and the one that is all of the prefix comes first.
        let object = found.contents().first().filter(|o| o.key() == Some(key));
        Ok(object.map(|o| u64::try_from(o.size().unwrap_or(0)).unwrap_or(0)))
    }

    /// The names of the folders directly below a prefix.
    pub(crate) async fn folders(&self, cx: &Cx, prefix: &str) -> Result<Vec<String>> {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "list the bucket", || {
                let list = self.s3.list_objects_v2().bucket(&self.bucket).prefix(prefix).delimiter("/");
                list.set_continuation_token(token.clone()).send()
            })
            .await?;
            let below = page.common_prefixes().iter().filter_map(|p| p.prefix());
            names.extend(below.map(|p| p[prefix.len()..].trim_end_matches('/').to_owned()));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// Keys and sizes below a prefix.
    pub(crate) async fn keys(&self, cx: &Cx, prefix: &str) -> Result<Vec<(String, u64)>> {
        let (mut keys, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "list the bucket", || {
                let list = self.s3.list_objects_v2().bucket(&self.bucket).prefix(prefix);
                list.set_continuation_token(token.clone()).send()
            })
            .await?;
            for object in page.contents() {
                let size = u64::try_from(object.size().unwrap_or(0)).unwrap_or(0);
                keys.push((object.key().unwrap_or_default().to_owned(), size));
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(keys);
            }
        }
    }

    pub(crate) async fn room(&self, cx: &Cx, prefix: &str) -> Result<Room> {
        let keys = self.keys(cx, prefix).await?;
        Ok(Room { bytes: keys.iter().map(|k| k.1).sum(), files: keys.len() as u64 })
    }

    /// Deletes everything below a prefix, the object `last` after all others: while it is there, the rest has an owner.
    pub(crate) async fn remove_folder(&self, cx: &Cx, prefix: &str, last: &str) -> Result<()> {
        let keys: Vec<String> = self.keys(cx, prefix).await?.into_iter().map(|k| k.0).collect();
        let (end, rest): (Vec<String>, Vec<String>) = keys.into_iter().partition(|k| k == last);
        for batch in rest.chunks(1000).chain(end.chunks(1000)) {
            self.remove(cx, batch).await?;
        }
        Ok(())
    }

    async fn remove(&self, cx: &Cx, keys: &[String]) -> Result<()> {
        let objects = keys.iter().map(|k| ObjectIdentifier::builder().key(k).build());
        let objects: Vec<_> = objects.collect::<std::result::Result<_, _>>().map_err(|e| {
            Error::new(ErrorKind::Unknown, "delete from the bucket", "the request could not be made").caused_by(e)
        })?;
        let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(|e| {
            Error::new(ErrorKind::Unknown, "delete from the bucket", "the request could not be made").caused_by(e)
        })?;
        let answer = call(cx, "delete from the bucket", || {
            self.s3.delete_objects().bucket(&self.bucket).delete(batch.clone()).send()
        })
        .await?;
        match answer.errors().first() {
            None => Ok(()),
            Some(e) => {
                let error = crate::error::classify("delete from the bucket", e.code(), e.message().unwrap_or_default());
                gone_is_fine(Err(error.bill(Bill::StillRunning).with("key", e.key().unwrap_or_default())))
            }
        }
    }
}

/// A value as JSON text.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| {
        Error::new(ErrorKind::Unknown, "write to the bucket", "this cannot be written as JSON").caused_by(e)
    })
}
