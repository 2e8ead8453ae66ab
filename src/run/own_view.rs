//! At level `table` each table has a separate snapshot, which is taken when its export begins.

use super::context::{Pinned, Under};
use super::item::Item;
use super::outcome::Exported;
use super::retry::{Attempts, Scope};
use super::{budget, commit, table};
use crate::catalog::Consistency;
use crate::error::{Code, Error, Result};
use crate::plan::{TablePlan, prepare};

/// Exports one item. At level `table` its snapshot is taken and the table is planned again here; both are repeated when
/// the snapshot is lost.
pub(super) async fn export(item: &Item, under: &Under<'_>) -> Result<Exported> {
    match item {
        Item::Query(query) => commit::export(query.as_ref(), under).await,
        Item::Table(plan) if under.run.spec.safety.consistency == Consistency::Table => {
            let name = &plan.info.table;
            let mut attempts = Attempts::new(&under.run.retries, name, Scope::View);
            attempts.until_done(&under.stop, || with_own_view(plan, under)).await
        }
        Item::Table(plan) => Box::pin(table::export(plan, under)).await,
    }
}

async fn with_own_view(first: &TablePlan, under: &Under<'_>) -> Result<Exported> {
    let (run, table) = (under.run, &first.info.table);
    let _holders = run.connections.take(budget::HOLDERS).await?;
    let Pinned { view, held: _held, .. } = run.pin(std::slice::from_ref(table), Consistency::Table).await?;
    let (watch, stop) = under.stop.under(view.as_ref(), run.retries.suspicion());
    let planning = prepare::plan_one(&run.spec, &run.services.source, view.as_ref(), table, &run.rules);
    let mut plan = tokio::select! {
        plan = planning => plan?,
        reason = stop.stopped() => return Err(reason),
    };
    if let Some(reviewed) = &run.reviewed {
        reviewed.agrees_on(&plan)?;
    }
    if plan.masks != first.masks {
        return Err(Error::data("columns that masks catch have changed since the run began")
            .coded(Code::Mask)
            .hint("export again: `lakexpress plan` lists the columns that masks catch"));
    }
    run.budget.limit_memory(&run.spec, &mut plan);
    let own = Under { run, view: view.as_ref(), stop };
    let exporting = Box::pin(table::export(&plan, &own));
    watch.while_held(view.as_ref(), exporting).await?
}
