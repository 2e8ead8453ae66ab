//! The type contract.

use std::sync::Arc;

use arrow_schema::extension::{Json, Uuid};
use arrow_schema::{DataType, Field, TimeUnit};

use super::super::{Cast, Choice, Codec, PgColumn, PgElement, choose};
use super::{array_of, column};
use crate::catalog::Verdict;
use crate::spec::{NumericPolicy, SpecialValues, TypePolicy};

fn by_default(column: &PgColumn) -> Choice {
    choose(column, &TypePolicy::default(), false, 2)
}

fn numeric(precision: i32, scale: i32) -> PgColumn {
    let typmod = ((precision << 16) | (scale & 0x7ff)) + 4;
    PgColumn { typmod, ..column(1700, "numeric") }
}

fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, true)))
}

/// Exact types, and whether the server may compare them.
#[test]
fn natural_types() {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let cases = [
        (16, DataType::Boolean, true),
        (21, DataType::Int16, true),
        (23, DataType::Int32, true),
        (20, DataType::Int64, true),
        (700, DataType::Float32, false),
        (701, DataType::Float64, false),
        (25, DataType::Utf8, true),
        (1043, DataType::Utf8, true),
        (1042, DataType::Utf8, true),
        (19, DataType::Utf8, false),
        (114, DataType::Utf8, false),
        (3802, DataType::Utf8, false),
        (17, DataType::Binary, false),
        (2950, DataType::FixedSizeBinary(16), false),
        (1082, DataType::Date32, true),
        (1083, DataType::Time64(TimeUnit::Microsecond), false),
        (1114, micros(None), true),
        (1184, micros(Some("UTC")), true),
        (790, DataType::Decimal128(19, 2), false),
    ];
    for (oid, data_type, comparable) in cases {
        let choice = by_default(&column(oid, "t"));
        assert_eq!(choice.field.data_type(), &data_type, "{oid}");
        assert_eq!((choice.verdict, choice.comparable), (Verdict::Exact, comparable), "{oid}");
        assert!(!choice.field.is_nullable());
        assert!(choice.codec.decoder(&choice.field, 8, SpecialValues::Error).is_ok(), "{oid}");
    }
}

#[test]
fn an_interval_is_sent_as_numbers_whatever_the_style_of_the_session() {
    let choice = by_default(&column(1186, "interval"));
    assert_eq!((choice.field.data_type(), choice.verdict), (&DataType::Utf8, Verdict::Text));
    assert_eq!(choice.codec.select_expr("\"c\""), "\"c\"");
    assert_eq!(choice.codec.text_sql("\"c\""), "\"c\"::pg_catalog.text");
}

#[test]
fn other_types_are_the_servers_text() {
    // "char", tid, regproc, xml, int2vector, oidvector, inet, timetz, bit, xid8, pg_lsn, an extension's.
    for oid in [18, 27, 24, 142, 22, 30, 869, 1266, 1560, 5069, 3220, 16_999] {
        for typtype in ['b', 'c', 'r', 'm', 'p'] {
            let choice = by_default(&PgColumn { typtype, ..column(oid, "odd") });
            assert_eq!(choice.field.data_type(), &DataType::Utf8);
            let expected = match oid {
                16_999 => "CASE WHEN \"c\" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', \"c\") END",
                _ => "\"c\"::pg_catalog.text",
            };
            assert_eq!(choice.codec.select_expr("\"c\""), expected);
            assert_eq!(choice.codec.text_sql("\"c\""), expected);
            assert_eq!((choice.verdict, choice.comparable), (Verdict::Text, false));
            assert!(!choice.note.is_empty());
        }
    }
    let element = PgElement {
        type_oid: 21,
        typmod: -1,
        typtype: 'b',
        base_type_name: "int2".into(),
        fields: vec![],
        extension: None,
        delimiter: ',',
    };
    let vector = PgColumn { typcategory: 'A', element: Some(Box::new(element)), ..column(22, "int2vector") };
    assert_eq!(by_default(&vector).codec, Codec::CastText(Cast::Output));
}

#[test]
fn select_expressions() {
    let cases = [
        (column(23, "int4"), "\"c\""),
        (column(1042, "bpchar"), "\"c\""),
        (column(790, "money"), "\"c\""),
        (column(1700, "numeric"), "\"c\"::pg_catalog.text"),
        (numeric(10, 2), "\"c\""),
        (PgColumn { typtype: 'e', ..column(17_000, "mood") }, "\"c\""),
        (array_of(23, "int4", 1), "\"c\""),
        (array_of(1043, "varchar", 1), "\"c\""),
        (array_of(1042, "bpchar", 1), "\"c\""),
        (array_of(790, "money", 2), "\"c\""),
        (array_of(869, "inet", 1), "\"c\"::pg_catalog.text[]"),
        (array_of(1700, "numeric", 1), "\"c\"::pg_catalog.text[]"),
    ];
    for (column, expected) in cases {
        assert_eq!(by_default(&column).codec.select_expr("\"c\""), expected, "{column:?}");
    }
}

/// A cast of such an array may be its owner's: its text is parsed instead.
#[test]
fn arrays_that_are_not_built_in_go_through_their_text() {
    let own = |element_oid, delimiter, ndims| {
        let mut column = PgColumn { type_oid: 17_001, ..array_of(element_oid, "odd", ndims) };
        column.element.as_mut().unwrap().delimiter = delimiter;
        by_default(&column)
    };
    let text = "CASE WHEN \"c\" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', \"c\") END";
    // Of a range, and of a domain over inet, over an integer.
    for (element, expected) in [
        (17_000, format!("({text})::pg_catalog.text[]")),
        (869, format!("({text})::pg_catalog.text[]")),
        (23, "\"c\"".to_owned()),
    ] {
        for dimensions in [1, 3] {
            let choice = own(element, ',', dimensions);
            assert_eq!(choice.codec.select_expr("\"c\""), expected);
            assert_eq!(choice.codec.text_sql("\"c\""), text);
        }
    }
    // Not written with commas: by element, or whole.
    assert!(own(17_000, ':', 1).codec.select_expr("\"c\"").contains("pg_catalog.unnest(\"c\")"));
    assert_eq!(own(17_000, ':', 2).codec.select_expr("\"c\""), text);
    assert_eq!(own(603, ';', 2).field.data_type(), &DataType::Utf8);
}

#[test]
fn numerics() {
    let cases = [
        (12, 2, DataType::Decimal128(12, 2), Verdict::Exact),
        (38, 38, DataType::Decimal128(38, 38), Verdict::Exact),
        (39, 0, DataType::Decimal256(39, 0), Verdict::Exact),
        (76, 20, DataType::Decimal256(76, 20), Verdict::Exact),
        (77, 0, DataType::Utf8, Verdict::Text),
        (1000, 1000, DataType::Utf8, Verdict::Text),
        (5, -2, DataType::Decimal128(7, 0), Verdict::Widened),
        (38, -1, DataType::Decimal256(39, 0), Verdict::Widened),
        (5, -1000, DataType::Utf8, Verdict::Text),
        (3, 5, DataType::Decimal128(5, 5), Verdict::Widened),
        (3, 40, DataType::Decimal256(40, 40), Verdict::Widened),
        (3, 77, DataType::Utf8, Verdict::Text),
    ];
    for (precision, scale, data_type, verdict) in cases {
        let choice = by_default(&numeric(precision, scale));
        assert_eq!(choice.field.data_type(), &data_type, "numeric({precision},{scale})");
        assert_eq!(choice.verdict, verdict, "numeric({precision},{scale})");
        assert!(choice.codec.decoder(&choice.field, 8, SpecialValues::Error).is_ok());
    }
}

#[test]
fn numeric_without_precision_follows_the_policy() {
    let bare = column(1700, "numeric");
    let with = |numeric| choose(&bare, &TypePolicy { numeric, ..TypePolicy::default() }, false, 2);
    assert_eq!(with(NumericPolicy::Text).verdict, Verdict::Text);
    assert!(with(NumericPolicy::Text).note.contains("--numeric"));
    let double = with(NumericPolicy::Double);
    assert_eq!(double.field.data_type(), &DataType::Float64);
    assert_eq!(double.codec.select_expr("x"), "x::pg_catalog.float8");
    let decimal = with(NumericPolicy::Decimal(50, 10));
    assert_eq!(decimal.field.data_type(), &DataType::Decimal256(50, 10));
    assert_eq!(decimal.codec.select_expr("x"), "x");
    for (digits, places) in [(0, 0), (77, 0), (5, 6), (5, -1)] {
        assert_eq!(with(NumericPolicy::Decimal(digits, places)).field.data_type(), &DataType::Utf8);
    }
}

#[test]
fn special_values_as_null_need_a_nullable_field_and_our_own_comparison() {
    let policy = TypePolicy { special_values: SpecialValues::Null, ..TypePolicy::default() };
    for special in
        [column(1082, "date"), column(1114, "t"), column(1184, "t"), column(1083, "t"), numeric(9, 2)]
    {
        let choice = choose(&special, &policy, false, 2);
        assert!(choice.field.is_nullable() && !choice.comparable);
        assert!(choice.note.contains("NULL"), "{}", choice.note);
        assert!(by_default(&special).note.contains("refused"));
    }
    for ordinary in [column(23, "int4"), column(25, "text"), column(790, "money"), array_of(1082, "date", 1)]
    {
        assert!(!choose(&ordinary, &policy, false, 2).field.is_nullable());
    }
}

#[test]
fn metadata() {
    let choice = by_default(&PgColumn { type_name: "my_domain".into(), ..column(2950, "uuid") });
    assert_eq!(choice.field.metadata()["PARQUET:field_id"], "7");
    assert_eq!(choice.field.metadata()["lakexpress:source_type"], "my_domain");
    assert!(choice.field.try_extension_type::<Uuid>().is_ok());
    assert!(by_default(&column(3802, "jsonb")).field.try_extension_type::<Json>().is_ok());
    let choice = by_default(&array_of(2950, "uuid", 1));
    let DataType::List(element) = choice.field.data_type() else { panic!("{choice:?}") };
    assert!(element.try_extension_type::<Uuid>().is_ok());
    assert!(!element.metadata().contains_key("PARQUET:field_id"));
}

#[test]
fn arrays() {
    assert_eq!(by_default(&array_of(23, "int4", 0)).field.data_type(), &list(DataType::Int32));
    let deep = by_default(&array_of(23, "int4", 3));
    assert_eq!(deep.field.data_type(), &list(list(list(DataType::Int32))));
    assert!(deep.codec.decoder(&deep.field, 8, SpecialValues::Error).is_ok());
    let mut prices = array_of(1700, "numeric", 1);
    prices.element.as_mut().unwrap().typmod = numeric(10, 2).typmod;
    assert_eq!(by_default(&prices).field.data_type(), &list(DataType::Decimal128(10, 2)));
    let inet = by_default(&array_of(869, "inet", 1));
    assert_eq!((inet.verdict, inet.comparable), (Verdict::Text, false));
    assert_eq!(inet.field.data_type(), &list(DataType::Utf8));
    assert!(
        by_default(&array_of(23, "int4", i32::MAX))
            .codec
            .decoder(&deep.field, 8, SpecialValues::Error)
            .is_err()
    );
}

#[test]
fn the_user_can_have_text_of_everything() {
    for column in [column(23, "int4"), column(17, "bytea"), array_of(23, "int4", 2), column(1082, "date")] {
        let choice = choose(&column, &TypePolicy::default(), true, 2);
        assert_eq!(choice.field.data_type(), &DataType::Utf8);
        assert_eq!(choice.codec.select_expr("\"c\""), "\"c\"::pg_catalog.text");
        assert_eq!((choice.verdict, choice.comparable), (Verdict::Text, false));
    }
}

#[test]
fn nondeterministic_collations_are_compared_here() {
    let choice = by_default(&PgColumn { collation_deterministic: false, ..column(25, "text") });
    assert!(!choice.comparable);
}

#[test]
fn a_codec_travels_as_json() {
    let codec = by_default(&array_of(790, "money", 2)).codec;
    let json = serde_json::to_string(&codec).unwrap();
    assert_eq!(json, r#"{"list":{"depth":2,"element":"money"}}"#);
    assert_eq!(serde_json::from_str::<Codec>(&json).unwrap(), codec);
}
