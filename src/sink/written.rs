//! Files of a part that are written, while others of it are not.

use std::sync::Arc;

use super::target::PreparedFile;
use crate::destination::Destination;

/// Files that are removed unless the part is finished.
pub(super) struct WrittenFiles {
    destination: Arc<dyn Destination>,
    files: Vec<PreparedFile>,
}

impl WrittenFiles {
    pub(super) fn new(destination: &Arc<dyn Destination>) -> Self {
        Self { destination: Arc::clone(destination), files: Vec::new() }
    }

    pub(super) fn add(&mut self, mut file: PreparedFile) {
        if let Some(first) = self.files.first() {
            for (column, known) in file.entry.columns.iter_mut().zip(&first.entry.columns) {
                if column.name == known.name {
                    column.name = Arc::clone(&known.name);
                }
            }
        }
        self.files.push(file);
    }

    pub(super) fn extend(&mut self, files: impl IntoIterator<Item = PreparedFile>) {
        files.into_iter().for_each(|file| self.add(file));
    }

    /// Rows in them.
    pub(super) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.entry.rows).sum()
    }

    /// The part is finished: the files are the caller's, in the order of their names.
    pub(super) fn take(mut self) -> Vec<PreparedFile> {
        let mut files = std::mem::take(&mut self.files);
        files.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
        files
    }

    /// The part has failed.
    pub(super) async fn abort(mut self) {
        // One by one out of the list, so that a drop in the middle removes the rest.
        while let Some(file) = self.files.pop() {
            if file.kept.is_none()
                && let Err(error) = self.destination.abort(&file.upload).await
            {
                let path = &file.upload.path;
                tracing::warn!(path, %error, "an unfinished upload was not removed; the next run removes it");
            }
        }
    }
}

impl Drop for WrittenFiles {
    fn drop(&mut self) {
        for file in self.files.drain(..).filter(|file| file.kept.is_none()) {
            self.destination.abandon(&file.upload);
        }
    }
}
