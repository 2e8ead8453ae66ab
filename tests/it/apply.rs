//! `plan --out FILE` and `apply FILE`: what was reviewed is what runs, or nothing does.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::lake::{Output, Run, assert_nothing_visible, assert_same_values, export_args, manifest};
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
