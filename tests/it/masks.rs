//! `--mask`: what leaves the database is what was asked for, in every file, manifest and record.

use std::path::Path;

use crate::lake::{Output, Run, assert_nothing_visible, duck, export, export_args, manifest};
use crate::server::PgServer;

const KEY: &str = "an example key of masks, 32 bytes";
const PEOPLE: &str = "
    CREATE TABLE people (id int PRIMARY KEY, email text, phone varchar(20), born date, salary numeric(9, 2), note text,
        u uuid, seen timestamp, raw bytea);
    INSERT INTO people SELECT g, CASE WHEN g % 10 > 0 THEN 'Person' || g || '@example.org' END, '+49 30 ' || 100000 + g,
        date '1950-01-15' + g * 40, g * 100.5, 'ä€ secret ' || g, md5(g::text)::uuid, timestamp '2024-05-06 07:08:09' + g * interval '1 hour',
        decode(md5(g::text), 'hex') FROM generate_series(1, 300) g;
    CREATE TABLE contacts (contact int PRIMARY KEY, email varchar(60), person int);
    INSERT INTO contacts SELECT g, 'Person' || g || '@example.org', g FROM generate_series(1, 40) g";

fn key_file(dir: &Path) -> String {
    let file = dir.join("key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

/// What Python's own HMAC makes of texts.
fn by_python(texts: &[&str]) -> Vec<String> {
    let script = "import hashlib, hmac, sys\nfor text in sys.argv[2:]: print(hmac.new(sys.argv[1].encode(), text.encode(), hashlib.sha256).hexdigest())";
    let output = std::process::Command::new(crate::lake::python())
        .args(["-c", script, KEY])
        .args(texts)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn values_are_changed_in_every_file_and_nothing_else_is() {
    let server = PgServer::shared();
    let url = server.create_db("masks");
    server.sql("masks", PEOPLE);
    let dir = tempfile::tempdir().unwrap();
    let (lake, plain, key) = (dir.path().join("lake"), dir.path().join("plain"), key_file(dir.path()));
    let masks = [
        "%.email: hmac",
        "people.phone: partial(3, 2)",
        "people.born: truncate(year)",
        "people.salary: constant(0)",
        "people.note: truncate(4)",
        "people.u: hmac(16)",
        "people.seen: truncate(month)",
        "people.raw: drop",
    ];
    let flags: Vec<&str> =
        masks.iter().flat_map(|mask| ["--mask", mask]).chain(["--mask-key-file", &key]).collect();
    export(&url, &plain, &[]).ok();
    // The filter sees the values as they are.
    let more = [
        "--where",
        "people: email IS NULL OR email LIKE 'Person%@example.org'",
        "--columns",
        "people: id, email, upper(email) AS loud, phone, born, salary, note, u, seen",
    ];
    export(&url, &lake, &[&flags[..], &more].concat()).ok();
    let [masked, before] = [&lake, &plain].map(|dir| format!("'{}/public/people/*.parquet'", dir.display()));
    let rows = duck(&format!(
        "SELECT count(*), count(m.email), count(*) FILTER (m.phone = left(p.phone, 3) || repeat('*', length(p.phone) - 5) || right(p.phone, 2)),
            count(*) FILTER (m.born = date_trunc('year', p.born)), count(*) FILTER (m.salary = 0), count(*) FILTER (m.note = 'ä€ s'),
            count(*) FILTER (m.seen = date_trunc('month', p.seen)), count(DISTINCT m.u), max(length(m.u)), count(*) FILTER (m.loud = upper(m.email))
         FROM {masked} m JOIN {before} p USING (id)"
    ));
    assert_eq!(rows.trim(), "300|270|300|300|300|300|300|300|16|270");
    let hashes = duck(&format!("SELECT email FROM {masked} WHERE id IN (1, 2) ORDER BY id"));
    assert_eq!(
        hashes.split_whitespace().collect::<Vec<_>>(),
        by_python(&["Person1@example.org", "Person2@example.org"])
    );
    // The same key gives the same hash in another table.
    let joined = duck(&format!(
        "SELECT count(*) FROM {masked} JOIN '{}/public/contacts/*.parquet' USING (email)",
        lake.display()
    ));
    assert_eq!(joined.trim(), "36");
    let people = manifest(&lake.join("public/people"));
    assert_eq!(people["masks"][0], serde_json::json!({"column": "email", "mask": "hmac"}));
    let email =
        people["columns"].as_array().unwrap().iter().find(|column| column["name"] == "email").unwrap();
    assert!(email["source_type"].is_null() && email["verdict"].is_null(), "{email}");
    assert_eq!(people["masks"].as_array().unwrap().len(), 8);
    Run::new(["verify", "--read-data"]).args([lake.join("public/people")]).output().ok();
    // No file that is left has the key or a value that was hashed.
    for word in [KEY, "Person7@example.org"] {
        let found = std::process::Command::new("grep").args(["-rlaF", word]).arg(&lake).output().unwrap();
        assert!(found.stdout.is_empty(), "{word}: {}", String::from_utf8_lossy(&found.stdout));
    }
    let sorted = ["-i", "people", "--sort-by", "people: born", "--large-table-threshold", "1", "-p", "2"];
    export(
        &url,
        &dir.path().join("sorted"),
        &[&flags[..4], &sorted, &["--mask", "people.born: truncate(year)", "--mask-key-file", &key]].concat(),
    )
    .ok();
    let plan = Run::new(["plan"]).args(&export_args(&url, &lake, &flags)[1..]).output().ok().stdout;
    for line in ["mask       email: hmac", "mask       phone: partial(3, 2)", "mask       raw: drop"] {
        assert!(plan.contains(line), "{plan}");
    }
}

#[test]
fn masks_that_would_not_hold_are_refused() {
    let server = PgServer::shared();
    let url = server.create_db("masks_refused");
    server.sql("masks_refused", PEOPLE);
    let dir = tempfile::tempdir().unwrap();
    let (lake, key) = (dir.path().join("lake"), key_file(dir.path()));
    let short = dir.path().join("short");
    std::fs::write(&short, "fifteen bytes..").unwrap();
    let refused = |flags: &[&str], code: i32, words: &[&str]| -> Output {
        let output = export(&url, &lake, flags).exits(code);
        assert_nothing_visible(&lake);
        output.says(words)
    };
    for (flags, words) in [
        (&["--mask", "people.emial: hmac"][..], &["catches no column", "inspect"][..]),
        (&["--mask", "people.email: sha1"], &["'sha1' is no mask", "hmac", "partial(FIRST, LAST)"]),
        (&["--mask", "people.email: hmac"], &["hmac needs a key", "--mask-key-file", "public.people"]),
        (&["--mask", "people.id: null"], &["primary key", "column: id"]),
        (&["--mask", "people.salary: partial(1, 1)"], &["cannot change values of Decimal128(9, 2)", "texts"]),
        (&["--mask", "people.salary: constant(much)"], &["no value of Decimal128(9, 2)"]),
        (&["--mask", "people.seen: hmac", "--mask-key-file", &key], &["cannot change values of Timestamp"]),
        (
            &["--mask", "people.phone: null", "--mask", "peo%.ph%: drop"],
            &["two --mask disagree", "null and drop", "column: phone"],
        ),
        (
            &["--mask", "people.born: truncate(year)", "--partition-by", "people: year(born) AS y"],
            &["--partition-by", "column: born"],
        ),
        (
            &[
                "--mask",
                "people.born: truncate(year)",
                "--table-config",
                "people:RangeId:born:2",
                "-i",
                "people",
            ],
            &["by whose values the table is cut", "column: born"],
        ),
        (&["--mask", "email"], &["no colon", "--mask 'table.column: hmac'"]),
    ] {
        refused(flags, 2, words);
    }
    let file = short.to_str().unwrap();
    refused(
        &["--mask", "people.email: hmac", "--mask-key-file", file],
        78,
        &["15 bytes", "at least 16", "openssl rand"],
    );
    let hashed =
        export(&url, &lake, &["-i", "people", "--mask", "people.email: null", "--verify", "hash"]).exits(65);
    assert!(hashed.stdout.contains("a mask changes"), "{hashed}");
    export(&url, &lake, &["-i", "people", "--mask", "people.email: null", "--verify", "count"]).ok();
}

#[test]
fn a_run_is_resumed_and_a_plan_applied_with_the_key_that_they_began_with() {
    let server = PgServer::shared();
    let url = server.create_db("masks_again");
    server.sql("masks_again", PEOPLE);
    server.sql("masks_again", "CREATE VIEW broken AS SELECT 1 / (id - 1) AS x, 'x' AS email FROM people");
    let dir = tempfile::tempdir().unwrap();
    let (lake, key) = (dir.path().join("lake"), key_file(dir.path()));
    let other = dir.path().join("other");
    std::fs::write(&other, "another key that is long enough").unwrap();
    let flags = ["--mask", "%.email: hmac", "--mask-key-file", &key];
    let plan = dir.path().join("plan.json");
    let out = ["-i", "people", "--out", plan.to_str().unwrap()];
    Run::new(["plan"]).args(&export_args(&url, &lake, &[&flags[..], &out].concat())[1..]).output().ok();
    assert!(!std::fs::read_to_string(&plan).unwrap().contains(KEY));
    let apply = |more: &[&str]| Run::new([&["apply", plan.to_str().unwrap()], more].concat()).output();
    apply(&[]).exits(2).says(&["hmac needs a key"]);
    apply(&["--mask-key-file", other.to_str().unwrap()]).exits(2).says(&["not that of the plan"]);
    assert_nothing_visible(&lake);
    apply(&["--mask-key-file", &key]).ok();
}
