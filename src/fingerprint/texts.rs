//! Rows of Arrow arrays as bytes by the rule `sha256-sum-1`: values as MySQL and MariaDB write them, so that both can
//! compute the same by functions that every version of them has.
//!
//! A row is its values one after the other, each with `;` behind it; texts and bytes with `:` and how many bytes they are
//! before that. NULL is `N;`. Read from its end it is never the row of other values.
//!
//! | Arrow | text |
//! |---|---|
//! | Int16, Int32, Int64 | decimal digits |
//! | Decimal128, Decimal256 | all decimal places; no sign before zero |
//! | Float32, Float64 | an odd number `p` a power of two: 1.5 is `3p-1`; `0` and `-0` |
//! | Utf8 | UTF-8 |
//! | Binary, FixedSizeBinary | the bytes |
//! | Date32 | `2024-02-29` |
//! | Time64(us) | `23:59:59.999999` |
//! | Timestamp(us), with or without zone | `2024-02-29 23:59:59.999999`, UTC |
//! | lists of Float32 that are never NULL | the numbers, four bytes each, least first |

use std::io::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_schema::{DataType, Field, TimeUnit};
use chrono::{DateTime, Days, NaiveDate};

use crate::error::{Code, Error, Result};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TextForm {
    Int16,
    Int32,
    Int64,
    Decimal128(usize),
    Decimal256(usize),
    Float32,
    Float64,
    Text,
    Bytes,
    FixedBytes,
    Date,
    Time,
    Timestamp,
    Vector,
    FixedVector,
}

impl TextForm {
    pub(super) fn of(field: &Field) -> Result<Self> {
        let none = || {
            Err(Error::data(format!("values of type {} have no form that MySQL hashes", field.data_type()))
                .coded(Code::NotVerifiable)
                .with("column", field.name()))
        };
        let is_numbers =
            |element: &Field| *element.data_type() == DataType::Float32 && !element.is_nullable();
        Ok(match field.data_type() {
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::Decimal128(_, places) => match usize::try_from(*places) {
                Ok(places) => Self::Decimal128(places),
                Err(_) => return none(),
            },
            DataType::Decimal256(_, places) => match usize::try_from(*places) {
                Ok(places) => Self::Decimal256(places),
                Err(_) => return none(),
            },
            DataType::Float32 => Self::Float32,
            DataType::Float64 => Self::Float64,
            DataType::Utf8 => Self::Text,
            DataType::Binary => Self::Bytes,
            DataType::FixedSizeBinary(_) => Self::FixedBytes,
            DataType::Date32 => Self::Date,
            DataType::Time64(TimeUnit::Microsecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp,
            DataType::List(element) if is_numbers(element) => Self::Vector,
            DataType::FixedSizeList(element, _) if is_numbers(element) => Self::FixedVector,
            _ => return none(),
        })
    }

    /// Whether any bytes may be in its values.
    fn is_any_text(self) -> bool {
        matches!(self, Self::Text | Self::Bytes | Self::FixedBytes | Self::Vector | Self::FixedVector)
    }

    /// Appends the text of the value of `row`, which is not NULL.
    fn put(self, out: &mut Vec<u8>, column: &dyn Array, row: usize) {
        match self {
            Self::Int16 => put(out, format_args!("{}", column.as_primitive::<Int16Type>().value(row))),
            Self::Int32 => put(out, format_args!("{}", column.as_primitive::<Int32Type>().value(row))),
            Self::Int64 => put(out, format_args!("{}", column.as_primitive::<Int64Type>().value(row))),
            Self::Decimal128(places) => {
                let value = column.as_primitive::<Decimal128Type>().value(row);
                put_decimal(out, value < 0, &value.unsigned_abs().to_string(), places);
            }
            Self::Decimal256(places) => {
                let value = column.as_primitive::<Decimal256Type>().value(row);
                put_decimal(out, value.is_negative(), &value.wrapping_abs().to_string(), places);
            }
            Self::Float32 => put_double(out, column.as_primitive::<Float32Type>().value(row).into()),
            Self::Float64 => put_double(out, column.as_primitive::<Float64Type>().value(row)),
            Self::Text => out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
            Self::Bytes => out.extend_from_slice(column.as_binary::<i32>().value(row)),
            Self::FixedBytes => out.extend_from_slice(column.as_fixed_size_binary().value(row)),
            Self::Date => put_date(out, column.as_primitive::<Date32Type>().value(row)),
            Self::Time => put_time(out, column.as_primitive::<Time64MicrosecondType>().value(row)),
            Self::Timestamp => {
                put_timestamp(out, column.as_primitive::<TimestampMicrosecondType>().value(row));
            }
            Self::Vector => put_numbers(out, &column.as_list::<i32>().value(row)),
            Self::FixedVector => put_numbers(out, &column.as_fixed_size_list().value(row)),
        }
    }
}

/// Appends one row.
pub(super) fn put_row(out: &mut Vec<u8>, forms: &[TextForm], columns: &[ArrayRef], row: usize) {
    for (form, column) in forms.iter().zip(columns) {
        if column.is_null(row) {
            out.extend_from_slice(b"N;");
            continue;
        }
        let start = out.len();
        form.put(out, column.as_ref(), row);
        let length = out.len() - start;
        if form.is_any_text() {
            put(out, format_args!(":{length}"));
        }
        out.push(b';');
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A Vec takes everything.
    let _ = out.write_fmt(text);
}

fn put_decimal(out: &mut Vec<u8>, negative: bool, digits: &str, places: usize) {
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let (sign, point) = (if negative { "-" } else { "" }, if places > 0 { "." } else { "" });
    put(out, format_args!("{sign}{whole}{point}{fraction}"));
}

/// Every bit of a finite number: the servers do not write all digits of each.
fn put_double(out: &mut Vec<u8>, value: f64) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let bits = value.to_bits();
    let (stored, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let whole = if stored == 0 { fraction } else { fraction | 1 << 52 };
    if whole == 0 {
        out.push(b'0');
        return;
    }
    let even = whole.trailing_zeros();
    let power = stored.max(1) - 1075 + even.cast_signed();
    put(out, format_args!("{}p{power}", whole >> even));
}

fn put_date(out: &mut Vec<u8>, days: i32) {
    let epoch = NaiveDate::default();
    let distance = Days::new(days.unsigned_abs().into());
    let date = if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) };
    match date {
        Some(date) => put(out, format_args!("{}", date.format("%Y-%m-%d"))),
        None => put(out, format_args!("{days}")),
    }
}

fn put_time(out: &mut Vec<u8>, micros: i64) {
    let (seconds, micros) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    put(out, format_args!("{hour:02}:{minute:02}:{second:02}.{micros:06}"));
}

fn put_timestamp(out: &mut Vec<u8>, micros: i64) {
    match DateTime::from_timestamp_micros(micros) {
        Some(at) => put(out, format_args!("{}", at.format("%Y-%m-%d %H:%M:%S%.6f"))),
        None => put(out, format_args!("{micros}")),
    }
}

fn put_numbers(out: &mut Vec<u8>, items: &ArrayRef) {
    for number in items.as_primitive::<Float32Type>().values() {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BinaryArray, Date32Array, Decimal128Array, Int32Array, StringArray};

    use super::*;

    fn written(put: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_read_from_its_end() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(-5), None])),
            Arc::new(StringArray::from(vec![Some("é;"), Some("")])),
            Arc::new(BinaryArray::from(vec![Some(&b":1"[..]), None])),
            Arc::new(Date32Array::from(vec![-719_528, 19_782])),
            Arc::new(Decimal128Array::from(vec![-5, 0]).with_precision_and_scale(5, 2).unwrap()),
        ];
        let forms: Vec<TextForm> = columns
            .iter()
            .map(|column| TextForm::of(&Field::new("c", column.data_type().clone(), true)).unwrap())
            .collect();
        let row = |row| written(|out| put_row(out, &forms, &columns, row));
        assert_eq!(row(0), "-5;é;:3;:1:2;0000-01-01;-0.05;");
        assert_eq!(row(1), "N;:0;N;2024-02-29;0.00;");
        assert!(TextForm::of(&Field::new("c", DataType::Boolean, true)).is_err());
    }

    #[test]
    fn doubles_keep_every_bit() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1p0"),
            (-1.5, "-3p-1"),
            (0.1, "3602879701896397p-55"),
            (f64::from(0.1_f32), "13421773p-27"),
            (1e22, "2384185791015625p22"),
            (f64::MAX, "9007199254740991p971"),
            (5e-324, "1p-1074"),
            (f64::MIN_POSITIVE, "1p-1022"),
        ] {
            assert_eq!(written(|out| put_double(out, value)), text);
        }
    }

    #[test]
    fn times_have_six_places() {
        assert_eq!(written(|out| put_time(out, 0)), "00:00:00.000000");
        assert_eq!(written(|out| put_time(out, 86_399_999_999)), "23:59:59.999999");
        assert_eq!(written(|out| put_timestamp(out, -1)), "1969-12-31 23:59:59.999999");
        assert_eq!(written(|out| put_timestamp(out, 0)), "1970-01-01 00:00:00.000000");
    }
}
