//! The type contract: every value of every type is the server's own value, or a loud error.

mod bare_numerics;
mod encodings;
mod families;
mod large;
mod money;
mod spatial;
mod specials;
mod vectors;
mod versions;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use self::families::{FAMILIES, PREPARE, since};
use crate::lake::{
    Output, Run, assert_nothing_visible, assert_same_values, assert_tidy, duck, export, manifest, script,
};
use crate::server::PgServer;

/// Database of the families.
const MATRIX: &str = "types";

/// The URL of the database with all families, made once.
pub(crate) fn matrix() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let url = PgServer::shared().create_db(MATRIX);
        PgServer::shared().sql(MATRIX, &matrix_sql(major_of(PgServer::shared())));
        url
    })
}

/// The major version of a server.
fn major_of(server: &PgServer) -> u32 {
    server.query("postgres", "SELECT current_setting('server_version_num')::int / 10000").parse().unwrap()
}

/// How many values the families have in a major version.
fn values_of(version: u32) -> usize {
    let columns = FAMILIES.iter().flat_map(|(_, columns)| *columns);
    columns.flat_map(|(kind, values)| values.iter().map(|v| since(kind, v))).filter(|s| *s <= version).count()
}

/// A row for each value that a major version has, and one without any; every other column of a row is NULL.
fn matrix_sql(version: u32) -> String {
    let mut sql: String =
        PREPARE.lines().filter(|line| since(line, "") <= version).collect::<Vec<_>>().join("\n");
    for (family, columns) in FAMILIES {
        let types: Vec<String> = columns
            .iter()
            .enumerate()
            .filter(|(_, (kind, _))| since(kind, "") <= version)
            .map(|(at, (kind, _))| format!(", c{at} {kind}"))
            .collect();
        writeln!(sql, "CREATE TABLE {family} (id integer PRIMARY KEY{});", types.concat()).unwrap();
        writeln!(sql, "INSERT INTO {family} VALUES (0);").unwrap();
        let mut id = 0;
        for (at, (kind, values)) in columns.iter().enumerate() {
            for value in values.iter().filter(|value| since(kind, value) <= version) {
                id += 1;
                writeln!(sql, "INSERT INTO {family} (id, c{at}) VALUES ({id}, {value});").unwrap();
            }
        }
    }
    // A type that has changed since its values were stored.
    sql.push_str("ALTER TYPE changed DROP ATTRIBUTE b; ALTER TYPE changed ADD ATTRIBUTE d numeric;");
    sql
}

/// Asserts that a run failed, and that one of its lines for a person holds each of `words`.
#[track_caller]
fn refused(run: Output, words: &[&str]) -> Output {
    assert_ne!(run.code, Some(0), "{run}");
    for word in words {
        assert!(run.stdout.contains(word), "the summary does not say {word:?}\n{run}");
    }
    run.no_panic()
}

/// What `schema.py` says about the first part in `dir`.
fn schema(dir: &Path) -> Value {
    let output = script("schema.py", [dir.join("part-00000.parquet")]).ok();
    serde_json::from_str(&output.stdout).unwrap()
}

/// `inspect --json` of one table: its columns by name.
fn inspected(url: &str, table: &str, extra: &[&str]) -> serde_json::Map<String, Value> {
    let output =
        Run::new(["inspect", "--json", "--source", url, "--include", table]).args(extra).output().ok();
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let columns = document["tables"][0]["columns"].as_array().unwrap().clone();
    columns.into_iter().map(|c| (c["name"].as_str().unwrap().to_owned(), c)).collect()
}

/// What became of the values of the matrix.
#[derive(Default)]
struct Totals {
    exact: u64,
    by_two_readers: u64,
    refused: usize,
    problems: String,
}

/// Exports every family and compares each value, as two readers read it, with the server's text.
fn export_families(url: &str, totals: &mut Totals) {
    let out = tempfile::tempdir().unwrap();
    export(url, out.path(), &["-p", "2"]).ok();
    for (family, _) in FAMILIES {
        let dir = out.path().join("public").join(family);
        assert_tidy(&dir);
        let args = ["--url", url, "--table", &format!("public.{family}"), "--dir", dir.to_str().unwrap()];
        let verdict = script("matrix.py", args);
        let said: Value = serde_json::from_str(&verdict.stdout).unwrap_or_default();
        if verdict.code == Some(0) {
            totals.exact += said["values"].as_u64().unwrap();
            totals.by_two_readers += said["by_two_readers"].as_u64().unwrap();
        } else {
            write!(totals.problems, "{family}: {verdict}").unwrap();
        }
    }
}

#[test]
fn every_value_is_the_servers_own_or_refused_with_its_place_and_remedy() {
    let mut totals = Totals::default();
    export_families(matrix(), &mut totals);
    refuse_specials(&mut totals);
    let listed = values_of(major_of(PgServer::shared()));
    assert!(totals.problems.is_empty(), "{}", totals.problems);
    assert_eq!(usize::try_from(totals.exact).unwrap(), listed, "a value is missing");
    let all = listed + totals.refused;
    let Totals { exact, by_two_readers, refused, .. } = totals;
    println!(
        "{all} hostile values: {exact} exact ({by_two_readers} by both readers), {refused} refused, 0 wrong"
    );
    assert!(all >= 400, "only {all} values");
    assert!(totals.refused * 20 <= all, "{} of {all} values are refused: more than 5 %", totals.refused);
}

/// A type, a value of it that Parquet does not have, words of the error, and whether `null` settles it.
const SPECIALS: &[(&str, &str, &str, bool)] = &[
    ("date", "'infinity'", "infinity is not a Parquet date", true),
    ("date", "'-infinity'", "-infinity is not a Parquet date", true),
    ("timestamp", "'infinity'", "infinity is not a Parquet timestamp", true),
    ("timestamptz", "'-infinity'", "-infinity is not a Parquet timestamp", true),
    ("time", "'24:00'", "24:00:00 is not a Parquet time", true),
    ("numeric(5,2)", "'NaN'", "NaN is not a decimal(5,2)", true),
    ("numeric(50,2)", "'NaN'", "NaN is not a decimal(50,2)", true),
    ("some_day", "'infinity'", "infinity is not a Parquet date", true),
    ("date[]", "'{2024-01-01,infinity}'", "element 2 of an array: infinity", true),
    ("numeric(3,1)[]", "'{NULL,1.5,NaN}'", "element 3 of an array: NaN", true),
    ("time[]", "'{24:00:00}'", "element 1 of an array: 24:00:00", true),
    ("day_pair", "ROW(1, 'infinity')", "field at of a composite value: infinity", true),
    ("timestamp", "'294276-12-31 23:59:59.999999'", "out of the range", false),
    ("timestamptz", "'294247-01-10 04:00:54.775808+00'", "out of the range", false),
    ("integer[]", "'[0:1]={1,2}'", "starts at index 0", false),
    ("text[]", "'[-5:-5]={x}'", "starts at index -5", false),
    ("integer[]", "'{{1,2},{3,4}}'", "2 dimensions in a column declared with 1", false),
    ("integer[][]", "'{1,2}'", "1 dimensions in a column declared with 2", false),
    ("integer[][]", "'[1:1][2:3]={{1,2}}'", "starts at index 2", false),
];

/// A database with one table for each special value: with a key if its number is even.
fn specials(name: &str) -> String {
    let url = PgServer::shared().create_db(name);
    let mut sql = "CREATE DOMAIN some_day AS date; CREATE TYPE day_pair AS (a integer, at date);".to_owned();
    for (at, (kind, value, ..)) in SPECIALS.iter().enumerate() {
        let key = if at % 2 == 0 { " PRIMARY KEY" } else { "" };
        write!(
            sql,
            "CREATE TABLE t{at} (id integer{key}, name text, v {kind});
             INSERT INTO t{at} (id) SELECT generate_series(1, 1000);
             UPDATE t{at} SET v = {value} WHERE id = 777;"
        )
        .unwrap();
    }
    PgServer::shared().sql(name, &sql);
    url
}

/// Every special value stops its table with an error that names table, column and row, and the flag that settles
/// it (tried by the tests below).
fn refuse_specials(totals: &mut Totals) {
    let url = specials("special_errors");
    for (at, (kind, value, words, settled)) in SPECIALS.iter().enumerate() {
        let out = tempfile::tempdir().unwrap();
        let run = export(&url, out.path(), &["--include", &format!("t{at}")]);
        let row = if at % 2 == 0 { "row id=777 ctid=(" } else { "row ctid=(" };
        let table = format!("table public.t{at}");
        let cast = format!("--cast 'public.t{at}.v: text'");
        let run = refused(run, &[words, &table, "column v", row, &cast]);
        assert_eq!(run.stdout.contains("--special-values null"), *settled, "{kind} {value}\n{run}");
        assert_nothing_visible(out.path());
        totals.refused += 1;
        let flag = if *settled { "--special-values null or --cast" } else { "--cast" };
        println!("refused: {kind} {value}: {words} ({flag})");
    }
}

#[test]
fn special_values_are_null_when_asked() {
    let url = specials("special_nulls");
    PgServer::shared().sql(
        "special_nulls",
        "CREATE TABLE strict (id integer PRIMARY KEY, v date NOT NULL); \
        INSERT INTO strict VALUES (1, 'infinity'), (2, '2024-01-01');",
    );
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--special-values", "null"]).exits_one_of(&[1, 65]);
    for (at, (kind, value, _, settled)) in SPECIALS.iter().enumerate() {
        let dir = out.path().join(format!("public/t{at}"));
        if *settled {
            assert_same_values(&url, &format!("public.t{at}"), &dir, &["--special", "null"]);
        } else {
            assert!(!dir.join("_manifest.json").exists(), "{kind} {value}");
        }
    }
    assert_same_values(&url, "public.strict", &out.path().join("public/strict"), &["--special", "null"]);
}

#[test]
fn a_cast_keeps_the_servers_text() {
    let url = specials("special_casts");
    let out = tempfile::tempdir().unwrap();
    let casts: Vec<String> = (0..SPECIALS.len()).map(|at| format!("t{at}.v: text")).collect();
    let flags: Vec<&str> = casts.iter().flat_map(|cast| ["--cast", cast]).collect();
    export(&url, out.path(), &flags).ok();
    for (at, (kind, value, ..)) in SPECIALS.iter().enumerate() {
        let files = format!("{}/public/t{at}/*.parquet", out.path().display());
        let found = duck(&format!("SELECT v FROM read_parquet('{files}') WHERE v IS NOT NULL"));
        let text = format!("SET intervalstyle = iso_8601; SELECT v::text FROM t{at} WHERE v IS NOT NULL");
        assert_eq!(found, PgServer::shared().query("special_casts", &text), "{kind} {value}");
    }
}

#[test]
fn a_numeric_that_does_not_fit_what_was_asked_for_is_refused() {
    let server = PgServer::shared();
    let url = server.create_db("misfits");
    server.sql("misfits", "CREATE TABLE fits (id integer PRIMARY KEY, v numeric, a numeric[]);
        INSERT INTO fits VALUES (1, 1.50, '{1.2,NULL}'), (2, -99999999.9900, '{}'), (3, 0, NULL), (4, 1e2, '{1e-2}');");
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--numeric", "decimal:10,2"]).ok();
    let files = format!("{}/public/fits/*.parquet", out.path().display());
    assert_eq!(
        duck(&format!("SELECT v::text, a::text FROM read_parquet('{files}') ORDER BY id")),
        "1.50|[1.20, NULL]\n-99999999.99|[]\n0.00|\n100.00|[0.01]"
    );
    for value in ["100000000", "0.001", "'NaN'", "'Infinity'", "-1e300", "1e-300"] {
        server.sql("misfits", &format!("DROP TABLE IF EXISTS fits, odd; CREATE TABLE odd (id integer PRIMARY KEY, v numeric);
            INSERT INTO odd SELECT g, g FROM generate_series(1, 500) g; UPDATE odd SET v = {value} WHERE id = 321"));
        let out = tempfile::tempdir().unwrap();
        let run = export(&url, out.path(), &["--numeric", "decimal:10,2"]);
        refused(run, &["table public.odd", "column v", "row id=321", "decimal(10,2)", "--cast"]);
        assert_nothing_visible(out.path());
    }
}

#[test]
fn a_measured_numeric_is_the_smallest_decimal_that_holds_all() {
    let server = PgServer::shared();
    let url = server.create_db("measured");
    server.sql("measured", "CREATE DOMAIN amount AS numeric; CREATE TYPE pair AS (n numeric);
        CREATE TABLE sums (id integer PRIMARY KEY, small numeric, tiny numeric, wide numeric, far amount, none numeric,
            list numeric[], fixed numeric(5,1), kept numeric, p pair);
        INSERT INTO sums VALUES (1, 1.50, -0.00001, 1e60, 1e200, NULL, '{1.5}', 2.5, 7.25, ROW(1.5)),
            (2, -99999, 0, 1e-10, 1e-200, NULL, NULL, NULL, NULL, NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);");
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--numeric", "measure", "--cast", "sums.kept: text", "--readers", "modern"])
        .ok();
    let dir = out.path().join("public/sums");
    let schema = schema(&dir);
    let types: Vec<String> = schema["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{} {}", f["name"].as_str().unwrap(), f["type"].as_str().unwrap()))
        .collect();
    let expected = [
        "id int32",
        "small decimal128(7, 2)",
        "tiny decimal128(5, 5)",
        "wide decimal256(71, 10)",
        "far string",
        "none decimal128(1, 0)",
        "list list<element: string>",
        "fixed decimal128(5, 1)",
        "kept string",
        "p struct<n: string>",
    ];
    assert_eq!(types, expected);
    let files = format!("{}/*.parquet", dir.display());
    assert_eq!(
        duck(&format!("SELECT small::text, (tiny * 100000)::int, far, kept, p.n FROM '{files}' ORDER BY id")),
        format!("1.50|-1|1{}|7.25|1.5\n-99999.00|0|0.{}1||\n|||1|", "0".repeat(200), "0".repeat(199))
    );
    // NaN is no matter of width, and what came after the measure does not fit: both are refused.
    server.sql("measured", "INSERT INTO sums (id, small) VALUES (4, 'NaN')");
    let run = export(&url, out.path(), &["--numeric", "measure"]);
    refused(run, &["NaN is not a decimal(7,2)", "column small", "row id=4", "--special-values null"]);
}

/// Every setting that changes how the server spells a value, or that could end a run early.
const EVIL: &[(&str, &str)] = &[
    ("DateStyle", "'SQL, DMY'"),
    ("IntervalStyle", "postgres_verbose"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-10"),
    ("TimeZone", "'America/New_York'"),
    ("search_path", "evil, pg_catalog, public"),
    ("lc_monetary", "'C.UTF-8'"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("default_transaction_read_only", "on"),
    ("client_encoding", "LATIN1"),
    ("xmloption", "document"),
    ("standard_conforming_strings", "off"),
    ("quote_all_identifiers", "on"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("idle_in_transaction_session_timeout", "'200ms'"),
];

#[test]
fn settings_of_the_role_and_the_database_change_nothing() {
    let server = PgServer::shared();
    let db = "settings";
    server.create_db(db);
    server.sql(db, &matrix_sql(major_of(PgServer::shared())));
    server.sql(db, "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(0.5)::text AS v, now() > 'epoch' AS late;
        DROP ROLE IF EXISTS teller; CREATE ROLE teller LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO teller;
        CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO teller;
        CREATE TABLE evil.pg_class AS TABLE pg_class WITH NO DATA; GRANT SELECT ON evil.pg_class TO teller;
        CREATE FUNCTION evil.no(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE FUNCTION evil.no(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE FUNCTION evil.no(\"char\", \"char\") RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
        CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.no);
        CREATE OPERATOR evil.= (LEFTARG = \"char\", RIGHTARG = \"char\", FUNCTION = evil.no);
        CREATE FUNCTION evil.scale(numeric) RETURNS integer LANGUAGE sql AS 'SELECT 7';");
    let url = server.url_as("teller", "x", db);
    let (plain, evil) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flags = ["--views", "-p", "2", "--part-bytes", "64KiB", "--large-table-threshold", "10"];
    export(&url, plain.path(), &flags).ok();
    let mut sql = String::new();
    for (at, (name, value)) in EVIL.iter().enumerate() {
        let whose = if at % 2 == 0 { "ROLE teller".to_owned() } else { format!("DATABASE {db}") };
        writeln!(sql, "ALTER {whose} SET {name} = {value};").unwrap();
    }
    // On the role only: our own helpers must still get through.
    sql.push_str(
        "ALTER ROLE teller SET statement_timeout = '100ms'; ALTER ROLE teller SET lock_timeout = '5ms';",
    );
    server.sql("postgres", &sql);
    export(&url, evil.path(), &flags).ok();
    server.sql("postgres", &format!("ALTER DATABASE {db} RESET ALL"));
    for table in FAMILIES.iter().map(|(name, _)| *name).chain(["slow"]) {
        let (before, after) =
            (plain.path().join("public").join(table), evil.path().join("public").join(table));
        let parts = |dir: &Path| {
            let listed = manifest(dir)["files"].as_array().unwrap().clone();
            listed.iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(parts(&before), parts(&after), "{table}");
        for part in parts(&before) {
            let same = fs::read(before.join(&part)).unwrap() == fs::read(after.join(&part)).unwrap();
            assert!(same, "{table}/{part} differs");
        }
    }
}

#[test]
fn row_level_security_is_an_error_and_not_fewer_rows() {
    let server = PgServer::shared();
    let db = "secured";
    server.create_db(db);
    server.sql(db, "DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN;
        CREATE TABLE mine (id integer PRIMARY KEY, owner text); INSERT INTO mine VALUES (1, 'clerk'), (2, 'boss');
        ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON mine USING (owner = current_user);
        CREATE TABLE free (id integer); INSERT INTO free VALUES (1);
        GRANT SELECT ON mine, free TO clerk;");
    let out = tempfile::tempdir().unwrap();
    let run = export(&server.url_as("clerk", "x", db), out.path(), &[]);
    refused(run, &["row-level security", "table public.mine", "BYPASSRLS"]).never_says(&["GRANT USAGE"]);
    assert!(!out.path().join("public/mine/_manifest.json").exists());
    assert_nothing_visible(out.path());
    assert_same_values(&server.url(db), "public.free", &out.path().join("public/free"), &[]);
    // Who may see all rows gets all rows.
    server.sql(db, "ALTER ROLE clerk BYPASSRLS");
    export(&server.url_as("clerk", "x", db), out.path(), &[]).ok();
    assert_same_values(&server.url(db), "public.mine", &out.path().join("public/mine"), &[]);
}

/// A database in another encoding.
fn encoded(name: &str, encoding: &str) -> String {
    let server = PgServer::shared();
    server.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    server.sql(
        "postgres",
        &format!(
            "CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        ),
    );
    server.url(name)
}

#[test]
fn latin1_arrives_as_utf8() {
    let url = encoded("latin", "LATIN1");
    PgServer::shared().sql("latin", r#"
        CREATE TYPE mood AS ENUM (E'gl\xfccklich');
        CREATE TABLE U&"gr\00f6\00dfe" (id integer PRIMARY KEY, t text, c char(5), "char" "char", j json, b bytea, a text[], m mood);
        INSERT INTO U&"gr\00f6\00dfe" VALUES (1, E'\xe9\xff\x80', E'\xe4', 'x', E'"\xe9"', '\xe9', ARRAY[E'\xe9', NULL], E'gl\xfccklich');
        INSERT INTO U&"gr\00f6\00dfe" (id, t) SELECT g, chr(g) FROM generate_series(32, 255) g;"#);
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &[]).ok();
    let dir = fs::read_dir(out.path().join("public")).unwrap().next().unwrap().unwrap().path();
    assert_same_values(&url, "public.größe", &dir, &[]);
    let text = duck(&format!("SELECT t || c FROM read_parquet('{}/*.parquet') WHERE id = 1", dir.display()));
    assert_eq!(text, "éÿ\u{80}ä");
}

#[test]
fn text_that_has_no_utf8_is_refused_with_its_place() {
    let url = encoded("windows", "WIN1252");
    PgServer::shared().sql("windows", r"
        CREATE TABLE good (id integer PRIMARY KEY, t text); INSERT INTO good VALUES (1, E'\x80uro \x93quoted\x94');
        CREATE TABLE bad (id integer PRIMARY KEY, u text, t text);
        INSERT INTO bad SELECT g, 'plain', 'plain' FROM generate_series(1, 500) g;
        UPDATE bad SET t = E'hole \x81' WHERE id = 321;");
    let out = tempfile::tempdir().unwrap();
    let run = export(&url, out.path(), &["--where", "good: id > 0"]);
    refused(run, &["0x81", "table public.bad", "column t", "row id=321 ctid=(", "--columns"]);
    assert_same_values(&url, "public.good", &out.path().join("public/good"), &[]);
    assert_eq!(
        duck(&format!("SELECT t FROM '{}/public/good/*.parquet'", out.path().display())),
        "€uro “quoted”"
    );
    export(&url, out.path(), &["--where", "bad: id <> 321"]).ok();
    assert_same_values(&url, "public.bad", &out.path().join("public/bad"), &["--where", "id <> 321"]);
}

#[test]
fn sql_ascii_gives_utf8_or_names_the_row_that_is_not() {
    let url = encoded("any_bytes", "SQL_ASCII");
    PgServer::shared().sql(
        "any_bytes",
        r"
        CREATE TABLE good (id integer PRIMARY KEY, t text, c char(4));
        INSERT INTO good VALUES (1, E'\xc3\xa9', 'ab'), (2, '', NULL);
        CREATE TABLE bad (id integer PRIMARY KEY, u text, t text);
        INSERT INTO bad SELECT g, 'plain', 'plain' FROM generate_series(1, 500) g;
        UPDATE bad SET t = E'caf\xe9' WHERE id = 321;",
    );
    let out = tempfile::tempdir().unwrap();
    let run = export(&url, out.path(), &[]);
    refused(run, &["UTF-8", "table public.bad", "column t", "row id=321", "--columns"]);
    assert_nothing_visible(out.path());
    assert!(!out.path().join("public/bad/_manifest.json").exists());
    assert_same_values(&url, "public.good", &out.path().join("public/good"), &[]);
}

#[test]
fn the_files_say_what_the_columns_are() {
    let server = PgServer::shared();
    let url = server.create_db("shapes");
    server.sql("shapes", "CREATE DOMAIN cents AS numeric(12,2) NOT NULL; CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN sums AS numeric(5,1)[];
        CREATE TYPE pair AS (a integer, b text);
        CREATE TABLE shape (id integer PRIMARY KEY, gone text, i2 smallint NOT NULL, i8 bigint, f4 real, f8 float8,
            n9 numeric(9,3) NOT NULL, n38 numeric(38,10), n76 numeric(76,5), neg numeric(5,-3), tiny numeric(2,5),
            bare numeric, m money, u uuid NOT NULL, us uuid[], j json, jb jsonb NOT NULL, js jsonb[], t text NOT NULL,
            b bytea, d date, ts timestamp NOT NULL, tz timestamptz(3), ti time, iv interval, e mood, c cents, cs cents[], su sums,
            a integer[] NOT NULL, aa text[][], p pair, o oid, ok bool, odd int4range[]);
        ALTER TABLE shape DROP COLUMN gone;
        INSERT INTO shape (id, i2, n9, u, jb, t, ts, c, a) VALUES (1, 1, 1, '00000000-0000-0000-0000-000000000001', '1',
            '', now(), 1, '{}');");
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &[]).ok();
    let plain = schema(&out.path().join("public/shape"));
    for name in ["n76", "u", "j", "jb", "ti"] {
        assert_eq!(
            plain["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap()["type"],
            "string"
        );
        assert_eq!(plain["leaves"][name]["logical"]["Type"], "String", "{name}");
    }
    assert_same_values(&url, "public.shape", &out.path().join("public/shape"), &[]);
    export(&url, out.path(), &["--readers", "modern"]).ok();
    let dir = out.path().join("public/shape");
    assert_same_values(&url, "public.shape", &dir, &[]);
    let schema = schema(&dir);
    let fields = schema["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|f| f["name"] == name).unwrap();
    let declared_types = schema["metadata"]["lakexpress:source_types"].as_str().unwrap();
    let declared_types: Value = serde_json::from_str(declared_types).unwrap();
    for (name, arrow, declared) in [
        ("i2", "int16", "smallint"),
        ("n9", "decimal128(9, 3)", "numeric(9,3)"),
        ("n38", "decimal128(38, 10)", "numeric(38,10)"),
        ("n76", "decimal256(76, 5)", "numeric(76,5)"),
        ("neg", "decimal128(8, 0)", "numeric(5,-3)"),
        ("tiny", "decimal128(5, 5)", "numeric(2,5)"),
        ("bare", "string", "numeric"),
        ("m", "decimal128(19, 2)", "money"),
        ("b", "binary", "bytea"),
        ("d", "date32[day]", "date"),
        ("ts", "timestamp[us]", "timestamp without time zone"),
        ("tz", "timestamp[us, tz=UTC]", "timestamp(3) with time zone"),
        ("ti", "time64[us]", "time without time zone"),
        ("iv", "string", "interval"),
        ("e", "string", "public.mood"),
        ("c", "decimal128(12, 2)", "public.cents"),
        ("cs", "list<element: decimal128(12, 2)>", "public.cents[]"),
        ("su", "list<element: decimal128(5, 1)>", "public.sums"),
        ("a", "list<element: int32>", "integer[]"),
        ("aa", "list<element: list<element: string>>", "text[]"),
        ("o", "int64", "oid"),
        ("ok", "bool", "boolean"),
    ] {
        assert_eq!(field(name)["type"], arrow, "{name}");
        assert_eq!(declared_types[name], declared, "{name}");
    }
    let required = |name: &str| !field(name)["nullable"].as_bool().unwrap();
    for name in ["id", "i2", "n9", "u", "jb", "t", "ts", "a"] {
        assert!(required(name), "{name}");
    }
    assert!(!required("i8") && !required("c") && !required("d"));
    let leaves = &schema["leaves"];
    assert_eq!(leaves["id"]["required"], true);
    assert_eq!(leaves["i8"]["required"], false);
    for (leaf, logical) in [
        ("u", "UUID"),
        ("us.list.element", "UUID"),
        ("j", "JSON"),
        ("jb", "JSON"),
        ("js.list.element", "JSON"),
        ("t", "String"),
        ("n76", "Decimal"),
        ("d", "Date"),
        ("ti", "Time"),
    ] {
        assert_eq!(leaves[leaf]["logical"]["Type"], logical, "{leaf}");
    }
    assert_eq!(leaves["n38"]["logical"]["precision"], 38);
    assert_eq!(leaves["n38"]["logical"]["scale"], 10);
    assert_eq!(leaves["ts"]["logical"]["timeUnit"], "microseconds");
    assert_eq!(leaves["ts"]["logical"]["isAdjustedToUTC"], false);
    assert_eq!(leaves["tz"]["logical"]["isAdjustedToUTC"], true);
    let mut ids = Vec::new();
    collect_ids(fields, &mut ids);
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "field ids repeat: {ids:?}");
    // attnum, which outlives a dropped column.
    assert_eq!(field("i2")["metadata"]["PARQUET:field_id"], "3");
    let listed = manifest(&dir)["columns"].as_array().unwrap().clone();
    let n9 = listed.iter().find(|c| c["name"] == "n9").unwrap();
    assert_eq!((&n9["source_type"], &n9["verdict"]), (&"numeric(9,3)".into(), &"exact".into()));
}

/// The Parquet field id of every field, nested ones too.
fn collect_ids(fields: &[Value], into: &mut Vec<i32>) {
    for field in fields {
        into.push(field["metadata"]["PARQUET:field_id"].as_str().unwrap().parse().unwrap());
        collect_ids(field["children"].as_array().unwrap(), into);
    }
}

#[test]
fn inspect_gives_a_verdict_for_every_column() {
    let columns = inspected(matrix(), "numerics", &[]);
    assert_eq!(columns["c7"]["verdict"], "text");
    let note = columns["c7"]["note"].as_str().unwrap();
    assert!(note.contains("because Spark refuses") && note.contains("--readers modern"), "{note}");
    let columns = inspected(matrix(), "numerics", &["--readers", "modern"]);
    for (column, verdict) in [
        ("id", "exact"),
        ("c0", "exact"),
        ("c7", "exact"),
        ("c9", "text"),
        ("c10", "widened"),
        ("c12", "text"),
    ] {
        assert_eq!(columns[column]["verdict"], verdict, "{column}");
    }
    assert!(columns["c12"]["note"].as_str().unwrap().contains("--numeric"), "{:?}", columns["c12"]);
    assert!(columns["c0"]["note"].as_str().unwrap().contains("--special-values"), "{:?}", columns["c0"]);
    let asked =
        inspected(matrix(), "numerics", &["--numeric", "decimal:20,2", "--cast", "numerics.c0: text"]);
    assert_eq!(asked["c12"]["verdict"], "exact");
    assert_eq!(asked["c0"]["verdict"], "text");
    let arrays = inspected(matrix(), "arrays", &[]);
    assert!(arrays["c0"]["note"].as_str().unwrap().contains("dimension"), "{:?}", arrays["c0"]);
    let text = Run::new(["inspect", "--source", matrix(), "--include", "others"]).output().ok();
    assert!(text.stdout.contains("inet") && text.stdout.contains("text"), "{text}");
}
