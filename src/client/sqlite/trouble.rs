//! What SQLite's error codes mean, whatever the file is for. What the user can do about it is for those to say who use
//! the file.

use rusqlite::{Error, ErrorCode};

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No SQLite database, or an encrypted one.
    NoDatabase,
    /// Pages that contradict each other.
    Damaged,
    /// The file ends before its last page.
    Short,
    /// Another connection holds a lock for longer than one waits.
    Locked,
    /// Locks do not work, as on some network file systems.
    Lockless,
    /// A program ended within a transaction, which only one that may write can undo.
    Unfinished,
    /// The file, or one of its companions, cannot be opened or made.
    Unopened,
    /// The file, or its directory, cannot be written.
    ReadOnly,
    /// The rights of this process do not suffice.
    Refused,
    /// The disk failed.
    Disk,
    /// The disk is full.
    Full,
    /// SQLite has no memory left, or was interrupted.
    Stopped,
    /// A virtual table needs a module that is not part of this program.
    NoModule(String),
    /// The statement is wrong, or the program that made it.
    Statement,
}

impl Trouble {
    pub(crate) fn of(error: &Error) -> Self {
        const READONLY_ROLLBACK: i32 = 776;
        const SHORT_READ: i32 = 522;
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NoDatabase,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged,
            Some(ErrorCode::SystemIoFailure) if extended == SHORT_READ => Self::Short,
            Some(ErrorCode::SystemIoFailure) => Self::Disk,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::FileLockingProtocolFailed) => Self::Lockless,
            Some(ErrorCode::ReadOnly) if extended == READONLY_ROLLBACK => Self::Unfinished,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::CannotOpen) => Self::Unopened,
            Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => Self::Refused,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::OutOfMemory | ErrorCode::OperationInterrupted) => Self::Stopped,
            Some(ErrorCode::Unknown) => {
                module_missing(error).map_or(Self::Statement, |module| Self::NoModule(module.to_owned()))
            }
            _ => Self::Statement,
        }
    }
}

/// The module of a virtual table that SQLite does not have here.
pub(crate) fn module_missing(error: &Error) -> Option<&str> {
    let text = match error {
        Error::SqliteFailure(_, text) => text.as_deref()?,
        Error::SqlInputError { msg, .. } => msg,
        _ => return None,
    };
    text.strip_prefix("no such module: ")
}
