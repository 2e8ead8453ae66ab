//! In a run that is resumed with `--accept-mixed-snapshot`: which complete parts of its tables are used again.
//!
//! Such a part is of an earlier point in time than the others of its table. That is harmless only where a row is in the
//! same part at any time; only such parts are recorded ([`super::parts`]), and everything that decides what a part holds
//! must be as it was.
//!
//! A part without rows is never used again. A reader that waited for a TRUNCATE to end, after the locks of the view were
//! lost, sees an empty table under its old snapshot, and ends without an error; only the check after the last part
//! would have found it. For the same reason a table of several relations, of which one can be empty, is exported whole.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::context::{Reusable, RunContext, Services};
use super::parts::{PartRecord, PlanRecord, VERSION, obstacle};
use crate::catalog::ColumnInfo;
use crate::destination::PendingUpload;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::manifest::{Manifest, PartsAsOf};
use crate::plan::TablePlan;
use crate::runlog::PreparedTable;
use crate::sink::PreparedPart;

/// Uploads that are looked up at once.
const LOOKS: usize = 8;

/// What the run log has of the tables of a run that are left.
pub(super) async fn reusable(run_id: &str, services: &Services) -> Result<Reusable> {
    let prepared = Arc::clone(&services.runlog).prepared(run_id).await?;
    Ok(prepared.into_iter().map(|found| (found.table.clone(), found)).collect())
}

/// A table whose parts are used again, if they are there still.
#[derive(Debug)]
pub(super) struct Reused {
    /// With the parts of the first run.
    pub(super) plan: TablePlan,
    earlier: Vec<PartRecord>,
}

/// What of the table of `plan` is used again. `obstacle` is why nothing of it can be.
pub(super) fn reused(
    plan: &TablePlan,
    obstacle: Option<&str>,
    reusable: &Reusable,
    run: &RunContext,
) -> Option<Reused> {
    let table = &plan.info.table;
    if let Some(why) = obstacle {
        if plan.parts.len() > 1 {
            tracing::warn!(
                "{table}: exported whole, parts of several points in time are not possible: {why}"
            );
        }
        return None;
    }
    let adopted = adopt(plan, reusable.get(table)?, run);
    adopted
        .inspect_err(|why| {
            tracing::warn!("{table}: exported whole, its earlier parts cannot be used: {why}");
        })
        .ok()
}

impl Reused {
    /// Uploads that are not to be removed as those of a dead run.
    pub(super) fn uploads(&self) -> Vec<PendingUpload> {
        let files = self.earlier.iter().flat_map(|part| &part.prepared.files);
        files.map(|file| file.upload.clone()).collect()
    }

    /// The parts that are there still, as they were. To be asked under the table's lock; the others are removed.
    pub(super) async fn still_there(&self, run: &RunContext) -> Result<Vec<PartRecord>> {
        let looks = self.earlier.iter().map(|part| async move {
            let [file] = part.prepared.files.as_slice() else { return Ok(None) };
            match run.services.destination.is_pending(&file.upload).await {
                Ok(true) => return Ok(Some(part)),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::Denied => {
                    tracing::warn!(%error, "a part is read again, because its upload may not be looked at");
                }
                Err(error) => return Err(error),
            }
            run.services.destination.abort(&file.upload).await?;
            Ok::<_, Error>(None)
        });
        let found: Vec<Option<&PartRecord>> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
        let there: Vec<PartRecord> = found.into_iter().flatten().cloned().collect();
        if !self.earlier.is_empty() {
            let (table, there, parts) = (&self.plan.info.table, there.len(), self.plan.parts.len());
            tracing::info!(
                "{table}: {there} of {parts} parts are used again, as of earlier points in time (--accept-mixed-snapshot)"
            );
        }
        Ok(there)
    }
}

/// Looks once more, just before the commit, whether the uploads of `there` are whole: a process that was thought dead,
/// or the store's own rules, may have removed them in the time that reading the others took.
///
/// Errors: `Unavailable` when one is gone; nothing was changed then.
pub(super) async fn still_whole(there: &[PartRecord], run: &RunContext) -> Result<()> {
    let looks = there.iter().flat_map(|part| &part.prepared.files).map(|file| async {
        if run.services.destination.is_pending(&file.upload).await? {
            return Ok(());
        }
        Err(Error::unavailable("a part of an earlier process is gone from the destination")
            .coded(Code::RunNotResumable)
            .with("path", &file.upload.path)
            .hint("resume the run once more: the part is read again"))
    });
    stream::iter(looks).buffered(LOOKS).try_collect::<Vec<()>>().await.map(|_| ())
}

/// The parts themselves.
pub(super) fn prepared(there: &[PartRecord]) -> Vec<PreparedPart> {
    there.iter().map(|part| part.prepared.clone()).collect()
}

/// Notes in `manifest` which parts are of which point in time; nothing if all are of one.
pub(super) fn note(manifest: &mut Manifest, plan: &TablePlan, there: &[PartRecord]) {
    let mut moments: Vec<PartsAsOf> = Vec::new();
    for part in &plan.parts {
        let earlier = there.iter().find(|earlier| earlier.prepared.part == part.part);
        let snapshot = earlier.map_or(&plan.snapshot, |earlier| &earlier.snapshot);
        match moments.iter_mut().find(|moment| moment.snapshot == *snapshot) {
            Some(moment) => moment.parts.push(part.part),
            None => moments.push(PartsAsOf { snapshot: snapshot.clone(), parts: vec![part.part] }),
        }
    }
    // In the order in which they were taken; all are of one server's clock.
    moments.sort_by(|a, b| a.snapshot.taken_at.cmp(&b.snapshot.taken_at));
    if let Some(last) = moments.last() {
        manifest.snapshot = last.snapshot.clone();
    }
    if moments.len() > 1 {
        manifest.mixed_snapshots = moments;
    }
}

/// The plan with the parts of the first run, of which `found` tells; or why they cannot be used.
fn adopt(plan: &TablePlan, found: &PreparedTable, run: &RunContext) -> std::result::Result<Reused, String> {
    let unreadable = |_| "another version of lakexpress recorded them".to_owned();
    let PlanRecord { version, source, plan: first } = found.plan.read().map_err(unreadable)?;
    if version != VERSION {
        return Err(format!("lakexpress {version} recorded them"));
    }
    if source != run.identity.version {
        return Err("the source's version changed since".into());
    }
    let (before, now) = (essence(&first), essence(plan));
    if let Some(((what, _), _)) = before.iter().zip(&now).find(|(before, now)| before != now) {
        return Err(format!("{what} changed since"));
    }
    if let Some(why) = obstacle(&first, run) {
        return Err(why);
    }
    let plan = TablePlan { parts: first.parts, ..plan.clone() };
    let mut earlier = Vec::new();
    for recorded in &found.parts {
        let part: PartRecord = recorded.read().map_err(unreadable)?;
        if !is_of(&part.prepared, &plan) {
            return Err("a part is not the one that was planned".into());
        }
        // One without rows is read again, see above.
        if !part.prepared.files.is_empty() {
            earlier.push(part);
        }
    }
    Ok(Reused { plan, earlier })
}

/// Whether a prepared part is the one of its number in the plan.
fn is_of(prepared: &PreparedPart, plan: &TablePlan) -> bool {
    let Some(part) = plan.parts.iter().find(|part| part.part == prepared.part) else { return false };
    prepared.files.len() <= 1
        && prepared.files.iter().all(|file| {
            file.entry.name == part.file
                && file.entry.slice == part.slice
                && file.entry.part == part.part
                && (file.upload.bytes, &file.upload.crc32) == (file.entry.bytes, &file.entry.crc32)
                && file.upload.path == format!("{}/{}", plan.directory, part.file)
        })
}

/// What must be the same for parts of two plans to lie beside each other, and what it is called. Estimates do not count,
/// and a label that an enum has got meanwhile is as good as one more row.
fn essence(plan: &TablePlan) -> Vec<(&'static str, Value)> {
    let estimated =
        |column: &ColumnInfo| ColumnInfo { est_distinct: None, labels: Vec::new(), ..column.clone() };
    let columns: Vec<ColumnInfo> = plan.info.columns.iter().map(estimated).collect();
    vec![
        ("the kind of table", json!(plan.info.kind)),
        ("the table itself, dropped and made again,", json!(plan.info.identity)),
        ("the table's columns", json!(columns)),
        ("the primary key", json!(plan.info.keys().primary)),
        ("the filter", json!([plan.filter, plan.pushed, plan.evaluated_here])),
        ("the column list", json!(plan.projection)),
        ("the source's own SQL", json!(plan.info.reading.sql)),
        ("the columns as written", json!(plan.columns)),
        ("the method", json!(plan.method)),
        ("the directory", json!(plan.directory)),
        (
            "compression or row groups (--memory-limit, --n-jobs and --max-connections too)",
            json!(plan.parquet),
        ),
        ("page index, Bloom filters, codecs, order or metadata of the files", json!(plan.files)),
    ]
}
