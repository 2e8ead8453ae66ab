//! The wrapper over a real run log in a file that is taken away and given back.

use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::*;
use crate::catalog::{SourceIdentity, TableRef};
use crate::runlog::{RunStatus, conformance, open_file};

const RUN: &str = "0199a1b2";

fn at(second: u32) -> Timestamp {
    format!("2026-01-01T00:00:{second:02}.000Z").parse().expect("a moment")
}

fn started() -> RunEvent {
    RunEvent::RunStarted {
        run_id: RUN.into(),
        at: at(0),
        source: SourceIdentity {
            kind: "postgres".into(),
            version: "15.0".into(),
            server: "db:5432".into(),
            database: "sales".into(),
            user: "me".into(),
            identifier: None,
        },
        destination: "/data".into(),
        config: "{}".to_owned().into(),
        tables: vec![table("a")],
    }
}

fn table(name: &str) -> TableRef {
    TableRef { schema: "public".into(), name: name.into() }
}

fn failed(name: &str, second: u32) -> RunEvent {
    RunEvent::TableFailed { run_id: RUN.into(), table: table(name), at: at(second), error: "why".into() }
}

fn ended() -> RunEvent {
    RunEvent::RunEnded { run_id: RUN.into(), at: at(30), status: RunStatus::Failed, error: None }
}

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("directory") }
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("log/runlog.sqlite")
    }

    fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    fn open(&self) -> Spooled {
        Spooled::new(open_file(&self.database()), Some(self.spool()))
    }

    /// Moves the database away, with a directory in its place so that nobody makes a new one.
    fn down(&self) {
        std::fs::rename(self.directory.path().join("log"), self.directory.path().join("away")).expect("away");
        std::fs::create_dir_all(self.database()).expect("in its place");
    }

    fn up(&self) {
        std::fs::remove_dir_all(self.directory.path().join("log")).expect("remove");
        std::fs::rename(self.directory.path().join("away"), self.directory.path().join("log")).expect("back");
    }

    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.spool()).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

/// A new connection each time, so that the file's going away is seen.
fn reconnecting(place: &Place) -> Spooled {
    place.open()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrapper_keeps_the_contract() {
    let place = Place::new();
    conformance::check(&|| Arc::new(place.open())).await.expect("contract");
    assert!(place.kept().is_empty());
}

#[tokio::test]
async fn events_of_a_run_log_that_is_down_are_written_by_the_next_run() {
    let place = Place::new();
    place.open().append(&started()).await.expect("start");
    place.down();
    {
        let log = reconnecting(&place);
        assert!(log.append(&started()).await.is_err(), "a run log that is down at the start is an error");
        log.append(&failed("a", 1)).await.expect("kept");
        log.heartbeat(RUN, at(2)).await.expect("nothing to say");
        log.append(&failed("b", 3)).await.expect("kept");
        assert!(place.open().reach().await.is_err(), "it is down");
        log.append(&ended()).await.expect("kept");
        assert_eq!(place.kept().len(), 1);
        place.up();
        // The process lives: its file is its own.
        place.open().reach().await.expect("up");
        assert_eq!(place.kept().len(), 1);
    }
    // A process killed while it wrote leaves half a line.
    let path = place.spool().join(&place.kept()[0]);
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"TableDone\": {\"run_"))
        .expect("half a line");
    let log = place.open();
    log.reach().await.expect("up");
    assert!(place.kept().is_empty());
    let run = log.run(RUN).await.expect("query").expect("found");
    assert_eq!(run.status, RunStatus::Failed);
    let jobs: Vec<_> = run.jobs.iter().map(|job| (job.table.name.as_str(), job.status)).collect();
    assert_eq!(jobs, [("a", RunStatus::Failed), ("b", RunStatus::Failed)]);
}

#[tokio::test]
async fn events_are_written_in_order_as_soon_as_the_run_log_is_up() {
    let place = Place::new();
    place.open().append(&started()).await.expect("start");
    let log = reconnecting(&place);
    place.down();
    log.append(&failed("a", 1)).await.expect("kept");
    place.up();
    // Too soon after the refusal to ask again.
    log.append(&failed("b", 2)).await.expect("kept");
    assert!(log.run(RUN).await.expect("query").expect("found").jobs[0].error_message.is_none());
    log.append(&ended()).await.expect("written");
    assert!(place.kept().is_empty());
    let run = log.run(RUN).await.expect("query").expect("found");
    assert_eq!((run.status, run.jobs.len()), (RunStatus::Failed, 2));
}

#[tokio::test]
async fn a_run_log_that_was_down_is_asked_again_after_a_pause() {
    let time = clock::hold();
    let place = Place::new();
    place.open().append(&started()).await.expect("start");
    let log = reconnecting(&place);
    place.down();
    log.append(&failed("a", 1)).await.expect("kept");
    place.up();
    // What is kept without asking puts the next question off no further.
    time.advance(PAUSE / 2);
    log.append(&failed("b", 5)).await.expect("kept");
    time.advance(PAUSE / 2 - Duration::from_millis(1));
    log.heartbeat(RUN, at(10)).await.expect("nothing to say");
    assert_eq!(place.kept().len(), 1, "too soon");
    time.advance(Duration::from_millis(1));
    log.heartbeat(RUN, at(11)).await.expect("written");
    assert!(place.kept().is_empty());
    let run = log.run(RUN).await.expect("query").expect("found");
    assert_eq!(run.jobs[0].status, RunStatus::Failed);
}

#[tokio::test]
async fn what_is_newer_than_a_kept_event_stays() {
    let place = Place::new();
    place.open().append(&started()).await.expect("start");
    place.down();
    {
        let log = reconnecting(&place);
        log.append(&failed("a", 1)).await.expect("kept");
        log.append(&ended()).await.expect("kept");
    }
    place.up();
    // Meanwhile the run was resumed on another machine.
    let later = "2026-01-02T00:00:00.000Z".parse().expect("a moment");
    let done = RunEvent::TableDone {
        run_id: RUN.into(),
        table: table("a"),
        at: later,
        rows: 1,
        directory: "d".into(),
        files: vec![],
    };
    let other = open_file(&place.database());
    other.append(&done).await.expect("done elsewhere");
    other.heartbeat(RUN, later).await.expect("alive elsewhere");
    let log = place.open();
    log.reach().await.expect("up");
    assert!(place.kept().is_empty());
    let run = log.run(RUN).await.expect("query").expect("found");
    assert_eq!((run.status, run.jobs[0].status), (RunStatus::Running, RunStatus::Completed));
}

#[tokio::test]
async fn without_a_place_to_keep_it_an_event_is_lost_with_a_word() {
    let place = Place::new();
    place.open().append(&started()).await.expect("start");
    place.down();
    let log = Spooled::new(open_file(&place.database()), None);
    let error = log.append(&failed("a", 1)).await.expect_err("lost");
    assert!(error.message().contains("is lost"), "{error}");
}

#[tokio::test]
async fn events_that_the_run_log_refuses_are_set_aside() {
    let place = Place::new();
    place.open().append(&started()).await.expect("start");
    place.down();
    reconnecting(&place).append(&failed("a", 1)).await.expect("kept");
    place.up();
    place.open().truncate().await.expect("truncate");
    place.open().reach().await.expect("up");
    assert_eq!(place.kept().len(), 1);
    assert!(place.kept()[0].ends_with(".refused"), "{:?}", place.kept());
}

/// A file that is being made is nobody's for a moment, between its opening and its lock.
#[test]
fn a_file_that_is_collected_while_it_is_made_is_made_again() {
    let place = Place::new();
    let (directory, over) = (place.spool(), Arc::new(AtomicBool::new(false)));
    let (collected, ended) = (directory.clone(), Arc::clone(&over));
    let collector = std::thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            file::abandoned(&collected, "log").iter().for_each(SpoolFile::remove);
        }
    });
    let made: Vec<Result<bool>> = (0..3000)
        .map(|_| {
            let file = SpoolFile::create(&directory, "log", RUN)?;
            let there = file.path().exists();
            file.remove();
            Ok(there)
        })
        .collect();
    over.store(true, Ordering::SeqCst);
    collector.join().expect("collector");
    let lost = made.iter().filter(|made| !matches!(made, Ok(true))).collect::<Vec<_>>();
    assert!(lost.is_empty(), "{} of {}: {:?}", lost.len(), made.len(), lost[0]);
}

/// What runs of an earlier version, whose events were texts, kept for a run log that was locked; and the rows that it
/// made of them: of the beginning of an export, of all of it, and of a resumed run.
#[tokio::test]
async fn what_an_earlier_version_kept_gives_the_rows_that_it_gave() {
    let (export, resume) = (include_str!("earlier/export.jsonl"), include_str!("earlier/resume.jsonl"));
    let (begun, _) = export.match_indices('\n').nth(4).map(|(at, _)| export.split_at(at + 1)).expect("lines");
    let tables = ["bad", "items", "orders", "slow"];
    for (kept, tables, expected) in [
        (begun, tables.as_slice(), include_str!("earlier/begun.txt")),
        (export, &tables, include_str!("earlier/export.txt")),
        (resume, &["big"], include_str!("earlier/resume.txt")),
    ] {
        assert_eq!(kept_again(kept, tables).await, expected);
    }
}

/// The rows of a run of which `kept` was kept.
async fn kept_again(kept: &str, tables: &[&str]) -> String {
    let mut of_run = String::new();
    for line in kept.lines() {
        let event: RunEvent = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&event).expect("JSON"), line, "this version keeps the same");
        of_run = event.run_id().to_owned();
    }
    let RunEvent::RunStarted { at, source, destination, config, .. } = started() else { panic!("no start") };
    let tables = tables.iter().map(|name| TableRef { schema: "shop".into(), name: (*name).into() }).collect();
    let run_id = of_run.clone();
    let start = RunEvent::RunStarted { run_id, at, source, destination, config, tables };
    let place = Place::new();
    place.open().append(&start).await.expect("start");
    let file = SpoolFile::create(&place.spool(), &place.open().location(), &of_run).expect("file");
    std::fs::write(file.path(), kept).expect("write");
    drop(file);
    place.open().reach().await.expect("up");
    assert_eq!(place.kept(), [""; 0]);
    rows(&place.database())
}

/// What events have made of a run log.
fn rows(database: &Path) -> String {
    use rusqlite::types::Value;
    let connection = rusqlite::Connection::open(database).expect("database");
    let of_runs = "run_id, finished_at, status, error_message, snapshot";
    let others = ["jobs", "files", "part_retries", "table_plans", "prepared_parts", "part_snapshots"];
    let mut text = String::new();
    for (table, columns) in [("runs", of_runs)].into_iter().chain(others.map(|table| (table, "*"))) {
        let sql = format!("SELECT {columns} FROM {table} ORDER BY rowid");
        let mut statement = connection.prepare(&sql).expect("statement");
        let count = statement.column_count();
        let mut found = statement.query([]).expect("rows");
        while let Some(row) = found.next().expect("row") {
            let value = |column| match row.get(column).expect("value") {
                Value::Null => "null".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text,
                other => format!("{other:?}"),
            };
            text += &format!("{table}: {}\n", (0..count).map(value).collect::<Vec<_>>().join(" | "));
        }
    }
    text
}

/// Files of events spell words by serde, rows by `as_str`.
#[test]
fn words_are_the_same_in_files_and_in_rows() {
    let json = |word: &str| format!("\"{word}\"");
    for word in ["pending", "running", "completed", "failed"] {
        let status: RunStatus = word.parse().expect("a status");
        assert_eq!((status.as_str(), serde_json::to_string(&status).ok()), (word, Some(json(word))));
    }
    assert!("done".parse::<RunStatus>().is_err());
}
