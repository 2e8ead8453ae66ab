//! How the files of a table are one table: what is committed, and how that becomes something else. One folder each.
//!
//! ```text
//! committed -> (planning) -> begin -> parts are written, which nobody sees -> commit, or abort
//! ```
//!
//! A run asks [`TableFormat`] and [`TableTransaction`] only. `plain` is files that any program lists, and a manifest; `delta`
//! has a log. What they share is in `directory`.

mod contract;
mod delta;
mod directory;
mod left;
mod owner;
mod plain;

use std::sync::Arc;

pub use contract::{
    AfterCommit, Beginning, Committed, Expected, TableFormat, TableTarget, TableTransaction, Version, Written,
};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use delta::fuzzing as delta_fuzzing;
pub use delta::{Known, look};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use directory::fuzzing;
pub(crate) use directory::is_withdrawn;
pub use directory::read_manifest;
pub use left::Left;
pub use owner::Owner;
pub use plain::{is_unfinished, roll_forward};

use crate::error::Result;
use crate::spec::{Format, OutputSpec};

/// The format of all tables of a run. Does not connect.
pub fn open(output: &OutputSpec) -> Arc<dyn TableFormat> {
    match output.format {
        Format::Plain => Arc::new(plain::PlainFiles),
        Format::Delta => Arc::new(delta::DeltaTables { keep_versions: output.keep_versions }),
    }
}

/// What is committed of a table of any format, by its manifest; `None` for no table. Takes no lock and changes nothing.
///
/// # Errors
/// Those of [`TableFormat::committed`].
pub async fn committed(target: &TableTarget) -> Result<Option<Committed>> {
    directory::committed(&directory::Place::of(target)).await
}
