//! The run log in a SQLite file: the embedded default. Two processes may write at once.
//!
//! Tables are in `sql/runlog/sqlite/`; they can be queried with any SQLite client while runs go on.

mod open;
mod problem;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use self::problem::{Action, problem};
use super::RunLog;
use super::database::DatabaseRunLog;
use super::session::{Connect, Dialect, Lock, Session};
use crate::blocking::blocking;
use crate::client::sqlite::SqliteSession;
use crate::error::Result;

const DIALECT: Dialect = Dialect {
    // Immediate: a deferred transaction that turns into a writer may not wait for the other one.
    begin_write: "BEGIN IMMEDIATE",
    begin_read: "BEGIN",
    count_tables: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?",
    lock: Lock::Transaction,
    script: |step| step.sqlite,
    counted: &[],
    transactional_ddl: true,
    time: str::to_owned,
};

/// A run log in a SQLite file. The file, its directories and its tables are made when they are first needed.
///
/// Errors of its methods: a directory that cannot be made or written, a file that is no SQLite database,
/// belongs to another program or was written by a later version of this one.
pub(super) fn open(path: &Path) -> impl RunLog + use<> {
    DatabaseRunLog::new(File { path: path.to_owned() })
}

#[derive(Debug)]
struct File {
    path: PathBuf,
}

#[async_trait]
impl Connect for File {
    async fn connect(&self) -> Result<Box<dyn Session>> {
        let path = self.path.clone();
        let connection = blocking(move || open::open(&path)).await?;
        Ok(Box::new(SqliteSession::new(connection, |error| problem(Action::Use, error))))
    }

    fn exists(&self) -> bool {
        self.path.exists()
    }

    fn location(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }
}

impl Session for SqliteSession {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }
}
