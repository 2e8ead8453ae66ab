//! `plan --out FILE` and `apply FILE`: what was reviewed is what runs, or nothing does.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::lake::{Output, Run, assert_nothing_visible, assert_same_values, export_args, json, manifest};
use crate::resume::wait_until;
use crate::server::PgServer;

const TABLES: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, day date, total numeric(9, 2), note text);
    INSERT INTO orders SELECT g, date '2024-01-01' + g % 60, g / 4.0, 'note ' || g FROM generate_series(1, 500) g;
    CREATE TABLE items (id int PRIMARY KEY, name varchar(20));
    INSERT INTO items SELECT g, 'item ' || g FROM generate_series(1, 50) g";

fn planned(url: &str, lake: &Path, file: &Path, more: &[&str]) -> Output {
    let out = ["--out", file.to_str().unwrap()];
    Run::new(["plan"]).args(&export_args(url, lake, &[more, &out].concat())[1..]).output()
}

fn applied(file: &Path) -> Output {
    Run::new(["apply", file.to_str().unwrap()]).output()
}

#[test]
fn what_was_reviewed_is_exported_and_rows_may_have_changed() {
    let server = PgServer::shared();
    let url = server.create_db("apply_same");
    server.sql("apply_same", TABLES);
    let dir = tempfile::tempdir().unwrap();
    let (lake, file) = (dir.path().join("lake"), dir.path().join("plan.json"));
    let flags =
        ["--where", "orders: id > 100", "--partition-by", "orders: month(day) AS m", "--compression", "gzip"];
    let secret = url.replacen("postgres@", "postgres:Marker2@", 1);
    assert!(secret.contains("Marker2"), "{secret}");
    planned(&secret, &lake, &file, &flags).ok();
    assert_nothing_visible(&lake);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("Marker2"), "{text}");
    applied(&file).exits(2).says(&["the source's password is not in the plan", "--source"]);
    let applied =
        |file: &Path| Run::new(["apply", file.to_str().unwrap()]).env("LAKEXPRESS_SOURCE", &secret).output();
    server.sql(
        "apply_same",
        "INSERT INTO orders VALUES (501, '2024-02-03', 1, 'late'); DELETE FROM items WHERE id = 1",
    );
    applied(&file).ok();
    let orders = manifest(&lake.join("public/orders"));
    assert_eq!((&orders["rows"], &orders["filter"]), (&401.into(), &"id > 100".into()));
    assert_eq!(orders["partition_by"][0]["name"], "m");
    assert_same_values(&url, "public.items", &lake.join("public/items"), &[]);
    // A run like any other: it can be resumed, and applied once more.
    applied(&file).ok();
}

#[test]
fn a_plan_that_is_stale_says_what_has_changed_and_nothing_is_written() {
    let server = PgServer::shared();
    let url = server.create_db("apply_stale");
    server.sql("apply_stale", TABLES);
    let dir = tempfile::tempdir().unwrap();
    for (at, (change, undo, words)) in [
        (
            "ALTER TABLE orders ADD extra int",
            "ALTER TABLE orders DROP extra",
            &["public.orders: column extra is new"][..],
        ),
        (
            "ALTER TABLE orders ALTER total TYPE numeric(12, 3)",
            "ALTER TABLE orders ALTER total TYPE numeric(9, 2)",
            &["public.orders: column total", "numeric(9,2)", "numeric(12,3)"],
        ),
        (
            "ALTER TABLE items RENAME name TO title",
            "ALTER TABLE items RENAME title TO name",
            &["public.items: column name is not there any more", "public.items: column title is new"],
        ),
        ("CREATE TABLE more (id int)", "DROP TABLE more", &["public.more: is new"]),
        (
            "ALTER TABLE items RENAME TO things",
            "ALTER TABLE things RENAME TO items",
            &["public.items: is not there", "public.things: is new"],
        ),
        (
            "ALTER TABLE items ALTER id DROP DEFAULT, ADD made interval GENERATED ALWAYS AS ('1 day') STORED",
            "ALTER TABLE items DROP made",
            &["public.items: column made is new"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (lake, file) = (dir.path().join(format!("lake{at}")), dir.path().join(format!("plan{at}.json")));
        planned(&url, &lake, &file, &[]).ok();
        server.sql("apply_stale", change);
        let stale = applied(&file).exits(65);
        stale.says(&["the plan is stale", "LX0214", "lakexpress plan"]).says(words);
        assert_nothing_visible(&lake);
        server.sql("apply_stale", undo);
    }
    // The same names in another database are another source.
    let other = server.create_db("apply_other");
    server.sql("apply_other", TABLES);
    let (lake, file) = (dir.path().join("lake"), dir.path().join("plan.json"));
    planned(&url, &lake, &file, &[]).ok();
    let elsewhere = Run::new(["apply", file.to_str().unwrap(), "--source", &other]).output().exits(65);
    elsewhere.says(&["the source: ", "apply_stale before", "apply_other now"]);
    assert_nothing_visible(&lake);
}

#[test]
fn a_moment_in_a_condition_is_no_change() {
    let server = PgServer::shared();
    let url = server.create_db("apply_moment");
    server.sql("apply_moment", TABLES);
    server.sql("apply_moment", "ALTER TABLE orders ADD made timestamptz DEFAULT '2024-01-01 00:00+00'");
    // With `--consistency table` each table is planned again, as of its own snapshot.
    for level in ["run", "table"] {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        let flags = ["-i", "orders", "--where", "orders: made < now()", "--consistency", level];
        let plans = ["first", "second"].map(|name| dir.path().join(name));
        for file in &plans {
            planned(&url, &lake, file, &flags).ok();
        }
        let [first, second] = plans.each_ref().map(|file| json(file)["tables"][0]["pushed"].clone());
        assert_ne!(first, second, "the source is asked with the moment");
        applied(&plans[0]).ok();
        let orders = manifest(&lake.join("public/orders"));
        assert_eq!((&orders["rows"], &orders["snapshot"]["level"]), (&500.into(), &level.into()));
    }
}

/// At level `table` nothing holds a table before its turn.
#[test]
fn a_table_that_changes_before_its_turn_fails_alone() {
    let server = PgServer::shared();
    let db = "apply_turns";
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(3)::text AS nap, 'a@example.org'::text AS email;
         CREATE VIEW steady AS SELECT 1 AS id",
    );
    let dir = tempfile::tempdir().unwrap();
    let (lake, file) = (dir.path().join("lake"), dir.path().join("plan.json"));
    let flags = ["-i", "slow, steady", "--n-jobs", "1", "--consistency", "table"];
    let reading = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'lakexpress' AND state = 'active' AND query LIKE 'COPY%'";
    let while_slow_is_read = |run: Run, columns: &str, words: &[&str]| {
        let running = run.spawn();
        wait_until("the first view is read", || server.query(db, reading) != "0");
        server.sql(db, &format!("CREATE OR REPLACE VIEW steady AS SELECT {columns}"));
        let output = running.finish().exits(1);
        for word in words.iter().chain(&["public.steady  failed: "]) {
            assert!(output.stdout.contains(word), "{word:?}\n{output}");
        }
        assert_eq!(manifest(&lake.join("public/slow"))["rows"], 1);
        assert!(!lake.join("public/steady/_manifest.json").exists(), "{output}");
    };
    planned(&url, &lake, &file, &flags).ok();
    let apply = Run::new(["apply", file.to_str().unwrap()]);
    while_slow_is_read(apply, "1 AS id, 2 AS more", &["the plan is stale", "column more is new", "LX0214"]);
    // What is exported without a plan must not have other masks than the run began with.
    let masks = [&flags[..], &["--mask", "%.email: null"]].concat();
    let export = Run::new(export_args(&url, &lake, &masks));
    let columns = "1 AS id, 2 AS more, 'b@example.org'::text AS email";
    while_slow_is_read(export, columns, &["columns that masks catch have changed", "LX0113"]);
}

#[test]
fn what_is_no_plan_is_refused() {
    let server = PgServer::shared();
    let url = server.create_db("apply_file");
    server.sql("apply_file", "CREATE TABLE t (id int)");
    let dir = tempfile::tempdir().unwrap();
    let (lake, file) = (dir.path().join("lake"), dir.path().join("plan.json"));
    planned(&url, &lake, &file, &[]).ok();
    planned(&url, &lake, &file, &[]).exits(2).says(&["there already", "--out"]);
    let text = std::fs::read_to_string(&file).unwrap();
    let without =
        Run::new(["plan", "--source", &url, "--out", dir.path().join("x.json").to_str().unwrap()]).output();
    without.exits(2).says(&["--out needs a destination"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    applied(&file).exits(78).says(&["other users can write the plan", "LX0213"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (content, words) in [
        ("not JSON", "not JSON"),
        ("{}", "another document"),
        ("{\"lakexpress_plan\": 7}", "another version"),
        ("{\"lakexpress_plan\": 1}", "lacks something"),
        (&text[..text.len() / 2], "not JSON"),
    ] {
        std::fs::write(&file, content).unwrap();
        applied(&file).exits(65).says(&[words, "LX0213"]);
    }
    applied(&dir.path().join("none.json")).exits(78).says(&["cannot be read"]);
    assert_nothing_visible(&lake);
}
