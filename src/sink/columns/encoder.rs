//! What every encoder of a column chunk does, and how large its pages are.

use std::io::Write;

use arrow::array::ArrayRef;
use parquet::basic::Compression;
use parquet::file::writer::SerializedRowGroupWriter;

use super::bloom::BloomChoice;
use super::codec::Codec;
use super::error::Result;

/// Rows after which a page ends.
pub(super) const PAGE_ROWS: usize = 32_768;
/// The same with a page index, by which readers skip whole pages.
pub(super) const INDEXED_PAGE_ROWS: usize = 16_384;
/// Bytes of plain values after which a page ends.
pub(super) const PAGE_BYTES: usize = 1 << 20;
/// Rows that are looked at together.
pub(super) const PIECE_ROWS: usize = 8_192;

/// How many of `left` rows to look at next, when the page has `rows` of `page_rows`.
pub(super) fn piece_rows(left: usize, rows: usize, page_rows: usize) -> usize {
    left.min(PIECE_ROWS).min(page_rows - rows)
}

/// Encodes one column of one row group of a file that is written to `W`.
pub(super) trait ChunkEncoder<W: Write + Send>: Send {
    /// Appends all rows of `array`, which has the type that the encoder was made for.
    fn write(&mut self, codec: &mut Codec, array: &ArrayRef) -> Result<()>;

    /// Bytes held, encoded or not.
    fn memory(&self) -> usize;

    /// Bytes that the chunk would have if it ended now, but for the compression of what is not in a page yet.
    fn encoded(&self) -> usize;

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
    /// Whether there is a page index.
    pub(super) indexed: bool,
    /// Whether there is a Bloom filter.
    pub(super) bloom: BloomChoice,
}

impl Choice {
    /// Rows after which a page ends.
    pub(super) fn page_rows(&self) -> usize {
        if self.indexed { INDEXED_PAGE_ROWS } else { PAGE_ROWS }
    }
}
