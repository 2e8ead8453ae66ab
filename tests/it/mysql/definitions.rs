//! Others change the definition of tables while they are exported: an error of that table or the rows of the moment.

use std::process::Command;
use std::time::Duration;

use super::{Database, error_of, summary};
use crate::lake::{Run, export_args};
use crate::mariadb::{MariaDb, series};

/// Rows of each table.
const ROWS: i64 = 2_000;

/// A view that takes some seconds to read, so that tables wait for their turn.
const SLOW: &str = "CREATE VIEW a_slow AS SELECT id, SLEEP(0.01) AS nap FROM naps;";

fn tables() -> String {
    let rows = series(1, ROWS);
    let naps = series(1, 300);
    let each = ["altered", "dropped", "truncated", "swapped", "modified", "quiet"];
    let tables: String = each
        .iter()
        .map(|name| {
            format!(
                "CREATE TABLE {name} (id int PRIMARY KEY, v varchar(20));
                 INSERT INTO {name} SELECT seq, concat('old ', seq) FROM {rows};"
            )
        })
        .collect();
    format!(
        "CREATE TABLE naps (id int PRIMARY KEY); INSERT INTO naps SELECT seq FROM {naps}; {SLOW} {tables}
         CREATE TABLE other LIKE swapped; INSERT INTO other VALUES (1, 'new'), (2, 'new');"
    )
}

/// What others do, each to its table. None may wait for long: the test goes on when it was refused.
const CHANGES: [(&str, &str); 5] = [
    ("altered", "ALTER TABLE altered ADD COLUMN more int DEFAULT 7, DROP COLUMN v"),
    ("dropped", "DROP TABLE dropped"),
    ("truncated", "TRUNCATE TABLE truncated"),
    ("swapped", "RENAME TABLE swapped TO gone, other TO swapped"),
    ("modified", "ALTER TABLE modified MODIFY v int"),
];

/// Exports while the changes are made; each table has the rows of the moment or an error.
fn exported_while_changed(name: &'static str, consistency: &str) {
    // Its statement of some seconds would hold up the runs of other tests.
    let server = MariaDb::start_with(&[]);
    let database = Database::on(&server, name, &tables());
    let flags = ["-p", "1", "--views", "--json", "--consistency", consistency];
    let run = Run::new(export_args(&database.url(), &database.lake(), &flags)).spawn();
    let reading = format!(
        "SELECT count(*) FROM information_schema.processlist
         WHERE user = 'log' AND db = '{name}' AND command IN ('Query', 'Execute') AND info LIKE '%a_slow%'"
    );
    database.server.wait_for(&reading, |count| count != "0");
    let changed: Vec<bool> = CHANGES
        .iter()
        .map(|(_, change)| {
            database
                .server
                .attempt(name, &format!("SET sql_mode = ''; SET lock_wait_timeout = 1; {change}"))
                .is_ok()
        })
        .collect();
    let output = run.finish().no_panic();
    let summary = summary(&output);
    for ((table, _), changed) in CHANGES.iter().zip(changed) {
        let error = error_of(&summary, table);
        let files = database.out(table).join("_manifest.json").exists();
        println!("{consistency}, {table}: changed {changed}, exported {files}, error {error:.150}");
        assert_eq!(files, error.is_empty(), "{table}: {output}");
        if files {
            let found = database.duck(table, "SELECT count(*), count(*) FILTER (v = 'old ' || id) FROM t");
            assert_eq!(found, format!("{ROWS}|{ROWS}"), "{table}");
        }
    }
    assert_eq!(error_of(&summary, "quiet"), "");
    assert_eq!(database.duck("quiet", "SELECT count(*) FROM t"), ROWS.to_string());
}

#[test]
fn a_definition_that_changes_is_an_error_or_the_rows_of_the_moment() {
    exported_while_changed("my_ddl_run", "run");
}

/// Without a moment a table may be as it is when its turn comes.
#[test]
fn a_definition_that_changes_is_no_other_tables_rows_at_level_table() {
    exported_while_changed("my_ddl_table", "table");
}

/// Someone who waits for a table's lock must not stop the readers that come after: the export ends, and then the change is
/// made.
#[test]
fn a_change_that_waits_holds_up_no_reader() {
    let rows = series(1, 3_000);
    let database = Database::new(
        "my_ddl_queue",
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY, v varchar(20)); INSERT INTO t SELECT seq, 'old' FROM {rows};
             CREATE VIEW a_slow AS SELECT id, SLEEP(0.002) AS nap FROM t;"
        ),
    );
    let flags = ["-p", "4", "--views", "--table-config", "t:RangeId:id:4", "--large-table-threshold", "10"];
    let run = Run::new(export_args(&database.url(), &database.lake(), &flags)).spawn();
    let reading = "SELECT count(*) FROM information_schema.processlist
                   WHERE db = 'my_ddl_queue' AND command IN ('Query', 'Execute') AND info LIKE '%a_slow%'";
    database.server.wait_for(reading, |count| count != "0");
    let mut waiting = Command::new("mariadb");
    waiting.args([
        "--no-defaults",
        "-u",
        "root",
        "-D",
        "my_ddl_queue",
        "-e",
        "ALTER TABLE t ADD COLUMN w int DEFAULT 1",
    ]);
    waiting.arg(format!("--socket={}", database.server.socket().display()));
    let mut waiting = waiting.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    run.finish().ok();
    assert!(waiting.wait().unwrap().success());
    assert_eq!(database.duck("t", "SELECT count(*), count(*) FILTER (v = 'old') FROM t"), "3000|3000");
    assert_eq!(database.query("SELECT sum(w) FROM t"), "3000");
}

/// Rows of another table are none of an export: the name is another's by then.
#[test]
fn a_table_replaced_before_the_run_begins_is_read_as_it_is_now() {
    let database = Database::new(
        "my_ddl_before",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
         CREATE TABLE u (id int PRIMARY KEY, more int); INSERT INTO u VALUES (5, 6), (7, 8);",
    );
    database.export(&["-i", "t"]).ok();
    database.run("RENAME TABLE t TO old, u TO t");
    database.export(&["-i", "t"]).ok();
    database.assert_table("t", 2);
}
