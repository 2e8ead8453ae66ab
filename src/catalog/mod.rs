//! What a database says about its tables: plain data, no I/O, no SQL.

pub mod facts;
pub mod filter;
pub mod geometry;
pub mod shared;
pub mod slice;
pub mod source_sql;
mod stored;

use std::fmt;

use arrow_schema::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::plain;

pub use facts::SourceFacts;
pub use filter::TableFilter;
pub use geometry::Geometries;
pub use slice::{KeyValue, Slice};
pub use source_sql::SourceSql;

/// A table's name, as the database spells it (unquoted, case kept).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableRef {
    /// Schema name.
    pub schema: String,
    /// Table name.
    pub name: String,
}

impl TableRef {
    /// `schema.table` as it is, for comparing; [`fmt::Display`] is for showing.
    pub fn full(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// `schema.table` on one line, with nothing in it that a terminal obeys.
impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", plain::line(&self.schema), plain::line(&self.name))
    }
}

/// What kind of relation a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// An ordinary table (also unlogged and temporary ones).
    Table,
    /// The parent of a partitioned table.
    Partitioned,
    /// One leaf or inner node of a partitioned table; exported only when an include names it.
    Partition,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    Foreign,
    /// A query in the database's own SQL.
    Query,
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned table",
            Self::Partition => "partition",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Foreign => "foreign table",
            Self::Query => "query",
        })
    }
}

/// A table as found in the catalog, before anything was locked or described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTable {
    /// Its name.
    pub table: TableRef,
    /// Its kind.
    pub kind: TableKind,
}

/// How faithfully a column's values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same value in the corresponding type.
    Exact,
    /// The same value in a wider type.
    Widened,
    /// The same value as the database's own text.
    Text,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Widened => "widened",
            Self::Text => "text",
        })
    }
}

/// Metadata key of a field: the declared type in the source.
pub const SOURCE_TYPE_KEY: &str = "lakexpress:source_type";

/// Metadata key of a field in a plan: the SQL type of its values in expressions, where their Arrow type does not say it.
/// An enum's labels follow it as an array of JSON.
/// Never in a file.
pub const KIND_KEY: &str = "lakexpress:kind";

/// One column, with the decision how it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Arrow field: name, type, nullability and metadata (`PARQUET:field_id`, extension types).
    pub field: Field,
    /// The type as the database writes it, for example `numeric(12,2)`.
    pub source_type: String,
    /// How values travel.
    pub verdict: Verdict,
    /// Why the verdict is not `exact`, or which values would be refused; empty when there is nothing to say.
    pub note: String,
    /// The source's own description of how to select and decode this column. Opaque outside the source's folder.
    pub codec: String,
    /// Estimated number of distinct values in the whole table, when the database knows.
    pub est_distinct: Option<f64>,
    /// May an expression on this column be compared by the source with the same result as here?
    /// Opaque to everyone but the source's dialect, like `codec`.
    pub comparable: bool,
    /// The labels of an enum in their order; empty for every other type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

impl ColumnInfo {
    /// The column's name as the database spells it.
    pub fn name(&self) -> &str {
        self.field.name()
    }
}

/// Everything the planner needs to know about a table: what any database can say of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "stored::StoredTable")]
pub struct TableInfo {
    /// Its name.
    pub table: TableRef,
    /// Its kind.
    pub kind: TableKind,
    /// Columns in catalog order, dropped ones left out.
    pub columns: Vec<ColumnInfo>,
    /// Estimated rows; may be wrong, steers scheduling only.
    pub est_rows: u64,
    /// Estimated bytes on the server; may be wrong, steers scheduling only.
    pub est_bytes: u64,
    /// Sizes, in blocks, of what `Slice::Physical` would cut: one for each relation that stores rows. Empty when the
    /// table cannot be cut so. How much a block is, only the source knows.
    pub blocks: Vec<u64>,
    /// What tells the table from another of the same name, as of the view: it changes when the table is dropped and made
    /// again, and when it is made up of other relations. None when the source has no such thing. To be compared only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Whether several relations make it up, of which one may be emptied or detached alone.
    #[serde(skip_serializing_if = "is_false")]
    pub compound: bool,
    /// The primary key that the source declares.
    pub primary_key: Option<PrimaryKey>,
    /// Foreign keys that hold for every row that is read, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
    /// Relations that store rows, each of which can be read alone; empty when the table is one relation, or when
    /// they cannot be read so.
    pub leaves: Vec<Leaf>,
    /// A column over which `Slice::Range` can cut without asking the user: the single-column
    /// primary key of an integer, date or timestamp type.
    pub range_key: Option<String>,
    /// Columns that the user may not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// What must be heeded when the table is read.
    #[serde(skip_serializing_if = "Reading::is_plain")]
    pub reading: Reading,
    /// What the source keeps of the table for itself.
    #[serde(skip_serializing_if = "SourceFacts::is_empty")]
    pub facts: SourceFacts,
}

/// What must be heeded when a table is read, beside its columns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// A function of a database user that the source would run if it planned a statement over the table, and what calls
    /// it; none where there is none. The table is then read by what needs no plan, or not at all.
    pub runs: Option<String>,
    /// The user's SQL that the source evaluates when it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<SourceSql>,
    /// The columns that the table has, where others are computed from them by `sql`: slices are made of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stored_columns: Vec<ColumnInfo>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Reading {
    /// Whether there is nothing to heed.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The condition in the source's SQL.
    pub fn condition(&self) -> Option<&str> {
        self.sql.as_ref()?.condition.as_deref()
    }

    /// The column list in the source's SQL.
    pub fn list(&self) -> Option<&str> {
        self.sql.as_ref()?.columns.as_deref()
    }

    /// The query in the source's SQL that is read instead of a table.
    pub fn query(&self) -> Option<&str> {
        self.sql.as_ref()?.query.as_deref()
    }
}

/// A primary key as the source declares it; of the table and not of a filtered export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryKey {
    /// Its columns, in its order.
    pub columns: Vec<String>,
    /// Whether it is the key of every row that is read. It is not when rows of other tables (children by inheritance) are
    /// read with the table's own: the same key may be there twice then.
    pub of_all_rows: bool,
}

/// Keys that hold for every row of a table, as manifests have them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// Columns of the primary key, in its order; empty without one, or when it is not that of all rows.
    pub primary: Vec<String>,
    /// Foreign keys, by name.
    pub foreign: Vec<ForeignKey>,
}

impl Keys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.primary.is_empty() && self.foreign.is_empty()
    }
}

/// Columns that name a row of another table, or of the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name; none where the source keeps none.
    pub name: Option<String>,
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The other table.
    pub table: TableRef,
    /// Columns of the other table, as many.
    pub references: Vec<String>,
}

impl TableInfo {
    /// A table of which nothing but its columns is known: no rows, no keys and no place.
    pub fn bare(table: TableRef, kind: TableKind, columns: Vec<ColumnInfo>) -> Self {
        Self {
            table,
            kind,
            columns,
            est_rows: 0,
            est_bytes: 0,
            blocks: Vec::new(),
            identity: None,
            compound: false,
            primary_key: None,
            foreign_keys: Vec::new(),
            leaves: Vec::new(),
            range_key: None,
            unreadable: Vec::new(),
            facts: SourceFacts::default(),
            reading: Reading::default(),
        }
    }

    /// The result of a query in the database's own SQL, with its estimated rows and bytes: it has no keys and no place.
    pub fn of_query(name: &TableRef, sql: &str, columns: Vec<ColumnInfo>, (rows, bytes): (u64, u64)) -> Self {
        Self {
            est_rows: rows,
            est_bytes: bytes,
            reading: Reading {
                sql: Some(SourceSql { query: Some(sql.to_owned()), ..SourceSql::default() }),
                ..Reading::default()
            },
            ..Self::bare(name.clone(), TableKind::Query, columns)
        }
    }

    /// The Arrow schema of all columns.
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self.columns.iter().map(|c| c.field.clone()).collect();
        Schema::new(fields).into()
    }

    /// [`Self::identity`] of a table that is made up of the relations with these numbers; none without any.
    pub fn identity_of(relations: &[u32]) -> Option<String> {
        let numbers: Vec<String> = relations.iter().map(ToString::to_string).collect();
        (!numbers.is_empty()).then(|| numbers.join(" "))
    }

    /// The keys that hold for every row that is read.
    pub fn keys(&self) -> Keys {
        let of_all_rows = self.primary_key.as_ref().filter(|key| key.of_all_rows);
        Keys {
            primary: of_all_rows.map_or_else(Vec::new, |key| key.columns.clone()),
            foreign: self.foreign_keys.clone(),
        }
    }

    /// Columns of the primary key that the user may read, in the table's order: what messages name a row by. Several rows
    /// may have the same values, see [`PrimaryKey::of_all_rows`].
    pub fn key_columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        let key = self.primary_key.as_ref().map_or(&[][..], |key| &key.columns);
        self.columns.iter().filter(|c| key.iter().any(|name| name == c.name()) && self.is_readable(c.name()))
    }

    /// Whether the user may read a column.
    pub fn is_readable(&self, column: &str) -> bool {
        self.unreadable.iter().all(|missing| missing != column)
    }

    /// The column called `name` of those by which the table can be cut.
    pub fn stored_column(&self, name: &str) -> Option<&ColumnInfo> {
        let stored = &self.reading.stored_columns;
        if stored.is_empty() { self.column(name) } else { stored.iter().find(|c| c.name() == name) }
    }

    /// The column called `name`, exactly.
    pub fn column(&self, name: &str) -> Option<&ColumnInfo> {
        self.columns.iter().find(|c| c.name() == name)
    }
}

/// One relation of a table that is stored in several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The source's number of it.
    pub id: u32,
    /// Its name as the source's SQL, quoted.
    pub name: String,
    /// Bytes on the server.
    pub bytes: u64,
    /// Its size in blocks; none when `Slice::Physical` cannot cut it.
    #[serde(alias = "heap_blocks")]
    pub blocks: Option<u64>,
}

/// How the values of a key lie, from a sample or from all rows. May be wrong: steers the size of slices only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyQuantiles {
    /// Keys at equal steps of rank, ascending: each stands for as many rows. A frequent key is there repeatedly.
    pub points: Vec<KeyValue>,
    /// Share of rows whose key is NULL, 0 to 1.
    pub nulls: f64,
}

/// A value of an expression and how many rows have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as the source's text; none for NULL.
    pub value: Option<String>,
    /// Rows, of all or of a sample.
    pub rows: u64,
}

/// What the source expects of a read of some rows. May be wrong: steers how a table is cut only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Rows that are selected.
    pub rows: u64,
    /// What one reader's work for them is of that for reading the whole table, 1 for as much.
    pub effort: f64,
}

/// The smallest and largest non-NULL value of a key column, both inclusive. Bounds may not be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyBounds {
    /// Smallest value.
    pub min: KeyValue,
    /// Largest value.
    pub max: KeyValue,
}

/// How strongly the parts of a run belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// One point in time for all tables and readers of the run.
    #[default]
    Run,
    /// One point in time for all readers of one table.
    Table,
    /// Every part sees its own moment.
    None,
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "run",
            Self::Table => "table",
            Self::None => "none",
        })
    }
}

/// A pinned view of the database as a value: what a worker needs to join it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotToken {
    /// The level that was reached.
    pub level: Consistency,
    /// The source's id of the snapshot; none when `level` is `none`.
    pub id: Option<String>,
    /// Position in the server's log when the snapshot was taken, if it has one.
    pub position: Option<String>,
    /// When the snapshot was taken, by the server's clock, RFC 3339.
    pub taken_at: String,
    /// Only the process that took it can read under it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_process: bool,
}

/// Who the source is, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// Registry name, for example `postgres`.
    pub kind: String,
    /// Server version as the server says it.
    pub version: String,
    /// Host and port, or socket path.
    pub server: String,
    /// Database name.
    pub database: String,
    /// User that reads.
    pub user: String,
    /// What tells this database from others of its name, where the source says that: a server's own identifier and
    /// the database's name; of a file its path without links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
}

impl SourceIdentity {
    /// Kind, server and database as a URL, for messages and records; names are in it as they are.
    pub fn url(&self) -> String {
        let Self { kind, server, database, .. } = self;
        // The path of a file begins with its slash.
        let slash = if server.is_empty() && database.starts_with('/') { "" } else { "/" };
        format!("{kind}://{server}{slash}{database}")
    }

    /// Whether both are the same database, as far as is known: one without an identifier is judged by its name.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (&self.identifier, &other.identifier) {
                (Some(one), Some(two)) if one == two => true,
                // A file has no server, and is also what it is called: a link may lead elsewhere tomorrow.
                (Some(_), Some(_)) if !self.server.is_empty() => false,
                _ => self.database == other.database,
            }
    }
}
