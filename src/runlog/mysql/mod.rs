//! The run log in MySQL and MariaDB.

use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest, Md5};

use super::RunLog;
use super::database::DatabaseRunLog;
use super::session::{Connect, Dialect, Lock, Session};
use super::steps::SERVERS_COUNTED;
use crate::client::mysql::{MysqlConfig, MysqlSession, code};
use crate::client::{Address, Environment, Statements, Value};
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
        let mut session = MysqlSession::connect(&self.config, advised).await?;
        self.config.in_time(name_lock(&mut session)).await?;
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

/// Says the name of the lock to the session, whose database it has.
async fn name_lock(session: &mut MysqlSession) -> Result<()> {
    let mut database = session.query("SELECT DATABASE()", &[]).await?;
    let database = database.pop().and_then(|mut row| row.pop()).flatten();
    let lock = Value::Text(lock_name(&database.unwrap_or_default()));
    session.query("SET @lakexpress_lock = ?", &[lock]).await.map(drop)
}

impl Session for MysqlSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runlog::steps::{STEPS, does_something};

    #[test]
    fn the_lock_is_the_one_that_a_server_with_md5_would_name() {
        // SELECT concat('lakexpress run log ', left(md5('logs'), 16))
        assert_eq!(lock_name("logs"), "lakexpress run log 2165e4fa5bddb65a");
        assert!(lock_name(&"x".repeat(64)).len() <= 64);
    }

    #[test]
    fn a_semicolon_of_a_script_ends_a_statement() {
        let doing = STEPS.iter().map(|step| step.mysql).filter(|script| does_something(script));
        let statements = |script: &str| script.split(';').filter(|part| !part.trim().is_empty()).count();
        let counts: Vec<usize> = doing.map(statements).collect();
        assert_eq!(counts, [5, 1, 3], "a semicolon in a comment ends a statement, too");
    }
}
