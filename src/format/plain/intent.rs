//! The documents of a commit, read with distrust: they lie where others can write.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::destination::PendingUpload;
use crate::error::{Error, Result};
use crate::manifest::{FORMAT_VERSION, Manifest};
use crate::spec::layout;

/// `_commit.json`: a commit that will happen. All paths in it are file names in its directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Intent {
    /// Format version of this document and of the manifest in it.
    pub(super) format_version: u32,
    /// The run that commits.
    pub(super) run_id: String,
    /// Uploads to complete; `path` is the file's name.
    pub(super) uploads: Vec<PendingUpload>,
    /// Files to delete.
    pub(super) deletes: Vec<String>,
    /// The new manifest, without e-tags of the uploads.
    pub(super) manifest: Manifest,
}

impl Intent {
    pub(super) fn new(
        run_id: &str,
        uploads: Vec<PendingUpload>,
        deletes: Vec<String>,
        manifest: Manifest,
    ) -> Result<Self> {
        let run_id = run_id.to_owned();
        let intent = Self { format_version: FORMAT_VERSION, run_id, uploads, deletes, manifest };
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
                return Err(
                    Error::data("an upload is not in the manifest, or twice").with("file", &upload.path)
                );
            }
        }
        for name in &self.deletes {
            if !is_plain(name) || named.contains(name.as_str()) {
                return Err(Error::data("a file is to be deleted that must not be").with("file", name));
            }
        }
        Ok(())
    }
}

/// A name of a data file in the table's directory, or in `key=value` directories below it: no document of ours, not
/// hidden.
pub(super) fn is_plain(name: &str) -> bool {
    let is_file =
        |name: &str| !name.is_empty() && !name.starts_with(['_', '.']) && !name.contains(['/', '\\', '\0']);
    layout::file_name(name).is_some_and(is_file)
}

/// More rows, or bytes, than any table has: what is added to them must not be counted wrong.
const TOO_MANY: u64 = 1 << 56;

/// The names of the files, and what is counted of them.
fn check_files(manifest: &Manifest) -> Result<()> {
    let (mut rows, mut bytes) = (manifest.rows, 0_u64);
    for file in &manifest.files {
        rows = rows.saturating_add(file.rows);
        bytes = bytes.saturating_add(file.bytes);
    }
    if rows > TOO_MANY || bytes > TOO_MANY {
        return Err(Error::data("a manifest counts more rows or bytes than there can be").hint(
            "lakexpress did not write it: see what it is, then move it away or choose another directory",
        ));
    }
    let mut seen = HashSet::new();
    for file in &manifest.files {
        if !is_plain(&file.name) {
            return Err(
                Error::data("a manifest names a file outside of its directory").with("file", &file.name)
            );
        }
        if !seen.insert(&file.name) {
            return Err(Error::data("a manifest names a file twice").with("file", &file.name));
        }
    }
    Ok(())
}

pub(super) fn read_intent(content: &[u8]) -> Result<Intent> {
    let intent: Intent = read(content, "the intent of an unfinished commit")?;
    intent.check()?;
    Ok(intent)
}

/// A table's manifest from its bytes.
///
/// Errors: `Data` when it cannot be understood, is of a later format, or names files outside of its directory.
pub fn read_manifest(content: &[u8]) -> Result<Manifest> {
    let manifest: Manifest = read(content, "the manifest")?;
    check_files(&manifest)?;
    Ok(manifest)
}

/// Looks at the version first: what a newer program wrote is neither guessed at nor touched.
fn read<T: DeserializeOwned>(content: &[u8], what: &str) -> Result<T> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let wrong = |error: serde_json::Error| {
        Error::data(format!("{what} is there and cannot be understood"))
            .hint("it is not deleted; see what it is, then move it away or choose another directory")
            .caused_by(error)
    };
    let version: Version = serde_json::from_slice(content).map_err(wrong)?;
    if version.format_version > FORMAT_VERSION {
        let found = version.format_version;
        return Err(Error::data(format!("{what} has format {found}, this program knows {FORMAT_VERSION}"))
            .hint("use the newer version of lakexpress that wrote it"));
    }
    serde_json::from_slice(content).map_err(wrong)
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
