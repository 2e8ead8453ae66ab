//! `--mask`: what leaves the database is what was asked for, in every file, manifest and record.

mod caught;

use std::path::Path;

use crate::lake::{Output, Run, assert_nothing_visible, duck, export, export_args, manifest};
use crate::resume::Scene;
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
        (
            &["--mask", "people.email: null", "--partition-by", "people: upper(\"email\") AS loud"],
            &["--partition-by", "column: email"],
        ),
        (
            &[
                "--mask",
                "people.email: null",
                "--source-columns",
                "people: id, email",
                "--table-config",
                "people:RangeId:id:2",
            ],
            &["a mask and --source-columns", "cut by values", "public.people", "'table:None::1'"],
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
    let without = |more: &[&str]| {
        export(&url, &lake, &[&["-i", "people", "--mask", "people.email: null"], more].concat()).ok();
        let people = format!("read_parquet('{}/public/people/**/*.parquet')", lake.display());
        assert_eq!(duck(&format!("SELECT count(*), count(email) FROM {people}")), "300|0", "{more:?}");
    };
    without(&["--verify", "count"]);
    // A text that is spelt like the column is not the column.
    without(&["--partition-by", "people: CASE WHEN id > 100 THEN 'email' ELSE 'phone' END AS kind"]);
    // Places of storage are no values.
    without(&["--source-columns", "people: id, email", "--table-config", "people:Ctid::2"]);
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
    // A mask of a table that is finished catches no column of those that are left.
    let scene = Scene::new(url);
    let masks = ["--mask", "contacts.email: hmac", "--mask", "broken.email: hmac", "--mask-key-file", &key];
    scene.export(&[&["-i", "contacts, broken"], &masks[..]].concat()).output().exits(1);
    let finished = manifest(&scene.table("contacts"));
    assert!(!scene.table("broken").join("_manifest.json").exists());
    let run_id = scene.run_id();
    let resume = |more: &[&str]| scene.run(&[&["resume", run_id.as_str()], more].concat()).output();
    let view = |columns: &str| {
        let sql = format!("DROP VIEW broken; CREATE VIEW broken AS SELECT {columns} FROM people");
        server.sql("masks_again", &sql);
    };
    view("id AS x, 'x' AS mail");
    resume(&["--mask-key-file", &key]).exits(2).says(&["'broken.email: hmac' catches no column"]);
    view("id AS x, 'x' AS email");
    resume(&[]).exits(2).says(&["hmac needs a key", "public.broken"]);
    resume(&["--mask-key-file", other.to_str().unwrap()]).exits(2).says(&["--mask-key-file (the run had"]);
    resume(&["--mask-key-file", &key]).ok();
    assert_eq!(manifest(&scene.table("contacts")), finished, "it is not read again");
    let hashes = duck(&format!("SELECT DISTINCT email FROM '{}/*.parquet'", scene.table("broken").display()));
    assert_eq!(hashes.lines().collect::<Vec<_>>(), by_python(&["x"]));
}

#[test]
fn the_first_day_of_a_year_far_away_is_the_servers() {
    let server = PgServer::shared();
    let url = server.create_db("masks_years");
    server.sql(
        "masks_years",
        "CREATE TABLE days (id int PRIMARY KEY, born date, seen timestamp);
         INSERT INTO days VALUES (1, '9999-12-31', '9999-12-31 23:59:59.999999'), (2, '1500-06-15', '1500-02-28 12:00'),
             (3, '0044-03-15 BC', '0044-03-15 13:14:15 BC'), (4, '0001-12-31 BC', '0001-01-01 00:00:00.000001 BC'),
             (5, '4713-01-31 BC', '4713-06-24 BC'), (6, '200000-06-01', '200000-06-01'),
             (7, '1969-12-31', '1969-12-31 23:59:59.999999'), (8, NULL, NULL)",
    );
    for unit in ["year", "month"] {
        let dir = tempfile::tempdir().unwrap();
        let masks = ["born", "seen"].map(|column| format!("days.{column}: truncate({unit})"));
        export(&url, dir.path(), &["--mask", &masks[0], "--mask", &masks[1]]).ok();
        let ours = duck(&format!(
            "SELECT id, born - DATE '1970-01-01', epoch_us(seen) FROM '{}/public/days/*.parquet' ORDER BY id",
            dir.path().display()
        ));
        let theirs = format!(
            "SELECT id, date_trunc('{unit}', born::timestamp)::date - date '1970-01-01',
                 (extract(epoch FROM date_trunc('{unit}', seen)) * 1000000)::bigint FROM days ORDER BY id"
        );
        assert_eq!(ours, server.query("masks_years", &theirs), "{unit}");
    }
}
