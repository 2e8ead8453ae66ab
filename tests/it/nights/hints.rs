//! What a new user is told: hints, counts and names.

use std::path::Path;

use rusqlite::Connection;

use crate::lake::{Output, Run, export, export_args};
use crate::server::PgServer;

const USAGE: i32 = 2;
const CONFIG: i32 = 78;
const DENIED: i32 = 77;

/// A shop in PostgreSQL, with a schema of its own.
fn shop(db: &str) -> String {
    let server = PgServer::shared();
    server.create_db(db);
    server.sql(
        db,
        "CREATE SCHEMA shop;
         CREATE TABLE shop.customers (id integer, country text, \"Mixed\" text);
         CREATE TABLE shop.orders (id integer, amount numeric, price numeric(10, 2), j jsonb, u uuid, country text);
         INSERT INTO shop.customers VALUES (1, 'de', 'x');
         INSERT INTO shop.orders VALUES (1, 1.5, 2.5, '{}', gen_random_uuid(), 'de');
         CREATE VIEW shop.dear AS SELECT * FROM shop.orders;",
    );
    server.url(db)
}

fn refused(url: &str, extra: &[&str]) -> Output {
    let out = tempfile::tempdir().unwrap();
    export(url, out.path(), extra).exits(USAGE)
}

fn asked(url: &str, sql: &str, extra: &[&str]) -> Output {
    let out = tempfile::tempdir().unwrap();
    let words = ["query", sql, "--source", url, "--output-dir", out.path().to_str().unwrap(), "--name", "q"];
    Run::new(words.iter().chain(extra)).output()
}

#[test]
fn a_text_in_double_quotes_is_told_to_be_in_single_ones() {
    let url = shop("hints_quotes");
    let right = ["single quotes", "'de'"];
    for text in ["\"de\"", "“de”"] {
        refused(&url, &["--where", &format!("customers: country = {text}")])
            .says(&right)
            .never_says(&["did you mean id"]);
    }
    asked(&url, "SELECT id FROM shop.customers WHERE country = \"de\"", &[])
        .exits(USAGE)
        .says(&right)
        .never_says(&["did you mean id"]);
    // A name that is nearly right is still a name.
    refused(&url, &["--where", "customers: \"contry\" = 'de'"]).says(&["did you mean country?"]);
    refused(&url, &["--where", "customers: contry = 'de'"])
        .says(&["did you mean country?"])
        .never_says(&["single quotes"]);
    refused(&url, &["--where", "customers: mixed = 'x'"]).says(&["did you mean \"Mixed\"?", "double quotes"]);
    asked(&url, "SELECT mixed FROM shop.customers", &[]).exits(USAGE).says(&["did you mean \"Mixed\"?"]);
    refused(&url, &["--where", "customers: \"Country\" = 'x'"]).says(&["did you mean country?"]);
}

#[test]
fn a_pattern_that_matches_nothing_is_told_why() {
    let url = shop("hints_patterns");
    refused(&url, &["--include", "ord*"]).says(&["% and not *", "'ord%'"]);
    refused(&url, &["--include", "shop.*"]).says(&["% and not *", "'shop.%'"]);
    refused(&url, &["--where", "ord*: id = 1"]).says(&["% and not *", "'ord%'"]);
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &["--exclude", "ord*"]).ok().says(&["matches no table", "'ord%'"]);
    refused(&url, &["--source-schema-name", "sh*"]).says(&["'sh%'"]);
    // What is there and left out is not misspelt.
    let rule = ["--where", "orders: id = 1"];
    for (flags, why) in [
        (&["--include", "customers"][..], "left out by --include"),
        (&["--exclude", "orders"], "left out by --exclude"),
        (&["--source-schema-name", "public", "--include", "pub%"], ""),
    ] {
        if !why.is_empty() {
            refused(&url, &[flags, &rule].concat()).says(&["shop.orders", why]).never_says(&["did you mean"]);
        }
    }
    refused(&url, &["--where", "dear: id = 1"]).says(&["shop.dear is a view", "--include"]);
    refused(&url, &["--where", "ordres: id = 1"]).says(&["did you mean shop.orders?"]);
}

#[test]
fn a_condition_that_sees_too_much_is_sent_to_query() {
    let url = shop("hints_conditions");
    for condition in [
        "id IN (SELECT id FROM shop.customers)",
        "EXISTS (SELECT 1 FROM customers)",
        "id = (SELECT max(id) FROM shop.orders)",
        "sum(price) > 1",
    ] {
        let output = refused(&url, &["--where", &format!("orders: {condition}")]);
        output.says(&["--where", "one row only", "lakexpress query", "--source-where", "shop.orders"]);
    }
    refused(&url, &["--columns", "orders: id, (SELECT max(id) FROM shop.customers) AS m"]).says(&[
        "--columns",
        "one row only",
        "lakexpress query",
        "--source-columns",
    ]);
}

#[test]
fn numbers_that_are_texts_and_texts_that_are_no_numbers() {
    let url = shop("hints_numbers");
    for sql in ["avg(amount)", "sum(amount)", "max(amount)", "amount + 1", "CAST(amount AS numeric(20,4))"] {
        let sql = format!("SELECT {sql} AS x FROM shop.orders");
        asked(&url, &sql, &[]).exits(USAGE).says(&["--numeric measure", "--source-sql"]).never_says(&[
            "DataFusion",
            "bug",
            "candidate",
            "Decimal",
            "Utf8",
        ]);
        asked(&url, &sql, &["--numeric", "measure"]).ok();
    }
    asked(&url, "SELECT avg(country) AS x FROM shop.orders", &[])
        .exits(USAGE)
        .says(&["avg", "CAST(column AS numeric"])
        .never_says(&["bug", "Utf8"]);
    refused(&url, &["--where", "orders: amount > 1"]).says(&["--numeric measure", "--source-where"]);
    refused(&url, &["--where", "orders: price = 'abc'"])
        .says(&["\"abc\"", "numeric"])
        .never_says(&["Decimal"]);
    refused(&url, &["--where", "orders: id = 'abc'"]).says(&["\"abc\"", "integer"]).never_says(&["Arrow"]);
    refused(&url, &["--where", "orders: j->>'a' = '1'"]).says(&["operator ->>", "--source-where"]);
    refused(&url, &["--where", "orders: u = country"]).says(&["uuid = text", "--source-where"]);
}

#[test]
fn words_of_other_programs_are_answered() {
    let url = shop("hints_words");
    for flag in ["--source-schema-name", "--include", "--where", "--columns", "--views"] {
        let output = asked(&url, "SELECT id FROM orders", &[flag, "shop"]).exits(USAGE);
        output.says(&[flag, "in its SQL", "FROM shop.orders"]).never_says(&["--source-db-name'"]);
    }
    let copy = "COPY (SELECT id FROM shop.orders) TO 'x' (FORMAT PARQUET)";
    asked(&url, copy, &[]).exits(USAGE).says(&["COPY (SELECT ...) TO 'name'", "Parquet files"]);
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("s.sql");
    std::fs::write(&script, format!("{copy};")).unwrap();
    let words = ["query", "--source", &url, "--output-dir", "o", "--script", script.to_str().unwrap()];
    Run::new(words).current_dir(dir.path()).output().exits(USAGE).says(&["no options", "Parquet files"]);
}

#[test]
fn a_wrong_password_is_said_once() {
    let server = PgServer::start_with(&[], "host all all 127.0.0.1/32 scram-sha-256");
    server.sql("postgres", "CREATE ROLE reader LOGIN PASSWORD 'right'");
    let out = tempfile::tempdir().unwrap();
    let output = export(&server.url_as("reader", "wrong", "postgres"), out.path(), &["-q"]).exits(DENIED);
    assert_eq!(output.stderr.matches("password authentication failed").count(), 1, "{output}");
}

#[test]
fn a_place_where_no_directory_can_be_made_is_a_wrong_flag_and_not_worth_a_retry() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("x.db");
    Connection::open(&db).unwrap().execute_batch("CREATE TABLE t (id integer)").unwrap();
    let begun = std::time::Instant::now();
    let url = format!("sqlite://{}", db.display());
    let output = export(&url, Path::new("/proc/lakexpress/below"), &[]).exits(CONFIG);
    output.says(&["/proc/lakexpress", "--output-dir"]).never_says(&["lakexpress resume"]);
    assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
}

#[test]
fn lines_count_one_thing_as_one_and_say_a_moment_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("x.db");
    Connection::open(&db)
        .unwrap()
        .execute_batch("CREATE TABLE t (id integer); INSERT INTO t VALUES (1);")
        .unwrap();
    let url = format!("sqlite://{}", db.display());
    let lake = dir.path().join("lake");
    let output = export(&url, &lake, &[]).ok().says(&[
        "1 table from",
        "about 1 row, ",
        "1 part\n",
        "1 row in 1 file, ",
        "snapshot: consistency run",
    ]);
    let plan = Run::new(["plan", "--source", &url]).output().ok();
    let report = Run::new(["verify", lake.to_str().unwrap()]).output().ok();
    for (text, right) in [
        (&output.stdout, "completed: 1 of 1 table, 1 row in 1 file, "),
        (&plan.stdout, "1 table, about 1 row, "),
        (&plan.stdout, "1 part in main/t"),
        (&report.stdout, "the table is as its manifest says"),
        (&report.stdout, "1 row in 1 file, "),
    ] {
        assert!(text.contains(right), "{right}\n{text}");
    }
    for text in [&output.stdout, &output.stderr, &plan.stdout, &report.stdout] {
        for wrong in ["(s)", "1 tables", " 1 rows", " 1 files", "snapshot {", "sqlite:////"] {
            assert!(!text.contains(wrong), "{wrong}\n{text}");
        }
    }
}

#[test]
fn readers_are_called_parallel_and_the_old_name_still_works() {
    for words in [&["export", "--help"][..], &["man", "export"], &["completions", "bash"]] {
        let output = Run::new(words).output().ok();
        assert!(output.stdout.replace('\\', "").contains("--parallel"), "{words:?}");
        assert!(!output.stdout.replace('\\', "").contains("--fastbcp-p "), "{words:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("x.db");
    Connection::open(&db)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
             SELECT i AS id, hex(randomblob(50)) AS x FROM n; ANALYZE;",
        )
        .unwrap();
    let url = format!("sqlite://{}", db.display());
    let readers = |run: Run| {
        let output = run.args(["--large-table-threshold", "10"]).output().ok();
        let line = output.stdout.lines().find(|line| line.contains("readers")).unwrap().to_owned();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let plan = || Run::new(["plan", "--source", &url]);
    assert_eq!(readers(plan().args(["--parallel", "3"])), "3");
    for old in ["--fastbcp-p", "--fastbcp_p", "-p"] {
        assert_eq!(readers(plan().args([old, "3"])), "3", "{old}");
    }
    assert_eq!(readers(plan().env("LAKEXPRESS_PARALLEL", "3")), "3");
    assert_eq!(readers(plan().env("LAKEXPRESS_FASTBCP_P", "3")), "3");
    assert_eq!(readers(plan().env("LAKEXPRESS_FASTBCP_P", "3").env("LAKEXPRESS_PARALLEL", "")), "3");
    assert_eq!(readers(plan().env("LAKEXPRESS_FASTBCP_P", "1").args(["-p", "3"])), "3");
    assert_eq!(readers(plan().env("LAKEXPRESS_FASTBCP_P", "1").env("LAKEXPRESS_PARALLEL", "3")), "3");
}

#[test]
fn tables_that_were_never_begun_are_one_line_of_an_interrupted_run() {
    let server = PgServer::start();
    server.create_db("many");
    let tables: Vec<String> = (0..12).map(|n| format!("CREATE TABLE t{n:02} (id integer);")).collect();
    server.sql("many", &tables.concat());
    // The first two tables stay busy: their rows come slowly.
    server.sql(
        "many",
        "CREATE VIEW a1 AS SELECT i, pg_sleep(0.5)::text AS s FROM generate_series(1, 200) i;
        CREATE VIEW a2 AS TABLE a1; ANALYZE;",
    );
    let out = tempfile::tempdir().unwrap();
    let words = ["--views", "--n-jobs", "2"];
    let running = Run::new(export_args(&server.url("many"), out.path(), &words)).spawn();
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    for _ in 0..200 {
        if server.query("many", busy).trim() == "2" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &running.pid().to_string()]).status();
    assert!(killed.unwrap().success());
    let output = running.finish().exits(130);
    assert_eq!(output.stderr.matches("| ERROR |").count(), 3, "{output}");
    output.says(&["12 tables not begun: the run was interrupted"]);
}
