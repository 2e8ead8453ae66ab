//! Record batches to Parquet files that nobody sees yet.
//!
//! ```text
//! stream -> write_part -> Upload (invisible) -> PreparedFile -> format (visible)
//! ```
//!
//! * [`schema`] is the schema as written, [`writer`] the encoder's settings, [`stats`] what the footer says.
//! * [`columns`] encode values, [`file`] makes one Parquet file of them.
//! * [`part`] writes one part: into one file ([`open_file`]), into one after the other ([`series`]), or into those of
//!   several directories ([`fanout`]); [`target`] says where, [`written`] are its files that are complete.
//! * [`arrow_stream`] writes rows to a program instead of files.
//! * [`checked`] and [`taken`] are what both do to a batch first.
//! * [`rules`] is what the format of a table says of its files.

pub mod arrow_stream;
mod blocks;
mod checked;
mod columns;
mod empty;
pub mod fanout;
mod file;
mod geoparquet;
mod laps;
mod open_file;
pub mod part;
pub mod rules;
pub mod schema;
mod series;
pub mod stats;
mod taken;
mod target;
#[cfg(test)]
mod tests;
pub mod writer;
mod written;

pub use arrow_stream::ArrowStream;
pub(crate) use columns::{bloom_filter_refusal, dictionary_may_pay, may_have_measured_bloom_filter};
pub use empty::EmptyFile;
pub use part::{ProgressFn, write_empty, write_part};
pub use rules::{Demands, FileRules, RefusedType};
pub use schema::written_schema;
pub use target::{Fanout, Kept, PartTarget, PreparedFile, PreparedPart};
pub use writer::WriterSettings;

/// The bytes of the file of `batches`, of which there is one at least, for `benches/encoders.rs`. None are kept.
///
/// # Errors
/// Those of [`write_part`] for the same batches.
#[cfg(feature = "bench")]
#[doc(hidden)]
pub fn encoded_bytes(
    batches: &[arrow::array::RecordBatch],
    settings: &WriterSettings,
) -> crate::error::Result<u64> {
    let mut encoder = file::FileEncoder::new(batches[0].schema_ref(), settings)?;
    for batch in batches {
        encoder.write(batch)?;
        while encoder.blocks().next(false).is_some() {}
    }
    encoder.finish()?;
    Ok(encoder.bytes_written() as u64)
}

/// Batches made of any bytes, written and read back, for `fuzz/`.
///
/// # Errors
/// Internal, when the file is not what was written.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn encoders_fuzzing(data: &[u8]) -> crate::error::Result<()> {
    columns::fuzzing_encoders(data).map_err(|fault| crate::error::Error::internal(fault.to_string()))
}
