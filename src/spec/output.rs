//! What lies at the destination afterwards.

use serde::{Deserialize, Serialize};

/// Where below the destination, what becomes of old files, and what is written apart from rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutputSpec {
    /// Directory between the base and the schema, without leading or trailing slash; empty when there is none.
    pub sub_path: String,
    /// How the files of a table are one table.
    #[serde(default)]
    pub format: Format,
    /// Versions of a table whose files stay, for formats that have versions. `None`: all.
    #[serde(default)]
    pub keep_versions: Option<u64>,
    /// What to do when the table's directory already holds something.
    pub if_exists: IfExists,
    /// Empty tables: a file with no rows, or nothing.
    pub empty_tables: EmptyTables,
    /// Metadata to write when the tables are committed. `None`: no metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataSpec>,
}

/// How the files of a table are one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Files that any program lists, and a manifest.
    #[default]
    Plain,
    /// Delta Lake: a log in `_delta_log`.
    Delta,
}

impl Format {
    /// As `--format` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Delta => "delta",
        }
    }
}

/// What to do when the table's directory already holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IfExists {
    /// Replace what the old manifest lists, if it is of the same source and table; files of others are an error.
    #[default]
    Overwrite,
    /// Replace what the old manifest lists, of any source; files that it does not list are an error.
    Replace,
    /// Fail.
    Error,
    /// Keep everything and add files whose names carry the run.
    Append,
}

/// What to write for a table without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyTables {
    /// One file with the schema and no rows.
    #[default]
    Write,
    /// No file; the manifest alone.
    Skip,
}

/// Metadata of Microsoft's Common Data Model (CDM).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetadataSpec {
    /// One document of entities per table instead of one per schema.
    pub entity_files: bool,
    /// `manifestName` of the database's manifest, and of the schema's when there is one schema; none for the names of
    /// database and schema.
    pub manifest_name: Option<String>,
}
