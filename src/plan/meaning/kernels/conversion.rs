//! Numbers as other numbers, texts and times of limited length.

use std::sync::Arc;

use arrow::array::types::{ArrowPrimitiveType, Decimal128Type, Decimal256Type, DecimalType};
use arrow::array::types::{Float32Type, Float64Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Int64Type, i256};
use arrow_schema::{ArrowError, DataType};

use super::times;
use crate::plan::meaning::kind::Kind;

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

/// Numbers as numbers of another type, rounded. What does not fit is an error,
pub(in crate::plan) fn number(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    match (array.data_type(), target) {
        (DataType::Decimal128(_, 1..), to) if to.is_integer() => {
            plain(&plain(array, &DataType::Decimal128(38, 0))?, target)
        }
        (DataType::Decimal256(_, 1..), to) if to.is_integer() => {
            whole_256(&plain(array, &DataType::Decimal256(76, 0))?, target)
        }
        (DataType::Decimal256(_, 0), to) if to.is_integer() => whole_256(array, target),
        (DataType::Float64, to) if to.is_integer() => {
            let whole: PrimitiveArray<Float64Type> =
                array.as_primitive::<Float64Type>().unary(f64::round_ties_even);
            plain(&(Arc::new(whole) as ArrayRef), target)
        }
        (DataType::Float32, to) if to.is_integer() => {
            let whole: PrimitiveArray<Float32Type> =
                array.as_primitive::<Float32Type>().unary(f32::round_ties_even);
            plain(&(Arc::new(whole) as ArrayRef), target)
        }
        (DataType::Float64, to) if to.is_decimal() => {
            decimals(array.as_primitive::<Float64Type>(), DOUBLE_DIGITS, target)
        }
        (DataType::Float32, to) if to.is_decimal() => {
            decimals(array.as_primitive::<Float32Type>(), REAL_DIGITS, target)
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
        _ => plain(array, target),
    }
}

/// What a type says besides its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::plan) enum Limit {
    /// `varchar(n)`.
    Characters(usize),
    /// `char(n)`.
    Padded(usize),
    /// Digits after the point of a second.
    Fraction(u32),
}

/// Values as the type with its limit has them.
pub(in crate::plan) fn limited(values: &ArrayRef, limit: Limit) -> Result<ArrayRef> {
    match limit {
        Limit::Characters(most) => Ok(cut(values, |text| first(text, most))),
        Limit::Padded(most) => Ok(cut(values, |text| first(text, most).trim_end_matches(' '))),
        Limit::Fraction(digits) => {
            let unit = 10_i64.pow(MICROSECOND_DIGITS.saturating_sub(digits));
            if matches!(values.data_type(), DataType::Time64(_)) {
                return Ok(times::rounded_time(values, digits));
            }
            let target = values.data_type();
            let values = values.as_primitive::<TimestampMicrosecondType>();
            let rounded: PrimitiveArray<TimestampMicrosecondType> =
                values.try_unary(|at| rounded(at, unit).ok_or_else(|| does_not_fit(at, target)))?;
            Ok(Arc::new(rounded.with_data_type(target.clone())))
        }
    }
}

/// Whole numbers of 256 bits as integers. Arrow's cast forgets the upper half.
fn whole_256(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let narrow = |v: i256| {
        let small = v.to_i128().and_then(|v| i64::try_from(v).ok());
        small.ok_or_else(|| does_not_fit(v, target))
    };
    let values: PrimitiveArray<Int64Type> = array.as_primitive::<Decimal256Type>().try_unary(narrow)?;
    plain(&(Arc::new(values) as ArrayRef), target)
}

pub(in crate::plan) fn plain(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    cast_with_options(array, target, &CastOptions { safe: false, ..CastOptions::default() })
}

fn does_not_fit(value: impl std::fmt::Display, target: &DataType) -> ArrowError {
    let target = Kind::of_type(target);
    ArrowError::CastError(format!("{value} is out of range for type {target}"))
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

fn decimals<T>(values: &PrimitiveArray<T>, digits: usize, target: &DataType) -> Result<ArrayRef>
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
        if decimal.is_none() { Err(does_not_fit(value, target)) } else { Ok(decimal) }
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
