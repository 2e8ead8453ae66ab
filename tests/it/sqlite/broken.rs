//! Files that are not what they should be: one clear error each, and never a shorter export.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{CONFIG, DATA, Database, SOME_FAILED, UNAVAILABLE};
use crate::lake::{Output, Run, assert_nothing_visible, export, export_args, mounted};

#[track_caller]
fn refused(path: &Path, code: i32) -> Output {
    let out = tempfile::tempdir().unwrap();
    let output = export(&format!("sqlite://{}", path.display()), out.path(), &[]).exits(code);
    assert_nothing_visible(out.path());
    output
}

/// A table of some hundred pages.
fn large() -> Database {
    Database::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
           INSERT INTO t SELECT n, hex(randomblob(50)) FROM s;",
    )
}

#[test]
fn files_that_are_not_there_or_no_databases() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.db");
    refused(&missing, CONFIG).says(&["missing.db", "nothing is created"]);
    assert!(!missing.exists());
    refused(dir.path(), CONFIG).says(&["not a file"]);
    let text = dir.path().join("text.db");
    fs::write(&text, "this is not a database, however long one reads it\n".repeat(100)).unwrap();
    refused(&text, DATA).says(&["not a SQLite database", "text.db"]);
    for wrong in ["sqlite://data.db", "sqlite::memory:", "sqlite:x.db?mode=rwc"] {
        Run::new(["export", "--source", wrong, "--output-dir"]).args([dir.path()]).output().exits(CONFIG);
    }
}

#[test]
fn a_truncated_database() {
    let database = large();
    let whole = fs::read(&database.path).unwrap();
    for length in [whole.len() - 4096, whole.len() / 2 + 100, 4096, 1000, 10] {
        fs::write(&database.path, &whole[..length]).unwrap();
        refused(&database.path, DATA).says(&["data.db"]);
    }
}

/// Every page in turn is overwritten: the export says so or has every row.
#[test]
fn a_damaged_database_is_never_exported_in_part() {
    let database = large();
    let whole = fs::read(&database.path).unwrap();
    let pages = whole.len() / 4096;
    let mut refused = 0;
    for page in (1..pages).step_by(pages / 12) {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xA5);
        fs::write(&database.path, &damaged).unwrap();
        let output = database.export(&["-p", "2", "--large-table-threshold", "100"]).no_panic();
        if output.code == Some(0) {
            assert_eq!(database.duck("t", "SELECT count(*) FROM t"), "20000", "page {page}");
        } else {
            output.exits_one_of(&[SOME_FAILED, DATA]).says(&["damaged", "main.t"]);
            refused += 1;
        }
        let _ = fs::remove_dir_all(database.dir.path().join("out"));
    }
    assert!(refused >= 10, "{refused}");
}

/// Sizes are estimated from the first rows: when those cannot be read, that is an error and no guess.
#[test]
fn damage_is_seen_while_planning() {
    let database = Database::new(
        "CREATE TABLE t (k TEXT PRIMARY KEY, c TEXT) WITHOUT ROWID;
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
           INSERT INTO t SELECT printf('%08d', n), hex(randomblob(50)) FROM s;",
    );
    let mut bytes = fs::read(&database.path).unwrap();
    bytes[2 * 4096..].fill(0xA5);
    fs::write(&database.path, &bytes).unwrap();
    let output = Run::new(["plan", "--source", &database.url()]).output().exits(SOME_FAILED);
    assert!(output.stdout.contains("main.t  failed: the database is damaged"), "{output}");
}

#[test]
fn a_locked_database() {
    let database = Database::new("CREATE TABLE t (a INT); INSERT INTO t VALUES (1);");
    let holder = database.connect();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let url = format!("{}?busy_timeout=0.2", database.url());
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &[]).exits(UNAVAILABLE).says(&["locked", "busy_timeout"]);
    assert_nothing_visible(out.path());
    holder.execute_batch("ROLLBACK").unwrap();
    // Another's unfinished transaction is not seen and does not hinder.
    holder.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)").unwrap();
    database.export(&[]).ok();
    assert_eq!(database.duck("t", "SELECT count(*) FROM t"), "1");
}

/// A copy, without the locks, of what a writer that died in its transaction leaves.
#[test]
fn a_transaction_that_a_crash_left_open() {
    let database = large();
    let writer = database.connect();
    writer.execute_batch("PRAGMA cache_size = 5; BEGIN; UPDATE t SET c = upper(c) || 'x'").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.db");
    fs::copy(&database.path, &copy).unwrap();
    fs::copy(database.path.with_file_name("data.db-journal"), dir.path().join("copy.db-journal")).unwrap();
    refused(&copy, CONFIG).says(&["middle of a transaction", "sqlite3"]);
}

#[test]
fn a_write_ahead_log_on_a_read_only_disk() {
    let database =
        Database::new("PRAGMA journal_mode = wal; CREATE TABLE t (a INT); INSERT INTO t VALUES (1);");
    let script = r#"mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; shift; exec "$@""#;
    let out = tempfile::tempdir().unwrap();
    let on_read_only_disk = || {
        let args = export_args(&database.url(), out.path(), &[]);
        Run::wrapped(&mounted(script, &[database.dir.path()]), args).output()
    };
    on_read_only_disk().exits(CONFIG).says(&["write-ahead log", "journal_mode = DELETE"]);
    assert_nothing_visible(out.path());
    database.run("PRAGMA journal_mode = delete");
    on_read_only_disk().ok();
    assert_eq!(super::parts(&out.path().join("main/t")), 1);
}

#[test]
fn a_view_that_does_not_work_fails_alone() {
    let database = Database::new(
        "CREATE TABLE t (a INT); INSERT INTO t VALUES (1);
         CREATE TABLE gone (a INT); CREATE VIEW v AS SELECT a FROM gone; DROP TABLE gone;",
    );
    database.export(&["--views"]).exits(SOME_FAILED).says(&["main.v", "gone"]);
    database.assert_same("t", 1);
}

#[test]
fn ctrl_c_stops_a_statement_that_would_never_end() {
    let endless = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s)";
    for view in [
        // While it is described, and while it is read.
        format!("CREATE VIEW v AS {endless} SELECT count(*) AS n FROM s"),
        format!("CREATE VIEW v AS SELECT a FROM t WHERE a = 2 AND ({endless} SELECT count(*) FROM s)"),
    ] {
        let database = Database::new(&format!("CREATE TABLE t (a INT); INSERT INTO t VALUES (2); {view};"));
        let out = tempfile::tempdir().unwrap();
        let running = Run::new(export_args(&database.url(), out.path(), &["-i", "v"])).spawn();
        std::thread::sleep(Duration::from_secs(2));
        let status = Command::new("kill").arg("-INT").arg(running.child.id().to_string()).status().unwrap();
        assert!(status.success());
        let begun = Instant::now();
        running.finish().no_panic().says(&["interrupted"]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_nothing_visible(out.path());
    }
}

#[test]
fn an_empty_file_is_an_empty_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.db");
    fs::write(&path, "").unwrap();
    refused(&path, super::USAGE).says(&["no table"]);
}
