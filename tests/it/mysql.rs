//! The MySQL source over MariaDB, or the server that `LAKEXPRESS_MYSQL_SERVER` names: values, cuts, one point in time, and
//! servers that are not what they should be.

mod balancer;
mod broken;
mod broken_tables;
mod charsets;
mod definitions;
mod engines;
mod expressions;
mod foreign;
mod lost;
mod matrix;
mod moment;
mod slices;
mod tpch;
mod types;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::lake::{Output, Run, export, script};
use crate::mariadb::MariaDb;

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const DATA: i32 = 65;
const UNAVAILABLE: i32 = 75;
const DENIED: i32 = 77;
const CONFIG: i32 = 78;

/// Of users that a test makes.
const SECRET: &str = "s3cr3t-Zebra";

/// A database of a server, and a place for its exports.
struct Database<'s> {
    server: &'s MariaDb,
    name: &'static str,
    dir: TempDir,
}

impl Database<'static> {
    /// A database of the shared server on which these statements have run.
    fn new(name: &'static str, sql: &str) -> Self {
        Database::on(MariaDb::shared(), name, sql)
    }
}

impl<'s> Database<'s> {
    fn on(server: &'s MariaDb, name: &'static str, sql: &str) -> Self {
        server.create_db(name);
        server.sql(name, sql);
        Self { server, name, dir: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        self.server.url(self.name)
    }

    fn run(&self, sql: &str) {
        self.server.sql(self.name, sql);
    }

    fn query(&self, sql: &str) -> String {
        self.server.query(self.name, sql)
    }

    fn lake(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// The directory of an exported table.
    fn out(&self, table: &str) -> PathBuf {
        self.lake().join(self.name).join(table)
    }

    fn export(&self, extra: &[&str]) -> Output {
        export(&self.url(), &self.lake(), extra)
    }

    /// An export by a user that the test has made.
    fn export_as(&self, user: &str, extra: &[&str]) -> Output {
        export(&self.server.url_as(user, SECRET, self.name), &self.lake(), extra).never_says(&[SECRET])
    }

    /// A user with these rights, each `RIGHTS ON WHAT`.
    fn create_user(&self, user: &str, grants: &[&str]) {
        self.server.create_user(user, SECRET, grants);
    }

    /// Arguments of `mysql_compare.py`.
    fn compare(&self, extra: &[&str]) -> Output {
        let (socket, lake) = (self.server.socket(), self.lake());
        let mut args = vec!["--socket", socket.to_str().unwrap(), "--database", self.name];
        args.extend(["--dir", lake.to_str().unwrap()]);
        args.extend(extra);
        script("mysql_compare.py", args)
    }

    /// Asserts that every exported table, or this one, holds exactly what the server has; gives what was compared.
    #[track_caller]
    fn assert_same(&self, extra: &[&str]) -> Value {
        let compared = self.compare(extra).ok();
        serde_json::from_str(&compared.stdout).unwrap_or_else(|e| panic!("{e}\n{compared}"))
    }

    /// Asserts that a table holds exactly the rows that the server has, and as many.
    #[track_caller]
    fn assert_table(&self, table: &str, rows: u64) {
        let said = self.assert_same(&["--table", table]);
        assert_eq!((&said["relations"], &said["rows"]), (&1.into(), &rows.into()), "{table}");
    }

    /// One row of a DuckDB query over the files of a table, which it calls `t`.
    #[track_caller]
    fn duck(&self, table: &str, select: &str) -> String {
        crate::lake::duck(&format!(
            "WITH t AS (FROM read_parquet('{}/*.parquet')) {select}",
            self.out(table).display()
        ))
    }
}

/// The summary of an export with `--json`, whatever its exit code.
#[track_caller]
fn summary(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}\n{output}"))
}

/// What went wrong with a table of a summary; empty if nothing did.
#[track_caller]
fn error_of(summary: &Value, table: &str) -> String {
    let tables = summary["tables"].as_array().unwrap();
    let found = tables.iter().find(|t| t["table"]["name"] == table);
    let found = found.unwrap_or_else(|| panic!("{table} is not in {summary:#}"));
    if found["error"].is_null() { String::new() } else { found.to_string() }
}

/// Number of data files in a directory.
fn parts(dir: &Path) -> usize {
    crate::lake::files(dir).iter().filter(|f| f.ends_with(".parquet")).count()
}

/// `inspect --json` of one table: its columns by name.
fn inspected(url: &str, table: &str, extra: &[&str]) -> serde_json::Map<String, Value> {
    let output =
        Run::new(["inspect", "--json", "--source", url, "--include", table]).args(extra).output().ok();
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let columns = document["tables"][0]["columns"].as_array().unwrap().clone();
    columns.into_iter().map(|c| (c["name"].as_str().unwrap().to_owned(), c)).collect()
}
