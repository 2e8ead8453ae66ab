//! The values of [`super::casts`].

use std::sync::Arc;

use arrow::array::types::{ArrowPrimitiveType, Decimal128Type, Decimal256Type, DecimalType};
use arrow::array::types::{Float32Type, Float64Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::i256;
use arrow_schema::{ArrowError, DataType};

use super::casts::Modifier;

type Result<T> = std::result::Result<T, ArrowError>;

/// Digits of a float that PostgreSQL makes a numeric of.
const DOUBLE_DIGITS: usize = 15;
const REAL_DIGITS: usize = 6;
/// Integers up to here are exact as doubles, and so are powers of ten up to this one.
const EXACT_INTEGER: u64 = 1 << 53;
const EXACT_POWER: i8 = 22;
/// 2000-01-01 in microseconds since 1970-01-01. PostgreSQL counts, and rounds, from there.
const MILLENNIUM: i64 = 946_684_800_000_000;
const MICROSECOND_DIGITS: u32 = 6;

/// Numbers as numbers of another type, rounded. What does not fit is an error, or NULL when `lenient`.
pub(super) fn number(array: &ArrayRef, target: &DataType, lenient: bool) -> Result<ArrayRef> {
    match (array.data_type(), target) {
        (DataType::Decimal128(_, 1..), to) if to.is_integer() => {
            plain(&plain(array, &DataType::Decimal128(38, 0), lenient)?, target, lenient)
        }
        (DataType::Decimal256(_, 1..), to) if to.is_integer() => {
            plain(&plain(array, &DataType::Decimal256(76, 0), lenient)?, target, lenient)
        }
        (DataType::Float64, to) if to.is_integer() => {
            let whole: PrimitiveArray<Float64Type> =
                array.as_primitive::<Float64Type>().unary(f64::round_ties_even);
            plain(&(Arc::new(whole) as ArrayRef), target, lenient)
        }
        (DataType::Float32, to) if to.is_integer() => {
            let whole: PrimitiveArray<Float32Type> =
                array.as_primitive::<Float32Type>().unary(f32::round_ties_even);
            plain(&(Arc::new(whole) as ArrayRef), target, lenient)
        }
        (DataType::Float64, to) if to.is_decimal() => {
            decimals(array.as_primitive::<Float64Type>(), DOUBLE_DIGITS, target, lenient)
        }
        (DataType::Float32, to) if to.is_decimal() => {
            decimals(array.as_primitive::<Float32Type>(), REAL_DIGITS, target, lenient)
        }
        (DataType::Decimal128(p, s), DataType::Float64) => {
            let near = |v: i128| match v.unsigned_abs() < u128::from(EXACT_INTEGER) {
                true if (0..=EXACT_POWER).contains(s) => v as f64 / 10_f64.powi((*s).into()),
                _ => nearest(&Decimal128Type::format_decimal(v, *p, *s)),
            };
            let near: PrimitiveArray<Float64Type> = array.as_primitive::<Decimal128Type>().unary(near);
            Ok(Arc::new(near))
        }
        (DataType::Decimal256(p, s), DataType::Float64) => {
            let near = |v: i256| nearest(&Decimal256Type::format_decimal(v, *p, *s));
            let near: PrimitiveArray<Float64Type> = array.as_primitive::<Decimal256Type>().unary(near);
            Ok(Arc::new(near))
        }
        (DataType::Decimal128(p, s), DataType::Float32) => {
            let near = |v: i128| nearest(&Decimal128Type::format_decimal(v, *p, *s));
            let near: PrimitiveArray<Float32Type> = array.as_primitive::<Decimal128Type>().unary(near);
            Ok(Arc::new(near))
        }
        (DataType::Decimal256(p, s), DataType::Float32) => {
            let near = |v: i256| nearest(&Decimal256Type::format_decimal(v, *p, *s));
            let near: PrimitiveArray<Float32Type> = array.as_primitive::<Decimal256Type>().unary(near);
            Ok(Arc::new(near))
        }
        _ => plain(array, target, lenient),
    }
}

/// Anything as a type with a modifier.
pub(super) fn limited(
    array: &ArrayRef,
    target: &DataType,
    modifier: Modifier,
    lenient: bool,
) -> Result<ArrayRef> {
    let values = plain(array, target, lenient)?;
    match modifier {
        Modifier::Characters(most) => Ok(cut(&values, |text| first(text, most))),
        Modifier::Padded(most) => Ok(cut(&values, |text| first(text, most).trim_end_matches(' '))),
        Modifier::Fraction(digits) => {
            let unit = 10_i64.pow(MICROSECOND_DIGITS.saturating_sub(digits));
            let values = values.as_primitive::<TimestampMicrosecondType>();
            let rounded: PrimitiveArray<TimestampMicrosecondType> = match lenient {
                true => values.unary_opt(|at| rounded(at, unit)),
                false => values.try_unary(|at| rounded(at, unit).ok_or_else(|| does_not_fit(at, target)))?,
            };
            Ok(Arc::new(rounded.with_data_type(target.clone())))
        }
    }
}

fn plain(array: &ArrayRef, target: &DataType, lenient: bool) -> Result<ArrayRef> {
    cast_with_options(array, target, &CastOptions { safe: lenient, ..CastOptions::default() })
}

fn does_not_fit(value: impl std::fmt::Display, target: &DataType) -> ArrowError {
    ArrowError::CastError(format!("{value} does not fit {target}"))
}

fn cut<'t>(values: &'t ArrayRef, text: impl Fn(&'t str) -> &'t str) -> ArrayRef {
    let texts: StringArray = values.as_string::<i32>().iter().map(|value| value.map(&text)).collect();
    Arc::new(texts)
}

/// The first `most` characters.
fn first(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

/// To a multiple of `unit`, halves away from the year 2000.
fn rounded(at: i64, unit: i64) -> Option<i64> {
    let since = at.checked_sub(MILLENNIUM)?;
    let away = since.checked_add(since.signum() * (unit / 2))?;
    (away / unit * unit).checked_add(MILLENNIUM)
}

/// The float nearest to the number that a text says.
fn nearest<T: std::str::FromStr + From<f32>>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| T::from(f32::NAN))
}

fn decimals<T>(
    values: &PrimitiveArray<T>,
    digits: usize,
    target: &DataType,
    lenient: bool,
) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    let (precision, scale, is_wide) = match target {
        DataType::Decimal128(p, s) => (*p, *s, false),
        DataType::Decimal256(p, s) => (*p, *s, true),
        other => return Err(ArrowError::CastError(format!("a float as {other}"))),
    };
    let one = |value: T::Native| -> Result<Option<i256>> {
        let value: f64 = value.into();
        let decimal = decimal(value, digits, scale)
            .filter(|v| Decimal256Type::is_valid_decimal_precision(*v, precision));
        if decimal.is_none() && !lenient { Err(does_not_fit(value, target)) } else { Ok(decimal) }
    };
    let out = values.iter().map(|value| value.map_or(Ok(None), one)).collect::<Result<Vec<_>>>()?;
    if is_wide {
        let wide: PrimitiveArray<Decimal256Type> = out.into_iter().collect();
        return Ok(Arc::new(wide.with_precision_and_scale(precision, scale)?));
    }
    let narrow: PrimitiveArray<Decimal128Type> = out.into_iter().map(|v| v.and_then(i256::to_i128)).collect();
    Ok(Arc::new(narrow.with_precision_and_scale(precision, scale)?))
}

/// The first `digits` digits of a float in units of 10^-scale, halves away from zero.
fn decimal(value: f64, digits: usize, scale: i8) -> Option<i256> {
    let text = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e')?;
    let unscaled = i256::from(mantissa.replacen('.', "", 1).parse::<i64>().ok()?);
    let shift = exponent.parse::<i32>().ok()? + 1 - i32::try_from(digits).ok()? + i32::from(scale);
    let power = i256::from(10).checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return unscaled.checked_mul(power?);
    }
    let Some(power) = power else { return Some(i256::ZERO) };
    let half = power.checked_div(i256::from(2))?;
    let away =
        if unscaled < i256::ZERO { unscaled.checked_sub(half)? } else { unscaled.checked_add(half)? };
    away.checked_div(power)
}
