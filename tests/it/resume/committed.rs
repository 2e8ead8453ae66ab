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

#[test]
fn a_table_that_another_run_has_replaced_is_not_finished() {
    let scene = two_tables("resume_replaced");
    scene.export(&CUT).output().ok();
    let run_id = scene.run_id();
    scene.export(&[&CUT[..], &["-i", "a"]].concat()).output().ok();
    let (output, summary) = scene.resume(&run_id);
    let output = output.ok();
    assert_eq!(kept(&summary), ["b".to_owned()].into(), "{output}");
    assert_eq!(manifest(&scene.table("a"))["run_id"], run_id.as_str(), "{output}");
    assert_tidy(&scene.table("a"));
}

#[test]
fn a_run_is_not_resumed_from_another_database() {
    let scene = two_tables("resume_source");
    two_tables("resume_source_other");
    let port = PgServer::shared().port();
    let at = scene.state.path().join("auth.json");
    let names = |database: &str| {
        let info = serde_json::json!({
            "username": "postgres", "server": "127.0.0.1", "port": port, "database": database });
        let auth =
            serde_json::json!({ "db": { "ds_type": "postgres", "auth_mode": "classic", "info": info } });
        fs::write(&at, auth.to_string()).unwrap();
    };
    names("resume_source");
    let (auth, out) = (at.to_str().unwrap(), scene.out.path().to_str().unwrap());
    scene.run(&["export", "-a", auth, "--source-db-auth-id", "db", "--output-dir", out]).output().ok();
    let run_id = scene.run_id();
    fs::remove_file(scene.table("a").join("_manifest.json")).unwrap();
    let before = crate::lake::files(scene.out.path());
    names("resume_source_other");
    let output = scene.run(&["resume", &run_id]).output().exits(2);
    output.says(&["the source is not that of the run", "resume_source_other"]);
    assert_eq!(crate::lake::files(scene.out.path()), before);
}
