//! The run log in MySQL and MariaDB.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest, Md5};

use super::RunLog;
use super::database::DatabaseRunLog;
use super::session::{Connect, Dialect, Lock, Row, Session, Value};
use super::steps::SERVERS_COUNTED;
use crate::client::mysql::{Column, Connection, MysqlConfig, Statement, Value as MysqlValue, code};
use crate::client::{Address, Environment};
use crate::error::{Code, Error, Result};

/// `ds_type` values.
pub(super) const NAMES: &[&str] = &["mysql", "mariadb"];

const DIALECT: Dialect = Dialect {
    begin_write: "START TRANSACTION",
    begin_read: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT",
    count_tables: "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
    lock: Lock::Around("SELECT GET_LOCK(@lakexpress_lock, 10)", "SELECT RELEASE_LOCK(@lakexpress_lock)"),
    script: |step| step.mysql,
    counted: SERVERS_COUNTED,
    transactional_ddl: false,
    time: |column| format!("concat(left(date_format({column}, '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')"),
};

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

/// The lock under which tables are made. Names of locks are the server's, so the database is in it; at most 64
/// characters. Earlier versions of this program let the server make the hash: the name must stay the same, and MySQL
/// has no function for it any more.
fn lock_name(database: &str) -> String {
    let hash: String = Md5::digest(database).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("lakexpress run log {hash}")
}

/// Opens the run log at an entry of the auth file; does not connect yet.
pub(super) fn open(address: &Address) -> Result<Arc<dyn RunLog>> {
    // All of it stands in the entry: variables are for sources.
    let config = MysqlConfig::from_address(address, &Environment::default())?;
    Ok(Arc::new(DatabaseRunLog::new(Server { config })))
}

#[derive(Debug)]
struct Server {
    config: MysqlConfig,
}

#[async_trait]
impl Connect for Server {
    async fn connect(&self) -> Result<Box<dyn Session>> {
        let connection = self.config.connect().await.map_err(advised)?;
        let mut session = MysqlSession { connection, prepared: Vec::new() };
        self.config.in_time(session.set_up()).await?;
        Ok(Box::new(session))
    }

    fn location(&self) -> String {
        format!("mysql://{}/{}", self.config.server(), self.config.database)
    }
}

/// What the run log's user lacks.
fn advised(error: Error) -> Error {
    match code(&error) {
        Some(1044 | 1142 | 1143 | 1227 | 1370) => error
            .hint("GRANT CREATE, SELECT, INSERT, UPDATE, DELETE, REFERENCES ON the database to this user"),
        Some(1049) => error.hint("CREATE DATABASE makes it"),
        _ => error,
    }
}

struct MysqlSession {
    connection: Connection,
    /// Statements that came before, the one that was used last at the end.
    prepared: Vec<(String, Statement)>,
}

impl MysqlSession {
    async fn set_up(&mut self) -> Result<()> {
        self.connection.execute(CHARACTERS).await?;
        self.connection.execute(SESSION).await?;
        self.connection.execute(ISOLATION).await?;
        let mut database = self.rows("SELECT DATABASE()", &[]).await?;
        let database = database.pop().and_then(|mut row| row.pop()).flatten();
        let lock = Value::Text(lock_name(&database.unwrap_or_default()));
        self.rows("SET @lakexpress_lock = ?", &[lock]).await.map(drop)
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
impl Session for MysqlSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        self.rows(sql, values).await.map_err(advised)
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        // One at a time: an error of a later statement of several would be easy to miss.
        for statement in statements(sql) {
            self.connection.execute(statement).await.map_err(advised)?;
        }
        Ok(())
    }
}

/// The statements of a script of ours, which has `;` at the ends of statements only.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(';').map(str::trim).filter(|statement| !statement.is_empty())
}

fn value_of(value: &Value) -> MysqlValue<'_> {
    match value {
        Value::Null => MysqlValue::Null,
        Value::Text(text) => MysqlValue::Text(Cow::Borrowed(text)),
        Value::Integer(number) => MysqlValue::Integer(*number),
        Value::Time(at) => {
            MysqlValue::Text(Cow::Owned(at.moment().format("%Y-%m-%d %H:%M:%S%.3f").to_string()))
        }
    }
}

/// What our queries select is text, whole numbers and NULL.
fn text_of(column: &Column, value: &[u8]) -> Result<String> {
    match (column.integer(value), column.bytes(value)) {
        (Some(number), _) => Ok(number.to_string()),
        (None, Some(bytes)) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        (None, None) => Err(Error::data(
            "the run log holds neither text nor a whole number where there must be one of them",
        )
        .coded(Code::RunLogContent)
        .with("column", &column.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runlog::steps::{STEPS, does_something};

    #[test]
    fn moments_lose_their_letters() {
        let moment = |at: &str| match value_of(&Value::Time(at.parse().expect("a moment"))) {
            MysqlValue::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(moment("2026-01-01T00:00:00.5Z"), "2026-01-01 00:00:00.500");
        assert_eq!(moment("2026-01-01T01:00:00+01:00"), "2026-01-01 00:00:00.000");
    }

    #[test]
    fn the_lock_is_the_one_that_a_server_with_md5_would_name() {
        // SELECT concat('lakexpress run log ', left(md5('logs'), 16))
        assert_eq!(lock_name("logs"), "lakexpress run log 2165e4fa5bddb65a");
        assert!(lock_name(&"x".repeat(64)).len() <= 64);
    }

    #[test]
    fn scripts_are_taken_apart() {
        assert_eq!(statements("BEGIN").collect::<Vec<_>>(), ["BEGIN"]);
        let doing = STEPS.iter().map(|step| step.mysql).filter(|script| does_something(script));
        let counts: Vec<usize> = doing.map(|script| statements(script).count()).collect();
        assert_eq!(counts, [5, 1, 3], "a semicolon in a comment ends a statement, too");
    }
}
