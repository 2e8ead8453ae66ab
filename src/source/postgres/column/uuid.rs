//! uuid: sixteen bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray};
use arrow::buffer::Buffer;

use super::decode::fixed;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::primitive::Nulls;

/// Fills a `FixedSizeBinaryArray` of 16 bytes per value.
pub(super) struct UuidDecoder {
    values: Vec<[u8; 16]>,
    nulls: Nulls,
    capacity: usize,
}

impl UuidDecoder {
    pub(super) fn new(capacity: usize) -> Self {
        Self { values: Vec::with_capacity(capacity), nulls: Nulls::new(capacity), capacity }
    }
}

impl CellDecoder for UuidDecoder {}

impl ColumnDecoder<Bytes> for UuidDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        self.values.push(fixed("uuid", value)?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        self.values.push([0; 16]);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(self.capacity));
        let values = Buffer::from_vec(values.into_flattened());
        Arc::new(FixedSizeBinaryArray::new(16, values, self.nulls.finish()))
    }

    fn bytes(&self) -> usize {
        self.values.len() * 16
    }
}
