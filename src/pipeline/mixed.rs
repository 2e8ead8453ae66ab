//! Parts that are complete at the destination when their run ends early, and which of them may be used again.
//!
//! A part that is used again is of an earlier point in time than the others of its table. That is harmless only where
//! a row is in the same part at any time: where the table is cut by its primary key. Cut by place of storage, a row
//! that is changed moves to another part, and could be in both or in none. So only tables cut by their primary key are
//! recorded, and everything that decides what a part holds must be as it was.
//!
//! A part without rows is never used again. A reader that waited for a TRUNCATE to end, after the locks of the view were
//! lost, sees an empty table under its old snapshot, and ends without an error; only the check after the last part
//! would have told. For the same reason a table of several relations, of which one can be empty, is exported whole.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::DataType;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::export::Shared;
use super::{Parts, clock, record};
use crate::catalog::{ColumnInfo, Slice, SnapshotToken, TableInfo, TableRef};
use crate::destination::PendingUpload;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, PartsAsOf};
use crate::plan::TablePlan;
use crate::runlog::{PreparedTable, RunEvent};
use crate::sink::PreparedPart;
use crate::source::Dialect;
use crate::spec::{ExportSpec, IfExists, Method, Verify};

/// Uploads that are looked at at once.
const LOOKS: usize = 8;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the run log has of tables that were not finished.
pub(super) type Left = HashMap<TableRef, PreparedTable>;

/// A plan in the run log.
#[derive(Debug, Serialize, Deserialize)]
struct PlanRecord {
    /// Version of the program that made it.
    version: String,
    /// Version of the source, which may order keys in another way than others.
    source: String,
    plan: TablePlan,
}

/// A part in the run log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PartRecord {
    snapshot: SnapshotToken,
    prepared: PreparedPart,
}

/// What the export of a table begins with.
#[derive(Debug)]
pub(super) struct Taken {
    /// With the parts of the first run, if any of them are to be used again.
    pub(super) plan: TablePlan,
    /// Parts that may be there still.
    earlier: Vec<PartRecord>,
    /// Whether parts that are prepared now are recorded.
    recorded: bool,
}

impl Taken {
    /// Uploads that are not to be removed as those of a dead run.
    pub(super) fn uploads(&self) -> Vec<PendingUpload> {
        let files = self.earlier.iter().filter_map(|part| part.prepared.file.as_ref());
        files.map(|file| file.upload.clone()).collect()
    }

    /// Who records parts, if they are to be.
    pub(super) fn recorder(&self, shared: &Shared<'_>) -> Option<Recorder> {
        self.recorded.then(|| Recorder {
            parts: shared.parts.clone(),
            run_id: shared.run_id.to_owned(),
            table: self.plan.info.table.clone(),
            snapshot: self.plan.snapshot.clone(),
        })
    }

    /// Whether parts stay when the run has to give the table up.
    pub(super) fn stay(&self, shared: &Shared<'_>) -> bool {
        self.recorded && shared.spec.safety.accept_mixed_snapshot
    }

    /// The parts that are there still, as they were. To be asked under the table's lock; the others are removed.
    pub(super) async fn still_there(&self, shared: &Shared<'_>) -> Result<Vec<PartRecord>> {
        let looks = self.earlier.iter().map(|part| async move {
            let Some(file) = &part.prepared.file else { return Ok(None) };
            match shared.parts.destination.is_pending(&file.upload).await {
                Ok(true) => return Ok(Some(part)),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::Denied => {
                    tracing::warn!(%error, "a part is read again, because its upload may not be looked at");
                }
                Err(error) => return Err(error),
            }
            shared.parts.destination.abort(&file.upload).await?;
            Ok::<_, Error>(None)
        });
        let found: Vec<Option<&PartRecord>> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
        let there: Vec<PartRecord> = found.into_iter().flatten().cloned().collect();
        if !self.earlier.is_empty() {
            tracing::info!(
                "{}: {} of {} parts are used again, as of earlier points in time (--accept-mixed-snapshot)",
                self.plan.info.table,
                there.len(),
                self.plan.parts.len()
            );
        }
        Ok(there)
    }
}

/// Looks once more, just before the commit, whether the uploads of `there` are whole: a process that was thought dead,
/// or the store's own rules, may have removed them in the time that reading the others took.
///
/// Errors: `Unavailable` when one is gone; nothing was changed then.
pub(super) async fn still_whole(there: &[PartRecord], shared: &Shared<'_>) -> Result<()> {
    let looks = there.iter().filter_map(|part| part.prepared.file.as_ref()).map(|file| async {
        if shared.parts.destination.is_pending(&file.upload).await? {
            return Ok(());
        }
        Err(Error::unavailable("a part of an earlier process is gone from the destination")
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

/// Records what is prepared, so that a later process can use it.
#[derive(Clone)]
pub(super) struct Recorder {
    parts: Parts,
    run_id: String,
    table: TableRef,
    snapshot: SnapshotToken,
}

impl Recorder {
    /// A part is complete. A run log that is down does not stop the run.
    pub(super) async fn prepared(&self, part: &PreparedPart) {
        if part.file.is_none() {
            return;
        }
        let of = PartRecord { snapshot: self.snapshot.clone(), prepared: part.clone() };
        match serde_json::to_string(&of) {
            Ok(prepared) => {
                let (run_id, table, at) = (self.run_id.clone(), self.table.clone(), clock::now());
                let event = RunEvent::PartPrepared { run_id, table, at, part: part.part, prepared };
                record(&self.parts, &event).await;
            }
            Err(error) => tracing::warn!(%error, "a part cannot be recorded; `resume` would write it again"),
        }
    }
}

/// Decides what the export of a table begins with, and records it.
pub(super) async fn take(plan: &TablePlan, shared: &Shared<'_>) -> Result<Taken> {
    let dialect = shared.parts.source.dialect();
    let table = &plan.info.table;
    let obstacle = obstacle(plan, shared.spec, dialect);
    match (shared.left, &obstacle) {
        (Some(_), Some(why)) if plan.parts.len() > 1 => {
            tracing::warn!(
                "{table}: exported whole, parts of several points in time are not possible: {why}"
            );
        }
        (Some(left), None) => match left.get(table).map(|found| adopt(plan, found, shared)) {
            Some(Ok(taken)) => return Ok(taken),
            Some(Err(why)) => {
                tracing::warn!("{table}: exported whole, its earlier parts cannot be used: {why}");
            }
            None => {}
        },
        _ => {}
    }
    let recorded = obstacle.is_none();
    if recorded {
        let record_of = PlanRecord {
            version: VERSION.to_owned(),
            source: shared.identity.version.clone(),
            plan: plan.clone(),
        };
        let json = serde_json::to_string(&record_of);
        let json =
            json.map_err(|error| Error::internal("a plan cannot be written as JSON").caused_by(error))?;
        let (run_id, table, at) = (shared.run_id.to_owned(), table.clone(), clock::now());
        record(shared.parts, &RunEvent::TablePlanned { run_id, table, at, plan: json }).await;
    }
    Ok(Taken { plan: plan.clone(), earlier: Vec::new(), recorded })
}

/// Why parts of `plan` could not be of several points in time, if so.
fn obstacle(plan: &TablePlan, spec: &ExportSpec, dialect: &dyn Dialect) -> Option<String> {
    if plan.parts.len() < 2 {
        return Some("it is one part".into());
    }
    if spec.output.if_exists == IfExists::Append {
        return Some("--if-exists append".into());
    }
    if spec.safety.verify != Verify::None {
        return Some("--verify compares it with the source at one point in time".into());
    }
    if plan.info.relations.len() > 1 {
        return Some("it is made up of several relations, of which one may be emptied or detached".into());
    }
    match plan.method {
        Method::RangeId | Method::Ntile | Method::Random | Method::DataDriven => {}
        Method::Timepartition => {
            return Some("method Timepartition has no part for periods that are new since".into());
        }
        method => {
            return Some(format!(
                "with method {method} a row that is changed meanwhile may move to another part, and be in both or none \
                 (RangeId, Ntile, Random or DataDriven over the primary key, in --table-config, can be resumed by part)"
            ));
        }
    }
    let ordered_text = plan.parts.iter().find(|part| is_range_of_text(&part.slice, &plan.info));
    if let Some(part) = ordered_text {
        return Some(format!(
            "part {} ({}) is a range of texts, whose order changes with the collation and its version",
            part.part, part.slice
        ));
    }
    let moving = plan.parts.iter().find(|part| !stays(&part.slice, &plan.info.keys.primary, dialect))?;
    Some(format!(
        "part {} ({}) is not cut by the primary key: a row may move to another part meanwhile",
        moving.part, moving.slice
    ))
}

fn is_range_of_text(slice: &Slice, table: &TableInfo) -> bool {
    let Slice::Range { column, .. } = slice else { return false };
    let text = |c: &ColumnInfo| matches!(c.field.data_type(), DataType::Utf8 | DataType::LargeUtf8);
    table.column(column).is_none_or(text)
}

/// Whether a row with the same primary key is in the slice at any time, or never.
fn stays(slice: &Slice, primary: &[String], dialect: &dyn Dialect) -> bool {
    match slice {
        Slice::Range { column, .. } | Slice::IsNull { column } | Slice::Modulo { column, .. } => {
            primary.contains(column)
        }
        Slice::Value { expression, .. } | Slice::Other { expression, .. } => {
            primary.iter().any(|column| dialect.column(column) == *expression)
        }
        Slice::All | Slice::Physical { .. } | Slice::Relation { .. } | Slice::Both(..) => false,
    }
}

/// The plan with the parts of the first run, of which `found` tells; or why they cannot be used.
fn adopt(plan: &TablePlan, found: &PreparedTable, shared: &Shared<'_>) -> std::result::Result<Taken, String> {
    let unreadable = |_| "another version of lakexpress recorded them".to_owned();
    let PlanRecord { version, source, plan: first } =
        serde_json::from_str(&found.plan).map_err(unreadable)?;
    if version != VERSION {
        return Err(format!("lakexpress {version} recorded them"));
    }
    if source != shared.identity.version {
        return Err("the source's version changed since".into());
    }
    let (before, now) = (essence(&first), essence(plan));
    if let Some(((what, _), _)) = before.iter().zip(&now).find(|(before, now)| before != now) {
        return Err(format!("{what} changed since"));
    }
    if let Some(why) = obstacle(&first, shared.spec, shared.parts.source.dialect()) {
        return Err(why);
    }
    let plan = TablePlan { parts: first.parts, ..plan.clone() };
    let mut earlier = Vec::new();
    for text in &found.parts {
        let part: PartRecord = serde_json::from_str(text).map_err(unreadable)?;
        if !is_of(&part.prepared, &plan) {
            return Err("a part is not the one that was planned".into());
        }
        // One without rows is read again, see above.
        if part.prepared.file.is_some() {
            earlier.push(part);
        }
    }
    Ok(Taken { plan, earlier, recorded: true })
}

/// Whether a prepared part is the one of its number in the plan.
fn is_of(prepared: &PreparedPart, plan: &TablePlan) -> bool {
    let Some(part) = plan.parts.iter().find(|part| part.part == prepared.part) else { return false };
    prepared.file.as_ref().is_none_or(|file| {
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
        ("the table itself, dropped and made again,", json!(plan.info.relations)),
        ("the table's columns", json!(columns)),
        ("the primary key", json!(plan.info.keys.primary)),
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
    ]
}

/// What the run log has of the tables of a run that are left.
pub(super) async fn left(run_id: &str, parts: &Parts) -> Result<Left> {
    let prepared = Arc::clone(&parts.runlog).prepared(run_id).await?;
    Ok(prepared.into_iter().map(|found| (found.table.clone(), found)).collect())
}
