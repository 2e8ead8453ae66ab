//! The user's SQL that the database evaluates by its own rules.

use serde::{Deserialize, Serialize};

/// What a user gave in the database's own SQL. It is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceSql {
    /// A query whose rows are read (`query --source-sql`); none for a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The column of the query's result by whose ranges it is cut (`--key`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Which rows of the table (`--source-where`).
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What is read of each row of the table (`--source-columns`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
}
