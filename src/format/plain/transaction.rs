//! One directory: locked, changed as a whole or not at all, and given back.

use std::collections::HashSet;

use async_trait::async_trait;

use super::direct;
use super::emptied::empty_old;
use super::open::{Opened, open};
use super::state::Found;
use super::swap::swap;
use crate::destination::{DirLock, PendingUpload};
use crate::error::{Error, Result};
use crate::format::contract::{AfterCommit, Beginning, TableTransaction, Written};
use crate::format::directory::{
    Intent, Place, Removed, abort_all, all, check_append, checked, give_back, tell_lock, upload,
};
use crate::format::left::Left;
use crate::manifest::{FORMAT_VERSION, FileEntry, Manifest};
use crate::sink::{EmptyFile, Kept, PreparedFile};
use crate::spec::IfExists;
use crate::spec::layout::LOCK;

/// The right to replace or extend one table, for as long as the directory's lock is held.
#[derive(Debug)]
pub(super) struct PlainTransaction {
    place: Place,
    run_id: String,
    if_exists: IfExists,
    found: Found,
    lock: Box<dyn DirLock>,
}

#[async_trait(?Send)]
impl TableTransaction for PlainTransaction {
    fn previous(&self) -> Option<&Manifest> {
        self.found.old.as_ref()
    }

    fn finished(&self) -> Option<&Manifest> {
        self.found.old.as_ref().filter(|_| self.found.finished)
    }

    fn needs_empty_file(&self) -> bool {
        !self.found.may_delete
    }

    async fn commit(
        mut self: Box<Self>,
        Written { files, empty, manifest, .. }: Written,
        check: Option<&dyn AfterCommit>,
    ) -> Result<(Manifest, Left)> {
        let mut left = std::mem::take(&mut self.found.left);
        self.lock.changing(true);
        let result = match self.under_lock(files, empty, manifest, &mut left).await {
            Ok(manifest) => checked(&self.place, self.lock.as_ref(), manifest, check).await,
            Err(error) => Err(error),
        };
        let Self { place, lock, .. } = *self;
        if result.is_ok() {
            match lock.release().await.map(Removed::from) {
                Ok(given) => given.noted(LOCK, &mut left),
                Err(error) => tell_lock(&place, &error),
            }
        } else {
            give_back(lock, &place).await;
        }
        match result {
            Ok(manifest) => {
                left.emptied = Left::of(&manifest).emptied;
                Ok((manifest, left))
            }
            Err(error) => Err(error.with("path", place.full())),
        }
    }

    async fn abort(self: Box<Self>, files: &[PendingUpload]) -> Result<()> {
        let destination = &self.place.destination;
        let results = all(files.iter().map(|upload| destination.abort(upload))).await;
        give_back(self.lock, &self.place).await;
        results.into_iter().collect::<Result<Vec<()>>>().map(|_| ())
    }

    async fn release(self: Box<Self>) {
        give_back(self.lock, &self.place).await;
    }
}

impl PlainTransaction {
    pub(super) async fn begin(place: Place, beginning: &Beginning<'_>) -> Result<Self> {
        let Opened { place, found, lock } = open(place, beginning).await?;
        let (run_id, if_exists) = (beginning.run_id.to_owned(), beginning.if_exists);
        Ok(Self { place, run_id, if_exists, found, lock })
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
            && self.found.old.is_none()
            && !self.found.visible.contains(&file.entry.name)
        {
            let intent = self.intent(files.clone(), Vec::new(), manifest.clone())?;
            let committed = direct::commit(&self.place, self.lock.as_ref(), intent, content.clone()).await?;
            if let Some(manifest) = committed {
                return Ok(manifest);
            }
        }
        let kept = empty_old(&self.place, &self.found, self.if_exists, &mut files, empty)?;
        let uploaded = all(files.iter_mut().map(|file| upload(&self.place, file))).await;
        let uploads: Vec<PendingUpload> = files.iter().map(|file| file.upload.clone()).collect();
        let intent = match uploaded.into_iter().collect::<Result<Vec<()>>>() {
            Ok(_) => self.intent(files, kept, manifest),
            Err(error) => Err(error),
        };
        match intent {
            Ok(intent) => {
                // The intent has them.
                drop(uploads);
                swap(&self.place, self.lock.as_ref(), intent, left).await
            }
            Err(error) => {
                abort_all(&self.place, &uploads).await;
                Err(error)
            }
        }
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
        let old = self.found.old.as_ref().map_or(&[][..], |old| &old.files);
        let mut entries: Vec<FileEntry> = Vec::new();
        if self.if_exists == IfExists::Append {
            entries.extend_from_slice(old);
            check_append(self.found.old.as_ref(), &self.found.visible, &files, &mut manifest)?;
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
}
