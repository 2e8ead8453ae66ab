//! Where to write, as the user says it.

use std::fmt;
use std::fmt::Debug;

use serde_json::{Map, Value};

/// Where a destination is. Debug shows no secret.
#[derive(Clone)]
pub enum Address {
    /// The text of `--output-dir`: a path or a URL.
    Location(String),
    /// An entry of the auth file, named by `--target-storage-id`.
    Entry(StorageEntry),
}

/// A storage in the auth file.
#[derive(Clone)]
pub struct StorageEntry {
    /// The entry's id, for messages.
    pub id: String,
    /// `ds_type` or `storage_type`.
    pub kind: String,
    /// `auth_mode`.
    pub mode: Option<String>,
    /// The fields, `${VAR}` already replaced.
    pub info: Map<String, Value>,
}

impl Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location(text) => write!(f, "Location({})", scheme_of(text).unwrap_or("path")),
            Self::Entry(entry) => entry.fmt(f),
        }
    }
}

impl Debug for StorageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {})", self.id, self.kind)
    }
}

/// The scheme of a URL; none for a path, whatever it holds.
pub(super) fn scheme_of(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}
