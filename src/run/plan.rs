//! The plan of a run: what would be read and written, up to the first byte.

use std::sync::Arc;

use serde::Serialize;

use super::{alike, minded, rows};
use crate::catalog::{Consistency, SourceIdentity, TableRef};
use crate::error::{Code, Error, ErrorKind, Result, Transient};
use crate::format;
use crate::plan::{TablePlan, prepare, select};
use crate::runlog::PartitionRow;
use crate::sink::FileRules;
use crate::source::{Snapshot, Source};
use crate::spec::{ExportSpec, MaskRule};

/// See the module.
#[derive(Debug, Serialize)]
pub struct RunPlan {
    /// The source.
    pub source: SourceIdentity,
    /// Tables that can be exported, in the order they will run.
    pub tables: Vec<TablePlan>,
    /// Tables that cannot, and why; serialised as pairs of texts.
    #[serde(serialize_with = "failures_text")]
    pub failures: Vec<(TableRef, Error)>,
}

fn failures_text<S: serde::Serializer>(
    failures: &[(TableRef, Error)],
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    let pairs: Vec<(String, String)> = failures.iter().map(|(t, e)| (t.to_string(), e.to_string())).collect();
    pairs.serialize(to)
}

/// Plans a run; reads catalogs and what slices are made from (samples, keys), and writes nothing. `rows` are those
/// of `partition_columns`.
pub async fn plan(spec: &ExportSpec, source: &Arc<dyn Source>, rows: &[PartitionRow]) -> Result<RunPlan> {
    let identity = source.identity().await?;
    let tables = select::tables(spec, source.as_ref()).await?;
    let spec = &rows::configured(spec, rows, &identity, &tables)?;
    alike::warn_of_directories(spec, &tables);
    let view = source.snapshot(&tables, Consistency::None, 1).await?;
    let rules = format::open(&spec.output).file_rules("00000000", spec.output.if_exists);
    let (tables, failures) = plan_all(spec, source, view.as_ref(), &tables, &rules).await?;
    every_mask_catches(spec, &tables, &failures, &[])?;
    Ok(RunPlan { source: identity, tables, failures })
}

/// Plans every table as of `view`, largest first; tables that cannot be exported come with their error.
pub(super) async fn plan_all(
    spec: &ExportSpec,
    source: &Arc<dyn Source>,
    view: &dyn Snapshot,
    tables: &[TableRef],
    rules: &FileRules,
) -> Result<(Vec<TablePlan>, Vec<(TableRef, Error)>)> {
    let (mut plans, mut failures) = (Vec::new(), Vec::new());
    for table in tables {
        match Box::pin(prepare::plan_one(spec, source, view, table, rules)).await {
            Ok(plan) => plans.push(plan),
            // A wrong flag is the user's to mend before anything is written.
            Err(error) if error.kind() == ErrorKind::Usage => return Err(error),
            // The remaining tables could not be planned either.
            Err(error) if matches!(error.transient(), Some(Transient::Connection | Transient::View)) => {
                return Err(error.with("table", table));
            }
            Err(error) => {
                view.check().await?;
                failures.push((table.clone(), error));
            }
        }
    }
    minded::warn_of(&spec.parquet, plans.iter().map(|plan| (&plan.info.table, plan.fields())));
    minded::warn_of_codecs(&spec.parquet, plans.iter().map(|plan| (&plan.info.table, &plan.files)));
    plans.sort_by(|a, b| {
        b.info.est_bytes.cmp(&a.info.est_bytes).then_with(|| a.info.table.cmp(&b.info.table))
    });
    Ok((plans, failures))
}

/// A mask that catches no column is a mistake that would let values through. The columns of `failures` are not known;
/// `masked` are masked columns of tables that an earlier process has finished.
pub(super) fn every_mask_catches(
    spec: &ExportSpec,
    plans: &[TablePlan],
    failures: &[(TableRef, Error)],
    masked: &[(TableRef, String)],
) -> Result<()> {
    let catches = |rule: &MaskRule| {
        let planned = plans.iter().any(|plan| {
            rule.names(&plan.info.table) && plan.info.columns.iter().any(|c| rule.catches(c.name()))
        });
        planned || masked.iter().any(|(table, column)| rule.names(table) && rule.catches(column))
    };
    let idle = spec.masks.rules.iter().filter(|rule| !catches(rule));
    let (may_catch, idle): (Vec<&MaskRule>, Vec<&MaskRule>) =
        idle.partition(|rule| failures.iter().any(|(table, _)| rule.names(table)));
    for rule in may_catch {
        tracing::warn!(
            "--mask '{}.{}: {}' catches no column of the tables that can be exported",
            rule.table,
            rule.column,
            rule.mask
        );
    }
    match idle.first() {
        None => Ok(()),
        Some(rule) => {
            let what = format!(
                "--mask '{}.{}: {}' catches no column of any table",
                rule.table, rule.column, rule.mask
            );
            Err(Error::usage(what)
                .coded(Code::Mask)
                .hint("`lakexpress inspect` lists tables and columns; leave the mask out if its tables are not exported"))
        }
    }
}
