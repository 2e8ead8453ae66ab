//! Record batches to committed Parquet files.
//!
//! ```text
//! stream -> write_part -> Upload (invisible) -> TableCommit::commit -> files and manifest (visible)
//! ```
//!
//! * [`schema`] is the schema as written, [`writer`] the encoder's settings, [`stats`] what the footer says.
//! * [`columns`] encode values, [`file`] makes one Parquet file of them.
//! * [`part`] writes one part.
//! * [`commit`] makes the parts of a table visible, all or nothing.

mod blocks;
mod columns;
pub mod commit;
mod empty;
mod file;
mod geoparquet;
mod laps;
pub mod part;
pub mod schema;
pub mod stats;
#[cfg(test)]
mod tests;
pub mod writer;

pub(crate) use columns::dictionary_may_pay;
pub use commit::{Left, Owner, TableCommit, committed, committed_by, read_manifest, roll_forward};
pub use empty::EmptyFile;
pub use part::{Kept, PartTarget, PreparedFile, PreparedPart, ProgressFn, write_empty, write_part};
pub use schema::written_schema;
pub use writer::WriterSettings;

/// Batches made of any bytes, written and read back, for `fuzz/`.
///
/// # Errors
/// Internal, when the file is not what was written.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn encoders_fuzzing(data: &[u8]) -> crate::error::Result<()> {
    columns::fuzzing_encoders(data).map_err(|fault| crate::error::Error::internal(fault.to_string()))
}
