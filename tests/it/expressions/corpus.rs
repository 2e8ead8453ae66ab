//! The table `judge`: two columns of every type that expressions are about, with the values at which answers differ.

use std::fmt::Write as _;
use std::path::Path;

use crate::server::PgServer;

pub(super) const ROWS: usize = 48;

/// A type of the corpus: its name in `pg_type`, its name in SQL, the prefix of its columns and its values without NULL.
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    pub(super) column: &'static str,
    pub(super) values: &'static [&'static str],
}

impl Type {
    /// The `number`th (1 or 2) column of this type.
    pub(super) fn col(&self, number: usize) -> String {
        format!("{}{number}", self.column)
    }
}

const fn of(
    name: &'static str,
    sql: &'static str,
    column: &'static str,
    values: &'static [&'static str],
) -> Type {
    Type { name, sql, column, values }
}

/// No infinite dates: they are refused when they are read.
pub(super) const TYPES: &[Type] = &[
    of("bool", "boolean", "b", &["true", "false"]),
    of("int2", "smallint", "s", &["0", "1", "-1", "2", "3", "10", "-7", "32767", "-32768", "100", "5"]),
    of(
        "int4",
        "integer",
        "i",
        &["0", "1", "-1", "2", "3", "10", "-7", "2147483647", "-2147483648", "100", "65", "955"],
    ),
    of(
        "int8",
        "bigint",
        "l",
        &[
            "0",
            "1",
            "-1",
            "2",
            "3",
            "10",
            "-7",
            "9223372036854775807",
            "-9223372036854775808",
            "4294967296",
            "9007199254740993",
            "2147483648",
            "100",
        ],
    ),
    of(
        "numeric",
        "numeric(12,2)",
        "n",
        &[
            "0",
            "1",
            "-1",
            "2.50",
            "-2.50",
            "0.50",
            "-0.50",
            "1.50",
            "12.34",
            "0.01",
            "-0.01",
            "9999999999.99",
            "-9999999999.99",
            "100",
            "10",
            "3.00",
        ],
    ),
    of(
        "numeric",
        "numeric(38,10)",
        "m",
        &[
            "0",
            "1",
            "-1",
            "2.5",
            "-0.5",
            "0.0000000001",
            "12.34",
            "9999999999999999999999999999.9999999999",
            "-9999999999999999999999999999.9999999999",
            "1.0000000005",
            "3",
            "32767.5",
            "2147483647.4999999999",
            "9223372036854775807.5",
            "100",
        ],
    ),
    of(
        "numeric",
        "numeric(60,20)",
        "w",
        &[
            "0",
            "1",
            "-1",
            "2.5",
            "-0.5",
            "0.00000000000000000001",
            "12.34",
            "9999999999999999999999999999999999999999.99999999999999999999",
            "12.49999999999999999999",
            "1234567890.12345678901234567890",
            "3",
            "9007199254740993",
            "-2147483648.5",
            "10",
        ],
    ),
    of(
        "float4",
        "real",
        "r",
        &[
            "0",
            "-0",
            "1",
            "-1",
            "0.1",
            "2.5",
            "-2.5",
            "0.5",
            "1.5",
            "NaN",
            "Infinity",
            "-Infinity",
            "3.4028235e38",
            "1e-45",
            "16777216",
            "1e10",
            "123456.79",
            "3",
        ],
    ),
    of(
        "float8",
        "double precision",
        "f",
        &[
            "0",
            "-0",
            "1",
            "-1",
            "0.1",
            "2.5",
            "-2.5",
            "0.5",
            "1.5",
            "NaN",
            "Infinity",
            "-Infinity",
            "1.7976931348623157e308",
            "5e-324",
            "9007199254740993",
            "1e15",
            "1e16",
            "1e-5",
            "0.30000000000000004",
            "2147483647.5",
            "3",
            "12.34",
        ],
    ),
    of(
        "text",
        "text",
        "t",
        &[
            "",
            "a",
            "abc",
            "ABC",
            "abc ",
            " abc",
            "Größe",
            "ß",
            "日本語",
            "line\nbreak",
            "12",
            " 12 ",
            "12.5",
            "1e3",
            "true",
            "t",
            "2024-02-29",
            "2024-02-29 12:34:56+02",
            "%",
            "_",
            "a%c",
            "a_c",
            "a\\b",
            "\\",
            "NaN",
            "İ",
            "𝒳y",
            "e\u{301}",
            "\ttab",
            "550e8400-e29b-41d4-a716-446655440000",
            "12:34:56",
            "aXbXc",
            "-7",
        ],
    ),
    of(
        "varchar",
        "varchar(10)",
        "v",
        &[
            "",
            "a",
            "abc",
            "ABC",
            "abc ",
            " abc",
            "Größe",
            "ß",
            "日本語",
            "x\ny",
            "12",
            "12.5",
            "true",
            "a%c",
            "a_c",
            "a\\b",
            "1e3",
        ],
    ),
    of(
        "bpchar",
        "char(5)",
        "c",
        &["", "a", "ab", "abc", "ABC", "abcde", "Größe", " a", "12", "%", "a_c", "true", "é"],
    ),
    of(
        "bytea",
        "bytea",
        "y",
        &["\\x", "\\x00", "\\x61", "\\x616263", "\\xff", "\\x5c", "\\x00ff", "\\x25", "\\x2020"],
    ),
    of(
        "date",
        "date",
        "d",
        &[
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "2024-02-29",
            "2023-12-31",
            "2024-12-30",
            "0001-01-01",
            "9999-12-31",
            "0044-03-15 BC",
            "2021-01-03",
            "1582-10-15",
            "1900-03-01",
            "5874897-12-31",
            "4714-11-24 BC",
        ],
    ),
    of(
        "time",
        "time",
        "h",
        &["00:00:00", "23:59:59.999999", "12:34:56", "12:34:56.5", "01:02:03.000001", "12:00:00"],
    ),
    of(
        "timestamp",
        "timestamp",
        "p",
        &[
            "1970-01-01 00:00:00",
            "1969-12-31 23:59:59.999999",
            "2024-02-29 12:34:56.789012",
            "2024-02-29 00:00:00",
            "2000-01-01 00:00:00",
            "0001-01-01 00:00:00",
            "9999-12-31 23:59:59.999999",
            "294246-06-15 12:00:00.000001",
            "4714-11-24 00:00:00 BC",
            "0044-03-15 01:02:03 BC",
            "2024-12-31 23:59:59.5",
            "2024-02-29 12:34:56.5",
            "1677-09-21 00:12:43",
        ],
    ),
    of(
        "timestamptz",
        "timestamptz",
        "z",
        &[
            "1970-01-01 00:00:00+00",
            "1969-12-31 23:59:59.999999+00",
            "2024-02-29 12:34:56.789012+00",
            "2024-02-29 00:00:00+00",
            "2000-01-01 00:00:00+00",
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59.999999+00",
            "294246-06-15 12:00:00.000001+00",
            "4714-11-24 00:00:00+00 BC",
            "0044-03-15 01:02:03+00 BC",
            "2024-03-31 01:30:00+00",
            "2024-02-29 12:34:56.5+00",
        ],
    ),
    of(
        "uuid",
        "uuid",
        "u",
        &[
            "00000000-0000-0000-0000-000000000000",
            "550e8400-e29b-41d4-a716-446655440000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "61626364-0000-0000-0000-000000000000",
        ],
    ),
    // The order of an enum is not that of its labels.
    of("mood", "mood", "e", &["low", "mid", "high"]),
];

/// Which columns and values a corpus has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every type.
    Full,
    /// What SQLite has too: no NaN, no -0, years of four digits.
    Small,
}

impl Extent {
    pub(super) fn types(self) -> impl Iterator<Item = &'static Type> {
        let small = move |of: &&Type| {
            self == Self::Full || matches!(of.column, "b" | "l" | "n" | "f" | "t" | "y" | "d" | "p" | "z")
        };
        TYPES.iter().filter(small)
    }

    pub(super) fn values(self, of: &Type) -> Vec<&'static str> {
        let small = |value: &&str| match of.column {
            "f" => !matches!(*value, "NaN" | "-0"),
            "d" | "p" | "z" => !value.ends_with("BC") && value.find('-') == Some(4),
            _ => true,
        };
        of.values.iter().copied().filter(|value| self == Self::Full || small(value)).collect()
    }
}

/// The types called `name` in `pg_type`: three for `numeric`.
pub(super) fn types(name: &str) -> impl Iterator<Item = &'static Type> {
    TYPES.iter().filter(move |t| t.name == name)
}

pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The value of a column in a row; none for NULL. The two columns of a type are equal in every third row.
fn value(values: &[&'static str], number: usize, row: usize) -> Option<&'static str> {
    let at = if number == 1 || row.is_multiple_of(3) { row } else { row * 7 + 3 } % (values.len() + 1);
    at.checked_sub(1).map(|at| values[at])
}

/// The rows of `judge`, each value as `spelled` writes it.
fn rows(extent: Extent, spelled: impl Fn(&Type, &str) -> String) -> String {
    let mut sql = String::new();
    for row in 0..ROWS {
        write!(sql, "{}({}", if row > 0 { ",\n" } else { "" }, row + 1).unwrap();
        for of in extent.types() {
            let values = extent.values(of);
            for number in [1, 2] {
                sql += ", ";
                sql += &value(&values, number, row).map_or("NULL".to_owned(), |text| spelled(of, text));
            }
        }
        sql.push(')');
    }
    sql
}

fn columns(extent: Extent, declared: impl Fn(&Type) -> &'static str) -> String {
    let pair = |of: &Type| format!(", {0}1 {1}, {0}2 {1}", of.column, declared(of));
    extent.types().map(pair).collect()
}

/// A database with the corpus, in which texts are compared by bytes and `upper` knows every letter.
pub(super) fn database(server: &PgServer, name: &str, extent: Extent) -> String {
    server.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    server.sql(
        "postgres",
        &format!("CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"),
    );
    let sql = format!(
        "CREATE TYPE mood AS ENUM ('low', 'mid', 'high');\nCREATE TABLE judge (id integer PRIMARY KEY{});\n\
         INSERT INTO judge VALUES\n{};\nANALYZE judge;\n{}",
        columns(extent, |of| of.sql),
        rows(extent, |_, text| quote(text)),
        super::answers::FUNCTION
    );
    server.sql(name, &sql);
    server.url(name)
}

/// A SQLite file with the rows of the small corpus in `judge`, and copies of it: `x0`, `x1` and so on.
pub(super) fn sqlite(path: &Path, copies: usize) {
    let declared = |of: &Type| match of.column {
        "b" => "BOOLEAN",
        "l" => "BIGINT",
        "n" => "DECIMAL(12,2)",
        "f" => "DOUBLE",
        "t" => "TEXT",
        "y" => "BLOB",
        "d" => "DATE",
        "p" => "TIMESTAMP",
        "z" => "TIMESTAMPTZ",
        other => panic!("{other} is not in SQLite"),
    };
    let spelled = |of: &Type, text: &str| match (of.column, text) {
        ("b" | "l", _) => text.to_owned(),
        ("f", "Infinity") => "9e999".to_owned(),
        ("f", "-Infinity") => "-9e999".to_owned(),
        ("f", _) => text.to_owned(),
        ("y", _) => format!("X'{}'", &text[2..]),
        ("z", _) => quote(&text.replace("+00", "Z")),
        _ => quote(text),
    };
    let (columns, rows) = (columns(Extent::Small, declared), rows(Extent::Small, spelled));
    let mut sql =
        format!("CREATE TABLE judge (id INTEGER PRIMARY KEY{columns});\nINSERT INTO judge VALUES\n{rows};\n");
    for at in 0..copies {
        writeln!(sql, "CREATE TABLE x{at} (id INTEGER PRIMARY KEY{columns});").unwrap();
        writeln!(sql, "INSERT INTO x{at} SELECT * FROM judge;").unwrap();
    }
    rusqlite::Connection::open(path).unwrap().execute_batch(&sql).unwrap();
}
