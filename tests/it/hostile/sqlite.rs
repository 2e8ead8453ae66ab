//! S1, S8: SQLite files, and files beside them, that somebody made to harm the one who exports them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::stopped;
use crate::lake::{Output, Run, files, python};

const WORDS: &str = "what somebody wrote for years";

/// A database file that others made, a lake, and what lies elsewhere.
struct Scene {
    root: tempfile::TempDir,
}

impl Scene {
    fn new(sql: &str) -> Self {
        let scene = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.root.path().join("theirs")).unwrap();
        fs::write(scene.victim(), WORDS).unwrap();
        scene.run("CREATE TABLE good (a INT); INSERT INTO good VALUES (1), (2);");
        scene.run(sql);
        scene
    }

    fn database(&self) -> PathBuf {
        self.root.path().join("theirs/data.db")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.root.path().join(format!("theirs/data.db{suffix}"))
    }

    fn victim(&self) -> PathBuf {
        self.root.path().join("thesis.doc")
    }

    fn connect(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    fn run(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap();
    }

    /// By Python's SQLite, which has all modules and functions of its own.
    fn run_elsewhere(&self, sql: &str) {
        let program = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
             c.create_function('evil', -1, lambda *a: open(sys.argv[3], 'w') and 1, deterministic=True)\n\
             c.executescript(open(sys.argv[2]).read())\nc.commit()";
        let script = self.root.path().join("script.sql");
        fs::write(&script, sql).unwrap();
        let ran = Command::new(python())
            .args(["-c", program])
            .args([self.database(), script, self.root.path().join("made")])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let _ = fs::remove_file(self.root.path().join("made"));
    }

    /// An export that has to be over in a minute, of which nothing elsewhere notices anything.
    #[track_caller]
    fn export(&self, more: &[&str]) -> Output {
        let begun = Instant::now();
        let source = format!("sqlite:{}", self.database().display());
        let output = Run::new(["export", "--source", &source, "--output-dir"])
            .args([self.lake()])
            .args(["--if-exists", "replace"])
            .args(more)
            .output()
            .no_panic();
        assert!(begun.elapsed() < Duration::from_secs(60), "{more:?}: {:?}", begun.elapsed());
        assert_eq!(fs::read_to_string(self.victim()).unwrap(), WORDS, "{more:?}");
        assert!(!self.root.path().join("made").exists(), "{more:?}: a function of theirs ran");
        output
    }

    fn lake(&self) -> PathBuf {
        self.root.path().join("lake")
    }

    fn tables(&self) -> Vec<String> {
        let mut names: Vec<String> = files(&self.lake().join("main"))
            .iter()
            .map(|file| file.split('/').next().unwrap().to_owned())
            .collect();
        names.dedup();
        names
    }
}

/// S8: modules that interpret what is in a file are not there, so that no crafted file reaches them.
#[test]
fn s8_virtual_tables_fail_alone() {
    let scene = Scene::new("");
    scene.run_elsewhere(
        "CREATE VIRTUAL TABLE words USING fts5(title, body); INSERT INTO words VALUES ('one', 'two three');
         CREATE VIRTUAL TABLE older USING fts4(body); CREATE VIRTUAL TABLE places USING rtree(id, a, b);
         CREATE VIRTUAL TABLE pages USING dbstat;
         CREATE VIEW asked AS SELECT title FROM words('two'); CREATE VIEW equal AS SELECT title FROM words WHERE words = 'two';
         CREATE VIEW of_tree AS SELECT rtreecheck('main', 'places') AS c;
         CREATE TABLE words_node (a INT); INSERT INTO words_node VALUES (1);",
    );
    scene.export(&[]).ok();
    assert_eq!(scene.tables(), ["good", "words_node"], "what a virtual table keeps is not taken unasked");
    let names = ["words", "older", "places", "pages", "asked", "equal", "of_tree"];
    for (name, module) in names.iter().zip(["fts5", "fts4", "rtree", "dbstat", "fts5", "fts5", "rtreecheck"])
    {
        let output = scene.export(&["-i", &format!("good,{name}")]).exits(1);
        assert!(output.stdout.contains("1 of 2 tables failed, 1 exported"), "{output}");
        output.says(&[module, &format!("main.{name}")]);
    }
    let output = scene.export(&["-i", "words"]).to_string();
    for said in ["module fts5, which is not part of this program", "CREATE TABLE name AS SELECT", "--exclude"]
    {
        assert!(output.contains(said), "{output}");
    }
    // The content itself can be had by name.
    scene.export(&["-i", "words_content,places_node"]).ok();
    assert!(scene.tables().contains(&"words_content".to_owned()));
    stopped("SQLite: virtual tables of modules that are not there", names.len());
}

/// S1: functions that do something, or look elsewhere, are called by no view.
#[test]
fn s1_views_call_nothing_that_does_something() {
    let calls = [
        "load_extension('/tmp/evil.so')",
        "fts3_tokenizer('x', x'4141414141414141')",
        "writefile('made', 'x')",
        "readfile('/etc/passwd')",
        "edit('x', 'touch made')",
        "fts5(x'41')",
        "(SELECT file FROM pragma_database_list)",
        "(SELECT name FROM pragma_table_list LIMIT 1)",
        "(SELECT count(*) FROM pragma_integrity_check)",
        "(SELECT sql FROM sqlite_stmt LIMIT 1)",
        "(SELECT pgno FROM sqlite_dbpage LIMIT 1)",
        "(SELECT count(*) FROM dbstat)",
        "evil(1)",
    ];
    let views: Vec<String> = calls
        .iter()
        .enumerate()
        .map(|(n, call)| format!("CREATE VIEW v{n} AS SELECT {call} AS c;"))
        .collect();
    let scene = Scene::new(&views.concat());
    let output = scene.export(&["--views"]).exits(1);
    for (n, call) in calls.iter().enumerate() {
        assert!(output.to_string().contains(&format!("main.v{n}  failed")), "{call}: {output}");
    }
    assert_eq!(scene.tables(), ["good"]);
    let before = fs::read(scene.database()).unwrap();
    scene.run("CREATE TRIGGER t INSTEAD OF INSERT ON v0 BEGIN DELETE FROM good; END;");
    scene.export(&[]).ok();
    assert!(before.len() <= fs::read(scene.database()).unwrap().len());
    stopped("SQLite: views that call what does something", calls.len() + 1);
}

/// S1: what is computed when a table is read calls built-in functions without side effects only.
#[test]
fn s1_generated_columns_and_indexes_run_no_function_of_others() {
    let scene = Scene::new("");
    scene.run_elsewhere(
        "CREATE TABLE generated (a INT, b AS (evil(a))); INSERT INTO generated VALUES (1);
         CREATE TABLE stored (a INT, b AS (evil(a)) STORED); INSERT INTO stored VALUES (1);
         CREATE TABLE indexed (a INT); CREATE INDEX i ON indexed(evil(a)); INSERT INTO indexed VALUES (1);
         CREATE TABLE partly (a INT); CREATE INDEX p ON partly(a) WHERE evil(a) = 1; INSERT INTO partly VALUES (1);
         CREATE TABLE checked (a INT CHECK (evil(a) = 1) DEFAULT (evil(2))); INSERT INTO checked VALUES (1);
         CREATE TABLE fired (a INT); INSERT INTO fired VALUES (1);
         CREATE TRIGGER r AFTER INSERT ON fired BEGIN SELECT evil(new.a); END;",
    );
    let before = fs::read(scene.database()).unwrap();
    scene.export(&[]).exits_one_of(&[0, 1]);
    let tables = scene.tables();
    for name in ["checked", "fired", "good"] {
        assert!(tables.contains(&name.to_owned()), "{name}: {tables:?}");
    }
    assert!(!tables.contains(&"generated".to_owned()));
    assert_eq!(fs::read(scene.database()).unwrap(), before, "the file is only read");
    stopped("SQLite: functions in columns, indexes, checks and triggers", 6);
}

/// Views that nobody asked for are not even compiled: over each other they take any time and any stack.
#[test]
fn s1_views_without_end_hold_up_no_export() {
    let chain = |count: usize, next: &dyn Fn(usize) -> String| {
        let views: Vec<String> =
            (1..count).map(|n| format!("CREATE VIEW v{n} AS {};", next(n - 1))).collect();
        format!("CREATE VIEW v0 AS SELECT a FROM good; {}", views.concat())
    };
    let attacks = [
        chain(20_000, &|n| format!("SELECT a FROM v{n}")),
        chain(40, &|n| format!("SELECT x.a FROM v{n} x, v{n} y")),
        chain(40, &|n| format!("SELECT a FROM v{n} UNION ALL SELECT a FROM v{n}")),
        chain(40, &|n| format!("SELECT (SELECT count(*) FROM v{n} q, v{n} r) AS a FROM v{n}")),
        // A view that calls itself the statistics of ANALYZE.
        "CREATE VIEW s AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT 't' AS tbl, 'i' AS idx, n AS stat FROM r;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET name = 'sqlite_stat1', tbl_name = 'sqlite_stat1', sql = replace(sql, 'VIEW s ', 'VIEW sqlite_stat1 ') WHERE name = 's';"
            .to_owned(),
        // A view that says it is a table.
        "CREATE VIEW s AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r;
         PRAGMA writable_schema = ON; UPDATE sqlite_schema SET type = 'table' WHERE name = 's';"
            .to_owned(),
    ];
    for sql in &attacks {
        let scene = Scene::new("");
        scene.run_elsewhere(&format!("BEGIN; {sql} COMMIT;"));
        // SQLite itself refuses a file with some of them.
        if scene.export(&[]).exits_one_of(&[0, 65]).code == Some(0) {
            assert_eq!(scene.tables(), ["good"]);
        }
    }
    stopped("SQLite: views without end", attacks.len());
}

/// A table of several pages.
const ROWS: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT);
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 5000)
      INSERT INTO t SELECT n, hex(zeroblob(50)) FROM s;";

/// A tree in which pages are named twice has rows without end.
#[test]
fn s8_a_tree_that_leads_back_is_damage() {
    let scene = Scene::new(ROWS);
    let root: usize = scene
        .connect()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 't'", [], |r| r.get(0))
        .unwrap();
    let mut bytes = fs::read(scene.database()).unwrap();
    let page = &mut bytes[(root - 1) * 4096..root * 4096];
    assert_eq!(page[0], 5, "an inner page");
    let cell = |page: &[u8], n: usize| usize::from(u16::from_be_bytes([page[12 + 2 * n], page[13 + 2 * n]]));
    let first = cell(page, 0);
    let child = page[first..first + 4].to_vec();
    for n in 1..usize::from(u16::from_be_bytes([page[3], page[4]])) {
        let at = cell(page, n);
        page[at..at + 4].copy_from_slice(&child);
    }
    fs::write(scene.database(), bytes).unwrap();
    scene.export(&[]).exits(1).says(&["main.t", "a row comes twice", "rowid"]);
    assert_eq!(scene.tables(), ["good"]);
    stopped("SQLite: trees that lead back", 1);
}

/// Files beside the database that lead elsewhere: SQLite would empty, fill or delete what they lead to.
#[test]
fn s3_files_beside_the_database_lead_nowhere() {
    let mut count = 0;
    for mode in ["wal", "delete"] {
        for suffix in ["-wal", "-shm", "-journal"] {
            let puts: [fn(&Path, &Path); 4] = [
                |beside, victim| symlink(victim, beside).unwrap(),
                |beside, _| symlink(beside.with_file_name("made"), beside).unwrap(),
                |beside, victim| fs::hard_link(victim, beside).unwrap(),
                |beside, _| assert!(Command::new("mkfifo").arg(beside).status().unwrap().success()),
            ];
            for put in puts {
                let scene = Scene::new(&format!("PRAGMA journal_mode = {mode};"));
                put(&scene.beside(suffix), &scene.victim());
                scene.export(&[]).exits(78).says(&["is a link, or no file", suffix]);
                assert!(!scene.root.path().join("theirs/made").exists());
                count += 1;
            }
        }
    }
    stopped("SQLite: files beside the database that lead elsewhere", count);
}

/// A journal that a crash left names a journal of several databases, which SQLite deletes: here it is somebody's file.
#[test]
fn s3_a_journal_that_names_another_file_deletes_nothing() {
    let scene = Scene::new(ROWS);
    let copy = |from: &Scene| {
        let to = Scene::new("");
        let name = to.victim().display().to_string();
        fs::copy(from.database(), to.database()).unwrap();
        let mut journal = fs::read(from.beside("-journal")).unwrap();
        let locking_page = 0x4000_0000_u32 / 4096 + 1;
        let sum: u32 = name.bytes().map(u32::from).sum();
        journal.truncate(journal.len() / 512 * 512);
        journal.extend(locking_page.to_be_bytes());
        journal.extend(name.bytes());
        journal.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        journal.extend(sum.to_be_bytes());
        journal.extend([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
        fs::write(to.beside("-journal"), journal).unwrap();
        to
    };
    let writer = scene.connect();
    writer.execute_batch("PRAGMA cache_size = 5; BEGIN; UPDATE t SET c = c || 'x'").unwrap();
    let (attacked, control) = (copy(&scene), copy(&scene));
    // Who opens it for writing, with an SQLite of 2022, loses the file: the attack is a real one.
    control.run_elsewhere("SELECT count(*) FROM t");
    assert!(!control.victim().exists(), "SQLite deleted what the journal names");
    attacked.export(&[]).exits(78).says(&["middle of a transaction"]);
    assert!(attacked.beside("-journal").exists());
    // An empty database with a journal: SQLite takes the journal for old and deletes it.
    let empty = copy(&scene);
    fs::write(empty.database(), "").unwrap();
    empty.export(&[]).exits_one_of(&[2, 78]);
    assert!(empty.beside("-journal").exists(), "nothing is deleted in the directory of a database");
    stopped("SQLite: journals that name other files", 2);
}

/// Names of files that are no names of files to SQLite.
#[test]
fn s8_a_name_is_a_name_and_no_uri() {
    let scene = Scene::new("");
    let made = scene.root.path().join("theirs/made.db");
    let names = [
        "file:data.db?mode=rwc&vfs=unix-none",
        "file:made.db?mode=rwc",
        "data.db?vfs=memdb",
        "file::memory:?cache=shared",
        ":memory:",
        "|id > made.db",
    ];
    for name in names {
        let entry = serde_json::json!({"lite": {"ds_type": "sqlite", "info": {"filepath": name}}});
        let auth = scene.root.path().join("auth.json");
        fs::write(&auth, entry.to_string()).unwrap();
        let output = Run::new(["export", "--source-db-auth-id", "lite", "-a"])
            .args([&auth])
            .args(["--output-dir"])
            .args([scene.lake()])
            .current_dir(&scene.root.path().join("theirs"))
            .output();
        output.no_panic().exits(78);
        assert!(!made.exists(), "{name}");
    }
    stopped("SQLite: names that are URIs", names.len());
}
