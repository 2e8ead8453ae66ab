//! Opening the file, and what SQLite's errors mean to the user.

use std::io::ErrorKind as IoKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::config::SqliteConfig;
use crate::error::{Error, ErrorKind, Result, Transient};

/// A connection that can only read. Reads nothing yet.
///
/// # Errors
/// Config for a path that is no file (nothing is ever created), Denied without the right to read it.
pub(super) fn open(config: &SqliteConfig) -> Result<Connection> {
    let path = &config.path;
    let fault = |kind, message: &str| Error::new(kind, message.to_owned()).with("path", path.display());
    match path.metadata() {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(fault(ErrorKind::Config, "the database is not a file")),
        Err(error) => {
            let (kind, hint) = match error.kind() {
                IoKind::PermissionDenied => {
                    (ErrorKind::Denied, "give the user that exports the right to enter its directory")
                }
                _ => (ErrorKind::Config, "name an existing file; nothing is created"),
            };
            return Err(fault(kind, "the database file cannot be found").caused_by(error).hint(hint));
        }
    }
    // Each connection is used by one thread at a time, so SQLite need not lock it on every call.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen) => fault(ErrorKind::Denied, "the database file cannot be opened")
                .caused_by(error)
                .hint("give the user that exports the right to read it"),
            _ => failed(config, error),
        })?;
    connection.busy_timeout(config.busy_timeout).map_err(|e| failed(config, e))?;
    // Damaged pages are noticed earlier, and views cannot call what a stranger's schema should not.
    connection
        .execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON")
        .map_err(|e| failed(config, e))?;
    Ok(connection)
}

/// Reads the schema, which is the first thing that shows whether the file is a database that can be read.
pub(super) fn probe(config: &SqliteConfig, connection: &Connection) -> Result<()> {
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map(|_| ())
        .map_err(|e| failed(config, e))
}

/// SQLite's error as ours, with the path and a remedy.
pub(super) fn failed(config: &SqliteConfig, error: rusqlite::Error) -> Error {
    const READONLY_ROLLBACK: i32 = 776;
    const SHORT_READ: i32 = 522;
    let path = config.path.display();
    let extended = error.sqlite_error().map_or(0, |e| e.extended_code);
    let (kind, message, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Data,
            "the file is not a SQLite database, or it is encrypted",
            "name a SQLite 3 file; decrypt it first if it is encrypted".to_owned(),
        ),
        Some(ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::Data, "the database is damaged", damaged_hint(config))
        }
        Some(ErrorCode::SystemIoFailure) if extended == SHORT_READ => {
            (ErrorKind::Data, "the database file is shorter than it says", damaged_hint(config))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            ErrorKind::Unavailable,
            "the database is locked by another program",
            "try again when it is done, or wait longer with busy_timeout (seconds)".to_owned(),
        ),
        Some(ErrorCode::ReadOnly) if extended == READONLY_ROLLBACK => (
            ErrorKind::Config,
            "the database was left in the middle of a transaction, which only a program that may write can undo",
            format!("once, where it may be written: sqlite3 '{path}' 'SELECT count(*) FROM sqlite_schema'"),
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => (
            ErrorKind::Config,
            "the database keeps a write-ahead log, whose -wal and -shm files cannot be opened or made in its directory",
            format!(
                "make the directory writable, or copy the file together with its -wal to a place that is, or once, where it \
                 may be written: sqlite3 '{path}' 'PRAGMA journal_mode = DELETE'"
            ),
        ),
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => (
            ErrorKind::Denied,
            "SQLite was refused",
            "give the user that exports the right to read the file".to_owned(),
        ),
        Some(ErrorCode::SystemIoFailure) => (
            ErrorKind::Unavailable,
            "the database cannot be read",
            "check the disk, then run again".to_owned(),
        ),
        Some(ErrorCode::OutOfMemory | ErrorCode::DiskFull | ErrorCode::OperationInterrupted) => {
            (ErrorKind::Unavailable, "SQLite gave up", "run again".to_owned())
        }
        _ => return Error::data("SQLite refused a statement").with("path", path).caused_by(error),
    };
    let busy = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
    let failed = Error::new(kind, message).with("path", path).caused_by(error).hint(hint);
    if busy { failed.passing(Transient::Conflict) } else { failed }
}

fn damaged_hint(config: &SqliteConfig) -> String {
    let path = config.path.display();
    format!("restore it from a backup; sqlite3 '{path}' .recover saves what can be read")
}

/// Stops the statements of one use of a connection when it is dropped, however long their next row takes.
#[derive(Debug, Default)]
pub(super) struct StopOnDrop(Arc<AtomicBool>);

/// The other end of a [`StopOnDrop`], for the thread that runs the statements.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<AtomicBool>);

impl StopOnDrop {
    pub(super) fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.0))
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Stop {
    /// Statements of `connection` stop from now on when the other end says so, and no longer when that of
    /// an earlier use does. A reader's view outlives a statement that was stopped.
    pub(super) fn guard(&self, connection: &Connection) {
        /// Steps of SQLite's machine between two looks: some 50 microseconds.
        const STEPS: i32 = 10_000;
        let stopped = Arc::clone(&self.0);
        connection.progress_handler(STEPS, Some(move || stopped.load(Ordering::Relaxed)));
    }
}
