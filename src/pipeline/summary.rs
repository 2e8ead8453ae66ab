//! `_lakexpress/<run_id>.json` in the destination's base: the whole run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::RunSummary;
use super::clock::Stopwatch;
use crate::destination::{Destination, DirLock};
use crate::error::{Error, ErrorKind, Result};
use crate::runlog::RunStatus;
use crate::spec::layout;

/// Runs to one base write their summaries one after the other; each takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
/// How long the end of a run may be held up by its summary.
const LONGEST: Duration = Duration::from_secs(20);

/// Writes the file as `running` before anything else, so that a destination that cannot be written is one
/// error of the run and not one of each table.
pub(super) async fn announce(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    started_at: &str,
) -> Result<()> {
    let running =
        serde_json::json!({ "run_id": run_id, "status": RunStatus::Running, "started_at": started_at });
    put(destination, run_id, running.to_string()).await
}

/// Replaces it by the result. The tables are committed already, so a failure here is only told.
pub(super) async fn write(destination: &Arc<dyn Destination>, summary: &RunSummary) {
    let written = match serde_json::to_string_pretty(summary) {
        Ok(json) => {
            let written = tokio::time::timeout(LONGEST, put(destination, &summary.run_id, json)).await;
            written.unwrap_or_else(|_| {
                Err(Error::unavailable(format!("the storage did not take it in {} s", LONGEST.as_secs())))
            })
        }
        Err(error) => Err(Error::internal("summary").caused_by(error)),
    };
    if let Err(error) = written {
        let path = path(&summary.run_id);
        tracing::warn!(%error, path, "could not write the run's summary; to its tables it does not matter");
    }
}

/// Removes it after a failure of the run as a whole, whose error is worth more than one of this.
pub(super) async fn withdraw(destination: &Arc<dyn Destination>, run_id: &str) {
    if let Err(error) = destination.delete(&path(run_id)).await {
        tracing::debug!(%error, "could not remove the run's summary");
    }
}

fn path(run_id: &str) -> String {
    format!("{}/{run_id}.json", layout::RUNS_DIR)
}

/// Writes the file, whose name no other run has. Where a killed run may have left something of its own, that is
/// removed, under the directory's lock.
async fn put(destination: &Arc<dyn Destination>, run_id: &str, content: String) -> Result<()> {
    if !destination.puts_leave_litter() {
        return destination.put(&path(run_id), Bytes::from(content)).await.map(|_| ());
    }
    let lock = lock(destination, run_id).await?;
    for left in destination.list_pending(layout::RUNS_DIR).await? {
        destination.abort(&left).await?;
    }
    let written = destination.put(&path(run_id), Bytes::from(content)).await;
    lock.release().await?;
    written.map(|_| ())
}

async fn lock(destination: &Arc<dyn Destination>, run_id: &str) -> Result<Box<dyn DirLock>> {
    // The call itself may take minutes where a store does not answer.
    let begun = Stopwatch::start();
    loop {
        match destination.lock(layout::RUNS_DIR, run_id).await {
            Err(error)
                if error.kind() == ErrorKind::Unavailable && begun.seconds() < PATIENCE.as_secs_f64() =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
