//! S9: what others wrote reaches no terminal and no line of a log as it is: names, types, messages of servers, documents
//! of the lake, the run log.

use std::fs;
use std::path::{Path, PathBuf};

use super::{all_of_them, stopped};
use crate::lake::{Output, Run, json};
use crate::server::PgServer;

/// What a forged line of a log begins with.
const FORGED: &str = "2026-01-01 00:00:00 | INFO | forged";

/// Every control character that a name may hold, marks of direction, invisible characters, and sequences that
/// terminals obey.
fn pieces() -> Vec<String> {
    let controls: Vec<char> = (1..32).chain(0x7f..0xa0).filter_map(char::from_u32).collect();
    // One in a name, or some together.
    let one = controls.chunks(if all_of_them() { 1 } else { 8 }).map(|some| some.iter().collect());
    let more = [
        "\u{1b}]0;title\u{7}",
        "\u{1b}[2J\u{1b}[1;1H",
        "\u{1b}[8m",
        "\u{9b}2J",
        "\r\n",
        "\u{2028}",
        "\u{2029}",
        "\u{200b}",
        "\u{200e}",
        "\u{202a}",
        "\u{202e}",
        "\u{2066}",
        "\u{2067}",
        "\u{2069}",
        "\u{61c}",
        "\u{feff}",
        "\u{ad}",
        "\u{e0041}",
    ];
    let one: Vec<String> = one.collect();
    one.into_iter().chain(more.map(str::to_owned)).collect()
}

/// A name with a piece in it, which would go on as a line of a log.
fn name(what: &str, piece: &str) -> String {
    format!("{what}{piece}{FORGED}")
}

fn is_raw(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unseen = matches!(c, '\u{ad}' | '\u{200b}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c != '\n' && c.is_control() || direction || unseen
}

#[track_caller]
fn assert_plain(what: &str, text: &str) {
    for (number, line) in text.lines().enumerate() {
        assert!(!line.contains(is_raw), "{what}, line {}: {line:?}", number + 1);
        assert!(!line.starts_with(FORGED), "{what}, line {} is forged", number + 1);
    }
}

#[track_caller]
fn assert_output(what: &str, output: &Output) {
    assert_plain(&format!("{what}, standard output"), &output.stdout);
    assert_plain(&format!("{what}, standard error"), &output.stderr);
    assert!(!output.stderr.contains("panicked"), "{what}: {output}");
}

/// A place with a run log that runs share.
struct Home {
    root: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs a command in all its voices, and looks at all that it says.
    #[track_caller]
    fn all_voices(&self, args: &[&str]) -> Output {
        let run = |more: &[&str]| {
            let run = Run::new(args).args(more).env("XDG_STATE_HOME", self.path("state"));
            let output = run.output();
            assert_output(&format!("{} {more:?}", args[0]), &output);
            output
        };
        let logs = self.path("logs");
        let logs = logs.to_str().unwrap();
        run(&["--json"]);
        run(&["--log-level", "debug", "--log-format", "json", "--log-dir", logs]);
        let output = run(&["--log-level", "debug", "--log-dir", logs]);
        for file in fs::read_dir(logs).unwrap() {
            let path = file.unwrap().path();
            assert_plain(&format!("{}, its log", args[0]), &fs::read_to_string(path).unwrap());
        }
        output
    }
}

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A database in which all that has a name, and all that is said, holds one of the pieces.
fn database(server: &PgServer, pieces: &[String]) -> String {
    let db = name("controls", "\u{1b}]0;x\u{7}\n");
    server.sql("postgres", &format!("CREATE DATABASE {}", ident(&db)));
    let mut sql = String::from("SET client_min_messages = error;\n");
    for piece in pieces {
        let schema = ident(&name("s", piece));
        let [table, column, values, of_enum, domain, view, function] =
            ["t", "c", "ec", "e", "d", "v", "f"].map(|what| ident(&name(what, piece)));
        let text = literal(&name("said", piece));
        sql.push_str(&format!(
            "CREATE SCHEMA {schema};
             CREATE TYPE {schema}.{of_enum} AS ENUM ({text});
             CREATE DOMAIN {schema}.{domain} AS numeric CHECK (value IS NOT NULL);
             CREATE TABLE {schema}.{table} ({column} text PRIMARY KEY, {values} {schema}.{of_enum}[], n {schema}.{domain}, ts timestamp);
             COMMENT ON TABLE {schema}.{table} IS {text};
             COMMENT ON COLUMN {schema}.{table}.{column} IS {text};
             INSERT INTO {schema}.{table} VALUES ({text}, ARRAY[{text}]::{schema}.{of_enum}[], 1.5, now());
             CREATE FUNCTION {schema}.{function}() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN
               RAISE WARNING USING MESSAGE = {text}, DETAIL = {text}, HINT = {text};
               RAISE EXCEPTION USING MESSAGE = {text}, DETAIL = {text}, HINT = {text}; END $f$;
             CREATE VIEW {schema}.{view} AS SELECT {schema}.{function}() AS {column};\n"
        ));
    }
    // A row that cannot be written, told by its key.
    let text = literal(&name("key", "\n"));
    sql.push_str(&format!(
        "CREATE TABLE wrong (k text PRIMARY KEY, n numeric); INSERT INTO wrong VALUES ({text}, 'NaN');"
    ));
    server.sql(&db, &sql);
    db
}

/// A URL of a database, whatever its name.
fn url(server: &PgServer, db: &str) -> String {
    let encoded: String = db.bytes().map(|byte| format!("%{byte:02X}")).collect();
    server.url(&encoded)
}

#[test]
fn s9_names_and_messages_of_a_database_reach_no_terminal_raw() {
    let (server, home, pieces) = (PgServer::shared(), Home::new(), pieces());
    let db = database(server, &pieces);
    let source = url(server, &db);
    let lake = home.path("lake");
    let lake = lake.to_str().unwrap();
    let from = ["--source", &source, "--views"];
    let command = |name: &'static str, more: &[&'static str]| {
        let mut args = vec![name];
        args.extend(from);
        args.extend(more);
        home.all_voices(&args)
    };
    let found = command("inspect", &[]);
    assert!(found.stdout.contains("\\u001b") && found.stdout.contains("\\n2026-01-01"), "{found}");
    command("check", &[]);
    command("plan", &[]);
    let mut args = vec!["export", "--output-dir", lake, "--error-action", "continue", "--generate-metadata"];
    args.extend(from);
    let failed = home.all_voices(&args).exits(1);
    assert!(failed.stdout.contains("said\\u001b"), "a view's words are not in the summary\n{failed}");
    let runs = home.all_voices(&["runs"]).ok();
    let run = runs.stdout.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    home.all_voices(&["status", &run]);
    home.all_voices(&["report", &run, "--parts"]);
    home.all_voices(&["metadata", &run]);
    home.all_voices(&["resume", &run]);
    home.all_voices(&["verify", lake]).ok();
    server.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", ident(&db)));
    println!("hostile: {} names with what a terminal obeys, in a database and in what it says", pieces.len());
}

#[test]
fn s9_names_of_sqlite_reach_no_terminal_raw() {
    let (home, pieces) = (Home::new(), pieces());
    let mut sql = String::new();
    for piece in &pieces {
        let (table, column, declared) =
            (ident(&name("t", piece)), ident(&name("c", piece)), ident(&name("INTEGER", piece)));
        sql.push_str(&format!("CREATE TABLE {table} ({column} {declared}, n INTEGER); "));
        sql.push_str(&format!("INSERT INTO {table} VALUES (1, {}); ", literal(&name("v", piece))));
    }
    let file = home.path(&name("db", "\n").replace(['|', ':'], "_"));
    rusqlite::Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
    let (source, lake) = (format!("sqlite:{}", file.display()), home.path("lake"));
    let lake = lake.to_str().unwrap();
    for command in ["inspect", "plan", "check"] {
        home.all_voices(&[command, "--source", &source]);
    }
    home.all_voices(&["export", "--source", &source, "--output-dir", lake, "--error-action", "continue"]);
    home.all_voices(&["verify", lake]);
    println!("hostile: {} names with what a terminal obeys, in SQLite", pieces.len());
}

/// A lake of one table.
fn lake(home: &Home) -> PathBuf {
    let database = home.path("shop.db");
    if !database.exists() {
        let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);";
        rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    }
    home.path("lake")
}

fn export(home: &Home) -> Output {
    let (lake, source) = (lake(home), format!("sqlite:{}", home.path("shop.db").display()));
    home.all_voices(&["export", "--source", &source, "--output-dir", lake.to_str().unwrap(), "-i", "t"])
}

/// Sets every text of a document to another one.
fn poison(value: &mut serde_json::Value, with: &str) -> usize {
    match value {
        serde_json::Value::String(text) => {
            *text = with.to_owned();
            1
        }
        serde_json::Value::Array(all) => all.iter_mut().map(|one| poison(one, with)).sum(),
        serde_json::Value::Object(all) => all.values_mut().map(|one| poison(one, with)).sum(),
        _ => 0,
    }
}

/// The texts of a document by their paths.
fn texts(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(_) => found.push(at.to_owned()),
        serde_json::Value::Array(all) => {
            all.iter().enumerate().for_each(|(i, one)| texts(one, &format!("{at}/{i}"), found));
        }
        serde_json::Value::Object(all) => {
            all.iter().for_each(|(key, one)| texts(one, &format!("{at}/{key}"), found));
        }
        _ => {}
    }
}

#[test]
fn s9_documents_of_a_lake_reach_no_terminal_raw() {
    let home = Home::new();
    export(&home).ok();
    let lake = lake(&home);
    let place = lake.to_str().unwrap();
    let table = lake.join("main/t");
    let good = fs::read(table.join("_manifest.json")).unwrap();
    let nasty = name("x", "\u{1b}[2J\u{9b}2J\u{202e}\n");
    let mut paths = Vec::new();
    let manifest = json(&table.join("_manifest.json"));
    texts(&manifest, "", &mut paths);
    for path in &paths {
        let mut changed = manifest.clone();
        *changed.pointer_mut(path).unwrap() = nasty.clone().into();
        fs::write(table.join("_manifest.json"), changed.to_string()).unwrap();
        let output = Run::new(["verify", place]).output();
        assert_output(&format!("verify with {path}"), &output);
        assert_output(&format!("verify --json with {path}"), &Run::new(["verify", "--json", place]).output());
    }
    fs::write(table.join("_manifest.json"), &good).unwrap();
    let summary = fs::read_dir(lake.join("_lakexpress")).unwrap().next().unwrap().unwrap().path();
    let mut changed = json(&summary);
    let poisoned = poison(&mut changed, &nasty);
    fs::write(&summary, changed.to_string()).unwrap();
    assert_output("verify with a summary", &Run::new(["verify", place]).output());
    fs::remove_file(&summary).unwrap();
    // An intent, and text that is no document at all.
    for (file, text) in [
        (
            "_commit.json",
            serde_json::json!({"run_id": nasty, "files": [nasty], "deletes": [nasty]}).to_string(),
        ),
        ("_commit.json", nasty.clone()),
        ("_manifest.json", nasty.clone()),
        ("_manifest.json", format!("{{\"{nasty}\": 1}}")),
    ] {
        fs::write(table.join(file), text).unwrap();
        assert_output(&format!("verify with a {file}"), &Run::new(["verify", place]).output());
        export(&home);
        let _ = fs::remove_file(table.join("_commit.json"));
        fs::write(table.join("_manifest.json"), &good).unwrap();
    }
    // A lock that is held, with words about its owner.
    locked(&home, &table, &nasty);
    println!("hostile: {} texts of documents with what a terminal obeys", paths.len() + poisoned + 5);
}

/// A lock with a forged owner, held by another process while an export waits for it.
fn locked(home: &Home, table: &Path, owner: &str) {
    let path = table.join("_lock");
    fs::write(&path, owner).unwrap();
    let mut holder = std::process::Command::new("flock")
        .args(["--exclusive", "--no-fork"])
        .arg(&path)
        .args(["sleep", "60"])
        .spawn()
        .unwrap();
    let taken = || {
        let mut probe = std::process::Command::new("flock");
        !probe.args(["--nonblock", "--exclusive"]).arg(&path).arg("true").status().unwrap().success()
    };
    while !taken() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let source = format!("sqlite:{}", home.path("shop.db").display());
    let place = home.path("lake");
    let run = Run::new(["export", "--source", &source, "--output-dir", place.to_str().unwrap(), "-i", "t"]);
    let output = run.output();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_output("a lock that is held", &output);
    assert!(output.code != Some(0) && output.stderr.contains("forged"), "the owner is not shown\n{output}");
}

/// The run log is a database that others may write to, too.
#[test]
fn s9_texts_of_the_run_log_reach_no_terminal_raw() {
    let home = Home::new();
    export(&home).ok();
    let file = home.path("state/lakexpress/runlog.sqlite");
    let log = rusqlite::Connection::open(&file).unwrap();
    let id: String = log.query_row("SELECT run_id FROM runs LIMIT 1", [], |row| row.get(0)).unwrap();
    let columns: Vec<(String, String)> = log
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.type IN ('TEXT', 'text', '') AND c.name NOT IN ('run_id')",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let nasty = name("x", "\u{1b}[2J\u{9b}2J\u{202e}\n");
    let mut tried = 0;
    for (table, column) in &columns {
        log.execute_batch("SAVEPOINT one").unwrap();
        let update = format!("UPDATE {table} SET {column} = ?1 WHERE run_id = ?2");
        let changed = log.execute(&update, [&nasty, &id]).unwrap_or(0);
        log.execute_batch(if changed > 0 { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" }).unwrap();
        if changed == 0 {
            continue;
        }
        tried += 1;
        for args in [
            &["runs"][..],
            &["status", &id],
            &["report", &id, "--parts"],
            &["metadata", &id],
            &["resume", &id],
        ] {
            let output = Run::new(args).env("XDG_STATE_HOME", home.path("state")).output();
            assert_output(&format!("{} with {table}.{column}", args[0]), &output);
        }
    }
    assert!(tried > 10, "only {tried} columns of {columns:?}");
    stopped("texts of the run log with what a terminal obeys", tried);
}
