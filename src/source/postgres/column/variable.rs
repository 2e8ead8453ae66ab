//! The decoder of variable-length values: text and bytes.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, GenericByteArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::ByteArrayType;

use super::primitive::Nulls;
use super::{BadValue, ColumnDecoder};

/// Values with 32-bit offsets that come from bytes by a check alone.
pub(super) trait Checked: ByteArrayType<Offset = i32> {
    /// Refuses bytes that are no value of this type.
    fn check(value: &[u8]) -> Result<(), BadValue>;
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

/// Room for `capacity` values, with the first offset in it.
fn offsets(capacity: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(capacity + 1);
    offsets.push(0);
    offsets
}

impl<T: Checked> ColumnDecoder for VariableDecoder<T> {
    // A part of the loop of `append_all`.
    #[inline(always)]
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        T::check(value)?;
        check_room(self.values.len(), value.len())?;
        self.values.extend_from_slice(value);
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_non_null();
        Ok(())
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
