//! `_lakexpress/<run_id>.json` in the destination's base: the whole run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::Serialize;

use crate::clock::{self, Pauses};
use crate::destination::{Destination, DirLock, StoredObject};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::runlog::{RunStatus, Timestamp};
use crate::spec::layout;

/// Runs to one base write their summaries one after the other; each takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Files that are written at once.
const CONCURRENT_PUTS: usize = 8;
const PAUSES: Pauses = Pauses::every(Duration::from_millis(50));
/// How long the end of a run may be held up by its summary.
const LONGEST: Duration = Duration::from_secs(20);

/// Writes the file as `running` before anything else, so that a destination that cannot be written is one
/// error of the run and not one of each table. Not where it could not be replaced by the result.
pub(super) async fn announce(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    started_at: Timestamp,
) -> Result<()> {
    if !may_replace(destination).await? {
        return Ok(());
    }
    let running =
        serde_json::json!({ "run_id": run_id, "status": RunStatus::Running, "started_at": started_at });
    put(destination, run_id, running.to_string()).await
}

/// Whether what this run writes it may also replace.
async fn may_replace(destination: &Arc<dyn Destination>) -> Result<bool> {
    if destination.replaces_freely() {
        return Ok(true);
    }
    // Deleting what is not there asks for the right and changes nothing.
    match destination.delete(&format!("{}/_nothing", layout::RUNS_DIR)).await {
        Err(error) if error.kind() == ErrorKind::Denied => Ok(false),
        may => may.map(|()| true),
    }
}

/// Replaces it by the result. The tables are committed already, so a failure here is only a warning.
pub(super) async fn write(destination: &Arc<dyn Destination>, run_id: &str, summary: &impl Serialize) {
    let written = match serde_json::to_string_pretty(summary) {
        Ok(json) => {
            let written = clock::timeout(LONGEST, put(destination, run_id, json)).await;
            written.unwrap_or_else(|_| {
                Err(Error::unavailable(format!("the storage did not take it in {} s", LONGEST.as_secs()))
                    .coded(Code::StorageUnreachable))
            })
        }
        Err(error) => Err(Error::internal("the summary cannot be written as JSON").caused_by(error)),
    };
    if let Err(error) = written {
        let path = path(run_id);
        tracing::warn!(%error, path, "could not write the run's summary; to its tables it does not matter");
    }
}

/// Whether it says that the run is complete; also where there is none, which was perhaps never wanted, or none to be had.
pub(super) async fn says_complete(destination: &Arc<dyn Destination>, run_id: &str) -> bool {
    match destination.get(&path(run_id)).await {
        Ok(Some(text)) => {
            let said: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            said["status"] == serde_json::json!(RunStatus::Completed)
        }
        Ok(None) => true,
        Err(error) => {
            tracing::debug!(%error, "the run's summary cannot be read");
            true
        }
    }
}

/// Removes it after a failure of the run as a whole, whose error is worth more than one of this.
pub(super) async fn withdraw(destination: &Arc<dyn Destination>, run_id: &str) {
    if let Err(error) = destination.delete(&path(run_id)).await {
        tracing::debug!(%error, "could not remove the run's summary");
    }
}

/// Says that there was no time for it after a signal.
pub(super) fn warn_late(run_id: &str, what: &str) {
    let path = path(run_id);
    tracing::warn!(
        path,
        "the run's summary was not {what} in time and may say `running`; to its tables it does not matter"
    );
}

pub(super) fn path(run_id: &str) -> String {
    format!("{}/{run_id}.json", layout::RUNS_DIR)
}

/// Files by path, written before those of the next stage.
pub(super) type Stage = Vec<(String, Bytes)>;

/// Writes files of the run that belong to no table, all into `directory`. Where a killed run may have left something
/// of its own there, that is removed, under the directory's lock.
pub(super) async fn put_all(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    directory: &str,
    stages: &[Stage],
) -> Result<()> {
    if !destination.puts_leave_litter() {
        return put_stages(destination, stages).await;
    }
    let lock = lock(destination, directory, run_id).await?;
    for left in destination.list_pending(directory).await? {
        destination.abort(&left).await?;
    }
    let written = put_stages(destination, stages).await;
    lock.release().await?;
    written
}

async fn put_stages(destination: &Arc<dyn Destination>, stages: &[Stage]) -> Result<()> {
    for stage in stages {
        let puts = stage.iter().map(|(path, content)| async move {
            let written = destination.put(path, content.clone()).await;
            written.map_err(|error| error.with("path", path))
        });
        let puts: Vec<Result<StoredObject>> = stream::iter(puts).buffered(CONCURRENT_PUTS).collect().await;
        puts.into_iter().collect::<Result<Vec<_>>>()?;
    }
    Ok(())
}

async fn put(destination: &Arc<dyn Destination>, run_id: &str, content: String) -> Result<()> {
    let stage = vec![(path(run_id), Bytes::from(content))];
    put_all(destination, run_id, layout::RUNS_DIR, &[stage]).await
}

async fn lock(destination: &Arc<dyn Destination>, directory: &str, run_id: &str) -> Result<Box<dyn DirLock>> {
    // The call itself may take minutes where a store does not answer.
    let busy = |error: &Error| error.kind() == ErrorKind::Unavailable;
    PAUSES.retry(PATIENCE, || destination.lock(directory, run_id), busy).await
}
