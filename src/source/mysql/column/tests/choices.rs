//! The type contract.

use std::sync::Arc;

use arrow_schema::extension::{Json, Uuid};
use arrow_schema::{DataType, Field, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::{by_default, declared, of_charset};
use crate::catalog::{Geometries, SOURCE_TYPE_KEY, Verdict};
use crate::source::mysql::column::{AS_ASKED, Codec, Declared, SpatialSystem, choose, labels};
use crate::spec::{SpecialValues, TypePolicy};

const WGS_84: &str = r#"GEOGCS["WGS 84",DATUM["World Geodetic System 1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.017453292519943278,AUTHORITY["EPSG","9122"]],AXIS["Lat",NORTH],AXIS["Lon",EAST],AUTHORITY["EPSG","4326"]]"#;

fn list(length: Option<i32>) -> DataType {
    let element = Arc::new(Field::new("element", DataType::Float32, false));
    length.map_or(DataType::List(Arc::clone(&element)), |length| DataType::FixedSizeList(element, length))
}

/// Types, verdicts, and whether the server may compare them.
#[test]
fn natural_types() {
    use Verdict::{Exact, Text, Widened};
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let cases = [
        ("tinyint(4)", DataType::Int16, Widened, true),
        ("tinyint(1)", DataType::Int16, Widened, true),
        ("tinyint(3) unsigned", DataType::Int16, Widened, true),
        ("smallint(6)", DataType::Int16, Exact, true),
        ("smallint unsigned", DataType::Int32, Widened, true),
        ("mediumint(9)", DataType::Int32, Widened, true),
        ("mediumint(8) unsigned", DataType::Int32, Widened, true),
        ("int(11)", DataType::Int32, Exact, true),
        ("int unsigned", DataType::Int64, Widened, true),
        ("int(10) unsigned zerofill", DataType::Int64, Widened, true),
        ("bigint(20)", DataType::Int64, Exact, true),
        ("bigint(20) unsigned", DataType::Decimal128(20, 0), Widened, true),
        ("year(4)", DataType::Int16, Widened, false),
        ("bit(1)", DataType::Int64, Widened, false),
        ("bit(63)", DataType::Int64, Widened, false),
        ("bit(64)", DataType::Decimal128(20, 0), Widened, false),
        ("float", DataType::Float32, Exact, false),
        ("float(7,4)", DataType::Float32, Exact, false),
        ("double", DataType::Float64, Exact, false),
        ("decimal(38,10)", DataType::Decimal128(38, 10), Exact, true),
        ("decimal(39,0)", DataType::Decimal256(39, 0), Exact, true),
        ("decimal(65,38)", DataType::Decimal256(65, 38), Exact, true),
        ("decimal(10,2) unsigned", DataType::Decimal128(10, 2), Exact, true),
        ("date", DataType::Date32, Exact, true),
        ("time(6)", DataType::Time64(TimeUnit::Microsecond), Exact, false),
        ("datetime(6)", micros(None), Exact, true),
        ("timestamp", micros(Some("UTC")), Exact, true),
        ("char(3)", DataType::Utf8, Exact, false),
        ("varchar(3)", DataType::Utf8, Exact, false),
        ("longtext", DataType::Utf8, Exact, false),
        ("json", DataType::Utf8, Exact, false),
        ("enum('a','b')", DataType::Utf8, Text, false),
        ("set('a','b')", DataType::Utf8, Text, false),
        ("binary(16)", DataType::Binary, Exact, false),
        ("varbinary(16)", DataType::Binary, Exact, false),
        ("mediumblob", DataType::Binary, Exact, false),
        ("uuid", DataType::FixedSizeBinary(16), Exact, false),
        ("inet6", DataType::Utf8, Text, false),
        ("vector(3)", list(Some(3)), Exact, false),
        ("geomcollection", DataType::Binary, Exact, false),
        ("xmltype", DataType::Utf8, Text, false),
    ];
    for (column_type, data_type, verdict, comparable) in cases {
        let choice = by_default(&declared(column_type));
        assert_eq!(choice.field.data_type(), &data_type, "{column_type}");
        assert_eq!((choice.verdict, choice.comparable), (verdict, comparable), "{column_type}");
        assert!(choice.verdict == Exact || !choice.note.is_empty(), "{column_type}");
        assert!(!choice.field.is_nullable());
        assert!(choice.codec.decoder(&choice.field, 8, SpecialValues::Error).is_ok(), "{column_type}");
        let metadata = choice.field.metadata();
        assert_eq!(metadata.get(PARQUET_FIELD_ID_META_KEY).map(String::as_str), Some("7"));
        assert_eq!(metadata.get(SOURCE_TYPE_KEY).map(String::as_str), Some(column_type));
        let nullable = by_default(&Declared { nullable: true, ..declared(column_type) });
        assert!(nullable.field.is_nullable());
    }
    assert!(by_default(&declared("json")).field.try_extension_type::<Json>().is_ok());
    assert!(by_default(&declared("uuid")).field.try_extension_type::<Uuid>().is_ok());
}

#[test]
fn a_decimal_of_unknown_digits_is_an_error() {
    let error = choose(&declared("decimal"), false, &TypePolicy::default(), false).unwrap_err();
    assert!(error.to_string().contains("how many digits"), "{error}");
}

#[test]
fn mysql_has_vectors_of_any_length_up_to_the_declared_one() {
    let choice = choose(&declared("vector(3)"), false, &TypePolicy::default(), false).unwrap();
    assert_eq!(choice.field.data_type(), &list(None));
}

#[test]
fn special_values_may_become_null_in_a_column_that_has_none() {
    let null = TypePolicy { special_values: SpecialValues::Null, ..TypePolicy::default() };
    for column_type in ["date", "datetime", "timestamp", "time"] {
        let column = declared(column_type);
        assert!(by_default(&column).note.ends_with("refused (--special-values)"));
        let choice = choose(&column, false, &null, true).unwrap();
        assert!(choice.field.is_nullable() && !choice.comparable, "{column_type}");
        assert!(choice.note.ends_with("written as NULL (--special-values)"), "{}", choice.note);
        let cast = choose(&column, true, &null, true).unwrap();
        assert!(!cast.field.is_nullable() && cast.note.starts_with(AS_ASKED), "{column_type}");
    }
    assert!(!choose(&declared("int"), false, &null, true).unwrap().field.is_nullable());
}

#[test]
fn texts_are_compared_where_equal_means_the_same_characters() {
    let comparable = |column_type: &str, charset: &str, collation: &str| {
        by_default(&of_charset(column_type, charset, collation)).comparable
    };
    assert!(comparable("varchar(3)", "utf8mb4", "utf8mb4_nopad_bin"));
    assert!(comparable("text", "utf8mb4", "utf8mb4_0900_bin"));
    for (column_type, charset, collation) in [
        ("varchar(3)", "utf8mb4", "utf8mb4_bin"),
        ("varchar(3)", "utf8mb4", "utf8mb4_0900_ai_ci"),
        ("varchar(3)", "latin1", "latin1_nopad_bin"),
        ("char(3)", "utf8mb4", "utf8mb4_nopad_bin"),
        ("enum('a')", "utf8mb4", "utf8mb4_nopad_bin"),
    ] {
        assert!(!comparable(column_type, charset, collation), "{column_type} {collation}");
    }
}

#[test]
fn what_the_user_makes_text_of() {
    let cast =
        |column_type: &str| choose(&declared(column_type), true, &TypePolicy::default(), true).unwrap();
    let casts = |of: &str| format!("COALESCE({of}, IF(c IS NULL, NULL, X'FF'))");
    for (column_type, expected) in [
        ("date", casts("CAST(c AS CHAR CHARACTER SET utf8mb4)")),
        ("int", casts("CAST(c AS CHAR CHARACTER SET utf8mb4)")),
        (
            "float",
            casts(
                "IF(CAST(c * 1e0 AS CHAR CHARACTER SET utf8mb4) + 0e0 = c * 1e0, \
                 CAST(c * 1e0 AS CHAR CHARACTER SET utf8mb4), NULL)",
            ),
        ),
        ("bit(3)", casts("CAST(c + 0 AS CHAR CHARACTER SET utf8mb4)")),
        ("blob", casts("CONCAT('0x', HEX(c))")),
        ("vector(3)", casts("CONCAT('0x', HEX(c))")),
        ("point", casts("CONCAT('0x', HEX(c))")),
        ("text", "c".to_owned()),
        ("json", "c".to_owned()),
        ("enum('a')", "c".to_owned()),
    ] {
        let choice = cast(column_type);
        assert_eq!(choice.codec.select_sql("c"), expected, "{column_type}");
        assert_eq!((choice.field.data_type(), choice.verdict), (&DataType::Utf8, Verdict::Text));
        assert!(!choice.comparable && choice.note.starts_with(AS_ASKED), "{column_type}");
    }
}

#[test]
fn geometries_and_their_systems() {
    let geometries = |column: &Declared| {
        let choice = by_default(column);
        (Geometries::of(&choice.field).unwrap(), choice.note, choice.codec)
    };
    let point = declared("point");
    let (found, note, codec) = geometries(&point);
    assert_eq!(found, Geometries { crs: None, spherical: false, types: Some(vec!["Point".into()]) });
    assert_eq!(
        (note.as_str(), codec),
        ("ISO WKB, SRID 0; another SRID is refused", Codec::Geometry { srid: 0 })
    );
    // Whether latitude comes first is the user's own business in MariaDB: the number is all that is known.
    let (found, note, codec) = geometries(&Declared { srid: Some(4326), ..declared("geometry") });
    assert_eq!(found, Geometries { crs: Some("4326".into()), spherical: false, types: Some(vec![]) });
    assert_eq!(
        (note.as_str(), codec),
        ("ISO WKB, SRID 4326; another SRID is refused", Codec::Geometry { srid: 4326 })
    );
    let system = |id: u32, definition: &str| Declared {
        srid: Some(id),
        system: Some(SpatialSystem {
            organization: Some("EPSG".into()),
            id: Some(id),
            definition: definition.into(),
        }),
        ..declared("multipolygon")
    };
    let (found, note, _) = geometries(&system(4326, WGS_84));
    assert_eq!(
        found,
        Geometries {
            crs: Some("EPSG:4326".into()),
            spherical: true,
            types: Some(vec!["MultiPolygon".into()])
        }
    );
    assert_eq!(note, "ISO WKB, EPSG:4326; another SRID is refused");
    let projected = |axes: &str| {
        format!(
            r#"PROJCS["x, AXIS",GEOGCS["y",AXIS["Lat",NORTH],AXIS["Lon",EAST]],{axes},AUTHORITY["EPSG","3857"]]"#
        )
    };
    for (axes, name) in [
        (r#"AXIS["X",EAST],AXIS["Y",NORTH]"#, Some("EPSG:3857")),
        // Coordinates are stored as they were given, northing first: files want them the other way.
        (r#"AXIS["X, north",NORTH],AXIS["Y",EAST]"#, None),
        (r#"AXIS["X",SOUTH],AXIS["Y",WEST]"#, None),
    ] {
        let (found, ..) = geometries(&system(3857, &projected(axes)));
        assert_eq!((found.crs.as_deref(), found.spherical), (name, false), "{axes}");
    }
}

#[test]
fn labels_of_an_enum() {
    let of = |text: &str| labels(text).map(|labels| labels.join("|"));
    assert_eq!(of("enum('a','b')").as_deref(), Some("a|b"));
    assert_eq!(of(r"ENUM('','it''s',',',')','é','a\\b\n')").as_deref(), Some("|it's|,|)|é|a\\b\n"));
    // A character that the catalog cannot show.
    assert_eq!(of("enum('?','b')"), None);
    for text in
        ["set('a')", "enum", "enum(", "enum('a'", "enum('a',", "enum('a';'b')", "enum(a)", r"enum('a\"]
    {
        assert_eq!(labels(text), None, "{text}");
    }
}
