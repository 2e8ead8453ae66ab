//! What all work of a run shares: the services it was given, and what is decided once.

use std::collections::HashMap;
use std::sync::Arc;

use super::budget::{Budget, Connections};
use super::cancel::Cancel;
use super::limits::{Bounds, Held};
use super::outcome::TableOutcome;
use super::progress::Progress;
use super::retry::{Retries, admitted};
use super::reviewed::ReviewedPlan;
use super::stop::Stop;
use crate::catalog::{Consistency, Keys, SnapshotToken, SourceIdentity, TableRef};
use crate::clock;
use crate::destination::Destination;
use crate::error::{Result, values_are_hidden};
use crate::format::{self, TableFormat, TableTarget};
use crate::manifest::{FORMAT_VERSION, Manifest};
use crate::readers::Readers;
use crate::runlog::{PreparedTable, RunEvent, RunLog};
use crate::sink::FileRules;
use crate::source::{Snapshot, Source};
use crate::spec::ExportSpec;
use crate::work::{Executor, Worker};

/// Receives every [`RunEvent`] as it happens, after it was recorded.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &RunEvent);

    /// A run that is resumed has finished these tables before.
    fn kept(&self, _tables: &[TableOutcome]) {}
}

/// The services a run works with.
#[derive(Clone)]
pub struct Services {
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where files go.
    pub destination: Arc<dyn Destination>,
    /// Where the run is recorded.
    pub runlog: Arc<dyn RunLog>,
    /// Who hears of it.
    pub observer: Arc<dyn Observer>,
    /// Counters that a progress display polls.
    pub progress: Arc<Progress>,
    /// Asks the run to stop.
    pub cancel: Cancel,
}

impl Services {
    /// Makes contact with the run log and the destination, so that what is wrong there is said before anything is read.
    pub(super) async fn reach(&self) -> Result<()> {
        let both = async {
            self.runlog.reach().await?;
            self.destination.reach().await
        };
        self.cancel.or_stopped(both).await
    }

    /// The table in `directory`.
    pub(super) fn target(&self, directory: &str) -> TableTarget {
        TableTarget { destination: Arc::clone(&self.destination), directory: directory.to_owned() }
    }

    /// What `question` to the source gives, before the first table.
    pub(super) async fn ask<T>(&self, retries: u32, question: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        admitted(&self.cancel, retries, question).await
    }

    /// Records an event; a run log that is down never stops a run.
    pub(super) async fn record(&self, event: &RunEvent) {
        let hidden = if values_are_hidden() { Some(event.without_values()) } else { None };
        let kept = hidden.as_ref().map_or(Some(event), Option::as_ref);
        if let Some(kept) = kept
            && let Some(Err(error)) = self.cancel.at_last(self.runlog.append(kept)).await
        {
            tracing::warn!(%error, "could not write to the run log");
        }
        self.observer.event(event);
    }
}

/// What the run log has of tables that were not finished.
pub(super) type Reusable = HashMap<TableRef, PreparedTable>;

/// One run, or what is left of it.
pub(super) struct RunContext {
    pub(super) spec: ExportSpec,
    pub(super) run_id: String,
    pub(super) identity: SourceIdentity,
    pub(super) services: Services,
    /// What it may ask of the source.
    pub(super) bounds: Bounds,
    /// What is tried again, and when no more.
    pub(super) retries: Arc<Retries>,
    /// What makes files a table.
    pub(super) format: Arc<dyn TableFormat>,
    /// What it says of files.
    pub(super) rules: FileRules,
    /// Who writes parts of tables.
    pub(super) executor: Arc<dyn Executor>,
    pub(super) budget: Budget,
    pub(super) connections: Connections,
    /// Snapshots of tables that were kept when the run was resumed.
    pub(super) earlier: Vec<SnapshotToken>,
    /// Masked columns of those tables.
    pub(super) masked: Vec<(TableRef, String)>,
    /// Parts that may be used again; only of a run that is resumed so.
    pub(super) reusable: Option<Reusable>,
    /// What it must come to, if that was reviewed.
    pub(super) reviewed: Option<ReviewedPlan>,
}

impl RunContext {
    pub(super) fn new(
        (spec, budget): (ExportSpec, Budget),
        (run_id, identity): (&str, SourceIdentity),
        services: &Services,
        bounds: Bounds,
    ) -> Self {
        let worker = Worker::new(Arc::clone(&services.source), Arc::clone(&services.destination));
        let format = format::open(&spec.output);
        Self {
            rules: format.file_rules(run_id, spec.output.if_exists),
            format,
            run_id: run_id.to_owned(),
            identity,
            services: services.clone(),
            bounds,
            retries: Retries::new(spec.run.retries),
            executor: Arc::new(worker),
            budget,
            connections: Connections::of(budget),
            earlier: Vec::new(),
            masked: Vec::new(),
            reusable: None,
            reviewed: None,
            spec,
        }
    }

    pub(super) async fn record(&self, event: &RunEvent) {
        self.services.record(event).await;
    }

    /// Takes a snapshot of `tables`.
    pub(super) async fn pin(&self, tables: &[TableRef], level: Consistency) -> Result<Pinned> {
        let view = self.services.source.snapshot(tables, level, self.budget.readers(&self.spec)).await?;
        let held = self.bounds.held(view.as_ref());
        let token = SnapshotToken { level: self.spec.safety.consistency, ..view.token().clone() };
        Ok(Pinned { view, held, token })
    }

    /// The manifest of `table`, with what is the same for all tables of the run.
    pub(super) fn manifest(&self, table: &TableRef, snapshot: SnapshotToken, readers: &Readers) -> Manifest {
        Manifest {
            format_version: FORMAT_VERSION,
            run_id: self.run_id.clone(),
            created_by: concat!("lakexpress ", env!("CARGO_PKG_VERSION")).to_owned(),
            committed_at: clock::now(),
            source: self.identity.clone(),
            table: table.clone(),
            table_version: None,
            snapshot,
            earlier_snapshots: self.earlier.clone(),
            mixed_snapshots: Vec::new(),
            filter: None,
            projection: None,
            query: None,
            source_sql: None,
            readers: readers.clone(),
            columns: Vec::new(),
            partition_by: Vec::new(),
            sorted_by: Vec::new(),
            masks: Vec::new(),
            keys: Keys::default(),
            rows: 0,
            verification: None,
            files: Vec::new(),
        }
    }
}

/// A snapshot that is held.
pub(super) struct Pinned {
    pub(super) view: Box<dyn Snapshot>,
    pub(super) held: Held,
    /// As it is recorded: with the level that was asked for.
    pub(super) token: SnapshotToken,
}

impl Pinned {
    pub(super) async fn record(&self, run: &RunContext) {
        let snapshot = self.token.clone();
        run.record(&RunEvent::SnapshotTaken { run_id: run.run_id.clone(), snapshot }).await;
    }
}

/// Work of a run under one snapshot.
pub(super) struct Under<'a> {
    pub(super) run: &'a RunContext,
    pub(super) view: &'a dyn Snapshot,
    /// When to give up.
    pub(super) stop: Stop,
}
