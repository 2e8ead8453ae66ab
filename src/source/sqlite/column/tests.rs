//! Decisions and decoders, against SQLite itself where it has an opinion.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use arrow_schema::Schema;
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use super::*;
use crate::catalog::Verdict;
use crate::source::kit::batch::Batch;
use crate::source::kit::column::REPAIR_HINT;
use crate::spec::{NumericPolicy, TypePolicy};

fn column(declared: &str) -> Column<'_> {
    Column {
        name: "c",
        ordinal: 0,
        declared,
        never_null: false,
        enforced: false,
        binary_collation: true,
        untyped: needs_first_value(declared, false),
        first_class: None,
    }
}

fn chosen(declared: &str) -> Choice {
    choose(&column(declared), &TypePolicy::default(), false)
}

/// The array of these values, or the message of the first misfit.
fn decode(choice: &Choice, values: &[Value]) -> Result<ArrayRef, String> {
    let decoder = choice.codec.decoder(&choice.field, 8).unwrap();
    let schema = Arc::new(Schema::new(vec![choice.field.clone()]));
    let mut batch = Batch::<Stored>::new(schema, vec![decoder], 8);
    for value in values {
        let value = Some(ValueRef::from(value)).filter(|value| *value != ValueRef::Null);
        batch.append(0, value).map_err(|bad| bad.what)?;
        batch.end_row();
    }
    let array = batch.finish().unwrap().column(0).clone();
    assert_eq!(array.data_type(), choice.field.data_type());
    Ok(array)
}

fn decimal(declared: &str, value: Value) -> Result<i128, String> {
    decode(&chosen(declared), &[value]).map(|a| a.as_primitive::<Decimal128Type>().value(0))
}

fn text(choice: &Choice, value: Value) -> Result<String, String> {
    decode(choice, &[value]).map(|a| a.as_string::<i32>().value(0).to_owned())
}

#[test]
fn declared_types_follow_the_table() {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    for (declared, data_type, codec) in [
        ("boolean", DataType::Boolean, Codec::Boolean),
        ("DATE", DataType::Date32, Codec::Date),
        ("time", DataType::Time64(TimeUnit::Microsecond), Codec::Time),
        ("DateTime", micros(None), Codec::Timestamp),
        ("timestamp(6)", micros(None), Codec::Timestamp),
        ("TIMESTAMP (6)  with time\nzone", micros(Some("UTC")), Codec::Timestamp),
        ("DECIMAL(15, 2)", DataType::Decimal128(15, 2), Codec::Decimal),
        ("number(5)", DataType::Decimal128(5, 0), Codec::Decimal),
        ("NUMERIC(39,2)", DataType::Utf8, Codec::AnyText),
        ("NUMERIC(5,-2)", DataType::Utf8, Codec::AnyText),
        ("NUMERIC", DataType::Utf8, Codec::AnyText),
        ("json", DataType::Utf8, Codec::Json),
        ("INTEGER", DataType::Int64, Codec::Integer),
        ("UNSIGNED BIG INT", DataType::Int64, Codec::Integer),
        ("POINT", DataType::Int64, Codec::Integer),
        ("CHARACTER(20)", DataType::Utf8, Codec::Text),
        ("native character varying", DataType::Utf8, Codec::Text),
        ("LONGTEXT", DataType::Utf8, Codec::Text),
        ("BLOB", DataType::Binary, Codec::Bytes),
        ("DOUBLE PRECISION", DataType::Float64, Codec::Real),
        ("float(24)", DataType::Float64, Codec::Real),
        ("STRING", DataType::Utf8, Codec::AnyText),
        ("UUID", DataType::Utf8, Codec::AnyText),
        ("", DataType::Utf8, Codec::Text),
    ] {
        let choice = chosen(declared);
        assert_eq!((choice.field.data_type(), choice.codec), (&data_type, codec), "{declared}");
        assert_eq!(choice.verdict == Verdict::Text, codec == Codec::AnyText, "{declared}");
        assert!(!choice.comparable, "{declared}: anything may be in it");
        decode(&choice, &[Value::Null]).unwrap();
    }
}

#[test]
fn what_sqlite_enforces_is_comparable() {
    let strict = |declared| Column { enforced: true, ..column(declared) };
    let comparable = |column: &Column<'_>| choose(column, &TypePolicy::default(), false).comparable;
    assert!(comparable(&strict("INT")) && comparable(&strict("TEXT")));
    assert!(!comparable(&Column { binary_collation: false, ..strict("TEXT") }));
    let any = Column { untyped: true, first_class: Some(StorageClass::Integer), ..strict("ANY") };
    assert!(!comparable(&any) && !comparable(&strict("REAL")));
    assert!(!choose(&strict("INT"), &TypePolicy::default(), true).comparable, "as text");
}

#[test]
fn untyped_columns_take_the_type_of_their_first_value() {
    for (class, data_type) in [
        (StorageClass::Integer, DataType::Int64),
        (StorageClass::Real, DataType::Float64),
        (StorageClass::Text, DataType::Utf8),
        (StorageClass::Blob, DataType::Binary),
    ] {
        let untyped = Column { first_class: Some(class), ..column("") };
        assert_eq!(choose(&untyped, &TypePolicy::default(), false).field.data_type(), &data_type);
    }
}

#[test]
fn policies_for_numbers_without_precision() {
    let with = |numeric| choose(&column("NUMERIC"), &TypePolicy { numeric, ..TypePolicy::default() }, false);
    let kept = with(NumericPolicy::Decimal(10, 3));
    assert_eq!(decode(&kept, &[Value::Real(1.5)]).unwrap().as_primitive::<Decimal128Type>().value(0), 1500);
    let double = with(NumericPolicy::Double);
    let array = decode(&double, &[Value::Integer(i64::MAX)]).unwrap();
    assert_eq!(array.as_primitive::<Float64Type>().value(0), i64::MAX as f64);
    assert_eq!(with(NumericPolicy::Decimal(76, 3)).verdict, Verdict::Text);
}

#[test]
fn misfits_are_named() {
    let blob = Value::Blob(vec![1, 2]);
    for (declared, value, message) in [
        ("INTEGER", Value::Text("abc".into()), "TEXT 'abc' is not an integer"),
        ("INTEGER", Value::Real(1.5), "REAL 1.5 is not an integer"),
        ("BOOLEAN", Value::Integer(2), "INTEGER 2 is not 0 or 1"),
        ("BOOLEAN", Value::Text("true".into()), "TEXT 'true' is not 0 or 1"),
        ("REAL", Value::Integer((1 << 53) + 1), "is not a number that a double holds exactly"),
        ("REAL", Value::Text("x".into()), "TEXT 'x' is not a number"),
        ("TEXT", blob.clone(), "BLOB of 2 bytes is not text"),
        ("BLOB", Value::Text("x".into()), "TEXT 'x' is not a BLOB"),
        ("DATE", Value::Integer(19_000), "INTEGER 19000 is not a date"),
        ("DATE", Value::Text("2024-01-01 00:00:00".into()), "is not a date"),
        ("DATETIME", Value::Real(2_460_000.5), "REAL 2460000.5 is not a timestamp"),
        ("DATETIME", Value::Text("2024-01-01".into()), "is not a timestamp"),
        ("TIMESTAMP", Value::Text("2024-01-01 00:00:00+01:00".into()), "without an offset"),
        ("TIMESTAMPTZ", Value::Text("2024-01-01 00:00:00".into()), "with Z or an offset"),
        ("TIME", Value::Text("24:00:00".into()), "is not a time"),
        ("DECIMAL(5,2)", Value::Real(0.125), "REAL 0.125 is not a decimal(5,2)"),
        ("JSON", Value::Real(f64::INFINITY), "REAL Inf is not text or a number"),
        ("STRING", blob, "BLOB of 2 bytes is not text or a number"),
    ] {
        let got = decode(&chosen(declared), &[value]).unwrap_err();
        assert!(got.contains(message), "{declared}: {got}");
    }
    let required = choose(&Column { never_null: true, ..column("TEXT") }, &TypePolicy::default(), false);
    assert!(decode(&required, &[Value::Null]).unwrap_err().contains("NOT NULL"));
    let mut decoder = chosen("TEXT").codec.decoder(&chosen("TEXT").field, 1).unwrap();
    let bad = decoder.append(ValueRef::Text(b"a\xff")).unwrap_err();
    assert!(bad.what.contains("UTF-8") && bad.hint == REPAIR_HINT);
}

#[test]
fn reals_in_decimal_columns_are_what_their_shortest_text_says() {
    let real = |declared, v| decimal(declared, Value::Real(v));
    assert_eq!(real("DECIMAL(15,2)", 901.0), Ok(90_100));
    assert_eq!(
        real("DECIMAL(15,2)", 0.1 + 0.2).unwrap_err(),
        "REAL 0.30000000000000004 is not a decimal(15,2)"
    );
    assert_eq!(real("DECIMAL(17,17)", 0.1 + 0.2), Ok(30_000_000_000_000_004));
    assert_eq!(real("DECIMAL(15,2)", 9_999_999_999_999.99), Ok(999_999_999_999_999));
    assert_eq!(real("DECIMAL(18,2)", 1_234_567_890_123_456.8), Ok(123_456_789_012_345_680));
    assert_eq!(real("DECIMAL(38,0)", 1e37), Ok(10_i128.pow(37)));
    assert!(real("DECIMAL(38,0)", 1e38).is_err() && real("DECIMAL(3,1)", 100.0).is_err());
    assert!(real("DECIMAL(38,10)", f64::INFINITY).is_err() && real("DECIMAL(38,38)", 5e-324).is_err());
    assert_eq!(real("DECIMAL(38,30)", 1e-30), Ok(1));
    assert_eq!(real("DECIMAL(15,2)", -0.0), Ok(0));
    assert_eq!(
        decimal("DECIMAL(38,19)", Value::Integer(i64::MIN)),
        Ok(i128::from(i64::MIN) * 10_i128.pow(19))
    );
    assert!(decimal("DECIMAL(38,20)", Value::Integer(i64::MIN)).is_err());
}

#[test]
fn texts_in_decimal_columns_are_exact_or_refused() {
    let of = |text: &str| decimal("DECIMAL(20,4)", Value::Text(text.into())).ok();
    for (text, scaled) in [
        ("0012.50", 125_000),
        ("-.5", -5_000),
        ("5.", 50_000),
        ("+1e3", 10_000_000),
        ("12.3400000000000", 123_400),
        ("0e99999", 0),
        ("1234567890123456.7891", 12_345_678_901_234_567_891),
        ("100e-2", 10_000),
    ] {
        assert_eq!(of(text), Some(scaled), "{text}");
    }
    for text in ["", ".", "-", "1.00001", "1e17", "12a", "1e", "1e9999999999", " 1", "0x10", "1_0", "Inf"] {
        assert_eq!(of(text), None, "{text}");
    }
}

#[test]
fn cast_keeps_everything_as_text() {
    let choice = choose(&column("DATE"), &TypePolicy::default(), true);
    assert_eq!(text(&choice, Value::Integer(i64::MIN)).unwrap(), "-9223372036854775808");
    assert_eq!(text(&choice, Value::Blob(vec![0, 0xAB])).unwrap(), "X'00AB'");
    assert_eq!(text(&choice, Value::Text("soon".into())).unwrap(), "soon");
    assert_eq!(text(&choice, Value::Real(0.1 + 0.2)).unwrap(), "0.30000000000000004");
    assert_eq!(choice.verdict, Verdict::Text);
    let integers = decode(&chosen("INT"), &[Value::Integer(1), Value::Null]).unwrap();
    assert_eq!((integers.as_primitive::<Int64Type>().value(0), integers.null_count()), (1, 1));
}

/// SQLite's text of a double with 15 digits, which CAST gave before 3.53; since then it gives 17.
fn cast(connection: &Connection, value: f64) -> String {
    connection.query_row("SELECT printf('%!.15g', ?1)", [value], |row| row.get(0)).unwrap()
}

proptest! {
    #[test]
    fn reals_are_written_as_sqlite_does_where_that_is_exact(digits in -999_999_999_999_999_i64..999_999_999_999_999, shift in -25_i32..25) {
        let connection = Connection::open_in_memory().unwrap();
        let value: f64 = format!("{digits}e{shift}").parse().unwrap();
        prop_assert_eq!(decode::real(value), cast(&connection, value));
    }

    #[test]
    fn reals_are_read_back_as_the_same(value in any::<f64>().prop_filter("a number", |v| v.is_finite())) {
        prop_assert_eq!(decode::real(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
    }

    #[test]
    fn the_fast_way_to_a_decimal_is_the_exact_way(units in -2_000_000_000_000_000_i64..2_000_000_000_000_000, places in 0_i8..10, nudge in -1_i64..2) {
        let value: f64 = format!("{units}e-{places}").parse().unwrap();
        let value = f64::from_bits(value.to_bits().wrapping_add_signed(nudge));
        prop_assume!(value.is_finite());
        let declared = format!("DECIMAL(17,{places})");
        let by_text = decimal(&declared, Value::Text(format!("{value:e}"))).ok();
        prop_assert_eq!(decimal(&declared, Value::Real(value)).ok(), by_text);
    }
}

#[test]
fn edges_of_the_plain_notation() {
    let connection = Connection::open_in_memory().unwrap();
    for value in [
        0.0,
        1.0,
        -1.5,
        1e14,
        999_999_999_999_999.0,
        1e15,
        1e16,
        0.0001,
        0.00001,
        1e100,
        1e-100,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ] {
        assert_eq!(decode::real(value), cast(&connection, value));
    }
}
