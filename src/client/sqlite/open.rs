//! Opening a file, to read or to write.

use std::fs::File;
use std::io::{self, ErrorKind as IoKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Access, access};

use super::config::SqliteConfig;
use super::trouble::Trouble;
use crate::clock::{self, Instant};
use crate::error::{Code, Error, ErrorKind, OPEN_FILES, Result};

/// How long a writer waits for another process.
const BUSY: Duration = Duration::from_secs(10);
/// How often it looks meanwhile. SQLite's own timeout looks ten times a second, which hardly ever meets the moment
/// between two transactions of a process that writes one after the other: on a slow disk a second writer fails.
const LOOK: Duration = Duration::from_millis(1);

/// A connection that can only read. Reads nothing yet. `failed` is for what SQLite itself says.
///
/// # Errors
/// Config for a path that is no file (nothing is ever created), Denied without the right to read it.
pub(crate) fn to_read(
    config: &SqliteConfig,
    failed: impl Fn(rusqlite::Error) -> Error,
) -> Result<Connection> {
    let path = &config.path;
    let fault = |kind, message: &str| {
        Error::new(kind, message.to_owned()).coded(Code::DatabaseFile).with("path", path.display())
    };
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
    let connection = Connection::open_with_flags(path, flags).map_err(|error| match Trouble::of(&error) {
        // Then it is not the file.
        Trouble::Unopened if access(path, Access::READ_OK).is_ok() => {
            fault(ErrorKind::Unavailable, "the database file cannot be opened, although it may be read")
                .caused_by(error)
                .hint(OPEN_FILES)
        }
        Trouble::Unopened => fault(ErrorKind::Denied, "the database file cannot be opened")
            .caused_by(error)
            .hint("give the user that exports the right to read it"),
        _ => failed(error),
    })?;
    connection.busy_timeout(config.busy_timeout).map_err(&failed)?;
    harden(&connection).map_err(&failed)?;
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

/// SQLite changes and shortens the -wal and -shm files next to a database. Who can write into its directory must not make
/// it change another file.
fn companions(path: &Path) -> Result<()> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for suffix in ["-journal", "-shm", "-wal"] {
        let mut companion = real.clone().into_os_string();
        companion.push(suffix);
        let companion = PathBuf::from(companion);
        if companion.symlink_metadata().is_ok_and(|found| !found.is_file() || found.nlink() > 1) {
            return Err(Error::config("a file of the database is a link, or no file").coded(Code::DatabaseFile)
                .with("path", companion.display())
                .hint("SQLite makes this file and never links it; see what it is, then remove it or copy the database elsewhere"));
        }
    }
    Ok(())
}

/// Why a file was not opened to write.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// This process may not open as many files as SQLite needs, which SQLite does not say.
    TooManyFiles(io::Error),
    /// What SQLite says.
    Sqlite(rusqlite::Error),
}

/// A connection that reads and writes a file of ours; the file is made when there is none. Waits for other processes.
pub(crate) fn to_write(path: &Path) -> Result<Connection, Unopened> {
    let begun = Instant::now();
    loop {
        match connect(path) {
            // SQLite does not wait for another process that turns a new file to WAL mode at the same moment.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY => clock::pause(LOOK),
            Ok(connection) => return Ok(connection),
            Err(error) => {
                return Err(no_files_left().map_or(Unopened::Sqlite(error), Unopened::TooManyFiles));
            }
        }
    }
}

/// The system's error where this process may not open as many files as SQLite needs: the database, its log and its index.
/// Not asked with the database: to close another descriptor of it releases SQLite's locks in this process.
fn no_files_left() -> Option<io::Error> {
    let opened: io::Result<Vec<File>> = (0..3).map(|_| File::open("/dev/null")).collect();
    opened.err().filter(|error| error.to_string().contains("Too many open files"))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_handler(Some(wait))?;
    // Readers do not block writers in WAL mode; FULL makes every commit durable. Some file systems
    // refuse WAL and answer with another mode, which is only slower.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Waits for another process that writes, after so many looks; false when it has waited long enough.
fn wait(looks: i32) -> bool {
    let goes_on = looks.unsigned_abs() < (BUSY.as_millis() / LOOK.as_millis()) as u32;
    if goes_on {
        clock::pause(LOOK);
    }
    goes_on
}
