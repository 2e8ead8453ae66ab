//! Opening and making the file.

use std::io::ErrorKind as IoKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::super::private;
use super::sqlite_error;
use crate::error::{Error, ErrorKind, Result};

/// How long a writer waits for another process.
const BUSY: Duration = Duration::from_secs(10);

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
    let failed = |error| sqlite_error("open", error);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // Readers do not block writers in WAL mode; FULL makes every commit durable. Some file systems
    // refuse WAL and answer with another mode, which is only slower.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    Ok(connection)
}
