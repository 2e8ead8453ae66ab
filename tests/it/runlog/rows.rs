//! `partition_columns`: rows in the run log's database say how tables are cut.

use serde_json::Value;

use super::{Home, Log, shop};

/// The documentation's INSERT, with the names of our source.
fn insert(log: &Log, source: &str, table: &str, method: &str, rest: (&str, &str, &str)) {
    let (degree, key, env_name) = rest;
    log.sql(&format!(
        "INSERT INTO partition_columns (
            source_db_type, source_database, source_schema, source_table,
            fastbcp_method, fastbcp_parallel_degree, fastbcp_distribution_key, env_name
        ) VALUES ('postgres', '{source}', 'shop', '{table}', '{method}', {degree}, {key}, {env_name})"
    ));
}

fn plan(home: &Home, more: &[&str]) -> Value {
    let fixed = ["--source_db_auth_id", "source", "--include", "shop.orders", "--json"];
    let output = home.run(&["plan"], &[&fixed, more].concat()).output().ok();
    let plan: Value = serde_json::from_str(&output.stdout).unwrap();
    plan["tables"][0].clone()
}

#[test]
fn rows_win_over_the_command_line_on_every_database() {
    let source = "runlog_rows_source";
    shop(source);
    let home = Home::new();
    for log in Log::of_each_kind("runlog_rows", home.path()) {
        home.write_auth(&log.entry(), source);
        let flag = ["--fastbcp_table_config", "orders:Random:id:4"];
        // Without tables there are no rows, and a plan makes none.
        assert_eq!(plan(&home, &flag)["method"], "Random");
        if let Log::Sqlite(path) = &log {
            assert!(!path.exists());
        } else {
            assert!(home.run(&["logdb", "drop"], &["--confirm"]).output().ok().stderr.is_empty());
        }
        home.run(&["logdb", "init"], &[]).output().ok();
        insert(&log, source, "orders", "RangeId", ("3", "'id'", "NULL"));
        insert(&log, source, "orders", "DataDriven", ("2", "'region'", "'production'"));
        insert(&log, source, "order_", "Sideways", ("3", "'id'", "NULL"));
        let planned = plan(&home, &flag);
        assert_eq!(
            (&planned["method"], &planned["readers"]),
            (&"RangeId".into(), &3.into()),
            "{}",
            log.kind()
        );
        let why = planned["method_reason"].as_str().unwrap();
        assert!(
            why.contains("partition_columns row (postgres, runlog_rows_source, shop, orders, NULL)"),
            "{why}"
        );
        let text =
            home.run(&["plan"], &["--source_db_auth_id", "source", "--include", "shop.orders"]).output().ok();
        assert!(text.stdout.contains("partition_columns row"), "{text}");
        let planned = plan(&home, &["--env_name", "production"]);
        let parts = planned["parts"].as_array().unwrap().len();
        assert!(planned["method"] == "DataDriven" && parts > 1, "{planned}");
        assert_eq!(plan(&home, &["--env_name", "test", flag[0], flag[1]])["method"], "Random");

        home.export(&["--include", "shop.orders", "--env_name", "production"]).output().ok();
        assert_eq!(
            log.query("SELECT method, parts, row_count FROM jobs"),
            format!("DataDriven|{parts}|2000")
        );
        // Seven regions; slices without rows leave no file.
        assert_eq!(crate::lake::files(&home.path().join("out/shop/orders")).len(), 8);
    }
}

#[test]
fn a_row_that_cannot_be_is_named() {
    let source = "runlog_wrong_rows";
    shop(source);
    let home = Home::new();
    let log = Log::postgres("runlog_wrong_rows_log");
    home.write_auth(&log.entry(), source);
    home.run(&["logdb", "init"], &[]).output().ok();
    let row = "(postgres, runlog_wrong_rows, shop, orders, NULL)";
    for (method, rest, says) in [
        ("NZDataSlice", ("NULL", "NULL", "NULL"), "NZDataSlice"),
        ("DBPartition", ("NULL", "NULL", "NULL"), "DBPartition"),
        ("RangeId", ("NULL", "'nope'", "NULL"), "'nope'"),
        ("DataDriven", ("NULL", "'YEAR(nope)'", "NULL"), "DataDriven"),
        ("Ctid", ("0", "NULL", "NULL"), "fastbcp_parallel_degree 0"),
    ] {
        log.sql("DELETE FROM partition_columns");
        insert(&log, source, "orders", method, rest);
        home.export(&[]).output().exits(2).says(&[says, row]);
        assert!(!home.path().join("out/shop/orders").exists());
    }
    log.sql("DELETE FROM partition_columns");
    for _ in 0..2 {
        insert(&log, source, "orders", "Ctid", ("NULL", "NULL", "NULL"));
    }
    home.export(&[]).output().exits(2).says(&["two rows", row]);
}
