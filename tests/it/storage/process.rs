//! Server processes of a test, stopped by their ids.
//!
//! As in `server.rs`, a watchdog shell waits for the end of a pipe that this process holds, so that
//! servers in statics are stopped too, however this process ends.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Processes with a directory of their own. Dropping kills them and removes it.
pub(super) struct Processes {
    dir: PathBuf,
    children: Vec<Child>,
    watchdog: Child,
}

impl Processes {
    pub(super) fn new(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix(&format!("lakexpress-{name}-")).tempdir().unwrap().keep();
        fs::write(dir.join("pids"), "").unwrap();
        fs::write(dir.join("litter"), "").unwrap();
        let script = r#"
            trap '' INT TERM HUP
            read -r _
            while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$1/pids"
            while read -r file; do rm -f "$file"; done <"$1/litter"
            rm -rf "$1"
        "#;
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(script).arg("watchdog").arg(&dir).current_dir("/").process_group(0);
        let watchdog = sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { dir, children: Vec::new(), watchdog }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Files elsewhere that go with the directory.
    pub(super) fn litter(&self, files: &[String]) {
        fs::write(self.dir.join("litter"), files.join("\n") + "\n").unwrap();
    }

    /// Starts a program. Its output goes to the file `log`.
    pub(super) fn start<S: AsRef<OsStr>>(&mut self, program: &Path, args: impl IntoIterator<Item = S>) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log")).unwrap();
        let mut command = Command::new(program);
        // What servers leave in the temporary directory goes with ours.
        command.args(args).current_dir(&self.dir).env("TMPDIR", &self.dir).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}: run `make test-deps`"));
        let mut pids = fs::OpenOptions::new().append(true).open(self.dir.join("pids")).unwrap();
        writeln!(pids, "{}", child.id()).unwrap();
        self.children.push(child);
    }

    /// Waits until `ready`. False if a process ended instead, for example because its port was taken.
    pub(super) fn wait(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready() {
            if self.children.iter_mut().any(|child| child.try_wait().unwrap().is_some()) {
                return false;
            }
            assert!(Instant::now() < deadline, "a server did not answer:\n{}", self.log());
            sleep(Duration::from_millis(30));
        }
        true
    }

    pub(super) fn log(&self) -> String {
        fs::read(self.dir.join("log")).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::write(self.dir.join("pids"), "");
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Starts a server until one stays: a port that was free may be taken when the server binds it.
pub(super) fn stubbornly<T>(mut start: impl FnMut() -> Result<T, String>) -> T {
    let mut log = String::new();
    for _ in 0..5 {
        match start() {
            Ok(server) => return server,
            Err(text) => log = text,
        }
    }
    panic!("no server would start; the log of the last one:\n{log}");
}

/// Free loopback ports, all different.
pub(super) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
