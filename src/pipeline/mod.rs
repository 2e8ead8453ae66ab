//! Runs an export: discover, pin, plan, read, write, commit, record.

mod alike;
mod budget;
pub mod cancel;
mod check;
pub mod clock;
mod cut;
mod evidence;
mod export;
mod limits;
mod metadata;
mod minded;
mod mixed;
mod own_view;
mod prepare;
pub mod progress;
mod query;
mod resume;
mod retry;
mod rows;
mod stop;
mod summary;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::Semaphore;

pub use cancel::{Cancel, CancelSwitch, INTERRUPTED};
pub use check::{Checked, check, least_role};
pub use evidence::{Evidence, evidence};
pub use metadata::{MetadataOutcome, MetadataTable, SkippedSchema, metadata};
pub use progress::{Progress, TableProgress};
pub use query::query;
pub use resume::resume;

use self::budget::Budget;
use self::clock::Stopwatch;
use self::export::{Exported, Shared};
use self::limits::{Bounds, NOT_EXPORTED};
use self::mixed::Left;
use self::own_view::pinned_table;
use self::resume::Earlier;
use self::retry::{Retries, admitted};
use self::stop::Stop;
use crate::catalog::{Consistency, SnapshotToken, SourceIdentity, TableRef};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result, Transient, values_are_hidden};
use crate::manifest::{PartsAsOf, Verification};
use crate::plan::TablePlan;
use crate::runlog::{HEARTBEAT, PartitionRow, RunEvent, RunLog, RunStatus};
use crate::sink;
use crate::source::{Snapshot, Source};
use crate::spec::{ErrorAction, ExportSpec, Verify, layout};

impl RunSummary {
    /// Whether a signal kept it from doing something.
    pub fn is_cut_short(&self) -> bool {
        let of_tables = self.tables.iter().filter_map(|table| table.error.as_ref());
        let of_metadata = self.metadata.as_ref().and_then(|metadata| metadata.error.as_ref());
        of_tables.chain(of_metadata).any(|error| error.message().starts_with(INTERRUPTED))
    }
}

/// Receives every [`RunEvent`] as it happens, after it was recorded.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &RunEvent);

    /// A run that is resumed has finished these tables before.
    fn kept(&self, _tables: &[TableOutcome]) {}
}

/// The objects a run works with.
#[derive(Clone)]
pub struct Parts {
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where files go.
    pub destination: Arc<dyn Destination>,
    /// Where the run is recorded.
    pub runlog: Arc<dyn RunLog>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// Counters that a progress display polls.
    pub progress: Arc<Progress>,
    /// Asks the run to stop.
    pub cancel: Cancel,
}

/// What became of a run.
#[derive(Debug, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The source.
    pub source: SourceIdentity,
    /// The destination's base.
    pub destination: String,
    /// Directory between the base and the schemas' directories; may be empty.
    pub sub_path: String,
    /// What was asked to be compared with the source.
    pub verify: Verify,
    /// The point in time; of a resumed run, that of the tables that were left.
    pub snapshot: SnapshotToken,
    /// The longest time that a snapshot of this process was held, in seconds; none when it held none.
    pub snapshot_seconds: Option<f64>,
    /// The limit that ended it, when tables failed for nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Other points in time, of the tables that were kept when the run was resumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier_snapshots: Vec<SnapshotToken>,
    /// Whether the run was resumed.
    pub resumed: bool,
    /// Per table, in catalog order.
    pub tables: Vec<TableOutcome>,
    /// What became of the metadata; none if none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataOutcome>,
}

/// What became of a table.
#[derive(Debug, Serialize)]
pub struct TableOutcome {
    /// The table.
    pub table: TableRef,
    /// Directory below the base.
    pub directory: String,
    /// Rows committed.
    pub rows: u64,
    /// Files committed.
    pub files: usize,
    /// Bytes committed.
    pub bytes: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Parts that were read again after an error that passes.
    pub retries: u64,
    /// What could not be cleared away in its directory.
    #[serde(skip_serializing_if = "sink::Left::is_empty")]
    pub left: sink::Left,
    /// It was finished before the run was resumed, and not read again.
    pub kept: bool,
    /// Which parts are of which point in time, when they are of several (`--accept-mixed-snapshot`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mixed_snapshots: Vec<PartsAsOf>,
    /// What was compared with the source; none when nothing was.
    pub verification: Option<Verification>,
    /// Why it failed; serialised as its one-line text.
    #[serde(serialize_with = "error_text")]
    pub error: Option<Error>,
}

fn error_text<S: serde::Serializer>(error: &Option<Error>, to: S) -> std::result::Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(to)
}

/// The plan of a run: what would be read and written, up to the first byte.
#[derive(Debug, Serialize)]
pub struct RunPlan {
    /// The source.
    pub source: SourceIdentity,
    /// Tables that can be exported, in the order they will run.
    pub tables: Vec<TablePlan>,
    /// Tables that cannot, and why.
    #[serde(serialize_with = "failures_text")]
    pub failures: Vec<(TableRef, Error)>,
}

fn failures_text<S: serde::Serializer>(
    failures: &[(TableRef, Error)],
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    let pairs: Vec<(String, String)> = failures.iter().map(|(t, e)| (t.to_string(), e.to_string())).collect();
    pairs.serialize(to)
}

/// Plans a run; reads catalogs and what slices are made from (samples, keys), and writes nothing. `rows` are those
/// of `partition_columns`.
pub async fn plan(spec: &ExportSpec, source: &Arc<dyn Source>, rows: &[PartitionRow]) -> Result<RunPlan> {
    let identity = source.identity().await?;
    let tables = prepare::select(spec, source.as_ref()).await?;
    let spec = &rows::configured(spec, rows, &identity, &tables)?;
    alike::warn_of_directories(spec, &tables);
    let view = source.snapshot(&tables, Consistency::None).await?;
    let (plans, failures) = plan_all(spec, source, view.as_ref(), &tables, "00000000").await?;
    Ok(RunPlan { source: identity, tables: plans, failures })
}

/// Plans every table as of `view`, largest first; tables that cannot be exported come with their error.
async fn plan_all(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    tables: &[TableRef],
    run_id: &str,
) -> Result<(Vec<TablePlan>, Vec<(TableRef, Error)>)> {
    let (mut plans, mut failures) = (Vec::new(), Vec::new());
    for table in tables {
        match Box::pin(prepare::plan_one(spec, source, view, table, run_id)).await {
            Ok(plan) => plans.push(plan),
            // A wrong flag is the user's to mend before anything is written.
            Err(error) if error.kind() == ErrorKind::Usage => return Err(error),
            // Of the tables that follow nothing would be known either.
            Err(error) if matches!(error.transient(), Some(Transient::Connection | Transient::View)) => {
                return Err(error.with("table", table));
            }
            Err(error) => {
                view.check().await?;
                failures.push((table.clone(), error));
            }
        }
    }
    minded::warn_of(&spec.parquet, plans.iter().map(|plan| (&plan.info.table, plan.fields())));
    plans.sort_by(|a, b| {
        b.info.est_bytes.cmp(&a.info.est_bytes).then_with(|| a.info.table.cmp(&b.info.table))
    });
    Ok((plans, failures))
}

/// Runs an export under `run_id`.
///
/// Tables that fail are in the summary; an error is a failure of the run as a whole. When
/// `parts.cancel` asks, tables under way are given up, their uploads removed and statements cancelled.
pub async fn run(spec: &ExportSpec, run_id: &str, parts: &Parts) -> Result<RunSummary> {
    let how = Observed { run_id, begun: Stopwatch::start(), earlier: Earlier::default() };
    reach(parts).await?;
    let rows = parts.cancel.or_stopped(parts.runlog.partition_columns()).await?;
    let identity = admitted(&parts.cancel, spec.run.retries, async || parts.source.identity().await).await?;
    let select = async || prepare::select(spec, parts.source.as_ref()).await;
    let tables = admitted(&parts.cancel, spec.run.retries, select).await?;
    let spec = &rows::configured(spec, &rows, &identity, &tables)?;
    let config = serde_json::to_string(spec).map_err(|e| Error::internal("spec").caused_by(e))?;
    begin(spec, &tables, parts, identity, how, config).await
}

/// A run that begins, or is resumed.
struct Observed<'a> {
    run_id: &'a str,
    begun: Stopwatch,
    earlier: Earlier,
}

/// Exports `tables`, which are all of the run or those that are left of it.
async fn begin(
    spec: &ExportSpec,
    tables: &[TableRef],
    parts: &Parts,
    identity: SourceIdentity,
    mut how: Observed<'_>,
    config: String,
) -> Result<RunSummary> {
    let (moments, left) = (how.earlier.snapshots.clone(), how.earlier.left.take());
    let (earlier, left) = (moments.as_slice(), left.as_ref());
    let bounds = async || Bounds::of(spec.limits, parts.source.as_ref()).await;
    let bounds = &admitted(&parts.cancel, spec.run.retries, bounds).await?;
    let run = Run { spec, run_id: how.run_id, parts, identity: &identity, bounds, earlier, left };
    let opening = Opening { how, identity: &identity, config, tables, spec, bounds };
    conduct(opening, parts, Box::pin(export_all(&run, tables))).await
}

/// What an export is made of.
struct Run<'a> {
    spec: &'a ExportSpec,
    run_id: &'a str,
    parts: &'a Parts,
    identity: &'a SourceIdentity,
    bounds: &'a Bounds,
    /// Other points in time of the run, if it was resumed.
    earlier: &'a [SnapshotToken],
    /// Parts that may be used again.
    left: Option<&'a Left>,
}

/// Makes contact with the run log and the destination, so that what is wrong there is said before anything is read.
async fn reach(parts: &Parts) -> Result<()> {
    let both = async {
        parts.runlog.reach().await?;
        parts.destination.reach().await
    };
    parts.cancel.or_stopped(both).await
}

/// What is recorded of a run before it does anything.
struct Opening<'a> {
    how: Observed<'a>,
    identity: &'a SourceIdentity,
    /// The whole configuration as JSON.
    config: String,
    /// Those that are exported now.
    tables: &'a [TableRef],
    spec: &'a ExportSpec,
    bounds: &'a Bounds,
}

/// Records the run, announces it at the destination, does the `work` and records how it ended.
async fn conduct(
    opening: Opening<'_>,
    parts: &Parts,
    work: impl Future<Output = Result<(SnapshotToken, Vec<TableOutcome>)>>,
) -> Result<RunSummary> {
    let Opening { how: Observed { run_id, begun, earlier }, identity, config, tables, spec, bounds } =
        opening;
    match parts.cancel.or_stopped(parts.source.caution()).await {
        Ok(Some(caution)) => tracing::warn!("{caution}"),
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "the rights of the role are not known"),
    }
    let resumed = earlier.started_at.is_some();
    let started_at = earlier.started_at.unwrap_or_else(clock::now);
    let all = if resumed { earlier.tables } else { tables.to_vec() };
    Box::pin(alike::keeps_apart(spec, &all, parts)).await?;
    let started = RunEvent::RunStarted {
        run_id: run_id.to_owned(),
        at: started_at.clone(),
        source: identity.clone(),
        destination: parts.destination.location(),
        config,
        tables: all.clone(),
    };
    // From here on the run is known, and its end is recorded too.
    parts.cancel.in_time(parts.runlog.append(&started)).await.unwrap_or_else(|| Err(Cancel::error()))?;
    parts.observer.event(&started);
    parts.observer.kept(&earlier.kept);
    for event in &earlier.untold {
        record(parts, event).await;
    }
    let announced = summary::announce(&parts.destination, run_id, &started_at);
    let exported = match parts.cancel.or_stopped(announced).await {
        Ok(()) => {
            let done = alive(parts, run_id, parts.cancel.in_time(work)).await;
            done.unwrap_or_else(|| Err(Cancel::error()))
        }
        Err(error) => Err(error),
    };
    let exported = exported.map(|(snapshot, exported)| {
        let outcomes = earlier.kept.into_iter().chain(exported);
        let mut outcomes: HashMap<TableRef, TableOutcome> =
            outcomes.map(|outcome| (outcome.table.clone(), outcome)).collect();
        let tables: Vec<TableOutcome> = all.iter().filter_map(|table| outcomes.remove(table)).collect();
        (snapshot, tables)
    });
    let metadata = match &exported {
        Ok((_, tables)) => alive(parts, run_id, metadata::described(spec, run_id, parts, tables)).await,
        Err(_) => None,
    };
    if parts.cancel.is_cancelled() {
        parts.runlog.hurry();
    }
    let (status, error) = match &exported {
        // With an error it is not all done: that of the metadata, which `resume` writes then.
        Ok((_, tables)) if tables.iter().all(|o| o.error.is_none()) => {
            (RunStatus::Completed, metadata.as_ref().and_then(MetadataOutcome::recorded))
        }
        Ok(_) => (RunStatus::Failed, None),
        Err(error) => (RunStatus::Failed, Some(error.to_string())),
    };
    let ended = RunEvent::RunEnded { run_id: run_id.to_owned(), at: clock::now(), status, error };
    record(parts, &ended).await;
    let (snapshot, tables) = match exported {
        Ok(done) => done,
        Err(error) => {
            let clearing = async {
                parts.destination.settle().await;
                summary::withdraw(&parts.destination, run_id).await;
            };
            if parts.cancel.in_time(clearing).await.is_none() {
                summary::warn_late(run_id, "removed");
            }
            return Err(error);
        }
    };
    let summary = RunSummary {
        run_id: run_id.to_owned(),
        status,
        started_at,
        seconds: begun.seconds(),
        source: identity.clone(),
        destination: parts.destination.location(),
        sub_path: spec.output.sub_path.clone(),
        verify: spec.safety.verify,
        snapshot,
        snapshot_seconds: bounds.longest_held(),
        ended_by: limits::ended_by(&tables),
        earlier_snapshots: earlier.snapshots,
        resumed,
        tables,
        metadata,
    };
    let ending = async {
        summary::write(&parts.destination, &summary).await;
        parts.destination.settle().await;
    };
    if parts.cancel.in_time(ending).await.is_none() {
        summary::warn_late(run_id, "written");
    }
    Ok(summary)
}

/// What `work` gives; meanwhile the run log hears that this process lives.
async fn alive<T>(parts: &Parts, run_id: &str, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = keep_alive(parts, run_id) => match never {},
    }
}

/// Tells the run log now and then that this process lives.
async fn keep_alive(parts: &Parts, run_id: &str) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        if let Err(error) = parts.runlog.heartbeat(run_id, &clock::now()).await {
            tracing::debug!(%error, "could not tell the run log that the run is alive");
        }
    }
}

/// Records an event; a run log that is down never stops a run.
async fn record(parts: &Parts, event: &RunEvent) {
    let kept = if values_are_hidden() { event.without_values() } else { Some(event.clone()) };
    if let Some(kept) = kept
        && let Some(Err(error)) = parts.cancel.at_last(parts.runlog.append(&kept)).await
    {
        tracing::warn!(%error, "could not write to the run log");
    }
    parts.observer.event(event);
}

/// Pins the view, plans all tables, exports them largest first. Outcomes in catalog order.
async fn export_all(run: &Run<'_>, tables: &[TableRef]) -> Result<(SnapshotToken, Vec<TableOutcome>)> {
    let Run { spec, run_id, parts, identity, bounds, earlier, left } = *run;
    let budget = Budget::of(spec)?;
    // At level `table` each table pins its own view when its turn comes; this one only plans.
    let level = match spec.safety.consistency {
        Consistency::Run => Consistency::Run,
        Consistency::Table | Consistency::None => Consistency::None,
    };
    let pinned = async || {
        let view = parts.source.snapshot(tables, level).await?;
        let snapshot = SnapshotToken { level: spec.safety.consistency, ..view.token().clone() };
        let json = serde_json::to_string(&snapshot).map_err(|e| Error::internal("snapshot").caused_by(e))?;
        record(parts, &RunEvent::SnapshotTaken { run_id: run_id.to_owned(), snapshot: json }).await;
        let held = bounds.held(view.as_ref());
        let planning = Box::pin(plan_all(spec, &parts.source, view.as_ref(), tables, run_id));
        let mut planned = bounds.in_time(view.as_ref(), planning).await?;
        planned.0.iter_mut().for_each(|plan| budget.limit_memory(spec, plan));
        Ok((view, held, snapshot, planned))
    };
    let (view, held, snapshot, (plans, failures)) = tokio::select! {
        pinned = admitted(&parts.cancel, spec.run.retries, pinned) => pinned?,
        () = parts.cancel.cancelled() => return Err(Cancel::error()),
    };
    let retries = Retries::new(spec.run.retries);
    let (watch, stop) = Stop::new(&parts.cancel, &retries, bounds, view.as_ref());
    let connections = Arc::new(Semaphore::new(budget.connections));
    let executor = parts.executor();
    let shared =
        Shared { spec, run_id, identity, parts, connections, executor, stop, retries, earlier, left };
    let over = AtomicBool::new(!failures.is_empty() && spec.run.error_action == ErrorAction::Fail);
    let mut outcomes: HashMap<TableRef, TableOutcome> = HashMap::new();
    for (table, error) in failures {
        outcomes.insert(table.clone(), failed(&shared, &table, 0.0, error).await);
    }
    let mut running = stream::iter(plans)
        .map(|plan| {
            let (shared, over, view) = (&shared, &over, view.as_ref());
            async move {
                if over.load(Ordering::Relaxed) {
                    let error =
                        Error::unavailable(format!("{NOT_EXPORTED} table failed (--error-action fail)"));
                    return failed(shared, &plan.info.table, 0.0, error).await;
                }
                let outcome = Box::pin(one_table(plan, view, shared)).await;
                if outcome.error.is_some() && spec.run.error_action == ErrorAction::Fail {
                    over.store(true, Ordering::Relaxed);
                }
                outcome
            }
        })
        .buffer_unordered(budget.tables);
    let finished = async {
        while let Some(outcome) = running.next().await {
            outcomes.insert(outcome.table.clone(), outcome);
        }
    };
    watch.while_held(view.as_ref(), finished).await?;
    drop(running);
    drop(view);
    drop(held);
    Ok((snapshot, tables.iter().filter_map(|t| outcomes.remove(t)).collect()))
}

/// Exports one table and records how it went.
async fn one_table(plan: TablePlan, view: &dyn Snapshot, shared: &Shared<'_>) -> TableOutcome {
    let started = RunEvent::TableStarted {
        run_id: shared.run_id.to_owned(),
        table: plan.info.table.clone(),
        at: clock::now(),
        method: plan.method.to_string(),
        parts: plan.parts.len(),
        est_rows: plan.info.est_rows,
    };
    let table = plan.info.table.clone();
    recorded(table, started, shared, Box::pin(pinned_table(plan, view, shared))).await
}

/// Records the beginning of a table's export, does the `work`, and records how it went.
async fn recorded(
    table: TableRef,
    started: RunEvent,
    shared: &Shared<'_>,
    work: impl Future<Output = Result<Exported>>,
) -> TableOutcome {
    let watch = Stopwatch::start();
    if let Err(error) = shared.stop.may_begin().await.and_then(|()| shared.retries.permitted()) {
        return failed(shared, &table, 0.0, error).await;
    }
    record(shared.parts, &started).await;
    match work.await {
        Ok(Exported { files, directory, kept, mixed, left, verification }) => {
            let rows = files.iter().map(|f| f.rows).sum();
            let outcome = TableOutcome {
                table: table.clone(),
                directory: directory.clone(),
                rows,
                files: files.len(),
                bytes: files.iter().map(|f| f.bytes).sum(),
                seconds: watch.seconds(),
                retries: shared.retries.of(&table),
                left,
                kept,
                mixed_snapshots: mixed.clone(),
                verification,
                error: None,
            };
            repeated(shared, &table).await;
            let run_id = shared.run_id.to_owned();
            if !mixed.is_empty() {
                let (run_id, table, at) = (run_id.clone(), table.clone(), clock::now());
                record(shared.parts, &RunEvent::TableMixed { run_id, table, at, parts: mixed }).await;
            }
            let done = RunEvent::TableDone { run_id, table, at: clock::now(), rows, directory, files };
            record(shared.parts, &done).await;
            outcome
        }
        Err(error) => failed(shared, &table, watch.seconds(), error.with("table", &table)).await,
    }
}

/// Records what of a table was tried again, if anything was.
async fn repeated(shared: &Shared<'_>, table: &TableRef) {
    let parts = shared.retries.told(table);
    if !parts.is_empty() {
        let (run_id, table, at) = (shared.run_id.to_owned(), table.clone(), clock::now());
        record(shared.parts, &RunEvent::TableRepeated { run_id, table, at, parts }).await;
    }
}

async fn failed(shared: &Shared<'_>, table: &TableRef, seconds: f64, error: Error) -> TableOutcome {
    repeated(shared, table).await;
    let event = RunEvent::TableFailed {
        run_id: shared.run_id.to_owned(),
        table: table.clone(),
        at: clock::now(),
        error: error.to_string(),
    };
    record(shared.parts, &event).await;
    TableOutcome {
        table: table.clone(),
        directory: layout::table_dir(&shared.spec.output.sub_path, table),
        rows: 0,
        files: 0,
        bytes: 0,
        seconds,
        retries: shared.retries.of(table),
        left: sink::Left::default(),
        kept: false,
        mixed_snapshots: Vec::new(),
        verification: None,
        error: Some(error),
    }
}
