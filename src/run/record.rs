//! Records a run: that it began, that it is alive, how it ended. The run log and the summary at the destination say the
//! same.

use std::collections::HashMap;
use std::convert::Infallible;

use serde_json::{Value, json};

use super::cancel::{Cancel, INTERRUPTED};
use super::context::{Reusable, RunContext, Services};
use super::metadata::{MetadataOutcome, MetadataTable, metadata};
use super::outcome::{RunSummary, TableOutcome};
use super::reviewed::ReviewedPlan;
use super::{alike, limits, summary};
use crate::catalog::{SnapshotToken, TableRef};
use crate::clock::{self, Stopwatch};
use crate::error::{Code, Error, Result};
use crate::plan::QueryStatement;
use crate::runlog::{Document, HEARTBEAT, RunEvent, RunStatus, Timestamp};
use crate::spec::ExportSpec;

/// What a run did before it was resumed; empty for one that begins.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// All tables of the run, in its order.
    pub(super) tables: Vec<TableRef>,
    /// When the run began.
    pub(super) started_at: Option<Timestamp>,
    /// Tables that are kept.
    pub(super) kept: Vec<TableOutcome>,
    /// Their masked columns.
    pub(super) masked: Vec<(TableRef, String)>,
    /// What the run log has not heard of them.
    pub(super) untold: Vec<RunEvent>,
    /// The moments that they are of.
    pub(super) snapshots: Vec<SnapshotToken>,
    /// Parts of the others that may be used again; none unless the user accepts several moments in one table.
    pub(super) reusable: Option<Reusable>,
}

/// What is known of a run before it does anything.
pub(super) struct Opening {
    begun: Stopwatch,
    /// The whole configuration.
    config: Document,
    /// What it did before it was resumed.
    pub(super) earlier: Earlier,
    /// What it must come to, if that was reviewed.
    pub(super) reviewed: Option<ReviewedPlan>,
}

impl Opening {
    /// A run that begins.
    pub(super) fn new(begun: Stopwatch, config: Document) -> Self {
        Self { begun, config, earlier: Earlier::default(), reviewed: None }
    }
}

/// What the run log keeps of what was asked for.
pub(super) fn config(spec: &ExportSpec, statements: Option<&[QueryStatement]>) -> Result<Document> {
    let mut config = serde_json::to_value(spec)
        .map_err(|error| Error::internal("the configuration cannot be written as JSON").caused_by(error))?;
    if let Some(statements) = statements {
        config["queries"] = statements.iter().map(described).collect();
    }
    Document::of(&config)
}

fn described(statement: &QueryStatement) -> Value {
    let mut described = json!({ "name": statement.name, "sql": statement.sql });
    if let Some(own) = &statement.source_sql {
        described["source_sql"] = json!(own);
    }
    if let Some(keys) = &statement.partitioned_by {
        described["partitioned_by"] = json!(keys);
    }
    described
}

/// Records the run over `tables`, announces it at the destination, does the `work` and records how it ended.
pub(super) async fn recorded(
    run: &RunContext,
    opening: Opening,
    tables: Vec<TableRef>,
    work: impl Future<Output = Result<(SnapshotToken, Vec<TableOutcome>)>>,
) -> Result<RunSummary> {
    let Opening { begun, config, earlier, .. } = opening;
    let Services { cancel, destination, observer, .. } = &run.services;
    warn_of_rights(&run.services).await;
    let resumed = earlier.started_at.is_some();
    let started_at = earlier.started_at.unwrap_or_else(|| clock::moment().into());
    let all = if resumed { earlier.tables } else { tables };
    Box::pin(alike::keeps_apart(&run.spec, &all, &run.services)).await?;
    begin(run, (started_at, config), &all).await?;
    observer.kept(&earlier.kept);
    for event in &earlier.untold {
        run.record(event).await;
    }
    let exported = match cancel.or_stopped(summary::announce(destination, &run.run_id, started_at)).await {
        Ok(()) => alive(run, cancel.in_time(work)).await.unwrap_or_else(|| Err(Cancel::error())),
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
        Ok((_, tables)) => alive(run, with_metadata(run, tables)).await,
        Err(_) => None,
    };
    if cancel.is_cancelled() {
        run.services.runlog.hurry();
    }
    let (status, error) = match &exported {
        // With an error it is not all done: that of the metadata, which `resume` writes then.
        Ok((_, tables)) if tables.iter().all(|o| o.error.is_none()) => {
            (RunStatus::Completed, metadata.as_ref().and_then(MetadataOutcome::recorded))
        }
        Ok(_) => (RunStatus::Failed, None),
        Err(error) => (RunStatus::Failed, Some(error.to_string())),
    };
    ended(run, status, error).await;
    match exported {
        Ok((snapshot, tables)) => {
            let parts = Summed { started_at, begun, resumed, snapshot, tables, metadata };
            let summary = summarised(run, status, parts);
            write(run, &summary).await;
            Ok(summary)
        }
        Err(error) => {
            withdraw(run).await;
            Err(error)
        }
    }
}

async fn warn_of_rights(services: &Services) {
    match services.cancel.or_stopped(services.source.caution()).await {
        Ok(Some(caution)) => tracing::warn!("{caution}"),
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "the rights of the role are not known"),
    }
}

/// From here on the run is known, and its end is recorded too.
async fn begin(run: &RunContext, (at, config): (Timestamp, Document), tables: &[TableRef]) -> Result<()> {
    let started = RunEvent::RunStarted {
        run_id: run.run_id.clone(),
        at,
        source: run.identity.clone(),
        destination: run.services.destination.location(),
        config,
        tables: tables.to_vec(),
    };
    let Services { cancel, runlog, observer, .. } = &run.services;
    cancel.in_time(runlog.append(&started)).await.unwrap_or_else(|| Err(Cancel::error()))?;
    observer.event(&started);
    Ok(())
}

/// Records the end of a run.
pub(super) async fn ended(run: &RunContext, status: RunStatus, error: Option<String>) {
    let (run_id, at) = (run.run_id.clone(), clock::moment().into());
    run.record(&RunEvent::RunEnded { run_id, at, status, error }).await;
}

/// What a summary is made of, besides the run itself.
pub(super) struct Summed {
    pub(super) started_at: Timestamp,
    pub(super) begun: Stopwatch,
    pub(super) resumed: bool,
    pub(super) snapshot: SnapshotToken,
    pub(super) tables: Vec<TableOutcome>,
    pub(super) metadata: Option<MetadataOutcome>,
}

pub(super) fn summarised(run: &RunContext, status: RunStatus, of: Summed) -> RunSummary {
    RunSummary {
        run_id: run.run_id.clone(),
        status,
        started_at: of.started_at.to_string(),
        seconds: of.begun.seconds(),
        source: run.identity.clone(),
        destination: run.services.destination.location(),
        sub_path: run.spec.output.sub_path.clone(),
        verify: run.spec.safety.verify,
        snapshot: of.snapshot,
        snapshot_seconds: run.bounds.longest_held(),
        ended_by: limits::ended_by(&of.tables),
        earlier_snapshots: run.earlier.clone(),
        resumed: of.resumed,
        tables: of.tables,
        metadata: of.metadata,
    }
}

/// Writes the metadata that was asked for. Everything is committed: what goes wrong here is in the outcome, also that
/// the run was asked to stop.
pub(super) async fn with_metadata(run: &RunContext, tables: &[TableOutcome]) -> Option<MetadataOutcome> {
    let asked = run.spec.output.metadata.as_ref()?;
    let tables: Vec<MetadataTable> = tables
        .iter()
        .map(|outcome| MetadataTable { table: outcome.table.clone(), done: outcome.error.is_none() })
        .collect();
    let written = metadata(&run.services.destination, &run.run_id, &run.spec.output.sub_path, &tables, asked);
    let late = || MetadataOutcome {
        error: Some(Error::unavailable(INTERRUPTED).coded(Code::Interrupted)),
        ..MetadataOutcome::default()
    };
    Some(run.services.cancel.in_time(written).await.unwrap_or_else(late))
}

async fn write(run: &RunContext, summary: &RunSummary) {
    let destination = &run.services.destination;
    let ending = async {
        summary::write(destination, &summary.run_id, summary).await;
        destination.settle().await;
    };
    if run.services.cancel.in_time(ending).await.is_none() {
        summary::warn_late(&run.run_id, "written");
    }
}

async fn withdraw(run: &RunContext) {
    let destination = &run.services.destination;
    let clearing = async {
        destination.settle().await;
        summary::withdraw(destination, &run.run_id).await;
    };
    if run.services.cancel.in_time(clearing).await.is_none() {
        summary::warn_late(&run.run_id, "removed");
    }
}

/// What `work` gives; meanwhile the run log hears that this process lives.
async fn alive<T>(run: &RunContext, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = keep_alive(run) => match never {},
    }
}

async fn keep_alive(run: &RunContext) -> Infallible {
    loop {
        clock::sleep(HEARTBEAT).await;
        if let Err(error) = run.services.runlog.heartbeat(&run.run_id, clock::moment().into()).await {
            tracing::debug!(%error, "could not tell the run log that the run is alive");
        }
    }
}
