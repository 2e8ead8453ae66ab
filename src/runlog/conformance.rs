//! The contract of [`RunLog`], asserted on a real one. Every implementation and every wrapper runs it.

use std::sync::Arc;

use super::{Document, PreparedTable, Repeated, RunEvent, RunLog, RunStatus, Timestamp};
use crate::catalog::{Consistency, Slice, SnapshotToken, SourceIdentity, TableRef};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{FileEntry, PartsAsOf};

const RUN: &str = "0199a1b2-0000-7000-8000-0123456789ab";
/// Texts that a careless statement would fall over.
const HOSTILE: [&str; 8] = [
    "it's",
    "\"quoted\" `name`",
    "back\\slash\\'",
    "'); DELETE FROM runs; -- ",
    "?, $1, :a, %s",
    "crab 🦀 and ünïcödé",
    "line\nbreak\r\ttab \u{1}",
    "\\",
];

/// Asserts every sentence of the contract. `open` opens the run log again, as another process would; what it opens
/// must hold nothing, and holds nothing afterwards.
///
/// Errors: `Data` naming the sentence that does not hold, or the run log's own error.
#[doc(hidden)]
pub async fn check(open: &(dyn Fn() -> Arc<dyn RunLog> + Sync)) -> Result<()> {
    let log = open();
    ensure(!log.location().is_empty(), "a run log has a location")?;
    ensure(log.partition_columns().await?.is_empty(), "no table is no rows")?;
    log.truncate().await?;
    log.drop_tables().await?;
    at_once(open).await?;
    log.truncate().await?;
    ensure(log.runs(10).await?.is_empty(), "an emptied run log has no runs")?;
    read_back(open).await?;
    hostile(open).await?;
    finding(log.as_ref()).await?;
    unknown(log.as_ref()).await?;
    prepared(open).await?;
    many(log.as_ref()).await?;
    log.drop_tables().await?;
    ensure(log.partition_columns().await?.is_empty(), "dropped tables are gone")?;
    log.reach().await?;
    ensure(open().runs(10).await?.is_empty(), "new tables are empty")?;
    log.drop_tables().await
}

fn ensure(holds: bool, sentence: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::data(format!("the run log breaks its contract: {sentence}"))) }
}

fn table(name: &str) -> TableRef {
    TableRef { schema: "public".into(), name: name.into() }
}

/// Of our own texts below, which are all moments.
fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| Timestamp::from(chrono::DateTime::UNIX_EPOCH))
}

fn snapshot(taken_at: &str) -> SnapshotToken {
    let level = Consistency::Run;
    SnapshotToken { level, id: None, position: None, taken_at: taken_at.into(), of_process: false }
}

fn config() -> Document {
    "{\"n_jobs\":2}".to_owned().into()
}

/// With a database whose name looks like more.
fn source() -> SourceIdentity {
    SourceIdentity {
        kind: "postgres".into(),
        version: "15.0".into(),
        server: "db:5432".into(),
        database: "my sales/2024".into(),
        user: "me".into(),
        identifier: None,
    }
}

fn started(run_id: &str, when: &str, tables: &[&str]) -> RunEvent {
    RunEvent::RunStarted {
        run_id: run_id.into(),
        at: time(when),
        source: source(),
        destination: "/data".into(),
        config: config(),
        tables: tables.iter().map(|name| table(name)).collect(),
    }
}

fn table_started(run_id: &str, name: &str) -> RunEvent {
    RunEvent::TableStarted {
        run_id: run_id.into(),
        table: table(name),
        at: time("2026-01-01T00:00:01.000Z"),
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
        cost: None,
        leftover: false,
        columns: vec![],
    };
    RunEvent::TableDone {
        run_id: run_id.into(),
        table: table(name),
        at: time("2026-01-01T00:00:02.250Z"),
        rows: 5 * files as u64,
        directory: format!("public/{name}"),
        files: (0..files).map(entry).collect(),
    }
}

fn ended(run_id: &str, status: RunStatus) -> RunEvent {
    RunEvent::RunEnded { run_id: run_id.into(), at: time("2026-01-01T00:00:09.000Z"), status, error: None }
}

async fn read_back(open: &(dyn Fn() -> Arc<dyn RunLog> + Sync)) -> Result<()> {
    let log = open();
    for event in [
        started(RUN, "2026-01-01T00:00:00.125Z", &["b", "a", "c", "d"]),
        RunEvent::SnapshotTaken { run_id: RUN.into(), snapshot: snapshot("2026-01-01T00:00:00Z") },
        table_started(RUN, "a"),
        table_done(RUN, "a", 2),
        // The same event again, as after a lost answer, changes nothing.
        table_done(RUN, "a", 2),
        table_started(RUN, "b"),
        repeated("b", vec![again(Some(9), 1)]),
        repeated("b", vec![again(None, 1), again(Some(3), 2)]),
        repeated("b", vec![again(None, 1), again(Some(3), 2)]),
        RunEvent::TableFailed {
            run_id: RUN.into(),
            table: table("b"),
            at: time("2026-01-01T00:00:03.000Z"),
            error: "no rights".into(),
        },
        table_started(RUN, "c"),
    ] {
        log.append(&event).await?;
    }
    log.heartbeat(RUN, time("2026-01-01T00:00:05.500Z")).await?;
    let found = open().run(&RUN[..6]).await?;
    let found =
        found.ok_or_else(|| Error::data("the run log breaks its contract: a run is found by a prefix"))?;
    ensure(found.status == RunStatus::Running && found.finished_at.is_none(), "a run begun is running")?;
    ensure(found.heartbeat_at == Some(time("2026-01-01T00:00:05.500Z")), "a heartbeat is kept")?;
    log.append(&ended(RUN, RunStatus::Failed)).await?;
    let run = open()
        .run(RUN)
        .await?
        .ok_or_else(|| Error::data("the run log breaks its contract: a run is found"))?;
    ensure(run.run_id == RUN && run.status == RunStatus::Failed, "a run has its id and its status")?;
    let times = (run.started_at, run.finished_at);
    ensure(
        times == (times_of_start(), Some(time("2026-01-01T00:00:09.000Z"))),
        "moments are kept to the ms",
    )?;
    ensure(run.source == source().url() && run.destination == "/data", "source and destination")?;
    ensure(run.config == config() && run.error_message.is_none(), "configuration and error")?;
    let states: Vec<(&str, RunStatus)> = run.jobs.iter().map(|j| (j.table.name.as_str(), j.status)).collect();
    let expected = [
        ("b", RunStatus::Failed),
        ("a", RunStatus::Completed),
        ("c", RunStatus::Failed),
        ("d", RunStatus::Pending),
    ];
    ensure(states == expected, "jobs are in the run's order; one under way at the end failed")?;
    let a = &run.jobs[1];
    ensure(
        (a.row_count, a.file_count, a.bytes, a.method.as_deref())
            == (Some(10), Some(2), Some(200), Some("Ctid")),
        "a job has its counts",
    )?;
    ensure(a.finished_at == Some(time("2026-01-01T00:00:02.250Z")), "a job has its times")?;
    ensure(run.jobs[0].error_message.as_deref() == Some("no rights"), "a failed job says why")?;
    ensure(
        run.jobs[0].repeated == [again(None, 1), again(Some(3), 2)] && run.jobs[1].repeated.is_empty(),
        "what was tried again is kept, the whole table first",
    )?;
    let why = run.jobs[2].error_message.as_deref();
    ensure(why.is_some_and(|why| why.contains("ended before")), "a job cut short says so")?;
    // Resumed: the history stays.
    log.append(&started(RUN, "2026-01-02T00:00:00.000Z", &["a", "b", "e"])).await?;
    let run = open()
        .run(RUN)
        .await?
        .ok_or_else(|| Error::data("the run log breaks its contract: a run is found"))?;
    ensure(
        run.status == RunStatus::Running && run.started_at == times_of_start(),
        "a resumed run keeps its start",
    )?;
    ensure(run.jobs[0].repeated.is_empty(), "what is exported again is counted from zero")?;
    let names: Vec<&str> = run.jobs.iter().map(|j| j.table.name.as_str()).collect();
    ensure(names == ["b", "a", "c", "d", "e"] && run.jobs[1].status == RunStatus::Completed, "and its jobs")?;
    log.append(&ended(RUN, RunStatus::Completed)).await
}

fn repeated(name: &str, parts: Vec<Repeated>) -> RunEvent {
    let at = time("2026-01-01T00:00:02.500Z");
    RunEvent::TableRepeated { run_id: RUN.into(), table: table(name), at, parts }
}

fn again(part: Option<usize>, retries: u64) -> Repeated {
    let code = part.map(|_| "57P01".to_owned());
    Repeated { part, retries, class: "connection".into(), code, error: HOSTILE.concat() }
}

fn times_of_start() -> Timestamp {
    time("2026-01-01T00:00:00.125Z")
}

async fn hostile(open: &(dyn Fn() -> Arc<dyn RunLog> + Sync)) -> Result<()> {
    let log = open();
    let run_id = "hostile";
    let RunEvent::RunStarted { at, source, .. } = started(run_id, "2025-01-01T00:00:00.000Z", &[]) else {
        return Err(Error::internal("not a start"));
    };
    let tables: Vec<TableRef> =
        HOSTILE.iter().map(|text| TableRef { schema: (*text).into(), name: format!("t {text} t") }).collect();
    let config = Document::of(&HOSTILE)?;
    let destination = HOSTILE.concat();
    let event = RunEvent::RunStarted {
        run_id: run_id.into(),
        at,
        source,
        destination: destination.clone(),
        config: config.clone(),
        tables: tables.clone(),
    };
    log.append(&event).await?;
    for (table, text) in tables.iter().zip(HOSTILE) {
        let at = time("2025-01-01T00:00:01.000Z");
        let error = format!("{text}\0 nul");
        log.append(&RunEvent::TableFailed { run_id: run_id.into(), table: table.clone(), at, error }).await?;
    }
    let run =
        open().run(run_id).await?.ok_or_else(|| Error::data("the run log lost a run with hostile texts"))?;
    ensure(run.destination == destination && run.config == config, "texts are kept as they are")?;
    let names: Vec<&TableRef> = run.jobs.iter().map(|job| &job.table).collect();
    ensure(names == tables.iter().collect::<Vec<_>>(), "names are kept as they are")?;
    for (job, text) in run.jobs.iter().zip(HOSTILE) {
        let error = job.error_message.as_deref().unwrap_or("").replace('\u{fffd}', "\0");
        ensure(error == format!("{text}\0 nul"), "messages are kept, NUL possibly as U+FFFD")?;
    }
    for text in HOSTILE {
        ensure(log.run(text).await?.is_none(), "no hostile prefix finds a run")?;
    }
    Ok(())
}

async fn finding(log: &dyn RunLog) -> Result<()> {
    log.truncate().await?;
    for (id, at) in
        [("aa1", "2026-01-01T00:00:00Z"), ("aa", "2026-01-02T00:00:00Z"), ("b_", "2025-01-01T00:00:00Z")]
    {
        log.append(&started(id, at, &[])).await?;
    }
    let ids: Vec<String> = log.runs(2).await?.into_iter().map(|run| run.run_id).collect();
    ensure(ids == ["aa", "aa1"], "runs come newest first, no more than asked for")?;
    for id in ["aa", "aa1"] {
        let found = log.run(id).await?.map(|run| run.run_id);
        ensure(found.as_deref() == Some(id), "an exact id wins over a prefix")?;
    }
    let several = log.run("a").await.err();
    ensure(
        several.is_some_and(|e| e.kind() == ErrorKind::Usage && e.hints()[0].contains("aa, aa1")),
        "an ambiguous prefix is an error that names the runs",
    )?;
    for nobody in ["_", "A", "%", "b_ "] {
        ensure(log.run(nobody).await?.is_none(), "a prefix is no pattern")?;
    }
    ensure(log.run("").await.is_err(), "an empty id is an error")
}

/// Parts of a table that outlive their run.
async fn prepared(open: &(dyn Fn() -> Arc<dyn RunLog> + Sync)) -> Result<()> {
    let (log, run_id, at) = (open(), "prepared", time("2026-01-01T00:00:03.000Z"));
    // Not JSON: what is kept is not looked at.
    let text = HOSTILE.concat();
    let planned = |name: &str, plan: &str| RunEvent::TablePlanned {
        run_id: run_id.into(),
        table: table(name),
        at,
        plan: plan.to_owned().into(),
    };
    let part = |name: &str, part: usize, prepared: &str| RunEvent::PartPrepared {
        run_id: run_id.into(),
        table: table(name),
        at,
        part,
        prepared: prepared.to_owned().into(),
    };
    let moment = |taken_at: &str, parts: Vec<usize>| PartsAsOf { snapshot: snapshot(taken_at), parts };
    let moments = vec![moment("2026-01-01T00:00:00Z", vec![0, 11]), moment("2026-01-02T00:00:00Z", vec![2])];
    let mixed =
        |parts: Vec<PartsAsOf>| RunEvent::TableMixed { run_id: run_id.into(), table: table("b"), at, parts };
    for event in [
        started(run_id, "2026-01-01T00:00:00Z", &["a", "b"]),
        planned("a", "first"),
        part("a", 7, "void with its plan"),
        planned("a", &text),
        part("a", 10, "ten"),
        part("a", 2, "two"),
        part("a", 2, &text),
        planned("b", "of a table that is done"),
        part("b", 0, "zero"),
        mixed(vec![moment("2025-01-01T00:00:00Z", vec![5])]),
        mixed(moments.clone()),
        table_done(run_id, "b", 1),
    ] {
        log.append(&event).await?;
    }
    let a = PreparedTable {
        table: table("a"),
        plan: text.clone().into(),
        parts: vec![text.into(), "ten".to_owned().into()],
    };
    let expected = [a];
    for _ in 0..2 {
        ensure(
            open().prepared(run_id).await? == expected,
            "what was prepared of open tables is kept, by part",
        )?;
        log.append(&ended(run_id, RunStatus::Failed)).await?;
    }
    let run = open().run(run_id).await?.ok_or_else(|| Error::data("the run log lost a run"))?;
    ensure(run.jobs[1].mixed == moments && run.jobs[0].mixed.is_empty(), "points in time of parts are kept")?;
    log.append(&mixed(Vec::new())).await?;
    let run = open().run(run_id).await?.ok_or_else(|| Error::data("the run log lost a run"))?;
    ensure(run.jobs[1].mixed.is_empty(), "and replaced")?;
    log.append(&table_done(run_id, "a", 1)).await?;
    ensure(open().prepared(run_id).await?.is_empty(), "of finished tables nothing is kept")?;
    ensure(open().prepared("nobody").await?.is_empty(), "nor of runs that are not there")
}

async fn unknown(log: &dyn RunLog) -> Result<()> {
    let before = log.runs(100).await?.len();
    for event in [ended("x", RunStatus::Completed), table_started("x", "t"), table_done("x", "t", 1)] {
        let refused = log.append(&event).await.err();
        ensure(
            refused
                .is_some_and(|e| e.kind() == ErrorKind::Internal && e.to_string().contains(&log.location())),
            "an event of an unknown run is an error that names the run log",
        )?;
    }
    log.heartbeat("x", time("2026-01-01T00:00:00Z")).await?;
    ensure(log.runs(100).await?.len() == before, "and records nothing")
}

async fn many(log: &dyn RunLog) -> Result<()> {
    let names: Vec<String> = (0..250).map(|i| format!("table {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    log.append(&started("many", "2026-01-03T00:00:00Z", &names)).await?;
    log.append(&table_done("many", "table 7", 250)).await?;
    log.append(&table_done("many", "table 7", 3)).await?;
    let run = log.run("many").await?.ok_or_else(|| Error::data("the run log lost a large run"))?;
    ensure(run.jobs.iter().map(|j| j.table.name.as_str()).eq(names), "many tables keep their order")?;
    ensure(run.jobs[7].file_count == Some(3), "a table done again has its new files only")
}

/// Several start at once where nothing is, and write at the same time.
async fn at_once(open: &(dyn Fn() -> Arc<dyn RunLog> + Sync)) -> Result<()> {
    let writers: Vec<_> = ["one", "two", "three", "four"]
        .into_iter()
        .map(|run| {
            let log = open();
            tokio::spawn(async move {
                log.reach().await?;
                log.append(&started(run, "2026-01-01T00:00:00Z", &[])).await?;
                for i in 0..20 {
                    log.append(&table_started(run, &format!("t{i}"))).await?;
                    log.append(&table_done(run, &format!("t{i}"), 2)).await?;
                    log.heartbeat(run, time("2026-01-01T00:00:02Z")).await?;
                }
                log.append(&ended(run, RunStatus::Completed)).await
            })
        })
        .collect();
    for writer in writers {
        writer.await.map_err(|error| Error::internal("a writer ended early").caused_by(error))??;
    }
    let log = open();
    for run in ["one", "two", "three", "four"] {
        let found = log.run(run).await?.ok_or_else(|| Error::data("the run log lost one of several runs"))?;
        let done = found.jobs.iter().filter(|job| job.status == RunStatus::Completed).count();
        ensure(
            found.status == RunStatus::Completed && done == 20,
            "several writers do not disturb each other",
        )?;
    }
    Ok(())
}
