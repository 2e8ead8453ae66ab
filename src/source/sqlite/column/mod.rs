//! How values of a SQLite column become Arrow values: one small decoder per type family, chosen once per column.
//!
//! SQLite's types belong to values, not to columns: what a column declares is a wish. Here it is a
//! contract. A value of another storage class, or one that the type cannot hold exactly, is an error.
//!
//! | declared | Arrow | takes |
//! |---|---|---|
//! | BOOL, BOOLEAN | Boolean | INTEGER 0 and 1 |
//! | DATE | Date32 | TEXT `YYYY-MM-DD` |
//! | TIME | Time64(us) | TEXT `HH:MM[:SS[.ffffff]]` |
//! | DATETIME, TIMESTAMP | Timestamp(us) | TEXT `YYYY-MM-DD HH:MM[:SS[.ffffff]]`, also with `T`, also with `Z` |
//! | TIMESTAMPTZ, TIMESTAMP WITH TIME ZONE, DATETIMEOFFSET | Timestamp(us, UTC) | the same with `Z` or an offset |
//! | DECIMAL(p,s), NUMERIC(p,s), NUMBER(p,s) up to 38 digits | Decimal128 | INTEGER, REAL whose shortest text fits, TEXT that fits |
//! | the same without (p,s) | Utf8, or what `--numeric` asks for | everything but BLOB |
//! | JSON | Utf8 | TEXT, and the numbers that SQLite makes of it |
//! | contains INT | Int64 | INTEGER |
//! | contains CHAR, CLOB or TEXT | Utf8 | TEXT |
//! | contains BLOB | Binary | BLOB |
//! | contains REAL, FLOA or DOUB | Float64 | REAL, INTEGER up to 2^53 |
//! | nothing, or ANY in a STRICT table | by the first value that is not NULL | values of that storage class |
//! | everything else | Utf8, SQLite's text | everything but BLOB |
//!
//! To add a type, give it a file with its decoder, a variant of [`Codec`], and a row in `choose.rs`.

pub(super) mod calendar;
mod choose;
mod decimal;
mod decode;
mod scalars;
#[cfg(test)]
mod tests;
mod text;

use arrow_schema::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

pub use self::choose::{Choice, Column, StorageClass, choose};
pub use self::decode::Stored;
use crate::error::{Error, Result};
use crate::source::kit::boolean::BooleanDecoder;
use crate::source::kit::column::ColumnDecoder;
use crate::source::kit::primitive::PrimitiveDecoder;

pub(super) use choose::needs_first_value;

/// How one column is decoded. Travels in `ColumnInfo::codec` as JSON.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// INTEGER only.
    Integer,
    /// REAL, and INTEGER that a double holds exactly.
    Real,
    /// REAL and INTEGER, rounded to double because the user accepts that.
    Double,
    /// INTEGER 0 and 1.
    Boolean,
    /// Numbers and their texts; precision and scale are the field's.
    Decimal,
    /// TEXT only.
    Text,
    /// TEXT, INTEGER and finite REAL as text.
    Json,
    /// TEXT, INTEGER and REAL as text.
    AnyText,
    /// Every value as text, BLOB as `X'..'`.
    CastText,
    /// BLOB only.
    Bytes,
    /// ISO dates.
    Date,
    /// ISO times.
    Time,
    /// ISO timestamps; the field says whether with time zone.
    Timestamp,
}

impl Codec {
    /// A decoder that fills arrays of exactly `field`'s data type, with room for `rows` values.
    ///
    /// # Errors
    /// Internal, when `field` is not of a type that this codec fills.
    pub fn decoder(self, field: &Field, rows: usize) -> Result<Box<dyn ColumnDecoder<Stored>>> {
        let data_type = field.data_type();
        Ok(match (self, data_type) {
            (Self::Integer, DataType::Int64) => {
                Box::new(PrimitiveDecoder::new(scalars::Integer, data_type, rows))
            }
            (Self::Real, DataType::Float64) => {
                Box::new(PrimitiveDecoder::new(scalars::Real, data_type, rows))
            }
            (Self::Double, DataType::Float64) => {
                Box::new(PrimitiveDecoder::new(scalars::Double, data_type, rows))
            }
            (Self::Boolean, DataType::Boolean) => Box::new(BooleanDecoder::new(scalars::Bit, rows)),
            (Self::Decimal, DataType::Decimal128(precision, scale)) => Box::new(PrimitiveDecoder::new(
                decimal::ToDecimal128::new(*precision, *scale),
                data_type,
                rows,
            )),
            (Self::Text, DataType::Utf8) => Box::new(text::TextDecoder::new(rows, text::Takes::Text)),
            (Self::Json, DataType::Utf8) => {
                Box::new(text::TextDecoder::new(rows, text::Takes::FiniteNumbers))
            }
            (Self::AnyText, DataType::Utf8) => Box::new(text::TextDecoder::new(rows, text::Takes::Numbers)),
            (Self::CastText, DataType::Utf8) => {
                Box::new(text::TextDecoder::new(rows, text::Takes::Everything))
            }
            (Self::Bytes, DataType::Binary) => Box::new(text::BytesDecoder::new(rows)),
            (Self::Date, DataType::Date32) => Box::new(PrimitiveDecoder::new(scalars::Date, data_type, rows)),
            (Self::Time, DataType::Time64(TimeUnit::Microsecond)) => {
                Box::new(PrimitiveDecoder::new(scalars::Time, data_type, rows))
            }
            (Self::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
                Box::new(PrimitiveDecoder::new(scalars::Timestamp { zone: zone.is_some() }, data_type, rows))
            }
            _ => {
                return Err(Error::internal(format!("codec {self:?} cannot fill {data_type}"))
                    .with("column", field.name()));
            }
        })
    }
}
