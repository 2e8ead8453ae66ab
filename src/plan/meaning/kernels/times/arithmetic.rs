//! Sums and differences of dates, times and intervals.

use arrow::array::types::{Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use arrow::array::{ArrayRef, AsArray};
use arrow_schema::ArrowError;

use super::calendar::{
    Civil, DAY, END_OF_TIMESTAMPS, FIRST_DAY, civil, date, days_in, joined, number_of, split,
};
use super::columns::{Dates, Result, Stamps, Times, binary, fails, in_utc};
use super::write::{date_text, timestamp_text};

type Span = IntervalMonthDayNanoType;

const NANOSECONDS: i64 = 1000;

pub(in crate::plan) fn date_add_int(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Dates, Int32Type, Dates>(columns, |day, days| later(day, days.into()))
}

pub(in crate::plan) fn date_sub_int(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Dates, Int32Type, Dates>(columns, |day, days| later(day, -i64::from(days)))
}

fn later(from: i32, days: i64) -> Result<i32> {
    match date(i64::from(from) + days) {
        Some(day) => Ok(day),
        None => fails(format!("date out of range: {} and {days} days", date_text(from))),
    }
}

/// In days.
pub(in crate::plan) fn date_sub_date(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Dates, Dates, Int32Type>(columns, |left, right| match left.checked_sub(right) {
        Some(days) => Ok(days),
        None => fails(format!("integer out of range: {} - {}", date_text(left), date_text(right))),
    })
}

pub(in crate::plan) fn date_add_time(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Dates, Times, Stamps>(columns, |day, time| match joined(day.into(), time) {
        Some(at) => Ok(at),
        None => fails(format!("timestamp out of range: {} with a time", date_text(day))),
    })
}

pub(in crate::plan) fn date_add_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Dates, Span, Stamps>(columns, |day, span| from_date(day, Moves::forward(span)))
}

pub(in crate::plan) fn date_sub_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Dates, Span, Stamps>(columns, |day, span| from_date(day, Moves::back(span)))
}

pub(in crate::plan) fn timestamp_add_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Stamps, Span, Stamps>(columns, |at, span| from_timestamp(at, Moves::forward(span)))
}

pub(in crate::plan) fn timestamp_sub_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Stamps, Span, Stamps>(columns, |at, span| from_timestamp(at, Moves::back(span)))
}

pub(in crate::plan) fn timestamptz_add_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(in_utc(timestamp_add_interval(columns)?.as_primitive().clone()))
}

pub(in crate::plan) fn timestamptz_sub_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(in_utc(timestamp_sub_interval(columns)?.as_primitive().clone()))
}

pub(in crate::plan) fn time_add_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Times, Span, Times>(columns, |time, span| Ok((time + Moves::forward(span).time).rem_euclid(DAY)))
}

pub(in crate::plan) fn time_sub_interval(columns: &[ArrayRef]) -> Result<ArrayRef> {
    binary::<Times, Span, Times>(columns, |time, span| Ok((time + Moves::back(span).time).rem_euclid(DAY)))
}

/// An interval and its sign.
#[derive(Clone, Copy)]
struct Moves {
    months: i64,
    days: i64,
    /// In microseconds.
    time: i64,
}

impl Moves {
    fn forward(span: IntervalMonthDayNano) -> Self {
        Self { months: span.months.into(), days: span.days.into(), time: span.nanoseconds / NANOSECONDS }
    }

    fn back(span: IntervalMonthDayNano) -> Self {
        let Self { months, days, time } = Self::forward(span);
        Self { months: -months, days: -days, time: -time }
    }

    /// Months first, to the last day of a month that is too short; days next, the time last. PostgreSQL wants a
    /// timestamp after each step.
    fn from(self, day: i64, time: i64) -> Option<i64> {
        let mut day = Some(day).filter(|day| is_timestamp(*day))?;
        if self.months != 0 {
            let from = civil(day);
            let months = from.year * 12 + from.month - 1 + self.months;
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
            let last = days_in(year, month);
            day = number_of(Civil { year, month, day: from.day.min(last) });
            day = Some(day).filter(|day| is_timestamp(*day))?;
        }
        day = Some(day + self.days).filter(|day| is_timestamp(*day))?;
        joined(day, time + self.time)
    }
}

fn is_timestamp(day: i64) -> bool {
    (FIRST_DAY..END_OF_TIMESTAMPS).contains(&day)
}

fn from_timestamp(at: i64, moves: Moves) -> Result<i64> {
    let (day, time) = split(at);
    moves.from(day, time).ok_or_else(|| out_of_range(&timestamp_text(at)))
}

fn from_date(day: i32, moves: Moves) -> Result<i64> {
    moves.from(day.into(), 0).ok_or_else(|| out_of_range(&date_text(day)))
}

fn out_of_range(from: &str) -> ArrowError {
    ArrowError::ComputeError(format!("timestamp out of range: {from} and an interval"))
}
