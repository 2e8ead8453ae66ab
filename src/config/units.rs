//! Sizes, rates and times as people write them.
//!
//! | text | bytes |
//! |---|---|
//! | `4096`, `4096B` | 4,096 |
//! | `64MB` | 64,000,000 |
//! | `64MiB` | 67,108,864 |
//!
//! A rate is a size per second, `5MiB` or `5MiB/s`. Times are `90s`, `30m`, `2h`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Error, Result};

const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];

/// A number of bytes, shown in the largest unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl From<usize> for Size {
    fn from(bytes: usize) -> Self {
        Self(bytes as u64)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match binary.iter().find(|(factor, _)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((factor, unit)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse_bytes(text).map(Self)
    }
}

/// Parses a size of at least one byte. Case and a space before the unit do not matter.
///
/// # Errors
/// A usage error that shows what can be written.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong = |what: &str| {
        Error::usage(format!("{what}; write a size such as 256MiB, 64MB, 1GiB or 1048576"))
            .coded(Code::FlagValue)
    };
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        return Err(wrong("not a size"));
    }
    let unit = unit.trim().to_ascii_lowercase();
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(wrong("unknown unit"));
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor))
        .ok_or_else(|| wrong("the size is too large"))?;
    if bytes == 0 {
        return Err(wrong("the size is zero"));
    }
    Ok(bytes)
}

/// Parses bytes per second: a size, with or without `/s`.
///
/// # Errors
/// As for [`parse_bytes`].
pub fn parse_rate(text: &str) -> Result<u64> {
    let text = text.trim();
    parse_bytes(text.strip_suffix("/s").unwrap_or(text))
}

/// Parses a time of at least one second, to seconds.
///
/// # Errors
/// A usage error that shows what can be written.
pub fn parse_seconds(text: &str) -> Result<u64> {
    let wrong = |what: &str| {
        Error::usage(format!("{what}; write a time such as 90s, 30m or 2h")).coded(Code::FlagValue)
    };
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = match unit.trim() {
        _ if digits.is_empty() => return Err(wrong("not a time")),
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "" => return Err(wrong("the unit is missing")),
        _ => return Err(wrong("unknown unit")),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    // More than this is no limit, and clocks cannot count it.
    match seconds.filter(|seconds| *seconds < 1 << 32) {
        Some(0) => Err(wrong("the time is zero")),
        Some(seconds) => Ok(seconds),
        None => Err(wrong("the time is too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, parse_bytes, parse_rate, parse_seconds};

    #[test]
    fn sizes_are_shown_as_they_are_written() {
        for (bytes, text) in [
            (1, "1"),
            (1536, "1536"),
            (64 << 10, "64KiB"),
            (256 << 20, "256MiB"),
            (1 << 30, "1GiB"),
            (3 << 40, "3TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
            assert_eq!(text.parse::<Size>().expect(text), Size(bytes));
        }
    }

    #[test]
    fn times_and_rates_have_units() {
        for (text, seconds) in [("10s", 10), ("30m", 1800), ("2h", 7200), ("5 min", 300), ("1H", 3600)] {
            assert_eq!(parse_seconds(text).expect(text), seconds, "{text}");
        }
        for text in ["", "10", "s", "0s", "-1s", "1.5h", "1d", "99999999999h"] {
            assert!(parse_seconds(text).expect_err(text).message().contains("30m"), "{text}");
        }
        assert_eq!(parse_rate("5MiB").expect("rate"), 5 << 20);
        assert_eq!(parse_rate(" 50MB/s ").expect("rate"), 50_000_000);
        assert!(parse_rate("5Mbit").is_err());
    }

    #[test]
    fn sizes_are_read_as_in_the_table_above() {
        for (text, bytes) in [
            ("4096", 4096),
            ("4096B", 4096),
            ("64MB", 64_000_000),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1GiB", 1 << 30),
            ("2TB", 2_000_000_000_000),
            ("1kB", 1000),
        ] {
            assert_eq!(parse_bytes(text).expect(text), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "-1", "1.5GiB", "1M", "0", "0GiB", "99999999999TiB", "1 2"] {
            let error = parse_bytes(text).expect_err(text);
            assert!(error.message().contains("256MiB"), "{error}");
        }
    }
}
