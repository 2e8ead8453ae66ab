//! Conditions over values that become NULL here and are none at the server.

use std::fmt::Write;

use crate::lake::{duck, export};
use crate::server::PgServer;

/// Columns of the table, and the ids of the rows that have no value in the file.
const COLUMNS: [(&str, &str); 7] = [
    ("d", "1,3,4"),
    ("ts", "1,3,4"),
    ("tz", "1,3,4"),
    ("clock", "1,3"),
    ("n", "1,3,4"),
    ("wide", "1,3,4"),
    // It is NOT NULL at the server.
    ("strict", "3,4"),
];

/// With `{}` for the column.
const CONDITIONS: [&str; 9] = [
    "{} IS NULL",
    "{} IS NOT NULL",
    "NOT ({} IS NULL)",
    "NOT ({} IS NOT NULL)",
    "{} IS NULL AND id > 1",
    "{} IS NULL OR id = 2",
    "{} IS NOT NULL OR id = 4",
    "{} IS NOT DISTINCT FROM NULL",
    "CASE WHEN {} IS NULL THEN id > 3 ELSE id < 3 END",
];

/// Every condition over every column is a table, so that one export tests them all. What the rows of a table are, its
/// file says: that of the table without a condition, read by DuckDB.
#[test]
fn t1_is_null_means_what_the_file_says_of_special_values() {
    let server = PgServer::shared();
    let url = server.create_db("special_conditions");
    let mut sql =
        "CREATE TABLE whole (id integer PRIMARY KEY, d date, ts timestamp, tz timestamptz, clock time,
             n numeric(6,2), wide numeric(30,4), strict date NOT NULL);
         INSERT INTO whole VALUES (1, NULL, NULL, NULL, NULL, NULL, NULL, '2024-01-01'),
             (2, '2024-01-01', '2024-01-01', '2024-01-01', '12:00', 1.5, 1.5, '2024-01-01'),
             (3, 'infinity', 'infinity', 'infinity', '24:00', 'NaN', 'NaN', 'infinity'),
             (4, '-infinity', '-infinity', '-infinity', '00:00', 'NaN', 'NaN', '-infinity'),
             (5, '1999-12-31', '1999-12-31', '1999-12-31', '23:59', -7, -7, '1999-12-31');\n"
            .to_owned();
    let mut flags = vec!["--special-values".to_owned(), "null".into()];
    let mut asked = Vec::new();
    for (column, _) in COLUMNS {
        for condition in CONDITIONS {
            let (table, condition) = (format!("t{}", asked.len()), condition.replace("{}", column));
            writeln!(
                sql,
                "CREATE TABLE {table} (LIKE whole INCLUDING ALL); INSERT INTO {table} TABLE whole;"
            )
            .unwrap();
            flags.extend(["--where".into(), format!("{table}: {condition}")]);
            asked.push((table, condition));
        }
    }
    server.sql("special_conditions", &sql);
    let out = tempfile::tempdir().unwrap();
    export(&url, out.path(), &flags.iter().map(String::as_str).collect::<Vec<_>>()).ok();

    let rows = |table: &str| format!("read_parquet('{}/public/{table}/*.parquet')", out.path().display());
    for (column, nulls) in COLUMNS {
        let found = duck(&format!(
            "SELECT string_agg(id, ',' ORDER BY id) FROM {} WHERE {column} IS NULL",
            rows("whole")
        ));
        assert_eq!(found, nulls, "{column}");
    }
    let ids = |from: &str, condition: &str| {
        format!("(SELECT coalesce(string_agg(id, ',' ORDER BY id), '') FROM {from} WHERE {condition})")
    };
    let select: Vec<String> = asked
        .iter()
        .enumerate()
        .map(|(n, (table, condition))| {
            let (found, expected) = (ids(&rows(table), "true"), ids(&rows("whole"), condition));
            format!("SELECT {n}, {found}, {expected}")
        })
        .collect();
    let compared = duck(&format!("{} ORDER BY 1", select.join(" UNION ALL ")));
    assert_eq!(compared.lines().count(), asked.len());
    for ((_, condition), line) in asked.iter().zip(compared.lines()) {
        let (_, line) = line.split_once('|').unwrap();
        let (found, expected) = line.split_once('|').unwrap();
        assert_eq!(found, expected, "{condition}");
    }
}
