//! Where the values of some rows of a COPY lie in the read buffer, column by column.
//!
//! Rows arrive one after the other, Arrow wants columns. Going through the rows once to find the values, and then
//! through one column at a time, keeps each decoder's loop free of calls through a table.

use super::column::{BadValue, Cell, ColumnDecoder};
use crate::error::{Error, Result};

/// Rows looked at before their values are decoded: few enough that they are still in the processor's cache.
const ROWS: usize = 256;
/// From one column's cells to the next one's; no power of two, which would map them to the same cache lines.
const STRIDE: usize = ROWS + 8;
/// Rows with large values are decoded sooner, so that offsets stay small and memory flat.
const BYTES: usize = 1 << 20;

/// Rows that were found and not yet decoded.
pub(super) struct Rows {
    columns: usize,
    cells: Vec<Cell>,
    rows: usize,
    /// Where the first row begins in the buffer, and where the last one ends.
    start: usize,
    end: usize,
}

impl Rows {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, cells: vec![Cell::NULL; columns * STRIDE], rows: 0, start: 0, end: 0 }
    }

    /// Rows that wait.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Whether those that wait must be decoded before another is added.
    pub(super) fn is_full(&self) -> bool {
        self.rows == ROWS || self.end - self.start >= BYTES
    }

    /// Finds the values of the row that begins at `at` of `buffer` and ends at `end` or before.
    ///
    /// Returns where it ends; none at the trailer. There must be room, see [`Self::is_full`].
    ///
    /// # Errors
    /// `Data` when the bytes are not a row of as many columns.
    #[inline]
    pub(super) fn find(&mut self, buffer: &[u8], at: usize, end: usize) -> Result<Option<usize>> {
        let bytes = &buffer[..end];
        let Some((count, mut rest)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<2>()) else {
            return Err(cut_short());
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            return Ok(None);
        }
        if usize::try_from(count) != Ok(self.columns) {
            return Err(misframed("a row has another number of columns"));
        }
        if self.rows == 0 {
            self.start = at;
        }
        // Both fit: a buffer of rows is BYTES long at most, and one message more, which has 31 bits.
        let whole = end - self.start;
        for cells in self.cells.chunks_exact_mut(STRIDE) {
            let Some((length, tail)) = rest.split_first_chunk::<4>() else { return Err(cut_short()) };
            let length = i32::from_be_bytes(*length);
            cells[self.rows] = Cell { start: (whole - tail.len()) as u32, length };
            rest = match usize::try_from(length) {
                Ok(length) => tail.get(length..).ok_or_else(cut_short)?,
                Err(_) if length == -1 => tail,
                Err(_) => return Err(cut_short()),
            };
        }
        let at = end - rest.len();
        self.rows += 1;
        self.end = at;
        Ok(Some(at))
    }

    /// Appends the values of all rows that wait, which lie in `buffer`, and forgets the rows.
    ///
    /// # Errors
    /// The number of the row among those that waited, from 0, the number of the column, and what is wrong.
    pub(super) fn decode(
        &mut self,
        buffer: &[u8],
        decoders: &mut [Box<dyn ColumnDecoder>],
    ) -> Result<(), (usize, usize, BadValue)> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(());
        }
        let bytes = &buffer[self.start..self.end];
        for (column, (decoder, cells)) in decoders.iter_mut().zip(self.cells.chunks_exact(STRIDE)).enumerate()
        {
            decoder.append_all(bytes, &cells[..rows]).map_err(|(row, bad)| (row, column, bad))?;
        }
        self.start = self.end;
        Ok(())
    }
}

fn cut_short() -> Error {
    misframed("a row is cut short")
}

pub(super) fn misframed(what: &str) -> Error {
    Error::data(format!("the server's COPY stream is malformed: {what}"))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;
    use arrow_schema::{DataType, Field};

    use super::super::column::Codec;
    use super::*;
    use crate::spec::SpecialValues;

    fn decoders(columns: usize) -> Vec<Box<dyn ColumnDecoder>> {
        let field = Field::new("c", DataType::Int32, true);
        (0..columns).map(|_| Codec::Int4.decoder(&field, 8, SpecialValues::Error).unwrap()).collect()
    }

    /// A row of integers and NULLs in binary.
    fn row(values: &[Option<i32>]) -> Vec<u8> {
        let mut bytes = (values.len() as i16).to_be_bytes().to_vec();
        for value in values {
            match value {
                Some(value) => bytes.extend([4i32.to_be_bytes(), value.to_be_bytes()].concat()),
                None => bytes.extend((-1i32).to_be_bytes()),
            }
        }
        bytes
    }

    #[test]
    fn rows_become_columns_wherever_they_lie() {
        let (one, two) = (row(&[Some(1), None]), row(&[Some(-2), Some(3)]));
        let buffer = [b"before", one.as_slice(), b"between", two.as_slice(), b"after"].concat();
        let mut found = Rows::new(2);
        let end = found.find(&buffer, 6, 6 + one.len()).unwrap();
        assert_eq!(end, Some(6 + one.len()));
        let at = 6 + one.len() + 7;
        assert_eq!(found.find(&buffer, at, buffer.len()).unwrap(), Some(at + two.len()));
        let mut decoders = decoders(2);
        assert!(found.decode(&buffer, &mut decoders).is_ok());
        assert_eq!(found.len(), 0);
        let arrays: Vec<_> = decoders.iter_mut().map(|d| d.finish()).collect();
        assert_eq!(arrays[0].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), Some(-2)]);
        assert_eq!(arrays[1].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [None, Some(3)]);
    }

    #[test]
    fn every_cut_and_every_other_count_is_refused() {
        let bytes = row(&[Some(7), None]);
        for end in 0..bytes.len() {
            assert!(Rows::new(2).find(&bytes, 0, end).is_err(), "{end}");
        }
        assert!(Rows::new(1).find(&bytes, 0, bytes.len()).is_err());
        assert!(Rows::new(3).find(&bytes, 0, bytes.len()).is_err());
        assert_eq!(Rows::new(2).find(&[255, 255], 0, 2).unwrap(), None);
        for length in [-2, i32::MIN, i32::MAX, 5] {
            let bytes = [&1i16.to_be_bytes()[..], &i32::to_be_bytes(length), b"1234"].concat();
            assert!(Rows::new(1).find(&bytes, 0, bytes.len()).is_err(), "{length}");
        }
    }

    #[test]
    fn a_refused_value_is_named_by_row_and_column() {
        let bad = [&2i16.to_be_bytes()[..], &4i32.to_be_bytes(), &[0; 4], &1i32.to_be_bytes(), &[0]].concat();
        let good = row(&[Some(1), Some(2)]);
        let buffer = [good.as_slice(), bad.as_slice()].concat();
        let mut found = Rows::new(2);
        let next = found.find(&buffer, 0, good.len()).unwrap().unwrap();
        found.find(&buffer, next, buffer.len()).unwrap();
        let Err((row, column, _)) = found.decode(&buffer, &mut decoders(2)) else { panic!("not refused") };
        assert_eq!((row, column), (1, 1));
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let mut found = Rows::new(0);
        for at in [0, 2, 4] {
            assert_eq!(found.find(&[0; 6], at, 6).unwrap(), Some(at + 2));
        }
        assert_eq!(found.len(), 3);
        assert!(found.decode(&[0; 6], &mut []).is_ok());
    }
}
