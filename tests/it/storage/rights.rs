//! The rights of the old documentation's policy for S3, which has neither delete nor abort nor a list of uploads: any
//! number of exports. What cannot be deleted is made harmless, and named.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::policy::{PAGE_POLICY, s3};
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{POOR, Seaweed, WRITER};
use super::standin::StandIn;
use super::{Place, Store, ids, unique};
use crate::lake::{Output, Run, duck};
use crate::server::PgServer;

const PARTS: [&str; 6] = ["-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
/// Rows that fill eight parts, and two.
const EIGHT: u64 = 2_200;
const TWO: u64 = 500;

/// An export through `port` with its summary.
#[track_caller]
fn exported(place: &Place, id: &str, more: &[&str]) -> (Output, Value) {
    let output = place.export(id, &PARTS).args(more).args(["--json"]).output().ok();
    let summary = serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"));
    (output, summary)
}

/// Names of the manifest's files: those of the run, and those that are left without rows.
pub(super) fn files_of(manifest: &Value) -> (Vec<String>, Vec<String>) {
    let named = |left: bool| {
        let files = manifest["files"].as_array().unwrap().iter();
        let files = files.filter(|file| (file["leftover"] == true) == left);
        files.map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    };
    (named(false), named(true))
}

/// What a lister of files reads that is not ours: count, distinct and sum of the ids.
#[track_caller]
pub(super) fn assert_listed(store: &dyn Store, table: &str, glob: &str, rows: u64) {
    let dir = store.download(table);
    let sql = format!(
        "SELECT count(*), count(DISTINCT id), coalesce(sum(id), 0) FROM read_parquet('{}/{glob}')",
        dir.path().display()
    );
    assert_eq!(duck(&sql), format!("{rows}|{rows}|{}", rows * (rows + 1) / 2), "{table}");
}

/// `lakexpress verify` with all data finds nothing wrong.
#[track_caller]
fn assert_verified(place: &Place, id: &str, run: &Value) {
    let verify = Run::new(["verify", "--read-data", "--target-storage-id", id, "-a"]).args([place.auth()]);
    place.at_home(verify.args([run["run_id"].as_str().unwrap()])).output().ok();
}

/// A table that shrinks from eight parts to two and to none, and grows again.
#[test]
fn page_policy_three_exports_that_shrink() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("page"));
    let gate = s3(PAGE_POLICY);
    place.entry("page", seaweed.entry(gate.port, WRITER, &base));
    let table = format!("{base}/main/t/");
    let mut most = 0;
    for rows in [EIGHT, TWO, 0, TWO, EIGHT] {
        place.fill(rows, 200);
        let (output, summary) = exported(&place, "page", &["--verify", "hash"]);
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        assert_listed(seaweed, &table, "*.parquet", rows);
        let manifest = seaweed.json(&format!("{table}_manifest.json")).unwrap();
        assert_eq!(manifest["verification"]["hash"], "equal");
        let (own, left) = files_of(&manifest);
        most = most.max(own.len());
        match rows {
            EIGHT => assert!(own.len() >= 8, "{own:?}"),
            TWO => assert!(own.len() == 2, "{own:?}"),
            _ => assert_eq!(own.len(), 1, "{own:?}"),
        }
        // Every file that ever was is there, and named: as one with rows or as one without.
        let there: BTreeSet<String> =
            seaweed.names(&table).into_iter().filter(|n| !n.starts_with('_')).collect();
        assert_eq!(there, own.iter().chain(&left).cloned().collect());
        assert_eq!(own.len() + left.len(), most);
        // The run counts its own, and names the others.
        let outcome = &summary["tables"][0];
        assert_eq!(outcome["files"], own.len(), "{summary}");
        let emptied = outcome["left"]["emptied"].as_array().cloned().unwrap_or_default();
        assert_eq!(emptied, left, "{summary}");
        assert_eq!(outcome["left"]["documents"], serde_json::json!(["_commit.json", "_lock"]), "{summary}");
        output
            .says(&["left", "s3:DeleteObject", "s3:ListBucketMultipartUploads"])
            .says(&left.first().iter().map(|name| name.as_str()).collect::<Vec<_>>());
        assert_verified(&place, "page", &summary);
    }
    let refused = gate.count("DELETE", "");
    assert!(refused > 0, "nothing was refused");
    // Who may delete clears away what is left.
    place.fill(TWO, 200);
    place.entry("writer", seaweed.entry(seaweed.port, WRITER, &base));
    place.export("writer", &PARTS).output().ok();
    assert_eq!(seaweed.ids(&table), Some(ids(TWO)));
    seaweed.assert_tidy(&table);
}

/// What is empty already is not written again, other columns are; no rows and no file; what a query gives.
#[test]
fn page_policy_leftovers_follow_the_columns() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("page-columns"));
    let gate = s3(PAGE_POLICY);
    place.entry("page", seaweed.entry(gate.port, WRITER, &base));
    let table = format!("{base}/main/t/");
    let begun = |gate: &StandIn| {
        let seen = gate.seen().into_iter();
        seen.filter(|m| m.method() == "POST" && m.target().contains("uploads")).count()
    };
    place.fill(EIGHT, 200);
    let (_, first) = exported(&place, "page", &[]);
    let parts = first["tables"][0]["files"].as_u64().unwrap() as usize;
    let mut uploads = Vec::new();
    for columns in ["*", "*", "id, id + 1 AS more"] {
        place.fill(TWO, 200);
        let before = begun(&gate);
        exported(&place, "page", &["--columns", &format!("t: {columns}")]);
        uploads.push(begun(&gate) - before);
        assert_listed(seaweed, &table, "*.parquet", TWO);
    }
    assert!(uploads[0] == parts && uploads[1] == 2 && uploads[2] == parts, "{uploads:?} of {parts}");
    let types = |dir: &std::path::Path| {
        duck(&format!(
            "SELECT count(*), count(more), count(DISTINCT file_name) FROM read_parquet('{0}/*.parquet'), (SELECT count(DISTINCT file_name) AS file_name FROM parquet_schema('{0}/*.parquet') WHERE name = 'more')",
            dir.display()
        ))
    };
    assert_eq!(types(seaweed.download(&table).path()), format!("{TWO}|{TWO}|1"));
    place.fill(0, 200);
    let (_, summary) = exported(&place, "page", &["--empty-tables", "skip"]);
    assert_eq!(summary["tables"][0]["files"], 0);
    assert_eq!(seaweed.ids(&table), Some(ids(0)));
    assert_listed(seaweed, &table, "*.parquet", 0);
    // Rows that are added lie beside what is left, and never on it.
    place.fill(TWO, 200);
    exported(&place, "page", &["--if-exists", "append"]);
    assert_eq!(seaweed.ids(&table), Some(ids(TWO)));
    assert_listed(seaweed, &table, "*.parquet", TWO);
    let manifest = seaweed.json(&format!("{table}_manifest.json")).unwrap();
    let (own, left) = files_of(&manifest);
    assert_eq!((own.len(), left.len()), (2, parts), "{manifest:#}");
    // A run that replaces them empties them.
    place.fill(TWO, 200);
    exported(&place, "page", &[]);
    assert_eq!(seaweed.ids(&table), Some(ids(TWO)));
    assert_listed(seaweed, &table, "*.parquet", TWO);
}

/// The result of a query, and directories of years: from many files to few.
#[test]
fn page_policy_queries_and_directories() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("page-query"));
    let gate = s3(PAGE_POLICY);
    place.entry("page", seaweed.entry(gate.port, WRITER, &base));
    let source = format!("sqlite://{}", place.path("data.db").display());
    place.fill(EIGHT, 200);
    let mut files = Vec::new();
    for rows in [EIGHT, 0] {
        let sql = format!("SELECT id FROM t WHERE id <= {rows}");
        let query =
            Run::new(["query", &sql, "--name", "q", "--source", &source, "--target-storage-id", "page"]);
        place
            .at_home(query.args(["-p", "2", "-a"]).args([place.auth()]).args(PARTS.split_at(2).1))
            .output()
            .ok();
        let table = format!("{base}/query/q/");
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        assert_listed(seaweed, &table, "*.parquet", rows);
        files.push(files_of(&seaweed.json(&format!("{table}_manifest.json")).unwrap()));
    }
    assert_eq!(files[0].0.len(), files[1].0.len() + files[1].1.len(), "{files:?}");
    // Years become directories; then the table has none.
    let url = PgServer::shared().create_db("leftovers");
    let fill = |rows: u64| {
        let sql = format!(
            "DROP TABLE IF EXISTS y; CREATE TABLE y (id bigint PRIMARY KEY, d date NOT NULL);
             INSERT INTO y SELECT g, date '2020-01-01' + (g * 3)::int FROM generate_series(1, {rows}) g; ANALYZE y"
        );
        PgServer::shared().sql("leftovers", &sql);
    };
    let table = format!("{base}/public/y/");
    let by_year =
        ["-i", "y", "--large-table-threshold", "10", "--table-config", "y:Timepartition:(d,year):2"];
    let export = |flags: &[&str], rows| {
        fill(rows);
        place.export_from(&url, "page", flags).output().ok();
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        assert_listed(seaweed, &table, "**/*.parquet", rows);
        files_of(&seaweed.json(&format!("{table}_manifest.json")).unwrap())
    };
    let (wide, _) = export(&by_year, 400);
    assert!(wide.len() >= 4 && wide.iter().all(|name| name.starts_with("year=")), "{wide:?}");
    let (own, left) = export(&by_year, 100);
    assert_eq!(own.len() + left.len(), wide.len(), "{own:?} {left:?}");
    let (own, left) = export(&["-i", "y"], 100);
    assert_eq!((own.len(), left.len()), (1, wide.len()), "{own:?} {left:?}");
}

/// `kill -9` before each request that changes what readers see; the next run has the same rights, or all.
#[test]
fn page_policy_killed_at_every_step() {
    let seaweed = Seaweed::shared();
    let gate = s3(PAGE_POLICY);
    let old = unique("page-old");
    let place = Place::new();
    place.entry("old", seaweed.entry(gate.port, WRITER, &old));
    place.fill(EIGHT, 200);
    place.export("old", &PARTS).output().ok();
    let steps = [
        (Class::Intent, 1),
        // Says that nothing is committed any more, in place of the old manifest.
        (Class::Manifest, 1),
        (Class::Complete, 1),
        (Class::Complete, 5),
        (Class::Manifest, 2),
        (Class::Intent, 2),
    ];
    let (old, gate) = (&old, &gate);
    thread::scope(|scope| {
        for (class, nth) in steps {
            for may_delete in [false, true] {
                scope.spawn(move || {
                    let (place, base) = (Place::new(), unique("page-killed"));
                    let table = format!("{base}/main/t/");
                    seaweed.copy(old, &base);
                    place.fill(TWO, 200);
                    let held = Fault::Delay(Duration::from_secs(60));
                    let proxy = Proxy::new(gate.port, When::Class(class, nth), held);
                    place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
                    let port = if may_delete { seaweed.port } else { gate.port };
                    place.entry("next", seaweed.entry(port, WRITER, &base));
                    // The table that is there is that of another file of the same name.
                    let replacing = ["--if-exists", "replace"];
                    let running = place.export("slow", &PARTS).args(replacing).spawn();
                    proxy.wait_until_met();
                    running.kill9();
                    let when = format!("killed at {class:?} {nth}, the next may delete: {may_delete}");
                    // No reader of manifests takes what is there for a table that it is not.
                    let manifest = seaweed.json(&format!("{table}_manifest.json")).unwrap();
                    if manifest["files"].is_array() {
                        let found = seaweed.ids(&table).unwrap();
                        let old = matches!((class, nth), (Class::Intent, 1) | (Class::Manifest, 1));
                        assert_eq!(found, ids(if old { EIGHT } else { TWO }), "{when}");
                    } else {
                        assert_eq!(manifest, serde_json::json!({"withdrawn": true}), "{when}");
                    }
                    let next = place.export("next", &PARTS).args(replacing).output();
                    assert_eq!(next.code, Some(0), "{when}\n{next}");
                    assert_eq!(seaweed.ids(&table), Some(ids(TWO)), "{when}");
                    assert_listed(seaweed, &table, "*.parquet", TWO);
                    if may_delete {
                        seaweed.assert_tidy(&table);
                    }
                });
            }
        }
    });
}

/// A commit that somebody with more rights has begun, and has not finished, is finished without them.
#[test]
fn page_policy_after_a_run_with_more_rights() {
    let seaweed = Seaweed::shared();
    let gate = s3(PAGE_POLICY);
    let gate = &gate;
    thread::scope(|scope| {
        // The first one dies when everything old is deleted.
        for (class, nth, rows) in [
            (Class::Manifest, 1, TWO),
            (Class::Complete, 1, TWO),
            (Class::Delete, 3, TWO),
            (Class::Delete, 4, 0),
        ] {
            scope.spawn(move || {
                let (place, base) = (Place::new(), unique("page-after"));
                let table = format!("{base}/main/t/");
                place.entry("writer", seaweed.entry(seaweed.port, WRITER, &base));
                place.entry("page", seaweed.entry(gate.port, WRITER, &base));
                place.fill(EIGHT, 200);
                place.export("writer", &PARTS).output().ok();
                place.fill(rows, 200);
                let proxy =
                    Proxy::new(seaweed.port, When::Class(class, nth), Fault::Delay(Duration::from_secs(60)));
                place.entry("slow", seaweed.entry(proxy.port, WRITER, &base));
                let running = place.export("slow", &PARTS).args(["--empty-tables", "skip"]).spawn();
                proxy.wait_until_met();
                running.kill9();
                // It finds the table as the other run wanted it, and may not replace it.
                let when = format!("killed at {class:?} {nth}");
                let found = place.export("page", &PARTS).args(["--if-exists", "error"]).output();
                assert_ne!(found.code, Some(0), "{when}\n{found}");
                found.says(&["finishing the commit", "already exists"]);
                assert_eq!(seaweed.ids(&table), Some(ids(rows)), "{when}");
                assert_listed(seaweed, &table, "*.parquet", rows);
                place.fill(TWO, 200);
                place.export("page", &PARTS).output().ok();
                assert_eq!(seaweed.ids(&table), Some(ids(TWO)), "{when}");
                assert_listed(seaweed, &table, "*.parquet", TWO);
                place.export("writer", &PARTS).output().ok();
                seaweed.assert_tidy(&table);
            });
        }
    });
}

/// What it may not abort is said, and left to a run that may.
#[test]
fn stopped_without_the_right_to_abort() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("poor-stopped"));
    place.fill(700, 200);
    let slow = Proxy::new(seaweed.port, When::Class(Class::Part, 2), Fault::Delay(Duration::from_secs(40)));
    place.entry("slow", seaweed.entry(slow.port, POOR, &base));
    place.entry("poor", seaweed.entry(seaweed.port, POOR, &base));
    place.entry("writer", seaweed.entry(seaweed.port, WRITER, &base));
    let running = place.export("slow", &PARTS).spawn();
    slow.wait_until_met();
    assert!(Command::new("kill").args(["-TERM", &running.pid().to_string()]).status().unwrap().success());
    let output = running.finish().no_panic();
    assert_eq!(output.code, Some(143), "{output}");
    output.says(&["not removed", "s3:AbortMultipartUpload"]);
    let table = format!("{base}/main/t/");
    assert!(!seaweed.uploads(&table).is_empty());
    assert_eq!(seaweed.ids(&table), None);
    place.export("poor", &PARTS).output().ok();
    assert_eq!(seaweed.ids(&table), Some(ids(700)));
    assert!(!seaweed.uploads(&table).is_empty(), "the poor have aborted something");
    place.export("writer", &PARTS).output().ok();
    assert_eq!(seaweed.ids(&table), Some(ids(700)));
    seaweed.assert_tidy(&table);
}

/// Uploads that may be seen and not removed are named.
#[test]
fn uploads_that_may_not_be_aborted_are_named() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("no-abort"));
    let policy =
        PAGE_POLICY.replace("\"s3:ListBucket\"", "\"s3:ListBucket\", \"s3:ListBucketMultipartUploads\"");
    let gate = s3(&policy);
    place.entry("page", seaweed.entry(gate.port, WRITER, &base));
    seaweed.begin_upload(&format!("{base}/main/t/part-00003.parquet"));
    place.fill(10, 20);
    let (output, summary) = exported(&place, "page", &[]);
    assert_eq!(
        summary["tables"][0]["left"]["uploads"],
        serde_json::json!(["part-00003.parquet"]),
        "{summary}"
    );
    output.says(&["part-00003.parquet", "s3:AbortMultipartUpload"]);
}

/// `check` says which step misses which right, and what will be left, and that exports work.
#[test]
fn page_policy_check_names_what_will_be_left() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("page-check"));
    let gate = s3(PAGE_POLICY);
    place.fill(3, 20);
    place.entry("page", seaweed.entry(gate.port, WRITER, &base));
    let mut there = Vec::new();
    for _ in 0..2 {
        let output = super::check::check(&place, "page").output().ok().never_says(&["FAILED"]);
        for (what, right) in [
            ("list unfinished uploads", "s3:ListBucketMultipartUploads"),
            ("abort an upload", "s3:AbortMultipartUpload"),
            ("delete an object", "s3:DeleteObject"),
        ] {
            let line = output.stdout.lines().find(|line| line.starts_with("warn") && line.contains(what));
            assert!(line.is_some_and(|line| line.contains(right)), "{what} is no warning\n{output}");
        }
        there.push(seaweed.names(&format!("{base}/")));
        for name in there.last().unwrap() {
            assert!(output.stdout.contains(name.as_str()), "{name} is left and not named\n{output}");
        }
        assert!(output.stdout.contains("without rows"), "{output}");
        assert_eq!(seaweed.uploads(&base), [""; 0], "an upload is left");
    }
    assert_eq!(there[0], there[1], "each check leaves more");
    let json = super::check::check(&place, "page").args(["--json"]).output().ok();
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let warned = json["checks"].as_array().unwrap().iter().filter(|c| c["warning"].is_string()).count();
    assert_eq!((&json["ok"], warned), (&Value::Bool(true), 3), "{json:#}");
}
