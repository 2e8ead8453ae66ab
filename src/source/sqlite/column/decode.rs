//! Values as SQLite stores them.

use rusqlite::types::ValueRef;

use crate::error::values_are_hidden;
use crate::source::kit::column::{BadValue, Sent};

/// Values of any storage class but NULL.
#[derive(Debug)]
pub enum Stored {}

impl Sent for Stored {
    type Value<'v> = ValueRef<'v>;

    #[inline]
    fn size(value: ValueRef<'_>) -> usize {
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl BadValue {
    /// `value` is not `wanted`, for example `an integer`.
    #[cold]
    pub(super) fn misfit(value: ValueRef<'_>, wanted: &str) -> Self {
        Self::new(format!("{} is not {wanted}", shown(value)))
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
