//! Small questions, whose answers are texts and whole numbers.

use crate::client::mysql::Connection;
use crate::error::Result;
use crate::source::mysql::ask::texts;

/// A row of an answer.
pub(super) type Texts = Vec<Option<String>>;

/// An answer with the names of its columns.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Texts>,
}

impl Answer {
    /// The value in a row under one of several names, which differ from version to version; none when it is NULL or
    /// there is no such column.
    pub(super) fn value<'a>(&self, row: &'a Texts, names: &[&str]) -> Option<&'a str> {
        let is_named = |column: &String| names.iter().any(|name| column.eq_ignore_ascii_case(name));
        row.get(self.columns.iter().position(is_named)?)?.as_deref()
    }
}

/// The rows of one statement.
///
/// # Errors
/// What the server said.
pub(super) async fn rows(connection: &mut Connection, sql: &str) -> Result<Vec<Texts>> {
    answer(connection, sql).await.map(|answer| answer.rows)
}

/// The first value of the first row; none when it is NULL or there is no row.
///
/// # Errors
/// What the server said.
pub(super) async fn value(connection: &mut Connection, sql: &str) -> Result<Option<String>> {
    let first = rows(connection, sql).await?.into_iter().next();
    Ok(first.and_then(|row| row.into_iter().next()).flatten())
}

/// The rows of one statement, and its columns' names.
///
/// # Errors
/// What the server said.
pub(super) async fn answer(connection: &mut Connection, sql: &str) -> Result<Answer> {
    let (columns, rows) = texts(connection, sql, &[]).await?;
    Ok(Answer { columns, rows })
}
