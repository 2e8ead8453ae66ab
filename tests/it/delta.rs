//! Delta tables: written, replaced and extended, and read by programs that are not ours, now and at the version before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::lake::{Run, assert_same, assert_same_values, copy_dir, export, export_args, manifest, script};
use crate::server::PgServer;
use crate::storage::azurite::Azurite;
use crate::storage::gcs::Gcs;
use crate::storage::seaweed::{BUCKET, Seaweed, WRITER};
use crate::storage::{self, Store, unique};
use crate::tpch::{TABLES, tpch};
use crate::types::matrix;

const USAGE: i32 = 2;
const DATA: i32 = 65;

const FLAGS: [&str; 6] = ["--format", "delta", "-p", "2", "--large-table-threshold", "1000"];

fn write(url: &str, out: &Path, more: &[&str]) -> crate::lake::Output {
    export(url, out, &[&FLAGS[..], more].concat())
}

/// Asserts that DuckDB, delta-rs and Polars read the rows of the manifest's files, and that those who cannot say that it is
/// the mapping of names. Gives what was compared.
#[track_caller]
fn read_by_others(table: &Path, more: &[&str]) -> Value {
    let args = [&[table.to_str().unwrap()], more].concat();
    let said = script("delta_compare.py", args).ok();
    let said: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}\n{said}"));
    let readers = said["readers"].as_array().unwrap();
    let cannot = said["cannot"].as_object().unwrap();
    assert!(readers.len() >= 2, "{said}");
    assert!(cannot.values().all(|words| words.to_string().contains("columnMapping")), "{said}");
    said
}

/// Asserts the same of a version by the manifest that it had.
#[track_caller]
fn version_by_others(table: &Path, version: u64, manifest: &Path) -> Value {
    read_by_others(table, &["--version", &version.to_string(), "--manifest", manifest.to_str().unwrap()])
}

#[test]
fn tpch_is_written_replaced_and_extended() {
    let out = tempfile::tempdir().unwrap();
    let before = tempfile::tempdir().unwrap();
    for (version, more) in [&[][..], &[], &["--if-exists", "append"]].into_iter().enumerate() {
        write(tpch(), out.path(), more).ok();
        for table in TABLES {
            let dir = out.path().join("public").join(table);
            let kept = |version: usize| before.path().join(format!("{table}-{version}.json"));
            fs::copy(dir.join("_manifest.json"), kept(version)).unwrap();
            if version < 2 {
                assert_same(tpch(), &format!("public.{table}"), &dir);
            }
            let said = read_by_others(&dir, &[]);
            assert_eq!(said["version"], version, "{table}");
            let rows: u64 =
                PgServer::shared().query("tpch", &format!("SELECT count(*) FROM {table}")).parse().unwrap();
            assert_eq!(said["rows"], rows * if version == 2 { 2 } else { 1 }, "{table}");
            if let Some(earlier) = version.checked_sub(1) {
                assert_eq!(version_by_others(&dir, earlier as u64, &kept(earlier))["rows"], rows, "{table}");
            }
        }
    }
    Run::new(["verify", "--read-data"]).args([out.path()]).output().ok().no_panic();
}

#[test]
fn every_type_is_the_servers_by_every_reader() {
    let out = tempfile::tempdir().unwrap();
    let output = write(matrix(), out.path(), &["--readers", "any"]);
    let mut tables = 0;
    for entry in fs::read_dir(out.path().join("public")).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.join("_manifest.json").exists() {
            continue;
        }
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        assert_same_values(matrix(), &format!("public.{name}"), &dir, &[]);
        read_by_others(&dir, &[]);
        tables += 1;
    }
    println!("{tables} tables\n{output}");
    output.ok();
    assert!(tables >= 9, "{tables} tables");
}

#[test]
fn partitions_of_every_type_have_their_values() {
    let server = PgServer::shared();
    let url = server.create_db("delta_partitions");
    server.sql(
        "delta_partitions",
        "CREATE TABLE t (id int PRIMARY KEY, who uuid DEFAULT '0190a1b2-0000-4000-8000-00000000000a', region text, day date, at timestamp, n bigint, yes boolean, d numeric(8,2), note text);
         INSERT INTO t SELECT g, CASE WHEN g % 2 = 0 THEN md5((g % 6)::text)::uuid END, (ARRAY['a/b', 'z%', 'é ü', '50%25', 'x=y', NULL, 'plus+and&', '#?'])[1 + g % 8],
           date '1999-12-30' + g % 3, timestamp '1969-12-31 23:59:59.999999' + g % 2 * interval '1 us', g % 2 - 1, g % 2 = 0,
           (g % 3) / 4.0, md5(g::text) FROM generate_series(1, 200) g;",
    );
    for (keys, partitions) in
        [("region", 8), ("day, n", 6), ("at", 2), ("who", 4), ("yes, region", 8), ("year(day) AS y, d", 3)]
    {
        let out = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            write(&url, out.path(), &["--partition-by", &format!("t: {keys}")]).ok();
        }
        let dir = out.path().join("public/t");
        let said = read_by_others(&dir, &[]);
        assert_eq!((&said["rows"], &said["version"]), (&200.into(), &1.into()), "{keys}: {said}");
        for other in ["t: length(note) AS region", "t: id AS other"] {
            let append = ["--if-exists", "append", "--partition-by", other];
            // A key with the name of another column is refused when the table is planned.
            write(&url, out.path(), &append).exits_one_of(&[USAGE, DATA]).no_panic();
        }
        write(&url, out.path(), &["--if-exists", "append", "--where", "t: id < 0"]).exits(DATA).no_panic();
        let files = manifest(&dir)["files"].as_array().unwrap().clone();
        let of = |file: &Value| file["name"].as_str().unwrap().rsplit_once('/').unwrap().0.to_owned();
        assert_eq!(files.iter().map(of).collect::<BTreeSet<_>>().len(), partitions, "{keys}");
    }
}

#[test]
fn names_columns_and_empty_tables() {
    let server = PgServer::shared();
    let url = server.create_db("delta_names");
    server.sql(
        "delta_names",
        r#"CREATE TYPE pair AS ("x y" int, z text);
           CREATE TABLE ids (id int PRIMARY KEY, gone int, l int[], "a b" int, c int, p pair, q pair[]);
           ALTER TABLE ids DROP gone;
           INSERT INTO ids VALUES (1, '{1,2}', 3, 4, ROW(5, 'six'), ARRAY[ROW(7, 'eight')::pair, NULL]);
           CREATE TABLE odd (id int PRIMARY KEY, "a b" int, "a,b" text, "a;{}()=" int, "ä€" int, "a.b" int, "a`b" int, "select" int);
           INSERT INTO odd VALUES (1, 2, '3', 4, 5, 6, 7, 8), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
           CREATE TABLE alike (id int PRIMARY KEY, "A" int, a int);
           CREATE TABLE empty (id int PRIMARY KEY, b text);
           CREATE TABLE changing (id int PRIMARY KEY, a int);
           INSERT INTO changing VALUES (1, 1)"#,
    );
    let out = tempfile::tempdir().unwrap();
    let output = write(&url, out.path(), &[]).exits(1);
    assert!(output.stdout.contains("differ in case only"), "{output}");
    let dir = |name: &str| out.path().join("public").join(name);
    assert_eq!(read_by_others(&dir("odd"), &[])["rows"], 2);
    assert_eq!(read_by_others(&dir("ids"), &[])["mapped"], 6);
    write(&url, out.path(), &["-i", "ids", "--columns", "ids: c, \"a b\", id"]).ok();
    assert_eq!(read_by_others(&dir("ids"), &[])["mapped"], 3);
    write(&url, out.path(), &["-i", "ids", "--columns", "ids: c, \"a b\", id", "--if-exists", "append"]).ok();
    assert_eq!(read_by_others(&dir("ids"), &[])["rows"], 2);
    assert_eq!(read_by_others(&dir("empty"), &[])["rows"], 0);
    let old = out.path().join("old.json");
    fs::copy(dir("changing").join("_manifest.json"), &old).unwrap();
    // Another column, and a type that needs another version of the protocol.
    server.sql(
        "delta_names",
        "ALTER TABLE changing ADD b timestamp; INSERT INTO changing VALUES (2, 2, '0001-01-01'), (3, 3, '9999-12-31 23:59:59.999999')",
    );
    write(&url, out.path(), &["-i", "changing", "--if-exists", "append"]).exits(DATA);
    write(&url, out.path(), &["-i", "changing"]).ok();
    assert_eq!(read_by_others(&dir("changing"), &[])["rows"], 3);
    assert_eq!(version_by_others(&dir("changing"), 0, &old)["rows"], 1);
}

#[test]
fn what_does_not_go_together_is_said() {
    let out = tempfile::tempdir().unwrap();
    export(tpch(), out.path(), &["-i", "region", "--keep-versions", "3"])
        .exits(USAGE)
        .says(&["--format delta"]);
    write(tpch(), out.path(), &["-i", "region"]).ok();
    write(tpch(), out.path(), &["-i", "region", "--if-exists", "error"]).exits(DATA).no_panic();
    export(tpch(), out.path(), &["-i", "region"]).exits(DATA).no_panic();
    assert_eq!(read_by_others(&out.path().join("public/region"), &[])["version"], 0);
    let plain = tempfile::tempdir().unwrap();
    export(tpch(), plain.path(), &["-i", "region"]).ok();
    write(tpch(), plain.path(), &["-i", "region"]).exits(DATA).no_panic();
    let sql = "SELECT r_name, count(*) AS n FROM region JOIN nation ON r_regionkey = n_regionkey GROUP BY 1";
    let query = ["query", "--source", tpch(), "--name", "regions", "--format", "delta", sql, "--output-dir"];
    Run::new(query).args([out.path()]).output().ok();
    assert_eq!(read_by_others(&out.path().join("query/regions"), &[])["rows"], 5);
}

/// What another program did to the log is found.
#[test]
fn a_log_that_another_program_changed_is_found() {
    let out = tempfile::tempdir().unwrap();
    write(tpch(), out.path(), &["-i", "region,nation"]).ok();
    let verify = || Run::new(["verify"]).args([out.path()]).output();
    verify().ok();
    let log = out.path().join("public/region/_delta_log/00000000000000000001.json");
    let name = manifest(&out.path().join("public/region"))["files"][0]["name"].as_str().unwrap().to_owned();
    fs::write(&log, format!(r#"{{"remove":{{"path":"{name}","dataChange":true}}}}"#)).unwrap();
    let output = verify();
    assert!(output.code != Some(0) && output.stdout.contains("version by the log is 1"), "{output}");
    for more in [&["--if-exists", "append"][..], &[]] {
        let output = write(tpch(), out.path(), &[&["-i", "region,nation"], more].concat()).exits(1);
        assert!(output.stdout.contains("another program wrote the newest version"), "{output}");
    }
    write(tpch(), out.path(), &["-i", "region", "--if-exists", "replace"]).ok();
    verify().ok();
    assert_eq!(read_by_others(&out.path().join("public/region"), &[])["version"], 2);
}

/// Killed at any moment: each version is whole, and the next run goes on.
#[test]
fn killed_at_any_moment_every_version_is_whole() {
    let out = tempfile::tempdir().unwrap();
    let args = || export_args(tpch(), out.path(), &[&FLAGS[..], &["-i", "orders,nation"]].concat());
    Run::new(args()).output().ok();
    let rows: i64 = PgServer::shared().query("tpch", "SELECT count(*) FROM orders").parse().unwrap();
    for kill in 0..12 {
        let running = Run::new(args()).spawn();
        std::thread::sleep(Duration::from_millis(40 + 97 * kill));
        running.kill9();
        let copy = tempfile::tempdir().unwrap();
        copy_dir(out.path(), copy.path());
        for (table, rows) in [("orders", rows), ("nation", 25)] {
            let found = script("delta_versions.py", [copy.path().join("public").join(table)]).ok();
            let counts: Vec<i64> = serde_json::from_str(&found.stdout).unwrap();
            assert!(!counts.is_empty() && counts.iter().all(|count| *count == rows), "{kill}: {counts:?}");
        }
    }
    Run::new(args()).output().ok();
    read_by_others(&out.path().join("public/orders"), &[]);
    Run::new(["verify", "--read-data"]).args([out.path()]).output().ok();
}

/// Two runs against one table, twenty times: at least one wins, the other says why not, and no row is lost.
#[test]
fn two_runs_at_once_lose_no_row() {
    let out = tempfile::tempdir().unwrap();
    let args = || {
        let more = ["-i", "region", "--if-exists", "append"];
        export_args(tpch(), out.path(), &[&FLAGS[..], &more].concat())
    };
    let mut committed = 0;
    for _ in 0..20 {
        let both = [Run::new(args()).spawn(), Run::new(args()).spawn()].map(|run| run.finish());
        for output in &both {
            if output.code == Some(0) {
                committed += 1;
            } else {
                assert!(
                    output.stdout.contains("another run") || output.stderr.contains("another run"),
                    "{output}"
                );
            }
        }
        assert!(both.iter().any(|output| output.code == Some(0)), "{}\n{}", both[0], both[1]);
        let said = read_by_others(&out.path().join("public/region"), &[]);
        assert_eq!(said["rows"], committed * 5);
        assert_eq!(said["version"], committed - 1);
    }
    println!("{committed} of 40 runs committed");
}

/// Exports to an object store, and reads a copy of what is there.
fn at_a_store(entry: &Value, store: &dyn Store, prefix: &str) {
    let place = storage::Place::new();
    place.entry("lake", entry.clone());
    place.fill(500, 100);
    let kept = tempfile::tempdir().unwrap();
    for version in 0..4 {
        let more = ["--keep-versions", "2", "--if-exists", if version == 2 { "append" } else { "overwrite" }];
        place.export("lake", &[&FLAGS[..], &more].concat()).output().ok();
        let copy = store.download(&format!("{prefix}/"));
        let table = copy.path().join("main/t");
        let old = |version: u64| kept.path().join(format!("{version}.json"));
        fs::copy(table.join("_manifest.json"), old(version)).unwrap();
        let said = read_by_others(&table, &[]);
        assert_eq!(said["rows"], if version == 2 { 1000 } else { 500 }, "{version}");
        if let Some(earlier) = version.checked_sub(1) {
            version_by_others(&table, earlier, &old(earlier));
        }
        assert!(!table.join("_commit.json").exists());
    }
    assert_eq!(store.uploads(prefix), [""; 0]);
}

#[test]
fn on_s3() {
    let seaweed = Seaweed::shared();
    let base = unique("delta");
    at_a_store(&seaweed.entry(seaweed.port, WRITER, &base), seaweed, &base);
}

#[test]
fn on_azure() {
    let azurite = Azurite::shared();
    let base = unique("delta");
    at_a_store(&azurite.entry(azurite.port, &base), azurite, &base);
}

#[test]
fn on_google_cloud_storage() {
    let (gcs, seaweed) = (Gcs::shared(), Seaweed::shared());
    let dir = tempfile::tempdir().unwrap();
    let key_file = gcs.key_file(gcs.port, dir.path());
    let base = unique("delta gcs");
    at_a_store(&gcs.entry(&key_file, BUCKET, &base), seaweed, &base);
}
