//! Everything that an export needs, tried before it: nothing is exported, and what is written is removed.

use std::sync::Arc;

use futures::StreamExt;

use super::prepare;
use crate::catalog::{Consistency, Slice, SnapshotToken, TableInfo, TableRef};
use crate::destination::Destination;
use crate::destination::preflight::{self, Check};
use crate::error::Result;
use crate::source::{Snapshot, Source, TableRead};
use crate::spec::ExportSpec;

/// One thing that was tried, at the source or at the destination.
#[derive(Debug)]
pub struct Checked {
    /// `source` or `destination`.
    pub area: &'static str,
    /// What was tried and what was found.
    pub check: Check,
}

/// Tries what an export with `spec` would need of those that are given, and goes on after a failure where it can.
pub async fn check(
    spec: &ExportSpec,
    source: Option<&Arc<dyn Source>>,
    destination: Option<&Arc<dyn Destination>>,
) -> Vec<Checked> {
    let mut checked = Vec::new();
    if let Some(source) = source {
        let checks = check_source(spec, source).await;
        checked.extend(checks.into_iter().map(|check| Checked { area: "source", check }));
    }
    if let Some(destination) = destination {
        let checks = preflight::preflight(destination.as_ref()).await;
        checked.extend(checks.into_iter().map(|check| Checked { area: "destination", check }));
    }
    checked
}

async fn check_source(spec: &ExportSpec, source: &Arc<dyn Source>) -> Vec<Check> {
    let identity = source.identity().await;
    let reached = identity.map(|who| format!("{} {}, database {}", who.kind, who.version, who.database));
    let mut checks = vec![Check::new("connect", reached)];
    if checks[0].outcome.is_err() {
        return checks;
    }
    let tables = match prepare::select(spec, source.as_ref()).await {
        Ok(tables) => tables,
        Err(error) => {
            checks.push(Check::new("find tables", Err(error)));
            return checks;
        }
    };
    checks.push(Check::new("find tables", Ok(format!("{} to export", tables.len()))));
    let pinned = source.snapshot(&tables, Consistency::Run).await;
    let told = match &pinned {
        Ok(view) => Ok(format!("{:?}", view.token().level).to_lowercase()),
        Err(error) => Err(error.copied()),
    };
    checks.push(Check::new("one point in time for all tables", told));
    let view = match pinned {
        Ok(view) => view,
        Err(_) => match source.snapshot(&tables, Consistency::None).await {
            Ok(view) => view,
            Err(error) => {
                checks.push(Check::new("read tables", Err(error)));
                return checks;
            }
        },
    };
    for table in &tables {
        checks.push(Check::new(format!("read {table}"), read_nothing(source, view.as_ref(), table).await));
    }
    checks
}

/// Asks for no rows of a table, which needs the right to read it and is refused when a policy would hide rows.
async fn read_nothing(source: &Arc<dyn Source>, view: &dyn Snapshot, table: &TableRef) -> Result<String> {
    let asked = async {
        let info = view.describe(table).await?;
        let about = format!("about {} rows, {} columns", info.est_rows, info.columns.len());
        drain(source, info, view.token()).await?;
        Ok(about)
    };
    asked.await.map_err(|error: crate::error::Error| error.with("table", table))
}

async fn drain(source: &Arc<dyn Source>, table: TableInfo, at: &SnapshotToken) -> Result<()> {
    let columns = (0..table.columns.len()).collect();
    let read =
        TableRead { table, columns, slice: Slice::All, filter: Some("1 = 0".to_owned()), batch_rows: 1 };
    let mut rows = source.read(&read, at)?;
    while let Some(batch) = rows.next().await {
        batch?;
    }
    Ok(())
}
