//! Columns by which rows are laid out: names that SQL reserves, values that files order in another way, and columns that the
//! source computes.

use super::compared;
use crate::lake::{Run, duck, export, files, manifest};
use crate::server::PgServer;

/// 3,000 rows: a column of a reserved name, one of numbers, and one that most readers get as texts.
fn kinds(db: &str) -> String {
    let url = PgServer::shared().create_db(db);
    PgServer::shared().sql(
        db,
        "CREATE TABLE kinds (id int PRIMARY KEY, \"user\" text, k int, wide numeric(50,10));
         INSERT INTO kinds SELECT g, 'u' || g % 3, g, (ARRAY[9, 10, 100])[1 + g % 3] FROM generate_series(1, 3000) g;
         ANALYZE kinds",
    );
    url
}

#[test]
fn a_name_that_sql_reserves_is_a_partition() {
    let url = kinds("layout_reserved");
    let dir = tempfile::tempdir().unwrap();
    export(&url, dir.path(), &["--partition-by", "kinds: \"user\""]).ok();
    let place = dir.path().join("public/kinds");
    let rows = duck(&format!(
        "SELECT count(*), count(*) FILTER (\"user\" = 'u' || id % 3), count(DISTINCT \"user\")
         FROM read_parquet('{}/**/*.parquet', hive_partitioning = true)",
        place.display()
    ));
    assert_eq!(rows, "3000|3000|3");
    assert_eq!(manifest(&place)["partition_by"][0]["name"], "user");
    Run::new(["verify", "--read-data"]).args([place]).output().ok();
}

#[test]
fn a_decimal_that_is_text_in_the_files_sorts_no_rows() {
    let url = kinds("layout_wide");
    let dir = tempfile::tempdir().unwrap();
    let sorted = |columns: &str, by: &str, more: &[&str]| {
        let flags = ["--columns", columns, "--sort-by", by];
        export(&url, dir.path(), &[&flags[..], more].concat())
    };
    for (columns, by) in [
        ("kinds: id, wide", "wide"),
        // Neither another name nor arithmetic makes it another type.
        ("kinds: id, wide AS w", "w"),
        ("kinds: id, wide * 2 AS w", "w"),
    ] {
        let column = format!("column: {by}");
        sorted(columns, by, &[]).exits(2).says(&["more than 38 digits", &column, "--readers modern"]);
    }
    assert!(files(dir.path()).iter().all(|name| !name.ends_with(".parquet")));
    // A number that has its name is not it.
    sorted("kinds: id AS wide, wide AS w", "wide", &[]).ok();
    sorted("kinds: id, wide AS w", "w", &["--readers", "modern"]).ok();
    let late = duck(&format!(
        "SELECT count(*), count(*) FILTER (late) FROM (
             SELECT [9, 10, 100][1 + id % 3] < lag([9, 10, 100][1 + id % 3]) OVER (ORDER BY file_row_number) AS late
             FROM read_parquet('{}/public/kinds/*.parquet', file_row_number = true))",
        dir.path().display()
    ));
    assert_eq!(late, "3000|0");
}

#[test]
fn a_column_that_the_source_computes_does_not_cut_the_table() {
    let url = kinds("layout_computed");
    let large = ["--large-table-threshold", "10", "-p", "2"];
    let computed = ["--source-columns", "kinds: id, k % 10 AS k"];
    let method = |more: &[&str]| {
        let plan = Run::new(["plan", "--json", "--sort-by", "kinds: k", "--source", &url]);
        let plan = plan.args(large).args(more).output().ok().stdout;
        serde_json::from_str::<serde_json::Value>(&plan).unwrap()["tables"][0]["method"].clone()
    };
    assert_eq!(method(&[]), "RangeId");
    // Ranges of the stored values would not be ranges of those that are written.
    assert_eq!(method(&computed), "Ctid");
    let dir = tempfile::tempdir().unwrap();
    let exported = |name: &str, more: &[&str]| {
        export(&url, &dir.path().join(name), &[&large[..], &computed, more].concat()).ok();
        dir.path().join(name).join("public/kinds")
    };
    let (plain, sorted) = (exported("plain", &[]), exported("sorted", &["--sort-by", "kinds: k"]));
    let found = compared(&plain, &sorted, &["--sorted", "k"]);
    assert!(found["files"].as_u64().unwrap() > 1, "{found}");
}
