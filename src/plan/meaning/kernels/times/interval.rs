//! Literals of intervals: those that PostgreSQL 12 to 18 read alike.

use super::calendar::{DAY, HOUR, MINUTE, SECOND};
use super::columns::shown;
use super::fields::Field;

const DAYS_A_WEEK: i64 = 7;
const DAYS_A_MONTH: i64 = 30;
const MONTHS_A_YEAR: i64 = 12;
const FRACTION_DIGITS: usize = 12;
/// Up to here PostgreSQL reads seconds of ISO 8601, a float, to the microsecond.
const MOST_ISO_SECONDS: i64 = 1_000_000;

type Read<T> = Result<T, String>;

/// Months, days and microseconds of `INTERVAL 'text' unit`.
pub(in crate::plan) fn interval(text: &str, unit: Option<&str>) -> Result<(i32, i32, i64), String> {
    let mut sum = Sum::default();
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let read = match (unit, text.strip_prefix('P')) {
        (Some(unit), _) => of_unit(&mut sum, text, unit),
        (None, Some(iso)) => iso_8601(&mut sum, iso),
        (None, None) => traditional(&mut sum, text),
    };
    match read {
        Ok(()) => Ok((sum.months, sum.days, sum.time)),
        Err(why) => Err(format!("{} is not read as an interval: {why}", shown(text))),
    }
}

#[derive(Default)]
struct Sum {
    months: i32,
    days: i32,
    time: i64,
    seen: Vec<Field>,
    has_fraction_of_seconds: bool,
}

impl Sum {
    fn add(&mut self, number: Number, field: Field) -> Read<()> {
        if self.seen.contains(&field) {
            return Err(format!("{field:?} stands in it twice"));
        }
        self.seen.push(field);
        self.has_fraction_of_seconds |= field == Field::Second && number.fraction != 0;
        let has_less = self.seen.iter().any(|f| matches!(f, Field::Milliseconds | Field::Microseconds));
        if self.has_fraction_of_seconds && has_less {
            return Err("it has parts of a second twice".to_owned());
        }
        match field {
            Field::Millennium => self.add_years(number, 1000),
            Field::Century => self.add_years(number, 100),
            Field::Decade => self.add_years(number, 10),
            Field::Year => self.add_years(number, 1),
            Field::Month => {
                self.add_months(number.whole)?;
                self.add_days(number.part(DAYS_A_MONTH)?)
            }
            Field::Week => {
                self.add_days(Days { whole: number.whole.saturating_mul(DAYS_A_WEEK), time: 0 })?;
                self.add_days(number.part(DAYS_A_WEEK)?)
            }
            Field::Day => self.add_days(Days { whole: number.whole, time: number.of_fraction(DAY)? }),
            Field::Hour => self.add_time(number, HOUR),
            Field::Minute => self.add_time(number, MINUTE),
            Field::Second => self.add_time(number, SECOND),
            Field::Milliseconds => self.add_time(number, 1000),
            Field::Microseconds => self.add_time(number, 1),
            _ => Err(format!("{field:?} is not a unit of intervals")),
        }
    }

    /// PostgreSQL's versions round months differently, and floats are not exact: parts of a year are whole months.
    fn add_years(&mut self, number: Number, years: i64) -> Read<()> {
        if number.fraction != 0 && years > 1 {
            return Err("write parts of it in years".to_owned());
        }
        let months = number.whole.saturating_mul(years * MONTHS_A_YEAR);
        self.add_months(months.saturating_add(number.of_fraction(MONTHS_A_YEAR)?))
    }

    fn add_months(&mut self, months: i64) -> Read<()> {
        self.months = added(self.months, months)?;
        Ok(())
    }

    fn add_days(&mut self, days: Days) -> Read<()> {
        self.days = added(self.days, days.whole)?;
        self.add_microseconds(Some(days.time))
    }

    fn add_time(&mut self, number: Number, unit: i64) -> Read<()> {
        let fraction = number.of_fraction(unit)?;
        self.add_microseconds(number.whole.checked_mul(unit).and_then(|whole| whole.checked_add(fraction)))
    }

    fn add_microseconds(&mut self, more: Option<i64>) -> Read<()> {
        self.time = more.and_then(|more| self.time.checked_add(more)).ok_or_else(out_of_range)?;
        Ok(())
    }
}

fn added(sum: i32, more: i64) -> Read<i32> {
    i64::from(sum).checked_add(more).and_then(|sum| i32::try_from(sum).ok()).ok_or_else(out_of_range)
}

fn out_of_range() -> String {
    "interval out of range".to_owned()
}

struct Days {
    whole: i64,
    /// In microseconds.
    time: i64,
}

/// A decimal number; both parts have its sign.
#[derive(Clone, Copy)]
struct Number {
    whole: i64,
    /// In units of 10^-[`FRACTION_DIGITS`].
    fraction: i64,
}

const ONE: i64 = 10_i64.pow(FRACTION_DIGITS as u32);

impl Number {
    /// At the beginning of a text; and what follows it.
    fn first(text: &str) -> Read<(Self, &str)> {
        let (sign, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (-1, &text[1..]),
            Some(b'+') => (1, &text[1..]),
            _ => (1, text),
        };
        let (whole, mut rest) = digits(unsigned);
        let mut fraction = 0;
        if let Some(behind) = rest.strip_prefix('.') {
            let (part, tail) = digits(behind);
            if part.is_empty() || part.len() > FRACTION_DIGITS {
                return Err(format!("write 1 to {FRACTION_DIGITS} digits after the point"));
            }
            fraction = format!("{part:0<FRACTION_DIGITS$}").parse::<i64>().map_err(|e| e.to_string())?;
            rest = tail;
        }
        if whole.is_empty() {
            return Err("a number is missing".to_owned());
        }
        let whole = whole.parse::<i32>().map_err(|_| out_of_range())?;
        Ok((Self { whole: sign * i64::from(whole), fraction: sign * fraction }, rest))
    }

    /// The fraction of something that consists of `parts`, if that is a whole number of them.
    fn of_fraction(self, parts: i64) -> Read<i64> {
        let product = i128::from(self.fraction) * i128::from(parts);
        let one = i128::from(ONE);
        if product % one != 0 {
            return Err("write the part of a unit in smaller units".to_owned());
        }
        i64::try_from(product / one).map_err(|_| out_of_range())
    }

    /// The fraction of something that consists of `days`: whole days, and the time of the rest.
    fn part(self, days: i64) -> Read<Days> {
        let time = self.of_fraction(days * DAY)?;
        Ok(Days { whole: time / DAY, time: time % DAY })
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// PostgreSQL's own qualifiers, on one number.
fn of_unit(sum: &mut Sum, text: &str, unit: &str) -> Read<()> {
    const UNITS: &[(&str, Field)] = &[
        ("year", Field::Year),
        ("month", Field::Month),
        ("day", Field::Day),
        ("hour", Field::Hour),
        ("minute", Field::Minute),
        ("second", Field::Second),
    ];
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, field) = known.ok_or_else(|| format!("write the unit {unit} within the quotes"))?;
    let (number, rest) = Number::first(text)?;
    if !rest.is_empty() || number.fraction != 0 && *field != Field::Second {
        return Err(format!("it is not a whole number of the unit {unit}"));
    }
    sum.add(number, *field)
}

/// `P1Y2M3W4DT5H6M7.5S`
fn iso_8601(sum: &mut Sum, text: &str) -> Read<()> {
    const DATE: &[(char, Field)] =
        &[('Y', Field::Year), ('M', Field::Month), ('W', Field::Week), ('D', Field::Day)];
    const TIME: &[(char, Field)] = &[('H', Field::Hour), ('M', Field::Minute), ('S', Field::Second)];
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return Err("no time follows T".to_owned()),
        Some((date, time)) => (date, time),
        None => (text, ""),
    };
    if date.is_empty() && time.is_empty() {
        return Err("nothing follows P".to_owned());
    }
    if text.contains('+') {
        return Err("no + stands in it".to_owned());
    }
    for (mut rest, mut letters) in [(date, DATE), (time, TIME)] {
        while !rest.is_empty() {
            let (number, behind) = Number::first(rest)?;
            let mut chars = behind.chars();
            let letter = chars.next().ok_or("a unit is missing")?;
            let at = letters.iter().position(|(known, _)| *known == letter);
            let at = at.ok_or_else(|| format!("the unit {letter} is unknown here or not in its place"))?;
            let field = letters[at].1;
            let is_exact = field == Field::Second && number.whole.abs() < MOST_ISO_SECONDS;
            if number.fraction != 0 && !is_exact {
                return Err("write the part of a unit in smaller units".to_owned());
            }
            sum.add(number, field)?;
            letters = &letters[at + 1..];
            rest = chars.as_str();
        }
    }
    Ok(())
}

/// Numbers with units, and a clock's time at the end; or a number of seconds.
fn traditional(sum: &mut Sum, text: &str) -> Read<()> {
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = Number::first(rest)?;
        if behind.starts_with(':') {
            return clock(sum, rest);
        }
        let named = behind.trim_start_matches(is_space);
        let (word, tail) = named.split_at(named.find(is_space).unwrap_or(named.len()));
        let field = match word {
            "" if rest.len() == text.len() => Field::Second,
            "" => return Err("a number has no unit".to_owned()),
            word => Field::named(word).ok_or_else(|| format!("the unit {} is unknown", shown(word)))?,
        };
        sum.add(number, field)?;
        rest = tail.trim_start_matches(is_space);
    }
    Ok(())
}

/// `[-]H:MM[:SS[.f]]`, with any number of hours.
fn clock(sum: &mut Sum, text: &str) -> Read<()> {
    let of_clock = |f: &Field| {
        matches!(f, Field::Hour | Field::Minute | Field::Second | Field::Milliseconds | Field::Microseconds)
    };
    if sum.seen.iter().any(of_clock) {
        return Err("it has a time twice".to_owned());
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut parts = text.split(':');
    for field in [Field::Hour, Field::Minute, Field::Second] {
        let Some(part) = parts.next() else { break };
        let (number, rest) = Number::first(part)?;
        let is_short = field == Field::Hour || digits(part).0.len().wrapping_sub(1) < 2 && number.whole < 60;
        if !rest.is_empty() || !is_short || number.fraction != 0 && field != Field::Second {
            return Err("write a time as HH:MM:SS".to_owned());
        }
        let sign = if field == Field::Hour { 1 } else { sign };
        sum.add(Number { whole: sign * number.whole, fraction: sign * number.fraction }, field)?;
    }
    match parts.next() {
        Some(_) => Err("write a time as HH:MM:SS".to_owned()),
        None => Ok(()),
    }
}
