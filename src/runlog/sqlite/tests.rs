//! Against real files, as two processes would use them: one connection each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::clock::{self, Instant};
use crate::error::{Error, ErrorKind};
use crate::runlog::steps::STEPS;
use crate::runlog::{RunLog, conformance, open_file};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_keeps_the_contract() {
    let directory = TempDir::new().expect("directory");
    let path = directory.path().join("a/b/runlog.sqlite");
    conformance::check(&|| open_file(&path)).await.expect("contract");
}

/// A process that writes one transaction after the other leaves the file free for moments only.
#[test]
fn a_second_writer_gets_in_between() {
    let directory = TempDir::new().expect("directory");
    let path = directory.path().join("runlog.sqlite");
    let connect = || open::open(&path).expect("open");
    connect().execute_batch("CREATE TABLE t (x)").expect("table");
    let (busy, second) = (connect(), connect());
    busy.execute_batch("BEGIN IMMEDIATE").expect("begin");
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let writer = std::thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            clock::pause(Duration::from_millis(200));
            busy.execute_batch("COMMIT").expect("commit");
            // As long as the next event takes to come; a sleep would be longer.
            let free = Instant::now();
            while free.elapsed() < Duration::from_millis(1) {}
            busy.execute_batch("BEGIN IMMEDIATE").expect("the next transaction");
        }
    });
    let written: Vec<_> = (0..3).map(|_| second.execute_batch("INSERT INTO t VALUES (1)")).collect();
    over.store(true, Ordering::SeqCst);
    writer.join().expect("the first writer");
    assert!(written.iter().all(std::result::Result::is_ok), "{written:?}");
}

/// Several first runs of a user that start at the same moment.
#[test]
fn a_new_file_is_opened_by_several_at_once() {
    let directory = TempDir::new().expect("directory");
    for round in 0..100 {
        let path = directory.path().join(format!("{round}.sqlite"));
        let start = Arc::new(std::sync::Barrier::new(6));
        let openers: Vec<_> = (0..6)
            .map(|_| {
                let (path, start) = (path.clone(), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    open::open(&path).map(drop)
                })
            })
            .collect();
        for opener in openers {
            opener.join().expect("opener").unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
}

async fn refused(path: &Path) -> Error {
    open_file(path).reach().await.expect_err("no run log")
}

#[tokio::test]
async fn looking_makes_nothing() {
    let directory = TempDir::new().expect("directory");
    let path = directory.path().join("a/runlog.sqlite");
    assert!(open(&path).partition_columns().await.expect("look").is_empty());
    open(&path).truncate().await.expect("truncate");
    open(&path).drop_tables().await.expect("drop");
    assert!(!path.parent().expect("parent").exists());
}

/// What there is, as SQL; a column that was added later is the last of its table, and not in the middle.
fn schema(file: &Connection) -> Vec<String> {
    let sql =
        "SELECT m.name || ' ' || coalesce(c.name, '') || ' ' || coalesce(c.type, '') FROM sqlite_schema m
        LEFT JOIN pragma_table_info(m.name) c ON m.type = 'table' ORDER BY 1";
    let mut statement = file.prepare(sql).expect("statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<rusqlite::Result<_>>().expect("names")
}

#[tokio::test]
async fn the_page_names_every_column() {
    let directory = TempDir::new().expect("directory");
    let path = directory.path().join("new.sqlite");
    open(&path).reach().await.expect("new");
    let page = include_str!("../../../docs/run-log.md");
    let file = Connection::open(&path).expect("file");
    let columns: Vec<String> = schema(&file).iter().filter_map(|line| words(line).nth(1)).collect();
    assert!(columns.len() > 40, "{columns:?}");
    for column in columns {
        assert!(page.contains(&format!("`{column}`")), "docs/run-log.md lacks {column}");
    }
}

/// The name of what there is, of its column, and its type.
fn words(line: &str) -> impl Iterator<Item = String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)
}

#[tokio::test]
async fn a_file_of_any_earlier_version_is_brought_up_to_date_once() {
    let directory = TempDir::new().expect("directory");
    let new = directory.path().join("new.sqlite");
    open(&new).reach().await.expect("new");
    let expected = schema(&Connection::open(&new).expect("new"));
    assert!(expected.iter().any(|line| line == "runs heartbeat_at TEXT"), "{expected:?}");
    for version in 1..=STEPS.len() {
        let path = directory.path().join(format!("{version}.sqlite"));
        brought_up_to_date(&path, version).await;
        let file = Connection::open(&path).expect("file");
        assert_eq!(schema(&file), expected, "from version {version}");
    }
}

async fn brought_up_to_date(path: &Path, version: usize) {
    let old = Connection::open(path).expect("old");
    for (step, number) in STEPS[..version].iter().zip(1..) {
        old.execute_batch(step.sqlite).expect("an earlier version");
        old.execute("INSERT INTO schema_version VALUES (?, 'then')", [number]).expect("recorded");
    }
    old.execute_batch(
        "INSERT INTO runs (run_id, started_at, status, source_db_type, source_database, source, destination, config, version)
        VALUES ('old', '2026-01-01T00:00:00Z', 'completed', 'postgres', 'sales', 's', 'd', '{}', '0')",
    )
    .expect("a run");
    for _ in 0..2 {
        let log: Arc<dyn RunLog> = open_file(path);
        let run = log.run("old").await.expect("query").expect("found");
        assert_eq!(run.heartbeat_at, None);
    }
    let sql = "SELECT group_concat(version), sum(applied_at = 'then') FROM schema_version ORDER BY version";
    let recorded: (String, usize) =
        old.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("versions");
    let all: Vec<String> = (1..=STEPS.len()).map(|number| number.to_string()).collect();
    assert_eq!(recorded, (all.join(","), version), "each step is recorded once, and none again");
}

/// Somebody marks a killed run as failed, or a later version has a class of errors more.
#[tokio::test]
async fn what_is_only_shown_hides_nothing_when_it_is_odd() {
    let directory = TempDir::new().expect("directory");
    let path = directory.path().join("runlog.sqlite");
    let log = open_file(&path);
    log.reach().await.expect("tables");
    let file = Connection::open(&path).expect("file");
    file.execute_batch(
        "INSERT INTO runs (run_id, started_at, finished_at, status, source_db_type, source_database, source,
             destination, config, version, heartbeat_at)
         VALUES ('a', '2026-01-02T00:00:00.000Z', '2026-01-02 01:00:00', 'failed', 's', 'd', 's', 'd', '{}', '0', ''),
             ('b', 'yesterday', '', 'running', 's', 'd', 's', 'd', '{}', '0', '1764385000');
         INSERT INTO jobs (run_id, source_schema, source_table, status, started_at, finished_at, ordinal)
         VALUES ('a', 's', 't', 'failed', 'x', 'y', 0);
         INSERT INTO part_retries (run_id, source_schema, source_table, part, retries, error_class, error_message)
         VALUES ('a', 's', 't', 1, 2, 'timeout', 'late')",
    )
    .expect("rows");
    let runs = log.runs(10).await.expect("all of them");
    let shown: Vec<_> =
        runs.iter().map(|run| (run.run_id.as_str(), run.finished_at.map(|at| at.to_string()))).collect();
    assert_eq!(shown, [("b", None), ("a", Some("2026-01-02T01:00:00.000Z".to_owned()))]);
    let run = log.run("a").await.expect("the run").expect("found");
    assert_eq!((run.jobs[0].started_at, run.jobs[0].repeated[0].class.as_str()), (None, "timeout"));
}

#[tokio::test]
async fn files_that_are_no_run_log_say_so() {
    let directory = TempDir::new().expect("directory");
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to have a header of its own").expect("write");
    let error = refused(&text).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(error.hints()[0].contains("not a SQLite database"));

    let below_file = refused(&text.join("runlog.sqlite")).await;
    assert_eq!(below_file.kind(), ErrorKind::Config, "{below_file}");
    assert_eq!(refused(directory.path()).await.kind(), ErrorKind::Denied);

    let foreign = directory.path().join("foreign.sqlite");
    Connection::open(&foreign).and_then(|c| c.execute_batch("CREATE TABLE runs (x)")).expect("foreign");
    let error = refused(&foreign).await;
    assert!(error.message().contains("table 'runs' of another program"), "{error}");
    assert!(open(&foreign).drop_tables().await.is_err(), "a table of others is not dropped");

    let later = directory.path().join("later.sqlite");
    open(&later).reach().await.expect("new");
    Connection::open(&later)
        .and_then(|c| c.execute_batch("UPDATE schema_version SET version = 7"))
        .expect("later");
    let error = refused(&later).await;
    assert!(error.message().contains("version 7"), "{error}");
}
