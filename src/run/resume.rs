//! Finishes what a run left undone, under its own id.
//!
//! The run log says what the run was to do; the manifests at the destination say what is done, and nothing else does.
//! A table with a manifest of this run and all its files is kept and not read again. Every other is exported again, as
//! of a new moment. The run's own lock keeps two of these apart; the locks of the tables' directories keep them
//! apart from the run itself, if that should still be alive somewhere.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::budget::Budget;
use super::cancel::Cancel;
use super::context::{RunContext, Services};
use super::export::{Asked, start};
use super::limits::Bounds;
use super::metadata::MetadataOutcome;
use super::mixed;
use super::outcome::{Exported, RunSummary, TableOutcome};
use super::record::{self, Earlier, Opening, Summed};
use super::summary;
use super::verify::passed;
use crate::catalog::{ListedTable, SourceIdentity, TableRef};
use crate::clock::{self, Stopwatch};
use crate::destination::DirLock;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::format::{self, Beginning, Expected, Owner};
use crate::manifest::Manifest;
use crate::plan::QueryStatement;
use crate::runlog::{JobRecord, RunEvent, RunRecord, RunStatus, Timestamp};
use crate::spec::{ExportSpec, layout};

/// Tables whose manifests are looked at at once.
const LOOKS: usize = 16;
/// New tables that are named.
const SHOWN: usize = 5;

/// Finishes the run of `record`, which is configured by `spec`; with `statements` it exports queries.
///
/// When nothing is left to do the source is not asked, and every table of the summary is kept.
///
/// # Errors
/// Usage when source or destination are others than the run's; `Unavailable` when it is being resumed already;
/// those of [`run`](super::run).
pub async fn resume(
    spec: &ExportSpec,
    statements: Option<&[QueryStatement]>,
    record: &RunRecord,
    services: &Services,
) -> Result<RunSummary> {
    let begun = Stopwatch::start();
    same("destination", &record.destination, &services.destination.location())?;
    services.reach().await?;
    let lock = services.cancel.or_stopped(take(record, services)).await?;
    let resumed = Box::pin(under_lock(spec, statements, record, services, begun)).await;
    if let Some(Err(error)) = services.cancel.in_time(lock.release()).await {
        tracing::warn!(%error, "the run's lock was not given back");
    }
    resumed
}

/// The lock of the run itself.
async fn take(record: &RunRecord, services: &Services) -> Result<Box<dyn DirLock>> {
    let dir = format!("{}/{}", layout::RUNS_DIR, record.run_id);
    services.destination.lock(&dir, &record.run_id).await.map_err(|error| match error.kind() {
        ErrorKind::Unavailable => {
            Error::unavailable("the run cannot be taken: it may be being resumed already")
                .coded(Code::RunUnderWay)
                .with("run", &record.run_id)
                .caused_by(error)
                .hint("wait until the other `lakexpress resume` has ended")
        }
        _ => error,
    })
}

async fn under_lock(
    spec: &ExportSpec,
    statements: Option<&[QueryStatement]>,
    record: &RunRecord,
    services: &Services,
    begun: Stopwatch,
) -> Result<RunSummary> {
    let finished = services.cancel.in_time(finished(spec, record, statements.is_some(), services)).await;
    let finished = finished.unwrap_or_else(|| Err(Cancel::error()))?;
    let left: Vec<TableRef> =
        record.jobs.iter().map(|job| &job.table).filter(|t| !finished.contains_key(t)).cloned().collect();
    let source = finished.values().next().map(|manifest| manifest.source.clone());
    let mut opening = Opening::new(begun, record.config.clone());
    opening.earlier = earlier(spec, record, finished);
    if spec.safety.accept_mixed_snapshot {
        match statements {
            Some(_) => {
                tracing::warn!(
                    "--accept-mixed-snapshot: queries are not cut into parts and are exported again"
                );
            }
            None => {
                let reusable = services.cancel.or_stopped(mixed::reusable(&record.run_id, services)).await?;
                opening.earlier.reusable = Some(reusable);
            }
        }
    }
    tracing::info!(
        run = record.run_id,
        "resuming: {} of {} tables are finished, {} left",
        opening.earlier.kept.len(),
        record.jobs.len(),
        left.len()
    );
    if left.is_empty() {
        let source = source.ok_or_else(|| {
            Error::data("the run has no tables")
                .coded(Code::RunNotResumable)
                .with("run", &record.run_id)
                .hint("export again")
        })?;
        let ending = nothing_left((spec, record), opening.earlier, source, services, begun);
        return services.cancel.in_time(ending).await.unwrap_or_else(|| Err(Cancel::error()));
    }
    let identity = identity(spec, record, source, services).await?;
    let who = (record.run_id.as_str(), identity);
    if let Some(statements) = statements {
        let left: Vec<QueryStatement> =
            statements.iter().filter(|s| left.contains(&s.table())).cloned().collect();
        return Box::pin(start(spec.clone(), who, services, Asked::Queries(&left), opening)).await;
    }
    services.cancel.in_time(tell_new_tables(spec, record, services)).await;
    Box::pin(start(spec.clone(), who, services, Asked::Tables(&left), opening)).await
}

/// The source, which must be that of the run, and of the tables that are `finished`.
async fn identity(
    spec: &ExportSpec,
    record: &RunRecord,
    finished: Option<SourceIdentity>,
    services: &Services,
) -> Result<SourceIdentity> {
    // Before it is connected to: the record of the source may be of somebody else.
    // Earlier versions wrote one slash too many before the path of a file.
    let recorded = record.source.replacen(":////", ":///", 1);
    same("source", &recorded, &services.source.location())?;
    let identity = services.ask(spec.run.retries, async || services.source.identity().await).await?;
    same("source", &recorded, &identity.url())?;
    if finished.is_some_and(|source| !source.is_same(&identity)) {
        return Err(Error::usage("the source is not that of the run: another server answers at its address")
            .coded(Code::RunDiffers)
            .with("source", &record.source)
            .hint("the tables that are finished are of the other one: export again"));
    }
    Ok(identity)
}

/// What was read or written must be what the run read and wrote.
fn same(what: &'static str, recorded: &str, now: &str) -> Result<()> {
    if recorded == now {
        return Ok(());
    }
    Err(Error::usage(format!("the {what} is not that of the run")).coded(Code::RunDiffers)
        .with("recorded", recorded)
        .with("now", now)
        .hint("the auth file may have changed since: a run is finished with what it began with, or exported again"))
}

/// The manifests of the tables that are finished.
async fn finished(
    spec: &ExportSpec,
    record: &RunRecord,
    are_queries: bool,
    services: &Services,
) -> Result<HashMap<TableRef, Manifest>> {
    let looks = record.jobs.iter().map(|job| async {
        let directory = layout::table_dir(&spec.output.sub_path, &job.table);
        let is_its_own = |m: &Manifest| m.table == job.table && m.query.is_some() == are_queries;
        let (format, target) = (format::open(&spec.output), services.target(&directory));
        let mut manifest = format.committed_by(&target, &record.run_id, &is_its_own).await?;
        if let Some(found) = manifest.as_ref().filter(|_| job.status != RunStatus::Completed) {
            // The run died at the very end of the commit: a lock, or the intent, may have been left.
            let beginning = Beginning {
                run_id: &record.run_id,
                if_exists: spec.output.if_exists,
                owner: &Owner::of(found),
                keep: &[],
                expected: Expected::Anything,
            };
            let transaction = format.begin(&target, &beginning).await?;
            manifest = transaction.finished().cloned();
            transaction.release().await;
        }
        // One whose files were not compared, or not found equal, as --verify asked is not finished.
        Ok::<_, Error>(manifest.filter(|manifest| passed(spec.safety.verify, manifest)))
    });
    let found: Vec<Option<Manifest>> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
    let mut finished = HashMap::new();
    for (job, manifest) in record.jobs.iter().zip(found) {
        match manifest {
            Some(manifest) => {
                finished.insert(job.table.clone(), manifest);
            }
            None if job.status == RunStatus::Completed => {
                tracing::warn!(
                    table = %job.table,
                    "the run log says that it is finished, but its files are not there, or another run's: it is exported again"
                );
            }
            None => {}
        }
    }
    Ok(finished)
}

/// What the manifests say about the tables that are kept.
fn earlier(spec: &ExportSpec, record: &RunRecord, mut finished: HashMap<TableRef, Manifest>) -> Earlier {
    let mut earlier = Earlier {
        tables: record.jobs.iter().map(|job| job.table.clone()).collect(),
        started_at: Some(record.started_at),
        ..Earlier::default()
    };
    let names = format::open(&spec.output).file_names(&record.run_id, spec.output.if_exists);
    for job in &record.jobs {
        let Some(manifest) = finished.remove(&job.table) else {
            earlier.untold.extend(forgotten(record, job));
            continue;
        };
        let directory = layout::table_dir(&spec.output.sub_path, &job.table);
        let exported = Exported::kept(&manifest, &directory, &names);
        if job.status != RunStatus::Completed {
            earlier.untold.extend(exported.events(&record.run_id, &job.table, committed_at(&manifest)));
        }
        let columns = manifest.masks.iter().map(|mask| (job.table.clone(), mask.column.clone()));
        earlier.masked.extend(columns);
        let outcome = TableOutcome::committed(&job.table, exported);
        earlier.kept.push(TableOutcome { seconds: seconds_of(job), ..outcome });
        let parts = manifest.mixed_snapshots.into_iter().map(|moment| moment.snapshot);
        for snapshot in parts.chain([manifest.snapshot]) {
            if !earlier.snapshots.contains(&snapshot) {
                earlier.snapshots.push(snapshot);
            }
        }
    }
    earlier
}

/// What a finished table took, by the run log; 0 where that is not recorded.
fn seconds_of(job: &JobRecord) -> f64 {
    let took = job.started_at.zip(job.finished_at).map(|(from, to)| to.seconds_since(from));
    took.map_or(0.0, |seconds| seconds.max(0.0))
}

/// When its files were committed. A manifest that somebody edited may say something else; then now is as good.
fn committed_at(manifest: &Manifest) -> Timestamp {
    manifest.committed_at.parse().unwrap_or_else(|_| clock::moment().into())
}

/// What the run log has of the parts of a table that was finished, and is not any more.
fn forgotten(run: &RunRecord, job: &JobRecord) -> Vec<RunEvent> {
    let (run_id, table, at) = (&run.run_id, &job.table, clock::moment().into());
    let mut events = Vec::new();
    if job.status == RunStatus::Completed && !job.repeated.is_empty() {
        let (run_id, table) = (run_id.clone(), table.clone());
        events.push(RunEvent::TableRepeated { run_id, table, at, parts: Vec::new() });
    }
    if job.status == RunStatus::Completed && !job.mixed.is_empty() {
        let (run_id, table) = (run_id.clone(), table.clone());
        events.push(RunEvent::TableMixed { run_id, table, at, parts: Vec::new() });
    }
    events
}

/// Everything is there: at most the run log and the summary have not heard of it.
async fn nothing_left(
    (spec, record): (&ExportSpec, &RunRecord),
    mut earlier: Earlier,
    source: SourceIdentity,
    services: &Services,
    begun: Stopwatch,
) -> Result<RunSummary> {
    let snapshot = earlier.snapshots.pop().ok_or_else(|| Error::internal("a table without a snapshot"))?;
    let nothing = (spec.clone(), Budget::of_queries());
    let mut run = RunContext::new(nothing, (&record.run_id, source), services, Bounds::none());
    run.earlier = earlier.snapshots;
    let complete = record.status == RunStatus::Completed
        && record.error_message.is_none()
        && summary::says_complete(&services.destination, &record.run_id).await;
    let untold = !complete || !earlier.untold.is_empty();
    let metadata = if untold { record::with_metadata(&run, &earlier.kept).await } else { None };
    let (started_at, tables) = (record.started_at, earlier.kept);
    let of = Summed { started_at, begun, resumed: true, snapshot, tables, metadata };
    let summary = record::summarised(&run, RunStatus::Completed, of);
    if untold {
        for event in &earlier.untold {
            run.record(event).await;
        }
        let error = summary.metadata.as_ref().and_then(MetadataOutcome::recorded);
        record::ended(&run, RunStatus::Completed, error).await;
        summary::write(&services.destination, &summary.run_id, &summary).await;
    }
    Ok(summary)
}

/// Tables that match and were not there when the run began are not part of it.
async fn tell_new_tables(spec: &ExportSpec, record: &RunRecord, services: &Services) {
    let listed: Vec<ListedTable> = match services.source.list(&spec.selection.filter).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::debug!(%error, "whether there are new tables is not known");
            return;
        }
    };
    let new: Vec<String> = listed
        .into_iter()
        .filter(|listed| !record.jobs.iter().any(|job| job.table == listed.table))
        .map(|listed| listed.table.to_string())
        .collect();
    if !new.is_empty() {
        let more = if new.len() > SHOWN { ", ..." } else { "" };
        let shown = new.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        tracing::warn!("{} tables are new since the run began and not part of it: {shown}{more}", new.len());
    }
}
