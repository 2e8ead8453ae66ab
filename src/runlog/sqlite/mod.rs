//! The run log in a SQLite file: the embedded default. Two processes may write at once.
//!
//! Tables are in `sql/runlog/0001_init.sql`; they can be queried with any SQLite client while runs go on.

mod append;
mod open;
mod query;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode};

use super::{RunEvent, RunLog, RunRecord, RunStatus};
use crate::error::{Error, ErrorKind, Result};

/// A run log in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteRunLog {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteRunLog {
    /// Opens the file, creating it, its parent directories and its tables as needed. Blocks shortly.
    ///
    /// # Errors
    /// A directory that cannot be made or written, a file that is no SQLite database, belongs to
    /// another program or was written by a later version of this one.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = open::open(path).map_err(|error| locate(error, path))?;
        Ok(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) })
    }

    async fn call<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            // A panic elsewhere leaves no half transaction: it was rolled back while unwinding.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        match done.await {
            Ok(result) => result.map_err(|error| locate(error, &self.path)),
            Err(error) => {
                Err(locate(Error::internal("the run log's thread ended early").caused_by(error), &self.path))
            }
        }
    }
}

#[async_trait]
impl RunLog for SqliteRunLog {
    async fn append(&self, event: &RunEvent) -> Result<()> {
        let event = event.clone();
        self.call(move |connection| append::append(connection, &event)).await
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.call(move |connection| query::runs(connection, limit)).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>> {
        let run_id = run_id.to_owned();
        self.call(move |connection| query::run(connection, &run_id)).await
    }

    fn location(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }
}

fn locate(error: Error, path: &Path) -> Error {
    error.with("run log", path.display())
}

/// An error of SQLite, by what the user can do about it.
fn sqlite_error(action: &str, error: rusqlite::Error) -> Error {
    let (kind, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Config,
            "the file is not a SQLite database; name another one in the run log's filepath",
        ),
        Some(ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::Data, "the file is damaged; move it away and a new one will be made")
        }
        Some(
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied,
        ) => {
            (ErrorKind::Denied, "give the user that runs this the right to write the file and its directory")
        }
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Denied, "check that the path is a file and that its directory can be written")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Unavailable, "another program keeps the file locked; try again when it is done")
        }
        Some(ErrorCode::DiskFull) => (ErrorKind::Unavailable, "the disk is full; make room"),
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => {
            (ErrorKind::Unavailable, "the disk refused; a run log must lie on a local file system")
        }
        _ => return Error::internal(format!("cannot {action} the run log")).caused_by(error),
    };
    Error::new(kind, format!("cannot {action} the run log")).hint(hint).caused_by(error)
}

fn status_text(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pending => "pending",
        RunStatus::Running => "running",
        RunStatus::Completed => "completed",
        RunStatus::Failed => "failed",
    }
}

fn status_from(text: &str) -> Result<RunStatus> {
    match text {
        "pending" => Ok(RunStatus::Pending),
        "running" => Ok(RunStatus::Running),
        "completed" => Ok(RunStatus::Completed),
        "failed" => Ok(RunStatus::Failed),
        other => Err(Error::data(format!("the run log holds an unknown status '{other}'"))),
    }
}
