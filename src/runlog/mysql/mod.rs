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
use crate::client::mysql::{MysqlConfig, Tls, cannot_connect, problem};
use crate::client::password::Secret;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};

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
        let Some(fresh) = &self.config.fresh else { return self.connect_with(None).await };
        let is_refusal = |error: &Error| error.kind() == ErrorKind::Denied;
        let log_in = |password: Secret| async move { self.connect_with(Some(&password)).await };
        fresh.log_in(log_in, is_refusal).await
    }

    fn location(&self) -> String {
        format!("mysql://{}/{}", self.config.server(), self.config.database)
    }
}

impl Server {
    async fn connect_with(&self, password: Option<&Secret>) -> Result<Box<dyn Session>> {
        let connecting = async {
            let mut connection = match Conn::new(self.config.options(self.config.tls, password)).await {
                Err(mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer))
                    if self.config.tls.is_optional() =>
                {
                    Conn::new(self.config.options(Tls::Disable, password)).await?
                }
                other => other?,
            };
            connection.query_drop(SESSION).await?;
            connection.query_drop(ISOLATION).await?;
            let database: Option<String> = connection.query_first("SELECT DATABASE()").await?;
            let lock = lock_name(&database.unwrap_or_default());
            connection.exec_drop("SET @lakexpress_lock = ?", (lock,)).await?;
            Ok::<Conn, mysql_async::Error>(connection)
        };
        match clock::timeout(self.config.connect_timeout, connecting).await {
            Ok(Ok(connection)) => Ok(Box::new(MysqlSession { connection })),
            Ok(Err(error)) => Err(cannot_connect(error, &self.config)),
            Err(_) => Err(Error::unavailable("the server did not answer in time")
                .with("server", self.config.server())
                .hint("check server, port and firewalls, or raise connect_timeout (seconds)")),
        }
    }
}

struct MysqlSession {
    connection: Conn,
}

#[async_trait]
impl Session for MysqlSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let values: Vec<MysqlValue> = values.iter().map(value_of).collect();
        let values = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let rows: Vec<mysql_async::Row> = self.connection.exec(sql, values).await.map_err(problem)?;
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text_of).collect()).collect())
    }

    async fn script(&mut self, sql: &str) -> Result<()> {
        // One at a time: an error of a later statement of several would be easy to miss.
        for statement in statements(sql) {
            self.connection.query_drop(statement).await.map_err(problem)?;
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
