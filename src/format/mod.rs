//! How the files of a table are one table: what is committed, and how that becomes something else. One folder each.
//!
//! ```text
//! committed -> (planning) -> begin -> parts are written, which nobody sees -> commit, or abort
//! ```
//!
//! A run asks [`TableFormat`] and [`TableTransaction`] only. Today every table has the plain format: files that any
//! program lists, and a manifest.

mod contract;
mod left;
mod owner;
mod plain;

use std::sync::Arc;

pub use contract::{
    AfterCommit, Beginning, Committed, Expected, TableFormat, TableTarget, TableTransaction, Version, Written,
};
pub use left::Left;
pub use owner::Owner;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use plain::fuzzing;
pub(crate) use plain::is_withdrawn;
pub use plain::{is_unfinished, read_manifest, roll_forward};

/// The format of all tables. Does not connect.
pub fn open() -> Arc<dyn TableFormat> {
    Arc::new(plain::PlainFiles)
}
