//! `_manifest.json`: what was committed. Written last; no manifest means not committed.

mod types;

use std::sync::Arc;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use crate::catalog::{Keys, Slice, SnapshotToken, SourceIdentity, SourceSql, TableRef, Verdict};
use crate::error::Result;
use crate::readers::Readers;
use crate::spec::{ColumnMask, Format, SortedBy};

/// Version of the manifest's format for plain files.
pub const FORMAT_VERSION: u32 = 1;
/// Version of the manifest of a table that has a log: programs that know plain files only must not touch its files. A reader
/// refuses a larger one.
pub const FORMAT_VERSION_OF_LOGS: u32 = 2;

/// What lies in a table's directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version of this document.
    pub format_version: u32,
    /// The run that committed last.
    pub run_id: String,
    /// Program and version that wrote it.
    pub created_by: String,
    /// When it was committed, RFC 3339 UTC.
    pub committed_at: String,
    /// Where the rows came from.
    pub source: SourceIdentity,
    /// The table in the source.
    pub table: TableRef,
    /// The version of the table, by its log, that this document describes; none for plain files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_version: Option<TableVersion>,
    /// The point in time.
    pub snapshot: SnapshotToken,
    /// Other points in time of the same run, which was resumed: its other tables may be as of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_snapshots: Vec<SnapshotToken>,
    /// Which parts are of which point in time, when they are of several: the table was finished by `lakexpress resume
    /// --accept-mixed-snapshot`. `snapshot` is the last of them. Empty for a table of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixed_snapshots: Vec<PartsAsOf>,
    /// The user's row filter, if any.
    pub filter: Option<String>,
    /// The user's column list, if any.
    pub projection: Option<String>,
    /// The query whose result this is, if it is not a table's rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What of it is the database's own SQL, evaluated there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sql: Option<SourceSql>,
    /// The programs that must be able to read the files (`--readers`). Older manifests, which do not say it, are of files
    /// that keep every type. Where files were added that are for others: those that are in both.
    #[serde(default = "Readers::of_older_runs", skip_serializing_if = "Readers::is_modern")]
    pub readers: Readers,
    /// Columns in file order.
    pub columns: Vec<ManifestColumn>,
    /// What the `key=value` directories of the files are, outermost first; empty without partitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<PartitionColumn>,
    /// Columns by which the rows of each file are sorted; empty if the files are not sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sorted_by: Vec<SortedBy>,
    /// Columns of the source whose values were changed, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<ColumnMask>,
    /// Keys of the table in the source; some of their columns may not be in the files.
    #[serde(default, skip_serializing_if = "Keys::is_empty")]
    pub keys: Keys,
    /// All rows of all files.
    pub rows: u64,
    /// What `--verify` compared; none when it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The files.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// The table's files, without what is left of earlier runs.
    pub fn own_files(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter(|file| !file.leftover)
    }
}

/// A version of a table that has a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableVersion {
    /// Whose log it is.
    pub format: Format,
    /// Its number in the log.
    pub version: u64,
}

/// A key of Hive partitions: a column that directories have and files do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionColumn {
    /// Its name, as the directories have it.
    pub name: String,
    /// What it is made of, as SQL.
    pub expression: String,
    /// Arrow type of its values.
    pub arrow_type: String,
}

impl PartitionColumn {
    /// The type of its values.
    ///
    /// # Errors
    /// Those of [`ManifestColumn::data_type`].
    pub fn data_type(&self) -> Result<DataType> {
        types::parse(&self.arrow_type).map_err(|error| error.with("column", &self.name))
    }

    /// As an item of a list of columns.
    pub fn item(&self) -> String {
        let name = format!("\"{}\"", self.name.replace('"', "\"\""));
        match self.is_column() {
            true => name,
            false => format!("{} AS {name}", self.expression),
        }
    }

    /// Whether it is a column of the table by its own name.
    pub(crate) fn is_column(&self) -> bool {
        let plain = self.name.chars().all(|c| c.is_alphanumeric() || c == '_');
        (plain && self.expression == self.name)
            || self.expression == format!("\"{}\"", self.name.replace('"', "\"\""))
    }
}

/// Parts of a table that are of one point in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsAsOf {
    /// The point in time.
    pub snapshot: SnapshotToken,
    /// Their numbers, ascending. Parts without rows have no file.
    pub parts: Vec<usize>,
}

/// What `--verify` compared with the source, in the snapshot of the export, for the files that the run added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Rows by the source's own count, equal to those that were written: otherwise nothing was committed.
    pub source_rows: u64,
    /// What became of comparing `source_hash` of each file with the file; none when only rows were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<HashVerdict>,
}

/// What the comparison of files with the source's hashes gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashVerdict {
    /// The files were not read back, or not all: the run ended before.
    Pending,
    /// Every file, read back from the destination, has the rows that the source hashed.
    Equal,
    /// At least one has not: the table's data is not to be trusted.
    Differs,
}

/// A column as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestColumn {
    /// Name in the file.
    pub name: String,
    /// Arrow type in the file.
    pub arrow_type: String,
    /// Type in the source; none for a computed column.
    pub source_type: Option<String>,
    /// How values travelled; none for a computed column.
    pub verdict: Option<Verdict>,
    /// Whether NULLs are allowed.
    pub nullable: bool,
    /// Why it is text and not of the type that it has in the source: a reader that does not take that, and the choice
    /// that keeps the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// The Arrow type of the values, where the file has another one, which `form` is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_type: Option<String>,
    /// The coordinate system of a column of geometries, `EPSG:4326` for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<String>,
}

impl ManifestColumn {
    /// The type in the file, without the metadata of fields inside of it.
    ///
    /// # Errors
    /// Internal, naming the column, for a text that no version of this program wrote.
    pub fn data_type(&self) -> Result<DataType> {
        types::parse(&self.arrow_type).map_err(|error| error.with("column", &self.name))
    }
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// File name in the table's directory.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE) of its content, eight hex digits.
    pub crc32: String,
    /// The store's e-tag, where it has one.
    pub e_tag: Option<String>,
    /// The part it was written from.
    pub part: usize,
    /// The slice of the source it holds.
    pub slice: Slice,
    /// Hash of its rows as the source computed it (`--verify hash`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_hash: Option<String>,
    /// Statistics per column.
    pub columns: Vec<ColumnStats>,
    /// What writing it took; none in manifests of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<FileCost>,
    /// It was a file of an earlier run that could not be deleted. It has no rows any more, and is no part of the table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leftover: bool,
}

/// What writing a file took. Times are milliseconds of wall time of the one reader that wrote it; on a busy machine
/// each includes waiting for a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileCost {
    /// Bytes encoded, before compression.
    pub encoded_bytes: u64,
    /// Until a connection was free (`--max-connections`).
    pub waiting_ms: u64,
    /// Until rows came: the source, the network, decoding, and expressions that are evaluated here.
    pub reading_ms: u64,
    /// Encoding and compressing.
    pub encoding_ms: u64,
    /// Handing bytes to the destination.
    pub storing_ms: u64,
}

/// Statistics of one column in one file, from the Parquet footer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    /// Column path, nested names joined by dots. Files of a part that is written share it: they may be many.
    #[serde(with = "shared_text")]
    pub name: Arc<str>,
    /// Smallest value as text; none when not recorded.
    pub min: Option<String>,
    /// Largest value as text; none when not recorded.
    pub max: Option<String>,
    /// NULLs; none when not recorded.
    pub nulls: Option<u64>,
}

/// A text that many share, as any other text.
mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}
