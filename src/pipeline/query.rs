//! Exports the results of queries: one snapshot for all, everything planned before anything is written.

use std::sync::Arc;

use datafusion::physical_plan::{ExecutionPlanProperties, SendableRecordBatchStream};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::clock::{self, Stopwatch};
use super::export::{self, Exported, Place, Prepared, Shared};
use super::limits::{Bounds, Held, NOT_EXPORTED};
use super::resume::Earlier;
use super::retry::{Attempts, Retries, Scope, admitted};
use super::stop::{Stop, Watch};
use super::{
    Cancel, Observed, Opening, Parts, RunSummary, TableOutcome, TableProgress, conduct, failed, minded,
    prepare, reach, record, recorded,
};
use crate::catalog::{Keys, Slice, SnapshotToken, SourceIdentity, TableInfo, TableRef};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{FORMAT_VERSION, Manifest};
use crate::plan::query::{self as planning, Joins, Readers};
use crate::plan::{QueryPlan, QueryStatement};
use crate::runlog::RunEvent;
use crate::sink::{PartTarget, ProgressFn, write_empty, write_part};
use crate::source::{Layered, Limited, Snapshot, Source};
use crate::spec::{EmptyTables, ErrorAction, ExportSpec, IfExists};

/// What the run log calls the way a query is cut.
const METHOD: &str = "Query";

/// Exports the result of every statement under `run_id`, one after the other, all as of one snapshot.
///
/// A statement that cannot be planned is an error before anything is recorded or written; one that fails
/// later is in the summary.
pub async fn query(
    spec: &ExportSpec,
    statements: &[QueryStatement],
    run_id: &str,
    parts: &Parts,
) -> Result<RunSummary> {
    let how = Observed { run_id, begun: Stopwatch::start(), earlier: Earlier::default() };
    reach(parts).await?;
    let identity = admitted(&parts.cancel, spec.run.retries, async || parts.source.identity().await).await?;
    let queries: Vec<_> = statements.iter().map(described).collect();
    let mut config = serde_json::to_value(spec).map_err(|e| Error::internal("spec").caused_by(e))?;
    config["queries"] = queries.into();
    start(spec, statements, parts, identity, how, &config.to_string()).await
}

/// A statement as the run log keeps it.
fn described(statement: &QueryStatement) -> Value {
    let mut described = json!({ "name": statement.name, "sql": statement.sql });
    if let Some(own) = &statement.source_sql {
        described["source_sql"] = json!(own);
    }
    described
}

/// Exports the results of `statements`, which are all of the run or those that are left of it.
pub(super) async fn start(
    spec: &ExportSpec,
    statements: &[QueryStatement],
    parts: &Parts,
    identity: SourceIdentity,
    how: Observed<'_>,
    config: &str,
) -> Result<RunSummary> {
    let bounds = async || Bounds::of(spec.limits, parts.source.as_ref()).await;
    let bounds = &admitted(&parts.cancel, spec.run.retries, bounds).await?;
    let plan = async || plan_all(spec, statements, &parts.source, bounds).await;
    let planned = tokio::select! {
        planned = admitted(&parts.cancel, spec.run.retries, plan) => planned?,
        () = parts.cancel.cancelled() => return Err(Cancel::error()),
    };
    let (pinned, plans) = planned;
    let tables: Vec<TableRef> = plans.iter().map(|plan| plan.table.clone()).collect();
    let (run_id, earlier) = (how.run_id, how.earlier.snapshots.clone());
    let earlier = earlier.as_slice();
    let opening =
        Opening { how, identity: &identity, config: config.to_owned(), tables: &tables, spec, bounds };
    let retries = Retries::new(spec.run.retries);
    let (watch, stop) = Stop::new(&parts.cancel, &retries, bounds, pinned.view.as_ref());
    let connections = Arc::new(Semaphore::new(0));
    let executor = parts.executor();
    let shared = Shared {
        spec,
        run_id,
        identity: &identity,
        parts,
        connections,
        executor,
        stop,
        retries,
        earlier,
        left: None,
    };
    conduct(opening, parts, Box::pin(export_all(&plans, pinned, &watch, &shared))).await
}

/// A view, and the tables in it that are read.
struct Pinned {
    view: Box<dyn Snapshot>,
    held: Held,
    tables: Vec<TableInfo>,
}

/// Pins the tables that the statements read and plans all statements.
async fn plan_all(
    spec: &ExportSpec,
    statements: &[QueryStatement],
    source: &Arc<dyn Source>,
    bounds: &Bounds,
) -> Result<(Pinned, Vec<QueryPlan>)> {
    let tables = planning::tables_of(statements, source.as_ref()).await?;
    let view = source.snapshot(&tables, spec.safety.consistency).await?;
    let held = bounds.held(view.as_ref());
    let planning = Box::pin(plan_under(spec, statements, source, (view.as_ref(), &tables)));
    let (tables, plans) = bounds.in_time(view.as_ref(), planning).await?;
    Ok((Pinned { view, held, tables }, plans))
}

/// Plans all statements over `tables` as of `view`.
async fn plan_under(
    spec: &ExportSpec,
    statements: &[QueryStatement],
    source: &Arc<dyn Source>,
    (view, tables): (&dyn Snapshot, &[TableRef]),
) -> Result<(Vec<TableInfo>, Vec<QueryPlan>)> {
    let readers = Readers::of(spec.run.max_connections, view);
    let source: Arc<dyn Source> = Arc::new(Layered::new(Arc::clone(source), Limited::new(readers.at_once())));
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
    minded::warn_of(&spec.parquet, plans.iter().map(|plan| (&plan.table, plan.fields())));
    let tables = inputs.into_iter().map(|input| input.info).collect();
    Ok((tables, plans))
}

async fn export_all(
    plans: &[QueryPlan],
    pinned: Pinned,
    watch: &Watch,
    shared: &Shared<'_>,
) -> Result<(SnapshotToken, Vec<TableOutcome>)> {
    let view = pinned.view.as_ref();
    let snapshot = SnapshotToken { level: shared.spec.safety.consistency, ..view.token().clone() };
    let taken = RunEvent::SnapshotTaken {
        run_id: shared.run_id.to_owned(),
        snapshot: serde_json::to_string(&snapshot).map_err(|e| Error::internal("snapshot").caused_by(e))?,
    };
    record(shared.parts, &taken).await;
    let mut outcomes: Vec<TableOutcome> = Vec::with_capacity(plans.len());
    for plan in plans {
        let stopped = shared.spec.run.error_action == ErrorAction::Fail
            && outcomes.iter().any(|outcome| outcome.error.is_some());
        if stopped {
            let error = Error::unavailable(format!("{NOT_EXPORTED} query failed (--error-action fail)"));
            outcomes.push(failed(shared, &plan.table, 0.0, error).await);
            continue;
        }
        let exporting = Box::pin(one_query(plan, &pinned, shared));
        outcomes.push(watch.while_held(view, exporting).await?);
    }
    let Pinned { view, held, .. } = pinned;
    drop(view);
    drop(held);
    Ok((snapshot, outcomes))
}

async fn one_query(plan: &QueryPlan, pinned: &Pinned, shared: &Shared<'_>) -> TableOutcome {
    let started = RunEvent::TableStarted {
        run_id: shared.run_id.to_owned(),
        table: plan.table.clone(),
        at: clock::now(),
        method: METHOD.to_owned(),
        parts: 1,
        est_rows: 0,
    };
    recorded(plan.table.clone(), started, shared, Box::pin(committed(plan, pinned, shared))).await
}

async fn committed(plan: &QueryPlan, pinned: &Pinned, shared: &Shared<'_>) -> Result<Exported> {
    let (table, directory) = (&plan.table, plan.directory.as_str());
    let place = Place { table, is_query: true, directory, est_rows: 0, keep: &[], parts_stay: false };
    let write = async |progress: Arc<TableProgress>, prepared: Prepared| {
        write(plan, shared, &progress, &prepared).await?;
        for table in &pinned.tables {
            pinned.view.unchanged(table).await.map_err(|error| error.with("table", &table.table))?;
        }
        Ok(())
    };
    let view = pinned.view.as_ref();
    export::committed(&place, view, shared, write, || manifest(plan, shared), async |_| Ok(())).await
}

/// Writes the result. When the hash table of a join outgrows the memory, once more with joins that spill; after an
/// error that passes, whole once more: the partitions of a query wait for each other.
async fn write(
    plan: &QueryPlan,
    shared: &Shared<'_>,
    progress: &Arc<TableProgress>,
    prepared: &Prepared,
) -> Result<()> {
    let mut attempts = Attempts::new(&shared.retries, &plan.table, Scope::Query);
    let mut joins = Joins::Hash;
    loop {
        attempts.begin()?;
        shared.stop.may_read().await?;
        let error = match attempt(plan, shared, progress, prepared, joins).await {
            Ok(()) => {
                attempts.succeeded();
                return Ok(());
            }
            Err(error) => error,
        };
        if joins == Joins::Hash && error.is_out_of_memory() && plan.has_hash_joins().await? {
            tracing::info!("{}: a join does not fit into --memory-limit, sorting instead", plan.table);
            joins = Joins::SortMerge;
        } else {
            tokio::select! {
                failed = attempts.failed(error) => failed?,
                reason = shared.stop.stopped() => return Err(reason),
            }
        }
        progress.reset();
        let mut removed = Ok(());
        for file in prepared.take() {
            removed = match shared.parts.destination.abort(&file.upload).await {
                // Nobody sees it, and its files get other uploads.
                Err(error) if error.kind() == ErrorKind::Denied => {
                    tracing::warn!(%error, "an upload was not removed");
                    removed
                }
                aborted => aborted.and(removed),
            };
        }
        removed?;
    }
}

/// When it returns, also with an error, nothing is being written any more.
async fn attempt(
    plan: &QueryPlan,
    shared: &Shared<'_>,
    progress: &Arc<TableProgress>,
    prepared: &Prepared,
    joins: Joins,
) -> Result<()> {
    let (rows, context) = plan.physical(joins).await?;
    let (schema, partitions) = (rows.schema(), rows.output_partitioning().partition_count());
    prepared.shaped(&schema, &plan.writer);
    let targets: Vec<PartTarget> =
        (0..partitions).map(|part| target(plan, part, partitions, shared)).collect();
    let counters = Arc::clone(progress);
    let count: ProgressFn = Arc::new(move |rows, bytes| counters.add(rows, bytes));
    // All at once: the partitions of a join or an aggregate wait for each other.
    let streams: Vec<SendableRecordBatchStream> = (0..partitions)
        .map(|part| rows.execute(part, Arc::clone(&context)))
        .collect::<std::result::Result<_, _>>()?;
    let mut running = JoinSet::new();
    for (target, rows) in targets.iter().cloned().zip(streams) {
        let (settings, count, prepared) = (plan.writer.clone(), Arc::clone(&count), prepared.clone());
        running.spawn(async move {
            prepared.extend(vec![write_part(rows, &target, &settings, Some(&count)).await?]);
            Ok(())
        });
    }
    let ended = tokio::select! {
        ended = export::all_ended(&mut running) => ended,
        reason = shared.stop.stopped() => Err(reason),
    };
    // The first error ends the others: their statements are cancelled and their uploads removed.
    running.shutdown().await;
    ended?;
    if !prepared.has_file() && shared.spec.output.empty_tables == EmptyTables::Write {
        prepared.extend(vec![write_empty(&schema, &targets[0], &plan.writer).await?]);
    }
    Ok(())
}

fn target(plan: &QueryPlan, part: usize, partitions: usize, shared: &Shared<'_>) -> PartTarget {
    let append = (shared.spec.output.if_exists == IfExists::Append).then_some(shared.run_id);
    let file = plan.file(part, append);
    PartTarget {
        destination: Arc::clone(&shared.parts.destination),
        path: format!("{}/{file}", plan.directory),
        name: file,
        part,
        slice: Slice::All,
        est_bytes: plan.est_bytes / partitions.max(1) as u64,
        only: partitions == 1,
    }
}

fn manifest(plan: &QueryPlan, shared: &Shared<'_>) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        run_id: shared.run_id.to_owned(),
        created_by: concat!("lakexpress ", env!("CARGO_PKG_VERSION")).to_owned(),
        committed_at: clock::now(),
        source: shared.identity.clone(),
        table: plan.table.clone(),
        snapshot: SnapshotToken { level: shared.spec.safety.consistency, ..plan.snapshot.clone() },
        earlier_snapshots: shared.earlier.to_vec(),
        mixed_snapshots: Vec::new(),
        filter: None,
        projection: None,
        query: Some(plan.sql.clone()),
        source_sql: plan.source_sql.clone(),
        readers: plan.writer.parquet.readers.clone(),
        columns: plan.columns.clone(),
        keys: Keys::default(),
        rows: 0,
        verification: None,
        files: Vec::new(),
    }
}
