//! Statements with values, the same way to every kind of database: for what keeps records in one, whatever they are.
//!
//! Rows of tables that are exported do not come this way: see `source/`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::Result;

/// A value of a statement. It goes beside the statement, or into it by a function that quotes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// Text of any content.
    Text(String),
    /// A moment, of which milliseconds are kept.
    Time(DateTime<Utc>),
    /// A whole number.
    Integer(i64),
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A text, or NULL.
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// Integers of databases are signed. No count of rows or bytes comes near the limit.
    pub fn count(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// The values of one row as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// A connection that takes statements. After an error it is not used again: dropping it rolls back.
#[async_trait]
pub trait Statements: Send {
    /// Runs one statement with a `?` for each value; its rows as text.
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>>;

    /// Runs a script without values, statements separated by `;` at the end of a line.
    async fn script(&mut self, sql: &str) -> Result<()>;
}
