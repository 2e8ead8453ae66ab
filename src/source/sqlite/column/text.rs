//! Text and bytes.

use std::fmt::Write;

use arrow::array::ArrayRef;
use arrow::datatypes::{BinaryType, Utf8Type};
use rusqlite::types::ValueRef;

use super::decode::{Stored, real};
use crate::source::kit::column::{BadValue, ColumnDecoder};
use crate::source::kit::variable::VariableDecoder;

/// Which storage classes a text column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Takes {
    /// TEXT.
    Text,
    /// INTEGER and finite REAL too, as their text, which is also what JSON writes.
    FiniteNumbers,
    /// INTEGER and every REAL too, as their text.
    Numbers,
    /// BLOB too, as `X'..'`.
    Everything,
}

/// Fills a `StringArray`.
pub(super) struct TextDecoder {
    values: VariableDecoder<Utf8Type>,
    takes: Takes,
    /// Of one value that is not stored as text.
    scratch: String,
}

impl TextDecoder {
    pub(super) fn new(capacity: usize, takes: Takes) -> Self {
        Self { values: VariableDecoder::new(capacity), takes, scratch: String::new() }
    }

    #[cold]
    fn other(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        self.scratch.clear();
        // Writing to a String cannot fail.
        let _ = match value {
            ValueRef::Integer(v) if self.takes >= Takes::FiniteNumbers => write!(self.scratch, "{v}"),
            ValueRef::Real(v) if self.takes >= Takes::FiniteNumbers && v.is_finite() => {
                write!(self.scratch, "{}", real(v))
            }
            ValueRef::Real(v) if self.takes >= Takes::Numbers => write!(self.scratch, "{}", real(v)),
            ValueRef::Blob(bytes) if self.takes == Takes::Everything => hexadecimal(&mut self.scratch, bytes),
            other => {
                let wanted = if self.takes == Takes::Text { "text" } else { "text or a number" };
                return Err(BadValue::misfit(other, wanted));
            }
        };
        self.values.append(self.scratch.as_bytes())
    }
}

impl ColumnDecoder<Stored> for TextDecoder {
    #[inline]
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        match value {
            ValueRef::Text(bytes) => self.values.append(bytes),
            other => self.other(other),
        }
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

/// Fills a `BinaryArray` from BLOB.
pub(super) struct BytesDecoder(VariableDecoder<BinaryType>);

impl BytesDecoder {
    pub(super) fn new(capacity: usize) -> Self {
        Self(VariableDecoder::new(capacity))
    }
}

impl ColumnDecoder<Stored> for BytesDecoder {
    #[inline]
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        match value {
            ValueRef::Blob(bytes) => self.0.append(bytes),
            other => Err(BadValue::misfit(other, "a BLOB")),
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

fn hexadecimal(to: &mut String, bytes: &[u8]) -> std::fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    to.reserve(bytes.len() * 2 + 3);
    to.push_str("X'");
    for byte in bytes {
        to.push(char::from(DIGITS[usize::from(byte >> 4)]));
        to.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    to.push('\'');
    Ok(())
}
