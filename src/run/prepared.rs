//! What is written of a directory and not committed yet.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow_schema::SchemaRef;

use super::progress::TableProgress;
use crate::error::Result;
use crate::sink::{EmptyFile, PreparedFile, PreparedPart, ProgressFn, WriterSettings};

/// Parts that are complete at the destination and that no reader of it can see yet.
#[derive(Clone)]
pub(super) struct Prepared {
    parts: Arc<Mutex<Vec<PreparedPart>>>,
    progress: Arc<TableProgress>,
    /// Whether it must be known what every file of the table looks like.
    pub(super) is_shaped: bool,
    /// What that is.
    shape: Arc<OnceLock<(SchemaRef, WriterSettings)>>,
}

impl Prepared {
    pub(super) fn new(progress: Arc<TableProgress>, is_shaped: bool) -> Self {
        Self { parts: Arc::default(), progress, is_shaped, shape: Arc::default() }
    }

    /// Counts rows and bytes of parts as they are written.
    pub(super) fn count(&self) -> ProgressFn {
        let counters = Arc::clone(&self.progress);
        Arc::new(move |rows, bytes| counters.add(rows, bytes))
    }

    /// Notes what every file of the table looks like.
    pub(super) fn shaped(&self, schema: &SchemaRef, settings: &WriterSettings) {
        let _ = self.shape.set((Arc::clone(schema), settings.clone()));
    }

    /// A file of the table without rows.
    pub(super) fn empty(&self) -> Result<Option<EmptyFile>> {
        self.shape.get().map(|(schema, settings)| EmptyFile::new(schema, settings)).transpose()
    }

    /// What every file of the table looks like, where that is known.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        self.shape.get().map(|(schema, _)| Arc::clone(schema))
    }

    pub(super) fn extend(&self, parts: impl IntoIterator<Item = PreparedPart>) {
        self.lock().extend(parts);
    }

    /// Lets `change` see and change the parts.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Vec<PreparedPart>) -> T) -> T {
        change(&mut self.lock())
    }

    pub(super) fn has_file(&self) -> bool {
        self.lock().iter().any(|part| !part.files.is_empty())
    }

    /// The files, in the order of their parts.
    pub(super) fn take(&self) -> Vec<PreparedFile> {
        let mut parts = std::mem::take(&mut *self.lock());
        parts.sort_by_key(|part| part.part);
        parts.into_iter().flat_map(|part| part.files).collect()
    }

    /// The files of an attempt whose rows do not count.
    pub(super) fn take_back(&self) -> Vec<PreparedFile> {
        self.progress.reset();
        self.take()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PreparedPart>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
