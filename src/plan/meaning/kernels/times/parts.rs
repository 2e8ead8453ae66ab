//! `date_part` and `EXTRACT`.

use std::sync::Arc;

use arrow::array::types::{Date32Type, Decimal128Type, Float64Type};
use arrow::array::{ArrayRef, PrimitiveArray};

use super::super::super::kind::Kind;
use super::calendar::{
    Civil, DAY, END_OF_TIMESTAMPS, FIRST_DAY, HOUR, MINUTE, SECOND, civil, iso_week, number_of, split,
    weekday,
};
use super::columns::{Dates, Result, Stamps, Times, fails, fielded, shown, unary};
use super::fields::Field;
use super::write::date_text;

const SECONDS_A_DAY: i64 = DAY / SECOND;
/// Digits of a numeric that holds any integer field, and of one that holds any timestamp in microseconds.
const INTEGER_DIGITS: u8 = 10;
const EPOCH_DIGITS: u8 = 19;
const DATE_EPOCH_DIGITS: u8 = 15;
const TIME_EPOCH_DIGITS: u8 = 11;
const SECOND_DIGITS: u8 = 8;

pub(super) fn of_date(columns: &[ArrayRef]) -> Result<ArrayRef> {
    // As a timestamp.
    let read = |name: &str| named(name, Kind::Timestamp);
    Ok(Arc::new(fielded::<Date32Type, Float64Type, _>(columns, read, |field, day| match i64::from(day) {
        day if day < END_OF_TIMESTAMPS => Ok(float(field, day, 0)),
        _ => fails(format!("date out of range for timestamp: {}", date_text(day))),
    })?))
}

pub(super) fn of_time(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let read = |name: &str| named(name, Kind::Time);
    let float = |field, time| Ok(float(field, 0, time));
    Ok(Arc::new(fielded::<Times, Float64Type, _>(columns, read, float)?))
}

pub(super) fn of_timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    stamps(columns, Kind::Timestamp)
}

pub(super) fn of_timestamptz(columns: &[ArrayRef]) -> Result<ArrayRef> {
    stamps(columns, Kind::Timestamptz)
}

fn stamps(columns: &[ArrayRef], kind: Kind) -> Result<ArrayRef> {
    let read = |name: &str| named(name, kind);
    Ok(Arc::new(fielded::<Stamps, Float64Type, _>(columns, read, |field, at| {
        let (day, time) = split(at);
        Ok(float(field, day, time))
    })?))
}

fn named(name: &str, kind: Kind) -> Result<Field> {
    match Field::named(name).filter(|field| has(kind, *field)) {
        Some(field) => Ok(field),
        None => fails(no_field(name, kind)),
    }
}

fn no_field(name: &str, kind: Kind) -> String {
    format!("a {kind} has no field {}", shown(name))
}

/// Whether values of a type have a field.
fn has(kind: Kind, field: Field) -> bool {
    let of_clock = matches!(
        field,
        Field::Microseconds | Field::Milliseconds | Field::Second | Field::Minute | Field::Hour
    );
    let of_zone = matches!(field, Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute);
    match kind {
        Kind::Time => of_clock || field == Field::Epoch,
        Kind::Date => !of_clock && !of_zone,
        Kind::Timestamp => !of_zone,
        Kind::Timestamptz => true,
        _ => false,
    }
}

/// `EXTRACT(field FROM value)`, which is numeric since PostgreSQL 14.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Extract {
    field: Field,
    of: Kind,
    digits: u8,
    scale: i8,
}

/// The type of a field that is extracted from values of `of`, and how.
pub(in crate::plan) fn extract(field: &str, of: Kind) -> std::result::Result<(Kind, Extract), String> {
    let known = Field::named(field).filter(|known| has(of, *known)).ok_or_else(|| no_field(field, of))?;
    if known == Field::Julian && of != Kind::Date {
        return Err(format!("julian of a {of} has no end of digits: take that of its date"));
    }
    let (digits, scale) = match (known, of) {
        (Field::Epoch, Kind::Date) => (DATE_EPOCH_DIGITS, 0),
        (Field::Epoch, Kind::Time) => (TIME_EPOCH_DIGITS, 6),
        (Field::Epoch, _) => (EPOCH_DIGITS, 6),
        (Field::Second, _) => (SECOND_DIGITS, 6),
        (Field::Milliseconds, _) => (SECOND_DIGITS, 3),
        _ => (INTEGER_DIGITS, 0),
    };
    Ok((Kind::Numeric(digits, scale), Extract { field: known, of, digits, scale }))
}

impl Extract {
    /// From one column of values.
    pub(in crate::plan) fn body(&self, columns: &[ArrayRef]) -> Result<ArrayRef> {
        let one = |day: i64, time: i64| i128::from(unscaled(self.field, self.of, day, time));
        let numbers: PrimitiveArray<Decimal128Type> = match self.of {
            Kind::Date => unary::<Dates, _>(columns, |day| Ok(one(day.into(), 0)))?,
            Kind::Time => unary::<Times, _>(columns, |time| Ok(one(0, time)))?,
            _ => unary::<Stamps, _>(columns, |at| {
                let (day, time) = split(at);
                Ok(one(day, time))
            })?,
        };
        Ok(Arc::new(numbers.with_precision_and_scale(self.digits, self.scale)?))
    }
}

/// In units of the last digit of the field's scale.
fn unscaled(field: Field, of: Kind, day: i64, time: i64) -> i64 {
    match field {
        Field::Epoch if of == Kind::Date => day * SECONDS_A_DAY,
        // PostgreSQL takes another way at the very end and loses two digits there.
        Field::Epoch if (day, time) == split(i64::MAX) => i64::MAX / 100 * 100,
        Field::Epoch => day * DAY + time,
        Field::Second | Field::Milliseconds => time % MINUTE,
        _ => whole(field, day, time),
    }
}

/// By the same steps as PostgreSQL, so that the last bit is the same.
fn float(field: Field, day: i64, time: i64) -> f64 {
    let (seconds, fraction) = (time / SECOND, (time % SECOND) as f64);
    match field {
        Field::Milliseconds => (seconds % 60) as f64 * 1000.0 + fraction / 1000.0,
        Field::Second => (seconds % 60) as f64 + fraction / 1_000_000.0,
        Field::Julian => {
            let of_day = (seconds as f64 + fraction / 1_000_000.0) / SECONDS_A_DAY as f64;
            (day - FIRST_DAY) as f64 + of_day
        }
        Field::Epoch => match day.checked_mul(DAY).and_then(|at| at.checked_add(time)) {
            Some(at) => at as f64 / 1_000_000.0,
            // A date after the last timestamp.
            None => (day * SECONDS_A_DAY) as f64,
        },
        _ => whole(field, day, time) as f64,
    }
}

/// The fields that are integers.
fn whole(field: Field, day: i64, time: i64) -> i64 {
    match field {
        Field::Microseconds => return time % MINUTE,
        Field::Minute => return time % HOUR / MINUTE,
        Field::Hour => return time / HOUR,
        Field::Week => return iso_week(day).1,
        Field::IsoYear => return counted(iso_week(day).0),
        Field::Weekday => return weekday(day),
        Field::IsoWeekday => return (weekday(day) + 6) % 7 + 1,
        Field::Julian => return day - FIRST_DAY,
        _ => {}
    }
    let Civil { year, month, day: of_month } = civil(day);
    match field {
        Field::Day => of_month,
        Field::Month => month,
        Field::Quarter => (month - 1) / 3 + 1,
        Field::Year => counted(year),
        Field::Decade => year.div_euclid(10),
        Field::Century => counted((year - 1).div_euclid(100) + 1),
        Field::Millennium => counted((year - 1).div_euclid(1000) + 1),
        Field::DayOfYear => day - number_of(Civil { year, month: 1, day: 1 }) + 1,
        // The zone is UTC.
        _ => 0,
    }
}

/// As they are counted: there is no 0.
fn counted(number: i64) -> i64 {
    if number > 0 { number } else { number - 1 }
}
