//! The columns of files, and whether all files have the same.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;

use super::bounds::Leaf;
use crate::error::{Code, Error, Result};

/// The columns of a file at its top, without dictionaries. Their metadata is kept: it says what texts are.
///
/// # Errors
/// `Data` when a type of Parquet has none in Arrow.
pub(super) fn schema_of(metadata: &ParquetMetaData) -> Result<SchemaRef> {
    let file = metadata.file_metadata();
    let schema =
        parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(|error| {
            Error::data("the columns of the file cannot be understood")
                .coded(Code::FileDamaged)
                .caused_by(error)
        })?;
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) => field.as_ref().clone().with_data_type(values.as_ref().clone()),
        _ => field.as_ref().clone(),
    };
    let fields: Vec<Field> = schema.fields().iter().map(plain).collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// The column `name` of a file, if it is one column of Parquet and not a list or a structure.
pub(super) fn leaf_of(name: &str, schema: &Schema, metadata: &ParquetMetaData) -> Option<Leaf> {
    let (root, field) = schema.column_with_name(name)?;
    let parquet = metadata.file_metadata().schema_descr();
    if !parquet.root_schema().get_fields().get(root)?.is_primitive() {
        return None;
    }
    let index = (0..parquet.num_columns()).find(|leaf| parquet.get_column_root_idx(*leaf) == root)?;
    (parquet.column(index).max_rep_level() == 0).then(|| Leaf::new(index, field.clone(), metadata))
}

/// Refuses a file whose columns are not those of the first: a condition has one meaning for a table.
pub(super) fn check_same(first: &Schema, first_file: &str, other: &Schema, other_file: &str) -> Result<()> {
    let differ = |what: String| {
        Err(Error::data(format!("the files have different columns: {what}"))
            .coded(Code::SchemasDiffer)
            .with("file", first_file)
            .with("other file", other_file)
            .hint("name a directory with the files of one table, or one of its files"))
    };
    for field in first.fields() {
        match other.field_with_name(field.name()) {
            Err(_) => return differ(format!("'{}' is only in {first_file}", field.name())),
            Ok(found) if !found.data_type().equals_datatype(field.data_type()) => {
                return differ(format!(
                    "'{}' is {} in {first_file} and {} in {other_file}",
                    field.name(),
                    field.data_type(),
                    found.data_type()
                ));
            }
            Ok(_) => {}
        }
    }
    match other.fields().iter().find(|field| first.field_with_name(field.name()).is_err()) {
        Some(field) => differ(format!("'{}' is only in {other_file}", field.name())),
        None => Ok(()),
    }
}
