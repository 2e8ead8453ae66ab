//! What the user asked for, resolved: everything a run needs to know, as plain serialisable data without secrets.

pub mod layout;
pub mod limits;
pub mod method;
mod names;
pub mod origin;
mod place;

use serde::{Deserialize, Serialize};

pub use limits::{Closing, Limits, Seconds};
pub use method::{ConfigRow, Method, Period, TableConfig};
pub use names::nearest;
pub use origin::Origin;
pub use place::{Misread, absolute, is_connection_string, misread, path_text};

use crate::catalog::{Consistency, TableFilter};
use crate::readers::Readers;

/// One export, resolved from flags, environment and file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportSpec {
    /// Which tables.
    pub filter: TableFilter,
    /// Row filters, in the order given.
    pub wheres: Vec<TableRule>,
    /// Column lists, in the order given.
    pub columns: Vec<TableRule>,
    /// Row filters in the source's own SQL.
    #[serde(default)]
    pub source_wheres: Vec<TableRule>,
    /// Column lists in the source's own SQL.
    #[serde(default)]
    pub source_columns: Vec<TableRule>,
    /// How values that have no exact counterpart are treated.
    pub types: TypePolicy,
    /// Tables at once.
    pub n_jobs: usize,
    /// Readers per large table, resolved to a number of at least 1.
    pub readers: usize,
    /// Connections in all, the two that hold the snapshot included.
    pub max_connections: usize,
    /// Tables with fewer estimated rows are read by one reader.
    pub large_table_rows: u64,
    /// Bytes of source per part that a large table is cut into.
    pub part_bytes: u64,
    /// Per-table method, key and readers.
    pub table_configs: Vec<TableConfig>,
    /// Which rows of `partition_columns` count: those of this environment, or those of none.
    #[serde(default)]
    pub env_name: Option<String>,
    /// Shape of the files.
    pub parquet: ParquetSpec,
    /// How strongly parts belong together.
    pub consistency: Consistency,
    /// What to do when the table's directory already holds something.
    pub if_exists: IfExists,
    /// What to do with the other tables when one fails.
    pub error_action: ErrorAction,
    /// Empty tables: a file with no rows, or nothing.
    pub empty_tables: EmptyTables,
    /// What is compared with the source after a table was written.
    #[serde(default)]
    pub verify: Verify,
    /// Directory between the base and the schema, without leading or trailing slash; empty for none.
    pub sub_path: String,
    /// Memory that DataFusion operators and open row groups may use together, in bytes.
    pub memory_limit_bytes: u64,
    /// How often a part is read again after an error that passes.
    #[serde(default)]
    pub retries: u32,
    /// Whether a table may have parts of several points in time when the run is resumed.
    #[serde(default)]
    pub accept_mixed_snapshot: bool,
    /// What it may ask of the source.
    #[serde(default)]
    pub limits: Limits,
    /// How source and destination were named.
    #[serde(default)]
    pub origin: Origin,
    /// Metadata to write when the tables are committed; none for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataSpec>,
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

/// `schema.table: text` as given to `--where`, `--columns` and their forms in the source's SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRule {
    /// `schema.table` or a bare table name, LIKE wildcards allowed.
    pub pattern: String,
    /// SQL: that of every source, or the source's own.
    pub sql: String,
}

/// Policies of the type contract that a user can choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TypePolicy {
    /// NaN and infinities in numeric, infinite dates and timestamps, 24:00:00.
    pub special_values: SpecialValues,
    /// numeric without precision.
    pub numeric: NumericPolicy,
    /// Columns to be exported as the database's own text: (`schema.table` or `table` pattern, column).
    pub cast_text: Vec<(String, String)>,
}

/// What becomes of values that the target type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecialValues {
    /// The table fails with an error naming column and row.
    #[default]
    Error,
    /// The value becomes NULL.
    Null,
}

/// What becomes of `numeric` without precision and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumericPolicy {
    /// The database's text.
    #[default]
    Text,
    /// `decimal(precision, scale)`; a value that does not fit exactly is an error.
    Decimal(u8, i8),
    /// Double; the user accepts rounding.
    Double,
    /// The smallest decimal that holds every value of the column, found by reading all of them.
    Measure,
}

/// Shape of the Parquet files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetSpec {
    /// Codec and level.
    pub compression: Compression,
    /// Rows after which a row group closes.
    pub row_group_rows: usize,
    /// Encoded bytes after which a row group closes.
    pub row_group_bytes: usize,
    /// The programs that must be able to read the files. Older runs, whose records do not have it, kept every type.
    #[serde(default = "Readers::of_older_runs")]
    pub readers: Readers,
    /// How values are written that have no dictionary. Older runs, whose records do not have it, wrote them plain.
    #[serde(default = "Encodings::of_older_runs")]
    pub encodings: Encodings,
}

impl ParquetSpec {
    /// What suits `readers`, for what nobody chose.
    pub fn suited(readers: Readers) -> Self {
        let encodings = Encodings::suited(&readers);
        Self {
            compression: Compression::suited(encodings),
            row_group_rows: 131_072,
            row_group_bytes: 64 << 20,
            encodings,
            readers,
        }
    }
}

impl Default for ParquetSpec {
    fn default() -> Self {
        Self::suited(Readers::default())
    }
}

/// Parquet encodings of values that have no dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encodings {
    /// Packed differences where they are smaller: DELTA_BINARY_PACKED for integers, DELTA_LENGTH_BYTE_ARRAY for bytes.
    #[default]
    Delta,
    /// PLAIN only, for readers that do not know the others.
    Plain,
}

impl Encodings {
    fn of_older_runs() -> Self {
        Self::Plain
    }

    /// Those that `readers` take.
    pub fn suited(readers: &Readers) -> Self {
        if readers.need_plain_encodings() { Self::Plain } else { Self::Delta }
    }

    /// Whether packed differences may be used.
    pub fn has_delta(self) -> bool {
        self == Self::Delta
    }
}

/// Parquet codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// No compression.
    None,
    /// Snappy.
    Snappy,
    /// Gzip, level 0 to 9.
    Gzip(u32),
    /// LZ4 (raw frames, as Parquet's `LZ4_RAW`).
    Lz4,
    /// Brotli, level 0 to 11.
    Brotli(u32),
    /// Zstandard, level 1 to 22.
    Zstd(i32),
}

impl Compression {
    /// What makes small files for little processor time: plain values need more of the codec than packed ones.
    pub fn suited(encodings: Encodings) -> Self {
        if encodings.has_delta() { Self::Zstd(1) } else { Self::Zstd(3) }
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

/// What to do with the other tables when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorAction {
    /// Go on.
    #[default]
    Continue,
    /// Stop.
    Fail,
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

/// What is compared with the source after a table was written, in the snapshot of the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Nothing.
    #[default]
    None,
    /// How many rows the table has, before it is committed.
    Count,
    /// That, and a hash of all rows that the source computes itself, with the files read back from the destination.
    Hash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_runs_kept_every_type_and_wrote_plain_values() {
        let older = r#"{"compression": {"zstd": 1}, "row_group_rows": 1, "row_group_bytes": 2}"#;
        let older: ParquetSpec = serde_json::from_str(older).expect("spec");
        assert_eq!((older.readers, older.encodings), (Readers::Modern, Encodings::Plain));
        let now = serde_json::to_string(&ParquetSpec::default()).expect("json");
        assert_eq!(serde_json::from_str::<ParquetSpec>(&now).expect("spec"), ParquetSpec::default());
        assert!(now.contains(r#""readers":"any""#), "{now}");
    }
}
