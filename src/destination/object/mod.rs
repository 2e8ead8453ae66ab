//! [`Destination`] over object stores: one implementation for all that have multipart uploads and conditional
//! writes. What differs between them is in `s3`, `gcs` and `azure`.
//!
//! | name below the base | what |
//! |---|---|
//! | `part-00000.parquet` | an object, made by completing a multipart upload or by one PUT |
//! | `_lock` | the only writer's lock, made by conditional create, with a lease that is renewed |
//!
//! Uploads are kept by the store, invisible, until they are completed or aborted.

mod authorize;
mod bucket;
mod complete;
mod create;
mod discreet;
pub(crate) mod environment;
mod extra;
mod fields;
mod http;
mod keys;
mod lanes;
mod listing;
pub(super) mod lock;
mod pending;
mod place;
mod problem;
mod progress;
mod proxy;
mod remedy;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod upload;
mod wants;
mod xml;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::Method;
use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::client::HttpConnector;
use object_store::multipart::MultipartStore;
use object_store::path::Path as ObjectPath;
use tokio::task::JoinSet;

pub(crate) use self::authorize::Authorize;
pub(crate) use self::bucket::Bucket;
pub(crate) use self::discreet::Discreet;
pub(crate) use self::extra::{Extending, Extras, On, Step};
pub(crate) use self::fields::{Fields, Secret, is_safe, plain_endpoint};
pub(crate) use self::http::{Http, proxy_hint, web_client};
pub(crate) use self::keys::{CustomerKey, HeaderRules, customer_key, headers, one_of, sha256, tags};
use self::place::{Inner, PATIENCE, SKEW_SECONDS, Uploads};
pub(crate) use self::place::{Pending, Place};
pub(crate) use self::problem::Remedies;
pub(crate) use self::wants::{Want, want};

use super::contract::Check;
use super::{Destination, DirLock, PendingUpload, StoredObject, Unfinished, Upload, too_short};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::spec::layout::{RUNS_DIR, file_name};
/// How long the end waits for aborts and locks that were dropped.
const SETTLE: Duration = Duration::from_secs(10);

/// An opened store and what its requests are made with.
#[derive(Debug)]
pub(crate) struct Store<S> {
    /// object_store's client.
    pub(crate) client: S,
    /// What its connector was made of.
    pub(crate) http: Arc<Http>,
    /// Its connector, with the headers that the entry asks for.
    pub(crate) connector: Extending,
    /// Signs our own requests.
    pub(crate) authorize: Arc<dyn Authorize>,
}

/// A path in a bucket.
#[derive(Debug)]
pub(crate) struct ObjectStorage(Arc<Inner>);

impl ObjectStorage {
    /// A destination at `place`. Does not connect.
    pub(crate) fn new<S: ObjectStore + MultipartStore>(store: Store<S>, place: Place) -> Result<Self> {
        let client = Arc::new(store.client);
        let raw = store.connector.connect(&Http::options(place.plain));
        let raw = raw.map_err(|error| Error::internal("cannot make an HTTP client").caused_by(error))?;
        Ok(Self(Arc::new(Inner {
            objects: Arc::<S>::clone(&client),
            uploads: Uploads(client),
            place,
            http: store.http,
            client: raw,
            authorize: store.authorize,
            background: Mutex::new(JoinSet::new()),
            held: Mutex::default(),
        })))
    }
}

#[async_trait]
impl Destination for ObjectStorage {
    fn location(&self) -> String {
        self.0.place.location.clone()
    }

    async fn reach(&self) -> Result<()> {
        self.0.reach().await
    }

    fn uploads_expire(&self) -> bool {
        self.0.place.pending == Pending::Blocks
    }

    fn replaces_freely(&self) -> bool {
        self.0.place.replaces_freely
    }

    async fn own_checks(&self, path: &str) -> Vec<Check> {
        let conditional = lock::is_exclusive(&self.0, path).await;
        let clock = match self.0.http.skew() {
            None => Ok("the store does not tell the time".to_owned()),
            Some(skew) if skew.num_seconds().abs() <= SKEW_SECONDS => {
                Ok(format!("{} s ahead of this machine", skew.num_seconds()))
            }
            Some(skew) => {
                Err(Error::config(format!("{} s ahead of this machine's clock", skew.num_seconds()))
                    .coded(Code::ClockSkew)
                    .hint("set this machine's clock, for example with NTP"))
            }
        };
        vec![Check::new("write under a condition", conditional), Check::new("the store's clock", clock)]
    }

    async fn settle(&self) {
        let all = async {
            // What is done may leave more to do: an upload that was begun for nobody is aborted.
            loop {
                let tasks =
                    std::mem::take(&mut *self.0.background.lock().unwrap_or_else(PoisonError::into_inner));
                if tasks.is_empty() {
                    return;
                }
                tasks.join_all().await;
            }
        };
        if clock::timeout(SETTLE, all).await.is_err() {
            tracing::warn!("the storage did not take back all that was given up; the next run sees to it");
        }
    }

    fn object_store(&self) -> Option<(Arc<dyn ObjectStore>, ObjectPath)> {
        let base = self.0.key("").ok()?;
        Some((Arc::clone(&self.0.objects), base))
    }

    fn unfinished(&self) -> Unfinished {
        let held = self.0.held();
        Unfinished {
            locks: held.locks.iter().map(|path| self.0.full(path)).collect(),
            uploads: held.uploads.values().map(|path| self.0.full(path)).collect(),
        }
    }

    async fn create(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>> {
        Ok(Box::new(upload::ObjectUpload::create(Arc::clone(&self.0), path, est_bytes).await?))
    }

    async fn create_later(&self, path: &str, est_bytes: u64) -> Result<Box<dyn Upload>> {
        Ok(Box::new(upload::ObjectUpload::later(Arc::clone(&self.0), path, est_bytes)?))
    }

    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject> {
        let completed = complete::complete(&self.0, upload).await?;
        self.0.held().uploads.remove(&upload.upload_id);
        Ok(completed)
    }

    async fn abort(&self, upload: &PendingUpload) -> Result<()> {
        self.0.abort(&upload.path, &upload.upload_id).await
    }

    fn abandon(&self, upload: &PendingUpload) {
        let (inner, upload) = (Arc::clone(&self.0), upload.clone());
        self.0.in_background(async move { inner.abort_in_background(&upload.path, &upload.upload_id).await });
    }

    async fn is_pending(&self, upload: &PendingUpload) -> Result<bool> {
        pending::is_whole(&self.0, upload).await
    }

    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>> {
        let inner = &self.0;
        if inner.place.pending == Pending::Blocks {
            return Ok(Vec::new());
        }
        let key = inner.key(dir)?;
        let prefix = if key.as_ref().is_empty() { String::new() } else { format!("{key}/") };
        let (mut uploads, mut next) = (Vec::new(), Some(pending::query(&prefix)));
        while let Some(query) = next {
            let url = format!("{}?{query}", inner.place.bucket);
            let reply = match inner.send(Method::GET, &url, PATIENCE).await {
                Ok(reply) => reply,
                Err(refusal) => return Err(inner.refused("cannot list unfinished uploads", dir, &refusal)),
            };
            let (found, more) = pending::page(&reply.body, &prefix)?;
            uploads.extend(found.into_iter().filter_map(|found| {
                let name = found.key.strip_prefix(&prefix).filter(|name| file_name(name).is_some())?;
                let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
                // What cannot be addressed is not ours.
                inner.key(&path).is_ok().then_some(PendingUpload {
                    path,
                    upload_id: found.upload_id,
                    part_tags: Vec::new(),
                    bytes: 0,
                    crc32: String::new(),
                })
            }));
            next = more;
        }
        Ok(uploads)
    }

    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        let key = self.0.key(path)?;
        let bytes = content.len() as u64;
        match self.0.objects.put_opts(&key, content.into(), Default::default()).await {
            Ok(result) => Ok(StoredObject { path: path.to_owned(), bytes, e_tag: result.e_tag }),
            Err(error) => Err(self.0.failed("cannot write an object", path, &error)),
        }
    }

    async fn put_new(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        create::put_new(&self.0, path, content).await
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        Ok(self.0.read(path).await?.map(|(content, _)| content))
    }

    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        match self.0.read_range(path, range.clone()).await? {
            Some(content) if content.len() as u64 == range.end - range.start => Ok(content),
            _ => Err(too_short(path, &range)),
        }
    }

    async fn head(&self, path: &str) -> Result<Option<StoredObject>> {
        Ok(self.0.head(path).await?.map(|meta| Inner::stored(path, meta)))
    }

    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>> {
        listing::list(&self.0, dir).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.0.delete(path).await
    }

    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool> {
        // Names of their own, the same in every run: where nothing may be deleted one object stays.
        let [first, second] = [first, second].map(|path| format!("{RUNS_DIR}/names/{path}"));
        let mark = uuid::Uuid::new_v4().simple().to_string();
        self.put(&first, mark.clone().into()).await?;
        let found = self.get(&second).await;
        if let Err(error) = self.delete(&first).await {
            tracing::warn!(%error, "a probe of how names are kept was not removed; it may be deleted");
        }
        Ok(found?.is_none_or(|content| content != mark))
    }

    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>> {
        Ok(Box::new(lock::Lease::take(Arc::clone(&self.0), dir, owner).await?))
    }
}
