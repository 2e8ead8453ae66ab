//! What fills a table's directory: its parts, each written by a reader.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::budget::Connections;
use super::commit::{self, Content, Place, all_ended};
use super::context::Under;
use super::mixed::{self, Reused};
use super::outcome::Exported;
use super::parts::{self, Recorder};
use super::prepared::Prepared;
use super::retry::{Attempts, Retries, Scope};
use super::stop::Stop;
use super::verify;
use crate::clock::Stopwatch;
use crate::destination::PendingUpload;
use crate::error::Result;
use crate::manifest::{Manifest, Verification};
use crate::plan::{TablePlan, partitions};
use crate::sink::{PreparedPart, ProgressFn};
use crate::spec::EmptyTables;
use crate::work::{self, Executor, PartTask};

/// A table, and what an earlier process of the same run left of it.
struct Table {
    plan: Arc<TablePlan>,
    reused: Option<Reused>,
    recorder: Option<Recorder>,
}

/// Exports one table as of the snapshot of `under`.
pub(super) async fn export(plan: &TablePlan, under: &Under<'_>) -> Result<Exported> {
    let run = under.run;
    let obstacle = parts::obstacle(plan, run);
    let reused = match &run.reusable {
        Some(reusable) => mixed::reused(plan, obstacle.as_deref(), reusable, run),
        None => None,
    };
    let recorder = match (&obstacle, &reused) {
        (Some(_), _) => None,
        (None, Some(reused)) => Some(Recorder::new(&reused.plan, run)),
        (None, None) => Some(Recorder::begin(plan, run).await?),
    };
    let plan = Arc::new(reused.as_ref().map_or(plan, |reused| &reused.plan).clone());
    commit::export(&Table { plan, reused, recorder }, under).await
}

#[async_trait(?Send)]
impl Content for Table {
    fn place(&self) -> Place<'_> {
        let (table, directory) = (&self.plan.info.table, self.plan.directory.as_str());
        Place { table, directory, is_query: false, est_rows: self.plan.info.est_rows }
    }

    fn keep(&self) -> Vec<PendingUpload> {
        self.reused.as_ref().map_or_else(Vec::new, Reused::uploads)
    }

    fn parts_stay(&self, under: &Under<'_>) -> bool {
        self.recorder.is_some() && under.run.spec.safety.accept_mixed_snapshot
    }

    async fn write(&self, under: &Under<'_>, prepared: &Prepared) -> Result<Manifest> {
        let (run, plan, table) = (under.run, &self.plan, &self.plan.info.table);
        let there = match &self.reused {
            Some(reused) => reused.still_there(run).await?,
            None => Vec::new(),
        };
        prepared.extend(mixed::prepared(&there));
        self.write_parts(under, prepared).await.map_err(|error| error.with("table", table))?;
        mixed::still_whole(&there, run).await?;
        let verification = verify::beside_source(plan, under, prepared).await?;
        under.view.unchanged(&plan.info).await.map_err(|error| error.with("table", table))?;
        let mut manifest = Manifest {
            filter: plan.filter.clone(),
            projection: plan.projection.clone(),
            source_sql: plan.info.reading.sql.clone(),
            columns: plan.columns.clone(),
            partition_by: plan.arrangement.partition.clone(),
            sorted_by: plan.arrangement.sort.clone(),
            masks: plan.masks.columns.clone(),
            keys: plan.info.keys(),
            verification,
            ..run.manifest(table, plan.snapshot.clone(), &plan.parquet.readers)
        };
        if self.reused.is_some() {
            mixed::note(&mut manifest, plan, &there);
        }
        Ok(manifest)
    }

    async fn check(
        &self,
        under: &Under<'_>,
        manifest: &Manifest,
        verification: &mut Option<Verification>,
    ) -> Result<()> {
        verify::read_back(&self.plan, under, manifest, verification).await
    }
}

impl Table {
    /// Writes every part that is not there yet, `plan.readers` at a time, and a file without rows if that is wanted of
    /// an empty table.
    async fn write_parts(&self, under: &Under<'_>, prepared: &Prepared) -> Result<()> {
        let (run, plan) = (under.run, &self.plan);
        self.check_partitions(under).await?;
        let done: HashSet<usize> = prepared.with(|parts| parts.iter().map(|part| part.part).collect());
        let missing: Vec<usize> = (0..plan.parts.len()).filter(|part| !done.contains(part)).collect();
        let readers = plan.readers.min(missing.len());
        let writer = Arc::new(Writer {
            plan: Arc::clone(plan),
            missing,
            next: AtomicUsize::new(0),
            executor: Arc::clone(&run.executor),
            retries: Arc::clone(&run.retries),
            connections: run.connections.clone(),
            stop: under.stop.clone(),
            recorder: self.recorder.clone(),
            prepared: prepared.clone(),
            count: prepared.count(),
        });
        let mut writers = JoinSet::new();
        for _ in 0..readers {
            writers.spawn(Arc::clone(&writer).run());
        }
        all_ended(writers, under).await?;
        let (source, destination) = (&run.services.source, &run.services.destination);
        if prepared.is_shaped {
            let (schema, settings) = work::shape(plan, source).await?;
            prepared.shaped(&schema, &settings);
        }
        if !prepared.has_file() && run.spec.output.empty_tables == EmptyTables::Write {
            prepared.extend([work::write_empty_part(plan, source, destination).await?]);
        }
        Ok(())
    }

    /// Refuses too many partitions before any of them is written.
    async fn check_partitions(&self, under: &Under<'_>) -> Result<()> {
        let (run, plan) = (under.run, &self.plan);
        if plan.arrangement.partition.is_empty() {
            return Ok(());
        }
        let _permit = run.connections.take(1).await?;
        let mut attempts = Attempts::new(&run.retries, &plan.info.table, Scope::Part(0));
        attempts.until_done(&under.stop, || partitions::check_number(plan, &run.services.source)).await
    }
}

/// What the readers of a table share.
struct Writer {
    plan: Arc<TablePlan>,
    /// Parts to write, and the next one of them.
    missing: Vec<usize>,
    next: AtomicUsize,
    executor: Arc<dyn Executor>,
    retries: Arc<Retries>,
    connections: Connections,
    stop: Stop,
    recorder: Option<Recorder>,
    prepared: Prepared,
    count: ProgressFn,
}

impl Writer {
    /// One part after the other, until there is none.
    async fn run(self: Arc<Self>) -> Result<()> {
        while let Some(part) = self.missing.get(self.next.fetch_add(1, Ordering::Relaxed)).copied() {
            let task = PartTask::new(&self.plan, part);
            let mut attempts = Attempts::new(&self.retries, &self.plan.info.table, Scope::Part(part));
            let written = attempts.until_done(&self.stop, || self.attempt(&task, part)).await?;
            self.prepared.extend([written.clone()]);
            if let Some(recorder) = &self.recorder {
                recorder.prepared(&written).await;
            }
        }
        Ok(())
    }

    /// One attempt, over one of the connections. After an error its upload is aborted and its rows are no longer
    /// counted: the next one starts whole.
    async fn attempt(&self, task: &PartTask, part: usize) -> Result<PreparedPart> {
        let waiting = Stopwatch::start();
        let _permit = self.connections.take(1).await?;
        let waited = waiting.seconds();
        // The wait for a connection may have been long.
        self.stop.may_read().await?;
        let written = self.executor.run(task.clone(), Arc::clone(&self.count)).await;
        let mut written = written.map_err(|error| error.with("part", part))?;
        written.waited(waited);
        Ok(written)
    }
}
