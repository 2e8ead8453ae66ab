//! Exports what is planned, some tables at once, and records how each went.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, stream};

use super::budget::Budget;
use super::cancel::Cancel;
use super::context::{Pinned, RunContext, Services, Under};
use super::item::{Item, Planned};
use super::limits::{Bounds, NOT_EXPORTED};
use super::outcome::{RunSummary, TableOutcome};
use super::own_view;
use super::plan::{every_mask_catches, plan_all};
use super::queries;
use super::record::{self, Opening};
use super::stop::Stop;
use crate::catalog::{Consistency, SnapshotToken, SourceIdentity, TableRef};
use crate::clock::{self, Stopwatch};
use crate::error::{Code, Error, Result};
use crate::plan::QueryStatement;
use crate::runlog::RunEvent;
use crate::spec::{ErrorAction, ExportSpec, layout};

/// What is exported: all of the run, or what is left of it.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    Tables(&'a [TableRef]),
    Queries(&'a [QueryStatement]),
}

/// Exports what is `asked` for as of one snapshot.
pub(super) async fn start(
    spec: ExportSpec,
    (run_id, identity): (&str, SourceIdentity),
    services: &Services,
    asked: Asked<'_>,
    mut opening: Opening,
) -> Result<RunSummary> {
    let bounds = async || Bounds::of(spec.limits, services.source.as_ref()).await;
    let bounds = services.ask(spec.run.retries, bounds).await?;
    let budget = match asked {
        Asked::Tables(_) => Budget::of(&spec)?,
        Asked::Queries(_) => Budget::of_queries(),
    };
    let mut run = RunContext::new((spec, budget), (run_id, identity), services, bounds);
    run.earlier = std::mem::take(&mut opening.earlier.snapshots);
    run.masked = std::mem::take(&mut opening.earlier.masked);
    run.reusable = opening.earlier.reusable.take();
    run.reviewed = opening.reviewed.take();
    let run = &run;
    match asked {
        // What is wrong with a table fails that table.
        Asked::Tables(tables) => {
            let work = async {
                let (pinned, planned) = tables_of(run, tables).await?;
                all(run, pinned, planned).await
            };
            record::recorded(run, opening, tables.to_vec(), Box::pin(work)).await
        }
        // A statement that cannot be planned is an error before anything is recorded.
        Asked::Queries(statements) => {
            let plan = async || queries::planned(run, statements).await;
            let (pinned, planned) = before_the_first(run, plan).await?;
            let names = planned.items.iter().map(|item| item.table().clone()).collect();
            let work = async {
                pinned.record(run).await;
                all(run, pinned, planned).await
            };
            record::recorded(run, opening, names, Box::pin(work)).await
        }
    }
}

/// Takes the snapshot and plans the tables.
async fn tables_of(run: &RunContext, tables: &[TableRef]) -> Result<(Pinned, Planned)> {
    // At level `table` each table has its own snapshot when its turn comes; this one only plans.
    let level = match run.spec.safety.consistency {
        Consistency::Run => Consistency::Run,
        Consistency::Table | Consistency::None => Consistency::None,
    };
    let plan = async || {
        let pinned = run.pin(tables, level).await?;
        pinned.record(run).await;
        let view = pinned.view.as_ref();
        let planning = Box::pin(plan_all(&run.spec, &run.services.source, view, tables, &run.rules));
        let (mut plans, failures) = run.bounds.in_time(view, planning).await?;
        every_mask_catches(&run.spec, &plans, &failures, &run.masked)?;
        if let Some(reviewed) = &run.reviewed {
            reviewed.agrees(&run.identity, &run.services.destination.location(), &plans, &failures)?;
        }
        plans.iter_mut().for_each(|plan| run.budget.limit_memory(&run.spec, plan));
        Ok((
            pinned,
            Planned { items: plans.into_iter().map(|plan| Item::Table(Box::new(plan))).collect(), failures },
        ))
    };
    before_the_first(run, plan).await
}

/// What `plan` gives, before the first table; the error of a run that was stopped, also while it waits for the source.
async fn before_the_first<T>(run: &RunContext, plan: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    tokio::select! {
        planned = run.services.ask(run.spec.run.retries, plan) => planned,
        () = run.services.cancel.cancelled() => Err(Cancel::error()),
    }
}

/// Exports everything under one snapshot, as many tables at once as the run may.
async fn all(
    run: &RunContext,
    Pinned { view, held, token }: Pinned,
    Planned { items, failures }: Planned,
) -> Result<(SnapshotToken, Vec<TableOutcome>)> {
    let (watch, stop) = Stop::new(&run.services.cancel, run.retries.suspicion(), &run.bounds, view.as_ref());
    let under = &Under { run, view: view.as_ref(), stop };
    let ends_all = run.spec.run.error_action == ErrorAction::Fail;
    let over = &AtomicBool::new(!failures.is_empty() && ends_all);
    let mut outcomes = Vec::with_capacity(failures.len() + items.len());
    run.services.progress.expect(items.iter().map(Item::est_rows).sum());
    for (table, error) in failures {
        outcomes.push(failed(run, &table, error).await);
    }
    let exports = stream::iter(items).map(|item| async move {
        if over.load(Ordering::Relaxed) {
            let message = format!("{NOT_EXPORTED} {} failed (--error-action fail)", item.kind());
            run.services.progress.without(item.est_rows());
            return failed(run, item.table(), Error::unavailable(message).coded(Code::Interrupted)).await;
        }
        let outcome = Box::pin(one(&item, under)).await;
        if outcome.error.is_some() && ends_all {
            over.store(true, Ordering::Relaxed);
        }
        outcome
    });
    let exporting = exports.buffer_unordered(run.budget.tables).for_each(|outcome| {
        outcomes.push(outcome);
        std::future::ready(())
    });
    watch.while_held(view.as_ref(), exporting).await?;
    drop(view);
    drop(held);
    Ok((token, outcomes))
}

/// Exports one item and records how it went.
async fn one(item: &Item, under: &Under<'_>) -> TableOutcome {
    let (run, table, watch) = (under.run, item.table(), Stopwatch::start());
    if let Err(error) = under.stop.may_begin().await.and_then(|()| run.retries.permitted()) {
        run.services.progress.without(item.est_rows());
        return failed(run, table, error).await;
    }
    run.record(&item.started(&run.run_id)).await;
    let exported = Box::pin(own_view::export(item, under)).await;
    let (seconds, retries) = (watch.seconds(), run.retries.of(table));
    match exported {
        Ok(exported) => {
            repeated(run, table).await;
            for event in exported.events(&run.run_id, table, clock::moment().into()) {
                run.record(&event).await;
            }
            TableOutcome { seconds, retries, ..TableOutcome::committed(table, exported) }
        }
        Err(error) => {
            let outcome = failed(run, table, error.with("table", table)).await;
            TableOutcome { seconds, retries, ..outcome }
        }
    }
}

async fn failed(run: &RunContext, table: &TableRef, error: Error) -> TableOutcome {
    repeated(run, table).await;
    let (run_id, at) = (run.run_id.clone(), clock::moment().into());
    run.record(&RunEvent::TableFailed { run_id, table: table.clone(), at, error: error.to_string() }).await;
    TableOutcome::failed(table, layout::table_dir(&run.spec.output.sub_path, table), error)
}

/// Records what of a table was tried again, if anything was.
async fn repeated(run: &RunContext, table: &TableRef) {
    let parts = run.retries.told(table);
    if !parts.is_empty() {
        let (run_id, table, at) = (run.run_id.clone(), table.clone(), clock::moment().into());
        run.record(&RunEvent::TableRepeated { run_id, table, at, parts }).await;
    }
}
