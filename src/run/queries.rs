//! What fills a query's directory: its result, written by as many writers as its plan has partitions.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::physical_plan::{ExecutionPlanProperties, SendableRecordBatchStream};
use tokio::task::JoinSet;

use super::commit::{Content, Place, all_ended};
use super::context::{Pinned, RunContext, Under};
use super::item::{Item, Planned, QueryItem};
use super::minded;
use super::prepared::Prepared;
use super::retry::{Attempts, Scope};
use crate::catalog::{Slice, SnapshotToken, TableInfo, TableRef};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::Manifest;
use crate::plan::query::{self as planning, Frugality, Readers};
use crate::plan::{QueryPlan, QueryStatement, prepare};
use crate::sink::{PartTarget, write_empty, write_part};
use crate::source::{Layered, Limited, Snapshot, Source};
use crate::spec::{EmptyTables, ExportSpec};

/// Takes the snapshot of the tables that the statements read and plans all statements.
pub(super) async fn planned(run: &RunContext, statements: &[QueryStatement]) -> Result<(Pinned, Planned)> {
    let tables = planning::tables_of(statements, run.services.source.as_ref()).await?;
    let pinned = run.pin(&tables, run.spec.safety.consistency).await?;
    let view = pinned.view.as_ref();
    let planning = Box::pin(planned_under(&run.spec, &run.services.source, view, statements, &tables));
    let (tables, plans) = run.bounds.in_time(view, planning).await?;
    for plan in &plans {
        run.rules.check(&plan.table, &plan.fields(), &run.spec.parquet)?;
    }
    minded::warn_of(&run.spec.parquet, plans.iter().map(|plan| (&plan.table, plan.fields())));
    minded::warn_of_codecs(&run.spec.parquet, plans.iter().map(|plan| (&plan.table, &plan.writer.files)));
    let tables: Arc<[TableInfo]> = tables.into();
    let items =
        plans.into_iter().map(|plan| Item::Query(Box::new(QueryItem { plan, tables: Arc::clone(&tables) })));
    Ok((pinned, Planned { items: items.collect(), failures: Vec::new() }))
}

/// Describes the tables as of `view` and plans all statements over them.
pub(super) async fn planned_under(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    statements: &[QueryStatement],
    tables: &[TableRef],
) -> Result<(Vec<TableInfo>, Vec<QueryPlan>)> {
    let readers = Readers::of(spec.run.max_connections, view);
    let limited = Layered::new(Arc::clone(source), Limited::new(readers.at_once()));
    let source: Arc<dyn Source> = Arc::new(limited);
    let mut inputs = Vec::with_capacity(tables.len());
    for table in tables {
        let input = prepare::query_input(spec, source.as_ref(), view, table).await;
        inputs.push(input.map_err(|error| error.with("table", table))?);
    }
    let of_tables = inputs.len();
    for statement in statements.iter().filter(|statement| statement.source_sql.is_some()) {
        let input = prepare::source_query_input(spec, source.as_ref(), view, statement).await;
        inputs.push(input.map_err(|error| statement.placed(error))?);
    }
    let plans =
        Box::pin(planning::plan_queries(statements, &source, &inputs, view.token(), readers, spec)).await?;
    inputs.truncate(of_tables);
    Ok((inputs.into_iter().map(|input| input.info).collect(), plans))
}

#[async_trait(?Send)]
impl Content for QueryItem {
    fn place(&self) -> Place<'_> {
        let (table, directory) = (&self.plan.table, self.plan.directory.as_str());
        Place { table, directory, is_query: true, est_rows: 0 }
    }

    /// After a transient error the result is written whole once more: the partitions of a query wait for each other.
    async fn write(&self, under: &Under<'_>, prepared: &Prepared) -> Result<Manifest> {
        let (run, plan) = (under.run, &self.plan);
        let enough = Mutex::new(Frugality::Fast);
        let mut attempts = Attempts::new(&run.retries, &plan.table, Scope::Query);
        attempts.until_done(&under.stop, || self.attempt(under, prepared, &enough)).await?;
        for table in self.tables.iter() {
            under.view.unchanged(table).await.map_err(|error| error.with("table", &table.table))?;
        }
        let snapshot = SnapshotToken { level: run.spec.safety.consistency, ..plan.snapshot.clone() };
        Ok(Manifest {
            query: Some(plan.sql.clone()),
            source_sql: plan.source_sql.clone(),
            columns: plan.columns.clone(),
            partition_by: plan.arrangement.partition.clone(),
            ..run.manifest(&plan.table, snapshot, &plan.writer.parquet.readers)
        })
    }
}

impl QueryItem {
    /// Writes the result. When the memory is not enough, once more by a plan that takes less; all later attempts begin with
    /// that.
    async fn attempt(&self, under: &Under<'_>, prepared: &Prepared, enough: &Mutex<Frugality>) -> Result<()> {
        let plan = &self.plan;
        loop {
            // An upload that cannot be removed is no reason to try again: the next attempt would not know of it.
            take_back(prepared, under).await.map_err(Error::as_permanent)?;
            let frugality = *enough.lock().unwrap_or_else(PoisonError::into_inner);
            let error = match self.write_with(frugality, under, prepared).await {
                Err(error) if error.is_out_of_memory() => error,
                written => return written,
            };
            let Some(less) = plan.more_frugal(frugality).await? else { return Err(error) };
            tracing::info!("{}: {}", plan.table, less.instead());
            *enough.lock().unwrap_or_else(PoisonError::into_inner) = less;
        }
    }

    async fn write_with(&self, frugality: Frugality, under: &Under<'_>, prepared: &Prepared) -> Result<()> {
        let plan = &self.plan;
        let (rows, context) = plan.physical(frugality).await?;
        let (schema, partitions) = (rows.schema(), rows.output_partitioning().partition_count());
        prepared.shaped(&plan.arrangement.in_files(&schema), &plan.writer);
        let targets: Vec<PartTarget> =
            (0..partitions).map(|part| self.target(part, partitions, under.run)).collect();
        // All at once: the partitions of a join or an aggregate wait for each other.
        let streams: Vec<SendableRecordBatchStream> = (0..partitions)
            .map(|part| rows.execute(part, Arc::clone(&context)))
            .collect::<std::result::Result<_, _>>()?;
        let mut writers = JoinSet::new();
        for (target, rows) in targets.iter().cloned().zip(streams) {
            let (settings, count, prepared) = (plan.writer.clone(), prepared.count(), prepared.clone());
            writers.spawn(async move {
                prepared.extend([write_part(rows, &target, &settings, Some(&count)).await?]);
                Ok(())
            });
        }
        all_ended(writers, under).await?;
        if !prepared.has_file() && under.run.spec.output.empty_tables == EmptyTables::Write {
            prepared
                .extend([write_empty(&plan.arrangement.in_files(&schema), &targets[0], &plan.writer).await?]);
        }
        Ok(())
    }

    fn target(&self, part: usize, partitions: usize, run: &RunContext) -> PartTarget {
        let file = run.rules.names.of(part);
        PartTarget {
            destination: Arc::clone(&run.services.destination),
            path: format!("{}/{file}", self.plan.directory),
            name: file,
            part,
            slice: Slice::All,
            est_bytes: self.plan.est_bytes / partitions.max(1) as u64,
            only: partitions == 1 && self.plan.arrangement.files.is_one_file(),
            fanout: self.plan.arrangement.files.clone(),
        }
    }
}

/// Removes what an earlier attempt has written.
async fn take_back(prepared: &Prepared, under: &Under<'_>) -> Result<()> {
    let mut removed = Ok(());
    for file in prepared.take_back() {
        removed = match under.run.services.destination.abort(&file.upload).await {
            // Nobody sees it, and its files get other uploads.
            Err(error) if error.kind() == ErrorKind::Denied => {
                tracing::warn!(%error, "an upload was not removed");
                removed
            }
            aborted => aborted.and(removed),
        };
    }
    removed
}
