//! Passwords that expire while an export runs: `password_command` and `password_file` of an entry.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lake::{Output, Run, duck};
use crate::server::PgServer;

/// A server whose role `clerk` logs in with the token of the moment, and where that lies.
struct Issuer {
    server: PgServer,
    dir: tempfile::TempDir,
}

impl Issuer {
    /// `tables` views, each of which takes `seconds` to read.
    fn new(tables: usize, seconds: f64) -> Self {
        let rules = "host all clerk 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust";
        let server = PgServer::start_with(&[("log_connections", "on")], rules);
        server.sql("postgres", "CREATE ROLE clerk LOGIN PASSWORD 'none yet';");
        server.create_db("office");
        for at in 0..tables {
            server.sql(
                "office",
                &format!(
                    "CREATE VIEW v{at} AS SELECT n, pg_sleep({seconds})::text AS slept FROM generate_series(1, 1) n; \
                     GRANT SELECT ON v{at} TO clerk;"
                ),
            );
        }
        let issuer = Self { server, dir: tempfile::tempdir().unwrap() };
        issuer.issue(0);
        issuer
    }

    fn token(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    /// Another token; the one before is refused from now on.
    fn issue(&self, number: u32) {
        let next = self.dir.path().join("next");
        fs::write(&next, format!("token-{number}-{}\n", "x".repeat(2000))).unwrap();
        fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).unwrap();
        let token = fs::read_to_string(&next).unwrap();
        self.server.sql("postgres", &format!("ALTER ROLE clerk PASSWORD '{}'", token.trim_end()));
        fs::rename(&next, self.token()).unwrap();
    }

    /// Ends the sessions that read, but not those that hold the snapshot: the next read needs a new login.
    fn cut(&self) {
        let readers = "usename = 'clerk' AND state <> 'idle in transaction'";
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {readers}");
        self.server.query("postgres", &sql);
    }

    /// The auth file whose entry has `keys` besides the address.
    fn auth(&self, keys: &Value) -> PathBuf {
        let mut info = json!({
            "username": "clerk", "server": "127.0.0.1", "port": self.server.port(), "database": "office",
            "sslmode": "disable"
        });
        info.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let path = self.dir.path().join("auth.json");
        fs::write(&path, json!({"db": {"ds_type": "postgres", "info": info}}).to_string()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn export(&self, keys: &Value, dir: &Path, extra: &[&str]) -> Output {
        let auth = self.auth(keys);
        let mut run =
            Run::new(["export", "-a", auth.to_str().unwrap(), "--source-db-auth-id", "db", "--views"]);
        run = run.args(["--output-dir", dir.to_str().unwrap()]).args(extra);
        run.env("PGPASSWORD", "of another server").output()
    }
}

/// A command that writes the token and counts that it was asked.
fn counted(issuer: &Issuer) -> String {
    format!("echo asked >> '{0}/asked'; cat '{0}/token'", issuer.dir.path().display())
}

/// Exports views that take `seconds` each while the token changes every `life`; connections begin all the time.
fn through_changes(tables: usize, seconds: f64, life: Duration) {
    let issuer = Issuer::new(tables, seconds);
    let out = tempfile::tempdir().unwrap();
    let ended = AtomicBool::new(false);
    let began = Instant::now();
    let (output, issued) = std::thread::scope(|scope| {
        let issuing = scope.spawn(|| {
            let mut issued = 0;
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
                if began.elapsed() > life * (issued + 1) {
                    issued += 1;
                    issuer.issue(issued);
                    issuer.cut();
                }
            }
            issued
        });
        let keys = json!({"password_command": counted(&issuer), "password_lifetime": 3600});
        let output = issuer.export(
            &keys,
            out.path(),
            &["-p", "1", "--n-jobs", "1", "--max-connections", "3", "--retries", "10"],
        );
        ended.store(true, Ordering::Relaxed);
        (output, issuing.join().unwrap())
    });
    output.ok().no_panic().never_says(&["token-"]);
    let rows = duck(&format!("SELECT count(*) FROM '{}/public/*/*.parquet'", out.path().display()));
    assert_eq!(rows.trim(), tables.to_string());
    let asked = fs::read_to_string(issuer.dir.path().join("asked")).unwrap().lines().count();
    let log = issuer.server.log();
    let logins = log.lines().filter(|line| line.contains("connection authorized: user=clerk")).count();
    let refused = log.lines().filter(|line| line.contains("password authentication failed")).count();
    println!(
        "{:?}: {issued} tokens, {logins} logins, {refused} refused, asked {asked} times",
        began.elapsed()
    );
    assert!(
        issued >= 3 && refused >= 2 && asked > refused,
        "the token did not change while connections began"
    );
}

#[test]
fn tokens_that_change_while_an_export_runs() {
    through_changes(12, 0.6, Duration::from_millis(1500));
}

#[test]
#[ignore = "make verify-nights: two minutes"]
fn tokens_of_twenty_seconds_through_two_minutes() {
    through_changes(42, 3.0, Duration::from_secs(20));
}

#[test]
fn a_password_is_asked_for_once_in_its_lifetime() {
    let issuer = Issuer::new(3, 0.0);
    let out = tempfile::tempdir().unwrap();
    issuer.export(&json!({"password_command": counted(&issuer)}), out.path(), &["--n-jobs", "3"]).ok();
    let asked = fs::read_to_string(issuer.dir.path().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 1);
    issuer.issue(1);
    let again = tempfile::tempdir().unwrap();
    issuer.export(&json!({"password_file": issuer.token()}), again.path(), &[]).ok();
}

#[test]
fn what_gives_no_password_says_why_and_shows_nothing() {
    let issuer = Issuer::new(1, 0.0);
    let out = tempfile::tempdir().unwrap();
    let missing = issuer.dir.path().join("missing");
    let twice = json!({"password_command": "cat x", "password": "s3cret"});
    for (keys, code, words) in [
        (json!({"password_command": "echo s3cret; echo s3cret"}), 78, "more than one line"),
        (json!({"password_command": "true"}), 78, "it is empty"),
        (json!({"password_command": "printf '\\377'"}), 78, "not UTF-8"),
        (json!({"password_command": "echo s3cret; echo 'not logged in' >&2; exit 3"}), 75, "exit status: 3"),
        (json!({"password_command": "no-such-program-at-all"}), 75, "exit status: 127"),
        (json!({"password_command": "set -x; false s3cret"}), 75, "by hand"),
        (json!({"password_command": "echo s3cret"}), 77, "password"),
        (json!({"password_file": missing}), 78, "password_file"),
        (json!({"password_file": missing, "password_command": "x"}), 78, "keep one"),
        (json!({"password_lifetime": 5}), 78, "password_lifetime"),
        (json!({"password_command": 7}), 78, "must be a string"),
        (twice, 78, "keep one"),
    ] {
        let output = issuer.export(&keys, out.path(), &["--retries", "0"]);
        output.exits(code).says(&[words]).never_says(&["s3cret"]).no_panic();
    }
}

#[test]
fn a_command_that_others_can_change_is_not_run() {
    let issuer = Issuer::new(1, 0.0);
    let (keys, out) = (json!({"password_command": counted(&issuer)}), tempfile::tempdir().unwrap());
    let auth = issuer.auth(&keys);
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o666)).unwrap();
    let run = Run::new(["export", "-a", auth.to_str().unwrap(), "--source-db-auth-id", "db", "--views"]);
    let output = run.args(["--output-dir", out.path().to_str().unwrap()]).output();
    output.exits(77).says(&["password_command", "chmod 600"]);
    assert!(!issuer.dir.path().join("asked").exists());
}
