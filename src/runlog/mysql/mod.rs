//! The run log in MySQL and MariaDB.

use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest, Md5};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Value as MysqlValue};

use super::RunLog;
use super::database::DatabaseRunLog;
use super::session::{Connect, Dialect, Lock, Row, Session, Value};
use super::steps::SERVERS_COUNTED;
use crate::client::Address;
use crate::client::mysql::{MysqlConfig, code, of_statement};
use crate::error::{Error, Result};

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

/// Without locks on the gaps between rows, over which writers of different runs would fall.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// The lock under which tables are made. Names of locks are the server's, so the database is in it; at most 64
/// characters. Earlier versions of this program let the server make the hash: the name must stay the same, and MySQL
/// has no function for it any more.
fn lock_name(database: &str) -> String {
    let hash: String = Md5::digest(database).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("lakexpress run log {hash}")
}

/// Opens the run log at an entry of the auth file; does not connect yet.
pub(super) fn open(address: &Address) -> Result<Arc<dyn RunLog>> {
    let config = MysqlConfig::from_address(address)?;
    Ok(Arc::new(DatabaseRunLog::new(Server { config })))
}

#[derive(Debug)]
struct Server {
    config: MysqlConfig,
}

#[async_trait]
impl Connect for Server {
    async fn connect(&self) -> Result<Box<dyn Session>> {
        let mut connection = self.config.connect().await.map_err(advised)?;
        let setting_up = async {
            connection.query_drop(SESSION).await?;
            connection.query_drop(ISOLATION).await?;
            let database: Option<String> = connection.query_first("SELECT DATABASE()").await?;
            let lock = lock_name(&database.unwrap_or_default());
            connection.exec_drop("SET @lakexpress_lock = ?", (lock,)).await
        };
        self.config.in_time(setting_up).await?;
        Ok(Box::new(MysqlSession { connection, server: self.config.server() }))
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
    connection: Conn,
    /// For messages.
    server: String,
}

impl MysqlSession {
    fn failed(&self, error: mysql_async::Error) -> Error {
        advised(of_statement(error, &self.server))
    }
}

#[async_trait]
impl Session for MysqlSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let values: Vec<MysqlValue> = values.iter().map(value_of).collect();
        let values = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let rows: Result<Vec<mysql_async::Row>, _> = self.connection.exec(sql, values).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text_of).collect()).collect())
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        // One at a time: an error of a later statement of several would be easy to miss.
        for statement in statements(sql) {
            let done = self.connection.query_drop(statement).await;
            done.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }
}

/// The statements of a script of ours, which has `;` at the ends of statements only.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(';').map(str::trim).filter(|statement| !statement.is_empty())
}

fn value_of(value: &Value) -> MysqlValue {
    match value {
        Value::Null => MysqlValue::NULL,
        Value::Text(text) => MysqlValue::Bytes(text.clone().into_bytes()),
        Value::Integer(number) => MysqlValue::Int(*number),
        Value::Time(at) => {
            MysqlValue::Bytes(at.moment().format("%Y-%m-%d %H:%M:%S%.3f").to_string().into_bytes())
        }
    }
}

/// What our queries select is text, whole numbers and NULL.
fn text_of(value: MysqlValue) -> Option<String> {
    match value {
        MysqlValue::NULL => None,
        MysqlValue::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        MysqlValue::Int(number) => Some(number.to_string()),
        MysqlValue::UInt(number) => Some(number.to_string()),
        other => Some(other.as_sql(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runlog::steps::{STEPS, does_something};

    #[test]
    fn moments_lose_their_letters() {
        let moment = |at: &str| value_of(&Value::Time(at.parse().expect("a moment")));
        let bytes = |text: &str| MysqlValue::Bytes(text.as_bytes().to_vec());
        assert_eq!(moment("2026-01-01T00:00:00.5Z"), bytes("2026-01-01 00:00:00.500"));
        assert_eq!(moment("2026-01-01T01:00:00+01:00"), bytes("2026-01-01 00:00:00.000"));
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
