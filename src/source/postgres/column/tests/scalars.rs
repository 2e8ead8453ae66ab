//! Types of fixed size, text and bytes.

use arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{Array, AsArray};
use arrow_schema::{DataType, Field, TimeUnit};

use super::super::Cast;
use super::{Codec, decode_all, decode_one};
use crate::spec::SpecialValues;

const MICROS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
const TIME: DataType = DataType::Time64(TimeUnit::Microsecond);

#[test]
fn booleans_with_nulls() {
    let values: [Option<&[u8]>; 3] = [Some(&[1]), None, Some(&[0])];
    let array = decode_all(&Codec::Boolean, &DataType::Boolean, SpecialValues::Error, &values).unwrap();
    let array = array.as_boolean();
    assert_eq!(array.iter().collect::<Vec<_>>(), [Some(true), None, Some(false)]);
    assert!(decode_one(&Codec::Boolean, &DataType::Boolean, &[2]).is_err());
}

#[test]
fn integers_at_their_limits() {
    for value in [i16::MIN, -1, 0, i16::MAX] {
        let array = decode_one(&Codec::Int2, &DataType::Int16, &value.to_be_bytes()).unwrap();
        assert_eq!(array.as_primitive::<Int16Type>().value(0), value);
    }
    for value in [i32::MIN, -1, 0, i32::MAX] {
        let array = decode_one(&Codec::Int4, &DataType::Int32, &value.to_be_bytes()).unwrap();
        assert_eq!(array.as_primitive::<Int32Type>().value(0), value);
    }
    for value in [i64::MIN, -1, 0, i64::MAX] {
        let array = decode_one(&Codec::Int8, &DataType::Int64, &value.to_be_bytes()).unwrap();
        assert_eq!(array.as_primitive::<Int64Type>().value(0), value);
    }
    let array = decode_one(&Codec::Unsigned4, &DataType::Int64, &u32::MAX.to_be_bytes()).unwrap();
    assert_eq!(array.as_primitive::<Int64Type>().value(0), 4_294_967_295);
}

#[test]
fn money_counts_the_smallest_fraction_of_its_currency() {
    for scale in [0, 2, 3, 10] {
        for value in [i64::MIN, -1, 0, i64::MAX] {
            let data_type = DataType::Decimal128(19, scale);
            let array = decode_one(&Codec::Money, &data_type, &value.to_be_bytes()).unwrap();
            assert_eq!(array.as_primitive::<Decimal128Type>().value(0), i128::from(value));
        }
    }
    assert!(decode_one(&Codec::Money, &DataType::Decimal128(19, 2), &[0; 4]).is_err());
}

#[test]
fn floats_keep_every_bit() {
    // A signalling NaN with a payload, negative zero, infinity, the smallest subnormal.
    for bits in [0x7fa0_1234u32, 0x8000_0000, 0x7f80_0000, 1] {
        let array = decode_one(&Codec::Float4, &DataType::Float32, &bits.to_be_bytes()).unwrap();
        assert_eq!(array.as_primitive::<Float32Type>().value(0).to_bits(), bits);
    }
    for bits in [0xfff0_0000_0000_0001u64, 0x8000_0000_0000_0000, 0xfff0_0000_0000_0000, 1] {
        let array = decode_one(&Codec::Float8, &DataType::Float64, &bits.to_be_bytes()).unwrap();
        assert_eq!(array.as_primitive::<Float64Type>().value(0).to_bits(), bits);
    }
}

#[test]
fn dates_from_bc_to_the_end() {
    // (days since 2000-01-01, days since 1970-01-01)
    let cases = [
        (0, 10_957),
        (-10_957, 0),
        (-10_958, -1),
        (-2_451_545, -2_440_588),       // 4713-11-24 BC, the first day
        (2_145_031_948, 2_145_042_905), // 5874897-12-31, the last
    ];
    for (sent, expected) in cases {
        let array = decode_one(&Codec::Date, &DataType::Date32, &i32::to_be_bytes(sent)).unwrap();
        assert_eq!(array.as_primitive::<Date32Type>().value(0), expected);
    }
    assert!(decode_one(&Codec::Date, &DataType::Date32, &(i32::MAX - 1).to_be_bytes()).is_err());
}

#[test]
fn timestamps_from_bc_to_the_end() {
    const SHIFT: i64 = 946_684_800_000_000;
    let first = -211_813_488_000_000_000; // 4714-11-24 BC
    for sent in [0, -SHIFT, -SHIFT - 1, first, i64::MAX - SHIFT] {
        let array = decode_one(&Codec::Timestamp, &MICROS, &i64::to_be_bytes(sent)).unwrap();
        assert_eq!(array.as_primitive::<TimestampMicrosecondType>().value(0), sent + SHIFT);
    }
    // 294276-12-31 23:59:59.999999 is a PostgreSQL timestamp, but not 64 bits of microseconds since 1970.
    let last = 9_223_371_331_199_999_999i64.to_be_bytes();
    for special in [SpecialValues::Error, SpecialValues::Null] {
        let bad = decode_all(&Codec::Timestamp, &MICROS, special, &[Some(&last)]).unwrap_err();
        assert!(bad.what.contains("out of the range") && bad.hint.contains("--cast"), "{bad:?}");
    }
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert!(decode_one(&Codec::Timestamp, &zoned, &0i64.to_be_bytes()).is_ok());
}

#[test]
fn times_within_the_day() {
    for sent in [0, 1, 86_399_999_999] {
        let array = decode_one(&Codec::Time, &TIME, &i64::to_be_bytes(sent)).unwrap();
        assert_eq!(array.as_primitive::<Time64MicrosecondType>().value(0), sent);
    }
    assert!(decode_one(&Codec::Time, &TIME, &(-1i64).to_be_bytes()).is_err());
    assert!(decode_one(&Codec::Time, &TIME, &86_400_000_001i64.to_be_bytes()).is_err());
}

#[test]
fn special_values_are_refused_or_null() {
    let cases: [(Codec, DataType, Vec<u8>, &str); 6] = [
        (Codec::Date, DataType::Date32, i32::MAX.to_be_bytes().into(), "infinity is not"),
        (Codec::Date, DataType::Date32, i32::MIN.to_be_bytes().into(), "-infinity is not"),
        (Codec::Timestamp, MICROS, i64::MAX.to_be_bytes().into(), "infinity is not"),
        (Codec::Timestamp, MICROS, i64::MIN.to_be_bytes().into(), "-infinity is not"),
        (Codec::Time, TIME, 86_400_000_000i64.to_be_bytes().into(), "24:00:00 is not"),
        (Codec::Numeric, DataType::Decimal128(9, 2), vec![0, 0, 0, 0, 0xc0, 0, 0, 0], "NaN is not"),
    ];
    for (codec, data_type, value, message) in cases {
        let bad = decode_one(&codec, &data_type, &value).unwrap_err();
        assert!(bad.what.starts_with(message), "{bad:?}");
        assert!(bad.hint.contains("--special-values null") && bad.hint.contains("--cast"), "{bad:?}");
        let array = decode_all(&codec, &data_type, SpecialValues::Null, &[Some(&value)]).unwrap();
        assert!(array.is_null(0));
    }
}

#[test]
fn padding_is_no_part_of_a_value() {
    let cases: [(&[u8], &str); 6] = [
        (b"a    ", "a"),
        (b"  a b  ", "  a b"),
        (b"     ", ""),
        (b"", ""),
        (b"a\t  ", "a\t"),
        ("\u{e9}\u{a0}  ".as_bytes(), "\u{e9}\u{a0}"),
    ];
    for (sent, expected) in cases {
        let array = decode_one(&Codec::Padded, &DataType::Utf8, sent).unwrap();
        assert_eq!(array.as_string::<i32>().value(0), expected);
    }
    assert!(decode_one(&Codec::Padded, &DataType::Utf8, b"\xff ").is_err());
}

#[test]
fn text_is_checked() {
    let values: [Option<&[u8]>; 4] = [Some(b"abc"), None, Some(b""), Some("\u{1F600}é".as_bytes())];
    for codec in [Codec::Text, Codec::CastText(Cast::Output)] {
        let array = decode_all(&codec, &DataType::Utf8, SpecialValues::Error, &values).unwrap();
        let expected = [Some("abc"), None, Some(""), Some("\u{1F600}é")];
        assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), expected);
    }
    // Two halves of one character are wrong although together they would be right.
    let mut decoder =
        Codec::Text.decoder(&Field::new("c", DataType::Utf8, true), 4, SpecialValues::Error).unwrap();
    let bad = decoder.append(&"é".as_bytes()[..1]).unwrap_err();
    assert!(bad.what.contains("not UTF-8"), "{bad:?}");
}

#[test]
fn jsonb_loses_its_version_byte() {
    let array = decode_one(&Codec::Jsonb, &DataType::Utf8, b"\x01{\"a\": 1}").unwrap();
    assert_eq!(array.as_string::<i32>().value(0), "{\"a\": 1}");
    assert!(decode_one(&Codec::Jsonb, &DataType::Utf8, b"\x02{}").unwrap_err().what.contains("version 2"));
    assert!(decode_one(&Codec::Jsonb, &DataType::Utf8, b"").is_err());
}

#[test]
fn bytes_and_uuids() {
    let array = decode_one(&Codec::Bytes, &DataType::Binary, &[0, 0xff]).unwrap();
    assert_eq!(array.as_binary::<i32>().value(0), [0, 0xff]);
    let uuid: [u8; 16] = std::array::from_fn(|i| i as u8);
    let values: [Option<&[u8]>; 2] = [None, Some(&uuid)];
    let array =
        decode_all(&Codec::Uuid, &DataType::FixedSizeBinary(16), SpecialValues::Error, &values).unwrap();
    assert!(array.is_null(0));
    assert_eq!(array.as_fixed_size_binary().value(1), uuid);
}

#[test]
fn wrong_lengths_are_errors_not_panics() {
    let cases = [
        (Codec::Boolean, DataType::Boolean),
        (Codec::Int2, DataType::Int16),
        (Codec::Int4, DataType::Int32),
        (Codec::Int8, DataType::Int64),
        (Codec::Unsigned4, DataType::Int64),
        (Codec::Float4, DataType::Float32),
        (Codec::Float8, DataType::Float64),
        (Codec::Date, DataType::Date32),
        (Codec::Time, TIME),
        (Codec::Timestamp, MICROS),
        (Codec::Uuid, DataType::FixedSizeBinary(16)),
        (Codec::Numeric, DataType::Decimal128(9, 2)),
        (Codec::Numeric, DataType::Decimal256(50, 2)),
    ];
    for (codec, data_type) in cases {
        for length in [0, 3, 9, 17] {
            let bad = decode_one(&codec, &data_type, &vec![1; length]).unwrap_err();
            assert!(bad.what.contains(&format!("{length} bytes")), "{codec:?} {bad:?}");
        }
    }
}

#[test]
fn a_second_batch_starts_empty() {
    let field = Field::new("c", DataType::Utf8, true);
    let mut decoder = Codec::Text.decoder(&field, 2, SpecialValues::Error).unwrap();
    decoder.append_null();
    decoder.append(b"first").unwrap();
    assert!(decoder.bytes() >= 5);
    assert_eq!(decoder.finish().null_count(), 1);
    decoder.append(b"second").unwrap();
    let array = decoder.finish();
    assert_eq!((array.len(), array.null_count()), (1, 0));
    assert_eq!(array.as_string::<i32>().value(0), "second");
}

#[test]
fn a_codec_refuses_a_foreign_field() {
    let field = Field::new("price", DataType::Utf8, true);
    let error = Codec::Int4.decoder(&field, 1, SpecialValues::Error).err().unwrap();
    assert!(error.to_string().contains("price"), "{error}");
}
