//! Everything that an export needs, tried before it: nothing is exported, and what is written is removed.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;

use super::budget;
use super::cancel::Cancel;
use crate::catalog::{Consistency, Leaf, Slice, SnapshotToken, TableInfo, TableRef};
use crate::destination::Destination;
use crate::destination::preflight::{self, Check, Probe};
use crate::error::{Code, Error, Result};
use crate::format;
use crate::partition::Choice;
use crate::plan::{Cut, CutSlice, columns_read, plan_table, prepare, select};
use crate::source::{Snapshot, Source, TableRead};
use crate::spec::{ExportSpec, Method, layout};

/// One thing that was tried, at the source or at the destination.
#[derive(Debug)]
pub struct Checked {
    /// `source`, `destination` or `notify`.
    pub area: &'static str,
    /// What was tried and what was found.
    pub check: Check,
}

/// How long a step at the destination that is under way may take when the check is stopped: what it writes is removed
/// more surely when its answer is there.
const STEP: Duration = Duration::from_secs(3);

/// Tries what an export with `spec` would need of those that are given, and goes on after a failure where it can. When
/// `cancel` asks, it ends early and removes what it has written.
pub async fn check(
    spec: &ExportSpec,
    source: Option<&Arc<dyn Source>>,
    destination: Option<&Arc<dyn Destination>>,
    cancel: &Cancel,
) -> Vec<Checked> {
    let mut checked = Vec::new();
    if let Some(source) = source {
        let asked = async { Ok(Box::pin(check_source(spec, source)).await) };
        let checks = cancel.or_stopped(asked).await.unwrap_or_default();
        checked.extend(checks.into_iter().map(|check| Checked { area: "source", check }));
    }
    if let Some(destination) = destination.filter(|_| !cancel.is_cancelled()) {
        let probe = Probe::default();
        let tried = preflight::preflight(destination.as_ref(), &probe, || cancel.is_cancelled());
        let checks = cancel.within(STEP, Box::pin(tried)).await.unwrap_or_default();
        if cancel.is_cancelled() {
            match cancel.in_time(Box::pin(probe.clear(destination.as_ref()))).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!("what the check has written was not removed: {error}"),
                None => tracing::warn!(
                    "the storage did not answer in time: what the check has written below {} is removed by a check \
                     that begins in a quarter of an hour",
                    layout::RUNS_DIR
                ),
            }
        }
        checked.extend(checks.into_iter().map(|check| Checked { area: "destination", check }));
    }
    checked
}

/// SQL that makes `role` with the rights that an export with `spec` takes at the source.
///
/// # Errors
/// Usage, when the source has no roles or no table is meant; those of the source.
pub async fn least_role(spec: &ExportSpec, source: &Arc<dyn Source>, role: &str) -> Result<String> {
    let tables = select::tables(spec, source.as_ref()).await?;
    source.least_role(&tables, role).await?.ok_or_else(|| {
        Error::usage("this source has no roles")
            .coded(Code::FlagConflict)
            .hint("leave --print-role out: a file's own rights decide who may read it")
    })
}

async fn check_source(spec: &ExportSpec, source: &Arc<dyn Source>) -> Vec<Check> {
    let identity = source.identity().await;
    let reached = identity.map(|who| format!("{} {}, database {}", who.kind, who.version, who.database));
    let mut checks = vec![Check::new("connect", reached)];
    if checks[0].outcome.is_err() {
        return checks;
    }
    checks.push(match source.caution().await {
        Ok(Some(caution)) => Check::unwise("rights of the role", caution),
        Ok(None) => Check::new("rights of the role", Ok("no more than it was given".to_owned())),
        Err(error) => Check::new("rights of the role", Err(error)),
    });
    let tables = match select::tables(spec, source.as_ref()).await {
        Ok(tables) => tables,
        Err(error) => {
            checks.push(Check::new("find tables", Err(error)));
            return checks;
        }
    };
    checks.push(Check::new("find tables", Ok(format!("{} to export", tables.len()))));
    let readers = budget::readers_of_one(spec);
    let pinned = source.snapshot(&tables, Consistency::Run, readers).await;
    let told = match &pinned {
        Ok(view) => Ok(format!("{:?}", view.token().level).to_lowercase()),
        Err(error) => Err(error.copied()),
    };
    checks.push(Check::new("one point in time for all tables", told));
    let view = match pinned {
        Ok(view) => view,
        Err(_) => match source.snapshot(&tables, Consistency::None, readers).await {
            Ok(view) => view,
            Err(error) => {
                checks.push(Check::new("read tables", Err(error)));
                return checks;
            }
        },
    };
    for table in &tables {
        let read = read_nothing(spec, source, view.as_ref(), table).await;
        checks.push(Check::new(format!("read {table}"), read));
    }
    checks
}

/// Asks for no rows of the columns that an export would read, which needs the rights to read them and is refused when a
/// policy would hide rows.
async fn read_nothing(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    table: &TableRef,
) -> Result<String> {
    let asked = async {
        let info = prepare::shaped(spec, view, view.describe(table, &spec.selection.filter).await?).await?;
        let reason = String::new();
        let choice = Choice { method: Method::None, key: None, parts: 1, readers: 1, reason };
        let whole = Cut { choice, slices: vec![CutSlice { slice: Slice::All, directory: None }] };
        let rules = format::open(&spec.output).file_rules("", spec.output.if_exists);
        let plan = plan_table(source, info, view.token().clone(), whole, spec, &rules).await?;
        let columns = columns_read(&plan, source).await?;
        let about = format!("about {} rows, {} columns", plan.info.est_rows, plan.columns.len());
        drain(source, plan.info, columns, view.token()).await?;
        Ok(about)
    };
    asked.await.map_err(|error: Error| error.with("table", table))
}

/// Asks for no rows, or for the first ones of each relation where the source can read by relation only.
async fn drain(
    source: &Arc<dyn Source>,
    table: Arc<TableInfo>,
    columns: Vec<usize>,
    at: &SnapshotToken,
) -> Result<()> {
    let by_relation = table.reading.runs.is_some();
    let leaf = |leaf: &Leaf| Slice::Relation { id: leaf.id, name: leaf.name.clone() };
    let slices = match by_relation && !table.leaves.is_empty() {
        true => table.leaves.iter().map(leaf).collect(),
        false => vec![Slice::All],
    };
    for slice in slices {
        let filter = (!by_relation).then(|| "NULL IS NOT NULL".to_owned());
        let read =
            TableRead { table: Arc::clone(&table), columns: columns.clone(), slice, filter, batch_rows: 1 };
        let mut rows = source.read(&read, at)?;
        while let Some(batch) = rows.next().await {
            batch?;
            if by_relation {
                break;
            }
        }
    }
    Ok(())
}
