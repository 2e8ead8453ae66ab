//! Names that meet: two tables, two sources, a table and a query in one directory; names that are no places; names
//! that cannot be read.

mod folding;
mod origins;
mod places;
mod unreadable;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::lake::{Run, duck, export, files, json, manifest};
use crate::server::PgServer;

const USAGE: i32 = 2;
const DATA: i32 = 65;
const SOME_FAILED: i32 = 1;

/// A SQLite file with the rows of a statement list.
fn sqlite(path: &Path, sql: &str) -> String {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
    format!("sqlite://{}", path.display())
}

/// The first column of all rows of a table's directory, sorted, by DuckDB.
fn column(dir: &Path, column: &str) -> String {
    duck(&format!(
        "SELECT string_agg({column}, ' ' ORDER BY {column}) FROM read_parquet('{}/*.parquet')",
        dir.display()
    ))
}

/// `CREATE TABLE "Orders"` with 2 rows and `orders` with 3.
fn two_tables(server: &PgServer, db: &str) -> String {
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE TABLE \"Orders\" (id int, a text); INSERT INTO \"Orders\" VALUES (1, 'A1'), (2, 'A2');
         CREATE TABLE orders (id int, b text); INSERT INTO orders VALUES (1, 'b1'), (2, 'b2'), (3, 'b3');",
    );
    url
}

/// A disk that keeps them apart gets both, and no trace of the question.
#[test]
fn b1_tables_whose_names_differ_in_case_are_two_where_the_disk_keeps_them_apart() {
    let server = PgServer::shared();
    let url = two_tables(server, "b1_apart");
    for n_jobs in ["1", "2"] {
        let out = tempfile::tempdir().unwrap();
        let lake = out.path().join("lake");
        for _ in 0..2 {
            export(&url, &lake, &["--n-jobs", n_jobs]).ok();
            assert_eq!(column(&lake.join("public/Orders"), "a"), "A1 A2");
            assert_eq!(column(&lake.join("public/orders"), "b"), "b1 b2 b3");
        }
        let left = files(out.path()).into_iter().filter(|f| !f.starts_with("lake/_lakexpress/"));
        let expected = ["Orders", "orders"]
            .map(|t| ["_manifest.json", "part-00000.parquet"].map(|f| format!("lake/public/{t}/{f}")));
        assert_eq!(left.collect::<Vec<_>>(), expected.concat());
    }
    let out = tempfile::tempdir().unwrap();
    let plan = Run::new(["plan", "--source", &url, "--output-dir"]).args([out.path()]).output().ok();
    plan.says(&["public.Orders", "public.orders", "--exclude"]);
}

/// The manifest of one table in the directory of another one of the same run, as a disk that ignores case leaves it.
#[test]
fn b1_verify_names_a_directory_with_the_manifest_of_another_table() {
    let server = PgServer::shared();
    let (url, out) = (two_tables(server, "b1_verify"), tempfile::tempdir().unwrap());
    export(&url, out.path(), &[]).ok();
    let verify = || Run::new(["verify".as_ref(), out.path().as_os_str()]).output();
    verify().ok();
    crate::lake::copy_dir(&out.path().join("public/Orders"), &out.path().join("public/orders"));
    let said = verify().exits(DATA);
    assert!(said.stdout.contains("public.Orders") && said.stdout.contains("public.orders"), "{said}");
}

#[test]
fn f13_columns_whose_names_differ_in_case_are_named_once() {
    let server = PgServer::shared();
    let url = server.create_db("f13_columns");
    server.sql("f13_columns", "CREATE TABLE t (\"Name\" text, id int, name text); CREATE TABLE u (a int);");
    let out = tempfile::tempdir().unwrap();
    for command in ["plan", "export"] {
        let run = Run::new([command, "--source", &url, "--output-dir"]).args([out.path()]).output().ok();
        let warnings: Vec<&str> =
            run.stderr.lines().filter(|l| l.contains("WARN") && !l.contains("superuser")).collect();
        assert_eq!(warnings.len(), 1, "{run}");
        for word in ["public.t", "Name", "name", "Spark", "--columns"] {
            assert!(warnings[0].contains(word), "{word}: {run}");
        }
    }
    let renamed = ["--columns", "t: \"Name\", id, name AS name_2"];
    export(&url, out.path(), &renamed).ok().never_says(&["Spark"]);
    let sql = "SELECT 1 AS a, 2 AS \"A\" FROM u";
    let args = ["query", sql, "--name", "q", "--source", &url, "--output-dir"];
    Run::new(args).args([out.path()]).output().ok().says(&["query.q", "Spark"]);
}

/// Readers take `key=value` directories for columns of the table above them.
#[test]
fn f13_a_table_whose_name_reads_as_a_partition_is_no_partition() {
    let server = PgServer::shared();
    let url = server.create_db("f13_hive");
    server.sql(
        "f13_hive",
        "CREATE SCHEMA \"s=1\"; CREATE TABLE \"s=1\".\"year=2024\" (id int); INSERT INTO \"s=1\".\"year=2024\" VALUES (7);
         CREATE TABLE \"a/b=c\" (id int); CREATE TABLE \"_x=1\" (id int); CREATE TABLE \"=1\" (id int);",
    );
    let out = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        export(&url, out.path(), &[]).ok();
    }
    let tables: Vec<String> = files(out.path())
        .iter()
        .filter_map(|f| f.strip_suffix("/_manifest.json").map(str::to_owned))
        .collect();
    assert_eq!(tables, ["public/=1", "public/_x=1", "public/a%2Fb%3Dc", "s%3D1/year%3D2024"]);
    let described = duck(&format!(
        "SELECT string_agg(column_name, ' ') FROM (DESCRIBE FROM read_parquet('{}/s%3D1/**/*.parquet'))",
        out.path().display()
    ));
    assert_eq!(described, "id", "a partition key was read");
    assert_eq!(manifest(&out.path().join("s%3D1/year%3D2024"))["table"]["name"], "year=2024");
}

/// Tables of the last run's summary.
fn summary(lake: &Path) -> serde_json::Value {
    let runs: Vec<PathBuf> =
        files(lake).iter().filter(|f| f.starts_with("_lakexpress/")).map(|f| lake.join(f)).collect();
    json(runs.last().unwrap())["tables"].clone()
}
