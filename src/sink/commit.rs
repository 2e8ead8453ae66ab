//! The two-phase commit of a table, the same on every destination.
//!
//! Phase 1 uploads every part and completes none. Phase 2:
//!
//! | step | after it |
//! |---|---|
//! | 1 write the intent `_commit.json` | the commit will happen, whoever finishes it |
//! | 2 delete the old manifest | not committed: readers of manifests wait |
//! | 3 complete all uploads | the new files are visible |
//! | 4 delete what the old manifest lists and the new one lacks | the old files are gone |
//! | 5 write the new manifest | committed |
//! | 6 delete the intent (or mark it as withdrawn, where nothing may be deleted) | done |
//!
//! Every step may be repeated. Whoever finds an intent does steps 2 to 6 before anything else.
//!
//! A new table of one small part does without uploads and intent, see [`direct`].

mod direct;
mod found;
mod intent;
mod owner;
mod roll;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;

use super::part::{Kept, PreparedFile};
use crate::destination::{Destination, DirLock, PendingUpload};
use crate::error::{Error, Result};
use crate::manifest::{FORMAT_VERSION, FileEntry, Manifest};
use crate::spec::IfExists;
use crate::spec::layout::{INTENT, MANIFEST};
use found::{Found, check_append, prepare};
pub use found::{committed, committed_by};
use intent::Intent;
pub use intent::read_manifest;
pub use owner::Owner;
use roll::{apply, withdraw_intent};
pub use roll::{is_unfinished, roll_forward};

/// Calls to the destination under way at once.
const CONCURRENT_CALLS: usize = 8;

/// An intent that is none any more.
const WITHDRAWN: &[u8] = b"{\"withdrawn\": true}";
/// A name that nothing has.
const NOTHING: &str = "_nothing";

/// The right to replace or extend one table at the destination. Dropped without [`commit`](Self::commit) it
/// changes nothing.
#[derive(Debug)]
pub struct TableCommit {
    place: Place,
    run_id: String,
    if_exists: IfExists,
    old: Option<Manifest>,
    /// Names of the files that readers see now.
    visible: HashSet<String>,
    /// What is committed is this run's, and all there.
    finished: bool,
    lock: Box<dyn DirLock>,
}

/// A table's directory at a destination.
#[derive(Debug, Clone)]
struct Place {
    destination: Arc<dyn Destination>,
    dir: String,
}

impl Place {
    fn path(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    /// For messages.
    fn full(&self) -> String {
        format!("{}/{}", self.destination.location().trim_end_matches('/'), self.dir)
    }
}

impl TableCommit {
    /// Locks the directory `dir` (below the base), rolls an intent forward, applies `if_exists`, and
    /// removes uploads that nobody will finish. To be called before the first part is uploaded.
    ///
    /// `owner` says whose rows are to be written.
    ///
    /// Errors: `Unavailable` when another run holds the lock; `Data` when `if_exists` forbids what is there,
    /// when files are there that the old manifest does not name, or when manifest or intent cannot be understood.
    pub async fn begin(
        destination: Arc<dyn Destination>,
        dir: &str,
        run_id: &str,
        if_exists: IfExists,
        owner: &Owner,
    ) -> Result<Self> {
        Self::begin_keeping(destination, dir, run_id, if_exists, owner, &[]).await
    }

    /// As [`begin`](Self::begin), but uploads that are in `keep` stay, if they are there.
    pub async fn begin_keeping(
        destination: Arc<dyn Destination>,
        dir: &str,
        run_id: &str,
        if_exists: IfExists,
        owner: &Owner,
        keep: &[PendingUpload],
    ) -> Result<Self> {
        let lock = destination.lock(dir, run_id).await?;
        let place = Place { destination, dir: dir.to_owned() };
        let prepared = match direct::finish(&place, lock.as_ref()).await {
            Ok(()) => prepare(&place, if_exists, run_id, owner, keep).await,
            Err(error) => Err(error),
        };
        match prepared {
            Ok(Found { old, visible, finished }) => {
                Ok(Self { place, run_id: run_id.to_owned(), if_exists, old, visible, finished, lock })
            }
            Err(error) => {
                give_back(lock, &place).await;
                Err(error.with("path", place.full()))
            }
        }
    }

    /// What is committed now; none for a new table.
    pub fn old_manifest(&self) -> Option<&Manifest> {
        self.old.as_ref()
    }

    /// The manifest, if this very run has committed the table before and all its files are there: a run that is
    /// resumed, whose commit [`begin`](Self::begin) may have finished.
    pub fn finished(&self) -> Option<&Manifest> {
        self.old.as_ref().filter(|_| self.finished)
    }

    /// Makes `files` visible, all or nothing, and returns the manifest as written. `files`, `rows`, `run_id` and
    /// `format_version` of `manifest` are filled in.
    ///
    /// Errors before the intent is written abort the uploads and leave the old table whole. Later ones leave
    /// the intent: the next [`begin`](Self::begin) on this directory finishes the commit.
    pub async fn commit(self, files: Vec<PreparedFile>, manifest: Manifest) -> Result<Manifest> {
        self.commit_and_check(files, manifest, async |_| Ok(())).await
    }

    /// As [`commit`](Self::commit); then `check` looks at what readers see now, under the same lock. What it changes in
    /// the manifest is written, also when it returns an error, which is the error of this call then.
    pub async fn commit_and_check(
        self,
        files: Vec<PreparedFile>,
        manifest: Manifest,
        check: impl AsyncFnOnce(&mut Manifest) -> Result<()>,
    ) -> Result<Manifest> {
        let result = match self.under_lock(files, manifest).await {
            Ok(manifest) => self.checked(manifest, check).await,
            Err(error) => Err(error),
        };
        give_back(self.lock, &self.place).await;
        result.map_err(|error| error.with("path", self.place.full()))
    }

    async fn checked(
        &self,
        mut manifest: Manifest,
        check: impl AsyncFnOnce(&mut Manifest) -> Result<()>,
    ) -> Result<Manifest> {
        let written = manifest.clone();
        let outcome = check(&mut manifest).await;
        if manifest != written {
            let noted = match self.lock.check().await {
                Ok(()) => self.place.destination.put(&self.place.path(MANIFEST), json(&manifest)?).await,
                Err(lost) => Err(lost),
            };
            // An error of the check is worth more than one of noting it.
            outcome.and(noted.map(drop))?;
            return Ok(manifest);
        }
        outcome.map(|()| manifest)
    }

    async fn under_lock(&self, mut files: Vec<PreparedFile>, manifest: Manifest) -> Result<Manifest> {
        if let [file] = files.as_slice()
            && let Some(Kept(content)) = &file.kept
            && self.old.is_none()
            && !self.visible.contains(&file.entry.name)
        {
            let intent = self.intent(files.clone(), manifest.clone())?;
            let committed = direct::commit(&self.place, self.lock.as_ref(), intent, content.clone()).await?;
            if let Some(manifest) = committed {
                return Ok(manifest);
            }
        }
        let uploaded = all(files.iter_mut().map(|file| self.upload(file))).await;
        let uploads: Vec<PendingUpload> = files.iter().map(|file| file.upload.clone()).collect();
        let intent = match uploaded.into_iter().collect::<Result<Vec<()>>>() {
            Ok(_) => self.intent(files, manifest),
            Err(error) => Err(error),
        };
        match intent {
            Ok(intent) => self.carry_out(intent, &uploads).await,
            Err(error) => {
                abort_all(&self.place, &uploads).await;
                Err(error)
            }
        }
    }

    /// Uploads a file that was kept.
    fn upload<'a>(&'a self, file: &'a mut PreparedFile) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let Some(Kept(content)) = file.kept.take() else { return Ok(()) };
            let mut upload = self.place.destination.create(&file.upload.path, file.entry.bytes).await?;
            if let Err(error) = upload.put_part(content).await {
                // The error that made us give up is the one to tell; the next run removes what is left.
                let _ = upload.abort().await;
                return Err(error);
            }
            let sent = upload.finish().await?;
            if (sent.bytes, &sent.crc32) != (file.upload.bytes, &file.upload.crc32) {
                abort_all(&self.place, &[sent]).await;
                return Err(Error::internal("what was uploaded is not what was written")
                    .with("file", &file.entry.name));
            }
            file.upload = sent;
            Ok(())
        })
    }

    /// Gives the lock back; nothing was changed.
    pub async fn release(self) {
        give_back(self.lock, &self.place).await;
    }

    /// Removes `files` and leaves the old table as it is. All are tried; the first error is returned.
    pub async fn abort(self, files: &[PendingUpload]) -> Result<()> {
        let destination = &self.place.destination;
        let results = all(files.iter().map(|upload| destination.abort(upload))).await;
        give_back(self.lock, &self.place).await;
        results.into_iter().collect::<Result<Vec<()>>>().map(|_| ())
    }

    /// What phase 2 is going to do.
    fn intent(&self, mut files: Vec<PreparedFile>, mut manifest: Manifest) -> Result<Intent> {
        files.sort_by(|a, b| (a.entry.part, &a.entry.name).cmp(&(b.entry.part, &b.entry.name)));
        let old = self.old.as_ref().map_or(&[][..], |old| &old.files);
        let mut entries: Vec<FileEntry> = Vec::new();
        if self.if_exists == IfExists::Append {
            entries.extend_from_slice(old);
            check_append(self.old.as_ref(), &self.visible, &files, &mut manifest)?;
        }
        let mut uploads = Vec::with_capacity(files.len());
        for PreparedFile { mut upload, entry, .. } in files {
            if upload.path != self.place.path(&entry.name) || upload.bytes != entry.bytes {
                return Err(
                    Error::internal("an upload is not the file it is said to be").with("file", entry.name)
                );
            }
            // Only the name: an intent stays good when somebody moves the whole tree.
            upload.path.clone_from(&entry.name);
            uploads.push(upload);
            entries.push(entry);
        }
        let kept: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let deletes =
            old.iter().map(|f| f.name.clone()).filter(|name| !kept.contains(name.as_str())).collect();
        manifest.format_version = FORMAT_VERSION;
        manifest.run_id.clone_from(&self.run_id);
        manifest.rows = entries.iter().map(|entry| entry.rows).sum();
        manifest.files = entries;
        Intent::new(&self.run_id, uploads, deletes, manifest)
    }

    /// Phase 2.
    async fn carry_out(&self, intent: Intent, uploads: &[PendingUpload]) -> Result<Manifest> {
        let destination = &self.place.destination;
        let path = self.place.path(INTENT);
        if let Err(error) = self.lock.check().await {
            abort_all(&self.place, uploads).await;
            return Err(error);
        }
        if let Err(error) = destination.put(&path, json(&intent)?).await {
            // The error means unknown. Only when the intent is surely gone may its uploads go too.
            if withdraw_intent(&self.place).await.is_ok() {
                abort_all(&self.place, uploads).await;
                return Err(error);
            }
            return Err(
                error.hint("the next run on this directory finishes the commit, or removes its uploads")
            );
        }
        apply(&self.place, intent).await
    }
}

fn json(document: &impl serde::Serialize) -> Result<Bytes> {
    let text = serde_json::to_vec_pretty(document)
        .map_err(|error| Error::internal("a document cannot be written as JSON").caused_by(error))?;
    Ok(text.into())
}

/// Runs calls a few at a time and waits for every one, so that none is under way when we return.
async fn all<'a, T>(calls: impl Iterator<Item = BoxFuture<'a, Result<T>>>) -> Vec<Result<T>> {
    let calls: Vec<_> = calls.collect();
    futures::stream::iter(calls).buffered(CONCURRENT_CALLS).collect().await
}

/// The error that made us give up is the one to return; these are only logged.
async fn abort_all(place: &Place, uploads: &[PendingUpload]) {
    for result in all(uploads.iter().map(|upload| place.destination.abort(upload))).await {
        if let Err(error) = result {
            tracing::warn!(path = place.full(), %error, "an upload was not removed; the next run removes it");
        }
    }
}

/// A lock that cannot be given back does not undo what was done under it.
async fn give_back(lock: Box<dyn DirLock>, place: &Place) {
    if let Err(error) = lock.release().await {
        tracing::warn!(path = place.full(), %error, "the directory's lock was not given back");
    }
}
