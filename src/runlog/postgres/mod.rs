//! The run log in PostgreSQL, through the client that reads the source, in the schema that comes first in the
//! user's `search_path`.

use std::sync::Arc;

use async_trait::async_trait;

use super::RunLog;
use super::database::DatabaseRunLog;
use super::session::{Connect, Dialect, Lock, Session};
use super::steps::SERVERS_COUNTED;
use crate::client::postgres::{Connection, PostgresConfig, PostgresSession};
use crate::client::{Address, Environment};
use crate::error::{Code, Error, Result};

/// `ds_type` values.
pub(super) const NAMES: &[&str] = &["postgres", "postgresql", "pgsql"];

const DIALECT: Dialect = Dialect {
    // An event is recorded when it is durable, whatever the user's setting is.
    begin_write: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
        SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'",
    begin_read: "BEGIN ISOLATION LEVEL REPEATABLE READ",
    count_tables:
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND c.relname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
    // Ends with the transaction, so a pooler in transaction mode works too. The number is ours alone.
    lock: Lock::Inside("SELECT pg_advisory_xact_lock(7165134526061402)"),
    script: |step| step.postgres,
    counted: SERVERS_COUNTED,
    transactional_ddl: true,
    time: |column| format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"),
};

/// Opens the run log at an entry of the auth file; does not connect yet.
pub(super) fn open(address: &Address) -> Result<Arc<dyn RunLog>> {
    // PG* variables are about the source: a run log that is where its entry says is where everybody looks for it.
    let config = PostgresConfig::from_address(address, &Environment::default())?;
    Ok(Arc::new(DatabaseRunLog::new(Server { config })))
}

#[derive(Debug)]
struct Server {
    config: PostgresConfig,
}

#[async_trait]
impl Connect for Server {
    async fn connect(&self) -> Result<Box<dyn Session>> {
        let connection = Connection::connect(&self.config).await?;
        match connection.parameter("server_encoding") {
            None | Some("UTF8") => Ok(Box::new(PostgresSession::new(connection))),
            Some(other) => {
                Err(Error::config(format!("a run log cannot lie in a database in encoding {other}"))
                    .coded(Code::RunLogUnfit)
                    .hint("names and messages may hold any character: CREATE DATABASE ... ENCODING 'UTF8'"))
            }
        }
    }

    fn location(&self) -> String {
        format!("postgres://{}/{}", self.config.server(), self.config.database)
    }
}

impl Session for PostgresSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }
}
