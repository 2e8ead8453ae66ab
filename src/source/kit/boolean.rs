//! The decoder of truth values.

use std::sync::Arc;

use arrow::array::builder::BooleanBufferBuilder;
use arrow::array::{ArrayRef, BooleanArray};

use super::cells::CellDecoder;
use super::column::{BadValue, Bytes, ColumnDecoder, Sent};
use super::primitive::Nulls;

/// From a value that is not NULL to whether it is true.
pub trait Truth: Send {
    /// What the database sends.
    type Sent: Sent;

    /// Whether the value is true.
    ///
    /// # Errors
    /// The value is no truth value.
    fn is_true(&self, value: <Self::Sent as Sent>::Value<'_>) -> Result<bool, BadValue>;
}

/// Fills a `BooleanArray`.
pub struct BooleanDecoder<T> {
    truth: T,
    values: BooleanBufferBuilder,
    nulls: Nulls,
}

impl<T: Truth> BooleanDecoder<T> {
    /// Room for `capacity` values.
    pub fn new(truth: T, capacity: usize) -> Self {
        Self { truth, values: BooleanBufferBuilder::new(capacity), nulls: Nulls::new(capacity) }
    }
}

impl<T: Truth> ColumnDecoder<T::Sent> for BooleanDecoder<T> {
    #[inline]
    fn append(&mut self, value: <T::Sent as Sent>::Value<'_>) -> Result<(), BadValue> {
        self.values.append(self.truth.is_true(value)?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        self.values.append(false);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }

    fn bytes(&self) -> usize {
        self.values.len().div_ceil(8)
    }
}

impl<T: Truth<Sent = Bytes>> CellDecoder for BooleanDecoder<T> {}
