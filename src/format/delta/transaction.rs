//! One table: locked, given a new version or not, and given back.

use arrow_schema::SchemaRef;
use async_trait::async_trait;

use super::commit::apply;
use super::entry::{self, Mode};
use super::open::{Found, open};
use crate::destination::{DirLock, PendingUpload};
use crate::error::{Code, Error, Result};
use crate::format::contract::{AfterCommit, Beginning, TableTransaction, Written};
use crate::format::directory::{
    Intent, LogEntry, Place, Removed, abort_all, all, check_append, checked, give_back, tell_lock, upload,
    withdraw,
};
use crate::format::left::Left;
use crate::manifest::{FORMAT_VERSION_OF_LOGS, FileEntry, Manifest, TableVersion};
use crate::sink::PreparedFile;
use crate::spec::layout::{INTENT, LOCK};
use crate::spec::{Format, IfExists};

/// The right to write the next version of a table, for as long as the directory's lock is held.
#[derive(Debug)]
pub(super) struct DeltaTransaction {
    place: Place,
    run_id: String,
    if_exists: IfExists,
    keep_versions: Option<u64>,
    found: Found,
    lock: Box<dyn DirLock>,
}

#[async_trait(?Send)]
impl TableTransaction for DeltaTransaction {
    fn previous(&self) -> Option<&Manifest> {
        self.found.old.as_ref()
    }

    fn finished(&self) -> Option<&Manifest> {
        self.found.old.as_ref().filter(|_| self.found.finished)
    }

    fn needs_empty_file(&self) -> bool {
        false
    }

    fn needs_schema(&self) -> bool {
        true
    }

    async fn commit(
        mut self: Box<Self>,
        Written { files, schema, manifest, .. }: Written,
        check: Option<&dyn AfterCommit>,
    ) -> Result<(Manifest, Left)> {
        let mut left = std::mem::take(&mut self.found.left);
        self.lock.changing(true);
        let result = match self.under_lock(files, (manifest, schema), &mut left).await {
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
        result.map(|manifest| (manifest, left)).map_err(|error| error.with("path", place.full()))
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

impl DeltaTransaction {
    pub(super) async fn begin(
        place: Place,
        beginning: &Beginning<'_>,
        keep_versions: Option<u64>,
    ) -> Result<Self> {
        let (found, lock) = open(&place, beginning).await?;
        let (run_id, if_exists) = (beginning.run_id.to_owned(), beginning.if_exists);
        Ok(Self { place, run_id, if_exists, keep_versions, found, lock })
    }

    async fn under_lock(
        &self,
        mut files: Vec<PreparedFile>,
        (manifest, schema): (Manifest, Option<SchemaRef>),
        left: &mut Left,
    ) -> Result<Manifest> {
        let uploaded = all(files.iter_mut().map(|file| upload(&self.place, file))).await;
        let uploads: Vec<PendingUpload> = files.iter().map(|file| file.upload.clone()).collect();
        let intent = match uploaded.into_iter().collect::<Result<Vec<()>>>() {
            Ok(_) => self.intent(files, manifest, schema),
            Err(error) => Err(error),
        };
        let intent = match (intent, self.lock.check().await) {
            (Ok(intent), Ok(())) => intent,
            (Err(error), _) | (_, Err(error)) => {
                abort_all(&self.place, &uploads).await;
                return Err(error);
            }
        };
        if let Err(error) = self.place.write(INTENT, &intent).await {
            // The error means unknown. Only when the intent is surely gone may its uploads go too.
            if withdraw(&self.place, INTENT).await.is_ok() {
                abort_all(&self.place, &uploads).await;
                return Err(error);
            }
            return Err(
                error.hint("the next run on this directory finishes the commit, or removes its uploads")
            );
        }
        drop(uploads);
        apply(&self.place, self.lock.as_ref(), intent, left).await
    }

    /// What steps 2 to 6 are going to do.
    fn intent(
        &self,
        mut files: Vec<PreparedFile>,
        mut manifest: Manifest,
        schema: Option<SchemaRef>,
    ) -> Result<Intent> {
        files.sort_by(|a, b| {
            let key = |file: &PreparedFile| (file.entry.part, file.entry.name.clone());
            key(a).cmp(&key(b))
        });
        let log = self.found.log.as_ref();
        let mode = if self.if_exists == IfExists::Append { Mode::Kept } else { Mode::Replaced };
        let mut entries: Vec<FileEntry> = Vec::new();
        if mode == Mode::Kept {
            entries.extend(self.found.old.iter().flat_map(|old| &old.files).cloned());
            check_append(self.found.old.as_ref(), &self.found.visible, &files, &mut manifest)?;
        }
        let (mut uploads, mut added) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
        for PreparedFile { mut upload, entry, .. } in files {
            if upload.path != self.place.path(&entry.name) || upload.bytes != entry.bytes {
                return Err(
                    Error::internal("an upload is not the file it is said to be").with("file", entry.name)
                );
            }
            if self.found.visible.contains(&entry.name) || log.is_some_and(|log| log.names(&entry.name)) {
                return Err(Error::data("a file of this name is there already")
                    .coded(Code::CommittedMeanwhile)
                    .with("file", entry.name)
                    .hint("export the table again, as a new run: versions never share a name"));
            }
            // Only the name: an intent stays good when somebody moves the whole tree.
            upload.path.clone_from(&entry.name);
            uploads.push(upload);
            added.push(entry);
        }
        let version = log.map_or(0, |log| log.version + 1);
        manifest.format_version = FORMAT_VERSION_OF_LOGS;
        manifest.run_id.clone_from(&self.run_id);
        manifest.table_version = Some(TableVersion { format: Format::Delta, version });
        let schema = schema
            .ok_or_else(|| Error::internal("a delta table is committed without the schema of its files"))?;
        let text = entry::text(log, mode, (&manifest, &schema), &added)?;
        entries.extend(added);
        manifest.rows = entries.iter().map(|entry| entry.rows).sum();
        manifest.files = entries;
        let mut intent = Intent::new(&self.run_id, uploads, self.outdated(mode), manifest)?;
        intent.log = Some(LogEntry { version, text });
        Ok(intent)
    }

    /// Files that go with this commit.
    fn outdated(&self, mode: Mode) -> Vec<String> {
        let (Some(keep), Some(log)) = (self.keep_versions, &self.found.log) else { return Vec::new() };
        let mut names = log.outdated(keep, mode == Mode::Replaced);
        names.retain(|name| self.found.visible.contains(name));
        names
    }
}
