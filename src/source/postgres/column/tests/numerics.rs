//! numeric: edge cases by hand, and a property over all of i128.

use arrow::array::AsArray;
use arrow::array::types::{Decimal128Type, Decimal256Type};
use arrow::datatypes::i256;
use arrow_schema::DataType;
use proptest::prelude::*;

use super::{BadValue, Codec, decode_one};
use crate::spec::SpecialValues;

/// The server's binary form of a decimal number written as text.
fn encode(text: &str) -> Vec<u8> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let padded = format!("{whole}{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let mut digits: Vec<u16> =
        padded.as_bytes().chunks(4).map(|d| std::str::from_utf8(d).unwrap().parse().unwrap()).collect();
    let mut weight = whole.len() as i16 / 4 - 1;
    while digits.first() == Some(&0) {
        digits.remove(0);
        weight -= 1;
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    if digits.is_empty() {
        weight = 0;
    }
    raw(weight, if negative && !digits.is_empty() { 0x4000 } else { 0 }, fraction.len() as u16, &digits)
}

fn raw(weight: i16, sign: u16, display_scale: u16, digits: &[u16]) -> Vec<u8> {
    let head = [digits.len() as u16, weight as u16, sign, display_scale];
    head.iter().chain(digits).flat_map(|part| part.to_be_bytes()).collect()
}

fn narrow(value: &[u8], precision: u8, scale: i8) -> Result<i128, BadValue> {
    let array = decode_one(&Codec::Numeric, &DataType::Decimal128(precision, scale), value)?;
    Ok(array.as_primitive::<Decimal128Type>().value(0))
}

fn wide(value: &[u8], precision: u8, scale: i8) -> Result<i256, BadValue> {
    let array = decode_one(&Codec::Numeric, &DataType::Decimal256(precision, scale), value)?;
    Ok(array.as_primitive::<Decimal256Type>().value(0))
}

#[test]
fn the_encoder_of_these_tests_is_the_servers() {
    // As PostgreSQL 15 sends them.
    assert_eq!(encode("0"), raw(0, 0, 0, &[]));
    assert_eq!(encode("0.00"), raw(0, 0, 2, &[]));
    assert_eq!(encode("-0.01"), raw(-1, 0x4000, 2, &[100]));
    assert_eq!(encode("12345.67"), raw(1, 0, 2, &[1, 2345, 6700]));
    assert_eq!(encode("100000000"), raw(2, 0, 0, &[1]));
    assert_eq!(encode("0.00000001"), raw(-2, 0, 8, &[1]));
}

#[test]
fn exact_values() {
    let nines = "9".repeat(38);
    let cases: &[(&str, u8, i8, i128)] = &[
        ("0", 5, 2, 0),
        ("0.00", 38, 38, 0),
        ("-0.01", 5, 2, -1),
        ("0.5", 12, 2, 50),
        ("17", 15, 2, 1700),
        ("12345.67", 15, 2, 1_234_567),
        ("-12345.67", 15, 4, -123_456_700),
        ("0.00000001", 10, 8, 1),
        ("0.00012", 5, 5, 12),
        ("100000000", 9, 0, 100_000_000),
        ("100000000", 11, 2, 10_000_000_000),
        ("120000000000000000000000000000000000", 38, 2, 12_000_000_000_000_000_000_000_000_000_000_000_000),
        ("1234567890123456789.0123456789", 38, 10, 12_345_678_901_234_567_890_123_456_789),
        (&nines, 38, 0, 10i128.pow(38) - 1),
        (&format!("-{nines}"), 38, 0, 1 - 10i128.pow(38)),
        (&format!("0.{nines}"), 38, 38, 10i128.pow(38) - 1),
        (&format!("-0.{}1", "0".repeat(37)), 38, 38, -1),
        (&format!("{}.{}", &nines[..37], "9"), 38, 1, 10i128.pow(38) - 1),
        (&format!("{}.{}", &nines[..35], "999"), 38, 3, 10i128.pow(38) - 1),
    ];
    for (text, precision, scale, expected) in cases {
        assert_eq!(narrow(&encode(text), *precision, *scale), Ok(*expected), "{text}");
        let in_wide = wide(&encode(text), 76, *scale);
        assert_eq!(in_wide, Ok(i256::from_i128(*expected)), "{text}");
    }
}

#[test]
fn digits_that_the_server_would_not_send_still_count_right() {
    // Zeros in front and behind, and a negative zero.
    assert_eq!(narrow(&raw(3, 0, 0, &[0, 0, 0, 7, 0, 0]), 9, 2), Ok(700));
    assert_eq!(narrow(&raw(0, 0x4000, 0, &[]), 9, 2), Ok(0));
    assert_eq!(narrow(&raw(i16::MAX, 0, 0, &[0]), 9, 2), Ok(0));
    assert_eq!(narrow(&raw(i16::MIN, 0, 0, &[0, 0]), 9, 2), Ok(0));
    assert_eq!(wide(&raw(i16::MAX, 0, 0, &[0, 0, 0, 0, 0]), 76, 2), Ok(i256::ZERO));
}

#[test]
fn seventy_six_digits() {
    let nines = "9".repeat(76);
    let limit = i256::from_string(&nines).unwrap();
    assert_eq!(wide(&encode(&nines), 76, 0), Ok(limit));
    assert_eq!(wide(&encode(&format!("-{nines}")), 76, 0), Ok(limit.wrapping_neg()));
    assert_eq!(wide(&encode(&format!("{}.{}", &nines[..71], &nines[..5])), 76, 5), Ok(limit));
    assert_eq!(wide(&encode(&format!("0.{nines}")), 76, 76), Ok(limit));
    assert_eq!(wide(&encode("1.5"), 50, 1), Ok(i256::from_i128(15)));
    assert!(wide(&encode(&format!("1{}", "0".repeat(76))), 76, 0).is_err());
    assert!(wide(&encode(&"9".repeat(90)), 76, 0).is_err());
}

#[test]
fn what_does_not_fit_is_refused_not_rounded() {
    let too_large: &[(&str, u8, i8)] = &[
        ("1000", 5, 2),
        ("-1000", 5, 2),
        ("1e39", 38, 0),
        ("340282366920938463463374607431768211456", 38, 0), // 2^128
        ("100000000000000000000000000000000000000", 38, 0),
        ("99999999999999999999999999999999999999999999", 38, 2),
    ];
    for (text, precision, scale) in too_large {
        let text = if *text == "1e39" { format!("1{}", "0".repeat(39)) } else { (*text).to_owned() };
        let bad = narrow(&encode(&text), *precision, *scale).unwrap_err();
        assert!(bad.what.contains("too large") && bad.hint.contains("--cast"), "{text} {bad:?}");
    }
    let too_fine: &[(&str, u8, i8)] = &[
        ("0.001", 5, 2),
        ("0.00001", 5, 2),
        ("1.0000000000000000000000001", 38, 2),
        ("1234567890123.456789", 38, 5),
    ];
    for (text, precision, scale) in too_fine {
        let bad = narrow(&encode(text), *precision, *scale).unwrap_err();
        assert!(bad.what.contains("more decimal places"), "{text} {bad:?}");
        assert!(wide(&encode(text), 76, *scale).unwrap_err().what.contains("more decimal places"));
    }
    assert!(narrow(&raw(i16::MAX, 0, 0, &[1]), 38, 0).is_err());
    assert!(narrow(&raw(i16::MIN, 0, 0, &[1]), 38, 38).is_err());
}

#[test]
fn malformed_numerics() {
    assert!(narrow(&raw(0, 0, 0, &[10_000]), 38, 0).unwrap_err().what.contains("10000"));
    assert!(narrow(&raw(9, 0, 0, &[1, 2, 3, 4, 65_535, 1]), 38, 0).unwrap_err().what.contains("65535"));
    assert!(narrow(&raw(0, 0x1234, 0, &[1]), 38, 0).unwrap_err().what.contains("not a binary numeric"));
    assert!(narrow(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 1], 38, 0).is_err());
    assert!(narrow(&[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1], 38, 0).is_err());
    for (sign, name) in [(0xc000, "NaN"), (0xd000, "Infinity"), (0xf000, "-Infinity")] {
        assert!(wide(&raw(0, sign, 0, &[]), 76, 0).unwrap_err().what.starts_with(name));
    }
}

/// The number `unscaled * 10^-scale` as text.
fn decimal_text(unscaled: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
}

/// Numbers of every length, not only long ones.
fn any_unscaled() -> impl Strategy<Value = i128> {
    let limit = 10i128.pow(38);
    (1 - limit..limit, 0u32..38, any::<bool>()).prop_map(|(value, cut, zeros)| {
        let power = 10i128.pow(cut);
        if zeros { value / power * power } else { value / power }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_decimal_comes_back(unscaled in any_unscaled(), scale in 0usize..=38) {
        let value = encode(&decimal_text(unscaled, scale));
        prop_assert_eq!(narrow(&value, 38, scale as i8), Ok(unscaled));
        prop_assert_eq!(wide(&value, 76, scale as i8), Ok(i256::from_i128(unscaled)));
    }

    #[test]
    fn precision_is_the_limit(unscaled in any_unscaled(), precision in 1u8..=38) {
        let value = encode(&decimal_text(unscaled, 0));
        let fits = unscaled.unsigned_abs() < 10u128.pow(precision.into());
        prop_assert_eq!(narrow(&value, precision, 0).is_ok(), fits);
        prop_assert_eq!(wide(&value, precision, 0).is_ok(), fits);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = narrow(&bytes, 38, 10);
        let _ = wide(&bytes, 76, 10);
    }
}

#[test]
fn a_batch_of_easy_and_of_hard_numbers() {
    let numbers = ["0", "0.05", "-17", "12345.67", "0.00", "-0.01", "99999999.99", "1234.5", "10000000"];
    let easy: Vec<Vec<u8>> = numbers.iter().map(|number| encode(number)).collect();
    let expected = [0, 5, -1_700, 1_234_567, 0, -1, 9_999_999_999, 123_450, 1_000_000_000];
    let decoded = |values: &[Option<&[u8]>], special| {
        super::decode_all(&Codec::Numeric, &DataType::Decimal128(10, 2), special, values)
    };
    let values: Vec<Option<&[u8]>> = easy.iter().map(|value| Some(value.as_slice())).collect();
    let array = decoded(&values, SpecialValues::Error).unwrap();
    assert_eq!(array.as_primitive::<Decimal128Type>().values(), &expected);

    // A NULL and a NaN in every place.
    let nan = raw(0, 0xC000, 0, &[]);
    for special in [None, Some(nan.as_slice())] {
        for at in 0..=values.len() {
            let mut values = values.clone();
            values.insert(at, special);
            let array = decoded(&values, SpecialValues::Null).unwrap();
            let mut with = expected.map(Some).to_vec();
            with.insert(at, None);
            assert_eq!(array.as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(), with);
            assert_eq!(decoded(&values, SpecialValues::Error).is_err(), special.is_some());
        }
    }
    // Digits beyond 9999, a count that is not theirs, more places than the scale, more than the precision.
    for bad in
        [raw(0, 0, 0, &[10_000]), raw(0, 0, 0, &[])[..7].to_vec(), encode("0.001"), encode("100000000")]
    {
        assert!(decoded(&[values[0], Some(bad.as_slice())], SpecialValues::Null).is_err(), "{bad:?}");
    }
}
