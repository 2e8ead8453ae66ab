//! What a batch must be before it is encoded.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};
use arrow_schema::{DataType, SchemaRef};

use super::schema::is_source_column;
use crate::error::{Code, Error, Result};

/// Compares batches with the schema that was planned.
pub(super) struct Checked {
    schema: SchemaRef,
    /// Columns that an expression made: nobody but us has seen whether their decimals fit.
    computed: Vec<bool>,
}

impl Checked {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let computed = schema.fields().iter().map(|field| !is_source_column(field)).collect();
        Self { schema: Arc::clone(schema), computed }
    }

    /// An encoder trusts its caller: it would cut surplus columns, write what lies under a NULL of a required column, and
    /// keep the low bits of a decimal that is too long.
    ///
    /// Errors: `Data` for such a value, `Internal` for a batch of another schema; both name the column.
    pub(super) fn check(&self, batch: &RecordBatch) -> Result<()> {
        if batch.num_columns() != self.schema.fields().len() {
            let message =
                format!("a batch has {} columns, its schema {}", batch.num_columns(), self.computed.len());
            return Err(Error::internal(message));
        }
        for (i, field) in self.schema.fields().iter().enumerate() {
            let column = batch.column(i);
            if !field.data_type().equals_datatype(column.data_type()) {
                let message =
                    format!("a batch has {} where {} was planned", column.data_type(), field.data_type());
                return Err(Error::internal(message).with("column", field.name()));
            }
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return Err(Error::data("a NULL in a column that has none by its definition")
                    .coded(Code::RowsContradict)
                    .with("column", field.name()));
            }
            if self.computed[i] {
                decimals_fit(column).map_err(|error| error.with("column", field.name()))?;
            }
        }
        Ok(())
    }
}

/// Decimals that have more digits than their type.
fn decimals_fit(column: &ArrayRef) -> Result<()> {
    let checked = match column.data_type() {
        DataType::Decimal32(precision, _) => {
            column.as_primitive::<Decimal32Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal64(precision, _) => {
            column.as_primitive::<Decimal64Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal128(precision, _) => {
            column.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal256(precision, _) => {
            column.as_primitive::<Decimal256Type>().validate_decimal_precision(*precision)
        }
        _ => Ok(()),
    };
    checked.map_err(|error| {
        Error::data("a computed decimal has more digits than its type")
            .coded(Code::NumericRange)
            .hint("cast the expression in --columns to a decimal that is wide enough")
            .caused_by(error)
    })
}
