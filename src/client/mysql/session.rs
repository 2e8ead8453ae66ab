//! Statements to MySQL and MariaDB.

use std::borrow::Cow;

use async_trait::async_trait;

use super::{Column, Connection, MysqlConfig, Statement, Value as MysqlValue};
use crate::client::{Row, Statements, Value};
use crate::error::{Code, Error, Result};

/// Settings of every session, so that nothing the server is set to changes what is kept: too long a text is an
/// error and not cut off, and CURRENT_TIMESTAMP is UTC.
const SESSION: &str = "SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
    autocommit = 1, innodb_lock_wait_timeout = 10";

/// A server may be set to ignore what the login says of it.
const CHARACTERS: &str = "SET NAMES utf8mb4";

/// Without locks on the gaps between rows, over which writers of different runs would fall.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Most bytes of rows that are kept of one statement.
const RESULT_LIMIT: usize = 1 << 30;

/// What a row costs beside its values, and what a value does.
const ROW_BYTES: usize = 64;
const VALUE_BYTES: usize = size_of::<Option<String>>();

/// Most statements that are kept at the server: more than the run log has.
const PREPARED: usize = 64;

/// A connection to a MySQL or MariaDB server.
#[derive(Debug)]
pub struct MysqlSession {
    connection: Connection,
    /// What the user lacks for what is kept there.
    advised: fn(Error) -> Error,
    /// Statements that came before, the one that was used last at the end.
    prepared: Vec<(String, Statement)>,
}

impl MysqlSession {
    /// Connects; `advised` adds to an error what the user lacks for what is kept there.
    ///
    /// # Errors
    /// Those of connecting.
    pub async fn connect(config: &MysqlConfig, advised: fn(Error) -> Error) -> Result<Self> {
        let connection = config.connect().await.map_err(advised)?;
        let mut session = Self { connection, advised, prepared: Vec::new() };
        config.in_time(session.set_up()).await?;
        Ok(session)
    }

    async fn set_up(&mut self) -> Result<()> {
        self.connection.execute(CHARACTERS).await?;
        self.connection.execute(SESSION).await?;
        self.connection.execute(ISOLATION).await
    }

    async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let values: Vec<MysqlValue<'_>> = values.iter().map(value_of).collect();
        let statement = self.prepare(sql).await?;
        let result = self.connection.run(&statement, &values).await;
        let mut kept = Vec::new();
        let mut rows = result?;
        let mut bytes = 0;
        while let Some(row) = rows.next().await? {
            bytes += row.size() + ROW_BYTES + row.values().count() * VALUE_BYTES;
            if bytes > RESULT_LIMIT {
                return Err(
                    Error::data("the result of a statement is larger than 1 GiB").coded(Code::TooLarge)
                );
            }
            let texts = row.values().map(|value| {
                let (column, value) = value?;
                value.map(|value| text_of(column, value)).transpose()
            });
            kept.push(texts.collect::<Result<Row>>()?);
        }
        self.prepared.push((sql.to_owned(), statement));
        Ok(kept)
    }

    /// A statement that the server has parsed, before or now. An error ends the session, and its statements with it.
    async fn prepare(&mut self, sql: &str) -> Result<Statement> {
        if let Some(at) = self.prepared.iter().position(|(known, _)| known == sql) {
            return Ok(self.prepared.remove(at).1);
        }
        if self.prepared.len() >= PREPARED {
            let (_, oldest) = self.prepared.remove(0);
            self.connection.forget(oldest).await?;
        }
        self.connection.prepare(sql).await
    }
}

#[async_trait]
impl Statements for MysqlSession {
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        self.rows(sql, values).await.map_err(self.advised)
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        // One at a time: an error of a later statement of several would be easy to miss.
        for statement in statements(sql) {
            self.connection.execute(statement).await.map_err(self.advised)?;
        }
        Ok(())
    }
}

/// The statements of a script of ours, which has `;` at the ends of statements only.
pub(super) fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(';').map(str::trim).filter(|statement| !statement.is_empty())
}

fn value_of(value: &Value) -> MysqlValue<'_> {
    match value {
        Value::Null => MysqlValue::Null,
        Value::Text(text) => MysqlValue::Text(Cow::Borrowed(text)),
        Value::Integer(number) => MysqlValue::Integer(*number),
        Value::Time(at) => MysqlValue::Text(Cow::Owned(at.format("%Y-%m-%d %H:%M:%S%.3f").to_string())),
    }
}

/// What our queries select is text, whole numbers and NULL.
fn text_of(column: &Column, value: &[u8]) -> Result<String> {
    match (column.integer(value), column.bytes(value)) {
        (Some(number), _) => Ok(number.to_string()),
        (None, Some(bytes)) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        (None, None) => Err(Error::data(
            "a statement gave neither text nor a whole number where there must be one of them",
        )
        .coded(Code::RunLogContent)
        .with("column", &column.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_lose_their_letters() {
        let moment = |at: &str| match value_of(&Value::Time(
            chrono::DateTime::parse_from_rfc3339(at).expect("a moment").to_utc(),
        )) {
            MysqlValue::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(moment("2026-01-01T00:00:00.5Z"), "2026-01-01 00:00:00.500");
        assert_eq!(moment("2026-01-01T01:00:00+01:00"), "2026-01-01 00:00:00.000");
    }

    #[test]
    fn scripts_are_taken_apart() {
        assert_eq!(statements("BEGIN").collect::<Vec<_>>(), ["BEGIN"]);
        assert_eq!(statements("A;\n\nB;\n").collect::<Vec<_>>(), ["A", "B"]);
    }
}
