//! Sizes as people write them.
//!
//! | text | bytes |
//! |---|---|
//! | `4096`, `4096B` | 4,096 |
//! | `64MB` | 64,000,000 |
//! | `64MiB` | 67,108,864 |

use crate::error::{Error, Result};

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

/// Parses a size of at least one byte. Case and a space before the unit do not matter.
///
/// # Errors
/// A usage error that shows what can be written.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong =
        |what: &str| Error::usage(format!("{what}; write a size such as 256MiB, 64MB, 1GiB or 1048576"));
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

#[cfg(test)]
mod tests {
    use super::parse_bytes;

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
