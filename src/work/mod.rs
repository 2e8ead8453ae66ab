//! One part of a table as a value, and who writes it.
//!
//! A run plans parts, has them written and commits what was written. Writing is all that another thread, or another
//! machine, need do: [`PartTask`] says what, a [`Worker`] does it, an [`Executor`] chooses where.

mod dictionary;

use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use self::dictionary::dictionary_off;
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::plan::{self, PartPlan, TablePlan};
use crate::sink::{PartTarget, PreparedPart, ProgressFn, WriterSettings, write_empty, write_part};
use crate::source::Source;

/// One part of one table: with a source and a destination, everything that decides its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartTask {
    /// The plan of the table.
    #[serde(with = "crate::catalog::shared")]
    plan: Arc<TablePlan>,
    /// The place of the part in the plan.
    part: usize,
}

impl PartTask {
    /// The task of the part at a place of `plan`.
    pub fn new(plan: &Arc<TablePlan>, part: usize) -> Self {
        Self { plan: Arc::clone(plan), part }
    }

    fn part(&self) -> Result<&PartPlan> {
        self.plan.parts.get(self.part).ok_or_else(|| {
            Error::internal(format!("the plan has no part {}", self.part))
                .with("table", &self.plan.info.table)
        })
    }

    fn target(&self, destination: &Arc<dyn Destination>) -> Result<PartTarget> {
        let part = self.part()?;
        Ok(PartTarget {
            destination: Arc::clone(destination),
            path: format!("{}/{}", self.plan.directory, part.file),
            name: part.file.clone(),
            part: part.part,
            slice: part.slice.clone(),
            est_bytes: part.est_bytes,
            only: self.plan.parts.len() == 1 && self.plan.arrangement.files.is_one_file(),
            fanout: self.plan.arrangement.files.clone(),
        })
    }
}

/// What a process that writes parts has: where they are read, and where they go.
#[derive(Debug, Clone)]
pub struct Worker {
    source: Arc<dyn Source>,
    destination: Arc<dyn Destination>,
}

impl Worker {
    /// Writes rows of `source` to `destination`.
    pub fn new(source: Arc<dyn Source>, destination: Arc<dyn Destination>) -> Self {
        Self { source, destination }
    }

    /// Reads, shapes and writes a part, once. Nothing of it is left behind after an error, or when the future is
    /// dropped.
    ///
    /// # Errors
    /// Those of the source, of the conditions and columns of the plan, and of the destination.
    pub async fn write(&self, task: &PartTask, progress: Option<&ProgressFn>) -> Result<PreparedPart> {
        let part = std::slice::from_ref(task.part()?);
        let (rows, context) = plan::physical(&task.plan, part, &self.source).await?;
        let target = task.target(&self.destination)?;
        write_part(rows.execute(0, context)?, &target, &settings(&task.plan), progress).await
    }
}

/// Where tasks are done.
#[async_trait]
pub trait Executor: std::fmt::Debug + Send + Sync {
    /// One attempt at `task`: a second one, how many are under way, giving up and the commit are the caller's. A future
    /// that is dropped ends the attempt, and nothing of it is left behind.
    ///
    /// # Errors
    /// As [`Worker::write`].
    async fn run(&self, task: PartTask, progress: ProgressFn) -> Result<PreparedPart>;
}

/// In this process, where it is called.
#[async_trait]
impl Executor for Worker {
    async fn run(&self, task: PartTask, progress: ProgressFn) -> Result<PreparedPart> {
        self.write(&task, Some(&progress)).await
    }
}

/// What every file of a table looks like: for those without rows.
///
/// # Errors
/// As planning.
pub async fn shape(plan: &TablePlan, source: &Arc<dyn Source>) -> Result<(SchemaRef, WriterSettings)> {
    let (rows, _) = plan::physical(plan, &plan.parts, source).await?;
    Ok((plan.in_files(&rows.schema()), settings(plan)))
}

/// Writes the only file of a table without rows.
///
/// # Errors
/// As [`Worker::write`].
pub async fn write_empty_part(
    plan: &Arc<TablePlan>,
    source: &Arc<dyn Source>,
    destination: &Arc<dyn Destination>,
) -> Result<PreparedPart> {
    let (schema, settings) = shape(plan, source).await?;
    write_empty(&schema, &PartTask::new(plan, 0).target(destination)?, &settings).await
}

fn settings(plan: &TablePlan) -> WriterSettings {
    WriterSettings {
        parquet: plan.parquet.clone(),
        dictionary_off: dictionary_off(plan),
        files: plan.files.clone(),
    }
}
