//! Opening the file, and what SQLite's errors mean to the user.

use rusqlite::Connection;

use crate::client::sqlite::{SqliteConfig, Trouble, to_read};
use crate::error::{Code, Error, ErrorKind, Result, Transient};

/// A connection that can only read. Reads nothing yet.
///
/// # Errors
/// Those of [`to_read`].
pub(super) fn open(config: &SqliteConfig) -> Result<Connection> {
    to_read(config, |error| failed(config, error))
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
    let path = config.path.display();
    let trouble = Trouble::of(&error);
    let (kind, message, hint) = match &trouble {
        Trouble::NoDatabase => (
            ErrorKind::Data,
            "the file is not a SQLite database, or it is encrypted",
            "name a SQLite 3 file; decrypt it first if it is encrypted".to_owned(),
        ),
        Trouble::Damaged => (ErrorKind::Data, "the database is damaged", damaged_hint(config)),
        Trouble::Short => {
            (ErrorKind::Data, "the database file is shorter than it says", damaged_hint(config))
        }
        Trouble::Locked | Trouble::Lockless => (
            ErrorKind::Unavailable,
            "the database is locked by another program",
            "try again when it is done, or wait longer with busy_timeout (seconds)".to_owned(),
        ),
        Trouble::Unfinished => (
            ErrorKind::Config,
            "the database was left in the middle of a transaction, which only a program that may write can undo",
            format!("once, where it may be written: sqlite3 '{path}' 'SELECT count(*) FROM sqlite_schema'"),
        ),
        Trouble::Unopened | Trouble::ReadOnly => (
            ErrorKind::Config,
            "the database keeps a write-ahead log, whose -wal and -shm files cannot be opened or made in its directory",
            format!(
                "make the directory writable, or copy the file together with its -wal to a place that is, or once, where it \
                 may be written: sqlite3 '{path}' 'PRAGMA journal_mode = DELETE'"
            ),
        ),
        Trouble::Refused => (
            ErrorKind::Denied,
            "SQLite was refused",
            "give the user that exports the right to read the file".to_owned(),
        ),
        Trouble::Disk => (
            ErrorKind::Unavailable,
            "the database cannot be read",
            "check the disk, then run again".to_owned(),
        ),
        Trouble::NoModule(module) => {
            return Error::data(format!(
                "a virtual table of the module {module}, which is not part of this program"
            ))
            .coded(Code::ServerRefuses)
            .with("path", path)
            .hint(
                "export a copy: CREATE TABLE name AS SELECT * FROM it, in a program that has the module; \
                     or leave it out with --exclude",
            );
        }
        Trouble::Full | Trouble::Stopped => {
            (ErrorKind::Unavailable, "SQLite gave up", "run again".to_owned())
        }
        Trouble::Statement => {
            return Error::data("SQLite refused a statement")
                .coded(Code::ServerRefuses)
                .with("path", path)
                .caused_by(error);
        }
    };
    let code = match trouble {
        Trouble::NoDatabase | Trouble::Damaged | Trouble::Short => Code::DatabaseDamaged,
        Trouble::Locked | Trouble::Lockless => Code::DatabaseBusy,
        Trouble::Full | Trouble::Stopped => Code::Unavailable,
        _ => Code::DatabaseFile,
    };
    let failed = Error::new(kind, message).coded(code).with("path", path).caused_by(error).hint(hint);
    if trouble == Trouble::Locked { failed.as_transient(Transient::Conflict) } else { failed }
}

/// The error of a table whose rows are not in the order of their rowids.
pub(super) fn out_of_order(config: &SqliteConfig, rowid: i64) -> Error {
    Error::data("the database is damaged: a row comes twice, or not in the order of the table")
        .coded(Code::DatabaseDamaged)
        .with("path", config.path.display())
        .with("rowid", rowid)
        .hint(damaged_hint(config))
}

fn damaged_hint(config: &SqliteConfig) -> String {
    let path = config.path.display();
    format!("restore it from a backup; sqlite3 '{path}' .recover saves what can be read")
}
