//! The record of runs. It records; it never decides whether data is good.

mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use sqlite::SqliteRunLog;

use crate::catalog::TableRef;
use crate::error::Result;
use crate::manifest::FileEntry;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RunEvent {
    /// The run began.
    RunStarted {
        /// Its id.
        run_id: String,
        /// When, RFC 3339 UTC.
        at: String,
        /// Source kind (`postgres`), server and database, without secrets.
        source: String,
        /// Destination without secrets.
        destination: String,
        /// The whole configuration as JSON, without secrets.
        config: String,
        /// The tables that will be exported, in order.
        tables: Vec<TableRef>,
    },
    /// The snapshot was pinned.
    SnapshotTaken {
        /// The run.
        run_id: String,
        /// Level, id and position as JSON.
        snapshot: String,
    },
    /// A table began.
    TableStarted {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: String,
        /// Method that cuts it.
        method: String,
        /// Number of parts.
        parts: usize,
        /// Estimated rows.
        est_rows: u64,
    },
    /// A table was committed.
    TableDone {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: String,
        /// Rows committed.
        rows: u64,
        /// Directory below the base.
        directory: String,
        /// Its new files.
        files: Vec<FileEntry>,
    },
    /// A table failed; its old content, if any, is untouched.
    TableFailed {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: String,
        /// Why.
        error: String,
    },
    /// The run ended.
    RunEnded {
        /// The run.
        run_id: String,
        /// When.
        at: String,
        /// How.
        status: RunStatus,
        /// Why, when it failed as a whole.
        error: Option<String>,
    },
}

/// State of a run or of a job (one table of a run).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Not begun.
    Pending,
    /// Under way, or the process died.
    Running,
    /// All done.
    Completed,
    /// At least one table failed.
    Failed,
}

/// A run as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub run_id: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Source without secrets.
    pub source: String,
    /// Destination without secrets.
    pub destination: String,
    /// Configuration as JSON.
    pub config: String,
    /// Why it failed as a whole.
    pub error_message: Option<String>,
    /// Its tables, in order.
    pub jobs: Vec<JobRecord>,
}

/// A table of a run as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The table.
    pub table: TableRef,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Rows committed.
    pub row_count: Option<u64>,
    /// Files committed.
    pub file_count: Option<u64>,
    /// Bytes committed.
    pub bytes: Option<u64>,
    /// Method that cut it.
    pub method: Option<String>,
    /// Why it failed.
    pub error_message: Option<String>,
}

/// Append-only record of runs. `append` returns when the event is durable.
#[async_trait]
pub trait RunLog: Debug + Send + Sync {
    /// Records an event.
    async fn append(&self, event: &RunEvent) -> Result<()>;

    /// The latest runs, newest first, without their jobs.
    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>>;

    /// One run with its jobs; none if there is no such run. A unique prefix of the id is enough.
    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>>;

    /// Where it is, without secrets.
    fn location(&self) -> String;
}
