//! Texts as dates and times: the forms that PostgreSQL 12 to 18 read alike under every `DateStyle`.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, joined, valid};
use super::columns::{Dates, Result, Stamps, Times, fails, in_utc, parsed, shown};

const YEAR_DIGITS: std::ops::RangeInclusive<usize> = 4..=7;
const MOST_ZONE_HOURS: i64 = 15;

pub(in crate::plan) fn text_to_date(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let one = |text: &str| {
        let read = Reader::new(text).date_and_time().and_then(|read| match calendar::date(read.day) {
            Some(day) => Ok(day),
            None => Err(Problem::Range),
        });
        read.or_else(|problem| fails(problem.of(text, "date", "YYYY-MM-DD")))
    };
    Ok(Arc::new(parsed::<Dates>(columns, one)?))
}

pub(in crate::plan) fn text_to_time(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let one = |text: &str| {
        Reader::new(text).only_time().or_else(|problem| fails(problem.of(text, "time", "HH:MM:SS")))
    };
    Ok(Arc::new(parsed::<Times>(columns, one)?))
}

pub(in crate::plan) fn text_to_timestamp(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let one = |text: &str| {
        let read = Reader::new(text)
            .date_and_time()
            .and_then(|read| joined(read.day, read.time).ok_or(Problem::Range));
        read.or_else(|problem| fails(problem.of(text, "timestamp", "YYYY-MM-DD HH:MM:SS")))
    };
    Ok(Arc::new(parsed::<Stamps>(columns, one)?))
}

pub(in crate::plan) fn text_to_timestamptz(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let one = |text: &str| {
        let read = Reader::new(text)
            .date_and_time()
            .and_then(|read| joined(read.day, read.time - read.offset).ok_or(Problem::Range));
        read.or_else(|problem| fails(problem.of(text, "timestamptz", "YYYY-MM-DD HH:MM:SS+00")))
    };
    Ok(in_utc(parsed::<Stamps>(columns, one)?))
}

/// Why a text is none.
#[derive(Clone, Copy)]
enum Problem {
    /// Another form, which PostgreSQL may read, and may read in more than one way.
    Form,
    /// A month, day, hour, minute, second or zone that there is not.
    Field,
    Range,
}

impl Problem {
    fn of(self, text: &str, name: &str, form: &str) -> String {
        let text = shown(text);
        match self {
            Self::Form => format!("{text} is not read as a {name}: write it as {form}"),
            Self::Field => format!("{text} is not a {name}: a field is out of range"),
            Self::Range => format!("{name} out of range: {text}"),
        }
    }
}

type Read<T> = std::result::Result<T, Problem>;

struct Moment {
    day: i64,
    /// Microseconds, up to a whole day.
    time: i64,
    /// Microseconds east of Greenwich.
    offset: i64,
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let mut reader = Self { rest: text.as_bytes() };
        reader.spaces();
        while let [rest @ .., last] = reader.rest
            && is_space(*last)
        {
            reader.rest = rest;
        }
        reader
    }

    fn date_and_time(mut self) -> Read<Moment> {
        let date = self.date()?;
        let (mut time, mut offset) = (0, 0);
        if self.at_time(true) {
            time = self.time()?;
            offset = self.zone()?;
        }
        let day = date.number(self.is_bc())?;
        self.end()?;
        Ok(Moment { day, time, offset })
    }

    /// A date before it and a zone behind it count for nothing, but are read.
    fn only_time(mut self) -> Read<i64> {
        let has_date = self.rest.iter().take_while(|b| **b != b':').any(|b| *b == b'-');
        let date = if has_date { Some(self.date()?) } else { None };
        if has_date && !self.at_time(false) {
            return Err(Problem::Form);
        }
        let time = self.time()?;
        self.zone()?;
        if let Some(date) = date {
            date.number(self.is_bc())?;
        }
        self.end()?;
        Ok(time)
    }

    /// `YYYY-MM-DD` or `YYYYMMDD`.
    fn date(&mut self) -> Read<Written> {
        let digits = self.digits();
        if digits.len() == 8 {
            return Ok(Written {
                year: number(&digits[..4]),
                month: number(&digits[4..6]),
                day: number(&digits[6..]),
            });
        }
        if !YEAR_DIGITS.contains(&digits.len()) {
            return Err(Problem::Form);
        }
        let year = number(digits);
        self.expect(b'-')?;
        let month = self.one_or_two()?;
        self.expect(b'-')?;
        Ok(Written { year, month, day: self.one_or_two()? })
    }

    /// Goes to the beginning of a time, if one follows.
    fn at_time(&mut self, with_t: bool) -> bool {
        let behind = match self.rest {
            [b'T' | b't', behind @ ..] if with_t => behind,
            [space, ..] if is_space(*space) => {
                let spaces = self.rest.iter().take_while(|b| is_space(**b)).count();
                &self.rest[spaces..]
            }
            _ => return false,
        };
        let is_time = behind.first().is_some_and(u8::is_ascii_digit);
        if is_time {
            self.rest = behind;
        }
        is_time
    }

    /// `HH:MM[:SS[.f]]`: 24:00:00 and the second 60 are times.
    fn time(&mut self) -> Read<i64> {
        let hour = self.one_or_two()?;
        self.expect(b':')?;
        let minute = self.one_or_two()?;
        let (mut second, mut fraction) = (0, 0);
        if self.takes(b':') {
            second = self.one_or_two()?;
            if self.takes(b'.') {
                fraction = self.fraction()?;
            }
        }
        let time = hour * HOUR + minute * MINUTE + second * SECOND + fraction;
        if hour > 24 || minute > 59 || second > 60 || time > DAY {
            return Err(Problem::Field);
        }
        Ok(time)
    }

    /// In microseconds, rounded as a float as PostgreSQL does.
    fn fraction(&mut self) -> Read<i64> {
        let digits = self.digits();
        if digits.is_empty() {
            return Err(Problem::Form);
        }
        if digits.len() <= 6 {
            let unit = 10_i64.pow(6 - u32::try_from(digits.len()).unwrap_or(6));
            return Ok(number(digits) * unit);
        }
        let digits = std::str::from_utf8(digits).map_err(|_| Problem::Form)?;
        let fraction: f64 = format!("0.{digits}").parse().map_err(|_| Problem::Form)?;
        Ok((fraction * SECOND as f64).round_ties_even() as i64)
    }

    /// `Z`, `UTC`, `GMT` or hours, minutes and seconds, if one follows. In microseconds.
    fn zone(&mut self) -> Read<i64> {
        let before = self.rest;
        self.spaces();
        let sign = match self.rest.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => {
                let word = self.word();
                let is_utc =
                    ["z", "utc", "gmt"].iter().any(|zone| word.eq_ignore_ascii_case(zone.as_bytes()));
                if !is_utc {
                    self.rest = before;
                }
                return Ok(0);
            }
        };
        self.rest = &self.rest[1..];
        let digits = self.digits();
        let (hour, mut minute, mut second) = match digits.len() {
            1 | 2 => (number(digits), 0, 0),
            4 => (number(&digits[..2]), number(&digits[2..]), 0),
            _ => return Err(Problem::Form),
        };
        if digits.len() < 4 && self.takes(b':') {
            minute = self.two()?;
            if self.takes(b':') {
                second = self.two()?;
            }
        }
        if hour > MOST_ZONE_HOURS || minute > 59 || second > 59 {
            return Err(Problem::Field);
        }
        Ok(sign * (hour * HOUR + minute * MINUTE + second * SECOND))
    }

    fn is_bc(&mut self) -> bool {
        let before = self.rest;
        self.spaces();
        let is_bc = self.rest.len() < before.len() && self.word().eq_ignore_ascii_case(b"bc");
        if !is_bc {
            self.rest = before;
        }
        is_bc
    }

    fn end(&self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Problem::Form) }
    }

    fn spaces(&mut self) {
        self.take_while(is_space);
    }

    fn digits(&mut self) -> &'t [u8] {
        self.take_while(|b| b.is_ascii_digit())
    }

    fn word(&mut self) -> &'t [u8] {
        self.take_while(|b| b.is_ascii_alphabetic())
    }

    fn take_while(&mut self, is: impl Fn(u8) -> bool) -> &'t [u8] {
        let count = self.rest.iter().take_while(|b| is(**b)).count();
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    fn one_or_two(&mut self) -> Read<i64> {
        let digits = self.digits();
        if (1..=2).contains(&digits.len()) { Ok(number(digits)) } else { Err(Problem::Form) }
    }

    fn two(&mut self) -> Read<i64> {
        let digits = self.digits();
        if digits.len() == 2 { Ok(number(digits)) } else { Err(Problem::Form) }
    }

    fn takes(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.takes(byte) { Ok(()) } else { Err(Problem::Form) }
    }
}

/// A date as it is written.
struct Written {
    year: i64,
    month: i64,
    day: i64,
}

impl Written {
    fn number(self, is_bc: bool) -> Read<i64> {
        let year = if is_bc { 1 - self.year } else { self.year };
        if self.year == 0 {
            return Err(Problem::Field);
        }
        valid(year, self.month, self.day).ok_or(Problem::Field)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Of a few digits.
fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}
