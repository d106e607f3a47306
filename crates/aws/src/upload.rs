//! Files into the bucket: whole where they are small, in parallel parts where they are large, and from where it broke off.

use crate::pack::Entry;
use crate::retry::call;
use crate::store::Store;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use curfew_core::{Cx, Error, ErrorKind, Progress, Result};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// From here on in parts. S3's least part is 5 MiB.
const IN_PARTS_FROM: u64 = 32 << 20;
const PART: u64 = 16 << 20;
/// S3's most parts.
const MOST_PARTS: u64 = 10_000;
/// How many files or parts travel at once.
const AT_ONCE: usize = 4;

/// How often an upload looks whether it was asked to end: each look is a call.
const LOOK: Duration = Duration::from_secs(2);

/// What is uploaded, in words, and the key of the note that says to go no further, if there may be one.
#[derive(Clone, Copy)]
pub(crate) struct What<'a> {
    pub says: &'a str,
    pub stop: Option<&'a str>,
}

/// An upload on its way: tells at each file and part how far it has come.
struct Going<'a> {
    cx: &'a Cx,
    store: &'a Store,
    what: What<'a>,
    total: u64,
    done: AtomicU64,
    looked: Mutex<Option<Instant>>,
}

impl<'a> Going<'a> {
    fn new(cx: &'a Cx, store: &'a Store, what: What<'a>, total: u64) -> Self {
        let going = Self { cx, store, what, total, done: AtomicU64::new(0), looked: Mutex::default() };
        going.came(0);
        going
    }
    /// `Cancelled` where somebody has asked for the end meanwhile, here or elsewhere. Before each file and part.
    async fn check(&self) -> Result<()> {
        self.cx.check("upload the files")?;
        {
            let mut looked = self.looked.lock().expect("nothing panics while it is held");
            if looked.get_or_insert_with(Instant::now).elapsed() < LOOK {
                return Ok(());
            }
            *looked = Some(Instant::now());
        }
        match self.what.stop {
            Some(stop) => stopped(self.cx, self.store, stop).await,
            None => Ok(()),
        }
    }
    /// So many bytes more are there.
    fn came(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.cx.tell(&Progress { what: self.what.says.to_owned(), done: done.min(self.total), total: self.total });
    }
}

/// `Cancelled` where the note `stop` lies in the bucket.
pub(crate) async fn stopped(cx: &Cx, store: &Store, stop: &str) -> Result<()> {
    match store.size(cx, stop).await? {
        None => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Cancelled, "upload the files", "it was asked to end before it began")),
    }
}

/// Uploads files below `prefix`, telling `what` it does. What is there with the same size from a first try is not sent
/// again.
pub(crate) async fn files(cx: &Cx, store: &Store, files: &[Entry], prefix: &str, what: What<'_>) -> Result<()> {
    let total = Going::new(cx, store, what, files.iter().map(|f| f.size).sum());
    let there: BTreeMap<String, u64> = store.keys(cx, prefix).await?.into_iter().collect();
    let mut missing = Vec::new();
    for file in files {
        let key = format!("{prefix}{}", file.to);
        if there.get(&key) == Some(&file.size) {
            total.came(file.size);
        } else {
            missing.push((file.from.clone(), key));
        }
    }
    let mut going = futures::stream::FuturesUnordered::new();
    for (from, key) in missing {
        if going.len() >= AT_ONCE {
            going.next().await.transpose()?;
        }
        total.check().await?;
        going.push(sent(&total, from, key));
    }
    going.try_collect::<()>().await
}

/// Uploads one file, telling `what` it does.
pub(crate) async fn one(cx: &Cx, store: &Store, path: &Path, key: &str, what: What<'_>) -> Result<()> {
    let failed = |e| Error::io("upload the files", path.display(), e);
    let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
    sent(&Going::new(cx, store, what, size), path.to_owned(), key.to_owned()).await
}

async fn sent(whole: &Going<'_>, path: PathBuf, key: String) -> Result<()> {
    let failed = |e| Error::io("upload the files", path.display(), e);
    let size = tokio::fs::metadata(&path).await.map_err(failed)?.len();
    if size >= IN_PARTS_FROM {
        return in_parts(whole, &path, &key, size, PART.max(size.div_ceil(MOST_PARTS))).await;
    }
    let content = tokio::fs::read(&path).await.map_err(failed)?;
    whole.store.put(whole.cx, &key, content).await?;
    whole.came(size);
    Ok(())
}

async fn in_parts(whole: &Going<'_>, path: &Path, key: &str, size: u64, part: u64) -> Result<()> {
    const WHAT: &str = "upload the files";
    let (cx, store) = (whole.cx, whole.store);
    let (s3, bucket) = (&store.s3, &store.bucket);
    let (id, mut done) = begun(cx, store, key, part, size).await?;
    let count = i32::try_from(size.div_ceil(part)).unwrap_or(i32::MAX);
    let long = |number: i32| part.min(size - u64::from(number.unsigned_abs() - 1) * part);
    whole.came(done.keys().map(|n| long(*n)).sum());
    let left: Vec<i32> = (1..=count).filter(|n| !done.contains_key(n)).collect();
    let mut going = futures::stream::FuturesUnordered::new();
    for number in left {
        if going.len() >= AT_ONCE
            && let Some(sent) = going.next().await
        {
            let (number, tag) = sent?;
            whole.came(long(number));
            done.insert(number, tag);
        }
        whole.check().await?;
        let from = u64::from(number.unsigned_abs() - 1) * part;
        let piece = Piece { path, key, id: &id, number, from, length: long(number) };
        going.push(send(cx, store, piece));
    }
    while let Some(sent) = going.next().await {
        let (number, tag) = sent?;
        whole.came(long(number));
        done.insert(number, tag);
    }
    let parts = done.into_iter().map(|(n, tag)| CompletedPart::builder().part_number(n).e_tag(tag).build());
    let whole = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
    let completed = call(cx, WHAT, || {
        s3.complete_multipart_upload().bucket(bucket).key(key).upload_id(&id).multipart_upload(whole.clone()).send()
    })
    .await;
    match completed {
        Ok(_) => Ok(()),
        // Done by a first call whose answer was lost: the upload is gone, and the object is there.
        Err(e) if e.kind() == ErrorKind::NotFound && store.size(cx, key).await? == Some(size) => Ok(()),
        Err(e) => Err(e),
    }
}

/// One part of a file.
#[derive(Clone, Copy)]
struct Piece<'a> {
    path: &'a Path,
    key: &'a str,
    id: &'a str,
    number: i32,
    from: u64,
    length: u64,
}

async fn send(cx: &Cx, store: &Store, piece: Piece<'_>) -> Result<(i32, String)> {
    let sent = call(cx, "upload the files", || async move {
        let body = ByteStream::read_from().path(piece.path).offset(piece.from).length(Length::Exact(piece.length));
        let body = body.build().await.map_err(aws_sdk_s3::error::SdkError::construction_failure)?;
        let part = store.s3.upload_part().bucket(&store.bucket).key(piece.key).upload_id(piece.id);
        part.part_number(piece.number).body(body).send().await
    })
    .await?;
    Ok((piece.number, sent.e_tag.unwrap_or_default()))
}

/// The upload to go on with: one that broke off with parts of this size, else a new one.
async fn begun(cx: &Cx, store: &Store, key: &str, part: u64, size: u64) -> Result<(String, BTreeMap<i32, String>)> {
    const WHAT: &str = "upload the files";
    let (s3, bucket) = (&store.s3, &store.bucket);
    let open = call(cx, WHAT, || s3.list_multipart_uploads().bucket(bucket).prefix(key).send()).await?;
    let ours = open.uploads().iter().find(|u| u.key() == Some(key)).and_then(|u| u.upload_id());
    if let Some(id) = ours {
        let mut parts = BTreeMap::new();
        let mut marker = None::<String>;
        loop {
            let page = call(cx, WHAT, || {
                s3.list_parts().bucket(bucket).key(key).upload_id(id).set_part_number_marker(marker.clone()).send()
            })
            .await?;
            for found in page.parts() {
                let (number, bytes) = (found.part_number.unwrap_or(0), found.size.unwrap_or(0).unsigned_abs());
                let from = u64::from(number.unsigned_abs().saturating_sub(1)) * part;
                if number > 0 && from < size && bytes == part.min(size - from) {
                    parts.insert(number, found.e_tag.clone().unwrap_or_default());
                }
            }
            marker = page.next_part_number_marker;
            if page.is_truncated != Some(true) {
                return Ok((id.to_owned(), parts));
            }
        }
    }
    let new = call(cx, WHAT, || s3.create_multipart_upload().bucket(bucket).key(key).send()).await?;
    let id = new.upload_id.ok_or_else(|| Error::new(ErrorKind::Unknown, WHAT, "S3 named no upload"))?;
    Ok((id, BTreeMap::new()))
}
