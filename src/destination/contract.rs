//! What every destination can do, and what it is asked for: the traits that a kind of store implements.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, ErrorKind, Result};

/// One thing that was tried.
#[derive(Debug)]
pub struct Check {
    /// What, in a few words.
    pub what: String,
    /// What was found, or why it does not work.
    pub outcome: Result<String>,
    /// What exports do without it, if it is a right that they can do without.
    without: Option<String>,
    /// It works, and is unwise.
    unwise: bool,
}

impl Check {
    /// A check with its outcome.
    pub fn new(what: impl Into<String>, outcome: Result<String>) -> Self {
        Self { what: what.into(), outcome, without: None, unwise: false }
    }

    /// What works and is unwise, and why.
    pub fn unwise(what: impl Into<String>, why: String) -> Self {
        Self { unwise: true, ..Self::new(what, Ok(why)) }
    }

    /// Exports do without this right; `without` says what becomes of it then.
    #[must_use]
    pub(super) fn or(mut self, without: impl Into<String>) -> Self {
        self.without = Some(without.into());
        self
    }

    /// Whether exports work, and something is to be said all the same.
    pub fn is_warning(&self) -> bool {
        self.unwise || self.warning().is_some()
    }

    /// Why exports do not work.
    pub fn failure(&self) -> Option<&Error> {
        self.outcome.as_ref().err().filter(|_| self.warning().is_none())
    }

    /// What exports do without a right that is missing.
    pub fn warning(&self) -> Option<&str> {
        let denied = self.outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Denied);
        self.without.as_deref().filter(|_| denied)
    }
}

/// The error of a read beyond what is there.
pub(crate) fn too_short(path: &str, range: &Range<u64>) -> Error {
    Error::data(format!(
        "there are no bytes {} to {} in the file, or there is no file",
        range.start, range.end
    ))
    .coded(Code::FileMissing)
    .with("file", path)
    .hint("the file was removed, replaced or cut short after it was listed; export the table again")
}

/// The way without the right to delete where [nothing can be replaced](Destination::replaces_freely) without it.
pub(crate) const ONE_DIRECTORY_PER_RUN: &str = "grant storage.objects.delete, which the role Storage Object User has; without it export to another directory each time, \
     with --sub-path staging/2025/01/15 for example";

/// Most bytes of a document that is read: a manifest, an intent, a lock. Others can write where they lie, and they are
/// held in memory whole.
pub(crate) const DOCUMENT_BYTES: u64 = 1 << 30;

/// The error of a document that is larger.
pub(crate) fn too_large(path: &str) -> Error {
    Error::data(format!("a document is larger than {} GiB and is not read", DOCUMENT_BYTES >> 30))
        .coded(Code::ManifestUnreadable)
        .with("path", path)
        .hint(
            "lakexpress writes none that is larger: see what it is, then move it away or choose another directory",
        )
}

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

/// What a process leaves behind when it ends at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Locks, by their full paths.
    pub locks: Vec<String>,
    /// Uploads, by the full paths that they would have had.
    pub uploads: Vec<String>,
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
/// * Dropping an upload or a lock releases it asynchronously, shortly afterwards.
/// * An error from a call that changes something means *unknown*, not *undone*.
#[async_trait]
pub trait Destination: Debug + Send + Sync {
    /// The base as a URL or path, without secrets.
    fn location(&self) -> String;

    /// Makes contact before anything else is done: whether the place is there and may be used.
    /// Answers within 15 seconds, with cause and remedy. A place without a server has nothing to ask.
    async fn reach(&self) -> Result<()> {
        Ok(())
    }

    /// Whether the store itself removes uploads that nobody finished and tells nobody which there are:
    /// then `abort` need not do anything and `list_pending` is empty.
    fn uploads_expire(&self) -> bool {
        false
    }

    /// Whether who may write an object may also replace it. On Google Cloud Storage that is a right by itself, that of
    /// deleting: without it nothing that is there can be changed.
    fn replaces_freely(&self) -> bool {
        true
    }

    /// What a preflight looks at here and nowhere else; it may write objects that begin with `path`.
    async fn own_checks(&self, _path: &str) -> Vec<Check> {
        Vec::new()
    }

    /// Waits for what dropped uploads and locks left to be done in the background.
    async fn settle(&self) {}

    /// The same place by the interface of `object_store`, and the path of the base in it: for formats of tables whose own
    /// documents are written by its rules. Each of the two reads what the other wrote. `None`: it has none, so such formats
    /// cannot be used here.
    ///
    /// Its errors name no remedy, it refuses no path that leaves the base, and on local disk it follows links and syncs
    /// nothing.
    fn object_store(&self) -> Option<(Arc<dyn ObjectStore>, ObjectPath)> {
        None
    }

    /// What this process has begun here and that outlives it, for messages: locks that it holds and uploads that are
    /// neither completed nor aborted.
    fn unfinished(&self) -> Unfinished {
        Unfinished::default()
    }

    /// Begins an upload that will appear at `path`. `est_bytes` steers the size of its parts.
    async fn create(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>>;

    /// As [`create`](Self::create), but the store hears of the upload only when it is larger than one small part
    /// or is finished, so that what is small can be [taken back](Upload::take_back).
    async fn create_later(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>> {
        self.create(path, est_bytes).await
    }

    /// Whether a small object that is being written when the process dies leaves something to be cleared away.
    fn puts_leave_litter(&self) -> bool {
        false
    }

    /// Makes a finished upload visible at its path, replacing what is there.
    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject>;

    /// Removes an upload that was not completed. Removing what is not there succeeds.
    async fn abort(&self, upload: &PendingUpload) -> Result<()>;

    /// Removes an upload that was finished and that nobody will complete, without waiting, as dropping an [`Upload`] does.
    fn abandon(&self, upload: &PendingUpload);

    /// Whether a finished upload is surely there still, whole and as it was, so that it can be completed. False also
    /// where that cannot be found out.
    async fn is_pending(&self, _upload: &PendingUpload) -> Result<bool> {
        Ok(false)
    }

    /// Uploads in `dir`, and in `key=value` directories below it, that were neither completed nor aborted, whoever began them.
    /// Their sizes, tags and checksums may be unknown (zero and empty).
    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>>;

    /// Writes a small object, replacing what is there.
    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject>;

    /// Writes a small object where there is none, in one step. Succeeds if the very same is there already, and can be read.
    ///
    /// Errors: `Data` when another one is there, which stays as it is.
    async fn put_new(&self, path: &str, content: Bytes) -> Result<StoredObject>;

    /// The content of a small object; none if there is none.
    async fn get(&self, path: &str) -> Result<Option<Bytes>>;

    /// The bytes of an object from `range.start` up to `range.end`, exactly so many, at least one.
    ///
    /// Errors: `Data` when there is no such object, or it is shorter.
    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes>;

    /// Size and tag of an object; none if there is none.
    async fn head(&self, path: &str) -> Result<Option<StoredObject>>;

    /// Objects directly in `dir` and in `key=value` directories below it, by path. A directory that is not there is empty.
    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>>;

    /// Removes an object. Removing what is not there succeeds.
    async fn delete(&self, path: &str) -> Result<()>;

    /// Whether what lies in the directory `first` and what lies in `second`, two spellings, are surely two: a disk may
    /// ignore case, or how letters are put together. Found out by a probe that is removed again, and that stays where
    /// nothing may be deleted.
    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool>;

    /// Takes the only writer's lock of `dir` (`_lock` in it), held until the value is dropped or the process ends.
    /// A lock that another run holds is an `Unavailable` error that names its owner.
    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>>;
}

/// The single-writer lock of a directory.
#[async_trait]
pub trait DirLock: Debug + Send + Sync {
    /// An error if the lock has been lost, so that nothing is changed any more.
    async fn check(&self) -> Result<()> {
        Ok(())
    }

    /// What the run from which this lock was taken over had noted and not settled.
    async fn found(&self) -> Option<Bytes> {
        None
    }

    /// Writes a note into the lock, which proves that it is held. The note outlives this process: it is what the
    /// next lock of the directory has [`found`](Self::found), unless it is settled before this one is given back.
    /// False where locks keep no notes, or where the store cannot promise that this lock is the only one.
    async fn note(&self, _note: &str) -> Result<bool> {
        Ok(false)
    }

    /// What was noted, or found, is done with.
    async fn settled(&self) {}

    /// Writes a small object where there is none, atomically. Succeeds if the very same is there already.
    /// Only for locks that keep notes.
    async fn create(&self, path: &str, _content: Bytes) -> Result<StoredObject> {
        Err(Error::internal("this lock writes nothing").with("path", path))
    }

    /// Whether what readers see is being changed. A lock that is dropped meanwhile is not given back but expires: a
    /// request that is still on its way to the store could otherwise undo what the next writer does.
    fn changing(&self, _under_way: bool) {}

    /// Gives the lock back. (Dropping does too, perhaps a moment later and without saying whether it worked.)
    /// An error in the answer is the refusal because of which an object stays that says that the lock is free, or that
    /// expires.
    async fn release(self: Box<Self>) -> Result<Option<Error>>;
}

/// An upload under way. Dropped without `finish` it is aborted, as far as that is possible without waiting.
#[async_trait]
pub trait Upload: Debug + Send {
    /// Adds bytes; waits while too much is on its way.
    async fn put_part(&mut self, data: Bytes) -> Result<()>;

    /// The whole content, if it is small and nothing of it was sent yet: then there is nothing to finish or abort.
    fn take_back(&mut self) -> Option<Bytes> {
        None
    }

    /// Waits until all bytes are durable at the store. Readers still see nothing.
    async fn finish(self: Box<Self>) -> Result<PendingUpload>;

    /// Gives up and removes what was sent.
    async fn abort(self: Box<Self>) -> Result<()>;
}
