//! Against real files, as two processes would use them: one connection each.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::catalog::{Slice, TableRef};
use crate::manifest::FileEntry;

const RUN: &str = "0199a1b2-0000-7000-8000-0123456789ab";

fn table(name: &str) -> TableRef {
    TableRef { schema: "public".into(), name: name.into() }
}

fn started(run_id: &str, at: &str, tables: &[&str]) -> RunEvent {
    RunEvent::RunStarted {
        run_id: run_id.into(),
        at: at.into(),
        source: "postgres db:5432/sales".into(),
        destination: "/data".into(),
        config: "{\"n_jobs\":2}".into(),
        tables: tables.iter().map(|name| table(name)).collect(),
    }
}

fn table_started(run_id: &str, name: &str) -> RunEvent {
    RunEvent::TableStarted {
        run_id: run_id.into(),
        table: table(name),
        at: "2026-01-01T00:00:01Z".into(),
        method: "Ctid".into(),
        parts: 2,
        est_rows: 10,
    }
}

fn table_done(run_id: &str, name: &str, files: usize) -> RunEvent {
    let entry = |part: usize| FileEntry {
        name: format!("part-{part:05}.parquet"),
        rows: 5,
        bytes: 100,
        crc32: "0a0b0c0d".into(),
        e_tag: None,
        part,
        slice: Slice::Physical { from: Some(part as u64), to: None },
        source_hash: None,
        columns: vec![],
    };
    RunEvent::TableDone {
        run_id: run_id.into(),
        table: table(name),
        at: "2026-01-01T00:00:02Z".into(),
        rows: 5 * files as u64,
        directory: format!("public/{name}"),
        files: (0..files).map(entry).collect(),
    }
}

fn ended(run_id: &str, status: RunStatus) -> RunEvent {
    RunEvent::RunEnded { run_id: run_id.into(), at: "2026-01-01T00:00:09Z".into(), status, error: None }
}

fn open(directory: &TempDir) -> SqliteRunLog {
    SqliteRunLog::open(&directory.path().join("a/b/runlog.sqlite")).expect("run log")
}

#[tokio::test]
async fn a_run_is_recorded_and_read_back_by_another_connection() {
    let directory = TempDir::new().expect("directory");
    let log = open(&directory);
    let failed = RunEvent::TableFailed {
        run_id: RUN.into(),
        table: table("b"),
        at: "t".into(),
        error: "no rights".into(),
    };
    for event in [
        started(RUN, "2026-01-01T00:00:00Z", &["b", "a", "c", "d"]),
        RunEvent::SnapshotTaken { run_id: RUN.into(), snapshot: "{\"level\":\"run\"}".into() },
        table_started(RUN, "a"),
        table_done(RUN, "a", 2),
        // The same event again, as after a lost answer, changes nothing.
        table_done(RUN, "a", 2),
        table_started(RUN, "b"),
        failed,
        table_started(RUN, "c"),
        ended(RUN, RunStatus::Failed),
    ] {
        log.append(&event).await.expect("append");
    }
    let run = open(&directory).run(&RUN[..6]).await.expect("query").expect("found");
    assert_eq!((run.run_id.as_str(), run.status), (RUN, RunStatus::Failed));
    assert_eq!(run.source, "postgres db:5432/sales");
    let states: Vec<(&str, RunStatus)> = run.jobs.iter().map(|j| (j.table.name.as_str(), j.status)).collect();
    let expected = [
        ("b", RunStatus::Failed),
        ("a", RunStatus::Completed),
        ("c", RunStatus::Failed),
        ("d", RunStatus::Pending),
    ];
    assert_eq!(states, expected);
    assert_eq!(
        (run.jobs[1].row_count, run.jobs[1].file_count, run.jobs[1].bytes),
        (Some(10), Some(2), Some(200))
    );
    assert_eq!(run.jobs[0].error_message.as_deref(), Some("no rights"));
    assert!(run.jobs[2].error_message.as_deref().is_some_and(|why| why.contains("ended before")));

    // The SQL of the documentation works on it.
    let plain = Connection::open(directory.path().join("a/b/runlog.sqlite")).expect("plain connection");
    let row: (String, String, i64) = plain
        .query_row(
            "SELECT r.source_db_type, r.source_database, (SELECT count(*) FROM files f WHERE f.run_id = r.run_id)
             FROM runs r",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .expect("row");
    assert_eq!(row, ("postgres".into(), "sales".into(), 2));
}

#[tokio::test]
async fn runs_come_newest_first_and_prefixes_must_be_unique() {
    let directory = TempDir::new().expect("directory");
    let log = open(&directory);
    for (id, at) in
        [("aa1", "2026-01-01T00:00:00Z"), ("aa", "2026-01-02T00:00:00Z"), ("b_", "2025-01-01T00:00:00Z")]
    {
        log.append(&started(id, at, &[])).await.expect("append");
    }
    let ids: Vec<String> = log.runs(2).await.expect("runs").into_iter().map(|run| run.run_id).collect();
    assert_eq!(ids, ["aa", "aa1"]);
    assert_eq!(log.run("aa").await.expect("exact").expect("found").run_id, "aa");
    assert_eq!(log.run("aa1").await.expect("exact").expect("found").run_id, "aa1");
    let error = log.run("a").await.expect_err("ambiguous");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hints()[0].contains("aa, aa1"), "{error:?}");
    assert!(log.run("_").await.expect("none").is_none());
    assert!(log.run("").await.is_err());
}

#[tokio::test]
async fn an_event_of_an_unknown_run_is_an_error() {
    let directory = TempDir::new().expect("directory");
    let log = open(&directory);
    for event in [ended("x", RunStatus::Completed), table_started("x", "t"), table_done("x", "t", 1)] {
        let error = log.append(&event).await.expect_err("unknown run");
        assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
        assert!(error.to_string().contains("runlog.sqlite"), "{error}");
    }
    assert!(log.runs(10).await.expect("runs").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_wait_for_each_other() {
    let directory = TempDir::new().expect("directory");
    let path = directory.path().join("runlog.sqlite");
    // Opening at once is part of it: both want to make the tables.
    let (first, second) = {
        let (one, two) = (path.clone(), path.clone());
        let one = tokio::task::spawn_blocking(move || SqliteRunLog::open(&one));
        let two = tokio::task::spawn_blocking(move || SqliteRunLog::open(&two));
        (one.await.expect("join").expect("first"), two.await.expect("join").expect("second"))
    };
    let write = |log: SqliteRunLog, run: &'static str| {
        tokio::spawn(async move {
            log.append(&started(run, "2026-01-01T00:00:00Z", &[])).await.expect("start");
            for i in 0..50 {
                log.append(&table_done(run, &format!("t{i}"), 2)).await.expect("done");
            }
        })
    };
    let (one, two) = (write(first.clone(), "one"), write(second, "two"));
    one.await.expect("one");
    two.await.expect("two");
    for run in ["one", "two"] {
        assert_eq!(first.run(run).await.expect("query").expect("found").jobs.len(), 50);
    }
}

#[test]
fn files_that_are_no_run_log_say_so() {
    let directory = TempDir::new().expect("directory");
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to have a header of its own").expect("write");
    let error = SqliteRunLog::open(&text).expect_err("text file");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(error.hints()[0].contains("not a SQLite database"));

    let below_file = SqliteRunLog::open(&text.join("runlog.sqlite")).expect_err("below a file");
    assert_eq!(below_file.kind(), ErrorKind::Config, "{below_file}");
    assert_eq!(SqliteRunLog::open(directory.path()).expect_err("directory").kind(), ErrorKind::Denied);

    let foreign = directory.path().join("foreign.sqlite");
    Connection::open(&foreign).and_then(|c| c.execute_batch("CREATE TABLE runs (x)")).expect("foreign");
    let error = SqliteRunLog::open(&foreign).expect_err("foreign");
    assert!(error.message().contains("table 'runs' of another program"), "{error}");

    let later = directory.path().join("later.sqlite");
    drop(SqliteRunLog::open(&later).expect("new"));
    Connection::open(&later)
        .and_then(|c| c.execute_batch("UPDATE schema_version SET version = 7"))
        .expect("later");
    let error = SqliteRunLog::open(&later).expect_err("later version");
    assert!(error.message().contains("version 7"), "{error}");
}
