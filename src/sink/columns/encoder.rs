//! What every encoder of a column chunk does, and how large its pages are.

use std::io::Write;

use arrow::array::ArrayRef;
use parquet::basic::Compression;
use parquet::file::writer::SerializedRowGroupWriter;

use super::codec::Codec;
use super::error::Result;

/// Rows after which a page ends.
pub(super) const PAGE_ROWS: usize = 32_768;
/// Bytes of plain values after which a page ends.
pub(super) const PAGE_BYTES: usize = 1 << 20;
/// Rows that are looked at together.
pub(super) const PIECE_ROWS: usize = 8_192;

/// How many of `left` rows to look at next, when the page has `rows`.
pub(super) fn piece_rows(left: usize, rows: usize) -> usize {
    left.min(PIECE_ROWS).min(PAGE_ROWS - rows)
}

/// Encodes one column of one row group of a file that is written to `W`.
pub(super) trait ChunkEncoder<W: Write + Send>: Send {
    /// Appends all rows of `array`, which has the type that the encoder was made for.
    fn write(&mut self, codec: &mut Codec, array: &ArrayRef) -> Result<()>;

    /// Bytes held, encoded or not.
    fn memory(&self) -> usize;

    /// Appends the column's chunks to `group`, which has those of all columns before.
    fn finish(self: Box<Self>, codec: &mut Codec, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()>;
}

/// What is decided about a column before its values are seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// The codec, for the metadata.
    pub(super) compression: Compression,
    /// Whether to begin with a dictionary.
    pub(super) dictionary: bool,
    /// Whether packed differences may be used.
    pub(super) delta: bool,
}
