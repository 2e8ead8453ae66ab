//! Errors that pass: connections that are cut, a server that is gone, one that has no connection free.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lake::{assert_nothing_visible, assert_same, assert_tidy};
use crate::resume::{Scene, wait_until};
use crate::server::PgServer;

/// Hands on connections, and cuts the first `cuts` of them over which the server has sent more than `bytes`.
struct Cutter {
    port: u16,
    left: Arc<AtomicUsize>,
}

impl Cutter {
    fn start(to: u16, cuts: usize, bytes: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicUsize::new(cuts));
        let cuts = Arc::clone(&left);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from_client, to_server, usize::MAX, &AtomicUsize::new(0)));
                let cuts = Arc::clone(&cuts);
                std::thread::spawn(move || pass(server, client, bytes, &cuts));
            }
        });
        Self { port, left }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, limit: usize, cuts: &AtomicUsize) {
    let (mut block, mut passed) = (vec![0; 16 << 10], 0);
    while let Ok(length @ 1..) = from.read(&mut block) {
        passed += length;
        let taken = |left: usize| left.checked_sub(1);
        if passed > limit && cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok() {
            break;
        }
        if to.write_all(&block[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn retries(summary: &Value) -> u64 {
    summary["tables"].as_array().unwrap().iter().map(|table| table["retries"].as_u64().unwrap()).sum()
}

/// The run log and the report say which parts were read again, and why.
fn assert_recorded(scene: &Scene, summary: &Value) {
    let run_id = summary["run_id"].as_str().unwrap();
    // Without the destination, from the run log alone.
    let summary = scene.out.path().join(format!("_lakexpress/{run_id}.json"));
    std::fs::rename(&summary, summary.with_extension("away")).unwrap();
    let report = scene.run(&["report", run_id, "--json"]).output().ok();
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let table = &report["tables"][0];
    assert_eq!((&table["retries"], &report["totals"]["retries"]), (&3.into(), &3.into()), "{report:#}");
    let sum =
        |of: &Value| -> u64 { of.as_array().unwrap().iter().map(|p| p["retries"].as_u64().unwrap()).sum() };
    assert_eq!((sum(&table["retried"]), sum(&table["parts"])), (3, 3), "{report:#}");
    for part in table["retried"].as_array().unwrap() {
        assert_eq!(part["class"], "connection");
        assert!(part["part"].is_u64() && part["error"].as_str().unwrap().contains("closed"), "{part}");
    }
    let text = scene.run(&["report", run_id, "--parts"]).output().ok().stdout;
    assert!(text.contains("read again") && text.contains("lastly after connection"), "{text}");
    let status = scene.run(&["status", run_id, "--json"]).output().ok();
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(sum(&status["jobs"][0]["repeated"]), 3);
}

const BIG: &str = "CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 8) AS pad FROM generate_series(1, 60000) g; ANALYZE";
const CUT: &[&str] = &["-p", "2", "--part-bytes", "2MiB", "--large-table-threshold", "1"];

#[test]
fn only_the_part_is_read_again_whose_connection_was_cut() {
    let server = PgServer::shared();
    server.create_db("retry_cut");
    server.sql("retry_cut", BIG);
    for level in ["run", "table", "none"] {
        let cutter = Cutter::start(server.port(), 3, 300_000);
        let url = format!("postgres://postgres@127.0.0.1:{}/retry_cut?sslmode=disable", cutter.port);
        let scene = Scene::new(url);
        let output = scene.export(&[CUT, &["--consistency", level, "--json"]].concat()).output().ok();
        let summary: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(cutter.left.load(Ordering::SeqCst), 0, "all cuts were made");
        assert_eq!(retries(&summary), 3, "{level}\n{output}");
        assert_eq!(summary["tables"][0]["rows"], 60_000);
        let parts = summary["tables"][0]["files"].as_u64().unwrap();
        assert!(parts >= 6, "{level}: {parts} parts");
        assert_recorded(&scene, &summary);
        assert_tidy(&scene.table("big"));
        assert_same(&server.url("retry_cut"), "public.big", &scene.table("big"));
    }
    // Without retries the table fails, and nothing of it is seen.
    let cutter = Cutter::start(server.port(), 1, 300_000);
    let scene =
        Scene::new(format!("postgres://postgres@127.0.0.1:{}/retry_cut?sslmode=disable", cutter.port));
    let output = scene.export(&[CUT, &["--retries", "0"]].concat()).output().exits(75);
    assert!(output.stdout.contains("closed the connection"), "{output}");
    assert_nothing_visible(scene.out.path());
    // With one more cut than attempts, too.
    let cutter = Cutter::start(server.port(), 1000, 300_000);
    let scene =
        Scene::new(format!("postgres://postgres@127.0.0.1:{}/retry_cut?sslmode=disable", cutter.port));
    scene.export(&[CUT, &["--retries", "1"]].concat()).output().exits(75);
    assert_nothing_visible(scene.out.path());
}

#[test]
fn a_terminated_backend_costs_one_part() {
    let server = PgServer::shared();
    let url = server.create_db("retry_backend");
    server.sql(
        "retry_backend",
        "CREATE TABLE quick AS SELECT g AS id FROM generate_series(1, 1000) g;
         CREATE VIEW slow AS SELECT id, CASE WHEN id % 500 = 0 THEN pg_sleep(1)::text END AS nap FROM quick; ANALYZE",
    );
    for (sql, args) in [
        (false, vec!["-i", "slow,quick"]),
        (true, vec!["query", "SELECT id, nap FROM slow", "--name", "q", "--source", &url]),
    ] {
        let scene = Scene::new(url.clone());
        let out = scene.out.path().to_str().unwrap();
        let run = if sql {
            scene.run(&args).args(["--output-dir", out, "--json"])
        } else {
            scene.export(&args).args(["--json"])
        };
        let running = run.spawn();
        let reading = |what: &str| {
            format!(
                "SELECT {what} FROM pg_stat_activity \
                 WHERE datname = 'retry_backend' AND state = 'active' AND query LIKE 'COPY%slow%'"
            )
        };
        wait_until("the view is read", || server.query("retry_backend", &reading("count(*)")) != "0");
        server.query("retry_backend", &reading("pg_terminate_backend(pid)"));
        let output = running.finish().ok().says(&["trying again"]);
        let summary: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(retries(&summary), 1, "{output}");
        let report = scene.run(&["report", summary["run_id"].as_str().unwrap()]).output().ok();
        assert!(report.stdout.contains("once, lastly after connection 57P01: "), "{report}");
        let rows: Vec<&Value> = summary["tables"].as_array().unwrap().iter().map(|t| &t["rows"]).collect();
        assert!(rows.iter().all(|rows| **rows == 1000), "{output}");
    }
}

#[test]
fn a_server_that_is_still_starting_is_waited_for() {
    let server = PgServer::start();
    let url = server.create_db("retry_start");
    server.sql(
        "retry_start",
        "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g; ANALYZE; CHECKPOINT",
    );
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    for query in [false, true] {
        let scene = Scene::new(url.clone());
        server.kill9();
        // Without attempts to spare it is said at once.
        let begun = Instant::now();
        scene.export(&["--retries", "0"]).output().exits(75).never_says(&["trying again"]);
        scene.export(&["--retries", "1"]).output().exits(75).says(&["trying again", "attempts: 2"]);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let run = match query {
            false => scene.export(&["--retries", "7"]),
            true => scene.run(&[
                "query",
                "SELECT id FROM t",
                "--name",
                "q",
                "--source",
                &url,
                "--output-dir",
                out,
            ]),
        };
        let running = run.args(if query { &["--retries", "7"][..] } else { &[] }).spawn();
        std::thread::sleep(Duration::from_millis(1500));
        server.restart();
        running.finish().ok().says(&["before the first table: trying again"]);
        if !query {
            assert_same(&url, "public.t", &scene.table("t"));
        }
    }
}

#[test]
fn a_connection_lost_while_planning_costs_a_new_snapshot() {
    let server = PgServer::shared();
    server.create_db("retry_plan");
    let columns: Vec<String> =
        (0..40).map(|i| format!("a_column_with_quite_a_long_name_{i} integer")).collect();
    let (columns, tables) = (columns.join(", "), 150);
    let mut sql = String::new();
    for i in 0..tables {
        sql.push_str(&format!("CREATE TABLE t{i:03} ({columns}); INSERT INTO t{i:03} DEFAULT VALUES;\n"));
    }
    server.sql("retry_plan", &sql);
    for level in ["run", "table", "none"] {
        // The catalog's answer about all tables is far larger; no table is.
        let cutter = Cutter::start(server.port(), 2, 200_000);
        let url = format!("postgres://postgres@127.0.0.1:{}/retry_plan?sslmode=disable", cutter.port);
        let scene = Scene::new(url);
        let output = scene.export(&["--consistency", level, "--json"]).output().ok();
        assert_eq!(cutter.left.load(Ordering::SeqCst), 0, "{level}: all cuts were made");
        assert_eq!(output.stderr.matches("before the first table: trying again").count(), 2, "{output}");
        let summary: Value = serde_json::from_str(&output.stdout).unwrap();
        let rows: Vec<&Value> = summary["tables"].as_array().unwrap().iter().map(|t| &t["rows"]).collect();
        assert!(rows.len() == tables && rows.iter().all(|rows| **rows == 1), "{output}");
        assert_eq!(retries(&summary), 0);
    }
}

#[test]
fn a_server_that_is_gone_is_not_asked_by_every_table() {
    let server = PgServer::start();
    let url = server.create_db("retry_gone");
    // Enough that the server is gone before the last one is done.
    let tables = 240;
    let mut sql = String::new();
    for i in 0..tables {
        sql.push_str(&format!("CREATE TABLE t{i:03} AS SELECT g AS id FROM generate_series(1, 50) g;\n"));
    }
    server.sql("retry_gone", &sql);
    for level in ["none", "table", "run"] {
        let scene = Scene::new(url.clone());
        let running = scene.export(&["--consistency", level]).spawn();
        wait_until("a table is there", || scene.table("t000").join("_manifest.json").exists());
        server.kill9();
        let begun = Instant::now();
        let output = running.finish().exits_one_of(&[1, 75]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}\n{output}", begun.elapsed());
        // At level `run` the snapshot is lost with the server, which ends the run before it comes to that.
        if level != "run" {
            // Those under way, the first that was not begun, and one line for all others.
            assert!(output.stdout.matches("not tried any more").count() <= 4, "{output}");
            assert!(output.stdout.contains("more tables failed: not tried any more"), "{output}");
            assert!(output.stderr.matches("trying again").count() < 12, "{output}");
        }
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(told.contains(&format!("lakexpress resume {}", scene.run_id())), "{output}");
        server.restart();
        let (resumed, summary) = scene.resume(&scene.run_id());
        resumed.ok();
        assert_eq!(summary["tables"].as_array().unwrap().len(), tables);
        assert_same(&url, "public.t239", &scene.table("t239"));
    }
}

#[test]
fn without_a_free_connection_readers_wait() {
    let conf = [("max_connections", "7"), ("superuser_reserved_connections", "0")];
    let server = PgServer::start_with(&conf, "host all all 127.0.0.1/32 trust");
    let url = server.create_db("retry_full");
    server.sql("retry_full", BIG);
    let mut others: Vec<_> = (0..4)
        .map(|_| {
            let mut psql = server.psql_command("retry_full");
            psql.args(["-c", "SELECT pg_sleep(6)"]).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let scene = Scene::new(url.clone());
    let args = [&["-p", "4"], &CUT[2..], &["--retries", "0", "--json"]].concat();
    let output = scene.export(&args).output().ok().says(&["no connection free"]);
    assert_eq!(output.stderr.matches("no connection free").count(), 1, "it is said once\n{output}");
    let summary: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((retries(&summary), &summary["tables"][0]["rows"]), (0, &Value::from(60_000)));
    for other in &mut others {
        other.wait().unwrap();
    }
    assert_same(&url, "public.big", &scene.table("big"));
}
