//! The record of a commit that has begun.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::document::{check_files, is_plain, read};
use crate::destination::PendingUpload;
use crate::error::{Code, Error, Result};
use crate::manifest::Manifest;

/// `_commit.json`: a commit that will happen. All paths in it are file names in its directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::format) struct Intent {
    /// Format version of this document and of the manifest in it.
    pub(in crate::format) format_version: u32,
    /// The run that commits.
    pub(in crate::format) run_id: String,
    /// Uploads to complete; `path` is the file's name.
    pub(in crate::format) uploads: Vec<PendingUpload>,
    /// Files to delete.
    pub(in crate::format) deletes: Vec<String>,
    /// The new manifest, without e-tags of the uploads.
    pub(in crate::format) manifest: Manifest,
    /// The document of the table's log that is the commit; none for plain files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::format) log: Option<LogEntry>,
}

/// A document of a log, which is written where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::format) struct LogEntry {
    /// The version that it makes.
    pub(in crate::format) version: u64,
    /// Its content.
    pub(in crate::format) text: String,
}

impl Intent {
    pub(in crate::format) fn new(
        run_id: &str,
        uploads: Vec<PendingUpload>,
        deletes: Vec<String>,
        manifest: Manifest,
    ) -> Result<Self> {
        let (run_id, format_version) = (run_id.to_owned(), manifest.format_version);
        let intent = Self { format_version, run_id, uploads, deletes, manifest, log: None };
        intent.check()?;
        Ok(intent)
    }

    /// Every name stays in the directory, and nothing that the new manifest names is deleted.
    fn check(&self) -> Result<()> {
        check_files(&self.manifest)?;
        let named: HashSet<&str> = self.manifest.files.iter().map(|file| file.name.as_str()).collect();
        let mut seen = HashSet::new();
        for upload in &self.uploads {
            if !named.contains(upload.path.as_str()) || !seen.insert(upload.path.as_str()) {
                return Err(Error::data("an upload is not in the manifest, or twice")
                    .coded(Code::ManifestUnreadable)
                    .with("file", &upload.path));
            }
        }
        for name in &self.deletes {
            if !is_plain(name) || named.contains(name.as_str()) {
                return Err(Error::data("a file is to be deleted that must not be")
                    .coded(Code::ManifestUnreadable)
                    .with("file", name));
            }
        }
        Ok(())
    }
}

pub(in crate::format) fn read_intent(content: &[u8]) -> Result<Intent> {
    let intent: Intent = read(content, "the intent of an unfinished commit")?;
    intent.check()?;
    Ok(intent)
}

/// An intent from its bytes, for `fuzz/`: everything that it names is in its directory, and it is read back as written.
///
/// # Errors
/// Those of reading it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(content: &[u8]) -> Result<()> {
    let intent = read_intent(content)?;
    let names = intent.deletes.iter().chain(intent.uploads.iter().map(|upload| &upload.path));
    for name in names.chain(intent.manifest.files.iter().map(|file| &file.name)) {
        let parts = || name.split('/');
        if name.starts_with('/') || parts().any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(Error::internal("a name leads out of the directory").with("file", name));
        }
    }
    let written =
        serde_json::to_vec(&intent).map_err(|error| Error::internal("an intent").caused_by(error))?;
    read_intent(&written).map(drop).map_err(|error| Error::internal("not read back").caused_by(error))
}
