//! Columns that are 32 or 64 bits wide in Parquet: integers, dates, times, timestamps and decimals of few digits.

use std::borrow::Cow;
use std::io::Write;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_schema::{DataType, TimeUnit};
use parquet::basic::Encoding;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::bloom::Bloom;
use super::chunk::Chunk;
use super::codec::Codec;
use super::codes::Codes;
use super::delta::{Delta, put_deltas};
use super::dictionary::IntegerDictionary;
use super::encoder::{Choice, ChunkEncoder, PAGE_BYTES, piece_rows};
use super::error::{Error, Result};
use super::page_index::PageBounds;
use super::rule::{NEW_INTEGERS, Sample, is_full, pays};

/// Values for which both ways to write them are tried.
const TRIAL: usize = 4096;

/// An integer of a width that Parquet has.
pub(super) trait Integer: Delta + Ord + Into<i64> + Send + 'static {
    /// Its bytes.
    type Bytes: AsRef<[u8]>;
    /// As Parquet stores it, lowest byte first.
    fn bytes(self) -> Self::Bytes;
    /// Appends `values`, lowest byte first.
    fn put_plain(out: &mut Vec<u8>, values: &[Self]);
    /// The values of `array` that are not NULL; none if its type is another one.
    fn of(array: &dyn Array) -> Option<Cow<'_, [Self]>>;
    /// Statistics of a chunk.
    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics;
}

impl Integer for i32 {
    type Bytes = [u8; 4];

    #[inline]
    fn bytes(self) -> Self::Bytes {
        self.to_le_bytes()
    }

    fn put_plain(out: &mut Vec<u8>, values: &[Self]) {
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn of(array: &dyn Array) -> Option<Cow<'_, [Self]>> {
        Some(match array.data_type() {
            DataType::Int8 => converted(array.as_primitive::<Int8Type>(), Self::from),
            DataType::Int16 => converted(array.as_primitive::<Int16Type>(), Self::from),
            DataType::Int32 => present(array.as_primitive::<Int32Type>()),
            DataType::Date32 => present(array.as_primitive::<Date32Type>()),
            DataType::Time32(TimeUnit::Millisecond) => present(array.as_primitive::<Time32MillisecondType>()),
            DataType::Decimal32(..) => present(array.as_primitive::<Decimal32Type>()),
            DataType::Decimal64(..=9, _) => converted(array.as_primitive::<Decimal64Type>(), |v| v as Self),
            DataType::Decimal128(..=9, _) => converted(array.as_primitive::<Decimal128Type>(), |v| v as Self),
            _ => return None,
        })
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        Statistics::int32(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false)
    }
}

impl Integer for i64 {
    type Bytes = [u8; 8];

    #[inline]
    fn bytes(self) -> Self::Bytes {
        self.to_le_bytes()
    }

    fn put_plain(out: &mut Vec<u8>, values: &[Self]) {
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn of(array: &dyn Array) -> Option<Cow<'_, [Self]>> {
        Some(match array.data_type() {
            DataType::Int64 => present(array.as_primitive::<Int64Type>()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                present(array.as_primitive::<TimestampMillisecondType>())
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                present(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                present(array.as_primitive::<TimestampNanosecondType>())
            }
            DataType::Time64(TimeUnit::Microsecond) => present(array.as_primitive::<Time64MicrosecondType>()),
            DataType::Time64(TimeUnit::Nanosecond) => present(array.as_primitive::<Time64NanosecondType>()),
            DataType::Decimal64(10.., _) => present(array.as_primitive::<Decimal64Type>()),
            DataType::Decimal128(10..=18, _) => {
                converted(array.as_primitive::<Decimal128Type>(), |v| v as Self)
            }
            _ => return None,
        })
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        Statistics::int64(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false)
    }
}

/// The values that are not NULL, where they are if all are.
fn present<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Cow<'_, [T::Native]> {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => Cow::Borrowed(array.values()),
        Some(nulls) => nulls.valid_indices().map(|row| array.value(row)).collect(),
    }
}

/// The values that are not NULL, in another width. That they fit is checked where they are made.
fn converted<T: ArrowPrimitiveType, N: Clone>(
    array: &PrimitiveArray<T>,
    convert: impl Fn(T::Native) -> N,
) -> Cow<'_, [N]> {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => array.values().iter().map(|value| convert(*value)).collect(),
        Some(nulls) => nulls.valid_indices().map(|row| convert(array.value(row))).collect(),
    }
}

/// Encodes integers: by a dictionary while that pays, else as packed differences or plain, whichever is smaller.
pub(super) struct IntegerEncoder<T> {
    chunk: Chunk,
    dictionary: Option<IntegerDictionary<T>>,
    codes: Codes,
    sample: Sample,
    /// Values of a page without dictionary.
    plain: Vec<T>,
    /// Of the values that are in no dictionary; with a page index, of all whose pages are complete.
    bounds: Option<(T, T)>,
    /// Of the page, with a page index.
    page_bounds: Option<(T, T)>,
    bloom: Option<Bloom>,
    /// Whether differences may be used, and once it was tried, whether they are.
    delta_allowed: bool,
    delta: Option<bool>,
}

impl<T: Integer> IntegerEncoder<T> {
    pub(super) fn new(descriptor: ColumnDescPtr, choice: Choice) -> Self {
        Self {
            chunk: Chunk::new(descriptor, choice),
            dictionary: choice.dictionary.then(IntegerDictionary::new),
            codes: Codes::default(),
            sample: Sample::default(),
            plain: Vec::new(),
            bounds: None,
            page_bounds: None,
            bloom: Bloom::of(choice.bloom),
            delta_allowed: choice.delta,
            delta: None,
        }
    }

    fn add(&mut self, values: &[T]) {
        let indexed = self.chunk.is_indexed();
        match &mut self.dictionary {
            Some(dictionary) => self.codes.page.extend(values.iter().map(|value| dictionary.code(*value))),
            None => {
                self.plain.extend_from_slice(values);
                if !indexed {
                    self.bounds = widened(self.bounds, values);
                }
                add_to_filter(&mut self.bloom, values);
            }
        }
        if indexed {
            self.page_bounds = widened(self.page_bounds, values);
        }
    }

    /// Gives the dictionary up if it holds too much, or if it does not pay.
    fn reconsider(&mut self, codec: &mut Codec, added: usize) -> Result<()> {
        let Some(dictionary) = &self.dictionary else {
            return Ok(());
        };
        let distinct = dictionary.values().len();
        let unlikely_to_pay = self.sample.unlikely_to_pay(added, distinct, NEW_INTEGERS);
        if unlikely_to_pay && self.chunk.is_first_page() {
            self.expand();
        // The first of smaller pages may end before the sample does.
        } else if is_full(size_of_val(dictionary.values())) || unlikely_to_pay && self.chunk.is_indexed() {
            self.end_page(codec)?;
            self.end_dictionary(codec)?;
        }
        Ok(())
    }

    /// Turns the codes of the first page into values again.
    fn expand(&mut self) {
        if let Some(dictionary) = self.dictionary.take() {
            let values = dictionary.values();
            self.plain.extend(self.codes.page.drain(..).map(|code| values[code as usize]));
            self.leave(&dictionary);
        }
    }

    /// Takes the values of a dictionary into account that takes no more.
    fn leave(&mut self, dictionary: &IntegerDictionary<T>) {
        if !self.chunk.is_indexed() {
            self.bounds = widened(self.bounds, dictionary.values());
        }
        add_to_filter(&mut self.bloom, dictionary.values());
    }

    fn end_dictionary(&mut self, codec: &mut Codec) -> Result<()> {
        let Some(dictionary) = self.dictionary.take() else {
            return Ok(());
        };
        self.leave(&dictionary);
        let mut page = Vec::new();
        T::put_plain(&mut page, dictionary.values());
        self.chunk.set_dictionary(codec, &page, dictionary.values().len())
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        if self.chunk.rows() == 0 {
            return Ok(());
        }
        if let Some((low, high)) = self.page_bounds.take() {
            self.bounds = widened(self.bounds, &[low, high]);
            let plain = |bound: T| bound.bytes().as_ref().to_vec();
            self.chunk.bound_page(PageBounds::Between(plain(low), plain(high)));
        }
        if let Some(dictionary) = &self.dictionary {
            return self.codes.end_page(&mut self.chunk, codec, dictionary.values().len());
        }
        // Differences of nothing have no agreed form.
        let delta = !self.plain.is_empty() && self.delta_pays(codec)?;
        if delta {
            self.chunk
                .end_page(codec, Encoding::DELTA_BINARY_PACKED, |page| put_deltas(page, &self.plain))?;
        } else {
            self.chunk.end_page(codec, Encoding::PLAIN, |page| T::put_plain(page, &self.plain))?;
        }
        self.plain.clear();
        Ok(())
    }

    /// Whether packed differences are smaller once compressed, of the first values of the chunk.
    fn delta_pays(&mut self, codec: &mut Codec) -> Result<bool> {
        if let Some(known) = self.delta {
            return Ok(known);
        }
        let mut pays = false;
        if self.delta_allowed {
            let values = &self.plain[..self.plain.len().min(TRIAL)];
            let (mut plain, mut delta, mut compressed) = (Vec::new(), Vec::new(), Vec::new());
            T::put_plain(&mut plain, values);
            put_deltas(&mut delta, values);
            codec.compress(&plain, &mut compressed)?;
            let plain_bytes = compressed.len();
            codec.compress(&delta, &mut compressed)?;
            pays = compressed.len() < plain_bytes;
        }
        self.delta = Some(pays);
        Ok(pays)
    }
}

impl<T: Integer, W: Write + Send> ChunkEncoder<W> for IntegerEncoder<T> {
    fn write(&mut self, codec: &mut Codec, array: &ArrayRef) -> Result<()> {
        let mut at = 0;
        while at < array.len() {
            let rows = piece_rows(array.len() - at, self.chunk.rows(), self.chunk.page_rows());
            let piece = array.slice(at, rows);
            let values = T::of(&piece).ok_or_else(|| Error::OtherType(piece.data_type().clone()))?;
            self.chunk.add_rows(rows, piece.nulls())?;
            self.add(&values);
            self.reconsider(codec, values.len())?;
            if self.chunk.rows() >= self.chunk.page_rows() || self.plain.len() * size_of::<T>() >= PAGE_BYTES
            {
                self.end_page(codec)?;
            }
            at += rows;
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.chunk.memory()
            + self.codes.memory()
            + self.plain.capacity() * size_of::<T>()
            + self.dictionary.as_ref().map_or(0, IntegerDictionary::memory)
            + self.bloom.as_ref().map_or(0, Bloom::memory)
    }

    fn encoded(&self) -> usize {
        let values = self.dictionary.as_ref().map_or(&[][..], IntegerDictionary::values);
        self.chunk.memory()
            + self.codes.encoded(values.len())
            + size_of_val(values)
            + size_of_val(self.plain.as_slice())
    }

    fn finish(
        mut self: Box<Self>,
        codec: &mut Codec,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        if let Some(dictionary) = &self.dictionary
            && self.chunk.is_first_page()
        {
            let (distinct, values) = (dictionary.values().len(), self.codes.page.len());
            if !pays(distinct * size_of::<T>(), distinct, values, values * size_of::<T>()) {
                self.expand();
            }
        }
        self.end_page(codec)?;
        if self.dictionary.is_some() {
            // Its values come again and again.
            self.bloom.take_if(|bloom| bloom.measured);
        }
        self.end_dictionary(codec)?;
        let bounds = self.bounds;
        let filter = self.bloom.and_then(Bloom::into_filter);
        self.chunk.finish(group, filter, |nulls| T::statistics(bounds, nulls))
    }
}

fn add_to_filter<T: Integer>(bloom: &mut Option<Bloom>, values: &[T]) {
    if let Some(bloom) = bloom {
        values.iter().for_each(|value| bloom.add(value.bytes().as_ref()));
    }
}

/// Bounds of what `bounds` are of and of `values`.
fn widened<T: Ord + Copy>(bounds: Option<(T, T)>, values: &[T]) -> Option<(T, T)> {
    let Some(first) = values.first() else {
        return bounds;
    };
    let (low, high) = bounds.unwrap_or((*first, *first));
    let low = values.iter().copied().fold(low, Ord::min);
    let high = values.iter().copied().fold(high, Ord::max);
    Some((low, high))
}
