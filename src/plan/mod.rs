//! A table's export as a value, and as a DataFusion plan.

use serde::{Deserialize, Serialize};

use crate::catalog::{Slice, SnapshotToken, TableInfo};
use crate::manifest::ManifestColumn;
use crate::spec::{Method, ParquetSpec};

/// Everything needed to read, shape and write the parts of one table. Printable, serialisable, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TablePlan {
    /// The table as described.
    pub info: TableInfo,
    /// The point in time.
    pub snapshot: SnapshotToken,
    /// The user's row filter.
    pub filter: Option<String>,
    /// Conditions of it that the source evaluates, as its SQL.
    pub pushed: Vec<String>,
    /// Conditions of it that are evaluated here, as DataFusion prints them.
    pub evaluated_here: Vec<String>,
    /// The user's column list.
    pub projection: Option<String>,
    /// Columns as they will be written.
    pub columns: Vec<ManifestColumn>,
    /// How it is cut.
    pub method: Method,
    /// Why so.
    pub method_reason: String,
    /// Readers at once.
    pub readers: usize,
    /// Its parts in the order of their numbers.
    pub parts: Vec<PartPlan>,
    /// Directory below the base.
    pub directory: String,
    /// Shape of the files.
    pub parquet: ParquetSpec,
}

/// One part of a table: one slice of the source, one file at the destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartPlan {
    /// Number, from 0.
    pub part: usize,
    /// Rows.
    pub slice: Slice,
    /// The slice as the source's SQL condition; none for all rows.
    pub condition: Option<String>,
    /// Estimated bytes of source.
    pub est_bytes: u64,
    /// File name.
    pub file: String,
}
