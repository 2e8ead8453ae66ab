//! Opening and making the file.

use std::io::ErrorKind as IoKind;
use std::path::Path;

use rusqlite::Connection;

use super::super::private;
use super::problem::{Action, problem};
use crate::client::sqlite::{Unopened, to_write};
use crate::error::{Code, Error, ErrorKind, Result};

pub(super) fn open(path: &Path) -> Result<Connection> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        private::directory(parent).map_err(|error| {
            let kind = match error.kind() {
                IoKind::PermissionDenied | IoKind::ReadOnlyFilesystem => ErrorKind::Denied,
                IoKind::NotADirectory | IoKind::AlreadyExists => ErrorKind::Config,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, "cannot make the run log's directory")
                .coded(Code::RunLogUnreachable)
                .with("directory", parent.display())
                .hint("name a writable place with --log-db-auth-id or XDG_STATE_HOME")
                .caused_by(error)
        })?;
    }
    // Before SQLite makes it: its journal and index get the mode of the file. What stands in the way is for SQLite to say.
    if let Err(error) = private::file(path) {
        tracing::debug!(%error, path = %path.display(), "the mode of the run log's file is not known");
    }
    to_write(path).map_err(|error| match error {
        Unopened::TooManyFiles(error) => {
            Error::unavailable("cannot open the run log").coded(Code::RunLogUnreachable).caused_by(error)
        }
        Unopened::Sqlite(error) => problem(Action::Open, error),
    })
}
