//! `resume --accept-mixed-snapshot`: parts that were complete when the run ended are used again, the others are read.

mod records;

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::lake::{Output, assert_same, assert_tidy, duck, files, manifest};
use crate::resume::{Scene, wait_until};
use crate::server::PgServer;

const FLAGS: &[&str] = &[
    "-p",
    "2",
    "--part-bytes",
    "512KiB",
    "--large-table-threshold",
    "1",
    "--table-config",
    "big:RangeId:id",
];
const ROWS: u64 = 60_000;

/// Ids that leave every remainder as often; reading by the key is by its index, whatever the planner thinks.
fn fill(server: &PgServer, db: &str) {
    server.sql(
        db,
        &format!(
            "ALTER DATABASE {db} SET enable_seqscan = off; ALTER DATABASE {db} SET enable_bitmapscan = off;
             CREATE TABLE big (id bigint PRIMARY KEY, version integer NOT NULL, pad text NOT NULL);
             INSERT INTO big SELECT g * 1009, 1, repeat(md5(g::text), 8) FROM generate_series(1, {ROWS}) g; ANALYZE"
        ),
    );
}

/// Parts that the run log of `state` has as prepared.
pub(crate) fn prepared(state: &Path) -> usize {
    try_prepared(state).unwrap_or(0)
}

fn try_prepared(state: &Path) -> rusqlite::Result<usize> {
    let path = state.join("lakexpress/runlog.sqlite");
    let count = |log: Connection| log.query_row("SELECT count(*) FROM prepared_parts", [], |row| row.get(0));
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(count)
}

/// Names of uploads that nobody sees.
fn uploads(scene: &Scene) -> Vec<String> {
    let names = files(&scene.table("big"));
    names.into_iter().filter(|name| name.ends_with(".tmp")).collect()
}

/// Begins an export and kills it when some of its parts are complete. Returns its id.
fn killed(scene: &Scene, flags: &[&str]) -> String {
    let running = scene.export(flags).spawn();
    wait_until("some parts are complete", || prepared(scene.state.path()) >= 5);
    running.kill9();
    assert!(!scene.table("big").join("_manifest.json").exists(), "it was too fast");
    scene.run_id()
}

fn resume(scene: &Scene, run_id: &str, more: &[&str]) -> Output {
    scene.run(&[&["resume", run_id, "--json"], more].concat()).output().ok()
}

const MIXED: &[&str] = &["--accept-mixed-snapshot"];

/// The groups of parts that the manifest tells apart.
fn moments(scene: &Scene) -> Vec<(String, BTreeSet<u64>)> {
    let manifest = manifest(&scene.table("big"));
    let groups = manifest["mixed_snapshots"].as_array().cloned().unwrap_or_default();
    let of = |group: &Value| {
        let parts = group["parts"].as_array().unwrap().iter().map(|part| part.as_u64().unwrap());
        (group["snapshot"]["taken_at"].as_str().unwrap().to_owned(), parts.collect::<BTreeSet<u64>>())
    };
    let groups: Vec<_> = groups.iter().map(of).collect();
    if let Some((last, _)) = groups.last() {
        assert_eq!(manifest["snapshot"]["taken_at"], last.as_str());
        let parts: BTreeSet<u64> = groups.iter().flat_map(|(_, parts)| parts.clone()).collect();
        assert_eq!(parts.len(), groups.iter().map(|(_, parts)| parts.len()).sum::<usize>(), "a part twice");
        let files = manifest["files"].as_array().unwrap().iter().map(|file| file["part"].as_u64().unwrap());
        assert!(files.into_iter().all(|part| parts.contains(&part)));
    }
    groups
}

/// Rows that were read through the primary key's index since the statistics were reset.
fn fetched(server: &PgServer, db: &str) -> u64 {
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakexpress'";
    wait_until("our connections have ended", || server.query(db, ours) == "0");
    server
        .query(db, "SELECT coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'big'")
        .parse()
        .unwrap()
}

/// `id` within the bounds of a file's slice.
fn condition(file: &Value) -> String {
    let range = &file["slice"]["range"];
    let bound = |which: &str, op: &str| range[which]["int"].as_i64().map(|id| format!("id {op} {id}"));
    let terms: Vec<String> = [bound("lower", ">="), bound("upper", "<")].into_iter().flatten().collect();
    format!("({})", terms.join(" AND "))
}

#[test]
fn only_missing_parts_are_read() {
    let server = PgServer::start();
    let url = server.create_db("mixed_parts");
    fill(&server, "mixed_parts");
    for level in ["run", "table", "none"] {
        let scene = Scene::new(url.clone());
        let run_id = killed(&scene, &[FLAGS, &["--consistency", level]].concat());
        fetched(&server, "mixed_parts");
        server.query("mixed_parts", "SELECT pg_stat_reset()");
        let output = resume(&scene, &run_id, MIXED);
        let groups = moments(&scene);
        // At level `none` too the parts of one process have one time.
        assert_eq!(groups.len(), 2, "{level}\n{output}");
        assert!(groups[0].1.len() >= 5 && !groups[1].1.is_empty(), "{groups:?}");
        let files = manifest(&scene.table("big"))["files"].as_array().unwrap().clone();
        let read = files.iter().filter(|file| groups[1].1.contains(&file["part"].as_u64().unwrap()));
        let rows: u64 = read.map(|file| file["rows"].as_u64().unwrap()).sum();
        assert!(rows < ROWS);
        // Each time a table so small is planned all its keys are looked at; of a large one a sample.
        let looks = if level == "table" { 2 } else { 1 };
        let read = fetched(&server, "mixed_parts") - looks * ROWS;
        assert_eq!(read, rows, "{level}: exactly the missing parts are read");
        // Nothing changed meanwhile, so it is what one moment would have given.
        assert_tidy(&scene.table("big"));
        assert_same(&url, "public.big", &scene.table("big"));
        let summary: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(summary["tables"][0]["mixed_snapshots"].as_array().unwrap().len(), 2);
        for away in [false, true] {
            if away {
                // The run log knows too.
                std::fs::rename(scene.table("big"), scene.out.path().join("away")).unwrap();
            }
            let report = scene.run(&["report", &run_id, "--json"]).output().ok();
            let report: Value = serde_json::from_str(&report.stdout).unwrap();
            assert_eq!(report["tables"][0]["mixed_snapshots"], summary["tables"][0]["mixed_snapshots"]);
            let text = scene.run(&["report", &run_id]).output().ok();
            assert!(text.stdout.contains("public.big: mixed, "), "{text}");
        }
        std::fs::rename(scene.out.path().join("away"), scene.table("big")).unwrap();
        let done = scene.run(&["resume", &run_id]).output().ok();
        assert!(done.stdout.contains("nothing to resume"), "{done}");
        assert_eq!(try_prepared(scene.state.path()), Ok(0), "of a finished table nothing is kept");
    }
}

#[test]
fn rows_that_were_there_all_the_time_are_there_once() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_rows");
    for method in ["RangeId:id", "Ntile:id", "Random:id"] {
        server.sql("mixed_rows", "DROP TABLE IF EXISTS big");
        fill(server, "mixed_rows");
        let config = format!("big:{method}");
        let flags = [&FLAGS[..7], &[&config]].concat();
        let scene = Scene::new(url.clone());
        let run_id = killed(&scene, &flags);
        server.sql(
            "mixed_rows",
            "UPDATE big SET version = 2 WHERE id / 1009 % 3 = 0; DELETE FROM big WHERE id / 1009 % 5 = 2;
             INSERT INTO big SELECT g * 1009 + 1, 2, 'new' FROM generate_series(-5000, 70000, 7) g; ANALYZE big",
        );
        let output = resume(&scene, &run_id, MIXED);
        let groups = moments(&scene);
        assert_eq!(groups.len(), 2, "{output}");
        assert_tidy(&scene.table("big"));
        let rows = format!("read_parquet('{}/*.parquet')", scene.table("big").display());
        assert_eq!(duck(&format!("SELECT count(*) - count(DISTINCT id) FROM {rows}")), "0", "{method}");
        let stayed = format!("SELECT count(*) FROM {rows} WHERE id % 1009 = 0 AND id // 1009 % 5 <> 2");
        assert_eq!(duck(&stayed), (ROWS - ROWS / 5).to_string(), "{method}: none is lost");
        // Kept parts are as they were; the others are as the source is now, with rows beyond the old bounds.
        let manifest = manifest(&scene.table("big"));
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for file in manifest["files"].as_array().unwrap() {
            let is_old = groups[0].1.contains(&file["part"].as_u64().unwrap());
            if is_old { old.push(file) } else { new.push(file) }
        }
        let list = |files: &[&Value]| {
            let path =
                |f: &&Value| format!("'{}/{}'", scene.table("big").display(), f["name"].as_str().unwrap());
            files.iter().map(path).collect::<Vec<_>>().join(", ")
        };
        let sums = "count(*)::text || ' ' || sum(id)::text || ' ' || sum(version)::text";
        let first = duck(&format!(
            "SELECT max(version + (id % 1009 <> 0)::INTEGER) FROM read_parquet([{}])",
            list(&old)
        ));
        assert_eq!(first, "1", "{method}: kept parts know nothing of what came later");
        if method != "Random:id" {
            let now: Vec<String> = new.iter().map(|file| condition(file)).collect();
            let expected =
                server.query("mixed_rows", &format!("SELECT {sums} FROM big WHERE {}", now.join(" OR ")));
            assert_eq!(
                duck(&format!("SELECT {sums} FROM read_parquet([{}])", list(&new))),
                expected,
                "{method}"
            );
        }
        let odd =
            duck(&format!("SELECT count(*) > 0 FROM read_parquet([{}]) WHERE id % 1009 <> 0", list(&new)));
        assert_eq!(odd, "True", "{method}");
    }
}

/// Values that are new since have a part too. There are as many values as make no part too large.
#[test]
fn new_values_of_a_key_are_read() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_values");
    server.sql(
        "mixed_values",
        &format!(
            "CREATE TABLE big (region text, id bigint, pad text NOT NULL, PRIMARY KEY (region, id));
             INSERT INTO big SELECT 'r' || g % 60, g, repeat(md5(g::text), 8) FROM generate_series(1, {ROWS}) g; ANALYZE"
        ),
    );
    let scene = Scene::new(url.clone());
    let run_id = killed(&scene, &[&FLAGS[..7], &["big:DataDriven:region"]].concat());
    server.sql("mixed_values", "INSERT INTO big SELECT 'new', g, 'x' FROM generate_series(1, 50) g");
    resume(&scene, &run_id, MIXED);
    assert_eq!(moments(&scene).len(), 2);
    assert_tidy(&scene.table("big"));
    // Nothing else was changed, and what is not one of the old values is in the last part.
    assert_same(&url, "public.big", &scene.table("big"));
}

#[test]
fn without_the_flag_a_table_is_of_one_moment() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_not");
    fill(server, "mixed_not");
    // Also when the first process had it.
    for first in [&[][..], MIXED] {
        let scene = Scene::new(url.clone());
        let run_id = killed(&scene, &[FLAGS, first].concat());
        assert!(uploads(&scene).len() >= 5);
        server.sql("mixed_not", "UPDATE big SET version = version + 1 WHERE id / 1009 % 3 = 0");
        resume(&scene, &run_id, &[]);
        assert_eq!(moments(&scene), []);
        assert_tidy(&scene.table("big"));
        assert_same(&url, "public.big", &scene.table("big"));
        // A resume leaves nothing of its own either.
        assert!(!scene.out.path().join("_lakexpress").join(&run_id).exists());
    }
}

#[test]
fn what_cannot_be_mixed_is_exported_whole_and_says_why() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_whole");
    fill(server, "mixed_whole");
    server.sql("mixed_whole", "CREATE TABLE part_of (id bigint PRIMARY KEY)");
    let whole = |scene: &Scene, output: Output, why: &[&str]| {
        output.says(why).says(&["public.big: exported whole"]);
        assert_eq!(moments(scene), []);
        assert_tidy(&scene.table("big"));
        assert_same(&url, "public.big", &scene.table("big"));
    };
    // The default of PostgreSQL 14 and later; a key that is not the primary key; a promise about one moment.
    for (flags, why) in [
        (&["--table-config", "big:Ctid"][..], "with method Ctid a row that is changed"),
        (&["--table-config", "big:RangeId:version"], "not cut by the primary key"),
        (&["--table-config", "big:RangeId:id", "--verify", "count"], "--verify compares"),
        (&["--table-config", "big:RangeId:id", "--if-exists", "append"], "--if-exists append"),
    ] {
        let scene = Scene::new(url.clone());
        let running = scene.export(&[&FLAGS[..6], flags].concat()).spawn();
        wait_until("some parts are there", || uploads(&scene).len() >= 3);
        running.kill9();
        assert_eq!(try_prepared(scene.state.path()), Ok(0), "nothing is recorded that cannot be used");
        let output = resume(&scene, &scene.run_id(), MIXED);
        whole(&scene, output, &[why]);
    }
    // The order of texts may change, and a partition may be emptied or detached.
    for (db, table, why) in [
        ("mixed_text", "id text PRIMARY KEY, pad text)", "a range of texts"),
        (
            "mixed_partitioned",
            "id bigint PRIMARY KEY, pad text) PARTITION BY RANGE (id);
             CREATE TABLE low PARTITION OF big FOR VALUES FROM (MINVALUE) TO (30000);
             CREATE TABLE high PARTITION OF big FOR VALUES FROM (30000) TO (MAXVALUE)",
            "several relations",
        ),
    ] {
        let url = server.create_db(db);
        server.sql(
            db,
            &format!(
                "CREATE TABLE big ({table}; INSERT INTO big SELECT g, repeat(md5(g::text), 8)
                 FROM generate_series(1, {ROWS}) g; ANALYZE"
            ),
        );
        let scene = Scene::new(url.clone());
        let running = scene.export(FLAGS).spawn();
        wait_until("some parts are there", || uploads(&scene).len() >= 3);
        running.kill9();
        assert_eq!(try_prepared(scene.state.path()), Ok(0), "{why}");
        resume(&scene, &scene.run_id(), MIXED).says(&[why, "public.big: exported whole"]);
        assert_eq!(moments(&scene), []);
        assert_same(&url, "public.big", &scene.table("big"));
    }
    // The plan must be the same.
    let scene = Scene::new(url.clone());
    let run_id = killed(&scene, FLAGS);
    server.sql("mixed_whole", "ALTER TABLE big ADD COLUMN more integer DEFAULT 7");
    whole(&scene, resume(&scene, &run_id, MIXED), &["the table's columns changed since"]);
    let scene = Scene::new(url.clone());
    let run_id = killed(&scene, FLAGS);
    server.sql(
        "mixed_whole",
        "CREATE TABLE other AS TABLE big; DROP TABLE big; ALTER TABLE other RENAME TO big; ALTER TABLE big ADD PRIMARY KEY (id); \
         ALTER TABLE big ALTER version SET NOT NULL, ALTER pad SET NOT NULL; ANALYZE",
    );
    whole(
        &scene,
        resume(&scene, &run_id, MIXED),
        &["the table itself, dropped and made again, changed since"],
    );
}

/// A part without rows may be what a reader found behind a TRUNCATE that it had waited for.
#[test]
fn parts_without_rows_are_read_again() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_empty");
    fill(server, "mixed_empty");
    let scene = Scene::new(url);
    let half = ROWS / 2 * 1009;
    let filter = format!("big: id > {half} AND pad <> 'x'");
    let run_id = killed(&scene, &[FLAGS, &["--where", &filter]].concat());
    let log = Connection::open(scene.state.path().join("lakexpress/runlog.sqlite")).unwrap();
    let empty =
        "SELECT count(*) FROM prepared_parts WHERE json_array_length(prepared, '$.prepared.files') = 0";
    assert_eq!(log.query_row(empty, [], |row| row.get::<_, u64>(0)), Ok(0));
    resume(&scene, &run_id, MIXED);
    assert_eq!(moments(&scene).len(), 2);
    let rows = format!("read_parquet('{}/*.parquet')", scene.table("big").display());
    assert_eq!(duck(&format!("SELECT count(*) FROM {rows}")), (ROWS / 2).to_string());
}

#[test]
fn uploads_that_are_not_as_they_were_are_written_again() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_damaged");
    fill(server, "mixed_damaged");
    let scene = Scene::new(url.clone());
    let run_id = killed(&scene, FLAGS);
    let before = prepared(scene.state.path());
    let names = uploads(&scene);
    let of =
        |part: &str| names.iter().find(|name| name.contains(part)).map(|name| scene.table("big").join(name));
    // The first two are complete: one byte is another one, and a file is gone.
    let (damaged, gone) = (of("part-00000").unwrap(), of("part-00001").unwrap());
    let mut content = std::fs::read(&damaged).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&damaged, content).unwrap();
    std::fs::remove_file(gone).unwrap();
    resume(&scene, &run_id, MIXED);
    let groups = moments(&scene);
    assert!(groups[1].1.contains(&0) && groups[1].1.contains(&1), "{groups:?}");
    assert_eq!(groups[0].1.len(), before - 2);
    assert_tidy(&scene.table("big"));
    assert_same(&url, "public.big", &scene.table("big"));
}

#[test]
fn a_resumed_run_that_is_killed_is_resumed() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_twice");
    fill(server, "mixed_twice");
    let scene = Scene::new(url.clone());
    let run_id = killed(&scene, FLAGS);
    let first = prepared(scene.state.path());
    let running = scene.run(&["resume", &run_id, "--accept-mixed-snapshot"]).spawn();
    wait_until("more parts are complete", || prepared(scene.state.path()) >= first + 2);
    running.kill9();
    resume(&scene, &run_id, MIXED);
    let groups = moments(&scene);
    assert_eq!(groups.len(), 3, "{groups:?}");
    assert_eq!(groups[0].1.len(), first);
    assert_tidy(&scene.table("big"));
    assert_same(&url, "public.big", &scene.table("big"));
}

#[test]
fn parts_outlive_the_server_when_the_export_was_told_so() {
    let server = PgServer::start();
    let url = server.create_db("mixed_server");
    fill(&server, "mixed_server");
    server.sql("mixed_server", "CHECKPOINT");
    for kept in [false, true] {
        let scene = Scene::new(url.clone());
        let running = scene.export(&[FLAGS, if kept { MIXED } else { &[] }].concat()).spawn();
        wait_until("some parts are complete", || prepared(scene.state.path()) >= 5);
        server.kill9();
        let output = running.finish().exits_one_of(&[1, 75]);
        assert_eq!(uploads(&scene).len() >= 5, kept, "{output}");
        server.restart();
        let output = resume(&scene, &scene.run_id(), MIXED);
        assert_eq!(moments(&scene).len(), if kept { 2 } else { 0 }, "{output}");
        assert_tidy(&scene.table("big"));
        assert_same(&url, "public.big", &scene.table("big"));
    }
}

/// Between two looks at them parts may go: to the store's own rules, or with a process that was thought dead.
#[test]
fn t9_a_part_that_goes_while_others_are_read_leaves_the_old_table() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_gone");
    fill(server, "mixed_gone");
    let scene = Scene::new(url.clone());
    scene.export(FLAGS).output().ok();
    let old = manifest(&scene.table("big"));
    server.sql("mixed_gone", "UPDATE big SET version = 2; ANALYZE big");
    let running = scene.export(FLAGS).spawn();
    wait_until("some parts are complete", || prepared(scene.state.path()) >= 5);
    running.kill9();
    let (run_id, first) = (scene.run_id(), prepared(scene.state.path()));
    // One of those that are complete, whichever they are.
    let log = Connection::open(scene.state.path().join("lakexpress/runlog.sqlite")).unwrap();
    let first_one =
        "SELECT min(json_extract(prepared, '$.prepared.files[0].entry.name')) FROM prepared_parts";
    let name: String = log.query_row(first_one, [], |row| row.get(0)).unwrap();
    drop(log);
    let adopted = uploads(&scene).into_iter().find(|upload| upload.contains(&name)).expect("an upload");
    let running = scene.run(&[&["resume", &run_id, "--json"], MIXED].concat()).spawn();
    wait_until("more parts are complete", || prepared(scene.state.path()) > first);
    let signal = |name: &str| {
        let pid = running.pid().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    let parts = old["files"].as_array().unwrap().len();
    assert!(prepared(scene.state.path()) + 2 < parts, "it was too fast");
    std::fs::remove_file(scene.table("big").join(&adopted)).unwrap();
    signal("-CONT");
    let output = running.finish().exits(75);
    assert!(output.stdout.contains(&name) && output.stdout.contains("is gone"), "{output}");
    assert_eq!(manifest(&scene.table("big")), old, "{output}");
    let visible: Vec<String> =
        files(&scene.table("big")).into_iter().filter(|f| !f.ends_with(".tmp")).collect();
    assert_eq!(visible.len(), parts + 1, "{visible:?}\n{output}");
    let sum = format!(
        "SELECT count(*), sum(version) FROM read_parquet('{}/*.parquet')",
        scene.table("big").display()
    );
    assert_eq!(duck(&sum), format!("{ROWS}|{ROWS}"), "the old rows");
    resume(&scene, &run_id, MIXED);
    assert_tidy(&scene.table("big"));
    assert_same(&url, "public.big", &scene.table("big"));
}
