//! Casts between dates, times and timestamps.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};

use super::calendar::{DAY, joined, split};
use super::columns::{Dates, Result, Stamps, Times, fails, in_utc, unary};
use super::write::date_text;

const MICROSECOND_DIGITS: u32 = 6;

/// A date's midnight.
pub(super) fn midnight(date: i32) -> Result<i64> {
    match joined(date.into(), 0) {
        Some(at) => Ok(at),
        None => fails(format!("date out of range for timestamp: {}", date_text(date))),
    }
}

pub(in crate::plan) fn date_to_timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(unary::<Dates, Stamps>(columns, midnight)?))
}

pub(in crate::plan) fn date_to_timestamptz(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(in_utc(unary::<Dates, Stamps>(columns, midnight)?))
}

/// For comparisons with timestamps: a date after the last of them is that last one.
pub(in crate::plan) fn date_as_timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(unary::<Dates, Stamps>(columns, |date| Ok(i64::from(date).saturating_mul(DAY)))?))
}

pub(in crate::plan) fn timestamp_to_date(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let date = |at| match i32::try_from(split(at).0) {
        Ok(day) => Ok(day),
        Err(_) => fails("date out of range"),
    };
    Ok(Arc::new(unary::<Stamps, Dates>(columns, date)?))
}

pub(in crate::plan) fn timestamptz_to_date(columns: &[ArrayRef]) -> Result<ArrayRef> {
    timestamp_to_date(columns)
}

pub(in crate::plan) fn timestamp_to_time(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(unary::<Stamps, Times>(columns, |at| Ok(split(at).1))?))
}

pub(in crate::plan) fn timestamptz_to_time(columns: &[ArrayRef]) -> Result<ArrayRef> {
    timestamp_to_time(columns)
}

pub(in crate::plan) fn timestamp_to_timestamptz(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(in_utc(unary::<Stamps, Stamps>(columns, Ok)?))
}

pub(in crate::plan) fn timestamptz_to_timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(unary::<Stamps, Stamps>(columns, Ok)?))
}

/// `time(digits)`: halves up, to 24:00:00 at most.
pub(in crate::plan) fn rounded_time(values: &ArrayRef, digits: u32) -> ArrayRef {
    let unit = 10_i64.pow(MICROSECOND_DIGITS.saturating_sub(digits));
    let rounded: PrimitiveArray<Times> =
        values.as_primitive::<Times>().unary(|time| (time + unit / 2) / unit * unit);
    Arc::new(rounded)
}
