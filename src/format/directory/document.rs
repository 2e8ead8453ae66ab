//! The documents of a table's directory: written so that they can be read, and read with distrust, because they lie where
//! others can write.

use std::collections::HashSet;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::destination::DOCUMENT_BYTES;
use crate::error::{Code, Error, Result};
use crate::manifest::{FORMAT_VERSION_OF_LOGS, Manifest};
use crate::spec::layout;

/// Larger documents are written without line breaks.
const READABLE_BYTES: usize = 8 << 20;

/// Takes the place of an intent or a manifest that no longer counts.
pub(in crate::format) const WITHDRAWN: &[u8] = b"{\"withdrawn\": true}";

/// More rows, or bytes, than any table has: what is added to them must not be counted wrong.
const TOO_MANY: u64 = 1 << 56;

/// A document of the commit from its bytes. Looks at the version first: what a newer program wrote is neither guessed at
/// nor touched.
pub(in crate::format) fn read<T: DeserializeOwned>(content: &[u8], what: &str) -> Result<T> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let wrong = |error: serde_json::Error| {
        Error::data(format!("{what} is there and cannot be understood"))
            .coded(Code::ManifestUnreadable)
            .hint("it is not deleted; see what it is, then move it away or choose another directory")
            .caused_by(error)
    };
    let version: Version = serde_json::from_slice(content).map_err(wrong)?;
    if version.format_version > FORMAT_VERSION_OF_LOGS {
        let found = version.format_version;
        return Err(Error::data(format!(
            "{what} has format {found}, this program knows {FORMAT_VERSION_OF_LOGS}"
        ))
        .coded(Code::ManifestUnreadable)
        .hint("use the newer version of lakexpress that wrote it"));
    }
    serde_json::from_slice(content).map_err(wrong)
}

/// A table's manifest from its bytes.
///
/// Errors: `Data` when it cannot be understood, is of a later format, or names files outside of its directory.
pub fn read_manifest(content: &[u8]) -> Result<Manifest> {
    let manifest: Manifest = read(content, "the manifest")?;
    check_files(&manifest)?;
    Ok(manifest)
}

/// The names of the files, and what is counted of them.
pub(in crate::format) fn check_files(manifest: &Manifest) -> Result<()> {
    let (mut rows, mut bytes) = (manifest.rows, 0_u64);
    for file in &manifest.files {
        rows = rows.saturating_add(file.rows);
        bytes = bytes.saturating_add(file.bytes);
    }
    if rows > TOO_MANY || bytes > TOO_MANY {
        return Err(Error::data("a manifest counts more rows or bytes than there can be")
            .coded(Code::ManifestUnreadable)
            .hint(
                "lakexpress did not write it: see what it is, then move it away or choose another directory",
            ));
    }
    let mut seen = HashSet::new();
    for file in &manifest.files {
        if !is_plain(&file.name) {
            return Err(Error::data("a manifest names a file outside of its directory")
                .coded(Code::ManifestUnreadable)
                .with("file", &file.name));
        }
        if !seen.insert(&file.name) {
            return Err(Error::data("a manifest names a file twice")
                .coded(Code::ManifestUnreadable)
                .with("file", &file.name));
        }
    }
    Ok(())
}

/// A name of a data file in the table's directory, or in `key=value` directories below it: no document of ours, not
/// hidden.
pub(in crate::format) fn is_plain(name: &str) -> bool {
    let is_file =
        |name: &str| !name.is_empty() && !name.starts_with(['_', '.']) && !name.contains(['/', '\\', '\0']);
    layout::file_name(name).is_some_and(is_file)
}

/// Whether a document says that it is no intent, or no manifest, any more.
pub(crate) fn is_withdrawn(document: &[u8]) -> bool {
    document == WITHDRAWN
}

/// A document as it is written.
pub(in crate::format) fn json(document: &impl Serialize) -> Result<Bytes> {
    let wrong = |error| Error::internal("a document cannot be written as JSON").caused_by(error);
    let mut length = Length(0);
    serde_json::to_writer(&mut length, document).map_err(wrong)?;
    let Length(length) = length;
    // Nobody reads a longer one, and it must not outgrow what can be read back.
    if length <= READABLE_BYTES {
        let readable = serde_json::to_vec_pretty(document).map_err(wrong)?;
        if readable.len() <= READABLE_BYTES {
            return Ok(readable.into());
        }
    }
    if length as u64 > DOCUMENT_BYTES {
        return Err(Error::data(
            "the table's manifest would be larger than 1 GiB: it has too many files and columns",
        )
        .coded(Code::CommitTooLarge)
        .hint(
            "begin another directory, with --sub-path for example; --part-bytes makes fewer and larger files",
        ));
    }
    // A vector that grows is there twice each time.
    let mut text = Vec::with_capacity(length);
    serde_json::to_writer(&mut text, document).map_err(wrong)?;
    Ok(text.into())
}

/// Bytes that were written, and are not kept.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0 += data.len();
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_newer_is_not_guessed_at() {
        let read = |version: u32| {
            let text = format!("{{\"format_version\": {version}}}");
            read::<serde_json::Value>(text.as_bytes(), "the manifest").map_err(|error| error.to_string())
        };
        assert!(read(0).is_ok() && read(FORMAT_VERSION_OF_LOGS).is_ok());
        let error = read(FORMAT_VERSION_OF_LOGS + 1).expect_err("newer");
        assert!(error.contains(&format!("format {}", FORMAT_VERSION_OF_LOGS + 1)), "{error}");
        assert!(super::read::<serde_json::Value>(b"{}", "the manifest").is_err());
    }
}
