//! Columns that are no columns of the files but `key=value` directories.

use arrow_schema::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use percent_encoding::percent_decode_str;

use crate::spec::layout::{HIVE_NULL, is_hive};

/// Digits that a decimal may have.
const MOST_DIGITS: u8 = 38;

/// A directory's key, and its value; none for NULL.
pub(super) type Key = (String, Option<String>);

/// The keys of the `key=value` directories among those of a path, in their order, `%XX` decoded.
pub(super) fn of_directories<'a>(directories: impl Iterator<Item = &'a str>) -> Vec<Key> {
    let pairs = directories.filter(|name| is_hive(name)).filter_map(|name| name.split_once('='));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let value = |text: &str| (text != HIVE_NULL).then(|| decoded(text));
    pairs.map(|(key, text)| (decoded(key), value(text))).collect()
}

/// The type of a key by its values: whole numbers, decimals, dates, timestamps, booleans, or text.
pub(super) fn type_of<'a>(values: impl Iterator<Item = &'a str> + Clone) -> DataType {
    if values.clone().next().is_none() {
        // NULLs only: what they are compared with decides.
        return DataType::Null;
    }
    let all = |is: fn(&str) -> bool| values.clone().all(is);
    if all(|text| text.parse::<i64>().is_ok() && !text.starts_with('+')) {
        return DataType::Int64;
    }
    if let Some(decimal) = decimal(values.clone()) {
        return decimal;
    }
    let typed = [
        (is_date as fn(&str) -> bool, DataType::Date32),
        (is_timestamp, DataType::Timestamp(TimeUnit::Microsecond, None)),
        (|text| matches!(text, "true" | "false"), DataType::Boolean),
    ];
    let found = typed.into_iter().find(|(is, data_type)| {
        // What looks like a date and is none is a text.
        all(*is) && values.clone().all(|text| value_of(Some(text), data_type).is_some())
    });
    found.map_or(DataType::Utf8, |(_, data_type)| data_type)
}

/// The type that a manifest names, if all values can be read as it and none is rounded. Keys without an order in conditions
/// are texts.
pub(super) fn declared<'a>(
    arrow_type: &str,
    mut values: impl Iterator<Item = &'a str> + Clone,
) -> Option<DataType> {
    let data_type = match arrow_type.parse().ok()? {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::FixedSizeBinary(_) => {
            return Some(DataType::Utf8);
        }
        other => other,
    };
    let exact = type_of(values.clone());
    let is_exact = |text| {
        let value = value_of(Some(text), &data_type)?.cast_to(&exact).ok()?;
        (value == value_of(Some(text), &exact)?).then_some(())
    };
    values.all(|text| is_exact(text).is_some()).then_some(data_type)
}

/// A directory's value as one of `data_type`; none if it is not.
pub(super) fn value_of(text: Option<&str>, data_type: &DataType) -> Option<ScalarValue> {
    match text {
        None => ScalarValue::try_from(data_type).ok(),
        Some(text) => {
            let value = ScalarValue::Utf8(Some(text.to_owned())).cast_to(data_type).ok()?;
            (!value.is_null()).then_some(value)
        }
    }
}

/// A decimal with room for all values; none if one is no number that is written with digits and a point.
fn decimal<'a>(values: impl Iterator<Item = &'a str>) -> Option<DataType> {
    let (mut whole, mut scale) = (1, 0);
    for text in values {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if before.is_empty() || !plain(before) || !plain(after) {
            return None;
        }
        whole = whole.max(before.len());
        scale = scale.max(after.len());
    }
    let precision = u8::try_from(whole + scale).ok().filter(|digits| *digits <= MOST_DIGITS)?;
    Some(DataType::Decimal128(precision, i8::try_from(scale).ok()?))
}

/// Whether a text has the form `0000-00-00`.
fn is_date(text: &str) -> bool {
    has_form(text, "0000-00-00")
}

/// Whether a text has the form `0000-00-00 00:00:00`, with digits of a second or without.
fn is_timestamp(text: &str) -> bool {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = fraction.len() <= 6 && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    digits && has_form(seconds, "0000-00-00 00:00:00")
}

fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(values: &[&str]) -> DataType {
        type_of(values.iter().copied())
    }

    #[test]
    fn keys_are_decoded_and_the_default_partition_is_null() {
        let path = "year=2024/region=a%2Fb%20c/empty=/n=__HIVE_DEFAULT_PARTITION__/_x=1/plain";
        let expected = [("year", Some("2024")), ("region", Some("a/b c")), ("empty", Some("")), ("n", None)];
        let expected: Vec<Key> =
            expected.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
        assert_eq!(of_directories(path.split('/')), expected);
    }

    #[test]
    fn declared_types_count_if_all_values_are_of_them() {
        let declared = |arrow_type: &str, values: &[&str]| declared(arrow_type, values.iter().copied());
        assert_eq!(declared("Utf8", &["007", "2024-01-31", "true"]), Some(DataType::Utf8));
        assert_eq!(declared("FixedSizeBinary(16)", &["0190a1b2"]), Some(DataType::Utf8));
        assert_eq!(declared("Int16", &["1", "-2"]), Some(DataType::Int16));
        assert_eq!(declared("Date32", &["2024-02-29"]), Some(DataType::Date32));
        let microseconds = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(declared(&microseconds.to_string(), &["2024-02-29 12:00:00.5"]), Some(microseconds));
        assert_eq!(declared("Decimal128(5, 2)", &["1.50", "-999.99"]), Some(DataType::Decimal128(5, 2)));
        assert_eq!(declared("Decimal128(5, 2)", &["12.505"]), None);
        assert_eq!(declared("Date32", &["2024-02-29 12:00:00"]), None);
        assert_eq!(declared("Date32", &["2024-02-30"]), None);
        assert_eq!(declared("Int16", &["40000"]), None);
        assert_eq!(declared("of another version", &["1"]), None);
    }

    #[test]
    fn types_are_those_that_all_values_have() {
        assert_eq!(typed(&["1", "-2", "03"]), DataType::Int64);
        assert_eq!(typed(&["1", "2.50"]), DataType::Decimal128(3, 2));
        assert_eq!(typed(&["9223372036854775808"]), DataType::Decimal128(19, 0));
        assert_eq!(typed(&["2024-01-31"]), DataType::Date32);
        assert_eq!(typed(&["2024-01-31", "2024-02-30"]), DataType::Utf8);
        assert_eq!(typed(&["2024-01-31 10:00:00.5"]), DataType::Timestamp(TimeUnit::Microsecond, None));
        assert_eq!(typed(&["true", "false"]), DataType::Boolean);
        assert_eq!(typed(&["true", "1"]), DataType::Utf8);
        assert_eq!(typed(&["+1"]), DataType::Utf8);
        assert_eq!(typed(&["1", "x"]), DataType::Utf8);
        assert_eq!(typed(&[]), DataType::Null);
    }

    #[test]
    fn values_are_of_their_type() {
        assert_eq!(value_of(Some("03"), &DataType::Int64), Some(ScalarValue::Int64(Some(3))));
        assert_eq!(value_of(None, &DataType::Int64), Some(ScalarValue::Int64(None)));
        assert_eq!(value_of(Some("x"), &DataType::Int64), None);
        assert_eq!(value_of(Some("1970-01-02"), &DataType::Date32), Some(ScalarValue::Date32(Some(1))));
    }
}
