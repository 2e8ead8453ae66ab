//! Tables that the first process had committed, and that are not finished all the same.

use std::fs;

use super::{Scene, kept};
use crate::crash::faults;
use crate::lake::{assert_same, assert_tidy, manifest};
use crate::server::PgServer;

const CUT: [&str; 6] = ["-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "1"];

fn two_tables(db: &str) -> Scene {
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE TABLE a AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 9000) g;
         CREATE TABLE b AS TABLE a; ANALYZE",
    );
    Scene::new(url)
}

#[test]
fn t2_a_file_that_was_cut_short_is_exported_again() {
    let scene = two_tables("resume_cut_short");
    scene.export(&CUT).output().ok();
    let run_id = scene.run_id();
    let files = manifest(&scene.table("a"))["files"].as_array().unwrap().clone();
    assert!(files.len() > 2, "{files:?}");
    for (number, left) in [(0, None), (1, Some(0)), (files.len() - 1, Some(100))] {
        let path = scene.table("a").join(files[number]["name"].as_str().unwrap());
        let bytes = files[number]["bytes"].as_u64().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), bytes);
        fs::File::options().write(true).open(&path).unwrap().set_len(left.unwrap_or(bytes - 1)).unwrap();
        let (output, summary) = scene.resume(&run_id);
        let output = output.ok();
        assert_eq!(kept(&summary), ["b".to_owned()].into(), "{output}");
        assert_tidy(&scene.table("a"));
        assert_same(&scene.url, "public.a", &scene.table("a"));
    }
    let (_, summary) = scene.resume(&run_id);
    assert_eq!(kept(&summary), ["a", "b"].map(str::to_owned).into());
}

/// The manifest is written twice: with `pending`, and with the verdict.
#[test]
fn t3_a_table_that_was_not_read_back_is_not_finished() {
    let scene = two_tables("resume_pending");
    let flags = [&["--verify", "hash", "--n-jobs", "1", "-i", "a"][..], &CUT].concat();
    let at = scene.table("a").join("_manifest.json");
    let killed = scene.export(&flags).env("LD_PRELOAD", faults()).env("FAULT_UNDER", scene.out.path());
    let killed = killed.env("FAULT_CALLS", "rename").env("FAULT_PATH", &at).env("FAULT_AT", "2").output();
    assert_eq!(killed.code, None, "not killed\n{killed}");
    let before = manifest(&scene.table("a"));
    assert_eq!(before["verification"]["hash"], "pending");
    assert!(!scene.table("a").join("_commit.json").exists(), "the commit was not over");
    let (output, summary) = scene.resume(&scene.run_id());
    let output = output.ok();
    assert_eq!(kept(&summary), [].into(), "{output}");
    let after = manifest(&scene.table("a"));
    assert_eq!(after["verification"]["hash"], "equal", "{output}");
    assert_tidy(&scene.table("a"));
    assert_same(&scene.url, "public.a", &scene.table("a"));
    let (_, summary) = scene.resume(&scene.run_id());
    assert_eq!(kept(&summary), ["a".to_owned()].into());
}
