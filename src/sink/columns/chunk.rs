//! One column chunk: pages, one after the other, and what its metadata says.

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::NullBuffer;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::codec::{Codec, Room};
use super::encoder::Choice;
use super::error::{Error, Result};
use super::hybrid::{put_levels, put_varint};
use super::page_index::{PageBounds, PageIndex};

/// About as many bytes has the header of a page.
const HEADER_BYTES: usize = 64;

/// A column chunk as it grows. Pages are of version 1, which every reader knows.
pub(super) struct Chunk {
    descriptor: ColumnDescPtr,
    compression: Compression,
    /// Data pages with their headers, each in memory of its size: one buffer for all would grow by copies of itself.
    pages: Vec<Bytes>,
    /// The dictionary page with its header.
    dictionary: Option<Bytes>,
    /// Which rows of the next page have a value; none if all of the column have.
    valid: Option<BooleanBufferBuilder>,
    /// Rows in the next page.
    rows: usize,
    /// Rows after which it is full.
    page_rows: usize,
    /// NULLs in it.
    page_nulls: u64,
    nulls: u64,
    total_rows: u64,
    uncompressed: i64,
    encodings: Vec<PageEncodingStats>,
    index: Option<PageIndex>,
}

impl Chunk {
    pub(super) fn new(descriptor: ColumnDescPtr, choice: Choice) -> Self {
        let valid = (descriptor.max_def_level() > 0).then(|| BooleanBufferBuilder::new(0));
        Self {
            page_rows: choice.page_rows(),
            index: choice.indexed.then(|| PageIndex::new(descriptor.physical_type())),
            descriptor,
            compression: choice.compression,
            pages: Vec::new(),
            dictionary: None,
            valid,
            rows: 0,
            page_nulls: 0,
            nulls: 0,
            total_rows: 0,
            uncompressed: 0,
            encodings: Vec::new(),
        }
    }

    /// Rows that the next page has so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Rows after which a page is full.
    pub(super) fn page_rows(&self) -> usize {
        self.page_rows
    }

    /// Whether the bounds of every page are wanted.
    pub(super) fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// Says between which values those of the page lie that ends next.
    pub(super) fn bound_page(&mut self, bounds: PageBounds) {
        if let Some(index) = &mut self.index {
            index.bound(bounds);
        }
    }

    /// Whether no page is complete yet.
    pub(super) fn is_first_page(&self) -> bool {
        self.pages.is_empty()
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let parts = self.dictionary.iter().chain(&self.pages);
        parts.map(Bytes::len).sum::<usize>() + self.valid.as_ref().map_or(0, |valid| valid.len() / 8)
    }

    /// Adds `rows` rows to the next page, of which `nulls` have no value.
    ///
    /// Errors: for a NULL in a column that has none, whose page could not be read.
    pub(super) fn add_rows(&mut self, rows: usize, nulls: Option<&NullBuffer>) -> Result<()> {
        self.rows += rows;
        match (&mut self.valid, nulls) {
            (Some(valid), Some(nulls)) => {
                valid.append_buffer(nulls.inner());
                self.page_nulls += nulls.null_count() as u64;
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
        let Room { mut page, mut compressed } = codec.take_room();
        self.put_levels(&mut page);
        put(&mut page);
        if i32::try_from(page.len()).is_err() {
            let what = if self.rows == 1 { "a value is" } else { "values are" };
            return Err(Error::PageTooLong(what));
        }
        let rows = std::mem::take(&mut self.rows);
        codec.compress(&page, &mut compressed)?;
        let buf = Bytes::from(compressed);
        let data = Page::DataPage {
            buf: buf.clone(),
            num_values: count(rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written = self.write_page(CompressedPage::new(data, page.len()), buf.len())?;
        let nulls = std::mem::take(&mut self.page_nulls);
        self.nulls += nulls;
        if let Some(index) = &mut self.index {
            index.end_page(rows, nulls, written.len());
        }
        self.pages.push(written);
        // Nobody else has it any more: the same memory.
        codec.give_back(Room { page, compressed: buf.into() });
        self.total_rows += rows as u64;
        self.count_page(PageType::DATA_PAGE, encoding);
        Ok(())
    }

    /// The definition levels of `page`, which is empty, led by their length in four bytes.
    fn put_levels(&mut self, page: &mut Vec<u8>) {
        let Some(valid) = &mut self.valid else {
            return;
        };
        page.extend_from_slice(&[0; 4]);
        let bits = valid.finish();
        if bits.count_set_bits() == self.rows {
            put_varint(page, (self.rows as u64) << 1);
            page.push(1);
        } else {
            put_levels(page, bits.values(), self.rows);
        }
        let length = (page.len() - 4) as u32;
        page[..4].copy_from_slice(&length.to_le_bytes());
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
        let length = page.buffer().len();
        self.dictionary = Some(self.write_page(CompressedPage::new(page, values.len()), length)?);
        self.count_page(PageType::DICTIONARY_PAGE, Encoding::PLAIN);
        Ok(())
    }

    /// A page with its header, whose compressed values are `length` bytes.
    fn write_page(&mut self, page: CompressedPage, length: usize) -> Result<Bytes> {
        let mut sink = TrackedWrite::new(Vec::with_capacity(length + HEADER_BYTES));
        let written = SerializedPageWriter::new(&mut sink).write_page(page)?;
        self.uncompressed += written.uncompressed_size as i64;
        Ok(sink.into_inner()?.into())
    }

    fn count_page(&mut self, page_type: PageType, encoding: Encoding) {
        let same =
            |stats: &&mut PageEncodingStats| stats.page_type == page_type && stats.encoding == encoding;
        match self.encodings.iter_mut().find(same) {
            Some(stats) => stats.count += 1,
            None => self.encodings.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
    }

    /// Appends the chunk to `group`, with a Bloom filter if it has one. `statistics` makes the statistics of the number
    /// of NULLs.
    pub(super) fn finish<W: Write + Send>(
        mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        bloom_filter: Option<Sbbf>,
        statistics: impl FnOnce(u64) -> Statistics,
    ) -> Result<()> {
        let offset = self.dictionary.as_ref().map_or(0, Bytes::len);
        let bytes = ChunkBytes(self.dictionary.into_iter().chain(self.pages).collect());
        let compressed = bytes.len();
        let mut encodings: BTreeSet<Encoding> = self.encodings.iter().map(|stats| stats.encoding).collect();
        encodings.insert(Encoding::RLE);
        // The dictionary's page comes first in the file, and readers expect it first here too.
        self.encodings.sort_by_key(|stats| stats.page_type != PageType::DICTIONARY_PAGE);
        let metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(self.compression)
            .set_encodings(encodings.into_iter().collect())
            .set_page_encoding_stats(self.encodings)
            .set_num_values(i64::try_from(self.total_rows).unwrap_or(i64::MAX))
            .set_total_compressed_size(i64::try_from(compressed).unwrap_or(i64::MAX))
            .set_total_uncompressed_size(self.uncompressed)
            .set_dictionary_page_offset((offset > 0).then_some(0))
            .set_data_page_offset(offset as i64)
            .set_statistics(statistics(self.nulls))
            .build()?;
        let (column_index, offset_index) = match self.index {
            Some(index) => {
                let (column, offset) = index.finish(offset)?;
                (column, Some(offset))
            }
            None => (None, None),
        };
        let close = ColumnCloseResult {
            bytes_written: compressed,
            rows_written: self.total_rows,
            metadata,
            bloom_filter,
            column_index,
            offset_index,
        };
        Ok(group.append_column(&bytes, close)?)
    }
}

fn count(values: usize) -> Result<u32> {
    u32::try_from(values).map_err(|_| Error::TooManyValues)
}

/// The pages of a finished chunk, in their order.
struct ChunkBytes(VecDeque<Bytes>);

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.0.iter().map(|page| page.len() as u64).sum()
    }
}

impl ChunkReader for ChunkBytes {
    type T = Pages;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut pages = Pages(self.0.clone());
        std::io::copy(&mut (&mut pages).take(start), &mut std::io::sink())?;
        Ok(pages)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Pages that are read one after the other.
struct Pages(VecDeque<Bytes>);

impl Read for Pages {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while let Some(page) = self.0.front_mut() {
            if page.is_empty() {
                self.0.pop_front();
                continue;
            }
            let count = out.len().min(page.len());
            out[..count].copy_from_slice(&page.split_to(count));
            return Ok(count);
        }
        Ok(0)
    }
}
