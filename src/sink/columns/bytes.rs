//! Columns of text and binary values.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, GenericByteArray, OffsetSizeTrait};
use arrow::datatypes::{ArrowNativeType, ByteArrayType};
use arrow_schema::DataType;
use parquet::basic::Encoding;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::bloom::Bloom;
use super::bounds::ByteBounds;
use super::chunk::Chunk;
use super::codec::Codec;
use super::codes::Codes;
use super::delta::put_deltas;
use super::dictionary::ByteDictionary;
use super::encoder::{Choice, ChunkEncoder, PAGE_BYTES, piece_rows};
use super::error::{Error, Result};
use super::rule::{NEW_BYTES, Sample, is_full, pays};

/// Bytes that lead a plain value.
const LENGTH_BYTES: usize = 4;

/// Encodes byte strings: by a dictionary while that pays, else the lengths as packed differences and then all bytes,
/// or plain.
pub(super) struct ByteEncoder {
    chunk: Chunk,
    utf8: bool,
    delta: bool,
    dictionary: Option<ByteDictionary>,
    codes: Codes,
    sample: Sample,
    /// Bytes of the values that the codes stand for.
    coded_bytes: usize,
    /// Lengths and bytes of a page without dictionary.
    lengths: Vec<i32>,
    bytes: Vec<u8>,
    /// Of the values that are in no dictionary; with a page index, of all whose pages are complete.
    bounds: ByteBounds,
    /// Of those of the page that are in no dictionary, with a page index.
    page_bounds: ByteBounds,
    bloom: Option<Bloom>,
}

impl ByteEncoder {
    /// `utf8` if the values are text.
    pub(super) fn new(descriptor: ColumnDescPtr, choice: Choice, utf8: bool) -> Self {
        Self {
            chunk: Chunk::new(descriptor, choice),
            utf8,
            delta: choice.delta,
            dictionary: choice.dictionary.then(ByteDictionary::new),
            codes: Codes::default(),
            sample: Sample::default(),
            coded_bytes: 0,
            lengths: Vec::new(),
            bytes: Vec::new(),
            bounds: ByteBounds::default(),
            page_bounds: ByteBounds::default(),
            bloom: Bloom::of(choice.bloom),
        }
    }

    /// Adds the rows of `array`, in pieces that make pages of a bearable size.
    fn write_array<T: ByteArrayType>(
        &mut self,
        codec: &mut Codec,
        array: &GenericByteArray<T>,
    ) -> Result<()> {
        let mut at = 0;
        while at < array.len() {
            let rows = self.room(array.value_offsets(), at);
            let piece = array.slice(at, rows);
            if array.value_offsets()[at + rows].as_usize() - array.value_offsets()[at].as_usize() > PAGE_BYTES
            {
                self.leave_dictionary(codec)?;
            }
            self.chunk.add_rows(rows, piece.nulls())?;
            self.add(&piece)?;
            self.reconsider(codec, rows - piece.null_count())?;
            if self.chunk.rows() >= self.chunk.page_rows() || self.plain_bytes() >= PAGE_BYTES {
                self.end_page(codec)?;
            }
            at += rows;
        }
        Ok(())
    }

    /// Rows from `at` on that fit into the page, at least one.
    fn room<O: OffsetSizeTrait>(&self, offsets: &[O], at: usize) -> usize {
        let left = PAGE_BYTES.saturating_sub(self.plain_bytes());
        let last = at + piece_rows(offsets.len() - 1 - at, self.chunk.rows(), self.chunk.page_rows());
        let start = offsets[at].as_usize();
        // Offsets never fall.
        offsets[at + 1..=last].partition_point(|offset| offset.as_usize() - start <= left).max(1)
    }

    fn plain_bytes(&self) -> usize {
        self.bytes.len() + self.lengths.len() * LENGTH_BYTES
    }

    fn add<T: ByteArrayType>(&mut self, piece: &GenericByteArray<T>) -> Result<()> {
        let offsets = piece.value_offsets();
        let data = piece.value_data();
        let bounds = |row: usize| (offsets[row].as_usize(), offsets[row + 1].as_usize());
        let nulls = piece.nulls().filter(|nulls| nulls.null_count() > 0);
        if self.dictionary.is_none()
            && let Some(bloom) = &mut self.bloom
        {
            piece.iter().flatten().for_each(|value| bloom.add(value.as_ref()));
        }
        let to_bound = if self.chunk.is_indexed() { &mut self.page_bounds } else { &mut self.bounds };
        match (&mut self.dictionary, nulls) {
            (Some(dictionary), nulls) => {
                let mut code = |row: usize| {
                    let (start, end) = bounds(row);
                    self.coded_bytes += end - start;
                    dictionary.code(&data[start..end])
                };
                match nulls {
                    None => self.codes.page.extend((0..piece.len()).map(&mut code)),
                    Some(nulls) => self.codes.page.extend(nulls.valid_indices().map(&mut code)),
                }
            }
            (None, None) => {
                let (start, end) = (bounds(0).0, bounds(piece.len() - 1).1);
                self.bytes.extend_from_slice(&data[start..end]);
                for pair in offsets.windows(2) {
                    let (start, end) = (pair[0].as_usize(), pair[1].as_usize());
                    self.lengths.push(length(end - start)?);
                    to_bound.add(&data[start..end]);
                }
            }
            (None, Some(nulls)) => {
                for row in nulls.valid_indices() {
                    let (start, end) = bounds(row);
                    self.bytes.extend_from_slice(&data[start..end]);
                    self.lengths.push(length(end - start)?);
                    to_bound.add(&data[start..end]);
                }
            }
        }
        Ok(())
    }

    /// Gives the dictionary up if it holds too much, or if it does not pay.
    fn reconsider(&mut self, codec: &mut Codec, added: usize) -> Result<()> {
        let Some(dictionary) = &self.dictionary else {
            return Ok(());
        };
        let unlikely_to_pay = self.sample.unlikely_to_pay(added, dictionary.len(), NEW_BYTES);
        if unlikely_to_pay && self.can_expand() {
            self.expand()
        // The first of smaller pages may end before the sample does.
        } else if is_full(dictionary.page().len()) || unlikely_to_pay && self.chunk.is_indexed() {
            self.leave_dictionary(codec)
        } else {
            Ok(())
        }
    }

    /// Goes on without a dictionary, which must not hold huge values.
    fn leave_dictionary(&mut self, codec: &mut Codec) -> Result<()> {
        if self.can_expand() {
            return self.expand();
        }
        self.end_page(codec)?;
        self.end_dictionary(codec)
    }

    /// Whether the codes are all there are, and stand for no more than a page or two: one long value may be behind
    /// thousands of codes.
    fn can_expand(&self) -> bool {
        self.chunk.is_first_page()
            && self.coded_bytes + self.codes.page.len() * LENGTH_BYTES <= 2 * PAGE_BYTES
    }

    /// Turns the codes of the first page into values again.
    fn expand(&mut self) -> Result<()> {
        let Some(dictionary) = self.dictionary.take() else {
            return Ok(());
        };
        for code in self.codes.page.drain(..) {
            let value = dictionary.value(code);
            self.bytes.extend_from_slice(value);
            self.lengths.push(length(value.len())?);
        }
        // All of them are in this page.
        let to_bound = if self.chunk.is_indexed() { &mut self.page_bounds } else { &mut self.bounds };
        dictionary.values().for_each(|value| to_bound.add(value));
        self.add_to_filter(&dictionary);
        Ok(())
    }

    fn end_dictionary(&mut self, codec: &mut Codec) -> Result<()> {
        let Some(dictionary) = self.dictionary.take() else {
            return Ok(());
        };
        if !self.chunk.is_indexed() {
            dictionary.values().for_each(|value| self.bounds.add(value));
        }
        self.add_to_filter(&dictionary);
        self.chunk.set_dictionary(codec, dictionary.page(), dictionary.len())
    }

    fn add_to_filter(&mut self, dictionary: &ByteDictionary) {
        if let Some(bloom) = &mut self.bloom {
            dictionary.values().for_each(|value| bloom.add(value));
        }
    }

    /// Says between which values those of the page lie that ends now, and takes them into those of the chunk.
    fn bound_page(&mut self) {
        let mut page = std::mem::take(&mut self.page_bounds);
        if let Some(dictionary) = &self.dictionary {
            self.codes.each(dictionary.len(), |code| page.add(dictionary.value(code)));
        }
        self.chunk.bound_page(page.of_page(self.utf8));
        self.bounds.merge(&page);
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        if self.chunk.rows() == 0 {
            return Ok(());
        }
        if self.chunk.is_indexed() {
            self.bound_page();
        }
        if let Some(dictionary) = &self.dictionary {
            self.coded_bytes = 0;
            return self.codes.end_page(&mut self.chunk, codec, dictionary.len());
        }
        // Differences of nothing have no agreed form.
        let delta = self.delta && !self.lengths.is_empty();
        let encoding = if delta { Encoding::DELTA_LENGTH_BYTE_ARRAY } else { Encoding::PLAIN };
        self.chunk.end_page(codec, encoding, |page| {
            if delta {
                put_deltas(page, &self.lengths);
                page.extend_from_slice(&self.bytes);
            } else {
                put_plain(page, &self.lengths, &self.bytes);
            }
            // A single huge value must neither keep its room for ever nor be there while it is compressed.
            if self.bytes.capacity() > 4 * PAGE_BYTES {
                self.bytes = Vec::new();
            }
        })?;
        self.lengths.clear();
        self.bytes.clear();
        Ok(())
    }
}

impl<W: Write + Send> ChunkEncoder<W> for ByteEncoder {
    fn write(&mut self, codec: &mut Codec, array: &ArrayRef) -> Result<()> {
        match array.data_type() {
            DataType::Utf8 => self.write_array(codec, array.as_string::<i32>()),
            DataType::LargeUtf8 => self.write_array(codec, array.as_string::<i64>()),
            DataType::Binary => self.write_array(codec, array.as_binary::<i32>()),
            DataType::LargeBinary => self.write_array(codec, array.as_binary::<i64>()),
            other => Err(Error::OtherType(other.clone())),
        }
    }

    fn memory(&self) -> usize {
        self.chunk.memory()
            + self.codes.memory()
            + self.lengths.capacity() * size_of::<i32>()
            + self.bytes.capacity()
            + self.dictionary.as_ref().map_or(0, ByteDictionary::memory)
            + self.bloom.as_ref().map_or(0, Bloom::memory)
    }

    fn encoded(&self) -> usize {
        let of_dictionary = |d: &ByteDictionary| d.page().len() + self.codes.encoded(d.len());
        self.chunk.memory() + self.plain_bytes() + self.dictionary.as_ref().map_or(0, of_dictionary)
    }

    fn finish(
        mut self: Box<Self>,
        codec: &mut Codec,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        if let Some(dictionary) = &self.dictionary
            && self.can_expand()
        {
            let values = self.codes.page.len();
            let plain = self.coded_bytes + values * LENGTH_BYTES;
            if !pays(dictionary.page().len(), dictionary.len(), values, plain) {
                self.expand()?;
            }
        }
        self.end_page(codec)?;
        if self.dictionary.is_some() {
            // Its values come again and again.
            self.bloom.take_if(|bloom| bloom.measured);
        }
        self.end_dictionary(codec)?;
        let (bounds, utf8) = (self.bounds, self.utf8);
        let filter = self.bloom.and_then(Bloom::into_filter);
        self.chunk.finish(group, filter, |nulls| bounds.statistics(utf8, nulls))
    }
}

fn length(bytes: usize) -> Result<i32> {
    i32::try_from(bytes).map_err(|_| Error::ValueTooLong)
}

/// Each value led by its length.
fn put_plain(page: &mut Vec<u8>, lengths: &[i32], mut bytes: &[u8]) {
    for length in lengths {
        let (value, rest) = bytes.split_at(*length as usize);
        page.extend_from_slice(&length.to_le_bytes());
        page.extend_from_slice(value);
        bytes = rest;
    }
}
