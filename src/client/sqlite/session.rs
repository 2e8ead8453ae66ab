//! Statements to a SQLite file.

use async_trait::async_trait;
use chrono::SecondsFormat;
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::blocking::blocking;
use crate::client::{Row, Statements, Value};
use crate::error::{Error, Result};

/// A connection; none while a statement runs on a thread of its own.
#[derive(Debug)]
pub struct SqliteSession {
    connection: Option<Connection>,
    problem: fn(rusqlite::Error) -> Error,
}

impl SqliteSession {
    /// Takes the connection over; `problem` says what is kept in the file, and what can be done about an error.
    pub fn new(connection: Connection, problem: fn(rusqlite::Error) -> Error) -> Self {
        Self { connection: Some(connection), problem }
    }

    async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.connection.take();
        let connection =
            connection.ok_or_else(|| Error::internal("a statement of this connection was given up"))?;
        let (connection, done) = blocking(move || {
            let done = work(&connection);
            Ok((connection, done))
        })
        .await?;
        self.connection = Some(connection);
        done.map_err(self.problem)
    }
}

#[async_trait]
impl Statements for SqliteSession {
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.call(move |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let texts = (0..columns).map(|column| row.get_ref(column).map(text_of));
                found.push(texts.collect::<rusqlite::Result<Row>>()?);
            }
            Ok(found)
        })
        .await
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        let sql = sql.to_owned();
        self.call(move |connection| connection.execute_batch(&sql)).await
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Time(at) => at.to_rfc3339_opts(SecondsFormat::Millis, true).into(),
            Self::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
        })
    }
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}
