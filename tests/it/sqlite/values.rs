//! Values of every declared type, and values that their column does not promise.

use super::{DATA, Database, SOME_FAILED};
use crate::lake::manifest;

#[test]
fn values_of_every_type_are_the_same_in_python_and_pyarrow() {
    let database = Database::new(
        "CREATE TABLE everything (
           id INTEGER PRIMARY KEY, small SMALLINT NOT NULL, yes BOOLEAN, price DECIMAL(15,2), big NUMERIC(38,0),
           loose NUMERIC, ratio DOUBLE, name VARCHAR(20), body TEXT, raw BLOB, born DATE, at TIMESTAMP,
           seen TIMESTAMPTZ, clock TIME, doc JSON, odd STRING, untyped);
         INSERT INTO everything (id, small) VALUES (-9223372036854775808, -1), (9223372036854775807, 1), (0, 0);
         INSERT INTO everything VALUES
           (1, 32767, 1, 901, 12345678901234567, 1.5, 0.1, 'é', 'x' || char(0) || 'y', x'00ff', '2024-02-29',
            '1969-12-31 23:59:59.999999', '2024-01-01T00:00:00+05:30', '23:59:59.5', '{\"a\":1}', 'abc', 7),
           (2, 0, 0, -0.07, '99999999999999999999', 'free text', -0.0, '', '', x'', '0001-01-01',
            '9999-12-31T00:00', '0001-01-01 00:00:00Z', '00:00', 17, 1.25, -7),
           (3, 0, NULL, 9999999999999.99, -1, 3, 1e308, '日本', NULL, zeroblob(100000), NULL, NULL, NULL, NULL, 2.5, 12, NULL);",
    );
    for readers in ["any", "modern"] {
        database.export(&["--readers", readers]).ok();
        database.assert_same("everything", 6);
    }
    let columns = manifest(&database.out("everything"))["columns"].clone();
    let type_of = |name: &str| {
        let column = columns.as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
        format!(
            "{} {} {}",
            column["arrow_type"].as_str().unwrap(),
            column["verdict"].as_str().unwrap(),
            column["nullable"]
        )
    };
    assert_eq!(type_of("id"), "Int64 exact false");
    assert_eq!(type_of("small"), "Int64 exact false");
    assert_eq!(type_of("price"), "Decimal128(15, 2) exact true");
    assert_eq!(type_of("loose"), "Utf8 text true");
    assert_eq!(type_of("seen"), "Timestamp(µs, \"UTC\") exact true");
    assert_eq!(type_of("untyped"), "Int64 exact true");
    let row = database.duck("everything", "SELECT price, loose, odd, doc, big FROM t WHERE id = 2");
    // SQLite itself stored the last, a text of 20 digits, as the double 1e20.
    assert_eq!(row, "-0.07|free text|1.25|17|100000000000000000000");
}

/// Table, column, value in SQL, and a word of the message.
const MISFITS: &[(&str, &str, &str)] = &[
    ("INTEGER", "'abc'", "TEXT 'abc' is not an integer"),
    ("INTEGER", "1.5", "REAL 1.5 is not an integer"),
    ("BOOLEAN", "2", "INTEGER 2 is not 0 or 1"),
    ("TEXT", "x'00'", "BLOB of 1 bytes is not text"),
    ("BLOB", "'x'", "TEXT 'x' is not a BLOB"),
    ("DATE", "1700000000", "INTEGER 1700000000 is not a date"),
    ("DATETIME", "2460000.5", "REAL 2460000.5 is not a timestamp"),
    ("DECIMAL(5,2)", "0.125", "REAL 0.125 is not a decimal(5,2)"),
    ("DECIMAL(5,2)", "'n/a'", "TEXT 'n/a' is not a decimal(5,2)"),
    ("", "'text after a number'", "TEXT 'text after a number' is not an integer"),
];

#[test]
fn a_misfit_names_table_column_rowid_and_remedy_and_travels_as_text_on_request() {
    for (declared, value, message) in MISFITS {
        // The good value comes first, the bad one under a rowid that is told.
        let good = match *declared {
            "DATE" => "'2024-01-01'",
            "DATETIME" => "'2024-01-01 00:00:00'",
            "BLOB" => "x'00'",
            "TEXT" => "'x'",
            _ => "1",
        };
        let database = Database::new(&format!(
            "CREATE TABLE t (c {declared}); INSERT INTO t(rowid, c) VALUES (1, {good}), (-77, NULL), (4711, {value});"
        ));
        let refused = database.export(&["--special-values", "null"]).exits_one_of(&[SOME_FAILED, DATA]);
        let refused = refused.says(&[message, "main.t", "column c", "rowid 4711"]);
        assert!(refused.stdout.contains("--cast 'main.t.c: text'"), "{refused}");
        assert!(!database.out("t").join("_manifest.json").exists(), "{declared} {value}");
        database.export(&["--cast", "main.t.c: text"]).ok();
        let text = database.connect().query_row(
            "SELECT CASE typeof(c) WHEN 'blob' THEN quote(c) ELSE CAST(c AS TEXT) END FROM t WHERE rowid = 4711",
            [],
            |row| row.get::<_, String>(0),
        );
        let kept = database.duck("t", "SELECT string_agg(c, ';' ORDER BY c) FROM t WHERE c IS NOT NULL");
        assert!(kept.split(';').any(|c| c == text.as_ref().unwrap()), "{declared} {value}: {kept}");
    }
}

#[test]
fn a_misfit_without_a_rowid_is_named_by_its_key() {
    let database = Database::new(
        "CREATE TABLE w (a TEXT, b INTEGER, c INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
         INSERT INTO w VALUES ('x', 1, 1), ('y', 2, 'oops'), ('z', 3, 3);
         CREATE VIEW v AS SELECT c FROM w;",
    );
    database.export(&["-i", "w,v"]).says(&["a='y' b=2", "number 2 of its part"]);
}

#[test]
fn text_that_is_not_utf8_and_null_where_there_is_none() {
    let database = Database::new(
        "CREATE TABLE bad (id INTEGER PRIMARY KEY, c TEXT); INSERT INTO bad VALUES (5, CAST(x'61ff' AS TEXT));
         CREATE TABLE hole (c TEXT); INSERT INTO hole VALUES ('x'), (NULL);
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE TABLE hole (c TEXT NOT NULL)' WHERE name = 'hole';",
    );
    let output = database.export(&[]).exits_one_of(&[SOME_FAILED, DATA]);
    output.says(&["not UTF-8", "rowid 5", "NULL in a column that the schema calls NOT NULL", "rowid 2"]);
}

#[test]
fn untyped_columns_of_a_view_have_the_type_of_their_values() {
    let database = Database::new(
        "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y');
         CREATE VIEW v AS SELECT count(*) AS n, avg(a) AS mean, max(b) AS last, NULL AS empty, sum(a) * 2 AS twice FROM t;",
    );
    database.export(&["-i", "v"]).ok();
    database.assert_same("v", 1);
    assert_eq!(database.duck("v", "SELECT n + 1, mean, last, \"empty\", twice FROM t"), "3|1.5|y||6");
}

#[test]
fn numbers_without_precision_are_what_the_flag_says() {
    let database = Database::new("CREATE TABLE t (c NUMERIC); INSERT INTO t VALUES (1), (2.25), ('7.125');");
    database.export(&["--numeric", "decimal:10,3"]).ok();
    assert_eq!(database.duck("t", "SELECT sum(c) FROM t"), "10.375");
    database.export(&["--numeric", "decimal:10,1"]).exits_one_of(&[SOME_FAILED, DATA]).says(&["2.25"]);
    database.export(&["--numeric", "double"]).ok();
    assert_eq!(database.duck("t", "SELECT sum(c) FROM t"), "10.375");
}

/// SQLite has no NaN, and an infinite number is a value: `--special-values null` changes no condition.
#[test]
fn t1_is_null_means_what_the_file_says() {
    let database = Database::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL, d DATE, ts TIMESTAMP, n DECIMAL(6,2));
         INSERT INTO t VALUES (1, NULL, NULL, NULL, NULL), (2, 1.5, '2024-01-01', '2024-01-01 00:00:00', 1.5),
             (3, 9e999, '9999-12-31', '9999-12-31 23:59:59', 0), (4, -9e999, '0001-01-01', NULL, -1);",
    );
    for column in ["r", "d", "ts", "n"] {
        for condition in ["{} IS NULL", "{} IS NOT NULL", "NOT ({} IS NULL)", "{} IS NULL OR id = 4"] {
            let condition = condition.replace("{}", column);
            database.export(&["--special-values", "null", "--where", &format!("t: {condition}")]).ok();
            let sql = format!(
                "SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM t WHERE {condition} ORDER BY id)"
            );
            let expected: String = database.connect().query_row(&sql, [], |row| row.get(0)).unwrap();
            let found = "SELECT coalesce(string_agg(id, ',' ORDER BY id), '')";
            assert_eq!(database.duck("t", &format!("{found} FROM t")), expected, "{condition}");
            assert_eq!(
                database.duck("t", &format!("{found} FROM t WHERE {condition}")),
                expected,
                "{condition}"
            );
        }
    }
}
