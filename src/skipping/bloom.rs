//! Bloom filters: whether a column's chunk surely holds none of the constants that a value is compared with.

use arrow_schema::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr};
use parquet::basic::{LogicalType, TimeUnit, Type as Physical};
use parquet::bloom_filter::Sbbf;
use parquet::schema::types::ColumnDescriptor;

use super::terms::Value;

/// Whether the filter says that the chunk has no value that is equal to one of the constants. False where it cannot say.
pub(super) fn lacks<'v>(
    filter: &Sbbf,
    value: &Value,
    column: &ColumnDescriptor,
    constants: impl IntoIterator<Item = &'v ScalarValue>,
) -> bool {
    let Some(stored_as) = value.schema.fields().first().map(|field| field.data_type()) else { return false };
    let absent = |constant: &ScalarValue| {
        let stored = stored(&value.expr, constant, stored_as)
            .and_then(|stored| stored.iter().map(|one| bytes(one, column)).collect::<Option<Vec<Vec<u8>>>>());
        stored.is_some_and(|all| all.iter().all(|bytes| !filter.check(bytes.as_slice())))
    };
    constants.into_iter().all(absent)
}

/// All values of a column of the type `stored_as` that `expr` makes the constant of; none if that is not known.
fn stored(expr: &Expr, constant: &ScalarValue, stored_as: &DataType) -> Option<Vec<ScalarValue>> {
    match expr {
        Expr::Column(_) => Some(vec![constant.clone()]),
        // A float has one zero in a condition, and two in files.
        Expr::ScalarFunction(call) if call.func.name() == "float_value" => {
            let all = match constant {
                ScalarValue::Float64(Some(v)) if *v == 0.0 => {
                    [0.0, -0.0].map(|v| ScalarValue::Float64(Some(v))).to_vec()
                }
                ScalarValue::Float32(Some(v)) if *v == 0.0 => {
                    [0.0, -0.0].map(|v| ScalarValue::Float32(Some(v))).to_vec()
                }
                ScalarValue::Float64(Some(v)) if !v.is_nan() => vec![constant.clone()],
                ScalarValue::Float32(Some(v)) if !v.is_nan() => vec![constant.clone()],
                _ => return None,
            };
            let inner = call.args.first()?;
            let each = all.iter().map(|one| stored(inner, one, stored_as)).collect::<Option<Vec<_>>>()?;
            Some(each.concat())
        }
        Expr::Cast(Cast { expr: inner, field }) => {
            let Expr::Column(_) = inner.as_ref() else { return None };
            if !keeps_apart(stored_as, field.data_type()) {
                return None;
            }
            let back = constant.cast_to(stored_as).ok()?;
            let again = back.cast_to(field.data_type()).ok()?;
            (again == *constant).then(|| vec![back])
        }
        _ => None,
    }
}

/// Whether a cast makes different values of different values.
fn keeps_apart(from: &DataType, to: &DataType) -> bool {
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match (from, to) {
        (from, to) if from == to => true,
        (from, to) if from.is_integer() && to.is_integer() => true,
        (from, DataType::Decimal128(_, scale)) if from.is_integer() => *scale >= 0,
        (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) => to >= from,
        (DataType::Float32, DataType::Float64) => true,
        (from, to) => is_text(from) && is_text(to),
    }
}

/// A value as Parquet stores it without compression, which is what filters hash; none where that is not sure.
fn bytes(value: &ScalarValue, column: &ColumnDescriptor) -> Option<Vec<u8>> {
    let physical = column.physical_type();
    let four = |value: i32| (physical == Physical::INT32).then(|| value.to_le_bytes().to_vec());
    let eight = |value: i64| (physical == Physical::INT64).then(|| value.to_le_bytes().to_vec());
    let unit = match column.logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) => Some(timestamp.unit),
        Some(LogicalType::Time(time)) => Some(time.unit),
        _ => None,
    };
    let in_unit = |value: i64, of: TimeUnit| if unit == Some(of) { eight(value) } else { None };
    match value {
        ScalarValue::Int8(Some(v)) => four(i32::from(*v)),
        ScalarValue::Int16(Some(v)) => four(i32::from(*v)),
        ScalarValue::Int32(Some(v)) | ScalarValue::Date32(Some(v)) => four(*v),
        ScalarValue::UInt8(Some(v)) => four(i32::from(*v)),
        ScalarValue::UInt16(Some(v)) => four(i32::from(*v)),
        ScalarValue::UInt32(Some(v)) => four(v.cast_signed()),
        ScalarValue::Int64(Some(v)) => eight(*v),
        ScalarValue::UInt64(Some(v)) => eight(v.cast_signed()),
        ScalarValue::TimestampMillisecond(Some(v), _) => in_unit(*v, TimeUnit::MILLIS),
        ScalarValue::TimestampMicrosecond(Some(v), _) | ScalarValue::Time64Microsecond(Some(v)) => {
            in_unit(*v, TimeUnit::MICROS)
        }
        ScalarValue::TimestampNanosecond(Some(v), _) | ScalarValue::Time64Nanosecond(Some(v)) => {
            in_unit(*v, TimeUnit::NANOS)
        }
        ScalarValue::Float32(Some(v)) => (physical == Physical::FLOAT).then(|| v.to_le_bytes().to_vec()),
        ScalarValue::Float64(Some(v)) => (physical == Physical::DOUBLE).then(|| v.to_le_bytes().to_vec()),
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => {
            (physical == Physical::BYTE_ARRAY).then(|| text.as_bytes().to_vec())
        }
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => (physical == Physical::BYTE_ARRAY).then(|| bytes.clone()),
        ScalarValue::FixedSizeBinary(_, Some(bytes)) => {
            (physical == Physical::FIXED_LEN_BYTE_ARRAY).then(|| bytes.clone())
        }
        ScalarValue::Decimal128(Some(v), _, scale) if i32::from(*scale) == column.type_scale() => {
            match physical {
                Physical::INT32 => four(i32::try_from(*v).ok()?),
                Physical::INT64 => eight(i64::try_from(*v).ok()?),
                Physical::FIXED_LEN_BYTE_ARRAY => {
                    let length = usize::try_from(column.type_length()).ok()?;
                    v.to_be_bytes().len().checked_sub(length).map(|from| v.to_be_bytes()[from..].to_vec())
                }
                _ => None,
            }
        }
        _ => None,
    }
}
