//! Bounds in the footer: whoever skips row groups by them finds the rows that the server finds.

use std::path::Path;

use serde_json::Value;

use crate::lake::{Run, assert_tidy, copy_dir, duck, env_number, export, manifest, script};
use crate::server::PgServer;

/// Four readers are asked filters over every type at its edges, row groups of one kind beside those of others, and two
/// filters together. `LAKEXPRESS_BOUND_FILTERS=0` asks all that there are of a column.
#[test]
fn f3_readers_that_skip_row_groups_find_the_rows_of_the_server() {
    let server = PgServer::shared();
    let url = server.create_db("bounds");
    server.sql("bounds", &script("bounds.py", ["sql"]).ok().stdout);
    server.sql("bounds", "ANALYZE edges");
    let out = tempfile::tempdir().unwrap();
    let cut = ["--large-table-threshold", "100", "--part-bytes", "512KiB", "--row-group-rows", "64"];
    export(
        &url,
        out.path(),
        &[&cut[..], &["-p", "2", "--special-values", "null", "--readers", "modern"]].concat(),
    )
    .ok();
    let dir = out.path().join("public/edges");
    assert_tidy(&dir);
    assert!(manifest(&dir)["files"].as_array().unwrap().len() > 2, "one part would not show much");
    let filters = env_number("LAKEXPRESS_BOUND_FILTERS", 8).to_string();
    let dir = dir.to_str().unwrap();
    let answer = script("bounds.py", ["check", "--url", &url, "--dir", dir, "--filters", &filters]).ok();
    println!("{}", answer.stdout.trim_end());
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
    let asked = answer["asked"].as_object().unwrap();
    assert_eq!(asked.len(), 4, "{answer}");
    assert!(asked.values().all(|filters| filters.as_u64().unwrap() >= 60), "{answer}");
    Run::new(["verify"]).args([out.path()]).output().ok();
}

/// What the footers in `dir` say of `column`: row groups, those that have a bound, and NULLs.
fn footers(dir: &Path, column: &str) -> String {
    duck(&format!(
        "SELECT count(*), count(coalesce(stats_min_value, stats_max_value, stats_min, stats_max)), \
         sum(stats_null_count) FROM parquet_metadata('{}/*.parquet') WHERE path_in_schema = '{column}'",
        dir.display()
    ))
}

#[test]
fn f3_a_nan_takes_the_bounds_of_its_row_group_only() {
    let server = PgServer::shared();
    let url = server.create_db("bounds_nan");
    server.sql(
        "bounds_nan",
        "CREATE TYPE pair AS (x real, y double precision);
         CREATE TABLE few (id integer, f double precision, p pair, l double precision[]);
         INSERT INTO few SELECT g, CASE WHEN g = 1505 THEN 'NaN' WHEN g % 10 > 0 THEN (g % 10)::float8 END,
             ROW(CASE WHEN g = 2500 THEN 'NaN' ELSE 1::real END, 2)::pair,
             CASE WHEN g = 3500 THEN '{1,NaN}' ELSE '{2,3}' END::double precision[]
         FROM generate_series(1, 4000) g",
    );
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--row-group-rows", "1000"]).ok();
    let dir = out.path().join("public/few");
    assert_eq!(footers(&dir, "f"), "4|3|400");
    assert_eq!(footers(&dir, "p, x"), "4|3|0");
    assert_eq!(footers(&dir, "p, y"), "4|4|0");
    assert_eq!(footers(&dir, "l, list, element"), "4|3|0");
    let file = format!("'{}/*.parquet'", dir.display());
    for (filter, expected) in [("f > 100", "1"), ("isnan(f)", "1"), ("p.x > 1", "1"), ("f IS NULL", "400")] {
        assert_eq!(duck(&format!("SELECT count(*) FROM {file} WHERE {filter}")), expected, "{filter}");
    }
}

/// A file and a manifest of 0.1.0, from when a chunk with a NaN had bounds of its other numbers.
#[test]
fn f3_files_with_bounds_beside_nan_still_verify() {
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().join("nanf");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bounds/nanf"), &dir);
    assert_eq!(footers(&dir, "b"), "1|1|1");
    Run::new(["verify", "--read-data"]).args([&dir]).output().ok();
}
