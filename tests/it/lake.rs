//! Runs the real program, and reads what it wrote with readers that are not ours.

// A helper of many tests: not each of its methods is used in every state of the suite.
#![allow(dead_code, reason = "test helper with a wider surface than one test needs")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::server::{binary, running_as_root};

/// How long one run may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a finished process left.
#[derive(Debug)]
pub(crate) struct Output {
    /// Exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Output {
    /// Asserts exit code 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// Asserts an exit code, and that nothing in the output looks like a panic.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "unexpected exit code\n{self}");
        self.no_panic()
    }

    /// Asserts one of several exit codes, where more than one is a fair answer.
    #[track_caller]
    pub(crate) fn exits_one_of(self, codes: &[i32]) -> Self {
        assert!(self.code.is_some_and(|c| codes.contains(&c)), "exit code is none of {codes:?}\n{self}");
        self.no_panic()
    }

    /// Asserts that standard error holds at least one of `words`, in any case.
    #[track_caller]
    pub(crate) fn says_one_of(self, words: &[&str]) -> Self {
        let text = self.stderr.to_lowercase();
        assert!(
            words.iter().any(|w| text.contains(&w.to_lowercase())),
            "stderr says none of {words:?}\n{self}"
        );
        self
    }

    /// Asserts that standard error holds every one of `words`, in any case.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let text = self.stderr.to_lowercase();
        for word in words {
            assert!(text.contains(&word.to_lowercase()), "stderr does not say {word:?}\n{self}");
        }
        self
    }

    /// Asserts that no output holds any of `words`.
    #[track_caller]
    pub(crate) fn never_says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                !self.stderr.contains(word) && !self.stdout.contains(word),
                "output says {word:?}\n{self}"
            );
        }
        self
    }

    /// Asserts that a person sees an error, not a stack.
    #[track_caller]
    pub(crate) fn no_panic(self) -> Self {
        self.never_says(&["panicked at", "RUST_BACKTRACE", "stack backtrace"])
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit: {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.stdout.trim_end(),
            self.stderr.trim_end()
        )
    }
}

/// One run of the program, with a state directory (run log) of its own.
pub(crate) struct Run {
    command: Command,
    state: TempDir,
}

impl Run {
    /// The program with arguments.
    pub(crate) fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::wrapped(&[] as &[&str], args)
    }

    /// The program under another one, for example `strace -f ...`.
    pub(crate) fn wrapped<S: AsRef<OsStr>>(
        wrapper: &[impl AsRef<OsStr>],
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut words: Vec<OsString> = wrapper.iter().map(|w| w.as_ref().to_owned()).collect();
        words.push(program().into());
        words.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        let state = tempfile::tempdir().unwrap();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env("XDG_STATE_HOME", state.path()).env("NO_COLOR", "1");
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LOG");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LAKEXPRESS_") || name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        Self { command, state }
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes an environment variable away.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Runs in a directory.
    pub(crate) fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// The state directory, where the run log is.
    pub(crate) fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// Runs to the end.
    pub(crate) fn output(self) -> Output {
        self.spawn().finish()
    }

    /// Starts, to be killed or waited for.
    pub(crate) fn spawn(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|e| panic!("{:?}: {e}", self.command));
        let stdout = drain(child.stdout.take().unwrap());
        let stderr = drain(child.stderr.take().unwrap());
        Running { child, stdout, stderr, _state: self.state }
    }
}

/// A run under way.
pub(crate) struct Running {
    /// The process.
    pub(crate) child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    _state: TempDir,
}

impl Running {
    /// The process, for signals. Only without a wrapper is it the program itself.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end; fails the test if that takes too long.
    pub(crate) fn finish(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break None;
            }
            sleep(Duration::from_millis(5));
        };
        let output = Output {
            code: status.and_then(|s| s.code()),
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
        };
        assert!(status.is_some(), "still running after {PATIENCE:?}\n{output}");
        output
    }

    /// Waits for the end; with the most memory that it had in RAM, in MiB. Only without a wrapper is it that of the program.
    pub(crate) fn finish_measured(mut self) -> (Output, u64) {
        let mut peak = 0;
        while self.child.try_wait().unwrap().is_none() {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0) / 1024);
            sleep(Duration::from_millis(5));
        }
        (self.finish(), peak)
    }

    /// Kills it without warning, then collects what it said.
    pub(crate) fn kill9(mut self) -> Output {
        let _ = self.child.kill();
        self.finish()
    }
}

fn drain(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_lakexpress")
}

/// The arguments of an export of `url` into `dir`.
pub(crate) fn export_args(url: &str, dir: &Path, extra: &[&str]) -> Vec<OsString> {
    let mut args: Vec<OsString> = ["export", "--source", url, "--output-dir"].map(OsString::from).into();
    args.push(dir.into());
    args.extend(extra.iter().map(OsString::from));
    args
}

/// Exports `url` into `dir`.
pub(crate) fn export(url: &str, dir: &Path, extra: &[&str]) -> Output {
    Run::new(export_args(url, dir, extra)).output()
}

/// The Python with the independent readers (pyarrow, DuckDB) and the TPC-H generator.
pub(crate) fn python() -> PathBuf {
    let venv = std::env::var_os("LAKEXPRESS_VENV").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/lakexpress-venv")
    });
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is missing: run `make test-deps`", python.display());
    python
}

/// Runs a script of `tests/python`.
pub(crate) fn script<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    let mut command = Command::new(python());
    command.arg(path).args(args).env("PSQL", binary("psql"));
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Asserts that a table's directory holds exactly the rows of the table, by pyarrow and by DuckDB.
#[track_caller]
pub(crate) fn assert_same(url: &str, table: &str, dir: &Path) {
    let dir = dir.to_str().unwrap();
    script("compare.py", ["--url", url, "--table", table, "--dir", dir]).ok();
}

/// Asserts the same value by value, for columns of any type; rows are matched by the column `id`.
#[track_caller]
pub(crate) fn assert_same_values(url: &str, table: &str, dir: &Path, extra: &[&str]) {
    let mut args = vec!["--url", url, "--table", table, "--dir", dir.to_str().unwrap()];
    args.extend(extra);
    script("matrix.py", args).ok();
}

/// The rows of a DuckDB query: columns separated by `|`, lines by newline, none at the end.
#[track_caller]
pub(crate) fn duck(sql: &str) -> String {
    script("duck.py", [sql]).ok().stdout.trim_end_matches('\n').to_owned()
}

/// A JSON document that the program wrote.
#[track_caller]
pub(crate) fn json(path: &Path) -> serde_json::Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The manifest of a table's directory.
#[track_caller]
pub(crate) fn manifest(dir: &Path) -> serde_json::Value {
    json(&dir.join("_manifest.json"))
}

/// Every file below `dir`, hidden ones too, as sorted paths relative to it. No directory is an empty list.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    fn walk(at: &Path, base: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, base, found);
            } else {
                found.push(path.strip_prefix(base).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}

/// Asserts that a table's directory holds its manifest and the files it names, and nothing else at all.
#[track_caller]
pub(crate) fn assert_tidy(dir: &Path) {
    let manifest = manifest(dir);
    let mut expected: Vec<String> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap().to_owned())
        .collect();
    expected.push("_manifest.json".into());
    expected.sort();
    assert_eq!(files(dir), expected, "{}", dir.display());
}

/// Asserts that nobody who looks for data finds any: no `*.parquet` in a directory without a manifest.
#[track_caller]
pub(crate) fn assert_nothing_visible(dir: &Path) {
    for file in files(dir) {
        let path = dir.join(&file);
        let hidden = path.file_name().unwrap().to_string_lossy().starts_with(['.', '_']);
        let committed = path.with_file_name("_manifest.json").exists();
        assert!(!file.ends_with(".parquet") || hidden || committed, "{file} is visible without a manifest");
    }
}

/// A wrapper for [`Run::wrapped`]: a mount namespace in which `script` runs before the program. The script
/// gets `args` as `$1`, `$2` ... and must `shift` them away and start `"$@"`.
pub(crate) fn mounted(script: &str, args: &[&Path]) -> Vec<OsString> {
    let flags = if running_as_root() { "-m" } else { "-rm" };
    let mut words: Vec<OsString> = ["unshare", flags, "sh", "-c", script, "sh"].map(OsString::from).into();
    words.extend(args.iter().map(|a| a.into()));
    words
}

/// Copies a directory with everything in it, replacing what is at `to`.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp -a {} {}", from.display(), to.display());
}

/// A whole number from the environment: how often the long tests repeat.
pub(crate) fn env_number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")))
}
