//! Columns in the form that readers take.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, SchemaRef};

use crate::error::Result;
use crate::readers::{Readers, converted, field_for};

/// Converts the columns of batches that are all of one schema.
pub(super) struct Taken(Vec<Column>);

/// What is decided about a column once.
struct Column {
    name: String,
    /// The types before and after, if readers take another form of it.
    conversion: Option<[DataType; 2]>,
}

impl Taken {
    /// For batches of `schema`.
    pub(super) fn new(schema: &SchemaRef, readers: &Readers) -> Self {
        let column = |given: &FieldRef| {
            // Without the ids inside of it, of which the batches know nothing.
            let taken = field_for(given, readers);
            let conversion = (given.data_type() != taken.data_type())
                .then(|| [given.data_type().clone(), taken.data_type().clone()]);
            Column { name: given.name().clone(), conversion }
        };
        Self(schema.fields().iter().map(column).collect())
    }

    /// The columns of `batch`.
    ///
    /// Errors: `Data` for a value without that form; it names the column.
    pub(super) fn values(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let columns = self.0.iter().zip(batch.columns());
        let values = columns.map(|(column, array)| match &column.conversion {
            Some([from, to]) => {
                converted(array, from, to).map_err(|error| error.with("column", &column.name))
            }
            None => Ok(Arc::clone(array)),
        });
        values.collect()
    }
}
