//! Integers, doubles, booleans, dates and times.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::BooleanBuilder;
use arrow::datatypes::{Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType};
use arrow_schema::Field;
use rusqlite::types::ValueRef;

use super::calendar::{self, NoTimestamp};
use super::primitive::Convert;
use super::{BadValue, ColumnDecoder};

/// The largest integer up to which a double holds every one.
const EXACT_INTEGERS: u64 = 1 << 53;

/// INTEGER to Int64.
pub(super) struct Integer;

impl Convert for Integer {
    type Arrow = Int64Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<i64, BadValue> {
        match value {
            ValueRef::Integer(v) => Ok(v),
            other => Err(BadValue::misfit(other, "an integer")),
        }
    }
}

/// REAL to Float64, and INTEGER where a double holds it exactly.
pub(super) struct Real;

impl Convert for Real {
    type Arrow = Float64Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<f64, BadValue> {
        match value {
            ValueRef::Real(v) => Ok(v),
            ValueRef::Integer(v) if v.unsigned_abs() <= EXACT_INTEGERS => Ok(v as f64),
            ValueRef::Integer(_) => Err(BadValue::misfit(value, "a number that a double holds exactly")),
            other => Err(BadValue::misfit(other, "a number")),
        }
    }
}

/// Numbers to Float64, rounded.
pub(super) struct Double;

impl Convert for Double {
    type Arrow = Float64Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<f64, BadValue> {
        match value {
            ValueRef::Real(v) => Ok(v),
            ValueRef::Integer(v) => Ok(v as f64),
            other => Err(BadValue::misfit(other, "a number")),
        }
    }
}

/// TEXT to Date32.
pub(super) struct Date;

impl Convert for Date {
    type Arrow = Date32Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<i32, BadValue> {
        if let ValueRef::Text(text) = value
            && let Some(days) = calendar::date(text)
        {
            return Ok(days);
        }
        Err(BadValue::misfit(value, "a date YYYY-MM-DD"))
    }
}

/// TEXT to Time64.
pub(super) struct Time;

impl Convert for Time {
    type Arrow = Time64MicrosecondType;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<i64, BadValue> {
        if let ValueRef::Text(text) = value
            && let Some((micros, [])) = calendar::time(text)
        {
            return Ok(micros);
        }
        Err(BadValue::misfit(value, "a time HH:MM:SS with at most six decimals"))
    }
}

/// TEXT to Timestamp.
pub(super) struct Timestamp {
    /// Whether values say their offset from UTC.
    pub(super) zone: bool,
}

impl Convert for Timestamp {
    type Arrow = TimestampMicrosecondType;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<i64, BadValue> {
        let reason = match value {
            ValueRef::Text(text) => match calendar::timestamp(text, self.zone) {
                Ok(micros) => return Ok(micros),
                Err(reason) => reason,
            },
            _ => NoTimestamp::Shape,
        };
        let wanted = match reason {
            NoTimestamp::Shape => "a timestamp YYYY-MM-DD HH:MM:SS with at most six decimals",
            NoTimestamp::OffsetMissing => "a timestamp with Z or an offset from UTC",
            NoTimestamp::OffsetUnexpected => "a timestamp without an offset from UTC, as its type promises",
        };
        Err(BadValue::misfit(value, wanted))
    }
}

/// Fills a `BooleanArray` from INTEGER 0 and 1.
pub(super) struct BooleanDecoder {
    builder: BooleanBuilder,
    nullable: bool,
}

impl BooleanDecoder {
    pub(super) fn new(field: &Field, capacity: usize) -> Self {
        Self { builder: BooleanBuilder::with_capacity(capacity), nullable: field.is_nullable() }
    }
}

impl ColumnDecoder for BooleanDecoder {
    #[inline]
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), BadValue> {
        match value {
            ValueRef::Integer(v @ (0 | 1)) => self.builder.append_value(v == 1),
            ValueRef::Null if self.nullable => self.builder.append_null(),
            other => return Err(BadValue::misfit(other, "0 or 1")),
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }

    fn bytes(&self) -> usize {
        self.builder.values_slice().len()
    }
}
