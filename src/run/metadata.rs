//! Writes the metadata of a run's tables, from what is committed at the destination.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use serde::Serialize;

use super::summary;
use crate::catalog::TableRef;
use crate::destination::Destination;
use crate::error::{Error, Result, with_code};
use crate::format::{self, TableTarget};
use crate::manifest::{HashVerdict, Manifest};
use crate::metadata::{Document, cdm};
use crate::spec::{MetadataSpec, layout};

/// Manifests that are read at once.
const CONCURRENT_READS: usize = 8;

/// A table of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataTable {
    /// The table.
    pub table: TableRef,
    /// Whether the run has committed it.
    pub done: bool,
}

/// What became of the metadata.
#[derive(Debug, Default, Serialize)]
pub struct MetadataOutcome {
    /// Files written, as paths below the base.
    pub files: Vec<String>,
    /// Schemas for which nothing was written, and why.
    pub skipped: Vec<SkippedSchema>,
    /// Tables that a later run has committed again; they are described as they are now.
    pub replaced: Vec<TableRef>,
    /// Why writing failed; serialised as its one-line text, and its code as `error_code`.
    #[serde(flatten, serialize_with = "with_code")]
    pub error: Option<Error>,
}

/// A schema without metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedSchema {
    /// Its name.
    pub schema: String,
    /// Why.
    pub reason: String,
}

impl MetadataOutcome {
    /// What the run log keeps of it: what went wrong and may go right the next time.
    pub(super) fn recorded(&self) -> Option<String> {
        self.error.as_ref().map(|error| format!("the metadata was not written: {error}"))
    }
}

/// Writes the metadata of `run_id`, whose tables lie below `root`. A schema with a table that is not committed gets
/// none, and then the database's manifest is not written either: a reader would take the rest for all.
pub async fn metadata(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    root: &str,
    tables: &[MetadataTable],
    spec: &MetadataSpec,
) -> MetadataOutcome {
    let mut outcome = MetadataOutcome::default();
    let written = Box::pin(write(destination, run_id, root, tables, spec, &mut outcome)).await;
    outcome.error = written.err();
    outcome
}

async fn write(
    destination: &Arc<dyn Destination>,
    run_id: &str,
    root: &str,
    tables: &[MetadataTable],
    spec: &MetadataSpec,
    outcome: &mut MetadataOutcome,
) -> Result<()> {
    let mut undone: Vec<&TableRef> = tables.iter().filter(|t| !t.done).map(|t| &t.table).collect();
    let done = tables.iter().filter(|t| t.done).map(|t| &t.table);
    let reads = done.map(|table| async move {
        let directory = layout::table_dir(root, table);
        let target = TableTarget { destination: Arc::clone(destination), directory };
        let committed = format::committed(&target).await;
        let manifest = committed.map(|found| found.map(|found| found.manifest));
        manifest.map(|manifest| (table, manifest)).map_err(|error| error.with("table", table))
    });
    let reads: Vec<Result<(&TableRef, Option<Manifest>)>> =
        stream::iter(reads).buffered(CONCURRENT_READS).collect().await;
    let mut manifests = Vec::new();
    for read in reads {
        match read? {
            (table, Some(manifest)) if manifest.table == *table && !differs(&manifest) => {
                manifests.push(manifest);
            }
            (table, _) => undone.push(table),
        }
    }
    let schemas: BTreeSet<&str> = undone.iter().map(|table| table.schema.as_str()).collect();
    for schema in &schemas {
        let missing: Vec<&str> =
            undone.iter().filter(|t| t.schema == *schema).map(|t| t.name.as_str()).collect();
        outcome.skipped.push(SkippedSchema {
            schema: (*schema).to_owned(),
            reason: format!("not all of its tables are there and good: {}", missing.join(", ")),
        });
    }
    manifests.retain(|manifest| !schemas.contains(manifest.table.schema.as_str()));
    outcome.replaced =
        manifests.iter().filter(|m| m.run_id != run_id).map(|manifest| manifest.table.clone()).collect();
    let documents = cdm::documents(&manifests, root, spec, schemas.is_empty())?;
    let directory =
        |document: &Document| document.path.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned();
    // Each directory is locked once; in it, what others name is there before they are.
    for together in documents.chunk_by(|a, b| directory(a) == directory(b)) {
        let (named, naming): (Vec<&Document>, Vec<&Document>) =
            together.iter().partition(|document| !document.names_others);
        let stages = [named, naming].map(|stage| {
            let files =
                stage.into_iter().map(|document| (document.path.clone(), document.content.clone().into()));
            files.collect()
        });
        let directory = together.first().map(directory).unwrap_or_default();
        summary::put_all(destination, run_id, &directory, &stages).await?;
        outcome.files.extend(together.iter().map(|document| document.path.clone()));
    }
    Ok(())
}

/// Whether the files are known not to hold what the source hashed (`--verify hash`).
fn differs(manifest: &Manifest) -> bool {
    manifest.verification.as_ref().is_some_and(|found| found.hash == Some(HashVerdict::Differs))
}
