//! What every reader says of its read.

use arrow_schema::{Schema, SchemaRef};

use crate::catalog::ColumnInfo;
use crate::source::TableRead;

/// The columns that are read, in their order.
pub fn columns(read: &TableRead) -> impl Iterator<Item = &ColumnInfo> {
    read.columns.iter().map(|at| &read.table.columns[*at])
}

/// Their schema.
pub fn schema(read: &TableRead) -> SchemaRef {
    Schema::new(columns(read).map(|column| column.field.clone()).collect::<Vec<_>>()).into()
}

/// A row in a message that nothing but its number tells from others; `before` rows of its part come before it.
pub fn nth_row(before: u64) -> String {
    format!("number {} of its part", before + 1)
}
