//! Power failures: killed at any moment, the program leaves the old table, or the new one, or an intent from
//! which the next run makes the new one; never a manifest that promises what is not there.
//!
//! `LAKEXPRESS_KILLS` sets the number of kills at random moments (15 unless set; `make verify` takes 50).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::lake::{
    Output, Run, assert_nothing_visible, assert_same, assert_tidy, copy_dir, env_number, export, export_args,
    files, manifest, mounted,
};
use crate::server::PgServer;

/// Calls that change what readers see, and those that make it last.
const CHANGES: &str = "rename unlink fsync mkdir";

const OLD_ROWS: u64 = 9_000;
const NEW_ROWS: u64 = 5_000;

/// Readers and parts: the old table has more parts than the new one, so that some must be deleted.
const FLAGS: [&str; 8] =
    ["-i", "public.t", "-p", "2", "--part-bytes", "128KiB", "--large-table-threshold", "100"];

/// A database whose table `public.t` is new, and an export of what it was before.
struct Fixture {
    url: String,
    /// Base directory of the old export.
    old: TempDir,
    /// Files of the old and of a new export, in order.
    old_parts: Vec<String>,
    new_parts: Vec<String>,
    /// How long an undisturbed run takes.
    usual: Duration,
}

fn parts(base: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        files(&table_dir(base)).into_iter().filter(|name| name.ends_with(".parquet")).collect();
    names.sort();
    names
}

fn table_dir(base: &Path) -> PathBuf {
    base.join("public/t")
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let server = PgServer::shared();
        let url = server.create_db("crash");
        // `keep` has both states of the table, to compare with.
        server.sql(
            "crash",
            &format!(
                "CREATE SCHEMA keep;
                 CREATE TABLE keep.old AS SELECT i AS id, md5(i::text) AS a, md5((-i)::text) AS b, i * 1.5 AS c,
                     DATE '2020-01-01' + i % 1000 AS d FROM generate_series(1, {OLD_ROWS}) i;
                 CREATE TABLE keep.new AS SELECT i AS id, md5((i * 7)::text) AS other, i % 10 AS digit
                     FROM generate_series(1, {NEW_ROWS}) i;
                 CREATE TABLE public.t AS TABLE keep.old; ANALYZE public.t;"
            ),
        );
        let old = tempfile::tempdir().unwrap();
        export(&url, old.path(), &FLAGS).ok();
        assert_same(&url, "keep.old", &table_dir(old.path()));
        server.sql(
            "crash",
            "DROP TABLE public.t; CREATE TABLE public.t AS TABLE keep.new; ANALYZE public.t;",
        );
        let new = tempfile::tempdir().unwrap();
        let began = Instant::now();
        export(&url, new.path(), &FLAGS).ok();
        let usual = began.elapsed();
        let (old_parts, new_parts) = (parts(old.path()), parts(new.path()));
        assert!(new_parts.len() >= 2, "the new table is one part: {new_parts:?}");
        assert!(old_parts.len() > new_parts.len() + 1, "{old_parts:?} {new_parts:?}");
        Fixture { url, old, old_parts, new_parts, usual }
    })
}

/// The library of `faults.c`, compiled once.
pub(crate) fn faults() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let name = format!("faults-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).arg("-ldl");
        let output = cc.output().unwrap_or_else(|e| panic!("cc: {e}: run `make test-deps`"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        library
    })
}

impl Fixture {
    /// A base directory that holds the old export.
    fn base_with_old(&self) -> (TempDir, PathBuf) {
        let holder = tempfile::tempdir().unwrap();
        let base = holder.path().join("out");
        copy_dir(self.old.path(), &base);
        (holder, base)
    }

    fn args(&self, base: &Path) -> Vec<std::ffi::OsString> {
        export_args(&self.url, base, &FLAGS)
    }

    /// Runs with a fault at the `nth` of `calls` below `base`; see `faults.c` for `more`.
    fn with_fault(&self, base: &Path, calls: &str, nth: usize, more: &[(&str, &str)]) -> Output {
        let mut run = Run::new(self.args(base)).env("LD_PRELOAD", faults()).env("FAULT_UNDER", base);
        run = run.env("FAULT_CALLS", calls).env("FAULT_AT", nth.to_string());
        for (name, value) in more {
            run = run.env(name, value);
        }
        run.output()
    }

    /// Runs and kills before the first of `calls` on `path`.
    fn killed_before(&self, base: &Path, call: &str, path: &Path) -> Output {
        self.with_fault(base, call, 1, &[("FAULT_PATH", path.to_str().unwrap())])
    }

    /// Whether a run with an error at the `nth` call ends well.
    fn passes(&self, calls: &str, nth: usize) -> bool {
        let (_holder, base) = self.base_with_old();
        self.with_fault(&base, calls, nth, &[("FAULT_ERRNO", "5")]).code == Some(0)
    }

    /// What must hold after any failure at any moment.
    #[track_caller]
    fn assert_sound(&self, base: &Path, when: &str) {
        let dir = table_dir(base);
        if dir.join("_manifest.json").exists() {
            let rows = manifest(&dir)["rows"].as_u64();
            let table = if rows == Some(OLD_ROWS) { "keep.old" } else { "keep.new" };
            assert_same(&self.url, table, &dir);
        } else {
            // The old table may be gone only if there is an intent that leads to the new one.
            assert!(
                dir.join("_commit.json").exists(),
                "{when}: neither manifest nor intent: {:?}",
                files(base)
            );
        }
    }

    /// The next ordinary run ends well and leaves the new table and nothing else.
    #[track_caller]
    fn assert_recovers(&self, base: &Path) {
        export(&self.url, base, &FLAGS).ok();
        let dir = table_dir(base);
        assert_tidy(&dir);
        assert_same(&self.url, "keep.new", &dir);
        for file in files(base) {
            assert!(
                file.starts_with("public/t/") || file.starts_with("_lakexpress/") && file.ends_with(".json"),
                "{file} was left"
            );
        }
    }
}

#[test]
fn killed_at_random_moments() {
    let fixture = fixture();
    // A generator of our own (Marsaglia's xorshift); its seed is printed so that a failure can be repeated.
    let mut random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {random}");
    let mut killed = 0;
    let wanted = env_number("LAKEXPRESS_KILLS", 15);
    // A run may be over before its moment has come; that does not count.
    for attempt in 0..wanted * 20 {
        if killed == wanted {
            break;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_micros(random % fixture.usual.as_micros() as u64);
        let (_holder, base) = fixture.base_with_old();
        let running = Run::new(fixture.args(&base)).spawn();
        std::thread::sleep(moment);
        if running.kill9().code.is_none() {
            killed += 1;
            fixture.assert_sound(&base, &format!("attempt {attempt}, killed after {moment:?}"));
        }
        fixture.assert_recovers(&base);
    }
    assert_eq!(killed, wanted, "the runs were over before they were killed");
}

#[test]
fn killed_at_every_step_of_the_commit_and_again_while_it_is_rolled_forward() {
    let fixture = fixture();
    let first_new = fixture.new_parts.first().unwrap().as_str();
    let last_new = fixture.new_parts.last().unwrap().as_str();
    let first_gone = fixture.old_parts[fixture.new_parts.len()].as_str();
    let last_gone = fixture.old_parts.last().unwrap().as_str();
    let steps = [
        ("the intent appears", "rename", "_commit.json"),
        ("the old manifest goes", "unlink", "_manifest.json"),
        ("the first new part appears", "rename", first_new),
        ("the last new part appears", "rename", last_new),
        ("the first old part goes", "unlink", first_gone),
        ("the last old part goes", "unlink", last_gone),
        ("the new manifest appears", "rename", "_manifest.json"),
        ("the intent goes", "unlink", "_commit.json"),
    ];
    for (number, (step, calls, name)) in steps.into_iter().enumerate() {
        let (_holder, base) = fixture.base_with_old();
        let dir = table_dir(&base);
        let output = fixture.killed_before(&base, calls, &dir.join(name));
        assert_eq!(output.code, None, "not killed when {step}\n{output}");
        fixture.assert_sound(&base, step);
        if number == 0 {
            assert_eq!(manifest(&dir)["rows"], OLD_ROWS, "the old table is whole until there is an intent");
        } else {
            assert!(dir.join("_commit.json").exists(), "no intent when {step}");
        }
        // The run that rolls forward may be killed too.
        if (1..6).contains(&number) {
            let output = fixture.killed_before(&base, "rename", &dir.join("_manifest.json"));
            assert_eq!(output.code, None, "the roll-forward wrote no manifest\n{output}");
            fixture.assert_sound(&base, "the roll-forward writes its manifest");
        }
        fixture.assert_recovers(&base);
    }
}

#[test]
fn killed_at_every_change_until_a_run_passes_untouched() {
    let fixture = fixture();
    for nth in 1..300 {
        let (_holder, base) = fixture.base_with_old();
        let output = fixture.with_fault(&base, CHANGES, nth, &[]);
        fixture.assert_sound(&base, &format!("change {nth}"));
        if output.code.is_some() {
            output.ok();
            assert_eq!(manifest(&table_dir(&base))["rows"], NEW_ROWS);
            // Two changes per part and two per step of the commit are the least there can be.
            let least = 2 * (fixture.old_parts.len() + 4);
            assert!(nth > least, "only {} changes were seen: is the fault library in use?", nth - 1);
            return;
        }
        fixture.assert_recovers(&base);
    }
    panic!("no run passes untouched");
}

/// 5 is EIO. The error of one call is no reason to lose or to double anything.
#[test]
fn an_error_of_any_change_leaves_a_table_and_the_next_run_ends_well() {
    let fixture = fixture();
    for nth in 1..300 {
        let (_holder, base) = fixture.base_with_old();
        let calls = format!("{CHANGES} write");
        let output = fixture.with_fault(&base, &calls, nth, &[("FAULT_ERRNO", "5")]).no_panic();
        fixture.assert_sound(&base, &format!("error of change {nth}\n{output}"));
        let clean = output.code == Some(0) && !output.stderr.to_lowercase().contains("error");
        if output.code == Some(0) {
            assert_eq!(
                manifest(&table_dir(&base))["rows"],
                NEW_ROWS,
                "change {nth}: success without the new table"
            );
        } else {
            assert!(
                output.code.is_some() && output.stderr.contains(base.to_str().unwrap()),
                "no path\n{output}"
            );
        }
        fixture.assert_recovers(&base);
        // An error may be harmless (giving back a lock), so one clean run is not the end; three in a row are.
        if clean && (1..3).all(|more| fixture.passes(&calls, nth + more)) {
            assert!(nth > 20, "only {} changes were seen: is the fault library in use?", nth - 1);
            return;
        }
    }
    panic!("no run passes untouched");
}

#[test]
fn killed_before_there_was_any_table() {
    let fixture = fixture();
    for name in [fixture.new_parts[0].as_str(), "_commit.json", "_manifest.json"] {
        let holder = tempfile::tempdir().unwrap();
        let base = holder.path().join("not yet there");
        let output = fixture.killed_before(&base, "rename", &table_dir(&base).join(name));
        assert_eq!(output.code, None, "not killed at {name}\n{output}");
        assert!(!table_dir(&base).join("_manifest.json").exists(), "committed before all was there");
        fixture.assert_recovers(&base);
    }
}

/// One traced call: its first and last line in the trace, its name and its text.
struct Call {
    begin: usize,
    end: usize,
    name: String,
    text: String,
}

/// Calls that succeeded, from `strace -f -y`, whose lines of several threads may cut each other.
fn calls(trace: &str) -> Vec<Call> {
    let mut open: Vec<(String, Call)> = Vec::new();
    let mut done = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let (pid, rest) = line.split_once(' ').unwrap_or_default();
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(index) = open.iter().position(|(p, _)| p == pid) {
                let (_, call) = open.remove(index);
                if rest.ends_with(" = 0") {
                    done.push(Call { end: at, ..call });
                }
            }
            continue;
        }
        let Some((name, text)) = rest.split_once('(') else { continue };
        let call = Call { begin: at, end: at, name: name.into(), text: text.into() };
        if rest.ends_with("<unfinished ...>") {
            open.push((pid.into(), call));
        } else if rest.ends_with(" = 0") {
            done.push(call);
        }
    }
    done.sort_by_key(|c| c.begin);
    done
}

/// Both paths of a rename, as `"/a", "/b"` or as `7</dir>, "a", 7</dir>, "b"`.
fn renamed(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut dir = None;
    for piece in text.split(", ") {
        match piece.split_once('<') {
            Some((_, path)) if !piece.starts_with('"') => dir = path.split('>').next(),
            _ => {
                let name = piece.split('"').nth(1).unwrap_or_default();
                paths.push(dir.take().map_or_else(|| name.to_owned(), |dir| format!("{dir}/{name}")));
            }
        }
    }
    paths
}

#[test]
fn every_file_is_synced_before_it_gets_its_name_and_its_directory_after() {
    let (_holder, base) = fixture().base_with_old();
    assert_names_are_durable(&base);
}

/// A first export deletes nothing, and each deletion syncs the directory too.
#[test]
fn t5_a_first_export_syncs_its_directory_between_the_steps_of_the_commit() {
    let holder = tempfile::tempdir().unwrap();
    assert_names_are_durable(&holder.path().join("out"));
}

/// Exports under `strace`: what gets a name is synced before it, and its directory after it, before the next step of
/// the commit begins.
fn assert_names_are_durable(base: &Path) {
    let fixture = fixture();
    let traces = tempfile::tempdir().unwrap();
    let trace_file = traces.path().join("trace");
    let filter = "trace=?rename,?renameat,renameat2,?unlink,unlinkat,fsync,fdatasync";
    let strace = ["strace", "-f", "-y", "-qq", "-e", filter, "-o", trace_file.to_str().unwrap()];
    Run::wrapped(&strace, fixture.args(base)).output().ok();
    let trace = fs::read_to_string(&trace_file).unwrap();
    let calls = calls(&trace);
    let dir = table_dir(base);
    let dir_text = dir.to_str().unwrap();
    let synced = |path: &str, from: usize, to: usize| {
        let marked = format!("<{path}>");
        calls
            .iter()
            .any(|c| c.name.ends_with("sync") && c.text.contains(&marked) && c.begin > from && c.end < to)
    };
    let renames: Vec<(&Call, Vec<String>)> = calls
        .iter()
        .filter(|c| c.name.starts_with("rename"))
        .map(|c| (c, renamed(&c.text)))
        .filter(|(_, paths)| paths.len() == 2 && Path::new(&paths[1]).starts_with(&dir))
        .collect();
    // Where the next step begins: the first call after a line that gives or takes a name by which readers go.
    let begins = |from: usize, step: &str, ends: &str| {
        let is_next = |c: &&Call| {
            c.begin > from && c.name.starts_with(step) && c.text.contains(dir_text) && {
                c.text.rsplit('"').nth(1).is_some_and(|path| path.ends_with(ends))
            }
        };
        let next = calls.iter().find(is_next);
        next.unwrap_or_else(|| panic!("no {step} of {ends} in the trace:\n{trace}")).begin
    };
    let mut named = Vec::new();
    for (call, paths) in &renames {
        // `from` 0 would leave out the first line; nothing of interest is there but a sync of the run log.
        assert!(synced(&paths[0], 0, call.begin), "{} was renamed before it was synced\n{trace}", paths[1]);
        let name = Path::new(&paths[1]).file_name().unwrap().to_string_lossy().into_owned();
        let deadline = match name.as_str() {
            "_commit.json" => begins(call.end, "rename", ".parquet"),
            "_manifest.json" => begins(call.end, "unlink", "_commit.json"),
            _ => begins(call.end, "rename", "_manifest.json"),
        };
        assert!(synced(dir_text, call.end, deadline), "directory not synced after {}\n{trace}", paths[1]);
        named.push(name);
    }
    for name in fixture.new_parts.iter().map(String::as_str).chain(["_commit.json", "_manifest.json"]) {
        assert!(named.iter().any(|n| n == name), "{name} did not appear by a rename: {named:?}");
    }
}

/// 28 is ENOSPC, from the first write of data on.
#[test]
fn no_space_for_the_parts_leaves_the_old_table() {
    let fixture = fixture();
    let (_holder, base) = fixture.base_with_old();
    let output = fixture.with_fault(&base, "write", 2, &[("FAULT_ERRNO", "28"), ("FAULT_STICKY", "1")]);
    output.exits(75).says(&["space", base.to_str().unwrap()]);
    fixture.assert_sound(&base, "no space");
    assert_eq!(manifest(&table_dir(&base))["rows"], OLD_ROWS);
    fixture.assert_recovers(&base);
}

#[test]
fn a_full_disk_is_said_and_leaves_the_old_table() {
    let server = PgServer::shared();
    let url = server.create_db("full_disk");
    server.sql("full_disk", "CREATE TABLE t (id int, text text); INSERT INTO t VALUES (1, 'old');");
    let old = tempfile::tempdir().unwrap();
    export(&url, old.path(), &["-i", "public.t"]).ok();
    server.sql(
        "full_disk",
        "CREATE TABLE keep AS TABLE t;
         INSERT INTO t SELECT i, md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text)
         FROM generate_series(1, 100000) i; ANALYZE t;",
    );
    let (small, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = r#"
        small=$1 old=$2 back=$3
        shift 3
        mount -t tmpfs -o size=1m tmpfs "$small" || exit 99
        cp -a "$old/." "$small/"
        "$@"
        code=$?
        cp -a "$small/." "$back/"
        exit $code"#;
    let wrapper = mounted(script, &[small.path(), old.path(), back.path()]);
    let args = export_args(&url, small.path(), &["-i", "public.t", "-p", "2", "--part-bytes", "1MiB"]);
    Run::wrapped(&wrapper, args).output().exits(75).says(&["public.t", "space"]);
    let dir = back.path().join("public/t");
    assert_nothing_visible(back.path());
    assert_tidy(&dir);
    assert_same(&url, "public.keep", &dir);
}

#[test]
fn strace_is_installed() {
    let version = Command::new("strace").arg("-V").output();
    assert!(
        version.is_ok_and(|v| v.status.success()),
        "run `apt-get install -y strace`, or `make test-deps`"
    );
}
