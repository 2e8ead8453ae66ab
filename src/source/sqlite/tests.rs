//! The contract of a source, on a file.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

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
        Self::of_encoding("UTF-8")
    }

    fn of_encoding(encoding: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        let writer = Connection::open(&path).unwrap();
        writer.busy_timeout(Duration::ZERO).unwrap();
        writer.pragma_update(None, "encoding", encoding).unwrap();
        writer.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE loose (id INTEGER PRIMARY KEY, n BIGINT, name TEXT, since DATE, more REAL DEFAULT 1.5);
             CREATE TABLE exact (id INTEGER PRIMARY KEY, n INTEGER, name TEXT, since TEXT) STRICT;
             CREATE TABLE keyed (id INTEGER PRIMARY KEY, n INTEGER, name TEXT, since DATE) WITHOUT ROWID;
             CREATE TABLE bad (id INTEGER PRIMARY KEY, v DATE);
             CREATE VIEW endless AS
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                 SELECT bad.id FROM bad, n WHERE n.i < 0;",
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

/// SQLite orders its texts by other bytes than DataFusion.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_utf_16_keeps_the_contract() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let seen = conformance::check(&File::of_encoding(encoding)).await.unwrap();
        assert!(seen.pushed > 200 && seen.kept > 0, "{seen:?}");
    }
}

/// Each read takes one of the view's readers, and none of them would come to an end.
#[test]
fn a_read_that_is_dropped_is_interrupted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (nothing_came, is_free) = runtime.block_on(async {
        let file = File::new();
        let source = file.open().unwrap();
        let view = source.snapshot(&[table("endless")], Consistency::Run, 1).await.unwrap();
        let filter = TableFilter { views: true, ..TableFilter::default() };
        let described = view.describe(&table("endless"), &filter).await.unwrap();
        let read = TableRead {
            table: Arc::new(described),
            columns: vec![0],
            slice: crate::catalog::Slice::All,
            filter: None,
            batch_rows: 1,
        };
        let mut nothing_came = true;
        for _ in 0..2 * view.readers().unwrap() {
            let mut rows = source.read(&read, view.token()).unwrap();
            nothing_came &= crate::clock::timeout(Duration::from_millis(50), rows.next()).await.is_err();
        }
        let exact = table("exact");
        let described = crate::clock::timeout(Duration::from_secs(30), view.describe(&exact, &filter)).await;
        (nothing_came, described.is_ok_and(|described| described.is_ok()))
    });
    // Without waiting for statements that nobody has stopped.
    runtime.shutdown_background();
    assert!(nothing_came && is_free, "{nothing_came} {is_free}");
}
