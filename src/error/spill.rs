//! Errors of the temporary directory, to which the query engine spills what `--memory-limit` does not hold.
//!
//! The engine makes its files when it first spills. Everything else that this program reads and writes has errors of
//! its own, so that an I/O error that the engine has is always one of these files.

use std::io::{self, ErrorKind as IoKind};

use super::{Code, Error, ErrorKind};

/// What an I/O error of a temporary file means.
pub(super) fn failed(error: &io::Error) -> Error {
    let (kind, what) = match error.kind() {
        IoKind::NotFound => (ErrorKind::Config, ": it does not exist"),
        IoKind::NotADirectory => (ErrorKind::Config, ": it is not a directory"),
        IoKind::PermissionDenied => (ErrorKind::Denied, ": permission denied"),
        IoKind::ReadOnlyFilesystem => (ErrorKind::Denied, ": the file system is read-only"),
        IoKind::StorageFull | IoKind::QuotaExceeded => (ErrorKind::Unavailable, ": no space left"),
        _ => (ErrorKind::Unavailable, ""),
    };
    Error::new(kind, format!("cannot spill to the temporary directory{what}"))
        .coded(Code::SpillDirectory)
        .with("TMPDIR", std::env::temp_dir().display())
        .hint("set TMPDIR to a directory with space in which this user may write, or raise --memory-limit")
        .caused_by(error.to_string())
}
