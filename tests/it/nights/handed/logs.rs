//! Log files end with what happened.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{SOME_FAILED, UNAVAILABLE, shop};
use crate::resume::wait_until;
use crate::server::{PgServer, free_port};

/// The lines of the one file of a directory, which is emptied.
#[track_caller]
fn lines(directory: &Path) -> Vec<String> {
    let files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = fs::read_to_string(&files[0]).unwrap();
    fs::remove_file(&files[0]).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn last_is(directory: &Path, parts: &[&str]) -> String {
    let lines = lines(directory);
    let last = lines.last().unwrap_or_else(|| panic!("the file is empty"));
    for part in parts {
        assert!(last.contains(part), "{part}\n{}", lines.join("\n"));
    }
    lines.join("\n")
}

#[track_caller]
fn last_json(directory: &Path) -> Value {
    let lines = lines(directory);
    serde_json::from_str(lines.last().expect("a line"))
        .unwrap_or_else(|e| panic!("{e}\n{}", lines.join("\n")))
}

#[test]
fn completed_failed_and_without_a_server() {
    let shop = shop("handed_logs");
    let logs = shop.path("logs");
    let (text, json) = (["--log-dir", "logs"], ["--log-dir", "logs", "--log-format", "json"]);

    shop.export(&text).output().exits(SOME_FAILED);
    let all = last_is(
        &logs,
        &[
            "Z | ERROR | failed: 1 of 3 tables failed, 2 exported",
            "exit_code=1",
            "tables=3",
            "rows=2000",
            "files=2",
            "run=\"",
        ],
    );
    assert!(all.contains("| ERROR | to finish    lakexpress resume "), "{all}");
    assert!(all.contains("| ERROR | hint for public.bad: "), "{all}");
    shop.export(&json).output().exits(SOME_FAILED);
    let last = last_json(&logs);
    for (key, value) in [("status", "failed"), ("level", "ERROR")] {
        assert_eq!(last[key], value, "{last}");
    }
    for (key, value) in
        [("exit_code", 1), ("tables", 3), ("exported", 2), ("failed", 1), ("rows", 2000), ("files", 2)]
    {
        assert_eq!(last[key], value, "{last}");
    }

    // Whatever the level and however quiet.
    shop.mend();
    shop.export(&text).args(["-q", "--log-level", "error"]).output().exits(0);
    last_is(&logs, &["Z | INFO | completed: 3 of 3 tables exported", "exit_code=0", "seconds="]);

    // Nobody answers: the file is not empty.
    let url = format!("postgres://x@127.0.0.1:{}/y", free_port());
    let away = |flags: &[&str]| {
        let run = shop.run(["export", "--source", &url, "--output-dir", "lake", "--retries", "0"]);
        run.args(flags).output().exits(UNAVAILABLE)
    };
    away(&text);
    let all = last_is(&logs, &["Z | ERROR | failed", "exit_code=75"]);
    assert!(all.contains("refused") || all.contains("connect"), "{all}");
    away(&json);
    assert_eq!((&last_json(&logs)["exit_code"], true), (&75.into(), true));

    // Other commands, and a wrong command line.
    shop.run(["verify", "lake", "--log-dir", "logs"]).output().ok();
    last_is(&logs, &["| INFO | completed", "exit_code=0"]);
    shop.run(["status", "nope", "--log-dir", "logs"]).output().exits(2);
    let all = last_is(&logs, &["| ERROR | failed", "exit_code=2"]);
    assert!(all.contains("no run 'nope'") && all.contains("hint: "), "{all}");
}

#[test]
fn interrupted() {
    let server = PgServer::shared();
    let shop = shop("handed_logs_signal");
    let mut holder = server
        .psql_command(&shop.db)
        .args(["-c", "BEGIN; LOCK TABLE more IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let locks =
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'more'::regclass";
    wait_until("the table is locked", || server.query(&shop.db, locks) == "1");
    let running = shop.export(&["--log-dir", "logs"]).spawn();
    wait_until("the run is recorded", || {
        shop.run(["runs", "--json"]).output().stdout.contains("\"running\"")
    });
    assert!(Command::new("kill").args(["-TERM", &running.pid().to_string()]).status().unwrap().success());
    running.finish().exits(143);
    let all = last_is(
        &shop.path("logs"),
        &["| ERROR | terminated by SIGTERM: ", "status=\"interrupted\"", "exit_code=143", "tables=3"],
    );
    assert!(all.contains("to finish    lakexpress resume "), "{all}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    server.query(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'handed_logs_signal'",
    );
}

/// All times of a file are of one zone, which is written.
#[test]
fn times_are_utc_whatever_the_zone() {
    let shop = shop("handed_logs_zone");
    let before = chrono::Utc::now().timestamp();
    shop.export(&["--log-dir", "logs", "-i", "good"]).env("TZ", "Asia/Tokyo").output().ok();
    let lines = lines(&shop.path("logs"));
    for line in &lines {
        let (time, _) = line.split_once(" | ").expect("a time");
        let at = chrono::DateTime::parse_from_rfc3339(time).unwrap_or_else(|e| panic!("{time}: {e}"));
        assert!((before - 1..before + 120).contains(&at.timestamp()), "{line}");
    }
    let snapshot = lines.iter().find(|line| line.contains("snapshot: consistency run, taken at 2"));
    assert!(snapshot.is_some_and(|line| !line.contains('{')), "{}", lines.join("\n"));
}
