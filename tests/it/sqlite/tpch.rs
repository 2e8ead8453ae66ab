//! TPC-H in a SQLite file, exported by four readers while another program writes.
//!
//! `LAKEXPRESS_TPCH_SCALE` sets the scale factor (0.01 unless set) and `LAKEXPRESS_CONSISTENCY_RUNS` how often it
//! is exported (5 unless set); `make verify-sqlite` takes 1 and 20.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lakexpress::demo::{TABLES, make_database};
use rusqlite::{Connection, params};

use super::{Database, parts};
use crate::lake::env_number;
use crate::tpch::scale;

/// Moves money from a customer to a supplier, and orders one more line, in one transaction.
fn trade(connection: &Connection, number: u64, customers: u64, suppliers: u64) -> rusqlite::Result<()> {
    let (customer, supplier) = (number * 7919 % customers + 1, number * 104_729 % suppliers + 1);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Rounded: the database keeps doubles, and 711.56 - 3 is none of two digits.
    let run = |sql: &str, key: u64| connection.prepare_cached(sql)?.execute(params![key, number % 500]);
    run("UPDATE customer SET c_acctbal = round(c_acctbal - ?2, 2) WHERE c_custkey = ?1", customer)?;
    run("UPDATE supplier SET s_acctbal = round(s_acctbal + ?2, 2) WHERE s_suppkey = ?1", supplier)?;
    run(
        "INSERT INTO orders SELECT (SELECT max(o_orderkey) + 1 FROM orders), ?1, 'O', ?2, '1998-08-03', '5-LOW', 'traded', 0, 'traded'",
        customer,
    )?;
    run(
        "INSERT INTO lineitem SELECT max(o_orderkey), 1, ?1, 1, 1, ?2, 0, 0, 'N', 'O', '1998-08-03', '1998-08-03', '1998-08-03', 'NONE', 'MAIL', 'traded' FROM orders",
        supplier,
    )?;
    connection.execute_batch("COMMIT")
}

/// The money, and the orders and lines that were traded.
fn totals(database: &Database) -> (String, u64, u64) {
    let of = |table: &str| format!("read_parquet('{}/*.parquet')", database.out(table).display());
    let text = crate::lake::duck(&format!(
        "SELECT (SELECT sum(c_acctbal) FROM {}) + (SELECT sum(s_acctbal) FROM {}),
                (SELECT count(*) FROM {} WHERE o_comment = 'traded'), (SELECT count(*) FROM {} WHERE l_comment = 'traded')",
        of("customer"), of("supplier"), of("orders"), of("lineitem"),
    ));
    let fields: Vec<&str> = text.trim().split('|').collect();
    (fields[0].to_owned(), fields[1].parse().unwrap(), fields[2].parse().unwrap())
}

#[test]
fn every_value_of_tpch_and_every_total_while_others_trade() {
    let database = Database::new("CREATE TABLE placeholder (a INT)");
    std::fs::remove_file(&database.path).unwrap();
    make_database(&database.path, scale().parse().unwrap()).unwrap();
    database.run("PRAGMA journal_mode = WAL");
    let flags = ["-p", "4", "--large-table-threshold", "10000", "--max-connections", "12"];
    database.export(&flags).ok();
    let (money, ..) = totals(&database);
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = std::thread::spawn({
        let (connection, stop, done) = (database.connect(), Arc::clone(&stop), Arc::clone(&done));
        let rows = |table: &str| -> u64 {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        let (customers, suppliers) = (rows("customer"), rows("supplier"));
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        move || {
            while !stop.load(Ordering::Relaxed) {
                let number = done.fetch_add(1, Ordering::Relaxed) + 1;
                trade(&connection, number, customers, suppliers).unwrap();
                // The log grows as long as a view is held: enough trades to matter, not all the disk takes.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    let runs = env_number("LAKEXPRESS_CONSISTENCY_RUNS", 5);
    for run in 0..runs {
        let before = done.load(Ordering::Relaxed);
        database.export(&flags).ok();
        let (exported, orders, lines) = totals(&database);
        assert_eq!(exported, money, "run {run}");
        assert_eq!(orders, lines, "run {run}: half of a trade was exported");
        assert!(done.load(Ordering::Relaxed) > before + 2, "run {run}: nobody traded");
        assert!(parts(&database.out("lineitem")) >= 4, "lineitem was not cut");
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    println!("totals exact in {runs} of {runs} runs, {} trades meanwhile", done.load(Ordering::Relaxed));
    database.export(&flags).ok();
    for table in TABLES {
        let rows: usize = database
            .connect()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap();
        database.assert_same(table, rows);
        println!("{table}: {rows} rows are the same");
    }
}
