//! Statistics of a file as the log has them: only what is exact, so that no reader leaves out a file that it needs.
//!
//! Texts are cut by no one here: the manifest has a bound only where the footer has all of it. Timestamps have milliseconds
//! in the log: the smallest is rounded down, the largest up. Floating point has none, for NaN has no place in an order that all
//! readers share.

use arrow_schema::DataType;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Number, Value, json};

use crate::manifest::{FileEntry, ManifestColumn};

/// `stats` of a file with these columns.
pub(super) fn of(entry: &FileEntry, columns: &[ManifestColumn]) -> String {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    for column in columns {
        // Columns inside of others are left out: their paths are joined by dots, which names may have too.
        let mut of_name = entry.columns.iter().filter(|stats| *stats.name == *column.name);
        let (Some(stats), None) = (of_name.next(), of_name.next()) else { continue };
        let Ok(data_type) = column.data_type() else { continue };
        if matches!(data_type, DataType::Struct(_) | DataType::List(_) | DataType::Map(_, _)) {
            continue;
        }
        let bound = |text: &Option<String>, up| text.as_deref().and_then(|text| value(&data_type, text, up));
        if let Some(value) = bound(&stats.min, false) {
            min.insert(column.name.clone(), value);
        }
        if let Some(value) = bound(&stats.max, true) {
            max.insert(column.name.clone(), value);
        }
        if let Some(count) = stats.nulls {
            nulls.insert(column.name.clone(), count.into());
        }
    }
    json!({"numRecords": entry.rows, "minValues": min, "maxValues": max, "nullCount": nulls}).to_string()
}

/// A bound as JSON; none where its meaning is not sure.
fn value(data_type: &DataType, text: &str, up: bool) -> Option<Value> {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            text.parse::<i64>().ok().map(Value::from)
        }
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => text.parse::<u32>().ok().map(Value::from),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(text.into()),
        // Dates of more than four digits have several spellings.
        DataType::Date32 => (text.len() == 10 && text.as_bytes()[4] == b'-').then(|| text.into()),
        DataType::Timestamp(_, zone) => timestamp(text, zone.is_some(), up).map(Value::from),
        // A number of JSON is read as a double by some: only what a double has exactly.
        DataType::Decimal128(precision, _) if *precision <= 15 => {
            text.parse().ok().and_then(Number::from_f64).map(Value::from)
        }
        _ => None,
    }
}

fn timestamp(text: &str, instant: bool, up: bool) -> Option<String> {
    let micros = text.trim_end_matches('Z').parse::<NaiveDateTime>().ok()?.and_utc().timestamp_micros();
    let millis = micros.div_euclid(1000) + i64::from(up && micros.rem_euclid(1000) != 0);
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(millis)?;
    let shown = at.format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    // Years of more than four digits have several spellings.
    (shown.len() == 23).then(|| if instant { shown + "Z" } else { shown })
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn bounds_hold_what_is_within() {
        let stamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        let of = |data_type: &DataType, text: &str, up| value(data_type, text, up);
        assert_eq!(of(&stamp, "2024-02-29T12:00:00.123456", false), Some(json!("2024-02-29T12:00:00.123")));
        assert_eq!(of(&stamp, "2024-02-29T12:00:00.123456", true), Some(json!("2024-02-29T12:00:00.124")));
        assert_eq!(of(&stamp, "2024-02-29T12:00:00", true), Some(json!("2024-02-29T12:00:00.000")));
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(
            of(&instant, "1969-12-31T23:59:59.999999Z", true),
            Some(json!("1970-01-01T00:00:00.000Z"))
        );
        assert_eq!(
            of(&instant, "1969-12-31T23:59:59.999999Z", false),
            Some(json!("1969-12-31T23:59:59.999Z"))
        );
        assert_eq!(of(&stamp, "9999-12-31T23:59:59.999999", true), None);
        assert_eq!(of(&DataType::Int64, "9223372036854775807", true), Some(json!(i64::MAX)));
        assert_eq!(of(&DataType::Decimal128(10, 2), "12.50", true), Some(json!(12.5)));
        assert_eq!(of(&DataType::Decimal128(38, 2), "12.50", true), None);
        assert_eq!(of(&DataType::Date32, "12024-02-29", true), None);
        assert_eq!(of(&DataType::Float64, "1", true), None);
        assert_eq!(of(&DataType::Utf8, "é", true), Some(json!("é")));
    }
}
