//! Values of fixed size, decimals, geometries, UUIDs and vectors.

use arrow::array::Array;

use super::{by_default, declared, decode, shown};
use crate::source::mysql::column::Declared;
use crate::spec::SpecialValues;

fn one(column_type: &str, value: &[u8]) -> Result<String, String> {
    shown(&by_default(&declared(column_type)), value)
}

#[track_caller]
fn is(column_type: &str, value: &[u8], expected: &str) {
    assert_eq!(one(column_type, value).as_deref(), Ok(expected), "{column_type} {value:?}");
}

#[track_caller]
fn refused(column_type: &str, value: &[u8], expected: &str) {
    assert_eq!(one(column_type, value).unwrap_err(), expected, "{column_type} {value:?}");
}

#[test]
fn integers() {
    is("tinyint", &[0x80], "-128");
    is("tinyint unsigned", &[0xFF], "255");
    is("smallint", &[0x00, 0x80], "-32768");
    is("smallint unsigned", &[0xFF, 0xFF], "65535");
    is("mediumint", &(-8_388_608_i32).to_le_bytes(), "-8388608");
    is("mediumint unsigned", &[0xFF, 0xFF, 0xFF, 0x00], "16777215");
    is("int", &i32::MIN.to_le_bytes(), "-2147483648");
    is("int unsigned", &[0xFF; 4], "4294967295");
    is("bigint", &i64::MIN.to_le_bytes(), "-9223372036854775808");
    is("bigint unsigned", &[0xFF; 8], "18446744073709551615");
    is("year", &[0x6B, 0x08], "2155");
    is("year", &[0, 0], "0");
    for column_type in ["tinyint", "smallint", "int", "bigint", "year"] {
        assert!(
            one(column_type, &[0; 3]).unwrap_err().starts_with("the server sent 3 bytes"),
            "{column_type}"
        );
    }
}

#[test]
fn bits_are_big_endian() {
    is("bit(1)", &[1], "1");
    is("bit(12)", &[0x0A, 0xBC], "2748");
    is("bit(63)", &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "9223372036854775807");
    is("bit(64)", &[0xFF; 8], "18446744073709551615");
    refused("bit(63)", &[0xFF; 8], "the server sent 8 bytes that are no bit");
    refused("bit(1)", &[], "the server sent 0 bytes that are no bit");
    refused("bit(64)", &[0; 9], "the server sent 9 bytes that are no bit");
}

#[test]
fn floats_keep_their_bits() {
    is("float", &1.5_f32.to_le_bytes(), "1.5");
    is("float", &(-0.0_f32).to_le_bytes(), "-0.0");
    is("double", &f64::MIN_POSITIVE.to_le_bytes(), "2.2250738585072014e-308");
    is("double", &5e-324_f64.to_le_bytes(), "5e-324");
}

#[test]
fn decimals() {
    is("decimal(5,2)", b"-123.45", "-123.45");
    is("decimal(5,2)", b"0.05", "0.05");
    is("decimal(5,2)", b"-0.05", "-0.05");
    is("decimal(5,2)", b"0.00", "0.00");
    is("decimal(2,2)", b".05", "0.05");
    // Filled with zeros.
    is("decimal(10,2)", b"00000123.45", "123.45");
    is("decimal(10,0)", b"0000012345", "12345");
    is("decimal(19,0)", b"9999999999999999999", "9999999999999999999");
    is("decimal(20,0)", b"-10000000000000000000", "-10000000000000000000");
    let nines = "9".repeat(38);
    is("decimal(38,0)", nines.as_bytes(), &nines);
    let text = format!("-{}.{}", "9".repeat(8), "9".repeat(30));
    is("decimal(38,30)", text.as_bytes(), &text);
    let text = format!("-{}.{}", "9".repeat(35), "9".repeat(30));
    is("decimal(65,30)", text.as_bytes(), &text);
    is("decimal(39,0)", b"-0", "0");
    let nines = "9".repeat(65);
    is("decimal(65,0)", nines.as_bytes(), &nines);
    for (column_type, text) in [
        ("decimal(5,2)", "1000.00"),
        ("decimal(5,2)", "1.2"),
        ("decimal(5,2)", "1.234"),
        ("decimal(5,2)", "12345"),
        ("decimal(5,2)", ""),
        ("decimal(5,2)", "-"),
        ("decimal(5,2)", "1a.00"),
        ("decimal(5,2)", "1.0-"),
        ("decimal(5,0)", "-"),
        ("decimal(5,0)", "+1"),
        ("decimal(5,0)", "1e2"),
        ("decimal(38,0)", "100000000000000000000000000000000000000"),
        ("decimal(38,0)", "999999999999999999999999999999999999999999999999999999999999999999999999999999"),
        ("decimal(40,0)", "99999999999999999999999999999999999999999"),
        ("decimal(40,1)", "1"),
        ("decimal(40,1)", "1.x"),
    ] {
        let error = one(column_type, text.as_bytes()).unwrap_err();
        assert!(error.ends_with("are no decimal of the column's digits"), "{column_type} {text}: {error}");
    }
}

#[test]
fn dates_and_times() {
    is("date", &[0xE8, 0x07, 2, 29], "2024-02-29");
    is("date", &[0x0F, 0x27, 12, 31], "9999-12-31");
    is("date", &[0, 0, 1, 1], "0000-01-01");
    is("datetime", &[0xE8, 0x07, 2, 29], "2024-02-29T00:00:00");
    is("datetime", &[0xE8, 0x07, 2, 29, 23, 59, 58], "2024-02-29T23:59:58");
    is("datetime(6)", &[0xB1, 0x07, 12, 31, 23, 59, 59, 0x3F, 0x42, 0x0F, 0], "1969-12-31T23:59:59.999999");
    is("timestamp(6)", &[0xB2, 0x07, 1, 1, 0, 0, 0, 1, 0, 0, 0], "1970-01-01T00:00:00.000001Z");
    is("time", &[], "00:00:00");
    is("time", &[0, 0, 0, 0, 0, 23, 59, 59], "23:59:59");
    is("time(6)", &[0, 0, 0, 0, 0, 23, 59, 59, 0x3F, 0x42, 0x0F, 0], "23:59:59.999999");
    is("time", &[1, 0, 0, 0, 0, 0, 0, 0], "00:00:00");
    for (column_type, length) in
        [("date", 7), ("date", 3), ("datetime", 8), ("datetime", 12), ("time", 7), ("time", 13)]
    {
        assert!(
            one(column_type, &vec![0; length]).unwrap_err().starts_with("the server sent"),
            "{column_type}"
        );
    }
    refused("datetime", &[0xE8, 7, 2, 29, 24, 0, 0], "the server sent 7 bytes that are no datetime");
    refused("time", &[0, 0, 0, 0, 0, 0, 60, 0], "the server sent 8 bytes that are no time");
}

#[test]
fn values_that_a_type_does_not_have_are_refused_or_null() {
    for (column_type, value, what) in [
        ("date", &[][..], "0000-00-00 is not a Parquet date"),
        ("date", &[0xE8, 7, 0, 10], "2024-00-10 is not a Parquet date"),
        ("date", &[0xE7, 7, 2, 30], "2023-02-30 is not a Parquet date"),
        ("datetime", &[], "0000-00-00 is not a Parquet timestamp"),
        ("datetime", &[0xE8, 7, 1, 0, 1, 2, 3], "2024-01-00 is not a Parquet timestamp"),
        ("timestamp", &[], "0000-00-00 is not a Parquet timestamp"),
        ("time", &[1, 0, 0, 0, 0, 0, 0, 1], "-00:00:01 is not a Parquet time"),
        ("time", &[0, 1, 0, 0, 0, 0, 0, 0], "24:00:00 is not a Parquet time"),
        ("time", &[1, 34, 0, 0, 0, 22, 59, 59], "-838:59:59 is not a Parquet time"),
        ("time(6)", &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], "-00:00:00.000001 is not a Parquet time"),
    ] {
        refused(column_type, value, what);
        let choice = by_default(&declared(column_type));
        let array = decode(&choice, SpecialValues::Null, &[Some(value), None]).unwrap();
        assert!(array.is_null(0) && array.is_null(1), "{column_type}");
    }
}

#[test]
fn geometries_lose_their_srid() {
    let point = |srid: u32| {
        let mut value = srid.to_le_bytes().to_vec();
        value.extend([1, 1, 0, 0, 0]);
        value.extend(1_f64.to_le_bytes());
        value.extend(2_f64.to_le_bytes());
        value
    };
    is("point", &point(0), "0101000000000000000000f03f0000000000000040");
    refused(
        "point",
        &point(4326),
        "a geometry of SRID 4326 in a column whose values have SRID 0: a file has one for a column",
    );
    let column = Declared { srid: Some(4326), ..declared("geometry") };
    assert!(shown(&by_default(&column), &point(4326)).is_ok());
    // MariaDB has it of no bytes, and MySQL of a count that is zero.
    is("geomcollection", &[0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0], "010700000000000000");
    let cut = &point(0)[..20];
    refused("point", cut, "the server sent 20 bytes that are no geometry");
    refused("point", &[0, 0, 0], "the server sent 3 bytes that are no geometry");
    refused("point", &[point(0), vec![0]].concat(), "the server sent 26 bytes that are no geometry");
    // Three coordinates, by the bit of EWKB; an SRID of EWKB; a circular string.
    let with = |kind: [u8; 4], rest: &[u8]| [&[0, 0, 0, 0, 1][..], &kind, rest].concat();
    for odd in [with([1, 0, 0, 0x80], &[0; 24]), with([1, 0, 0, 0x20], &[0; 20]), with([8, 0, 0, 0], &[0; 4])]
    {
        assert!(one("geometry", &odd).unwrap_err().ends_with("are no geometry"));
    }
}

#[test]
fn uuids_are_sixteen_bytes() {
    is("uuid", b"00112233-4455-6677-8899-aAbBcCdDeEfF", "00112233445566778899aabbccddeeff");
    for text in [
        "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefg",
        "00112233x4455-6677-8899-aabbccddeeff",
        "001122334-455-6677-8899-aabbccddeeff",
    ] {
        assert!(one("uuid", text.as_bytes()).unwrap_err().ends_with("are no uuid"), "{text}");
    }
}

#[test]
fn vectors_are_little_endian() {
    let value: Vec<u8> = [1.5_f32, -2.0].into_iter().flat_map(f32::to_le_bytes).collect();
    is("vector(2)", &value, "[1.5, -2.0]");
    refused("vector(3)", &value, "a vector of 2 dimensions in a column declared with 3");
    refused("vector(2)", &value[1..], "the server sent 7 bytes that are no vector");
}
