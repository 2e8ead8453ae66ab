//! `--metrics-file`, read as node_exporter's textfile collector reads it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::exposition::Exposition;
use super::{SOME_FAILED, Shop, TERMINATED, UNAVAILABLE, USAGE, shop, terminate};
use crate::lake::files;
use crate::server::free_port;

const SUCCESS: &str = "lakexpress_run_success";
const LAST_SUCCESS: &str = "lakexpress_run_last_success_timestamp_seconds";

impl Shop {
    #[track_caller]
    fn metrics(&self, name: &str) -> Exposition {
        let text = fs::read_to_string(self.path(name)).unwrap();
        Exposition::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn a_failed_table_a_success_and_a_failed_run() {
    let shop = shop("notify_metrics");
    fs::create_dir(shop.path("collector")).unwrap();
    let flags = ["--metrics-file", "collector/shop.prom"];
    let before = now();
    shop.export(&flags).output().exits(SOME_FAILED);
    let mode = fs::metadata(shop.path("collector/shop.prom")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "another user reads it");
    assert_eq!(files(&shop.path("collector")), ["shop.prom"]);
    let failed = shop.metrics("collector/shop.prom");
    assert_eq!((failed.value(SUCCESS), failed.value("lakexpress_exit_code")), (0.0, 1.0));
    assert_eq!(failed.value(LAST_SUCCESS), 0.0, "there was none");
    for (status, count) in [("completed", 2.0), ("failed", 1.0), ("unfinished", 0.0)] {
        assert_eq!(failed.labelled("lakexpress_tables", "status", status), count, "{status}");
    }
    let (start, end) = (
        failed.value("lakexpress_run_start_timestamp_seconds"),
        failed.value("lakexpress_run_end_timestamp_seconds"),
    );
    assert!(before - 0.01 <= start && start < end && end <= now() + 0.01, "{before} {start} {end}");
    let took = failed.value("lakexpress_run_duration_seconds");
    assert!((end - start - took).abs() < 0.01, "{took}");
    assert_eq!(failed.value("lakexpress_rows"), 2000.0);
    assert_eq!(failed.value("lakexpress_files"), 2.0);
    let size = |table: &str| {
        fs::metadata(shop.path("lake/public").join(table).join("part-00000.parquet")).unwrap().len() as f64
    };
    assert_eq!(failed.labelled("lakexpress_table_bytes", "table", "good"), size("good"));
    assert!(failed.value("lakexpress_bytes") > size("good"));
    assert_eq!(failed.labelled("lakexpress_table_rows", "table", "odd \"\\\nname"), 1000.0);
    assert_eq!(failed.labelled("lakexpress_table_success", "table", "bad"), 0.0);
    assert_eq!(failed.labelled("lakexpress_table_success", "table", "good"), 1.0);
    assert!(failed.of("lakexpress_table_rows").iter().all(|(labels, _)| labels["schema"] == "public"));
    assert!(failed.labels().all(|labels| labels["name"] == "shop"), "two jobs have two series");

    // A success, by resume.
    shop.mend();
    let runs = shop.run(["runs", "--json"]).output().ok();
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).unwrap();
    shop.run(["resume", runs[0]["run_id"].as_str().unwrap()]).args(flags).output().ok();
    let done = shop.metrics("collector/shop.prom");
    assert_eq!((done.value(SUCCESS), done.value("lakexpress_exit_code")), (1.0, 0.0));
    assert_eq!(done.value(LAST_SUCCESS), done.value("lakexpress_run_end_timestamp_seconds"));
    assert_eq!(done.value("lakexpress_rows"), 2001.0);

    // A run that fails as a whole keeps it.
    let source = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let args = ["export", "--source", &source, "--output-dir", "lake", "--retries", "0"];
    shop.run(args).args(flags).output().exits(UNAVAILABLE);
    let down = shop.metrics("collector/shop.prom");
    assert_eq!((down.value(SUCCESS), down.value("lakexpress_exit_code")), (0.0, 75.0));
    assert_eq!(down.value(LAST_SUCCESS), done.value(LAST_SUCCESS));
    assert_eq!(down.labelled("lakexpress_tables", "status", "completed"), 0.0);
    assert!(down.metrics().is_subset(&done.metrics()), "{down:?}");

    // A query has another file.
    let args =
        ["query", "--source", &shop.url, "--output-dir", "q", "--name", "n", "SELECT 1 AS one FROM good"];
    shop.run(args).env("LAKEXPRESS_METRICS_FILE", shop.path("query.prom")).output().ok();
    let query = shop.metrics("query.prom");
    assert_eq!(query.labelled("lakexpress_table_rows", "table", "n"), 1000.0);
    assert!(query.labels().all(|labels| labels["name"] == "query"));
}

#[test]
fn a_run_that_was_stopped() {
    let shop = shop("notify_metrics_stopped");
    shop.export(&["-i", "good", "--metrics-file", "m.prom"]).output().ok();
    let before = shop.metrics("m.prom");
    let running = shop.slow(&["--metrics-file", "m.prom"]);
    let begun = Instant::now();
    terminate(&running);
    let output = running.finish().exits(TERMINATED);
    assert!(begun.elapsed() < Duration::from_secs(9), "{output}");
    let stopped = shop.metrics("m.prom");
    assert_eq!((stopped.value(SUCCESS), stopped.value("lakexpress_exit_code")), (0.0, 143.0));
    assert_eq!(stopped.value(LAST_SUCCESS), before.value(LAST_SUCCESS));
    assert_eq!(stopped.labelled("lakexpress_tables", "status", "completed"), 1.0);
    assert_eq!((stopped.value("lakexpress_rows"), stopped.value("lakexpress_files")), (1000.0, 1.0));
    assert!(stopped.value("lakexpress_bytes") > 0.0);
}

/// The run is as it would be without, and a warning names the file and what to change.
#[test]
fn a_file_that_cannot_be_written() {
    let shop = shop("notify_metrics_denied");
    fs::create_dir(shop.path("directory")).unwrap();
    fs::write(shop.path("file"), "").unwrap();
    assert!(Command::new("mkfifo").arg(shop.path("pipe")).status().unwrap().success());
    for path in ["missing/m.prom", "directory", "file/m.prom", "/proc/m.prom", "pipe"] {
        let output = shop.export(&["-i", "good", "--metrics-file", path]).output().ok();
        output.says(&["cannot write the metrics file", path, "--metrics-file"]);
    }
    assert!(fs::metadata(shop.path("pipe")).unwrap().file_type().is_fifo(), "it was replaced");
    assert!(!shop.path("missing").exists() && shop.path("directory").is_dir());
    shop.export(&["--metrics-file", "missing/m.prom"]).output().exits(SOME_FAILED);
    for path in ["http://h/m.prom", "~/m.prom"] {
        let output = shop.export(&["--metrics-file", path]).output().exits(USAGE);
        output.says(&["--metrics-file"]);
    }
}

/// What is no run leaves the file alone, and a link stays one.
#[test]
fn other_commands_and_links() {
    let shop = shop("notify_metrics_links");
    fs::write(shop.path("real.prom"), "# HELP lakexpress_x none\n").unwrap();
    std::os::unix::fs::symlink("real.prom", shop.path("m.prom")).unwrap();
    let args = ["plan", "--source", &shop.url, "--output-dir", "lake", "-i", "good"];
    shop.run(args).args(["--metrics-file", "m.prom"]).output().ok();
    assert!(fs::read_to_string(shop.path("m.prom")).unwrap().ends_with("none\n"));
    shop.export(&["-i", "good", "--metrics-file", "m.prom"]).output().ok();
    assert!(shop.path("m.prom").is_symlink());
    assert_eq!(shop.metrics("real.prom").value(SUCCESS), 1.0);
}

/// A source, an auth file or anything else of the user's.
#[test]
fn a_file_that_no_run_wrote_is_refused_and_stays() {
    let shop = shop("notify_taken");
    fs::write(shop.path("data.db"), "SQLite format 3\0 and more").unwrap();
    let output = shop.export(&["--metrics-file", "data.db"]).output().exits(USAGE);
    output.says(&["--metrics-file", "no run wrote", "data.db"]);
    assert_eq!(fs::read(shop.path("data.db")).unwrap(), b"SQLite format 3\0 and more");
    // An empty one is nobody's, and one of an earlier run is ours.
    fs::write(shop.path("new.prom"), "").unwrap();
    for _ in 0..2 {
        shop.export(&["--metrics-file", "new.prom"]).output().exits(SOME_FAILED);
        assert_eq!(shop.metrics("new.prom").value("lakexpress_exit_code"), 1.0);
    }
    // The collector knows a file by the name of its link.
    fs::create_dir(shop.path("collector")).unwrap();
    std::os::unix::fs::symlink("../new.prom", shop.path("collector/linked.prom")).unwrap();
    shop.export(&["--metrics-file", "collector/linked.prom"]).output().exits(SOME_FAILED);
    assert!(fs::read_to_string(shop.path("new.prom")).unwrap().contains("name=\"linked\""));
    assert!(fs::symlink_metadata(shop.path("collector/linked.prom")).unwrap().is_symlink());
}
