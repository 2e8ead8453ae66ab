//! Questions to the server whose answers are few and small: the catalog, and what is about one table.

use std::borrow::Cow;
use std::str::FromStr;

use crate::client::mysql::{Column, Connection, Value};
use crate::error::{Error, Result};

/// One row of an answer: each value as text, none for NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer(Vec<Option<String>>);

impl Answer {
    /// The value of a column; none for NULL.
    pub(super) fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// The value of a column that is never NULL.
    ///
    /// # Errors
    /// Internal, when it is.
    pub(super) fn required(&self, column: usize) -> Result<&str> {
        self.get(column)
            .ok_or_else(|| Error::internal("the server's catalog lacks a value").with("value", column))
    }

    /// The value of a column as a number; none for NULL, and for what is no number of that type.
    pub(super) fn number<N: FromStr>(&self, column: usize) -> Option<N> {
        self.get(column)?.parse().ok()
    }
}

/// The names of the columns of one statement's answer, and its rows. Whole numbers become text here; other values are to
/// be sent as text.
///
/// # Errors
/// What the server said; internal, when a value is neither a number nor text.
pub(super) async fn texts(
    connection: &mut Connection,
    sql: &str,
    values: &[&str],
) -> Result<(Vec<String>, Vec<Vec<Option<String>>>)> {
    let statement = connection.prepare(sql).await?;
    let values: Vec<Value<'_>> = values.iter().map(|value| Value::Text(Cow::Borrowed(*value))).collect();
    let mut rows = connection.run(&statement, &values).await?;
    let names = rows.columns().iter().map(|column| column.name.clone()).collect();
    let mut answers = Vec::new();
    while let Some(row) = rows.next().await? {
        let text = |value: Result<(&Column, Option<&[u8]>)>| match value? {
            (_, None) => Ok(None),
            (column, Some(value)) => match (column.integer(value), column.bytes(value)) {
                (Some(number), _) => Ok(Some(number.to_string())),
                (None, Some(bytes)) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
                (None, None) => {
                    let error = Error::internal("an answer is neither text nor a whole number");
                    Err(error.with("column", &column.name))
                }
            },
        };
        answers.push(row.values().map(text).collect::<Result<Vec<_>>>()?);
    }
    drop(rows);
    connection.forget(statement).await?;
    Ok((names, answers))
}

/// The rows of one statement.
///
/// # Errors
/// Those of [`texts`].
pub(super) async fn ask(connection: &mut Connection, sql: &str, values: &[&str]) -> Result<Vec<Answer>> {
    let (_, rows) = texts(connection, sql, values).await?;
    Ok(rows.into_iter().map(Answer).collect())
}

/// The first value of the first row; none when there is no row, and for NULL.
///
/// # Errors
/// Those of [`ask`].
pub(super) async fn ask_one(
    connection: &mut Connection,
    sql: &str,
    values: &[&str],
) -> Result<Option<String>> {
    Ok(ask(connection, sql, values).await?.first().and_then(|answer| answer.get(0)).map(str::to_owned))
}
