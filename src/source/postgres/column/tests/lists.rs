//! Arrays.

use std::sync::Arc;

use arrow::array::types::Int32Type;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow_schema::{DataType, Field};
use proptest::prelude::*;

use super::super::Cast;
use super::{BadValue, Codec, decode_all};
use crate::spec::SpecialValues;

/// An array as the server sends it; `shape` is size and lower bound of each dimension.
fn array(shape: &[(i32, i32)], elements: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let has_nulls = i32::from(elements.contains(&None));
    for part in [shape.len() as i32, has_nulls, 23] {
        bytes.extend(part.to_be_bytes());
    }
    for (size, lower_bound) in shape {
        bytes.extend(size.to_be_bytes());
        bytes.extend(lower_bound.to_be_bytes());
    }
    for element in elements {
        match element {
            Some(value) => {
                bytes.extend((value.len() as i32).to_be_bytes());
                bytes.extend(*value);
            }
            None => bytes.extend((-1i32).to_be_bytes()),
        }
    }
    bytes
}

fn integers(shape: &[(i32, i32)], elements: &[Option<i32>]) -> Vec<u8> {
    let bytes: Vec<Option<[u8; 4]>> = elements.iter().map(|e| e.map(i32::to_be_bytes)).collect();
    let slices: Vec<Option<&[u8]>> = bytes.iter().map(|e| e.as_ref().map(|b| b.as_slice())).collect();
    array(shape, &slices)
}

fn list(element: DataType, depth: usize) -> DataType {
    (0..depth).fold(element, |inner, _| DataType::List(Arc::new(Field::new("element", inner, true))))
}

fn decode(depth: usize, values: &[Option<Vec<u8>>]) -> Result<ArrayRef, BadValue> {
    let codec = Codec::List { depth, element: Box::new(Codec::Int4), own: false };
    let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
    decode_all(&codec, &list(DataType::Int32, depth), SpecialValues::Error, &values)
}

fn row(array: &ArrayRef, index: usize) -> Option<Vec<Option<i32>>> {
    let list = array.as_list::<i32>();
    list.is_valid(index).then(|| list.value(index).as_primitive::<Int32Type>().iter().collect())
}

#[test]
fn one_dimension_with_nulls_and_empties() {
    let values = [
        Some(integers(&[(3, 1)], &[Some(1), None, Some(3)])),
        None,
        Some(integers(&[], &[])),
        Some(integers(&[(1, 1)], &[Some(i32::MIN)])),
    ];
    let array = decode(1, &values).unwrap();
    assert_eq!(row(&array, 0), Some(vec![Some(1), None, Some(3)]));
    assert_eq!(row(&array, 1), None);
    assert_eq!(row(&array, 2), Some(vec![]));
    assert_eq!(row(&array, 3), Some(vec![Some(i32::MIN)]));
}

#[test]
fn two_dimensions() {
    let six: Vec<Option<i32>> = (1..=6).map(Some).collect();
    let values = [
        Some(integers(&[(2, 1), (3, 1)], &six)),
        Some(integers(&[], &[])),
        None,
        Some(integers(&[(3, 1), (1, 1)], &[Some(7), None, Some(9)])),
    ];
    let array = decode(2, &values).unwrap();
    let outer = array.as_list::<i32>();
    assert_eq!(
        outer.iter().map(|l| l.map(|l| l.len())).collect::<Vec<_>>(),
        [Some(2), Some(0), None, Some(3)]
    );
    assert_eq!(row(&outer.value(0), 1), Some(vec![Some(4), Some(5), Some(6)]));
    assert_eq!(row(&outer.value(3), 1), Some(vec![None]));
    assert_eq!(row(&outer.value(3), 2), Some(vec![Some(9)]));
}

#[test]
fn three_dimensions() {
    let elements: Vec<Option<i32>> = (0..12).map(Some).collect();
    let array = decode(3, &[Some(integers(&[(2, 1), (3, 1), (2, 1)], &elements))]).unwrap();
    let middle = array.as_list::<i32>().value(0);
    assert_eq!(row(&middle.as_list::<i32>().value(1), 2), Some(vec![Some(10), Some(11)]));
}

#[test]
fn text_elements() {
    let value = array(&[(3, 1)], &[Some(b"NULL"), None, Some(b"")]);
    let codec = Codec::List { depth: 1, element: Box::new(Codec::CastText(Cast::Output)), own: false };
    let array = decode_all(&codec, &list(DataType::Utf8, 1), SpecialValues::Error, &[Some(&value)]).unwrap();
    let strings = array.as_list::<i32>().value(0);
    assert_eq!(strings.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("NULL"), None, Some("")]);
}

#[test]
fn special_elements_follow_the_policy() {
    let value = array(&[(2, 1)], &[Some(&i32::MAX.to_be_bytes()), Some(&0i32.to_be_bytes())]);
    let codec = Codec::List { depth: 1, element: Box::new(Codec::Date), own: false };
    let data_type = list(DataType::Date32, 1);
    let bad = decode_all(&codec, &data_type, SpecialValues::Error, &[Some(&value)]).unwrap_err();
    assert!(bad.what.contains("element 1") && bad.hint.contains("--special-values"), "{bad:?}");
    let array = decode_all(&codec, &data_type, SpecialValues::Null, &[Some(&value)]).unwrap();
    assert_eq!(array.as_list::<i32>().value(0).null_count(), 1);
}

#[test]
fn other_shapes_are_refused() {
    let cases = [
        (1, integers(&[(1, 1), (1, 1)], &[Some(1)]), "2 dimensions"),
        (2, integers(&[(1, 1)], &[Some(1)]), "1 dimensions"),
        (1, integers(&[(1, 0)], &[Some(1)]), "index 0"),
        (2, integers(&[(1, 1), (1, -3)], &[Some(1)]), "index -3"),
    ];
    for (depth, value, message) in cases {
        let bad = decode(depth, &[Some(value)]).unwrap_err();
        assert!(bad.what.contains(message) && bad.hint.contains("--cast"), "{bad:?}");
    }
}

#[test]
fn malformed_arrays() {
    let good = integers(&[(2, 1)], &[Some(1), Some(2)]);
    for length in 0..good.len() {
        assert!(decode(1, &[Some(good[..length].to_vec())]).is_err(), "{length}");
    }
    let mut long = good;
    long.push(0);
    let mut empty = integers(&[], &[]);
    empty.push(0);
    for value in [
        long,
        empty,
        integers(&[(0, 1)], &[]),
        integers(&[(-1, 1)], &[Some(1)]),
        integers(&[(i32::MAX, 1)], &[Some(1)]),
        array(&[(1, 1)], &[Some(&[1, 2, 3])]),
    ] {
        assert!(decode(1, &[Some(value)]).is_err());
    }
    assert!(decode(2, &[Some(integers(&[(i32::MAX, 1), (i32::MAX, 1)], &[Some(1)]))]).is_err());
    assert!(decode(2, &[Some(integers(&[(i32::MAX, 1), (0, 1)], &[Some(1)]))]).is_err());
}

#[test]
fn nothing_is_appended_after_a_refusal() {
    let codec = Codec::List { depth: 1, element: Box::new(Codec::Int4), own: false };
    let field = Field::new("c", list(DataType::Int32, 1), true);
    let mut decoder = codec.decoder(&field, 4, SpecialValues::Error).unwrap();
    assert!(decoder.append(&array(&[(2, 1)], &[Some(&[0, 0, 0, 1]), Some(&[1])])).is_err());
    assert!(decoder.append(&integers(&[(1, 1)], &[Some(5)])).is_err());
    assert_eq!(decoder.finish().len(), 0);
}

proptest! {
    #[test]
    fn rows_come_back(rows in prop::collection::vec(
        prop::option::of(prop::collection::vec(any::<Option<i32>>(), 0..6)), 0..8)) {
        let values: Vec<Option<Vec<u8>>> = rows.iter().map(|row| row.as_ref().map(|row| {
            let shape = [(row.len() as i32, 1)];
            integers(if row.is_empty() { &[] } else { &shape }, row)
        })).collect();
        let array = decode(1, &values).unwrap();
        for (index, expected) in rows.iter().enumerate() {
            prop_assert_eq!(&row(&array, index), expected);
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 4, 255]), 0..48)) {
        let _ = decode(1, &[Some(bytes.clone())]);
        let _ = decode(2, &[Some(bytes)]);
    }
}
