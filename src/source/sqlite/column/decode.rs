//! What every decoder of a column does, and the values that it refuses.

use arrow::array::ArrayRef;
use rusqlite::types::ValueRef;

use crate::error::{Result, values_are_hidden};

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
    pub(super) fn misfit(value: ValueRef<'_>, wanted: &str) -> Self {
        let what = if value == ValueRef::Null {
            "NULL in a column that the schema calls NOT NULL".to_owned()
        } else {
            format!("{} is not {wanted}", shown(value))
        };
        Self { what, cast_helps: value != ValueRef::Null }
    }
}

/// A value for a message: its storage class and its beginning.
pub(super) fn shown(value: ValueRef<'_>) -> String {
    const LONGEST: usize = 80;
    if values_are_hidden() {
        return format!("a value of type {}", value.data_type().to_string().to_uppercase());
    }
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(v) => format!("INTEGER {v}"),
        ValueRef::Real(v) => format!("REAL {}", real(v)),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let begin: String = text.chars().take(LONGEST).collect();
            format!("TEXT '{begin}'{}", if begin.len() < text.len() { "..." } else { "" })
        }
        ValueRef::Blob(bytes) => format!("BLOB of {} bytes", bytes.len()),
    }
}

/// A double as `printf('%!.15g', ..)` shows it, with as many digits as it takes to mean the same double again.
pub(super) fn real(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Inf".into() } else { "-Inf".into() };
    }
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    if !(-4..15).contains(&exponent) {
        let point = if mantissa.contains('.') { "" } else { ".0" };
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}{point}e{direction}{:02}", exponent.unsigned_abs());
    }
    // Plain notation of the same digits.
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}
