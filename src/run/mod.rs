//! A run: tables, or the results of queries, exported as of one snapshot.
//!
//! | step | file |
//! |---|---|
//! | tables are planned | `plan`, `rows` |
//! | the run is recorded, announced and summarised | `record`, `summary`, `outcome` |
//! | what is planned is exported, some tables at once | `export`; under a snapshot for each table: `own_view` |
//! | a directory is locked, its parts are written and committed | `commit`; what is in it: `table`, `queries` |
//! | compared with the source | `verify` |
//! | described for other programs | `metadata` |
//! | handed to a program instead of exported | `stream` |
//!
//! `context` has what all of it shares, `budget` and `limits` what it may use, `retry` and `stop` when it tries again and
//! when it ends. `resume` finishes a run that ended early, with parts of it where `mixed` allows that; `parts` records them.

mod alike;
mod budget;
pub mod cancel;
mod check;
mod commit;
mod context;
mod evidence;
mod export;
mod item;
mod limits;
mod metadata;
mod minded;
mod mixed;
mod outcome;
mod own_view;
mod parts;
mod plan;
mod prepared;
pub mod progress;
mod queries;
mod record;
mod resume;
mod retry;
mod reviewed;
mod rows;
mod stop;
mod stream;
mod summary;
mod table;
mod verify;

pub use cancel::{Cancel, CancelSwitch, INTERRUPTED};
pub use check::{Checked, check, least_role};
pub use context::{Observer, Services};
pub use evidence::{Evidence, evidence};
pub use metadata::{MetadataOutcome, MetadataTable, SkippedSchema, metadata};
pub use outcome::{RunSummary, TableOutcome};
pub use plan::{RunPlan, plan};
pub use progress::{Progress, TableProgress};
pub use resume::resume;
pub use reviewed::ReviewedPlan;
pub use stream::{Rows, Streamed, stream};

use self::export::{Asked, start};
use self::record::Opening;
use crate::clock::Stopwatch;
use crate::error::Result;
use crate::plan::{QueryStatement, select};
use crate::spec::ExportSpec;

/// Exports tables under `run_id`.
///
/// Tables that fail are in the summary; an error is a failure of the run as a whole. When `services.cancel` asks, tables
/// under way are given up, their uploads removed and statements cancelled.
pub async fn run(spec: &ExportSpec, run_id: &str, services: &Services) -> Result<RunSummary> {
    let begun = Stopwatch::start();
    services.reach().await?;
    let rows = services.cancel.or_stopped(services.runlog.partition_columns()).await?;
    let identity = services.ask(spec.run.retries, async || services.source.identity().await).await?;
    let select = async || select::tables(spec, services.source.as_ref()).await;
    let tables = services.ask(spec.run.retries, select).await?;
    let spec = rows::configured(spec, &rows, &identity, &tables)?;
    let opening = Opening::new(begun, record::config(&spec, None)?);
    start(spec, (run_id, identity), services, Asked::Tables(&tables), opening).await
}

/// Exports the tables of a plan that was reviewed, under `run_id`.
///
/// # Errors
/// As [`run`], and `Data` before anything is recorded or written when the plan would be another one now. It is compared once
/// more as of the snapshot of the export.
pub async fn apply(reviewed: &ReviewedPlan, run_id: &str, services: &Services) -> Result<RunSummary> {
    let begun = Stopwatch::start();
    services.reach().await?;
    let spec = &reviewed.spec;
    let rows = services.cancel.or_stopped(services.runlog.partition_columns()).await?;
    let now = services.ask(spec.run.retries, async || plan(spec, &services.source, &rows).await).await?;
    reviewed.agrees(&now.source, &services.destination.location(), &now.tables, &now.failures)?;
    let select = async || select::tables(spec, services.source.as_ref()).await;
    let tables = services.ask(spec.run.retries, select).await?;
    let spec = rows::configured(spec, &rows, &now.source, &tables)?;
    let mut opening = Opening::new(begun, record::config(&spec, None)?);
    opening.reviewed = Some(reviewed.clone());
    start(spec, (run_id, now.source), services, Asked::Tables(&tables), opening).await
}

/// Exports the result of every statement under `run_id`, one after the other, all as of one snapshot.
///
/// A statement that cannot be planned is an error before anything is recorded or written; one that fails
/// later is in the summary.
pub async fn query(
    spec: &ExportSpec,
    statements: &[QueryStatement],
    run_id: &str,
    services: &Services,
) -> Result<RunSummary> {
    let begun = Stopwatch::start();
    services.reach().await?;
    let identity = services.ask(spec.run.retries, async || services.source.identity().await).await?;
    let opening = Opening::new(begun, record::config(spec, Some(statements))?);
    start(spec.clone(), (run_id, identity), services, Asked::Queries(statements), opening).await
}
