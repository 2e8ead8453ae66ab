//! Statistics as DuckLake has them: only what is exact and has one spelling and one order everywhere.
//!
//! Readers leave out files by them, and whole conditions by those of the table. Texts have no bounds: a catalog may lie in a
//! database that compares them by a collation. Floating point has none, for NaN has no place in an order that all share.

use std::cmp::Ordering;

use crate::manifest::ColumnStats;

/// What is known of the values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Smallest and largest value; none if not known.
    pub(super) bounds: Option<(String, String)>,
    /// NULLs; none if not known.
    pub(super) nulls: Option<u64>,
    /// Values and NULLs.
    pub(super) rows: u64,
}

impl Known {
    /// Of a column of a file, `data_type` by DuckLake's name.
    pub(super) fn of(stats: Option<&ColumnStats>, rows: u64, data_type: &str) -> Self {
        let bound = |text: Option<&String>| text.and_then(|text| spelt(data_type, text));
        let bounds = stats.and_then(|stats| bound(stats.min.as_ref()).zip(bound(stats.max.as_ref())));
        Self { bounds, nulls: stats.and_then(|stats| stats.nulls), rows }
    }

    /// Of a partition's column in a file: one value, or NULL.
    pub(super) fn of_partition(value: Option<&str>, rows: u64, data_type: &str) -> Self {
        let bounds = value.and_then(|value| spelt(data_type, value)).map(|value| (value.clone(), value));
        Self { bounds, nulls: Some(if value.is_none() { rows } else { 0 }), rows }
    }

    /// Whether all values are NULL, or there is none.
    fn is_empty(&self) -> bool {
        self.nulls == Some(self.rows)
    }

    /// What is known of both together.
    pub(super) fn and(self, other: &Self, data_type: &str) -> Self {
        let nulls = self.nulls.zip(other.nulls).map(|(a, b)| a + b);
        let rows = self.rows + other.rows;
        let bounds = match (self.is_empty(), other.is_empty()) {
            (true, _) => other.bounds.clone(),
            (_, true) => self.bounds,
            _ => self.bounds.zip(other.bounds.clone()).and_then(|(a, b)| {
                let min = if order(data_type, &a.0, &b.0)? == Ordering::Greater { b.0 } else { a.0 };
                let max = if order(data_type, &a.1, &b.1)? == Ordering::Less { b.1 } else { a.1 };
                Some((min, max))
            }),
        };
        Self { bounds, nulls, rows }
    }
}

/// A value in DuckLake's words; none for what has several.
fn spelt(data_type: &str, text: &str) -> Option<String> {
    match data_type {
        "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64" => {
            text.parse::<i128>().ok().map(|number| number.to_string())
        }
        "date" => is_day(text).then(|| text.to_owned()),
        "timestamp" | "timestamptz" => {
            let has_zone = data_type == "timestamptz";
            let naive = text.trim_end_matches('Z');
            let (day, time) = naive.split_once(['T', ' '])?;
            let plain = time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
            let known = is_day(day) && plain && time.len() >= 8;
            known.then(|| format!("{day} {time}{}", if has_zone { "+00" } else { "" }))
        }
        decimal if decimal.starts_with("decimal(") => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain =
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            plain.then(|| text.to_owned())
        }
        _ => None,
    }
}

/// Days of four digits have one spelling, and their texts the order of the days.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// The order of two values that are [`spelt`].
fn order(data_type: &str, a: &str, b: &str) -> Option<Ordering> {
    match data_type {
        "date" => Some(a.cmp(b)),
        // A fraction may be shorter than another.
        "timestamp" | "timestamptz" => Some(a.trim_end_matches("+00").cmp(b.trim_end_matches("+00"))),
        decimal if decimal.starts_with("decimal(") => Some(scaled(a)?.cmp(&scaled(b)?)),
        _ => Some(a.parse::<i128>().ok()?.cmp(&b.parse::<i128>().ok()?)),
    }
}

/// A decimal of up to 38 digits as sign, whole part and fraction, in the order of numbers.
fn scaled(text: &str) -> Option<(i128, i128)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: i128 = format!("{fraction:0<38}").parse().ok()?;
    Some(if negative { (-whole, -fraction) } else { (whole, fraction) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(min: &str, max: &str, nulls: u64) -> Known {
        Known { bounds: Some((min.into(), max.into())), nulls: Some(nulls), rows: 10 }
    }

    #[test]
    fn two_together_hold_both() {
        let both = |data_type: &str, a: (&str, &str), b: (&str, &str)| {
            known(a.0, a.1, 0).and(&known(b.0, b.1, 1), data_type).bounds.expect("bounds")
        };
        assert_eq!(both("int64", ("-9", "10"), ("-10", "9")), ("-10".into(), "10".into()));
        assert_eq!(
            both("decimal(9,2)", ("-0.50", "9.99"), ("-0.49", "10.00")),
            ("-0.50".into(), "10.00".into())
        );
        assert_eq!(
            both(
                "timestamp",
                ("2024-01-01 00:00:00.5", "2024-01-01 00:00:00.5"),
                ("2024-01-01 00:00:00", "2024-01-01 00:00:00")
            ),
            ("2024-01-01 00:00:00".into(), "2024-01-01 00:00:00.5".into())
        );
        assert_eq!(known("1", "2", 0).and(&known("1", "2", 1), "int8").nulls, Some(1));
    }

    #[test]
    fn nothing_but_nulls_widens_nothing_and_what_is_not_known_stays_so() {
        let nulls = Known { bounds: None, nulls: Some(3), rows: 3 };
        assert_eq!(known("1", "2", 0).and(&nulls, "int8").bounds, Some(("1".into(), "2".into())));
        assert_eq!(nulls.clone().and(&known("1", "2", 0), "int8").bounds, Some(("1".into(), "2".into())));
        let unknown = Known { bounds: None, nulls: Some(1), rows: 3 };
        assert_eq!(known("1", "2", 0).and(&unknown, "int8").bounds, None);
    }

    #[test]
    fn what_has_several_spellings_has_no_bound() {
        assert_eq!(spelt("date", "12024-01-01"), None);
        assert_eq!(spelt("date", "-001-01-01"), None);
        assert_eq!(
            spelt("timestamptz", "2024-01-01T00:00:00.25Z").as_deref(),
            Some("2024-01-01 00:00:00.25+00")
        );
        assert_eq!(spelt("timestamp", "-0001-01-01T00:00:00"), None);
        assert_eq!(spelt("varchar", "a"), None);
        assert_eq!(spelt("float64", "1"), None);
        assert_eq!(spelt("decimal(9,2)", "NaN"), None);
        assert_eq!(spelt("uint64", "18446744073709551615").as_deref(), Some("18446744073709551615"));
    }
}
