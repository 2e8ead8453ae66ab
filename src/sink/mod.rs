//! Record batches to Parquet files that nobody sees yet.
//!
//! ```text
//! stream -> write_part -> Upload (invisible) -> PreparedFile -> format (visible)
//! ```
//!
//! * [`schema`] is the schema as written, [`writer`] the encoder's settings, [`stats`] what the footer says.
//! * [`columns`] encode values, [`file`] makes one Parquet file of them.
//! * [`part`] writes one part.
//! * [`rules`] is what the format of a table says of its files.

mod blocks;
mod columns;
mod empty;
mod file;
mod geoparquet;
mod laps;
pub mod part;
pub mod rules;
pub mod schema;
pub mod stats;
#[cfg(test)]
mod tests;
pub mod writer;

pub use empty::EmptyFile;
pub use part::{Kept, PartTarget, PreparedFile, PreparedPart, ProgressFn, write_empty, write_part};
pub use rules::{Demands, FileRules, RefusedType};
pub use schema::written_schema;
pub use writer::WriterSettings;
