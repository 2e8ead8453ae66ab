//! Where a part goes, and what became of it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};

use crate::catalog::Slice;
use crate::destination::{Destination, PendingUpload};
use crate::manifest::FileEntry;

/// Where a part goes.
#[derive(Debug, Clone)]
pub struct PartTarget {
    /// The destination.
    pub destination: Arc<dyn Destination>,
    /// The file's path below the base.
    pub path: String,
    /// The file's name relative to its table's directory: the end of `path`.
    pub name: String,
    /// Number of the part.
    pub part: usize,
    /// The slice of the source it holds.
    pub slice: Slice,
    /// Estimated bytes of source.
    pub est_bytes: u64,
    /// Whether the table has no other file: one that is small is then kept and not uploaded.
    pub only: bool,
    /// Into which files its rows go. Their names are made from `path` and `name`.
    pub fanout: Fanout,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedPart {
    /// Its number.
    pub part: usize,
    /// Rows in it.
    pub rows: u64,
    /// Its files, in the order of their names; none for a slice without rows.
    #[serde(alias = "file", deserialize_with = "one_or_many")]
    pub files: Vec<PreparedFile>,
}

/// Earlier versions recorded one file or `null`.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PreparedFile>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Files {
        Many(Vec<PreparedFile>),
        One(Option<Box<PreparedFile>>),
    }
    Ok(match Files::deserialize(from)? {
        Files::Many(files) => files,
        Files::One(file) => file.map(|file| *file).into_iter().collect(),
    })
}

impl PreparedPart {
    /// Notes how long a connection for it was waited for.
    pub fn waited(&mut self, seconds: f64) {
        if let Some(cost) = self.files.first_mut().and_then(|file| file.entry.cost.as_mut()) {
            cost.waiting_ms = (seconds * 1000.0).round() as u64;
        }
    }
}

/// A file that a commit can make visible: its bytes are at the store, or kept here if there are few.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedFile {
    /// The upload; without an id if the content is kept.
    pub upload: PendingUpload,
    /// What the manifest will say about it.
    pub entry: FileEntry,
    /// The content, if it was not uploaded. Travels beside the JSON and not in it.
    #[serde(skip)]
    pub kept: Option<Kept>,
}

/// The content of a small file. Debug shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept(pub Bytes);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.0.len())
    }
}

/// Into which files the rows of a part go. The default is one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fanout {
    /// Names of the keys, whose values are the last columns of the rows: `key=value` directories have them, files do not.
    pub keys: Vec<String>,
    /// Bytes after which a file ends and the next one begins. `None`: a directory has one file.
    pub max_file_bytes: Option<u64>,
    /// Files that are written at once. Rows of other keys wait on disk.
    pub max_open_files: usize,
    /// Values of the keys that a part may have.
    pub max_partitions: usize,
    /// Bytes of rows that are held while they are dealt out.
    pub held_bytes: usize,
}

impl Default for Fanout {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            max_file_bytes: None,
            max_open_files: 16,
            max_partitions: 10_000,
            held_bytes: 32 << 20,
        }
    }
}

impl Fanout {
    /// Whether a part is one file at most.
    pub fn is_one_file(&self) -> bool {
        self.keys.is_empty() && self.max_file_bytes.is_none()
    }
}
