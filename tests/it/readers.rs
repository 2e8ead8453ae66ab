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
        "CREATE TABLE u (u uuid, n numeric(39,2)); CREATE TABLE j (j json); CREATE TABLE i (i integer, t text)",
    );
    let out = tempfile::tempdir().unwrap();
    let append = |readers: &str| export(&url, out.path(), &["--if-exists", "append", "--readers", readers]);
    // What is named is what works.
    for there in ["modern", "any", "duckdb", "spark", "duckdb,pyarrow"] {
        export(&url, out.path(), &["--readers", there]).ok();
        for added in ["any", "modern", "duckdb"].iter().filter(|added| **added != there) {
            let refused = append(added);
            if refused.code != Some(0) {
                assert!(
                    refused.stdout.contains(&format!("with --readers {there}, for which")),
                    "{added}: {refused}"
                );
            }
        }
        append(there).ok();
    }
    export(&url, out.path(), &["--readers", "modern"]).ok();
    let refused = append("any").exits(1);
    for said in ["public.u  failed", "public.j  failed", "u FixedSizeBinary(16)", "j JSON, as plain text"] {
        assert!(refused.stdout.contains(said), "{said}: {refused}");
    }
    // Of the same types, with other encodings: it is said, and the table promises no more than both.
    assert!(
        refused.stderr.contains("for --readers modern, those that are added for --readers any"),
        "{refused}"
    );
    export(&url, out.path(), &["-i", "i"]).ok();
    assert_eq!(manifest(&out.path().join("public/i"))["readers"], "any");
    let mixed = ["-i", "i", "--if-exists", "append", "--readers", "modern"];
    let said = Run::new(export_args(&url, out.path(), &mixed)).output().ok().stderr;
    assert!(said.contains("the table is for readers that take both"), "{said}");
    assert_eq!(manifest(&out.path().join("public/i"))["readers"], Value::Null);
}

/// Text of one type is no text of another.
#[test]
fn columns_that_were_altered_are_not_added_to_though_both_are_text() {
    let server = PgServer::shared();
    let url = server.create_db("readers_altered");
    let out = tempfile::tempdir().unwrap();
    for (name, before, after) in [
        ("a", "uuid", "ALTER TABLE a ALTER c TYPE time USING '01:00'"),
        ("b", "numeric(39,2)", "ALTER TABLE b ALTER c TYPE numeric(60,9)"),
        ("c", "uuid[]", "ALTER TABLE c ALTER c TYPE time[] USING '{}'"),
        ("d", "uuid", "ALTER TABLE d ALTER c TYPE text USING c::text"),
    ] {
        server.sql(
            "readers_altered",
            &format!("CREATE TABLE {name} (c {before}); INSERT INTO {name} VALUES (NULL)"),
        );
        export(&url, out.path(), &["-i", name]).ok();
        server.sql("readers_altered", after);
        let refused = export(&url, out.path(), &["-i", name, "--if-exists", "append"]).exits(65);
        assert!(refused.stdout.contains("needs the same columns"), "{after}: {refused}");
        assert!(!refused.stdout.contains("--readers"), "{after}: {refused}");
    }
}

/// Expressions lose the logical type of a uuid, and make types that no table has.
#[test]
fn what_expressions_return_has_the_form_of_columns() {
    let server = PgServer::shared();
    let url = server.create_db("readers_expressions");
    server.sql(
        "readers_expressions",
        "CREATE TABLE t AS SELECT 7::bigint AS id, '12:00:00.5'::time AS tm, '6b29fc40-ca47-1067-b31d-00dd010662da'::uuid AS u, ARRAY['6b29fc40-ca47-1067-b31d-00dd010662da'::uuid] AS us",
    );
    let out = tempfile::tempdir().unwrap();
    let text = "6b29fc40-ca47-1067-b31d-00dd010662da";
    let files = |name: &str| out.path().join("query").join(name).join("*.parquet").display().to_string();
    let query = |sql: &str, readers: &str| {
        let args = ["query", sql, "--name", "q", "--source", &url, "--readers", readers, "--output-dir"];
        Run::new(args).args([out.path()]).output().ok();
    };
    for sql in [
        "SELECT greatest(u, u) AS x FROM t",
        "SELECT coalesce(u, u) AS x FROM t",
        "SELECT CASE WHEN true THEN u END AS x FROM t",
        "SELECT nullif(u, u) AS n, u AS x FROM t",
        "SELECT lag(u, 0) OVER (ORDER BY id) AS x FROM t",
        "SELECT (SELECT u FROM t LIMIT 1) AS x FROM t",
    ] {
        query(sql, "any");
        assert_eq!(duck(&format!("SELECT x FROM '{}'", files("q"))), text, "{sql}");
        assert_eq!(column(&manifest(&out.path().join("query/q")), "x")["arrow_type"], "Utf8", "{sql}");
    }
    query("SELECT array_agg(u) AS x FROM t GROUP BY u", "any");
    assert_eq!(duck(&format!("SELECT x[1] FROM '{}'", files("q"))), text);
    let columns = ["-i", "t", "--columns", "t: coalesce(u, u) AS c"];
    export(&url, out.path(), &columns).ok();
    let table = out.path().join("public/t/*.parquet").display().to_string();
    assert_eq!(duck(&format!("SELECT c FROM '{table}'")), text);
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
    server.sql(
        "readers_warned",
        "DROP TABLE names; CREATE TYPE pair AS (x integer, \"X\" integer);
         CREATE TABLE deep (id integer, p pair, ps pair[], n numeric(38,2), f double precision)",
    );
    let deep = said(&["--readers", "spark,fastparquet"]);
    for words in [
        r#""x" and "X" differ"#,
        r#"as doubles: columns "n""#,
        r#"as NaN: columns "f""#,
        "structs as columns of its fields",
    ] {
        assert!(deep.contains(words), "{words}: {deep}");
    }
    let none = said(&["--readers", "pyarrow,polars"]);
    assert!(!none.contains("differ in case"), "{none}");
    let wrong = export(&url, out.path(), &["--readers", "spark,excel"]).exits(2);
    assert!(wrong.stderr.contains("'excel' is no reader") && wrong.stderr.contains("fastparquet"), "{wrong}");
}
