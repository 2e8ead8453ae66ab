//! What is selected.

use super::{by_default, declared, of_charset};

#[test]
fn most_columns_are_selected_as_they_are() {
    for column_type in [
        "int",
        "bit(3)",
        "decimal(5,2)",
        "date",
        "time",
        "timestamp",
        "char(3)",
        "enum('a')",
        "set('a')",
        "json",
        "blob",
        "point",
        "uuid",
        "inet4",
        "vector(2)",
        "float",
    ] {
        assert_eq!(by_default(&declared(column_type)).codec.select_sql("`c`"), "`c`", "{column_type}");
    }
    for charset in ["utf8mb3", "latin1", "ascii"] {
        let column = of_charset("enum('a')", charset, "x");
        assert_eq!(by_default(&column).codec.select_sql("`c`"), "`c`", "{charset}");
    }
}

#[test]
fn every_value_has_a_text() {
    for (column_type, expected) in [
        ("int", "CAST(c AS CHAR CHARACTER SET utf8mb4)"),
        ("date", "CAST(c AS CHAR CHARACTER SET utf8mb4)"),
        ("uuid", "CAST(c AS CHAR CHARACTER SET utf8mb4)"),
        ("json", "CAST(c AS CHAR CHARACTER SET utf8mb4)"),
        ("xmltype", "CAST(c AS CHAR CHARACTER SET utf8mb4)"),
        (
            "double",
            "IF(CAST(c AS CHAR CHARACTER SET utf8mb4) + 0e0 = c, CAST(c AS CHAR CHARACTER SET utf8mb4), NULL)",
        ),
        ("bit(9)", "CAST(c + 0 AS CHAR CHARACTER SET utf8mb4)"),
        (
            "float",
            "IF(CAST(c * 1e0 AS CHAR CHARACTER SET utf8mb4) + 0e0 = c * 1e0, \
             CAST(c * 1e0 AS CHAR CHARACTER SET utf8mb4), NULL)",
        ),
        ("blob", "CONCAT('0x', HEX(c))"),
        ("point", "CONCAT('0x', HEX(c))"),
        ("varchar(3)", "c"),
        ("enum('a')", "c"),
    ] {
        assert_eq!(by_default(&declared(column_type)).codec.text_sql("c"), expected, "{column_type}");
    }
    let column = of_charset("text", "latin1", "latin1_swedish_ci");
    assert_eq!(by_default(&column).codec.text_sql("c"), "CONVERT(c USING utf8mb4)");
    let column = of_charset("enum('a')", "binary", "binary");
    assert_eq!(by_default(&column).codec.text_sql("c"), "CAST(c AS CHAR CHARACTER SET utf8mb4)");
}

#[test]
fn another_character_set_is_converted_with_proof() {
    let sql = |charset: &str| by_default(&of_charset("text", charset, "x")).codec.select_sql("c");
    let text = "CONVERT(c USING utf8mb4)";
    let converted = sql("utf16");
    let proof = format!("CAST(CONVERT({text} USING utf16) AS BINARY) = CAST(c AS BINARY)");
    let expected = format!("COALESCE(IF({proof}, CAST({text} AS BINARY), NULL), IF(c IS NULL, NULL, X'FF'))");
    assert_eq!(converted, expected);
    // Where a question mark is one byte that no other character has, they are counted.
    assert!(sql("cp932").contains(" OR CHAR_LENGTH("));
}
