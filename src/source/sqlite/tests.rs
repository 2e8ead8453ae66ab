//! The contract of a source, on a file.

use std::path::PathBuf;
use std::sync::Mutex;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::source::conformance::{self, BAD_ID, Change, Fixture, Mutant};

/// A file with a write-ahead log, so that it can be written while it is read.
struct File {
    _dir: TempDir,
    path: PathBuf,
    /// While it is open nobody who closes the file empties the log.
    writer: Mutex<Connection>,
}

impl File {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        let writer = Connection::open(&path).unwrap();
        writer.busy_timeout(std::time::Duration::ZERO).unwrap();
        writer.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE loose (id INTEGER PRIMARY KEY, n BIGINT, name TEXT, since DATE, more REAL DEFAULT 1.5);
             CREATE TABLE exact (id INTEGER PRIMARY KEY, n INTEGER, name TEXT, since TEXT) STRICT;
             CREATE TABLE keyed (id INTEGER PRIMARY KEY, n INTEGER, name TEXT, since DATE) WITHOUT ROWID;
             CREATE TABLE bad (id INTEGER PRIMARY KEY, v DATE);",
        ).unwrap();
        for id in 401..=410 {
            let day = if id == BAD_ID { "some day" } else { "2024-02-29" };
            writer.execute("INSERT INTO bad VALUES (?1, ?2)", (id, day)).unwrap();
        }
        Self { _dir: dir, path, writer: Mutex::new(writer) }
    }
}

fn table(name: &str) -> TableRef {
    TableRef { schema: "main".into(), name: name.into() }
}

#[async_trait]
impl Fixture for File {
    fn open(&self) -> Result<Arc<dyn Source>> {
        let url = format!("sqlite://{}", self.path.display()).parse().unwrap();
        open(&Address::Url(url), &TypePolicy::default(), &Environment::default())
    }

    fn tables(&self) -> Vec<TableRef> {
        ["exact", "loose", "keyed"].map(table).into()
    }

    async fn change(&self, change: &Change) -> Result<()> {
        let each = self.tables().into_iter().map(|table| change.sql(&table.name));
        let sql = format!("BEGIN IMMEDIATE; {} COMMIT;", each.collect::<String>());
        self.writer.lock().unwrap().execute_batch(&sql).unwrap();
        Ok(())
    }

    fn bad(&self) -> TableRef {
        table("bad")
    }

    async fn kept(&self) -> Result<Option<usize>> {
        // Whether someone still reads from the log, which would be emptied else.
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        Ok(Some(self.writer.lock().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_the_contract() {
    let file = File::new();
    let seen = conformance::check(&file).await.unwrap();
    assert_eq!(seen.methods.keys().copied().collect::<Vec<_>>(), ["Ctid", "None", "RangeId"]);
    assert!(seen.methods["Ctid"] > 2 && seen.methods["RangeId"] > 2 && seen.keys[0] > 0, "{seen:?}");
    assert!(seen.pushed > 200 && seen.weakened > 0, "{} {}", seen.pushed, seen.weakened);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_the_contract_is_found() {
    // A file has no secret.
    let mutants: Vec<Mutant> = Mutant::ALL.into_iter().filter(|m| *m != Mutant::SecretShown).collect();
    conformance::prove(&File::new(), &mutants).await.unwrap();
}
