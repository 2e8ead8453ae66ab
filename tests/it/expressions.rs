//! The same expressions evaluated by PostgreSQL and by us, pushed to the server and not.
//!
//! Each condition gets a table of its own (a copy of `base`), so that one export tests them all. It is
//! tried twice: as it is, and wrapped in `(...) IS TRUE`, which is never pushed.

mod answers;
mod compare;
mod constructs;
mod corpus;
mod exported;
mod findings;
mod forms;
mod generate;
mod meaning;
mod ours;
mod precedence;
mod relations;

pub(crate) use ours::spec;

use std::fmt::Write as _;
use std::path::Path;

use crate::lake::{Run, export, script};
use crate::server::PgServer;

/// Conditions over `base`.
pub(crate) const CONDITIONS: &[&str] = &[
    "i = 1",
    "i <> 1",
    "i < 0",
    "i <= 0",
    "i > 2147483646",
    "i >= -2147483648",
    "1 < i",
    "0 >= i",
    "s = 7",
    "s > -32768",
    "s + 1 > 0",
    "b = 9223372036854775807",
    "b < -9223372036854775807",
    "b > 100000000000",
    "b % 3 = 1",
    "b % 2 = 0 AND i IS NOT NULL",
    "i BETWEEN 1 AND 10",
    "i NOT BETWEEN 1 AND 10",
    "i IN (1, 2, 3)",
    "i NOT IN (1, 2, 3)",
    "i IN (1, NULL)",
    "i NOT IN (1, NULL)",
    "i IS NULL",
    "i IS NOT NULL",
    "NOT (i > 5)",
    "NOT (i IS NULL)",
    "i > 5 OR i IS NULL",
    "i > 5 AND b < 5",
    "(i > 5 OR b < 5) AND NOT (t = 'abc')",
    "(i > 0 AND t < 'b') OR (b > 5 AND t > 'a')",
    "(i > 0 AND (t < 'b' OR flag)) OR (b < 5 AND t IS NOT NULL AND f > 1.5)",
    "i = b",
    "i < b",
    "CAST(i AS bigint) + s = 8",
    "CAST(i AS bigint) * 2 > 100",
    "-i > 0",
    "abs(s) > 100",
    "flag",
    "NOT flag",
    "flag = true",
    "flag <> true",
    "flag IS NULL",
    "flag AND i > 0",
    "flag OR i > 0",
    "flag IS TRUE",
    "flag IS NOT TRUE",
    "flag IS FALSE",
    "flag IS DISTINCT FROM true",
    "i IS DISTINCT FROM 1",
    "i IS NOT DISTINCT FROM NULL",
    "t = 'abc'",
    "t <> 'abc'",
    "t = ''",
    "t = 'ABC'",
    "t = 'abc '",
    "t = 'it''s'",
    "t = 'back\\slash'",
    "t = 'Größe'",
    "t IN ('abc', 'Größe', '')",
    "t NOT IN ('abc', 'Größe')",
    "t IS NULL",
    "t IS NOT NULL AND t <> ''",
    "t LIKE 'a%'",
    "t LIKE '%c'",
    "t LIKE '_b_'",
    "t NOT LIKE 'a%'",
    "t ILIKE 'A%'",
    "t LIKE '%''%'",
    "t ~ '^a.c$'",
    "upper(t) = 'ABC'",
    "lower(t) = 'abc'",
    "length(t) = 3",
    "length(t) > 3",
    "char_length(t) = 5",
    "substr(t, 1, 2) = 'ab'",
    "left(t, 1) = 'a'",
    "right(t, 1) = 'c'",
    "t || 'x' = 'abcx'",
    "coalesce(t, 'none') = 'none'",
    "nullif(t, 'abc') IS NULL",
    "replace(t, 'a', 'b') = 'bbc'",
    "strpos(t, 'b') = 2",
    "reverse(t) = 'cba'",
    "starts_with(t, 'ab')",
    "trim(t) = 'abc'",
    "c = 'xy'",
    "c <> 'xy'",
    "c IN ('xy', 'z')",
    "length(c) = 2",
    "v = 'abc'",
    "n = 12.34",
    "n > 0",
    "n < -0.01",
    "n = 0",
    "n + 1 > 13",
    "n * 2 = 24.68",
    "n BETWEEN 0.00 AND 99.99",
    "n IN (12.34, 0.00)",
    "d = DATE '2024-02-29'",
    "d < DATE '2000-01-01'",
    "d >= DATE '1999-12-31'",
    "d BETWEEN DATE '1970-01-01' AND DATE '2024-12-31'",
    "d IN (DATE '2024-02-29', DATE '1970-01-01')",
    "d IS NULL",
    "extract(year FROM d) = 2024",
    "extract(month FROM d) = 2",
    "ts > TIMESTAMP '2024-01-01 00:00:00'",
    "ts = TIMESTAMP '2024-02-29 12:34:56.789012'",
    "ts < TIMESTAMP '1970-01-01 00:00:00'",
    "ts BETWEEN TIMESTAMP '2000-01-01 00:00:00' AND TIMESTAMP '2030-01-01 00:00:00'",
    "ts BETWEEN TIMESTAMP '2000-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59'",
    "tz < TIMESTAMPTZ '2300-01-01 00:00:00+00'",
    "ts IN (TIMESTAMP '9999-12-31 23:59:59.999999')",
    "d > TIMESTAMP '2024-01-01 00:00:00'",
    "ts = d",
    "CAST(d AS timestamp) = ts",
    "d > now() - interval '10 years'",
    "extract(hour FROM ts) = 12",
    "tz >= TIMESTAMPTZ '2024-02-29 12:34:56.789012+00'",
    "tz < TIMESTAMPTZ '2024-02-29 12:34:56.789012+02'",
    "f > 1.5",
    "f < 0",
    "f = 2.5",
    "f = 0.1",
    "f IN (0.1, 2.5)",
    "f BETWEEN -0.5 AND 99.5",
    "f + 0.5 > 2",
    "f > n",
    "f IS NULL",
    "CASE WHEN i > 0 THEN t = 'abc' ELSE flag END",
    "i = CAST('1' AS integer)",
    "\"Mixed Case\" = 5",
    "\"Mixed Case\" IS NULL",
    "id = 3 OR id = 5 OR id = 7",
    "true",
    "false",
    "1 = 1 AND i > 0",
];

/// Column expressions over `base`.
const COLUMNS: &[&str] = &[
    "i",
    "i + 0",
    "s * 2",
    "b - 1 + 1",
    "i % 7",
    "b / 3",
    "abs(s)",
    "-s",
    "i > 0",
    "flag AND i > 0",
    "NOT flag",
    "coalesce(i, 0)",
    "nullif(i, 1)",
    "CASE WHEN i > 0 THEN 'positive' WHEN i < 0 THEN 'negative' ELSE 'other' END",
    "greatest(i, s)",
    "least(i, s)",
    "t",
    "t || '-' || coalesce(v, '')",
    "upper(c)",
    "lower(t)",
    "length(t)",
    "substr(t, 2, 2)",
    "left(t, 2)",
    "right(t, 2)",
    "trim(t)",
    "ltrim(t)",
    "rtrim(t)",
    "replace(t, 'b', 'BB')",
    "reverse(t)",
    "lpad(t, 6, '*')",
    "rpad(t, 6, '*')",
    "repeat(t, 2)",
    "strpos(t, 'c')",
    "split_part(t, 'b', 1)",
    "t LIKE 'a%'",
    "t IS NULL",
    "c",
    "length(c)",
    "n",
    "n + 1",
    "n - 0.01",
    "n * 2",
    "-n",
    "n > 0",
    "d",
    "d = DATE '2024-02-29'",
    "extract(year FROM d)",
    "extract(day FROM d)",
    "ts",
    "date_trunc('hour', ts)",
    "extract(minute FROM ts)",
    "f",
    "f * 2",
    "CASE WHEN i > 0 THEN f ELSE 0.0 END",
    "CASE WHEN i > 0 THEN 0.5 ELSE f END",
    "CASE f WHEN 0.1 THEN 'tenth' WHEN 2.5 THEN 'more' END",
    "coalesce(f, 0.0)",
    "nullif(f, 0.0)",
    "greatest(f, 0.0)",
    "f IN (0.1, 2.5)",
    "n IN (0.01, 12.34)",
    "coalesce(ts, d)",
    "CASE WHEN flag THEN ts ELSE d END",
    "CAST(i AS bigint)",
    "CAST(s AS integer)",
    "CAST(i AS varchar)",
    "CAST(n AS varchar)",
    "i::bigint + b % 10",
    "\"Mixed Case\" + 1",
];

pub(crate) const BASE: &str = r#"
CREATE TABLE base (
  id integer PRIMARY KEY, i integer, s smallint, b bigint, flag boolean, t text, v varchar(20), c char(4),
  n numeric(12,2), d date, ts timestamp, tz timestamptz, f double precision, "Mixed Case" integer
);
INSERT INTO base VALUES
 (1, 1, 7, 1, true, 'abc', 'abc', 'xy', 12.34, '2024-02-29', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+00', 2.5, 5),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (3, 2147483647, 32767, 9223372036854775807, false, '', '', '', 9999999999.99, '9999-12-31', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59+00', 1.7e308, 2147483646),
 (4, -2147483647, -32767, -9223372036854775807, true, 'ABC', 'ABC', 'XY', -9999999999.99, '0001-01-01', '0001-01-01 00:00:00', '0001-01-02 00:00:00+00', -1.7e308, 0),
 (5, 0, 0, 0, false, 'it''s', ' lead', 'z', 0.00, '1970-01-01', '1970-01-01 00:00:00', '1970-01-01 00:00:00+00', 0, -1),
 (6, 5, 3, 100000000001, NULL, E'back\\slash', 'trail ', 'xy z', -0.01, '1999-12-31', '1969-12-31 23:59:59.999999', '2024-02-29 10:34:56+00', -0.5, 7),
 (7, 10, -7, 7, true, 'Größe', 'ÄÖÜ', 'é', 0.01, '2000-01-01', '2000-01-01 00:00:00', '2024-02-29 12:34:56.789013+00', 1.5, 8),
 (8, 2, 1, 2, false, 'abc ', 'x', 'xyzw', 12.35, '2024-03-01', '2024-03-01 00:00:00', '2030-01-01 00:00:00+00', 3.25, 9),
 (9, -5, 100, 3, true, 'aXc', '%', 'a_', 99.99, '2038-01-19', '2038-01-19 03:14:07', '2038-01-19 03:14:07+00', 1e-20, 10),
 (10, 7, 8, 4, NULL, 'abcabc', '_', 'b', 1.00, '1582-10-15', '1582-10-15 00:00:00', '1900-01-01 00:00:00+00', 0.1, 11);
"#;

/// The seed of the generators: `LAKEXPRESS_SEED`, or the time if that is `clock`. Without it the seed is always the same,
/// so that `make test` gives one result for one commit. The seed is printed, to repeat a run.
fn seed() -> u64 {
    let clock =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos().into();
    let seed = match std::env::var("LAKEXPRESS_SEED").as_deref() {
        Ok("clock") => clock(),
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 20_261_128,
    };
    println!("LAKEXPRESS_SEED={seed}");
    seed
}

/// Runs the comparison of `tests/python/expressions.py` on what PostgreSQL answered.
pub(crate) fn compare(mode: &str, dir: &Path, expected: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), expected).unwrap();
    let verdict =
        script("expressions.py", [mode.as_ref(), dir.as_os_str(), file.path().as_os_str()]).exits(0);
    println!("{}", verdict.stdout.trim_end());
}

/// Exports a copy of `base` for each condition, as it is and wrapped, and compares with what PostgreSQL selects.
fn same_rows(db: &str, base: &str, conditions: &[&str]) {
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(db, base);
    let (mut copies, mut expected) = (String::new(), String::new());
    let mut flags = vec!["--exclude".to_owned(), "base".to_owned()];
    let all = "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM base WHERE";
    for (number, condition) in conditions.iter().enumerate() {
        let ids = server.query(db, &format!("{all} {condition}"));
        for (kind, text) in [("pushed", (*condition).to_owned()), ("here", format!("({condition}) IS TRUE"))]
        {
            let table = format!("{kind}_{number:03}");
            writeln!(copies, "CREATE TABLE {table} AS TABLE base;").unwrap();
            flags.extend(["--where".to_owned(), format!("public.{table}: {text}")]);
            writeln!(expected, "{table}\t{ids}\t{condition}").unwrap();
        }
    }
    server.sql(db, &copies);
    let dir = tempfile::tempdir().unwrap();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    export(&url, dir.path(), &flags).ok();
    compare("ids", dir.path(), &expected);
}

/// Exports column expressions over `base` and compares with PostgreSQL's values.
fn same_values(db: &str, base: &str, columns: &[&str], filter: &str) {
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(db, base);
    let aliased: Vec<String> =
        columns.iter().enumerate().map(|(i, expression)| format!("{expression} AS e{i}")).collect();
    let dir = tempfile::tempdir().unwrap();
    let list = format!("base: id, {}", aliased.join(", "));
    export(&url, dir.path(), &["--columns", &list, "--where", &format!("base: {filter}")]).ok();
    let texts: Vec<String> =
        columns.iter().map(|expression| format!("coalesce(({expression})::text, E'\\x01')")).collect();
    let expected = server.query(
        db,
        &format!("SELECT concat_ws(E'\\x02', id, {}) FROM base WHERE {filter} ORDER BY id", texts.join(", ")),
    );
    compare("values", &dir.path().join("public/base"), &expected);
}

#[test]
fn conditions_have_the_same_answer_here_and_there() {
    same_rows("expressions", BASE, CONDITIONS);
}

#[test]
fn plan_says_what_is_pushed() {
    let server = PgServer::shared();
    let url = server.create_db("pushdown");
    server.sql("pushdown", BASE);
    let pushed = |condition: &str| {
        let rule = format!("base: {condition}");
        let output = Run::new(["plan", "--json", "--source", &url, "--where", &rule]).output().ok();
        let plan: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let count = |key: &str| plan["tables"][0][key].as_array().map_or(0, Vec::len);
        (count("pushed"), count("evaluated_here"))
    };
    for condition in [
        "i = 1",
        "t = 'abc'",
        "d < DATE '2000-01-01'",
        "flag",
        "i IN (1, 2, 3, 4)",
        "t IS NULL",
        "c = 'xy'",
        "c = 'xy  '",
    ] {
        assert_eq!(pushed(condition), (1, 0), "{condition}");
    }
    for condition in ["t < 'abc'", "f > 1.5", "n = 12.34", "t LIKE '%a'", "i = 1 OR t < 'b'"] {
        assert_eq!(pushed(condition), (0, 1), "{condition}");
    }
    assert_eq!(pushed("i = 1 AND t < 'abc'"), (1, 1));
    // What is left without the orders of texts is sent, and the whole evaluated here.
    assert_eq!(pushed("(i = 1 AND t < 'b') OR (i = 2 AND t > 'x')"), (1, 1));
    assert_eq!(pushed("(i = 1 AND t < 'b') OR t > 'x'"), (0, 1));
}

#[test]
fn columns_have_the_same_values_here_and_there() {
    // Two rows are left out because they overflow, which the next test is about.
    same_values("projections", BASE, COLUMNS, "id NOT IN (3, 4)");
}

#[test]
fn overflow_is_an_error_and_not_another_value() {
    let server = PgServer::shared();
    let (db, url) = ("overflow", server.create_db("overflow"));
    server.sql(db, BASE);
    for expression in ["b + 1", "i * i * i * i * i", "-(-b - 2)", "s * b"] {
        let dir = tempfile::tempdir().unwrap();
        let columns = format!("base: id, {expression} AS e");
        export(&url, dir.path(), &["--columns", &columns]).exits(65).says(&["overflow", "public.base"]);
        assert!(!dir.path().join("public/base/_manifest.json").exists(), "{expression}");
    }
}
