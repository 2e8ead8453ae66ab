//! The printed line that finishes a run, pasted into a shell.

use std::process::Command;

use super::{SOME_FAILED, Shop, document, shop, to_finish};
use crate::lake::Output;
use crate::resume::wait_until;
use crate::server::PgServer;

/// Directories of auth files, as people have them.
const DIRECTORIES: [&str; 3] = ["plain", "Bob's \"auth\" files $HOME", "two\nlines"];

#[track_caller]
fn completes(shop: &Shop, line: &str, env: &[(&str, &str)]) {
    shop.mend();
    let output: Output = shop.paste(line, env);
    assert_eq!(output.code, Some(0), "{line}\n{output}");
    assert!(output.stdout.contains("3 of 3 tables"), "{line}\n{output}");
    assert!(output.stdout.contains("resumed      2 tables were finished before"), "{line}\n{output}");
}

#[test]
fn with_an_auth_file_anywhere_and_each_run_log() {
    for (at, directory) in DIRECTORIES.into_iter().enumerate() {
        for (log, id) in [(0, Some("it's a log")), (1, Some("file")), (2, None)] {
            let shop = shop(&format!("handed_line_{at}_{log}"));
            let auth = shop.path(directory).join("auth.json");
            shop.auth(&auth, &[]);
            let mut run = shop.run(["export", "--source-db-auth-id", "source", "--output-dir", "lake", "-a"]);
            run = run.args([auth.strip_prefix(shop.home.path()).unwrap()]);
            if let Some(id) = id {
                run = run.args(["--log-db-auth-id", id]);
            }
            let output = run.output().exits(SOME_FAILED);
            let line = to_finish(&output.stdout);
            assert!(line.starts_with("lakexpress resume "), "{line}");
            completes(&shop, &line, &[]);
        }
    }
}

#[test]
fn under_quiet_and_in_json_too() {
    for (at, flag) in ["-q", "--json"].into_iter().enumerate() {
        let shop = shop(&format!("handed_line_quiet_{at}"));
        let output = shop.export(&[flag]).output().exits(SOME_FAILED);
        let line = to_finish(&output.stderr);
        if flag == "--json" {
            assert_eq!(document(&output)["resume"], line.as_str(), "{output}");
        }
        completes(&shop, &line, &[]);
    }
}

/// A password is in no line; whoever reads it is told what to add, or has it in the environment.
#[test]
fn without_the_password_of_a_url() {
    let shop = shop("handed_line_password");
    let url = PgServer::shared().url_as("postgres", "hush-hush", &shop.db);
    let out = shop.out();
    let export = ["export", "--output-dir", out.to_str().unwrap()];
    let output = shop.run(export).args(["--source", &url]).output().exits(SOME_FAILED);
    assert!(output.stdout.contains("add --source URL, or set LAKEXPRESS_SOURCE"), "{output}");
    let output = output.never_says(&["hush-hush"]);
    shop.paste(&to_finish(&output.stdout), &[])
        .exits(2)
        .says(&["the source's password", "LAKEXPRESS_SOURCE"]);
    let output = shop.run(export).env("LAKEXPRESS_SOURCE", &url).output().exits(SOME_FAILED);
    let line = to_finish(&output.stdout);
    assert!(!output.stdout.contains("add --source") && !line.contains("--source"), "{output}");
    completes(&shop, &line, &[("LAKEXPRESS_SOURCE", &url)]);
}

/// A password of the surroundings goes to a server that is named outside of the run log.
#[test]
fn with_a_password_of_the_environment() {
    let shop = shop("handed_line_pgpassword");
    let output = shop.export(&[]).env("PGPASSWORD", "hush-hush").output().exits(SOME_FAILED);
    let line = to_finish(&output.never_says(&["hush-hush"]).stdout);
    completes(&shop, &line, &[("PGPASSWORD", "hush-hush")]);
}

/// What an export's environment says that is not for a resume, and changes nothing.
#[test]
fn in_the_environment_of_the_export() {
    let shop = shop("handed_line_env");
    let out = shop.out().display().to_string();
    let env = [
        ("LAKEXPRESS_SOURCE", shop.url.as_str()),
        ("LAKEXPRESS_OUTPUT_DIR", &out),
        ("LAKEXPRESS_LOG_DB_MODE", "preserve"),
        ("LAKEXPRESS_SUB_PATH", "day"),
        ("LAKEXPRESS_VERIFY", "count"),
    ];
    let run = env.iter().fold(shop.run(["export"]), |run, (name, value)| run.env(name, value));
    let output = run.output().exits(SOME_FAILED);
    completes(&shop, &to_finish(&output.stdout), &env);
}

#[test]
fn after_a_signal() {
    let server = PgServer::shared();
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let db = format!("handed_line{}", signal.to_lowercase().replace('-', "_"));
        let shop = shop(&db);
        shop.mend();
        // `more` is held by somebody for longer than the run lives.
        let mut holder = server
            .psql_command(&db)
            .args(["-c", "BEGIN; LOCK TABLE more IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'more'::regclass";
        wait_until("the table is locked", || server.query(&db, locks) == "1");
        let running = shop.export(&["--consistency", "table"]).spawn();
        wait_until("the run is recorded", || {
            let runs = shop.run(["runs", "--json"]).output();
            runs.stdout.contains("\"running\"")
        });
        let pid = running.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let output = running.finish().exits(code);
        server.query(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{db}' AND query LIKE '%pg_sleep%'"),
        );
        holder.wait().unwrap();
        let resumed = shop.paste(&to_finish(&output.stderr), &[]);
        assert_eq!(resumed.code, Some(0), "{output}\n{resumed}");
        assert!(resumed.stdout.contains("3 of 3 tables"), "{resumed}");
    }
}

/// The server goes away in the middle: the error of the run as a whole names the line.
#[test]
fn when_the_server_goes_away() {
    let server = PgServer::start();
    server.create_db("handed");
    server.sql(
        "handed",
        "CREATE TABLE one AS SELECT g AS id FROM generate_series(1, 100) g;
         CREATE VIEW two AS SELECT g AS id, pg_sleep(0.2)::text AS t FROM generate_series(1, 100) g;",
    );
    let shop = shop("handed_line_gone");
    let auth = shop.path("auth files").join("auth.json");
    let info = serde_json::json!({ "username": "postgres", "server": "127.0.0.1", "port": server.port(), "database": "handed", "sslmode": "disable" });
    shop.auth(
        &auth,
        &[("other", serde_json::json!({ "ds_type": "postgres", "auth_mode": "classic", "info": info }))],
    );
    let running = shop
        .run([
            "export",
            "--source-db-auth-id",
            "other",
            "--output-dir",
            "lake",
            "--views",
            "--retries",
            "0",
            "-a",
        ])
        .args([&auth])
        .args(["--log-db-auth-id", "it's a log", "--log-dir", "logs"])
        .spawn();
    wait_until("the first table is done", || shop.out().join("public/one/_manifest.json").exists());
    server.kill9();
    let output = running.finish().exits(75);
    let hint =
        |line: &str| Some(line.strip_prefix("hint: `")?.split_once("` exports what is left")?.0.to_owned());
    let line = &output.stderr.lines().find_map(hint).unwrap_or_else(|| panic!("no command\n{output}"));
    server.restart();
    server.sql(
        "handed",
        "CREATE OR REPLACE VIEW two AS SELECT g AS id, 'x' AS t FROM generate_series(1, 100) g",
    );
    let resumed = shop.paste(line, &[]);
    assert_eq!(resumed.code, Some(0), "{output}\n{resumed}");
    assert!(resumed.stdout.contains("2 of 2 tables"), "{resumed}");
    let log = std::fs::read_dir(shop.path("logs")).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read_to_string(log).unwrap();
    let last = log.lines().last().unwrap();
    assert!(
        last.contains("failed: 1 of 2 tables failed, 1 exported") && last.contains("exit_code=75"),
        "{log}"
    );
}
