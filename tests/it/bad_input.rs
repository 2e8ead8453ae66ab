//! What bad input gets: the right exit code, one message that names the cause, no secret, and no data at the
//! destination that looks finished.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lake::{
    Output, Run, assert_nothing_visible, assert_same, assert_tidy, export, export_args, files, mounted,
};
use crate::server::PgServer;

const SECRET: &str = "s3cr3t-Zebra";

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 75;
const DENIED: i32 = 77;
const CONFIG: i32 = 78;

/// A database of the shared server with one table, `public.people (id, name, born)`.
fn people(db: &str) -> String {
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE TABLE people (id int PRIMARY KEY, name text, born date);
         INSERT INTO people VALUES (1, 'Ada', '1815-12-10'), (2, 'Alan', '1912-06-23'); ANALYZE people;",
    );
    url
}

/// A run with this auth file and the source `pg`.
struct AuthRun {
    dir: TempDir,
    output: Output,
}

impl AuthRun {
    fn new(auth: &str) -> Self {
        Self::with_id(auth, "pg")
    }

    fn with_id(auth: &str, id: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.json");
        fs::write(&file, auth).unwrap();
        let out = dir.path().join("out");
        let output =
            Run::new(["export", "-a"]).args([&file]).args(["--source-db-auth-id", id, "--output-dir"]);
        let output = output.args([&out]).output();
        Self { dir, output }
    }

    /// Refused with this code and these words, before anything was written.
    #[track_caller]
    fn refused(self, code: i32, words: &[&str]) {
        self.output.exits(code).says(words).never_says(&[SECRET]);
        assert_eq!(files(&self.dir.path().join("out")), [""; 0]);
    }
}

/// An entry with every key, some replaced or added.
fn entry(changes: &[(&str, serde_json::Value)]) -> String {
    let mut info = serde_json::json!({
        "username": "postgres", "password": SECRET, "server": "127.0.0.1", "port": 1, "database": "x"
    });
    for (key, value) in changes {
        match value {
            serde_json::Value::Null => info.as_object_mut().unwrap().remove(*key),
            other => info.as_object_mut().unwrap().insert((*key).into(), other.clone()),
        };
    }
    serde_json::json!({"pg": {"ds_type": "postgres", "auth_mode": "classic", "info": info}}).to_string()
}

#[track_caller]
fn refused(url: &str, extra: &[&str], codes: &[i32]) -> Output {
    let out = tempfile::tempdir().unwrap();
    let output = export(url, out.path(), extra).exits_one_of(codes).never_says(&[SECRET]);
    assert_nothing_visible(out.path());
    output
}

#[test]
fn an_unknown_id_is_answered_with_the_ids_there_are() {
    AuthRun::with_id(&entry(&[]), "pgg").refused(CONFIG, &["pgg", "pg"]);
}

#[test]
fn keys_of_an_entry() {
    let null = serde_json::Value::Null;
    AuthRun::new(&entry(&[("server", null.clone())])).refused(CONFIG, &["pg", "server"]);
    AuthRun::new(&entry(&[("username", null.clone()), ("usernme", "x".into())]))
        .refused(CONFIG, &["usernme", "username"]);
    AuthRun::new(&entry(&[("port", "many".into())])).refused(CONFIG, &["pg", "port"]);
    AuthRun::new(&entry(&[("colour", "blue".into())])).refused(CONFIG, &["pg", "colour"]);
    // All problems of an entry at once.
    AuthRun::new(&entry(&[("server", null), ("port", "many".into()), ("colour", "blue".into())]))
        .refused(CONFIG, &["server", "port", "colour"]);
}

#[test]
fn entries_that_are_no_entries() {
    AuthRun::new(r#"{"pg": {"ds_type": "postgrse", "info": {}}}"#).refused(CONFIG, &["postgrse", "postgres"]);
    AuthRun::new(r#"{"pg": 7}"#).refused(CONFIG, &["pg"]);
    AuthRun::new(r#"{"pg": {"ds_type": "postgres"}}"#).refused(CONFIG, &["pg", "info"]);
    let variable = entry(&[("password", "${LAKEXPRESS_TEST_NOT_SET}".into())]);
    AuthRun::new(&variable).refused(CONFIG, &["LAKEXPRESS_TEST_NOT_SET"]);
}

#[test]
fn an_auth_file_that_is_not_json() {
    AuthRun::new(&format!("{{\n  \"pg\": {{ \"password\": \"{SECRET}\" \"port\": 1 }}\n}}"))
        .refused(CONFIG, &["auth.json", "line 2"]);
    AuthRun::new("").refused(CONFIG, &["auth.json"]);
    AuthRun::new("[1]").refused(CONFIG, &["auth.json"]);
}

#[test]
fn an_auth_file_that_cannot_be_read() {
    let out = tempfile::tempdir().unwrap();
    for path in ["/nonexistent/auth.json", out.path().to_str().unwrap()] {
        let args = ["export", "-a", path, "--source-db-auth-id", "pg", "--output-dir"];
        Run::new(args).args([out.path()]).output().exits(CONFIG).says(&[path]);
    }
    assert_eq!(files(out.path()), [""; 0]);
}

#[test]
fn a_wrong_password_and_an_unknown_user() {
    let server = PgServer::start_with(&[], "host all all 127.0.0.1/32 scram-sha-256");
    server.sql("postgres", "CREATE ROLE reader LOGIN PASSWORD 'right'; CREATE TABLE t AS SELECT 1 AS id;");
    server.sql("postgres", "GRANT SELECT ON t TO reader");
    refused(&server.url_as("reader", SECRET, "postgres"), &[], &[DENIED]).says(&["reader", "password"]);
    refused(&server.url_as("nobody_there", SECRET, "postgres"), &[], &[DENIED]).says(&["nobody_there"]);
    let changes =
        [("username", "reader".into()), ("port", server.port().into()), ("database", "postgres".into())];
    AuthRun::new(&entry(&changes)).refused(DENIED, &["reader", "password"]);
    let out = tempfile::tempdir().unwrap();
    export(&server.url_as("reader", "right", "postgres"), out.path(), &["-i", "public.t"]).ok();
}

#[test]
fn servers_that_are_not_there() {
    let unknown = format!("postgres://postgres:{SECRET}@no-such-host.invalid/db?sslmode=disable");
    refused(&unknown, &[], &[UNAVAILABLE]).says(&["no-such-host.invalid"]);
    let port = crate::server::free_port();
    let closed = format!("postgres://postgres:{SECRET}@127.0.0.1:{port}/db?sslmode=disable");
    refused(&closed, &[], &[UNAVAILABLE]).says(&["127.0.0.1", &port.to_string()]);
}

#[test]
fn sources_that_are_not_there() {
    refused(&PgServer::shared().url("no_such_database"), &[], &[CONFIG]).says(&["no_such_database"]);
    let unknown = format!("mongodbb://user:{SECRET}@127.0.0.1/db");
    refused(&unknown, &[], &[USAGE, CONFIG]).says(&["mongodbb"]);
    refused("not a url", &[], &[USAGE, CONFIG]);
}

#[test]
fn a_table_without_the_right_to_read_it_fails_alone() {
    let url = people("denied");
    let server = PgServer::shared();
    server.sql(
        "denied",
        "CREATE TABLE payroll AS SELECT 1 AS id;
         DROP ROLE IF EXISTS denied_reader; CREATE ROLE denied_reader LOGIN; GRANT SELECT ON people TO denied_reader;",
    );
    let out = tempfile::tempdir().unwrap();
    export(&server.url_as("denied_reader", "", "denied"), out.path(), &[])
        .exits(SOME_FAILED)
        .says(&["public.payroll", "permission denied"]);
    assert_nothing_visible(out.path());
    let people = out.path().join("public/people");
    assert_tidy(&people);
    assert_same(&url, "public.people", &people);
    assert!(!out.path().join("public/payroll/_manifest.json").exists());
    server.sql("denied", "DROP OWNED BY denied_reader; DROP ROLE denied_reader");
}

/// Two of three tables cannot be read, for the same reason.
fn two_denied(db: &str) -> String {
    people(db);
    let server = PgServer::shared();
    let role = format!("{db}_reader");
    server.sql(
        db,
        &format!(
            "CREATE TABLE payroll AS SELECT 1 AS id; CREATE TABLE bonus AS SELECT 1 AS id;
             DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN; GRANT SELECT ON people TO {role};"
        ),
    );
    server.url_as(&role, "", db)
}

#[test]
fn b29_a_partly_failed_run_says_how_many_failed_and_how_many_did_not() {
    let url = two_denied("b29");
    let out = tempfile::tempdir().unwrap();
    let run = export(&url, out.path(), &[]).exits(SOME_FAILED);
    assert!(run.stdout.contains("2 of 3 tables failed, 1 exported: "), "{run}");
    let out = tempfile::tempdir().unwrap();
    let run = export(&url, out.path(), &["-i", "people"]).ok();
    assert!(run.stdout.contains("completed: 1 of 1 table, "), "{run}");
}

#[test]
fn remedies_are_said_also_under_quiet() {
    let url = two_denied("quiet_hints");
    for flags in [&["-q"][..], &["--json"], &["-q", "--json"]] {
        let out = tempfile::tempdir().unwrap();
        let run = export(&url, out.path(), flags).exits(SOME_FAILED);
        assert_eq!(run.stdout.is_empty(), flags == ["-q"], "{run}");
        run.says(&[
            "GRANT SELECT ON public.payroll",
            "GRANT SELECT ON public.bonus",
            "hint for public.payroll",
        ]);
    }
    let out = tempfile::tempdir().unwrap();
    let run = export(&url, out.path(), &["-q", "-i", "people"]).ok();
    assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run}");
}

#[test]
fn a_pattern_that_matches_nothing() {
    let url = people("nothing");
    refused(&url, &["-i", "peoples"], &[USAGE, CONFIG]).says(&["peoples"]);
    refused(&url, &["--source-schema-name", "pubic"], &[USAGE, CONFIG]).says(&["pubic"]);
}

#[test]
fn both_or_neither_destination() {
    let url = people("destinations");
    let both = refused(&url, &["--target-storage-id", "s3"], &[USAGE]);
    both.says(&["--output-dir", "--target-storage-id"]);
    let neither = Run::new(["export", "--source", &url]).output();
    neither.exits(USAGE).says(&["--output-dir"]);
    Run::new(["export", "--output-dir", "/nonexistent"]).output().exits(USAGE).says(&["--source"]);
}

#[test]
fn flags_that_are_wrong() {
    let url = people("flags");
    refused(&url, &["--n-jbos", "2"], &[USAGE]).says(&["--n-jbos", "--n-jobs"]);
    refused(&url, &["--n-jobs", "0"], &[USAGE]).says(&["--n-jobs"]);
    refused(&url, &["--part-bytes", "12 parsecs"], &[USAGE]).says(&["--part-bytes", "12 parsecs"]);
    refused(&url, &["--compression", "zip"], &[USAGE]).says(&["zip", "zstd"]);
    refused(&url, &["--table-config", "people:Sideways::"], &[USAGE]).says(&["Sideways", "Ctid"]);
    refused(&url, &["--sub-path", "../elsewhere"], &[USAGE, CONFIG]).says(&[".."]);
}

#[test]
fn an_output_directory_that_cannot_be_written() {
    let url = people("unwritable");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    export(&url, &file, &[]).exits(CONFIG).says(&[file.to_str().unwrap(), "directory"]);
    export(&url, &file.join("below"), &[]).exits(CONFIG).says(&["directory"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a directory");
    export(&url, Path::new("/proc/lakexpress"), &[])
        .exits_one_of(&[UNAVAILABLE, DENIED, CONFIG])
        .says(&["/proc"]);

    let read_only = dir.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    let script = r#"mount -t tmpfs -o ro tmpfs "$1" || exit 99; shift; exec "$@""#;
    let run = Run::wrapped(&mounted(script, &[&read_only]), export_args(&url, &read_only, &[]));
    run.output().exits(DENIED).says(&["read-only", read_only.to_str().unwrap()]);
}

#[test]
fn columns_and_filters_that_make_no_sense() {
    let url = people("expressions_wrong");
    let codes = [USAGE];
    refused(&url, &["--columns", "public.people: id, nmae"], &codes).says(&["nmae", "name", "people"]);
    refused(&url, &["--where", "public.people: brn > '1900-01-01'"], &codes).says(&["brn", "born", "people"]);
    refused(&url, &["--where", "public.people: id > > 1"], &codes)
        .says(&["--where"])
        .says_one_of(&["column", "position"]);
    // What is missing at the end has a place too.
    refused(&url, &["--where", "public.people: id >"], &[USAGE]).says(&["--where", "line: 1, column: 5"]);
    refused(&url, &["--where", "no colon here"], &[USAGE]).says(&["--where"]);
}

/// Waits until the server runs a statement that matches `pattern` (LIKE) in `db`.
fn wait_for_statement(server: &PgServer, db: &str, pattern: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = '{db}' AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '{pattern}'"
    );
    while server.query("postgres", &query) == "0" {
        assert!(Instant::now() < deadline, "no statement like {pattern} was seen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A view whose rows come slowly: some seconds for all of them.
const SLOW_VIEW: &str =
    "CREATE VIEW slow AS SELECT i AS id, pg_sleep(0.02)::text AS nap FROM generate_series(1, 200) i;";

#[test]
fn a_table_dropped_during_the_run_is_whole_or_an_error() {
    let server = PgServer::shared();
    for consistency in ["run", "none"] {
        let url = people("dropped");
        server.sql("dropped", SLOW_VIEW);
        server.sql(
            "dropped",
            "CREATE TABLE zoo AS SELECT i AS id FROM generate_series(1, 5000) i; ANALYZE zoo;",
        );
        let out = tempfile::tempdir().unwrap();
        let flags = ["-i", "slow, people, zoo", "--n-jobs", "1", "--consistency", consistency];
        let running = Run::new(export_args(&url, out.path(), &flags)).spawn();
        wait_for_statement(server, "dropped", "%COPY%slow%");
        // Refused while the run holds its locks, as it does for a consistent one.
        let mut psql = server.psql_command("dropped");
        psql.args(["-q", "-c", "SET lock_timeout = '500ms'", "-c", "DROP TABLE people, zoo"]);
        let dropped = psql.output().unwrap().status.success();
        assert!(!(dropped && consistency == "run"), "a table of a consistent run could be dropped");
        let output = running.finish().no_panic();
        assert_nothing_visible(out.path());
        let mut missing = 0;
        for table in ["people", "zoo", "slow"] {
            let dir: PathBuf = out.path().join("public").join(table);
            if dir.join("_manifest.json").exists() {
                assert_tidy(&dir);
            } else {
                missing += 1;
                assert!(output.stderr.contains(table), "{table} is missing without a word\n{output}");
            }
        }
        assert!(out.path().join("public/slow/_manifest.json").exists(), "{output}");
        output.exits(if missing > 0 { SOME_FAILED } else { 0 });
    }
}

#[test]
fn a_server_that_dies_during_the_run() {
    let server = PgServer::start();
    let url = server.create_db("dying");
    server.sql("dying", SLOW_VIEW);
    let out = tempfile::tempdir().unwrap();
    let running = Run::new(export_args(&url, out.path(), &["-i", "slow"])).spawn();
    wait_for_statement(&server, "dying", "%COPY%slow%");
    server.kill9();
    running.finish().exits(UNAVAILABLE).says_one_of(&["connection", "server"]);
    assert_nothing_visible(out.path());
    assert!(!out.path().join("public/slow/_manifest.json").exists());
}

#[test]
fn a_cut_connection_in_the_middle_of_a_large_table() {
    let server = PgServer::shared();
    let url = server.create_db("cut");
    server.sql("cut", SLOW_VIEW);
    let out = tempfile::tempdir().unwrap();
    let running = Run::new(export_args(&url, out.path(), &["-i", "slow"])).spawn();
    wait_for_statement(server, "cut", "%COPY%slow%");
    server.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut' AND query LIKE '%COPY%'");
    let output = running.finish().no_panic();
    assert_nothing_visible(out.path());
    // Tried again and whole, or an error: never a shorter table.
    if output.code == Some(0) {
        assert_eq!(crate::lake::manifest(&out.path().join("public/slow"))["rows"], 200);
    } else {
        output.exits_one_of(&[SOME_FAILED, UNAVAILABLE]).says(&["slow"]);
    }
}
