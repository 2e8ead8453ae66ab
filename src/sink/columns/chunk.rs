//! One column chunk: pages, one after the other, and what its metadata says.

use std::collections::BTreeSet;
use std::io::{Chain, Cursor, Read, Write};

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::NullBuffer;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::codec::Codec;
use super::encoder::PAGE_BYTES;
use super::error::{Error, Result};
use super::hybrid::{put_levels, put_varint};

/// Bytes that the crate's writer of pages holds.
const SINK_BYTES: usize = 8 << 10;

/// A column chunk as it grows. Pages are of version 1, which every reader knows.
pub(super) struct Chunk {
    descriptor: ColumnDescPtr,
    compression: Compression,
    /// Data pages with their headers.
    pages: TrackedWrite<Vec<u8>>,
    /// The dictionary page with its header.
    dictionary: Option<Vec<u8>>,
    /// Which rows of the next page have a value; none if all of the column have.
    valid: Option<BooleanBufferBuilder>,
    /// Rows in the next page.
    rows: usize,
    nulls: u64,
    total_rows: u64,
    uncompressed: i64,
    encodings: Vec<PageEncodingStats>,
    /// The next page, and its compressed form: room that is used again.
    page: Vec<u8>,
    compressed: Vec<u8>,
}

impl Chunk {
    pub(super) fn new(descriptor: ColumnDescPtr, compression: Compression) -> Self {
        let valid = (descriptor.max_def_level() > 0).then(|| BooleanBufferBuilder::new(0));
        Self {
            descriptor,
            compression,
            pages: TrackedWrite::new(Vec::new()),
            dictionary: None,
            valid,
            rows: 0,
            nulls: 0,
            total_rows: 0,
            uncompressed: 0,
            encodings: Vec::new(),
            page: Vec::new(),
            compressed: Vec::new(),
        }
    }

    /// Rows that the next page has so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether no page is complete yet.
    pub(super) fn is_first_page(&self) -> bool {
        self.pages.bytes_written() == 0
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        SINK_BYTES
            + self.pages.inner().capacity()
            + self.dictionary.as_ref().map_or(0, Vec::capacity)
            + self.page.capacity()
            + self.compressed.capacity()
            + self.valid.as_ref().map_or(0, |valid| valid.len() / 8)
    }

    /// Adds `rows` rows to the next page, of which `nulls` have no value.
    ///
    /// Errors: for a NULL in a column that has none, whose page could not be read.
    pub(super) fn add_rows(&mut self, rows: usize, nulls: Option<&NullBuffer>) -> Result<()> {
        self.rows += rows;
        match (&mut self.valid, nulls) {
            (Some(valid), Some(nulls)) => {
                valid.append_buffer(nulls.inner());
                self.nulls += nulls.null_count() as u64;
            }
            (Some(valid), None) => valid.append_n(rows, true),
            (None, Some(nulls)) if nulls.null_count() > 0 => {
                return Err(Error::RequiredNull);
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// Ends the page of the rows added. `put` appends their values.
    pub(super) fn end_page(
        &mut self,
        codec: &mut Codec,
        encoding: Encoding,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        self.page.clear();
        self.put_levels();
        put(&mut self.page);
        if i32::try_from(self.page.len()).is_err() {
            let what = if self.rows == 1 { "a value is" } else { "values are" };
            return Err(Error::PageTooLong(what));
        }
        let rows = std::mem::take(&mut self.rows);
        codec.compress(&self.page, &mut self.compressed)?;
        let buf = Bytes::from(std::mem::take(&mut self.compressed));
        let page = Page::DataPage {
            buf: buf.clone(),
            num_values: count(rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let compressed = CompressedPage::new(page, self.page.len());
        let written = SerializedPageWriter::new(&mut self.pages).write_page(compressed)?;
        self.uncompressed += written.uncompressed_size as i64;
        // Nobody else has it any more: the same memory.
        self.compressed = buf.into();
        // A single huge value must not keep its room for ever.
        if self.page.capacity() > 4 * PAGE_BYTES {
            (self.page, self.compressed) = (Vec::new(), Vec::new());
        }
        self.total_rows += rows as u64;
        self.count_page(PageType::DATA_PAGE, encoding);
        Ok(())
    }

    /// The definition levels of the page, led by their length in four bytes.
    fn put_levels(&mut self) {
        let Some(valid) = &mut self.valid else {
            return;
        };
        self.page.extend_from_slice(&[0; 4]);
        let bits = valid.finish();
        if bits.count_set_bits() == self.rows {
            put_varint(&mut self.page, (self.rows as u64) << 1);
            self.page.push(1);
        } else {
            put_levels(&mut self.page, bits.values(), self.rows);
        }
        let length = (self.page.len() - 4) as u32;
        self.page[..4].copy_from_slice(&length.to_le_bytes());
    }

    /// Keeps the dictionary: `values` in plain encoding, `entries` of them.
    pub(super) fn set_dictionary(&mut self, codec: &mut Codec, values: &[u8], entries: usize) -> Result<()> {
        let mut compressed = Vec::new();
        codec.compress(values, &mut compressed)?;
        compressed.shrink_to_fit();
        let page = Page::DictionaryPage {
            buf: compressed.into(),
            num_values: count(entries)?,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let mut sink = TrackedWrite::new(Vec::new());
        let written =
            SerializedPageWriter::new(&mut sink).write_page(CompressedPage::new(page, values.len()))?;
        self.uncompressed += written.uncompressed_size as i64;
        self.dictionary = Some(sink.into_inner()?);
        self.count_page(PageType::DICTIONARY_PAGE, Encoding::PLAIN);
        Ok(())
    }

    fn count_page(&mut self, page_type: PageType, encoding: Encoding) {
        let same =
            |stats: &&mut PageEncodingStats| stats.page_type == page_type && stats.encoding == encoding;
        match self.encodings.iter_mut().find(same) {
            Some(stats) => stats.count += 1,
            None => self.encodings.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
    }

    /// Appends the chunk to `group`. `statistics` makes the statistics of the number of NULLs.
    pub(super) fn finish<W: Write + Send>(
        mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        statistics: impl FnOnce(u64) -> Statistics,
    ) -> Result<()> {
        let pages = self.pages.into_inner()?;
        let dictionary = self.dictionary.unwrap_or_default();
        let compressed = dictionary.len() + pages.len();
        let mut encodings: BTreeSet<Encoding> = self.encodings.iter().map(|stats| stats.encoding).collect();
        encodings.insert(Encoding::RLE);
        // The dictionary's page comes first in the file, and readers expect it first here too.
        self.encodings.sort_by_key(|stats| stats.page_type != PageType::DICTIONARY_PAGE);
        let metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(self.compression)
            .set_encodings(encodings.into_iter().collect())
            .set_page_encoding_stats(self.encodings)
            .set_num_values(i64::try_from(self.total_rows).unwrap_or(i64::MAX))
            .set_total_compressed_size(compressed as i64)
            .set_total_uncompressed_size(self.uncompressed)
            .set_dictionary_page_offset((!dictionary.is_empty()).then_some(0))
            .set_data_page_offset(dictionary.len() as i64)
            .set_statistics(statistics(self.nulls))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: compressed as u64,
            rows_written: self.total_rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        let bytes = ChunkBytes { dictionary: dictionary.into(), pages: pages.into() };
        Ok(group.append_column(&bytes, close)?)
    }
}

fn count(values: usize) -> Result<u32> {
    u32::try_from(values).map_err(|_| Error::TooManyValues)
}

/// The bytes of a finished chunk.
struct ChunkBytes {
    dictionary: Bytes,
    pages: Bytes,
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        (self.dictionary.len() + self.pages.len()) as u64
    }
}

impl ChunkReader for ChunkBytes {
    type T = Chain<Cursor<Bytes>, Cursor<Bytes>>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut dictionary = Cursor::new(self.dictionary.clone());
        let mut pages = Cursor::new(self.pages.clone());
        dictionary.set_position(start);
        pages.set_position(start.saturating_sub(self.dictionary.len() as u64));
        Ok(dictionary.chain(pages))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}
