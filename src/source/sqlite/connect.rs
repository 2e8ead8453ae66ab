//! Opening the file, and what SQLite's errors mean to the user.

use std::io::ErrorKind as IoKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Access, access};

use crate::client::sqlite::SqliteConfig;
use crate::error::{Error, ErrorKind, OPEN_FILES, Result, Transient};

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
    companions(path)?;
    // Each connection is used by one thread at a time, so SQLite need not lock it on every call.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| match error.sqlite_error_code() {
            // Then it is not the file.
            Some(ErrorCode::CannotOpen) if access(path, Access::READ_OK).is_ok() => {
                fault(ErrorKind::Unavailable, "the database file cannot be opened, although it may be read")
                    .caused_by(error)
                    .hint(OPEN_FILES)
            }
            Some(ErrorCode::CannotOpen) => fault(ErrorKind::Denied, "the database file cannot be opened")
                .caused_by(error)
                .hint("give the user that exports the right to read it"),
            _ => failed(config, error),
        })?;
    connection.busy_timeout(config.busy_timeout).map_err(|e| failed(config, e))?;
    harden(&connection).map_err(|e| failed(config, e))?;
    Ok(connection)
}

/// Who wrote the file is not trusted: damaged pages are noticed earlier, views and generated columns call functions of
/// SQLite without side effects only, and nothing but this one file is opened or mapped into memory.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA mmap_size = 0",
    )?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    Ok(())
}

/// SQLite changes and shortens the -wal and -shm files beside a database. Who can write into its directory must not make
/// it change another file.
fn companions(path: &Path) -> Result<()> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for suffix in ["-journal", "-shm", "-wal"] {
        let mut beside = real.clone().into_os_string();
        beside.push(suffix);
        let beside = PathBuf::from(beside);
        if beside.symlink_metadata().is_ok_and(|found| !found.is_file() || found.nlink() > 1) {
            return Err(Error::config("a file of the database is a link, or no file")
                .with("path", beside.display())
                .hint("SQLite makes this file and never links it; see what it is, then remove it or copy the database elsewhere"));
        }
    }
    Ok(())
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
        Some(ErrorCode::Unknown) if module_missing(&error).is_some() => {
            let module = module_missing(&error).unwrap_or_default();
            return Error::data(format!(
                "a virtual table of the module {module}, which is not part of this program"
            ))
            .with("path", path)
            .hint(
                "export a copy: CREATE TABLE name AS SELECT * FROM it, in a program that has the module; \
                     or leave it out with --exclude",
            );
        }
        Some(ErrorCode::OutOfMemory | ErrorCode::DiskFull | ErrorCode::OperationInterrupted) => {
            (ErrorKind::Unavailable, "SQLite gave up", "run again".to_owned())
        }
        _ => return Error::data("SQLite refused a statement").with("path", path).caused_by(error),
    };
    let busy = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
    let failed = Error::new(kind, message).with("path", path).caused_by(error).hint(hint);
    if busy { failed.as_transient(Transient::Conflict) } else { failed }
}

/// The module of a virtual table that SQLite does not have here.
pub(super) fn module_missing(error: &rusqlite::Error) -> Option<&str> {
    let text = match error {
        rusqlite::Error::SqliteFailure(_, text) => text.as_deref()?,
        rusqlite::Error::SqlInputError { msg, .. } => msg,
        _ => return None,
    };
    text.strip_prefix("no such module: ")
}

/// The error of a table whose rows are not in the order of their rowids.
pub(super) fn out_of_order(config: &SqliteConfig, rowid: i64) -> Error {
    Error::data("the database is damaged: a row comes twice, or not in the order of the table")
        .with("path", config.path.display())
        .with("rowid", rowid)
        .hint(damaged_hint(config))
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
    pub(super) fn guard(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        /// Steps of SQLite's machine between two looks: some 50 microseconds.
        const STEPS: i32 = 10_000;
        let stopped = Arc::clone(&self.0);
        connection.progress_handler(STEPS, Some(move || stopped.load(Ordering::Relaxed)))
    }
}

/// Runs `work` on a thread that may wait for locks and disks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a SQLite task stopped").caused_by(error)),
    }
}
