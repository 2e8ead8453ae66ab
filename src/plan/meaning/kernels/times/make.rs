//! Dates and times of numbers.

use std::sync::Arc;

use arrow::array::types::{ArrowPrimitiveType, Float64Type, Int32Type};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, PrimitiveArray};

use super::calendar::{self, DAY, FIRST_DAY, HOUR, MINUTE, SECOND, joined, valid};
use super::columns::{Dates, Result, Stamps, Times, column, fails, in_utc, unary};

const SECONDS_A_DAY: f64 = 86_400.0;
/// 2000-01-01, where PostgreSQL counts from, in seconds.
const MILLENNIUM: f64 = 946_684_800.0;

pub(super) fn date(columns: &[ArrayRef]) -> Result<ArrayRef> {
    rows::<Dates>(columns, 3, |numbers, _| {
        let (year, month, day) = (numbers[0], numbers[1], numbers[2]);
        match calendar::date(day_of(year, month, day)?) {
            Some(date) => Ok(date),
            None => fails(format!("date out of range: {year}-{month:02}-{day:02}")),
        }
    })
}

pub(super) fn time(columns: &[ArrayRef]) -> Result<ArrayRef> {
    rows::<Times>(columns, 2, |numbers, seconds| time_of(numbers[0], numbers[1], seconds))
}

pub(super) fn timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    rows::<Stamps>(columns, 5, |numbers, seconds| {
        let (year, month, day) = (numbers[0], numbers[1], numbers[2]);
        let date = day_of(year, month, day)?;
        match joined(date, time_of(numbers[3], numbers[4], seconds)?) {
            Some(at) => Ok(at),
            None => fails(format!("timestamp out of range: {year}-{month:02}-{day:02}")),
        }
    })
}

/// Of seconds since 1970, rounded where PostgreSQL rounds them: since 2000.
pub(super) fn to_timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(in_utc(unary::<Float64Type, Stamps>(columns, |seconds| {
        if seconds.is_nan() {
            return fails("timestamp cannot be NaN");
        }
        let (first, end) = (FIRST_DAY as f64, calendar::END_OF_TIMESTAMPS as f64);
        let is_timestamp = seconds >= first * SECONDS_A_DAY && seconds < end * SECONDS_A_DAY;
        let since_2000 = ((seconds - MILLENNIUM) * SECOND as f64).round_ties_even() as i64;
        match since_2000.checked_add(MILLENNIUM as i64 * SECOND) {
            Some(at) if is_timestamp && at >= FIRST_DAY * DAY => Ok(at),
            _ => fails(format!("timestamp out of range: {seconds} seconds")),
        }
    })?))
}

/// The day's number. Years before 1 are before Christ, and there is no year 0.
fn day_of(year: i32, month: i32, day: i32) -> Result<i64> {
    let astronomical = match year {
        0 => None,
        year @ 1.. => Some(i64::from(year)),
        year => Some(i64::from(year) + 1),
    };
    match astronomical.and_then(|year| valid(year, month.into(), day.into())) {
        Some(day) => Ok(day),
        None => fails(format!("date field value out of range: {year}-{month:02}-{day:02}")),
    }
}

fn time_of(hour: i32, minute: i32, seconds: f64) -> Result<i64> {
    let rounded = (seconds * SECOND as f64).round_ties_even();
    let is_clock = (0..=24).contains(&hour) && (0..60).contains(&minute);
    if is_clock && rounded >= 0.0 && rounded <= MINUTE as f64 {
        let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + rounded as i64;
        if time <= DAY {
            return Ok(time);
        }
    }
    fails(format!("time field value out of range: {hour}:{minute:02}:{seconds:02}"))
}

/// `count` integers and, where there is one more column, a float.
fn rows<R: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    count: usize,
    one: impl Fn(&[i32], f64) -> Result<R::Native>,
) -> Result<ArrayRef> {
    let mut integers: Vec<&Int32Array> = Vec::with_capacity(count);
    for at in 0..count {
        integers.push(column(columns, at)?.as_primitive::<Int32Type>());
    }
    let float = columns.get(count).map(|values| values.as_primitive::<Float64Type>());
    let mut numbers = vec![0; count];
    let mut row = |row: usize| -> Result<Option<R::Native>> {
        if integers.iter().any(|values| values.is_null(row)) || float.is_some_and(|f| f.is_null(row)) {
            return Ok(None);
        }
        for (number, values) in numbers.iter_mut().zip(&integers) {
            *number = values.value(row);
        }
        one(&numbers, float.map_or(0.0, |f| f.value(row))).map(Some)
    };
    let out: PrimitiveArray<R> = (0..column(columns, 0)?.len()).map(&mut row).collect::<Result<_>>()?;
    Ok(Arc::new(out))
}
