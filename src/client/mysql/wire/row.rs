//! One row in the server's binary form.

use std::ops::Range;

use super::column::{Column, LONGEST_TIME, Width};
use super::reader::Reader;
use crate::client::mysql::problem;
use crate::error::{Error, Result};

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

/// Finds the values of a row whose packet is `body`, column after column: where in `body` each lies, without its length;
/// none is NULL. What [`Values`] says of a row, without a slice for each value.
///
/// # Errors
/// `Unavailable` when the body is no row of such columns. `found` may have been called for some of them.
#[inline]
pub fn find_values(
    columns: &[Column],
    body: &[u8],
    mut found: impl FnMut(Option<Range<usize>>),
) -> Result<()> {
    let first = 1 + (columns.len() + RESERVED_BITS).div_ceil(8);
    let Some((&[ROW, ref nulls @ ..], _)) = body.split_at_checked(first) else { return Err(short()) };
    let mut at = first;
    for (bit, column) in (RESERVED_BITS..).zip(columns) {
        if nulls[bit / 8] >> (bit % 8) & 1 == 1 {
            found(None);
            continue;
        }
        let (start, length) = match column.width() {
            Width::Bytes(count) => (at, count),
            Width::Counted => match body.get(at) {
                Some(&count @ ..=0xfa) => (at + 1, usize::from(count)),
                _ => counted(body, at).ok_or_else(short)?,
            },
            Width::Time => match body.get(at).map(|count| usize::from(*count)) {
                Some(count @ ..=LONGEST_TIME) => (at + 1, count),
                _ => return Err(short()),
            },
        };
        // `start` is in the body or at its end.
        if length > body.len() - start {
            return Err(short());
        }
        at = start + length;
        found(Some(start..at));
    }
    if at < body.len() {
        return Err(problem::protocol("a long row"));
    }
    Ok(())
}

/// Where a value of 251 bytes or more lies, and its length, which may be more than there is.
#[inline(never)]
fn counted(body: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut reader = Reader(body.get(at..)?);
    let length = usize::try_from(reader.number()?).ok()?;
    Some((body.len() - reader.0.len(), length))
}

#[cold]
fn short() -> Error {
    problem::protocol("a short row")
}
