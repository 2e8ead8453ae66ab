//! Signals to every command, at a terminal and as process 1.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lake::{Output, Run, Running, files, python};
use crate::server::{PgServer, running_as_root};
use crate::storage::proxy::{Class, Fault, Proxy, When};
use crate::storage::seaweed::{POOR, Seaweed, WRITER};
use crate::storage::standin::{StandIn, forward_as_is};
use crate::storage::{Place, Store, ids, unique};

/// From a signal to the end, whatever is silent.
const LONGEST: Duration = Duration::from_secs(10);

/// How signals are as the program begins, whoever started the tests.
pub(super) const PLAIN: [&str; 2] = ["env", "--default-signal=HUP,INT"];

pub(super) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "{name} {pid}");
}

#[track_caller]
pub(super) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Sends a signal and waits for the end: what was said, and how long it took.
#[track_caller]
pub(super) fn ended_by(name: &str, pid: u32, running: Running, code: i32) -> (Output, Duration) {
    let begun = Instant::now();
    signal(name, pid);
    let output = running.finish();
    let took = begun.elapsed();
    println!("{name}: {took:.1?} {}", output.stderr.lines().last().unwrap_or_default());
    (output.exits(code), took)
}

/// The program as process 1 of a namespace, where no signal has a default action.
fn process_1() -> Vec<&'static str> {
    let mut words = PLAIN.to_vec();
    words.extend(["unshare", if running_as_root() { "-pf" } else { "-rpf" }, "--mount-proc"]);
    words
}

/// The process below `unshare`.
fn inner(running: &Running) -> u32 {
    let pid = running.pid();
    let children = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let is_ours = |child: &str| {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        name.starts_with("lakexpress")
    };
    let mut found = None;
    wait_until("the program is there", || {
        found = children().split_whitespace().find(|child| is_ours(child)).map(str::to_owned);
        found.is_some()
    });
    found.unwrap().parse().unwrap()
}

/// A store that falls silent at the first request that `freezes`, and accepts connections as before.
pub(super) struct Silent {
    pub(super) standin: StandIn,
    pub(super) silent: Arc<AtomicBool>,
}

impl Silent {
    pub(super) fn before(port: u16, freezes: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        let silent = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&silent);
        let standin = StandIn::new(move |request| {
            if freezes(request.method(), request.target()) {
                state.store(true, Ordering::SeqCst);
            }
            while state.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(50));
            }
            forward_as_is(request, port).unwrap()
        });
        Self { standin, silent }
    }

    pub(super) fn wait(&self) {
        wait_until("the store is silent", || self.silent.load(Ordering::SeqCst));
        // More requests than one are on their way.
        sleep(Duration::from_millis(300));
    }
}

/// A server that accepts connections and says nothing.
fn mute() -> (u16, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let held = Arc::clone(&accepted);
    spawn(move || listener.incoming().flatten().for_each(|client| held.lock().unwrap().push(client)));
    (port, accepted)
}

/// What passes everything on to the server at `port`, until it is told to be silent.
fn passing(port: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (own, silent) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
    let state = Arc::clone(&silent);
    spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let ways = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
            for (from, to) in ways.map(|(from, to)| (from.unwrap(), to.unwrap())) {
                let silent = Arc::clone(&state);
                spawn(move || pass(from, to, &silent));
            }
        }
    });
    (own, silent)
}

fn pass(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut block = [0; 4096];
    while let Ok(bytes @ 1..) = from.read(&mut block) {
        while silent.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(50));
        }
        if to.write_all(&block[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

const FLAGS: [&str; 8] = ["-i", "t", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "100"];

/// A place of its own with one table, a store behind `port`, and a run log that outlives a run.
pub(super) struct Night {
    pub(super) place: Place,
    pub(super) base: String,
}

impl Night {
    pub(super) fn new(port: u16) -> Self {
        let (place, base) = (Place::new(), unique("nights"));
        place.fill(600, 300);
        place.entry("straight", Seaweed::shared().entry(Seaweed::shared().port, WRITER, &base));
        place.entry("odd", Seaweed::shared().entry(port, WRITER, &base));
        Self { place, base }
    }

    pub(super) fn run(&self, wrapper: &[&str], args: &[&str]) -> Run {
        let run = Run::wrapped(wrapper, args).args(["-a"]).args([self.place.auth()]);
        let run = self.place.at_home(run).env("XDG_STATE_HOME", self.place.path("state"));
        let tmp = self.place.path("tmp");
        fs::create_dir_all(&tmp).unwrap();
        run.env("TMPDIR", tmp)
    }

    fn source(&self) -> String {
        format!("sqlite://{}", self.place.path("data.db").display())
    }

    pub(super) fn export(&self, wrapper: &[&str], id: &str) -> Run {
        let source = self.source();
        self.run(wrapper, &["export", "--source", &source, "--target-storage-id", id]).args(FLAGS)
    }

    fn uploads(&self) -> Vec<String> {
        Seaweed::shared().uploads(&self.base)
    }

    /// What checks have written and not removed.
    fn probes(&self) -> Vec<String> {
        let all = Seaweed::shared().names(&self.base).into_iter().chain(self.uploads());
        all.filter(|name| name.contains("check-") || name.ends_with("_lakexpress/_lock")).collect()
    }

    /// Nothing is left but what says that it was stopped.
    #[track_caller]
    fn assert_stopped(&self) {
        let left: Vec<String> = Seaweed::shared().names(&self.base);
        let (summaries, left): (Vec<_>, Vec<_>) = left.into_iter().partition(|name| name.ends_with(".json"));
        assert_eq!((self.uploads(), left), (vec![], vec![]));
        for summary in summaries {
            let summary = Seaweed::shared().json(&format!("{}{summary}", self.base)).unwrap();
            assert_eq!(summary["status"], "failed", "{summary}");
        }
        assert_eq!(self.statuses(), ["failed"]);
    }

    pub(super) fn statuses(&self) -> Vec<Value> {
        let output = self.run(&[], &["runs", "--json"]).output().ok();
        let runs: Value = serde_json::from_str(&output.stdout).unwrap();
        let runs = runs.as_array().cloned().unwrap_or_else(|| runs["runs"].as_array().unwrap().clone());
        runs.iter().map(|run| run["status"].clone()).collect()
    }

    /// The next run ends well, and nothing of any run is left.
    #[track_caller]
    fn assert_recovers(&self) {
        let begun = Instant::now();
        let output = self.export(&[], "straight").output().ok();
        assert!(
            begun.elapsed() < Duration::from_secs(50),
            "the lock was held for {:?}\n{output}",
            begun.elapsed()
        );
        let (seaweed, table) = (Seaweed::shared(), format!("{}/main/t/", self.base));
        assert_eq!(seaweed.ids(&table), Some(ids(600)));
        seaweed.assert_tidy(&table);
        assert_eq!(self.uploads(), [""; 0]);
        let statuses = self.statuses();
        assert_eq!(statuses[0], "completed", "{statuses:?}");
        assert!(!statuses.iter().any(|status| status == "running"), "{statuses:?}");
    }
}

/// The first part never gets an answer, and nothing after it: 8 seconds, then it is said what is left.
#[test]
fn b9_a_silent_store_and_an_export_as_process_1() {
    let silent = Silent::before(Seaweed::shared().port, |method, target| {
        method == "PUT" && target.contains("partNumber=")
    });
    let night = Night::new(silent.standin.port);
    let running = night.export(&process_1(), "odd").spawn();
    silent.wait();
    let pid = inner(&running);
    let (output, took) = ended_by("-TERM", pid, running, 143);
    assert!(took < LONGEST, "{took:?}\n{output}");
    let output = output.says(&[
        "terminated by SIGTERM",
        "stopping",
        "/main/t/_lock",
        "unfinished uploads",
        "next run",
    ]);
    assert!(output.stderr.contains("part-0000"), "{output}");
    assert!(!night.uploads().is_empty(), "the test shows nothing");
    assert_eq!(night.statuses(), ["failed"], "the run log is told in time");
    night.assert_recovers();
}

/// Neither the store nor the run log answers: the end is kept on this machine, and the next run writes it.
#[test]
fn b9_a_silent_store_and_a_silent_run_log() {
    let store = Silent::before(Seaweed::shared().port, |method, target| {
        method == "PUT" && target.contains("partNumber=")
    });
    let night = Night::new(store.standin.port);
    let server = PgServer::shared();
    let url = server.create_db("nights_log");
    let (_, port) = url.split('/').nth(2).unwrap().rsplit_once(':').unwrap();
    let (port, silent) = passing(port.parse().unwrap());
    night.place.entry("log", json!({ "ds_type": "postgres", "auth_mode": "classic", "info": {
        "server": "127.0.0.1", "port": port, "username": "postgres", "password": "x", "database": "nights_log" } }));
    let log = ["--log-db-auth-id", "log"];
    let running = night.export(&process_1(), "odd").args(log).spawn();
    store.wait();
    silent.store(true, Ordering::SeqCst);
    let pid = inner(&running);
    let (output, took) = ended_by("-TERM", pid, running, 143);
    assert!(took < LONGEST, "{took:?}\n{output}");
    output.says(&["the run log", "the next run with this run log writes them"]);
    let statuses = || server.query("nights_log", "SELECT status FROM runs ORDER BY started_at");
    assert_eq!(statuses(), "running", "the test shows nothing");
    silent.store(false, Ordering::SeqCst);
    night.export(&[], "straight").args(log).output().ok();
    assert_eq!(statuses(), "failed\ncompleted");
    assert_eq!(night.uploads(), [""; 0]);
}

/// The second signal ends at once, and names what is left, too.
#[test]
fn b9_a_second_signal_ends_at_once() {
    let silent = Silent::before(Seaweed::shared().port, |method, target| {
        method == "PUT" && target.contains("partNumber=")
    });
    let night = Night::new(silent.standin.port);
    let running = night.export(&PLAIN, "odd").args(["--json"]).spawn();
    silent.wait();
    signal("-TERM", running.pid());
    sleep(Duration::from_millis(500));
    let pid = running.pid();
    let (output, took) = ended_by("-INT", pid, running, 130);
    assert!(took < Duration::from_secs(2), "{took:?}\n{output}");
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["error"]["exit_code"], 130);
    assert!(
        document["error"]["context"]["lock held"].as_str().unwrap().ends_with("/main/t/_lock"),
        "{document}"
    );
}

#[test]
fn b9_a_silent_store_and_other_commands_as_process_1() {
    let port = Seaweed::shared().port;
    let first = Night::new(port);
    let source = first.source();
    first.export(&[], "straight").output().ok();
    let exported = first.run(&[], &["runs", "--json"]).output().ok().stdout;
    let run = exported.split("run_id\": \"").nth(1).or(exported.split("run_id\":\"").nth(1)).unwrap()[..36]
        .to_owned();
    // The first request, one of each kind that writes, and a part.
    let cases: [(&[&str], &str, &str); 7] = [
        (&["query", "SELECT * FROM t", "--name", "q", "--source", &source], "PUT", ".parquet"),
        (&["query", "SELECT * FROM t", "--name", "q", "--source", &source], "PUT", "_lakexpress"),
        (&["check", "--source", &source], "PUT", "partNumber="),
        (&["check", "--source", &source], "GET", ""),
        (&["verify"], "GET", ""),
        (&["report", &run], "GET", ""),
        (&["metadata", &run], "GET", ""),
    ];
    let cases = cases.map(|(args, method, target)| {
        let silent = Silent::before(port, move |m, t| m == method && t.contains(target));
        let id = unique("silent");
        first.place.entry(&id, Seaweed::shared().entry(silent.standin.port, WRITER, &first.base));
        (args, silent, id)
    });
    scope(|scope| {
        for (args, silent, id) in &cases {
            let first = &first;
            scope.spawn(move || {
                let running = first.run(&process_1(), args).args(["--target-storage-id", id]).spawn();
                silent.wait();
                let pid = inner(&running);
                let (output, took) = ended_by("-TERM", pid, running, 143);
                let limit =
                    if matches!(args[0], "query" | "check") { LONGEST } else { Duration::from_secs(3) };
                assert!(took < limit, "{args:?}: {took:?}\n{output}");
            });
        }
    });
    // What waits for its lease to expire is taken over.
    first.run(&[], &["check", "--target-storage-id", "straight"]).output().ok();
    first
        .run(&[], &["query", "SELECT * FROM t", "--name", "q", "--source", &source])
        .args(["--target-storage-id", "straight"])
        .output()
        .ok();
    assert_eq!(first.uploads().iter().filter(|key| !key.contains("check-")).count(), 0);
    assert!(!first.statuses().iter().any(|status| status == "running"), "{:?}", first.statuses());
}

/// A server that accepts the connection and says nothing; the same as the run log.
#[test]
fn b9_a_silent_server_and_every_command_as_process_1() {
    let (port, accepted) = mute();
    let (dir, url) = (tempfile::tempdir().unwrap(), format!("postgres://u@127.0.0.1:{port}/d"));
    let auth = dir.path().join("auth.json");
    let entry = json!({ "ds_type": "postgres", "auth_mode": "classic", "info": {
        "server": "127.0.0.1", "port": port, "username": "u", "password": "p", "database": "d" } });
    fs::write(&auth, json!({ "log": entry }).to_string()).unwrap();
    let (auth, out) = (auth.to_str().unwrap(), dir.path().join("out"));
    let out = out.to_str().unwrap();
    let log = ["-a", auth, "--log-db-auth-id", "log"];
    let to = ["--source", &url, "--output-dir", out];
    let with = |words: &[&'static str], rest: &[&str]| {
        words.iter().map(|w| (*w).to_owned()).chain(rest.iter().map(|w| (*w).to_owned())).collect::<Vec<_>>()
    };
    let cases = [
        with(&["export"], &to),
        with(&["query", "SELECT * FROM t", "--name", "q"], &to),
        with(&["check"], &to),
        with(&["plan"], &to),
        with(&["inspect"], &["--source", &url]),
        with(&["runs"], &log),
        with(&["status", "0193"], &log),
        with(&["report", "0193"], &log),
        with(&["metadata", "0193"], &log),
        with(&["resume", "0193"], &log),
        with(&["logdb", "init"], &log),
    ];
    scope(|scope| {
        for args in &cases {
            let accepted = &accepted;
            scope.spawn(move || {
                let before = accepted.lock().unwrap().len();
                let running = Run::wrapped(&process_1(), args).spawn();
                let pid = inner(&running);
                wait_until("it is connected", || accepted.lock().unwrap().len() > before);
                sleep(Duration::from_secs(1));
                let (output, took) = ended_by("-TERM", pid, running, 143);
                assert!(took < Duration::from_secs(4), "{args:?}: {took:?}\n{output}");
                output.says(&["terminated by SIGTERM"]);
            });
        }
    });
}

/// What blocks a thread: an auth file that never ends to be read.
#[test]
fn b9_a_thread_that_blocks_does_not_keep_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("auth.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for name in ["-TERM", "-INT", "-HUP"] {
        let code = match name {
            "-TERM" => 143,
            "-INT" => 130,
            _ => 129,
        };
        let running =
            Run::wrapped(&process_1(), ["verify", "--target-storage-id", "x", "-a"]).args([&pipe]).spawn();
        let pid = inner(&running);
        sleep(Duration::from_millis(700));
        let (output, took) = ended_by(name, pid, running, code);
        assert!(took < Duration::from_secs(3), "{name}: {took:?}\n{output}");
    }
}

/// A store that takes half a second for everything that is written.
fn slow() -> StandIn {
    let port = Seaweed::shared().port;
    StandIn::new(move |request| {
        if request.method() != "GET" && request.method() != "HEAD" {
            sleep(Duration::from_millis(500));
        }
        forward_as_is(request, port).unwrap()
    })
}

#[test]
fn b8_a_hang_up_leaves_nothing() {
    let store = slow();
    let night = Night::new(store.port);
    let running = night.export(&PLAIN, "odd").spawn();
    wait_until("uploads are under way", || !night.uploads().is_empty());
    let pid = running.pid();
    let (output, _) = ended_by("-HUP", pid, running, 129);
    output.says(&["ended by SIGHUP"]);
    night.assert_stopped();
    let begun = Instant::now();
    night.assert_recovers();
    assert!(begun.elapsed() < Duration::from_secs(20), "the lock was not given back");
}

/// A terminal that is closed: the kernel tells the program, and output to it fails.
#[test]
fn b8_a_closed_terminal_leaves_nothing() {
    const SCRIPT: &str = "
import os, pty, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
os.set_blocking(master, False)
while not os.path.exists(sys.argv[1]):
    try: os.read(master, 65536)
    except OSError: pass
    time.sleep(0.02)
os.close(master)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
";
    let store = slow();
    let night = Night::new(store.port);
    let (python, go) = (python(), night.place.path("go"));
    let wrapper = [python.to_str().unwrap(), "-c", SCRIPT, go.to_str().unwrap()];
    let running = night.export(&wrapper, "odd").spawn();
    wait_until("uploads are under way", || !night.uploads().is_empty());
    fs::write(&go, "").unwrap();
    running.finish().exits(129);
    night.assert_stopped();
}

#[test]
fn b8_what_nohup_started_goes_on() {
    let store = slow();
    let night = Night::new(store.port);
    let running = night.export(&["nohup"], "odd").spawn();
    wait_until("uploads are under way", || !night.uploads().is_empty());
    signal("-HUP", running.pid());
    running.finish().ok();
    assert_eq!(night.statuses(), ["completed"]);
}

/// What a query spills has no name: nothing is left of it, however the query ends.
#[test]
fn b8_a_query_that_spills_leaves_no_temporary_files() {
    let store = slow();
    let night = Night::new(store.port);
    night.place.fill(60_000, 1000);
    let tmp = night.place.path("tmp");
    for (name, code) in [("-HUP", Some(129)), ("-TERM", Some(143)), ("-KILL", None)] {
        let source = night.source();
        let sql = "SELECT id, noise FROM t ORDER BY noise";
        let running = night
            .run(&PLAIN, &["query", sql, "--name", "sorted", "--source", &source, "--memory-limit", "24MiB"])
            .args(["--row-group-bytes", "1MiB", "--target-storage-id", "odd"])
            .spawn();
        let pid = running.pid();
        wait_until("it spills", || spilled(pid, &tmp) > 1 << 20);
        signal(name, pid);
        let output = running.finish();
        assert_eq!(output.code, code, "{output}");
        assert_eq!(files(&tmp), Vec::<String>::new(), "{name}");
    }
}

/// Bytes of the open files of a process that are in a directory, with a name or without.
fn spilled(pid: u32, dir: &Path) -> u64 {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let within = open.filter(|file| fs::read_link(file.path()).is_ok_and(|path| path.starts_with(dir)));
    within.filter_map(|file| fs::metadata(file.path()).ok()).map(|file| file.len()).sum()
}

/// Stopped while it writes a probe, uploads, and holds a lock.
#[test]
fn b10_a_check_that_is_stopped_cleans_up() {
    let store = slow();
    scope(|scope| {
        for (millis, name, code) in
            [(0, "-TERM", 143), (900, "-INT", 130), (2000, "-HUP", 129), (3600, "-TERM", 143)]
        {
            let store = &store;
            scope.spawn(move || {
                let night = Night::new(store.port);
                let running = night.run(&PLAIN, &["check", "--target-storage-id", "odd"]).spawn();
                let writes =
                    || store.seen().iter().any(|m| m.method() == "PUT" && m.target().contains(&night.base));
                wait_until("it writes", writes);
                sleep(Duration::from_millis(millis));
                let pid = running.pid();
                let (output, took) = ended_by(name, pid, running, code);
                assert!(took < LONGEST, "{millis}: {took:?}\n{output}");
                output.says(&["the check was stopped"]);
                assert_eq!(night.probes(), [""; 0], "{millis} ms");
                night.run(&[], &["check", "--target-storage-id", "straight"]).output().ok();
                assert_eq!(night.probes(), [""; 0], "{millis} ms");
            });
        }
    });
}

/// What checks of an earlier version, and one that was killed long ago, have left.
#[test]
fn b10_the_next_check_removes_what_killed_ones_left() {
    let seaweed = Seaweed::shared();
    let night = Night::new(seaweed.port);
    let old = ["check-9b2f3c4d5e6f4a7b8c9d0e1f2a3b4c5d", "check-0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"];
    let key = |name: &str| format!("{}/_lakexpress/{name}", night.base);
    for name in old {
        seaweed.put(&key(name), b"probe");
        seaweed.put(&key(&format!("{name}-own")), b"probe");
        seaweed.begin_upload(&key(name));
    }
    seaweed.put(&key("0193a1b2.json"), b"{}");
    let output = night.run(&[], &["check", "--target-storage-id", "straight"]).output().ok();
    let line = output.stdout.lines().find(|line| line.contains("remove what earlier checks left"));
    assert!(line.is_some_and(|line| line.ends_with("6 removed")), "{output}");
    assert_eq!(night.probes(), [""; 0]);
    assert!(seaweed.get(&key("0193a1b2.json")).is_some(), "what is no check's stays");
    // Nobody may abort: what stays is named.
    seaweed.begin_upload(&key(old[0]));
    let proxy = Proxy::new(seaweed.port, When::Every(Class::Abort), Fault::Status(403));
    night.place.entry("no-abort", seaweed.entry(proxy.port, WRITER, &night.base));
    let output = night.run(&[], &["check", "--target-storage-id", "no-abort"]).output().ok();
    assert!(output.stdout.contains(&format!("these stay: _lakexpress/{}", old[0])), "{output}");
    assert_eq!(night.uploads(), [key(old[0])], "one upload, which is named\n{output}");
    night.place.entry("poor", seaweed.entry(seaweed.port, POOR, &night.base));
    let output = night.run(&[], &["check", "--target-storage-id", "poor"]).output().ok();
    assert_eq!(night.uploads(), [key(old[0])], "{output}");
}
