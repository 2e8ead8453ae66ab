//! Texts of any number of columns: `concat` and `concat_ws`, which leave NULLs out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow_schema::ArrowError;

use super::rows::{MOST_BYTES, Result, too_long};

/// `concat(a, b, ...)`, which is never NULL.
pub(in crate::plan) fn concat(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let columns: Vec<&StringArray> = columns.iter().map(|column| column.as_string::<i32>()).collect();
    joined(&columns, |_| Some(""))
}

/// `concat_ws(separator, a, b, ...)`, NULL where the separator is.
pub(in crate::plan) fn concat_ws(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let columns: Vec<&StringArray> = columns.iter().map(|column| column.as_string::<i32>()).collect();
    match columns.split_first() {
        None => joined(&[], |_| None),
        Some((separators, values)) => {
            joined(values, |row| separators.is_valid(row).then(|| separators.value(row)))
        }
    }
}

fn joined<'s>(columns: &[&StringArray], separator: impl Fn(usize) -> Option<&'s str>) -> Result<ArrayRef> {
    let rows = columns.first().map_or(0, |column| column.len());
    let mut out = StringBuilder::new();
    for row in 0..rows {
        let Some(separator) = separator(row) else {
            out.append_null();
            continue;
        };
        let values: Vec<&str> = columns.iter().filter(|c| c.is_valid(row)).map(|c| c.value(row)).collect();
        let length = values.iter().map(|v| v.len()).sum::<usize>() + separator.len() * values.len();
        if length > MOST_BYTES {
            return Err(too_long());
        }
        out.append_value(values.join(separator));
    }
    Ok(Arc::new(out.finish()))
}

/// Booleans as their output function writes them, `t` and `f`.
pub(in crate::plan) fn bool_output(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values = columns.first().and_then(|c| c.as_boolean_opt());
    let values = values.ok_or_else(|| ArrowError::InvalidArgumentError("no booleans".into()))?;
    let texts: StringArray = values.iter().map(|v| v.map(|v| if v { "t" } else { "f" })).collect();
    Ok(Arc::new(texts))
}
