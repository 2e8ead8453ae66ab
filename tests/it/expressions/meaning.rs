//! Where DataFusion means another thing than PostgreSQL: casts that lose digits, floats, set operations that count.

use super::{same_rows, same_values};
use crate::lake::{Run, duck};
use crate::server::PgServer;

/// Values at the halves, on both sides of zero, of the epoch and of the year 2000.
const CASTS: &str = r#"
CREATE TABLE base (
  id integer PRIMARY KEY, n numeric(12,2), n4 numeric(12,4), w numeric(60,20), b bigint, f float8, r float4,
  ts timestamp, tz timestamptz, t text, v varchar(20)
);
INSERT INTO base VALUES
 (1, 12.34, 1.2345, 12.34, 12, 12.34, 12.34, '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+00', 'abc', 'abc'),
 (2, 2.50, 2.5, 2.5, 2, 2.5, 2.5, '2024-02-29 12:34:56.5', '2024-02-29 12:34:56.5+00', 'ab', 'ab '),
 (3, 12.50, 1.2350, 12.49999999999999999999, 9007199254740993, 3.5, 3.5, '1999-12-31 23:59:59.5', '1999-12-31 23:59:59.5+00', 'a', 'Größe'),
 (4, -12.50, -1.2350, -12.5, -2, -2.5, -2.5, '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00', '', ' a'),
 (5, -0.50, -0.005, 0, 0, -0.5, -0.5, '1970-01-01', '1970-01-01 00:00:00+00', 'a  b', 'ab'),
 (6, 11.50, 1.0050, 11.5, 3, 1.005, 1.005, '0001-01-01 00:00:00.0000005', '0001-01-02 00:00:00+00', 'ab  ', 'ab  '),
 (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (8, 99.99, 0.0049, 1234567890.12345678901234567890, 99, 1e9, 1e9, '2024-02-29 12:34:56.123456', '2024-02-29 23:59:59.9999995+00', 'Größe', 'abc'),
 (9, 0.49, 0.0050, 0.005, 1, 0.49999999999999994, 0.1, '2024-02-29 00:00:00', '2024-02-29 00:00:00+00', 'abcdef', 'a'),
 (10, 2.35, 1.23, 2.35, 90071992547409, 2.675, 2.675, '2024-02-29 23:59:59.9999995', '2024-03-01 00:00:00+00', E'ab\n', NULL);
"#;

#[test]
fn f1_conditions_over_casts_that_lose_digits_select_what_postgresql_selects() {
    let integers = ["CAST(n AS bigint)", "CAST(n AS integer)", "n4::smallint", "CAST(w AS bigint)"];
    let floats = ["CAST(f AS bigint)", "CAST(f AS integer)", "CAST(r AS integer)"];
    let mut conditions: Vec<String> = Vec::new();
    for cast in integers.iter().chain(&floats) {
        for rest in [
            "= 12",
            "<> 12",
            "< 12",
            "<= 12",
            "> 2",
            ">= 3",
            "IN (2, 3, 12)",
            "IN (2, 3, 12, 13, -12)",
            "NOT IN (12, 13)",
            "BETWEEN 2 AND 12",
            "NOT BETWEEN 2 AND 12",
            "IS DISTINCT FROM 12",
            "IS NOT DISTINCT FROM -13",
            "= 12.5",
            "> 12.4",
        ] {
            conditions.push(format!("{cast} {rest}"));
        }
        conditions.push(format!("12 = {cast}"));
        conditions.push(format!("12 < {cast}"));
    }
    for cast in [
        "CAST(n4 AS numeric(12,2))",
        "n4::numeric(20,3)",
        "CAST(w AS numeric(30,2))",
        "CAST(f AS numeric(20,2))",
    ] {
        for rest in
            ["= 1.23", "= 1.24", "<> 1.23", "< 1.24", ">= 2.68", "IN (1.01, 1.23, -1.24, 12.34)", "= 0.01"]
        {
            conditions.push(format!("{cast} {rest}"));
        }
    }
    let others = [
        "CAST(ts AS date) = DATE '2024-02-29'",
        "CAST(ts AS date) < DATE '1970-01-01'",
        "CAST(ts AS date) IN (DATE '1969-12-31', DATE '2024-02-29')",
        "CAST(tz AS date) <> DATE '2024-02-29'",
        "CAST(ts AS timestamp(0)) = TIMESTAMP '2024-02-29 12:34:57'",
        "CAST(ts AS timestamp(0)) >= TIMESTAMP '2024-03-01 00:00:00'",
        "CAST(ts AS timestamp(0)) = TIMESTAMP '2000-01-01 00:00:00' OR CAST(ts AS timestamp(0)) < TIMESTAMP '1999-12-31 23:59:59'",
        "CAST(ts AS timestamp(3)) = TIMESTAMP '2024-02-29 12:34:56.789'",
        "CAST(ts AS timestamp(2)) <> TIMESTAMP '2024-02-29 12:34:56.12'",
        "CAST(t AS varchar(2)) = 'ab'",
        "CAST(t AS varchar(2)) <> 'ab'",
        "CAST(t AS varchar(2)) IN ('ab', 'Gr', 'x', 'y')",
        "v::varchar(3) < 'abc'",
        "CAST(t AS char(2)) = 'ab'",
        "CAST(b AS varchar(1)) = '9'",
        "CAST(b AS double precision) = 9007199254740992",
        "CAST(w AS double precision) > f",
        "f = w",
    ];
    let conditions: Vec<&str> = conditions.iter().map(String::as_str).chain(others).collect();
    same_rows("f1_conditions", CASTS, &conditions);
    for sql in [
        "SELECT a.id, b.id AS r FROM base a JOIN base b ON CAST(a.n AS bigint) = CAST(b.f AS bigint)",
        "SELECT a.id, b.id AS r FROM base a JOIN base b ON CAST(a.n AS bigint) = b.b AND a.n > b.b",
        "SELECT id, 0 AS r FROM base WHERE CAST(n AS integer) IN (SELECT CAST(w AS integer) FROM base WHERE w < 1000)",
        "SELECT CAST(n AS bigint) AS id, count(*) AS r FROM base WHERE n IS NOT NULL GROUP BY CAST(n AS bigint)",
    ] {
        same_answer("f1_conditions", sql, "id, r");
    }
}

#[test]
fn f1_columns_agree_with_postgresql_and_with_conditions_over_them() {
    same_values(
        "f1_columns",
        CASTS,
        &[
            "CAST(n AS bigint)",
            "CAST(n AS bigint) = 12",
            "CAST(n4 AS numeric(12,2))",
            "CAST(w AS numeric(30,2))",
            "CAST(w AS integer)",
            "CAST(w AS double precision)",
            "CAST(n AS double precision)",
            "CAST(f AS integer)",
            "CAST(f AS numeric(20,2))",
            "CAST(f AS numeric(60,22))",
            "CAST(r AS numeric(20,4))",
            "CAST(r AS bigint)",
            "CAST(2.50 AS integer)",
            "CAST(99.99 AS bigint) + 1",
            "CAST(ts AS timestamp(0))",
            "CAST(ts AS timestamp(3))",
            "CAST(ts AS timestamp(6))",
            "CAST(CAST(ts AS date) AS timestamp(0))",
            "CAST('abc' AS varchar(2))",
            "CAST(t AS varchar(2))",
            "CAST(t AS varchar(3)) = 'Grö'",
            "v::char(3)",
            "length(CAST(t AS varchar(4)))",
            "CAST(b AS varchar(3))",
            "CASE CAST(n AS integer) WHEN 12 THEN 'twelve' WHEN 13 THEN 'thirteen' END",
        ],
        "id > 0",
    );
}

#[test]
fn f1_a_cast_that_fails_is_an_error_and_try_cast_gives_null() {
    let server = PgServer::shared();
    let url = server.create_db("f1_errors");
    server.sql("f1_errors", CASTS);
    for (condition, words) in [
        ("CAST(b AS integer) = 12", "9007199254740993"),
        ("CAST(n AS numeric(3,2)) = 12.34", "precision"),
        ("CAST(f AS numeric(4,2)) = 12.34", "1000000000 is out of range"),
        ("CAST(1e-46 AS real) = 0", "out of range for type real"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let rule = format!("base: {condition}");
        Run::new(["export", "--source", &url, "--where", &rule, "--output-dir"])
            .args([dir.path()])
            .output()
            .exits(65)
            .says(&[words, "public.base"]);
    }
    let dir = tempfile::tempdir().unwrap();
    Run::new(["query", "--source", &url, "--name", "q", "--output-dir"])
        .args([dir.path()])
        .args(["SELECT count(*) AS n FROM base WHERE TRY_CAST(b AS integer) <> 12"])
        .output()
        .ok();
    // 9 values, one is 12, and two do not fit.
    let file = dir.path().join("query/q/*.parquet");
    assert_eq!(duck(&format!("SELECT n FROM '{}'", file.display())), "6");
}

#[test]
fn f4_floats_compare_as_in_postgresql() {
    let base = "CREATE TABLE base (id integer PRIMARY KEY, f float8, r float4, g float8);
        INSERT INTO base VALUES (1,0,0,1),(2,-0.0::float8,-0.0::float4,0),(3,'NaN','NaN','-Infinity'),
        (4,-('NaN'::float8),-('NaN'::float4),'NaN'),(5,1,1,2),(6,2,2,-0.0::float8),(7,NULL,NULL,3),
        (8,'Infinity','Infinity',-('NaN'::float8)),(9,'-Infinity','-Infinity','Infinity');";
    let conditions = [
        "f IN (0,1,2,3)",
        "f NOT IN (0,1,2,3)",
        "f IN (0)",
        "f IN (0,1,NULL,2,3)",
        "f NOT IN (0,1,NULL,2,3)",
        "f IN (-0.0,1,2,3)",
        "f IN (CAST('NaN' AS double precision),1,2,3)",
        "f NOT IN (CAST('NaN' AS double precision),1,2,3)",
        "r IN (0,1,2,3)",
        "r NOT IN (0,1,2,3)",
        "f + 0 IN (0,1,2,3)",
        "f IN (g, 0, 1, 2)",
        "f = 0 OR f = 1 OR f = 2 OR f = 3",
        "f <> 0 AND f <> 1 AND f <> 2 AND f <> 3",
        "0 = f OR 1 = f OR 2 = f OR 3 = f",
        "f > 1",
        "f >= 1",
        "f < 0",
        "f <= 0",
        "f = 0",
        "f <> 0",
        "f = CAST('NaN' AS double precision)",
        "f > CAST('Infinity' AS double precision)",
        "f < g",
        "f = g",
        "f >= g",
        "f IS DISTINCT FROM g",
        "f BETWEEN 0 AND 1",
        "f NOT BETWEEN 0 AND 1",
        "f BETWEEN 0 AND CAST('NaN' AS double precision)",
        "nullif(f, 0) IS NULL",
        "nullif(f, g) IS NULL",
        "CASE f WHEN 0 THEN true WHEN 'NaN' THEN true ELSE false END",
        "r > 1",
        "r = f",
        "g - g > 0",
    ];
    same_rows("f4_floats", base, &conditions);
    for sql in [
        "SELECT id, rank() OVER (ORDER BY f) AS r, count(*) OVER (PARTITION BY f) AS c FROM base",
        "SELECT a.id, b.id AS r, 0 AS c FROM base a JOIN base b ON a.f = b.g",
        "SELECT a.id, b.id AS r, b.g > 0 AS c FROM base a LEFT JOIN base b ON a.f = b.g AND a.r <> b.f",
        "SELECT id, 0 AS r, 0 AS c FROM base a WHERE EXISTS (SELECT 1 FROM base b WHERE b.g = a.f)",
        "SELECT id, 0 AS r, row_number() OVER (ORDER BY f, id) AS c FROM base",
    ] {
        same_answer("f4_floats", sql, "id, r, c");
    }
}

/// Exports a query and compares its rows with PostgreSQL's.
#[track_caller]
fn same_answer(db: &str, sql: &str, columns: &str) {
    let server = PgServer::shared();
    let dir = tempfile::tempdir().unwrap();
    Run::new(["query", "--source", &server.url(db), "--name", "q", "--output-dir"])
        .args([dir.path()])
        .args([sql])
        .output()
        .ok();
    let file = dir.path().join("query/q/*.parquet");
    let ours = duck(&format!("SELECT {columns} FROM '{}' ORDER BY {columns}", file.display()));
    let theirs = server.query(db, &format!("SELECT {columns} FROM ({sql}) AS q ORDER BY {columns}"));
    let theirs = theirs.replace("|t", "|true").replace("|f", "|false");
    assert_eq!(ours.to_lowercase(), theirs, "{sql}");
}

#[test]
fn f2_set_operations_that_count_rows_are_refused_by_name() {
    let server = PgServer::shared();
    let url = server.create_db("f2_sets");
    server.sql(
        "f2_sets",
        "CREATE TABLE a1 (x int); INSERT INTO a1 VALUES (1),(1),(1),(2),(2),(3);
         CREATE TABLE a2 (x int); INSERT INTO a2 VALUES (1),(2),(2),(2),(4);",
    );
    let run = |sql: &str| {
        let dir = tempfile::tempdir().unwrap();
        let output = Run::new(["query", "--source", &url, "--name", "q", "--output-dir"])
            .args([dir.path()])
            .args([sql])
            .output();
        (output, dir)
    };
    for (sql, name, place) in [
        ("SELECT x FROM a1 EXCEPT ALL SELECT x FROM a2", "EXCEPT ALL", "column: 18"),
        ("SELECT x FROM a1 INTERSECT ALL SELECT x FROM a2", "INTERSECT ALL", "column: 18"),
        (
            "SELECT x FROM a2 UNION ALL (SELECT x FROM a1 EXCEPT ALL SELECT x FROM a2)",
            "EXCEPT ALL",
            "column: 46",
        ),
        (
            "WITH c AS (SELECT x FROM a1 INTERSECT ALL SELECT x FROM a2) SELECT * FROM c",
            "INTERSECT ALL",
            "column",
        ),
        ("SELECT x FROM a1 WHERE x IN (SELECT x FROM a2 EXCEPT ALL SELECT 1)", "EXCEPT ALL", "column"),
    ] {
        run(sql).0.exits(2).says(&[name, "row_number()", place]);
    }
    let distinct = "SELECT x FROM a1 EXCEPT SELECT x FROM a2";
    let (output, dir) = run(distinct);
    output.ok();
    let read = |dir: &tempfile::TempDir| {
        duck(&format!("SELECT x FROM '{}' ORDER BY x", dir.path().join("query/q/*.parquet").display()))
    };
    assert_eq!(read(&dir), "3");
    // The way that the message shows.
    let counted = "SELECT x FROM (SELECT x, row_number() OVER (PARTITION BY x) AS k FROM a1 \
                   EXCEPT SELECT x, row_number() OVER (PARTITION BY x) AS k FROM a2) AS d";
    let (output, dir) = run(counted);
    output.ok();
    let right = server.query("f2_sets", "SELECT x FROM a1 EXCEPT ALL SELECT x FROM a2 ORDER BY x");
    assert_eq!(read(&dir), right);
}

#[test]
fn f7_a_literal_that_the_servers_encoding_lacks_is_compared_here() {
    let server = PgServer::shared();
    server.sql("postgres", "DROP DATABASE IF EXISTS f7_latin");
    server.sql("postgres", "CREATE DATABASE f7_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    server.sql(
        "f7_latin",
        "SET client_encoding = 'UTF8';
         CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, 'a'), (2, 'é'), (3, NULL), (4, 'b');",
    );
    let url = server.url("f7_latin");
    for (condition, ids) in [
        ("name <> '€'", "1\n2\n4"),
        ("name = '€'", ""),
        ("name IN ('€', 'a', 'é', 'x')", "1\n2"),
        ("name NOT IN ('€', 'a', 'ł', 'x')", "2\n4"),
        ("name = 'é'", "2"),
        ("name = 'a' OR name = '日本'", "1"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        Run::new(["export", "--source", &url, "--where", &format!("t: {condition}"), "--output-dir"])
            .args([dir.path()])
            .output()
            .ok();
        let file = dir.path().join("public/t/*.parquet");
        let got = duck(&format!("SELECT id FROM '{}' ORDER BY id", file.display()));
        assert_eq!(got, ids, "{condition}");
    }
    // Where the encoding has every character, such a literal is still the server's matter.
    let url = server.create_db("f7_utf8");
    server.sql("f7_utf8", "CREATE TABLE t (id int, name text)");
    let plan = Run::new(["plan", "--json", "--source", &url, "--where", "t: name <> '€'"]).output().ok();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["tables"][0]["pushed"].as_array().map(Vec::len), Some(1), "{plan}");
}
