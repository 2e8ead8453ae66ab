//! Text and bytes.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::GenericByteBuilder;
use arrow::datatypes::{BinaryType, ByteArrayType, Utf8Type};
use arrow_schema::Field;
use rusqlite::types::ValueRef;

use super::decode::real;
use super::{BadValue, ColumnDecoder};

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

/// Values with 32-bit offsets.
struct Values<T: ByteArrayType<Offset = i32>> {
    builder: GenericByteBuilder<T>,
    nullable: bool,
    capacity: usize,
}

impl<T: ByteArrayType<Offset = i32>> Values<T> {
    fn new(field: &Field, capacity: usize) -> Self {
        let builder = GenericByteBuilder::with_capacity(capacity, capacity.saturating_mul(8));
        Self { builder, nullable: field.is_nullable(), capacity }
    }

    #[inline]
    fn push(&mut self, native: &T::Native, length: usize) -> Result<(), BadValue> {
        let used = self.builder.values_slice().len();
        if used + length > i32::MAX as usize {
            return Err(BadValue {
                what: format!("a value of {length} bytes does not fit a batch that holds {used} bytes"),
                cast_helps: false,
            });
        }
        self.builder.append_value(native);
        Ok(())
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

/// Fills a `StringArray`.
pub(super) struct TextDecoder {
    values: Values<Utf8Type>,
    takes: Takes,
    /// Of one value that is not stored as text.
    scratch: String,
}

impl TextDecoder {
    pub(super) fn new(field: &Field, capacity: usize, takes: Takes) -> Self {
        Self { values: Values::new(field, capacity), takes, scratch: String::new() }
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
        self.values.push(&self.scratch, self.scratch.len())
    }
}

impl ColumnDecoder for TextDecoder {
    #[inline]
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        match value {
            // Checked value by value, so that the error names the row.
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.values.push(text, bytes.len()),
                Err(error) => {
                    Err(BadValue { what: format!("text is not UTF-8: {error}"), cast_helps: false })
                }
            },
            ValueRef::Null if self.values.nullable => {
                self.values.builder.append_null();
                Ok(())
            }
            other => self.other(other),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        self.values.finish()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }
}

/// Fills a `BinaryArray` from BLOB.
pub(super) struct BytesDecoder(Values<BinaryType>);

impl BytesDecoder {
    pub(super) fn new(field: &Field, capacity: usize) -> Self {
        Self(Values::new(field, capacity))
    }
}

impl ColumnDecoder for BytesDecoder {
    #[inline]
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        match value {
            ValueRef::Blob(bytes) => self.0.push(bytes, bytes.len()),
            ValueRef::Null if self.0.nullable => {
                self.0.builder.append_null();
                Ok(())
            }
            other => Err(BadValue::misfit(other, "a BLOB")),
        }
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
