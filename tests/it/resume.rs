//! `lakexpress resume`: what was finished is not read again, what was not is exported whole.
//!
//! `LAKEXPRESS_RESUME_TABLES` sets how many tables the long tests have (60 unless set) and `LAKEXPRESS_RESUME_RUNS` how
//! often they kill (2); `make verify-resume` takes 2,000 and 20.

mod committed;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

use crate::lake::{
    Output, Run, Running, assert_same, assert_tidy, duck, env_number, export_args, files, json, manifest,
};
use crate::server::PgServer;

/// A database, a destination, and a run log that outlives a run.
pub(crate) struct Scene {
    pub(crate) url: String,
    pub(crate) state: TempDir,
    pub(crate) out: TempDir,
}

impl Scene {
    pub(crate) fn new(url: String) -> Self {
        Self { url, state: tempfile::tempdir().unwrap(), out: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::new(args).env("XDG_STATE_HOME", self.state.path())
    }

    pub(crate) fn export(&self, extra: &[&str]) -> Run {
        Run::new(export_args(&self.url, self.out.path(), extra)).env("XDG_STATE_HOME", self.state.path())
    }

    /// The id of the latest run.
    pub(crate) fn run_id(&self) -> String {
        let runs: Value =
            serde_json::from_str(&self.run(&["runs", "--limit", "1", "--json"]).output().ok().stdout)
                .unwrap();
        runs[0]["run_id"].as_str().expect("a run").to_owned()
    }

    /// Tables of schema `public` with a document of this name.
    fn with(&self, name: &str) -> BTreeSet<String> {
        let public = self.out.path().join("public");
        let entries = std::fs::read_dir(&public).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.path().join(name).exists())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    pub(crate) fn table(&self, name: &str) -> PathBuf {
        self.out.path().join("public").join(name)
    }

    /// Resumes, and returns what the program says in JSON.
    pub(crate) fn resume(&self, run_id: &str) -> (Output, Value) {
        let output = self.run(&["resume", run_id, "--json"]).output();
        let summary = serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"));
        (output, summary)
    }
}

fn kept(summary: &Value) -> BTreeSet<String> {
    let tables = summary["tables"].as_array().unwrap();
    let kept = tables.iter().filter(|table| table["kept"] == true);
    kept.map(|table| table["table"]["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until `ready`, for a minute at most.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Some number below `limit`, another one each time.
fn any(limit: usize) -> usize {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as usize;
    (nanos / 1000).wrapping_mul(2_654_435_761) / 65_536 % limit.max(1)
}

const FLAGS: &[&str] = &["-p", "2", "--part-bytes", "1MiB", "--large-table-threshold", "1000"];

/// `count` small tables and one of several parts.
fn fill(server: &PgServer, db: &str, count: usize) {
    let mut sql = String::from(
        "CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 4) AS label, g / 7.0::numeric(12,2) AS amount
             FROM generate_series(1, 40000) g;\n",
    );
    for i in 0..count {
        sql.push_str(&format!(
            "CREATE TABLE t{i:04} AS SELECT g AS id, 'row ' || g || ' of {i}' AS label, g * {i} / 7.0 AS amount
                 FROM generate_series(1, {}) g;\n",
            i % 40 + 1
        ));
    }
    sql.push_str("ANALYZE;\nCHECKPOINT;\n");
    server.sql(db, &sql);
}

/// Per table its rows and the sum of their hashes, by DuckDB.
fn fingerprint(dir: &Path) -> String {
    duck(&format!(
        "SELECT t, count(*), sum(h) FROM (
             SELECT regexp_extract(filename, 'public/([^/]+)/', 1) AS t, hash(id, label, amount::VARCHAR)::HUGEINT AS h
             FROM read_parquet('{}/public/*/*.parquet', filename = true, union_by_name = true))
         GROUP BY t ORDER BY t",
        dir.display()
    ))
}

/// Tables that were read since the server's statistics began.
fn scanned(server: &PgServer, db: &str) -> BTreeSet<String> {
    // The statistics of a connection are there when it has ended.
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakexpress'";
    wait_until("our connections have ended", || server.query(db, ours) == "0");
    let rows = server.query(
        db,
        "SELECT relname FROM pg_stat_user_tables WHERE seq_scan > 0 OR seq_tup_read > 0 OR coalesce(idx_scan, 0) > 0",
    );
    rows.lines().map(str::to_owned).collect()
}

/// An export of many tables that was begun, and what one without interruption gives.
struct Many {
    server: PgServer,
    url: String,
    tables: BTreeSet<String>,
    expected: String,
}

impl Many {
    fn new() -> Self {
        let server = PgServer::start();
        let url = server.create_db("many");
        let count = env_number("LAKEXPRESS_RESUME_TABLES", 60);
        fill(&server, "many", count);
        let whole = Scene::new(url.clone());
        whole.export(FLAGS).output().ok();
        assert_same(&url, "public.big", &whole.table("big"));
        assert_same(&url, "public.t0001", &whole.table("t0001"));
        let mut tables: BTreeSet<String> = (0..count).map(|i| format!("t{i:04}")).collect();
        tables.insert("big".into());
        let expected = fingerprint(whole.out.path());
        assert_eq!(expected.lines().count(), tables.len());
        Self { server, url, tables, expected }
    }

    /// Starts an export and returns when a random number of its tables are there.
    fn begun(&self) -> (Scene, Running) {
        let scene = Scene::new(self.url.clone());
        let running = scene.export(FLAGS).spawn();
        let moment = any(self.tables.len());
        // Before that there is no run, and nothing to resume.
        let announced = || files(&scene.out.path().join("_lakexpress")).iter().any(|f| f.ends_with(".json"));
        wait_until("the run is announced", announced);
        wait_until("some tables are there", || scene.with("_manifest.json").len() >= moment);
        sleep(Duration::from_micros(any(20_000) as u64));
        (scene, running)
    }

    /// Everything is as without an interruption, nothing is left over, and manifests tell the moments apart.
    fn assert_whole(&self, scene: &Scene, summary: &Value, finished: &BTreeSet<String>) {
        assert_eq!(summary["status"], "completed", "{summary:#}");
        assert_eq!(kept(summary), *finished);
        assert_eq!(fingerprint(scene.out.path()), self.expected);
        for table in &self.tables {
            assert_tidy(&scene.table(table));
            assert_eq!(manifest(&scene.table(table))["run_id"], summary["run_id"]);
        }
        let left: Vec<&String> = self.tables.difference(finished).collect();
        if let (Some(old), Some(new)) = (finished.first(), left.first()) {
            let (old, new) = (manifest(&scene.table(old)), manifest(&scene.table(new)));
            assert_ne!(old["snapshot"], new["snapshot"]);
            assert_eq!(new["earlier_snapshots"][0], old["snapshot"], "{new:#}");
            assert_eq!(summary["earlier_snapshots"][0], old["snapshot"]);
        }
    }
}

#[test]
fn a_killed_server_and_a_resumed_run() {
    let many = Many::new();
    for round in 0..env_number("LAKEXPRESS_RESUME_RUNS", 2) {
        let (scene, running) = many.begun();
        many.server.kill9();
        let begun = Instant::now();
        let output = running.finish();
        let ended = begun.elapsed();
        many.server.restart();
        let finished = scene.with("_manifest.json");
        if finished.len() < many.tables.len() {
            assert!(matches!(output.code, Some(75 | 1)), "{output}");
            assert!(ended < Duration::from_secs(30), "it went on for {ended:?}\n{output}");
        }
        let run_id = scene.run_id();
        assert_eq!(scanned(&many.server, "many"), BTreeSet::new(), "statistics begin anew after a crash");
        let (resumed, summary) = scene.resume(&run_id);
        resumed.ok();
        let left: BTreeSet<String> = many.tables.difference(&finished).cloned().collect();
        assert_eq!(
            scanned(&many.server, "many"),
            left,
            "round {round}: exactly the unfinished ones are read"
        );
        many.assert_whole(&scene, &summary, &finished);
        println!("round {round}: {} tables kept, {} exported after the crash", finished.len(), left.len());
        scene.run(&["resume", &run_id]).output().ok();
    }
}

#[test]
fn a_killed_process_and_a_resumed_run() {
    let many = Many::new();
    for round in 0..env_number("LAKEXPRESS_RESUME_RUNS", 2) {
        let (scene, running) = many.begun();
        running.kill9();
        let (mut finished, begun) = (scene.with("_manifest.json"), scene.with("_commit.json"));
        // A commit that was begun is finished, from the destination alone.
        finished.extend(begun.iter().cloned());
        scanned(&many.server, "many");
        many.server.query("many", "SELECT pg_stat_reset()");
        let (resumed, summary) = scene.resume(&scene.run_id());
        resumed.ok();
        let read = scanned(&many.server, "many");
        let left: BTreeSet<String> = many.tables.difference(&finished).cloned().collect();
        assert_eq!(read, left, "round {round}");
        many.assert_whole(&scene, &summary, &finished);
        println!("round {round}: {} kept, {} commits finished", finished.len(), begun.len());
    }
}

/// A database with a quick table and a view that takes a while.
fn slow(name: &str) -> (&'static PgServer, Scene) {
    let server = PgServer::shared();
    let url = server.create_db(name);
    server.sql(
        name,
        "CREATE TABLE quick AS SELECT g AS id FROM generate_series(1, 100) g;
         CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(4)::text AS nothing; ANALYZE",
    );
    (server, Scene::new(url))
}

fn is_read(server: &PgServer, db: &str) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lakexpress' AND state = 'active' AND query LIKE 'COPY%'";
    server.query(db, sql) != "0"
}

#[test]
fn one_at_a_time() {
    let (server, scene) = slow("resume_twice");
    let running = scene.export(&["-i", "quick, slow"]).spawn();
    wait_until("the view is read", || is_read(server, "resume_twice"));
    wait_until("the table is there", || scene.table("quick").join("_manifest.json").exists());
    let run_id = scene.run_id();
    scene.run(&["resume", &run_id]).output().exits(75).says(&["still under way", &run_id]);
    running.kill9();
    wait_until("the server has noticed", || !is_read(server, "resume_twice"));
    let first = scene.run(&["resume", &run_id[..18]]).spawn();
    wait_until("the view is read again", || is_read(server, "resume_twice"));
    scene.run(&["resume", &run_id]).output().exits(75).says(&["being resumed already"]);
    let first = first.finish().ok();
    assert!(first.stdout.contains("1 table was finished before"), "{first}");
    let done = scene.run(&["--resume", &run_id]).output().ok();
    assert!(done.stdout.contains("nothing to resume: all 2 tables"), "{done}");
    let status: Value =
        serde_json::from_str(&scene.run(&["status", &run_id, "--json"]).output().ok().stdout).unwrap();
    assert_eq!(status["status"], "completed");
    assert_eq!(status["jobs"].as_array().unwrap().iter().filter(|j| j["status"] == "completed").count(), 2);
    assert_eq!(json(&scene.out.path().join(format!("_lakexpress/{run_id}.json")))["resumed"], true);
}

#[test]
fn messages() {
    let server = PgServer::shared();
    let url = server.create_db("resume_messages");
    server.sql(
        "resume_messages",
        "CREATE TABLE a AS SELECT 1 AS id; CREATE TABLE b AS TABLE a; CREATE TABLE c AS TABLE a",
    );
    let url = url.replace("postgres@", "postgres:hidden-word@");
    let scene = Scene::new(url);
    scene.run(&["resume", "0199"]).output().exits(2).says(&["Run ID not found: '0199'", "lakexpress runs"]);
    scene.export(&["--compression", "snappy", "--sub-path", "deep"]).output().ok();
    let run_id = scene.run_id();
    let status = scene.run(&["status", &run_id, "--json"]).output().ok().never_says(&["hidden-word"]);
    assert!(status.stdout.contains("source_had_password"), "{status}");
    scene.run(&["resume", &run_id]).output().exits(2).says(&["password is not in the run log", "--source"]);
    let resume = |more: &[&str]| scene.run(&[&["resume", &run_id, "--source", &scene.url], more].concat());
    resume(&[]).output().ok();
    let differ = ["--compression", "lz4", "-i", "a%", "--sub-path", "deep"];
    let said = resume(&differ).output().exits(2).says(&["differ", "--compression", "snappy", "--include"]);
    said.never_says(&["--sub-path (", "hidden-word"]);
    resume(&["--compression", "snappy", "--n-jobs", "1"]).output().ok();
    resume(&["--resume", "other"]).output().exits(2).says(&["two runs"]);
    scene.run(&["plan", "--resume", &run_id]).output().exits(2);
    // What the destination does not have is not finished, whatever the run log says.
    let deep = scene.out.path().join("deep/public");
    std::fs::remove_file(deep.join("b/part-00000.parquet")).unwrap();
    server.sql("resume_messages", "CREATE TABLE d AS TABLE a");
    let again = resume(&["--json"]).output().ok().says(&["exported again", "new since", "public.d"]);
    assert_eq!(kept(&serde_json::from_str(&again.stdout).unwrap()), ["a", "c"].map(str::to_owned).into());
    assert_tidy(&deep.join("b"));
    assert!(!deep.join("d").exists());
    // A table that is gone is named; the others are done.
    std::fs::remove_file(deep.join("b/_manifest.json")).unwrap();
    std::fs::remove_file(deep.join("b/part-00000.parquet")).unwrap();
    std::fs::remove_file(deep.join("c/part-00000.parquet")).unwrap();
    server.sql("resume_messages", "DROP TABLE b");
    let output = resume(&[]).output().exits(1);
    assert!(output.stdout.contains("public.b") && output.stdout.contains("does not exist"), "{output}");
    assert_tidy(&deep.join("c"));
}

#[test]
fn queries_and_auth_files() {
    let (server, scene) = slow("resume_queries");
    let dir = tempfile::tempdir().unwrap();
    let auth = serde_json::json!({
        "db": { "ds_type": "postgres", "auth_mode": "classic", "info": {
            "username": "postgres", "server": "127.0.0.1", "port": server.port(), "database": "resume_queries" } },
        "log": { "ds_type": "sqlite", "auth_mode": "filesystem", "info": { "filepath": dir.path().join("log.sqlite") } },
    });
    std::fs::write(dir.path().join("auth.json"), auth.to_string()).unwrap();
    let text =
        "COPY (SELECT id, id * 2 AS twice FROM quick) TO 'first'; COPY (SELECT id FROM slow) TO 'second';";
    std::fs::write(dir.path().join("script.sql"), text).unwrap();
    // Relative paths: the run is resumed from somewhere else.
    let run = scene.run(&["query", "--script", "script.sql", "-a", "auth.json", "--source-db-auth-id", "db"]);
    let running = run.args(["--output-dir", "out"]).current_dir(dir.path()).spawn();
    let first = dir.path().join("out/query/first");
    wait_until("the first is there", || first.join("_manifest.json").exists());
    wait_until("the view is read", || is_read(server, "resume_queries"));
    running.kill9();
    let output = scene.run(&["resume", &scene.run_id(), "--json"]).output().ok();
    let summary: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(kept(&summary), ["first".to_owned()].into());
    assert_eq!(manifest(&dir.path().join("out/query/second"))["rows"], 1);
    assert_tidy(&dir.path().join("out/query/second"));
    // The run log of an auth file is named again.
    let flags = ["-a", "auth.json", "--log-db-auth-id", "log"];
    let export = scene.run(&["export", "--source-db-auth-id", "db", "-i", "quick", "--output-dir", "tables"]);
    export.args(flags).current_dir(dir.path()).output().ok();
    let runs = scene.run(&["runs", "--json"]).args(flags).current_dir(dir.path()).output().ok();
    let runs: Value = serde_json::from_str(&runs.stdout).unwrap();
    let run_id = runs[0]["run_id"].as_str().unwrap();
    scene.run(&["resume", run_id]).output().exits(2).says(&["Run ID not found"]);
    scene.run(&["resume", run_id]).args(flags).current_dir(dir.path()).output().ok();
    assert!(files(&dir.path().join("tables")).iter().any(|file| file.ends_with("_manifest.json")));
}
