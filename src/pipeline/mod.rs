//! Runs an export: discover, pin, plan, read, write, commit, record.

pub mod progress;

use std::sync::Arc;

use serde::Serialize;

pub use progress::{Progress, TableProgress};

use crate::catalog::{SnapshotToken, SourceIdentity, TableRef};
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::plan::TablePlan;
use crate::runlog::{RunEvent, RunLog, RunStatus};
use crate::source::Source;
use crate::spec::ExportSpec;

/// Receives every [`RunEvent`] as it happens, after it was recorded.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &RunEvent);
}

/// The objects a run works with.
#[derive(Clone)]
pub struct Parts {
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where files go.
    pub destination: Arc<dyn Destination>,
    /// Where the run is recorded.
    pub runlog: Arc<dyn RunLog>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// Counters that a progress display polls.
    pub progress: Arc<Progress>,
}

/// What became of a run.
#[derive(Debug, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The source.
    pub source: SourceIdentity,
    /// The destination.
    pub destination: String,
    /// The point in time.
    pub snapshot: SnapshotToken,
    /// Per table, in catalog order.
    pub tables: Vec<TableOutcome>,
}

/// What became of a table.
#[derive(Debug, Serialize)]
pub struct TableOutcome {
    /// The table.
    pub table: TableRef,
    /// Directory below the base.
    pub directory: String,
    /// Rows committed.
    pub rows: u64,
    /// Files committed.
    pub files: usize,
    /// Bytes committed.
    pub bytes: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Why it failed; serialised as its one-line text.
    #[serde(serialize_with = "error_text")]
    pub error: Option<Error>,
}

fn error_text<S: serde::Serializer>(error: &Option<Error>, to: S) -> std::result::Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(to)
}

/// The plan of a run: what would be read and written, up to the first byte.
#[derive(Debug, Serialize)]
pub struct RunPlan {
    /// The source.
    pub source: SourceIdentity,
    /// Tables that can be exported, in the order they will run.
    pub tables: Vec<TablePlan>,
    /// Tables that cannot, and why.
    #[serde(serialize_with = "failures_text")]
    pub failures: Vec<(TableRef, Error)>,
}

fn failures_text<S: serde::Serializer>(
    failures: &[(TableRef, Error)],
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    let pairs: Vec<(String, String)> = failures.iter().map(|(t, e)| (t.to_string(), e.to_string())).collect();
    pairs.serialize(to)
}

/// Plans a run; reads catalogs and key bounds, no rows, and writes nothing.
pub async fn plan(_spec: &ExportSpec, _source: &Arc<dyn Source>) -> Result<RunPlan> {
    Err(Error::internal("skeleton"))
}

/// Runs an export under `run_id`. `cancel` resolving means stop: uploads are aborted and statements cancelled.
/// Tables that fail are in the summary; an error is a failure of the run as a whole.
pub async fn run(_spec: &ExportSpec, _run_id: &str, _parts: &Parts) -> Result<RunSummary> {
    Err(Error::internal("skeleton"))
}
