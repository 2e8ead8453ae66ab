//! Tasks in this process.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::{Executor, PartTask, Worker};
use crate::error::{Error, Result};
use crate::sink::{PreparedPart, ProgressFn};

/// Does tasks where it is called, as many at once as there are connections.
#[derive(Debug)]
pub struct Local {
    worker: Worker,
    connections: Arc<Semaphore>,
}

impl Local {
    /// `connections`: one permit for each that reads, which others may take too.
    pub fn new(worker: Worker, connections: Arc<Semaphore>) -> Self {
        Self { worker, connections }
    }
}

#[async_trait]
impl Executor for Local {
    async fn run(&self, task: PartTask, progress: ProgressFn) -> Result<PreparedPart> {
        let begun = Instant::now();
        let permit = self.connections.acquire().await;
        let _permit = permit.map_err(|error| Error::internal("no more connections").caused_by(error))?;
        let waited = begun.elapsed().as_secs_f64();
        let mut written = self.worker.run(&task, Some(&progress)).await?;
        written.waited(waited);
        Ok(written)
    }
}
