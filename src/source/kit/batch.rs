//! Rows on their way to a record batch, which is closed by its rows or by its bytes.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::cells::{CellDecoder, Cells};
use super::column::{BadValue, Bytes, ColumnDecoder, Sent};
use crate::error::{Code, Error, Result};

/// A batch closes at this many bytes even when it has few rows.
const BYTES: usize = 4 << 20;
/// A row with a value of this many bytes is weighed at once.
const LARGE: usize = BYTES / 64;
/// Other rows are weighed when there are so many more.
const UNWEIGHED: usize = 64;

/// The open batch of a read: a decoder for each column, and how many rows they hold.
///
/// A source that sees one value at a time calls [`Self::append`] for each and [`Self::end_row`] behind each row; one
/// that finds the rows in a buffer first calls [`Self::decode`]. Each says when the batch is full: then it is
/// [finished](Self::finish).
pub struct Batch<S: Sent, D: ?Sized = dyn ColumnDecoder<S>> {
    schema: SchemaRef,
    decoders: Vec<Box<D>>,
    most_rows: usize,
    rows: usize,
    /// The row that is being appended has a large value.
    heavy: bool,
    of: PhantomData<fn(S)>,
}

/// A batch whose values lie in a read buffer.
pub type CellBatch = Batch<Bytes, dyn CellDecoder>;

impl<S: Sent, D: ColumnDecoder<S> + ?Sized> Batch<S, D> {
    /// A batch of `schema` that is full at `most_rows`, by a decoder for each field.
    pub fn new(schema: SchemaRef, decoders: Vec<Box<D>>, most_rows: usize) -> Self {
        Self { schema, decoders, most_rows, rows: 0, heavy: false, of: PhantomData }
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a value, or NULL, to a column.
    ///
    /// # Errors
    /// What the decoder refuses, and NULL where the schema says that there is none.
    #[inline]
    pub fn append(&mut self, column: usize, value: Option<S::Value<'_>>) -> Result<(), BadValue> {
        let decoder = &mut self.decoders[column];
        match value {
            Some(value) => {
                self.heavy |= S::size(value) >= LARGE;
                decoder.append(value)
            }
            None if self.schema.field(column).is_nullable() => {
                decoder.append_null();
                Ok(())
            }
            None => Err(BadValue::null()),
        }
    }

    /// Counts a row of which every value was appended; whether the batch is full. Rows with a large value are weighed
    /// each, others now and then.
    #[inline]
    pub fn end_row(&mut self) -> bool {
        self.rows += 1;
        let weigh = std::mem::take(&mut self.heavy) || self.rows.is_multiple_of(UNWEIGHED);
        self.rows >= self.most_rows || (weigh && self.bytes() >= BYTES)
    }

    /// The rows so far as a record batch. The next batch is empty.
    ///
    /// # Errors
    /// Data, when there is NULL where the schema says that there is none.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = self.decoders.iter_mut().map(|decoder| decoder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(|e| {
            Error::data("the rows contradict the table's description")
                .coded(Code::RowsContradict).caused_by(e).hint(
                "a NULL in a column that the catalog calls NOT NULL, or a table that changed during the run",
            )
        })
    }

    fn bytes(&self) -> usize {
        self.decoders.iter().map(|decoder| decoder.bytes()).sum()
    }
}

impl CellBatch {
    /// Whether the batch would be full with `more` rows.
    #[inline]
    pub fn is_enough(&self, more: usize) -> bool {
        self.rows + more >= self.most_rows
    }

    /// Appends the rows that wait in `cells`, whose values lie in `buffer`; whether the batch is full. It is weighed
    /// each time.
    ///
    /// # Errors
    /// The number of the row among those that waited, from 0, the number of the column, and what is wrong.
    pub fn decode(&mut self, cells: &mut Cells, buffer: &[u8]) -> Result<bool, (usize, usize, BadValue)> {
        let rows = cells.rows();
        cells.decode(buffer, &mut self.decoders)?;
        self.rows += rows;
        Ok(self.rows > 0 && (self.rows >= self.most_rows || self.bytes() >= BYTES))
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Utf8Type;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::source::kit::cells::Cell;
    use crate::source::kit::variable::VariableDecoder;

    fn texts(most_rows: usize) -> Batch<Bytes> {
        let fields = vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Utf8, false)];
        let decoder = || -> Box<dyn ColumnDecoder<Bytes>> { Box::new(VariableDecoder::<Utf8Type>::new(8)) };
        Batch::new(Arc::new(Schema::new(fields)), vec![decoder(), decoder()], most_rows)
    }

    /// Appends rows with such a value until the batch is full, at most so many.
    fn rows_until_full(batch: &mut Batch<Bytes>, length: usize, most: usize) -> usize {
        let value = "x".repeat(length);
        (1..=most)
            .find(|_| {
                batch.append(0, None).unwrap();
                batch.append(1, Some(value.as_bytes())).unwrap();
                batch.end_row()
            })
            .unwrap_or(most)
    }

    #[test]
    fn a_batch_closes_by_rows_or_by_bytes() {
        let mut batch = texts(100);
        assert_eq!(rows_until_full(&mut batch, 1, 1000), 100);
        assert_eq!(batch.finish().unwrap().num_rows(), 100);
        assert_eq!(batch.rows(), 0);
        assert_eq!(rows_until_full(&mut batch, 1, 99), 99);
        // A value as large as a batch closes it at once; smaller ones when they are weighed.
        assert_eq!(rows_until_full(&mut texts(100_000), BYTES, 10), 1);
        assert_eq!(rows_until_full(&mut texts(100_000), LARGE, 1000), 64);
        assert_eq!(rows_until_full(&mut texts(100_000), LARGE - 1, 1000), 64);
        assert_eq!(rows_until_full(&mut texts(100_000), BYTES / 65 + 1, 1000), 128);
    }

    /// Appends rows of a buffer, each with one text of such a length, until the batch is full, at most so many.
    fn cells_until_full(most_rows: usize, length: usize, most: usize) -> usize {
        let schema = Schema::new(vec![Field::new("a", DataType::Utf8, true)]);
        let decoder: Box<dyn CellDecoder> = Box::new(VariableDecoder::<Utf8Type>::new(8));
        let mut batch = CellBatch::new(Arc::new(schema), vec![decoder], most_rows);
        let (buffer, mut cells) = ("x".repeat(length), Cells::new(1));
        let full = (1..=most).find(|_| {
            let start = cells.begin(0);
            let cell = Cell { start: u32::try_from(start).unwrap(), length: i32::try_from(length).unwrap() };
            cells.next_row().for_each(|of| *of = cell);
            cells.add(length);
            batch.decode(&mut cells, buffer.as_bytes()).unwrap()
        });
        assert_eq!(batch.rows(), full.unwrap_or(most));
        batch.rows()
    }

    #[test]
    fn a_batch_of_cells_closes_by_rows_or_by_bytes() {
        assert_eq!(cells_until_full(100, 1, 1000), 100);
        assert_eq!(cells_until_full(100, 1, 99), 99);
        assert_eq!(cells_until_full(100_000, BYTES, 10), 1);
        assert_eq!(cells_until_full(100_000, BYTES / 4 + 1, 10), 4);
        assert_eq!(cells_until_full(100_000, BYTES / 4 - 1024, 10), 5);
    }

    #[test]
    fn a_null_where_there_is_none_is_refused() {
        let mut batch = texts(8);
        assert!(batch.append(0, None).is_ok());
        assert_eq!(batch.append(1, None), Err(BadValue::null()));
    }

    #[test]
    fn a_batch_without_columns_counts_rows() {
        let mut batch = Batch::<Bytes>::new(Arc::new(Schema::empty()), Vec::new(), 2);
        assert!(!batch.end_row());
        assert!(batch.end_row());
        assert_eq!(batch.finish().unwrap().num_rows(), 2);
    }
}
