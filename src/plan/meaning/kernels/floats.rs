//! Floating-point numbers: what is too large or too small for their type is an error.

use std::sync::Arc;

use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow_schema::{ArrowError, DataType};

use super::numbers::{by_zero, map, one, out_of_range, pair, zip};
use crate::plan::meaning::kind::Kind;

type Result<T> = std::result::Result<T, ArrowError>;

/// An operator on floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Float {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// `+`, `-`, `*`, `/`, `^` of two floats of one type. What is too large for the type, or too small, is an error.
pub(in crate::plan) fn float(columns: &[ArrayRef], op: Float) -> Result<ArrayRef> {
    macro_rules! of {
        ($t:ty, $kind:expr) => {
            zip::<$t, $t, $t>(columns, |l, r| {
                let value = match op {
                    Float::Add => l + r,
                    Float::Subtract => l - r,
                    Float::Multiply => l * r,
                    Float::Divide if r == 0.0 && !l.is_nan() => return Err(by_zero()),
                    Float::Divide => l / r,
                    Float::Power => return Err(ArrowError::NotYetImplemented("power of real".into())),
                };
                if value.is_infinite() && l.is_finite() && r.is_finite() {
                    return Err(out_of_range($kind));
                }
                let vanishes = value == 0.0
                    && match op {
                        Float::Multiply => l != 0.0 && r != 0.0,
                        Float::Divide => l != 0.0 && r.is_finite(),
                        _ => false,
                    };
                if vanishes { Err(out_of_range($kind)) } else { Ok(value) }
            })
        };
    }
    match (op, pair(columns)?.0.data_type()) {
        (Float::Power, _) => zip::<Float64Type, Float64Type, Float64Type>(columns, power),
        (_, DataType::Float32) => of!(Float32Type, Kind::Float4),
        _ => of!(Float64Type, Kind::Float8),
    }
}

fn power(base: f64, exponent: f64) -> Result<f64> {
    if base == 0.0 && exponent < 0.0 {
        return Err(ArrowError::ComputeError("zero raised to a negative power is undefined".into()));
    }
    if base < 0.0 && exponent.is_finite() && exponent.floor() != exponent {
        return Err(ArrowError::ComputeError(
            "a negative number raised to a non-integer power yields a complex result".into(),
        ));
    }
    let value = base.powf(exponent);
    if value.is_infinite() && base.is_finite() && exponent.is_finite() {
        return Err(out_of_range(Kind::Float8));
    }
    if value == 0.0 && base != 0.0 && base.is_finite() && exponent.is_finite() {
        return Err(out_of_range(Kind::Float8));
    }
    Ok(value)
}

/// `double precision` as `real`.
pub(in crate::plan) fn to_real(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values: PrimitiveArray<Float32Type> =
        one(columns)?.as_primitive::<Float64Type>().try_unary(|v: f64| {
            #[allow(clippy::cast_possible_truncation, reason = "rounds to the nearest, which a cast means")]
            let near = v as f32;
            let lost = (near.is_infinite() && v.is_finite()) || (near == 0.0 && v != 0.0);
            if lost { Err(out_of_range(Kind::Float4)) } else { Ok(near) }
        })?;
    Ok(Arc::new(values))
}

fn float_function(columns: &[ArrayRef], function: impl Fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    map::<Float64Type>(columns, |v| {
        let value = function(v)?;
        match value.is_infinite() && v.is_finite() {
            true => Err(out_of_range(Kind::Float8)),
            false => Ok(value),
        }
    })
}

fn domain(what: &str) -> ArrowError {
    ArrowError::ComputeError(what.to_owned())
}

pub(in crate::plan) fn square_root(columns: &[ArrayRef]) -> Result<ArrayRef> {
    float_function(columns, |v| match v < 0.0 {
        true => Err(domain("cannot take square root of a negative number")),
        false => Ok(v.sqrt()),
    })
}

pub(in crate::plan) fn exponential(columns: &[ArrayRef]) -> Result<ArrayRef> {
    float_function(columns, |v| {
        let value = v.exp();
        if value == 0.0 && v.is_finite() { Err(out_of_range(Kind::Float8)) } else { Ok(value) }
    })
}

fn logarithm(columns: &[ArrayRef], function: fn(f64) -> f64) -> Result<ArrayRef> {
    float_function(columns, |v| match v {
        0.0 => Err(domain("cannot take logarithm of zero")),
        v if v < 0.0 => Err(domain("cannot take logarithm of a negative number")),
        v => Ok(function(v)),
    })
}

pub(in crate::plan) fn natural_logarithm(columns: &[ArrayRef]) -> Result<ArrayRef> {
    logarithm(columns, f64::ln)
}

pub(in crate::plan) fn decimal_logarithm(columns: &[ArrayRef]) -> Result<ArrayRef> {
    logarithm(columns, f64::log10)
}

pub(in crate::plan) fn float_absolute(columns: &[ArrayRef]) -> Result<ArrayRef> {
    match one(columns)?.data_type() {
        DataType::Float32 => map::<Float32Type>(columns, |v| Ok(v.abs())),
        _ => map::<Float64Type>(columns, |v| Ok(v.abs())),
    }
}

pub(in crate::plan) fn float_sign(columns: &[ArrayRef]) -> Result<ArrayRef> {
    map::<Float64Type>(columns, |v| {
        Ok(if v > 0.0 {
            1.0
        } else if v < 0.0 {
            -1.0
        } else {
            0.0
        })
    })
}

pub(in crate::plan) fn float_ceiling(columns: &[ArrayRef]) -> Result<ArrayRef> {
    map::<Float64Type>(columns, |v| Ok(v.ceil()))
}

pub(in crate::plan) fn float_floor(columns: &[ArrayRef]) -> Result<ArrayRef> {
    map::<Float64Type>(columns, |v| Ok(v.floor()))
}

/// To the nearest integer, halves to the even one.
pub(in crate::plan) fn float_round(columns: &[ArrayRef]) -> Result<ArrayRef> {
    map::<Float64Type>(columns, |v| Ok(v.round_ties_even()))
}

pub(in crate::plan) fn float_truncate(columns: &[ArrayRef]) -> Result<ArrayRef> {
    map::<Float64Type>(columns, |v| Ok(v.trunc()))
}

/// `power` of two floats.
pub(in crate::plan) fn power_of(columns: &[ArrayRef]) -> Result<ArrayRef> {
    float(columns, Float::Power)
}
