//! Columns as DuckLake has them: a row for each, and for each field inside of one.

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::error::{Code, Error, Result};
use crate::manifest::Manifest;

/// A column of a table, or a field inside of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// The id that it has in the files.
    pub(super) id: i64,
    pub(super) parent: Option<i64>,
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) nullable: bool,
    /// Its name in the table, for those that are not inside of others.
    pub(super) path: Option<String>,
    /// Whether directories have its values, and files do not.
    pub(super) is_partition: bool,
}

/// The columns of a table: those of its files, in their order, and then its partitions.
///
/// # Errors
/// `Data`, naming the column, for a type that DuckLake has not and for files without ids of columns.
pub(super) fn of(manifest: &Manifest, files: &Schema) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    for field in files.fields() {
        add(&mut columns, field, field.name(), None, true)
            .map_err(|error| error.with("column", field.name()))?;
    }
    let first = columns.iter().map(|column| column.id).max().unwrap_or(0) + 1;
    for (partition, id) in manifest.partition_by.iter().zip(first..) {
        let data_type = match partition.data_type()? {
            // The directory has its text.
            DataType::FixedSizeBinary(16) => "uuid".to_owned(),
            data_type => {
                simple(&data_type).ok_or_else(|| has_not(&data_type).with("column", &partition.name))?
            }
        };
        columns.push(Column {
            id,
            parent: None,
            name: partition.name.clone(),
            data_type,
            nullable: true,
            path: Some(partition.name.clone()),
            is_partition: true,
        });
    }
    Ok(columns)
}

fn add(columns: &mut Vec<Column>, field: &Field, name: &str, parent: Option<i64>, top: bool) -> Result<()> {
    let id =
        field.metadata().get(PARQUET_FIELD_ID_META_KEY).and_then(|id| id.parse().ok()).ok_or_else(|| {
            Error::data("the files have no ids of columns")
                .coded(Code::FileMissing)
                .hint("export the table again with this version of lakexpress")
        })?;
    let (data_type, inner): (String, Vec<(&Field, &str)>) = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            ("list".into(), vec![(item, "element")])
        }
        DataType::Struct(fields) => {
            ("struct".into(), fields.iter().map(|field| (field.as_ref(), field.name().as_str())).collect())
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                ("map".into(), vec![(fields[0].as_ref(), "key"), (fields[1].as_ref(), "value")])
            }
            other => return Err(has_not(other)),
        },
        other => (simple(other).ok_or_else(|| has_not(other))?, Vec::new()),
    };
    let (name, path) = (name.to_owned(), top.then(|| field.name().clone()));
    let nullable = field.is_nullable();
    columns.push(Column { id, parent, name, data_type, nullable, path, is_partition: false });
    inner.into_iter().try_for_each(|(field, name)| add(columns, field, name, Some(id), false))
}

/// The name of a type that has no fields.
fn simple(data_type: &DataType) -> Option<String> {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "int8",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 => "uint8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        DataType::Date32 => "date",
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => "time",
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Millisecond, zone) => {
            if zone.is_some() {
                "timestamptz"
            } else {
                "timestamp"
            }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "blob"
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            return Some(format!("decimal({precision},{scale})"));
        }
        DataType::Dictionary(_, values) => return simple(values),
        _ => return None,
    };
    Some(name.to_owned())
}

fn has_not(data_type: &DataType) -> Error {
    Error::data("DuckLake has no such type")
        .coded(Code::UnsupportedType)
        .with("type", data_type)
        .hint("leave the column out with --columns, or export it as text with --cast 'table.column: text'")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn field(name: &str, data_type: DataType, id: i64) -> Field {
        let metadata = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())].into();
        Field::new(name, data_type, true).with_metadata(metadata)
    }

    #[test]
    fn fields_within_have_rows_of_their_own() {
        let item = Arc::new(field("item", DataType::Int32, 3));
        let inner = DataType::Struct(vec![field("x", DataType::List(item), 2)].into());
        let mut columns = Vec::new();
        add(&mut columns, &field("s", inner, 1), "s", None, true).expect("columns");
        let shown: Vec<_> =
            columns.iter().map(|c| (c.id, c.parent, c.name.as_str(), c.data_type.as_str())).collect();
        assert_eq!(
            shown,
            [(1, None, "s", "struct"), (2, Some(1), "x", "list"), (3, Some(2), "element", "int32")]
        );
        assert_eq!(columns[0].path.as_deref(), Some("s"));
        assert_eq!(columns[1].path, None);
    }

    #[test]
    fn what_has_no_type_or_no_id_is_refused() {
        let mut columns = Vec::new();
        let wide = field("d", DataType::Decimal256(50, 2), 1);
        assert!(add(&mut columns, &wide, "d", None, true).is_err());
        assert!(add(&mut columns, &Field::new("i", DataType::Int32, true), "i", None, true).is_err());
        assert_eq!(simple(&DataType::Decimal128(10, 2)).as_deref(), Some("decimal(10,2)"));
    }
}
