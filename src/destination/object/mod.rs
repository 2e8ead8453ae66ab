//! [`Destination`] over object stores: one implementation for all that have multipart uploads and conditional
//! writes. What differs between them is in `s3`, `gcs` and `azure`.
//!
//! | name below the base | what |
//! |---|---|
//! | `part-00000.parquet` | an object, made by completing a multipart upload or by one PUT |
//! | `_lock` | the only writer's lock, made by conditional create, with a lease that is renewed |
//!
//! Uploads are kept by the store, invisible, until they are completed or aborted.

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
mod problem;
mod progress;
mod proxy;
mod request;
#[cfg(test)]
mod tests;
mod upload;
mod wants;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::Method;
use async_trait::async_trait;
use bytes::Bytes;
use object_store::client::{HttpClient, HttpConnector, HttpRequest};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use tokio::task::JoinSet;

pub(crate) use self::bucket::Bucket;
pub(crate) use self::discreet::Discreet;
pub(crate) use self::extra::{Extending, Extras, On, Step};
pub(crate) use self::fields::{Fields, Secret, is_safe, plain_endpoint};
pub(crate) use self::http::{Http, proxy_hint, web_client};
pub(crate) use self::keys::{CustomerKey, HeaderRules, customer_key, headers, one_of, sha256, tags};
pub(crate) use self::problem::Remedies;
pub(crate) use self::wants::{Want, want};

use self::problem::{Refusal, explain};
use super::preflight::Check;
use super::{
    DOCUMENT_BYTES, Destination, DirLock, PendingUpload, StoredObject, Unfinished, Upload, too_large,
    too_short,
};
use crate::clock;
use crate::error::{Error, Result};
use crate::spec::layout::{RUNS_DIR, file_name};

/// How long first contact may take, retries included.
const CONTACT: Duration = Duration::from_secs(12);
/// How long requests of our own are repeated that meet a busy store.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the end waits for aborts and locks that were dropped.
const SETTLE: Duration = Duration::from_secs(10);
/// The store's clock may be that far off without a word.
const SKEW_SECONDS: i64 = 240;

/// Signs requests.
#[async_trait]
pub(crate) trait Authorize: Debug + Send + Sync {
    /// Adds what proves who we are.
    async fn authorize(&self, request: &mut HttpRequest) -> object_store::Result<()>;

    /// The same for a request that was signed and has more headers since.
    async fn sign_again(&self, request: &mut HttpRequest) -> object_store::Result<()>;
}

/// What becomes of uploads that nobody finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    /// They can be listed and aborted.
    Listed,
    /// They cannot be listed and expire. What was committed tells which blocks it was made of.
    Blocks,
}

/// Where in which store, and the words for it.
#[derive(Debug)]
pub(crate) struct Place {
    /// The base as a URL, for messages.
    pub(crate) location: String,
    /// URL of the bucket, without a trailing slash.
    pub(crate) bucket: String,
    /// Query of a cheap listing of the bucket; `prefix=` is added.
    pub(crate) contact: &'static str,
    /// Path of the base in the bucket, without slashes at its ends.
    pub(crate) base: String,
    /// What becomes of uploads that nobody finished.
    pub(crate) pending: Pending,
    /// Whether who may write may replace, see [`Destination::replaces_freely`].
    pub(crate) replaces_freely: bool,
    /// Whether the endpoint is `http://`, as the user wrote.
    pub(crate) plain: bool,
    /// The words of the auth file.
    pub(crate) words: &'static Remedies,
}

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

#[derive(Debug)]
struct Inner {
    objects: Arc<dyn ObjectStore>,
    uploads: Uploads,
    place: Place,
    http: Arc<Http>,
    client: HttpClient,
    authorize: Arc<dyn Authorize>,
    /// Aborts and locks of what was dropped.
    background: Mutex<JoinSet<()>>,
    held: Mutex<Holdings>,
}

/// What this process has begun and not ended.
#[derive(Debug, Default)]
struct Holdings {
    /// Paths of locks.
    locks: BTreeSet<String>,
    /// Paths of uploads by their ids.
    uploads: BTreeMap<String, String>,
}

/// [`MultipartStore`] has no `Debug`.
struct Uploads(Arc<dyn MultipartStore>);

impl Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Uploads")
    }
}

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

impl Inner {
    /// The key of `path`. Paths that leave the base are refused.
    fn key(&self, path: &str) -> Result<Path> {
        let wrong = || Error::data("not a path below the storage's base").with("path", path);
        if !path.is_empty() && path.split('/').any(str::is_empty) {
            return Err(wrong());
        }
        let full = match (self.place.base.as_str(), path) {
            (base, "") => base.to_owned(),
            ("", path) => path.to_owned(),
            (base, path) => format!("{base}/{path}"),
        };
        Path::parse(full).map_err(|error| wrong().caused_by(error))
    }

    fn url(&self, key: &Path) -> String {
        format!("{}/{}", self.place.bucket, request::in_path(key.as_ref()))
    }

    /// Sends a request of our own.
    async fn send(
        &self,
        method: Method,
        url: &str,
        patience: Duration,
    ) -> std::result::Result<request::Reply, Refusal> {
        request::send(&self.client, self.authorize.as_ref(), (method, url), patience).await
    }

    fn failed(&self, action: &str, path: &str, error: &object_store::Error) -> Error {
        self.refused(action, path, &Refusal::of_store(error))
    }

    fn refused(&self, action: &str, path: &str, refusal: &Refusal) -> Error {
        let error = explain(action, refusal, self.place.words).with("path", self.full(path));
        if !refusal.is_silence() {
            return error;
        }
        // Nobody is there: then the host matters, not the bucket.
        let (scheme, rest) = self.place.bucket.split_once("://").unwrap_or_default();
        error.with("endpoint", format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()))
    }

    /// For messages.
    fn full(&self, path: &str) -> String {
        let location = self.place.location.trim_end_matches('/');
        if path.is_empty() { location.to_owned() } else { format!("{location}/{path}") }
    }

    fn stored(path: &str, meta: ObjectMeta) -> StoredObject {
        StoredObject { path: path.to_owned(), bytes: meta.size, e_tag: meta.e_tag }
    }

    async fn head(&self, path: &str) -> Result<Option<ObjectMeta>> {
        let key = self.key(path)?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.objects.get_opts(&key, options).await {
            Ok(result) => Ok(Some(result.meta)),
            Err(error) if Refusal::of_store(&error).is_not_found() => Ok(None),
            Err(error) => Err(self.failed("cannot look at an object", path, &error)),
        }
    }

    /// A small object and what the store says about it.
    async fn read(&self, path: &str) -> Result<Option<(Bytes, ObjectMeta)>> {
        let key = self.key(path)?;
        let reading = async {
            let result = self.objects.get_opts(&key, GetOptions::default()).await?;
            let meta = result.meta.clone();
            if meta.size > DOCUMENT_BYTES {
                return Ok(None);
            }
            Ok::<_, object_store::Error>(Some((result.bytes().await?, meta)))
        };
        match reading.await {
            Ok(Some(read)) => Ok(Some(read)),
            Ok(None) => Err(too_large(&self.full(path))),
            Err(error) if Refusal::of_store(&error).is_not_found() => Ok(None),
            Err(error) => Err(self.failed("cannot read an object", path, &error)),
        }
    }

    /// Bytes of an object, fewer where it ends before; none if it is not there or ends before the first.
    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let key = self.key(path)?;
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let reading = async { self.objects.get_opts(&key, options).await?.bytes().await };
        match reading.await {
            Ok(content) => Ok(Some(content)),
            Err(error) => {
                let refusal = Refusal::of_store(&error);
                // Stores say in many ways that there is nothing behind the end.
                if refusal.is_not_found() {
                    return Ok(None);
                }
                if !refusal.is_silence()
                    && !refusal.is_passing()
                    && let Ok(Some(meta)) = self.head(path).await
                    && meta.size < range.end
                {
                    return Ok(None);
                }
                Err(self.failed("cannot read an object", path, &error))
            }
        }
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let key = self.key(path)?;
        match self.send(Method::DELETE, &self.url(&key), PATIENCE).await {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.is_not_found() => Ok(()),
            Err(refusal) => Err(self.refused("cannot delete an object", path, &refusal)),
        }
    }

    async fn abort(&self, path: &str, upload_id: &str) -> Result<()> {
        // Without an id this would be the request that deletes the object.
        if self.place.pending == Pending::Blocks || upload_id.is_empty() {
            return Ok(());
        }
        let key = self.key(path)?;
        let url = format!("{}?uploadId={}", self.url(&key), request::in_query(upload_id));
        match self.send(Method::DELETE, &url, PATIENCE).await {
            Err(refusal) if !refusal.is_not_found() && refusal.code() != "NoSuchUpload" => {
                Err(self.refused("cannot abort an upload", path, &refusal))
            }
            _ => {
                self.held().uploads.remove(upload_id);
                Ok(())
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Holdings> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Aborts an upload for nobody who waits for it.
    async fn abort_in_passing(&self, path: &str, upload_id: &str) {
        if let Err(error) = self.abort(path, upload_id).await {
            tracing::warn!(%error, "an upload was not removed; the next run removes it");
        }
    }

    /// Leaves `work` to be done when a value was dropped; nothing happens outside of a runtime.
    fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
            while background.try_join_next().is_some() {}
            background.spawn_on(work, &runtime);
        }
    }

    /// One listing of the bucket, as cheap as there is.
    async fn reach(&self) -> Result<()> {
        const ACTION: &str = "cannot use the storage";
        let prefix = if self.place.base.is_empty() { String::new() } else { format!("{}/", self.place.base) };
        let url =
            format!("{}?{}&prefix={}", self.place.bucket, self.place.contact, request::in_query(&prefix));
        let answer = clock::timeout(CONTACT, self.send(Method::GET, &url, CONTACT / 2)).await;
        let refusal = match answer {
            Ok(Ok(reply))
                if reply.body.contains("ListBucketResult") || reply.body.contains("EnumerationResults") =>
            {
                if let Some(skew) = self.http.skew().filter(|skew| skew.num_seconds().abs() > SKEW_SECONDS) {
                    tracing::warn!(
                        seconds = skew.num_seconds(),
                        "the clocks of this machine and of the store differ; set this machine's clock"
                    );
                }
                return Ok(());
            }
            Ok(Ok(reply)) => Refusal::of_reply(&reply),
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::silent(self.http.last_failure()),
        };
        // Where nothing can be replaced by mistake, a run may do without looking.
        if refusal.is_missing_right() && !self.place.replaces_freely {
            tracing::debug!("the storage cannot be listed with these credentials");
            return Ok(());
        }
        Err(self.refused(ACTION, "", &refusal))
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
