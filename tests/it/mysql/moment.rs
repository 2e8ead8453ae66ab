//! One point in time: money is moved all the time while it is exported by four readers.
//!
//! `LAKEXPRESS_CONSISTENCY_RUNS` sets how often (5 unless set; `make verify-mysql` takes 20).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lakexpress::client::mysql::{Connection, MysqlConfig};
use lakexpress::client::{Address, Environment};
use lakexpress::error::Result;
use serde_json::Value;

use super::balancer::Balancer;
use super::{Database, SECRET, parts};
use crate::lake::{assert_nothing_visible, assert_tidy, duck, env_number, export, manifest};
use crate::mariadb::{MariaDb, series, url_of};

const ACCOUNTS: u64 = 100_000;
const POTS: u64 = 500;
const CUT: [&str; 8] =
    ["-p", "4", "--part-bytes", "2MiB", "--large-table-threshold", "1000", "--max-connections", "12"];

/// Accounts of two tables, and pots, in a database.
fn bank(name: &'static str) -> Database<'static> {
    Database::new(
        name,
        &format!(
            "CREATE TABLE accounts (id int PRIMARY KEY, balance decimal(15,2) NOT NULL, filler char(80) NOT NULL);
             INSERT INTO accounts SELECT seq, 1000, sha2(seq, 256) FROM {};
             CREATE TABLE savings LIKE accounts; INSERT INTO savings SELECT * FROM accounts;
             CREATE TABLE pots (id int PRIMARY KEY, balance decimal(15,2) NOT NULL);
             INSERT INTO pots SELECT seq, 0 FROM {}; ANALYZE TABLE accounts, savings, pots;",
            series(1, ACCOUNTS.cast_signed()),
            series(1, POTS.cast_signed()),
        ),
    )
}

/// Transfers without a pause over several connections, between rows and between tables.
struct Transfers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Transfers {
    fn start(database: &Database<'_>) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..3)
            .map(|at| {
                let config = config(&database.url());
                let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Runtime::new().unwrap();
                    runtime.block_on(transfers(&config, at + 1, &stop, &done));
                })
            })
            .collect();
        let transfers = Self { stop, done, threads };
        while transfers.count() < 20 {
            assert!(transfers.threads.iter().all(|thread| !thread.is_finished()), "the transfers ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        transfers
    }

    fn count(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !std::thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// How a client reaches what a URL names.
pub(super) fn config(url: &str) -> MysqlConfig {
    MysqlConfig::from_address(&Address::Url(url.parse().unwrap()), &Environment::default()).unwrap()
}

async fn transfers(config: &MysqlConfig, mut seed: u64, stop: &AtomicBool, done: &AtomicU64) {
    let mut connection = config.connect().await.unwrap();
    connection.execute("SET SESSION innodb_lock_wait_timeout = 5").await.unwrap();
    while !stop.load(Ordering::Relaxed) {
        match transfer(&mut connection, &mut seed).await {
            Ok(()) => {
                done.fetch_add(1, Ordering::Relaxed);
            }
            // A deadlock with another of them.
            Err(_) => connection.execute("ROLLBACK").await.unwrap(),
        }
    }
}

async fn transfer(connection: &mut Connection, seed: &mut u64) -> Result<()> {
    let mut random = |below: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below + 1
    };
    let (from, to, amount) = (random(ACCOUNTS), random(ACCOUNTS), random(500));
    let pot = to % POTS + 1;
    connection.execute("START TRANSACTION").await?;
    connection
        .execute(&format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {from}"))
        .await?;
    let into = match to % 3 {
        0 => format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {to}"),
        1 => format!("UPDATE savings SET balance = balance + {amount} WHERE id = {to}"),
        _ => format!("UPDATE pots SET balance = balance + {amount} WHERE id = {pot}"),
    };
    connection.execute(&into).await?;
    connection.execute("COMMIT").await
}

/// Rows and money.
fn counted(database: &Database<'_>) -> String {
    let of = |table: &str| format!("read_parquet('{}/*.parquet')", database.out(table).display());
    let (accounts, savings, pots) = (of("accounts"), of("savings"), of("pots"));
    duck(&format!(
        "SELECT (SELECT count(*) FROM {accounts}), (SELECT count(DISTINCT id) FROM {accounts}),
                (SELECT count(DISTINCT id) FROM {savings}), (SELECT count(*) FROM {pots}),
                (SELECT sum(balance) FROM {accounts}) + (SELECT sum(balance) FROM {savings}) + (SELECT sum(balance) FROM {pots})"
    ))
}

fn expected() -> String {
    format!("{ACCOUNTS}|{ACCOUNTS}|{ACCOUNTS}|{POTS}|{}.00", 2 * ACCOUNTS * 1000)
}

#[test]
fn a_run_is_one_moment_for_all_tables_and_readers() {
    let database = bank("my_bank");
    let transfers = Transfers::start(&database);
    let runs = env_number("LAKEXPRESS_CONSISTENCY_RUNS", 5);
    for run in 0..runs {
        let before = transfers.count();
        database.export(&CUT).ok();
        for table in ["accounts", "savings"] {
            assert_tidy(&database.out(table));
            assert!(parts(&database.out(table)) >= 4, "{table} was not cut");
        }
        let snapshots = ["accounts", "pots"].map(|t| manifest(&database.out(t))["snapshot"].clone());
        assert_eq!(snapshots[0], snapshots[1]);
        assert_eq!(snapshots[0]["level"], "run");
        assert_eq!(counted(&database), expected(), "run {run}");
        assert!(transfers.count() > before, "nobody moved money");
    }
    println!("sums exact in {runs} of {runs} runs, {} transfers meanwhile", transfers.count());
    drop(transfers);
    nothing_is_left(&database, "log");
    database.export(&CUT).ok();
    database.assert_table("accounts", ACCOUNTS);
}

/// No transaction, no lock and no connection of the export is left on the server.
fn nothing_is_left(database: &Database<'_>, user: &str) {
    let sql = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE user = '{user}' AND db = '{}'",
        database.name
    );
    database.server.wait_for(&sql, |count| count == "0");
}

/// The test above would see a difference if there were one: without consistency it does.
#[test]
fn without_consistency_the_sums_are_wrong() {
    let database = bank("my_bank_none");
    let transfers = Transfers::start(&database);
    for _ in 0..20 {
        database.export(&[&CUT[..], &["--consistency", "none"]].concat()).ok();
        assert_eq!(manifest(&database.out("accounts"))["snapshot"]["level"], "none");
        if counted(&database) != expected() {
            drop(transfers);
            return;
        }
    }
    panic!("20 runs without consistency were right by accident: the transfers are too slow to test anything");
}

#[test]
fn each_table_is_of_one_moment_at_level_table() {
    let database = bank("my_bank_table");
    let transfers = Transfers::start(&database);
    database.export(&[&CUT[..], &["--consistency", "table"]].concat()).ok();
    assert!(transfers.count() > 0);
    drop(transfers);
    for table in ["accounts", "savings", "pots"] {
        assert_eq!(manifest(&database.out(table))["snapshot"]["level"], "table");
    }
    let ids = "SELECT count(*), count(DISTINCT id) FROM t";
    assert_eq!(database.duck("accounts", ids), format!("{ACCOUNTS}|{ACCOUNTS}"));
    nothing_is_left(&database, "log");
}

/// Who may lock nothing has one reader, and a warning says so; the moment is one all the same.
#[test]
fn who_may_only_select_has_one_reader_and_a_warning() {
    let database = bank("my_bank_select");
    database.create_user("only_select", &["SELECT ON my_bank_select.*"]);
    let transfers = Transfers::start(&database);
    for _ in 0..2 {
        let output = database.export_as("only_select", &CUT).ok();
        output.says_one_of(&["LOCK TABLES", "RELOAD"]);
        assert_eq!(counted(&database), expected());
        assert_eq!(manifest(&database.out("pots"))["snapshot"]["level"], "run");
    }
    drop(transfers);
}

/// Without RELOAD all tables are locked for a moment.
#[test]
fn who_may_lock_tables_has_four_readers() {
    let database = bank("my_bank_lock");
    database.create_user("may_lock", &["SELECT, LOCK TABLES ON my_bank_lock.*"]);
    let transfers = Transfers::start(&database);
    for _ in 0..3 {
        database.export_as("may_lock", &CUT).ok();
        assert_eq!(counted(&database), expected());
        assert!(parts(&database.out("accounts")) >= 4);
    }
    drop(transfers);
    nothing_is_left(&database, "may_lock");
}

/// All that read and hold a moment are no more than the user allows.
#[test]
fn no_more_connections_than_are_allowed() {
    let server = MariaDb::start_with(&[]);
    let sql = format!(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT seq FROM {};
         CREATE TABLE locked (id int) ENGINE = MyISAM; INSERT INTO locked VALUES (1);",
        series(1, 1_000)
    );
    let database = Database::on(&server, "my_connections", &sql);
    for (consistency, allowed) in [("run", "4"), ("run", "6"), ("table", "6")] {
        server.query("mysql", "FLUSH STATUS");
        database.export(&["--consistency", consistency, "--max-connections", allowed]).ok();
        let most = server.query("mysql", "SHOW STATUS LIKE 'Max_used_connections'");
        let most: usize = most.rsplit('\t').next().unwrap().parse().unwrap();
        // This test's own is one more.
        assert!(most <= allowed.parse::<usize>().unwrap() + 1, "{consistency} {allowed}: {most}");
    }
}

/// The moment is named as replication names it, where the user may know and the server has a log.
#[test]
fn the_manifest_has_the_position_in_the_binary_log() {
    let server = MariaDb::start_with(&["--log-bin=binlog", "--server-id=7", "--binlog-format=ROW"]);
    let database = Database::on(
        &server,
        "my_position",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);",
    );
    if server.is_mysql() {
        return;
    }
    database.export(&[]).ok();
    let position = |database: &Database<'_>| manifest(&database.out("t"))["snapshot"]["position"].to_string();
    let first = position(&database);
    let gtid = server.query("mysql", "SELECT @@gtid_current_pos");
    assert!(first.contains(&gtid) && first.contains("binlog."), "{first} and not {gtid}");
    database.run("INSERT INTO t VALUES (2)");
    database.export(&[]).ok();
    assert_ne!(position(&database), first);
    assert!(position(&database).contains(&server.query("mysql", "SELECT @@gtid_current_pos")));
}

/// Readers behind one address must be at one server: else they could not see one moment.
#[test]
fn an_address_of_two_servers_is_refused() {
    let servers = [MariaDb::start_with(&[]), MariaDb::start_with(&[])];
    let sql =
        format!("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT seq FROM {};", series(1, 20_000));
    for server in &servers {
        server.create_db("twice");
        server.sql("twice", &sql);
        server.create_user("balanced", SECRET, &["ALL ON *.*"]);
    }
    let balancer = Balancer::start(servers.iter().map(MariaDb::port).collect());
    let out = tempfile::tempdir().unwrap();
    let url = url_of("balanced", SECRET, balancer.port(), "twice");
    let cut = ["-p", "4", "--table-config", "t:RangeId:id:4", "--large-table-threshold", "10"];
    let output = export(&url, out.path(), &cut).no_panic().never_says(&[SECRET]);
    assert_ne!(output.code, Some(0), "{output}");
    output.says(&["server", "address"]);
    assert_nothing_visible(out.path());
    // The same over an address of one server.
    let balancer = Balancer::start(vec![servers[0].port()]);
    export(&url_of("balanced", SECRET, balancer.port(), "twice"), out.path(), &cut).ok();
    assert_eq!(manifest(&out.path().join("twice/t"))["rows"], Value::from(20_000));
}
