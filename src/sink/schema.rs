//! The schema as written: every field has an id, and every type is one that any reader knows.
//!
//! | in memory | in the file's Arrow schema |
//! |---|---|
//! | `Dictionary(_, T)` | `T` (Parquet has dictionaries of its own) |
//! | `Utf8View`, `BinaryView` | `Utf8`, `Binary` |
//! | `Decimal32`, `Decimal64` | `Decimal128` of the same precision and scale |
//! | anything else | the same |
//!
//! The encoder gets the types as they are in memory, with the same ids and names; both give one Parquet schema.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY as FIELD_ID;

use crate::readers::map_children;

/// `schema` as a reader will see it: ids on every field, nested ones too, and plain types.
///
/// An id that a field carries stays; fields without one, or with one that an earlier field has
/// (a column selected twice), get the next above the largest, in depth-first order.
pub fn written_schema(schema: &Schema) -> SchemaRef {
    let encoded = encoder_schema(schema);
    let fields: Fields = encoded.fields().iter().map(plain).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone()).into()
}

/// `schema` with the ids of [`written_schema`] and the types that the batches have.
pub(crate) fn encoder_schema(schema: &Schema) -> SchemaRef {
    let mut kept = HashSet::new();
    let fields: Vec<FieldRef> = schema.fields().iter().map(|field| keep_ids(field, &mut kept)).collect();
    let mut next = kept.iter().max().map_or(1, |largest| i64::from(*largest) + 1);
    let fields: Fields = fields.iter().map(|field| add_ids(field, &mut next)).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone()).into()
}

/// Whether the source described this field: it came with an id.
pub(crate) fn is_source_column(field: &Field) -> bool {
    field.metadata().contains_key(FIELD_ID)
}

/// Drops ids that are no positive numbers or that a field before has.
fn keep_ids(field: &FieldRef, kept: &mut HashSet<i32>) -> FieldRef {
    let id = field.metadata().get(FIELD_ID).and_then(|text| text.parse::<i32>().ok()).filter(|id| *id > 0);
    let mut metadata = field.metadata().clone();
    if !id.is_some_and(|id| kept.insert(id)) {
        metadata.remove(FIELD_ID);
    }
    let inner = map_children(field.data_type(), &mut |child| keep_ids(child, kept));
    Arc::new(field.as_ref().clone().with_metadata(metadata).with_data_type(inner))
}

fn add_ids(field: &FieldRef, next: &mut i64) -> FieldRef {
    let mut metadata = field.metadata().clone();
    if !metadata.contains_key(FIELD_ID) {
        metadata.insert(FIELD_ID.to_owned(), next.to_string());
        *next += 1;
    }
    let inner = map_children(field.data_type(), &mut |child| add_ids(child, next));
    Arc::new(field.as_ref().clone().with_metadata(metadata).with_data_type(inner))
}

fn plain(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(plain_type(field.data_type())))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        other => map_children(other, &mut plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_id(field: Field, id: &str) -> Field {
        field.with_metadata([(FIELD_ID.to_owned(), id.to_owned())].into())
    }

    fn ids(fields: &Fields, into: &mut Vec<String>) {
        for field in fields {
            into.push(format!("{}={}", field.name(), field.metadata()[FIELD_ID]));
            match field.data_type() {
                DataType::Struct(children) => ids(children, into),
                DataType::List(child) => ids(&vec![Arc::clone(child)].into(), into),
                _ => {}
            }
        }
    }

    #[test]
    fn every_field_has_an_id_of_its_own() {
        let pair =
            Fields::from(vec![Field::new("x", DataType::Int32, true), Field::new("y", DataType::Utf8, true)]);
        let schema = Schema::new(vec![
            Field::new("sum", DataType::Int64, true),
            with_id(Field::new("a", DataType::Int64, false), "7"),
            with_id(Field::new("again", DataType::Int64, false), "7"),
            with_id(Field::new_list("tags", Field::new("element", DataType::Utf8, true), true), "3"),
            Field::new("pair", DataType::Struct(pair), true),
            with_id(Field::new("odd", DataType::Int64, true), "nonsense"),
        ]);
        let mut found = vec![];
        ids(written_schema(&schema).fields(), &mut found);
        let expected =
            ["sum=8", "a=7", "again=9", "tags=3", "element=10", "pair=11", "x=12", "y=13", "odd=14"];
        assert_eq!(found, expected);
        assert_eq!(written_schema(&written_schema(&schema)), written_schema(&schema));
    }

    #[test]
    fn types_are_plain_inside_and_out() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8View));
        let schema = Schema::new(vec![
            Field::new("d", dictionary.clone(), false),
            Field::new_list("l", Field::new("element", dictionary, true), true),
            Field::new("n", DataType::Decimal64(12, 2), true),
        ]);
        let written = written_schema(&schema);
        assert_eq!(written.field(0).data_type(), &DataType::Utf8);
        assert!(
            matches!(written.field(1).data_type(), DataType::List(e) if e.data_type() == &DataType::Utf8)
        );
        assert_eq!(written.field(2).data_type(), &DataType::Decimal128(12, 2));
        assert!(!written.field(0).is_nullable());
    }
}
