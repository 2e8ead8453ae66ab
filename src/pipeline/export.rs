//! One table: lock its directory, write its parts, commit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_schema::DataType;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, common::collect};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Cancel, Parts, TableProgress, clock};
use crate::catalog::{SourceIdentity, TableRef};
use crate::error::{Error, Result};
use crate::manifest::{FORMAT_VERSION, Manifest};
use crate::plan::{self, TablePlan};
use crate::sink::{
    PartTarget, PartWriterExec, PreparedFile, PreparedPart, ProgressFn, TableCommit, WriterSettings,
    write_empty,
};
use crate::spec::{EmptyTables, ExportSpec};

/// What all tables of a run share.
pub(super) struct Shared<'a> {
    pub(super) spec: &'a ExportSpec,
    pub(super) run_id: &'a str,
    pub(super) identity: &'a SourceIdentity,
    pub(super) parts: &'a Parts,
    /// One permit per connection that reads.
    pub(super) connections: Arc<Semaphore>,
}

/// Parts that are written and that no commit has made visible yet.
pub(super) type Written = Mutex<Vec<PreparedPart>>;

/// Exports one table and returns its committed manifest and its new files.
pub(super) async fn table(plan: &TablePlan, shared: &Shared<'_>) -> Result<(Manifest, Vec<PreparedFile>)> {
    let place = Place { table: &plan.info.table, directory: &plan.directory, est_rows: plan.info.est_rows };
    let write = async |progress: Arc<TableProgress>, prepared: &Written| {
        write(plan, shared, &progress, prepared).await
    };
    committed(&place, shared, write, || manifest(plan, shared)).await
}

/// What is exported, and where to.
pub(super) struct Place<'a> {
    pub(super) table: &'a TableRef,
    pub(super) directory: &'a str,
    /// For the progress display.
    pub(super) est_rows: u64,
}

/// Locks the directory, lets `write` prepare the parts, and commits them all or none.
pub(super) async fn committed(
    place: &Place<'_>,
    shared: &Shared<'_>,
    write: impl AsyncFnOnce(Arc<TableProgress>, &Written) -> Result<()>,
    manifest: impl FnOnce() -> Manifest,
) -> Result<(Manifest, Vec<PreparedFile>)> {
    let destination = Arc::clone(&shared.parts.destination);
    let commit =
        TableCommit::begin(destination, place.directory, shared.run_id, shared.spec.if_exists).await?;
    let progress = shared.parts.progress.start(place.table, place.est_rows);
    let prepared = Mutex::new(Vec::new());
    let written = tokio::select! {
        written = write(progress, &prepared) => written,
        () = shared.parts.cancel.cancelled() => Err(Cancel::error()),
    };
    shared.parts.progress.finish(place.table);
    let mut prepared: Vec<PreparedPart> = prepared.into_inner().unwrap_or_else(PoisonError::into_inner);
    prepared.sort_by_key(|p| p.part);
    let files: Vec<PreparedFile> = prepared.into_iter().filter_map(|p| p.file).collect();
    match written {
        Ok(()) => {
            let manifest = commit.commit(files.clone(), manifest()).await?;
            Ok((manifest, files))
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

/// Writes every part, `plan.readers` at a time, and a file without rows if that is wanted of an empty table.
async fn write(
    plan: &TablePlan,
    shared: &Shared<'_>,
    progress: &Arc<TableProgress>,
    prepared: &Written,
) -> Result<()> {
    let (rows, context) = plan::physical(plan, &shared.parts.source, shared.spec.memory_limit_bytes).await?;
    let schema = rows.schema();
    let settings = WriterSettings { parquet: plan.parquet.clone(), dictionary_off: dictionary_off(plan) };
    let targets: Vec<PartTarget> = (0..plan.parts.len()).map(|part| target(plan, part, shared)).collect();
    let counters = Arc::clone(progress);
    let count: ProgressFn = Arc::new(move |rows, bytes| counters.add(rows, bytes));
    let writer = Arc::new(PartWriterExec::try_new(rows, targets.clone(), settings.clone(), Some(count))?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..plan.readers.min(plan.parts.len()) {
        let (writer, context, next) = (Arc::clone(&writer), Arc::clone(&context), Arc::clone(&next));
        let (connections, parts) = (Arc::clone(&shared.connections), plan.parts.len());
        readers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= parts {
                    return (done, Ok(()));
                }
                match one_part(&writer, &context, &connections, part).await {
                    Ok(written) => done.extend(written),
                    Err(error) => return (done, Err(error.with("part", part))),
                }
            }
        });
    }
    let mut first_error = None;
    while let Some(reader) = readers.join_next().await {
        match reader {
            Ok((done, result)) => {
                prepared.lock().unwrap_or_else(PoisonError::into_inner).extend(done);
                if let Err(error) = result {
                    // The other readers take no further part; what they are reading is dropped.
                    next.store(plan.parts.len(), Ordering::Relaxed);
                    first_error.get_or_insert(error);
                }
            }
            Err(panic) => {
                next.store(plan.parts.len(), Ordering::Relaxed);
                first_error.get_or_insert(Error::internal("a reader stopped").caused_by(panic));
            }
        }
    }
    if let Some(error) = first_error {
        return Err(error.with("table", &plan.info.table));
    }
    let nothing = prepared.lock().unwrap_or_else(PoisonError::into_inner).iter().all(|p| p.file.is_none());
    if nothing && shared.spec.empty_tables == EmptyTables::Write {
        let empty = write_empty(&schema, &targets[0], &settings).await?;
        prepared.lock().unwrap_or_else(PoisonError::into_inner).push(empty);
    }
    Ok(())
}

async fn one_part(
    writer: &Arc<PartWriterExec>,
    context: &Arc<TaskContext>,
    connections: &Semaphore,
    part: usize,
) -> Result<Vec<PreparedPart>> {
    let _permit =
        connections.acquire().await.map_err(|e| Error::internal("no more connections").caused_by(e))?;
    let batches = collect(writer.execute(part, Arc::clone(context))?).await?;
    let mut written = Vec::new();
    for batch in &batches {
        written.extend(PartWriterExec::decode(batch)?);
    }
    Ok(written)
}

fn target(plan: &TablePlan, part: usize, shared: &Shared<'_>) -> PartTarget {
    let part = &plan.parts[part];
    PartTarget {
        destination: Arc::clone(&shared.parts.destination),
        path: format!("{}/{}", plan.directory, part.file),
        name: part.file.clone(),
        part: part.part,
        slice: part.slice.clone(),
        est_bytes: part.est_bytes,
    }
}

/// Columns whose dictionary would outgrow its page: hashing every value would be in vain.
fn dictionary_off(plan: &TablePlan) -> Vec<String> {
    const DICTIONARY_PAGE_BYTES: f64 = 1_048_576.0;
    let width = |data_type: &DataType| data_type.primitive_width().unwrap_or(16) as f64;
    plan.columns
        .iter()
        .filter(|written| written.source_type.is_some())
        .filter_map(|written| plan.info.column(&written.name))
        .filter(|c| c.est_distinct.is_some_and(|n| n * width(c.field.data_type()) > DICTIONARY_PAGE_BYTES))
        .map(|c| c.name().to_owned())
        .collect()
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
        filter: plan.filter.clone(),
        projection: plan.projection.clone(),
        query: None,
        columns: plan.columns.clone(),
        rows: 0,
        files: Vec::new(),
    }
}
