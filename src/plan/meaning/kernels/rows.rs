//! From rows to columns: what all kernels of texts and bytes share.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanBuilder, PrimitiveArray, PrimitiveBuilder,
    StringArray, StringBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::ArrowPrimitiveType;
use arrow_schema::ArrowError;

pub(super) type Result<T> = std::result::Result<T, ArrowError>;

/// The longest value that PostgreSQL makes: 1 GB with its header.
pub(super) const MOST_BYTES: usize = 0x3fff_ffff - 4;

const MOST_SHOWN: usize = 40;

/// What PostgreSQL raises for a value that a function does not take.
pub(super) fn wrong(what: impl Into<String>) -> ArrowError {
    ArrowError::ComputeError(what.into())
}

/// What PostgreSQL raises for a text that is no value of a type.
pub(super) fn no_value(kind: &str, text: &str) -> ArrowError {
    ArrowError::CastError(format!("{} is no value of type {kind}", shown(text)))
}

pub(super) fn out_of_range(kind: &str, text: &str) -> ArrowError {
    ArrowError::CastError(format!("{} is out of range for type {kind}", shown(text)))
}

pub(super) fn too_long() -> ArrowError {
    wrong("the result is longer than 1 GB, the most that PostgreSQL allows")
}

/// A value in quotes, its beginning if it is long.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

pub(super) fn texts(columns: &[ArrayRef], at: usize) -> Result<&StringArray> {
    columns.get(at).and_then(|c| c.as_string_opt::<i32>()).ok_or_else(|| unplanned(at))
}

pub(super) fn bytes(columns: &[ArrayRef], at: usize) -> Result<&BinaryArray> {
    columns.get(at).and_then(|c| c.as_binary_opt::<i32>()).ok_or_else(|| unplanned(at))
}

pub(super) fn numbers<T: ArrowPrimitiveType>(columns: &[ArrayRef], at: usize) -> Result<&PrimitiveArray<T>> {
    columns.get(at).and_then(|c| c.as_primitive_opt::<T>()).ok_or_else(|| unplanned(at))
}

fn unplanned(at: usize) -> ArrowError {
    wrong(format!("argument {} has not the type that was planned", at + 1))
}

/// The rows, and which of them have no NULL.
fn strict(columns: &[ArrayRef]) -> (usize, Option<NullBuffer>) {
    let nulls = columns.iter().fold(None, |nulls: Option<NullBuffer>, column| {
        NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref())
    });
    (columns.first().map_or(0, |column| column.len()), nulls)
}

/// Calls `append` for each row: with its number, or with nothing where an argument is NULL.
fn each(columns: &[ArrayRef], mut append: impl FnMut(Option<usize>) -> Result<()>) -> Result<()> {
    let (rows, nulls) = strict(columns);
    (0..rows)
        .try_for_each(|row| append(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then_some(row)))
}

pub(super) fn to_bool(
    columns: &[ArrayRef],
    mut value: impl FnMut(usize) -> Result<bool>,
) -> Result<ArrayRef> {
    let mut built = BooleanBuilder::with_capacity(strict(columns).0);
    each(columns, |row| {
        built.append_option(row.map(&mut value).transpose()?);
        Ok(())
    })?;
    Ok(Arc::new(built.finish()))
}

pub(super) fn to_number<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    mut value: impl FnMut(usize) -> Result<T::Native>,
) -> Result<ArrayRef> {
    let mut built = PrimitiveBuilder::<T>::with_capacity(strict(columns).0);
    each(columns, |row| {
        built.append_option(row.map(&mut value).transpose()?);
        Ok(())
    })?;
    Ok(Arc::new(built.finish()))
}

/// `write` adds the value of a row to an empty text.
pub(super) fn to_text(
    columns: &[ArrayRef],
    mut write: impl FnMut(usize, &mut String) -> Result<()>,
) -> Result<ArrayRef> {
    let mut built = StringBuilder::with_capacity(strict(columns).0, 0);
    let (mut text, mut total) = (String::new(), 0);
    each(columns, |row| {
        let Some(row) = row else {
            built.append_null();
            return Ok(());
        };
        text.clear();
        write(row, &mut text)?;
        total = together(total, text.len())?;
        built.append_value(&text);
        Ok(())
    })?;
    Ok(Arc::new(built.finish()))
}

/// `write` adds the value of a row to no bytes.
pub(super) fn to_bytes(
    columns: &[ArrayRef],
    mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<()>,
) -> Result<ArrayRef> {
    let mut built = BinaryBuilder::with_capacity(strict(columns).0, 0);
    let (mut value, mut total) = (Vec::new(), 0);
    each(columns, |row| {
        let Some(row) = row else {
            built.append_null();
            return Ok(());
        };
        value.clear();
        write(row, &mut value)?;
        total = together(total, value.len())?;
        built.append_value(&value);
        Ok(())
    })?;
    Ok(Arc::new(built.finish()))
}

/// What one value more makes of a column, which Arrow limits.
fn together(total: usize, more: usize) -> Result<usize> {
    if more > MOST_BYTES {
        return Err(too_long());
    }
    let total = total + more;
    match i32::try_from(total) {
        Ok(_) => Ok(total),
        Err(_) => Err(wrong("the values of one batch of rows are longer than 2 GB together")),
    }
}

/// A length or position as PostgreSQL's integer.
pub(super) fn int4(number: usize) -> Result<i32> {
    i32::try_from(number).map_err(|_| wrong(format!("{number} is out of range for type integer")))
}
