//! S7: with `--hide-values` no message, log or record holds a value of a row.

use std::fs;
use std::path::Path;

use super::stopped;
use crate::lake::{Output, Run, files};
use crate::server::PgServer;

/// In every text; and numbers that are in no other place.
const MARKER: &str = "S7marker";
const NUMBER: &str = "77123457";

/// What must not be found.
fn found_in(text: &[u8]) -> Option<&'static str> {
    [MARKER, NUMBER].into_iter().find(|mark| text.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()))
}

/// The run with a state directory and a log directory that stay.
fn run(place: &Path, args: &[&str], hidden: bool) -> Output {
    let run = Run::new(args)
        .env("XDG_STATE_HOME", place.join("state"))
        .env("LAKEXPRESS_LOG_DIR", place.join("logs"));
    let run = run.env("LAKEXPRESS_LOG_LEVEL", "debug");
    if hidden { run.args(["--hide-values"]).output().no_panic() } else { run.output().no_panic() }
}

/// Where a value is found in output, run log, spool and logs.
fn leaks(place: &Path, outputs: &[(String, Output)]) -> Vec<String> {
    let mut leaks = Vec::new();
    for (what, output) in outputs {
        for text in [&output.stdout, &output.stderr] {
            for line in text.lines().filter(|line| found_in(line.as_bytes()).is_some()) {
                leaks.push(format!("{what}: {line}"));
            }
        }
    }
    for directory in ["state", "logs"] {
        for file in files(&place.join(directory)) {
            let content = fs::read(place.join(directory).join(&file)).unwrap();
            if found_in(&content).is_some() {
                leaks.push(format!("{directory}/{file}"));
            }
        }
    }
    leaks
}

/// The commands in whose messages a row can appear.
fn commands(place: &Path, source: &str, cut: &[&str], hidden: bool) -> Vec<(String, Output)> {
    let lake = place.join("lake").display().to_string();
    let export = ["export", "--source", source, "--output-dir", &lake, "--error-action", "continue"];
    let mut outputs = Vec::new();
    let mut add = |what: &str, args: &[&str]| {
        let output = run(place, args, hidden);
        outputs.push((what.to_owned(), output));
    };
    add("export", &[&export[..], cut].concat());
    let log = rusqlite::Connection::open(place.join("state/lakexpress/runlog.sqlite")).unwrap();
    let id: String = log.query_row("SELECT run_id FROM runs", [], |row| row.get(0)).unwrap();
    drop(log);
    add("resume", &["resume", &id, "--json"]);
    add("resume", &["resume", &id, "--accept-mixed-snapshot"]);
    add("status", &["status", &id]);
    add("report", &["report", &id, "--parts"]);
    add("verify", &["verify", "--read-data", &lake]);
    add("check", &["check", "--source", source]);
    let query = |sql: &'static str| {
        [&["query", sql, "--name", "q", "--source", source, "--output-dir"][..], &[&lake]].concat()
    };
    add("query", &query("SELECT CAST(email AS INT) AS n FROM keyed"));
    add("query", &query("SELECT id / (id - id) AS n FROM keyed"));
    add("query", &query("SELECT CAST(id AS SMALLINT) AS n FROM keyed"));
    outputs
}

/// Cuts a table at keys, and compares what was written.
const CUT: &[&str] = &[
    "--table-config",
    "keyed:RangeId:email:3",
    "--large-table-threshold",
    "10",
    "--part-bytes",
    "1KiB",
    "--verify",
    "hash",
];

const KEYED: &str = "CREATE TABLE keyed (email text PRIMARY KEY, id integer NOT NULL);";

#[test]
fn s7_hidden_values_are_nowhere_postgres() {
    let server = PgServer::shared();
    let url = server.create_db("s7_values");
    // Each table fails in another way: by a value, by the server's message, by its detail, by an expression.
    server.sql(
        "s7_values",
        &format!(
            "{KEYED} INSERT INTO keyed SELECT '{MARKER}' || g, {NUMBER} FROM generate_series(1, 300) g;
             CREATE TABLE nan (email text PRIMARY KEY, v numeric(5,2)); INSERT INTO nan VALUES ('{MARKER}', 'NaN');
             CREATE TABLE far (email text PRIMARY KEY, v date); INSERT INTO far VALUES ('{MARKER}', 'infinity');
             CREATE TABLE shape (email text PRIMARY KEY, v integer[]);
             INSERT INTO shape VALUES ('{MARKER}', '{{{{{NUMBER}}}}}');
             CREATE TABLE base (email text PRIMARY KEY); INSERT INTO base VALUES ('{MARKER}');
             CREATE VIEW cast_fails AS SELECT email::integer AS v FROM base;
             CREATE FUNCTION loud(t text) RETURNS text LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION 'row %', t USING DETAIL = 'Key (email)=(' || t || ')', HINT = t; END $$;
             CREATE VIEW raised AS SELECT public.loud(email) AS v FROM base;
             CREATE FUNCTION notes(t text) RETURNS text LANGUAGE plpgsql AS
               $$ BEGIN RAISE WARNING 'row %', t; RETURN t; END $$;
             CREATE VIEW noted AS SELECT public.notes(email) AS v FROM base;
             ANALYZE"
        ),
    );
    let place = tempfile::tempdir().unwrap();
    let source = format!("{url}&options=-c%20client_min_messages%3Dnotice");
    // Without the switch messages help.
    let plain = tempfile::tempdir().unwrap();
    let views = |hidden: bool, place: &Path| {
        let lake = place.join("views").display().to_string();
        let args = ["export", "--source", &source, "--output-dir", &lake, "--views"];
        vec![("views".to_owned(), run(place, &args, hidden))]
    };
    let mut outputs = commands(plain.path(), &source, CUT, false);
    outputs.extend(views(false, plain.path()));
    let log = rusqlite::Connection::open(plain.path().join("state/lakexpress/runlog.sqlite")).unwrap();
    let bounds = format!("SELECT count(*) FROM files WHERE slice LIKE '%{MARKER}%'");
    assert!(
        log.query_row(&bounds, [], |row| row.get::<_, i64>(0)).unwrap() > 1,
        "keyed is not cut by its key"
    );
    let shown = leaks(plain.path(), &outputs);
    for word in [
        "row email=S7marker ctid=(0,1) value=NaN",
        "Key (email)=(S7marker)",
        "invalid input syntax",
        "state/lakexpress/runlog.sqlite",
        "logs/",
    ] {
        assert!(
            shown.iter().any(|leak| leak.contains(word))
                || outputs.iter().any(|(_, o)| o.stdout.contains(word)),
            "{word}: {shown:#?}"
        );
    }
    let mut outputs = commands(place.path(), &source, CUT, true);
    outputs.extend(views(true, place.path()));
    let hidden = leaks(place.path(), &outputs);
    assert!(hidden.is_empty(), "{hidden:#?}");
    // And they still say where and what.
    let all: String =
        outputs.iter().map(|(_, output)| format!("{}{}", output.stdout, output.stderr)).collect();
    for word in
        ["column v", "public.nan", "ctid=(0,1)", "NaN is not a", "22P02", "P0001", "hidden by --hide-values"]
    {
        assert!(all.contains(word), "{word}: {all}");
    }
    stopped("ways of a value into messages and records, PostgreSQL", shown.len());
}

#[test]
fn s7_hidden_values_are_nowhere_sqlite() {
    let database = tempfile::tempdir().unwrap();
    let path = database.path().join("shop.db");
    let sql = format!(
        "{KEYED} INSERT INTO keyed SELECT '{MARKER}' || value, {NUMBER} FROM
           (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 300) SELECT value FROM n);
         CREATE TABLE bad (email TEXT PRIMARY KEY, v INTEGER); INSERT INTO bad VALUES ('{MARKER}', '{MARKER}');
         CREATE TABLE day (email TEXT PRIMARY KEY, v DATE); INSERT INTO day VALUES ('{MARKER}', '{MARKER}');"
    );
    rusqlite::Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    let source = format!("sqlite:{}", path.display());
    let (plain, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shown = leaks(plain.path(), &commands(plain.path(), &source, &[], false));
    assert!(shown.iter().any(|leak| leak.contains("TEXT 'S7marker' is not an integer")), "{shown:#?}");
    let outputs = commands(place.path(), &source, &[], true);
    let hidden = leaks(place.path(), &outputs);
    assert!(hidden.is_empty(), "{hidden:#?}");
    let all: String = outputs.iter().map(|(_, output)| output.stdout.clone()).collect();
    for word in ["a value of type TEXT is not an integer", "column v", "main.bad"] {
        assert!(all.contains(word), "{word}: {all}");
    }
    stopped("ways of a value into messages and records, SQLite", shown.len());
}
