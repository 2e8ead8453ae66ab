//! `--verify` and `lakexpress verify`: no false alarm on any value, and every kind of damage found and named.

mod always;
mod damage;
mod run;

use std::path::Path;

use serde_json::Value;

use crate::lake::{Output, Run, export, manifest};
use crate::server::PgServer;
use crate::tpch::{TABLES, tpch};
use crate::types::matrix;

const USAGE: i32 = 2;
const DATA: i32 = 65;

/// Small parts, so that lineitem has many.
const CUT: [&str; 6] = ["-p", "2", "--part-bytes", "512KiB", "--large-table-threshold", "10000"];

fn verify(what: &Path, extra: &[&str]) -> Output {
    Run::new(["verify", "--json"]).args([what]).args(extra).output()
}

/// The report of a `verify --json`, whatever it found.
#[track_caller]
fn report(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"))
}

/// `file problem` of everything that a report found, sorted, each once.
#[track_caller]
fn problems(output: &Output) -> Vec<String> {
    let report = report(output);
    let mut found = Vec::new();
    for table in report["tables"].as_array().unwrap() {
        for problem in table["problems"].as_array().unwrap() {
            let file = problem["file"].as_str().unwrap_or("-");
            found.push(format!("{file} {}", problem["problem"].as_str().unwrap()));
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(report["ok"], found.is_empty(), "{output}");
    found
}

/// TPC-H with hashes, exported once for tests that damage copies of it.
fn exported() -> &'static Path {
    use std::sync::OnceLock;
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    DIR.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        let mut args = CUT.to_vec();
        args.extend(["--verify", "hash"]);
        export(tpch(), out.path(), &args).ok();
        out
    })
    .path()
}

#[test]
fn the_servers_hash_is_that_of_the_files() {
    for table in TABLES {
        let manifest = manifest(&exported().join("public").join(table));
        assert_eq!(manifest["verification"]["hash"], "equal", "{table}");
        assert_eq!(manifest["verification"]["source_rows"], manifest["rows"], "{table}");
        for file in manifest["files"].as_array().unwrap() {
            assert!(file["source_hash"].as_str().unwrap().starts_with("md5-sum-1:"), "{file}");
        }
    }
    let cut = manifest(&exported().join("public/lineitem"));
    assert!(cut["files"].as_array().unwrap().len() > 4);
    for extra in [&[][..], &["--read-data"], &["--read-data=10%"]] {
        let output = verify(exported(), extra).exits(0);
        assert_eq!(problems(&output), [""; 0]);
        let tables = report(&output)["tables"].as_array().unwrap().clone();
        assert_eq!(tables.len(), TABLES.len());
        for table in tables {
            let (files, read) = (table["files"].as_u64().unwrap(), table["files_read"].as_u64().unwrap());
            let expected = match extra {
                [] => 0,
                ["--read-data"] => files,
                _ => files.div_ceil(10),
            };
            assert_eq!((read, &table["files_hashed"]), (expected, &expected.into()), "{table}");
        }
    }
}

/// Every value of the matrix: whatever the source can send, it hashes as the files hold it.
#[test]
fn no_value_of_any_type_is_a_false_alarm() {
    for more in [&["-p", "2"][..], &["-p", "1", "--special-values", "null", "--compression", "none"]] {
        let out = tempfile::tempdir().unwrap();
        let mut args = vec!["--json", "--verify", "hash"];
        args.extend(more);
        let output = export(matrix(), out.path(), &args);
        let summary: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"));
        let mut values = 0;
        for table in summary["tables"].as_array().unwrap() {
            let name = table["table"]["name"].as_str().unwrap();
            let error = table["error_message"].as_str().unwrap_or_default();
            // With NULL for special values, those inside arrays cannot be told apart by the server.
            if more.contains(&"null") && error.contains("special values inside arrays") {
                assert!(error.contains("column"), "{error}");
                continue;
            }
            assert_eq!(error, "", "{name}");
            let dir = out.path().join("public").join(name);
            assert_eq!(manifest(&dir)["verification"]["hash"], "equal", "{name}");
            values += table["rows"].as_u64().unwrap();
        }
        println!("{values} rows of the matrix have the server's hash with {more:?}");
        assert!(values > 300, "{values}");
        assert_eq!(problems(&verify(out.path(), &["--read-data"])), [""; 0]);
    }
}

#[test]
fn filters_columns_and_every_method_are_hashed_as_they_are_exported() {
    let url = PgServer::shared().create_db("verify_methods");
    PgServer::shared().sql(
        "verify_methods",
        "CREATE TABLE t (id integer, k text, at timestamp, n numeric(10,2), more bytea); \
         INSERT INTO t SELECT nullif(i % 977, 5), 'k' || i % 7, \
            '2020-01-01'::timestamp + i % 900 * interval '1 day', i * 1.25, \
            decode(md5(i::text), 'hex') FROM generate_series(1, 20000) i; \
         CREATE TABLE p (id integer, v text) PARTITION BY RANGE (id); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500); \
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (500) TO (1000); \
         INSERT INTO p SELECT i, repeat('x', i % 50) FROM generate_series(0, 999) i; \
         CREATE TABLE empty (id integer); ANALYZE;",
    );
    let methods =
        ["None", "Ctid", "RangeId:id", "Ntile:id", "Random:id", "DataDriven:k", "Timepartition:(at,year)"];
    for method in methods {
        let out = tempfile::tempdir().unwrap();
        let config = if method.contains(':') { format!("t:{method}:3") } else { format!("t:{method}::3") };
        let args = [
            "-i",
            "t",
            "--verify",
            "hash",
            "--table-config",
            &config,
            "--large-table-threshold",
            "0",
            "--where",
            "t: id > 3 AND id < 900",
            "--columns",
            "t: n, id, k, at",
        ];
        export(&url, out.path(), &args).ok();
        assert_eq!(problems(&verify(out.path(), &["--read-data"])), [""; 0], "{method}");
    }
    let out = tempfile::tempdir().unwrap();
    for if_exists in ["overwrite", "append", "append"] {
        let args = [
            "--verify",
            "hash",
            "--if-exists",
            if_exists,
            "--table-config",
            "p:DBPartition::2",
            "--large-table-threshold",
            "0",
            "-i",
            "p,empty",
        ];
        export(&url, out.path(), &args).ok();
        let output = verify(out.path(), &["--read-data"]);
        assert_eq!(problems(&output), [""; 0], "{output}");
    }
    assert_eq!(manifest(&out.path().join("public/p"))["rows"], 3000);
}

#[test]
fn what_the_source_cannot_compute_is_refused_before_a_row_is_read() {
    let refused = |extra: &[&str], code: i32, words: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let mut args = vec!["-i", "nation"];
        args.extend(extra);
        let output = export(tpch(), out.path(), &args).exits(code);
        for word in words {
            let said = output.stdout.contains(word) || output.stderr.contains(word);
            assert!(said, "{word} is not said\n{output}");
        }
        assert!(!out.path().join("public/nation/_manifest.json").exists());
    };
    let computed = ["--columns", "nation: n_nationkey, upper(n_name) AS n_name"];
    refused(
        &[&["--verify", "hash"][..], &computed].concat(),
        DATA,
        &["n_name", "computed here", "--verify count"],
    );
    for level in ["count", "hash"] {
        let here = ["--verify", level, "--where", "nation: upper(n_name) = 'FRANCE'"];
        refused(&here, DATA, &["evaluated here", "upper", "nation"]);
    }
    refused(&["--verify", "hash", "--consistency", "none"], USAGE, &["--consistency"]);
    let out = tempfile::tempdir().unwrap();
    let mut args = vec!["-i", "nation", "--verify", "count"];
    args.extend(computed);
    export(tpch(), out.path(), &args).ok();
    let verification = &manifest(&out.path().join("public/nation"))["verification"];
    assert_eq!((&verification["source_rows"], &verification["hash"]), (&25.into(), &Value::Null));
}

#[test]
fn a_sqlite_database_is_hashed_by_a_second_statement() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n DECIMAL(12,2), d DATE, at TIMESTAMP, b BLOB, r REAL, t TEXT);
             WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 3000)
             INSERT INTO t SELECT i, nullif(i, 7) / 4.0, date('2020-01-01', i || ' days'),
                datetime('2020-01-01', i || ' minutes'), randomblob(i % 5), i / 3.0, 'text ' || i FROM s;",
        )
        .unwrap();
    let out = place.path().join("out");
    let url = format!("sqlite://{}", path.display());
    export(
        &url,
        &out,
        &["--verify", "hash", "-p", "2", "--large-table-threshold", "0", "--part-bytes", "32KiB"],
    )
    .ok();
    let manifest = manifest(&out.join("main/t"));
    assert_eq!(manifest["verification"]["hash"], "equal");
    assert!(manifest["files"].as_array().unwrap().len() > 1);
    assert_eq!(problems(&verify(&out, &["--read-data"])), [""; 0]);
}
