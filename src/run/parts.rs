//! Records parts that are complete at the destination, so that a later process can use them ([`super::mixed`]).
//!
//! Only parts of tables that are cut by their primary key: a row is in the same part at any time. Cut by place of storage,
//! a row that is changed moves to another part, and could be in both or in none.

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use super::context::{RunContext, Services};
use crate::catalog::{ColumnInfo, Slice, SnapshotToken, TableInfo, TableRef};
use crate::clock;
use crate::error::Result;
use crate::plan::TablePlan;
use crate::runlog::{Document, RunEvent, Timestamp};
use crate::sink::PreparedPart;
use crate::source::Dialect;
use crate::spec::{IfExists, Method, Verify};

/// Version of the program, which may cut and write in another way than others.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A plan in the run log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlanRecord {
    /// Version of the program that made it.
    pub(super) version: String,
    /// Version of the source, which may order keys in another way than others.
    pub(super) source: String,
    pub(super) plan: TablePlan,
}

/// A part in the run log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) snapshot: SnapshotToken,
    pub(super) prepared: PreparedPart,
}

/// Records what is prepared of a table.
#[derive(Clone)]
pub(super) struct Recorder {
    services: Services,
    run_id: String,
    table: TableRef,
    snapshot: SnapshotToken,
}

impl Recorder {
    /// For a table whose plan is recorded.
    pub(super) fn new(plan: &TablePlan, run: &RunContext) -> Self {
        Self {
            services: run.services.clone(),
            run_id: run.run_id.clone(),
            table: plan.info.table.clone(),
            snapshot: plan.snapshot.clone(),
        }
    }

    /// Records the plan. What was prepared before is void.
    pub(super) async fn begin(plan: &TablePlan, run: &RunContext) -> Result<Self> {
        let recorder = Self::new(plan, run);
        let of = PlanRecord {
            version: VERSION.to_owned(),
            source: run.identity.version.clone(),
            plan: plan.clone(),
        };
        let plan = Document::of(&of)?;
        let (run_id, table, at) = recorder.of();
        run.record(&RunEvent::TablePlanned { run_id, table, at, plan }).await;
        Ok(recorder)
    }

    /// A part is complete. A run log that is down does not stop the run.
    pub(super) async fn prepared(&self, part: &PreparedPart) {
        if part.files.is_empty() {
            return;
        }
        let of = PartRecord { snapshot: self.snapshot.clone(), prepared: part.clone() };
        match Document::of(&of) {
            Ok(prepared) => {
                let (run_id, table, at) = self.of();
                let event = RunEvent::PartPrepared { run_id, table, at, part: part.part, prepared };
                self.services.record(&event).await;
            }
            Err(error) => tracing::warn!(%error, "a part cannot be recorded; `resume` would write it again"),
        }
    }

    fn of(&self) -> (String, TableRef, Timestamp) {
        (self.run_id.clone(), self.table.clone(), clock::moment().into())
    }
}

/// Why parts of `plan` could not be of several points in time, if so.
pub(super) fn obstacle(plan: &TablePlan, run: &RunContext) -> Option<String> {
    let (spec, dialect) = (&run.spec, run.services.source.dialect());
    if plan.parts.len() < 2 {
        return Some("it is one part".into());
    }
    if !plan.arrangement.files.is_one_file() {
        return Some("its parts have several files (--partition-by, --max-file-bytes)".into());
    }
    if !plan.masks.columns.is_empty() {
        return Some("its values are masked, by a key that is not recorded".into());
    }
    if spec.output.if_exists == IfExists::Append {
        return Some("--if-exists append".into());
    }
    if spec.safety.verify != Verify::None {
        return Some("--verify compares it with the source at one point in time".into());
    }
    if plan.info.compound {
        return Some("it is made up of several relations, of which one may be emptied or detached".into());
    }
    match plan.method {
        Method::RangeId | Method::Ntile | Method::Random | Method::DataDriven => {}
        Method::Timepartition => {
            return Some("method Timepartition has no part for periods that are new since".into());
        }
        _ => {
            let method = plan.method_name();
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
    let primary = plan.info.keys().primary;
    let moving = plan.parts.iter().find(|part| !stays(&part.slice, &primary, dialect))?;
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
