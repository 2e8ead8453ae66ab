//! Where files go. One folder and one row in [`DESTINATIONS`] each.

pub mod conformance;
pub mod local;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Opens a destination from the text of `--output-dir` (a path or URL); none if it is not of this kind.
pub type OpenFn = fn(&str) -> Option<Result<Arc<dyn Destination>>>;

/// Every destination, tried in order.
pub const DESTINATIONS: &[OpenFn] = &[local::open];

/// An upload whose bytes are all durable at the store but that no reader can see yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpload {
    /// Path below the base that it will have.
    pub path: String,
    /// The store's id of the upload (local disk: the temporary file's name; it lies beside `path`).
    pub upload_id: String,
    /// Tags of the parts, in order, where the store has them.
    pub part_tags: Vec<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE) of the content, eight hex digits.
    pub crc32: String,
}

/// An object that readers can see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// Path below the base.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The store's e-tag, where it has one.
    pub e_tag: Option<String>,
}

/// A place for files. Paths are below the base, with `/`, never starting with one.
///
/// Contract, checked by `destination/conformance.rs` on every implementation and wrapper:
/// * `complete`, `put` and `delete` are atomic and durable when they return: a reader sees the
///   old or the new object whole, and a crash afterwards loses nothing.
/// * `complete` may be repeated: completing what was completed before succeeds, and fails if the
///   object at `path` is not the one of this upload (size and CRC).
/// * An upload is invisible to readers and to `list` until `complete`.
/// * An error from a call that changes something means *unknown*, not *undone*.
#[async_trait]
pub trait Destination: Debug + Send + Sync {
    /// The base as a URL or path, without secrets.
    fn location(&self) -> String;

    /// Begins an upload that will appear at `path`. `est_bytes` steers the size of its parts.
    async fn create(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>>;

    /// Makes a finished upload visible at its path, replacing what is there.
    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject>;

    /// Removes an upload that was not completed. Removing what is not there succeeds.
    async fn abort(&self, upload: &PendingUpload) -> Result<()>;

    /// Uploads under `dir` that were neither completed nor aborted, whoever began them.
    /// Their sizes, tags and checksums may be unknown (zero and empty).
    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>>;

    /// Writes a small object, replacing what is there.
    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject>;

    /// The content of a small object; none if there is none.
    async fn get(&self, path: &str) -> Result<Option<Bytes>>;

    /// Size and tag of an object; none if there is none.
    async fn head(&self, path: &str) -> Result<Option<StoredObject>>;

    /// Objects directly in `dir`, by name. A directory that is not there is empty.
    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>>;

    /// Removes an object. Removing what is not there succeeds.
    async fn delete(&self, path: &str) -> Result<()>;

    /// Takes the only writer's lock of `dir` (`_lock` in it), held until the value is dropped or the process ends.
    /// A lock that another run holds is an `Unavailable` error that names its owner.
    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>>;
}

/// The only writer's lock of a directory.
#[async_trait]
pub trait DirLock: Debug + Send + Sync {
    /// Gives the lock back. (Dropping does too, without saying whether it worked.)
    async fn release(self: Box<Self>) -> Result<()>;
}

/// An upload under way. Dropped without `finish` it is aborted, as far as that is possible without waiting.
#[async_trait]
pub trait Upload: Debug + Send {
    /// Adds bytes; waits while too much is on its way.
    async fn put_part(&mut self, data: Bytes) -> Result<()>;

    /// Waits until all bytes are durable at the store. Readers still see nothing.
    async fn finish(self: Box<Self>) -> Result<PendingUpload>;

    /// Gives up and removes what was sent.
    async fn abort(self: Box<Self>) -> Result<()>;
}
