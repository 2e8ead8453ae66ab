//! Column statistics of a file as text, from its Parquet footer.
//!
//! | type | text |
//! |---|---|
//! | integers | `-7` |
//! | decimals | `12.50`, with all digits of the scale |
//! | dates | `2024-02-29` |
//! | timestamps | `2024-02-29T12:00:00.123456`, with `Z` when they are instants |
//! | text | the text, if neither shortened nor broken |
//! | UUID, boolean | `0190…`, `true` |
//! | floating point, binary, time, interval | none: NaN, order or spelling is not clear |

use arrow::datatypes::i256;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescriptor;

use crate::manifest::ColumnStats;

/// Statistics of every leaf column over all row groups. What is not sure is none.
pub fn column_stats(metadata: &ParquetMetaData) -> Vec<ColumnStats> {
    let schema = metadata.file_metadata().schema_descr();
    let leaf = |(i, column): (usize, &parquet::schema::types::ColumnDescPtr)| {
        let chunks = || metadata.row_groups().iter().map(|group| group.column(i));
        let (min, max) = range(column, chunks());
        // Inside a list the footer counts empty lists as NULLs too.
        let nulls = if column.max_rep_level() == 0 { nulls(chunks()) } else { None };
        ColumnStats { name: column.path().string().into(), min, max, nulls }
    };
    schema.columns().iter().enumerate().map(leaf).collect()
}

fn nulls<'a>(chunks: impl Iterator<Item = &'a ColumnChunkMetaData>) -> Option<u64> {
    chunks.map(|chunk| chunk.statistics().and_then(Statistics::null_count_opt)).sum()
}

/// A bound in the order of its column.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Bound {
    Int(i128),
    Wide(i256),
    Bytes(Vec<u8>),
}

fn range<'a>(
    column: &ColumnDescriptor,
    chunks: impl Iterator<Item = &'a ColumnChunkMetaData>,
) -> (Option<String>, Option<String>) {
    let (mut min, mut max): (Option<Bound>, Option<Bound>) = (None, None);
    let (mut min_known, mut max_known) = (true, true);
    for chunk in chunks {
        let Some(statistics) = chunk.statistics() else { return (None, None) };
        if statistics.null_count_opt() == u64::try_from(chunk.num_values()).ok() {
            continue;
        }
        let (low, high) = bounds(column, statistics);
        match low {
            Some(low) => min = Some(min.filter(|min| *min <= low).unwrap_or(low)),
            None => min_known = false,
        }
        match high {
            Some(high) => max = Some(max.filter(|max| *max >= high).unwrap_or(high)),
            None => max_known = false,
        }
    }
    let show = |bound: Option<Bound>, known: bool| bound.filter(|_| known).and_then(|b| text(column, &b));
    (show(min, min_known), show(max, max_known))
}

fn bounds(column: &ColumnDescriptor, statistics: &Statistics) -> (Option<Bound>, Option<Bound>) {
    fn both<T>(
        values: &ValueStatistics<T>,
        bound: impl Fn(&T) -> Option<Bound>,
    ) -> (Option<Bound>, Option<Bound>) {
        let low = values.min_opt().filter(|_| values.min_is_exact()).and_then(&bound);
        let high = values.max_opt().filter(|_| values.max_is_exact()).and_then(&bound);
        (low, high)
    }
    let unsigned = matches!(column.logical_type_ref(), Some(LogicalType::Integer(i)) if !i.is_signed);
    match statistics {
        Statistics::Boolean(values) => both(values, |v| Some(Bound::Int(i128::from(*v)))),
        Statistics::Int32(values) if unsigned => {
            both(values, |v| Some(Bound::Int(i128::from(v.cast_unsigned()))))
        }
        Statistics::Int32(values) => both(values, |v| Some(Bound::Int(i128::from(*v)))),
        Statistics::Int64(values) if unsigned => {
            both(values, |v| Some(Bound::Int(i128::from(v.cast_unsigned()))))
        }
        Statistics::Int64(values) => both(values, |v| Some(Bound::Int(i128::from(*v)))),
        Statistics::ByteArray(values) => both(values, |v| Some(Bound::Bytes(v.data().to_vec()))),
        Statistics::FixedLenByteArray(values) => match column.logical_type_ref() {
            Some(LogicalType::Decimal(_)) => both(values, |v| big_endian(v.data())),
            Some(LogicalType::Uuid) => both(values, |v| Some(Bound::Bytes(v.data().to_vec()))),
            _ => (None, None),
        },
        Statistics::Float(_) | Statistics::Double(_) | Statistics::Int96(_) => (None, None),
    }
}

/// A two's complement number of any width up to 32 bytes.
fn big_endian(bytes: &[u8]) -> Option<Bound> {
    let negative = bytes.first()? & 0x80 != 0;
    let mut wide = [if negative { 0xff } else { 0 }; 32];
    wide.get_mut(32usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(Bound::Wide(i256::from_be_bytes(wide)))
}

fn text(column: &ColumnDescriptor, bound: &Bound) -> Option<String> {
    match (bound, column.logical_type_ref()) {
        (Bound::Int(v), None | Some(LogicalType::Integer(_))) => match column.physical_type() {
            Type::BOOLEAN => Some((*v != 0).to_string()),
            _ => Some(v.to_string()),
        },
        (Bound::Int(v), Some(LogicalType::Decimal(d))) => decimal(&v.to_string(), d.scale),
        (Bound::Wide(v), Some(LogicalType::Decimal(d))) => decimal(&v.to_string(), d.scale),
        (Bound::Int(v), Some(LogicalType::Date)) => date(i64::try_from(*v).ok()?),
        (Bound::Int(v), Some(LogicalType::Timestamp(t))) => {
            timestamp(i64::try_from(*v).ok()?, &t.unit, t.is_adjusted_to_u_t_c)
        }
        (Bound::Bytes(v), Some(LogicalType::String | LogicalType::Json | LogicalType::Enum)) => {
            String::from_utf8(v.clone()).ok()
        }
        (Bound::Bytes(v), Some(LogicalType::Uuid)) => {
            uuid::Uuid::from_slice(v).ok().map(|id| id.hyphenated().to_string())
        }
        _ => None,
    }
}

/// `digits` with the point `scale` digits from the right.
fn decimal(digits: &str, scale: i32) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    if scale == 0 {
        return Some(format!("{sign}{digits}"));
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    Some(format!("{sign}{whole}.{fraction}"))
}

fn date(days: i64) -> Option<String> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let day = epoch.checked_add_signed(TimeDelta::try_days(days)?)?;
    Some(day.format("%Y-%m-%d").to_string())
}

fn timestamp(value: i64, unit: &TimeUnit, instant: bool) -> Option<String> {
    let moment: DateTime<Utc> = match unit {
        TimeUnit::MILLIS => DateTime::from_timestamp_millis(value)?,
        TimeUnit::MICROS => DateTime::from_timestamp_micros(value)?,
        TimeUnit::NANOS => DateTime::from_timestamp_nanos(value),
    };
    let zone = if instant { "Z" } else { "" };
    Some(format!("{}{zone}", moment.format("%Y-%m-%dT%H:%M:%S%.f")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        for (digits, scale, expected) in
            [("1250", 2, "12.50"), ("-5", 2, "-0.05"), ("0", 3, "0.000"), ("7", 0, "7"), ("-12", 0, "-12")]
        {
            assert_eq!(decimal(digits, scale).as_deref(), Some(expected));
        }
        assert_eq!(decimal("7", -2), None);
    }

    #[test]
    fn wide_numbers_have_a_sign() {
        let wide = |bytes: &[u8]| match big_endian(bytes) {
            Some(Bound::Wide(v)) => v.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(wide(&[0xff]), "-1");
        assert_eq!(wide(&[0x7f, 0xff]), "32767");
        assert_eq!(wide(&[0x80, 0, 0]), "-8388608");
        assert_eq!(big_endian(&[0; 33]), None);
    }

    #[test]
    fn days_and_moments_are_iso() {
        assert_eq!(date(-719_162 - 366).as_deref(), Some("0000-01-01"));
        assert_eq!(date(19_782).as_deref(), Some("2024-02-29"));
        assert_eq!(timestamp(1, &TimeUnit::MICROS, true).as_deref(), Some("1970-01-01T00:00:00.000001Z"));
        assert_eq!(timestamp(-1_000_000, &TimeUnit::MICROS, false).as_deref(), Some("1969-12-31T23:59:59"));
        assert_eq!(timestamp(i64::MAX, &TimeUnit::MICROS, true), None);
    }
}
