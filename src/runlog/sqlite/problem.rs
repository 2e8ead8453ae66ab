//! Errors of SQLite, by what the user can do about them.

use crate::client::sqlite::Trouble;
use crate::error::{Code, Error, ErrorKind, OPEN_FILES};

/// What was done when SQLite failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Open,
    Use,
}

/// An error of SQLite, by what the user can do about it.
pub(super) fn problem(action: Action, error: rusqlite::Error) -> Error {
    let message = match action {
        Action::Open => "cannot open the run log",
        Action::Use => "cannot use the run log",
    };
    let (kind, hint) = match Trouble::of(&error) {
        Trouble::NoDatabase => (
            ErrorKind::Config,
            "the file is not a SQLite database; name another one in the run log's filepath",
        ),
        Trouble::Damaged => (ErrorKind::Data, "the file is damaged; move it away and a new one will be made"),
        Trouble::Refused | Trouble::ReadOnly | Trouble::Unfinished => {
            (ErrorKind::Denied, "give the user that runs this the right to write the file and its directory")
        }
        Trouble::Unopened if action == Action::Open => {
            (ErrorKind::Denied, "check that the path is a file and that its directory can be written")
        }
        // It was opened before: what it lacks now is room for its companions.
        Trouble::Unopened => (ErrorKind::Unavailable, OPEN_FILES),
        Trouble::Locked => {
            (ErrorKind::Unavailable, "another program keeps the file locked; try again when it is done")
        }
        Trouble::Full => (ErrorKind::Unavailable, "the disk is full; make room"),
        Trouble::Disk | Trouble::Short | Trouble::Lockless => {
            (ErrorKind::Unavailable, "the disk refused; a run log must lie on a local file system")
        }
        Trouble::Stopped | Trouble::NoModule(_) | Trouble::Statement => {
            return Error::internal(message).caused_by(error);
        }
    };
    let code = if kind == ErrorKind::Data { Code::RunLogContent } else { Code::RunLogUnreachable };
    Error::new(kind, message).coded(code).hint(hint).caused_by(error)
}
