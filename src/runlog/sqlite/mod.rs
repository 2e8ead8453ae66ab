//! The run log in a SQLite file: the embedded default. Two processes may write at once.
//!
//! Tables are in `sql/runlog/sqlite/`; they can be queried with any SQLite client while runs go on.

mod open;
mod problem;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use self::problem::{Action, problem};
use super::RunLog;
use super::database::DatabaseRunLog;
use super::session::{Connect, Dialect, Lock, Row, Session, Value};
use crate::blocking::blocking;
use crate::error::{Error, Result};

const DIALECT: Dialect = Dialect {
    // Immediate: a deferred transaction that turns into a writer may not wait for the other one.
    begin_write: "BEGIN IMMEDIATE",
    begin_read: "BEGIN",
    count_tables: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?",
    lock: Lock::Transaction,
    script: |step| step.sqlite,
    counted: &[],
    transactional_ddl: true,
    time: str::to_owned,
};

/// A run log in a SQLite file. The file, its directories and its tables are made when they are first needed.
///
/// Errors of its methods: a directory that cannot be made or written, a file that is no SQLite database,
/// belongs to another program or was written by a later version of this one.
pub(super) fn open(path: &Path) -> impl RunLog + use<> {
    DatabaseRunLog::new(File { path: path.to_owned() })
}

#[derive(Debug)]
struct File {
    path: PathBuf,
}

#[async_trait]
impl Connect for File {
    async fn connect(&self) -> Result<Box<dyn Session>> {
        let path = self.path.clone();
        let connection = blocking(move || open::open(&path)).await?;
        Ok(Box::new(SqliteSession { connection: Some(connection) }))
    }

    fn exists(&self) -> bool {
        self.path.exists()
    }

    fn location(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }
}

/// A connection; none while a statement runs on a thread of its own.
struct SqliteSession {
    connection: Option<Connection>,
}

impl SqliteSession {
    async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.connection.take();
        let connection =
            connection.ok_or_else(|| Error::internal("a statement of the run log was given up"))?;
        let (connection, done) = blocking(move || {
            let done = work(&connection);
            Ok((connection, done))
        })
        .await?;
        self.connection = Some(connection);
        done.map_err(|error| problem(Action::Use, error))
    }
}

#[async_trait]
impl Session for SqliteSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

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
            Self::Time(at) => at.to_string().into(),
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
