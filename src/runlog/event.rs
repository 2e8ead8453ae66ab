//! What happens in a run and what is kept of it: what a run log takes and gives.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::json::{self, Document};
use super::timestamp::Timestamp;
use crate::catalog::{SnapshotToken, SourceIdentity, TableRef};
use crate::error::{Code, Error, Result};
use crate::manifest::{FileEntry, PartsAsOf};

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RunEvent {
    /// The run began.
    RunStarted {
        /// Its id.
        run_id: String,
        /// When.
        at: Timestamp,
        /// What is read.
        source: SourceIdentity,
        /// Destination without secrets.
        destination: String,
        /// The whole configuration, without secrets.
        config: Document,
        /// The tables that will be exported, in order.
        tables: Vec<TableRef>,
    },
    /// The snapshot was pinned.
    SnapshotTaken {
        /// The run.
        run_id: String,
        /// What was pinned.
        #[serde(with = "json::in_text")]
        snapshot: SnapshotToken,
    },
    /// A table began.
    TableStarted {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: Timestamp,
        /// Method that cuts it, as the source calls it; `Query` for a query.
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
        at: Timestamp,
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
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// What of a table was tried again; before the table is done or failed, and only if there is anything.
    TableRepeated {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: Timestamp,
        /// Parts that were read again, and how often. Replaces what was recorded of the table.
        parts: Vec<Repeated>,
    },
    /// A table was planned whose parts can be used again if the run ends early. What was prepared before is void.
    TablePlanned {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: Timestamp,
        /// The plan.
        plan: Document,
    },
    /// A part of such a table is complete at the destination, and nobody sees it yet.
    PartPrepared {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: Timestamp,
        /// Its number.
        part: usize,
        /// What it is, and as of when.
        prepared: Document,
    },
    /// A table's parts are of several points in time; before the table is done.
    TableMixed {
        /// The run.
        run_id: String,
        /// The table.
        table: TableRef,
        /// When.
        at: Timestamp,
        /// Which are of which; none when they are of one after all.
        parts: Vec<PartsAsOf>,
    },
    /// The run ended.
    RunEnded {
        /// The run.
        run_id: String,
        /// When.
        at: Timestamp,
        /// How.
        status: RunStatus,
        /// Why, when it failed as a whole; what of its metadata could not be written.
        error: Option<String>,
    },
}

impl RunEvent {
    /// The event without values of rows; none if nothing is left. Plans and statistics of parts are such values, so that
    /// a resumed table is exported again.
    pub fn without_values(&self) -> Option<Self> {
        match self {
            Self::TablePlanned { .. } | Self::PartPrepared { .. } => None,
            Self::TableDone { run_id, table, at, rows, directory, files } => {
                let files = files
                    .iter()
                    .map(|file| FileEntry { slice: file.slice.without_values(), ..file.clone() })
                    .collect();
                let (run_id, table, at) = (run_id.clone(), table.clone(), *at);
                Some(Self::TableDone { run_id, table, at, rows: *rows, directory: directory.clone(), files })
            }
            other => Some(other.clone()),
        }
    }

    /// The run it belongs to.
    pub fn run_id(&self) -> &str {
        match self {
            Self::RunStarted { run_id, .. }
            | Self::SnapshotTaken { run_id, .. }
            | Self::TableStarted { run_id, .. }
            | Self::TableDone { run_id, .. }
            | Self::TableFailed { run_id, .. }
            | Self::TableRepeated { run_id, .. }
            | Self::TablePlanned { run_id, .. }
            | Self::PartPrepared { run_id, .. }
            | Self::TableMixed { run_id, .. }
            | Self::RunEnded { run_id, .. } => run_id,
        }
    }

    /// The table that it is about, and when it happened.
    pub fn of_table(&self) -> Option<(&TableRef, Timestamp)> {
        match self {
            Self::TableStarted { table, at, .. }
            | Self::TableDone { table, at, .. }
            | Self::TableFailed { table, at, .. }
            | Self::TableRepeated { table, at, .. }
            | Self::TablePlanned { table, at, .. }
            | Self::PartPrepared { table, at, .. }
            | Self::TableMixed { table, at, .. } => Some((table, *at)),
            Self::RunStarted { .. } | Self::SnapshotTaken { .. } | Self::RunEnded { .. } => None,
        }
    }
}

/// Attempts at one part of a table that failed with a transient error and were repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// The part's number; none for the table as a whole: a query, or a table whose own view was lost.
    pub part: Option<usize>,
    /// How often it was begun again.
    pub retries: u64,
    /// What kind of error the last of them ended with, as a word that is only shown: other versions may have others.
    pub class: String,
    /// The server's code of that error (SQLSTATE), where there is one.
    pub code: Option<String>,
    /// That error as one line.
    pub error: String,
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

impl RunStatus {
    const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Completed, Self::Failed];

    /// The word for it in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for RunStatus {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == word);
        known.ok_or_else(|| Error::data(format!("unknown status '{word}'")).coded(Code::RunLogContent))
    }
}

/// A run as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub run_id: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Source without secrets.
    pub source: String,
    /// Destination without secrets.
    pub destination: String,
    /// Configuration.
    pub config: Document,
    /// Why it failed as a whole, or why its metadata was not written.
    pub error_message: Option<String>,
    /// When its process was last seen alive; renewed every [`HEARTBEAT`] while it runs.
    pub heartbeat_at: Option<Timestamp>,
    /// Its tables, in order.
    pub jobs: Vec<JobRecord>,
}

/// How often a run tells that it is alive.
pub const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(30);

impl RunRecord {
    /// Directory between the destination's base and the schemas' directories; empty where it is not recorded.
    pub fn sub_path(&self) -> String {
        sub_path_of(&self.config)
    }

    /// For how many seconds a run that should be under way has not been heard of, when that is longer than three
    /// heartbeats: its process was killed, or cannot reach the run log.
    pub fn silent_seconds(&self, now: Timestamp) -> Option<u64> {
        let last = self.heartbeat_at.filter(|_| self.status == RunStatus::Running)?;
        let seconds = u64::try_from((now.moment() - last.moment()).num_seconds()).ok()?;
        (seconds > 3 * HEARTBEAT.as_secs()).then_some(seconds)
    }
}

/// The sub path of a run's configuration.
pub fn sub_path_of(config: &Document) -> String {
    let config: serde_json::Value = config.read().unwrap_or_default();
    config["sub_path"].as_str().unwrap_or_default().to_owned()
}

/// A table of a run as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The table.
    pub table: TableRef,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
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
    /// What was tried again, the table as a whole before its parts. Empty also when an earlier version made the run.
    #[serde(default)]
    pub repeated: Vec<Repeated>,
    /// Which of its parts are of which point in time, when they are of several.
    #[serde(default)]
    pub mixed: Vec<PartsAsOf>,
}

/// What was planned and prepared of a table before its run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedTable {
    /// The table.
    pub table: TableRef,
    /// As in [`RunEvent::TablePlanned`].
    pub plan: Document,
    /// As in [`RunEvent::PartPrepared`], by part.
    pub parts: Vec<Document>,
}
