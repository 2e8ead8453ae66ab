//! ISO dates and times as bytes, in the proleptic Gregorian calendar, years 0000 to 9999 as in SQLite.

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Why a text is no timestamp of the column's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::sqlite) enum NoTimestamp {
    /// It is none at all.
    Shape,
    /// It does not say which instant it means.
    OffsetMissing,
    /// It says more than the type can keep.
    OffsetUnexpected,
}

/// The number of `N` decimal digits.
#[inline]
fn digits<const N: usize>(text: &[u8]) -> Option<u32> {
    let text: &[u8; N] = text.try_into().ok()?;
    let mut number = 0;
    for digit in text {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    Some(number)
}

/// `YYYY-MM-DD` as days since 1970-01-01.
#[inline]
pub(in crate::source::sqlite) fn date(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits::<4>(&text[..4])?, digits::<2>(&text[5..7])?, digits::<2>(&text[8..])?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    // Years that begin in March, so that the day that may be missing is the last of its year.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    // 719468 days from 0000-03-01 to 1970-01-01, and the 400 years added above.
    Some(days.cast_signed() - 719_468 - 146_097)
}

/// `HH:MM[:SS[.f]]` as microseconds of the day, and what follows. Decimals beyond the sixth must be zeros.
#[inline]
pub(in crate::source::sqlite) fn time(text: &[u8]) -> Option<(i64, &[u8])> {
    if text.len() < 5 || text[2] != b':' {
        return None;
    }
    let (hour, minute) = (digits::<2>(&text[..2])?, digits::<2>(&text[3..5])?);
    let (mut second, mut micros, mut rest) = (0, 0, &text[5..]);
    if let [b':', tail @ ..] = rest {
        second = digits::<2>(tail.get(..2)?)?;
        rest = &tail[2..];
        if let [b'.', tail @ ..] = rest {
            let length = tail.iter().take_while(|c| c.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            let mut unit = 100_000;
            for digit in &tail[..length] {
                let digit = u32::from(digit - b'0');
                if unit == 0 && digit != 0 {
                    return None;
                }
                micros += digit * unit;
                unit /= 10;
            }
            rest = &tail[length..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * 1_000_000 + i64::from(micros), rest))
}

/// A date and a time, with a space or `T` between, as microseconds since 1970-01-01.
///
/// With `zone` the text must end in `Z` or an offset, which is taken off. Without it may end in `Z`, which
/// means nothing to SQLite either: its timestamps are in UTC.
#[inline]
pub(in crate::source::sqlite) fn timestamp(text: &[u8], zone: bool) -> Result<i64, NoTimestamp> {
    let shape = NoTimestamp::Shape;
    let (day, tail) = text.split_at_checked(10).ok_or(shape)?;
    let days = date(day).ok_or(shape)?;
    let [b' ' | b'T', clock @ ..] = tail else { return Err(shape) };
    let (micros, rest) = time(clock).ok_or(shape)?;
    let offset = match rest {
        [] if zone => return Err(NoTimestamp::OffsetMissing),
        [] | [b'Z' | b'z'] => 0,
        _ => {
            let offset = minutes_of_offset(rest).ok_or(shape)?;
            if !zone {
                return Err(NoTimestamp::OffsetUnexpected);
            }
            offset
        }
    };
    Ok(i64::from(days) * DAY + micros - offset * 60_000_000)
}

/// `+HH:MM`, `-HH:MM`, `+HHMM` or `+HH`, also after a space.
fn minutes_of_offset(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, clock) = match text {
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = match clock.len() {
        2 => (digits::<2>(clock)?, 0),
        4 => (digits::<2>(&clock[..2])?, digits::<2>(&clock[2..])?),
        5 if clock[2] == b':' => (digits::<2>(&clock[..2])?, digits::<2>(&clock[3..])?),
        _ => return None,
    };
    (hours <= 15 && minutes <= 59).then(|| sign * i64::from(hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, Duration, NaiveDate};

    #[test]
    fn every_day_of_ten_thousand_years() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        let mut day = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
        while day.year() < 10_000 {
            let text = format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day());
            assert_eq!(date(text.as_bytes()).map(i64::from), Some((day - epoch).num_days()), "{text}");
            day += Duration::days(if day.year() % 100 < 5 { 1 } else { 17 });
        }
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "2024-1-01",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-01-32",
            "2024/01/01",
            "24-01-01",
            "2024-01-01 ",
            " 2024-01-0",
            "-024-01-01",
            "2024-01-0a",
            "２024-01-01",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
        assert!(date(b"2000-02-29").is_some() && date(b"0000-02-29").is_some());
    }

    #[test]
    fn times_and_their_decimals() {
        let whole = |text: &str| time(text.as_bytes()).filter(|(_, rest)| rest.is_empty()).map(|(us, _)| us);
        assert_eq!(whole("00:00"), Some(0));
        assert_eq!(whole("23:59:59.999999"), Some(DAY - 1));
        assert_eq!(whole("00:00:01.5"), Some(1_500_000));
        assert_eq!(whole("00:00:00.000001000"), Some(1));
        for text in [
            "24:00:00",
            "00:60",
            "00:00:60",
            "0:00",
            "00:00:00.",
            "00:00:00.0000001",
            "00:00:0",
            "00:00Z",
            "12",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_with_and_without_offset() {
        assert_eq!(timestamp(b"1970-01-01 00:00:00.000001", false), Ok(1));
        assert_eq!(timestamp(b"1969-12-31T23:59:59.5Z", false), Ok(-500_000));
        assert_eq!(timestamp(b"1970-01-01T01:30+01:30", true), Ok(0));
        assert_eq!(timestamp(b"1970-01-01 00:00:00 -0100", true), Ok(3_600_000_000));
        assert_eq!(timestamp(b"1970-01-01 00:00:00", true), Err(NoTimestamp::OffsetMissing));
        assert_eq!(timestamp(b"1970-01-01 00:00:00+00:00", false), Err(NoTimestamp::OffsetUnexpected));
        for text in
            ["1970-01-01", "1970-01-01  00:00", "1970-01-01 00:00:00 UTC", "1970-01-01 00:00+1", "", "now"]
        {
            assert_eq!(timestamp(text.as_bytes(), true), Err(NoTimestamp::Shape), "{text}");
        }
    }
}
