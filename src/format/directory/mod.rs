//! A table's directory, and what commits of every format do there: documents, uploads, and what an earlier run left.
//!
//! | file | what |
//! |---|---|
//! | `place` | the directory, and calls to the destination that run at once |
//! | `document` | documents as JSON, and which of them are understood |
//! | `intent` | the record of a commit that has begun |
//! | `committed` | what is committed, read without the lock |
//! | `append` | whether files can be added to those that are there |
//! | `upload`, `sweep`, `abort`, `removed` | files that are uploaded, finished, given up or removed |
//! | `withdrawn` | documents that are no more, also where nothing may be deleted |
//! | `checked` | what is examined after the commit, and noted in the manifest |

mod abort;
mod append;
mod checked;
mod committed;
mod document;
mod intent;
mod place;
mod removed;
mod shown;
mod sweep;
mod upload;
mod withdrawn;

pub(super) use self::abort::{abort_all, give_back, tell_lock};
pub(super) use self::append::check_append;
pub(super) use self::checked::checked;
pub(super) use self::committed::{all_there, committed, committed_by, version};
pub(crate) use self::document::is_withdrawn;
pub use self::document::read_manifest;
pub(super) use self::document::{is_plain, json};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::intent::fuzzing;
pub(super) use self::intent::{Intent, LogEntry, read_intent};
pub(super) use self::place::{NOTHING, Place, all, current_manifest};
pub(super) use self::removed::Removed;
pub(super) use self::shown::some_of;
pub(super) use self::sweep::sweep;
pub(super) use self::upload::upload;
pub(super) use self::withdrawn::{same, withdraw};
