//! Finishes what a run left undone, under its own id.
//!
//! The run log says what the run was to do; the manifests at the destination say what is done, and nothing else does.
//! A table with a manifest of this run and all its files is kept and not read again. Every other begins anew, as
//! of a new moment. The run's own lock keeps two of these apart; the locks of the tables' directories keep them
//! apart from the run itself, if that should still be alive somewhere.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::clock::{self, Stopwatch};
use super::export::own_files;
use super::metadata;
use super::mixed::{self, Left};
use super::retry::admitted;
use super::verify::passed;
use super::{
    Cancel, MetadataOutcome, Observed, Parts, RunSummary, TableOutcome, begin, query, reach, record, summary,
};
use crate::catalog::{ListedTable, SnapshotToken, SourceIdentity, TableRef};
use crate::destination::DirLock;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::Manifest;
use crate::plan::QueryStatement;
use crate::runlog::{JobRecord, RunEvent, RunRecord, RunStatus};
use crate::sink::{self, Owner, TableCommit, committed_by};
use crate::spec::{ExportSpec, layout};

/// Tables whose manifests are looked at at once.
const LOOKS: usize = 16;
/// New tables that are named.
const SHOWN: usize = 5;

/// What a run did before it was resumed; empty for one that begins.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// All tables of the run, in its order.
    pub(super) tables: Vec<TableRef>,
    /// When the run began.
    pub(super) started_at: Option<String>,
    /// Tables that are kept.
    pub(super) kept: Vec<TableOutcome>,
    /// What the run log has not heard of them.
    pub(super) untold: Vec<RunEvent>,
    /// The moments that they are of.
    pub(super) snapshots: Vec<SnapshotToken>,
    /// Parts of the others that may be used again; none unless the user accepts several moments in one table.
    pub(super) left: Option<Left>,
}

/// Finishes the run of `run`, which is configured by `spec`; with `statements` it exports queries.
///
/// When nothing is left to do the source is not asked, and every table of the summary is kept.
///
/// # Errors
/// Usage when source or destination are others than the run's; `Unavailable` when it is being resumed already;
/// those of [`run`](super::run).
pub async fn resume(
    spec: &ExportSpec,
    statements: Option<&[QueryStatement]>,
    run: &RunRecord,
    parts: &Parts,
) -> Result<RunSummary> {
    let begun = Stopwatch::start();
    same("destination", &run.destination, &parts.destination.location())?;
    reach(parts).await?;
    let lock = parts.cancel.or_stopped(take(run, parts)).await?;
    let resumed = Box::pin(under_lock(spec, statements, run, parts, begun)).await;
    if let Some(Err(error)) = parts.cancel.in_time(lock.release()).await {
        tracing::warn!(%error, "the run's lock was not given back");
    }
    resumed
}

/// The lock of the run itself.
async fn take(run: &RunRecord, parts: &Parts) -> Result<Box<dyn DirLock>> {
    let dir = format!("{}/{}", layout::RUNS_DIR, run.run_id);
    parts.destination.lock(&dir, &run.run_id).await.map_err(|error| match error.kind() {
        ErrorKind::Unavailable => {
            Error::unavailable("the run cannot be taken: it may be being resumed already")
                .with("run", &run.run_id)
                .caused_by(error)
                .hint("wait until the other `lakexpress resume` has ended")
        }
        _ => error,
    })
}

async fn under_lock(
    spec: &ExportSpec,
    statements: Option<&[QueryStatement]>,
    run: &RunRecord,
    parts: &Parts,
    begun: Stopwatch,
) -> Result<RunSummary> {
    let finished = parts.cancel.in_time(finished(spec, run, statements.is_some(), parts)).await;
    let finished = finished.unwrap_or_else(|| Err(Cancel::error()))?;
    let left: Vec<TableRef> =
        run.jobs.iter().map(|job| &job.table).filter(|t| !finished.contains_key(t)).cloned().collect();
    let source = finished.values().next().map(|manifest| manifest.source.clone());
    let mut earlier = earlier(spec, run, finished);
    if spec.safety.accept_mixed_snapshot {
        match statements {
            Some(_) => {
                tracing::warn!("--accept-mixed-snapshot: queries are not cut into parts and begin anew");
            }
            None => earlier.left = Some(parts.cancel.or_stopped(mixed::left(&run.run_id, parts)).await?),
        }
    }
    tracing::info!(
        run = run.run_id,
        "resuming: {} of {} tables are finished, {} left",
        earlier.kept.len(),
        run.jobs.len(),
        left.len()
    );
    if left.is_empty() {
        let source = source.ok_or_else(|| {
            Error::data("the run has no tables").with("run", &run.run_id).hint("export again")
        })?;
        let ending = nothing_left((spec, run), earlier, source, parts, begun);
        return parts.cancel.in_time(ending).await.unwrap_or_else(|| Err(Cancel::error()));
    }
    // Before it is connected to: the record of the source may be of somebody else.
    // Earlier versions wrote one slash too many before the path of a file.
    let recorded = run.source.replacen(":////", ":///", 1);
    same("source", &recorded, &parts.source.location())?;
    let identity = admitted(&parts.cancel, spec.run.retries, async || parts.source.identity().await).await?;
    same("source", &recorded, &identity.url())?;
    if source.is_some_and(|source| !source.is_same(&identity)) {
        return Err(Error::usage("the source is not that of the run: another server answers at its address")
            .with("source", &run.source)
            .hint("the tables that are finished are of the other one: export again"));
    }
    let how = Observed { run_id: &run.run_id, begun, earlier };
    match statements {
        Some(statements) => {
            let left: Vec<QueryStatement> =
                statements.iter().filter(|s| left.contains(&s.table())).cloned().collect();
            Box::pin(query::start(spec, &left, parts, identity, how, &run.config)).await
        }
        None => {
            parts.cancel.in_time(tell_new_tables(spec, run, parts)).await;
            Box::pin(begin(spec, &left, parts, identity, how, run.config.clone())).await
        }
    }
}

/// What was read or written must be what the run read and wrote.
fn same(what: &'static str, recorded: &str, now: &str) -> Result<()> {
    if recorded == now {
        return Ok(());
    }
    Err(Error::usage(format!("the {what} is not that of the run"))
        .with("recorded", recorded)
        .with("now", now)
        .hint("the auth file may have changed since: a run is finished with what it began with, or exported anew"))
}

/// The manifests of the tables that are finished.
async fn finished(
    spec: &ExportSpec,
    run: &RunRecord,
    are_queries: bool,
    parts: &Parts,
) -> Result<HashMap<TableRef, Manifest>> {
    let looks = run.jobs.iter().map(|job| async {
        let directory = layout::table_dir(&spec.output.sub_path, &job.table);
        let is_its_own = |m: &Manifest| m.table == job.table && m.query.is_some() == are_queries;
        let mut manifest = committed_by(&parts.destination, &directory, &run.run_id, is_its_own).await?;
        if let Some(found) = manifest.as_ref().filter(|_| job.status != RunStatus::Completed) {
            // The run died at the very end of the commit: a lock, or the intent, may have been left.
            let (destination, owner) = (Arc::clone(&parts.destination), Owner::of(found));
            let commit =
                TableCommit::begin(destination, &directory, &run.run_id, spec.output.if_exists, &owner)
                    .await?;
            manifest = commit.finished().cloned();
            commit.release().await;
        }
        // One whose files were not compared, or not found equal, as --verify asked is not finished.
        Ok::<_, Error>(manifest.filter(|manifest| passed(spec.safety.verify, manifest)))
    });
    let found: Vec<Option<Manifest>> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
    let mut finished = HashMap::new();
    for (job, manifest) in run.jobs.iter().zip(found) {
        match manifest {
            Some(manifest) => {
                finished.insert(job.table.clone(), manifest);
            }
            None if job.status == RunStatus::Completed => {
                tracing::warn!(
                    table = %job.table,
                    "the run log says that it is finished, but its files are not there, or another run's: it is exported anew"
                );
            }
            None => {}
        }
    }
    Ok(finished)
}

/// What the manifests say about the tables that are kept.
fn earlier(spec: &ExportSpec, run: &RunRecord, mut finished: HashMap<TableRef, Manifest>) -> Earlier {
    let mut earlier = Earlier {
        tables: run.jobs.iter().map(|job| job.table.clone()).collect(),
        started_at: Some(run.started_at.clone()),
        ..Earlier::default()
    };
    for job in &run.jobs {
        let Some(manifest) = finished.remove(&job.table) else {
            earlier.untold.extend(forgotten(run, job));
            continue;
        };
        let files = own_files(&manifest, &run.run_id, spec.output.if_exists);
        let (rows, directory) =
            (files.iter().map(|f| f.rows).sum(), layout::table_dir(&spec.output.sub_path, &job.table));
        earlier.kept.push(TableOutcome {
            table: job.table.clone(),
            directory: directory.clone(),
            rows,
            files: files.len(),
            bytes: files.iter().map(|f| f.bytes).sum(),
            seconds: seconds_of(job),
            retries: 0,
            left: sink::Left::of(&manifest),
            kept: true,
            mixed_snapshots: manifest.mixed_snapshots.clone(),
            verification: manifest.verification.clone(),
            error: None,
        });
        if job.status != RunStatus::Completed {
            let (run_id, table, at) = (run.run_id.clone(), job.table.clone(), manifest.committed_at.clone());
            if !manifest.mixed_snapshots.is_empty() {
                let (run_id, table, at) = (run_id.clone(), table.clone(), at.clone());
                let parts = manifest.mixed_snapshots.clone();
                earlier.untold.push(RunEvent::TableMixed { run_id, table, at, parts });
            }
            earlier.untold.push(RunEvent::TableDone { run_id, table, at, rows, directory, files });
        }
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
    let at = |text: &Option<String>| chrono::DateTime::parse_from_rfc3339(text.as_deref()?).ok();
    let took = at(&job.started_at).zip(at(&job.finished_at)).map(|(from, to)| (to - from).num_milliseconds());
    took.map_or(0.0, |milliseconds| milliseconds.max(0) as f64 / 1000.0)
}

/// What the run log has of the parts of a table that was finished, and is not any more.
fn forgotten(run: &RunRecord, job: &JobRecord) -> Vec<RunEvent> {
    let (run_id, table, at) = (&run.run_id, &job.table, clock::now());
    let mut events = Vec::new();
    if job.status == RunStatus::Completed && !job.repeated.is_empty() {
        let (run_id, table, at) = (run_id.clone(), table.clone(), at.clone());
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
    (spec, run): (&ExportSpec, &RunRecord),
    mut earlier: Earlier,
    source: SourceIdentity,
    parts: &Parts,
    begun: Stopwatch,
) -> Result<RunSummary> {
    let snapshot = earlier.snapshots.pop().ok_or_else(|| Error::internal("a table without a snapshot"))?;
    let complete = run.status == RunStatus::Completed
        && run.error_message.is_none()
        && summary::says_complete(&parts.destination, &run.run_id).await;
    let untold = !complete || !earlier.untold.is_empty();
    let metadata =
        if untold { metadata::described(spec, &run.run_id, parts, &earlier.kept).await } else { None };
    let summary = RunSummary {
        run_id: run.run_id.clone(),
        status: RunStatus::Completed,
        started_at: run.started_at.clone(),
        seconds: begun.seconds(),
        source,
        destination: parts.destination.location(),
        sub_path: spec.output.sub_path.clone(),
        verify: spec.safety.verify,
        snapshot,
        snapshot_seconds: None,
        ended_by: None,
        earlier_snapshots: earlier.snapshots,
        resumed: true,
        tables: earlier.kept,
        metadata,
    };
    if untold {
        for event in &earlier.untold {
            record(parts, event).await;
        }
        let (run_id, at) = (run.run_id.clone(), clock::now());
        let error = summary.metadata.as_ref().and_then(MetadataOutcome::recorded);
        record(parts, &RunEvent::RunEnded { run_id, at, status: RunStatus::Completed, error }).await;
        summary::write(&parts.destination, &summary).await;
    }
    Ok(summary)
}

/// Tables that match and were not there when the run began are not part of it.
async fn tell_new_tables(spec: &ExportSpec, run: &RunRecord, parts: &Parts) {
    let listed: Vec<ListedTable> = match parts.source.list(&spec.selection.filter).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::debug!(%error, "whether there are new tables is not known");
            return;
        }
    };
    let new: Vec<String> = listed
        .into_iter()
        .filter(|listed| !run.jobs.iter().any(|job| job.table == listed.table))
        .map(|listed| listed.table.to_string())
        .collect();
    if !new.is_empty() {
        let more = if new.len() > SHOWN { ", ..." } else { "" };
        let shown = new.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        tracing::warn!("{} tables are new since the run began and not part of it: {shown}{more}", new.len());
    }
}
