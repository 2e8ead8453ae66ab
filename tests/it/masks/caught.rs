//! Which columns masks catch, and what is said of masks that catch none. The source is SQLite, which needs no server.

use std::fs;

use crate::lake::{Run, manifest};
use crate::sqlite::Database;

const PEOPLE: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT);
    INSERT INTO people VALUES (1, 'a@example.org'), (2, 'b@example.org');";

#[test]
fn a_mask_that_catches_nothing_is_refused_although_a_table_fails() {
    let database = Database::new(&format!(
        "{PEOPLE} CREATE TABLE gone (a INT); CREATE VIEW broken AS SELECT a, 'x' AS email FROM gone; DROP TABLE gone;"
    ));
    let (misspelt, words) =
        (["--views", "--mask", "people.emial: null"], ["'people.emial: null' catches no column"]);
    database.export(&misspelt).exits(2).says(&words);
    Run::new(["plan", "--source", &database.url()]).args(misspelt).output().exits(2).says(&words);
    assert!(!database.out("people").exists());
    // The columns of a table that fails are not known: a mask of them may be right.
    let failed = database.export(&["--views", "--mask", "broken.email: null"]).exits(1);
    let failed = failed.never_says(&["catches no column of any table"]);
    let failed = failed.says(&["'broken.email: null' catches no column of the tables that can be exported"]);
    assert!(failed.stdout.contains("main.broken  failed: "), "{failed}");
    assert_eq!(database.duck("people", "SELECT count(email) FROM t"), "2");
}

#[test]
fn columns_are_caught_in_any_case_of_letters() {
    let database = Database::new(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, Email TEXT, PHONE TEXT, \"Ärztin\" TEXT, note TEXT);
         INSERT INTO customers VALUES (1, 'a@example.org', '030 1', 'Dr. A', 'kept'), (2, NULL, '030 2', 'Dr. B', 'kept');",
    );
    let masks = [
        "--mask",
        "customers.email: null",
        "--mask",
        "customers.ph%: drop",
        "--mask",
        "customers.ärztin: truncate(2)",
    ];
    database.export(&masks).ok();
    assert_eq!(database.duck("customers", "SELECT * FROM t ORDER BY id"), "1||Dr|kept\n2||Dr|kept");
    let manifest = manifest(&database.out("customers"));
    let names = |list: &str, key: &str| -> Vec<String> {
        let items = manifest[list].as_array().unwrap().iter();
        items.map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("columns", "name"), ["id", "Email", "Ärztin", "note"]);
    assert_eq!(names("masks", "column"), ["Email", "PHONE", "Ärztin"]);
    for (mask, words) in [
        ("customers.EMAIL: drop", ["two --mask disagree", "column: Email"]),
        ("customers.ID: drop", ["primary key", "column: id"]),
    ] {
        database.export(&["--mask", "customers.email: null", "--mask", mask]).exits(2).says(&words);
    }
}

#[test]
fn an_empty_variable_or_list_takes_no_mask_of_a_file_away() {
    let database = Database::new(PEOPLE);
    let home = tempfile::tempdir().unwrap();
    let lake = home.path().join("lake");
    let write = |mask: &str| {
        let text = format!("source = '{}'\noutput-dir = 'lake'\nmask = {mask}\n", database.url());
        fs::write(home.path().join("job.toml"), text).unwrap();
    };
    let export = || Run::new(["export", "-c", "job.toml"]).current_dir(home.path());
    let masked = "['people.email: null']";
    write(masked);
    for nothing in ["", " ", ","] {
        let words = ["LAKEXPRESS_MASK is empty", "unset it"];
        export().env("LAKEXPRESS_MASK", nothing).output().exits(2).says(&words);
    }
    for (mask, words) in [
        ("[]", "job.toml:3:8: mask: the list is empty"),
        ("''", "job.toml:3:8: mask: it is empty"),
        ("['people.email: null', ' ']", "mask[1]: it is empty"),
    ] {
        write(mask);
        export().output().exits(78).says(&[words, "without it more would be exported"]);
    }
    assert!(!lake.exists());
    write(masked);
    export().output().ok();
    let emails = format!("SELECT count(*), count(email) FROM '{}/main/people/*.parquet'", lake.display());
    assert_eq!(crate::lake::duck(&emails), "2|0");
}
