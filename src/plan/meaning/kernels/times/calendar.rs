//! The Gregorian calendar, carried on into the past, over all the years that PostgreSQL has. Years are astronomical:
//! year 0 is 1 BC.

/// In microseconds.
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// 4714-11-24 BC, PostgreSQL's first day and day 0 of the Julian count.
pub(super) const FIRST_DAY: i64 = -2_440_588;
/// 5874898-01-01 and 294277-01-01: the first days that are no date and no timestamp of PostgreSQL.
pub(super) const END_OF_DATES: i64 = 2_145_042_906;
pub(super) const END_OF_TIMESTAMPS: i64 = 106_762_940;

/// Days from 0000-03-01 to 1970-01-01.
const SINCE_MARCH_0: i64 = 719_468;
const DAYS_IN_400_YEARS: i64 = 146_097;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

/// Days from 0000-03-01 to the first of March of a year.
fn march(year: i64) -> i64 {
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is their last.
pub(super) fn number_of(date: Civil) -> i64 {
    let (year, month) = match date.month {
        1 | 2 => (date.year - 1, date.month + 9),
        month => (date.year, month - 3),
    };
    march(year) + (153 * month + 2) / 5 + date.day - 1 - SINCE_MARCH_0
}

/// By Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms" (2022): within the 400
/// years after a leap day, multiplications and shifts take the place of divisions.
pub(super) fn civil(number: i64) -> Civil {
    let days = number + SINCE_MARCH_0;
    let (cycle, day) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS) as u32);
    let quarters = 4 * day + 3;
    let (century, day) = (quarters / 146_097, quarters % 146_097 / 4);
    // 2^32 / 1461 days in four years: years above the point, quarters of a day of the year below it.
    let years = u64::from(4 * day + 3) * 2_939_745;
    let (year, day) = ((years >> 32) as u32, (years as u32) / 2_939_745 / 4);
    // 65536 / 30.6 days in a month from March on.
    let months = 2141 * day + 197_913;
    let (month, day) = (i64::from(months >> 16), i64::from((months & 0xffff) / 2141) + 1);
    let year = 400 * cycle + i64::from(100 * century + year);
    if month > 12 { Civil { year: year + 1, month: month - 12, day } } else { Civil { year, month, day } }
}

pub(super) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day that there is.
pub(super) fn valid(year: i64, month: i64, day: i64) -> Option<i64> {
    ((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day))
        .then(|| number_of(Civil { year, month, day }))
}

/// Sunday is 0.
pub(super) fn weekday(number: i64) -> i64 {
    (number + 4).rem_euclid(7)
}

/// The Monday of a day's week.
pub(super) fn monday(number: i64) -> i64 {
    number - (number + 3).rem_euclid(7)
}

/// Year and week by ISO 8601: a week belongs to the year of its Thursday.
pub(super) fn iso_week(number: i64) -> (i64, i64) {
    let thursday = monday(number) + 3;
    let year = civil(thursday).year;
    (year, (thursday - number_of(Civil { year, month: 1, day: 1 })) / 7 + 1)
}

/// The day, and the microseconds since its midnight.
pub(super) fn split(timestamp: i64) -> (i64, i64) {
    (timestamp.div_euclid(DAY), timestamp.rem_euclid(DAY))
}

/// Both put together. `time` may be more than a day, or negative.
pub(super) fn joined(day: i64, time: i64) -> Option<i64> {
    let at = i128::from(day) * i128::from(DAY) + i128::from(time);
    i64::try_from(at).ok().filter(|at| *at >= FIRST_DAY * DAY)
}

/// A date that PostgreSQL has.
pub(super) fn date(day: i64) -> Option<i32> {
    (FIRST_DAY..END_OF_DATES).contains(&day).then(|| i32::try_from(day).ok()).flatten()
}
