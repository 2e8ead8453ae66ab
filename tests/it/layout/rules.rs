//! Rules about the layout that are refused before anything is read, and those that only seem wrong by the statistics of the
//! table. The source is SQLite, which needs no server.

use crate::lake::Run;
use crate::sqlite::{Database, parts};

fn orders() -> Database {
    Database::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, region TEXT); CREATE TABLE people (id INTEGER PRIMARY KEY);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 4000)
           INSERT INTO orders SELECT n, 'region ' || n % 3 FROM s;",
    )
}

#[test]
fn statistics_of_a_table_say_nothing_of_other_rows() {
    let database = orders();
    let rule = ["-i", "orders", "--max-partitions", "100", "--partition-by", "orders: id"];
    let refused = Run::new(["plan", "--source", &database.url()]).args(rule).output().exits(1);
    assert!(refused.stdout.contains("the table would have about 4000 partitions"), "{refused}");
    for (flag, sql, partitions) in [
        ("--where", "orders: id <= 5", 5),
        ("--source-where", "orders: id <= 5", 5),
        ("--columns", "orders: id % 7 AS id, region", 7),
        ("--source-columns", "orders: id % 7 AS id, region", 7),
    ] {
        database.export(&[&rule[..], &[flag, sql]].concat()).ok();
        assert_eq!(parts(&database.out("orders")), partitions, "{flag}");
    }
}

#[test]
fn a_rule_about_a_table_that_is_not_exported_is_named() {
    let database = orders();
    for (flag, rest) in [
        ("--partition-by", "region"),
        ("--sort-by", "id"),
        ("--bloom-filter", "id"),
        ("--column-compression", "id=none"),
    ] {
        let (misspelt, left_out) = (format!("ordres: {rest}"), format!("people: {rest}"));
        let none = |table: &str| format!("{flag} '{table}' matches none of the tables to export");
        let refused = database.export(&[flag, &misspelt]).exits(2);
        refused.says(&[&none("ordres"), "did you mean main.orders?"]);
        let refused = database.export(&["-i", "orders", flag, &left_out]).exits(2);
        refused.says(&[&none("people"), "main.people is left out by --include"]);
    }
    assert!(!database.out("orders").exists());
}
