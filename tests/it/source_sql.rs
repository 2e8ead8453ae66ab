//! The database's own SQL: `query --source-sql`, `--source-where`, `--source-columns`, and views, which are the database's
//! own SQL too. The judge is always the database's own client.

use std::fs;
use std::path::Path;

use crate::lake::{Output, Run, assert_tidy, duck, export, manifest};
use crate::server::PgServer;

const USAGE: i32 = 2;

/// `query` of `url` into `dir`.
fn query(url: &str, dir: &Path, args: &[&str]) -> Output {
    Run::new(["query", "--source", url, "--output-dir"]).args([dir]).args(args).output()
}

/// The rows of a directory's files, as DuckDB writes them, sorted.
fn rows(dir: &Path) -> Vec<String> {
    assert_tidy(dir);
    lines(&duck(&format!("SELECT * FROM read_parquet('{}/*.parquet')", dir.display())))
}

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines
}

/// 10,000 rows of `t`, one in ten with NULL for a key, and what SQL over it needs.
fn filled(db: &str) -> String {
    let url = PgServer::shared().create_db(db);
    PgServer::shared().sql(
        db,
        "CREATE TABLE t (id int, name varchar(9), amount numeric(10,2), at timestamptz); \
         INSERT INTO t SELECT CASE WHEN g % 10 > 0 THEN g END, 'n' || g % 7, g / 3.0, \
             timestamptz '2024-03-01 00:00+00' + g * interval '1 minute' FROM generate_series(1, 10000) g; \
         ANALYZE t",
    );
    url
}

/// A CTE, a function and an operator that only the server has, and a comment at the end.
const GROUPED: &str = "WITH big AS (SELECT * FROM t WHERE name SIMILAR TO 'n[1-5]' AND amount ^ 2 > 3)\n\
    SELECT name, count(*) AS rows, sum(amount) AS total, to_char(max(at), 'Mon YYYY') AS month\n\
    FROM big GROUP BY name ORDER BY name -- as it is";

#[test]
fn a_query_in_the_servers_own_sql_has_the_servers_answer() {
    let (db, dir) = ("sql_grouped", tempfile::tempdir().unwrap());
    let url = filled(db);
    query(&url, dir.path(), &["--source-sql", GROUPED, "--name", "grouped"]).ok();
    let into = dir.path().join("query/grouped");
    assert_eq!(rows(&into), lines(&PgServer::shared().query(db, GROUPED)));
    let manifest = manifest(&into);
    assert_eq!(manifest["source_sql"]["query"], GROUPED);
    assert_eq!(manifest["query"], GROUPED);
    assert_eq!(manifest["columns"][0]["source_type"], "character varying(9)");
    assert_eq!(manifest["columns"][2]["source_type"], "numeric");
}

#[test]
fn a_key_cuts_the_result_into_ranges_that_hold_every_row_once() {
    let (db, dir) = ("sql_key", tempfile::tempdir().unwrap());
    let url = filled(db);
    let sql = "SELECT t.*, id % 3 AS third, ARRAY[id, 1] AS list FROM t";
    for (key, files) in [("id", 4..=5), ("at", 4..=5), ("name", 2..=5)] {
        let name = format!("by_{key}");
        query(&url, dir.path(), &["--source-sql", sql, "--name", &name, "--key", key, "-p", "4"]).ok();
        let into = dir.path().join("query").join(&name);
        let sums = "count(*), sum(id), sum(third), count(id), sum(amount), sum(length(name))";
        let ours = duck(&format!("SELECT {sums} FROM read_parquet('{}/*.parquet')", into.display()));
        assert_eq!(ours.trim(), PgServer::shared().query(db, &format!("SELECT {sums} FROM ({sql}) q")));
        let manifest = manifest(&into);
        assert_eq!(manifest["source_sql"]["key"], key);
        let count = manifest["files"].as_array().unwrap().len();
        assert!(files.contains(&count), "{key}: {count} files");
    }
    query(&url, dir.path(), &["--source-sql", sql, "--name", "x", "--key", "idd"])
        .exits(USAGE)
        .says(&["column 'idd' of --key is not in the result", "did you mean id?"]);
}

#[test]
fn wrong_sql_is_refused_with_the_place_in_the_users_text() {
    let (db, dir) = ("sql_wrong", tempfile::tempdir().unwrap());
    let url = filled(db);
    for (sql, words) in [
        ("SELECT id\n  FRM t", &["syntax error at or near \"t\"", "line: 2", "column: 7"][..]),
        ("SELECT id,\n\n 'é', idd FROM t", &["column \"idd\" does not exist", "line: 3", "column: 7"]),
        ("SELECT 1; SELECT 2", &["multiple commands"]),
        ("SELECT 1;", &["syntax error at or near \";\"", "without a semicolon"]),
        ("SELECT 1) a, (SELECT 2", &["syntax error at or near \")\"", "line: 1", "column: 9"]),
        ("SELECT 1 /* ", &["unterminated"]),
        ("DELETE FROM t RETURNING id", &["SELECT, WITH, VALUES or TABLE"]),
        ("SHOW timezone", &["SELECT, WITH, VALUES or TABLE"]),
        ("WITH d AS (DELETE FROM t RETURNING id) SELECT * FROM d", &["data-modifying"]),
        ("SELECT 1 AS a, 2 AS a", &["two columns of the result are called 'a'"]),
        ("SELECT id FROM t WHERE id = $1", &["$1"]),
        ("  ", &["there is no query"]),
    ] {
        let output = query(&url, dir.path(), &["--source-sql", sql, "--name", "wrong"]);
        output.exits(USAGE).says(words);
    }
    assert_eq!(PgServer::shared().query(db, "SELECT count(*) FROM t"), "10000");
    assert!(!dir.path().join("query").exists());
    // What only fails when it is run names the query.
    let sql = "SELECT 1 / (id - 7) AS x FROM t WHERE id = 7";
    query(&url, dir.path(), &["--source-sql", sql, "--name", "wrong"]).exits(65).says(&["division by zero"]);
    query(&url, dir.path(), &["--source-sql", "SELECT 1"]).exits(USAGE).says(&["--name"]);
}

#[test]
fn a_script_holds_both_kinds_of_query_as_of_one_snapshot() {
    let (db, dir) = ("sql_script", tempfile::tempdir().unwrap());
    let url = filled(db);
    let file = dir.path().join("exports.sql");
    let script = format!(
        "-- ours\nCOPY (SELECT count(*) AS n FROM t) TO 'ours';\n\
         COPY (\n{GROUPED}\n) TO 'theirs' WITH (source_sql);\n\
         COPY (SELECT * FROM t WHERE to_char(at, 'DD') = '02') TO 'cut' WITH (source_sql, key 'id')"
    );
    fs::write(&file, &script).unwrap();
    let path = file.display().to_string();
    query(&url, dir.path(), &["--script", &path, "-p", "3"]).ok();
    let into = |name: &str| dir.path().join("query").join(name);
    assert_eq!(rows(&into("ours")), ["10000"]);
    assert_eq!(rows(&into("theirs")), lines(&PgServer::shared().query(db, GROUPED)));
    let count = "SELECT count(*) FROM t WHERE to_char(at, 'DD') = '02'";
    assert_as_users_see(db, count, &into("cut"), "count(*)");
    let id = |name: &str| manifest(&into(name))["snapshot"]["id"].clone();
    assert!(id("ours").is_string() && id("ours") == id("theirs") && id("theirs") == id("cut"));
    fs::write(&file, format!("{script};\nCOPY (SELECT 1 AS a,\n b) TO 'd' WITH (source_sql)")).unwrap();
    query(&url, dir.path(), &["--script", &path]).exits(USAGE).says(&[
        "column \"b\" does not exist",
        "exports.sql",
        "line: 10",
        "column: 2",
    ]);
}

#[test]
fn sqlites_own_sql_has_sqlites_answer() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let fill = "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9), at DATETIME); \
        WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 1000) \
        INSERT INTO t SELECT i, 'n' || (i % 7), datetime('2024-01-01', i || ' minutes') FROM g";
    connection.execute_batch(fill).unwrap();
    let url = format!("sqlite://{}", file.display());
    let sql = "SELECT id, name, at, printf('%05d', id) AS code, id & 6 AS bits FROM t -- all";
    query(&url, dir.path(), &["--source-sql", sql, "--name", "own", "--key", "id", "-p", "2"]).ok();
    let into = dir.path().join("query/own");
    let sums = "count(*), sum(id), sum(bits), min(code), max(code), max(\"at\")";
    let ours = duck(&format!("SELECT {sums} FROM read_parquet('{}/*.parquet')", into.display()));
    assert_eq!(ours.trim(), "1000|500500|3000|00001|01000|2024-01-01 16:40:00");
    let theirs: String = connection
        .query_row(&format!("SELECT sum(bits) || '|' || max(at) FROM (\n{sql}\n)"), [], |row| row.get(0))
        .unwrap();
    assert_eq!(theirs, "3000|2024-01-01 16:40:00");
    let manifest = manifest(&into);
    assert_eq!(manifest["columns"][2]["source_type"], "DATETIME");
    assert!(manifest["files"].as_array().unwrap().len() >= 2);
    for (sql, words) in [
        ("SELECT id\n FRM t", &["near \"t\"", "line: 2", "column: 6"][..]),
        ("SELECT 1; SELECT 2", &["SELECT, WITH or VALUES"]),
        ("SELECT 1) a, (SELECT 2", &["near \")\"", "line: 1", "column: 9"]),
        ("DELETE FROM t", &["SELECT, WITH or VALUES"]),
    ] {
        query(&url, dir.path(), &["--source-sql", sql, "--name", "w"]).exits(USAGE).says(words);
    }
}

/// `exported` is what the database's users see of `sql`.
#[track_caller]
fn assert_as_users_see(db: &str, sql: &str, into: &Path, columns: &str) {
    assert_tidy(into);
    let ours = duck(&format!("SELECT {columns} FROM read_parquet('{}/*.parquet')", into.display()));
    assert_eq!(lines(&ours), lines(&PgServer::shared().query(db, sql)), "{sql}");
}

const NEW_YORK: &str = "CREATE TABLE sales (id int, at timestamptz, amount int, lasted interval); \
    INSERT INTO sales VALUES (1, '2024-03-01 03:00+00', 10, '1 day 02:03:04.5'), \
        (2, '2024-03-01 12:00+00', 20, '-1 year -2 mons +3 days -04:05:06'), (3, NULL, NULL, NULL); \
    INSERT INTO sales SELECT g, timestamptz '2024-03-02 00:00+00' + g * interval '7 minutes', g, g * interval '1 second' \
        FROM generate_series(4, 3000) g; ANALYZE sales; \
    CREATE VIEW daily AS SELECT at::date AS day, sum(amount) AS total FROM sales GROUP BY 1; \
    CREATE VIEW told AS SELECT id, at, lasted, at::text AS said, lasted::text AS lasted_text, \
        to_char(at, 'HH24') AS hour, date_trunc('day', at) AS day FROM sales; \
    CREATE VIEW spans AS SELECT id, tstzrange(at, at + '1 hour') AS span, ARRAY[at] AS list FROM sales";

#[test]
fn a_view_gives_what_it_gives_its_users_whatever_their_time_zone() {
    let (db, dir) = ("sql_views_zone", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(db, NEW_YORK);
    server.sql(db, "ALTER DATABASE sql_views_zone SET timezone = 'America/New_York'");
    server.sql(db, "ALTER DATABASE sql_views_zone SET datestyle = 'ISO, DMY'");
    export(&url, dir.path(), &["--include", "daily, told"]).ok();
    let into = |name: &str| dir.path().join("public").join(name);
    assert_as_users_see(db, "SELECT day, total FROM daily", &into("daily"), "day, total");
    // The moments themselves are the same everywhere.
    assert_as_users_see(
        db,
        "SET intervalstyle = postgres; SELECT id, extract(epoch FROM at)::bigint, said, lasted_text, hour, \
         extract(epoch FROM day)::bigint FROM told",
        &into("told"),
        "id, epoch(\"at\")::bigint, said, lasted_text, hour, epoch(day)::bigint",
    );
    // A column is written as in every table: in UTC, an interval by ISO 8601.
    let utc = "SET intervalstyle = iso_8601; SELECT id, lasted FROM told";
    assert_as_users_see(db, utc, &into("told"), "id, lasted");
    // By ranges of a moment too.
    let cut = ["--include", "told", "--table-config", "told:RangeId:at:3", "--large-table-threshold", "10"];
    let again = tempfile::tempdir().unwrap();
    export(&url, again.path(), &cut).ok();
    let into = again.path().join("public/told");
    assert!(manifest(&into)["files"].as_array().unwrap().len() >= 3);
    assert_as_users_see(db, "SELECT id, said FROM told", &into, "id, said");
}

#[test]
fn a_text_of_ours_that_would_follow_the_users_time_zone_is_refused() {
    let (db, dir) = ("sql_views_refused", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(db, NEW_YORK);
    export(&url, dir.path(), &["--include", "spans"]).ok();
    server.sql(db, "ALTER DATABASE sql_views_refused SET timezone = 'America/New_York'");
    let refused = ["would depend on TimeZone (America/New_York)", "column span", "lower and upper"];
    export(&url, dir.path(), &["--include", "spans"]).exits(65).says(&refused[..2]);
    let cast = ["--include", "told", "--cast", "told.at: text"];
    export(&url, dir.path(), &cast).exits(65).says(&["TimeZone", "column at"]);
    let sql = ["--source-sql", "SELECT span FROM spans", "--name", "spans"];
    query(&url, dir.path(), &sql).exits(65).says(&[refused[0], "column: span", refused[2]]);
    // Lists are sent as they are.
    let list = ["--source-sql", "SELECT list FROM spans WHERE id = 1", "--name", "list"];
    query(&url, dir.path(), &list).ok();
    let moment = "SELECT extract(epoch FROM list[1])::bigint FROM spans WHERE id = 1";
    assert_as_users_see(db, moment, &dir.path().join("query/list"), "epoch(list[1])::bigint");
}

#[test]
fn a_view_over_a_function_that_needs_the_search_path_is_read_by_it() {
    let (db, dir) = ("sql_views_path", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE SCHEMA app; CREATE TABLE app.settings (rate int); INSERT INTO app.settings VALUES (7); \
         CREATE FUNCTION app.rate() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT rate FROM settings); END'; \
         CREATE TABLE app.t AS SELECT g AS id, ('a' || g)::varchar AS name FROM generate_series(1, 500) g; \
         CREATE VIEW app.v AS SELECT id, name, id * app.rate() AS cost, current_schema() AS place FROM app.t; \
         ALTER DATABASE sql_views_path SET search_path = app, public",
    );
    // An operator that fits better than PostgreSQL's own must not be called by what this program adds.
    server.sql(
        db,
        "CREATE FUNCTION app.lies(varchar, varchar) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''lies''; END'; \
         CREATE OPERATOR app.>= (leftarg = varchar, rightarg = varchar, function = app.lies); \
         CREATE OPERATOR app.< (leftarg = varchar, rightarg = varchar, function = app.lies); \
         CREATE OPERATOR app.= (leftarg = varchar, rightarg = varchar, function = app.lies)",
    );
    let cut = ["--include", "v", "--table-config", "v:RangeId:name:3", "--large-table-threshold", "10"];
    export(&url, dir.path(), &cut).ok();
    let into = dir.path().join("app/v");
    assert!(manifest(&into)["files"].as_array().unwrap().len() >= 3);
    assert_as_users_see(db, "SELECT * FROM v", &into, "id, name, cost, place");
    assert_eq!(server.query(db, "SELECT place FROM v LIMIT 1"), "app");
    // A condition that the server evaluates.
    let one = tempfile::tempdir().unwrap();
    export(&url, one.path(), &["--include", "v", "--where", "v: name = 'a7' OR name IN ('a8', 'a9')"]).ok();
    assert_eq!(rows(&one.path().join("app/v")).len(), 3);
    let sql = "SELECT rate() AS rate, current_schema() AS place FROM settings";
    query(&url, dir.path(), &["--source-sql", sql, "--name", "rate"]).ok();
    assert_eq!(rows(&dir.path().join("query/rate")), ["7|app"]);
}

/// Many intervals, infinite and extreme ones among them, are written as the server writes them.
#[test]
fn intervals_are_written_as_the_server_writes_them_by_iso_8601() {
    let (db, dir) = ("sql_intervals", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE TABLE i AS SELECT m, d, u, make_interval(months => m, days => d) + u * interval '1 microsecond' AS v \
         FROM unnest(ARRAY[0, 1, -1, 11, 12, -12, 13, -25, 2147483647, -2147483648]) m, \
              unnest(ARRAY[0, 1, -1, 400, 2147483647, -2147483648]) d, \
              unnest(ARRAY[0, 1, -1, 100000, 999999, 1000000, -1000000, -1500000, 59999999, 60000000, -60000001, \
                  3600000000, -3661000001, 86400000000, 900000000000000000, -900000000000000001]::float8[]) u",
    );
    export(&url, dir.path(), &[]).ok();
    let all = "SET intervalstyle = iso_8601; SELECT m, d, u::bigint, v FROM i";
    assert_as_users_see(db, all, &dir.path().join("public/i"), "m, d, u::bigint, v");
}

#[test]
fn source_where_and_source_columns_are_evaluated_by_the_server() {
    let (db, dir) = ("sql_where", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = filled(db);
    server.sql(db, "ALTER DATABASE sql_where SET timezone = 'America/New_York'");
    let condition = "at >= '2024-03-02' AND to_char(at, 'HH24') <> '05' OR amount ^ 2 < 3 -- ours";
    let list = "id, name || 'é' AS name, date_trunc('day', at) AS midnight, to_char(at, 'HH24') AS hour";
    let (rule, columns) = (format!("t: {condition}"), format!("t: {list}"));
    for (number, more) in [
        &["--large-table-threshold", "10", "-p", "4", "--part-bytes", "100000"][..],
        &["--table-config", "t:RangeId:id:4", "--large-table-threshold", "10"],
        &["--table-config", "t:Random:id:3"],
        &["--table-config", "t:DataDriven:name:3"],
        &["--table-config", "t:Timepartition:(at,year,month,day):2"],
        &["--table-config", "t:None"],
        &["--verify", "count"],
        &["--verify", "hash", "--table-config", "t:RangeId:at:3", "--large-table-threshold", "10"],
    ]
    .into_iter()
    .enumerate()
    {
        let into = dir.path().join(number.to_string());
        let mut args = vec!["--source-where", rule.as_str(), "--source-columns", columns.as_str()];
        args.extend_from_slice(more);
        export(&url, &into, &args).ok();
        let found = duck(&format!(
            "SELECT id, name, epoch(midnight)::bigint, hour FROM read_parquet('{}/**/*.parquet', hive_partitioning = false)",
            into.join("public/t").display()
        ));
        let theirs = format!(
            "SELECT id, name, extract(epoch FROM midnight)::bigint, hour FROM (SELECT {list} FROM t WHERE {condition}\n) q"
        );
        assert_eq!(lines(&found), lines(&server.query(db, &theirs)), "{more:?}");
        let manifest = manifest(&into.join("public/t"));
        assert_eq!(manifest["source_sql"]["where"], condition);
        assert_eq!(manifest["source_sql"]["columns"], list);
        if number == 0 {
            assert!(manifest["files"].as_array().unwrap().len() > 1, "ranges of blocks");
        }
    }
    // Both kinds hold, and --columns sees the columns of the source's list.
    let both = [
        "--source-where",
        &rule,
        "--source-columns",
        &columns,
        "--where",
        "t: hour = '07'",
        "--columns",
        "t: hour, id",
    ];
    let into = dir.path().join("both");
    export(&url, &into, &both).ok();
    let theirs =
        format!("SELECT hour, id FROM (SELECT {list} FROM t WHERE {condition}\n) q WHERE hour = '07'");
    assert_as_users_see(db, &theirs, &into.join("public/t"), "hour, id");
    let plan =
        Run::new(["plan", "--source", &url, "--output-dir"]).args([dir.path()]).args(both).output().ok();
    for said in [condition, list, "by the source, in its own SQL"] {
        assert!(plan.stdout.contains(said), "{said}\n{}", plan.stdout);
    }
}

#[test]
fn a_condition_holds_in_every_partition_and_names_the_table() {
    let (db, dir) = ("sql_partitions", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(
        db,
        "CREATE TABLE p (id int, x int) PARTITION BY RANGE (id); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500); \
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (500) TO (2000); \
         INSERT INTO p SELECT g, g % 10 FROM generate_series(0, 1999) g; ANALYZE p",
    );
    let list = "p: p.id, (SELECT count(*) OVER () FROM (VALUES (p.x)) v) + p.x AS y";
    for method in ["DBPartition", "Ctid", "None"] {
        let (into, config) = (dir.path().join(method), format!("p:{method}::2"));
        let rule = ["--source-where", "p: p.x ^ 2 < 10", "--table-config", &config];
        export(&url, &into, &[&rule[..], &["--large-table-threshold", "10"]].concat()).ok();
        assert_as_users_see(db, "SELECT * FROM p WHERE x ^ 2 < 10", &into.join("public/p"), "id, x");
        let into = dir.path().join(format!("{method}_list"));
        export(
            &url,
            &into,
            &[&rule[..], &["--source-columns", list, "--large-table-threshold", "10"]].concat(),
        )
        .ok();
        let theirs = "SELECT id, x + 1 FROM p WHERE x ^ 2 < 10";
        assert_as_users_see(db, theirs, &into.join("public/p"), "id, y");
    }
}

#[test]
fn a_query_in_the_sources_sql_is_resumed_as_it_was() {
    let (db, dir) = ("sql_resume", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    server.sql(db, "CREATE TABLE r (n int); INSERT INTO r SELECT generate_series(0, 99)");
    let state = tempfile::tempdir().unwrap();
    let args =
        ["--source-sql", "SELECT n, 100 / n AS x FROM r -- it", "--name", "r", "--key", "n", "-p", "2"];
    let run = Run::new(["query", "--source", &url, "--output-dir"]).args([dir.path()]).args(args);
    let failed = run.env("XDG_STATE_HOME", state.path()).output().exits(65);
    let id = failed.stdout.split_whitespace().skip_while(|word| *word != "run").nth(1).unwrap().to_owned();
    server.sql(db, "UPDATE r SET n = -1 WHERE n = 0");
    Run::new(["resume", &id])
        .env("LAKEXPRESS_SOURCE", &url)
        .env("XDG_STATE_HOME", state.path())
        .output()
        .ok();
    assert_as_users_see(db, "SELECT n, 100 / n FROM r", &dir.path().join("query/r"), "n, x");
    assert_eq!(manifest(&dir.path().join("query/r"))["source_sql"]["key"], "n");
}

#[test]
fn what_is_no_condition_and_no_list_is_refused() {
    let (db, dir) = ("sql_where_wrong", tempfile::tempdir().unwrap());
    let url = filled(db);
    for (flag, sql, words) in [
        ("--source-where", "id = 1) OR (id = 2", &["syntax error at or near \")\"", "column: 7"][..]),
        ("--source-where", "true ORDER BY 1", &["syntax error", "give one condition"]),
        ("--source-where", "true; DROP TABLE t", &["multiple commands"]),
        ("--source-where", "id", &["must be type boolean"]),
        (
            "--source-where",
            "id = 1\n AND idd = 2",
            &["column \"idd\" does not exist", "line: 2", "column: 6"],
        ),
        ("--source-where", "name = 'a' --", &[]),
        ("--source-columns", "id FROM t UNION ALL SELECT 1", &["one row for each row"]),
        ("--source-columns", "DISTINCT name", &["one row for each row"]),
        ("--source-columns", "count(*)", &["one row for each row"]),
        ("--source-columns", "id, row_number() OVER (ORDER BY id) AS n", &["window function"]),
        ("--source-columns", "id, generate_series(1, 2) AS n", &["one row for each row"]),
        ("--source-columns", "id, id", &["two columns of the result are called 'id'"]),
        ("--source-columns", "idd", &["column \"idd\" does not exist", "line: 1", "column: 1"]),
    ] {
        let rule = format!("t: {sql}");
        let output = export(&url, dir.path(), &[flag, &rule]);
        if words.is_empty() {
            output.ok()
        } else {
            output.exits(USAGE).says(words).says(&[flag])
        };
    }
    assert_eq!(PgServer::shared().query(db, "SELECT count(*) FROM t"), "10000");
}

#[test]
fn sqlite_evaluates_its_own_conditions_and_columns() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let fill = "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9)); CREATE TABLE u (id INTEGER, name VARCHAR(9)); \
        WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 9000) \
        INSERT INTO t SELECT i, 'n' || (i % 7) FROM g";
    connection.execute_batch(fill).unwrap();
    let url = format!("sqlite://{}", file.display());
    let sums = |dir: &Path| {
        duck(&format!("SELECT count(*), sum(id) FROM read_parquet('{}/main/t/*.parquet')", dir.display()))
    };
    let theirs: String = connection
        .query_row("SELECT count(*) || '|' || sum(id) FROM t WHERE name GLOB '*[2-4]'", [], |row| row.get(0))
        .unwrap();
    let condition = "t: name GLOB '*[2-4]' -- ours";
    for (number, more) in [
        &["--large-table-threshold", "10", "-p", "3"][..],
        &["--table-config", "t:RangeId:id:3"],
        &["--source-columns", "t: id, printf('%04d', id) AS code, upper(name) AS name"],
    ]
    .into_iter()
    .enumerate()
    {
        let into = dir.path().join(number.to_string());
        let mut args = vec!["--source-where", condition];
        args.extend_from_slice(more);
        export(&url, &into, &args).ok();
        assert_eq!(sums(&into).trim(), theirs, "{more:?}");
    }
    for (flag, rule, words) in [
        ("--source-where", "t: id = 1) OR (id = 2", &["near \")\"", "column: 7"][..]),
        ("--source-columns", "t: id,\n idd", &["no such column: idd", "line: 2"]),
        ("--source-columns", "t: id, name FROM u UNION ALL SELECT id, name", &["one row for each row"]),
        ("--source-columns", "t: DISTINCT name", &["one row for each row"]),
        ("--source-columns", "t: count(*) AS n", &["one row for each row"]),
    ] {
        export(&url, dir.path(), &[flag, rule]).exits(USAGE).says(words);
    }
}

/// Their path may name `pg_catalog` last, so that theirs come before PostgreSQL's own.
#[test]
fn what_is_added_around_a_view_calls_nothing_of_its_users() {
    let (db, dir) = ("sql_views_last", tempfile::tempdir().unwrap());
    let server = PgServer::shared();
    let url = server.create_db(db);
    let operators = ["=", "<>", "<", "<=", ">", ">="].map(|sign| {
        format!(
            "CREATE OPERATOR app.{sign} (leftarg = text, rightarg = text, function = app.lies); \
             CREATE OPERATOR app.{sign} (leftarg = bigint, rightarg = bigint, function = app.lies);"
        )
    });
    server.sql(
        db,
        &format!(
            "CREATE SCHEMA app; \
             CREATE VIEW app.v AS SELECT g::bigint AS id, 'a' || g AS name, '2024-01-01 00:00+00'::pg_catalog.timestamptz AS at \
                FROM generate_series(1, 50) g; \
             CREATE FUNCTION app.lies(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''lies''; END'; \
             CREATE FUNCTION app.lies(bigint, bigint) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''lies''; END'; \
             CREATE DOMAIN app.timestamptz AS text CHECK (pg_catalog.length(value) < 0); {} \
             ALTER DATABASE {db} SET search_path = app, public, pg_catalog",
            operators.join(" ")
        ),
    );
    for cut in ["v:RangeId:id:3", "v:RangeId:at:3"] {
        let flags = ["--include", "v", "--views", "--table-config", cut, "--verify", "hash"];
        export(&url, dir.path(), &flags).ok();
        assert_eq!(manifest(&dir.path().join("app/v"))["rows"], 50, "{cut}");
    }
    let where_ =
        ["--include", "v", "--views", "--where", "v: name = 'a7' AND at >= '2024-01-01 00:00:00+00'"];
    export(&url, dir.path(), &where_).ok();
    assert_eq!(manifest(&dir.path().join("app/v"))["rows"], 1);
}
