//! `--where` that selects little: read through its index by one reader, as the server's own statistics show.

use std::time::{Duration, Instant};

use crate::lake::{Run, assert_tidy, duck, export, manifest};
use crate::server::PgServer;

/// Searches in indexes and rows of sequential scans of a table so far.
fn statistics(db: &str, table: &str) -> (u64, u64) {
    let sql = format!(
        "SELECT coalesce(idx_scan, 0), seq_tup_read FROM pg_stat_user_tables WHERE relid = '{table}'::regclass"
    );
    let row = PgServer::shared().query(db, &sql);
    let (searches, read) = row.split_once('|').unwrap();
    (searches.parse().unwrap(), read.parse().unwrap())
}

/// A condition, and the method that it gets.
const CONDITIONS: &[(&str, &str)] = &[
    ("k = 5", "None"),
    ("k = 10 AND pad <> 'x'", "None"),
    ("at >= timestamp '2024-01-01 10:00:00' AND at < timestamp '2024-01-01 11:00:00'", "None"),
    // Half of the table; no index; evaluated here.
    ("k >= 500", "Ctid"),
    ("other = 5", "Ctid"),
    ("k + 0 = 5", "Ctid"),
];

#[test]
fn a_condition_with_an_index_that_selects_little_is_read_by_one_reader() {
    let (server, db) = (PgServer::shared(), "selective");
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE TABLE events (id integer PRIMARY KEY, k integer, other integer, at timestamp, pad text);
         INSERT INTO events SELECT g, g % 1000, g % 1000, timestamp '2024-01-01' + g * interval '1 second', md5(g::text)
         FROM generate_series(1, 200000) g;
         CREATE INDEX ON events (k); CREATE INDEX ON events (at); ANALYZE;",
    );
    for (condition, method) in CONDITIONS {
        let rule = format!("events: {condition}");
        let flags = ["-p", "4", "--part-bytes", "2MiB", "--large-table-threshold", "1000", "--where", &rule];
        let plan = Run::new(["plan", "--json", "--source", &url]).args(flags).output().ok();
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        let table = &plan["tables"][0];
        assert_eq!(table["method"], *method, "{condition}: {table}");
        assert_eq!(
            table["method_reason"].as_str().unwrap().contains("--where"),
            *method == "None",
            "{table}"
        );
        let before = statistics(db, "events");
        let out = tempfile::tempdir().unwrap();
        export(&url, out.path(), &flags).ok();
        let dir = out.path().join("public/events");
        assert_tidy(&dir);
        let count = server.query(db, &format!("SELECT count(*), sum(id) FROM events WHERE {condition}"));
        let files = format!("{}/*.parquet", dir.display());
        assert_eq!(
            duck(&format!("SELECT count(*), sum(id) FROM read_parquet('{files}')")),
            count,
            "{condition}"
        );
        if *method == "None" {
            assert_eq!(manifest(&dir)["files"].as_array().unwrap().len(), 1, "{condition}");
            // Sessions tell what they did a moment after they did it.
            let deadline = Instant::now() + Duration::from_secs(30);
            while statistics(db, "events").0 <= before.0 {
                assert!(Instant::now() < deadline, "{condition}: no index was searched");
                std::thread::sleep(Duration::from_millis(50));
            }
            // By the query of the test, and by the export: neither reads the table from end to end.
            assert!(statistics(db, "events").1 - before.1 < 200_000, "{condition}: the whole table was read");
        }
    }
    // Who names a method gets it.
    let config = ["--table-config", "events:Ctid::4", "--where", "events: k = 5"];
    let plan = Run::new(["plan", "--source", &url, "--part-bytes", "2MiB"]).args(config).output().ok();
    assert!(plan.stdout.contains("Ctid: --table-config"), "{plan}");
}
