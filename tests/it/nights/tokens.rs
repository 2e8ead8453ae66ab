//! Passwords that expire while an export runs: `password_command` and `password_file` of an entry.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lake::{Output, Run, duck, python};
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
        self.run(&[], keys, dir).args(extra).output()
    }

    /// The program, under another one.
    fn run(&self, wrapper: &[&str], keys: &Value, dir: &Path) -> Run {
        let auth = self.auth(keys);
        let words = ["export", "-a", auth.to_str().unwrap(), "--source-db-auth-id", "db", "--views"];
        let run = Run::wrapped(wrapper, words).args(["--output-dir", dir.to_str().unwrap()]);
        run.env("PGPASSWORD", "of another server")
    }

    /// A number that a command wrote.
    fn number(&self, file: &str) -> Option<u32> {
        fs::read_to_string(self.dir.path().join(file)).ok()?.trim().parse().ok()
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
        issued >= 4 && refused >= 2 && asked > refused,
        "the token did not change while connections began"
    );
}

#[test]
fn tokens_that_change_while_an_export_runs() {
    through_changes(20, 0.2, Duration::from_millis(1500));
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
        (json!({"password_command": "echo s3cret; kill -9 $$"}), 75, "signal 9"),
        (json!({"password_command": "echo s3cret >&2; exit 1"}), 75, "db.info.password_command"),
        (json!({"password_command": "printf 's3cret\\000\\n'"}), 78, "NUL"),
        (json!({"password_command": "printf 's3cret\\r\\r\\n'"}), 78, "carriage return"),
        (json!({"password_command": "printf '\\357\\273\\277s3cret\\n'"}), 78, "byte order mark"),
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

/// Whether a process is there and runs.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[track_caller]
fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_a_command_leaves_running_is_not_waited_for() {
    let issuer = Issuer::new(1, 0.0);
    let dir = issuer.dir.path().display();
    let line = format!("printf '%s\\r\\n' \"$(cat '{dir}/token')\"; sleep 300 & echo $! > '{dir}/left'");
    let (out, began) = (tempfile::tempdir().unwrap(), Instant::now());
    issuer.export(&json!({"password_command": line}), out.path(), &[]).ok();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let left = issuer.number("left").unwrap();
    wait_until("what it left is gone", || !runs(left));
}

#[test]
fn output_without_end_ends_the_command() {
    let issuer = Issuer::new(1, 0.0);
    let (dir, out) = (issuer.dir.path().display(), tempfile::tempdir().unwrap());
    for line in ["exec yes s3cret", "exec cat /dev/zero", "yes s3cret | cat"] {
        let (line, began) = (format!("echo $$ > '{dir}/pid'; {line}"), Instant::now());
        let output = issuer.export(&json!({"password_command": line}), out.path(), &[]);
        output.exits(78).says(&["db.info.password_command", "64 KiB"]).never_says(&["s3cret"]);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let pid = issuer.number("pid").unwrap();
        wait_until("the command is gone", || !runs(pid));
    }
}

#[test]
fn a_password_file_that_is_none_is_refused_at_once() {
    let issuer = Issuer::new(1, 0.0);
    let (dir, out) = (issuer.dir.path(), tempfile::tempdir().unwrap());
    let [pipe, socket, huge, link] = ["pipe", "socket", "huge", "link"].map(|name| dir.join(name));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    for (path, words) in [
        (pipe.as_path(), "a pipe"),
        (&link, "a pipe"),
        (dir, "a directory"),
        (&socket, "a socket"),
        (Path::new("/dev/zero"), "a device"),
        (&huge, "64 KiB"),
    ] {
        let output = issuer.run(&["timeout", "20"], &json!({"password_file": path}), out.path()).output();
        let path = path.to_str().unwrap();
        output.exits(78).says(&["db.info.password_file", path, words, "hint"]);
    }
    // As a mounted secret is.
    let mounted = dir.join("mounted");
    std::os::unix::fs::symlink(issuer.token(), &mounted).unwrap();
    issuer.export(&json!({"password_file": mounted}), out.path(), &[]).ok();
}

/// A file system that answers nothing, as NFS without its server.
#[test]
#[ignore = "make verify-nights: needs /dev/fuse and the right to mount"]
fn a_password_file_that_nobody_answers_for_is_left() {
    const SCRIPT: &str = "
import ctypes, os, sys
fd = os.open('/dev/fuse', os.O_RDWR)
os.set_inheritable(fd, True)
words = b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fd
if ctypes.CDLL(None).mount(b'dead', sys.argv[1].encode(), b'fuse', 0, words) != 0:
    sys.exit('cannot mount')
os.execvp(sys.argv[2], sys.argv[2:])
";
    let issuer = Issuer::new(1, 0.0);
    let (dead, out) = (issuer.dir.path().join("dead"), tempfile::tempdir().unwrap());
    fs::create_dir(&dead).unwrap();
    let (python, mount) = (python(), dead.to_str().unwrap());
    let unshare = if crate::server::running_as_root() { "-m" } else { "-rm" };
    let wrapper =
        ["timeout", "-s", "KILL", "60", "unshare", unshare, python.to_str().unwrap(), "-c", SCRIPT, mount];
    let (keys, began) = (json!({"password_file": dead.join("token")}), Instant::now());
    let output = issuer.run(&wrapper, &keys, out.path()).args(["--retries", "0"]).output();
    output.exits(75).says(&["db.info.password_file", mount, "10 s"]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Every connection asks, and the command fails slowly after the first time.
#[test]
fn those_who_wait_for_a_password_share_one_failure() {
    let issuer = Issuer::new(6, 0.1);
    let dir = issuer.dir.path().display();
    let line = format!(
        "echo asked >> '{dir}/asked'; [ \"$(wc -l < '{dir}/asked')\" -le 1 ] || {{ sleep 2; exit 1; }}; cat '{dir}/token'"
    );
    let (out, began) = (tempfile::tempdir().unwrap(), Instant::now());
    let keys = json!({"password_command": line, "password_lifetime": 0});
    let output = issuer.export(&keys, out.path(), &["--n-jobs", "6", "-p", "1"]).ok();
    output.says(&["the last password is used again"]);
    let asked = fs::read_to_string(issuer.dir.path().join("asked")).unwrap().lines().count();
    let log = issuer.server.log();
    let logins = log.lines().filter(|line| line.contains("connection authorized: user=clerk")).count();
    println!("{:?}: asked {asked} times for {logins} logins", began.elapsed());
    assert!(logins >= 6 && asked <= 4, "asked {asked} times for {logins} logins");
}

/// A signal ends the command and its children, also one that ignores signals, and also where we cannot do anything.
#[test]
fn a_stop_ends_the_command_too() {
    // Sends Ctrl-C to the terminal of the program when the file is there.
    const TERMINAL: &str = "
import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
time.sleep(0.3)
os.write(master, b'\\x03')
try:
    while os.read(master, 65536): pass
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)
";
    let python = python();
    for (name, at_login) in
        [("Ctrl-C", 1), ("-TERM", 1), ("-INT", 1), ("-HUP", 1), ("-KILL", 1), ("-TERM", 2), ("-INT", 3)]
    {
        let issuer = Issuer::new(2, 0.0);
        let (dir, out) = (issuer.dir.path().display(), tempfile::tempdir().unwrap());
        let ready = issuer.dir.path().join("ready");
        let line = format!(
            "echo asked >> '{dir}/asked'; [ $(wc -l < '{dir}/asked') -ge {at_login} ] || exec cat '{dir}/token'; \
             trap '' HUP INT TERM; echo $$ > '{dir}/parent'; sleep 300 & echo $! > '{dir}/child'; \
             touch '{dir}/ready'; wait"
        );
        let keys = json!({"password_command": line, "password_lifetime": 0});
        let terminal = [python.to_str().unwrap(), "-c", TERMINAL, ready.to_str().unwrap()];
        let plain = ["env", "--default-signal=HUP,INT"];
        let wrapper: &[&str] = if name == "Ctrl-C" { &terminal } else { &plain };
        let running = issuer.run(wrapper, &keys, out.path()).spawn();
        wait_until("the command runs", || ready.exists());
        let (parent, child) = (issuer.number("parent").unwrap(), issuer.number("child").unwrap());
        let began = Instant::now();
        if name != "Ctrl-C" {
            let pid = running.pid().to_string();
            assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        }
        let output = running.finish();
        let code = match name {
            "-TERM" => Some(143),
            "-HUP" => Some(129),
            "-KILL" => None,
            _ => Some(130),
        };
        assert_eq!(output.code, code, "{name}\n{output}");
        let took = began.elapsed();
        println!("{name} at login {at_login}: {took:.1?}");
        assert!(took < Duration::from_secs(10), "{name} at login {at_login}: {took:?}");
        wait_until(&format!("the command is gone after {name}"), || !runs(parent) && !runs(child));
    }
}

/// Process 1 of a container gets the children of those that have ended: none of them stays as a zombie.
#[test]
fn commands_leave_no_zombies_to_process_1() {
    let issuer = Issuer::new(6, 0.0);
    let dir = issuer.dir.path().display();
    let line =
        format!("grep -sl '^State:.Z' /proc/[0-9]*/status | wc -l >> '{dir}/zombies'; cat '{dir}/token'");
    let unshare = if crate::server::running_as_root() { "-pf" } else { "-rpf" };
    let (keys, out) =
        (json!({"password_command": line, "password_lifetime": 0}), tempfile::tempdir().unwrap());
    let wrapper = ["unshare", unshare, "--mount-proc"];
    issuer.run(&wrapper, &keys, out.path()).args(["--n-jobs", "6", "-p", "1"]).output().ok();
    let counts = fs::read_to_string(issuer.dir.path().join("zombies")).unwrap();
    let counts: Vec<u32> = counts.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert!(counts.len() >= 3 && counts.iter().all(|zombies| *zombies == 0), "{counts:?}");
}
