//! vector: numbers of 32 bits, little-endian.

use arrow::array::ArrayRef;
use arrow_schema::Field;

use super::form::malformed;
use crate::error::Result;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::float_lists::FloatLists;

/// Bytes of a number.
const WIDTH: usize = 4;

/// Fills a `FixedSizeListArray`, or a `ListArray` where each value may have another length.
pub(super) struct VectorDecoder(FloatLists);

impl VectorDecoder {
    pub(super) fn new(field: &Field, capacity: usize) -> Result<Self> {
        FloatLists::new(field, capacity).map(Self)
    }
}

impl CellDecoder for VectorDecoder {}

impl ColumnDecoder<Bytes> for VectorDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let (numbers, rest) = value.as_chunks::<WIDTH>();
        if !rest.is_empty() {
            return Err(malformed("vector", value));
        }
        self.0.append(numbers.iter().map(|number| f32::from_le_bytes(*number)))
    }

    fn append_null(&mut self) {
        self.0.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.0.finish()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
