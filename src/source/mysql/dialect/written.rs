//! Values as SQL that means the same in every `sql_mode` and under every collation.

use std::fmt::Write;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Timelike};

use crate::client::mysql::literal;
use crate::source::mysql::column::Characters;

/// A literal of bytes.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let mut sql = String::with_capacity(3 + 2 * bytes.len());
    sql.push_str("X'");
    for byte in bytes {
        // A String takes everything.
        let _ = write!(sql, "{byte:02X}");
    }
    sql.push('\'');
    sql
}

/// `text` in the character set of a column, to be compared under its collation and no other. Characters that the set
/// lacks become other ones, always the same. None where the catalog has names that are none.
pub(super) fn text(text: &str, Characters { charset, collation }: &Characters) -> Option<String> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_name(charset) || !is_name(collation) {
        return None;
    }
    let text = literal(text);
    Some(match charset.as_str() {
        "utf8mb4" => format!("({text} COLLATE {collation})"),
        _ => format!("(CONVERT({text} USING {charset}) COLLATE {collation})"),
    })
}

/// A day or a moment among those that the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place<T> {
    /// Before all of them.
    Before,
    At(T),
    /// After all of them.
    After,
}

impl<T> Place<T> {
    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Place<U> {
        match self {
            Self::Before => Place::Before,
            Self::At(value) => Place::At(with(value)),
            Self::After => Place::After,
        }
    }

    /// It, where it is one that the server has.
    pub(super) fn found(self) -> Option<T> {
        match self {
            Self::At(value) => Some(value),
            Self::Before | Self::After => None,
        }
    }
}

/// A day by its distance from 1970-01-01.
pub(super) fn day(days: i32) -> Place<NaiveDate> {
    match NaiveDate::default().checked_add_signed(Duration::days(days.into())) {
        None if days < 0 => Place::Before,
        None => Place::After,
        Some(date) => among(date, date),
    }
}

/// A moment by its distance from 1970-01-01 in microseconds.
pub(super) fn moment(micros: i64) -> Place<NaiveDateTime> {
    match DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc()) {
        None if micros < 0 => Place::Before,
        None => Place::After,
        Some(at) => among(at.date(), at),
    }
}

fn among<T>(date: NaiveDate, value: T) -> Place<T> {
    match date.year() {
        ..0 => Place::Before,
        0..=9999 => Place::At(value),
        _ => Place::After,
    }
}

/// A literal of the day itself, and not of the one that takes its place; none where the server does not have it.
pub(super) fn exact_date(days: i32) -> Option<String> {
    day(days).found().filter(|day| in_calendar(*day) == *day).map(date)
}

/// A literal of the moment itself; none where the server does not have it.
pub(super) fn exact_datetime(micros: i64) -> Option<String> {
    moment(micros).found().filter(|at| in_calendar(at.date()) == at.date()).map(datetime)
}

/// A literal of type date, for the end of a range.
pub(super) fn date(date: NaiveDate) -> String {
    format!("DATE'{}'", in_calendar(date).format("%Y-%m-%d"))
}

/// A literal of type datetime, for the end of a range: an instant in a session whose time zone is UTC.
pub(super) fn datetime(at: NaiveDateTime) -> String {
    let date = in_calendar(at.date());
    let at = if date == at.date() { at } else { date.and_time(chrono::NaiveTime::MIN) };
    format!("TIMESTAMP'{}'", at.format("%Y-%m-%d %H:%M:%S%.6f"))
}

/// The server's year 0 has no 29 February; what comes after that day comes after 28 February.
fn in_calendar(date: NaiveDate) -> NaiveDate {
    if (date.year(), date.month(), date.day()) == (0, 2, 29) { date.succ_opt().unwrap_or(date) } else { date }
}

/// A literal of type time, of the microsecond of a day; none beyond its end.
pub(super) fn time(micros: i64) -> Option<String> {
    let (seconds, rest) = (u32::try_from(micros / 1_000_000).ok()?, u32::try_from(micros % 1_000_000).ok()?);
    let time = chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest * 1_000)?;
    Some(format!(
        "TIME'{:02}:{:02}:{:02}.{:06}'",
        time.hour(),
        time.minute(),
        time.second(),
        time.nanosecond() / 1_000
    ))
}

/// Whether `text` is a number and nothing else: digits with a sign before them and a point between, and an exponent
/// where there may be one.
pub(super) fn is_number(text: &str, exponent: bool) -> bool {
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, power) = match text.split_once(['e', 'E']) {
        Some((number, power)) if exponent => (number, Some(power)),
        Some(_) => return false,
        None => (text, None),
    };
    let number = number.strip_prefix('-').unwrap_or(number);
    let digits = match number.split_once('.') {
        Some((whole, places)) => all_digits(whole) && all_digits(places),
        None => all_digits(number),
    };
    digits && power.is_none_or(|power| all_digits(power.strip_prefix(['-', '+']).unwrap_or(power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_say_one_thing() {
        assert_eq!(bytes(b"a'\0"), "X'612700'");
        let of = |charset: &str, collation: &str| Characters {
            charset: charset.into(),
            collation: collation.into(),
        };
        let written = |characters: &Characters| text("é", characters);
        assert_eq!(
            written(&of("utf8mb4", "utf8mb4_bin")).as_deref(),
            Some("(_utf8mb4 X'C3A9' COLLATE utf8mb4_bin)")
        );
        assert_eq!(
            written(&of("latin1", "latin1_swedish_ci")).as_deref(),
            Some("(CONVERT(_utf8mb4 X'C3A9' USING latin1) COLLATE latin1_swedish_ci)")
        );
        assert_eq!(written(&of("latin1", "a b")), None);
        assert_eq!(written(&of("", "a")), None);
    }

    #[test]
    fn days_and_moments_that_the_server_lacks_are_before_or_after() {
        let days = |text: &str| {
            let date: NaiveDate = text.parse().unwrap();
            i32::try_from((date - NaiveDate::default()).num_days()).unwrap()
        };
        assert_eq!(day(days("2024-02-29")).map(date), Place::At("DATE'2024-02-29'".into()));
        assert_eq!(day(days("0000-01-01")).map(date), Place::At("DATE'0000-01-01'".into()));
        assert_eq!(day(days("0000-02-29")).map(date), Place::At("DATE'0000-03-01'".into()));
        // The end of a range, but no day that a value is equal to.
        let leap = days("0000-02-29");
        assert_eq!((exact_date(leap), exact_date(leap + 1).as_deref()), (None, Some("DATE'0000-03-01'")));
        let noon = i64::from(leap) * 86_400_000_000 + 43_200_000_000;
        assert_eq!(exact_datetime(noon), None);
        assert_eq!(
            exact_datetime(noon - 86_400_000_000).as_deref(),
            Some("TIMESTAMP'0000-02-28 12:00:00.000000'")
        );
        assert_eq!((exact_date(i32::MIN), exact_datetime(i64::MAX)), (None, None));
        assert_eq!(day(days("0000-01-01") - 1), Place::Before);
        assert_eq!(day(days("9999-12-31")).map(date), Place::At("DATE'9999-12-31'".into()));
        assert_eq!(day(days("9999-12-31") + 1), Place::After);
        assert_eq!((day(i32::MIN), day(i32::MAX)), (Place::Before, Place::After));
        assert_eq!((moment(i64::MIN), moment(i64::MAX)), (Place::Before, Place::After));
        assert_eq!(moment(-1).map(datetime), Place::At("TIMESTAMP'1969-12-31 23:59:59.999999'".into()));
        assert_eq!(time(86_399_999_999).as_deref(), Some("TIME'23:59:59.999999'"));
        assert_eq!(time(86_400_000_000), None);
        assert_eq!(time(-1), None);
    }

    #[test]
    fn numbers_are_digits() {
        for number in ["0", "-1", "18446744073709551615", "-12.50", "000.1"] {
            assert!(is_number(number, false), "{number}");
        }
        for number in ["1e5", "-1.5E-7", "2e+3"] {
            assert!(is_number(number, true) && !is_number(number, false), "{number}");
        }
        for none in ["", "-", "1.", ".5", "1;2", "--1", "0x1F", "1e", "e5", "1 ", "nan", "1.2.3", "٣"] {
            assert!(!is_number(none, true), "{none}");
        }
    }
}
