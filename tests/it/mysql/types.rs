//! Every value of every type is the server's own value, or a loud error that names its column and row.

use std::fmt::Write;

use serde_json::Value;

use super::matrix::{EXACT, REFUSED, has};
use super::{DATA, Database, SOME_FAILED, error_of, inspected, summary};
use crate::lake::{Run, manifest, script};
use crate::mariadb::MariaDb;

/// Values as they come, and no error for one that is out of range in strict modes.
const PREPARE: &str = "SET NAMES utf8mb4; SET SESSION sql_mode = '', time_zone = '+00:00';\n";

/// Type and value of each row of the matrix that this server has.
fn values(mysql: bool) -> Vec<(&'static str, &'static str)> {
    let listed = EXACT.iter().filter(|(of, ..)| has(mysql, *of));
    listed.flat_map(|(_, kind, values)| values.iter().map(|value| (*kind, *value))).collect()
}

/// A table for each value, so that one that is refused hides no other; `NULL` is a value too.
fn tables(prefix: &str, values: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let mut sql = PREPARE.to_owned();
    for (at, (kind, value)) in values.enumerate() {
        writeln!(
            sql,
            "CREATE TABLE {prefix}{at:03} (id int PRIMARY KEY, v {kind}) CHARACTER SET utf8mb4;
             INSERT IGNORE INTO {prefix}{at:03} VALUES (77, {value});"
        )
        .unwrap();
    }
    sql
}

/// A table for each type, with all its values and NULL between them.
fn families(mysql: bool) -> String {
    let mut sql = PREPARE.to_owned();
    for (at, (_, kind, values)) in EXACT.iter().filter(|(of, ..)| has(mysql, *of)).enumerate() {
        writeln!(sql, "CREATE TABLE k{at:03} (id int PRIMARY KEY, v {kind}) CHARACTER SET utf8mb4;").unwrap();
        for (id, value) in values.iter().enumerate() {
            writeln!(
                sql,
                "INSERT IGNORE INTO k{at:03} VALUES ({}, {value}), ({}, NULL);",
                id * 2,
                id * 2 + 1
            )
            .unwrap();
        }
    }
    sql
}

/// How many values of the matrix are not NULL.
fn filled(values: &[(&str, &str)]) -> u64 {
    values.iter().filter(|(_, value)| *value != "NULL").count() as u64
}

#[test]
fn every_value_is_the_servers_own_or_refused_with_its_place_and_remedy() {
    let mysql = MariaDb::shared().is_mysql();
    let values = values(mysql);
    let database = Database::new("my_values", &tables("v", values.iter().copied()));
    let output = database.export(&["-p", "4", "--json"]).no_panic();
    let summary = summary(&output);
    let refused: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(at, value)| (value, error_of(&summary, &format!("v{at:03}"))))
        .filter(|(_, error)| !error.is_empty())
        .map(|((kind, value), error)| format!("{kind} {}: {error}", &value[..value.len().min(60)]))
        .collect();
    let compared = database.compare(&[]);
    let said: Value = serde_json::from_str(&compared.stdout).unwrap_or_else(|e| panic!("{e}\n{compared}"));
    let must = refuse_odd_values();
    let (exact, all) = (said["values"].as_u64().unwrap(), values.len() + must);
    println!(
        "{all} hostile values: {exact} exact ({} by both readers), {} refused, {} wrong",
        said["by_two_readers"],
        refused.len() + must,
        said["problems"].as_array().unwrap().len()
    );
    assert_eq!(compared.code, Some(0), "{}", said["problems"]);
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert_eq!(said["odd"], 0, "{said}");
    // Every row has its id, and all but a few a value.
    assert_eq!(exact, values.len() as u64 + filled(&values), "{said}");
    assert!(all >= 300, "only {all} values");
    assert!((refused.len() + must) * 25 <= all, "more than 4 % of {all} are refused");
}

/// Each fails its own table; the message names table, column, row, value and what to do. How many there are.
fn refuse_odd_values() -> usize {
    let odd = REFUSED.iter().map(|(kind, value, _)| (*kind, *value));
    let database = Database::new("my_odd", &tables("o", odd));
    let output = database.export(&["-p", "2", "--json"]).exits_one_of(&[SOME_FAILED, DATA]);
    let summary = summary(&output);
    for (at, (kind, value, words)) in REFUSED.iter().enumerate() {
        let table = format!("o{at:03}");
        let error = error_of(&summary, &table);
        // What is no text cannot be had as text.
        let remedy = if kind.contains("char") { "--columns" } else { "--cast" };
        for word in [*words, "77", "my_odd", &table, remedy] {
            assert!(error.contains(word), "{kind} {value}: no {word:?} in {error:?}");
        }
        assert!(!database.out(&table).join("_manifest.json").exists(), "{kind} {value}");
    }
    // As text all but what is no text can be had, in the server's own words.
    for (at, (kind, _, words)) in REFUSED.iter().enumerate().filter(|(_, (kind, ..))| !kind.contains("char"))
    {
        let table = format!("o{at:03}");
        database.export(&["-i", &table, "--cast", &format!("my_odd.{table}.v: text")]).ok();
        let text = database.query(&format!("SET time_zone = '+00:00'; SELECT CAST(v AS char) FROM {table}"));
        assert!(text.contains(words), "{kind}: {text}");
        assert_eq!(database.duck(&table, "SELECT v FROM t"), text, "{kind}");
    }
    // Or NULL, where the flag says so.
    let dates: Vec<usize> = (0..REFUSED.len()).filter(|at| REFUSED[*at].0.contains("date")).collect();
    for at in dates {
        let table = format!("o{at:03}");
        database.export(&["-i", &table, "--special-values", "null"]).ok();
        assert_eq!(database.duck(&table, "SELECT count(*), count(v) FROM t"), "1|0", "{}", REFUSED[at].0);
    }
    REFUSED.len()
}

#[test]
fn every_type_is_exact_for_all_readers_in_parts_and_hashed() {
    let mysql = MariaDb::shared().is_mysql();
    let database = Database::new("my_kinds", &families(mysql));
    let expected = 3 * values(mysql).len();
    for extra in [
        &["-p", "4"][..],
        &["--readers", "modern", "-p", "2", "--verify", "hash"],
        &["--verify", "hash", "--compression", "none"],
        &[
            "--readers",
            "modern",
            "--table-config",
            "%:RangeId:id:3",
            "--large-table-threshold",
            "1",
            "--verify",
            "count",
        ],
    ] {
        let output = database.export(extra).ok();
        let said = database.assert_same(&[]);
        assert!(said["absent"].as_array().unwrap().is_empty(), "{said}\n{output}");
        let rows = usize::try_from(said["rows"].as_u64().unwrap()).unwrap();
        assert_eq!(rows * 3, expected * 2, "{extra:?}: {said}");
    }
}

/// Session settings of the server or the user never change a value.
#[test]
fn settings_of_the_server_change_no_value() {
    let connect = "SET NAMES latin1; SET sql_select_limit = 1, sql_safe_updates = 1, time_zone = '+05:00'";
    let settings = [
        "--default-time-zone=-03:30",
        "--character-set-server=latin1",
        &format!("--init-connect={connect}"),
        "--group-concat-max-len=4",
        "--max-join-size=1000",
        "--default-week-format=3",
        "--div-precision-increment=0",
        "--lower-case-table-names=1",
        "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH",
    ];
    // What MySQL takes: names are settled when its directory is made.
    let common = if MariaDb::shared().is_mysql() { 7 } else { settings.len() };
    let server = MariaDb::start_with(&settings[..common]);
    let sql = families(server.is_mysql());
    let database = Database::on(&server, "my_settings", &sql);
    database.create_user("plain_user", &["SELECT ON my_settings.*", "RELOAD ON *.*"]);
    database.export_as("plain_user", &["-p", "3"]).ok();
    let said = database.assert_same(&[]);
    assert!(said["absent"].as_array().unwrap().is_empty(), "{said}");
}

#[test]
fn columns_of_every_kind_have_the_promised_type() {
    let database = Database::new(
        "my_types",
        "CREATE TABLE t (id int unsigned NOT NULL PRIMARY KEY, a tinyint, b tinyint unsigned, c smallint, d smallint unsigned,
           e mediumint unsigned, f bigint unsigned, g bit(1), h bit(64), i year, j decimal(10,2), k decimal(50,3), l float,
           m double, n date, o datetime(3), p timestamp(6) NULL, q time(6), r varchar(10) NOT NULL, s enum('x'), t set('x'),
           u varbinary(3), w geometry, x boolean, y json);
         INSERT INTO t (id, r, a) VALUES (1, '', NULL);",
    );
    let expected = [
        ("id", "Int64"),
        ("a", "Int16"),
        ("b", "Int16"),
        ("c", "Int16"),
        ("d", "Int32"),
        ("e", "Int32"),
        ("f", "Decimal128(20, 0)"),
        ("g", "Int64"),
        ("h", "Decimal128(20, 0)"),
        ("i", "Int16"),
        ("j", "Decimal128(10, 2)"),
        ("l", "Float32"),
        ("m", "Float64"),
        ("n", "Date32"),
        ("o", "Timestamp(µs)"),
        ("p", "Timestamp(µs, \"UTC\")"),
        ("r", "Utf8"),
        ("s", "Utf8"),
        ("t", "Utf8"),
        ("u", "Binary"),
        ("w", "Binary"),
        ("x", "Int16"),
        ("y", "Utf8"),
    ];
    database.export(&["--readers", "modern"]).ok();
    let columns = manifest(&database.out("t"))["columns"].clone();
    for (name, arrow) in expected {
        let column = columns.as_array().unwrap().iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(column["arrow_type"], arrow, "{name}: {column}");
        let required = matches!(name, "id" | "r");
        assert_eq!(column["nullable"], !required, "{name}");
    }
    let inspected = inspected(&database.url(), "t", &[]);
    assert_eq!(inspected["j"]["verdict"], "exact", "{}", inspected["j"]);
    assert_eq!(inspected["d"]["verdict"], "widened", "{}", inspected["d"]);
}

#[test]
fn generated_invisible_and_virtual_columns_are_columns() {
    let maria = !MariaDb::shared().is_mysql();
    let invisible = if maria { "secret int INVISIBLE DEFAULT 7" } else { "secret int DEFAULT 7 INVISIBLE" };
    let database = Database::new(
        "my_generated",
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY, a int, twice bigint AS (a * 2) VIRTUAL, thrice bigint AS (a * 3) STORED,
               body varchar(20) AS (concat('n', a)) VIRTUAL, {invisible});
             INSERT INTO t (id, a) VALUES (1, 10), (2, NULL), (3, -5);"
        ),
    );
    database.export(&["--verify", "hash"]).ok();
    database.assert_table("t", 3);
    assert_eq!(database.duck("t", "SELECT sum(secret), sum(twice), max(body) FROM t"), "21|10|n10");
}

#[test]
fn geometries_are_geoparquet_with_longitude_first() {
    let point = if MariaDb::shared().is_mysql() { "POINT(52.5 13.4)" } else { "POINT(13.4 52.5)" };
    let database = Database::new(
        "my_places",
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY, at point);
             INSERT INTO t VALUES (1, ST_GeomFromText('{point}', 4326));
             CREATE TABLE mixed (id int PRIMARY KEY, at geometry);
             INSERT INTO mixed VALUES (1, ST_GeomFromText('{point}', 4326)), (2, ST_GeomFromText('POINT(1 2)', 0));"
        ),
    );
    let output = database.export(&["--json"]).exits_one_of(&[SOME_FAILED, DATA]);
    let error = error_of(&summary(&output), "mixed");
    assert!(error.contains("SRID") && error.contains("--cast"), "{error}");
    database.assert_table("t", 1);
    let file = database.out("t").join("part-00000.parquet");
    let schema = script("schema.py", [&file]).ok().stdout;
    assert!(schema.contains("geo"), "{schema}");
    // As both servers keep it: 13.4 and then 52.5, in little-endian order.
    let kept = database.query("SELECT SUBSTRING(HEX(at), 19) FROM t");
    assert_eq!(kept, "CDCCCCCCCCCC2A400000000000404A40");
}

/// MariaDB 11.7 and MySQL 9 have vectors.
#[test]
fn vectors_are_lists_of_their_numbers() {
    let server = MariaDb::shared();
    let make = if server.is_mysql() { "STRING_TO_VECTOR" } else { "VEC_FromText" };
    if server.attempt("mysql", &format!("SELECT hex({make}('[1,2]'))")).is_err() {
        println!("{} has no vectors", server.version());
        return;
    }
    let database = Database::new(
        "my_vectors",
        &format!(
            "CREATE TABLE t (id int PRIMARY KEY, v vector(3));
             INSERT INTO t VALUES (1, {make}('[1, -2.5, 0.1]')), (2, NULL), (3, {make}('[0, 33554432.5, 0.0000001]'));"
        ),
    );
    for extra in [&[][..], &["--readers", "modern"]] {
        database.export(extra).ok();
        database.assert_table("t", 3);
    }
}

#[test]
fn a_value_too_many_is_named_by_a_composite_key_and_without_any() {
    let database = Database::new(
        "my_named",
        "SET sql_mode = '';
         CREATE TABLE pair (a varchar(5), b int, v date, PRIMARY KEY (a, b));
         INSERT INTO pair VALUES ('x', 1, '2024-01-01'), ('y', 2, '0000-00-00');
         CREATE TABLE heap (v date);
         INSERT INTO heap VALUES ('2024-01-01'), ('0000-00-00');",
    );
    let output = Run::new(["export", "--source", &database.url(), "--output-dir"]).args([&database.lake()]);
    let output = output.args(["--json"]).output().exits_one_of(&[SOME_FAILED, DATA]);
    let summary = summary(&output);
    let (pair, heap) = (error_of(&summary, "pair"), error_of(&summary, "heap"));
    assert!(pair.contains("a='y'") && pair.contains("b=2"), "{pair}");
    assert!(heap.contains("number 2"), "{heap}");
}
