//! Slices by the text of an expression, compared byte for byte: collations take different texts for equal, and then a row
//! would be in two slices.

use super::key::{is_found_by_index, keeps_characters};
use super::null::present;
use super::written;
use crate::catalog::{ColumnInfo, TableInfo};
use crate::client::mysql::ident;
use crate::source::mysql::column::Codec;

/// The bytes by which values of an expression are distinguished: those of its text in UTF-8. NULL also where the server
/// makes no text of it. `CAST` would also be NULL for what is longer than `max_allowed_packet`.
pub fn value_sql(expression: &str) -> String {
    format!("CONVERT(CONVERT({expression} USING utf8mb4) USING binary)")
}

/// The condition that the text of `expression` is `value`.
pub(super) fn equal(table: &TableInfo, expression: &str, value: &str) -> String {
    let same = format!("{} = {}", value_sql(expression), written::bytes(value.as_bytes()));
    let columns =
        if table.reading.stored_columns.is_empty() { &table.columns } else { &table.reading.stored_columns };
    let column = columns.iter().find(|column| ident(column.name()) == expression);
    match column.and_then(|column| wider(column, value)) {
        Some(wider) => format!("{expression} = {wider} AND {same}"),
        None => same,
    }
}

/// What a column is equal to whose text is `value`: perhaps others are too, but the server has an index for it.
fn wider(column: &ColumnInfo, value: &str) -> Option<String> {
    match Codec::of(column).ok()? {
        Codec::Int1
        | Codec::Unsigned1
        | Codec::Int2
        | Codec::Unsigned2
        | Codec::Int4
        | Codec::Unsigned4
        | Codec::Int8
        | Codec::Unsigned8 => {
            // MySQL puts the number in the place of the column: its text must be the same.
            let number: i128 = value.parse().ok()?;
            let is_plain = number.to_string() == value && !column.source_type.contains("zerofill");
            is_plain.then(|| format!("({value})"))
        }
        codec @ (Codec::Text(_) | Codec::Char(_)) => {
            let characters = codec.characters()?;
            let is_found = keeps_characters(characters) && is_found_by_index(&codec);
            is_found.then(|| written::text(value, characters)).flatten()
        }
        _ => None,
    }
}

/// The condition that an expression is not NULL and its text is none of `values`.
pub(super) fn other(expression: &str, values: &[String]) -> String {
    let present = present(expression);
    if values.is_empty() {
        return present;
    }
    let values: Vec<String> = values.iter().map(|value| written::bytes(value.as_bytes())).collect();
    format!("({present} AND ({} IN ({})) IS NOT TRUE)", value_sql(expression), values.join(", "))
}
