//! The decoder of variable-length values: text and bytes.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, GenericByteArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{BinaryType, ByteArrayType, Utf8Type};

use super::cells::{Cell, CellDecoder};
use super::column::{BadValue, Bytes, ColumnDecoder, LEAVE_OUT_HINT, REPAIR_HINT};
use super::primitive::Nulls;

/// Values with 32-bit offsets that come from bytes by a check alone.
pub trait Checked: ByteArrayType<Offset = i32> {
    /// Refuses bytes that are no value of this type.
    ///
    /// # Errors
    /// That they are none.
    fn check(value: &[u8]) -> Result<(), BadValue>;

    /// Whether it is plain that each of the values that make up `values` would pass [`Self::check`].
    fn plain(values: &[u8]) -> bool;
}

impl Checked for Utf8Type {
    // Checked value by value, so that the error names the row.
    #[inline(always)]
    fn check(value: &[u8]) -> Result<(), BadValue> {
        if value.is_ascii() {
            return Ok(());
        }
        std::str::from_utf8(value).map(drop).map_err(|error| not_utf8(&error))
    }

    fn plain(values: &[u8]) -> bool {
        values.is_ascii()
    }
}

#[cold]
fn not_utf8(error: &std::str::Utf8Error) -> BadValue {
    BadValue { what: format!("text is not UTF-8: {error}"), hint: REPAIR_HINT }
}

impl Checked for BinaryType {
    #[inline]
    fn check(_value: &[u8]) -> Result<(), BadValue> {
        Ok(())
    }

    fn plain(_values: &[u8]) -> bool {
        true
    }
}

/// Fills a `StringArray` or a `BinaryArray`: plain vectors, which Arrow takes over as they are.
pub struct VariableDecoder<T: Checked> {
    values: Vec<u8>,
    offsets: Vec<i32>,
    nulls: Nulls,
    capacity: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: Checked> VariableDecoder<T> {
    /// Room for `capacity` values, most of them short.
    pub fn new(capacity: usize) -> Self {
        Self {
            values: Vec::with_capacity(capacity.saturating_mul(8)),
            offsets: offsets(capacity),
            nulls: Nulls::new(capacity),
            capacity,
            of: PhantomData,
        }
    }

    /// Appends a value that is, or will be, checked.
    #[inline(always)]
    fn push(&mut self, value: &[u8]) -> Result<(), BadValue> {
        check_room(self.values.len(), value.len())?;
        self.values.extend_from_slice(value);
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_non_null();
        Ok(())
    }

    /// Appends the `kept` part of several values.
    ///
    /// # Errors
    /// Those of [`CellDecoder::append_all`].
    #[inline(always)]
    pub fn append_kept(
        &mut self,
        bytes: &[u8],
        cells: &[Cell],
        kept: impl Fn(&[u8]) -> &[u8],
    ) -> Result<(), (usize, BadValue)> {
        let before = self.values.len();
        self.offsets.reserve(cells.len());
        for (number, cell) in cells.iter().enumerate() {
            match cell.of(bytes) {
                Some(value) => self.push(kept(value)).map_err(|bad| (number, bad))?,
                None => self.append_null(),
            }
        }
        // All at once, many bytes at a time; one by one only where that does not tell.
        if T::plain(&self.values[before..]) {
            return Ok(());
        }
        cells.iter().enumerate().try_for_each(|(number, cell)| {
            cell.of(bytes).map_or(Ok(()), |value| T::check(kept(value))).map_err(|bad| (number, bad))
        })
    }
}

/// Room for `capacity` values, with the first offset in it.
fn offsets(capacity: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(capacity + 1);
    offsets.push(0);
    offsets
}

impl<T: Checked> ColumnDecoder<Bytes> for VariableDecoder<T> {
    #[inline]
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        T::check(value)?;
        self.push(value)
    }

    fn append_null(&mut self) {
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        // The next batch will hold about as much as this one.
        let next = Vec::with_capacity(self.values.len() + self.values.len() / 16);
        let values = std::mem::replace(&mut self.values, next);
        let offsets = std::mem::replace(&mut self.offsets, offsets(self.capacity));
        // Arrow checks the whole buffer once more, many bytes at a time.
        Arc::new(GenericByteArray::<T>::new(
            OffsetBuffer::new(offsets.into()),
            values.into(),
            self.nulls.finish(),
        ))
    }

    fn bytes(&self) -> usize {
        self.values.len() + size_of_val(self.offsets.as_slice())
    }
}

impl<T: Checked> CellDecoder for VariableDecoder<T> {
    fn append_all(&mut self, bytes: &[u8], cells: &[Cell]) -> Result<(), (usize, BadValue)> {
        self.append_kept(bytes, cells, |value| value)
    }
}

/// Refuses a value that the batch's 32-bit offsets cannot reach.
#[inline]
fn check_room(used: usize, more: usize) -> Result<(), BadValue> {
    if used + more > i32::MAX as usize {
        return Err(BadValue {
            what: format!("a value of {more} bytes does not fit a batch that holds {used} bytes"),
            hint: LEAVE_OUT_HINT,
        });
    }
    Ok(())
}
