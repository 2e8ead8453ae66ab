//! Where files go. One folder and one row in [`DESTINATIONS`] each.

pub mod azure;
pub mod conformance;
pub mod gcs;
pub mod local;
mod object;
pub mod preflight;
pub mod s3;

use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use object::{
    Authorize, Bucket, CustomerKey, Discreet, Extras, Fields, HeaderRules, Http, ObjectStorage, On, Pending,
    Place, Remedies, Secret, Step, Store, Want, customer_key, environment, headers, is_safe, one_of,
    plain_endpoint, proxy_hint, sha256, tags, want, web_client,
};

use crate::error::{Error, Result};
use crate::secret;
use crate::spec::{Misread, misread, nearest};

/// Where a destination is. Debug shows no secret.
#[derive(Clone)]
pub enum Address {
    /// The text of `--output-dir`: a path or a URL.
    Location(String),
    /// An entry of the auth file, named by `--target-storage-id`.
    Entry(StorageEntry),
}

/// A storage in the auth file.
#[derive(Clone)]
pub struct StorageEntry {
    /// The entry's id, for messages.
    pub id: String,
    /// `ds_type` or `storage_type`.
    pub kind: String,
    /// `auth_mode`.
    pub mode: Option<String>,
    /// The fields, `${VAR}` already replaced.
    pub info: Map<String, Value>,
}

impl Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location(text) => write!(f, "Location({})", scheme_of(text).unwrap_or("path")),
            Self::Entry(entry) => entry.fmt(f),
        }
    }
}

impl Debug for StorageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {})", self.id, self.kind)
    }
}

/// The error of a read beyond what is there.
pub(crate) fn too_short(path: &str, range: &Range<u64>) -> Error {
    Error::data(format!(
        "there are no bytes {} to {} in the file, or there is no file",
        range.start, range.end
    ))
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
        .with("path", path)
        .hint(
            "lakexpress writes none that is larger: see what it is, then move it away or choose another directory",
        )
}

/// A lock from its bytes, in a directory and in a bucket, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(mut data: &[u8]) {
    object::lock::fuzzing(data);
    let error = local::fuzzing(&mut data).to_string();
    assert!(error.len() < 4096);
}

/// Opens a destination; checks the address, does not connect yet.
pub type OpenFn = fn(&Address) -> Result<Arc<dyn Destination>>;

/// Every destination: names (URL schemes and `storage_type` values) and how to open it.
pub const DESTINATIONS: &[(&[&str], OpenFn)] = &[
    (local::NAMES, local::open),
    (s3::NAMES, s3::open),
    (gcs::NAMES, gcs::open),
    (azure::NAMES, azure::open),
];

/// Opens the destination that answers to the address's scheme or `storage_type`; does not connect yet.
///
/// # Errors
/// Usage or Config, naming the nearest destination and all of them, when there is none; those of the
/// destination's own address.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    let kind = match address {
        Address::Location(text) => scheme_of(text).unwrap_or("file").to_ascii_lowercase(),
        // `aws_s3`, `ovh_s3` and the like speak S3.
        Address::Entry(entry) => match entry.kind.rsplit_once('_') {
            Some((_, "s3")) => "s3".to_owned(),
            _ => entry.kind.clone(),
        },
    };
    if let Address::Location(text) = address
        && let Some(Misread { what, remedy }) = misread(text, schemes())
    {
        return Err(Error::usage(format!("--output-dir {what}"))
            .hint(remedy)
            .hint("a directory of such a name is written with ./ before it: ./~x"));
    }
    if let Address::Location(text) = address
        && scheme_of(text).is_none()
        && let Some((scheme, _)) = text.split_once(':')
        && DESTINATIONS.iter().any(|(names, _)| names.contains(&scheme.to_ascii_lowercase().as_str()))
    {
        return Err(Error::usage(format!("--output-dir: '{scheme}:' is no URL")).hint(format!(
            "write {scheme}:// for the storage, ./{scheme}:... for a directory of that name"
        )));
    }
    if let Some((_, open)) = DESTINATIONS.iter().find(|(names, _)| names.contains(&kind.as_str())) {
        return open(address);
    }
    // A directory is no storage of the auth file.
    let entry = matches!(address, Address::Entry(_));
    let names = || schemes().filter(move |name| !entry || !local::NAMES.contains(name));
    let near = match nearest(&kind, names()) {
        Some(near) if entry => format!("did you mean {near}? "),
        Some(near) => format!("did you mean {near}://? "),
        None => String::new(),
    };
    let all = names().collect::<Vec<_>>().join(", ");
    // The text of a location may hold a password: only its scheme is told.
    Err(match address {
        Address::Location(_) => Error::usage(format!("--output-dir: no destination takes {kind}:// URLs"))
            .hint(format!("{near}Name a directory or a URL with one of: {all}")),
        Address::Entry(entry) => Error::config(format!(
            "{}.storage_type: '{}' is not a storage this version can write to",
            entry.id,
            secret::value(&kind)
        ))
        .hint(format!("{near}Storages so far: {all}")),
    })
}

/// Every scheme of a URL, and every kind of storage.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    DESTINATIONS.iter().flat_map(|(names, _)| names.iter().copied())
}

/// The scheme of a URL; none for a path, whatever it holds.
fn scheme_of(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
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
/// * What is dropped is given up within moments, not at once.
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
    async fn own_checks(&self, _path: &str) -> Vec<preflight::Check> {
        Vec::new()
    }

    /// Waits for what dropped uploads and locks left to be done in the background.
    async fn settle(&self) {}

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

    /// Writes a small object where there is none. Succeeds if the very same is there already, and can be read.
    async fn put_new(&self, path: &str, _content: Bytes) -> Result<StoredObject> {
        Err(Error::internal("here nothing is written under a condition").with("path", path))
    }

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

/// The only writer's lock of a directory.
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
