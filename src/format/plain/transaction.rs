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
//! | 6 delete the intent | done |
//!
//! Every step may be repeated. Whoever finds an intent does steps 2 to 6 before anything else.
//!
//! Without the right to delete, where objects may be replaced all the same, the steps are these:
//!
//! | step | instead |
//! |---|---|
//! | before 1 | a file without rows is uploaded for each old file that the new table lacks, see [`left`] |
//! | 2 | the old manifest is replaced by a document that says that it is withdrawn |
//! | 3 | completes those uploads as well, so that who lists the directory reads no old row |
//! | 4 | nothing is left to delete |
//! | 6 | the intent is replaced by a document that says that it is withdrawn |
//!
//! A commit that another run has begun, which could delete, is finished the same way: files are emptied in step 4.
//!
//! Where not even that is allowed (Google Cloud Storage without `storage.objects.delete`) a table is only written where
//! there is none, and the intent stays: a commit whose manifest is there is finished.
//!
//! A new table of one small part does without uploads and intent, see [`direct`].

mod direct;
mod found;
mod intent;
mod left;
mod owner;
mod place;
mod roll;

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;

use self::place::{NOTHING, Place, WITHDRAWN, all, json};
use super::empty::EmptyFile;
use super::part::{Kept, PreparedFile};
use crate::destination::{Destination, DirLock, PendingUpload};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{FORMAT_VERSION, FileEntry, Manifest};
use crate::spec::IfExists;
use crate::spec::layout::{INTENT, LOCK, MANIFEST};
use found::{Found, check_append, is_blind, prepare};
pub use found::{committed, committed_by};
use intent::Intent;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use intent::fuzzing;
pub use intent::read_manifest;
pub use left::Left;
use left::{Removed, emptied};
pub use owner::Owner;
pub(crate) use place::is_withdrawn;
use roll::{apply, withdraw};
pub use roll::{is_unfinished, roll_forward};

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
    /// Whether old files may be deleted; they are emptied otherwise.
    may_delete: bool,
    left: Left,
    lock: Box<dyn DirLock>,
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
        let mut place = Place::new(destination, dir);
        lock.changing(true);
        let prepared = match direct::finish(&place, lock.as_ref()).await {
            Ok(()) => prepare(&place, if_exists, run_id, owner, keep).await,
            Err(error) => Err(error),
        };
        let prepared = match prepared {
            Err(error) if error.kind() == ErrorKind::Denied && is_blind(&place).await => {
                place.blind = true;
                Ok(Found::unknown())
            }
            prepared => prepared,
        };
        lock.changing(false);
        match prepared {
            Ok(Found { old, visible, finished, may_delete, left }) => {
                let run_id = run_id.to_owned();
                Ok(Self { place, run_id, if_exists, old, visible, finished, may_delete, left, lock })
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

    /// Whether old files that the new table lacks are deleted. Otherwise [`commit_and_check`](Self::commit_and_check)
    /// needs a file without rows to put in their place.
    pub fn may_delete(&self) -> bool {
        self.may_delete
    }

    /// Makes `files` visible, all or nothing, and returns the manifest as written. `files`, `rows`, `run_id` and
    /// `format_version` of `manifest` are filled in.
    ///
    /// Errors before the intent is written abort the uploads and leave the old table whole. Later ones leave
    /// the intent: the next [`begin`](Self::begin) on this directory finishes the commit.
    pub async fn commit(self, files: Vec<PreparedFile>, manifest: Manifest) -> Result<Manifest> {
        let committed = self.commit_and_check(files, None, manifest, async |_| Ok(())).await;
        committed.map(|(manifest, _)| manifest)
    }

    /// As [`commit`](Self::commit), with `empty` in the place of old files that may not be deleted, and with what could
    /// not be cleared away in the answer; then `check` looks at what readers see now, under the same lock. What it changes in
    /// the manifest is written, also when it returns an error, which is the error of this call then.
    pub async fn commit_and_check(
        mut self,
        files: Vec<PreparedFile>,
        empty: Option<EmptyFile>,
        manifest: Manifest,
        check: impl AsyncFnOnce(&mut Manifest) -> Result<()>,
    ) -> Result<(Manifest, Left)> {
        let mut left = std::mem::take(&mut self.left);
        self.lock.changing(true);
        let result = match self.under_lock(files, empty, manifest, &mut left).await {
            Ok(manifest) => self.checked(manifest, check).await,
            Err(error) => Err(error),
        };
        if result.is_ok() {
            match self.lock.release().await.map(Removed::from) {
                Ok(given) => left.document(LOCK, given),
                Err(error) => tell_lock(&self.place, &error),
            }
        } else {
            give_back(self.lock, &self.place).await;
        }
        match result {
            Ok(manifest) => {
                left.emptied = Left::of(&manifest).emptied;
                Ok((manifest, left))
            }
            Err(error) => Err(error.with("path", self.place.full())),
        }
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
            let noted = match noted {
                Err(error)
                    if error.kind() == ErrorKind::Denied && !self.place.destination.replaces_freely() =>
                {
                    tracing::warn!(path = self.place.full(), %error, "the manifest keeps saying that the files were not compared");
                    outcome?;
                    return Ok(written);
                }
                noted => noted,
            };
            // An error of the check is worth more than one of noting it.
            outcome.and(noted.map(drop))?;
            return Ok(manifest);
        }
        outcome.map(|()| manifest)
    }

    async fn under_lock(
        &self,
        mut files: Vec<PreparedFile>,
        empty: Option<EmptyFile>,
        manifest: Manifest,
        left: &mut Left,
    ) -> Result<Manifest> {
        if let [file] = files.as_slice()
            && let Some(Kept(content)) = &file.kept
            && self.old.is_none()
            && !self.visible.contains(&file.entry.name)
        {
            let intent = self.intent(files.clone(), Vec::new(), manifest.clone())?;
            let committed = direct::commit(&self.place, self.lock.as_ref(), intent, content.clone()).await?;
            if let Some(manifest) = committed {
                return Ok(manifest);
            }
        }
        let kept = self.empty_old(&mut files, empty)?;
        let uploaded = all(files.iter_mut().map(|file| self.upload(file))).await;
        let uploads: Vec<PendingUpload> = files.iter().map(|file| file.upload.clone()).collect();
        let intent = match uploaded.into_iter().collect::<Result<Vec<()>>>() {
            Ok(_) => self.intent(files, kept, manifest),
            Err(error) => Err(error),
        };
        match intent {
            Ok(intent) => self.carry_out(intent, &uploads, left).await,
            Err(error) => {
                abort_all(&self.place, &uploads).await;
                Err(error)
            }
        }
    }

    /// Adds files without rows for old ones that may not be deleted. Returns those that are such already.
    fn empty_old(&self, files: &mut Vec<PreparedFile>, empty: Option<EmptyFile>) -> Result<Vec<FileEntry>> {
        if self.may_delete || self.if_exists == IfExists::Append {
            return Ok(Vec::new());
        }
        let new: HashSet<&str> = files.iter().map(|file| file.entry.name.as_str()).collect();
        let old = self.old.iter().flat_map(|old| &old.files);
        let lacking: Vec<&FileEntry> = old
            .filter(|file| self.visible.contains(&file.name) && !new.contains(file.name.as_str()))
            .collect();
        if lacking.is_empty() {
            return Ok(Vec::new());
        }
        let empty = empty.ok_or_else(|| Error::internal("no file to put in the place of old ones"))?;
        let (replaced, kept) = emptied(&self.place, lacking.into_iter(), &empty);
        files.extend(replaced);
        Ok(kept)
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
    fn intent(
        &self,
        mut files: Vec<PreparedFile>,
        kept: Vec<FileEntry>,
        mut manifest: Manifest,
    ) -> Result<Intent> {
        files.sort_by(|a, b| {
            let order = |file: &PreparedFile| (file.entry.leftover, file.entry.part);
            order(a).cmp(&order(b)).then_with(|| a.entry.name.cmp(&b.entry.name))
        });
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
        entries.extend(kept);
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
    async fn carry_out(
        &self,
        intent: Intent,
        uploads: &[PendingUpload],
        left: &mut Left,
    ) -> Result<Manifest> {
        if let Err(error) = self.lock.check().await {
            abort_all(&self.place, uploads).await;
            return Err(error);
        }
        if let Err(error) = self.place.write(INTENT, &intent).await {
            // The error means unknown. Only when the intent is surely gone may its uploads go too.
            if withdraw(&self.place, INTENT).await.is_ok() {
                abort_all(&self.place, uploads).await;
                return Err(error);
            }
            return Err(
                error.hint("the next run on this directory finishes the commit, or removes its uploads")
            );
        }
        let (manifest, intent) = apply(&self.place, intent).await?;
        left.document(INTENT, intent);
        Ok(manifest)
    }
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
    match lock.release().await {
        Ok(Some(error)) if !place.destination.replaces_freely() => tell_lock(place, &error),
        // At most a mark is left that says so.
        Ok(_) => {}
        Err(error) => tell_lock(place, &error),
    }
}

fn tell_lock(place: &Place, error: &Error) {
    tracing::warn!(path = place.full(), %error, "the directory's lock was not given back");
}
