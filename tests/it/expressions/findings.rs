//! What was found by trying, beside the generators: queries whose rows were others, and what is refused instead.

use crate::lake::{Run, duck};
use crate::server::PgServer;

const DATA: &str = "
    CREATE TYPE rank_of AS ENUM ('zlow', 'mid', 'ahigh');
    CREATE TYPE owner_of AS ENUM ('mid', 'me');
    CREATE TABLE t (id int PRIMARY KEY, i int, s text, c char(5), v varchar, f float8, r rank_of, nb numeric, iv interval,
        bo boolean, b bigint, own owner_of);
    INSERT INTO t VALUES
        (1, 3, 'x', 'ab', 'ab ', -0.0, 'ahigh', 9, '1 day', true, 9007199254740993),
        (2, NULL, 'y', 'ab', 'ab', 0, 'zlow', 10, '24 hours', false, 2),
        (3, 0, NULL, 'b', 'b', 'NaN', 'mid', 1.50, '2 days', NULL, 3),
        (4, 7, 'x', NULL, 'c', 2.5, NULL, 1.5, NULL, true, NULL);
    CREATE TABLE h (k int, z text);
    INSERT INTO h VALUES (1, 'one'), (2, 'two'), (NULL, 'none'), (4, 'four');";

/// Queries of integers and texts, ordered.
const EQUAL: &[&str] = &[
    "SELECT id, coalesce(r, 'mid') = 'mid' AS m FROM t WHERE r = 'mid' OR r IN ('zlow') OR r IS NULL ORDER BY id",
    "SELECT id, (row_number() OVER (ORDER BY id)) / 2 AS half FROM t ORDER BY id",
    "SELECT id, ntile(2) OVER (ORDER BY id) & 1 AS odd FROM t ORDER BY id",
    "SELECT id, sum(n) OVER (ORDER BY id) AS n FROM (SELECT id, rank() OVER (ORDER BY id) AS n FROM t) q ORDER BY id",
    "SELECT 1::bigint << 40 AS a, to_hex(-1::bigint) AS b, 7::bigint / 2 AS c, -2147483648 AS d",
    "SELECT sum(n) / 2 AS half FROM (SELECT 1 AS n FROM t) q",
    "SELECT count(*) AS n FROM t a WHERE a.c IN (SELECT v FROM t)",
    "SELECT count(*) AS n FROM (SELECT c FROM t UNION SELECT v FROM t) q",
    "SELECT count(*) AS n FROM (SELECT DISTINCT f FROM t) q",
    "SELECT id FROM (SELECT DISTINCT ON (f) f, id FROM t WHERE id < 3 ORDER BY f, id) q",
    "SELECT id FROM t WHERE (bo IS DISTINCT FROM true) AND id > 1 ORDER BY id",
    "SELECT id FROM t WHERE i <> 0 AND 100 / (i + 0) > 20 OR i IS NULL AND id = 2 ORDER BY id",
    "SELECT upper(string_agg(s, '-' ORDER BY id)) || '!' AS s FROM t",
    "SELECT x || 'c' IS NULL AS n FROM (SELECT NULL AS x) q",
    "SELECT - 2 ^ 2 = 4 AS a, 'a' || 'b' LIKE 'ab' AS b, 2 + 3 * 4 % 5 AS c, NOT 1 = 2 AS d",
    "SELECT char 'abc' AS a, CAST('abc' AS char) AS b, nullif(3, 4) + 32767 AS c",
    "SELECT CAST(max(f) AS text) AS most, CAST(min(f) AS text) AS least FROM t",
    "SELECT CAST(CAST(3 AS numeric(4,1)) * '-0.01' AS text) AS a, 1.5 + '0.125' = 1.625 AS b",
    "SELECT id FROM t WHERE id IN (SELECT k FROM h) OR s = 'y' ORDER BY id",
    "SELECT id FROM t WHERE c = 'ab '::text OR c = 'b '::bpchar ORDER BY id",
    "SELECT 'ab '::text = 'ab'::char(2) AS a, coalesce('ab '::text, 'x') || '.' AS b, 'ab ' = 'ab'::char(2) AS c",
    "SELECT count(*) AS n FROM h WHERE NOT (k = ANY (SELECT id FROM t WHERE id > 1))",
    "SELECT count(*) AS n FROM h WHERE k <> ALL (SELECT i FROM t)",
    "SELECT count(*) AS n FROM h WHERE NOT (k > ALL (SELECT i FROM t WHERE i < 3)) OR z = 'one'",
    "SELECT d FROM (SELECT DATE '2024-01-01' AS d INTERSECT SELECT TIMESTAMP '2024-01-01 00:00:00') q WHERE d IS NULL",
];

/// Queries and what is said of them.
const REFUSED: &[(&str, &str)] = &[
    ("SELECT id FROM t WHERE bo IS DISTINCT FROM true AND id > 1", "parentheses"),
    ("SELECT ~ i + 1 AS a FROM t", "parentheses"),
    ("SELECT sum(i) OVER (w ORDER BY id) AS a FROM t WINDOW w AS (PARTITION BY s)", "window"),
    ("SELECT id FROM t ORDER BY r", "enum"),
    ("SELECT id FROM t WHERE r = 'low'", "the enum has no label 'low'"),
    ("SELECT id FROM t WHERE r IN ('mid', 'low')", "its labels are 'zlow', 'mid', 'ahigh'"),
    ("SELECT CASE r WHEN 'mid' THEN 1 WHEN 'low' THEN 2 END AS a FROM t", "no label"),
    ("SELECT coalesce(r, 'low') AS a FROM t", "no label"),
    ("SELECT id FROM t WHERE r <> own", "an enum"),
    ("SELECT id FROM t WHERE i = id = bo", "parentheses"),
    ("SELECT id FROM t WHERE s LIKE 'x' IN (true)", "parentheses"),
    ("SELECT t.id FROM t, LATERAL (SELECT k FROM h WHERE k = t.id) q", "LATERAL"),
    (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r",
        "RECURSIVE",
    ),
    ("SELECT i COLLATE \"C\" AS a FROM t", "collate"),
    ("SELECT r, row_number() OVER (ORDER BY r) AS n FROM t", "enum"),
    ("SELECT string_agg(s, ',' ORDER BY r) AS a FROM t", "enum"),
    ("SELECT nb, count(*) AS n FROM t GROUP BY nb", "GROUP BY"),
    ("SELECT DISTINCT iv FROM t", "DISTINCT"),
    ("SELECT id FROM t WHERE iv = '1 day'", "="),
    ("SELECT CAST(iv AS text) AS a FROM t", "cast"),
    ("SELECT id FROM t WHERE i = '7'::text", "="),
    ("SELECT CAST(max(coalesce(CAST(i AS numeric(9,2)), 1.234)) AS text) AS a FROM t", "cast"),
    (
        "SELECT CAST(lag(coalesce(CAST(i AS numeric(9,2)), 1.234)) OVER (ORDER BY id) AS text) AS a FROM t",
        "cast",
    ),
    ("SELECT CAST(x AS text) AS a FROM (SELECT 1.5 AS x UNION ALL SELECT 2.25) q", "cast"),
    ("SELECT id FROM t WHERE id NOT IN (SELECT k FROM h) OR s = 'y'", "NOT IN"),
    ("SELECT id IN (SELECT k FROM h) AS a FROM t", "IN (SELECT"),
    ("SELECT id FROM t a WHERE EXISTS (SELECT count(*) FROM h WHERE k = a.id)", "EXISTS"),
    ("SELECT id FROM t a WHERE EXISTS (SELECT 1 FROM h WHERE k = a.id OFFSET 1)", "EXISTS"),
    ("SELECT - id AS id FROM t ORDER BY id + 0", "ORDER BY"),
    ("SELECT sum(f) OVER (ORDER BY id ROWS 1 PRECEDING) AS a FROM t", "moves"),
    ("SELECT lag(id, NULL) OVER (ORDER BY id) AS a FROM t", "lag"),
    ("SELECT nth_value(id, 0) OVER (ORDER BY id) AS a FROM t", "nth_value"),
    ("SELECT first_value(id) AS a FROM t", "OVER"),
    ("SELECT count(id, i) AS a FROM t", "count"),
    ("SELECT INTERVAL '1 day' AS i FROM t", "interval"),
    ("SELECT to_char(id, '9') AS a FROM t", "--source-sql"),
    ("SELECT id FROM t WHERE s = X'61'", "bit string"),
    ("SELECT CAST(s AS json) AS a FROM t", "cast"),
    ("SELECT id FROM t WHERE c LIKE 'a%'", "char(n)"),
    ("SELECT id FROM t WHERE s ~ '(a)\\1'", "pattern"),
    ("SELECT id FROM t WHERE i = 'abc'", "integer"),
    ("SELECT id FROM t WHERE i = s", "="),
];

#[test]
fn queries_that_had_other_rows_have_those_of_postgresql() {
    let server = PgServer::shared();
    let url = server.create_db("findings");
    server.sql("findings", DATA);
    let dir = tempfile::tempdir().unwrap();
    for (at, sql) in EQUAL.iter().enumerate() {
        let name = format!("q{at}");
        let args = ["query", sql, "--name", &name, "--source", &url, "--output-dir"];
        Run::new(args).args([dir.path()]).output().ok();
        let file = dir.path().join("query").join(&name).join("part-00000.parquet");
        let ours = duck(&format!("SELECT * FROM '{}'", file.display()));
        let theirs = server.query("findings", sql);
        let plain = |text: &str| text.replace("True", "t").replace("False", "f").replace("None", "");
        assert_eq!(plain(&ours), theirs, "{sql}");
    }
}

#[test]
fn what_has_another_meaning_here_is_refused_with_its_place() {
    let server = PgServer::shared();
    let url = server.create_db("refusals");
    server.sql("refusals", DATA);
    let dir = tempfile::tempdir().unwrap();
    for (sql, words) in REFUSED {
        let args = ["query", sql, "--name", "q", "--source", &url, "--output-dir"];
        Run::new(args).args([dir.path()]).output().exits(2).says(&[words, "line: 1", "column: "]);
    }
    assert!(!dir.path().join("query").exists());
}

/// All statements are planned before the first is exported.
#[test]
fn a_script_with_a_result_that_parquet_has_no_type_for_exports_nothing() {
    let server = PgServer::shared();
    let url = server.create_db("refused_script");
    server.sql("refused_script", DATA);
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("exports.sql");
    std::fs::write(
        &script,
        "COPY (SELECT id FROM t) TO 'first';\nCOPY (SELECT INTERVAL '1 day' AS i FROM t) TO 'second';",
    )
    .unwrap();
    let args = ["query", "--script", script.to_str().unwrap(), "--source", &url, "--output-dir"];
    Run::new(args).args([dir.path()]).output().exits(2).says(&["'i' is an interval", "line: 2"]);
    assert!(!dir.path().join("query").exists());
}
