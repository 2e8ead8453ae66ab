//! What the destination knows of a run: its summary, and the manifests of its tables.

use std::sync::Arc;

use futures::{StreamExt, stream};
use serde_json::Value;

use super::summary;
use crate::catalog::TableRef;
use crate::destination::Destination;
use crate::error::Result;
use crate::format::{self, TableTarget};
use crate::manifest::Manifest;
use crate::spec::layout;

/// Manifests that are read at once.
const CONCURRENT_READS: usize = 8;

/// What was found at the destination.
#[derive(Debug, Default)]
pub struct Evidence {
    /// `_lakexpress/<run_id>.json`, as [`super::RunSummary`] was written; none if it is not there.
    pub summary: Option<Value>,
    /// What is committed in the tables' directories now, in the order asked for; none without a manifest of the table.
    pub manifests: Vec<Option<Manifest>>,
}

/// Reads what the destination knows of `run_id` and of `tables`, which lie below `root`.
///
/// # Errors
/// Those of the destination; `Data` when a manifest cannot be understood.
pub async fn evidence(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    root: &str,
    tables: &[&TableRef],
) -> Result<Evidence> {
    let summary = destination.get(&summary::path(run_id)).await?;
    let reads = tables.iter().map(|table| async move {
        let directory = layout::table_dir(root, table);
        let target = TableTarget { destination: Arc::clone(destination), directory };
        let committed = format::committed(&target).await;
        let manifest = committed.map(|found| found.map(|found| found.manifest));
        let manifest = manifest.map(|found| found.filter(|manifest| manifest.table == **table));
        manifest.map_err(|error| error.with("table", table))
    });
    let manifests: Vec<Result<Option<Manifest>>> =
        stream::iter(reads).buffered(CONCURRENT_READS).collect().await;
    Ok(Evidence {
        // One that cannot be read says nothing that the others do not.
        summary: summary.and_then(|content| serde_json::from_slice(&content).ok()),
        manifests: manifests.into_iter().collect::<Result<_>>()?,
    })
}
