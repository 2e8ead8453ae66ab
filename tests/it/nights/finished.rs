//! What is committed is finished, whatever becomes of the output, the log and the temporary files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::lake::{Output, Run, assert_nothing_visible, assert_tidy, duck, mounted};
use crate::server::running_as_root;

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const DATA: i32 = 65;
const OUTPUT: i32 = 74;
const UNAVAILABLE: i32 = 75;
const DENIED: i32 = 77;
const CONFIG: i32 = 78;

const SMALL: &str = "CREATE TABLE a (id integer, t text); INSERT INTO a VALUES (1, 'x'), (2, 'y');
    CREATE TABLE b (id integer); INSERT INTO b VALUES (1);";
/// A table with a date that is none: it cannot be exported.
const WRONG: &str = "CREATE TABLE c (d date); INSERT INTO c VALUES ('soon');";
/// What sorts by `noise` within 24 MiB spills.
const BIG: &str =
    "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    SELECT i AS id, hex(randomblob(100)) AS noise FROM n;";
const SPILLS: [&str; 9] = [
    "query",
    "SELECT id, noise FROM big ORDER BY noise",
    "--name",
    "sorted",
    "--memory-limit",
    "16MiB",
    "-p",
    "1",
    "-q",
];

/// A database, a place for exports and a run log that all commands of a test share.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new(sql: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Connection::open(dir.path().join("data.db")).unwrap().execute_batch(sql).unwrap();
        Self { dir }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `words` name a command; `SOURCE` and `LAKE` stand for the flags that name those, `PLACE` for the directory.
    fn words(&self, words: &[&str]) -> Vec<OsString> {
        let mut out = Vec::new();
        for word in words {
            match *word {
                "SOURCE" => out.extend(["--source".into(), self.url().into()]),
                "LAKE" => out.extend(["--output-dir".into(), self.path("lake").into()]),
                "PLACE" => out.push(self.path("lake").into()),
                word => out.push(word.into()),
            }
        }
        out
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.path("data.db").display())
    }

    fn run(&self, wrapper: &[impl AsRef<OsStr>], words: &[&str]) -> Run {
        Run::wrapped(wrapper, self.words(words)).env("XDG_STATE_HOME", self.path("state"))
    }

    fn plain(&self, words: &[&str]) -> Output {
        self.run(&[] as &[&str], words).output()
    }

    /// The program with its streams as `redirected` says in the words of a shell.
    fn redirected(&self, redirected: &str, words: &[&str]) -> Output {
        self.run(&["sh", "-c", &format!("exec \"$@\" {redirected}"), "sh"], words).output()
    }

    /// The program with a reader that goes away at once; the exit code is the program's.
    fn piped(&self, words: &[&str]) -> Output {
        self.run(&["bash", "-c", "\"$@\" | true; exit ${PIPESTATUS[0]}", "bash"], words).output()
    }

    fn last_run(&self) -> String {
        let runs: serde_json::Value =
            serde_json::from_str(&self.plain(&["runs", "--json"]).ok().stdout).unwrap();
        let runs = runs.as_array().cloned().unwrap_or_else(|| runs["runs"].as_array().unwrap().clone());
        runs[0]["run_id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_run_that_is_complete_is_not_begun_again_because_of_standard_output() {
    let scene = Scene::new(SMALL);
    let export = ["export", "SOURCE", "LAKE", "--if-exists", "append", "--generate-metadata"];
    for json in [&[][..], &["--json"]] {
        let words = [&export[..], json].concat();
        let output = scene.redirected("> /dev/full", &words).ok();
        let id = scene.last_run();
        output.says(&["WARNING", "standard output", &format!("run {id} is complete")]);
        scene.piped(&words).ok().never_says(&["standard output"]);
        scene.redirected(">&-", &words).ok();

        let query = [&["query", "SELECT id FROM a", "--name", "q", "SOURCE", "LAKE"][..], json].concat();
        let output = scene.redirected("> /dev/full", &query).ok();
        let id = scene.last_run();
        output.says(&["standard output", &format!("run {id} is complete")]);
        for done in [&["resume", &id][..], &["metadata", &id, "LAKE"], &["logdb", "init"]] {
            let words = [done, json].concat();
            let output = scene.redirected("> /dev/full", &words).ok();
            output.says(&["WARNING", "standard output", if done[0] == "logdb" { "ready" } else { &id }]);
            scene.piped(&words).ok().never_says(&["standard output"]);
        }
    }
    let rows = duck(&format!("SELECT count(*) FROM '{}'", scene.path("lake/main/a/*.parquet").display()));
    assert_eq!(rows, "12", "six exports of two rows");
}

#[test]
fn what_failed_has_its_own_code_and_its_remedies_whatever_becomes_of_standard_output() {
    let scene = Scene::new(&format!("{SMALL}{WRONG}"));
    for json in [&[][..], &["--json"]] {
        let words = [&["export", "SOURCE", "LAKE"][..], json].concat();
        let output = scene.redirected("> /dev/full", &words).exits(SOME_FAILED);
        output.says(&["1 of 3 tables failed, 2 exported", "standard output", "hint for main.c"]);
        // The reader of what says it was gone already.
        let unread = ["bash", "-c", "exec 3> >(exit 0); sleep 0.3; \"$@\" >&3", "bash"];
        scene.run(&unread, &words).output().exits(SOME_FAILED).says(&["hint for main.c"]);
        let words = [&["export", "SOURCE", "LAKE", "-i", "c"][..], json].concat();
        scene.redirected("> /dev/full", &words).exits(DATA).says(&["1 of 1 table failed, 0 exported"]);
        // An error that ends the command is said where it can be read.
        let words = [&["export", "SOURCE", "LAKE", "-i", "nothing"][..], json].concat();
        scene.redirected("> /dev/full", &words).exits(USAGE).says(&["'nothing' matches no table"]);
        let words = [&["export", "--no-such-flag"][..], json].concat();
        scene.redirected("> /dev/full", &words).exits(USAGE).says(&["--no-such-flag"]);
    }
    let file = fs::read_dir(scene.path("lake/main/a")).unwrap().flatten().map(|entry| entry.path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap();
    fs::write(file, "torn").unwrap();
    for json in [&[][..], &["--json"]] {
        let words = [&["verify", "PLACE"][..], json].concat();
        scene.redirected("> /dev/full", &words).exits(DATA).says(&["standard output", "not as"]);
        let words = [&["check", "SOURCE", "-i", "nothing"][..], json].concat();
        scene.redirected("> /dev/full", &words).exits(USAGE).says(&["standard output", "nothing"]);
    }
}

#[test]
fn a_command_that_only_prints_fails_without_asking_to_try_again() {
    let scene = Scene::new(SMALL);
    scene.plain(&["export", "SOURCE", "LAKE"]).ok();
    let id = scene.last_run();
    let commands: [&[&str]; 9] = [
        &["plan", "SOURCE"],
        &["inspect", "SOURCE"],
        &["runs"],
        &["status", &id],
        &["report", &id],
        &["verify", "PLACE"],
        &["check", "SOURCE"],
        &["man"],
        &["completions", "bash"],
    ];
    let json = commands.map(|words| [words, &["--json"]].concat());
    let help: [&[&str]; 3] = [&["--help"], &["export", "--help"], &["--version"]];
    for words in commands.into_iter().chain(json.iter().map(Vec::as_slice)).chain(help) {
        scene.redirected("> /dev/full", words).exits(OUTPUT).says(&["cannot write to standard output"]);
        scene.piped(words).ok().never_says(&["standard output"]);
    }
}

#[test]
fn nobody_needs_standard_error() {
    let scene = Scene::new(&format!("{SMALL}{WRONG}"));
    for streams in ["2> /dev/full", "2>&-", "> /dev/full 2> /dev/full", "<&- >&- 2>&-"] {
        for format in ["text", "json"] {
            let log = ["--log-format", format, "--log-level", "debug"];
            let export = [&["export", "SOURCE", "LAKE", "-i"][..], &["a"], &log].concat();
            scene.redirected(streams, &export).ok();
            let partly = [&["export", "SOURCE", "LAKE", "-i"][..], &["a,c"], &log].concat();
            scene.redirected(streams, &partly).exits(SOME_FAILED);
            scene.redirected(streams, &["export", "SOURCE", "LAKE", "-i", "nothing"]).exits(USAGE);
            scene.redirected(streams, &["export", "--no-such-flag"]).exits(USAGE);
        }
    }
    let words = ["export", "SOURCE", "LAKE", "-i", "a", "--log-level", "debug"];
    scene.run(&["bash", "-c", "\"$@\" 2> >(true) > /dev/full", "bash"], &words).output().ok();
    assert_tidy(&scene.path("lake/main/a"));
}

#[test]
fn a_log_file_that_cannot_be_written_is_said_once() {
    let scene = Scene::new(SMALL);
    let logs = scene.path("logs");
    fs::create_dir(&logs).unwrap();
    let full = r#"mount -t tmpfs -o size=16k tmpfs "$1" || exit 99
        head -c 1000000 /dev/zero > "$1/filler" 2> /dev/null; shift; exec "$@""#;
    let log = ["--log-dir", logs.to_str().unwrap(), "--log-level", "debug"];
    for (words, code) in [
        (&["export", "SOURCE", "LAKE"][..], 0),
        (&["query", "SELECT id FROM a", "--name", "q", "SOURCE", "LAKE"], 0),
        (&["export", "SOURCE", "LAKE", "-i", "nothing"], USAGE),
    ] {
        for format in ["text", "json"] {
            let words = [words, &log, &["--log-format", format]].concat();
            let output = scene.run(&mounted(full, &[&logs]), &words).output().exits(code);
            let said = output.stderr.matches("cannot write the log file").count();
            assert_eq!(said, 1, "{output}");
            if code == 0 {
                assert!(output.stderr.contains("lakexpress_2"), "it names the file\n{output}");
            }
        }
    }
    assert_tidy(&scene.path("lake/main/a"));
    // A log that cannot be begun is a wrong flag.
    let none = r#"mount -t tmpfs -o ro tmpfs "$1" || exit 99; shift; exec "$@""#;
    let words = [&["export", "SOURCE", "LAKE"][..], &log].concat();
    scene.run(&mounted(none, &[&logs]), &words).output().exits(DENIED).says(&["--log-dir", "read-only"]);
}

/// A query that spills to `tmp`, as `script` makes it of `$1`.
fn spilled(scene: &Scene, script: &str, tmp: &Path) -> Output {
    let words = [&SPILLS[..], &["SOURCE", "LAKE"]].concat();
    scene.run(&mounted(script, &[tmp]), &words).env("TMPDIR", tmp).output()
}

#[test]
fn a_directory_that_cannot_take_what_is_spilled_is_named_with_its_remedy() {
    let scene = Scene::new(BIG);
    let as_it_is = r#"shift; exec "$@""#;
    let (missing, file, tmp) = (scene.path("no/such/place"), scene.path("file"), scene.path("tmp"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&tmp).unwrap();
    let read_only = r#"mount -t tmpfs -o ro tmpfs "$1" || exit 99; shift; exec "$@""#;
    let full = r#"mount -t tmpfs -o size=4m tmpfs "$1" || exit 99; shift; exec "$@""#;
    let no_inodes = r#"mount -t tmpfs -o nr_inodes=1 tmpfs "$1" || exit 99; shift; exec "$@""#;
    for (script, tmp, code, what) in [
        (as_it_is, &missing, CONFIG, "does not exist"),
        (as_it_is, &file, CONFIG, "not a directory"),
        (read_only, &tmp, DENIED, "read-only"),
        (full, &tmp, UNAVAILABLE, "no space left"),
        (no_inodes, &tmp, UNAVAILABLE, "no space left"),
    ] {
        let output = spilled(&scene, script, tmp).exits(code);
        let path = tmp.to_str().unwrap();
        output.says(&["cannot spill", what, "TMPDIR", path, "hint", "--memory-limit"]);
        assert_nothing_visible(&scene.path("lake"));
    }
    // The same table once more, with a directory that will do, even one whose name is not text.
    let odd = scene.path(OsStr::from_bytes(b"t\xe9mp \n"));
    fs::create_dir(&odd).unwrap();
    spilled(&scene, as_it_is, &odd).ok();
    assert_tidy(&scene.path("lake/query/sorted"));
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 0, "temporary files are left");
    let files = scene.path("lake/query/sorted/*.parquet");
    let told = duck(&format!("SELECT count(*), count(DISTINCT id) FROM '{}'", files.display()));
    assert_eq!(told, "100000|100000");
}

#[test]
fn a_directory_in_which_this_user_may_not_spill_is_a_matter_of_rights() {
    let scene = Scene::new(BIG);
    let tmp = scene.path("tmp");
    fs::create_dir(&tmp).unwrap();
    fs::create_dir(scene.path("state")).unwrap();
    fs::create_dir(scene.path("lake")).unwrap();
    for dir in [scene.path(""), scene.path("state"), scene.path("lake")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
    }
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o555)).unwrap();
    let wrapper: &[&str] = match running_as_root() {
        true => &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        false => &[],
    };
    // Who is not root may not look into root's directories.
    let copy = scene.path("program");
    fs::copy(crate::lake::program(), &copy).unwrap();
    let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
    words.extend(["sh", "-c", "program=$1; shift 2; exec \"$program\" \"$@\"", "sh"].map(OsString::from));
    words.push(copy.into());
    let run = scene.run(&words, &[&SPILLS[..], &["SOURCE", "LAKE"]].concat());
    let output = run.env("TMPDIR", &tmp).output().exits(DENIED);
    output.says(&["cannot spill", "permission denied", "TMPDIR", tmp.to_str().unwrap(), "hint"]);
}

#[test]
fn a_destination_that_is_full_is_said_and_left_tidy_for_the_run_with_space() {
    let scene = Scene::new(BIG);
    let lake = scene.path("lake");
    fs::create_dir(&lake).unwrap();
    // 20 MB of noise that does not compress below 10 MB: what is left of 64 MB does for less.
    let script = r#"
        lake=$1; shift
        mount -t tmpfs -o size=64m tmpfs "$lake" || exit 99
        head -c 62000000 /dev/zero > "$lake/filler" || exit 98
        "$@" && exit 97
        echo "first: $?" >&2
        rm "$lake/filler"
        "$@" && find "$lake" -type f"#;
    for words in [&["export", "SOURCE", "LAKE", "--part-bytes", "4MiB", "-p", "2", "-q"][..], &{
        let mut words = SPILLS.to_vec();
        words[5] = "1GiB";
        words.extend(["SOURCE", "LAKE"]);
        words
    }] {
        let output = scene.run(&mounted(script, &[&lake]), words).output().ok();
        let files: Vec<&str> = output.stdout.lines().collect();
        let kept = |name: &str| name.ends_with(".parquet") || name.ends_with(".json");
        assert!(files.iter().all(|name| kept(name)) && files.len() >= 3, "{output}");
        output.says(&["first: 75", "no space left", "--output-dir"]);
    }
}
