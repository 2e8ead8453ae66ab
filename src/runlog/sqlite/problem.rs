//! Errors of SQLite, by what the user can do about them.

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind, OPEN_FILES};

/// An error of SQLite, by what the user can do about it.
pub(super) fn sqlite_error(action: &str, error: rusqlite::Error) -> Error {
    let (kind, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Config,
            "the file is not a SQLite database; name another one in the run log's filepath",
        ),
        Some(ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::Data, "the file is damaged; move it away and a new one will be made")
        }
        Some(
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied,
        ) => {
            (ErrorKind::Denied, "give the user that runs this the right to write the file and its directory")
        }
        // It was opened before: what it lacks now is room for the files beside it.
        Some(ErrorCode::CannotOpen) if action != "open" => (ErrorKind::Unavailable, OPEN_FILES),
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Denied, "check that the path is a file and that its directory can be written")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Unavailable, "another program keeps the file locked; try again when it is done")
        }
        Some(ErrorCode::DiskFull) => (ErrorKind::Unavailable, "the disk is full; make room"),
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => {
            (ErrorKind::Unavailable, "the disk refused; a run log must lie on a local file system")
        }
        _ => return Error::internal(format!("cannot {action} the run log")).caused_by(error),
    };
    Error::new(kind, format!("cannot {action} the run log")).hint(hint).caused_by(error)
}
