//! The decoder of variable-length values: text and bytes.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::GenericByteBuilder;
use arrow::datatypes::ByteArrayType;

use super::{BadValue, ColumnDecoder};

/// Values with 32-bit offsets that come from bytes by a check alone.
pub(super) trait Checked: ByteArrayType<Offset = i32> {
    /// The bytes as a value of this type.
    fn check(value: &[u8]) -> Result<&Self::Native, BadValue>;
}

/// Fills a `StringArray` or a `BinaryArray`.
pub(super) struct VariableDecoder<T: Checked> {
    builder: GenericByteBuilder<T>,
    capacity: usize,
}

impl<T: Checked> VariableDecoder<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { builder: GenericByteBuilder::with_capacity(capacity, capacity.saturating_mul(8)), capacity }
    }
}

impl<T: Checked> ColumnDecoder for VariableDecoder<T> {
    #[inline]
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let native = T::check(value)?;
        check_room(self.builder.values_slice().len(), value.len())?;
        self.builder.append_value(native);
        Ok(())
    }

    fn append_null(&mut self) {
        self.builder.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        // The next batch will hold about as much as this one.
        let used = self.builder.values_slice().len();
        let next = GenericByteBuilder::with_capacity(self.capacity, used + used / 16);
        Arc::new(std::mem::replace(&mut self.builder, next).finish())
    }

    fn bytes(&self) -> usize {
        self.builder.values_slice().len() + size_of_val(self.builder.offsets_slice())
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
