//! text, varchar, name, json, enums, everything the server casts to text; char(n), which comes with its padding;
//! and jsonb, which is text after one byte.

use arrow::array::ArrayRef;
use arrow::datatypes::Utf8Type;

use crate::source::kit::cells::{Cell, CellDecoder};
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder};
use crate::source::kit::variable::VariableDecoder;

/// What comes before the spaces at the end, which are looked at eight at a time.
#[inline(always)]
fn unpadded(mut value: &[u8]) -> &[u8] {
    while let Some((head, tail)) = value.split_last_chunk::<8>() {
        let spaces = (u64::from_le_bytes(*tail) ^ u64::from_le_bytes([b' '; 8])).leading_zeros() / 8;
        if spaces < 8 {
            return &value[..value.len() - spaces as usize];
        }
        value = head;
    }
    while let Some((b' ', head)) = value.split_last() {
        value = head;
    }
    value
}

/// Fills a `StringArray` from char(n), without the padding, as the server's cast to text gives it. The cast itself
/// would cost the server a third more time on a table with a few such columns.
pub(super) struct PaddedDecoder(VariableDecoder<Utf8Type>);

impl PaddedDecoder {
    pub(super) fn new(capacity: usize) -> Self {
        Self(VariableDecoder::new(capacity))
    }
}

impl CellDecoder for PaddedDecoder {
    fn append_all(&mut self, bytes: &[u8], cells: &[Cell]) -> Result<(), (usize, BadValue)> {
        self.0.append_kept(bytes, cells, unpadded)
    }
}

impl ColumnDecoder<Bytes> for PaddedDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        self.0.append(unpadded(value))
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

/// The only version of jsonb's binary form.
const JSONB_VERSION: u8 = 1;

/// Fills a `StringArray` from jsonb.
pub(super) struct JsonbDecoder(VariableDecoder<Utf8Type>);

impl JsonbDecoder {
    pub(super) fn new(capacity: usize) -> Self {
        Self(VariableDecoder::new(capacity))
    }
}

impl CellDecoder for JsonbDecoder {}

impl ColumnDecoder<Bytes> for JsonbDecoder {
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        match value.split_first() {
            Some((&JSONB_VERSION, text)) => self.0.append(text),
            Some((version, _)) => Err(BadValue::new(format!(
                "jsonb comes in version {version} of its binary form, known is {JSONB_VERSION}"
            ))),
            None => Err(BadValue::malformed("jsonb", value)),
        }
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
