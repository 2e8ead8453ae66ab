//! Tables in stored plans: those of this version, and of earlier ones, which had facts of PostgreSQL as fields.

use serde::Deserialize;

use super::{
    ColumnInfo, ForeignKey, Keys, Leaf, PrimaryKey, Reading, SourceFacts, TableInfo, TableKind, TableRef,
};

/// A [`TableInfo`] as it is read. A field with a default is missing in some version.
#[derive(Debug, Deserialize)]
pub(super) struct StoredTable {
    table: TableRef,
    kind: TableKind,
    columns: Vec<ColumnInfo>,
    est_rows: u64,
    est_bytes: u64,
    #[serde(alias = "heap_blocks")]
    blocks: Vec<u64>,
    #[serde(default)]
    identity: Option<String>,
    #[serde(default)]
    compound: bool,
    #[serde(default)]
    primary_key: Option<StoredKey>,
    #[serde(default)]
    foreign_keys: Vec<ForeignKey>,
    #[serde(default)]
    leaves: Vec<Leaf>,
    range_key: Option<String>,
    #[serde(default)]
    unreadable: Vec<String>,
    #[serde(default)]
    reading: Reading,
    #[serde(default)]
    facts: SourceFacts,
    /// Earlier: numbers of the relations that made up the table.
    #[serde(default)]
    relations: Vec<u32>,
    /// Earlier: keys that hold for every row that is read.
    #[serde(default)]
    keys: Keys,
    /// Earlier: rights that were granted column by column.
    #[serde(default)]
    column_rights: Option<ColumnRights>,
}

/// A primary key as this version writes it, or the names of its columns, which were in the table's order.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StoredKey {
    Declared(PrimaryKey),
    Columns(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct ColumnRights {
    missing: Vec<String>,
}

impl From<StoredTable> for TableInfo {
    fn from(stored: StoredTable) -> Self {
        let primary_key = match stored.primary_key {
            Some(StoredKey::Declared(key)) => Some(key),
            _ if !stored.keys.primary.is_empty() => {
                Some(PrimaryKey { columns: stored.keys.primary, of_all_rows: true })
            }
            Some(StoredKey::Columns(columns)) if !columns.is_empty() => {
                Some(PrimaryKey { columns, of_all_rows: false })
            }
            _ => None,
        };
        let foreign_keys =
            if stored.foreign_keys.is_empty() { stored.keys.foreign } else { stored.foreign_keys };
        let missing = stored.column_rights.map_or_else(Vec::new, |rights| rights.missing);
        Self {
            table: stored.table,
            kind: stored.kind,
            columns: stored.columns,
            est_rows: stored.est_rows,
            est_bytes: stored.est_bytes,
            blocks: stored.blocks,
            identity: stored.identity.or_else(|| Self::identity_of(&stored.relations)),
            compound: stored.compound || stored.relations.len() > 1,
            primary_key,
            foreign_keys,
            leaves: stored.leaves,
            range_key: stored.range_key,
            unreadable: if stored.unreadable.is_empty() { missing } else { stored.unreadable },
            reading: stored.reading,
            facts: stored.facts,
        }
    }
}
