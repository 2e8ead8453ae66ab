//! Geometries of PostGIS: EWKB as the server sends it, and what its `ST_AsBinary` gives for it.

use arrow::array::{Array, AsArray};
use arrow_schema::DataType;

use super::{BadValue, Codec, column, decode_all};
use crate::catalog::Geometries;
use crate::source::postgres::column::{Extension, PgColumn, SpatialFacts, choose};
use crate::spec::{SpecialValues, TypePolicy};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn codec(srid: i32, simple: bool) -> Codec {
    Codec::Geometry { schema: "public".into(), geography: false, srid, simple }
}

fn decode(codec: &Codec, hex: &str) -> Result<Vec<u8>, BadValue> {
    let value = bytes(hex);
    let array = decode_all(codec, &DataType::Binary, SpecialValues::Error, &[None, Some(&value)])?;
    assert!(array.is_null(0));
    Ok(array.as_binary::<i32>().value(1).to_vec())
}

/// What it is, its EWKB, its ISO WKB, its SRID, and whether GeoParquet has it.
const VALUES: &[(&str, &str, &str, i32, bool)] = &[
    (
        "SRID=4326;POINT(1 2)",
        "0101000020e6100000000000000000f03f0000000000000040",
        "0101000000000000000000f03f0000000000000040",
        4326,
        true,
    ),
    (
        "SRID=4326;POINT(1 2), big-endian",
        "0020000001000010e63ff00000000000004000000000000000",
        "00000000013ff00000000000004000000000000000",
        4326,
        true,
    ),
    (
        "SRID=4326;POINT EMPTY",
        "0101000020e6100000000000000000f87f000000000000f87f",
        "0101000000000000000000f87f000000000000f87f",
        4326,
        true,
    ),
    (
        "POINT ZM(1 2 3 4)",
        "01010000c0000000000000f03f000000000000004000000000000008400000000000001040",
        "01b90b0000000000000000f03f000000000000004000000000000008400000000000001040",
        0,
        false,
    ),
    (
        "MULTIPOINT M(1 2 3)",
        "0104000040010000000101000040000000000000f03f00000000000000400000000000000840",
        "01d40700000100000001d1070000000000000000f03f00000000000000400000000000000840",
        0,
        false,
    ),
    ("MULTIPOLYGON EMPTY", "010600000000000000", "010600000000000000", 0, true),
    (
        "TRIANGLE((0 0,0 0,0 0,0 0)), of one ring without points",
        "01110000000100000000000000",
        "01110000000100000000000000",
        0,
        false,
    ),
];

#[test]
fn ewkb_becomes_iso_wkb() {
    for (what, ewkb, wkb, srid, simple) in VALUES {
        assert_eq!(decode(&codec(*srid, false), ewkb), Ok(bytes(wkb)), "{what}");
        match decode(&codec(*srid, true), ewkb) {
            Ok(found) => assert!(*simple && found == bytes(wkb), "{what}"),
            Err(bad) => assert!(!simple && bad.what.contains("GeoParquet"), "{what}: {}", bad.what),
        }
        let refused = decode(&codec(3857, false), ewkb).unwrap_err();
        assert!(refused.what.contains(&format!("SRID {srid} ")), "{what}: {}", refused.what);
        assert!(refused.hint.contains("--cast 'table.column: text'"), "{}", refused.hint);
    }
}

#[test]
fn what_is_no_geometry_is_refused() {
    let point = VALUES[0].1;
    let in_collection = format!("0107000020e610000001000000{point}");
    assert!(decode(&codec(4326, true), &in_collection).is_ok());
    let other_inside = in_collection.replacen("e6100000", "110f0000", 1);
    let deep = "010700000001000000".repeat(1000);
    let wrong = [
        "",
        "01",
        &point[..point.len() - 2],
        &format!("{point}00"),
        "02010000000000000000000000000000000000000000",
        "0163000000",
        "0102000000ffffffff",
        &other_inside,
        &deep,
    ];
    for hex in wrong {
        let refused = decode(&codec(4326, true), hex).unwrap_err();
        assert!(refused.what.contains("not a binary geometry"), "{hex}: {}", refused.what);
    }
}

#[test]
fn a_column_says_what_its_type_and_its_values_promise() {
    let spatial = |geography: bool, typmod: i32| {
        let facts = SpatialFacts { geography, srid: 4326, crs: Some("EPSG:4326".into()) };
        let extension = Extension { name: "postgis".into(), schema: "gis".into() };
        let column = PgColumn { typmod, ..column(70_001, if geography { "geography" } else { "geometry" }) };
        let column = PgColumn { spatial: Some(facts), extension: Some(extension), ..column };
        choose(&column, &TypePolicy::default(), false, 2)
    };
    let point_zm = (4326 << 8) | (1 << 2) | 3;
    for (geography, typmod, types) in [
        (false, -1, Some(vec![])),
        (true, 1_107_464, Some(vec!["LineString".to_owned()])),
        (false, (4326 << 8) | (3 << 2) | 2, Some(vec!["Polygon Z".to_owned()])),
        (false, 4326 << 8, Some(vec![])),
        (false, (4326 << 8) | (7 << 2), Some(vec![])),
        (false, point_zm, None),
        (false, 8 << 2, None),
    ] {
        let choice = spatial(geography, typmod);
        let expected = Geometries { crs: Some("EPSG:4326".into()), spherical: geography, types };
        assert_eq!(Geometries::of(&choice.field), Some(expected.clone()), "{typmod}");
        let simple = expected.types.is_some();
        assert_eq!(choice.codec, Codec::Geometry { schema: "gis".into(), geography, srid: 4326, simple });
        assert_eq!(choice.codec.select_expr("\"c\""), "\"c\"");
    }
}
