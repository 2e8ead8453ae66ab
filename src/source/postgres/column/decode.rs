//! What every decoder of a column does, and the values that it refuses.

use arrow::array::ArrayRef;

use crate::error::Result;
use crate::spec::SpecialValues;

/// Appends COPY BINARY values of one column to an Arrow array.
///
/// Shapes: one call of [`Self::append`] or [`Self::append_null`] per row, then [`Self::finish`]. After an
/// error the decoder must not be used any more: the value may have been appended in part.
pub trait ColumnDecoder: Send {
    /// Appends one value: exactly its bytes, the length already stripped. Where `SpecialValues::Null` holds,
    /// a special value is appended as NULL.
    ///
    /// # Errors
    /// The value cannot be kept exactly, or is not of this type's binary form.
    fn append(&mut self, value: &[u8]) -> Result<(), BadValue>;

    /// Appends a NULL.
    fn append_null(&mut self);

    /// Appends the values of several rows, which lie in `bytes`. It is here so that every decoder has a loop of
    /// its own.
    ///
    /// # Errors
    /// The number of the refused value in `cells`, and why; those before it were appended.
    fn append_all(&mut self, bytes: &[u8], cells: &[Cell]) -> Result<(), (usize, BadValue)> {
        for (number, cell) in cells.iter().enumerate() {
            match cell.of(bytes) {
                Some(value) => self.append(value).map_err(|bad| (number, bad))?,
                None => self.append_null(),
            }
        }
        Ok(())
    }

    /// Takes what was appended and is ready for the next batch. The array has exactly the field's data type.
    fn finish(&mut self) -> ArrayRef;

    /// Bytes buffered, about; cheap. A reader closes its batch well before variable-length data reaches
    /// 2 GiB (the offsets are 32 bits), where `append` would refuse the value.
    fn bytes(&self) -> usize;
}

/// Where a value lies in the bytes of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Its first byte.
    pub start: u32,
    /// Its length in bytes; -1 for NULL.
    pub length: i32,
}

impl Cell {
    /// No value.
    pub const NULL: Self = Self { start: 0, length: -1 };

    /// The value in the bytes of its rows; none for NULL.
    #[inline(always)]
    pub(super) fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let length = usize::try_from(self.length).ok()?;
        Some(&bytes[self.start as usize..][..length])
    }
}

/// A value that cannot be kept exactly. The caller knows the table, the column and the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// What is wrong, for example `infinity is not a Parquet date`.
    pub what: String,
    /// What to change, in the words of the flag.
    pub hint: &'static str,
}

pub(super) const CAST_HINT: &str = "--cast 'table.column: text' keeps it as the database's own text";
pub(super) const SPECIAL_HINT: &str =
    "--special-values null makes it NULL, --cast 'table.column: text' keeps it as the database's own text";

impl BadValue {
    #[cold]
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: CAST_HINT }
    }

    #[cold]
    pub(super) fn malformed(type_name: &str, value: &[u8]) -> Self {
        Self::new(format!("the server sent {} bytes that are not a binary {type_name}", value.len()))
    }

    /// A value that the target type does not have: NULL, or refused.
    #[cold]
    pub(super) fn special<T>(special: SpecialValues, what: impl Into<String>) -> Result<Option<T>, Self> {
        match special {
            SpecialValues::Null => Ok(None),
            SpecialValues::Error => Err(Self { what: what.into(), hint: SPECIAL_HINT }),
        }
    }
}

/// The `N` bytes of a value of fixed size.
#[inline]
pub(super) fn fixed<const N: usize>(type_name: &str, value: &[u8]) -> Result<[u8; N], BadValue> {
    value.try_into().map_err(|_| BadValue::malformed(type_name, value))
}
