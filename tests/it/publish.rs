//! Tables published in DuckLake catalogs: read by programs that are not ours, now and at the snapshot before, all tables of
//! one moment in one answer.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::lake::{Output, Run, copy_dir, env_number, export, export_args, manifest, python, script};
use crate::server::PgServer;
use crate::storage::seaweed::{Seaweed, WRITER};
use crate::storage::{self, Store, unique};
use crate::tpch::{TABLES, tpch};
use crate::types::matrix;

const USAGE: i32 = 2;
const DATA: i32 = 65;
const DENIED: i32 = 77;
const CONFIG: i32 = 78;

const FLAGS: [&str; 6] = ["--format", "delta", "-p", "2", "--large-table-threshold", "1000"];

fn write(url: &str, out: &Path, more: &[&str]) -> Output {
    export(url, out, &[&FLAGS[..], more].concat())
}

fn publish(out: &Path, catalog: &str) -> Output {
    Run::new(["publish", "--json", "--to", catalog]).args([out]).output()
}

#[track_caller]
fn published(out: &Path, catalog: &str) -> Value {
    serde_json::from_str(&publish(out, catalog).ok().stdout).unwrap()
}

#[track_caller]
fn refused(out: &Path, catalog: &str, code: i32, words: &[&str]) {
    Run::new(["publish", "--to", catalog]).args([out]).output().exits(code).says(words).no_panic();
}

/// A catalog as DuckDB's ATTACH names it, and as `--to` does.
struct Catalog {
    attached: String,
    to: String,
}

impl Catalog {
    fn sqlite(dir: &Path) -> Self {
        let path = dir.join("catalog.sqlite");
        Self { attached: format!("sqlite:{}", path.display()), to: format!("sqlite:{}", path.display()) }
    }

    fn postgres(name: &str) -> Self {
        let server = PgServer::shared();
        let to = server.create_db(name);
        let attached = format!("postgres:dbname={name} host=127.0.0.1 port={} user=postgres", server.port());
        Self { attached, to }
    }
}

/// Asserts that DuckDB reads the rows of the manifests' files, and with `--conditions` that conditions give the same rows with the
/// catalog's statistics and without them. A second reader, polars-ducklake, reads the same or says why it cannot.
#[track_caller]
fn read_by_others(catalog: &Catalog, tables: &[(&str, PathBuf)], more: &[&str]) -> Value {
    let mut args = vec![catalog.attached.clone()];
    args.extend(tables.iter().map(|(name, dir)| format!("{name}={}", dir.display())));
    args.extend(more.iter().map(|word| (*word).to_owned()));
    let said = script("ducklake_compare.py", args).ok();
    let said: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}\n{said}"));
    for (table, _) in tables {
        assert!(said[table]["readers"].as_array().unwrap().contains(&"DuckDB".into()), "{table}: {said}");
    }
    said
}

/// As [`read_by_others`], and that both can read it.
#[track_caller]
fn read_by_both(catalog: &Catalog, tables: &[(&str, PathBuf)], more: &[&str]) -> Value {
    let said = read_by_others(catalog, tables, more);
    for (table, _) in tables {
        assert_eq!(said[table]["readers"].as_array().unwrap().len(), 2, "{table}: {said}");
    }
    said
}

/// The tables of a lake with their directories.
fn at<'a>(out: &Path, tables: &[&'a str]) -> Vec<(&'a str, PathBuf)> {
    tables.iter().map(|table| (*table, out.join(table.replace('.', "/")))).collect()
}

fn tpch_in(catalog: &Catalog) {
    let out = tempfile::tempdir().unwrap();
    let before = tempfile::tempdir().unwrap();
    let mut conditions = 0;
    for (version, more) in [&[][..], &[], &["--if-exists", "append"]].into_iter().enumerate() {
        write(tpch(), out.path(), more).ok();
        let said = published(out.path(), &catalog.to);
        assert_eq!((&said["snapshot"], &said["changed"]), (&(version + 1).into(), &true.into()), "{said}");
        let names: Vec<String> = TABLES.iter().map(|table| format!("public.{table}")).collect();
        let tables = at(out.path(), &names.iter().map(String::as_str).collect::<Vec<_>>());
        let kept = |version: usize| before.path().join(version.to_string());
        fs::create_dir(kept(version)).unwrap();
        for (name, dir) in &tables {
            fs::copy(dir.join("_manifest.json"), kept(version).join(format!("{name}.json"))).unwrap();
        }
        let conditions_too: &[&str] = if version == 2 { &["--conditions"] } else { &[] };
        let now = read_by_both(catalog, &tables, conditions_too);
        let then = version.checked_sub(1).map(|earlier| {
            let (snapshot, kept) = ((earlier + 1).to_string(), kept(earlier));
            let then = ["--snapshot", &snapshot, "--manifests", kept.to_str().unwrap()];
            read_by_both(catalog, &tables, &[&then[..], conditions_too].concat())
        });
        for (name, _) in &tables {
            let sql = format!("SELECT count(*) FROM {name}");
            let rows: u64 = PgServer::shared().query("tpch", &sql).parse().unwrap();
            assert_eq!(now[name]["rows"], rows * if version == 2 { 2 } else { 1 }, "{name}");
            conditions += now[name]["conditions"].as_u64().unwrap();
            if let Some(then) = &then {
                assert_eq!(then[name]["rows"], rows, "{name}");
                conditions += then[name]["conditions"].as_u64().unwrap();
            }
        }
    }
    // It may be repeated.
    let said = published(out.path(), &catalog.to);
    assert_eq!((&said["snapshot"], &said["changed"]), (&3.into(), &false.into()), "{said}");
    println!("{conditions} conditions with and without statistics");
}

#[test]
fn tpch_is_published_replaced_and_extended_in_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    tpch_in(&Catalog::sqlite(dir.path()));
}

#[test]
fn tpch_is_published_replaced_and_extended_in_postgres() {
    tpch_in(&Catalog::postgres("publish_tpch"));
}

#[test]
fn every_type_is_read_by_others() {
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(matrix(), out.path(), &[]);
    let catalog = Catalog::sqlite(dir.path());
    let said = published(out.path(), &catalog.to);
    let tables: Vec<(String, PathBuf)> = said["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| {
            let text = |key: &str| table[key].as_str().unwrap().to_owned();
            (text("table"), out.path().join(text("directory")))
        })
        .collect();
    let tables: Vec<(&str, PathBuf)> =
        tables.iter().map(|(name, dir)| (name.as_str(), dir.clone())).collect();
    let said = read_by_others(&catalog, &tables, &["--conditions"]);
    let said: Vec<&Value> = said.as_object().unwrap().values().collect();
    let conditions: u64 = said.iter().map(|said| said["conditions"].as_u64().unwrap()).sum();
    let by_both = said.iter().filter(|said| said["readers"].as_array().unwrap().len() == 2).count();
    println!("{} tables, {by_both} by both readers, {conditions} conditions: {said:?}", tables.len());
    assert!(tables.len() >= 9 && conditions > 1000, "{} tables, {conditions} conditions", tables.len());
}

#[test]
fn partitions_of_every_type_have_their_values() {
    let server = PgServer::shared();
    let url = server.create_db("publish_partitions");
    server.sql(
        "publish_partitions",
        "CREATE TABLE t (id int PRIMARY KEY, who uuid, region text, day date, at timestamp, n bigint, yes boolean, d numeric(8,2), l int[], note text);
         INSERT INTO t SELECT g, CASE WHEN g % 2 = 0 THEN md5((g % 6)::text)::uuid END, (ARRAY['a/b', 'z%', 'é ü', '50%25', 'x=y', NULL, 'plus+and&', '#?'])[1 + g % 8],
           date '1999-12-30' + g % 3, timestamp '1969-12-31 23:59:59.999999' + g % 2 * interval '1 us', g % 2 - 1, g % 2 = 0,
           (g % 3) / 4.0, ARRAY[g, NULL], md5(g::text) FROM generate_series(1, 200) g;",
    );
    for keys in ["region", "day, n", "at", "who", "yes, region", "year(day) AS y, d"] {
        let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let catalog = Catalog::sqlite(dir.path());
        for _ in 0..2 {
            write(&url, out.path(), &["--partition-by", &format!("t: {keys}")]).ok();
            published(out.path(), &catalog.to);
        }
        let said = read_by_others(&catalog, &at(out.path(), &["public.t"]), &["--conditions"]);
        assert_eq!(said["public.t"]["rows"], 200, "{keys}: {said}");
    }
}

#[test]
fn columns_may_change_and_names_be_odd() {
    let server = PgServer::shared();
    let url = server.create_db("publish_names");
    server.sql(
        "publish_names",
        r#"CREATE SCHEMA "S p";
           CREATE TABLE "S p"."t'1" (id int PRIMARY KEY, "a b" int, "a,b" text, "a.b" int, "select" int, "ä€" int);
           INSERT INTO "S p"."t'1" VALUES (1, 2, '3', 4, 5, 6), (2, NULL, NULL, NULL, NULL, NULL);
           CREATE TABLE empty (id int PRIMARY KEY, b text);
           CREATE TABLE t (id int PRIMARY KEY, gone int, p int);
           INSERT INTO t SELECT g, g, g FROM generate_series(1, 10) g;"#,
    );
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = Catalog::sqlite(dir.path());
    let all = ["-i", "%.%"];
    write(&url, out.path(), &all).ok();
    let said = published(out.path(), &catalog.to);
    let of = |said: &Value, table: &str| {
        let tables = said["tables"].as_array().unwrap().clone();
        tables.into_iter().find(|found| found["table"] == table).unwrap_or_else(|| panic!("{said}"))
    };
    let tables = ["S p.t'1", "public.empty", "public.t"];
    let tables =
        tables.map(|table| (table, out.path().join(of(&said, table)["directory"].as_str().unwrap())));
    read_by_both(&catalog, &tables, &["--conditions"]);
    fs::copy(out.path().join("public/t/_manifest.json"), dir.path().join("public.t.json")).unwrap();
    server.sql(
        "publish_names",
        "ALTER TABLE t DROP gone; ALTER TABLE t ADD more text; INSERT INTO t VALUES (99, 1, 'x')",
    );
    write(&url, out.path(), &all).ok();
    let said = published(out.path(), &catalog.to);
    assert_eq!(of(&said, "public.t")["done"], "recreated", "{said}");
    assert_eq!(of(&said, "public.empty")["done"], "updated", "{said}");
    let tables = at(out.path(), &["public.t"]);
    assert_eq!(read_by_both(&catalog, &tables, &[])["public.t"]["rows"], 11);
    let then = ["--snapshot", "1", "--manifests", dir.path().to_str().unwrap()];
    assert_eq!(read_by_both(&catalog, &tables, &then)["public.t"]["rows"], 10);
}

/// SQL of DuckDB over a catalog, as another program would change it.
fn duckdb(catalog: &Catalog, sql: &str) {
    let code = "import sys, sysconfig, os, duckdb\n\
        duck = duckdb.connect()\n\
        for e in ('ducklake', 'sqlite_scanner'):\n    \
            duck.execute(\"LOAD '%s/duckdb_extension_%s/extensions/v%s/%s.duckdb_extension'\" % (sysconfig.get_path('purelib'), e, duckdb.__version__, e))\n\
        duck.execute(\"ATTACH 'ducklake:%s' AS lake\" % sys.argv[1])\n\
        duck.execute(sys.argv[2])\n";
    let output = Command::new(python()).args(["-c", code, &catalog.attached, sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_another_program_did_is_found() {
    for change in [
        "INSERT INTO lake.public.region VALUES (9, 'x', 'y')",
        "DELETE FROM lake.public.region WHERE r_regionkey = 0",
        "UPDATE lake.public.region SET r_name = 'x' WHERE r_regionkey = 0",
        "ALTER TABLE lake.public.region ADD COLUMN more INTEGER",
        "ALTER TABLE lake.public.region SET PARTITIONED BY (r_name)",
    ] {
        let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let catalog = Catalog::sqlite(dir.path());
        write(tpch(), out.path(), &["-i", "region,nation"]).ok();
        published(out.path(), &catalog.to);
        duckdb(&catalog, change);
        write(tpch(), out.path(), &["-i", "region,nation"]).ok();
        refused(out.path(), &catalog.to, DATA, &["another program has changed", "public.region"]);
        // Nothing of the other table either.
        duckdb(&catalog, "DROP TABLE lake.public.region");
        let said = published(out.path(), &catalog.to);
        for (table, done) in [(0, "updated"), (1, "created")] {
            assert_eq!(said["tables"][table]["done"], done, "{change}: {said}");
        }
        read_by_both(&catalog, &at(out.path(), &["public.region", "public.nation"]), &[]);
    }
}

/// DuckDB can go on in a catalog that we made.
#[test]
fn another_program_works_beside_ours() {
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = Catalog::sqlite(dir.path());
    write(tpch(), out.path(), &["-i", "region,nation"]).ok();
    published(out.path(), &catalog.to);
    duckdb(&catalog, "CREATE TABLE lake.public.own AS SELECT * FROM lake.public.region");
    duckdb(&catalog, "CREATE SCHEMA lake.other; CREATE TABLE lake.other.region AS SELECT 1 AS a");
    write(tpch(), out.path(), &["-i", "region,nation"]).ok();
    published(out.path(), &catalog.to);
    read_by_both(&catalog, &at(out.path(), &["public.region"]), &[]);
    duckdb(
        &catalog,
        "CREATE VIEW lake.public.nation2 AS FROM lake.public.nation; INSERT INTO lake.other.region VALUES (2)",
    );
    let said = published(out.path(), &catalog.to);
    assert_eq!(said["changed"], false, "{said}");
}

#[test]
fn wrong_input_is_said() {
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = Catalog::sqlite(dir.path());
    let plain = tempfile::tempdir().unwrap();
    export(tpch(), plain.path(), &["-i", "region"]).ok();
    refused(plain.path(), &catalog.to, DATA, &["plain files", "--format delta"]);
    write(tpch(), out.path(), &["-i", "region"]).ok();
    Run::new(["publish"]).args([out.path()]).output().exits(USAGE).says(&["no catalog is named", "--to"]);
    Run::new(["publish", "--to", &catalog.to]).output().exits(USAGE).says(&["no tables are named"]);
    refused(out.path(), "nonsense", USAGE, &["is no URL"]);
    refused(out.path(), "sqlite:", USAGE, &["names no file"]);
    refused(out.path(), "mysql://h/d", CONFIG, &["cannot hold a DuckLake catalog"]);
    refused(out.path(), "sqlite:/nowhere/catalog", DENIED, &["cannot open the catalog"]);
    let text = dir.path().join("text");
    fs::write(&text, "no database, and longer than its first page would be\n".repeat(100)).unwrap();
    refused(out.path(), &format!("sqlite:{}", text.display()), CONFIG, &["not a SQLite database"]);
    published(out.path(), &catalog.to);
    let moved = tempfile::tempdir().unwrap();
    copy_dir(out.path(), moved.path());
    refused(moved.path(), &catalog.to, DATA, &["from another place"]);
    let file = manifest(&out.path().join("public/region"))["files"][0]["name"].as_str().unwrap().to_owned();
    fs::remove_file(out.path().join("public/region").join(file)).unwrap();
    refused(out.path(), &catalog.to, DATA, &["is missing or has another size", "verify"]);
    let version = Command::new("sqlite3")
        .arg(dir.path().join("catalog.sqlite"))
        .arg("UPDATE ducklake_metadata SET value = '2.0' WHERE key = 'version'")
        .status();
    assert!(version.unwrap().success());
    write(tpch(), out.path(), &["-i", "region", "--if-exists", "replace"]).ok();
    refused(out.path(), &catalog.to, CONFIG, &["version: 2.0"]);
}

/// Killed at any moment, and two at once: the catalog has all tables of one run, or of the one before.
#[test]
fn killed_at_any_moment_all_tables_are_of_one_run() {
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = Catalog::sqlite(dir.path());
    let args = || export_args(tpch(), out.path(), &[&FLAGS[..], &["-i", "orders,nation,region"]].concat());
    let path = out.path().to_str().unwrap().to_owned();
    let start = || Run::new(["publish", "--json", "--to", &catalog.to, &path]).spawn();
    let mut made = 0;
    for kill in 0..env_number("LAKEXPRESS_KILLS", 12) as u64 {
        Run::new(args()).output().ok();
        let running = start();
        std::thread::sleep(Duration::from_millis(15 + 23 * (kill % 12)));
        running.kill9();
        let sql = "SELECT count(DISTINCT begin_snapshot) || ' ' || count(DISTINCT table_id) FROM ducklake_data_file WHERE end_snapshot IS NULL";
        let asked = Command::new("sqlite3").arg(dir.path().join("catalog.sqlite")).arg(sql).output().unwrap();
        let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        assert!(["1 3", "0 0", ""].contains(&said.as_str()), "{kill}: {said}");
        let both = [start(), start()].map(|run| run.finish());
        for output in &both {
            assert!(output.code == Some(0) || output.stdout.contains("another run"), "{output}");
        }
        made += both.iter().filter(|output| output.code == Some(0)).count();
        published(out.path(), &catalog.to);
    }
    read_by_both(&catalog, &at(out.path(), &["public.orders", "public.nation", "public.region"]), &[]);
    println!("{made} publications of two at once were made");
}

/// Two programs publish other tables in one catalog at once: both get their snapshot.
#[test]
fn two_lakes_share_a_catalog_at_once() {
    for catalog in
        [Catalog::sqlite(tempfile::tempdir().unwrap().keep().as_path()), Catalog::postgres("publish_shared")]
    {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for round in 0..5 {
            write(tpch(), one.path(), &["-i", "region"]).ok();
            write(tpch(), other.path(), &["-i", "nation"]).ok();
            let start = |out: &Path| Run::new(["publish", "--json", "--to", &catalog.to]).args([out]).spawn();
            if round == 0 {
                // The catalog itself is made by one.
                published(one.path(), &catalog.to);
            }
            for output in [start(one.path()), start(other.path())].map(|run| run.finish()) {
                output.ok();
            }
        }
        read_by_both(&catalog, &at(one.path(), &["public.region"]), &[]);
        read_by_both(&catalog, &at(other.path(), &["public.nation"]), &[]);
    }
}

/// Two processes make one catalog at once: it is made once.
#[test]
fn two_make_a_catalog_at_once() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(tpch(), one.path(), &["-i", "region"]).ok();
    write(tpch(), other.path(), &["-i", "nation"]).ok();
    for name in NEW {
        let dir = tempfile::tempdir().unwrap();
        for catalog in [Catalog::sqlite(dir.path()), Catalog::postgres(name)] {
            let start = |out: &Path| Run::new(["publish", "--json", "--to", &catalog.to]).args([out]).spawn();
            for output in [start(one.path()), start(other.path())].map(|run| run.finish()) {
                output.ok();
            }
            read_by_both(&catalog, &at(one.path(), &["public.region"]), &[]);
            read_by_both(&catalog, &at(other.path(), &["public.nation"]), &[]);
        }
    }
}

/// Names of databases.
const NEW: [&str; 5] = ["publish_new_0", "publish_new_1", "publish_new_2", "publish_new_3", "publish_new_4"];

/// Tables of several runs are published as they are, and it is said; by the id of a run only what it committed.
#[test]
fn tables_of_several_runs_are_said() {
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = Catalog::sqlite(dir.path());
    let state = tempfile::tempdir().unwrap();
    let args = export_args(tpch(), out.path(), &[&FLAGS[..], &["-i", "region,nation"]].concat());
    Run::new(args).env("XDG_STATE_HOME", state.path()).output().ok();
    let said = published(out.path(), &catalog.to);
    assert_eq!(said["moments"], 1, "{said}");
    let first = said["tables"][0]["run_id"].as_str().unwrap().to_owned();
    let document = dir.path().join("published.json");
    fs::write(&document, said.to_string()).unwrap();
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    script("json_schemas.py", [schemas.into(), "publish".into(), document.into_os_string()]).ok();
    write(tpch(), out.path(), &["-i", "region"]).ok();
    let place = out.path().to_str().unwrap();
    let by_run = ["publish", &first, "--to", &catalog.to];
    let refused = Run::new(by_run).env("XDG_STATE_HOME", state.path()).output();
    refused.exits(DATA).says(&["the table is that of another run", "public.region"]).no_panic();
    let output = Run::new(["publish", "--to", &catalog.to, place]).output().ok();
    assert!(output.stdout.contains("the tables show 2 points in time"), "{output}");
}

/// A reader that joins two tables while runs replace both under a writer never sees two moments in one answer.
#[test]
fn no_answer_has_two_moments() {
    let server = PgServer::shared();
    let url = server.create_db("publish_join");
    server.sql(
        "publish_join",
        "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)",
    );
    let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = Catalog::sqlite(dir.path());
    write(&url, out.path(), &[]).ok();
    published(out.path(), &catalog.to);
    let mut join = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/ducklake_join.py"))
        .arg(&catalog.attached)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for run in 1..=10 {
        server.sql("publish_join", &format!("BEGIN; UPDATE a SET n = {run}; UPDATE b SET n = {run}; COMMIT"));
        write(&url, out.path(), &[]).ok();
        published(out.path(), &catalog.to);
    }
    drop(join.stdin.take());
    let mut said = String::new();
    join.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(join.wait().unwrap().success(), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    println!("{said}");
    assert_eq!(said["mixed"], 0, "{said}");
    assert!(said["looks"].as_u64() >= Some(10) && said["moments"].as_array().unwrap().len() >= 5, "{said}");
}

#[test]
fn on_s3() {
    let seaweed = Seaweed::shared();
    let base = unique("publish");
    let place = storage::Place::new();
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &base));
    place.fill(500, 100);
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::sqlite(dir.path());
    let endpoint = format!("127.0.0.1:{}", seaweed.port);
    for version in 0..2 {
        place.export("lake", &FLAGS).output().ok();
        let auth = place.auth();
        let args =
            ["publish", "--target-storage-id", "lake", "--to", &catalog.to, "-a", auth.to_str().unwrap()];
        let output = place.at_home(Run::new(args)).output().ok();
        assert!(output.stdout.contains("published in one transaction"), "{output}");
        let copy = seaweed.download(&format!("{base}/"));
        let tables = at(copy.path(), &["main.t"]);
        let said = read_by_both(&catalog, &tables, &["--conditions", "--s3", &endpoint, WRITER.0, WRITER.1]);
        assert_eq!(said["main.t"]["rows"], 500, "{version}: {said}");
    }
}
