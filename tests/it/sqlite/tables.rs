//! Kinds of tables, names, and cuts that hold every row once.

use super::{CONFIG, Database, USAGE, parts};
use crate::lake::{Run, files, manifest};

#[test]
fn every_kind_of_table() {
    let database = Database::new(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY, a TEXT, twice INT GENERATED ALWAYS AS (id * 2) VIRTUAL, thrice INT AS (id * 3) STORED);
         INSERT INTO plain(id, a) VALUES (1, 'x'), (2, 'y');
         CREATE TABLE strict (i INT, n INTEGER NOT NULL, r REAL, t TEXT, b BLOB, a ANY) STRICT;
         INSERT INTO strict VALUES (1, 2, 3, '4', x'05', 'six');
         CREATE TABLE computed (i INT, next ANY AS (i + 1) VIRTUAL) STRICT;
         INSERT INTO computed VALUES (41);
         CREATE TABLE noid (k TEXT PRIMARY KEY, v INT) WITHOUT ROWID;
         INSERT INTO noid VALUES ('a', 1), ('b', 2);
         CREATE TABLE empty (a DATE, b);
         CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted DEFAULT VALUES;
         CREATE VIEW seen AS SELECT id, a FROM plain;
         CREATE INDEX plain_a ON plain(a); ANALYZE;",
    );
    database.export(&[]).ok();
    for (table, rows) in
        [("plain", 2), ("strict", 1), ("computed", 1), ("noid", 2), ("empty", 0), ("counted", 1)]
    {
        database.assert_same(table, rows);
    }
    let mut tables: Vec<String> = files(&database.dir.path().join("out/main"))
        .iter()
        .map(|f| f.split('/').next().unwrap().to_owned())
        .collect();
    tables.dedup();
    assert_eq!(database.duck("computed", "SELECT typeof(next), next FROM t"), "BIGINT|42");
    assert_eq!(
        tables,
        ["computed", "counted", "empty", "noid", "plain", "strict"],
        "views and system tables are not taken unasked"
    );
    database.export(&["-i", "seen"]).ok();
    database.assert_same("seen", 2);
}

#[test]
fn names_are_quoted() {
    let database = Database::new(
        "CREATE TABLE \"we`ird \"\"table\" (\"a`b\" INT, \"select\" INT, \"c\"\"d\" TEXT, rowid TEXT, _rowid_ INT);
         INSERT INTO \"we`ird \"\"table\" VALUES (1, 2, 'x', 'r', 3), (4, 5, 'y', 's', 6);",
    );
    database.export(&["--table-config", "we`ird \"table:Rowid::2"]).ok();
    let dir = &files(&database.dir.path().join("out/main"))[0];
    let table = dir.split('/').next().unwrap();
    assert_eq!(database.duck(table, "SELECT sum(\"a`b\"), max(rowid), count(*) FROM t"), "5|s|2");
    // All three names of the rowid are taken: no cut by it, and still every row.
    let taken =
        Database::new("CREATE TABLE t (rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3), (4, 5, 6);");
    taken.export(&["--table-config", "t:Rowid::2"]).exits(USAGE).says(&["RangeId, None"]);
    taken.export(&[]).ok();
    taken.assert_same("t", 2);
}

#[test]
fn a_name_that_is_gone_is_never_taken_for_a_string() {
    let database = Database::new("CREATE TABLE t (a INT); INSERT INTO t VALUES (1);");
    database.export(&["--columns", "t: a, \"b\""]).exits(USAGE).says(&["'b'"]);
}

const ROWS: usize = 3000;

/// Rows whose keys are at both ends of what there is, and rows in a heap in the middle.
const GAPS: &str = "INSERT INTO {t} SELECT value, 'row ' || value FROM generate_series(1, 2990);
    INSERT INTO {t} VALUES (-9223372036854775808, 'first'), (9223372036854775807, 'last'), (-5, 'a'), (0, 'b'),
      (1000000000000, 'c'), (4611686018427387904, 'd'), (9223372036854775806, 'e'), (-9223372036854775807, 'f'),
      (-4611686018427387904, 'g'), (63000, 'h');";

fn gaps(table: &str) -> String {
    // The bundled SQLite has no generate_series.
    let series = "(WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < 2990) SELECT * FROM s)";
    GAPS.replace("{t}", table).replace("generate_series(1, 2990)", series)
}

#[test]
fn every_cut_holds_every_row_once() {
    let database = Database::new(&format!(
        "CREATE TABLE alias (id INTEGER PRIMARY KEY, t TEXT); {}
         CREATE TABLE plain (id INTEGER, t TEXT); INSERT INTO plain(rowid, id, t) SELECT id, id, t FROM alias;
         CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, t TEXT); {}
         CREATE TABLE noid (id INTEGER PRIMARY KEY, t TEXT) WITHOUT ROWID; {}
         CREATE TABLE holes (id INTEGER, t TEXT); INSERT INTO holes SELECT nullif(id, 7), t FROM alias;
         CREATE VIEW v AS SELECT * FROM alias;",
        gaps("alias"),
        gaps("descending"),
        gaps("noid"),
    ));
    for (table, method, cut) in [
        ("alias", "None::", false),
        ("alias", "Rowid::5", true),
        ("alias", "RangeId::5", true),
        ("plain", "Rowid::5", true),
        ("plain", "RangeId:id:3", true),
        ("descending", "Physical::5", true),
        ("descending", "RangeId:id:4", true),
        ("noid", "RangeId::5", true),
        ("holes", "RangeId:id:4", true),
        ("v", "RangeId:id:4", true),
    ] {
        let config = format!("{table}:{method}");
        database.export(&["-i", table, "--table-config", &config]).ok();
        database.assert_same(table, ROWS);
        assert_eq!(parts(&database.out(table)) > 1, cut, "{config}");
    }
    let refused = database.export(&["-i", "noid", "--table-config", "noid:Rowid::2"]);
    refused.exits(USAGE).says(&["method Rowid cannot cut this table", "RangeId, None"]).never_says(&["Ctid"]);
}

#[test]
fn plans_and_records_call_methods_as_sqlite_does() {
    let database = Database::new(
        "CREATE TABLE t (a INT); WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 2000)
         INSERT INTO t SELECT n FROM s;",
    );
    let out = database.dir.path().join("out");
    let large = ["--large-table-threshold", "100", "-p", "2"];
    let plan = |extra: &[&str]| {
        let url = database.url();
        let args = ["plan", "--source", &url];
        Run::new([&args[..], &large, extra].concat()).output().ok()
    };
    // Every spelling means the same; the stored name is one for all sources.
    for spelling in ["Rowid", "ctid", "Physical", "PHYSLOC"] {
        let config = format!("t:{spelling}::2");
        let shown = plan(&["--table-config", &config]).stdout;
        assert!(shown.contains("method   Rowid: --table-config") && !shown.contains("Ctid"), "{shown}");
    }
    let json: serde_json::Value = serde_json::from_str(&plan(&["--json"]).stdout).unwrap();
    let table = &json["tables"][0];
    assert_eq!((&table["method"], &table["source_method"]), (&"Ctid".into(), &"Rowid".into()));
    let state = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| Run::new(args).env("XDG_STATE_HOME", state.path()).output().ok();
    let (url, out) = (database.url(), out.to_str().unwrap().to_owned());
    let exported = run(&[&["export", "--source", &url, "--output-dir", &out, "--json"], &large[..]].concat());
    let exported: serde_json::Value = serde_json::from_str(&exported.stdout).unwrap();
    let run_id = exported["run_id"].as_str().unwrap();
    for command in ["status", "report"] {
        let shown = run(&[command, run_id]).stdout;
        assert!(shown.contains("Rowid") && !shown.contains("Ctid"), "{shown}");
    }
}

#[test]
fn large_tables_are_cut_unasked_and_small_ones_are_not() {
    let rows = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 50000) SELECT n, 'some text ' || n FROM s";
    let database = Database::new(&format!(
        "CREATE TABLE alias (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO alias {rows};
         CREATE TABLE plain (id INT, t TEXT); INSERT INTO plain {rows};
         CREATE TABLE noid (id INT PRIMARY KEY, t TEXT) WITHOUT ROWID; INSERT INTO noid {rows};
         CREATE TABLE small (id INT); INSERT INTO small VALUES (1);"
    ));
    database.export(&["-p", "4", "--large-table-threshold", "10000"]).ok();
    for (table, expected) in [("alias", 4), ("plain", 4), ("noid", 4), ("small", 1)] {
        assert_eq!(parts(&database.out(table)), expected, "{table}");
        database.assert_same(table, if table == "small" { 1 } else { 50_000 });
    }
    let manifest = manifest(&database.out("plain"));
    let rows: Vec<u64> =
        manifest["files"].as_array().unwrap().iter().map(|f| f["rows"].as_u64().unwrap()).collect();
    assert!(rows.iter().all(|r| (10_000..15_000).contains(r)), "balanced: {rows:?}");
}

#[test]
fn filters_are_pushed_where_that_cannot_change_anything() {
    let database = Database::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, s TEXT); INSERT INTO t VALUES (1, 1, 'a'), (2, 'x', 'b'), (3, NULL, 'c');
         CREATE TABLE s (n INT, s TEXT COLLATE NOCASE, b TEXT) STRICT; INSERT INTO s VALUES (1, 'A', 'A'), (2, 'a', 'a');",
    );
    let plan = |rule: &str| {
        let output = Run::new(["plan", "--source", &database.url(), "--json", "--where", rule]).output().ok();
        let plan: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let tables = plan["tables"].as_array().unwrap().clone();
        let table = tables
            .into_iter()
            .find(|t| rule.starts_with(t["info"]["table"]["name"].as_str().unwrap()))
            .unwrap();
        table["pushed"].as_array().unwrap().iter().map(|p| p.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(plan("t: id > 1 AND n > 0 AND s = 'b'"), ["`id` > (1)"]);
    assert_eq!(plan("s: n > 1 AND s = 'a' AND b = 'a'"), ["`n` > (1)", "`b` = 'a'"]);
    // Evaluated here, the misfit of the filter's column is noticed although it is not exported.
    let rule = ["-i", "t", "--columns", "t: id", "--where", "t: n > 0"];
    database.export(&rule).says(&["TEXT 'x' is not an integer"]);
    database.export(&["-i", "t", "--columns", "t: id", "--where", "t: id <> 2 AND n IS NOT NULL"]).ok();
    assert_eq!(database.duck("t", "SELECT count(*), max(id) FROM t"), "1|1");
    database.export(&["-i", "s", "--where", "s: s = 'a'"]).ok();
    assert_eq!(database.duck("s", "SELECT count(*) FROM t"), "1", "NOCASE is SQLite's idea, not ours");
}

#[test]
fn an_entry_of_the_auth_file_names_the_file() {
    let database = Database::new("CREATE TABLE t (a INT); INSERT INTO t VALUES (1);");
    let auth = database.dir.path().join("auth.json");
    let out = database.dir.path().join("out");
    let run = |info: serde_json::Value| {
        let entry =
            serde_json::json!({"lite": {"ds_type": "sqlite", "auth_mode": "filesystem", "info": info}});
        std::fs::write(&auth, entry.to_string()).unwrap();
        let args = ["export", "--source-db-auth-id", "lite", "-a"];
        Run::new(args).args([&auth]).args(["--output-dir"]).args([&out]).output()
    };
    run(serde_json::json!({"filepath": database.path})).ok();
    database.assert_same("t", 1);
    run(serde_json::json!({"database": database.path, "busy_timeout": 1})).ok();
    run(serde_json::json!({"filepth": "x", "busy_timeout": []})).exits(CONFIG).says(&[
        "filepth",
        "filepath",
        "busy_timeout",
    ]);
    // Relative paths are relative to where the program runs.
    let relative = Run::new(["export", "--source", "sqlite:data.db", "--output-dir", "elsewhere"]);
    relative.current_dir(database.dir.path()).output().ok();
    assert_eq!(parts(&database.dir.path().join("elsewhere/main/t")), 1);
}
