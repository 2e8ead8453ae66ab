//! Composite types.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use arrow_schema::{DataType, Field};

use super::super::{Codec, CompositeField, PgColumn, choose};
use super::{column, decode_all};
use crate::catalog::Verdict;
use crate::spec::{SpecialValues, TypePolicy};

fn composite(fields: Vec<PgColumn>) -> PgColumn {
    PgColumn { typtype: 'c', fields, ..column(70_000, "pair") }
}

fn named(name: &str, of: PgColumn) -> PgColumn {
    PgColumn { name: name.into(), ..of }
}

/// A record's binary form.
fn record(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = (values.len() as i32).to_be_bytes().to_vec();
    for value in values {
        bytes.extend(23_i32.to_be_bytes());
        bytes.extend(value.map_or(-1, |v| v.len() as i32).to_be_bytes());
        bytes.extend(value.unwrap_or_default());
    }
    bytes
}

#[test]
fn fields_that_must_be_cast_are_cast_one_by_one() {
    let policy = TypePolicy::default();
    let plain = composite(vec![named("a", column(23, "int4")), named("b \"q\"", column(25, "text"))]);
    let choice = choose(&plain, &policy, false, 2);
    assert_eq!(choice.codec.select_expr("\"c\""), "\"c\"");
    assert_eq!((choice.verdict, choice.comparable), (Verdict::Exact, false));
    let outer =
        composite(vec![named("p", plain), named("i", column(869, "inet")), named("m", column(790, "money"))]);
    let choice = choose(&outer, &policy, false, 2);
    assert_eq!(
        choice.codec.select_expr("\"c\""),
        "CASE WHEN \"c\" IS DISTINCT FROM NULL THEN \
         ROW((\"c\").\"p\", (\"c\").\"i\"::pg_catalog.text, (\"c\").\"m\") END"
    );
    assert_eq!(choice.verdict, Verdict::Text);
    assert!(choice.note.contains("i: inet"), "{}", choice.note);
    let further = composite(vec![named("o", outer)]);
    let sql = choose(&further, &policy, false, 2).codec.select_expr("t");
    assert!(
        sql.starts_with("CASE WHEN t IS DISTINCT FROM NULL THEN ROW(CASE WHEN (t).\"o\" IS DISTINCT"),
        "{sql}"
    );
}

#[test]
fn null_is_not_a_value_whose_fields_are_null() {
    let fields: Vec<CompositeField> = [("a", Codec::Int4), ("b", Codec::Text)]
        .map(|(name, codec)| CompositeField { name: name.into(), type_oid: 23, codec })
        .into();
    let data_type = DataType::Struct(
        vec![
            Arc::new(Field::new("a", DataType::Int32, true)),
            Arc::new(Field::new("b", DataType::Utf8, true)),
        ]
        .into(),
    );
    let codec = Codec::Composite { fields };
    let all = record(&[Some(&7_i32.to_be_bytes()), Some(b"x")]);
    let none = record(&[None, None]);
    let values = [Some(all.as_slice()), None, Some(none.as_slice())];
    let array = decode_all(&codec, &data_type, SpecialValues::Error, &values).unwrap();
    let array = array.as_struct();
    assert_eq!((0..3).map(|i| array.is_null(i)).collect::<Vec<_>>(), [false, true, false]);
    let numbers = array.column(0).as_primitive::<Int32Type>();
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(7), None, None]);

    let date = DataType::Struct(vec![Arc::new(Field::new("d", DataType::Date32, true))].into());
    let dates = Codec::Composite {
        fields: vec![CompositeField { name: "d".into(), type_oid: 23, codec: Codec::Date }],
    };
    let infinity = record(&[Some(&i32::MAX.to_be_bytes())]);
    let refused = decode_all(&dates, &date, SpecialValues::Error, &[Some(&infinity)]).unwrap_err();
    assert!(refused.what.contains("field d of a composite value: infinity"), "{}", refused.what);

    // Values of another type may have as many bytes.
    let mut altered = all.clone();
    altered[4..8].copy_from_slice(&700_i32.to_be_bytes());
    let refused = decode_all(&codec, &data_type, SpecialValues::Error, &[Some(&altered)]).unwrap_err();
    assert!(refused.what.contains("field a of a composite value has type 700"), "{}", refused.what);
    assert!(refused.hint.contains("altered"), "{}", refused.hint);

    let cut = &all[..all.len() - 1];
    let more = [all.as_slice(), b"y"].concat();
    let other = record(&[None]);
    let negative = [2_i32.to_be_bytes(), 23_i32.to_be_bytes(), (-5_i32).to_be_bytes()].concat();
    for wrong in [cut, more.as_slice(), other.as_slice(), negative.as_slice(), b"", b"\0\0\0\x02"] {
        assert!(decode_all(&codec, &data_type, SpecialValues::Error, &[Some(wrong)]).is_err(), "{wrong:?}");
    }
}
