//! `--readers`: which columns are text, what keeps their types, what is said about it.

use serde_json::Value;

use crate::lake::{Run, duck, export, export_args, manifest};
use crate::server::PgServer;

const TABLE: &str = "CREATE TYPE pair AS (u uuid, t time, n numeric(50,10));
    CREATE TABLE t (id integer PRIMARY KEY, u uuid, t time, w numeric(50,10), j json, us uuid[], p pair);
    INSERT INTO t VALUES
      (1, '6B29FC40-CA47-1067-B31D-00DD010662DA', '12:00:00.5', -0.5, '{\"a\":  1}', '{6B29FC40-CA47-1067-B31D-00DD010662DA,NULL}',
       ROW('6B29FC40-CA47-1067-B31D-00DD010662DA', '01:02:03.040', 7)),
      (2, NULL, NULL, NULL, NULL, NULL, NULL),
      (3, '00000000-0000-0000-0000-000000000000', '00:00', 0, 'null', '{}', ROW(NULL, NULL, NULL))";

fn column<'a>(manifest: &'a Value, name: &str) -> &'a Value {
    manifest["columns"].as_array().unwrap().iter().find(|column| column["name"] == name).unwrap()
}

#[test]
fn text_is_what_somebody_does_not_take_and_the_hash_is_that_of_the_text() {
    let server = PgServer::shared();
    let url = server.create_db("readers_forms");
    server.sql("readers_forms", TABLE);
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().join("public/t");
    for (readers, text, typed) in [
        ("any", &["u", "t", "w", "us", "p"][..], &[][..]),
        ("modern", &[], &["u", "t", "w", "us", "p"]),
        ("pyarrow", &[], &["u", "t", "w"]),
        ("DuckDB, pyarrow", &["w"], &["u", "t"]),
        ("spark", &["u", "t", "w"], &[]),
    ] {
        export(&url, out.path(), &["--readers", readers, "--verify", "hash"]).ok();
        let written = manifest(&dir);
        assert_eq!(written["verification"]["hash"], "equal", "{readers}");
        for name in text {
            assert_eq!(column(&written, name)["verdict"], "text", "{readers} {name}");
            let form = column(&written, name)["form"].as_str().unwrap();
            assert!(form.contains("--readers modern keeps the type"), "{form}");
        }
        for name in typed {
            assert_eq!(column(&written, name)["form"], Value::Null, "{readers} {name}");
            assert_ne!(column(&written, name)["arrow_type"], "Utf8", "{readers} {name}");
        }
    }
    export(&url, out.path(), &[]).ok();
    let files = dir.join("*.parquet").display().to_string();
    assert_eq!(
        duck(&format!("SELECT u, t, w, j, us[1], p.t, p.n FROM '{files}' ORDER BY id")),
        "6b29fc40-ca47-1067-b31d-00dd010662da|12:00:00.5|-0.5000000000|{\"a\":  1}|6b29fc40-ca47-1067-b31d-00dd010662da|01:02:03.04|7.0000000000\n\
         ||||||\n00000000-0000-0000-0000-000000000000|00:00:00|0.0000000000|null|||"
    );
    // Conditions see the values.
    let late = ["--where", "t: w < 0"];
    export(&url, out.path(), &late).ok();
    assert_eq!(duck(&format!("SELECT id FROM '{files}'")), "1");
}

#[test]
fn files_of_other_readers_are_not_added_to() {
    let server = PgServer::shared();
    let url = server.create_db("readers_append");
    server.sql(
        "readers_append",
        "CREATE TABLE u (u uuid); CREATE TABLE j (j json); CREATE TABLE i (i integer)",
    );
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--readers", "modern"]).ok();
    let refused = export(&url, out.path(), &["--if-exists", "append"]).exits(1);
    for table in ["public.u  failed", "public.j  failed"] {
        assert!(refused.stdout.contains(table), "{refused}");
    }
    assert!(refused.stdout.contains("add to them with --readers modern"), "{refused}");
    export(&url, out.path(), &["--if-exists", "append", "--readers", "modern"]).ok();
    export(&url, out.path(), &[]).ok();
    let refused = export(&url, out.path(), &["--if-exists", "append", "--readers", "modern"]).exits(1);
    assert!(refused.stdout.contains("add to them with --readers any"), "{refused}");
}

#[test]
fn what_is_written_all_the_same_is_warned_of() {
    let server = PgServer::shared();
    let url = server.create_db("readers_warned");
    server.sql("readers_warned", "CREATE TABLE names (a integer, \"A\" integer)");
    let out = tempfile::tempdir().unwrap();
    let said = |flags: &[&str]| Run::new(export_args(&url, out.path(), flags)).output().ok().stderr;
    let any = said(&["--compression", "brotli"]);
    assert!(any.contains("Spark does not know it") && any.contains("Spark refuses such a file"), "{any}");
    let some = said(&["--compression", "brotli", "--readers", "duckdb"]);
    assert!(!some.contains("brotli: ") && some.contains("DuckDB reads the first of them twice"), "{some}");
    let none = said(&["--readers", "pyarrow,polars"]);
    assert!(!none.contains("differ in case"), "{none}");
    let wrong = export(&url, out.path(), &["--readers", "spark,excel"]).exits(2);
    assert!(wrong.stderr.contains("'excel' is no reader") && wrong.stderr.contains("fastparquet"), "{wrong}");
}

/// Spark and Daft open no file with a column of 16 bits.
#[test]
fn floating_point_of_16_bits_is_widened() {
    let server = PgServer::shared();
    let url = server.create_db("readers_half");
    server.sql("readers_half", "CREATE TABLE t AS SELECT unnest(ARRAY[0.5, -65504, NULL]::real[]) AS h");
    let out = tempfile::tempdir().unwrap();
    for (readers, arrow) in [("any", "Float32"), ("modern", "Float16")] {
        let query = "SELECT arrow_cast(h, 'Float16') AS h FROM public.t";
        let args = ["query", query, "--name", "half", "--source", &url, "--readers", readers, "--output-dir"];
        Run::new(args).args([out.path()]).output().ok();
        assert_eq!(column(&manifest(&out.path().join("query/half")), "h")["arrow_type"], arrow);
        let files = out.path().join("query/half/*.parquet").display().to_string();
        assert_eq!(duck(&format!("SELECT h FROM '{files}' ORDER BY h")), "-65504.0\n0.5");
    }
}
