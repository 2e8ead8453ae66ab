//! Rows of `partition_columns`: how the user wants tables to be cut, kept in the run log's database.

use std::fmt;

/// One row as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRow {
    /// Kind of the source: `postgres`, `sqlite` ...
    pub source_db_type: String,
    /// Its database; none means any.
    pub source_database: Option<String>,
    /// Schema of the table; none means any.
    pub source_schema: Option<String>,
    /// The table.
    pub source_table: String,
    /// `fastbcp_method`; none means automatic.
    pub method: Option<String>,
    /// `fastbcp_parallel_degree`; none means `-p`.
    pub degree: Option<i64>,
    /// `fastbcp_distribution_key`.
    pub key: Option<String>,
    /// For runs with this `--env-name` only; none: for runs without one.
    pub env_name: Option<String>,
}

/// How messages call the row.
impl fmt::Display for PartitionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_any = |text: &Option<String>| text.clone().unwrap_or_else(|| "NULL".into());
        write!(
            f,
            "({}, {}, {}, {}, {})",
            self.source_db_type,
            or_any(&self.source_database),
            or_any(&self.source_schema),
            self.source_table,
            or_any(&self.env_name)
        )
    }
}
