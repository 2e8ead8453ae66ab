//! An upload under way: parts of one size are cut off, sent a few at a time, and their tags kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::PutPayload;
use object_store::path::Path;
use tokio::task::JoinSet;

use super::super::{PendingUpload, Upload};
use super::problem::Refusal;
use super::request::again;
use super::{Inner, PATIENCE, Pending};
use crate::error::{Error, Result};

const MIB: u64 = 1 << 20;
/// Every store takes parts of this size; S3 refuses smaller ones than 5 MiB.
const LEAST_PART: u64 = 5 * MIB;
/// The largest part of any store.
const MOST_PART: u64 = 4 << 30;
/// Stores refuse more parts than 10,000; the size is chosen so that this many suffice.
const PLANNED_PARTS: u64 = 7_500;
/// After that many parts more, they double: an estimate was far too low, and refusing would help nobody.
const STEP: u64 = 400;
/// Parts on their way at once, beside the one being filled.
const IN_FLIGHT: usize = 2;

/// Bytes of part number `index`: the same for all, unless `est_bytes` was far too low.
pub(super) fn part_bytes(est_bytes: u64, index: u64) -> u64 {
    // What is estimated are bytes of source; Parquet is rarely larger.
    let wanted = (est_bytes + est_bytes / 4).div_ceil(PLANNED_PARTS).div_ceil(MIB) * MIB;
    let doublings = (index + STEP).saturating_sub(PLANNED_PARTS) / STEP;
    (wanted.max(LEAST_PART) << doublings.min(6)).min(MOST_PART)
}

/// An upload to an object store.
#[derive(Debug)]
pub(super) struct ObjectUpload {
    inner: Arc<Inner>,
    path: String,
    key: Path,
    /// None while the store has not heard of it.
    upload_id: Option<String>,
    est_bytes: u64,
    /// Of the part being filled.
    blocks: Vec<Bytes>,
    filled: u64,
    sent: u64,
    sending: JoinSet<Result<(u64, String)>>,
    tags: BTreeMap<u64, String>,
    crc: crc32fast::Hasher,
    bytes: u64,
    /// Whether the upload is to be aborted on drop.
    ours: bool,
}

impl ObjectUpload {
    /// Begins an upload.
    pub(super) async fn create(inner: Arc<Inner>, path: &str, est_bytes: u64) -> Result<Self> {
        let mut upload = Self::later(inner, path, est_bytes)?;
        upload.id().await?;
        Ok(upload)
    }

    /// An upload that begins when there is a part to send.
    pub(super) fn later(inner: Arc<Inner>, path: &str, est_bytes: u64) -> Result<Self> {
        let key = inner.key(path)?;
        Ok(Self {
            inner,
            path: path.to_owned(),
            key,
            upload_id: None,
            est_bytes,
            blocks: Vec::new(),
            filled: 0,
            sent: 0,
            sending: JoinSet::new(),
            tags: BTreeMap::new(),
            crc: crc32fast::Hasher::new(),
            bytes: 0,
            ours: true,
        })
    }

    /// The upload's id; begins it if that was not done.
    async fn id(&mut self) -> Result<String> {
        if let Some(id) = &self.upload_id {
            return Ok(id.clone());
        }
        // Who gives up while the store begins an upload never learns its id: then it is aborted all the same.
        let (inner, key, path) = (Arc::clone(&self.inner), self.key.clone(), self.path.clone());
        let (give, take) = tokio::sync::oneshot::channel();
        self.inner.in_background(async move {
            let begun = begin(&inner, &path, &key).await;
            drop(give.send(begun.map(|id| Begun { inner, path, id: Some(id) })));
        });
        let begun = take.await.map_err(|error| Error::internal("an upload ended early").caused_by(error))?;
        self.upload_id = begun?.id.take();
        Ok(self.upload_id.clone().unwrap_or_default())
    }

    /// Sends what is filled as the next part; waits while too many are on their way.
    async fn send(&mut self) -> Result<()> {
        while self.sending.len() >= IN_FLIGHT {
            self.sent_one().await?;
        }
        let id = self.id().await?;
        let payload: PutPayload = std::mem::take(&mut self.blocks).into_iter().collect();
        let (inner, index) = (Arc::clone(&self.inner), self.sent);
        let (key, path) = (self.key.clone(), self.path.clone());
        (self.filled, self.sent) = (0, self.sent + 1);
        self.sending.spawn(async move {
            let number = usize::try_from(index).unwrap_or(usize::MAX);
            let lanes = inner.http.lanes();
            let put = async || {
                let _lane = lanes.enter().await;
                inner.uploads.0.put_part(&key, &id, number, payload.clone()).await
            };
            let mut expired = false;
            let sent = loop {
                let width = lanes.width();
                let sent = put().await;
                let refusal = sent.as_ref().err().map(Refusal::of_store).unwrap_or_default();
                // Repetitions keep the signature of the first attempt, which may have been held up for long.
                let signs_again = !expired && refusal.code() == "ExpiredToken";
                // With fewer parts on their way it may get through.
                let is_narrower = refusal.is_late() && lanes.width() < width;
                if !signs_again && !is_narrower {
                    break sent;
                }
                expired |= signs_again;
            };
            match sent {
                Ok(part) => {
                    if let Some(parts) = lanes.got_through() {
                        tracing::debug!(parts, "one more upload at once");
                    }
                    Ok((index, part.content_id))
                }
                Err(error) => Err(inner.failed("cannot upload a part of an object", &path, &error)),
            }
        });
        Ok(())
    }

    /// Waits for one part on its way, if there is one.
    async fn sent_one(&mut self) -> Result<()> {
        match self.sending.join_next().await {
            None => Ok(()),
            Some(Ok(sent)) => {
                let (index, tag) = sent?;
                self.tags.insert(index, tag);
                Ok(())
            }
            Some(Err(error)) => Err(Error::internal("an upload ended early").caused_by(error)),
        }
    }
}

#[async_trait]
impl Upload for ObjectUpload {
    async fn put_part(&mut self, mut data: Bytes) -> Result<()> {
        self.crc.update(&data);
        self.bytes += data.len() as u64;
        // An error is reported at once, not when the next part is full.
        while let Some(done) = self.sending.try_join_next() {
            let (index, tag) = done.map_err(|e| Error::internal("an upload ended early").caused_by(e))??;
            self.tags.insert(index, tag);
        }
        while !data.is_empty() {
            let room = part_bytes(self.est_bytes, self.sent) - self.filled;
            let taken = data.split_to(usize::try_from(room).unwrap_or(usize::MAX).min(data.len()));
            self.filled += taken.len() as u64;
            self.blocks.push(taken);
            if self.filled == part_bytes(self.est_bytes, self.sent) {
                self.send().await?;
            }
        }
        Ok(())
    }

    fn take_back(&mut self) -> Option<Bytes> {
        if self.upload_id.is_some() {
            return None;
        }
        self.ours = false;
        let mut whole = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
        for block in std::mem::take(&mut self.blocks) {
            whole.extend_from_slice(&block);
        }
        Some(whole.into())
    }

    async fn finish(mut self: Box<Self>) -> Result<PendingUpload> {
        if self.filled > 0 {
            self.send().await?;
        }
        let upload_id = self.id().await?;
        while !self.sending.is_empty() {
            self.sent_one().await?;
        }
        self.ours = false;
        Ok(PendingUpload {
            path: self.path.clone(),
            upload_id,
            part_tags: std::mem::take(&mut self.tags).into_values().collect(),
            bytes: self.bytes,
            crc32: format!("{:08x}", self.crc.clone().finalize()),
        })
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        // A part that arrives after the abort would stay: first nothing may be on its way.
        self.sending.shutdown().await;
        let aborted = match &self.upload_id {
            Some(id) => self.inner.abort(&self.path, id).await,
            None => Ok(()),
        };
        self.ours = false;
        aborted
    }
}

/// An upload that nobody has taken yet. Dropped, it is aborted.
struct Begun {
    inner: Arc<Inner>,
    path: String,
    id: Option<String>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (inner, path) = (Arc::clone(&self.inner), std::mem::take(&mut self.path));
        self.inner.in_background(async move { inner.abort_in_background(&path, &id).await });
    }
}

async fn begin(inner: &Inner, path: &str, key: &Path) -> Result<String> {
    let begun = again(PATIENCE, || inner.uploads.0.create_multipart(key)).await;
    let id = begun.map_err(|error| inner.failed("cannot begin an upload", path, &error))?;
    if inner.place.pending == Pending::Listed {
        inner.held().uploads.insert(id.clone(), path.to_owned());
    }
    Ok(id)
}

impl Drop for ObjectUpload {
    fn drop(&mut self) {
        let Some(id) = self.upload_id.take().filter(|_| self.ours) else { return };
        self.sending.abort_all();
        let mut sending = std::mem::take(&mut self.sending);
        let (inner, path) = (Arc::clone(&self.inner), self.path.clone());
        self.inner.in_background(async move {
            sending.shutdown().await;
            inner.abort_in_background(&path, &id).await;
        });
    }
}
