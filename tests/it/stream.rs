//! `lakexpress query --format arrow`: an Arrow stream on standard output, compared with the files of the same query by
//! readers that are not ours, cut short in every way.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lake::{Output, Run, program, python, script};
use crate::mariadb::MariaDb;
use crate::server::PgServer;
use crate::tpch::tpch;

/// Runs the program with its standard output in the file that comes first.
const INTO: &[&str] = &["sh", "-c", "exec \"$@\" > \"$0\""];

fn streaming(url: &str, file: &Path, args: &[&str]) -> Run {
    let mut wrapper: Vec<&str> = INTO.to_vec();
    wrapper.push(file.to_str().unwrap());
    Run::wrapped(&wrapper, ["query", "--source", url, "--format", "arrow"]).args(args)
}

/// Streams and exports one query, and has both compared. Returns what the comparison found.
#[track_caller]
fn assert_same(url: &str, dir: &Path, sql: &[&str], flags: &[&str], compared: &[&str]) -> Value {
    let file = dir.join("result.arrows");
    streaming(url, &file, &[sql, flags].concat()).output().ok();
    let lake = dir.join("lake");
    let _ = std::fs::remove_dir_all(&lake);
    Run::new(["query", "--source", url, "--name", "q", "--output-dir"])
        .args([&lake])
        .args([sql, flags].concat())
        .output()
        .ok();
    let files = lake.join("query/q");
    let args: Vec<&str> = [&[file.to_str().unwrap(), files.to_str().unwrap()], compared].concat();
    let found = script("stream.py", args).ok();
    serde_json::from_str(&found.stdout).unwrap()
}

/// Asserts that what was streamed has no end marker.
#[track_caller]
fn assert_cut(file: &Path) {
    script("stream.py", [file.to_str().unwrap(), "--whole", "no"]).ok();
}

#[test]
fn a_stream_has_the_rows_and_types_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let parallel = ["-p", "3", "--large-table-threshold", "1000"];
    let found = assert_same(tpch(), dir.path(), &["SELECT * FROM lineitem"], &parallel, &[]);
    assert!(found["rows"].as_u64().unwrap() > 50_000 && found["columns"] == 16, "{found}");
    assert_eq!(found["snapshot"]["level"], "run");
    let ordered = "SELECT o_orderkey, o_comment, o_totalprice, o_orderdate FROM orders ORDER BY o_totalprice, o_orderkey";
    assert_same(tpch(), dir.path(), &[ordered], &parallel, &["--ordered"]);
    let joined = "SELECT n_name, count(*) AS n, sum(c_acctbal) AS total FROM customer JOIN nation ON c_nationkey = n_nationkey GROUP BY n_name ORDER BY n_name";
    assert_same(tpch(), dir.path(), &[joined], &[], &["--ordered"]);
    assert_same(tpch(), dir.path(), &["SELECT * FROM lineitem WHERE l_orderkey < 0"], &parallel, &[]);
    assert_same(
        tpch(),
        dir.path(),
        &["--source-sql", "SELECT * FROM orders"],
        &["--key", "o_orderkey", "-p", "2"],
        &[],
    );
}

#[test]
fn values_have_the_form_that_readers_take() {
    let url = PgServer::shared().create_db("stream_types");
    PgServer::shared().sql(
        "stream_types",
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE t (id int PRIMARY KEY, u uuid, n numeric(50, 5), d numeric(12, 2), j jsonb, m mood, a text[],
                         z timestamptz, at time, day date, b bytea, f float4, s smallint, c money, e interval);
         INSERT INTO t SELECT i, gen_random_uuid(), 12345678901234567890.12345 * i, i * 1.5, '{\"k\": [1, null]}', 'glad',
             ARRAY['x', NULL, 'y'], now(), '12:34:56.789', '0001-02-03', '\\x00ff', 1.1, 7, '12.34', '1 day 2 hours'
             FROM generate_series(1, 3000) AS i;
         INSERT INTO t (id) VALUES (0)",
    );
    let dir = tempfile::tempdir().unwrap();
    // Those who compare know neither decimals of 50 digits nor JSON in Parquet; --readers any makes both text.
    let fewer = "SELECT id, u, d, m, a, z, at, day, b, f, s, c, e FROM t";
    for (readers, sql) in [("any", "SELECT * FROM t"), ("modern", fewer), ("spark,duckdb", fewer)] {
        let found = assert_same(&url, dir.path(), &[sql], &["--readers", readers], &[]);
        assert_eq!(found["rows"], 3001, "{readers}");
    }
}

#[test]
fn other_databases_stream_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.sqlite");
    let made = rusqlite::Connection::open(&path).unwrap();
    made.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'a'), (2, NULL)",
    )
    .unwrap();
    drop(made);
    assert_same(&format!("sqlite:{}", path.display()), dir.path(), &["SELECT * FROM t"], &[], &[]);
    let server = MariaDb::shared();
    server.create_db("streamed");
    server.sql("streamed", "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(40, 2), at DATETIME(6)); INSERT INTO t SELECT seq, seq / 7, '2026-01-02 03:04:05.678901' FROM seq_1_to_5000");
    assert_same(&server.url("streamed"), dir.path(), &["SELECT * FROM t"], &[], &[]);
}

#[test]
fn a_server_that_dies_is_an_error_and_the_stream_has_no_end() {
    let server = PgServer::start();
    let url = server.create_db("dies");
    server.sql("dies", "CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 20) AS text FROM generate_series(1, 200000) AS i");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cut.arrows");
    let sql = "SELECT id, text FROM t";
    let running = streaming(&url, &file, &[sql, "--max-rate", "4MiB"]).spawn();
    let begun = Instant::now();
    while std::fs::metadata(&file).map_or(0, |file| file.len()) < 1 << 20 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was streamed");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.kill9();
    running.finish().exits(75);
    assert_cut(&file);
}

#[test]
fn a_value_that_cannot_be_kept_is_an_error_and_the_stream_has_no_end() {
    let url = PgServer::shared().create_db("stream_refused");
    PgServer::shared().sql(
        "stream_refused",
        "CREATE TABLE t AS SELECT i AS id, 'x'::text AS pad, CASE WHEN i = 40000 THEN 'infinity' ELSE now() END::timestamptz AS at FROM generate_series(1, 40000) AS i",
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cut.arrows");
    streaming(&url, &file, &["SELECT * FROM t"]).output().exits(65).says(&["infinity", "--special-values"]);
    assert_cut(&file);
}

/// The program with standard output in a pipe that `read` reads.
fn piped(url: &str, sql: &str, read: impl FnOnce(&mut std::process::Child)) -> Output {
    let state = tempfile::tempdir().unwrap();
    let mut child = Command::new(program())
        .args(["query", "--source", url, "--format", "arrow", sql])
        .env("XDG_STATE_HOME", state.path())
        // Standard output has rows, whatever is set for other commands.
        .env("LAKEXPRESS_JSON", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    read(&mut child);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let status = child.wait().unwrap();
    Output { code: status.code(), stdout: String::new(), stderr }
}

#[test]
fn a_reader_that_goes_away_is_an_error() {
    let ended = piped(tpch(), "SELECT * FROM lineitem", |child| {
        let mut some = [0; 1000];
        child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    });
    ended.exits(74).says(&["closed it before its end"]);
}

#[test]
fn a_signal_is_obeyed_while_nobody_reads() {
    let begun = Instant::now();
    let mut held = None;
    let ended = piped(tpch(), "SELECT * FROM lineitem", |child| {
        let mut some = [0; 1000];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut some).unwrap();
        held = Some(out);
        std::thread::sleep(Duration::from_millis(300));
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    });
    let ended = ended.exits(143).says(&["the stream was stopped"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}: {ended}", begun.elapsed());
}

/// All of it waits in the program when it ends: neither a signal nor an error waits for the reader.
#[test]
fn a_small_result_that_nobody_reads_keeps_nothing_waiting() {
    let url = PgServer::shared().create_db("stream_small");
    PgServer::shared().sql(
        "stream_small",
        "CREATE TABLE t AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 8000) AS i",
    );
    for (sql, code, says) in [
        ("SELECT * FROM t", 143, "the stream was stopped"),
        ("SELECT id, pad, 1 / (8000 - id) AS n FROM t ORDER BY id", 65, "Divide by zero"),
    ] {
        let mut held = None;
        let mut waited = Duration::ZERO;
        let mut ended = piped(&url, sql, |child| {
            let mut some = [0; 8];
            let mut out = child.stdout.take().unwrap();
            let _ = out.read(&mut some).unwrap();
            held = Some(out);
            std::thread::sleep(Duration::from_millis(500));
            let begun = Instant::now();
            let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
            child.wait().unwrap();
            waited = begun.elapsed();
        });
        ended = ended.exits(code).says(&[says]);
        assert!(waited < Duration::from_secs(5), "{waited:?}: {ended}");
    }
}

#[test]
fn standard_output_that_takes_nothing_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let read_only = ["sh", "-c", "exec \"$@\" 1<\"$0\"", file.to_str().unwrap()];
    let args = ["query", "--source", tpch(), "--format", "arrow", "SELECT * FROM nation"];
    Run::wrapped(&read_only, args).output().exits(74).says(&["cannot write to standard output"]);
}

#[test]
fn what_is_for_files_is_refused() {
    let sql = "SELECT 1 AS one";
    for (flags, says) in [
        (&["--output-dir", "/tmp/lake", sql][..], "--output-dir names a directory"),
        (&["--compression", "zstd", sql], "--compression is not for --format arrow"),
        (&["--name", "x", sql], "--name is not for --format arrow"),
        (&["--script", "-"], "--script is not for --format arrow"),
        (&["--json", sql], "--json is not for --format arrow"),
        (&[], "no query"),
    ] {
        let refused = Run::new(["query", "--source", tpch(), "--format", "arrow"]).args(flags).output();
        let refused = refused.exits(2);
        assert!(refused.to_string().contains(says), "{flags:?}: {refused}");
    }
    // What stands in the environment is for all commands.
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("one.arrows");
    let run = streaming(tpch(), &file, &["--output-dir", "-", "SELECT n_name FROM nation"]);
    run.env("LAKEXPRESS_COMPRESSION", "zstd").output().ok().says(&["25 rows streamed"]);
    let wrong = "SELECT n_nam FROM nation";
    streaming(tpch(), &file, &[wrong]).output().exits(2).says(&["did you mean n_name?"]);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0, "nothing before all is planned");
}

#[test]
fn a_terminal_is_no_place_for_a_stream() {
    let run = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let ended = Command::new(python())
        .args(["-c", run, program(), "query", "--source", tpch(), "--format", "arrow", "SELECT 1 AS one"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.code() == Some(2) && text.contains("is a terminal"), "{:?} {text}", ended.status);
}
