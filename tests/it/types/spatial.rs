//! Types of PostGIS: ISO WKB that is the server's own, in files that are GeoParquet.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{inspected, refused};
use crate::lake::{Run, assert_same_values, assert_tidy, duck, export, manifest, script};
use crate::server::PgServer;

/// One of each kind that GeoParquet has.
const SIMPLE: &[&str] = &[
    "POINT(1 2)",
    "POINT EMPTY",
    "POINT(-0 1e-300)",
    "POINT(1.7976931348623157e308 -5e-324)",
    "LINESTRING(0 0,1 1,2 0.1)",
    "LINESTRING EMPTY",
    "POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 1))",
    "POLYGON EMPTY",
    "MULTIPOINT(1 2,3 4)",
    "MULTIPOINT(EMPTY,1 1)",
    "MULTIPOINT EMPTY",
    "MULTILINESTRING((0 0,1 1),(2 2,3 3,4 4))",
    "MULTILINESTRING EMPTY",
    "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))",
    "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1),GEOMETRYCOLLECTION(POLYGON((0 0,1 0,1 1,0 0))))",
    "GEOMETRYCOLLECTION(POINT EMPTY,LINESTRING EMPTY,GEOMETRYCOLLECTION EMPTY)",
    "GEOMETRYCOLLECTION EMPTY",
];

/// The same with Z.
const WITH_Z: &[&str] = &[
    "POINT Z(1 2 3)",
    "POINT Z EMPTY",
    "LINESTRING Z(0 0 0,1 1 1)",
    "POLYGON Z((0 0 1,4 0 1,4 4 1,0 0 1))",
    "MULTIPOINT Z(1 2 3,4 5 6)",
    "GEOMETRYCOLLECTION Z(POINT Z(1 2 3),MULTILINESTRING Z((0 0 0,1 1 1)))",
];

/// Table, type, SRID, values, and their kinds as GeoParquet names them.
type Case<'a> = (&'a str, &'a str, i32, &'a [&'a str], &'a [&'a str]);

/// Values that GeoParquet does not have.
const ODD: &[&str] = &[
    "POINT M(1 2 3)",
    "POINT ZM(1 2 3 4)",
    "LINESTRING ZM(0 0 0 0,1 1 1 1)",
    "CIRCULARSTRING(0 0,1 1,2 0)",
    "CIRCULARSTRING Z(0 0 0,1 1 1,2 0 0)",
    "COMPOUNDCURVE(CIRCULARSTRING(0 0,1 1,2 0),(2 0,3 0))",
    "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0),(1 1,3 3,3 1,1 1))",
    "MULTICURVE((0 0,5 5),CIRCULARSTRING(4 0,4 4,8 4))",
    "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0)),((10 10,14 12,11 10,10 10)))",
    "TRIANGLE((0 0,0 9,9 0,0 0))",
    "TIN Z(((0 0 0,0 0 1,0 1 0,0 0 0)),((0 0 0,0 1 0,1 1 0,0 0 0)))",
    "POLYHEDRALSURFACE Z(((0 0 0,0 0 1,0 1 1,0 1 0,0 0 0)))",
    "GEOMETRYCOLLECTION(POINT(0 0),CIRCULARSTRING(0 0,1 1,2 0))",
];

/// A database with PostGIS in a schema of its own, as managed servers have it.
fn database(name: &str) -> (&'static PgServer, String) {
    let server = PgServer::shared();
    let url = server.create_db(name);
    server.sql(
        name,
        "CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis; \
         GRANT USAGE ON SCHEMA gis TO PUBLIC; CREATE SCHEMA look;",
    );
    (server, url)
}

fn run(server: &PgServer, db: &str, sql: &str) {
    server.sql(db, &format!("SET search_path = public, gis; {sql}"));
}

/// A table of one geometry column, a row for each text and one NULL.
fn table(name: &str, kind: &str, srid: i32, texts: &[&str]) -> String {
    let mut sql = format!(
        "CREATE TABLE {name} (id integer PRIMARY KEY, g {kind}); INSERT INTO {name} VALUES (0, NULL);"
    );
    for (at, text) in texts.iter().enumerate() {
        write!(sql, "INSERT INTO {name} VALUES ({}, 'SRID={srid};{text}');", at + 1).unwrap();
    }
    sql
}

/// The metadata `geo` of a table's first file, which keeps the rules of GeoParquet.
fn geo(dir: &Path) -> Value {
    let output = script("geo.py", [dir.join("part-00000.parquet")]).ok();
    serde_json::from_str(&output.stdout).unwrap()
}

/// Asserts that the values in `dir` are what the server's `ST_AsBinary` gives, by both readers.
fn assert_binary(server: &PgServer, db: &str, name: &str, dir: &Path) {
    // ST_AsBinary takes a collection for empty in which all is empty; without Z and M its EWKB is the same.
    let wkb = "CASE WHEN gis.st_astext(g) LIKE 'GEOMETRYCOLLECTION(% EMPTY)'
        THEN gis.st_asewkb(gis.st_setsrid(g::gis.geometry, 0)) ELSE gis.st_asbinary(g) END";
    let told = format!("SELECT id, upper(encode({wkb}, 'hex')) FROM {name} ORDER BY id");
    let files = format!("{}/*.parquet", dir.display());
    let read = format!(
        "SET enable_geoparquet_conversion = false; SELECT id, hex(g) FROM read_parquet('{files}') ORDER BY id"
    );
    assert_eq!(duck(&read), server.query(db, &told), "{name}");
}

#[test]
fn every_geometry_is_the_servers_own_wkb() {
    let (server, url) = database("spatial");
    let both: Vec<&str> = SIMPLE.iter().chain(WITH_Z).copied().collect();
    let lines: Vec<&str> = SIMPLE.iter().filter(|text| text.starts_with("LINE")).copied().collect();
    let collections: Vec<&str> = SIMPLE.iter().filter(|text| text.starts_with("GEO")).copied().collect();
    let points = ["POINT(7 50)", "POINT EMPTY"];
    let cases: Vec<Case<'_>> = vec![
        ("any_4326", "geometry", 4326, &both, &[]),
        ("any_0", "geometry", 0, &both, &[]),
        ("any_3857", "geometry", 3857, &both, &[]),
        ("flat_25832", "geometry(Geometry,25832)", 25832, SIMPLE, &[]),
        ("deep_4326", "geometry(GeometryZ,4326)", 4326, WITH_Z, &[]),
        ("point_4326", "geometry(Point,4326)", 4326, &points, &["Point"]),
        ("point_z", "geometry(PointZ,4979)", 4979, &WITH_Z[..2], &["Point Z"]),
        ("line", "geometry(LineString)", 3857, &lines, &["LineString"]),
        ("collection", "geometry(GeometryCollection,4326)", 4326, &collections, &[]),
        ("geog", "geography", 4326, &points, &[]),
        ("geog_line", "geography(LineString,4267)", 4267, &lines[1..], &["LineString"]),
        ("empty", "geometry(Point,4326)", 4326, &[], &["Point"]),
        ("nothing", "geometry", 0, &[], &[]),
    ];
    let mut sql: String =
        cases.iter().map(|(name, kind, srid, texts, ..)| table(name, kind, *srid, texts)).collect();
    sql += &table("odd_m", "geometry(PointM,4326)", 4326, &ODD[..1]);
    sql += &table("odd_zm", "geometry(PointZM,4326)", 4326, &ODD[1..2]);
    sql += &table("odd_curve", "geometry(CircularString,4326)", 4326, &ODD[3..4]);
    sql += &table("odd_compound", "geometry(CompoundCurve,4326)", 4326, &ODD[5..6]);
    sql += &table("odd_tin", "geometry(TinZ,4326)", 4326, &ODD[10..11]);
    run(server, "spatial", &sql);
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--verify", "hash", "--exclude", "spatial_ref_sys"]).ok();
    for (name, kind, srid, _, types) in &cases {
        let dir = out.path().join("public").join(name);
        assert_tidy(&dir);
        assert_same_values(&url, &format!("public.{name}"), &dir, &[]);
        assert_binary(server, "spatial", name, &dir);
        let manifest = manifest(&dir);
        assert_eq!(manifest["verification"]["hash"], "equal", "{name}");
        let crs = if *srid == 0 { Value::Null } else { format!("EPSG:{srid}").into() };
        assert_eq!(manifest["columns"][1]["crs"], crs, "{name} {kind}");
        let mut column = json!({ "encoding": "WKB", "geometry_types": types });
        if *srid != 4326 {
            column["crs"] = Value::Null;
        }
        if kind.starts_with("geography") {
            column["edges"] = "spherical".into();
        }
        let expected = json!({ "version": "1.1.0", "primary_column": "g", "columns": { "g": column } });
        assert_eq!(geo(&dir), expected, "{name} {kind}");
    }
    for name in ["odd_m", "odd_zm", "odd_curve", "odd_compound", "odd_tin"] {
        let dir = out.path().join("public").join(name);
        assert_same_values(&url, &format!("public.{name}"), &dir, &[]);
        assert_binary(server, "spatial", name, &dir);
        assert_eq!(manifest(&dir)["verification"]["hash"], "equal", "{name}");
        assert_eq!(geo(&dir), Value::Null, "{name}");
    }
    let verified = Run::new(["verify", "--read-data"]).args([out.path()]).output();
    verified.ok();
}

#[test]
fn a_value_that_a_column_cannot_have_beside_the_others_is_refused() {
    let (server, url) = database("spatial_odd");
    let mut sql = String::new();
    for (at, text) in ODD.iter().enumerate() {
        sql += &table(&format!("odd_{at}"), "geometry", 4326, &["POINT(1 2)", text]);
    }
    sql += &table("mixed", "geometry", 4326, &["POINT(1 2)"]);
    sql +=
        "INSERT INTO mixed VALUES (7, 'SRID=3857;POINT(1 2)'); INSERT INTO mixed VALUES (8, 'POINT(1 2)');";
    sql += &table("unknown", "geography", 4326, &["POINT(1 2)"]);
    sql += "INSERT INTO unknown VALUES (7, 'SRID=4267;POINT(1 2)');";
    run(server, "spatial_odd", &sql);
    for at in 0..ODD.len() {
        let out = tempfile::tempdir().unwrap();
        let run = export(&url, out.path(), &["--include", &format!("odd_{at}")]);
        let table = format!("table public.odd_{at}");
        let cast = format!("--cast 'public.odd_{at}.g: text'");
        refused(run, &["GeoParquet", &table, "column g", "row id=2 ctid=(", &cast]);
    }
    for name in ["mixed", "unknown"] {
        let out = tempfile::tempdir().unwrap();
        let run = export(&url, out.path(), &["--include", name]);
        refused(run, &["a geometry of SRID", "have SRID 4326", "column g", "row id=7", "--where", "--cast"]);
        // As it says: the rows of one SRID, or text that has it.
        let out = tempfile::tempdir().unwrap();
        export(&url, out.path(), &["--include", name, "--where", &format!("{name}: id < 7")]).ok();
        let out = tempfile::tempdir().unwrap();
        export(&url, out.path(), &["--include", name, "--cast", &format!("{name}.g: text")]).ok();
        let dir = out.path().join("public").join(name);
        assert_eq!(
            duck(&format!("SELECT id, g FROM read_parquet('{}/*.parquet') ORDER BY id", dir.display())),
            server.query("spatial_odd", &format!("SELECT id, g FROM {name} ORDER BY id"))
        );
        assert_eq!(geo(&dir), Value::Null);
    }
}

#[test]
fn geometries_in_other_types_and_other_places() {
    let (server, url) = database("spatial_places");
    run(
        server,
        "spatial_places",
        "CREATE DOMAIN place AS geometry(Point,4326); CREATE TYPE named AS (name text, g geometry);
         CREATE TABLE places (id integer PRIMARY KEY, first geometry(Point,25832), name text, second place NOT NULL,
             list geometry[], n named, box box2d);
         INSERT INTO places SELECT g, ST_SetSRID(ST_Point(g, 0.1), 25832), 'n' || g, ST_SetSRID(ST_Point(g, -0.1), 4326),
             ARRAY['SRID=1;POINT(1 2)'::geometry, NULL], ROW('x', 'SRID=2;POINT(1 2)'::geometry)::named, 'BOX(1 2,3 4)'::box2d
         FROM generate_series(1, 5000) g;
         CREATE TABLE parted (id integer, g geometry) PARTITION BY RANGE (id);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
         CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
         INSERT INTO parted SELECT g, ST_SetSRID(ST_Point(g, g), 4326) FROM generate_series(1, 19) g;
         CREATE VIEW seen AS SELECT id, g AS shape FROM parted;
         CREATE TYPE look.geometry AS (x real, y real); CREATE TABLE lookalike (id integer PRIMARY KEY, g look.geometry);
         INSERT INTO lookalike VALUES (1, ROW(1, 2));
         DROP ROLE IF EXISTS walker; CREATE ROLE walker LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO walker;
         REVOKE SELECT ON spatial_ref_sys FROM PUBLIC; ANALYZE;",
    );
    let out = tempfile::tempdir().unwrap();
    let cut =
        ["-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100", "--views", "--verify", "hash"];
    export(&url, out.path(), &cut).ok();
    for (name, columns) in
        [("places", json!(["first", "second"])), ("parted", json!(["g"])), ("seen", json!(["shape"]))]
    {
        let dir = out.path().join("public").join(name);
        assert_same_values(&url, &format!("public.{name}"), &dir, &[]);
        let geo = geo(&dir);
        let found: Vec<&String> = geo["columns"].as_object().unwrap().keys().collect();
        assert_eq!(json!(found), columns, "{name}");
        assert_eq!(geo["primary_column"], columns[0], "{name}");
    }
    assert_eq!(geo(&out.path().join("public/lookalike")), Value::Null);
    let verdicts = inspected(&url, "places", &[]);
    assert_eq!(
        (&verdicts["second"]["verdict"], &verdicts["list"]["verdict"]),
        (&"exact".into(), &"text".into())
    );

    // Other names, fewer columns, computed columns; and who may not read the names of the systems.
    let out = tempfile::tempdir().unwrap();
    let columns = "places: id, second AS here, first IS NULL AS missing";
    let as_walker = server.url_as("walker", "x", "spatial_places");
    let flags = [
        "--include",
        "places",
        "--columns",
        columns,
        "--where",
        "places: id + 0 <= 10 AND second IS NOT NULL",
    ];
    export(&as_walker, out.path(), &flags).ok();
    let dir = out.path().join("public/places");
    let document = geo(&dir);
    assert_eq!(document["columns"].as_object().unwrap().len(), 1);
    // A number alone is not known to be longitude and latitude.
    assert_eq!(
        document["columns"]["here"],
        json!({ "encoding": "WKB", "geometry_types": ["Point"], "crs": null })
    );
    assert_eq!(manifest(&dir)["columns"][1]["crs"], "4326");
    assert_eq!(manifest(&dir)["rows"], 10);
}

#[test]
fn files_of_another_coordinate_system_are_not_added() {
    let (server, url) = database("spatial_append");
    run(server, "spatial_append", &table("sites", "geometry", 4326, &["POINT(1 2)"]));
    let out = tempfile::tempdir().unwrap();
    let flags = ["--include", "sites", "--if-exists", "append"];
    export(&url, out.path(), &flags).ok();
    export(&url, out.path(), &flags).ok();
    run(server, "spatial_append", "UPDATE sites SET g = ST_SetSRID(g, 3857)");
    let run = export(&url, out.path(), &flags);
    refused(run, &["columns differ", "--if-exists append needs the same columns"]);
    assert_eq!(manifest(&out.path().join("public/sites"))["rows"], 4);
}
