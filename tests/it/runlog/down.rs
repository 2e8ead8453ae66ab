//! The run log's server is killed in the middle of an export, and a run is.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Home, postgres_info};
use crate::lake::{assert_tidy, manifest};
use crate::mariadb::MariaDb;
use crate::server::PgServer;

/// Four tables, and two views that take so many `seconds` each.
fn slow_shop(db: &str, seconds: u32) {
    PgServer::shared().create_db(db);
    let mut sql = "CREATE SCHEMA shop;".to_owned();
    for i in 0..4 {
        sql += &format!("CREATE TABLE shop.t{i} AS SELECT g AS id FROM generate_series(1, 100) g;");
    }
    for i in 0..2 {
        sql += &format!(
            "CREATE VIEW shop.slow{i} AS SELECT g AS id, pg_sleep({seconds} / 200.0)::text AS slept
            FROM generate_series(1, 200) g;"
        );
    }
    PgServer::shared().sql(db, &sql);
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Kills the run log's server while a slow table is read; the run ends well, and the next one records it.
fn killed_and_recorded(
    source: &str,
    entry: &Value,
    query: impl Fn(&str) -> String,
    (kill, start): (impl Fn(), impl Fn()),
) {
    let home = Home::new();
    home.write_auth(entry, source);
    let auth = home.run(&["logdb", "init"], &[]).output().ok();
    assert!(auth.stdout.contains("ready"), "{auth}");
    let running = home.export(&["--views"]).spawn();
    until("a table is under way", || query("SELECT count(*) FROM jobs WHERE status = 'running'") != "0");
    kill();
    let output =
        running.finish().ok().says(&["cannot be written", "the run goes on", "unrecorded", "next run"]);
    for table in ["t0", "t1", "t2", "t3", "slow0", "slow1"] {
        let dir = home.path().join("out/shop").join(table);
        assert_tidy(&dir);
        let rows = manifest(&dir)["files"][0]["rows"].as_u64().unwrap();
        assert_eq!(rows, if table.starts_with('t') { 100 } else { 200 }, "{output}");
    }
    assert_eq!(home.unrecorded().len(), 1, "{output}");

    // Down at the start: an error before anything is read or made.
    home.export(&["--sub_path", "later"]).output().exits(75).says(&["run log"]);
    assert!(!home.path().join("out/later").exists());
    assert_eq!(home.unrecorded().len(), 1);

    start();
    assert_eq!(query("SELECT status FROM runs"), "running");
    home.export(&["--sub_path", "later"]).output().ok();
    assert_eq!(home.unrecorded(), [""; 0]);
    assert_eq!(
        query("SELECT count(*) FROM runs WHERE status = 'completed' AND finished_at IS NOT NULL"),
        "2"
    );
    let jobs =
        "SELECT count(*) FROM jobs WHERE status = 'completed' AND finished_at IS NOT NULL AND row_count > 0";
    assert_eq!(query(jobs), "10");
    assert_eq!(query("SELECT count(*) FROM files"), "10");
}

#[test]
fn a_killed_postgres_run_log_gets_its_events_from_the_next_run() {
    let source = "runlog_down_pg";
    slow_shop(source, 2);
    let server = PgServer::start();
    server.create_db("log");
    let entry = json!({ "ds_type": "postgres", "info": postgres_info(&server, "log") });
    killed_and_recorded(
        source,
        &entry,
        |sql| server.query("log", sql),
        (|| server.kill9(), || server.restart()),
    );
}

#[test]
fn a_killed_mariadb_run_log_gets_its_events_from_the_next_run() {
    let source = "runlog_down_maria";
    slow_shop(source, 2);
    let server = MariaDb::start_with(&[]);
    server.create_db("log");
    let entry = json!({ "ds_type": "mariadb", "info": server.info("log") });
    killed_and_recorded(
        source,
        &entry,
        |sql| server.query("log", sql),
        (|| server.kill9(), || server.restart()),
    );
}

#[test]
fn a_run_log_that_comes_back_gets_its_events_before_the_end() {
    let source = "runlog_back";
    slow_shop(source, 6);
    let server = PgServer::start();
    server.create_db("log");
    let home = Home::new();
    home.write_auth(&json!({ "ds_type": "postgres", "info": postgres_info(&server, "log") }), source);
    home.run(&["logdb", "init"], &[]).output().ok();
    let running = home.export(&["--views"]).spawn();
    until("a table is under way", || {
        server.query("log", "SELECT count(*) FROM jobs WHERE status = 'running'") != "0"
    });
    server.kill9();
    until("an event is kept", || !home.unrecorded().is_empty());
    server.restart();
    running.finish().ok().says(&["cannot be written", "is up again"]).never_says(&["next run"]);
    assert_eq!(home.unrecorded(), [""; 0]);
    assert_eq!(server.query("log", "SELECT status FROM runs"), "completed");
    assert_eq!(server.query("log", "SELECT count(*) FROM jobs WHERE status = 'completed'"), "6");
}

#[test]
fn a_killed_run_gives_no_sign_of_life() {
    let source = "runlog_killed";
    slow_shop(source, 2);
    let home = Home::new();
    let log = super::Log::postgres("runlog_killed_log");
    home.write_auth(&log.entry(), source);
    home.run(&["logdb", "init"], &[]).output().ok();
    let running = home.export(&["--views"]).spawn();
    until("a table is under way", || log.query("SELECT count(*) FROM jobs WHERE status = 'running'") != "0");
    running.kill9();
    let run_id = log.query("SELECT run_id FROM runs");
    let status = |more: &[&str]| home.run(&["status", &run_id], more).output().ok().stdout;
    let silent = || serde_json::from_str::<Value>(&status(&["--json"])).unwrap()["silent_seconds"].clone();
    // Alive a moment ago.
    assert_eq!(silent(), Value::Null);
    assert!(status(&[]).contains("status       running\n"));
    log.sql("UPDATE runs SET heartbeat_at = heartbeat_at - interval '10 minutes'");
    assert!(silent().as_u64().is_some_and(|seconds| (600..700).contains(&seconds)), "{}", silent());
    assert!(status(&[]).contains("running (no sign of life for 10 min"), "{}", status(&[]));
    let runs = home.run(&["runs"], &[]).output().ok().stdout;
    assert!(runs.contains("no sign of life"), "{runs}");
}
