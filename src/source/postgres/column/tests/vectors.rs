//! Vectors of pgvector.

use std::sync::Arc;

use arrow::array::types::Float32Type;
use arrow::array::{Array, AsArray};
use arrow_schema::{DataType, Field};

use super::{Codec, column, decode_all};
use crate::catalog::Verdict;
use crate::source::postgres::column::{Extension, PgColumn, choose};
use crate::spec::{SpecialValues, TypePolicy};

fn of_extension(name: &str, typmod: i32, extension: &str) -> PgColumn {
    let extension = Extension { name: extension.into(), schema: "public".into() };
    PgColumn { typmod, extension: Some(extension), ..column(70_001, name) }
}

fn element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Float32, false))
}

/// A value as the server sends it.
fn vector(numbers: &[f32]) -> Vec<u8> {
    let head = [(numbers.len() as u16).to_be_bytes(), [0, 0]].concat();
    numbers.iter().fold(head, |bytes, number| [bytes, number.to_be_bytes().into()].concat())
}

#[test]
fn a_vector_is_a_list_as_long_as_declared() {
    let policy = TypePolicy::default();
    let choice = choose(&of_extension("vector", 3, "vector"), &policy, false, 2);
    assert_eq!(choice.field.data_type(), &DataType::FixedSizeList(element(), 3));
    assert_eq!((choice.codec, choice.verdict), (Codec::Vector, Verdict::Exact));
    let choice = choose(&of_extension("halfvec", -1, "vector"), &policy, false, 2);
    assert_eq!(choice.field.data_type(), &DataType::List(element()));
    assert_eq!((choice.codec, choice.verdict), (Codec::HalfVector, Verdict::Widened));
    for other in
        [of_extension("vector", 3, "mine"), of_extension("sparsevec", 3, "vector"), column(70_001, "vector")]
    {
        let codec = choose(&other, &policy, false, 2).codec;
        assert!(matches!(codec, Codec::CastText(_) | Codec::Output { delimited: false }), "{other:?}");
    }
}

#[test]
fn null_vectors_take_their_room() {
    let (first, last) = (vector(&[1.5, -0.0]), vector(&[f32::MAX, 1e-45]));
    let values = [Some(first.as_slice()), None, Some(last.as_slice())];
    let fixed = DataType::FixedSizeList(element(), 2);
    let array = decode_all(&Codec::Vector, &fixed, SpecialValues::Error, &values).unwrap();
    let array = array.as_fixed_size_list();
    assert_eq!((0..3).map(|at| array.is_null(at)).collect::<Vec<_>>(), [false, true, false]);
    let numbers = |at: usize| array.value(at).as_primitive::<Float32Type>().values().to_vec();
    assert_eq!((numbers(0)[1].to_bits(), numbers(2)), ((-0.0_f32).to_bits(), vec![f32::MAX, 1e-45]));

    let halves = [[0, 3, 0, 0].as_slice(), &[0x3e, 0, 0x80, 0, 0x7b, 0xff]].concat();
    let values = [None, Some(halves.as_slice()), None];
    let array =
        decode_all(&Codec::HalfVector, &DataType::List(element()), SpecialValues::Error, &values).unwrap();
    let numbers = array.as_list::<i32>().value(1);
    assert_eq!(numbers.as_primitive::<Float32Type>().values()[..], [1.5, -0.0, 65504.0]);
}

#[test]
fn what_is_no_vector_is_refused() {
    let good = vector(&[1.0, 2.0]);
    let odd = [&[0, 2, 0, 1][..], &good[4..]].concat();
    let (fixed, any) = (DataType::FixedSizeList(element(), 3), DataType::List(element()));
    for wrong in [&good[..good.len() - 1], &odd, b"", b"\0\x02\0"] {
        assert!(decode_all(&Codec::Vector, &any, SpecialValues::Error, &[Some(wrong)]).is_err(), "{wrong:?}");
    }
    let refused = decode_all(&Codec::Vector, &fixed, SpecialValues::Error, &[Some(&good)]).unwrap_err();
    assert!(
        refused.what.contains("a vector of 2 dimensions in a column declared with 3"),
        "{}",
        refused.what
    );
}
