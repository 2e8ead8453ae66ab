//! At level `table` each table has a separate snapshot, which is taken when its export begins.

use super::budget::{self, Budget};
use super::export::{self, Exported, Shared};
use super::prepare;
use super::retry::{Attempts, Scope};
use crate::catalog::{Consistency, TableRef};
use crate::error::{Error, Result};
use crate::plan::TablePlan;
use crate::source::Snapshot;

/// Exports one table. At level `table` its snapshot is taken and the table is planned again here; both are repeated when
/// the snapshot is lost.
pub(super) async fn pinned_table(
    plan: TablePlan,
    view: &dyn Snapshot,
    shared: &Shared<'_>,
) -> Result<Exported> {
    if shared.spec.safety.consistency != Consistency::Table {
        return Box::pin(export::table(&plan, view, shared)).await;
    }
    let table = &plan.info.table;
    let mut attempts = Attempts::new(&shared.retries, table, Scope::View);
    loop {
        attempts.begin()?;
        match Box::pin(with_own_view(table, shared)).await {
            Ok(exported) => {
                attempts.succeeded();
                return Ok(exported);
            }
            Err(error) => tokio::select! {
                failed = attempts.failed(error) => failed?,
                reason = shared.stop.stopped() => return Err(reason),
            },
        }
    }
}

async fn with_own_view(table: &TableRef, shared: &Shared<'_>) -> Result<Exported> {
    let holders = shared.connections.acquire_many(budget::HOLDERS).await;
    let _holders = holders.map_err(|e| Error::internal("no more connections").caused_by(e))?;
    let source = &shared.parts.source;
    let own_view = source.snapshot(std::slice::from_ref(table), Consistency::Table).await?;
    let _held = shared.stop.bounds.held(own_view.as_ref());
    let (watch, stop) = shared.stop.under(own_view.as_ref(), &shared.retries);
    let planning = prepare::plan_one(shared.spec, source, own_view.as_ref(), table, shared.run_id);
    let mut plan = tokio::select! {
        plan = planning => plan?,
        reason = stop.stopped() => return Err(reason),
    };
    Budget::of(shared.spec)?.limit_memory(shared.spec, &mut plan);
    let shared = Shared { stop, ..shared.clone() };
    let exporting = Box::pin(export::table(&plan, own_view.as_ref(), &shared));
    watch.while_held(own_view.as_ref(), exporting).await?
}
