//! The SQLite source: values, kinds of tables, cuts, one point in time, and files that are not what they should be.

mod broken;
mod moment;
mod tables;
mod tpch;
mod values;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::lake::{Output, duck, export, script};

const SOME_FAILED: i32 = 1;
const USAGE: i32 = 2;
const DATA: i32 = 65;
const UNAVAILABLE: i32 = 75;
const CONFIG: i32 = 78;

/// A database file in a directory of its own, and a place for exports beside it.
pub(crate) struct Database {
    dir: TempDir,
    path: PathBuf,
}

impl Database {
    /// A file on which these statements have run.
    pub(crate) fn new(sql: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Self { path: dir.path().join("data.db"), dir };
        database.run(sql);
        database
    }

    fn connect(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    fn run(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.path.display())
    }

    /// The directory of an exported table.
    pub(crate) fn out(&self, table: &str) -> PathBuf {
        self.dir.path().join("out/main").join(table)
    }

    pub(crate) fn export(&self, extra: &[&str]) -> Output {
        export(&self.url(), &self.dir.path().join("out"), extra)
    }

    /// Asserts that the export of a table holds exactly its rows, and how many those are.
    #[track_caller]
    fn assert_same(&self, table: &str, rows: usize) {
        let (file, dir) = (self.path.to_str().unwrap(), self.out(table));
        let quoted = format!("\"{table}\"");
        let args = ["--file", file, "--table", &quoted, "--dir", dir.to_str().unwrap()];
        assert_eq!(script("sqlite_compare.py", args).ok().stdout.trim(), rows.to_string());
    }

    /// One row of a DuckDB query over the files of a table, which it calls `t`.
    #[track_caller]
    pub(crate) fn duck(&self, table: &str, select: &str) -> String {
        duck(&format!("WITH t AS (FROM read_parquet('{}/*.parquet')) {select}", self.out(table).display()))
    }
}

/// Number of data files in a directory.
pub(crate) fn parts(dir: &Path) -> usize {
    crate::lake::files(dir).iter().filter(|f| f.ends_with(".parquet")).count()
}
