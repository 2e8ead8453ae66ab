//! Manifests, intents, locks and summaries. Those here are of the program before `run/` and `work/` were made.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lakexpress::format::read_manifest;
use lakexpress::manifest::{Manifest, PartsAsOf};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::lake::{Run, duck, files, json};
use crate::storage::seaweed::{Seaweed, WRITER};
use crate::storage::{Place, Store, unique};

const COMMIT: &str = include_str!("files/commit.json");
const MANIFEST: &str = include_str!("files/manifest.json");
const RUNNING: &str = include_str!("files/running.json");
/// A file of a table without rows, as the writer of the intent left it.
fn empty_file() -> Vec<u8> {
    hex(include_str!("files/part.hex"))
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A document with the path of the database that it was made from.
fn of(document: &str, source: &Path) -> String {
    document.replace("SOURCE", source.to_str().unwrap())
}

#[test]
fn a_manifest_means_what_it_meant() {
    let written: Value = serde_json::from_str(MANIFEST).unwrap();
    let manifest: Manifest = read_manifest(MANIFEST.as_bytes()).unwrap();
    assert_eq!((manifest.rows, manifest.files.len()), (39, 2));
    assert_eq!(manifest.mixed_snapshots, Vec::<PartsAsOf>::new());
    assert_eq!(serde_json::to_value(&manifest).unwrap(), written, "a field is lost, or one came");
}

#[test]
fn a_commit_that_was_begun_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (source, lake) = (dir.path().join("s.db"), dir.path().join("lake"));
    let table = lake.join("main/empty");
    Connection::open(&source).unwrap().execute_batch("CREATE TABLE empty (a integer)").unwrap();
    fs::create_dir_all(&table).unwrap();
    fs::create_dir_all(lake.join("_lakexpress")).unwrap();
    let commit: Value = serde_json::from_str(&of(COMMIT, &source)).unwrap();
    let run_id = commit["run_id"].as_str().unwrap();
    fs::write(table.join("_commit.json"), commit.to_string()).unwrap();
    fs::write(table.join(commit["uploads"][0]["upload_id"].as_str().unwrap()), empty_file()).unwrap();
    fs::write(table.join("_lock"), format!("run {run_id}, process 21203, since 2026-11-29T02:00:06Z\n"))
        .unwrap();
    fs::write(lake.join(format!("_lakexpress/{run_id}.json")), RUNNING).unwrap();
    // It is there then, so nothing is read.
    let run = Run::new(["export", "--source", &format!("sqlite:{}", source.display()), "--output-dir"])
        .args([lake.as_os_str()])
        .args(["--if-exists", "error"]);
    run.output().exits(65).says(&["finishing the commit of an earlier run", run_id, "already exists"]);
    let manifest = json(&table.join("_manifest.json"));
    assert_eq!(manifest, commit["manifest"]);
    assert_eq!(files(&table), ["_manifest.json", "part-00000.parquet"]);
    let part = table.join("part-00000.parquet");
    assert_eq!(duck(&format!("SELECT count(*) FROM '{}'", part.display())).trim(), "0");
    Run::new(["verify"]).args([lake.as_os_str()]).output().ok();
}

#[test]
fn a_lock_is_waited_for_and_taken_when_its_time_is_over() {
    const LEASE: u64 = 4;
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("earlier-locks"));
    place.fill(10, 20);
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &base));
    let lock = json!({"owner": "01a22100-28e8-7596-b4fc-2f850f667bfd", "until": "2026-11-28T07:13:08Z",
        "token": "5d115590-b3ce-4e3b-ba1d-f4deb299ea5d", "lease_seconds": LEASE});
    seaweed.put(&format!("{base}/main/t/_lock"), lock.to_string().as_bytes());
    let begun = Instant::now();
    place.export("lake", &["-i", "t"]).output().ok();
    assert!(begun.elapsed() > Duration::from_secs(LEASE), "{:?}", begun.elapsed());
    assert_eq!(seaweed.json(&format!("{base}/main/t/_manifest.json")).unwrap()["rows"], 10);
}
