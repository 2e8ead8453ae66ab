//! Rows of Arrow arrays as bytes by the rule `md5-sum-1`: exactly what PostgreSQL's `record_send(ROW(...))` gives for the same values.
//!
//! A row is its number of columns, then for each the object id of its PostgreSQL type, the length of the value (-1 for
//! NULL) and the value in its type's binary form, all numbers big-endian and 32 bits wide.
//!
//! | Arrow | PostgreSQL | value |
//! |---|---|---|
//! | Boolean | bool | one byte |
//! | Int16, Int32, Int64, Float32, Float64 | int2, int4, int8, float4, float8 | big-endian, bit by bit |
//! | Decimal128, Decimal256 | numeric | see [`numeric`] |
//! | Utf8 | text | UTF-8 |
//! | Binary, FixedSizeBinary(16) | bytea, uuid | the bytes |
//! | Binary that is ISO WKB (`geoarrow.wkb`) | bytea | EWKB without SRID, see [`wkb`] |
//! | Date32 | date | days since 2000-01-01 |
//! | Time64(us) | time | microseconds |
//! | Timestamp(us), Timestamp(us, zone) | timestamp, timestamptz | microseconds since 2000-01-01 |
//! | Struct | record | a row of its fields |
//! | FixedSizeList of Float32, List of Float32 that are never NULL | bytea | one dimension, as below |
//! | List | bytea | dimensions, two zeros, length and first index (1) of each, then length and value of each element |

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::texts::{self, TextForm};
use super::{Fingerprint, Rule, numeric, wkb};
use crate::error::{Code, Error, Result};

/// From 1970-01-01 to 2000-01-01.
const DAYS: i32 = 10_957;
const MICROSECONDS: i64 = DAYS as i64 * 86_400_000_000;

/// How the values of a column are written.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Decimal128(u16),
    Decimal256(u16),
    Text,
    Bytes,
    Wkb,
    Uuid,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    /// A list that is a value of its own and no dimension of an array.
    Vector,
    Row(Vec<Self>),
    List(Box<Self>),
}

impl Form {
    fn of(field: &Field) -> Result<Self> {
        let none = || {
            Err(Error::data(format!("values of type {} have no form that can be hashed", field.data_type()))
                .coded(Code::NotVerifiable)
                .with("column", field.name()))
        };
        let scale = |scale: i8| u16::try_from(scale).ok();
        Ok(match field.data_type() {
            DataType::Boolean => Self::Boolean,
            DataType::Int16 => Self::Int2,
            DataType::Int32 => Self::Int4,
            DataType::Int64 => Self::Int8,
            DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Decimal128(_, places) => match scale(*places) {
                Some(places) => Self::Decimal128(places),
                None => return none(),
            },
            DataType::Decimal256(_, places) => match scale(*places) {
                Some(places) => Self::Decimal256(places),
                None => return none(),
            },
            DataType::Utf8 => Self::Text,
            DataType::Binary if is_wkb(field) => Self::Wkb,
            DataType::Binary => Self::Bytes,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Date32 => Self::Date,
            DataType::Time64(TimeUnit::Microsecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Timestamp,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::TimestampTz,
            DataType::Struct(fields) => {
                Self::Row(fields.iter().map(|field| Self::of(field)).collect::<Result<_>>()?)
            }
            DataType::FixedSizeList(element, _) if element.data_type() == &DataType::Float32 => Self::Vector,
            DataType::List(element)
                if element.data_type() == &DataType::Float32 && !element.is_nullable() =>
            {
                Self::Vector
            }
            DataType::List(element) => Self::List(Box::new(Self::of(element)?)),
            _ => return none(),
        })
    }

    /// The object id of the type that PostgreSQL gives such a column.
    fn oid(&self) -> u32 {
        match self {
            Self::Boolean => 16,
            Self::Bytes | Self::Wkb | Self::List(_) | Self::Vector => 17,
            Self::Int8 => 20,
            Self::Int2 => 21,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::Float4 => 700,
            Self::Float8 => 701,
            Self::Date => 1082,
            Self::Time => 1083,
            Self::Timestamp => 1114,
            Self::TimestampTz => 1184,
            Self::Decimal128(_) | Self::Decimal256(_) => 1700,
            Self::Row(_) => 2249,
            Self::Uuid => 2950,
        }
    }

    /// Appends the value of `row`, which is not NULL.
    fn put(&self, out: &mut Vec<u8>, column: &dyn Array, row: usize) -> Result<()> {
        match self {
            Self::Boolean => out.push(u8::from(column.as_boolean().value(row))),
            Self::Int2 => out.extend(column.as_primitive::<Int16Type>().value(row).to_be_bytes()),
            Self::Int4 => out.extend(column.as_primitive::<Int32Type>().value(row).to_be_bytes()),
            Self::Int8 => out.extend(column.as_primitive::<Int64Type>().value(row).to_be_bytes()),
            Self::Float4 => {
                out.extend(column.as_primitive::<Float32Type>().value(row).to_bits().to_be_bytes());
            }
            Self::Float8 => {
                out.extend(column.as_primitive::<Float64Type>().value(row).to_bits().to_be_bytes());
            }
            Self::Decimal128(scale) => {
                numeric::put_small(out, column.as_primitive::<Decimal128Type>().value(row), *scale);
            }
            Self::Decimal256(scale) => {
                numeric::put(out, column.as_primitive::<Decimal256Type>().value(row), *scale);
            }
            Self::Text => out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
            Self::Bytes => out.extend_from_slice(column.as_binary::<i32>().value(row)),
            Self::Wkb => {
                if !wkb::put(out, column.as_binary::<i32>().value(row)) {
                    return Err(
                        Error::data("a value is not the WKB of a geometry").coded(Code::NotVerifiable)
                    );
                }
            }
            Self::Uuid => out.extend_from_slice(column.as_fixed_size_binary().value(row)),
            Self::Date => {
                let days = column.as_primitive::<Date32Type>().value(row).wrapping_sub(DAYS);
                out.extend(days.to_be_bytes());
            }
            Self::Time => out.extend(column.as_primitive::<Time64MicrosecondType>().value(row).to_be_bytes()),
            Self::Timestamp | Self::TimestampTz => {
                let moment = column.as_primitive::<TimestampMicrosecondType>().value(row);
                out.extend(moment.wrapping_sub(MICROSECONDS).to_be_bytes());
            }
            Self::Vector => {
                let items = match column.as_fixed_size_list_opt() {
                    Some(lists) => lists.value(row),
                    None => column.as_list::<i32>().value(row),
                };
                put_list(out, &Self::Float4, &items)?;
            }
            Self::Row(forms) => put_row(out, forms, column.as_struct().columns(), row)?,
            Self::List(element) => put_list(out, element, &column.as_list::<i32>().value(row))?,
        }
        Ok(())
    }

    /// Appends length and value; -1 for NULL.
    fn put_cell(&self, out: &mut Vec<u8>, column: &dyn Array, row: usize) -> Result<()> {
        if column.is_null(row) {
            out.extend((-1_i32).to_be_bytes());
            return Ok(());
        }
        let start = out.len();
        out.extend([0; 4]);
        self.put(out, column, row)?;
        let length = u32::try_from(out.len() - start - 4).map_err(|error| {
            Error::data("a value is too large to be hashed").coded(Code::NotVerifiable).caused_by(error)
        })?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// Whether a column says of itself that it is of geometries.
fn is_wkb(field: &Field) -> bool {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "geoarrow.wkb")
}

fn put_row(out: &mut Vec<u8>, forms: &[Form], columns: &[ArrayRef], row: usize) -> Result<()> {
    out.extend((forms.len() as u32).to_be_bytes());
    for (form, column) in forms.iter().zip(columns) {
        out.extend(form.oid().to_be_bytes());
        form.put_cell(out, column.as_ref(), row)?;
    }
    Ok(())
}

/// One array. All lists of one level have the same length, as an array's do.
fn put_list(out: &mut Vec<u8>, element: &Form, items: &ArrayRef) -> Result<()> {
    let (mut lengths, mut innermost, mut level) = (vec![items.len()], ArrayRef::clone(items), element);
    while let (Form::List(below), false) = (level, innermost.is_empty()) {
        let lists = innermost.as_list::<i32>();
        lengths.push(lists.value(0).len());
        innermost = lists.values().slice(
            lists.value_offsets()[0] as usize,
            (lists.value_offsets()[lists.len()] - lists.value_offsets()[0]) as usize,
        );
        level = below;
    }
    // An array without elements has no dimensions.
    if innermost.is_empty() {
        lengths.clear();
    }
    out.extend((lengths.len() as u32).to_be_bytes());
    out.extend([0; 8]);
    for length in lengths {
        out.extend((length as u32).to_be_bytes());
        out.extend(1_u32.to_be_bytes());
    }
    for row in 0..innermost.len() {
        level.put_cell(out, innermost.as_ref(), row)?;
    }
    Ok(())
}

/// How rows become bytes.
#[derive(Debug, PartialEq)]
enum Forms {
    Binary(Vec<Form>),
    Texts(Vec<TextForm>),
}

impl Forms {
    fn of(schema: &Schema, rule: Rule) -> Result<Self> {
        let fields = schema.fields().iter();
        Ok(match rule {
            Rule::Md5Sum => Self::Binary(fields.map(|field| Form::of(field)).collect::<Result<_>>()?),
            Rule::Sha256Sum => Self::Texts(fields.map(|field| TextForm::of(field)).collect::<Result<_>>()?),
        })
    }

    fn put_row(&self, out: &mut Vec<u8>, columns: &[ArrayRef], row: usize) -> Result<()> {
        match self {
            Self::Binary(forms) => put_row(out, forms, columns, row),
            Self::Texts(forms) => {
                texts::put_row(out, forms, columns, row);
                Ok(())
            }
        }
    }
}

/// Adds rows of one schema to a [`Fingerprint`].
#[derive(Debug)]
pub struct RowHasher {
    forms: Forms,
    row: Vec<u8>,
    found: Fingerprint,
}

impl RowHasher {
    /// For rows with the fields of `schema`.
    ///
    /// Errors: `Data` for a column of a type that has no form by this rule, naming it.
    pub fn new(schema: &Schema, rule: Rule) -> Result<Self> {
        Ok(Self { forms: Forms::of(schema, rule)?, row: Vec::new(), found: Fingerprint::of_none(rule) })
    }

    /// Adds every row of a batch.
    ///
    /// Errors: `Internal` when the batch is of another schema.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        if Forms::of(&batch.schema(), self.found.rule)? != self.forms {
            return Err(Error::internal("rows of one file have different columns"));
        }
        for row in 0..batch.num_rows() {
            self.row.clear();
            self.forms.put_row(&mut self.row, batch.columns(), row)?;
            self.found.add(&self.row);
        }
        Ok(())
    }

    /// The fingerprint of all rows added.
    pub fn finish(self) -> Fingerprint {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn bytes(column: ArrayRef) -> Vec<Vec<u8>> {
        let batch = RecordBatch::try_from_iter_with_nullable([("c", column, true)]).expect("batch");
        let forms = Forms::of(&batch.schema(), Rule::Md5Sum).expect("forms");
        let row = |row| {
            let mut out = Vec::new();
            forms.put_row(&mut out, batch.columns(), row).expect("row");
            out
        };
        (0..batch.num_rows()).map(row).collect()
    }

    #[test]
    fn null_empty_and_zero_differ() {
        let texts = bytes(Arc::new(StringArray::from(vec![None, Some(""), Some("\0")])));
        assert_eq!(texts[0], [0, 0, 0, 1, 0, 0, 0, 25, 255, 255, 255, 255]);
        assert_eq!(texts[1], [0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 0]);
        assert_eq!(texts[2], [0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 1, 0]);
        let numbers = bytes(Arc::new(Int32Array::from(vec![-2])));
        assert_eq!(numbers[0], [0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 4, 255, 255, 255, 254]);
    }

    #[test]
    fn lists_have_dimensions_and_elements() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![]),
            None,
            Some(vec![Some(7), None]),
        ]);
        let lists = bytes(Arc::new(lists));
        let head = [0, 0, 0, 1, 0, 0, 0, 17];
        assert_eq!(lists[0], [&head[..], &[0, 0, 0, 12], &[0; 12]].concat());
        assert_eq!(lists[1], [&head[..], &[255; 4]].concat());
        let dimensions = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1];
        let elements = [0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255];
        assert_eq!(lists[2], [&head[..], &[0, 0, 0, 32], &dimensions, &elements].concat());
    }
}
