//! Decoders against hand-made binary values, and the type contract as a table.

mod choices;
mod expressions;
mod scalars;
mod texts;

use arrow::array::ArrayRef;
use arrow_schema::{DataType, Field};

use super::{Choice, Codec, Declared, choose};
use crate::source::kit::cells::Cell;
use crate::source::kit::column::BadValue;
use crate::spec::{SpecialValues, TypePolicy};

/// A column of a type as `COLUMN_TYPE` has it; its texts are of utf8mb4.
fn declared(column_type: &str) -> Declared {
    let data_type = column_type.split(['(', ' ']).next().unwrap_or_default();
    let has_characters =
        data_type.ends_with("char") || data_type.ends_with("text") || matches!(data_type, "enum" | "set");
    let mut column = Declared {
        name: "c".into(),
        position: 7,
        data_type: data_type.into(),
        column_type: column_type.into(),
        character_set: has_characters.then(|| "utf8mb4".into()),
        collation: has_characters.then(|| "utf8mb4_general_ci".into()),
        ..Declared::default()
    };
    if let Some((digits, places)) =
        column_type.strip_prefix("decimal(").and_then(|rest| rest.split_once(')')?.0.split_once(','))
    {
        (column.precision, column.scale) = (digits.parse().ok(), places.parse().ok());
    }
    column
}

fn of_charset(column_type: &str, charset: &str, collation: &str) -> Declared {
    Declared {
        character_set: Some(charset.into()),
        collation: Some(collation.into()),
        ..declared(column_type)
    }
}

fn by_default(column: &Declared) -> Choice {
    choose(column, false, &TypePolicy::default(), true).unwrap()
}

/// Decodes a batch as the column is chosen to be, once value by value and once as a whole, which must come to the same.
fn decode(choice: &Choice, special: SpecialValues, values: &[Option<&[u8]>]) -> Result<ArrayRef, BadValue> {
    decode_all(&choice.codec, choice.field.data_type(), special, values)
}

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
    let alone = decoder.finish();
    assert_eq!(together.unwrap().to_data(), alone.to_data());
    assert_eq!(alone.data_type(), data_type);
    assert!(decoder.finish().is_empty());
    Ok(alone)
}

/// One value of a column, as Arrow shows it.
fn shown(choice: &Choice, value: &[u8]) -> Result<String, String> {
    use arrow::util::display::array_value_to_string;
    let array = decode(choice, SpecialValues::Error, &[None, Some(value)]).map_err(|bad| bad.what)?;
    assert!(array.is_null(0));
    Ok(array_value_to_string(&array, 1).unwrap())
}
