//! One point in time: money is moved all the time while it is exported by four readers.
//!
//! `LAKEXPRESS_CONSISTENCY_RUNS` sets how often (5 unless set).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::{Database, USAGE, parts};
use crate::lake::{Run, env_number, manifest};

const ACCOUNTS: u64 = 100_000;
const POTS: u64 = 500;

fn bank(journal_mode: &str) -> Database {
    Database::new(&format!(
        "PRAGMA journal_mode = {journal_mode};
         CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance DECIMAL(15,2) NOT NULL, filler TEXT NOT NULL);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ACCOUNTS})
           INSERT INTO accounts SELECT n, 1000, hex(randomblob(40)) FROM s;
         CREATE TABLE pots (id INTEGER PRIMARY KEY, balance DECIMAL(15,2) NOT NULL);
         INSERT INTO pots SELECT id, 0 FROM accounts WHERE id <= {POTS};"
    ))
}

/// Transfers without a pause, from account to account and from accounts to pots.
struct Transfers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Transfers {
    fn start(database: &Database) -> Self {
        let connection = database.connect();
        connection.busy_timeout(Duration::from_millis(100)).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            let mut seed = 1_u64;
            while !stopped.load(Ordering::Relaxed) {
                match transfer(&connection, &mut seed) {
                    Ok(()) => {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    // Readers of a database that is not in WAL mode keep writers out.
                    Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                        let _ = connection.execute_batch("ROLLBACK");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        Self { stop, done, thread: Some(thread) }
    }

    fn count(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

fn transfer(connection: &Connection, seed: &mut u64) -> rusqlite::Result<()> {
    let mut random = |below: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below + 1
    };
    let (from, to, amount) = (random(ACCOUNTS), random(ACCOUNTS), random(500));
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut take = connection.prepare_cached("UPDATE accounts SET balance = balance - ?1 WHERE id = ?2")?;
    take.execute([amount, from])?;
    let sql = if to % 2 == 0 {
        "UPDATE accounts SET balance = balance + ?1 WHERE id = ?2"
    } else {
        "UPDATE pots SET balance = balance + ?1 WHERE id = 1 + ?2 % 500"
    };
    connection.prepare_cached(sql)?.execute([amount, to])?;
    connection.execute_batch("COMMIT")
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

fn export(database: &Database, consistency: &str) {
    let flags =
        ["-p", "4", "--part-bytes", "1MiB", "--large-table-threshold", "1000", "--max-connections", "12"];
    database.export(&[&flags[..], &["--consistency", consistency]].concat()).ok();
}

/// Rows and money.
fn counted(database: &Database) -> String {
    let of = |table: &str| format!("read_parquet('{}/*.parquet')", database.out(table).display());
    let (accounts, pots) = (of("accounts"), of("pots"));
    crate::lake::duck(&format!(
        "SELECT (SELECT count(*) FROM {accounts}), (SELECT count(DISTINCT id) FROM {accounts}), (SELECT count(*) FROM {pots}),
                (SELECT sum(balance) FROM {accounts}) + (SELECT sum(balance) FROM {pots})"
    ))
}

fn expected() -> String {
    format!("{ACCOUNTS}|{ACCOUNTS}|{POTS}|{}.00", ACCOUNTS * 1000)
}

#[test]
fn a_run_is_one_moment_for_all_tables_and_readers() {
    for journal_mode in ["wal", "delete"] {
        let database = bank(journal_mode);
        let transfers = Transfers::start(&database);
        for run in 0..env_number("LAKEXPRESS_CONSISTENCY_RUNS", 5) {
            let before = transfers.count();
            export(&database, "run");
            assert!(parts(&database.out("accounts")) >= 4, "accounts were not cut");
            let snapshots = ["accounts", "pots"].map(|t| manifest(&database.out(t))["snapshot"].clone());
            assert_eq!(snapshots[0], snapshots[1]);
            assert_eq!(snapshots[0]["level"], "run");
            assert_eq!(counted(&database), expected(), "{journal_mode} run {run}");
            assert!(transfers.count() > before, "{journal_mode}: nobody moved money");
        }
        drop(transfers);
        export(&database, "table");
        database.assert_same("accounts", ACCOUNTS as usize);
        database.assert_same("pots", POTS as usize);
    }
}

/// The test above would see a difference if there were one: without consistency it does.
#[test]
fn without_consistency_the_sums_are_wrong() {
    let database = bank("wal");
    let _transfers = Transfers::start(&database);
    for _ in 0..20 {
        export(&database, "none");
        assert_eq!(manifest(&database.out("accounts"))["snapshot"]["level"], "none");
        if counted(&database) != expected() {
            return;
        }
    }
    panic!("20 runs without consistency were right by accident: the transfers are too slow to test anything");
}

#[test]
fn more_parts_than_pinned_readers() {
    let database = bank("wal");
    let flags = ["-p", "20", "--large-table-threshold", "1000", "--max-connections", "40", "--n-jobs", "4"];
    database.export(&flags).ok();
    assert_eq!(parts(&database.out("accounts")), 20);
    assert_eq!(counted(&database), expected());
}

/// Inputs that are merged in step need a reader each, and one view has eight.
#[test]
fn a_merge_of_more_inputs_than_readers_is_refused() {
    let database = Database::new("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2);");
    let merge = |inputs: usize| {
        let branches: Vec<String> = (0..inputs).map(|n| format!("SELECT {n} AS k, a FROM t")).collect();
        let sql = format!("{} ORDER BY k", branches.join(" UNION ALL "));
        let out = database.dir.path().join(inputs.to_string());
        let args = ["query", &sql, "--name", "merged", "--source", &database.url(), "--output-dir"];
        Run::new(args).args([out.as_path()]).args(["-p", "16", "--max-connections", "40"]).output()
    };
    merge(8).ok();
    merge(9).exits(USAGE).says(&["9 slices", "8 readers", "-p"]);
}

#[test]
fn the_database_is_left_as_it_was() {
    for journal_mode in ["wal", "delete"] {
        let database = bank(journal_mode);
        let before = std::fs::read(&database.path).unwrap();
        export(&database, "run");
        assert!(before == std::fs::read(&database.path).unwrap(), "{journal_mode}: the file was changed");
        // A writer is not in anybody's way afterwards.
        database.run("DELETE FROM pots; PRAGMA wal_checkpoint(TRUNCATE);");
    }
}
