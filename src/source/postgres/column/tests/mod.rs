//! Decoders against hand-made binary values, and the type contract as a table.

mod choices;
mod composites;
mod geometries;
mod lists;
mod numerics;
mod scalars;
mod vectors;

use arrow::array::ArrayRef;
use arrow_schema::{DataType, Field};

use super::Codec;
use crate::source::kit::cells::Cell;
use crate::source::kit::column::BadValue;
use crate::spec::SpecialValues;

/// A column of an int4; tests change what they are about.
fn column(type_oid: u32, base_type_name: &str) -> super::PgColumn {
    super::PgColumn {
        name: "c".into(),
        attnum: 7,
        declared_oid: type_oid,
        type_oid,
        typmod: -1,
        type_name: base_type_name.into(),
        base_type_name: base_type_name.into(),
        typtype: 'b',
        labels: Vec::new(),
        typcategory: 'X',
        element: None,
        fields: vec![],
        ndims: 0,
        not_null: true,
        collation_deterministic: true,
        in_pg_catalog: true,
        extension: None,
        spatial: None,
    }
}

fn array_of(type_oid: u32, base_type_name: &str, ndims: i32) -> super::PgColumn {
    let element = super::PgElement {
        type_oid,
        typmod: -1,
        typtype: 'b',
        base_type_name: base_type_name.into(),
        fields: vec![],
        extension: None,
        delimiter: ',',
    };
    super::PgColumn {
        typcategory: 'A',
        element: Some(Box::new(element)),
        ndims,
        ..column(1007, &format!("_{base_type_name}"))
    }
}

/// Decodes a batch, once value by value and once as a whole, which must come to the same; none is NULL.
fn decode_all(
    codec: &Codec,
    data_type: &DataType,
    special: SpecialValues,
    values: &[Option<&[u8]>],
) -> Result<ArrayRef, BadValue> {
    let field = Field::new("c", data_type.clone(), true);
    let mut decoder = codec.decoder(&field, 4, special).unwrap();
    let (mut bytes, mut cells) = (b"before".to_vec(), Vec::new());
    for value in values {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(value.unwrap_or_default());
        cells.push(Cell { start, length: value.map_or(-1, |value| value.len() as i32) });
    }
    let together = decoder.append_all(&bytes, &cells).map(|()| decoder.finish());
    let mut decoder = codec.decoder(&field, 4, special).unwrap();
    for (number, value) in values.iter().enumerate() {
        let appended = match value {
            Some(bytes) => decoder.append(bytes),
            None => {
                decoder.append_null();
                Ok(())
            }
        };
        if let Err(bad) = appended {
            assert_eq!(together.err(), Some((number, bad.clone())));
            return Err(bad);
        }
    }
    let array = decoder.finish();
    assert_eq!(&together.unwrap(), &array);
    assert_eq!(array.data_type(), data_type);
    array.to_data().validate_full().unwrap();
    assert_eq!(decoder.finish().len(), 0, "finish takes everything");
    Ok(array)
}

/// Decodes one value.
fn decode_one(codec: &Codec, data_type: &DataType, value: &[u8]) -> Result<ArrayRef, BadValue> {
    decode_all(codec, data_type, SpecialValues::Error, &[Some(value)])
}
