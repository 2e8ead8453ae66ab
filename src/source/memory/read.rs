//! One part: the rows of a version that match, batch by batch, exactly as described.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, filter_record_batch};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};

use super::database::{Database, evaluate};
use super::dialect::MemoryDialect;
use crate::catalog::SnapshotToken;
use crate::error::{Error, Result};
use crate::source::{Dialect, TableRead};

/// The rows of `read` as of `at`.
pub(super) fn stream(of: Arc<Database>, read: TableRead, at: SnapshotToken) -> SendableRecordBatchStream {
    let fields: Vec<_> = read.columns.iter().map(|at| read.table.columns[*at].field.clone()).collect();
    let schema: SchemaRef = Schema::new(fields).into();
    let described = Arc::clone(&schema);
    // Nothing happens before the stream is polled: it may have to wait for its turn.
    let begun = async move {
        let statement = Arc::clone(&of.statement);
        let rows = selected(&of, &read, &at)?;
        let starts = (0..rows.num_rows()).step_by(read.batch_rows.max(1));
        let batches = starts.map(move |start| {
            // Runs until the stream is dropped.
            let _running = &statement;
            let rows = rows.slice(start, read.batch_rows.min(rows.num_rows() - start));
            decode(&rows, &read, &described).map_err(DataFusionError::from)
        });
        Ok::<_, DataFusionError>(stream::iter(batches))
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, Box::pin(stream::once(begun).try_flatten())))
}

/// The rows of `read` as they are stored.
pub(super) fn selected(database: &Database, read: &TableRead, at: &SnapshotToken) -> Result<RecordBatch> {
    let table = &read.table.table;
    let slice = MemoryDialect.slice_sql(&read.table, &read.slice).into_iter();
    slice.chain(read.filter.clone()).try_fold(database.rows(table, &at.id)?, |rows, condition| {
        let holds = evaluate(&condition, &rows).map_err(|error| error.with("table", table))?;
        Ok(filter_record_batch(&rows, holds.as_boolean()).map_err(DataFusionError::from)?)
    })
}

/// What is stored as values of the types described, each of them exactly or not at all.
fn decode(rows: &RecordBatch, read: &TableRead, schema: &SchemaRef) -> Result<RecordBatch> {
    let defect = |e: ArrowError| Error::internal("rows contradict the description").caused_by(e);
    let mut columns = Vec::with_capacity(read.columns.len());
    for (at, field) in read.columns.iter().zip(schema.fields()) {
        let stored = rows.column(*at);
        // What is no value of the type becomes NULL.
        let values = cast(stored, field.data_type()).map_err(defect)?;
        if let Some(row) = (0..rows.num_rows()).find(|row| values.is_null(*row) && stored.is_valid(*row)) {
            let key = array_value_to_string(rows.column(0), row).map_err(defect)?;
            return Err(Error::data(format!("a value that is no {}", field.data_type()))
                .with("table", &read.table.table)
                .with("column", field.name())
                .with("row", format!("{}={key}", read.table.columns[0].name()))
                .hint("repair the value in the database, or leave the column out with --columns"));
        }
        columns.push(values);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(defect)
}
