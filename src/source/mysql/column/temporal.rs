//! date, datetime, timestamp and time: as many bytes as it takes to name the parts that are not zero.
//!
//! Dates and datetimes have none, four (year in two, month, day), seven (hour, minute, second) or eleven (microseconds in
//! four) bytes; times have none, eight (sign, days in four, hour, minute, second) or twelve. A date may be one that no
//! calendar has: its month or its day zero, or a day that its month does not have.

use arrow::datatypes::{Date32Type, Time64MicrosecondType, TimestampMicrosecondType};

use super::form::malformed;
use crate::error::values_are_hidden;
use crate::source::kit::column::{BadValue, Bytes};
use crate::source::kit::primitive::Convert;
use crate::spec::SpecialValues;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The parts of a date as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    #[inline]
    fn of([low, high, month, day]: [u8; 4]) -> Self {
        Self { year: u16::from_le_bytes([low, high]), month, day }
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, if it has such a day.
    #[inline]
    fn days(self) -> Option<i32> {
        let (year, month, day) = (u32::from(self.year), u32::from(self.month), u32::from(self.day));
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if day == 0 || day > last || year > 9999 {
            return None;
        }
        // Years that begin in March, so that the day that may be missing is the last of its year.
        let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
        // 719468 days from 0000-03-01 to 1970-01-01, and the 400 years added above.
        Some(days.cast_signed() - 719_468 - 146_097)
    }

    /// What no calendar has, as it is refused or becomes NULL.
    #[cold]
    fn special<T>(self, special: SpecialValues, kind: &str) -> Result<Option<T>, BadValue> {
        let Self { year, month, day } = self;
        let shown = match self == Self::default() || !values_are_hidden() {
            true => format!("{year:04}-{month:02}-{day:02}"),
            false => "a day that no calendar has".to_owned(),
        };
        BadValue::special(special, format!("{shown} is not a Parquet {kind}"))
    }
}

/// Microseconds of hour, minute and second, and of what follows.
#[inline]
fn clock([hour, minute, second]: [u8; 3], micros: u32) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        return None;
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + i64::from(micros))
}

pub(super) struct ToDate32 {
    pub(super) special: SpecialValues,
}

impl Convert for ToDate32 {
    type Sent = Bytes;
    type Arrow = Date32Type;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i32>, BadValue> {
        let day = match *value {
            [a, b, c, d] => Day::of([a, b, c, d]),
            [] => Day::default(),
            _ => return Err(malformed("date", value)),
        };
        match day.days() {
            Some(days) => Ok(Some(days)),
            None => day.special(self.special, "date"),
        }
    }
}

pub(super) struct ToTimestamp {
    pub(super) special: SpecialValues,
}

impl Convert for ToTimestamp {
    type Sent = Bytes;
    type Arrow = TimestampMicrosecondType;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        let (day, time, micros) = match *value {
            [a, b, c, d, hour, minute, second] => (Day::of([a, b, c, d]), [hour, minute, second], 0),
            [a, b, c, d, hour, minute, second, ref micros @ ..] if micros.len() == 4 => {
                let micros = micros.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                (Day::of([a, b, c, d]), [hour, minute, second], micros)
            }
            [a, b, c, d] => (Day::of([a, b, c, d]), [0; 3], 0),
            [] => (Day::default(), [0; 3], 0),
            _ => return Err(malformed("datetime", value)),
        };
        let micros = clock(time, micros).ok_or_else(|| malformed("datetime", value))?;
        match day.days() {
            Some(days) => Ok(Some(i64::from(days) * DAY + micros)),
            None => day.special(self.special, "timestamp"),
        }
    }
}

pub(super) struct ToTime64 {
    pub(super) special: SpecialValues,
}

impl Convert for ToTime64 {
    type Sent = Bytes;
    type Arrow = Time64MicrosecondType;

    #[inline]
    fn convert(&self, value: &[u8]) -> Result<Option<i64>, BadValue> {
        let (negative, days, time, micros) = match *value {
            [] => return Ok(Some(0)),
            [negative, a, b, c, d, hour, minute, second] => {
                (negative, u32::from_le_bytes([a, b, c, d]), [hour, minute, second], 0)
            }
            [negative, a, b, c, d, hour, minute, second, ref micros @ ..] if micros.len() == 4 => {
                let micros = micros.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                (negative, u32::from_le_bytes([a, b, c, d]), [hour, minute, second], micros)
            }
            _ => return Err(malformed("time", value)),
        };
        let micros = clock(time, micros).ok_or_else(|| malformed("time", value))?;
        // Zero is the same with either sign.
        if days == 0 && (negative == 0 || micros == 0) {
            return Ok(Some(micros));
        }
        let shown = match values_are_hidden() {
            true => "a time outside of a day".to_owned(),
            false => {
                let ([hour, minute, second], hours) = (time, u64::from(days) * 24);
                let sign = if negative == 0 { "" } else { "-" };
                let whole = format!("{sign}{:02}:{minute:02}:{second:02}", hours + u64::from(hour));
                match micros % 1_000_000 {
                    0 => whole,
                    part => format!("{whole}.{part:06}"),
                }
            }
        };
        BadValue::special(self.special, format!("{shown} is not a Parquet time"))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Duration, NaiveDate};

    use super::Day;

    #[test]
    fn every_day_of_ten_thousand_years() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        let mut date = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
        while date.year() < 10_000 {
            let [month, day] = [date.month(), date.day()].map(|part| u8::try_from(part).unwrap());
            let day = Day { year: u16::try_from(date.year()).unwrap(), month, day };
            assert_eq!(day.days().map(i64::from), Some((date - epoch).num_days()), "{date}");
            date += Duration::days(if date.year() % 100 < 5 { 1 } else { 17 });
        }
    }

    #[test]
    fn what_no_calendar_has() {
        for (year, month, day) in [
            (0, 0, 0),
            (2024, 0, 10),
            (2024, 1, 0),
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 13, 1),
            (2024, 4, 31),
            (10_000, 1, 1),
        ] {
            assert_eq!(Day { year, month, day }.days(), None, "{year}-{month}-{day}");
        }
        assert!(Day { year: 0, month: 1, day: 1 }.days().is_some());
    }
}
