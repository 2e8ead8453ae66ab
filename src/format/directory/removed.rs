//! What became of an object that was to be removed: the right may be missing.

use crate::error::{Error, ErrorKind, Result};
use crate::format::left::Left;

/// What became of an object that was to be removed.
#[derive(Debug)]
pub(in crate::format) enum Removed {
    /// It is gone.
    Gone,
    /// It may not be deleted, and stays.
    Denied(Error),
}

impl From<Option<Error>> for Removed {
    fn from(denied: Option<Error>) -> Self {
        denied.map_or(Self::Gone, Self::Denied)
    }
}

impl Removed {
    /// A refusal is an answer; any other error is none.
    pub(in crate::format) fn of(deleted: Result<()>) -> Result<Self> {
        match deleted {
            Ok(()) => Ok(Self::Gone),
            Err(error) if error.kind() == ErrorKind::Denied => Ok(Self::Denied(error)),
            Err(error) => Err(error),
        }
    }

    /// Notes in `left` that the document `name` stays, if it was kept from being removed.
    pub(in crate::format) fn noted(self, name: &str, left: &mut Left) {
        if let Self::Denied(error) = self {
            left.documents.insert(name.to_owned());
            left.lacks(&error);
        }
    }
}
