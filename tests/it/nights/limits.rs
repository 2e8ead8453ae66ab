//! Limits on the source: how old a snapshot becomes, how far replicas are behind, how fast rows are read, at which hours
//! tables begin; and for whom locks are waited.

mod held;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::lake::{Output, Run, assert_nothing_visible, assert_same, assert_tidy, duck, export_args, files};
use crate::server::PgServer;

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const LATER: i32 = 75;
const DENIED: i32 = 77;

/// A run log and a destination that outlive a run.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn out(&self) -> std::path::PathBuf {
        self.dir.path().join("out")
    }

    fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::new(args).env("XDG_STATE_HOME", self.dir.path().join("state"))
    }

    fn export(&self, url: &str, extra: &[&str]) -> Run {
        self.run(export_args(url, &self.out(), extra))
    }

    /// The line that finishes a run, in a shell.
    fn paste(&self, line: &str) -> Output {
        let program = Path::new(crate::lake::program());
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let state = self.dir.path().join("state");
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", line]).env("PATH", path).env("XDG_STATE_HOME", state).output().unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"))
}

fn seconds_of(document: &Value) -> f64 {
    document["snapshot_seconds"].as_f64().unwrap_or_else(|| panic!("{document}"))
}

/// Passes everything on to the server at `port`; counts what comes back, and when.
struct Counting {
    port: u16,
    bytes: Arc<AtomicU64>,
    first: Arc<Mutex<Option<Instant>>>,
}

/// Before rows come there is less than this.
const PRELUDE: u64 = 256 << 10;

impl Counting {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let counting = Self {
            port: listener.local_addr().unwrap().port(),
            bytes: Arc::default(),
            first: Arc::default(),
        };
        let (bytes, first) = (Arc::clone(&counting.bytes), Arc::clone(&counting.first));
        spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                spawn(move || pass(up, server, |_| ()));
                let (bytes, first) = (Arc::clone(&bytes), Arc::clone(&first));
                spawn(move || {
                    pass(down, client, |count| {
                        if bytes.fetch_add(count, Ordering::SeqCst) > PRELUDE {
                            first.lock().unwrap().get_or_insert_with(Instant::now);
                        }
                    });
                });
            }
        });
        counting
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: impl Fn(u64)) {
    let mut block = [0; 64 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut block) {
        if to.write_all(&block[..bytes]).is_err() {
            break;
        }
        count(bytes as u64);
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Exports so much that it takes about `seconds` at this rate.
fn at_a_rate(db: &str, rate: &str, bytes_per_second: u64, seconds: u64) {
    let server = PgServer::shared();
    server.create_db(db);
    // A row is 2 bytes, 4 and 4 of the number, 4 and 64 of the text, and 5 around it.
    let rows = seconds * bytes_per_second / 83;
    server.sql(
        db,
        &format!(
            "CREATE TABLE t AS SELECT g::int AS id, md5(g::text) || md5((-g)::text) AS pad FROM generate_series(1, {rows}) g; \
             ANALYZE t"
        ),
    );
    let (scene, counting) = (Scene::new(), Counting::before(server.port()));
    let url = format!("postgres://postgres@127.0.0.1:{}/{db}?sslmode=disable", counting.port);
    let flags = ["-p", "2", "--large-table-threshold", "1000", "--part-bytes", "8MiB", "--max-rate", rate];
    scene.export(&url, &flags).output().ok();
    let took = counting.first.lock().unwrap().unwrap().elapsed().as_secs_f64();
    let came = counting.bytes.load(Ordering::SeqCst) as f64;
    let found = came / took;
    println!("{rate}: {came} bytes in {took:.1} s, {found:.0} per second");
    let share = found / bytes_per_second as f64;
    assert!((0.9..=1.1).contains(&share), "{share}");
    assert!(took > seconds as f64 * 0.9, "{took}");
    assert_eq!(
        duck(&format!("SELECT count(*) FROM '{}/public/t/*.parquet'", scene.out().display())),
        rows.to_string()
    );
}

#[test]
fn a_rate_is_kept_by_all_readers_together() {
    at_a_rate("limits_rate", "1MiB", 1 << 20, 10);
}

#[ignore = "make verify-nights: a minute at 5 MiB/s"]
#[test]
fn a_rate_is_kept_over_a_minute() {
    at_a_rate("limits_minute", "5MiB", 5 << 20, 60);
}

/// Two tables, and two views whose rows come slowly as long as `pace` says so.
fn slow_views(db: &str) -> String {
    let url = PgServer::shared().create_db(db);
    PgServer::shared().sql(
        db,
        "CREATE TABLE a AS SELECT g AS id FROM generate_series(1, 1000) g; CREATE TABLE b AS TABLE a; \
         CREATE TABLE pace (seconds float); INSERT INTO pace VALUES (0.02); \
         CREATE VIEW slow_1 AS SELECT id, pg_sleep((SELECT seconds FROM pace))::text AS t FROM a; \
         CREATE VIEW slow_2 AS SELECT id, pg_sleep((SELECT seconds FROM pace))::text AS t FROM b; ANALYZE",
    );
    url
}

const VIEWS: [&str; 4] = ["-i", "a,b,slow_1,slow_2", "--n-jobs", "3"];

fn under_way(db: &str) -> String {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{db}' AND application_name = 'lakexpress'"
    );
    PgServer::shared().query("postgres", &sql)
}

#[test]
fn a_snapshot_that_is_too_old_ends_the_run_with_what_was_done() {
    let (db, scene) = ("limits_age", Scene::new());
    let url = slow_views(db);
    let begun = Instant::now();
    let output = scene
        .export(&url, &[&VIEWS[..], &["--max-snapshot-age", "3s", "--json"]].concat())
        .output()
        .exits(LATER);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    output.says(&["the snapshot is as old as it may become", "--max-snapshot-age 3s"]);
    let output = scene.run(["runs", "--json", "--limit", "1"]).output().ok();
    let id = document(&output)[0]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(under_way(db), "0");
    // What was done stays, nothing else is there.
    assert_nothing_visible(&scene.out());
    for (table, done) in [("a", true), ("b", true), ("slow_1", false), ("slow_2", false)] {
        let dir = scene.out().join("public").join(table);
        if done {
            assert_tidy(&dir);
        } else {
            assert_eq!(files(&dir), [""; 0], "{table}");
        }
    }
    let report = document(&scene.run(["report", &id, "--json"]).output().ok());
    assert_eq!(report["ended_by"], "--max-snapshot-age 3s");
    assert!((3.0..6.0).contains(&seconds_of(&report)), "{report}");
    let text = scene.run(["report", &id]).output().ok().stdout;
    assert!(text.contains(", held for ") && text.contains("ended by     --max-snapshot-age 3s"), "{text}");

    // A new snapshot, which is as old as it may become as well; the run does the rest when views are quick.
    PgServer::shared().sql(db, "UPDATE pace SET seconds = 0");
    let output = scene.paste(&format!("lakexpress resume {id} --json")).exits(0);
    let document = document(&output);
    assert_eq!((&document["status"], &document["resumed"]), (&"completed".into(), &true.into()));
    assert!(seconds_of(&document) < 3.0 && document["ended_by"].is_null(), "{document}");
    for table in ["a", "b", "slow_1", "slow_2"] {
        assert_tidy(&scene.out().join("public").join(table));
    }
}

#[test]
fn the_summary_says_what_is_done_and_its_line_finishes_the_run() {
    let (db, scene) = ("limits_line", Scene::new());
    let url = slow_views(db);
    let output =
        scene.export(&url, &[&VIEWS[..], &["--max-snapshot-age", "2s"]].concat()).output().exits(LATER);
    let text = &output.stdout;
    assert!(text.contains("2 of 4 tables failed, 2 exported"), "{output}");
    assert!(
        text.contains(", held for 2.") && text.contains("ended by     --max-snapshot-age 2s"),
        "{output}"
    );
    let line = text.lines().find_map(|line| line.strip_prefix("to finish    ")).unwrap();
    // The same limit ends it again; a larger one is given to the line.
    scene.paste(line).exits(LATER);
    PgServer::shared().sql(db, "UPDATE pace SET seconds = 0.003");
    scene.paste(&format!("{line} --max-snapshot-age 5m")).exits(0);
}

#[test]
fn at_level_table_each_table_has_its_own_snapshot_and_without_one_there_is_no_age() {
    let (db, scene) = ("limits_level", Scene::new());
    let url = slow_views(db);
    let flags = ["-i", "a,b,slow_1", "--n-jobs", "1", "--max-snapshot-age", "2s", "--consistency"];
    let output = scene.export(&url, &[&flags[..], &["table", "--json"]].concat()).output().exits(LATER);
    let document = document(&output);
    assert_eq!((&document["totals"]["completed"], &document["totals"]["failed"]), (&2.into(), &1.into()));
    assert!((2.0..4.0).contains(&seconds_of(&document)), "{document}");
    let output = scene.export(&url, &[&flags[..], &["none"]].concat()).output().exits(USAGE);
    output.says(&["--max-snapshot-age", "--consistency none"]);
}

#[test]
fn a_query_and_a_sqlite_file_keep_to_the_age_too() {
    let (db, scene) = ("limits_query", Scene::new());
    let url = slow_views(db);
    let mut args: Vec<OsString> = ["query", "--source", &url, "--output-dir"].map(OsString::from).into();
    args.push(scene.out().into());
    args.extend(
        ["--source-sql", "SELECT * FROM slow_1", "--name", "slow", "--max-snapshot-age", "2s"]
            .map(Into::into),
    );
    scene.run(args).output().exits(LATER).says(&["--max-snapshot-age 2s"]);
    assert_eq!(under_way(db), "0");

    let file = scene.dir.path().join("data.db");
    rusqlite::Connection::open(&file)
        .unwrap()
        .execute_batch(
            "PRAGMA journal_mode = wal; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);
             CREATE VIEW endless AS SELECT id FROM t WHERE id = 2 AND (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s);",
        )
        .unwrap();
    let scene = Scene::new();
    let url = format!("sqlite:{}", file.display());
    let flags = ["-i", "t,endless", "--max-snapshot-age", "2s", "--json"];
    let output = scene.export(&url, &flags).output().exits(LATER);
    let document = document(&output);
    assert_eq!(document["ended_by"], "--max-snapshot-age 2s");
    assert_eq!(document["totals"]["completed"], 1);
    assert_tidy(&scene.out().join("main/t"));
}

/// Another session that holds both tables for so long.
fn holder(db: &str, seconds: u32) -> Child {
    let mut psql = PgServer::shared().psql_command(db);
    let sql = format!("BEGIN; LOCK TABLE t2, t4; SELECT pg_sleep({seconds}), 'a secret'; COMMIT");
    let child = psql.args(["-q", "-c", &sql]).stdout(Stdio::null()).spawn().unwrap();
    let held = format!(
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = '{db}')"
    );
    let begun = Instant::now();
    while PgServer::shared().query("postgres", &held) != "2" {
        assert!(begun.elapsed() < Duration::from_secs(30), "the tables are not locked");
        sleep(Duration::from_millis(20));
    }
    child
}

fn five_tables(db: &str) -> String {
    let url = PgServer::shared().create_db(db);
    for table in 1..=5 {
        PgServer::shared()
            .sql(db, &format!("CREATE TABLE t{table} AS SELECT g AS id FROM generate_series(1, 100) g"));
    }
    url
}

#[test]
fn the_log_says_for_whom_a_lock_is_waited() {
    let (db, scene) = ("limits_locks", Scene::new());
    let url = five_tables(db);
    let mut other = holder(db, 5);
    let output = scene.export(&url, &[]).output().ok();
    other.wait().unwrap();
    let output = output.says(&[
        "public.t2: waiting for its lock, which process ",
        "application psql",
        "user postgres",
    ]);
    let output = output
        .says(&["query: BEGIN; LOCK TABLE t2, t4; SELECT pg_sleep(5),", "public.t2: has its lock after "]);
    output.never_says(&["a secret"]);
    for table in 1..=5 {
        assert_same(&url, &format!("public.t{table}"), &scene.out().join(format!("public/t{table}")));
    }
}

#[ignore = "make verify-nights: two locks are waited for, a minute each"]
#[test]
fn f15_tables_whose_lock_failed_are_not_waited_for_again() {
    let (db, scene) = ("limits_f15", Scene::new());
    let url = five_tables(db);
    let mut other = holder(db, 200);
    let begun = Instant::now();
    let output = scene.export(&url, &["--json"]).output().exits(SOME_FAILED);
    let took = begun.elapsed();
    let _ = other.kill();
    other.wait().unwrap();
    assert!((120..140).contains(&took.as_secs()), "{took:?}");
    assert_eq!(document(&output)["totals"]["completed"], 3);
    output.says(&[
        "public.t4: waiting for its lock, which process ",
        "public.t4: waited 60.",
        "in vain for process ",
    ]);
}

#[test]
fn a_standby_that_does_not_replay_is_waited_for() {
    let conf = [("wal_level", "replica"), ("max_wal_senders", "4"), ("autovacuum", "off")];
    let primary = PgServer::start_with(
        &conf,
        "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust",
    );
    primary.create_db("lagging");
    primary.sql("lagging", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 50000) g; CREATE TABLE s AS SELECT g AS id FROM generate_series(1, 5000) g; CREATE ROLE poor LOGIN; GRANT SELECT ON t TO poor");
    let standby = primary.standby(&[("hot_standby_feedback", "on")]);
    let (url, scene) = (standby.url("lagging"), Scene::new());
    scene.export(&url, &["--max-replica-lag", "2s"]).output().ok().never_says(&["no part begins"]);
    standby.sql("postgres", "SELECT pg_wal_replay_pause()");
    primary.sql("lagging", "CREATE TABLE later (id int)");
    sleep(Duration::from_secs(3));

    let scene = Scene::new();
    let flags_of_age = ["--max-replica-lag", "2s", "--max-snapshot-age", "4s", "--json"];
    let output = scene.export(&url, &flags_of_age).output().exits(LATER);
    assert_eq!(document(&output)["ended_by"], "--max-snapshot-age 4s");
    let output = output.says(&["this standby is ", "--max-replica-lag 2s: no part begins"]);
    assert_eq!(output.stderr.matches("no part begins").count(), 1, "{output}");
    assert_nothing_visible(&scene.out());

    let running = Scene::new().export(&url, &["--max-replica-lag", "2s"]).spawn();
    sleep(Duration::from_secs(4));
    standby.sql("postgres", "SELECT pg_wal_replay_resume()");
    running.finish().ok().says(&["no part begins", "parts begin again"]);

    // Parts that waited for a connection ask again before they begin.
    let slow = ["--source-where", "s: pg_sleep(0.002) IS NOT NULL", "--large-table-threshold", "100"];
    let flags =
        [&slow[..], &["-i", "s", "-p", "4", "--max-connections", "3", "--max-replica-lag", "2s"]].concat();
    let running = Scene::new().export(&url, &flags).spawn();
    sleep(Duration::from_secs(2));
    standby.sql("postgres", "SELECT pg_wal_replay_pause()");
    primary.sql("lagging", "CREATE TABLE still_later (id int)");
    sleep(Duration::from_secs(12));
    standby.sql("postgres", "SELECT pg_wal_replay_resume()");
    running.finish().ok().says(&["no part begins", "parts begin again"]);

    // On a primary the replicas' own word counts, as far as it may be seen.
    let run = |user: &str| {
        Scene::new()
            .export(&primary.url_as(user, "", "lagging"), &["-i", "t", "--max-replica-lag", "30s"])
            .output()
    };
    run("poor").exits(DENIED).says(&["how far replicas are behind", "GRANT pg_monitor"]);
    primary.sql("lagging", "GRANT pg_monitor TO poor");
    run("poor").ok();

    // Nothing is received any more: what was received is replayed, and it is behind all the same.
    standby.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
    standby.sql("postgres", "SELECT pg_reload_conf()");
    primary.sql("lagging", "CREATE TABLE never_seen (id int)");
    sleep(Duration::from_secs(4));
    let output = Scene::new().export(&url, &flags_of_age).output().exits(LATER);
    output.says(&["this standby is ", "no part begins"]);
    drop(standby);
}

#[test]
fn what_has_no_replicas_refuses_the_limit() {
    let scene = Scene::new();
    let file = scene.dir.path().join("data.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (id INTEGER)").unwrap();
    let url = format!("sqlite:{}", file.display());
    let output = scene.export(&url, &["--max-replica-lag", "10s"]).output().exits(USAGE);
    output.says(&["--max-replica-lag: this source has no replicas"]);
    scene.export(&url, &["--max-rate", "1MiB"]).output().ok();
    let url = PgServer::shared().create_db("limits_alone");
    PgServer::shared().sql("limits_alone", "CREATE TABLE t (id int)");
    Scene::new().export(&url, &["--max-replica-lag", "10s"]).output().ok().says(&["has no replicas now"]);
}

/// `HH:MM` in UTC, so many minutes from now.
fn clock(minutes: i64) -> String {
    let output =
        Command::new("date").args(["-u", "+%H:%M", "-d", &format!("{minutes} minutes")]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn outside_its_hours_nothing_begins() {
    let (scene, url) = (Scene::new(), five_tables("limits_hours"));
    let hours = format!("{}-{} UTC", clock(120), clock(180));
    let output = scene.export(&url, &["--start-between", &hours]).output().exits(LATER);
    output.says(&["outside --start-between", "next opening", &clock(120)]);
    assert_eq!(files(&scene.out()), [""; 0]);
    let hours = format!("{}-{}", clock(-60), clock(60));
    scene.export(&url, &["--start-between", &hours]).env("TZ", "UTC").output().ok();
    for wrong in ["1-5", "01:00-01:00", "01:00-05:00 CET"] {
        scene.export(&url, &["--start-between", wrong]).output().exits(USAGE).says(&["01:00-05:00"]);
    }
}

#[ignore = "make verify-nights: waits for the end of a minute"]
#[test]
fn tables_do_not_begin_when_the_hours_are_over() {
    let (db, scene) = ("limits_closing", Scene::new());
    let url = slow_views(db);
    // 62 s: longer than what is left of the window.
    PgServer::shared().sql(
        db,
        "UPDATE pace SET seconds = 0.062; DROP TABLE IF EXISTS later; CREATE VIEW z AS SELECT 1 AS id",
    );
    let hours = format!("{}-{} UTC", clock(-60), clock(1));
    let flags = ["-i", "slow_1,z", "--n-jobs", "1", "--start-between", &hours, "--json"];
    let output = scene.export(&url, &flags).output().exits(LATER);
    let document = document(&output);
    assert_eq!(document["totals"]["completed"], 1, "{output}");
    assert!(document["ended_by"].as_str().unwrap().starts_with("--start-between until "), "{output}");
    let id = document["run_id"].as_str().unwrap();
    scene.paste(&format!("lakexpress resume {id}")).exits(0);
}
