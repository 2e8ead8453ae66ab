//! The result of one query, handed over while it is read, as of one snapshot. Nothing is recorded: a stream is no run.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use futures::StreamExt;

use super::budget::readers_of_one;
use super::cancel::Cancel;
use super::limits::Bounds;
use super::queries::planned_under;
use super::retry::{Attempts, Retries, Scope, admitted};
use super::stop::Stop;
use crate::catalog::{SnapshotToken, TableInfo};
use crate::error::{Error, Result, Transient};
use crate::plan::query::{self as planning, Frugality};
use crate::plan::{QueryPlan, QueryStatement};
use crate::source::{Snapshot, Source};
use crate::spec::ExportSpec;

/// What takes rows.
#[async_trait]
pub trait Rows: Send {
    /// Takes the next rows. The query is not read further while this waits, so that memory is bounded.
    async fn take(&mut self, rows: RecordBatch) -> Result<()>;
}

/// What was streamed.
#[derive(Debug)]
pub struct Streamed {
    /// Rows that were taken.
    pub rows: u64,
    /// The point in time.
    pub snapshot: SnapshotToken,
}

/// Reads the result of `statement` into what `open` makes for its schema, and returns that. `open` is called once, before
/// the first row.
///
/// Rows that were taken are the whole result only when this succeeds: the view is asked at the end whether it has held.
/// What fails before the first row is tried again like a run; later there is nothing to be tried again.
///
/// # Errors
/// Those of planning, of reading, and of `open` and what it makes.
pub async fn stream<R: Rows>(
    spec: &ExportSpec,
    statement: &QueryStatement,
    source: &Arc<dyn Source>,
    cancel: &Cancel,
    open: impl FnOnce(&SchemaRef, &SnapshotToken) -> Result<R> + Send,
) -> Result<(R, Streamed)> {
    let limit = spec.run.retries;
    let bounds = admitted(cancel, limit, async || Bounds::of(spec.limits, source.as_ref()).await).await?;
    let plan = async || planned(spec, statement, source, &bounds).await;
    let (view, tables, plan) = admitted(cancel, limit, plan).await?;
    let _held = bounds.held(view.as_ref());
    let retries = Retries::new(limit);
    let (watch, stop) = Stop::new(cancel, retries.suspicion(), &bounds, view.as_ref());
    let work = async {
        stop.may_begin().await?;
        let (rows, taken) = read(&plan, (&stop, &retries), open).await?;
        for table in &tables {
            view.unchanged(table).await.map_err(|error| error.with("table", &table.table))?;
        }
        view.check().await?;
        Ok::<_, Error>((rows, taken))
    };
    let done = watch.while_held(view.as_ref(), work).await?;
    let (rows, taken) = done.map_err(|error| match stop.late() {
        // At the deadline the view is given up: that it is lost is the limit's work.
        Some(late) if error.transient() == Some(Transient::View) => late,
        _ => error,
    })?;
    let snapshot = SnapshotToken { level: spec.safety.consistency, ..plan.snapshot.clone() };
    Ok((taken, Streamed { rows, snapshot }))
}

/// Takes the snapshot and plans the statement.
async fn planned(
    spec: &ExportSpec,
    statement: &QueryStatement,
    source: &Arc<dyn Source>,
    bounds: &Bounds,
) -> Result<(Box<dyn Snapshot>, Vec<TableInfo>, QueryPlan)> {
    let statements = std::slice::from_ref(statement);
    let tables = planning::tables_of(statements, source.as_ref()).await?;
    let view = source.snapshot(&tables, spec.safety.consistency, readers_of_one(spec)).await?;
    let planning = Box::pin(planned_under(spec, source, view.as_ref(), statements, &tables));
    let (tables, mut plans) = bounds.in_time(view.as_ref(), planning).await?;
    let plan = plans.pop().ok_or_else(|| Error::internal("a statement has no plan"))?;
    Ok((view, tables, plan))
}

/// Reads the result into what `open` makes.
async fn read<R: Rows>(
    plan: &QueryPlan,
    (stop, retries): (&Stop, &Arc<Retries>),
    open: impl FnOnce(&SchemaRef, &SnapshotToken) -> Result<R>,
) -> Result<(u64, R)> {
    let mut attempts = Attempts::new(retries, &plan.table, Scope::Query);
    let (first, mut batches) = attempts.until_done(stop, || begun(plan, stop)).await?;
    let mut taken = open(&batches.schema(), &plan.snapshot)?;
    let (mut rows, mut next) = (0, first);
    let reading = async {
        while let Some(batch) = next {
            if batch.num_rows() > 0 {
                rows += batch.num_rows() as u64;
                taken.take(batch).await?;
            }
            next = batches.next().await.transpose()?;
            // A stream that is always ready must not keep a cancel waiting.
            tokio::task::coop::consume_budget().await;
        }
        Ok::<_, Error>(())
    };
    tokio::select! {
        read = reading => read?,
        reason = stop.stopped() => return Err(reason),
    }
    Ok((rows, taken))
}

/// The result up to its first batch. When the memory is not enough before that, once more by a plan that takes less.
async fn begun(plan: &QueryPlan, stop: &Stop) -> Result<(Option<RecordBatch>, SendableRecordBatchStream)> {
    let mut frugality = Frugality::Fast;
    loop {
        let (physical, context) = plan.physical(frugality).await?;
        let mut batches = execute_stream(physical, context)?;
        let first = tokio::select! {
            first = batches.next() => first.transpose(),
            reason = stop.stopped() => return Err(reason),
        };
        match first.map_err(Error::from) {
            Ok(first) => return Ok((first, batches)),
            Err(error) if error.is_out_of_memory() => {
                let Some(less) = plan.more_frugal(frugality).await? else { return Err(error) };
                tracing::info!("{}", less.instead());
                frugality = less;
            }
            Err(error) => return Err(error),
        }
    }
}
