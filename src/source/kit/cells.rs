//! Where the values of some rows lie in a read buffer, column by column.
//!
//! Rows arrive one after the other, Arrow wants columns. Going through the rows once to find the values, and then
//! through one column at a time, keeps each decoder's loop free of calls through a table.

use super::column::{BadValue, Bytes, ColumnDecoder};

/// Rows that are found before their values are decoded: few enough that they are still in the processor's cache.
const ROWS: usize = 256;
/// From one column's cells to the next one's; no power of two, which would map them to the same cache lines.
const STRIDE: usize = ROWS + 8;
/// Rows with large values are decoded sooner, so that offsets stay small and memory flat.
const BYTES: usize = 1 << 20;

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
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let length = usize::try_from(self.length).ok()?;
        Some(&bytes[self.start as usize..][..length])
    }
}

/// A decoder of values that lie in a read buffer.
pub trait CellDecoder: ColumnDecoder<Bytes> {
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
}

/// Rows that were found and not yet decoded.
#[derive(Debug)]
pub struct Cells {
    columns: usize,
    cells: Vec<Cell>,
    rows: usize,
    /// Where the first row begins in the buffer, and where the last one ends.
    start: usize,
    end: usize,
}

impl Cells {
    /// Room for rows of so many columns.
    pub fn new(columns: usize) -> Self {
        Self { columns, cells: vec![Cell::NULL; columns * STRIDE], rows: 0, start: 0, end: 0 }
    }

    /// Columns of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows that wait.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether those that wait must be decoded before another is added.
    pub fn is_full(&self) -> bool {
        self.rows == ROWS || self.end - self.start >= BYTES
    }

    /// Begins a row whose first byte is at `at` of the buffer. There must be room, see [`Self::is_full`]; the buffer is
    /// the same for all rows until they are decoded. Where it begins that cells count their `start` from.
    #[inline(always)]
    pub fn begin(&mut self, at: usize) -> usize {
        if self.rows == 0 {
            self.start = at;
        }
        self.start
    }

    /// The cells of the row that was begun, to be filled in the order of the columns.
    #[inline(always)]
    pub fn next_row(&mut self) -> impl Iterator<Item = &mut Cell> {
        let row = self.rows;
        self.cells.chunks_exact_mut(STRIDE).map(move |column| &mut column[row])
    }

    /// Adds the row whose cells are filled, which ends at `end` of the buffer.
    #[inline(always)]
    pub fn add(&mut self, end: usize) {
        self.rows += 1;
        self.end = end;
    }

    /// Appends the values of all rows that wait, which lie in `buffer`, and forgets the rows.
    ///
    /// # Errors
    /// The number of the row among those that waited, from 0, the number of the column, and what is wrong.
    pub fn decode(
        &mut self,
        buffer: &[u8],
        decoders: &mut [Box<dyn CellDecoder>],
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
