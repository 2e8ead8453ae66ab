//! `docs/nightly.md` as it is: its script and its commands are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use super::{SOME_FAILED, Shop, UNAVAILABLE, document, shop};
use crate::lake::{Output, program, python};
use crate::resume::wait_until;
use crate::server::{PgServer, free_port};

/// The code blocks of the page in a language.
fn blocks(language: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/nightly.md")).unwrap();
    let parts: Vec<&str> = page.split("\n```").collect();
    let inside = parts.iter().skip(1).step_by(2);
    let found = inside.filter_map(|block| block.strip_prefix(&format!("{language}\n")));
    found.map(str::to_owned).collect()
}

/// A program with the settings of the page.
fn with_settings(shop: &Shop, url: &str, program_and_args: &[&str]) -> Command {
    let bin = Path::new(program()).parent().unwrap().display();
    let mut command = Command::new(program_and_args[0]);
    command.args(&program_and_args[1..]).current_dir(shop.home.path());
    command.env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
    command.env("XDG_STATE_HOME", shop.path("state")).env("LAKEXPRESS_SOURCE", url);
    command.env("LAKEXPRESS_OUTPUT_DIR", shop.out()).env("LAKEXPRESS_LOG_DIR", shop.path("logs"));
    command
}

fn output(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}: run `make test-deps`"));
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The page's script, in a file.
fn script(shop: &Shop) -> PathBuf {
    let found: Vec<String> =
        blocks("sh").into_iter().filter(|block| block.starts_with("#!/bin/sh")).collect();
    assert_eq!(found.len(), 1);
    let path = shop.path("nightly.sh");
    fs::write(&path, &found[0]).unwrap();
    path
}

#[test]
fn its_script_ends_with_the_code_of_the_night() {
    let shop = shop("handed_page_script");
    let script = script(&shop).display().to_string();
    let night = |url: &str, pause: &str| {
        let mut command = with_settings(&shop, url, &["sh", &script]);
        command.env("NIGHTLY_PAUSE", pause);
        output(command)
    };
    let failed = night(&shop.url, "0").exits(SOME_FAILED);
    assert_eq!(
        failed.stdout.lines().last().unwrap().split(" in ").next(),
        Some("failed: 2 of 3 tables, 2000 rows")
    );
    let away = night(&format!("postgres://x@127.0.0.1:{}/y", free_port()), "0");
    assert_eq!((away.code, away.stdout.starts_with("failed: ")), (Some(UNAVAILABLE), true), "{away}");

    // Mended while the script waits: what is left is done.
    let runs = || document(&shop.run(["runs", "--json"]).output().ok()).as_array().unwrap().clone();
    let before = runs().len();
    let done = thread::scope(|scope| {
        let night = scope.spawn(|| night(&shop.url, "3"));
        wait_until("a run has failed", || runs().len() > before && runs()[0]["status"] == "failed");
        shop.mend();
        night.join().unwrap()
    });
    assert!(done.stdout.starts_with("completed: 3 of 3 tables, 2001 rows in "), "{done}");
    assert_eq!((done.code, runs().len()), (Some(0), before + 1), "{done}");
    night(&shop.url, "0").ok();
}

#[test]
fn its_commands_do_what_it_says() {
    let shop = shop("handed_page_commands");
    shop.mend();
    PgServer::shared().sql(
        &shop.db,
        "CREATE TABLE orders AS SELECT g AS o_orderkey, (now() AT TIME ZONE 'UTC')::date - g AS o_orderdate FROM generate_series(0, 3) g",
    );
    let first = document(&shop.export(&["--json"]).output().ok());
    let id = first["run_id"].as_str().unwrap();
    let commands: Vec<String> = blocks("sh").into_iter().filter(|block| !block.starts_with("#!")).collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for block in &commands {
        let text = block.replace("RUN_ID", id);
        let said = output(with_settings(&shop, &shop.url, &["sh", "-ec", &text]));
        assert_eq!(said.code, Some(0), "{text}\n{said}");
        if text.contains("--where") {
            assert!(said.stdout.contains("1 of 1 table, 1 row "), "the rows of yesterday\n{said}");
        }
    }
    // What watches the job sees that there was none.
    let watch = commands.iter().find(|block| block.contains("jq -e")).unwrap();
    let mut none = with_settings(&shop, &shop.url, &["sh", "-c", watch]);
    none.env("XDG_STATE_HOME", shop.path("other"));
    assert_eq!(output(none).code, Some(1));

    let manifests = blocks("yaml").concat();
    let args = manifests.lines().find_map(|line| line.trim().strip_prefix("args: ")).unwrap();
    let args: Vec<String> = serde_json::from_str(args).unwrap();
    let args: Vec<&str> = [program()].into_iter().chain(args.iter().map(String::as_str)).collect();
    output(with_settings(&shop, &shop.url, &args)).ok();
}

/// Airflow itself is not here: its two names are stood in for, and the function is called.
#[test]
fn its_task_of_airflow_tells_failures_apart() {
    const STAND_IN: &str = "
import sys, types
airflow, exceptions, sdk = (types.ModuleType(name) for name in ('airflow', 'airflow.exceptions', 'airflow.sdk'))
class AirflowFailException(Exception): pass
exceptions.AirflowFailException = AirflowFailException
sdk.task = lambda **kwargs: lambda function: function
sys.modules.update({'airflow': airflow, 'airflow.exceptions': exceptions, 'airflow.sdk': sdk})
";
    let shop = shop("handed_page_airflow");
    let python = python().display().to_string();
    let call = |url: &str| {
        let text = format!("{STAND_IN}\n{}\nprint(export(ds='2026-11-28'))", blocks("python").concat());
        output(with_settings(&shop, url, &[&python, "-c", &text]))
    };
    let failed = call(&shop.url);
    assert!(failed.stderr.contains("RuntimeError: --special-values null makes it NULL"), "{failed}");
    let away = call(&format!("postgres://x@127.0.0.1:{}/y", free_port()));
    assert!(away.stderr.contains("RuntimeError: "), "{away}");
    let wrong = call("postgres//nonsense");
    assert!(wrong.stderr.contains("AirflowFailException: "), "{wrong}");
    shop.mend();
    let done = call(&shop.url).ok();
    assert!(done.stdout.contains("'completed': 3"), "{done}");
}
