//! Statements and connections that others end, and servers that go: the part is read again, or one clear error.

use super::{Database, SOME_FAILED, UNAVAILABLE, summary};
use crate::lake::{Output, Run, Running, assert_nothing_visible, export_args};
use crate::mariadb::{MariaDb, series};

const ROWS: i64 = 150_000;
const CUT: [&str; 8] = [
    "-p",
    "4",
    "--table-config",
    "t:RangeId:id:8",
    "--large-table-threshold",
    "10",
    "--json",
    "--no-progress",
];

fn large<'s>(server: &'s MariaDb, name: &'static str) -> Database<'s> {
    let rows = series(1, ROWS);
    let sql = format!(
        "CREATE TABLE t (id int PRIMARY KEY, pad varchar(500)); INSERT INTO t SELECT seq, repeat('x', 500) FROM {rows};
         ANALYZE TABLE t;"
    );
    Database::on(server, name, &sql)
}

/// An export that reads rows of `t`.
fn begun(database: &Database<'_>) -> Running {
    let run = Run::new(export_args(&database.url(), &database.lake(), &CUT)).spawn();
    database.server.wait_for(&reading(database, "count(*)"), |count| count != "0");
    run
}

/// What about the statements that read rows of `t`.
fn reading(database: &Database<'_>, what: &str) -> String {
    format!(
        "SELECT {what} FROM information_schema.processlist WHERE db = '{}' AND user = 'log'
         AND command IN ('Query', 'Execute') AND info LIKE '%`pad`%'",
        database.name
    )
}

/// All rows once, or nothing and one error.
#[track_caller]
fn whole_or_nothing(database: &Database<'_>, output: Output) {
    let output = output.no_panic();
    if output.code == Some(0) {
        assert_eq!(
            database.duck("t", "SELECT count(*), count(DISTINCT id) FROM t"),
            format!("{ROWS}|{ROWS}")
        );
    } else {
        let output = output.exits_one_of(&[SOME_FAILED, UNAVAILABLE]);
        assert_nothing_visible(&database.lake());
        assert!(!output.stderr.is_empty() || !output.stdout.is_empty());
    }
}

#[test]
fn a_killed_statement_is_read_again_or_one_error() {
    let database = large(MariaDb::shared(), "my_kill_query");
    let mut killed = 0;
    for _ in 0..5 {
        let run = begun(&database);
        let ids = database.query(&reading(&database, "id"));
        for id in ids.lines().take(1) {
            killed += usize::from(database.server.attempt("mysql", &format!("KILL QUERY {id}")).is_ok());
        }
        whole_or_nothing(&database, run.finish());
        let _ = std::fs::remove_dir_all(database.lake());
    }
    assert!(killed > 0, "no statement was killed");
}

#[test]
fn a_killed_connection_is_survived_or_one_error() {
    let database = large(MariaDb::shared(), "my_kill_connection");
    let mut killed = 0;
    for _ in 0..5 {
        let run = begun(&database);
        let ids = database.query(&reading(&database, "id"));
        for id in ids.lines().take(1) {
            killed += usize::from(database.server.attempt("mysql", &format!("KILL CONNECTION {id}")).is_ok());
        }
        whole_or_nothing(&database, run.finish());
        let _ = std::fs::remove_dir_all(database.lake());
    }
    assert!(killed > 0, "no connection was killed");
}

/// Every connection of the run is killed: the moment is lost, and said to be.
#[test]
fn a_moment_that_is_lost_is_never_replaced_by_another() {
    let database = large(MariaDb::shared(), "my_kill_all");
    let run = begun(&database);
    let all = "SELECT id FROM information_schema.processlist WHERE db = 'my_kill_all' AND user = 'log'";
    for id in database.query(all).lines() {
        let _ = database.server.attempt("mysql", &format!("KILL CONNECTION {id}"));
    }
    database.run("UPDATE t SET pad = 'changed'");
    let output = run.finish().no_panic();
    if output.code == Some(0) {
        assert_eq!(database.duck("t", "SELECT count(*) FROM t WHERE pad <> 'changed'"), ROWS.to_string());
    } else {
        let output = output.exits_one_of(&[SOME_FAILED, UNAVAILABLE]);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains("resume"), "{output}");
        assert_nothing_visible(&database.lake());
    }
}

#[test]
fn a_server_that_dies_and_comes_back_is_no_shorter_table() {
    let server = MariaDb::start_with(&[]);
    let database = large(&server, "my_restart");
    let run = begun(&database);
    server.kill9();
    server.restart();
    whole_or_nothing(&database, run.finish());
    database.export(&CUT).ok();
    assert_eq!(database.duck("t", "SELECT count(DISTINCT id) FROM t"), ROWS.to_string());
}

#[test]
fn a_server_that_is_still_starting_is_waited_for() {
    let server = MariaDb::start_with(&[]);
    let database =
        Database::on(&server, "my_start", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);");
    server.kill9();
    database.export(&["--retries", "0"]).exits(UNAVAILABLE);
    let run = Run::new(export_args(&database.url(), &database.lake(), &["--retries", "7", "--json"])).spawn();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    server.restart();
    let output = run.finish().ok();
    assert_eq!(summary(&output)["tables"][0]["rows"], 1);
}

/// Ctrl-C ends the statements on the server.
#[test]
fn an_interrupted_run_leaves_no_statement_behind() {
    let database = Database::new(
        "my_interrupted",
        "CREATE TABLE naps (id int PRIMARY KEY); INSERT INTO naps VALUES (1), (2), (3);
         CREATE VIEW endless AS SELECT id, SLEEP(600) AS nap FROM naps;",
    );
    let run = Run::new(export_args(&database.url(), &database.lake(), &["-i", "endless"])).spawn();
    let statements = "SELECT count(*) FROM information_schema.processlist
                      WHERE db = 'my_interrupted' AND command IN ('Query', 'Execute') AND info LIKE '%endless%'";
    database.server.wait_for(statements, |count| count != "0");
    let status = std::process::Command::new("kill").args(["-INT", &run.pid().to_string()]).status().unwrap();
    assert!(status.success());
    run.finish().no_panic().says(&["interrupted"]);
    database.server.wait_for(statements, |count| count == "0");
    assert_nothing_visible(&database.lake());
}
