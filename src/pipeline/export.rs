//! One table: lock its directory, write its parts, commit.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_schema::SchemaRef;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::mixed::{self, Recorder};
use super::retry::{Attempts, Retries, Scope};
use super::stop::Stop;
use super::{Parts, TableProgress, clock, verify};
use crate::catalog::{SnapshotToken, SourceIdentity, TableRef};
use crate::destination::PendingUpload;
use crate::error::{Error, ErrorKind, Result, Transient};
use crate::manifest::{FORMAT_VERSION, FileEntry, Manifest, PartsAsOf, Verification};
use crate::plan::TablePlan;
use crate::sink::{
    EmptyFile, Left, Owner, PreparedFile, PreparedPart, ProgressFn, TableCommit, WriterSettings,
};
use crate::source::Snapshot;
use crate::spec::{EmptyTables, ExportSpec, IfExists, layout};
use crate::work::{self, Executor, PartTask, Worker};

/// What all tables of a run share.
#[derive(Clone)]
pub(super) struct Shared<'a> {
    pub(super) spec: &'a ExportSpec,
    pub(super) run_id: &'a str,
    pub(super) identity: &'a SourceIdentity,
    pub(super) parts: &'a Parts,
    /// One permit per connection that reads.
    pub(super) connections: Arc<Semaphore>,
    /// Who writes parts of tables.
    pub(super) executor: Arc<dyn Executor>,
    /// When to give up.
    pub(super) stop: Stop,
    /// What is tried again, and when no more.
    pub(super) retries: Arc<Retries>,
    /// Other points in time of the run, if it was resumed.
    pub(super) earlier: &'a [SnapshotToken],
    /// Parts that may be used again; none unless the user accepts that.
    pub(super) left: Option<&'a mixed::Left>,
}

impl Parts {
    /// Who writes parts of tables: this process.
    pub(super) fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(Worker::new(Arc::clone(&self.source), Arc::clone(&self.destination)))
    }
}

/// What became of a table that is committed.
pub(super) struct Exported {
    /// Its new files.
    pub(super) files: Vec<FileEntry>,
    /// Its directory below the base.
    pub(super) directory: String,
    /// The run had committed it before it was resumed: nothing was read.
    pub(super) kept: bool,
    /// Which parts are of which point in time, when they are of several.
    pub(super) mixed: Vec<PartsAsOf>,
    /// What could not be cleared away.
    pub(super) left: Left,
    /// What was compared with the source.
    pub(super) verification: Option<Verification>,
}

/// Exports one table as of `view`.
pub(super) async fn table(plan: &TablePlan, view: &dyn Snapshot, shared: &Shared<'_>) -> Result<Exported> {
    let taken = mixed::take(plan, shared).await?;
    let (plan, keep) = (&taken.plan, taken.uploads());
    let place = Place {
        table: &plan.info.table,
        is_query: false,
        directory: &plan.directory,
        est_rows: plan.info.est_rows,
        keep: &keep,
        parts_stay: taken.stay(shared),
    };
    let (verified, earlier) = (OnceLock::new(), OnceLock::new());
    let write = async |progress: Arc<TableProgress>, prepared: Prepared| {
        let there = taken.still_there(shared).await?;
        prepared.extend(mixed::prepared(&there));
        let there = earlier.get_or_init(|| there);
        write(plan, shared, &progress, &prepared, taken.recorder(shared)).await?;
        mixed::still_whole(there, shared).await?;
        if let Some(verification) = verify::beside_source(plan, shared, &prepared).await? {
            let _ = verified.set(verification);
        }
        view.unchanged(&plan.info).await.map_err(|error| error.with("table", &plan.info.table))
    };
    let manifest = || {
        let mut manifest = Manifest { verification: verified.get().cloned(), ..manifest(plan, shared) };
        mixed::note(&mut manifest, plan, earlier.get().map_or(&[], Vec::as_slice));
        manifest
    };
    let read_back = async |manifest: &mut Manifest| verify::read_back(plan, shared, manifest).await;
    committed(&place, view, shared, write, manifest, read_back).await
}

/// What is exported, and where to.
pub(super) struct Place<'a> {
    pub(super) table: &'a TableRef,
    /// Whether it is the result of a query.
    pub(super) is_query: bool,
    pub(super) directory: &'a str,
    /// For the progress display.
    pub(super) est_rows: u64,
    /// Uploads of the same run, when it was under way before, that are not to be removed.
    pub(super) keep: &'a [PendingUpload],
    /// Parts stay, for `resume`, when the source goes away.
    pub(super) parts_stay: bool,
}

/// Locks the directory, lets `write` prepare the parts, and commits them all or none. Then `check` looks at what is
/// visible, see [`TableCommit::commit_and_check`].
///
/// When `write` returns, also with an error, nothing may be being written any more.
pub(super) async fn committed(
    place: &Place<'_>,
    view: &dyn Snapshot,
    shared: &Shared<'_>,
    write: impl AsyncFnOnce(Arc<TableProgress>, Prepared) -> Result<()>,
    manifest: impl FnOnce() -> Manifest,
    check: impl AsyncFnOnce(&mut Manifest) -> Result<()>,
) -> Result<Exported> {
    let destination = Arc::clone(&shared.parts.destination);
    let owner =
        Owner { source: shared.identity.clone(), table: place.table.clone(), is_query: place.is_query };
    let commit = tokio::select! {
        begun = TableCommit::begin_keeping(
            destination, place.directory, shared.run_id, shared.spec.output.if_exists, &owner, place.keep,
        ) => begun?,
        reason = shared.stop.stopped() => return Err(reason),
    };
    let directory = place.directory.to_owned();
    if let Some(manifest) = commit.finished().filter(|m| verify::passed(shared.spec.safety.verify, m)) {
        let files = own_files(manifest, shared.run_id, shared.spec.output.if_exists);
        let mixed = manifest.mixed_snapshots.clone();
        let (left, verification) = (Left::of(manifest), manifest.verification.clone());
        commit.release().await;
        return Ok(Exported { files, directory, kept: true, mixed, left, verification });
    }
    let progress = shared.parts.progress.start(place.table, place.est_rows);
    // Without the right to delete, what is replaced gets the content of a file without rows.
    let prepared = Prepared { is_shaped: !commit.may_delete(), ..Prepared::default() };
    let mut written = write(progress, prepared.clone()).await;
    shared.parts.progress.finish(place.table);
    if written.is_ok() {
        // Locks and view must have held until the last row: without them a TRUNCATE could have come between.
        written = view.check().await;
    }
    // At the deadline the view is given up: that it is lost is the limit's work.
    if written.as_ref().is_err_and(|error| error.transient() == Some(Transient::View))
        && let Some(late) = shared.stop.late()
    {
        written = Err(late);
    }
    let empty = if commit.may_delete() || written.is_err() { Ok(None) } else { prepared.empty() };
    let files = prepared.take();
    match written.and(empty) {
        Ok(empty) => {
            let committed = commit.commit_and_check(files.clone(), empty, manifest(), check).await?;
            let (Manifest { mixed_snapshots: mixed, verification, .. }, left) = committed;
            if !left.is_empty() {
                tracing::warn!("{}: left in its directory: {}", place.table, left.text());
            }
            let files = files.into_iter().map(|f| f.entry).collect();
            Ok(Exported { files, directory, kept: false, mixed, left, verification })
        }
        Err(error)
            if place.parts_stay
                && error.kind() == ErrorKind::Unavailable
                && !shared.parts.cancel.is_cancelled() =>
        {
            commit.release().await;
            Err(error.hint("`lakexpress resume --accept-mixed-snapshot` uses the parts that are complete"))
        }
        Err(error) => {
            let uploads: Vec<_> = files.into_iter().map(|f| f.upload).collect();
            if let Err(abort) = commit.abort(&uploads).await {
                tracing::warn!(table = %place.table, error = %abort, "could not remove unfinished files; the next run will");
            }
            Err(error)
        }
    }
}

/// The files of a manifest that run `run_id` wrote.
pub(super) fn own_files(manifest: &Manifest, run_id: &str, if_exists: IfExists) -> Vec<FileEntry> {
    let own = |file: &&FileEntry| {
        if_exists != IfExists::Append || file.name.ends_with(&layout::part_name(file.part, Some(run_id)))
    };
    manifest.own_files().filter(own).cloned().collect()
}

/// Parts that are complete at the destination and that no reader of it can see yet.
#[derive(Clone, Default)]
pub(super) struct Prepared {
    parts: Arc<Mutex<Vec<PreparedPart>>>,
    /// Whether it must be known what every file of the table looks like.
    pub(super) is_shaped: bool,
    /// What that is.
    shape: Arc<OnceLock<(SchemaRef, WriterSettings)>>,
}

impl Prepared {
    /// Notes what every file of the table looks like.
    pub(super) fn shaped(&self, schema: &SchemaRef, settings: &WriterSettings) {
        let _ = self.shape.set((Arc::clone(schema), settings.clone()));
    }

    /// A file of the table without rows.
    fn empty(&self) -> Result<Option<EmptyFile>> {
        self.shape.get().map(|(schema, settings)| EmptyFile::new(schema, settings)).transpose()
    }

    pub(super) fn extend(&self, parts: Vec<PreparedPart>) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).extend(parts);
    }

    /// Lets `change` see and change the parts.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Vec<PreparedPart>) -> T) -> T {
        change(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn has_file(&self) -> bool {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|p| p.file.is_some())
    }

    /// The files, in the order of their parts.
    pub(super) fn take(&self) -> Vec<PreparedFile> {
        let mut parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner));
        parts.sort_by_key(|p| p.part);
        parts.into_iter().filter_map(|p| p.file).collect()
    }
}

/// Writes every part, `plan.readers` at a time, and a file without rows if that is wanted of an empty table.
/// When it returns, also with an error, nothing is being written any more.
async fn write(
    plan: &TablePlan,
    shared: &Shared<'_>,
    progress: &Arc<TableProgress>,
    prepared: &Prepared,
    recorder: Option<Recorder>,
) -> Result<()> {
    // Parts of the run before it was resumed.
    let done: HashSet<usize> = prepared.with(|parts| parts.iter().map(|part| part.part).collect());
    let missing: Arc<[usize]> = (0..plan.parts.len()).filter(|part| !done.contains(part)).collect();
    let counters = Arc::clone(progress);
    let count: ProgressFn = Arc::new(move |rows, bytes| counters.add(rows, bytes));
    let next = Arc::new(AtomicUsize::new(0));
    let plan = &Arc::new(plan.clone());
    let mut readers = JoinSet::new();
    for _ in 0..plan.readers.min(missing.len()) {
        let (plan, next, missing) = (Arc::clone(plan), Arc::clone(&next), Arc::clone(&missing));
        let (executor, retries) = (Arc::clone(&shared.executor), Arc::clone(&shared.retries));
        let (recorder, stop) = (recorder.clone(), shared.stop.clone());
        let (prepared, count) = (prepared.clone(), Arc::clone(&count));
        let connections = Arc::clone(&shared.connections);
        readers.spawn(async move {
            loop {
                let Some(part) = missing.get(next.fetch_add(1, Ordering::Relaxed)).copied() else {
                    return Ok(());
                };
                let task = PartTask::new(&plan, part);
                let mut attempts = Attempts::new(&retries, &plan.info.table, Scope::Part(part));
                let written = loop {
                    attempts.begin()?;
                    stop.may_read().await?;
                    let attempt = attempt(executor.as_ref(), &task, &count, (&connections, &stop));
                    match attempt.await {
                        Ok(written) => break written,
                        // Its upload is aborted and its rows are no longer counted: it starts whole.
                        Err(error) => attempts.failed(error.with("part", part)).await?,
                    }
                };
                attempts.succeeded();
                prepared.extend(vec![written.clone()]);
                if let Some(recorder) = &recorder {
                    recorder.prepared(&written).await;
                }
            }
        });
    }
    let ended = tokio::select! {
        ended = all_ended(&mut readers) => ended,
        reason = shared.stop.stopped() => Err(reason),
    };
    // The first error ends the others: their statements are cancelled and their uploads removed.
    readers.shutdown().await;
    ended.map_err(|error| error.with("table", &plan.info.table))?;
    let source = &shared.parts.source;
    if prepared.is_shaped {
        let (schema, settings) = work::shape(plan, source).await?;
        prepared.shaped(&schema, &settings);
    }
    if !prepared.has_file() && shared.spec.output.empty_tables == EmptyTables::Write {
        prepared.extend(vec![work::write_empty_part(plan, source, &shared.parts.destination).await?]);
    }
    Ok(())
}

/// One attempt, over one of the connections.
async fn attempt(
    executor: &dyn Executor,
    task: &PartTask,
    count: &ProgressFn,
    (connections, stop): (&Semaphore, &Stop),
) -> Result<PreparedPart> {
    let waiting = clock::Stopwatch::start();
    let permit = connections.acquire().await;
    let _permit = permit.map_err(|error| Error::internal("no more connections").caused_by(error))?;
    let waited = waiting.seconds();
    // The wait for a connection may have been long.
    stop.may_read().await?;
    let mut written = executor.run(task.clone(), Arc::clone(count)).await?;
    written.waited(waited);
    Ok(written)
}

/// Waits for all, or for the first that fails.
pub(super) async fn all_ended(readers: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(reader) = readers.join_next().await {
        reader.map_err(|panic| Error::internal("a reader stopped").caused_by(panic))??;
    }
    Ok(())
}

fn manifest(plan: &TablePlan, shared: &Shared<'_>) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        run_id: shared.run_id.to_owned(),
        created_by: concat!("lakexpress ", env!("CARGO_PKG_VERSION")).to_owned(),
        committed_at: clock::now(),
        source: shared.identity.clone(),
        table: plan.info.table.clone(),
        snapshot: plan.snapshot.clone(),
        earlier_snapshots: shared.earlier.to_vec(),
        mixed_snapshots: Vec::new(),
        filter: plan.filter.clone(),
        projection: plan.projection.clone(),
        query: None,
        source_sql: plan.info.reading.sql.clone(),
        readers: plan.parquet.readers.clone(),
        columns: plan.columns.clone(),
        keys: plan.info.keys.clone(),
        rows: 0,
        verification: None,
        files: Vec::new(),
    }
}
