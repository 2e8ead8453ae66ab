//! Keys as numbers: what of a column can be counted, and its way to SQL and back.

use arrow_schema::DataType;
use chrono::{DateTime, Days, NaiveDate};

use super::answer::Cell;
use crate::catalog::{ColumnInfo, KeyValue};
use crate::error::Result;
use crate::source::mysql::column::Codec;

/// Microseconds of a day, and of a second.
const DAY: i128 = 86_400_000_000;
const SECOND: i128 = 1_000_000;
/// 0001-01-01.
const FIRST_DAY: i128 = -719_162;
/// The first year that YEAR has, apart from 0. The server takes a number below 100 for a year of this century or the last.
const FIRST_YEAR: i128 = 1901;

/// What a column is as a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum KeyKind {
    /// Whole numbers.
    Whole,
    /// Years.
    Year,
    /// Numbers with so many decimal places, counted in units of the last.
    Decimal(u32),
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01 00:00.
    Timestamp,
    /// What is compared by the server alone, as the text that the dialect makes a bound of.
    Text(Codec),
}

impl KeyKind {
    /// None for a column that is no key.
    pub(super) fn of(column: &ColumnInfo) -> Result<Option<Self>> {
        Ok(match (Codec::of(column)?, column.field.data_type()) {
            (
                Codec::Int1
                | Codec::Unsigned1
                | Codec::Int2
                | Codec::Unsigned2
                | Codec::Int4
                | Codec::Unsigned4
                | Codec::Int8
                | Codec::Unsigned8
                | Codec::Bit,
                _,
            ) => Some(Self::Whole),
            (Codec::Year, _) => Some(Self::Year),
            (Codec::Decimal, DataType::Decimal128(_, places)) => {
                u32::try_from(*places).ok().map(Self::Decimal)
            }
            (Codec::Date, _) => Some(Self::Date),
            (Codec::DateTime | Codec::Timestamp, _) => Some(Self::Timestamp),
            (Codec::Geometry { .. } | Codec::Vector, _) => None,
            (codec, _) => Some(Self::Text(codec)),
        })
    }

    /// Whether keys are compared by the server alone.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether MIN and MAX order its texts as slices do.
    pub(super) fn is_ordered_text(&self) -> bool {
        matches!(self, Self::Text(Codec::Text(_) | Codec::Char(_)))
    }

    /// Whether a smallest key may stand for what is none.
    pub(super) fn is_none_before(&self, min: i128) -> bool {
        match self {
            Self::Date => min <= FIRST_DAY,
            Self::Timestamp => min <= FIRST_DAY * DAY,
            Self::Year => min <= FIRST_YEAR,
            _ => false,
        }
    }

    /// What to select of `key` so that [`Self::unit`] or [`Cell::text`] reads it. Not what rows are compared by.
    pub(super) fn select_sql(&self, key: &str) -> String {
        match self {
            // A bit is sent as bytes otherwise.
            Self::Whole | Self::Year => format!("{key} + 0"),
            Self::Text(Codec::Bytes) => format!("HEX({key})"),
            // Not the server's text, which has not all digits.
            Self::Text(Codec::Float | Codec::Double) => key.to_owned(),
            Self::Text(codec) => codec.text_sql(key),
            _ => key.to_owned(),
        }
    }

    /// The condition that leaves out what no calendar has, and what is no year; none where there is no such thing.
    pub(super) fn since_first(&self, key: &str) -> Option<String> {
        match self {
            Self::Date | Self::Timestamp => Some(format!("{key} >= DATE'0001-01-01'")),
            Self::Year => Some(format!("{key} >= {FIRST_YEAR}")),
            _ => None,
        }
    }

    /// A value as a number; a date without a month or a day as the first that it could be. None for texts, and for NULL.
    pub(super) fn unit(&self, cell: &Cell) -> Option<i128> {
        match (self, cell) {
            (Self::Whole, cell) => cell.whole(),
            (Self::Year, cell) => cell.whole().map(|year| year.max(FIRST_YEAR)),
            (Self::Decimal(places), Cell::Bytes(_)) => unscaled(cell.text()?, *places),
            (Self::Date, Cell::Time(parts)) => days(parts),
            (Self::Timestamp, Cell::Time(parts)) => micros(parts),
            _ => None,
        }
    }

    /// A value that the server alone compares, as the text of a bound. None for NULL, and for what is no text.
    pub(super) fn text(&self, cell: &Cell) -> Option<KeyValue> {
        match cell {
            Cell::Real(number) => Some(KeyValue::Text(format!("{number:e}"))),
            cell => cell.text().map(|text| KeyValue::Text(text.to_owned())),
        }
    }

    /// A number as a bound of slices.
    pub(super) fn value(&self, unit: i128) -> KeyValue {
        match self {
            Self::Date => KeyValue::Date(i32::try_from(unit).unwrap_or(i32::MAX)),
            Self::Timestamp => KeyValue::Timestamp(i64::try_from(unit).unwrap_or(i64::MAX)),
            Self::Decimal(1..) => KeyValue::Text(self.literal(unit)),
            _ => match i64::try_from(unit) {
                Ok(number) => KeyValue::Int(number),
                Err(_) => KeyValue::Text(unit.to_string()),
            },
        }
    }

    /// A number as SQL that is compared with the column.
    pub(super) fn literal(&self, unit: i128) -> String {
        match self {
            Self::Date => format!("DATE'{}'", date(unit).format("%Y-%m-%d")),
            Self::Timestamp => {
                let at = i64::try_from(unit).ok().and_then(DateTime::from_timestamp_micros);
                format!("TIMESTAMP'{}'", at.unwrap_or_default().format("%Y-%m-%d %H:%M:%S%.6f"))
            }
            Self::Decimal(places @ 1..) => {
                let places = *places as usize;
                let digits = format!("{:0>width$}", unit.unsigned_abs(), width = places + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places);
                format!("{}{whole}.{fraction}", if unit < 0 { "-" } else { "" })
            }
            _ => unit.to_string(),
        }
    }

    /// A key between others that is easy to compare with: of a column of whole seconds, the server would round it.
    pub(super) fn rounded(&self, unit: i128, least: i128) -> i128 {
        match self {
            Self::Timestamp => (unit.div_euclid(SECOND) * SECOND).max(least),
            _ => unit,
        }
    }
}

fn date(days: i128) -> NaiveDate {
    let epoch = NaiveDate::default();
    let distance = Days::new(u64::try_from(days.unsigned_abs()).unwrap_or(u64::MAX));
    let date = if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) };
    date.unwrap_or_default()
}

/// `-1.50` with two places is -150.
fn unscaled(text: &str, places: u32) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<width$}", width = places as usize);
    format!("{whole}{fraction}").parse().ok()
}

/// Year, month and day in the protocol's form, or nothing for the date that is all zeros.
fn days(parts: &[u8]) -> Option<i128> {
    let (year, month, day) = match parts {
        [] | [0, 0, ..] => (1, 1, 1),
        [low, high, month, day, ..] => (i32::from(u16::from_le_bytes([*low, *high])), *month, *day),
        _ => return None,
    };
    let (month, day) = (u32::from(month).clamp(1, 12), u32::from(day).max(1));
    // A day that its month does not have.
    let date = (0..4).find_map(|less| NaiveDate::from_ymd_opt(year, month, day.checked_sub(less)?))?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days().into())
}

fn micros(parts: &[u8]) -> Option<i128> {
    let time = match parts.get(4..) {
        Some([hour, minute, second, micros @ ..]) => {
            let seconds = (i128::from(*hour) * 60 + i128::from(*minute)) * 60 + i128::from(*second);
            let micros = micros.iter().rev().fold(0, |sum, byte| sum << 8 | i128::from(*byte));
            seconds * SECOND + micros
        }
        _ => 0,
    };
    Some(days(parts)? * DAY + time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_no_calendar_has_are_near_one() {
        let day = |year: u16, month, day| {
            let [low, high] = year.to_le_bytes();
            date(days(&[low, high, month, day]).unwrap()).to_string()
        };
        assert_eq!(day(2024, 2, 29), "2024-02-29");
        assert_eq!(day(2023, 2, 31), "2023-02-28");
        assert_eq!(day(2024, 0, 0), "2024-01-01");
        assert_eq!(date(days(&[]).unwrap()).to_string(), "0001-01-01");
        assert_eq!(days(&[1]), None);
    }

    #[test]
    fn units_come_back_as_literals() {
        assert_eq!(micros(&[0xe8, 7, 2, 29, 23, 59, 59, 63, 66, 15, 0]), Some(1_709_251_199_999_999));
        assert_eq!(
            KeyKind::Timestamp.literal(1_709_251_199_999_999),
            "TIMESTAMP'2024-02-29 23:59:59.999999'"
        );
        assert_eq!(KeyKind::Timestamp.rounded(1_709_251_199_999_999, 0), 1_709_251_199_000_000);
        assert_eq!(KeyKind::Date.literal(-719_162), "DATE'0001-01-01'");
        let decimal = KeyKind::Decimal(2);
        for (text, unit) in [("-1.50", -150), ("0.05", 5), ("-0.05", -5), ("12345678.00", 1_234_567_800)] {
            assert_eq!(unscaled(text, 2), Some(unit));
            assert_eq!(decimal.literal(unit), text);
        }
        assert_eq!(KeyKind::Whole.value(u64::MAX.into()), KeyValue::Text("18446744073709551615".into()));
        assert_eq!(KeyKind::Whole.value(i64::MIN.into()), KeyValue::Int(i64::MIN));
    }
}
