//! Every kind of relation, and names that need care.

use std::path::Path;

use crate::lake::{Run, assert_same, duck, export, files, manifest};
use crate::server::PgServer;

/// Rows of a table's directory, counted by DuckDB.
fn rows(dir: &Path, table: &str) -> String {
    duck(&format!("SELECT count(*) FROM read_parquet('{}/{table}/*.parquet')", dir.display()))
}

#[test]
fn every_kind_of_relation_is_exported_as_select_star_shows_it() {
    let server = PgServer::shared();
    let (db, url) = ("kinds", server.create_db("kinds"));
    server.sql(
        db,
        r"CREATE TABLE plain (id integer PRIMARY KEY, a text);
          INSERT INTO plain SELECT g, 'row ' || g FROM generate_series(1, 100) g;
          ALTER TABLE plain ADD COLUMN gone integer DEFAULT 7;
          ALTER TABLE plain DROP COLUMN gone;
          ALTER TABLE plain ADD COLUMN twice integer GENERATED ALWAYS AS (id * 2) STORED;
          CREATE UNLOGGED TABLE unlogged AS TABLE plain;
          CREATE TABLE nothing (id integer, t text);
          CREATE TABLE no_columns ();
          CREATE TABLE parted (id integer, region text) PARTITION BY LIST (region);
          CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('eu');
          CREATE TABLE parted_us PARTITION OF parted FOR VALUES IN ('us') PARTITION BY RANGE (id);
          CREATE TABLE parted_us_low PARTITION OF parted_us FOR VALUES FROM (MINVALUE) TO (500);
          CREATE TABLE parted_us_high (region text, junk integer, id integer);
          ALTER TABLE parted_us_high DROP COLUMN junk;
          ALTER TABLE parted_us ATTACH PARTITION parted_us_high FOR VALUES FROM (500) TO (MAXVALUE);
          INSERT INTO parted SELECT g, CASE g % 2 WHEN 0 THEN 'eu' ELSE 'us' END FROM generate_series(1, 1000) g;
          CREATE TABLE mother (id integer NOT NULL);
          CREATE TABLE child (extra text) INHERITS (mother);
          INSERT INTO mother VALUES (1); INSERT INTO child VALUES (2, 'x'), (3, 'y');
          CREATE VIEW seen AS SELECT id, a FROM plain WHERE id <= 10;
          CREATE MATERIALIZED VIEW kept AS SELECT id FROM plain WHERE id > 90;
          CREATE TEMPORARY TABLE mine (id integer);
          ANALYZE;",
    );
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path();
    let run = export(&url, out, &[]).exits(1).says(&["no columns", "public.no_columns"]);
    assert!(run.stdout.contains("--exclude"), "{run}");
    for (table, expected) in [
        ("plain", "100"),
        ("unlogged", "100"),
        ("parted", "1000"),
        ("mother", "3"),
        ("child", "2"),
        ("nothing", "0"),
    ] {
        assert_eq!(rows(&out.join("public"), table), expected, "{table}");
        assert_same(&url, &format!("public.{table}"), &out.join("public").join(table));
    }
    for absent in ["no_columns", "parted_eu", "parted_us", "parted_us_low", "seen", "kept", "mine"] {
        assert!(!out.join("public").join(absent).exists(), "{absent}");
    }
    // Named, a view or a single partition is exported; so are views with --views.
    let named = tempfile::tempdir().unwrap();
    export(&url, named.path(), &["--include", "seen,kept,parted_us"]).ok();
    for (table, expected) in [("seen", "10"), ("kept", "10"), ("parted_us", "500")] {
        assert_eq!(rows(&named.path().join("public"), table), expected, "{table}");
    }
    let views = tempfile::tempdir().unwrap();
    export(&url, views.path(), &["--views", "--include", "%e%"]).ok();
    assert!(views.path().join("public/seen").exists() && views.path().join("public/kept").exists());
}

#[test]
fn every_cut_of_a_partitioned_table_holds_every_row_once() {
    let server = PgServer::shared();
    let (db, url) = ("cuts", server.create_db("cuts"));
    server.sql(
        db,
        r"CREATE TABLE parted (id bigint, at timestamp, day date, pad text) PARTITION BY RANGE (id);
          CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
          CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (20000);
          CREATE TABLE parted_n PARTITION OF parted DEFAULT;
          INSERT INTO parted SELECT g, timestamp '1960-01-01' + g * interval '1 hour', date '1960-01-01' + g,
            repeat('x', 100) FROM generate_series(1, 20000) g;
          INSERT INTO parted SELECT NULL, 'infinity', '-infinity', NULL FROM generate_series(1, 10);
          ANALYZE parted;",
    );
    for config in [
        "parted:None::",
        "parted:Ctid::3",
        "parted:RangeId:id:4",
        "parted:RangeId:at:5",
        "parted:RangeId:day:2",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let special = ["--special-values", "null", "--table-config", config, "--columns", "parted: id, pad"];
        export(&url, dir.path(), &special).ok();
        let table = dir.path().join("public/parted");
        let sums = duck(&format!(
            "SELECT count(*), sum(id), count(id), count(DISTINCT id) FROM read_parquet('{}/*.parquet')",
            table.display()
        ));
        assert_eq!(sums, "20010|200010000|20000|20000", "{config}");
        let parts = files(&table).iter().filter(|f| f.ends_with(".parquet")).count();
        assert_eq!(parts > 1, !config.contains("None"), "{config}: {parts} files");
    }
}

#[test]
fn names_are_kept_and_escaped_by_the_rule() {
    let server = PgServer::shared();
    let (db, url) = ("names", server.create_db("names"));
    server.sql(
        db,
        r#"CREATE SCHEMA "Schéma 1"; CREATE SCHEMA "_lakexpress"; CREATE SCHEMA "..";
           CREATE TABLE "Schéma 1"."Größe/50%" ("Mixed Case" integer, "quo""te" text, "日本" date, "a.b" integer, "select" integer);
           INSERT INTO "Schéma 1"."Größe/50%" VALUES (1, 'x', '2024-01-01', 2, 3);
           CREATE TABLE "_lakexpress"."run" (id integer);
           CREATE TABLE "..".".." (id integer);
           CREATE TABLE "semi;colon'quote" (id integer);"#,
    );
    let dir = tempfile::tempdir().unwrap();
    export(&url, dir.path(), &[]).ok();
    let table = dir.path().join("Schéma 1/Größe%2F50%25");
    let columns = manifest(&table)["columns"].clone();
    let names: Vec<&str> = columns.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Mixed Case", "quo\"te", "日本", "a.b", "select"]);
    assert_eq!(
        duck(&format!("SELECT \"quo\"\"te\", \"a.b\" FROM read_parquet('{}/*.parquet')", table.display())),
        "x|2"
    );
    for escaped in ["%5Flakexpress/run", "%2E%2E/%2E%2E", "public/semi;colon'quote"] {
        assert!(dir.path().join(escaped).join("_manifest.json").exists(), "{escaped}");
    }
    // A filter on such names, quoted as SQL does.
    let filtered = tempfile::tempdir().unwrap();
    let rule = r#"Schéma 1.Größe/50%: "Mixed Case" = 1 AND "quo""te" = 'x' AND "a.b" > 1"#;
    export(&url, filtered.path(), &["--source-schema-name", "Schéma 1", "--where", rule]).ok();
    assert_eq!(manifest(&filtered.path().join("Schéma 1/Größe%2F50%25"))["rows"], 1);
}

#[test]
fn one_shared_point_in_time_is_in_every_manifest() {
    let server = PgServer::shared();
    let (db, url) = ("moments", server.create_db("moments"));
    server.sql(db, "CREATE TABLE a (id integer); CREATE TABLE b (id integer);");
    for (level, same) in [("run", true), ("table", false)] {
        let dir = tempfile::tempdir().unwrap();
        export(&url, dir.path(), &["--consistency", level]).ok();
        let [a, b] = ["a", "b"].map(|t| manifest(&dir.path().join("public").join(t))["snapshot"].clone());
        assert_eq!(a["level"], level);
        assert!(a["id"].is_string() && a["position"].is_string(), "{a}");
        assert_eq!(a["id"] == b["id"], same, "{a} {b}");
    }
    let dir = tempfile::tempdir().unwrap();
    export(&url, dir.path(), &["--consistency", "none"]).ok();
    assert_eq!(manifest(&dir.path().join("public/a"))["snapshot"]["level"], "none");
}

#[test]
fn runs_and_status_tell_what_happened() {
    let server = PgServer::shared();
    let (db, url) = ("history", server.create_db("history"));
    server.sql(db, "CREATE TABLE a (id integer); INSERT INTO a SELECT generate_series(1, 5);");
    let dir = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| Run::new(args).env("XDG_STATE_HOME", state.path()).output().ok();
    let out = dir.path().to_str().unwrap();
    let exported = run(&["export", "--source", &url, "--output-dir", out, "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&exported.stdout).unwrap();
    let id = summary["run_id"].as_str().unwrap();
    assert!(run(&["runs"]).stdout.contains(id));
    let status = run(&["status", id]).stdout;
    assert!(status.contains("completed") && status.contains("public.a"), "{status}");
    let json: serde_json::Value = serde_json::from_str(&run(&["status", id, "--json"]).stdout).unwrap();
    assert_eq!(json["jobs"][0]["row_count"], 5, "{json}");
    assert!(dir.path().join(format!("_lakexpress/{id}.json")).exists());
    let plan = run(&["plan", "--source", &url]).stdout;
    assert!(plan.contains("public.a") && plan.contains("None"), "{plan}");
    let inspect = run(&["inspect", "--source", &url]).stdout;
    assert!(inspect.contains("integer") && inspect.contains("exact"), "{inspect}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "plan and inspect write nothing");
}
