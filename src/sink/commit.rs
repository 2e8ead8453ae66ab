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
mod intent;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;

use super::part::{Kept, PreparedFile};
use crate::destination::{Destination, DirLock, PendingUpload};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{FORMAT_VERSION, FileEntry, Manifest};
use crate::spec::IfExists;
use crate::spec::layout::{INTENT, MANIFEST, directories};
pub use intent::read_manifest;
use intent::{Intent, is_plain, read_intent};

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
    /// Errors: `Unavailable` when another run holds the lock; `Data` when `if_exists` forbids what is there,
    /// when files are there that the old manifest does not name, or when manifest or intent cannot be understood.
    pub async fn begin(
        destination: Arc<dyn Destination>,
        dir: &str,
        run_id: &str,
        if_exists: IfExists,
    ) -> Result<Self> {
        Self::begin_keeping(destination, dir, run_id, if_exists, &[]).await
    }

    /// As [`begin`](Self::begin), but uploads that are in `keep` stay, if they are there.
    pub async fn begin_keeping(
        destination: Arc<dyn Destination>,
        dir: &str,
        run_id: &str,
        if_exists: IfExists,
        keep: &[PendingUpload],
    ) -> Result<Self> {
        let lock = destination.lock(dir, run_id).await?;
        let place = Place { destination, dir: dir.to_owned() };
        let prepared = match direct::finish(&place, lock.as_ref()).await {
            Ok(()) => prepare(&place, if_exists, run_id, keep).await,
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
            self.check_append(&files, &mut manifest)?;
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

    /// Files that are added must not replace others, and must have the columns that the others have.
    fn check_append(&self, files: &[PreparedFile], manifest: &mut Manifest) -> Result<()> {
        if let Some(file) = files.iter().find(|file| self.visible.contains(&file.entry.name)) {
            return Err(Error::data("a file of this name is there already")
                .with("file", &file.entry.name)
                .hint("--if-exists append never replaces a file; run it again under a new run id"));
        }
        let Some(old) = &self.old else { return Ok(()) };
        let shape = |m: &Manifest| -> Vec<(String, String)> {
            m.columns.iter().map(|c| (c.name.clone(), c.arrow_type.clone())).collect()
        };
        if shape(old) != shape(manifest) {
            return Err(Error::data("the table's columns differ from those of the files that are there")
                .hint("--if-exists append needs the same columns; use --columns, or another --output-dir"));
        }
        let origin =
            |m: &Manifest| format!("{} database {}, table {}", m.source.kind, m.source.database, m.table);
        if origin(old) != origin(manifest) {
            return Err(Error::data(format!("the files that are there come from {}", origin(old)))
                .with("source", origin(manifest))
                .hint("--if-exists append adds rows of the same table only; use another --output-dir or --sub-path"));
        }
        same_directories(&old.files, files)?;
        for (column, before) in manifest.columns.iter_mut().zip(&old.columns) {
            column.nullable |= before.nullable;
        }
        Ok(())
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

/// Readers take the directories of a table for columns, so that all its rows must lie in directories of the same keys,
/// or all in none.
fn same_directories(old: &[FileEntry], added: &[PreparedFile]) -> Result<()> {
    fn of<'f>(entries: impl Iterator<Item = &'f FileEntry>) -> BTreeSet<String> {
        // A file without rows is a table's only one, wherever its rows will lie.
        entries.filter(|entry| entry.rows > 0).map(|entry| directories(&entry.name)).collect()
    }
    let (old, added) = (of(old.iter()), of(added.iter().map(|file| &file.entry)));
    if old.is_empty() || added.is_subset(&old) {
        return Ok(());
    }
    let shown = |of: &BTreeSet<String>| match of.iter().filter(|d| !d.is_empty()).cloned().collect::<Vec<_>>()
    {
        named if named.is_empty() => "none".to_owned(),
        named => named.join(", "),
    };
    Err(Error::data("the files that are there lie in other directories than those to be added")
        .with("there", shown(&old))
        .with("added", shown(&added))
        .hint("export with the method that made those that are there, or use another --output-dir or --sub-path"))
}

/// Finishes the commit of which an intent lies in `dir`, from the intent alone; none if there is no intent.
/// The caller holds the directory's lock.
///
/// Errors: `Data` when the intent or a manifest cannot be understood or an upload is lost; nothing is deleted then
/// that the intent does not name.
pub async fn roll_forward(destination: Arc<dyn Destination>, dir: &str) -> Result<Option<Manifest>> {
    finish_intent(&Place { destination, dir: dir.to_owned() }).await
}

/// What is committed in `dir`; none without a manifest.
///
/// # Errors
/// `Data` when the manifest cannot be understood; those of the destination.
pub async fn committed(destination: Arc<dyn Destination>, dir: &str) -> Result<Option<Manifest>> {
    current_manifest(&Place { destination, dir: dir.to_owned() }).await
}

/// Whether the content of an intent says that a commit is to be finished.
pub fn is_unfinished(intent: &[u8]) -> bool {
    intent != WITHDRAWN
}

async fn finish_intent(place: &Place) -> Result<Option<Manifest>> {
    let Some(content) = place.destination.get(&place.path(INTENT)).await? else { return Ok(None) };
    if !is_unfinished(&content) {
        return Ok(None);
    }
    let intent = read_intent(&content).map_err(|error| error.with("path", place.path(INTENT)))?;
    tracing::info!(path = place.full(), run = intent.run_id, "finishing the commit of an earlier run");
    apply(place, intent).await.map(Some)
}

/// Steps 2 to 6.
async fn apply(place: &Place, intent: Intent) -> Result<Manifest> {
    finish(place, intent).await.map_err(|error| {
        error.with("path", place.full()).hint(
            "the table is between its old and its new content, and its manifest may be missing; \
             the next run on this directory finishes the commit",
        )
    })
}

async fn finish(place: &Place, intent: Intent) -> Result<Manifest> {
    let destination = &place.destination;
    let manifest_path = place.path(MANIFEST);
    let mut manifest = intent.manifest;
    let current = current_manifest(place).await?;
    let old_is_there = current.is_some();
    // All but step 6 is done when the new manifest is there.
    if let Some(current) = current.filter(|current| without_tags(current) == without_tags(&manifest)) {
        withdraw_intent(place).await?;
        return Ok(current);
    }
    if old_is_there {
        destination.delete(&manifest_path).await?;
    }

    let mut uploads = intent.uploads;
    for upload in &mut uploads {
        upload.path = place.path(&upload.path);
    }
    let completed = all(uploads.iter().map(|upload| destination.complete(upload))).await;
    for (upload, stored) in uploads.iter().zip(completed) {
        let stored = stored?;
        if stored.bytes != upload.bytes {
            let message = format!("a completed file has {} bytes, not {}", stored.bytes, upload.bytes);
            return Err(Error::data(message).with("file", &upload.path));
        }
        if let Some(file) = manifest.files.iter_mut().find(|file| place.path(&file.name) == upload.path) {
            file.e_tag = stored.e_tag;
        }
    }

    let deletes: Vec<String> = intent.deletes.iter().map(|name| place.path(name)).collect();
    all(deletes.iter().map(|path| destination.delete(path)))
        .await
        .into_iter()
        .collect::<Result<Vec<()>>>()?;
    destination.put(&manifest_path, json(&manifest)?).await?;
    withdraw_intent(place).await?;
    Ok(manifest)
}

/// Deletes the intent; where nothing may be deleted, one that is withdrawn says the same.
async fn withdraw_intent(place: &Place) -> Result<()> {
    let path = place.path(INTENT);
    match place.destination.delete(&path).await {
        Err(error) if error.kind() == ErrorKind::Denied => {
            tracing::debug!(path = place.full(), %error, "the intent is marked as withdrawn instead");
            place.destination.put(&path, Bytes::from_static(WITHDRAWN)).await.map(|_| ())
        }
        outcome => outcome,
    }
}

/// The manifest of the directory `dir`, if `run_id` committed it and all its files are there with their sizes.
/// Changes nothing and needs no lock. An intent that waits to be rolled forward is for [`TableCommit::begin`].
///
/// # Errors
/// Those of the destination; a manifest that cannot be understood is none of this run's.
pub async fn committed_by(
    destination: &Arc<dyn Destination>,
    dir: &str,
    run_id: &str,
) -> Result<Option<Manifest>> {
    let place = Place { destination: Arc::clone(destination), dir: dir.to_owned() };
    let manifest = match current_manifest(&place).await {
        Err(error) if error.kind() == ErrorKind::Data => None,
        manifest => manifest?.filter(|manifest| manifest.run_id == run_id),
    };
    let Some(manifest) = manifest else { return Ok(None) };
    let listed = place.destination.list(dir).await?;
    let start = place.path("");
    let sizes: HashMap<&str, u64> = listed
        .iter()
        .map(|object| (object.path.strip_prefix(&start).unwrap_or_default(), object.bytes))
        .collect();
    Ok(all_there(&manifest, &sizes).then_some(manifest))
}

/// Whether every file that the manifest names is there with its size.
fn all_there(manifest: &Manifest, sizes: &HashMap<&str, u64>) -> bool {
    manifest.files.iter().all(|file| sizes.get(file.name.as_str()) == Some(&file.bytes))
}

/// What [`TableCommit::begin`] found.
struct Found {
    old: Option<Manifest>,
    visible: HashSet<String>,
    finished: bool,
}

/// Steps of [`TableCommit::begin`] under the lock: what is committed, and what readers see.
async fn prepare(place: &Place, if_exists: IfExists, run_id: &str, keep: &[PendingUpload]) -> Result<Found> {
    let destination = &place.destination;
    finish_intent(place).await?;
    let old = current_manifest(place).await?;
    let listed = destination.list(&place.dir).await?;
    let mut sizes = HashMap::new();
    for object in &listed {
        let start = if place.dir.is_empty() { String::new() } else { format!("{}/", place.dir) };
        let name = object.path.strip_prefix(&start).unwrap_or_default();
        if is_plain(name) {
            sizes.insert(name, object.bytes);
        }
    }
    let finished = old.as_ref().is_some_and(|old| old.run_id == run_id && all_there(old, &sizes));
    match if_exists {
        // A resumed run finds its own work: nothing will be done to it.
        _ if finished => {}
        IfExists::Error if old.is_some() || !sizes.is_empty() => {
            return Err(Error::data("the table is there already")
                .hint("--if-exists overwrite replaces it, --if-exists append adds to it"));
        }
        IfExists::Error => {}
        IfExists::Overwrite => {
            let known: HashSet<&str> = old.iter().flat_map(|m| &m.files).map(|f| f.name.as_str()).collect();
            let mut unknown: Vec<&str> = sizes.keys().copied().filter(|name| !known.contains(name)).collect();
            unknown.sort_unstable();
            if !unknown.is_empty() {
                return Err(Error::data(
                    "files are there that no manifest names, so they are not ours to replace",
                )
                .with("files", some_of(&unknown))
                .hint("--if-exists append keeps them; or remove them, or choose another directory"));
            }
        }
        IfExists::Append => {
            for file in old.iter().flat_map(|manifest| &manifest.files) {
                if sizes.get(file.name.as_str()) != Some(&file.bytes) {
                    return Err(Error::data("a file that the manifest names is missing or has another size")
                        .with("file", &file.name)
                        .hint("--if-exists overwrite exports the table anew"));
                }
            }
        }
    }
    if old.is_some() && !finished {
        // Deleting what is not there asks for the right and changes nothing. Asked before a row is read.
        destination.delete(&place.path(NOTHING)).await.map_err(|error| {
            error.hint("replacing a table needs the right to delete; a first export does without")
        })?;
    }
    let pending = match destination.list_pending(&place.dir).await {
        // A first export needs no more rights than to write; a lifecycle rule can clean up as well.
        Err(error) if error.kind() == ErrorKind::Denied => {
            tracing::warn!(%error, "what an earlier run may have left is not removed");
            Vec::new()
        }
        pending => pending?,
    };
    let kept: HashSet<(&str, &str)> = keep.iter().map(|u| (u.path.as_str(), u.upload_id.as_str())).collect();
    let swept = pending.iter().filter(|u| !kept.contains(&(u.path.as_str(), u.upload_id.as_str())));
    let aborted = all(swept.map(|upload| destination.abort(upload))).await;
    aborted.into_iter().collect::<Result<Vec<()>>>()?;
    let visible = sizes.into_keys().map(str::to_owned).collect();
    Ok(Found { old, visible, finished })
}

async fn current_manifest(place: &Place) -> Result<Option<Manifest>> {
    let path = place.path(MANIFEST);
    let content = place.destination.get(&path).await?;
    content.map(|content| read_manifest(&content).map_err(|error| error.with("path", path))).transpose()
}

/// The first few names, and how many there are.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// E-tags are not known when an intent is written.
fn without_tags(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    for file in &mut manifest.files {
        file.e_tag = None;
    }
    manifest
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
