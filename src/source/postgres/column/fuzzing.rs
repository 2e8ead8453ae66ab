//! Values of a server by decoders that have to agree with a second, slower reading of the same bytes, for `fuzz/`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::{Decimal128Type, Decimal256Type, Int32Type, Int64Type};
use arrow_schema::{DataType, Field};

use super::Codec;
use crate::error::{Error, Result};
use crate::source::kit::cells::Cell;
use crate::spec::SpecialValues;

/// Values one after the other: each led by its length in two bytes, or by 0xffff for NULL. The last may be cut.
fn values(mut data: &[u8]) -> Vec<Option<&[u8]>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (value, rest) = match length {
            0xffff => (None, rest),
            length => {
                let (value, rest) = rest.split_at(length.min(rest.len()));
                (Some(value), rest)
            }
        };
        found.push(value);
        data = rest;
    }
    found
}

/// Values of type numeric in a decimal column. The first byte says its precision, the second its scale, the third
/// whether special values become NULL.
///
/// # Errors
/// Internal, when a decoder and [`scaled`] disagree.
pub fn numeric(data: &[u8]) -> Result<()> {
    let Some(([precision, scale, special], rest)) = data.split_first_chunk::<3>() else { return Ok(()) };
    let precision = precision % 76 + 1;
    let scale = scale % (precision + 1);
    let special = if special & 1 == 0 { SpecialValues::Error } else { SpecialValues::Null };
    let values = values(rest);
    let mut types = vec![DataType::Decimal256(precision, scale.cast_signed())];
    if precision <= 38 {
        types.push(DataType::Decimal128(precision, scale.cast_signed()));
    }
    for data_type in types {
        let field = Field::new("c", data_type, true);
        let decoder = || Codec::Numeric.decoder(&field, 16, special);
        let (mut bytes, mut cells, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for value in &values {
            let Some(value) = *value else {
                cells.push(Cell::NULL);
                expected.push(None);
                continue;
            };
            let one = scaled(value, precision, scale, special);
            let mut alone = decoder()?;
            if alone.append(value).is_ok() != one.is_some() {
                return Err(Error::internal(format!("{field} takes or refuses {value:?}: not so {one:?}")));
            }
            if let Some(one) = one {
                cells.push(Cell { start: bytes.len() as u32, length: value.len() as i32 });
                bytes.extend_from_slice(value);
                expected.push(one);
                same_numbers(&alone.finish(), &expected[expected.len() - 1..])?;
            }
        }
        let mut together = decoder()?;
        if let Err((number, bad)) = together.append_all(&bytes, &cells) {
            return Err(Error::internal(format!("value {number} was refused among others: {}", bad.what)));
        }
        same_numbers(&together.finish(), &expected)?;
    }
    Ok(())
}

fn same_numbers(array: &ArrayRef, expected: &[Option<String>]) -> Result<()> {
    let found: Vec<Option<String>> = match array.data_type() {
        DataType::Decimal128(..) => {
            array.as_primitive::<Decimal128Type>().iter().map(|v| v.map(|v| v.to_string())).collect()
        }
        _ => array.as_primitive::<Decimal256Type>().iter().map(|v| v.map(|v| v.to_string())).collect(),
    };
    if found != expected {
        return Err(Error::internal(format!("{found:?} is not {expected:?}")));
    }
    Ok(())
}

/// The digits of a number, as often as its decimal type has places, with its sign; `Some(None)` for a special value that
/// becomes NULL, none if the number is to be refused. By text, as one reckons on paper.
fn scaled(value: &[u8], precision: u8, scale: u8, special: SpecialValues) -> Option<Option<String>> {
    let (head, tail) = value.split_first_chunk::<8>()?;
    let [count, weight, sign, _] = [0, 2, 4, 6].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
    if tail.len() != 2 * usize::from(count) {
        return None;
    }
    let negative = match sign {
        0x0000 => false,
        0x4000 => true,
        0xc000 | 0xd000 | 0xf000 => return (special == SpecialValues::Null).then_some(None),
        _ => return None,
    };
    let mut digits = String::new();
    for digit in tail.as_chunks::<2>().0 {
        let digit = u16::from_be_bytes(*digit);
        if digit > 9_999 {
            return None;
        }
        digits.push_str(&format!("{digit:04}"));
    }
    // Where the decimal point is, which may be far before the digits or behind them.
    let point = (isize::from(weight.cast_signed()) + 1) * 4;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point <= digits.len() => (digits[..point].to_owned(), digits[point..].to_owned()),
        Ok(point) => (format!("{digits}{}", "0".repeat(point - digits.len())), String::new()),
        Err(_) => (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs()))),
    };
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let scale = usize::from(scale);
    if fraction.len() > scale || whole.len() + scale > usize::from(precision) {
        return None;
    }
    let all = format!("{whole}{fraction:0<scale$}");
    Some(Some(match all.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits if negative => format!("-{digits}"),
        digits => digits.to_owned(),
    }))
}

/// Arrays. The first byte says how many dimensions the column has and of which type its elements are.
///
/// # Errors
/// Internal, when what was accepted is written differently from what was read.
pub fn arrays(data: &[u8]) -> Result<()> {
    let Some((kind, rest)) = data.split_first() else { return Ok(()) };
    let depth = usize::from(kind % 3) + 1;
    let (element, mut data_type) = match kind >> 2 & 3 {
        0 => (Codec::Int4, DataType::Int32),
        1 => (Codec::Int8, DataType::Int64),
        2 => (Codec::Text, DataType::Utf8),
        _ => (Codec::Bytes, DataType::Binary),
    };
    for _ in 0..depth {
        data_type = DataType::List(Arc::new(Field::new("element", data_type, true)));
    }
    let codec = Codec::List { depth, element: Box::new(element), own: false };
    let mut decoder = codec.decoder(&Field::new("c", data_type, true), 16, SpecialValues::Error)?;
    let values = values(rest);
    for value in &values {
        match value {
            None => decoder.append_null(),
            Some(value) => {
                if decoder.append(value).is_err() {
                    return Ok(());
                }
            }
        }
    }
    let array = decoder.finish();
    array.to_data().validate_full().map_err(|e| Error::internal("an array that is none").caused_by(e))?;
    let lists = array.as_list::<i32>();
    for (row, value) in values.iter().enumerate() {
        let Some(value) = value else {
            if lists.is_valid(row) {
                return Err(Error::internal("a NULL became a list"));
            }
            continue;
        };
        // Whether there are NULLs and of which type the elements are is said twice: once by the elements and the column.
        let read = [&value[..4], &value[12..]].concat();
        let again = binary_form(lists, row)?;
        if again != read {
            return Err(Error::internal(format!("{read:?} came back as {again:?}")));
        }
    }
    Ok(())
}

/// The list of a row as the server sends it, without flags and element type.
fn binary_form(lists: &ListArray, row: usize) -> Result<Vec<u8>> {
    let mut elements = lists.value(row);
    let mut sizes = vec![elements.len()];
    while let Some(inner) = elements.as_list_opt::<i32>() {
        let size = if inner.is_empty() { 0 } else { inner.value(0).len() };
        if inner.null_count() > 0 || (0..inner.len()).any(|at| inner.value(at).len() != size) {
            return Err(Error::internal("inner lists of different lengths"));
        }
        sizes.push(size);
        let first = inner.offsets()[0] as usize;
        elements = inner.values().slice(first, inner.len() * size);
    }
    if elements.is_empty() {
        return Ok(0u32.to_be_bytes().to_vec());
    }
    let mut form = (sizes.len() as u32).to_be_bytes().to_vec();
    for size in sizes {
        form.extend_from_slice(&(size as u32).to_be_bytes());
        form.extend_from_slice(&1u32.to_be_bytes());
    }
    for at in 0..elements.len() {
        if elements.is_null(at) {
            form.extend_from_slice(&(-1i32).to_be_bytes());
            continue;
        }
        let element = match elements.data_type() {
            DataType::Int32 => elements.as_primitive::<Int32Type>().value(at).to_be_bytes().to_vec(),
            DataType::Int64 => elements.as_primitive::<Int64Type>().value(at).to_be_bytes().to_vec(),
            DataType::Utf8 => elements.as_string::<i32>().value(at).as_bytes().to_vec(),
            _ => elements.as_binary::<i32>().value(at).to_vec(),
        };
        form.extend_from_slice(&(element.len() as u32).to_be_bytes());
        form.extend_from_slice(&element);
    }
    Ok(form)
}
