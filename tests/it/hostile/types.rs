//! S4: types that a database user made to end the export of the whole database.

use std::path::Path;
use std::time::{Duration, Instant};

use super::stopped;
use crate::lake::{Output, Run, assert_same, assert_same_values, duck, export_args};
use crate::server::PgServer;

/// What `--memory-limit` is when nobody says anything, in MiB: what ends a table by its types needs far less.
const LIMIT: u64 = 1024;

/// A database with a table that must be exported in any case.
fn database(name: &str, attack: &str) -> String {
    let server = PgServer::shared();
    let url = server.create_db(name);
    server.sql(name, "CREATE TABLE good (id integer PRIMARY KEY, t text); INSERT INTO good VALUES (1, 'x')");
    server.sql(name, attack);
    url
}

/// Exports, and says how much memory that took at most, in MiB.
fn exported(url: &str, dir: &Path, extra: &[&str]) -> (Output, u64) {
    Run::new(export_args(url, dir, extra)).spawn().finish_measured()
}

/// `n0` is a row of one number, and each other type a row of the one before.
fn nested(levels: usize) -> String {
    let made = |level| match level {
        0 => "CREATE TYPE n0 AS (v integer);".to_owned(),
        level => format!("CREATE TYPE n{level} AS (v n{});", level - 1),
    };
    (0..levels).map(made).collect()
}

/// A type of `count` fields of another type.
fn wide(name: &str, count: usize, of: &str) -> String {
    let fields: Vec<String> = (0..count).map(|at| format!("f{at} {of}")).collect();
    format!("CREATE TYPE {name} AS ({});", fields.join(", "))
}

/// The table `bad` fails alone, soon and in little memory; its error says what is wrong and what helps, which it does.
#[track_caller]
fn fails_alone(name: &str, attack: &str, words: &[&str]) {
    let url = database(name, attack);
    let out = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let (output, peak) = exported(&url, out.path(), &["--error-action", "continue"]);
    let took = begun.elapsed();
    let output = output.exits(1);
    for word in words.iter().chain(&["public.bad"]) {
        assert!(output.stdout.contains(word), "{name}: no word of {word:?}\n{output}");
    }
    assert!(peak < LIMIT / 2, "{name}: {peak} MiB\n{output}");
    assert!(took < Duration::from_secs(30), "{name}: {took:?}");
    assert_same(&url, "public.good", &out.path().join("public/good"));
    assert!(!out.path().join("public/bad/_manifest.json").exists(), "{name}");
    // The rest of the program fares no worse.
    for command in ["inspect", "plan"] {
        Run::new([command, "--source", &url]).output().no_panic().exits(1);
    }
}

#[test]
fn s4_composite_types_in_composite_types_end_their_own_table_only() {
    // Several statements, as one message of them all takes the server long.
    fails_alone(
        "s4_deep",
        &format!("{} CREATE TABLE bad (id integer, v n5999);", nested(6000)),
        &["24 levels", "column v", "--cast 'public.bad.v: text'"],
    );
    stopped("6,000 nested composite types", 1);
}

#[test]
fn s4_fields_of_fields_of_fields_end_their_own_table_only() {
    let types = [wide("w1", 200, "integer"), wide("w2", 200, "w1"), wide("w3", 20, "w2")].concat();
    for (name, attack) in [
        ("s4_wide", "CREATE TABLE bad (id integer, v w3);"),
        ("s4_wide_array", "CREATE TABLE bad (id integer, v w3[]);"),
        ("s4_wide_domain", "CREATE DOMAIN d AS w3[]; CREATE TABLE bad (id integer, v d);"),
        // No column has too many, and all together do.
        (
            "s4_wide_sum",
            "CREATE TYPE half AS (a w1, b w1, c w1); CREATE TABLE bad (id integer, a half, b half, c half, d half, e half, f half, g half, h half, i half, j half, k half, l half, m half, n half, o half, p half, v half);",
        ),
    ] {
        let column = if name == "s4_wide_sum" { "10000 columns" } else { "column v" };
        fails_alone(name, &format!("{types} {attack}"), &["10000 columns", column, "--cast 'public.bad."]);
    }
    stopped("types of more fields than a table may have", 4);
}

/// Types with one path that is short and another that is too long.
#[test]
fn s4_the_longest_way_through_the_types_counts() {
    let attack = "CREATE TYPE short AS (a n23, b n0); CREATE TABLE bad (id integer, v short);";
    fails_alone("s4_ways", &format!("{} {attack}", nested(24)), &["24 levels", "column v"]);
    // Each level holds the two before it: as many leaves as the Fibonacci numbers say.
    let mut types = "CREATE TYPE b0 AS (v integer); CREATE TYPE b1 AS (v b0);".to_owned();
    for level in 2..23 {
        types += &format!("CREATE TYPE b{level} AS (a b{}, b b{});", level - 1, level - 2);
    }
    let attack = format!("{types} CREATE TABLE bad (id integer, v b22);");
    fails_alone("s4_doubling", &attack, &["10000 columns", "column v"]);
    stopped("types that are found on several ways", 2);
}

/// What stays below the bounds is exported, and so is a column beyond them with the flag that the error names.
#[test]
fn s4_the_bounds_refuse_no_more_than_needed() {
    let server = PgServer::shared();
    let name = "s4_allowed";
    let many: Vec<String> = (0..1598).map(|at| format!("c{at} integer")).collect();
    // Lists of two dimensions at each level: what is deepest for whatever recurses over the schema.
    let lists: String = (1..8).map(|at| format!("CREATE TYPE l{at} AS (v l{}[][]);", at - 1)).collect();
    let domains: String = (1..200).map(|at| format!("CREATE DOMAIN d{at} AS d{};", at - 1)).collect();
    let sql = format!(
        "{} {} {} {} CREATE DOMAIN d0 AS integer; {domains} CREATE TYPE l0 AS (v integer[][]); {lists}
         CREATE TYPE gone AS (a integer, b n0, c integer); ALTER TYPE gone DROP ATTRIBUTE b;
         CREATE TYPE hollow AS ();
         CREATE TABLE deepest (id integer, v l7);
         CREATE TABLE deeper (id integer, v n23);
         CREATE TABLE widest (id integer, v w50);
         CREATE TABLE columns (id integer, {});
         CREATE TABLE odd (id integer, d d199, g gone, n hollow, r int4range, m int4multirange[], z integer);
         ALTER TABLE odd DROP COLUMN z;
         CREATE TABLE bad (id integer, v n24, w w51, x n40);
         INSERT INTO columns (id, c0, c1597) VALUES (1, 2, 3);
         INSERT INTO odd VALUES (1, 7, ROW(1, 2), ROW(), '[1,3)', '{{\"{{[1,2),[5,7)}}\"}}');
         INSERT INTO bad (id) VALUES (1);
         INSERT INTO bad SELECT 2, {}5{}::n24;
         INSERT INTO deeper VALUES (1, {}5{}::n23);
         INSERT INTO deepest VALUES (1, {});
         INSERT INTO widest SELECT 1, ROW({})::w50;",
        nested(41),
        wide("w1", 199, "integer"),
        wide("w50", 50, "w1"),
        wide("w51", 51, "w1"),
        many.join(", "),
        "ROW(".repeat(25),
        ")".repeat(25),
        "ROW(".repeat(24),
        ")".repeat(24),
        (1..8).fold("ROW(ARRAY[ARRAY[5, 6]])::l0".to_owned(), |value, level| format!(
            "ROW(ARRAY[ARRAY[{value}]])::l{level}"
        )),
        vec![format!("ROW({})::w1", vec!["7"; 199].join(",")); 50].join(", "),
    );
    let url = database(name, &sql);
    let out = tempfile::tempdir().unwrap();
    let casts = [
        "--cast",
        "public.bad.v: text",
        "--cast",
        "bad.w: text",
        "--cast",
        "bad.x: text",
        "--columns",
        "bad: id, v, w",
    ];
    let (output, peak) = exported(&url, out.path(), &casts);
    output.ok();
    println!("1,600 columns, 24 levels, 9,950 fields: {peak} MiB");
    assert!(peak < 2 * LIMIT, "{peak} MiB");
    assert_same_values(&url, "public.odd", &out.path().join("public/odd"), &[]);
    let parquet = |table: &str| format!("'{}/public/{table}/*.parquet'", out.path().display());
    let sum = format!("SELECT id, c0 + c1597, c1 FROM {}", parquet("columns"));
    assert_eq!(duck(&sum).trim(), "1|5|");
    let bad = duck(&format!("SELECT id, v FROM {} ORDER BY id", parquet("bad")));
    assert_eq!(
        bad.lines().nth(1),
        Some(format!("2|{}", server.query(name, "SELECT v FROM bad WHERE id = 2")).as_str())
    );
    let deepest = duck(&format!(
        "SELECT v{}[1][1].v[1][2] FROM {}",
        ".v[1][1]".repeat(7).trim_end_matches("[1][1]"),
        parquet("deepest")
    ));
    assert_eq!(deepest, "6");
    Run::new(["verify", "--read-data", &out.path().display().to_string()]).output().ok();
    let deeper = duck(&format!("SELECT v{} FROM {}", ".v".repeat(24), parquet("deeper")));
    assert_eq!(deeper, "5");
    let widest = duck(&format!("SELECT v.f49.f198 FROM {}", parquet("widest")));
    assert_eq!(widest, "7");
}
