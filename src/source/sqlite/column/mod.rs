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
mod primitive;
mod scalars;
#[cfg(test)]
mod tests;
mod text;

use arrow::array::ArrayRef;
use arrow_schema::{DataType, Field, TimeUnit};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use crate::catalog::Verdict;
use crate::error::{Error, Result, values_are_hidden};

pub use choose::choose;
pub(super) use choose::needs_first_value;

use primitive::PrimitiveDecoder;

/// SQLite's storage classes, without NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageClass {
    /// 64-bit integer.
    Integer,
    /// Double.
    Real,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

impl StorageClass {
    /// What `typeof()` says; none for `null`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "integer" => Some(Self::Integer),
            "real" => Some(Self::Real),
            "text" => Some(Self::Text),
            "blob" => Some(Self::Blob),
            _ => None,
        }
    }
}

/// A column as the schema describes it.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// Place in the table, from 0; the Parquet field id is one more.
    pub ordinal: i64,
    /// The declared type, as written; may be empty.
    pub declared: &'a str,
    /// SQLite lets no NULL in.
    pub never_null: bool,
    /// SQLite lets no other storage class in than the declared one.
    pub enforced: bool,
    /// Equal texts have equal bytes.
    pub binary_collation: bool,
    /// The declared type says nothing: see [`needs_first_value`].
    pub untyped: bool,
    /// Of the first value that is not NULL, where the column is untyped.
    pub first_class: Option<StorageClass>,
}

/// What was decided about a column.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Name, Arrow type, nullability and metadata (`PARQUET:field_id`, `lakexpress:source_type`, extension types).
    pub field: Field,
    /// How to decode it.
    pub codec: Codec,
    /// How faithfully values travel.
    pub verdict: Verdict,
    /// Why the verdict is not `exact`, or which values would be refused; empty when there is nothing to say.
    pub note: String,
    /// SQLite compares this column exactly as DataFusion does; for text this means equality only.
    pub comparable: bool,
}

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
    pub fn decoder(self, field: &Field, rows: usize) -> Result<Box<dyn ColumnDecoder>> {
        let data_type = field.data_type();
        Ok(match (self, data_type) {
            (Self::Integer, DataType::Int64) => PrimitiveDecoder::boxed(scalars::Integer, field, rows),
            (Self::Real, DataType::Float64) => PrimitiveDecoder::boxed(scalars::Real, field, rows),
            (Self::Double, DataType::Float64) => PrimitiveDecoder::boxed(scalars::Double, field, rows),
            (Self::Boolean, DataType::Boolean) => Box::new(scalars::BooleanDecoder::new(field, rows)),
            (Self::Decimal, DataType::Decimal128(precision, scale)) => {
                PrimitiveDecoder::boxed(decimal::ToDecimal128::new(*precision, *scale), field, rows)
            }
            (Self::Text, DataType::Utf8) => Box::new(text::TextDecoder::new(field, rows, text::Takes::Text)),
            (Self::Json, DataType::Utf8) => {
                Box::new(text::TextDecoder::new(field, rows, text::Takes::FiniteNumbers))
            }
            (Self::AnyText, DataType::Utf8) => {
                Box::new(text::TextDecoder::new(field, rows, text::Takes::Numbers))
            }
            (Self::CastText, DataType::Utf8) => {
                Box::new(text::TextDecoder::new(field, rows, text::Takes::Everything))
            }
            (Self::Bytes, DataType::Binary) => Box::new(text::BytesDecoder::new(field, rows)),
            (Self::Date, DataType::Date32) => PrimitiveDecoder::boxed(scalars::Date, field, rows),
            (Self::Time, DataType::Time64(TimeUnit::Microsecond)) => {
                PrimitiveDecoder::boxed(scalars::Time, field, rows)
            }
            (Self::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
                PrimitiveDecoder::boxed(scalars::Timestamp { zone: zone.is_some() }, field, rows)
            }
            _ => {
                return Err(Error::internal(format!("codec {self:?} cannot fill {data_type}"))
                    .with("column", field.name()));
            }
        })
    }
}

/// Appends values of one column to an Arrow array.
///
/// Shapes: one call of [`Self::append`] per row, then [`Self::finish`]. After an error the decoder must
/// not be used any more.
pub trait ColumnDecoder: Send {
    /// Appends one value, which may be NULL.
    ///
    /// # Errors
    /// The value is of a storage class that the column does not take, or cannot be kept exactly, or is NULL
    /// where the schema says that there is none.
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue>;

    /// Takes what was appended and is ready for the next batch. The array has exactly the field's data type.
    fn finish(&mut self) -> ArrayRef;

    /// Bytes buffered, about; cheap.
    fn bytes(&self) -> usize;
}

/// A value that cannot be kept exactly. The caller knows the table, the column and the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// What is wrong, for example `TEXT 'abc' is not an integer`.
    pub what: String,
    /// Whether `--cast` would keep the value.
    pub cast_helps: bool,
}

impl BadValue {
    /// `value` is not `wanted`, for example `an integer`.
    #[cold]
    fn misfit(value: ValueRef<'_>, wanted: &str) -> Self {
        let what = if value == ValueRef::Null {
            "NULL in a column that the schema calls NOT NULL".to_owned()
        } else {
            format!("{} is not {wanted}", shown(value))
        };
        Self { what, cast_helps: value != ValueRef::Null }
    }
}

/// A value for a message: its storage class and its beginning.
fn shown(value: ValueRef<'_>) -> String {
    const LONGEST: usize = 80;
    if values_are_hidden() {
        return format!("a value of type {}", value.data_type().to_string().to_uppercase());
    }
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(v) => format!("INTEGER {v}"),
        ValueRef::Real(v) => format!("REAL {}", text::real(v)),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let begin: String = text.chars().take(LONGEST).collect();
            format!("TEXT '{begin}'{}", if begin.len() < text.len() { "..." } else { "" })
        }
        ValueRef::Blob(bytes) => format!("BLOB of {} bytes", bytes.len()),
    }
}
