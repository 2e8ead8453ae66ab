//! Slices by years, months, days or weeks of a date or timestamp, each with its Hive directory.
//!
//! | key | directory of 2024-03-07 |
//! |---|---|
//! | `(at,year)` | `year=2024` |
//! | `(at,year,month)` | `year=2024/month=03` |
//! | `(at,year,month,day)` | `year=2024/month=03/day=07` |
//! | `(at,year,week)` | `year=2024/week=10`, year and week by ISO 8601 |
//!
//! NULL and infinity are in `__HIVE_DEFAULT_PARTITION__`. The year 1 BC is 0, 2 BC is -1.

use std::str::FromStr;

use super::share::Portion;
use crate::catalog::{KeyValue, Slice, ValueCount};
use crate::error::{Code, Error, Result};
use crate::spec::Period;
use crate::spec::layout::HIVE_NULL;

const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// What `(column,year,month)` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeKey {
    /// The date or timestamp.
    pub column: String,
    /// The smallest unit named.
    pub period: Period,
}

impl FromStr for TimeKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let inner = text.trim().strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text.trim());
        let words: Vec<&str> = inner.split(',').map(str::trim).collect();
        let units: Vec<String> = words.iter().skip(1).map(|word| word.to_lowercase()).collect();
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        let period = match units.as_slice() {
            ["year"] => Period::Year,
            ["year", "month"] => Period::Month,
            ["year", "month", "day"] => Period::Day,
            ["year", "week"] => Period::Week,
            _ => {
                return Err(Error::usage(format!("'{text}' is no key of method Timepartition"))
                    .coded(Code::Method).hint(
                    "write (column,year), (column,year,month), (column,year,month,day) or (column,year,week)",
                ));
            }
        };
        Ok(Self { column: words[0].to_owned(), period })
    }
}

/// One slice for each period of `starts` (days since 1970-01-01, as text, with the number of rows), one for NULL and
/// infinity, and one for every other period, which holds nothing when `starts` names all there are.
///
/// `expression` is the source's SQL for a row's start, and `timestamps` whether the key has a time of day.
///
/// # Errors
/// Internal, when a start is no number.
pub fn cut(
    key: &TimeKey,
    expression: &str,
    starts: &[ValueCount],
    timestamps: bool,
    parts: usize,
) -> Result<Vec<Portion>> {
    let all: u64 = starts.iter().map(|start| start.rows).sum();
    let parts = parts.max(starts.len());
    let mut present: Vec<(i64, u64)> = Vec::new();
    let mut absent = 0;
    for start in starts {
        match &start.value {
            Some(text) => {
                let wrong = |_| Error::internal(format!("'{text}' is no day"));
                present.push((text.parse().map_err(wrong)?, start.rows));
            }
            None => absent += start.rows,
        }
    }
    let bound = |day: i64| match timestamps {
        true => day.checked_mul(DAY_MICROSECONDS).map(KeyValue::Timestamp),
        false => i32::try_from(day).ok().map(KeyValue::Date),
    };
    // A period that a key cannot name (the last year of all) is among the others: no bound would mean every row.
    present.retain(|(start, _)| bound(*start).is_some() && bound(following(*start, key.period)).is_some());
    present.sort_unstable();
    let share = |rows: u64| rows as f64 / all.max(1) as f64;
    let mut portions = Vec::with_capacity(present.len() + 2);
    for (start, rows) in &present {
        let slice = Slice::Range {
            column: key.column.clone(),
            lower: bound(*start),
            upper: bound(following(*start, key.period)),
        };
        let directory = Some(directory(*start, key.period));
        portions.push(Portion { directory, ..Portion::new(slice, share(*rows), parts) });
    }
    let directory = Some(no_directory(key.period));
    let nothing = Slice::Value { expression: expression.to_owned(), value: None };
    portions.push(Portion { directory: directory.clone(), ..Portion::new(nothing, share(absent), parts) });
    let values = present.iter().map(|(start, _)| start.to_string()).collect();
    let other = Slice::Other { expression: expression.to_owned(), values };
    portions.push(Portion { directory, ..Portion::whole(other) });
    Ok(portions)
}

/// The first day after the period that begins on `start`.
fn following(start: i64, period: Period) -> i64 {
    let (year, month, _) = civil(start);
    match period {
        Period::Year => days(year + 1, 1),
        Period::Month if month == 12 => days(year + 1, 1),
        Period::Month => days(year, month + 1),
        Period::Day => start + 1,
        Period::Week => start + 7,
    }
}

fn directory(start: i64, period: Period) -> String {
    let (year, month, day) = civil(start);
    match period {
        Period::Year => format!("year={year:04}"),
        Period::Month => format!("year={year:04}/month={month:02}"),
        Period::Day => format!("year={year:04}/month={month:02}/day={day:02}"),
        Period::Week => {
            // A week belongs to the year of its Thursday.
            let thursday = start + 3;
            let (year, ..) = civil(thursday);
            let week = (thursday - days(year, 1)) / 7 + 1;
            format!("year={year:04}/week={week:02}")
        }
    }
}

fn no_directory(period: Period) -> String {
    let units: &[&str] = match period {
        Period::Year => &["year"],
        Period::Month => &["year", "month"],
        Period::Day => &["year", "month", "day"],
        Period::Week => &["year", "week"],
    };
    units.iter().map(|unit| format!("{unit}={HIVE_NULL}")).collect::<Vec<_>>().join("/")
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar. PostgreSQL's dates go beyond
/// those of the usual libraries.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// Days since 1970-01-01 of the first day of a month.
fn days(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_a_column_and_units() {
        for (text, period) in [
            ("(at,year)", Period::Year),
            ("( at , Year, MONTH )", Period::Month),
            ("at,year,month,day", Period::Day),
            ("(at,year,week)", Period::Week),
        ] {
            assert_eq!(text.parse::<TimeKey>().expect(text), TimeKey { column: "at".into(), period });
        }
        for text in ["at", "(at)", "(at,month)", "(at,year,day)", "(at,year,month,week)", ""] {
            assert!(text.parse::<TimeKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn directories_are_hives() {
        let day = |y, m, d| days(y, m) + d - 1;
        assert_eq!(directory(day(2024, 1, 1), Period::Year), "year=2024");
        assert_eq!(directory(day(2024, 3, 1), Period::Month), "year=2024/month=03");
        assert_eq!(directory(day(2024, 2, 29), Period::Day), "year=2024/month=02/day=29");
        // ISO 8601: 2020 has 53 weeks, and 2019-12-30 is in the first of them.
        assert_eq!(directory(day(2019, 12, 30), Period::Week), "year=2020/week=01");
        assert_eq!(directory(day(2020, 12, 28), Period::Week), "year=2020/week=53");
        assert_eq!(directory(day(-43, 3, 1), Period::Month), "year=-043/month=03");
        assert_eq!(no_directory(Period::Week).matches(HIVE_NULL).count(), 2);
        assert_eq!(following(day(2023, 12, 1), Period::Month), day(2024, 1, 1));
    }

    #[test]
    fn the_calendar_has_every_day() {
        for day in (-2_500_000..2_500_000).step_by(97) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month) + of_month - 1, day);
        }
    }
}
