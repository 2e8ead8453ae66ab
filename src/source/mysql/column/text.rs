//! Texts that are not sent in UTF-8, or that the server had to convert.

use arrow::array::ArrayRef;
use arrow::datatypes::Utf8Type;

use super::codec::NOT_CONVERTED;
use crate::source::kit::cells::CellDecoder;
use crate::source::kit::column::{BadValue, Bytes, ColumnDecoder, REPAIR_HINT};
use crate::source::kit::variable::VariableDecoder;

/// From the bytes that are sent to UTF-8.
pub(super) trait Decode: Send {
    /// The text, itself or in `scratch`. It is checked later.
    fn decode<'v>(&self, value: &'v [u8], scratch: &'v mut Vec<u8>) -> Result<&'v [u8], BadValue>;
}

/// Fills a `StringArray`.
pub(super) struct TextDecoder<D> {
    values: VariableDecoder<Utf8Type>,
    decode: D,
    scratch: Vec<u8>,
}

impl<D: Decode> TextDecoder<D> {
    pub(super) fn new(decode: D, capacity: usize) -> Self {
        Self { values: VariableDecoder::new(capacity), decode, scratch: Vec::new() }
    }
}

impl<D: Decode> CellDecoder for TextDecoder<D> {}

impl<D: Decode> ColumnDecoder<Bytes> for TextDecoder<D> {
    #[inline]
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue> {
        self.values.append(self.decode.decode(value, &mut self.scratch)?)
    }

    fn append_null(&mut self) {
        self.values.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.values.finish()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }
}

/// ASCII alone: other bytes are no text, though they may happen to be UTF-8.
pub(super) struct Ascii;

impl Decode for Ascii {
    #[inline]
    fn decode<'v>(&self, value: &'v [u8], _scratch: &'v mut Vec<u8>) -> Result<&'v [u8], BadValue> {
        match value.is_ascii() {
            true => Ok(value),
            false => Err(BadValue {
                what: "text of character set ascii is not ASCII".to_owned(),
                hint: REPAIR_HINT,
            }),
        }
    }
}

/// latin1 as MySQL means it: cp1252, with control characters where that has nothing.
pub(super) struct Latin1;

/// The characters 0x80 to 0x9F.
const CP1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Decode for Latin1 {
    #[inline]
    fn decode<'v>(&self, value: &'v [u8], scratch: &'v mut Vec<u8>) -> Result<&'v [u8], BadValue> {
        if value.is_ascii() {
            return Ok(value);
        }
        scratch.clear();
        for byte in value {
            match *byte {
                0..0x80 => scratch.push(*byte),
                0x80..0xA0 => {
                    let c = CP1252[usize::from(byte - 0x80)];
                    scratch.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                // Two bytes in UTF-8.
                0xA0.. => scratch.extend([0xC0 | byte >> 6, 0x80 | byte & 0x3F]),
            }
        }
        Ok(scratch)
    }
}

/// What the server has made UTF-8 of.
pub(super) struct Converted {
    /// Why it may not have been able to.
    what: String,
    hint: &'static str,
}

impl Converted {
    /// Texts of another character set.
    pub(super) fn from(charset: &str) -> Self {
        Self {
            what: format!("the server cannot convert a text from {charset} to UTF-8 without loss"),
            hint: REPAIR_HINT,
        }
    }

    /// Values that are to be text.
    pub(super) fn to_text() -> Self {
        Self {
            what: "the server cannot give the value as text: it may be longer than max_allowed_packet"
                .to_owned(),
            hint: "raise max_allowed_packet at the server, or leave the column out with --columns",
        }
    }
}

impl Decode for Converted {
    #[inline]
    fn decode<'v>(&self, value: &'v [u8], _scratch: &'v mut Vec<u8>) -> Result<&'v [u8], BadValue> {
        // The server's own conversion may leave what no text in UTF-8 has: a lone surrogate.
        let is_text = value.is_ascii() || value != NOT_CONVERTED && std::str::from_utf8(value).is_ok();
        match is_text {
            true => Ok(value),
            false => Err(BadValue { what: self.what.clone(), hint: self.hint }),
        }
    }
}
