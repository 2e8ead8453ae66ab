//! `logdb`, and the old flags for the same.

use super::{Home, Log, shop};

fn tables(log: &Log) -> String {
    match log {
        Log::Sqlite(_) => {
            log.query("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        }
        Log::Postgres(..) => log.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        Log::MariaDb(..) => {
            log.query("SELECT count(*) FROM information_schema.tables WHERE table_schema = database()")
        }
    }
}

#[test]
fn tables_are_made_emptied_and_dropped_on_every_database() {
    let source = "runlog_commands_source";
    shop(source);
    let home = Home::new();
    for log in Log::of_each_kind("runlog_commands", home.path()) {
        home.write_auth(&log.entry(), source);
        let logdb = |action: &str, more: &[&str]| home.run(&["logdb", action], more).output();
        for _ in 0..2 {
            logdb("init", &[]).ok();
            assert_eq!(tables(&log), "9", "{}", log.kind());
        }
        log.sql("INSERT INTO partition_columns (source_db_type, source_table) VALUES ('oracle', 't')");
        home.export(&["--include", "shop.items"]).output().ok();
        // Nobody answers: nothing happens.
        for action in ["drop", "truncate"] {
            let said = logdb(action, &[]).exits(2).says(&["not confirmed", "--confirm"]);
            assert!(said.stderr.contains("Write yes: \n"), "the error has a line of its own\n{said}");
        }
        assert_eq!(log.query("SELECT count(*) FROM runs"), "1");
        logdb("truncate", &["--confirm"]).ok();
        let counts =
            "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM jobs), (SELECT count(*) FROM files),
            (SELECT count(*) FROM partition_columns)";
        assert_eq!(log.query(counts), "0|0|0|1");
        let done = logdb("drop", &["--confirm", "--json"]).ok();
        assert!(done.stdout.contains("\"dropped\""), "{done}");
        assert_eq!(tables(&log), "0");

        // The old flags.
        home.run(&[], &["--init_db"]).output().ok();
        assert_eq!(tables(&log), "9");
        for (mode, runs) in
            [("preserve", "1"), ("preserve", "2"), ("truncate", "1"), ("drop", "1"), ("preserve", "2")]
        {
            home.export(&["--include", "shop.items", "--log_db_mode", mode]).output().ok();
            assert_eq!(log.query("SELECT count(*) FROM runs"), runs, "{mode}");
        }
        home.run(&[], &["--init_db", "--log_db_mode", "drop"]).output().ok();
        assert_eq!(log.query("SELECT count(*) FROM runs"), "0");
        let refused =
            home.run(&["plan"], &["--source_db_auth_id", "source", "--log_db_mode", "drop"]).output();
        refused.exits(2).says(&["plan changes nothing"]);
    }
}

#[test]
fn tables_of_others_are_left_alone() {
    let source = "runlog_foreign_source";
    shop(source);
    let home = Home::new();
    for log in Log::of_each_kind("runlog_foreign", home.path()) {
        log.sql("CREATE TABLE jobs (x integer)");
        home.write_auth(&log.entry(), source);
        for command in [&["logdb", "init"][..], &["runs"]] {
            home.run(command, &[])
                .output()
                .exits(78)
                .says(&["table 'jobs' of another program", "of its own"]);
        }
        for action in ["drop", "truncate"] {
            home.run(&["logdb", action], &["--confirm"]).output().exits(78);
        }
        assert_eq!(log.query("SELECT count(*) FROM jobs"), "0", "{}", log.kind());
    }
}
