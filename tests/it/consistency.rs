//! One point in time: money is moved all the time, between rows and between tables, while it is exported.
//!
//! `LAKEXPRESS_CONSISTENCY_RUNS` sets how often (5 unless set; `make verify` takes 20).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::lake::{Output, assert_same, assert_tidy, duck, env_number, export, manifest};
use crate::server::{PgServer, binary};

const ACCOUNTS: u64 = 200_000;
const POTS: u64 = 500;

/// A server with accounts wide enough for some thousand blocks, and a few pots.
fn bank() -> (PgServer, String) {
    let server = PgServer::start();
    let url = server.create_db("bank");
    server.sql(
        "bank",
        &format!(
            "CREATE TABLE accounts (id int PRIMARY KEY, balance numeric(15,2) NOT NULL, filler text NOT NULL);
             INSERT INTO accounts SELECT i, 1000, repeat(md5(i::text), 7) FROM generate_series(1, {ACCOUNTS}) i;
             CREATE TABLE pots (id int PRIMARY KEY, balance numeric(15,2) NOT NULL);
             INSERT INTO pots SELECT i, 0 FROM generate_series(1, {POTS}) i;
             VACUUM ANALYZE;"
        ),
    );
    (server, url)
}

/// Transfers without a pause: between two accounts, and from an account to a pot. Never a deadlock, since
/// the smaller id is locked first.
struct Transfers(Child);

impl Transfers {
    fn start(server: &PgServer, dir: &Path) -> Self {
        let between_accounts = dir.join("accounts.sql");
        let text = format!(
            "\\set a random(1, {ACCOUNTS})
             \\set b 1 + (:a + random(0, {ACCOUNTS} - 2)) % {ACCOUNTS}
             \\set low least(:a, :b)
             \\set high greatest(:a, :b)
             \\set amount random(-500, 500)
             BEGIN;
             UPDATE accounts SET balance = balance - :amount WHERE id = :low;
             UPDATE accounts SET balance = balance + :amount WHERE id = :high;
             COMMIT;\n"
        );
        std::fs::write(&between_accounts, text).unwrap();
        let into_pots = dir.join("pots.sql");
        let text = format!(
            "\\set a random(1, {ACCOUNTS})
             \\set b random(1, {POTS})
             \\set amount random(-500, 500)
             BEGIN;
             UPDATE accounts SET balance = balance - :amount WHERE id = :a;
             UPDATE pots SET balance = balance + :amount WHERE id = :b;
             COMMIT;\n"
        );
        std::fs::write(&into_pots, text).unwrap();
        let mut pgbench = Command::new(binary("pgbench"));
        pgbench.args(["-n", "-c", "4", "-j", "2", "-T", "3600", "-U", "postgres"]);
        pgbench.arg("-h").arg(server.socket_dir()).arg("-p").arg(server.port().to_string());
        pgbench.arg("-f").arg(between_accounts).arg("-f").arg(into_pots).arg("bank");
        let child = pgbench.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut transfers = Self(child);
        std::thread::sleep(Duration::from_millis(500));
        transfers.assert_running();
        transfers
    }

    fn assert_running(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "the transfers ended");
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn export_bank(url: &str, dir: &Path, consistency: &str) -> Output {
    let flags = ["-p", "4", "--part-bytes", "4MiB", "--large-table-threshold", "1000"];
    export(url, dir, &[&flags[..], &["--consistency", consistency, "--max-connections", "12"]].concat()).ok()
}

/// Accounts, pots, and the money of both, as DuckDB reads them back.
fn counted(dir: &Path) -> String {
    let of = |table: &str| format!("read_parquet('{}/public/{table}/*.parquet')", dir.display());
    let (accounts, pots) = (of("accounts"), of("pots"));
    duck(&format!(
        "SELECT (SELECT count(*) FROM {accounts}), (SELECT count(DISTINCT id) FROM {accounts}),
                (SELECT count(DISTINCT id) FROM {pots}),
                (SELECT sum(balance) FROM {accounts}) + (SELECT sum(balance) FROM {pots})"
    ))
}

fn expected() -> String {
    format!("{ACCOUNTS}|{ACCOUNTS}|{POTS}|{}.00", ACCOUNTS * 1000)
}

#[test]
fn a_run_is_one_moment_for_all_tables_and_readers() {
    let (server, url) = bank();
    let scripts = tempfile::tempdir().unwrap();
    let mut transfers = Transfers::start(&server, scripts.path());
    for run in 0..env_number("LAKEXPRESS_CONSISTENCY_RUNS", 5) {
        let out = tempfile::tempdir().unwrap();
        export_bank(&url, out.path(), "run");
        transfers.assert_running();
        let accounts = out.path().join("public/accounts");
        assert_tidy(&accounts);
        let manifest = manifest(&accounts);
        assert_eq!(manifest["snapshot"]["level"], "run");
        assert!(manifest["snapshot"]["position"].is_string(), "no position in the server's log: {manifest}");
        assert!(manifest["files"].as_array().unwrap().len() >= 4, "accounts were not cut: {manifest}");
        assert_eq!(counted(out.path()), expected(), "run {run}");
    }
    drop(transfers);
    // Nothing of the exports is left on the server: no transaction, no lock.
    let left = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = 'bank' AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL";
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while server.query("bank", left) != "0" {
        assert!(std::time::Instant::now() < deadline, "a transaction was left open");
        std::thread::sleep(Duration::from_millis(100));
    }
    let out = tempfile::tempdir().unwrap();
    export_bank(&url, out.path(), "run");
    assert_same(&url, "public.accounts", &out.path().join("public/accounts"));
}

/// The test above would see a difference if there were one: without consistency it does.
#[test]
fn without_consistency_the_sums_are_wrong() {
    let (server, url) = bank();
    let scripts = tempfile::tempdir().unwrap();
    let mut transfers = Transfers::start(&server, scripts.path());
    for _ in 0..20 {
        let out = tempfile::tempdir().unwrap();
        export_bank(&url, out.path(), "none");
        transfers.assert_running();
        assert_eq!(manifest(&out.path().join("public/accounts"))["snapshot"]["level"], "none");
        if counted(out.path()) != expected() {
            return;
        }
    }
    panic!("20 runs without consistency were right by accident: the transfers are too slow to test anything");
}
