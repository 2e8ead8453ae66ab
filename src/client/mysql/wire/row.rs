//! One row in the server's binary form.

use super::column::Column;
use super::reader::Reader;
use crate::client::mysql::problem;
use crate::error::Result;

/// First byte of a row.
const ROW: u8 = 0x00;

/// Bits before the first column's in the bitmap of NULLs.
const RESERVED_BITS: usize = 2;

/// One row where it lies in the read buffer.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [Column],
    nulls: &'a [u8],
    values: &'a [u8],
}

impl<'a> Row<'a> {
    /// The row of a packet; none when it is none.
    #[inline]
    pub(super) fn of(columns: &'a [Column], body: &'a [u8]) -> Option<Self> {
        let (first, rest) = body.split_first()?;
        let (nulls, values) = rest.split_at_checked((columns.len() + RESERVED_BITS).div_ceil(8))?;
        (*first == ROW).then_some(Self { columns, nulls, values })
    }

    /// Bytes that its values take.
    pub fn size(&self) -> usize {
        self.values.len()
    }

    /// Its values, column after column.
    pub fn values(&self) -> Values<'a> {
        Values { row: *self, at: 0, rest: Reader(self.values) }
    }
}

/// The values of a row with their columns, in the form that the column's type has, without their lengths; none is NULL.
///
/// After the last comes an error if there are bytes left, and after an error nothing.
#[derive(Debug)]
pub struct Values<'a> {
    row: Row<'a>,
    at: usize,
    rest: Reader<'a>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<(&'a Column, Option<&'a [u8]>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(column) = self.row.columns.get(self.at) else {
            return (!self.rest.0.is_empty()).then(|| self.fail("a long row"));
        };
        let bit = self.at + RESERVED_BITS;
        self.at += 1;
        if self.row.nulls[bit / 8] >> (bit % 8) & 1 == 1 {
            return Some(Ok((column, None)));
        }
        match column.take(&mut self.rest) {
            Some(value) => Some(Ok((column, Some(value)))),
            None => Some(self.fail("a short row")),
        }
    }
}

impl Values<'_> {
    #[cold]
    fn fail<T>(&mut self, what: &str) -> Result<T> {
        self.at = self.row.columns.len();
        self.rest = Reader(&[]);
        Err(problem::protocol(what))
    }
}
