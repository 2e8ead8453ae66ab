//! The roles of Google Cloud Storage that the old documentation names: who may not delete replaces nothing there, so
//! that a directory is written once; with `storage.objects.delete`, as the page has it, any number of times.

use super::gcs::Gcs;
use super::http::Message;
use super::policy::{CREATOR, OVERWRITING, VIEWER, gcs, gcs_that};
use super::rights::{assert_listed, files_of};
use super::seaweed::{BUCKET, Seaweed};
use super::standin::StandIn;
use super::{DENIED, Place, SOME_FAILED, Store, ids, unique};
use crate::lake::Output;

const PARTS: [&str; 6] = ["-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];
const EIGHT: u64 = 2_200;
const TWO: u64 = 500;

/// An entry for the endpoint of a gate.
fn entry(place: &Place, id: &str, gate: &StandIn, base: &str) {
    let gcs = Gcs::shared();
    let dir = place.path(&format!("key-{}", gate.port));
    std::fs::create_dir_all(&dir).unwrap();
    place.entry(id, gcs.entry(&gcs.key_file(gate.port, &dir), BUCKET, base));
}

fn is_write(request: &Message) -> bool {
    let target = request.target().replace("%5F", "_");
    matches!(request.method(), "PUT" | "POST") && !target.ends_with("_lock")
}

/// A second export into one directory: refused before anything is written, with both ways out.
#[track_caller]
fn assert_refused(place: &Place, gate: &StandIn, id: &str, more: &[&str]) -> Output {
    let before = gate.seen().len();
    let refused = place.export(id, &PARTS).args(more).output().exits_one_of(&[SOME_FAILED, DENIED]);
    let wrote: Vec<String> =
        gate.seen().split_off(before).iter().filter(|m| is_write(m)).map(|m| m.target().to_owned()).collect();
    let summaries_only = wrote.iter().all(|target| target.replace("%5F", "_").contains("_lakexpress"));
    assert!(summaries_only, "it wrote before it refused: {wrote:?}");
    for words in ["storage.objects.delete", "Storage Object User", "--sub-path"] {
        assert!(
            format!("{}{}", refused.stdout, refused.stderr).contains(words),
            "{words} is not said\n{refused}"
        );
    }
    refused
}

/// Object Creator alone: it can neither read nor list nor replace. A first export of a small table, and of a large one.
#[test]
fn creator_alone_makes_a_first_export() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("creator"));
    let gate = gcs(&[CREATOR]);
    entry(&place, "creator", &gate, &base);
    for (name, rows) in [("small", 10), ("large", EIGHT), ("empty", 0)] {
        place.fill(rows, 200);
        let table = format!("{base}/{name}/main/t/");
        let output = place.export("creator", &PARTS).args(["--sub-path", name, "--json"]).output().ok();
        assert_eq!(seaweed.ids(&table), Some(ids(rows)), "{output}");
        assert_listed(seaweed, &table, "*.parquet", rows);
        let summary: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let left = &summary["tables"][0]["left"];
        assert_eq!(left["documents"], serde_json::json!(["_commit.json", "_lock"]), "{output}");
        output.says(&["_lock", "_commit.json", "storage.objects.delete"]);
        // The run's summary is the whole one.
        let run = summary["run_id"].as_str().unwrap();
        let stored = seaweed.json(&format!("{base}/_lakexpress/{run}.json")).expect("a summary");
        assert_eq!(stored["status"], "completed");
        place.fill(TWO, 200);
        assert_refused(&place, &gate, "creator", &["--sub-path", name]);
        let gate = gcs_that(true, &[CREATOR]);
        entry(&place, "condition-first", &gate, &base);
        assert_refused(&place, &gate, "condition-first", &["--sub-path", name]);
        assert_eq!(seaweed.ids(&table), Some(ids(rows)), "the table is not as it was");
    }
    // The intent that could not be removed harms nobody: who has all rights finds the table finished and replaces it.
    let table = format!("{base}/large/main/t/");
    let all = gcs(&[CREATOR, VIEWER, OVERWRITING, &["storage.multipartUploads.list"]]);
    entry(&place, "all", &all, &base);
    let verify = crate::lake::Run::new(["verify", "--read-data", "--target-storage-id", "all", "-a"]);
    place.at_home(verify.args([place.auth()])).output().ok();
    place.fill(TWO, 200);
    place.export("all", &PARTS).args(["--sub-path", "large"]).output().ok();
    assert_eq!(seaweed.ids(&table), Some(ids(TWO)));
    seaweed.assert_tidy(&table);
}

/// Object Creator alone, where others have written: nothing is replaced, and no part of the new table is seen.
#[test]
fn creator_alone_replaces_nothing() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("creator-second"));
    let (gate, all) = (gcs(&[CREATOR]), gcs(&[CREATOR, VIEWER, OVERWRITING]));
    entry(&place, "creator", &gate, &base);
    entry(&place, "all", &all, &base);
    let table = format!("{base}/main/t/");
    place.fill(TWO, 200);
    place.export("all", &PARTS).output().ok();
    place.fill(EIGHT, 200);
    let refused = place.export("creator", &PARTS).output().exits_one_of(&[SOME_FAILED, DENIED]);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("storage.objects.delete"), "{refused}");
    assert_eq!(seaweed.ids(&table), Some(ids(TWO)), "{refused}");
    assert_listed(seaweed, &table, "*.parquet", TWO);
    // Who has more rights finishes what it has begun, and then does as it always does.
    place.fill(5, 200);
    place.export("all", &PARTS).output().ok().says(&["finishing the commit"]);
    assert_eq!(seaweed.ids(&table), Some(ids(5)));
    assert_listed(seaweed, &table, "*.parquet", 5);
    seaweed.assert_tidy(&table);
}

/// The page's two roles: a directory is written once, and one for each run as often as one likes.
#[test]
fn creator_and_viewer_write_a_directory_once() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("two-roles"));
    let gate = gcs(&[CREATOR, VIEWER]);
    entry(&place, "roles", &gate, &base);
    for (day, rows) in [("staging/2025/01/15", EIGHT), ("staging/2025/01/16", TWO), ("staging/2025/01/17", 0)]
    {
        place.fill(rows, 200);
        let output =
            place.export("roles", &PARTS).args(["--sub-path", day, "--verify", "hash"]).output().ok();
        output.says(&["_lock", "storage.objects.delete"]);
        let table = format!("{base}/{day}/main/t/");
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        assert_listed(seaweed, &table, "*.parquet", rows);
        // Its verdict cannot be written into the manifest, which is there already.
        let manifest = seaweed.json(&format!("{table}_manifest.json")).unwrap();
        assert_eq!(manifest["verification"]["hash"], "pending");
        let verify = crate::lake::Run::new(["verify", "--read-data", "--target-storage-id", "roles", "-a"]);
        place.at_home(verify.args([place.auth()])).output().ok();
    }
    place.fill(TWO, 200);
    let refused = assert_refused(&place, &gate, "roles", &["--sub-path", "staging/2025/01/15"]);
    assert_eq!(seaweed.ids(&format!("{base}/staging/2025/01/15/main/t/")), Some(ids(EIGHT)), "{refused}");
    let first = gcs_that(true, &[CREATOR, VIEWER]);
    entry(&place, "condition-first", &first, &base);
    assert_refused(&place, &first, "condition-first", &["--sub-path", "staging/2025/01/15"]);
    // The same where an export with more rights has left no lock.
    let all = gcs(&[CREATOR, VIEWER, OVERWRITING]);
    entry(&place, "all", &all, &format!("{base}-all"));
    place.export("all", &PARTS).output().ok();
    entry(&place, "roles", &gate, &format!("{base}-all"));
    assert_refused(&place, &gate, "roles", &[]);
    assert_eq!(seaweed.ids(&format!("{base}-all/main/t/")), Some(ids(TWO)));
}

/// The page's roles with its "storage.objects.delete (if overwriting)": three exports that shrink.
#[test]
fn page_roles_three_exports_that_shrink() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("overwriting"));
    let gate = gcs(&[CREATOR, VIEWER, OVERWRITING]);
    entry(&place, "page", &gate, &base);
    let table = format!("{base}/main/t/");
    for (rows, least) in [(EIGHT, 8), (TWO, 2), (0, 1)] {
        place.fill(rows, 200);
        place.export("page", &PARTS).output().ok().says(&["storage.multipartUploads.list"]);
        assert_eq!(seaweed.ids(&table), Some(ids(rows)));
        assert_listed(seaweed, &table, "*.parquet", rows);
        let (own, left) = files_of(&seaweed.json(&format!("{table}_manifest.json")).unwrap());
        assert!(own.len() >= least && left.is_empty(), "{own:?} {left:?}");
        seaweed.assert_tidy(&table);
    }
}

/// `check` says what each of them can do.
#[test]
fn check_says_what_each_role_can_do() {
    let (seaweed, place, base) = (Seaweed::shared(), Place::new(), unique("role-check"));
    place.fill(3, 20);
    let (creator, both) = (gcs(&[CREATOR]), gcs(&[CREATOR, VIEWER]));
    let all = gcs(&[CREATOR, VIEWER, OVERWRITING]);
    entry(&place, "creator", &creator, &format!("{base}-creator"));
    entry(&place, "both", &both, &format!("{base}-both"));
    entry(&place, "all", &all, &format!("{base}-all"));
    for (id, missing) in [
        ("creator", &["storage.objects.list", "storage.objects.get", "storage.objects.delete"][..]),
        ("both", &["storage.objects.delete"]),
    ] {
        let output = super::check::check(&place, id).output().ok().never_says(&["FAILED"]);
        for right in missing.iter().chain(&["first export into an empty directory", "--sub-path"]) {
            assert!(output.stdout.contains(right), "{right} is not said\n{output}");
        }
        for name in seaweed.names(&format!("{base}-{id}/")) {
            assert!(output.stdout.contains(&name), "{name} is left and not named\n{output}");
        }
    }
    let output = super::check::check(&place, "all").output().ok().never_says(&["FAILED", "first export"]);
    assert!(output.stdout.contains("storage.multipartUploads.list"), "{output}");
    assert_eq!(seaweed.list(&format!("{base}-all/")), []);
}
