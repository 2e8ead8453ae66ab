use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::*;
use crate::error::{Error, ErrorKind};

fn made(dir: &Path) -> (PathBuf, Connection) {
    let path = dir.join("a.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)").unwrap();
    (path, connection)
}

fn reader(path: &Path) -> Connection {
    let config = SqliteConfig { path: path.to_owned(), busy_timeout: Duration::ZERO };
    to_read(&config, |error| Error::internal("not opened").caused_by(error)).unwrap()
}

#[track_caller]
fn meets(connection: &Connection, sql: &str, expected: Trouble) {
    let error = connection.execute_batch(sql).unwrap_err();
    assert_eq!(Trouble::of(&error), expected, "{error}");
}

#[test]
fn every_trouble_is_what_sqlite_says() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writer) = made(dir.path());
    meets(&writer, "SELEC", Trouble::Statement);
    meets(&writer, "CREATE VIRTUAL TABLE v USING absent(a)", Trouble::NoModule("absent".into()));
    meets(&writer, "ATTACH '/no/such/directory/b.db' AS b", Trouble::Unopened);
    let count: i64 = writer.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let filled = format!("PRAGMA max_page_count = {count}; INSERT INTO t VALUES (zeroblob(100000))");
    meets(&writer, &filled, Trouble::Full);
    let bound = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    meets(&bound, "DELETE FROM t", Trouble::ReadOnly);
    bound.busy_timeout(Duration::ZERO).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    meets(&bound, "SELECT count(*) FROM t", Trouble::Locked);
    writer.execute_batch("ROLLBACK").unwrap();
    drop((writer, bound));

    let bytes = std::fs::read(&path).unwrap();
    let of_bytes = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Connection::open(&path).unwrap()
    };
    let any = "SELECT count(*) FROM t";
    meets(&of_bytes("text.db", &[b'x'; 4096]), any, Trouble::NoDatabase);
    let mut damaged = bytes.clone();
    damaged[100..200].fill(0xff);
    meets(&of_bytes("damaged.db", &damaged), any, Trouble::Damaged);
}

#[test]
fn a_reader_changes_and_attaches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _writer) = made(dir.path());
    let reader = reader(&path);
    meets(&reader, "DELETE FROM t", Trouble::ReadOnly);
    assert!(reader.execute_batch("ATTACH ':memory:' AS m").is_err());
    let trusts: bool = reader.query_row("PRAGMA trusted_schema", [], |row| row.get(0)).unwrap();
    assert!(!trusts);
    let absent = SqliteConfig { path: dir.path().join("b.db"), busy_timeout: Duration::ZERO };
    let error = to_read(&absent, |_| panic!("SQLite was not asked")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!absent.path.exists());
}

#[test]
fn a_dropped_use_stops_its_statement_and_no_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _writer) = made(dir.path());
    let mut reader = reader(&path);
    let guard = StopOnDrop::default();
    guard.stop().guard(&mut reader).unwrap();
    drop(guard);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let error = reader.query_row(endless, [], |row| row.get::<_, i64>(0)).unwrap_err();
    assert_eq!(Trouble::of(&error), Trouble::Stopped, "{error}");
    let later = StopOnDrop::default();
    later.stop().guard(&mut reader).unwrap();
    let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n";
    assert_eq!(reader.query_row(long, [], |row| row.get::<_, i64>(0)).unwrap(), 100_000);
}

#[test]
fn two_writers_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let first = to_write(&path).unwrap();
    first.execute_batch("CREATE TABLE t (a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").unwrap();
    let of = path.clone();
    let second = std::thread::spawn(move || {
        let second = to_write(&of).unwrap();
        second.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (2); COMMIT").unwrap();
    });
    crate::clock::pause(Duration::from_millis(50));
    assert!(!second.is_finished());
    first.execute_batch("COMMIT").unwrap();
    second.join().unwrap();
    let count: i64 = first.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}
