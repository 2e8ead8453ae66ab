use super::*;
use crate::error::ErrorKind;

fn at(error: &Error) -> (String, String) {
    let value = |key: &str| {
        error.context().iter().find(|(k, _)| *k == key).map(|(_, v)| v.clone()).unwrap_or_default()
    };
    (value("line"), value("column"))
}

#[test]
fn a_script_has_names_comments_and_semicolons() {
    let sql = "-- the first\nCOPY (SELECT 1 AS a) TO 'one';;\n/* and\n a second */ copy (\n  WITH t AS (SELECT * FROM Orders o)\n  SELECT * FROM t\n) to 'two' STORED AS PARQUET;\nCOPY \"My\".x TO 'three'";
    let statements = parse_script(sql, "f.sql").expect("valid");
    let names: Vec<&str> = statements.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert_eq!(statements[1].tables, [TableReference::bare("orders")]);
    assert_eq!(statements[2].tables, [TableReference::partial("My", "x")]);
    assert_eq!(statements[2].sql, "SELECT * FROM \"My\".x");
    assert_eq!(statements[0].sql, "SELECT 1 AS a");
}

#[test]
fn what_is_wrong_with_a_script_has_a_place() {
    for (sql, line, column, part) in [
        ("COPY (SELECT 1) TO 'a';\nCOPY (SELECT FROM) TO 'b';", "2", "18", "Expected"),
        ("COPY (SELECT 1) TO 'a';\n  SELECT 2;", "2", "3", "SELECT is not something to export"),
        ("COPY (SELECT 1) TO 'a'\nCOPY (SELECT 1) TO 'b'", "2", "1", "end of statement"),
        ("COPY (SELECT 1) TO 'a';\nCOPY (SELECT 'x) TO 'b'", "2", "23", "Unterminated"),
        ("COPY (SELECT 1)", "1", "16", "TO clause"),
        ("COPY (SELECT 1) TO 'a';\n\n COPY (SELECT 2) TO 'A'", "3", "2", "two statements"),
        ("COPY (SELECT 1) TO 'a/b'", "1", "1", "not a path"),
        ("COPY (SELECT 1) TO 'a' STORED AS CSV", "1", "24", "Parquet"),
        ("COPY (SELECT 1) TO 'a' OPTIONS (x 1)", "1", "24", "flags"),
        ("DROP TABLE t", "1", "1", "DROP"),
        ("COPY (SELECT 1", "1", "15", "Expected"),
    ] {
        let error = parse_script(sql, "f.sql").expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(part), "{part} in {error}");
        assert_eq!(at(&error), (line.to_owned(), column.to_owned()), "{error}");
        assert!(error.context().contains(&("file", "f.sql".to_owned())), "{error}");
    }
    for empty in ["", " -- nothing\n", ";;"] {
        assert!(parse_script(empty, "f.sql").expect_err("empty").message().contains("no statement"));
    }
}

#[test]
fn the_command_line_takes_one_query() {
    let query = parse_query(" select * from a, b.c ; ", "n").expect("valid");
    assert_eq!(query.sql, "select * from a, b.c");
    assert_eq!(query.table().to_string(), "query.n");
    assert_eq!(query.tables.len(), 2);
    for (sql, name, part) in [
        ("", "n", "no query"),
        ("SELECT 1; SELECT 2", "n", "more than one"),
        ("INSERT INTO t VALUES (1)", "n", "INSERT"),
        ("SELECT 1", " ", "empty"),
        ("SELECT 1", "a.parquet", "not a path"),
        ("SELEC 1", "n", "Expected"),
    ] {
        let error = parse_query(sql, name).expect_err(sql);
        assert!(error.message().contains(part), "{part} in {error}");
    }
}
