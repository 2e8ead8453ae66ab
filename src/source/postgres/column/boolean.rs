//! bool: one byte, 0 or 1.

use std::sync::Arc;

use arrow::array::builder::BooleanBufferBuilder;
use arrow::array::{ArrayRef, BooleanArray};

use super::primitive::Nulls;
use super::{BadValue, ColumnDecoder};

/// Fills a `BooleanArray`.
pub(super) struct BooleanDecoder {
    values: BooleanBufferBuilder,
    nulls: Nulls,
}

impl BooleanDecoder {
    pub(super) fn new(capacity: usize) -> Self {
        Self { values: BooleanBufferBuilder::new(capacity), nulls: Nulls::new(capacity) }
    }
}

impl ColumnDecoder for BooleanDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        let truth = match value {
            [0] => false,
            [1] => true,
            _ => return Err(BadValue::malformed("bool", value)),
        };
        self.values.append(truth);
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
