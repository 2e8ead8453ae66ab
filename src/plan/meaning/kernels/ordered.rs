//! Floats as integers of the same order, for aggregates that compare them by other rules than PostgreSQL's.

use std::sync::Arc;

use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::Int64Type;
use arrow_schema::{ArrowError, DataType};
use datafusion::logical_expr::Expr;

use crate::plan::meaning::kernel;
use crate::plan::meaning::kind::Kind;

type Result<T> = std::result::Result<T, ArrowError>;

/// A float as an integer: larger where the float is, NaN largest. The float has one zero and one NaN.
pub(in crate::plan) fn float_order(float: Expr) -> Expr {
    kernel::call("float_order", Kind::Int8, to_order, vec![float])
}

/// The float of [`float_order`].
pub(in crate::plan) fn float_in_order(order: Expr, data_type: &DataType) -> Expr {
    match data_type {
        DataType::Float32 => kernel::call("float_in_order", Kind::Float4, to_real, vec![order]),
        _ => kernel::call("float_in_order", Kind::Float8, to_double, vec![order]),
    }
}

fn first(columns: &[ArrayRef]) -> Result<&ArrayRef> {
    columns.first().ok_or_else(|| ArrowError::InvalidArgumentError("no column".into()))
}

/// The bits below the sign, turned around for what is negative. Its own inverse.
fn turned(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn to_order(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let column = first(columns)?;
    let order = |v: f64| turned(v.to_bits().cast_signed());
    let values: PrimitiveArray<Int64Type> = match column.data_type() {
        DataType::Float32 => column.as_primitive::<Float32Type>().unary(|v| order(f64::from(v))),
        _ => column.as_primitive::<Float64Type>().unary(order),
    };
    Ok(Arc::new(values))
}

fn to_double(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let values: PrimitiveArray<Float64Type> = first(columns)?.as_primitive::<Int64Type>().unary(float);
    Ok(Arc::new(values))
}

fn to_real(columns: &[ArrayRef]) -> Result<ArrayRef> {
    #[allow(clippy::cast_possible_truncation, reason = "was a float of 32 bits")]
    let values: PrimitiveArray<Float32Type> =
        first(columns)?.as_primitive::<Int64Type>().unary(|order| float(order) as f32);
    Ok(Arc::new(values))
}

fn float(order: i64) -> f64 {
    f64::from_bits(turned(order).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Float64Array;

    #[test]
    fn the_order_is_that_of_the_numbers_and_nan_is_the_largest() {
        let floats = [f64::NEG_INFINITY, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
        let column: ArrayRef = Arc::new(Float64Array::from(floats.to_vec()));
        let orders = to_order(&[column]).unwrap();
        let values = orders.as_primitive::<Int64Type>().values().to_vec();
        assert!(values.is_sorted_by(|a, b| a < b), "{values:?}");
        let back = to_double(&[orders]).unwrap();
        let back = back.as_primitive::<Float64Type>().values().to_vec();
        assert!(back.iter().zip(floats).all(|(a, b)| a.to_bits() == b.to_bits()), "{back:?}");
    }
}
