//! Users who may read columns of a table, and not the table.

use std::path::Path;

use crate::lake::{Run, assert_same, assert_same_values, assert_tidy, duck, export, manifest};
use crate::server::PgServer;

const DENIED: i32 = 77;

/// A database with a table that is granted in part, and with tables of all kinds whose columns are granted one by one.
/// The URLs of its owner and of the reader.
fn granted(db: &str) -> (String, String) {
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(
        db,
        &format!(
            "DROP ROLE IF EXISTS {db}; CREATE ROLE {db} LOGIN;
             CREATE TABLE pii (id int PRIMARY KEY, name text, amount numeric, ssn text, \"Pin\" int);
             INSERT INTO pii SELECT g, 'n' || g, g / 4.0, 'secret ' || g, g FROM generate_series(1, 500) g;
             CREATE TABLE big (id int PRIMARY KEY, name text, at date);
             INSERT INTO big SELECT g, repeat('x', 50), '2024-01-01'::date + g % 300 FROM generate_series(1, 20000) g;
             CREATE TABLE nokey AS TABLE big;
             CREATE TABLE parted (id int, region text) PARTITION BY LIST (region);
             CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
             CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
             INSERT INTO parted SELECT g, CASE WHEN g % 3 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 9000) g;
             CREATE TABLE parent (id int PRIMARY KEY, name text);
             CREATE TABLE child (more int) INHERITS (parent);
             INSERT INTO parent SELECT g, 'p' FROM generate_series(1, 5000) g;
             INSERT INTO child SELECT g, 'c', g FROM generate_series(5001, 9000) g;
             GRANT SELECT (id, name, amount) ON pii TO {db};
             GRANT SELECT (id, name, at) ON big TO {db}; GRANT SELECT (id, name, at) ON nokey TO {db};
             GRANT SELECT (id, region) ON parted TO {db}; GRANT SELECT (id, name) ON parent TO {db};
             ANALYZE;"
        ),
    );
    (url, server.url_as(db, "x", db))
}

/// The slices of a table's files.
fn slices(dir: &Path) -> Vec<String> {
    let manifest = manifest(dir);
    manifest["files"].as_array().unwrap().iter().map(|file| file["slice"].to_string()).collect()
}

#[test]
fn f9_the_columns_that_may_be_read_are_exported_and_the_others_named() {
    let (_, url) = granted("f9_some");
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().join("public/pii");
    let run = |extra: &[&str]| export(&url, out.path(), &[&["-i", "pii"], extra].concat());
    run(&["--columns", "pii: id, name", "--verify", "hash", "--numeric", "measure"]).ok();
    assert_tidy(&dir);
    let rows = |sql: &str| duck(&format!("SELECT {sql} FROM '{}'", dir.join("*.parquet").display()));
    assert_eq!(rows("count(*), sum(id), max(name)"), "500|125250|n99");
    run(&[
        "--columns",
        "pii: id, amount * 2 AS twice",
        "--numeric",
        "measure",
        "--where",
        "pii: name = 'n7'",
    ])
    .ok();
    assert_eq!(rows("id, twice::double"), "7|3.5");
    // Above the threshold there are slices, and none is cut by the place of a row.
    run(&["--columns", "pii: id, name", "--large-table-threshold", "10", "--part-bytes", "4KiB", "-p", "2"])
        .ok();
    let slices = slices(&dir);
    assert!(slices.len() > 1 && slices.iter().all(|slice| slice.contains("id")), "{slices:?}");
    assert_eq!(rows("count(*), count(DISTINCT id)"), "500|500");

    for (extra, missing, not) in [
        (&[][..], "\"Pin\", ssn", "name, "),
        (&["--columns", "pii: *"], "\"Pin\", ssn", "name, "),
        (&["--columns", "pii: id, ssn"], "columns ssn", "Pin"),
        (&["--columns", "pii: id", "--where", "pii: ssn = 'x'"], "columns ssn", "Pin"),
        (&["--columns", "pii: id", "--where", "pii: ssn LIKE '%x'"], "columns ssn", "Pin"),
    ] {
        let grant = format!("GRANT SELECT ({})", missing.trim_start_matches("columns "));
        let output = run(&[&["-q"], extra].concat()).exits(DENIED);
        output.says(&["public.pii", missing, &grant, "--columns"]).never_says(&[not]);
    }
    assert_eq!(rows("count(*), count(DISTINCT id)"), "500|500");

    let check = |extra: &[&str]| Run::new(["check", "--source", &url, "-i", "pii"]).args(extra).output();
    let refused = check(&[]).exits(DENIED);
    assert!(refused.stdout.contains("\"Pin\", ssn"), "{refused}");
    let fine = check(&["--columns", "pii: id, name"]).ok();
    assert!(fine.stdout.contains("2 columns"), "{fine}");

    let query = |sql: &str| {
        Run::new(["query", "--source", &url, "--name", "q", "--output-dir"])
            .args([out.path()])
            .args([sql])
            .output()
    };
    query("SELECT count(*) AS n, max(name) AS m FROM pii").ok();
    let file = out.path().join("query/q/*.parquet");
    assert_eq!(duck(&format!("SELECT n, m FROM '{}'", file.display())), "500|n99");
    query("SELECT * FROM pii").exits(DENIED).says(&["\"Pin\", ssn", "public.pii"]);
    query("SELECT id FROM pii WHERE ssn = 'x'").exits(DENIED).says(&["ssn", "public.pii"]);
}

#[test]
fn f9_rights_on_every_column_are_enough_below_and_above_the_threshold() {
    let (owner, url) = granted("f9_every");
    for extra in [&[][..], &["--large-table-threshold", "100", "--part-bytes", "64KiB", "-p", "2"]] {
        let out = tempfile::tempdir().unwrap();
        let tables = ["-i", "big,nokey,parted,parent", "--verify", "hash"];
        export(&url, out.path(), &[&tables, extra].concat()).ok();
        for table in ["big", "nokey", "parted", "parent"] {
            let dir = out.path().join("public").join(table);
            assert_tidy(&dir);
            assert_same(&owner, &format!("public.{table}"), &dir);
        }
        let parts = |table: &str| slices(&out.path().join("public").join(table)).len();
        assert_eq!((parts("big") > 1, parts("nokey")), (!extra.is_empty(), 1));
        // A part of the rows that a condition selects, where the server expects few of them.
        export(&url, out.path(), &[&["-i", "big", "--where", "big: id <= 10"], extra].concat()).ok();
        let file = out.path().join("public/big/*.parquet");
        assert_eq!(duck(&format!("SELECT count(*) FROM '{}'", file.display())), "10");
    }
    Run::new(["check", "--source", &url, "-i", "big,nokey,parted,parent"]).output().ok();
    let out = tempfile::tempdir().unwrap();
    let refused = export(&url, out.path(), &["-i", "big", "--table-config", "big:Ctid::2"]);
    refused.exits(2).says(&["Ctid", "RangeId"]);
}

#[test]
fn f9_a_bad_value_is_named_by_its_key() {
    let (owner, url) = granted("f9_bad");
    PgServer::shared().sql("f9_bad", "UPDATE big SET at = 'infinity' WHERE id = 4321");
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["-i", "big"]).exits(65).says(&["column at", "id=4321", "infinity"]);
    export(&url, out.path(), &["-i", "big", "--special-values", "null"]).ok();
    assert_same_values(&owner, "public.big", &out.path().join("public/big"), &["--special", "null"]);
}
