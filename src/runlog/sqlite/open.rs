//! Opening and making the file.

use std::fs::File;
use std::io::ErrorKind as IoKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::super::private;
use super::sqlite_error;
use crate::clock::{self, Instant};
use crate::error::{Error, ErrorKind, Result};

/// How long a writer waits for another process.
const BUSY: Duration = Duration::from_secs(10);
/// How often it looks meanwhile. SQLite's own timeout looks ten times a second, which hardly ever meets the moment
/// between two transactions of a process that writes one after the other: on a slow disk a second writer gives up.
const LOOK: Duration = Duration::from_millis(1);

pub(super) fn open(path: &Path) -> Result<Connection> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        private::directory(parent).map_err(|error| {
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
    // Before SQLite makes it: its journal and index get the mode of the file. What stands in the way is for SQLite to say.
    if let Err(error) = private::file(path) {
        tracing::debug!(%error, path = %path.display(), "the mode of the run log's file is not known");
    }
    let begun = Instant::now();
    loop {
        match connect(path) {
            // SQLite does not wait for another process that turns a new file to WAL mode at the same moment.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY => clock::pause(LOOK),
            connected => {
                return connected.map_err(|error| match no_files_left(path) {
                    // SQLite does not say so.
                    Some(why) => Error::unavailable("cannot open the run log").caused_by(why),
                    None => sqlite_error("open", error),
                });
            }
        }
    }
}

/// The system's error where this process may not open as many files as SQLite needs: the database, its log and its index.
fn no_files_left(path: &Path) -> Option<std::io::Error> {
    let opened: std::io::Result<Vec<File>> = (0..3).map(|_| File::open(path)).collect();
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

/// Waits for another process that writes, after so many looks; false to give up.
fn wait(looks: i32) -> bool {
    let goes_on = looks.unsigned_abs() < (BUSY.as_millis() / LOOK.as_millis()) as u32;
    if goes_on {
        clock::pause(LOOK);
    }
    goes_on
}
