//! A run in a bucket that an entry of the auth file names: what later commands find by the run log alone.

use serde_json::{Value, json};

use super::seaweed::{BUCKET, Seaweed, WRITER};
use super::{Place, unique};
use crate::lake::{Output, Run, program};
use crate::server::PgServer;

/// A place whose table `b` fails until it is mended, and a run of it that failed.
fn scene(log: Option<&str>) -> (Place, String, Output) {
    let (place, seaweed) = (Place::new(), Seaweed::shared());
    place.fill(50, 20);
    place.run("CREATE TABLE b (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO b VALUES (1, 'no number');");
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &unique("handed")));
    let path = place.path("log.sqlite").display().to_string();
    place.entry(
        "log",
        json!({ "ds_type": "sqlite", "auth_mode": "filesystem", "info": { "filepath": path } }),
    );
    let mut run = place.export("lake", &["--sub-path", "2026/11"]);
    if let Some(log) = log {
        run = run.args(["--log-db-auth-id", log]);
    }
    let output = run.env("XDG_STATE_HOME", place.path("state")).output().exits(1);
    let id =
        output.stdout.lines().find_map(|line| line.strip_prefix("run          ")).expect("an id").to_owned();
    (place, id, output)
}

fn later(place: &Place, args: &[&str]) -> Run {
    place.at_home(Run::new(args)).env("XDG_STATE_HOME", place.path("state"))
}

#[test]
fn verify_report_and_metadata_find_the_storage_of_a_run() {
    for log in [None, Some("log")] {
        let (place, id, output) = scene(log);
        assert!(output.stdout.contains("/2026/11\n"), "{output}");
        let auth = place.auth().display().to_string();
        let mut flags = vec!["-a", &auth];
        flags.extend(log.iter().flat_map(|log| ["--log-db-auth-id", log]));
        let verified = later(&place, &["verify", &id, "--json"]).args(&flags).output().ok();
        let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
        assert_eq!(verified["tables"].as_array().unwrap().len(), 1, "{verified}");
        let report = later(&place, &["report", &id, "--json"]).args(&flags).output().ok();
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(
            (&report["evidence"]["note"], &report["evidence"]["summary"]),
            (&Value::Null, &true.into())
        );
        place.run("UPDATE b SET n = 1");
        // The line as it was printed.
        let line = output.stdout.lines().find_map(|line| line.strip_prefix("to finish    ")).expect("a line");
        let resumed = pasted(&place, line);
        assert!(resumed.stdout.contains("2 of 2 tables"), "{line}\n{resumed}");
        later(&place, &["metadata", &id]).args(&flags).output().ok();
        if log.is_none() {
            // With the default run log, which names the auth file, too.
            later(&place, &["verify", &id]).output().ok();
        }
    }
}

/// An entry that is another place now is not looked at for the run's.
#[test]
fn an_entry_that_has_changed_is_said() {
    let (place, id, _) = scene(None);
    let seaweed = Seaweed::shared();
    place.entry("lake", seaweed.entry(seaweed.port, WRITER, &unique("handed-other")));
    for command in ["verify", "metadata"] {
        later(&place, &[command, &id])
            .output()
            .exits(2)
            .says(&["not where the run wrote", "--target-storage-id"]);
    }
    std::fs::remove_file(place.auth()).unwrap();
    later(&place, &["verify", &id])
        .output()
        .exits_one_of(&[2, 75, 78])
        .says(&["auth", "--target-storage-id"]);
}

/// A bucket named by a URL, and a run log that others can write: the line names the bucket once more, and no key.
#[test]
fn a_bucket_of_a_url_and_a_run_log_in_a_database() {
    let (place, seaweed, server) = (Place::new(), Seaweed::shared(), PgServer::shared());
    place.fill(50, 20);
    place.run("CREATE TABLE b (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO b VALUES (1, 'no number');");
    server.create_db("handed_url_log");
    let info = json!({ "username": "postgres", "server": "127.0.0.1", "port": server.port(), "database": "handed_url_log", "sslmode": "disable" });
    place.entry("log", json!({ "ds_type": "postgres", "auth_mode": "classic", "info": info }));
    let env = [
        ("AWS_ACCESS_KEY_ID", WRITER.0.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", WRITER.1.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", seaweed.port)),
    ];
    let (source, url) = (
        format!("sqlite:{}", place.path("data.db").display()),
        format!("s3://{BUCKET}/{}", unique("handed")),
    );
    let auth = place.auth().display().to_string();
    let flags = ["-a", &auth, "--log-db-auth-id", "log"];
    let mut run = later(&place, &["export", "--source", &source, "--output-dir", &url]).args(flags);
    for (name, value) in &env {
        run = run.env(name, value);
    }
    let output = run.output().exits(1).never_says(&[WRITER.1]);
    let line = output.stdout.lines().find_map(|line| line.strip_prefix("to finish    ")).expect("a line");
    assert!(line.ends_with(&format!(" --output-dir {url}")), "{line}");
    place.run("UPDATE b SET n = 1");
    let exports: String = env.iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
    let resumed = pasted(&place, &format!("{exports}{line}"));
    assert!(resumed.stdout.contains("2 of 2 tables"), "{line}\n{resumed}");
    // Keys of the environment are not used for a store that others may have named.
    let id = line.split(' ').nth(2).unwrap();
    let mut run = later(&place, &["verify", id]).args(flags);
    for (name, value) in &env {
        run = run.env(name, value);
    }
    run.output().exits(2).says(&["other users can write the run log"]);
}

fn pasted(place: &Place, line: &str) -> Output {
    let bin = std::path::Path::new(program()).parent().unwrap().display();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(line).current_dir("/").env("PATH", path);
    shell
        .env("XDG_STATE_HOME", place.path("state"))
        .env("HOME", place.path(""))
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = shell.output().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
