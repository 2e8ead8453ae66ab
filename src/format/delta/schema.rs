//! A table's columns as Delta describes them.
//!
//! | Arrow | Delta |
//! |---|---|
//! | signed integers of 8, 16, 32, 64 bits | `byte`, `short`, `integer`, `long` |
//! | unsigned integers of 8, 16, 32 bits | the next larger signed one |
//! | floating point of 32 and 64 bits | `float`, `double` |
//! | decimals of up to 38 digits | `decimal(p,s)` |
//! | dates | `date` |
//! | timestamps of an instant, and without a zone | `timestamp`, `timestamp_ntz` |
//! | text, bytes, booleans | `string`, `binary`, `boolean` |
//! | lists, structs, maps | `array`, `struct`, `map` |

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::manifest::Manifest;
use crate::readers::map_children;
use crate::sink::{RefusedType, written_schema};

/// Types that Delta has not, in words for a message.
pub(super) const REFUSED: &[RefusedType] = &[
    RefusedType { what: "times of day", is: |t| matches!(t, DataType::Time32(_) | DataType::Time64(_)) },
    RefusedType { what: "unsigned integers of 64 bits", is: |t| matches!(t, DataType::UInt64) },
    RefusedType { what: "floating point of 16 bits", is: |t| matches!(t, DataType::Float16) },
    RefusedType { what: "intervals", is: |t| matches!(t, DataType::Interval(_) | DataType::Duration(_)) },
    RefusedType {
        what: "timestamps of nanoseconds",
        is: |t| matches!(t, DataType::Timestamp(TimeUnit::Nanosecond, _)),
    },
    RefusedType {
        what: "decimals of more than 38 digits",
        is: |t| matches!(t, DataType::Decimal256(precision, _) if *precision > 38),
    },
    RefusedType { what: "UUIDs", is: |t| matches!(t, DataType::FixedSizeBinary(16)) },
];

/// Characters that Spark refuses in a name, unless names are mapped.
const MAPPED: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// Properties of a table whose names are mapped.
const MODE: &str = "delta.columnMapping.mode";
const LAST_ID: &str = "delta.columnMapping.maxColumnId";

/// A table's columns, and what a reader must know to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableSchema {
    /// `schemaString`.
    pub(super) text: String,
    pub(super) partitions: Vec<String>,
    /// Features of the protocol that it needs.
    pub(super) features: Vec<&'static str>,
    /// Properties of the table that it needs.
    pub(super) configuration: BTreeMap<String, String>,
}

/// The columns of `manifest`, and after them its partitions; `files` has the ids of columns, and not always their types, since
/// a reader may want text. Names are mapped where one demands it, and where `before`, the table's properties, say that they are; a column
/// then has the id that it has in the files.
///
/// # Errors
/// `Data`, naming the column, for a type that Delta has not.
pub(super) fn of(
    manifest: &Manifest,
    files: &Schema,
    before: &BTreeMap<String, String>,
) -> Result<TableSchema> {
    let written = written_schema(files);
    let mut columns: Vec<Field> = Vec::new();
    for column in &manifest.columns {
        let field = Field::new(&column.name, column.data_type()?, column.nullable);
        let own = written.fields().iter().find(|field| *field.name() == column.name);
        columns.push(own.map_or_else(|| field.clone(), |own| with_ids(&field, own)));
    }
    for partition in &manifest.partition_by {
        let data_type = match partition.data_type()? {
            // The directory has its text.
            DataType::FixedSizeBinary(16) => DataType::Utf8,
            DataType::UInt64 => DataType::Decimal128(20, 0),
            data_type => data_type,
        };
        columns.push(Field::new(&partition.name, data_type, true));
    }
    let odd = |field: &Field| field.name().contains(MAPPED) || has_mapped_names(field.data_type());
    let mapped = before.get(MODE).is_some_and(|mode| mode != "none") || columns.iter().any(odd);
    let least = before.get(LAST_ID).and_then(|id| id.parse().ok()).unwrap_or(0);
    let mut ids = mapped.then(|| columns.iter().map(largest_id).max().unwrap_or(0).max(least));
    let fields = columns
        .iter()
        .map(|column| field(column, &mut ids).map_err(|error| error.with("column", column.name())));
    let fields: Vec<Value> = fields.collect::<Result<_>>()?;
    let mut features = Vec::new();
    if columns.iter().any(|column| has_no_zone(column.data_type())) {
        features.push("timestampNtz");
    }
    let mut configuration = before.clone();
    if let Some(last) = ids {
        features.push("columnMapping");
        configuration.insert(MODE.to_owned(), "name".to_owned());
        configuration.insert(LAST_ID.to_owned(), last.to_string());
    }
    Ok(TableSchema {
        text: json!({"type": "struct", "fields": fields}).to_string(),
        partitions: manifest.partition_by.iter().map(|partition| partition.name.clone()).collect(),
        features,
        configuration,
    })
}

/// A column with the ids that another one of the same shape has.
fn with_ids(column: &Field, other: &Field) -> Field {
    let id = other.metadata().get(PARQUET_FIELD_ID_META_KEY);
    let metadata = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_owned(), id.clone())).into_iter().collect();
    let mut inner = within(other.data_type()).into_iter();
    let data_type = map_children(column.data_type(), &mut |child| {
        Arc::new(inner.next().map_or_else(|| Field::clone(child), |other| with_ids(child, other)))
    });
    column.clone().with_metadata(metadata).with_data_type(data_type)
}

/// The id of a column in the files.
fn own_id(field: &Field) -> Option<i64> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY)?.parse().ok()
}

fn largest_id(field: &Field) -> i64 {
    let inner = within(field.data_type()).into_iter().map(largest_id).max().unwrap_or(0);
    own_id(field).unwrap_or(0).max(inner)
}

/// `ids` is the largest so far, for columns that are in no file; none where names are not mapped.
fn field(field: &Field, ids: &mut Option<i64>) -> Result<Value> {
    let metadata = match ids {
        None => json!({}),
        Some(last) => {
            let id = own_id(field).unwrap_or_else(|| {
                *last += 1;
                *last
            });
            json!({"delta.columnMapping.id": id, "delta.columnMapping.physicalName": field.name()})
        }
    };
    let data_type = kind(field.data_type(), ids)?;
    Ok(
        json!({"name": field.name(), "type": data_type, "nullable": field.is_nullable(), "metadata": metadata}),
    )
}

fn kind(data_type: &DataType, ids: &mut Option<i64>) -> Result<Value> {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "byte",
        DataType::Int16 | DataType::UInt8 => "short",
        DataType::Int32 | DataType::UInt16 => "integer",
        DataType::Int64 | DataType::UInt32 => "long",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary"
        }
        DataType::Date32 => "date",
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Millisecond | TimeUnit::Second, zone) => {
            if zone.is_some() { "timestamp" } else { "timestamp_ntz" }
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            return Ok(json!(format!("decimal({precision},{scale})")));
        }
        DataType::Dictionary(_, values) => return kind(values, ids),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            let element = kind(item.data_type(), ids)?;
            return Ok(json!({"type": "array", "elementType": element, "containsNull": item.is_nullable()}));
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|inner| field(inner, ids));
            return Ok(json!({"type": "struct", "fields": fields.collect::<Result<Vec<_>>>()?}));
        }
        DataType::Map(entries, _) => return map(entries, ids),
        other => return Err(has_not(other)),
    };
    Ok(json!(name))
}

fn map(entries: &Field, ids: &mut Option<i64>) -> Result<Value> {
    let DataType::Struct(fields) = entries.data_type() else { return Err(has_not(entries.data_type())) };
    let [key, value] = fields.as_ref() else { return Err(has_not(entries.data_type())) };
    let (key, contains_null) = (kind(key.data_type(), ids)?, value.is_nullable());
    let value = kind(value.data_type(), ids)?;
    Ok(json!({"type": "map", "keyType": key, "valueType": value, "valueContainsNull": contains_null}))
}

fn has_not(data_type: &DataType) -> Error {
    Error::data("delta tables have no such type")
        .coded(Code::UnsupportedType)
        .with("type", data_type)
        .hint("leave the column out with --columns, or export it as text with --cast 'table.column: text'")
}

fn within(data_type: &DataType) -> Vec<&Field> {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(AsRef::as_ref).collect(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field],
        _ => Vec::new(),
    }
}

fn has_no_zone(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, None))
        || within(data_type).iter().any(|field| has_no_zone(field.data_type()))
}

fn has_mapped_names(data_type: &DataType) -> bool {
    let own =
        matches!(data_type, DataType::Struct(fields) if fields.iter().any(|f| f.name().contains(MAPPED)));
    own || within(data_type).iter().any(|field| has_mapped_names(field.data_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(data_type: &DataType) -> Value {
        kind(data_type, &mut None).expect("a type that Delta has")
    }

    #[test]
    fn types_have_the_names_of_the_protocol() {
        for (data_type, expected) in [
            (DataType::Int8, "byte"),
            (DataType::UInt32, "long"),
            (DataType::Decimal128(38, 10), "decimal(38,10)"),
            (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "timestamp"),
            (DataType::Timestamp(TimeUnit::Microsecond, None), "timestamp_ntz"),
            (DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), "string"),
        ] {
            assert_eq!(described(&data_type), json!(expected), "{data_type}");
        }
        let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
        assert_eq!(
            described(&list),
            json!({"type": "array", "elementType": "integer", "containsNull": true})
        );
    }

    #[test]
    fn what_it_has_not_is_refused_when_planned_and_when_committed() {
        for data_type in [
            DataType::UInt64,
            DataType::Float16,
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Decimal256(39, 0),
        ] {
            assert!(kind(&data_type, &mut None).is_err(), "{data_type}");
            assert!(REFUSED.iter().any(|refused| (refused.is)(&data_type)), "{data_type}");
        }
    }

    #[test]
    fn names_are_mapped_only_where_one_demands_it() {
        let plain = DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into());
        let odd = DataType::Struct(vec![Field::new("a b", DataType::Int32, true)].into());
        assert!(!has_mapped_names(&plain) && has_mapped_names(&odd));
        let id = |id: &str| [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_owned())].into();
        let inner = Field::new("a b", DataType::Int32, true).with_metadata(id("7"));
        let outer = Field::new("x", DataType::Struct(vec![inner].into()), true).with_metadata(id("3"));
        assert_eq!(largest_id(&outer), 7);
        let mut ids = Some(7);
        // Readers find columns by the ids that the files have.
        let mapped = field(&outer, &mut ids).expect("a field");
        assert_eq!(mapped["metadata"]["delta.columnMapping.id"], 3);
        let of_inner = &mapped["type"]["fields"][0]["metadata"];
        assert_eq!(of_inner["delta.columnMapping.physicalName"], "a b");
        assert_eq!((of_inner["delta.columnMapping.id"].as_i64(), ids), (Some(7), Some(7)));
        let partition = field(&Field::new("k", DataType::Utf8, true), &mut ids).expect("a field");
        assert_eq!(partition["metadata"]["delta.columnMapping.id"], 8);
    }
}
