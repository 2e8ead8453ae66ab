//! Integers, doubles, booleans, dates and times.

use arrow::datatypes::{Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType};
use rusqlite::types::ValueRef;

use super::calendar::{self, NoTimestamp};
use super::decode::Stored;
use crate::source::kit::boolean::Truth;
use crate::source::kit::column::BadValue;
use crate::source::kit::primitive::Convert;

/// The largest integer up to which a double holds every one.
const EXACT_INTEGERS: u64 = 1 << 53;

/// INTEGER to Int64.
pub(super) struct Integer;

impl Convert for Integer {
    type Sent = Stored;
    type Arrow = Int64Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<i64>, BadValue> {
        match value {
            ValueRef::Integer(v) => Ok(Some(v)),
            other => Err(BadValue::misfit(other, "an integer")),
        }
    }
}

/// REAL to Float64, and INTEGER where a double holds it exactly.
pub(super) struct Real;

impl Convert for Real {
    type Sent = Stored;
    type Arrow = Float64Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<f64>, BadValue> {
        match value {
            ValueRef::Real(v) => Ok(Some(v)),
            ValueRef::Integer(v) if v.unsigned_abs() <= EXACT_INTEGERS => Ok(Some(v as f64)),
            ValueRef::Integer(_) => Err(BadValue::misfit(value, "a number that a double holds exactly")),
            other => Err(BadValue::misfit(other, "a number")),
        }
    }
}

/// Numbers to Float64, rounded.
pub(super) struct Double;

impl Convert for Double {
    type Sent = Stored;
    type Arrow = Float64Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<f64>, BadValue> {
        match value {
            ValueRef::Real(v) => Ok(Some(v)),
            ValueRef::Integer(v) => Ok(Some(v as f64)),
            other => Err(BadValue::misfit(other, "a number")),
        }
    }
}

/// TEXT to Date32.
pub(super) struct Date;

impl Convert for Date {
    type Sent = Stored;
    type Arrow = Date32Type;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<i32>, BadValue> {
        if let ValueRef::Text(text) = value
            && let Some(days) = calendar::date(text)
        {
            return Ok(Some(days));
        }
        Err(BadValue::misfit(value, "a date YYYY-MM-DD"))
    }
}

/// TEXT to Time64.
pub(super) struct Time;

impl Convert for Time {
    type Sent = Stored;
    type Arrow = Time64MicrosecondType;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<i64>, BadValue> {
        if let ValueRef::Text(text) = value
            && let Some((micros, [])) = calendar::time(text)
        {
            return Ok(Some(micros));
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
    type Sent = Stored;
    type Arrow = TimestampMicrosecondType;

    #[inline]
    fn convert(&self, value: ValueRef<'_>) -> Result<Option<i64>, BadValue> {
        let reason = match value {
            ValueRef::Text(text) => match calendar::timestamp(text, self.zone) {
                Ok(micros) => return Ok(Some(micros)),
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

/// INTEGER 0 and 1 to Boolean.
pub(super) struct Bit;

impl Truth for Bit {
    type Sent = Stored;

    #[inline]
    fn is_true(&self, value: ValueRef<'_>) -> Result<bool, BadValue> {
        match value {
            ValueRef::Integer(v @ (0 | 1)) => Ok(v == 1),
            other => Err(BadValue::misfit(other, "0 or 1")),
        }
    }
}
