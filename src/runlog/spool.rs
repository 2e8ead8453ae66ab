//! A run log that may go down during a run: what it does not take is kept in a file, and written when it can be.
//!
//! The start of a run is not kept: a run log that is down then is an error, before anything is read. From then on
//! an event that is refused goes to the end of a file of its run in the state directory, and so do all that follow,
//! in order, until the file could be written to the run log: at one of the next events, at the end of the run, or by
//! the next run with the same run log. A file belongs to the process that keeps a lock on it; files of ended
//! processes are everybody's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use self::file::{Line, SpoolFile};
use super::{PartitionRow, PreparedTable, RunEvent, RunLog, RunRecord, Timestamp};
use crate::clock::{self, Instant};
use crate::error::{Code, Error, ErrorKind, Result};

mod file;
#[cfg(test)]
mod tests;

/// How long the run log gets for one event.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same when the process is about to end.
const SHORT: Duration = Duration::from_millis(700);
/// How long after a refusal it is asked again.
const PAUSE: Duration = Duration::from_secs(10);

/// Wraps a run log so that no event of a run under way is lost with it.
#[derive(Debug)]
pub struct Spooled {
    log: Arc<dyn RunLog>,
    /// Where files are kept; none when this user has no state directory.
    directory: Option<PathBuf>,
    kept: Mutex<Kept>,
    hurried: AtomicBool,
}

/// What is kept of this process' runs.
#[derive(Debug, Default)]
struct Kept {
    file: Option<SpoolFile>,
    events: usize,
    refused_at: Option<Instant>,
}

impl Spooled {
    /// `log`, with files in `directory` for what it does not take.
    pub fn new(log: Arc<dyn RunLog>, directory: Option<PathBuf>) -> Self {
        Self { log, directory, kept: Mutex::default(), hurried: AtomicBool::new(false) }
    }

    async fn timely<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let patience = if self.hurried.load(Ordering::Relaxed) { SHORT } else { PATIENCE };
        clock::timeout(patience, answer).await.unwrap_or_else(|_| {
            Err(Error::unavailable("the run log did not answer in time")
                .coded(Code::RunLogUnreachable)
                .with("run log", self.log.location()))
        })
    }

    /// Puts an event into the file, and says so once.
    fn keep(&self, kept: &mut Kept, event: &RunEvent, refused: &Error) -> Result<()> {
        let location = self.log.location();
        let lost = |error: Error| {
            error
                .with("run log", &location)
                .hint("the run goes on; what it did is at the destination, in its manifests and its summary")
        };
        if kept.file.is_none() {
            let directory = self.directory.as_deref().ok_or_else(|| {
                lost(
                    Error::unavailable(format!(
                        "this event is lost, there is no state directory to keep it in: {refused}"
                    ))
                    .coded(Code::EventLost),
                )
            })?;
            let file = SpoolFile::create(directory, &location, event.run_id()).map_err(lost)?;
            tracing::warn!(
                error = %refused,
                "the run log {location} cannot be written; the run goes on and keeps its events in {}",
                file.path().display()
            );
            kept.file = Some(file);
        }
        let Some(file) = kept.file.as_mut() else {
            return Err(Error::internal("a file that was made is gone"));
        };
        file.push(event).map_err(lost)?;
        kept.events += 1;
        if matches!(event, RunEvent::RunEnded { .. }) {
            tracing::warn!(
                "{} events of run {} are not in the run log {location}; they are in {} and the next run with this run \
                 log writes them",
                kept.events,
                event.run_id(),
                file.path().display()
            );
        }
        Ok(())
    }

    /// Writes this process' own file to the run log, if there is one. False when the run log is still down.
    async fn drained(&self, kept: &mut Kept) -> bool {
        let Some(file) = kept.file.as_ref() else { return true };
        match self.replay(file.path()).await {
            Ok(()) => {
                file.remove();
                tracing::info!(
                    "the run log {} is up again and has the {} events kept",
                    self.log.location(),
                    kept.events
                );
                *kept = Kept::default();
                true
            }
            Err(error) => {
                tracing::debug!(%error, "the run log is still down");
                kept.refused_at = Some(Instant::now());
                false
            }
        }
    }

    /// Writes a file's events to the run log, except those that something newer has overtaken.
    async fn replay(&self, path: &Path) -> Result<()> {
        let mut record: Option<RunRecord> = None;
        for line in file::read(path)? {
            let event = match line {
                Line::Event(event) => *event,
                // The process was killed while it wrote.
                Line::Torn => continue,
            };
            if record.is_none() {
                record = self.timely(self.log.run(event.run_id())).await?;
            }
            if record.as_ref().is_some_and(|record| file::overtaken(&event, record)) {
                continue;
            }
            self.timely(self.log.append(&event)).await?;
        }
        Ok(())
    }

    /// Writes what ended processes have left.
    async fn collect(&self) -> Result<()> {
        let Some(directory) = self.directory.as_deref() else { return Ok(()) };
        for file in file::abandoned(directory, &self.log.location()) {
            match self.replay(file.path()).await {
                Ok(()) => {
                    tracing::info!(
                        "the run log {} now has the events kept in {}",
                        self.log.location(),
                        file.path().display()
                    );
                    file.remove();
                }
                Err(error) if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Data) => {
                    let aside = file.set_aside();
                    tracing::warn!(%error, "events kept for the run log are refused by it and were moved to {}", aside.display());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl RunLog for Spooled {
    async fn append(&self, event: &RunEvent) -> Result<()> {
        let mut kept = self.kept.lock().await;
        let last = matches!(event, RunEvent::RunEnded { .. });
        let due = last || kept.refused_at.is_none_or(|at| at.elapsed() >= PAUSE);
        if kept.file.is_some() && !(due && self.drained(&mut kept).await) {
            return self.keep(
                &mut kept,
                event,
                &Error::unavailable("the run log is down").coded(Code::RunLogUnreachable),
            );
        }
        match self.timely(self.log.append(event)).await {
            Ok(()) => Ok(()),
            Err(error) if matches!(event, RunEvent::RunStarted { .. }) => Err(error),
            // It is there, and the event makes no sense to it: keeping it would not help.
            Err(error) if error.kind() == ErrorKind::Internal => Err(error),
            Err(error) => {
                kept.refused_at = Some(Instant::now());
                self.keep(&mut kept, event, &error)
            }
        }
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>> {
        self.log.runs(limit).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>> {
        self.log.run(run_id).await
    }

    async fn prepared(&self, run_id: &str) -> Result<Vec<PreparedTable>> {
        self.timely(self.log.prepared(run_id)).await
    }

    fn location(&self) -> String {
        self.log.location()
    }

    async fn reach(&self) -> Result<()> {
        self.timely(self.log.reach()).await?;
        self.collect().await
    }

    fn hurry(&self) {
        self.hurried.store(true, Ordering::Relaxed);
    }

    async fn heartbeat(&self, run_id: &str, at: Timestamp) -> Result<()> {
        let mut kept = self.kept.lock().await;
        let due = kept.refused_at.is_none_or(|at| at.elapsed() >= PAUSE);
        if kept.file.is_some() && !(due && self.drained(&mut kept).await) {
            return Ok(());
        }
        self.timely(self.log.heartbeat(run_id, at)).await
    }

    async fn partition_columns(&self) -> Result<Vec<PartitionRow>> {
        self.timely(self.log.partition_columns()).await
    }

    async fn truncate(&self) -> Result<()> {
        self.log.truncate().await
    }

    async fn drop_tables(&self) -> Result<()> {
        self.log.drop_tables().await
    }
}
