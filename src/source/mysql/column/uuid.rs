//! uuid of MariaDB: 36 characters, to sixteen bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray};
use arrow::buffer::Buffer;

use super::form::malformed;
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

/// The bytes of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, c) in text.iter().enumerate() {
        match at {
            8 | 13 | 18 | 23 if *c == b'-' => {}
            8 | 13 | 18 | 23 => return None,
            _ => {
                bytes[digits / 2] = bytes[digits / 2] << 4 | digit(*c)?;
                digits += 1;
            }
        }
    }
    Some(bytes)
}

impl CellDecoder for UuidDecoder {}

impl ColumnDecoder<Bytes> for UuidDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        self.values.push(parse(value).ok_or_else(|| malformed("uuid", value))?);
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
