//! `explain-layout` over what an export wrote, by its manifest and without.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::lake::{Output, Run, export, script};

const USAGE: i32 = 2;
const DATA: i32 = 65;

fn asked(place: &Path, condition: &str, extra: &[&str]) -> Output {
    Run::new(["explain-layout"]).args([place]).args(["--where", condition]).args(extra).output()
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn what_readers_skip_of_an_export_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("data.db");
    let connection = Connection::open(&database).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
             INSERT INTO t SELECT i, 'name ' || i FROM n;",
        )
        .unwrap();
    let lake = dir.path().join("lake");
    export(&format!("sqlite://{}", database.display()), &lake, &["--row-group-rows", "1000"]).ok();
    let table = lake.join("main/t");

    let found = asked(&table, "id > 2000 AND id <= 3000", &["--json"]).ok();
    let said = document(&found);
    assert_eq!((&said["manifest"], &said["files"]["total"]), (&true.into(), &1.into()), "{said}");
    assert_eq!(
        (&said["row_groups"]["total"], &said["row_groups"]["skipped"]),
        (&10.into(), &9.into()),
        "{said}"
    );
    assert_eq!(said["listed"][0]["read"][0]["row_group"], 2, "{said}");
    assert_eq!(said["columns"], serde_json::json!(["id"]));
    let path = dir.path().join("found.json");
    fs::write(&path, &found.stdout).unwrap();
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    let valid = script("json_schemas.py", [schemas.into(), "explain-layout".into(), path.into_os_string()]);
    assert!(valid.ok().stdout.contains("0 problems"));

    let text = asked(&table, "id > 2000 AND id <= 3000 AND upper(name) <> 'X'", &[]).ok();
    for line in text.stdout.lines().skip(3) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for part in ["row groups", "90.0 %", "by its bounds a row may match", "no statistic decides: upper"] {
        assert!(text.stdout.contains(part), "{part}\n{text}");
    }

    // One file, and files that no manifest names.
    let file = table.join("part-00000.parquet");
    let said = document(&asked(&file, "id > 10000", &["--json"]).ok());
    assert_eq!((&said["manifest"], &said["files"]["skipped"]), (&false.into(), &1.into()), "{said}");
    fs::copy(&file, table.join("other.parquet")).unwrap();
    assert_eq!(document(&asked(&table, "id = 1", &["--json"]).ok())["files"]["total"], 1);
    fs::remove_file(table.join("_manifest.json")).unwrap();
    assert_eq!(document(&asked(&table, "id = 1", &["--json"]).ok())["files"]["total"], 2);
    fs::rename(table.join("other.parquet"), dir.path().join("year=2024.parquet")).unwrap();

    asked(&table, "idd = 1", &[]).exits(USAGE).says(&["did you mean id?", "LX1002"]);
    asked(&table, "count(*) > 1", &[]).exits(USAGE).says(&["no aggregates", "LX1006"]);
    asked(&lake, "id = 1", &[]).exits(USAGE).says(&["no Parquet file", "one table", "LX0908"]);
    asked(&dir.path().join("none"), "id = 1", &[]).exits(USAGE).says(&["no directory and no file", "LX0908"]);
    Run::new(["explain-layout"]).args([&table]).output().exits(USAGE).says(&["no condition", "LX0104"]);
    Run::new(["explain-layout", "--where", "id = 1"]).output().exits(USAGE).says(&["no files to look at"]);
    fs::write(&file, "torn").unwrap();
    asked(&table, "id = 1", &[]).exits(DATA).says(&["part-00000.parquet", "LX0901"]);
}
