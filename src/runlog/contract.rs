//! What every run log can do.

use std::fmt::Debug;

use async_trait::async_trait;

use super::event::{PreparedTable, RunEvent, RunRecord};
use super::partition::PartitionRow;
use super::timestamp::Timestamp;
use crate::error::Result;

/// Append-only record of runs. `append` returns when the event is durable.
#[async_trait]
pub trait RunLog: Debug + Send + Sync {
    /// Records an event.
    async fn append(&self, event: &RunEvent) -> Result<()>;

    /// The latest runs, newest first, without their jobs.
    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>>;

    /// One run with its jobs; none if there is no such run. A unique prefix of the id is enough.
    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>>;

    /// What was prepared of the tables of a run that are not done.
    async fn prepared(&self, run_id: &str) -> Result<Vec<PreparedTable>>;

    /// Where it is, without secrets.
    fn location(&self) -> String;

    /// Makes contact, and the tables if there are none: what is wrong is said before a run reads anything.
    async fn reach(&self) -> Result<()>;

    /// The process is about to end: from now on an answer is not waited for long.
    fn hurry(&self) {}

    /// The process that makes a run is alive.
    async fn heartbeat(&self, run_id: &str, at: Timestamp) -> Result<()>;

    /// What the user keeps in `partition_columns`. Makes nothing; no table is no rows.
    async fn partition_columns(&self) -> Result<Vec<PartitionRow>>;

    /// Removes all runs; `partition_columns` stays. Makes nothing.
    async fn truncate(&self) -> Result<()>;

    /// Drops the tables, `partition_columns` too. Makes nothing; tables of others are refused.
    async fn drop_tables(&self) -> Result<()>;
}
