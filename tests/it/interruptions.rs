//! What happens to the snapshot, the server and the disk when something comes in between.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use lakexpress::catalog::{Consistency, Slice, TableFilter, TableRef};
use lakexpress::source::{Address, Environment, TableRead};
use lakexpress::spec::TypePolicy;

use crate::lake::{Run, assert_nothing_visible, export_args, files};
use crate::server::PgServer;

/// Waits until `ready`, for ten seconds at most.
#[track_caller]
fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

const ACTIVE: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakexpress' AND state = 'active' AND query LIKE 'COPY%'";

/// A view that is read for a while, without sending a row.
const SLOW: &str = "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(4)::text AS nothing";

#[test]
fn a_lost_view_is_an_error_even_when_every_row_was_read() {
    // The one that holds the locks began first, the one with the snapshot second.
    for (who, order) in [("locks", "ASC"), ("snapshot", "DESC")] {
        let server = PgServer::start();
        let url = server.create_db("holders");
        server.sql("holders", SLOW);
        let dir = tempfile::tempdir().unwrap();
        let running = Run::new(export_args(&url, dir.path(), &["-i", "slow"])).spawn();
        wait_until("the view is read", || server.query("holders", ACTIVE) == "1");
        let holder = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lakexpress' \
                      AND state = 'idle in transaction' ORDER BY backend_start";
        server.query("holders", &format!("SELECT pg_terminate_backend(({holder} {order} LIMIT 1))"));
        running.finish().exits(75).says(&["lost", "public.slow"]);
        assert_nothing_visible(dir.path());
        assert!(!dir.path().join("public/slow/_manifest.json").exists(), "{who}");
    }
}

/// A view that is lost in the middle ends the run, which removes what it had written.
#[test]
fn a_lost_view_leaves_no_unfinished_files() {
    let server = PgServer::start();
    let url = server.create_db("lost");
    server.sql(
        "lost",
        "CREATE TABLE quick AS SELECT g AS id FROM generate_series(1, 1000) g;
         CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(60)::text AS nothing",
    );
    for level in ["run", "table"] {
        let dir = tempfile::tempdir().unwrap();
        let sql = "SELECT id, 'x' AS nothing FROM quick UNION ALL SELECT id, nothing FROM slow";
        let args = ["query", sql, "--name", "both", "-p", "2", "--consistency", level, "--source", &url];
        let running = Run::new(args).args(["--output-dir"]).args([dir.path()]).spawn();
        let unfinished = || files(dir.path()).iter().filter(|f| f.ends_with(".tmp")).count();
        wait_until("the view is read", || server.query("lost", ACTIVE) == "1");
        wait_until("the table is written", || unfinished() == 1);
        let holder = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE application_name = 'lakexpress' AND state = 'idle in transaction'";
        server.query("lost", holder);
        running.finish().exits(75).says(&["lost"]);
        assert_eq!(unfinished(), 0, "{level}: {:?}", files(dir.path()));
        assert_nothing_visible(dir.path());
    }
}

#[test]
fn relations_that_join_a_table_later_are_not_read() {
    let server = PgServer::shared();
    let url = server.create_db("joining");
    server.sql(
        "joining",
        "CREATE TABLE parted (id integer) PARTITION BY RANGE (id);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
         CREATE TABLE hollow (id integer) PARTITION BY RANGE (id);
         CREATE TABLE later_1 (id integer); CREATE TABLE later_2 (id integer);
         CREATE TABLE plain (id integer); CREATE TABLE heir (id integer);
         INSERT INTO parted SELECT generate_series(1, 500);
         INSERT INTO plain SELECT generate_series(1, 500);
         INSERT INTO later_1 SELECT generate_series(1000, 1500); INSERT INTO later_2 SELECT generate_series(1, 9);
         INSERT INTO heir SELECT generate_series(1, 50);",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let address = Address::Url(url.parse().unwrap());
        let source =
            lakexpress::source::open(&address, &TypePolicy::default(), &Environment::default()).unwrap();
        let tables =
            ["parted", "hollow", "plain"].map(|t| TableRef { schema: "public".into(), name: t.into() });
        let view = source.snapshot(&tables, Consistency::Run, 4).await.unwrap();
        let mut described = Vec::new();
        for table in &tables {
            described.push(view.describe(table, &TableFilter::default()).await.unwrap());
        }
        server.sql("joining", "ALTER TABLE parted ATTACH PARTITION later_1 FOR VALUES FROM (1000) TO (2000)");
        server.sql("joining", "ALTER TABLE hollow ATTACH PARTITION later_2 FOR VALUES FROM (0) TO (10)");
        server.sql("joining", "ALTER TABLE heir INHERIT plain");
        for (table, expected) in described.into_iter().zip([500, 0, 500]) {
            for slice in [Slice::All, Slice::Physical { from: None, to: None }] {
                let read = TableRead {
                    table: std::sync::Arc::new(table.clone()),
                    columns: vec![0],
                    slice,
                    filter: None,
                    batch_rows: 100,
                };
                let batches: Vec<_> = source.read(&read, view.token()).unwrap().try_collect().await.unwrap();
                let rows: usize = batches.iter().map(|b| b.num_rows()).sum();
                assert_eq!(rows, expected, "{}", table.table);
            }
        }
    });
}

#[test]
fn ctrl_c_ends_statements_on_the_server() {
    let server = PgServer::start();
    let url = server.create_db("cancelling");
    server.sql("cancelling", "CREATE VIEW busy AS SELECT count(*) AS n FROM generate_series(1, 400000000)");
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let dir = tempfile::tempdir().unwrap();
        let running = Run::new(export_args(&url, dir.path(), &["-i", "busy"])).spawn();
        wait_until("the view is read", || server.query("cancelling", ACTIVE) == "1");
        let begun = Instant::now();
        signal(name, running.pid());
        let output = running.finish().exits(code);
        wait_until("nothing is active", || server.query("cancelling", ACTIVE) == "0");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}\n{output}", begun.elapsed());
    }
}

#[test]
fn ctrl_c_ends_a_large_copy_within_a_second() {
    let server = PgServer::start();
    let url = server.create_db("large");
    server.sql(
        "large",
        "CREATE TABLE wide AS SELECT g AS id, repeat(md5(g::text), 20) AS t FROM generate_series(1, 400000) g",
    );
    let dir = tempfile::tempdir().unwrap();
    // A row group is closed in one go: with the default size that alone takes seconds in a program that is not optimised.
    let flags = ["-p", "4", "--large-table-threshold", "1000", "--row-group-rows", "1000"];
    let args = export_args(&url, dir.path(), &flags);
    let running = Run::new(args).spawn();
    wait_until("parts are copied at once", || server.query("large", ACTIVE).parse::<u32>().unwrap() >= 3);
    let begun = Instant::now();
    signal("-INT", running.pid());
    wait_until("no statement is left", || server.query("large", ACTIVE) == "0");
    let ended = begun.elapsed();
    println!("statements gone after {ended:?}");
    // One poll of a task is twenty times as long in a program that is not optimised.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });
    assert!(ended < limit, "{ended:?}");
    running.finish().exits(130);
    assert_nothing_visible(dir.path());
}

/// The most connections of this program that the server has seen at once, while `work` runs.
fn most_connections(server: &PgServer, db: &str, work: impl FnOnce()) -> usize {
    server.sql(db, "CREATE TABLE stop (); CREATE TABLE seen (most integer)");
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            server.sql(
                db,
                "DO $$ DECLARE most integer := 0; found integer; BEGIN
                    WHILE NOT EXISTS (SELECT FROM stop) LOOP
                        PERFORM pg_stat_clear_snapshot();
                        SELECT count(*) INTO found FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'lakexpress';
                        most := greatest(most, found);
                        PERFORM pg_sleep(0.001);
                    END LOOP;
                    INSERT INTO seen VALUES (most);
                END $$",
            );
        });
        work();
        server.sql(db, "INSERT INTO stop DEFAULT VALUES");
        sampler.join().unwrap();
    });
    server.query(db, "SELECT most FROM seen").parse().unwrap()
}

#[test]
fn no_more_connections_than_allowed() {
    let server = PgServer::start();
    for (limit, level) in [(3, "run"), (5, "run"), (8, "run"), (8, "table")] {
        let db = format!("limited_{limit}_{level}");
        let url = server.create_db(&db);
        let tables: String = (0..6)
            .map(|t| {
                format!(
                    "CREATE TABLE t{t} AS SELECT g AS id, md5(g::text) AS v FROM generate_series(1, 20000) g;"
                )
            })
            .collect();
        server.sql(&db, &tables);
        let dir = tempfile::tempdir().unwrap();
        let allowed = limit.to_string();
        let flags = [
            ["--n-jobs", "4"],
            ["-p", "4"],
            ["--part-bytes", "256KiB"],
            ["--large-table-threshold", "1000"],
            ["--max-connections", &allowed],
            ["--consistency", level],
            ["--include", "t%"],
        ];
        let most = most_connections(&server, &db, || {
            Run::new(export_args(&url, dir.path(), flags.as_flattened())).output().ok();
        });
        println!("--max-connections {limit}, --consistency {level}: {most} at most");
        assert!(most <= limit, "{most} of {limit} at level {level}");
        assert!(most >= limit - 1, "only {most} of {limit} at level {level}: the test shows nothing");
    }
}

#[test]
fn ctrl_c_removes_what_was_written() {
    let server = PgServer::shared();
    let url = server.create_db("unfinished");
    server.sql(
        "unfinished",
        "CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 8) AS pad FROM generate_series(1, 150000) g; ANALYZE",
    );
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("public/big");
    let args = ["-p", "2", "--part-bytes", "1MiB", "--large-table-threshold", "1"];
    let running = Run::new(export_args(&url, dir.path(), &args)).spawn();
    let written = |dir: &Path| files(dir).iter().filter(|f| f.ends_with(".tmp")).count();
    wait_until("some parts are written", || table.exists() && written(&table) > 3);
    signal("-INT", running.pid());
    running.finish().exits(130);
    assert_eq!(files(&table), Vec::<String>::new(), "nothing is left of the table");
}

#[test]
fn max_connections_is_kept_at_every_level() {
    let server = PgServer::start();
    let url = server.create_db("bounded");
    server.sql(
        "bounded",
        "CREATE TABLE a AS SELECT g AS id, repeat('x', 200) AS pad FROM generate_series(1, 60000) g;
         CREATE TABLE b AS TABLE a; CREATE TABLE c AS TABLE a; CREATE TABLE d AS TABLE a; ANALYZE",
    );
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakexpress'";
    for (level, limit) in [("run", 3), ("table", 5), ("none", 3)] {
        let dir = tempfile::tempdir().unwrap();
        let text = limit.to_string();
        let args = ["--consistency", level, "--max-connections", &text, "--n-jobs", "4", "-p", "4"];
        let args = [&args[..], &["--part-bytes", "1MiB", "--large-table-threshold", "1"]].concat();
        let running = Run::new(export_args(&url, dir.path(), &args)).spawn();
        let mut most = 0;
        while !dir.path().join("public/d/_manifest.json").exists() && most <= limit {
            most = most.max(server.query("bounded", count).parse::<u32>().unwrap());
        }
        running.finish().ok();
        assert!(most <= limit, "{level}: {most} connections, {limit} allowed");
        assert!(most > 1, "{level}: no connection was seen");
    }
}
