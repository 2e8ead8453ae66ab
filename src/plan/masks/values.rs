//! What masks make of values, as functions over columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use arrow_schema::{ArrowError, DataType};
use datafusion::logical_expr::Expr;
use ring::hmac;

use crate::plan::meaning::{self, Kind, call};
use crate::spec::MaskKey;

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// `digits` hexadecimal digits of the HMAC-SHA-256 of each value: of bytes as they are, of other values as texts.
pub(super) fn hashed(key: &MaskKey, digits: usize, column: Expr) -> Expr {
    let key = signer(key);
    let body = move |columns: &[ArrayRef]| -> Result<ArrayRef, ArrowError> {
        let texts: StringArray = match columns[0].data_type() {
            DataType::Binary | DataType::LargeBinary => {
                let bytes = cast(&columns[0], &DataType::LargeBinary)?;
                bytes.as_binary::<i64>().iter().map(|value| Some(hash(&key, digits, value?))).collect()
            }
            _ => {
                let texts = as_texts(&columns[0])?;
                let values = texts.as_string::<i64>().iter();
                values.map(|value| Some(hash(&key, digits, value?.as_bytes()))).collect()
            }
        };
        Ok(Arc::new(texts))
    };
    call(format!("mask_hmac_{digits}"), Kind::Text, body, vec![column])
}

/// The first and the last characters of each text, `*` for each of the others.
pub(super) fn partial(first: usize, last: usize, column: Expr) -> Expr {
    let masked = move |text: &str| {
        let count = text.chars().count();
        let has_others = count > first.saturating_add(last);
        let shown = |at: usize| has_others && (at < first || at >= count - last);
        text.chars().enumerate().map(|(at, character)| if shown(at) { character } else { '*' }).collect()
    };
    texts(format!("mask_partial_{first}_{last}"), masked, column)
}

/// The first characters of each text.
pub(super) fn beginning(characters: usize, column: Expr) -> Expr {
    texts(format!("mask_truncate_{characters}"), move |text| text.chars().take(characters).collect(), column)
}

/// The first moment of the year, or of the month, of each date or timestamp without time zone.
pub(super) fn first_day(of_year: bool, column: Expr, data_type: &DataType) -> Expr {
    let (kind, unit) = (
        if *data_type == DataType::Date32 { Kind::Date } else { Kind::Timestamp },
        if of_year { "year" } else { "month" },
    );
    let first = move |day: i64| meaning::first_day(day, of_year);
    let body = move |columns: &[ArrayRef]| -> Result<ArrayRef, ArrowError> {
        Ok(match columns[0].as_primitive_opt::<Date32Type>() {
            Some(days) => {
                // The first day of a year is a day of 32 bits, but of the first such year.
                let day = |day: i32| i32::try_from(first(day.into())).unwrap_or(i32::MIN);
                Arc::new(days.unary::<_, Date32Type>(day))
            }
            None => {
                let moments = columns[0].as_primitive::<TimestampMicrosecondType>();
                let moment = |at: i64| first(at.div_euclid(DAY)).saturating_mul(DAY);
                Arc::new(moments.unary::<_, TimestampMicrosecondType>(moment))
            }
        })
    };
    call(format!("mask_{unit}"), kind, body, vec![column])
}

/// The key's check value: the same for the same key, and nothing that leads back to it.
pub fn key_check(key: &MaskKey) -> String {
    hash(&signer(key), 8, b"lakexpress: which key")
}

fn texts(name: String, of: impl Fn(&str) -> String + Send + Sync + 'static, column: Expr) -> Expr {
    let body = move |columns: &[ArrayRef]| -> Result<ArrayRef, ArrowError> {
        let values = as_texts(&columns[0])?;
        let masked: StringArray = values.as_string::<i64>().iter().map(|value| value.map(&of)).collect();
        Ok(Arc::new(masked))
    };
    call(name, Kind::Text, body, vec![column])
}

/// Values as PostgreSQL writes them as texts.
fn as_texts(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if let DataType::FixedSizeBinary(16) = column.data_type() {
        let text = |bytes: &[u8]| uuid::Uuid::from_slice(bytes).map(|id| id.hyphenated().to_string()).ok();
        let texts: LargeStringArray =
            column.as_fixed_size_binary().iter().map(|id| id.and_then(text)).collect();
        return Ok(Arc::new(texts));
    }
    cast(column, &DataType::LargeUtf8)
}

fn signer(key: &MaskKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.bytes())
}

fn hash(key: &hmac::Key, digits: usize, value: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let tag = hmac::sign(key, value);
    let hex = tag.as_ref().iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    hex.take(digits).map(char::from).collect()
}
