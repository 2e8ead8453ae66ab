//! Which tables, rows and columns.

use serde::{Deserialize, Serialize};

use crate::catalog::TableFilter;

/// Which tables, rows and columns are exported. By default all tables, whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SelectionSpec {
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
}

/// `schema.table: text` as given to `--where`, `--columns` and their forms in the source's SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRule {
    /// `schema.table` or a bare table name, LIKE wildcards allowed.
    pub pattern: String,
    /// SQL: that of every source, or the source's own.
    pub sql: String,
}
