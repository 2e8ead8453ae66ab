//! Keys: what the ends of ranges are compared with, and how these are written.
//!
//! Ranges meet exactly because both sides of a cut are one text that the server compares in one way. They are disjoint
//! as long as the ends ascend under that comparison: sort by [`Key::sql`] and by nothing else.

use super::null::{null_test, present};
use super::written::{self, Place};
use crate::catalog::{ColumnInfo, KeyValue, TableInfo};
use crate::client::mysql::ident;
use crate::error::{Code, Error, Result};
use crate::source::mysql::column::{Characters, Codec};

/// A column as a key.
#[derive(Debug, Clone)]
pub struct Key {
    codec: Codec,
    name: String,
    sql: String,
    /// Compared as the bytes of its text.
    by_bytes: bool,
    /// Digits behind the seconds.
    places: u32,
}

/// The end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// SQL of a value among those that the column may have.
    At(String),
    /// Before every value.
    BelowAll,
    /// After every value.
    AboveAll,
}

/// Collations under which a character has exactly one weight, so that the beginnings of texts are ordered as the texts
/// are. Under all others a weight may be of several characters, or of a part of one: an index of the first characters of
/// a column then loses rows (`KEY(s(2))` with `ß` and `ss`), and some whole indexes of MySQL are not in the order of
/// comparisons either. Of `swedish_ci` that of latin1 alone is so.
const ORDERED: &[&str] = &["0900_bin", "bin", "general_ci", "general_cs", "general_nopad_ci", "nopad_bin"];
const ORDERED_OF_LATIN1: &[&str] = &["swedish_ci", "swedish_nopad_ci"];

/// Whether each text of a character set is another one in UTF-8, and comes back from there as it was.
pub(super) fn keeps_characters(characters: &Characters) -> bool {
    matches!(characters.charset.as_str(), "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "latin1")
}

fn is_ordered_by_index(characters: &Characters) -> bool {
    let of_language = characters.collation.split_once('_').map_or("", |(_, rest)| rest);
    keeps_characters(characters)
        && (ORDERED.contains(&of_language)
            || (characters.charset == "latin1" && ORDERED_OF_LATIN1.contains(&of_language)))
}

/// Whether an index has what is equal to a text under its collation. In an index, servers compare the spaces that fill
/// values of `char`, and elsewhere their absence: where a collation does not fill texts itself that makes a difference to
/// characters below the space and to all that weigh nothing.
pub(super) fn is_found_by_index(codec: &Codec) -> bool {
    match codec {
        Codec::Char(characters) => ["nopad", "0900"].iter().all(|name| !characters.collation.contains(name)),
        _ => true,
    }
}

/// The first microsecond that timestamp has, 1970-01-01 00:00:01. The server takes what is before it for 0000-00-00.
pub(super) const FIRST_INSTANT: i64 = 1_000_000;
/// The first that no timestamp has, where it has the most.
const AFTER_INSTANTS: i64 = 4_294_967_296_000_000;

/// The number in the parentheses of `datetime(3)`; 0 without one.
pub(super) fn places(column: &ColumnInfo) -> u32 {
    let inner = column.source_type.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    inner.and_then(|(digits, _)| digits.trim().parse().ok()).filter(|places| *places <= 6).unwrap_or(0)
}

/// `micros` without the digits that a value with so many places cannot have.
pub(super) fn at_places(micros: i64, places: u32) -> i64 {
    let step = 10_i64.pow(6_u32.saturating_sub(places));
    micros.saturating_sub(micros.rem_euclid(step))
}

/// A column whose values are distinguished one by one.
///
/// # Errors
/// Usage, when there is no such column.
pub(super) fn by_value(table: &TableInfo, column: &str) -> Result<String> {
    let key = Key::of(table, column)?;
    Ok(match key.codec {
        // Bytes need not be a text.
        Codec::Bytes | Codec::Vector | Codec::Geometry { .. } => digits_or_hash(&key.codec, &key.name),
        Codec::Year | Codec::Bit => key.sql,
        _ => ident(column),
    })
}

/// Most bytes of a value that is distinguished by all its digits: these are NULL where they are more than
/// `max_allowed_packet`, which is 1024 at least.
const MOST_BYTES: usize = 500;

/// Bytes as hexadecimal digits, or as their hash: a text for every value, and another for each.
fn digits_or_hash(codec: &Codec, name: &str) -> String {
    let digits = codec.text_sql(name);
    format!("IF(LENGTH({name}) <= {MOST_BYTES}, {digits}, CONCAT('sha256:', SHA2({name}, 256)))")
}

impl Key {
    /// A column of `table` that slices may be made of.
    ///
    /// # Errors
    /// Usage, when there is no such column.
    pub fn of(table: &TableInfo, column: &str) -> Result<Self> {
        let info = table
            .stored_column(column)
            .ok_or_else(|| Error::usage("the key column does not exist").coded(Code::Method))?;
        let (codec, name) = (Codec::of(info)?, ident(column));
        let by_bytes = match &codec {
            Codec::Text(characters) => !is_ordered_by_index(characters),
            Codec::Char(characters) => !is_ordered_by_index(characters) || !is_found_by_index(&codec),
            // Labels are sorted by their number and compared as texts.
            Codec::Label(_)
            | Codec::Set(_)
            | Codec::Json
            | Codec::Geometry { .. }
            | Codec::Address
            | Codec::Vector
            | Codec::CastText(_) => true,
            _ => false,
        };
        let sql = match &codec {
            // A year is compared with 5 as with 2005, and the bits are a text unless they are computed with.
            Codec::Year | Codec::Bit => format!("({name} + 0)"),
            codec if by_bytes => format!("CONVERT({} USING binary)", codec.text_sql(&name)),
            _ => name.clone(),
        };
        Ok(Self { codec, name, sql, by_bytes, places: places(info) })
    }

    /// Whether keys are ordered as the bytes of their texts are, and not by their collation or type.
    pub fn is_by_bytes(&self) -> bool {
        self.by_bytes
    }

    /// What rows are compared by.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The condition that a row has a key at all.
    pub(super) fn present(&self) -> String {
        null_test(Some(&self.codec), &self.name, false)
    }

    /// Where some keys have no order, the condition that a row's has one; not true for NULL. Those without are days of no
    /// calendar, and texts that the server cannot convert.
    pub(super) fn is_ordered(&self) -> Option<String> {
        match self.codec {
            Codec::Date | Codec::DateTime | Codec::Timestamp => Some(is_of_calendar(&self.sql)),
            _ if self.by_bytes => Some(present(&self.sql)),
            _ => None,
        }
    }

    /// An end of a range: a [`KeyValue::Text`] is the digits of a number; the text of a time or a uuid as the server
    /// casts it; the hexadecimal digits of bytes; else the text itself.
    ///
    /// # Errors
    /// Usage, when the column cannot have such a value.
    pub fn bound(&self, value: &KeyValue) -> Result<Bound> {
        self.written(value).ok_or_else(|| {
            Error::usage("the end of a range is no value of its key").coded(Code::Method).with("value", value)
        })
    }

    fn written(&self, value: &KeyValue) -> Option<Bound> {
        let sql = match (&self.codec, value) {
            (_, KeyValue::Text(text)) if self.by_bytes => written::bytes(text.as_bytes()),
            (Codec::Timestamp, KeyValue::Timestamp(..FIRST_INSTANT)) => return Some(Bound::BelowAll),
            (Codec::Timestamp, KeyValue::Timestamp(AFTER_INSTANTS..)) => return Some(Bound::AboveAll),
            (codec, KeyValue::Int(number)) if is_exact(codec) || is_float(codec) => format!("({number})"),
            (codec, KeyValue::Text(text)) if is_exact(codec) => {
                written::is_number(text, false).then(|| format!("({text})"))?
            }
            (codec, KeyValue::Text(text)) if is_float(codec) => {
                let power = if text.contains(['e', 'E']) { "" } else { "e0" };
                written::is_number(text, true).then(|| format!("({text}{power})"))?
            }
            (Codec::Date, KeyValue::Date(days)) => {
                return Some(written::day(*days).map(written::date).into());
            }
            (Codec::DateTime | Codec::Timestamp, KeyValue::Timestamp(micros)) => {
                let at = written::moment(at_places(*micros, self.places));
                return Some(at.map(written::datetime).into());
            }
            (Codec::Time, KeyValue::Text(text)) => is_time(text).then(|| format!("TIME'{text}'"))?,
            (Codec::Text(characters), KeyValue::Text(text)) => written::text(text, characters)?,
            // Values have no spaces at their end, and an index finds none of a bound.
            (Codec::Char(characters), KeyValue::Text(text)) => {
                written::text(text.trim_end_matches(' '), characters)?
            }
            (Codec::Bytes, KeyValue::Text(text)) => {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let is_hex = digits.len() % 2 == 0 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_hex.then(|| format!("X'{digits}'"))?
            }
            (Codec::Uuid, KeyValue::Text(text)) => {
                is_uuid(text).then(|| format!("CAST('{text}' AS UUID)"))?
            }
            _ => return None,
        };
        Some(Bound::At(sql))
    }
}

impl From<Place<String>> for Bound {
    fn from(place: Place<String>) -> Self {
        match place {
            Place::Before => Self::BelowAll,
            Place::At(sql) => Self::At(sql),
            Place::After => Self::AboveAll,
        }
    }
}

/// Numbers that are compared with every other digit for digit.
pub(super) fn is_exact(codec: &Codec) -> bool {
    matches!(
        codec,
        Codec::Int1
            | Codec::Unsigned1
            | Codec::Int2
            | Codec::Unsigned2
            | Codec::Int4
            | Codec::Unsigned4
            | Codec::Int8
            | Codec::Unsigned8
            | Codec::Year
            | Codec::Bit
            | Codec::Decimal
    )
}

pub(super) fn is_float(codec: &Codec) -> bool {
    matches!(codec, Codec::Float | Codec::Double)
}

/// The condition that a date is one of the calendar: not 0000-00-00, 2024-05-00 nor 2023-02-29, which the server may have
/// all the same. By its parts, which the server tells of every date; its own functions take some for NULL.
pub(super) fn is_of_calendar(sql: &str) -> String {
    format!(
        "(MONTH({sql}) > 0 AND DAYOFMONTH({sql}) > 0 AND DAYOFMONTH({sql}) <= CASE MONTH({sql}) \
         WHEN 2 THEN 28 + (YEAR({sql}) % 4 = 0 AND (YEAR({sql}) % 100 <> 0 OR YEAR({sql}) % 400 = 0)) \
         WHEN 4 THEN 30 WHEN 6 THEN 30 WHEN 9 THEN 30 WHEN 11 THEN 30 ELSE 31 END)"
    )
}

/// `-838:59:59.000000`
fn is_time(text: &str) -> bool {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts: Vec<&str> = clock.strip_prefix('-').unwrap_or(clock).split(':').collect();
    let in_hour = |text: &str| digits(text, 2, 2) && text < "60";
    let clock = matches!(parts.as_slice(), [hours, minutes, seconds] if digits(hours, 2, 3) && in_hour(minutes) && in_hour(seconds));
    clock && fraction.is_none_or(|fraction| digits(fraction, 1, 6))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_times_and_uuids_are_known() {
        for time in ["00:00:00", "-838:59:59", "23:59:59.5", "12:00:00.000000"] {
            assert!(is_time(time), "{time}");
        }
        for none in
            ["", "1:00:00", "00:60:00", "00:00", "00:00:00.", "00:00:00.0000000", "0'0:00:00", "00:00:99"]
        {
            assert!(!is_time(none), "{none}");
        }
        assert!(is_uuid("6b29fc40-ca47-1067-b31d-00DD010662da"));
        assert!(!is_uuid("6b29fc40-ca47-1067-b31d-00dd010662d'"));
        assert!(!is_uuid("6b29fc40ca471067b31d00dd010662da"));
    }

    #[test]
    fn moments_lose_the_digits_that_a_column_has_not() {
        assert_eq!(at_places(1_999_999, 0), 1_000_000);
        assert_eq!(at_places(-1, 0), -1_000_000);
        assert_eq!(at_places(-1_999_999, 3), -2_000_000);
        assert_eq!(at_places(i64::MAX, 6), i64::MAX);
    }
}
