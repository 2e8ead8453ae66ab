//! Kernels on the values that a server gave ([`values`]), and on what no server says.

mod values;

use std::slice::from_ref;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, IntervalMonthDayNanoArray, StringArray,
    new_null_array,
    types::{Decimal128Type, Float64Type, Int32Type, IntervalMonthDayNano},
};
use arrow_schema::DataType;

use super::super::super::kernel::Body;
use super::super::super::kind::Kind;
use super::*;

const PART_FIELDS: &[&str] = &[
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "week",
    "year",
];
/// Julian days of a timestamp have no end of digits.
fn extract_fields() -> impl Iterator<Item = &'static str> {
    PART_FIELDS.iter().copied().filter(|field| *field != "julian")
}
const UNITS: &[&str] =
    &["millisecond", "minute", "day", "week", "month", "quarter", "year", "decade", "century", "millennium"];

type Tried = Result<ArrayRef, arrow_schema::ArrowError>;

fn texts(value: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

/// A value of a type, of its text.
fn value(kind: &str, text: &str) -> Tried {
    match kind {
        "date" => text_to_date(&[texts(text)]),
        "time" => text_to_time(&[texts(text)]),
        "timestamp" => text_to_timestamp(&[texts(text)]),
        "timestamptz" => text_to_timestamptz(&[texts(text)]),
        "uuid" => text_to_uuid(&[texts(text)]),
        "int4" => Ok(Arc::new(Int32Array::from(vec![text.parse::<i32>().unwrap()]))),
        "float8" => Ok(Arc::new(Float64Array::from(vec![text.parse::<f64>().unwrap()]))),
        "interval" => {
            let (months, days, time) = interval(text, None).unwrap();
            let span = IntervalMonthDayNano::new(months, days, time * 1000);
            Ok(Arc::new(IntervalMonthDayNanoArray::from(vec![span])))
        }
        other => panic!("{other}"),
    }
}

/// A value as its text, as in [`values`].
fn shown(tried: Tried) -> String {
    let Ok(array) = tried else { return "error".to_owned() };
    let text = |body: Body| body(from_ref(&array)).unwrap().as_string::<i32>().value(0).to_owned();
    match array.data_type() {
        DataType::Date32 => text(date_to_text),
        DataType::Time64(_) => text(time_to_text),
        DataType::Timestamp(_, None) => text(timestamp_to_text),
        DataType::Timestamp(_, Some(_)) => text(timestamptz_to_text),
        DataType::FixedSizeBinary(_) => text(uuid_to_text),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(0).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(0),
        other => panic!("{other}"),
    }
}

/// The rows of a table, in fields.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.trim_matches('\n').split('\n').map(|line| line.split('|').collect())
}

fn function(name: &str, kinds: &[Kind]) -> Body {
    FUNCTIONS.iter().find(|f| f.name == name && f.arguments == kinds).expect(name).body
}

#[test]
fn texts_are_read_as_the_server_reads_them() {
    for row in rows(values::READ) {
        for (kind, want) in ["date", "time", "timestamp", "timestamptz"].iter().zip(&row[1..]) {
            assert_eq!(shown(value(kind, row[0])), *want, "{:?} as {kind}", row[0]);
        }
    }
    for row in rows(values::UUIDS) {
        assert_eq!(shown(value("uuid", row[0])), row[1], "{:?}", row[0]);
    }
}

#[test]
fn what_is_not_read_is_named_with_its_remedy() {
    let says = |kind, text: &str| value(kind, text).unwrap_err().to_string();
    for text in
        ["29 Feb 2024", "today", "infinity", "02/29/2024", "24-02-29", "2024-060", "2024-02-29 12", ""]
    {
        assert!(says("date", text).contains("write it as YYYY-MM-DD"), "{text}");
        let full = says("timestamp", text);
        assert!(full.contains("write it as YYYY-MM-DD HH:MM:SS"), "{full}");
    }
    for text in ["1234", "noon", "12", "allballs", "12:34:56.", "12:34 EST", "012:34"] {
        assert!(says("time", text).contains("write it as HH:MM:SS"), "{text}");
    }
    // A zone that is named needs its table, and one digit of minutes means two things to two readers.
    for text in ["2024-02-29 12:34 Europe/Paris", "2024-02-29 12:34+02:3", "2024-02-29 12:34+230"] {
        assert!(says("timestamptz", text).contains("write it as"), "{text}");
    }
    assert!(says("date", "2023-02-29").contains("\"2023-02-29\" is not a date: a field is out of range"));
    assert!(says("date", "5874898-01-01").contains("date out of range"));
    // The last timestamps that PostgreSQL has are beyond those of Arrow.
    assert!(says("timestamp", "294276-12-31").contains("timestamp out of range"));
    let long = says("date", &"\u{e4}".repeat(50));
    assert!(long.contains(&format!("\"{}...\"", "\u{e4}".repeat(40))), "{long}");
    assert!(says("uuid", "x").contains("\"x\" is not a uuid"));
}

#[test]
fn casts() {
    for row in rows(values::CASTS) {
        let at = value("timestamp", row[0]).unwrap();
        let date = timestamp_to_date(from_ref(&at)).unwrap();
        let time = timestamp_to_time(from_ref(&at)).unwrap();
        let zoned = timestamp_to_timestamptz(from_ref(&at)).unwrap();
        let part = |name: &str, kind, of: &ArrayRef| {
            let got = function("date_part", &[Text, kind])(&[texts(name), of.clone()]).unwrap();
            got.as_primitive::<Float64Type>().value(0)
        };
        let taken =
            |name: &str, kind, of: &ArrayRef| shown(extract(name, kind).unwrap().1.body(from_ref(of)));
        let got = [
            shown(Ok(at.clone())),
            shown(Ok(date.clone())),
            shown(Ok(time.clone())),
            shown(Ok(zoned.clone())),
            shown(date_to_timestamp(from_ref(&date))),
            shown(Ok(rounded_time(&time, 0))),
            shown(Ok(rounded_time(&time, 3))),
            taken("epoch", Date, &date),
            taken("julian", Date, &date),
            taken("epoch", Time, &time),
        ];
        assert_eq!(got.to_vec(), row[..got.len()]);
        let floats: Vec<f64> = row[got.len()..].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!([part("epoch", Time, &time), part("hour", Date, &date)].to_vec(), floats);
        // Both kinds of timestamps are one count.
        assert_eq!(&timestamptz_to_timestamp(from_ref(&zoned)).unwrap(), &at);
        assert_eq!(&timestamptz_to_date(from_ref(&zoned)).unwrap(), &date);
        assert_eq!(&timestamptz_to_time(&[zoned]).unwrap(), &time);
        assert_eq!(&date_to_timestamp(from_ref(&date)).unwrap(), &date_as_timestamp(&[date]).unwrap());
    }
    let last = value("date", "5874897-12-31").unwrap();
    assert!(date_to_timestamp(from_ref(&last)).is_err() && date_to_timestamptz(from_ref(&last)).is_err());
    assert_eq!(shown(date_as_timestamp(&[last])), "294247-01-10 04:00:54.775807");
}

#[test]
fn fields() {
    for row in rows(values::PARTS) {
        let (at, zoned) = (value("timestamp", row[0]).unwrap(), value("timestamptz", row[0]).unwrap());
        let of_zoned = function("date_part", &[Text, Timestamptz]);
        for (field, want) in PART_FIELDS.iter().zip(&row[1..]) {
            let want: f64 = want.parse().unwrap();
            for (body, at) in [(parts::of_timestamp as Body, &at), (of_zoned, &zoned)] {
                let got = body(&[texts(&field.to_uppercase()), at.clone()]).unwrap();
                assert_eq!(got.as_primitive::<Float64Type>().value(0), want, "{field} of {}", row[0]);
            }
        }
    }
    for row in rows(values::EXTRACTS) {
        let (at, zoned) = (value("timestamp", row[0]).unwrap(), value("timestamptz", row[0]).unwrap());
        for (field, want) in extract_fields().zip(&row[1..]) {
            for (kind, at) in [(Timestamp, &at), (Timestamptz, &zoned)] {
                let (result, taken) = extract(field, kind).unwrap();
                let got = taken.body(from_ref(at)).unwrap();
                assert_eq!(Some(got.data_type()), result.arrow().as_ref());
                assert_eq!(shown(Ok(got)), *want, "{field} of {}", row[0]);
            }
        }
    }
    for row in rows(values::TRUNCATED) {
        let at = value("timestamp", row[0]).unwrap();
        for (unit, want) in UNITS.iter().zip(&row[1..]) {
            let got = shown(trunc::timestamp(&[texts(unit), at.clone()]));
            assert_eq!(got, *want, "{unit} of {}", row[0]);
        }
    }
}

#[test]
fn fields_that_a_type_lacks_are_errors() {
    for (kind, field) in [
        (Date, "hour"),
        (Time, "day"),
        (Timestamp, "timezone"),
        (Timestamp, "julian"),
        (Timestamptz, "fortnight"),
        (Int4, "day"),
    ] {
        let why = extract(field, kind).err().expect(field);
        assert!(why.contains(field), "{why}");
    }
    let (time, at) = (value("time", "12:34").unwrap(), value("timestamp", "2024-02-29").unwrap());
    let why = parts::of_time(&[texts("day"), time]).unwrap_err().to_string();
    assert!(why.contains("a time has no field \"day\""), "{why}");
    let why = trunc::timestamp(&[texts("epoch"), at]).unwrap_err().to_string();
    assert!(why.contains("\"epoch\""), "{why}");
    // UTC is UTC, at any time.
    let zoned = value("timestamptz", "2024-02-29 12:34+00").unwrap();
    for field in ["timezone", "timezone_hour", "timezone_minute"] {
        assert_eq!(shown(extract(field, Timestamptz).unwrap().1.body(from_ref(&zoned))), "0");
    }
}

#[test]
fn sums() {
    for row in rows(values::SUMS) {
        // `date '2024-02-28' + 2`
        let (left, rest) = row[0].split_once("' ").unwrap();
        let (sign, right) = rest.split_once(' ').unwrap();
        let split = |text: &'static str| text.split_once(" '").unwrap_or(("int4", text));
        let ((left, a), (right, b)) = (split(left), split(right.trim_end_matches('\'')));
        let body: Body = match (left, sign, right) {
            ("date", "+", "int4") => date_add_int,
            ("date", "-", "int4") => date_sub_int,
            ("date", "-", "date") => date_sub_date,
            ("date", "+", "time") => date_add_time,
            ("date", "+", _) => date_add_interval,
            ("date", "-", _) => date_sub_interval,
            ("time", "+", _) => time_add_interval,
            ("time", "-", _) => time_sub_interval,
            ("timestamp", "+", _) => timestamp_add_interval,
            ("timestamp", "-", _) => timestamp_sub_interval,
            ("timestamptz", "+", _) => timestamptz_add_interval,
            _ => timestamptz_sub_interval,
        };
        let got = shown(body(&[value(left, a).unwrap(), value(right, b).unwrap()]));
        assert_eq!(got, row[1], "{}", row[0]);
    }
}

#[test]
fn made_of_numbers() {
    for row in rows(values::MADE) {
        let (name, arguments) = row[0].trim_end_matches(')').split_once('(').unwrap();
        let function = FUNCTIONS.iter().find(|f| f.name == name).unwrap();
        let numbers = function.arguments.iter().zip(arguments.split(", "));
        let columns: Vec<ArrayRef> = numbers
            .map(|(kind, text)| value(if *kind == Float8 { "float8" } else { "int4" }, text).unwrap())
            .collect();
        assert_eq!(shown((function.body)(&columns)), row[1], "{}", row[0]);
    }
    assert!(make::to_timestamp(&[value("float8", "NaN").unwrap()]).is_err());
    assert!(make::to_timestamp(&[value("float8", "inf").unwrap()]).is_err());
}

#[test]
fn intervals() {
    for row in rows(values::INTERVALS) {
        let got = interval(row[0], None).map(|(months, days, time)| format!("{months} {days} {time}"));
        assert_eq!(got.unwrap_or("error".to_owned()), row[1], "{}", row[0]);
    }
    assert_eq!(interval("90", Some("day")), Ok((0, 90, 0)));
    assert_eq!(interval(" -7 ", Some("MONTH")), Ok((-7, 0, 0)));
    assert_eq!(interval("1.5", Some("second")), Ok((0, 0, 1_500_000)));
    // The server forgets the half hour of the first, and takes the unit of the second as a column's name.
    for (text, unit) in
        [("1.5", "hour"), ("90", "days"), ("1", "week"), ("1 day", "day"), ("1", "year to month")]
    {
        assert!(interval(text, Some(unit)).is_err(), "{text} {unit}");
    }
    // Read by no version, or not by all alike, or not exactly.
    for text in [
        "",
        "day",
        "1 quarter",
        "1 day 2 days",
        "1 hour 02:00",
        "1.5 sec 3 ms",
        "1 day ago",
        "1 day 5",
        "1-2",
        "0.7 year",
        "0.5 us",
        "1.1 century",
        "PT",
        "P",
        "P1DT",
        "PT1.5H",
        "P+1D",
        "P1D1D",
        "P1M1Y",
        "1e3 days",
        "1:60",
        "1:00:60",
        "@ 1 day",
        "5.",
        "infinity",
    ] {
        let why = interval(text, None).expect_err(text);
        assert!(why.contains("is not read as an interval: "), "{why}");
    }
}

#[test]
fn null_gives_null_and_no_rows_give_none() {
    for function in FUNCTIONS {
        for rows in [0, 2] {
            let types = function.arguments.iter().map(|kind| kind.arrow().unwrap());
            let columns: Vec<ArrayRef> = types.map(|of| new_null_array(&of, rows)).collect();
            let got = (function.body)(&columns).unwrap();
            assert_eq!((got.len(), got.null_count()), (rows, rows), "{}", function.name);
            assert_eq!(Some(got.data_type()), function.result.arrow().as_ref(), "{}", function.name);
        }
    }
    // An unknown field of NULL is not looked at, as the server's strict functions do not.
    let nothing = new_null_array(&Timestamp.arrow().unwrap(), 1);
    assert_eq!(parts::of_timestamp(&[texts("fortnight"), nothing.clone()]).unwrap().null_count(), 1);
    assert_eq!(timestamp_to_text(&[nothing]).unwrap().null_count(), 1);
    let span = new_null_array(&Kind::Interval.arrow().unwrap(), 1);
    let day = value("date", "2024-02-29").unwrap();
    assert_eq!(date_add_interval(&[day, span]).unwrap().null_count(), 1);
    assert_eq!(text_to_uuid(&[new_null_array(&DataType::Utf8, 1)]).unwrap().null_count(), 1);
}

#[test]
fn every_day_follows_the_one_before() {
    use super::calendar::{Civil, FIRST_DAY, civil, days_in, number_of};
    let spans = [FIRST_DAY..FIRST_DAY + 150_000, -800_000..200_000, 2_144_900_000..2_145_042_906];
    for span in spans {
        let mut before = civil(span.start - 1);
        for number in span {
            let day = civil(number);
            let Civil { year, month, day: last } = before;
            let want = if last < days_in(year, month) {
                Civil { year, month, day: last + 1 }
            } else if month < 12 {
                Civil { year, month: month + 1, day: 1 }
            } else {
                Civil { year: year + 1, month: 1, day: 1 }
            };
            assert_eq!(day, want);
            assert_eq!(number_of(day), number);
            before = day;
        }
    }
}
