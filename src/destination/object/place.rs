//! Where in which store, what of it this process holds, and the requests that everything here is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use object_store::client::HttpClient;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use tokio::task::JoinSet;

use super::authorize::Authorize;
use super::http::Http;
use super::problem::{Refusal, Remedies, explain};
use super::request;
use crate::clock;
use crate::destination::{DOCUMENT_BYTES, StoredObject, too_large};
use crate::error::{Code, Error, Result};

/// How long first contact may take, retries included.
pub(super) const CONTACT: Duration = Duration::from_secs(12);
/// How long requests of our own are repeated that meet a busy store.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The store's clock may be that far off without a word.
pub(super) const SKEW_SECONDS: i64 = 240;

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

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) uploads: Uploads,
    pub(super) place: Place,
    pub(super) http: Arc<Http>,
    pub(super) client: HttpClient,
    pub(super) authorize: Arc<dyn Authorize>,
    /// Aborts and locks of what was dropped.
    pub(super) background: Mutex<JoinSet<()>>,
    pub(super) held: Mutex<Holdings>,
}

/// What this process has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// Paths of locks.
    pub(super) locks: BTreeSet<String>,
    /// Paths of uploads by their ids.
    pub(super) uploads: BTreeMap<String, String>,
}

/// [`MultipartStore`] has no `Debug`.
pub(super) struct Uploads(pub(super) Arc<dyn MultipartStore>);

impl Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Uploads")
    }
}

impl Inner {
    /// The key of `path`. Paths that leave the base are refused.
    pub(super) fn key(&self, path: &str) -> Result<Path> {
        let wrong = || {
            Error::data("not a path below the storage's base")
                .coded(Code::ManifestUnreadable)
                .with("path", path)
        };
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

    pub(super) fn url(&self, key: &Path) -> String {
        format!("{}/{}", self.place.bucket, request::in_path(key.as_ref()))
    }

    /// Sends a request of our own.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        patience: Duration,
    ) -> std::result::Result<super::reply::Reply, Refusal> {
        request::send(&self.client, self.authorize.as_ref(), (method, url), patience).await
    }

    pub(super) fn failed(&self, action: &str, path: &str, error: &object_store::Error) -> Error {
        self.refused(action, path, &Refusal::of_store(error))
    }

    pub(super) fn refused(&self, action: &str, path: &str, refusal: &Refusal) -> Error {
        let error = explain(action, refusal, self.place.words).with("path", self.full(path));
        if !refusal.is_silence() {
            return error;
        }
        // Nobody is there: then the host matters, not the bucket.
        let (scheme, rest) = self.place.bucket.split_once("://").unwrap_or_default();
        error.with("endpoint", format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()))
    }

    /// For messages.
    pub(super) fn full(&self, path: &str) -> String {
        let location = self.place.location.trim_end_matches('/');
        if path.is_empty() { location.to_owned() } else { format!("{location}/{path}") }
    }

    pub(super) fn stored(path: &str, meta: ObjectMeta) -> StoredObject {
        StoredObject { path: path.to_owned(), bytes: meta.size, e_tag: meta.e_tag }
    }

    pub(super) async fn head(&self, path: &str) -> Result<Option<ObjectMeta>> {
        let key = self.key(path)?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.objects.get_opts(&key, options).await {
            Ok(result) => Ok(Some(result.meta)),
            Err(error) if Refusal::of_store(&error).is_not_found() => Ok(None),
            Err(error) => Err(self.failed("cannot look at an object", path, &error)),
        }
    }

    /// A small object and what the store says about it.
    pub(super) async fn read(&self, path: &str) -> Result<Option<(Bytes, ObjectMeta)>> {
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
    pub(super) async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Option<Bytes>> {
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
                    && !refusal.is_transient()
                    && let Ok(Some(meta)) = self.head(path).await
                    && meta.size < range.end
                {
                    return Ok(None);
                }
                Err(self.failed("cannot read an object", path, &error))
            }
        }
    }

    pub(super) async fn delete(&self, path: &str) -> Result<()> {
        let key = self.key(path)?;
        match self.send(Method::DELETE, &self.url(&key), PATIENCE).await {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.is_not_found() => Ok(()),
            Err(refusal) => Err(self.refused("cannot delete an object", path, &refusal)),
        }
    }

    pub(super) async fn abort(&self, path: &str, upload_id: &str) -> Result<()> {
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

    pub(super) fn held(&self) -> MutexGuard<'_, Holdings> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Aborts an upload for nobody who waits for it.
    pub(super) async fn abort_in_background(&self, path: &str, upload_id: &str) {
        if let Err(error) = self.abort(path, upload_id).await {
            tracing::warn!(%error, "an upload was not removed; the next run removes it");
        }
    }

    /// Leaves `work` to be done when a value was dropped; nothing happens outside of a runtime.
    pub(super) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
            while background.try_join_next().is_some() {}
            background.spawn_on(work, &runtime);
        }
    }

    /// One listing of the bucket, as cheap as there is.
    pub(super) async fn reach(&self) -> Result<()> {
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
