//! Tables whose engine keeps no old rows (MyISAM, Aria, MEMORY) are locked until they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::moment::config;
use super::{Database, USAGE, error_of, summary};
use crate::lake::{Run, export_args, manifest};
use crate::mariadb::{MariaDb, series};

fn engines() -> Vec<&'static str> {
    if MariaDb::shared().is_mysql() { vec!["MyISAM", "MEMORY"] } else { vec!["MyISAM", "Aria", "MEMORY"] }
}

fn tables(engine: &str) -> String {
    let rows = series(1, 20_000);
    format!(
        "CREATE TABLE first (id int PRIMARY KEY AUTO_INCREMENT, pad char(60)) ENGINE = {engine};
         CREATE TABLE second LIKE first;
         CREATE TABLE inno (id int PRIMARY KEY, pad char(60));
         INSERT INTO first SELECT seq, 'x' FROM {rows}; INSERT INTO second SELECT seq, 'x' FROM {rows};
         INSERT INTO inno SELECT seq, 'x' FROM {rows};"
    )
}

/// Adds a row to the first table and then one to the second, without a pause.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Writer {
    fn start(database: &Database<'_>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (config, stopped) = (config(&database.url()), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let writes = async {
                let mut connection = config.connect().await.unwrap();
                let mut count = 0;
                while !stopped.load(Ordering::Relaxed) && count < 50_000 {
                    connection.execute("INSERT INTO first (pad) VALUES ('y')").await.unwrap();
                    connection.execute("INSERT INTO second (pad) VALUES ('y')").await.unwrap();
                    count += 1;
                }
                count
            };
            tokio::runtime::Runtime::new().unwrap().block_on(writes)
        });
        Self { stop, thread: Some(thread) }
    }

    fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

#[test]
fn tables_without_old_rows_are_of_the_moment_too() {
    for engine in engines() {
        let database = Database::new("my_engines", &tables(engine));
        let writer = Writer::start(&database);
        for run in 0..3 {
            let flags = ["-p", "4", "--large-table-threshold", "100", "--max-connections", "12"];
            database.export(&flags).ok();
            let count = |table: &str| manifest(&database.out(table))["rows"].as_i64().unwrap();
            let (first, second) = (count("first"), count("second"));
            assert!((0..=1).contains(&(first - second)), "{engine} run {run}: {first} and {second} rows");
            let distinct = database.duck("first", "SELECT count(DISTINCT id) FROM t");
            assert_eq!(distinct, first.to_string(), "{engine}");
            assert_eq!(manifest(&database.out("first"))["snapshot"]["level"], "run");
        }
        let writes = writer.end();
        assert!(writes > 0, "{engine}: nobody wrote");
        database.export(&[]).ok();
        database.assert_table("second", 20_000 + writes);
    }
}

/// A table that gets an engine without old rows after it was looked at fails: nothing holds off its changes.
#[test]
fn a_table_that_changes_its_engine_while_the_run_begins_is_refused() {
    if MariaDb::shared().is_mysql() {
        return;
    }
    let database = Database::new("my_engines_altered", &tables("InnoDB"));
    // Another backup, behind which the run has to wait with its own.
    let backup = |step: &'static str| format!("BACKUP STAGE {step}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut holder =
        runtime.block_on(async { config(&MariaDb::shared().url("mysql")).connect().await.unwrap() });
    runtime.block_on(async { holder.execute(&backup("START")).await.unwrap() });
    let run = Run::new(export_args(&database.url(), &database.lake(), &["-p", "4", "--json"])).spawn();
    let waiting = "SELECT count(*) FROM information_schema.processlist
                   WHERE db = 'my_engines_altered' AND info LIKE 'BACKUP STAGE START%'";
    database.server.wait_for(waiting, |count| count != "0");
    database.run("ALTER TABLE first ENGINE = MyISAM; CREATE VIEW on_top AS SELECT * FROM first");
    runtime.block_on(async { holder.execute(&backup("END")).await.unwrap() });
    let output = run.finish().no_panic();
    let summary = summary(&output);
    assert!(error_of(&summary, "first").contains("altered while the run began"), "{output}");
    assert!(!database.out("first").join("_manifest.json").exists());
    assert_eq!(error_of(&summary, "second"), "", "{output}");
    database.export(&[]).ok();
    database.assert_table("first", 20_000);
}

/// A run that waits for the lock of another session says so, and goes on when it is given back.
#[test]
fn a_lock_of_another_session_is_said_and_waited_for() {
    let database = Database::new("my_engines_waits", &tables("InnoDB"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut holder = runtime.block_on(async { config(&database.url()).connect().await.unwrap() });
    runtime.block_on(async { holder.execute("LOCK TABLES second WRITE").await.unwrap() });
    let run = Run::new(export_args(&database.url(), &database.lake(), &[])).spawn();
    std::thread::sleep(std::time::Duration::from_secs(5));
    runtime.block_on(async { holder.execute("UNLOCK TABLES").await.unwrap() });
    run.finish()
        .ok()
        .says(&["still opening one of 3 tables, my_engines_waits.first", "SHOW FULL PROCESSLIST"]);
    database.assert_table("second", 20_000);
}

/// What the server keeps for itself is of no moment, and SQL of the user's may not read it.
#[test]
fn sql_that_reads_the_servers_own_tables_is_refused() {
    let database = Database::new("my_engines_own", &tables("InnoDB"));
    let mut of_the_server = vec![
        "SELECT 1 AS one FROM mysql.help_topic",
        "SELECT id FROM first WHERE id IN (SELECT count(*) FROM `information_schema` . `tables`)",
    ];
    // Not every server has its views of itself.
    let views = database.query("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'sys'");
    if views != "0" {
        of_the_server.push("SELECT 1 AS one FROM sys.host_summary");
    }
    for sql in of_the_server {
        let lake = database.lake();
        let args = [
            "query",
            "--source",
            &database.url(),
            "--name",
            "own",
            "--output-dir",
            lake.to_str().unwrap(),
            "--source-sql",
            sql,
        ];
        Run::new(args).output().exits(USAGE).says(&["keeps for itself", "--consistency none"]);
    }
}

#[test]
fn without_the_right_to_lock_they_are_refused_and_said_how_to_go_on() {
    let database = Database::new("my_engines_denied", &tables("MyISAM"));
    database.create_user("no_lock", &["SELECT ON my_engines_denied.*"]);
    let output = database.export_as("no_lock", &["-p", "4", "--json"]).no_panic();
    assert_ne!(output.code, Some(0), "{output}");
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(
        said.contains("LOCK TABLES") && said.contains("engine") && said.contains("--consistency none"),
        "{output}"
    );
    if output.stdout.starts_with('{') {
        assert!(error_of(&summary(&output), "first").contains("first"), "{output}");
    }
    assert!(!database.out("first").join("_manifest.json").exists());
    // What it says works.
    database.export_as("no_lock", &["--consistency", "none"]).ok();
    database.assert_table("first", 20_000);
}
