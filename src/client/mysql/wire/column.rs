//! What a result's columns hold, and how long their values are.

pub use mysql_common::constants::{ColumnFlags, ColumnType};

use super::reader::Reader;

/// Longest value of a date, a time or both.
pub(super) const LONGEST_TIME: usize = 12;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// `UNSIGNED` and the like.
    pub flags: ColumnFlags,
    /// The collation's number; 63 for bytes.
    pub collation: u16,
    /// Most bytes of a value.
    pub length: u32,
    /// Digits after the point.
    pub decimals: u8,
    width: Width,
}

/// How the end of a value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Bytes(usize),
    /// A byte says how many.
    Time,
    /// A number of one to nine bytes says how many.
    Counted,
}

impl Column {
    /// Reads a definition; none when it is none.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        // Catalog, schema, table, and the table that an alias stands for.
        for _ in 0..4 {
            reader.counted()?;
        }
        let name = String::from_utf8_lossy(reader.counted()?).into_owned();
        reader.counted()?;
        let mut facts = Reader(reader.counted()?);
        let (collation, length) = (facts.u16()?, facts.u32()?);
        let kind = ColumnType::try_from(facts.byte()?).ok()?;
        let flags = ColumnFlags::from_bits_retain(facts.u16()?);
        let decimals = facts.byte()?;
        Some(Self { name, kind, flags, collation, length, decimals, width: width(kind) })
    }

    /// How the end of a value is found.
    #[inline]
    pub(super) fn width(&self) -> Width {
        self.width
    }

    /// Takes the next value of this column from the values of a row.
    #[inline]
    pub(super) fn take<'a>(&self, reader: &mut Reader<'a>) -> Option<&'a [u8]> {
        match self.width {
            Width::Bytes(count) => reader.bytes(count),
            Width::Counted => reader.counted(),
            Width::Time => {
                let count = usize::from(reader.byte()?);
                reader.bytes(count).filter(|_| count <= LONGEST_TIME)
            }
        }
    }

    /// A value as a whole number; none when the column's type is another.
    pub fn integer(&self, value: &[u8]) -> Option<i128> {
        use ColumnType::{
            MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_SHORT, MYSQL_TYPE_TINY,
            MYSQL_TYPE_YEAR,
        };
        let is_integer = matches!(
            self.kind,
            MYSQL_TYPE_TINY
                | MYSQL_TYPE_SHORT
                | MYSQL_TYPE_YEAR
                | MYSQL_TYPE_INT24
                | MYSQL_TYPE_LONG
                | MYSQL_TYPE_LONGLONG
        );
        if !is_integer {
            return None;
        }
        let is_signed = !self.flags.contains(ColumnFlags::UNSIGNED_FLAG);
        let is_negative = is_signed && value.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes = if is_negative { [0xff; 16] } else { [0; 16] };
        bytes.get_mut(..value.len())?.copy_from_slice(value);
        Some(i128::from_le_bytes(bytes))
    }

    /// A value as the server's text or bytes; none when the column's type has a form of its own.
    pub fn bytes<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        (self.width == Width::Counted).then_some(value)
    }
}

fn width(kind: ColumnType) -> Width {
    match kind {
        ColumnType::MYSQL_TYPE_NULL => Width::Bytes(0),
        ColumnType::MYSQL_TYPE_TINY => Width::Bytes(1),
        ColumnType::MYSQL_TYPE_SHORT | ColumnType::MYSQL_TYPE_YEAR => Width::Bytes(2),
        ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG | ColumnType::MYSQL_TYPE_FLOAT => {
            Width::Bytes(4)
        }
        ColumnType::MYSQL_TYPE_LONGLONG | ColumnType::MYSQL_TYPE_DOUBLE => Width::Bytes(8),
        ColumnType::MYSQL_TYPE_TIMESTAMP
        | ColumnType::MYSQL_TYPE_TIMESTAMP2
        | ColumnType::MYSQL_TYPE_DATETIME
        | ColumnType::MYSQL_TYPE_DATETIME2
        | ColumnType::MYSQL_TYPE_DATE
        | ColumnType::MYSQL_TYPE_NEWDATE
        | ColumnType::MYSQL_TYPE_TIME
        | ColumnType::MYSQL_TYPE_TIME2 => Width::Time,
        _ => Width::Counted,
    }
}
