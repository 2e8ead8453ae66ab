//! How the rows of a table are laid out in its files: partitions, order, size.

use serde::{Deserialize, Serialize};

use super::selection::TableRule;

/// How rows are laid out. By default as they come, each part in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArrangementSpec {
    /// Keys of Hive partitions, in the order given.
    pub partition_by: Vec<TableRule>,
    /// Columns by which rows are sorted, in the order given.
    pub sort_by: Vec<TableRule>,
    /// Bytes after which a file ends and the next one begins. `None`: a part is one file.
    pub max_file_bytes: Option<u64>,
    /// Bytes that a file should have at least: smaller parts are planned as one. `None`: parts are as they are cut.
    pub min_file_bytes: Option<u64>,
    /// Files of a part that are written at once.
    pub max_open_files: usize,
    /// Partitions that a table may have.
    pub max_partitions: usize,
    /// The same snapshot and settings give the same files, whatever the number of readers.
    pub deterministic: bool,
}

impl Default for ArrangementSpec {
    fn default() -> Self {
        Self {
            partition_by: Vec::new(),
            sort_by: Vec::new(),
            max_file_bytes: None,
            min_file_bytes: None,
            max_open_files: 16,
            max_partitions: 10_000,
            deterministic: false,
        }
    }
}
