//! An upload under way: parts of one size are cut off, sent a few at a time, and their tags kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::PutPayload;
use object_store::path::Path;
use tokio::task::JoinSet;

use super::super::{PendingUpload, Upload};
use super::request::again;
use super::{Inner, PATIENCE, Pending};
use crate::error::{Error, Result};

const MIB: u64 = 1 << 20;
/// Every store takes parts of this size; S3 refuses smaller ones than 5 MiB.
const LEAST_PART: u64 = 8 * MIB;
/// The largest part of any store.
const MOST_PART: u64 = 4 << 30;
/// Stores refuse more parts than 10,000; the size is chosen so that this many suffice.
const PLANNED_PARTS: u64 = 7_500;
/// After that many parts more, they double: an estimate was far too low, and refusing would help nobody.
const STEP: u64 = 500;
/// Parts on their way at once, beside the one being filled.
const IN_FLIGHT: usize = 2;

/// Bytes of part number `index`: the same for all, unless `est_bytes` was far too low.
pub(super) fn part_bytes(est_bytes: u64, index: u64) -> u64 {
    // What is estimated are bytes of source; Parquet is rarely larger.
    let wanted = (est_bytes + est_bytes / 4).div_ceil(PLANNED_PARTS).div_ceil(MIB) * MIB;
    let doublings = (index + STEP).saturating_sub(PLANNED_PARTS) / STEP;
    (wanted.max(LEAST_PART) << doublings.min(5)).min(MOST_PART)
}

/// An upload to an object store.
#[derive(Debug)]
pub(super) struct ObjectUpload {
    inner: Arc<Inner>,
    path: String,
    key: Path,
    upload_id: String,
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
    pub(super) async fn create(inner: Arc<Inner>, path: &str, est_bytes: u64) -> Result<Self> {
        let key = inner.key(path)?;
        let begun = again(PATIENCE, || inner.uploads.0.create_multipart(&key)).await;
        let upload_id = match begun {
            Ok(id) => id,
            Err(error) => return Err(inner.failed("cannot begin an upload", path, &error)),
        };
        Ok(Self {
            inner,
            path: path.to_owned(),
            key,
            upload_id,
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

    /// Sends what is filled as the next part; waits while too many are on their way.
    async fn send(&mut self) -> Result<()> {
        while self.sending.len() >= IN_FLIGHT {
            self.sent_one().await?;
        }
        let payload: PutPayload = std::mem::take(&mut self.blocks).into_iter().collect();
        let (inner, index) = (Arc::clone(&self.inner), self.sent);
        let (key, id, path) = (self.key.clone(), self.upload_id.clone(), self.path.clone());
        (self.filled, self.sent) = (0, self.sent + 1);
        self.sending.spawn(async move {
            let number = usize::try_from(index).unwrap_or(usize::MAX);
            match inner.uploads.0.put_part(&key, &id, number, payload).await {
                Ok(part) => Ok((index, part.content_id)),
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
        // An error is told at once, not when the next part is full.
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

    async fn finish(mut self: Box<Self>) -> Result<PendingUpload> {
        if self.filled > 0 {
            self.send().await?;
        }
        while !self.sending.is_empty() {
            self.sent_one().await?;
        }
        self.ours = false;
        Ok(PendingUpload {
            path: self.path.clone(),
            upload_id: self.upload_id.clone(),
            part_tags: std::mem::take(&mut self.tags).into_values().collect(),
            bytes: self.bytes,
            crc32: format!("{:08x}", self.crc.clone().finalize()),
        })
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        // A part that arrives after the abort would stay: first nothing may be on its way.
        self.sending.shutdown().await;
        let aborted = self.inner.abort(&self.path, &self.upload_id).await;
        self.ours = false;
        aborted
    }
}

impl Drop for ObjectUpload {
    fn drop(&mut self) {
        if !self.ours || self.inner.place.pending == Pending::Blocks {
            return;
        }
        self.sending.abort_all();
        let mut sending = std::mem::take(&mut self.sending);
        let (inner, path, id) = (Arc::clone(&self.inner), self.path.clone(), self.upload_id.clone());
        self.inner.in_background(async move {
            sending.shutdown().await;
            if let Err(error) = inner.abort(&path, &id).await {
                tracing::warn!(%error, "an upload was not removed; the next run removes it");
            }
        });
    }
}
