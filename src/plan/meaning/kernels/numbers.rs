//! Integers, decimals and floats.

use std::sync::Arc;

use arrow::array::types::{Decimal128Type, Decimal256Type, DecimalType, Float32Type};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, Int16Type, Int32Type, Int64Type, i256};
use arrow_schema::{ArrowError, DataType};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;

use super::conversion;
use crate::plan::meaning::kind::Kind;

type Result<T> = std::result::Result<T, ArrowError>;

const DECIMAL128_DIGITS: u8 = 38;
/// Characters of a value that a message shows.
const SHOWN: usize = 40;

/// The sign, the digits and how many of them are after the point, of a number without infinity and NaN.
pub(in crate::plan) fn digits_of(text: &str) -> Option<(bool, String, usize)> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if !(-1000..=1000).contains(&scale) {
        return None;
    }
    if scale < 0 {
        digits.extend(std::iter::repeat_n('0', scale.unsigned_abs() as usize));
    }
    let digits = digits.trim_start_matches('0').to_owned();
    Some((negative, digits, usize::try_from(scale.max(0)).ok()?))
}

/// A decimal literal of these digits.
pub(in crate::plan) fn literal(
    negative: bool,
    digits: &str,
    precision: u8,
    scale: i8,
) -> Option<ScalarValue> {
    let magnitude = if digits.is_empty() { i256::ZERO } else { i256::from_string(digits)? };
    let value = if negative { magnitude.wrapping_neg() } else { magnitude };
    Some(match precision {
        ..=DECIMAL128_DIGITS => ScalarValue::Decimal128(Some(value.to_i128()?), precision, scale),
        _ => ScalarValue::Decimal256(Some(value), precision, scale),
    })
}

/// Decimals as the nearest floats.
pub(in crate::plan) fn to_float(column: &ArrayRef, kind: Kind) -> Result<ArrayRef> {
    let target = if kind == Kind::Float4 { DataType::Float32 } else { DataType::Float64 };
    let floats = conversion::number(column, &target)?;
    if target == DataType::Float64 {
        // 76 digits are in its range.
        return Ok(floats);
    }
    let singles = floats.as_primitive::<Float32Type>();
    let is_zero = |row: usize| match column.data_type() {
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(row) == 0,
        DataType::Decimal256(..) => column.as_primitive::<Decimal256Type>().value(row) == i256::ZERO,
        _ => true,
    };
    let is_wrong = |(row, float): (usize, Option<f32>)| {
        float.is_some_and(|float| float.is_infinite() || float == 0.0 && !is_zero(row))
    };
    if singles.iter().enumerate().any(is_wrong) { Err(out_of_range(kind)) } else { Ok(floats) }
}

pub(in crate::plan) fn out_of_range(kind: Kind) -> ArrowError {
    ArrowError::ComputeError(format!("a value is out of range for type {kind}"))
}

pub(super) fn pair(columns: &[ArrayRef]) -> Result<(&ArrayRef, &ArrayRef)> {
    match columns {
        [left, right] => Ok((left, right)),
        other => Err(ArrowError::InvalidArgumentError(format!("{} columns", other.len()))),
    }
}

pub(super) fn one(columns: &[ArrayRef]) -> Result<&ArrayRef> {
    match columns {
        [column] => Ok(column),
        other => Err(ArrowError::InvalidArgumentError(format!("{} columns", other.len()))),
    }
}

pub(super) fn zip<T, U, O>(
    columns: &[ArrayRef],
    op: impl Fn(T::Native, U::Native) -> Result<O::Native>,
) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    U: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    let (left, right) = pair(columns)?;
    let both = left.as_primitive::<T>().iter().zip(right.as_primitive::<U>());
    let values = both.map(|pair| match pair {
        (Some(l), Some(r)) => op(l, r).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<O>>>()?))
}

pub(super) fn map<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    op: impl Fn(T::Native) -> Result<T::Native>,
) -> Result<ArrayRef> {
    let values: PrimitiveArray<T> = one(columns)?.as_primitive::<T>().try_unary(op)?;
    Ok(Arc::new(values))
}

pub(super) fn by_zero() -> ArrowError {
    ArrowError::DivideByZero
}

/// `%` of integers; the least one has no remainder with -1, whatever processors say.
pub(in crate::plan) fn remainder(columns: &[ArrayRef]) -> Result<ArrayRef> {
    macro_rules! of {
        ($t:ty) => {
            zip::<$t, $t, $t>(columns, |l, r| if r == 0 { Err(by_zero()) } else { Ok(l.wrapping_rem(r)) })
        };
    }
    match pair(columns)?.0.data_type() {
        DataType::Int16 => of!(Int16Type),
        DataType::Int32 => of!(Int32Type),
        _ => of!(Int64Type),
    }
}

/// `abs` of integers.
pub(in crate::plan) fn absolute(columns: &[ArrayRef]) -> Result<ArrayRef> {
    macro_rules! of {
        ($t:ty, $kind:expr) => {
            map::<$t>(columns, |v| v.checked_abs().ok_or_else(|| out_of_range($kind)))
        };
    }
    match one(columns)?.data_type() {
        DataType::Int16 => of!(Int16Type, Kind::Int2),
        DataType::Int32 => of!(Int32Type, Kind::Int4),
        _ => of!(Int64Type, Kind::Int8),
    }
}

/// An operator on bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Bits {
    And,
    Or,
    Xor,
    /// By an `integer`, of which as many bits count as the left side's width needs.
    Left,
    Right,
}

/// `&`, `|`, `#` of two integers of one type; `<<`, `>>` of an integer by an `integer`.
pub(in crate::plan) fn bits(columns: &[ArrayRef], op: Bits) -> Result<ArrayRef> {
    macro_rules! of {
        ($t:ty) => {
            zip::<$t, $t, $t>(columns, |l, r| {
                Ok(match op {
                    Bits::And => l & r,
                    Bits::Or => l | r,
                    _ => l ^ r,
                })
            })
        };
    }
    // A smallint is shifted as an integer.
    macro_rules! shift {
        ($t:ty, $wide:ty) => {
            zip::<$t, Int32Type, $t>(columns, |l, by| {
                let (wide, by) = (<$wide>::from(l), by.cast_unsigned());
                let shifted = if op == Bits::Left { wide.wrapping_shl(by) } else { wide.wrapping_shr(by) };
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "the high bits are lost, as they are there"
                )]
                Ok(shifted as <$t as ArrowPrimitiveType>::Native)
            })
        };
    }
    let data_type = pair(columns)?.0.data_type().clone();
    match (op, data_type) {
        (Bits::Left | Bits::Right, DataType::Int16) => shift!(Int16Type, i32),
        (Bits::Left | Bits::Right, DataType::Int32) => shift!(Int32Type, i32),
        (Bits::Left | Bits::Right, _) => shift!(Int64Type, i64),
        (_, DataType::Int16) => of!(Int16Type),
        (_, DataType::Int32) => of!(Int32Type),
        _ => of!(Int64Type),
    }
}

/// `~` of an integer.
pub(in crate::plan) fn inverted(columns: &[ArrayRef]) -> Result<ArrayRef> {
    match one(columns)?.data_type() {
        DataType::Int16 => map::<Int16Type>(columns, |v| Ok(!v)),
        DataType::Int32 => map::<Int32Type>(columns, |v| Ok(!v)),
        _ => map::<Int64Type>(columns, |v| Ok(!v)),
    }
}

/// A quotient of decimals, rounded to the scale of the result, halves away from zero.
pub(in crate::plan) fn quotient(columns: &[ArrayRef], precision: u8, scale: i8) -> Result<ArrayRef> {
    let (left, right) = pair(columns)?;
    let (left, left_scale) = wide(left)?;
    let (right, right_scale) = wide(right)?;
    // left / 10^ls : right / 10^rs, in units of 10^-scale.
    let shift = i32::from(scale) - i32::from(left_scale) + i32::from(right_scale);
    let power = i256::from(10).checked_pow(shift.unsigned_abs()).ok_or_else(too_many_digits)?;
    let values = left.iter().zip(&right).map(|pair| match pair {
        (Some(_), Some(r)) if r == i256::ZERO => Err(by_zero()),
        (Some(l), Some(r)) => {
            let (l, r) =
                if shift < 0 { (Some(l), r.checked_mul(power)) } else { (l.checked_mul(power), Some(r)) };
            let (l, r) = l.zip(r).ok_or_else(too_many_digits)?;
            divided(l, r).map(Some)
        }
        _ => Ok(None),
    });
    narrow(values.collect::<Result<PrimitiveArray<Decimal256Type>>>()?, precision, scale)
}

fn divided(left: i256, right: i256) -> Result<i256> {
    let quotient = left.checked_div(right).ok_or_else(too_many_digits)?;
    let rest = left.checked_rem(right).ok_or_else(too_many_digits)?;
    let twice = rest.wrapping_abs().checked_mul(i256::from(2)).ok_or_else(too_many_digits)?;
    if twice < right.wrapping_abs() {
        return Ok(quotient);
    }
    let away = if left.is_negative() == right.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    quotient.checked_add(away).ok_or_else(too_many_digits)
}

/// `+`, `-`, `*`, `%` of decimals, exactly.
pub(in crate::plan) fn decimal(
    columns: &[ArrayRef],
    op: Operator,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    let (left, right) = pair(columns)?;
    // Each row, in numbers of one width.
    macro_rules! rows {
        ($l:expr, $r:expr, $ten:expr, $zero:expr) => {{
            let ((l, s), (r, t)) = ($l, $r);
            let (up_left, up_right) = scales(op, s, t, scale);
            let power = |by: i8| $ten.checked_pow(by.unsigned_abs().into()).ok_or_else(too_many_digits);
            let (up_left, up_right) = (power(up_left)?, power(up_right)?);
            let values = l.iter().zip(r.iter()).map(|both| {
                let (Some(l), Some(r)) = both else { return Ok(None) };
                let (l, r) =
                    l.checked_mul(up_left).zip(r.checked_mul(up_right)).ok_or_else(too_many_digits)?;
                let value = match op {
                    Operator::Plus => l.checked_add(r),
                    Operator::Minus => l.checked_sub(r),
                    Operator::Multiply => l.checked_mul(r),
                    _ if r == $zero => return Err(by_zero()),
                    _ => l.checked_rem(r),
                };
                value.map(Some).ok_or_else(too_many_digits)
            });
            values.collect::<Result<PrimitiveArray<_>>>()?
        }};
    }
    // Half the width is enough for what has half the digits.
    if precision < DECIMAL128_DIGITS
        && op != Operator::Modulo
        && let (Some(left), Some(right)) = (half(left), half(right))
    {
        let values: PrimitiveArray<Decimal128Type> = rows!(left, right, 10_i128, 0);
        return Ok(Arc::new(values.with_precision_and_scale(precision, scale)?));
    }
    narrow(rows!(wide(left)?, wide(right)?, i256::from(10), i256::ZERO), precision, scale)
}

/// By how many places the two sides are brought to the scale of the result.
fn scales(op: Operator, left: i8, right: i8, result: i8) -> (i8, i8) {
    if op == Operator::Multiply { (0, 0) } else { (result - left, result - right) }
}

fn half(column: &ArrayRef) -> Option<(&PrimitiveArray<Decimal128Type>, i8)> {
    match column.data_type() {
        DataType::Decimal128(_, scale) => Some((column.as_primitive::<Decimal128Type>(), *scale)),
        _ => None,
    }
}

/// How digits are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Rounding {
    /// To the nearest, halves away from zero.
    Nearest,
    /// Towards zero.
    Truncate,
    Up,
    Down,
}

/// Decimals with `places` digits after the point, or before it where negative, as decimals of another type.
pub(in crate::plan) fn rounded(
    column: &ArrayRef,
    places: i32,
    rounding: Rounding,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    let (values, from) = wide(column)?;
    let ten = i256::from(10);
    let cut = i32::from(from) - places;
    // What is cut off is all of it when it is more digits than there are.
    let unit = ten.checked_pow(u32::try_from(cut.max(0)).unwrap_or(0));
    let back = i32::from(scale) - places.min(i32::from(from));
    let one = |value: i256| -> Result<i256> {
        let whole = match unit {
            None => i256::ZERO,
            Some(unit) => by_unit(value, unit, rounding)?,
        };
        match back {
            0.. => ten
                .checked_pow(back.unsigned_abs())
                .and_then(|power| whole.checked_mul(power))
                .or_else(|| (whole == i256::ZERO).then_some(i256::ZERO))
                .ok_or_else(too_many_digits),
            _ => by_unit(
                whole,
                ten.checked_pow(back.unsigned_abs()).ok_or_else(too_many_digits)?,
                Rounding::Truncate,
            ),
        }
    };
    narrow(values.try_unary(one)?, precision, scale)
}

fn by_unit(value: i256, unit: i256, rounding: Rounding) -> Result<i256> {
    if unit == i256::ONE {
        return Ok(value);
    }
    let truncated = value.checked_div(unit).ok_or_else(too_many_digits)?;
    let rest = value.checked_rem(unit).ok_or_else(too_many_digits)?;
    let step = match rounding {
        Rounding::Nearest => return divided(value, unit),
        Rounding::Up if rest > i256::ZERO => i256::ONE,
        Rounding::Down if rest < i256::ZERO => i256::MINUS_ONE,
        _ => i256::ZERO,
    };
    truncated.checked_add(step).ok_or_else(too_many_digits)
}

/// -1, 0 or 1 as decimals without places.
pub(in crate::plan) fn signs(column: &ArrayRef) -> Result<ArrayRef> {
    let (values, _) = wide(column)?;
    let sign = |v: i256| i256::from(v.signum().as_i128());
    narrow(values.unary(sign), 1, 0)
}

/// Decimals without their sign.
pub(in crate::plan) fn magnitudes(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Decimal128(..) => {
            let array = column.as_primitive::<Decimal128Type>();
            let values: PrimitiveArray<Decimal128Type> = array.unary(i128::wrapping_abs);
            Ok(Arc::new(values.with_data_type(array.data_type().clone())))
        }
        _ => {
            let array = column.as_primitive::<Decimal256Type>();
            let values: PrimitiveArray<Decimal256Type> = array.unary(i256::wrapping_abs);
            Ok(Arc::new(values.with_data_type(array.data_type().clone())))
        }
    }
}

/// As decimals of 256 bits, with their scale.
fn wide(column: &ArrayRef) -> Result<(PrimitiveArray<Decimal256Type>, i8)> {
    match column.data_type() {
        DataType::Decimal256(_, scale) => Ok((column.as_primitive::<Decimal256Type>().clone(), *scale)),
        DataType::Decimal128(_, scale) => {
            let array = column.as_primitive::<Decimal128Type>();
            Ok((array.unary(i256::from_i128), *scale))
        }
        other => Err(ArrowError::InvalidArgumentError(format!("{other} is no decimal"))),
    }
}

/// Decimals of 256 bits in the type for so many digits.
fn narrow(values: PrimitiveArray<Decimal256Type>, precision: u8, scale: i8) -> Result<ArrayRef> {
    let fits = |v: i256| Decimal256Type::is_valid_decimal_precision(v, precision);
    if !values.iter().flatten().all(fits) {
        return Err(too_many_digits());
    }
    if precision > DECIMAL128_DIGITS {
        return Ok(Arc::new(values.with_precision_and_scale(precision, scale)?));
    }
    let narrow: PrimitiveArray<Decimal128Type> = values.unary(i256::as_i128);
    Ok(Arc::new(narrow.with_precision_and_scale(precision, scale)?))
}

fn too_many_digits() -> ArrowError {
    ArrowError::ComputeError(
        "a number has more digits than a decimal holds: 38, or 76 where an operand has more than 38".into(),
    )
}

/// Texts as decimals of a type.
pub(in crate::plan) fn from_text(column: &ArrayRef, kind: Kind) -> Result<ArrayRef> {
    let Kind::Numeric(precision, scale) = kind else { return Err(out_of_range(kind)) };
    let one = |text: &str| -> Result<i256> {
        let wrong = || {
            let shown: String = text.chars().take(SHOWN).collect();
            ArrowError::ComputeError(format!("invalid input syntax for type numeric: \"{shown}\""))
        };
        let (negative, digits, places) = digits_of(text).ok_or_else(wrong)?;
        let magnitude = match digits.as_str() {
            "" => i256::ZERO,
            digits => i256::from_string(digits).ok_or_else(too_many_digits)?,
        };
        let value = if negative { magnitude.wrapping_neg() } else { magnitude };
        let places = i32::try_from(places).map_err(|_| wrong())?;
        let shift = i32::from(scale) - places;
        match i256::from(10).checked_pow(shift.unsigned_abs()) {
            Some(power) if shift >= 0 => value.checked_mul(power).ok_or_else(too_many_digits),
            Some(power) => divided(value, power),
            None if shift < 0 => Ok(i256::ZERO),
            None => Err(too_many_digits()),
        }
    };
    let texts = column.as_string::<i32>().iter();
    let values = texts.map(|text| text.map(one).transpose()).collect::<Result<PrimitiveArray<_>>>()?;
    narrow(values, precision, scale)
}

/// Integers of another width.
pub(in crate::plan) fn to_integer(columns: &[ArrayRef], kind: Kind) -> Result<ArrayRef> {
    let column = one(columns)?;
    let Some(target) = kind.arrow() else { return Err(out_of_range(kind)) };
    conversion::plain(column, &target)
}
