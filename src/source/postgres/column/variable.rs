//! The decoder of variable-length values: text and bytes.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, GenericByteArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::ByteArrayType;

use super::primitive::Nulls;
use super::{BadValue, Cell, ColumnDecoder};

/// Values with 32-bit offsets that come from bytes by a check alone.
pub(super) trait Checked: ByteArrayType<Offset = i32> {
    /// Refuses bytes that are no value of this type.
    fn check(value: &[u8]) -> Result<(), BadValue>;

    /// Whether it is plain that each of the values that make up `values` would pass [`Self::check`].
    fn plain(values: &[u8]) -> bool;
}

/// Fills a `StringArray` or a `BinaryArray`: plain vectors, which Arrow takes over as they are.
pub(super) struct VariableDecoder<T: Checked> {
    values: Vec<u8>,
    offsets: Vec<i32>,
    nulls: Nulls,
    capacity: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: Checked> VariableDecoder<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            values: Vec::with_capacity(capacity.saturating_mul(8)),
            offsets: offsets(capacity),
            nulls: Nulls::new(capacity),
            capacity,
            of: PhantomData,
        }
    }
}

impl<T: Checked> VariableDecoder<T> {
    /// Appends a value that is, or will be, checked.
    #[inline(always)]
    fn push(&mut self, value: &[u8]) -> Result<(), BadValue> {
        check_room(self.values.len(), value.len())?;
        self.values.extend_from_slice(value);
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_non_null();
        Ok(())
    }
}

/// Room for `capacity` values, with the first offset in it.
fn offsets(capacity: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(capacity + 1);
    offsets.push(0);
    offsets
}

impl<T: Checked> VariableDecoder<T> {
    /// Appends the `kept` part of several values.
    ///
    /// # Errors
    /// Those of [`ColumnDecoder::append_all`].
    #[inline(always)]
    pub(super) fn append_kept(
        &mut self,
        bytes: &[u8],
        cells: &[Cell],
        kept: impl Fn(&[u8]) -> &[u8],
    ) -> Result<(), (usize, BadValue)> {
        let before = self.values.len();
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

impl<T: Checked> ColumnDecoder for VariableDecoder<T> {
    #[inline]
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        T::check(value)?;
        self.push(value)
    }

    fn append_all(&mut self, bytes: &[u8], cells: &[Cell]) -> Result<(), (usize, BadValue)> {
        self.append_kept(bytes, cells, |value| value)
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

/// Refuses a value that the batch's 32-bit offsets cannot reach.
#[inline]
pub(super) fn check_room(used: usize, more: usize) -> Result<(), BadValue> {
    if used + more > i32::MAX as usize {
        return Err(BadValue {
            what: format!("a value of {more} bytes does not fit a batch that holds {used} bytes"),
            hint: "leave the column out with --columns",
        });
    }
    Ok(())
}
