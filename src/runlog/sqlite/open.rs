//! Opening and making the file.

use std::io::ErrorKind as IoKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::sqlite_error;
use crate::error::{Error, ErrorKind, Result};

const INIT: &str = include_str!("../../../sql/runlog/0001_init.sql");
/// Version of the tables that this program writes.
const VERSION: i64 = 1;
/// How long a writer waits for another process.
const BUSY: Duration = Duration::from_secs(10);

pub(super) fn open(path: &Path) -> Result<Connection> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|error| {
            let kind = match error.kind() {
                IoKind::PermissionDenied | IoKind::ReadOnlyFilesystem => ErrorKind::Denied,
                IoKind::NotADirectory | IoKind::AlreadyExists => ErrorKind::Config,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, "cannot make the run log's directory")
                .with("directory", parent.display())
                .hint("name a writable place with --log-db-auth-id or XDG_STATE_HOME")
                .caused_by(error)
        })?;
    }
    let failed = |error| sqlite_error("open", error);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // Readers do not block writers in WAL mode; FULL makes every commit durable. Some file systems
    // refuse WAL and answer with another mode, which is only slower.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    make_tables(&mut connection)?;
    Ok(connection)
}

fn make_tables(connection: &mut Connection) -> Result<()> {
    let failed = |error| sqlite_error("set up", error);
    if has_table(connection, "schema_version")? {
        return check_version(connection);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have made them while this one waited for the lock.
    if has_table(&transaction, "schema_version")? {
        return check_version(&transaction);
    }
    for table in ["runs", "jobs", "files", "partition_columns"] {
        if has_table(&transaction, table)? {
            return Err(Error::config(format!("the file has a table '{table}' of another program"))
                .hint("name a file of its own for the run log"));
        }
    }
    transaction.execute_batch(INIT).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn has_table(connection: &Connection, name: &str) -> Result<bool> {
    connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1", [name], |row| {
            row.get::<_, i64>(0)
        })
        .map(|count| count > 0)
        .map_err(|error| sqlite_error("read", error))
}

fn check_version(connection: &Connection) -> Result<()> {
    let found = connection
        .query_row("SELECT max(version) FROM schema_version", [], |row| row.get::<_, Option<i64>>(0))
        .map_err(|error| sqlite_error("read the version of", error))?;
    match found {
        Some(VERSION) => Ok(()),
        Some(later) if later > VERSION => {
            Err(Error::config(format!("the run log has version {later}, this program knows {VERSION}"))
                .hint("use the newer lakexpress, or name another file for the run log"))
        }
        _ => Err(Error::config("the file is not a run log of lakexpress")
            .hint("name a file of its own for the run log")),
    }
}
