//! One JSON document per command, for scripts.
//!
//! | command | document |
//! |---|---|
//! | `export`, `query`, `resume` | [`RunSummary`] and [`summary`]'s additions, `docs/schemas/export.schema.json` |
//! | `demo` | `{"source", "rows", "run": [`RunSummary`], "question", "answer": {"columns", "rows"}, "seconds"}` |
//! | `completions` | `{"shell", "script"}` |
//! | `explain` | `{"code", "title", "happened", "remedies", "kinds", "exit_codes"}`, or an array of them |
//! | `man` | `{"page"}` |
//! | `plan` | [`RunPlan`] with `destination` and `failed`, as of `inspect` |
//! | `check` | `{"ok", "checks": [{"area", "check", "ok", "found" or "kind", "error", "error_code", "hints"}]}`; `ok` is true beside an `error` where `warning` says what exports do without |
//! | `inspect` | `{"source", "tables": [{"schema", "name", "kind", "est_rows", "est_bytes", "columns"}], "failures", "failed": [{"schema", "name", "error"}]}` |
//! | `verify` | [`Report`] and [`verified`]'s additions, `docs/schemas/verify.schema.json` |
//! | `publish` | [`Published`], `docs/schemas/publish.schema.json` |
//! | `explain-layout` | [`Layout`], `docs/schemas/explain-layout.schema.json` |
//! | `runs` | array of [`RunRecord`] without `jobs`; `silent_seconds` is a number when a running run gives no sign of life |
//! | `status` | the same of one run, with `jobs`, and `tables` in the shape of all documents, `docs/schemas/status.schema.json` |
//! | `logdb` | `{"run_log", "done"}` |
//! | `report` | [`RunReport`], described in `docs/report.md` |
//! | `metadata` | [`MetadataOutcome`] |

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::error::{Area, Error, ErrorKind, Page, Result};
use crate::manifest::ManifestColumn;
use crate::plan::TablePlan;
use crate::publish::Published;
use crate::report::{Again, RunReport, outcome};
use crate::run::{Checked, MetadataOutcome, RunPlan, RunSummary};
use crate::runlog::RunRecord;
use crate::skipping::Layout;
use crate::spec::{Verify, layout};
use crate::verify::Report;

/// What became of a run, and with which code the program ends. It has what the summary at the destination has, and
/// more.
///
/// # Errors
/// Internal only.
pub fn summary(summary: &RunSummary, again: &Again, exit_code: u8) -> Result<String> {
    let mut document = value(summary)?;
    let mut tables = Vec::with_capacity(summary.tables.len());
    for outcome in &summary.tables {
        tables.push(outcome::exported(outcome, value(outcome)?));
    }
    let of_metadata = summary.metadata.as_ref().and_then(|metadata| metadata.error.as_ref());
    let of_tables = summary.tables.iter().filter_map(|table| table.error.as_ref());
    let failed: Vec<&Error> = of_tables.chain(of_metadata).collect();
    let mut hints: Vec<&str> = Vec::new();
    for hint in failed.iter().flat_map(|error| error.hints()) {
        if !hints.contains(&hint.as_str()) {
            hints.push(hint);
        }
    }
    document["exit_code"] = exit_code.into();
    document["location"] = layout::below(&summary.destination, &summary.sub_path).into();
    document["totals"] = outcome::totals(&tables);
    document["verification"] = verification(summary);
    document["resume"] = if failed.is_empty() { Value::Null } else { again.resume.as_str().into() };
    hints.extend(again.missing.filter(|_| !failed.is_empty()));
    document["hints"] = hints.into();
    document["tables"] = tables.into();
    pretty(&document)
}

/// What of a run was compared with the source; null when that was not asked for.
fn verification(summary: &RunSummary) -> Value {
    if summary.verify == Verify::None {
        return Value::Null;
    }
    let (tables, files) = super::text::compared(summary);
    json!({ "level": summary.verify, "tables": tables, "files": files })
}

/// What a run did.
///
/// # Errors
/// Internal only.
pub fn report(report: &RunReport) -> Result<String> {
    pretty(report)
}

/// What became of metadata.
///
/// # Errors
/// Internal only.
pub fn metadata(outcome: &MetadataOutcome) -> Result<String> {
    pretty(outcome)
}

/// What was found at a destination.
///
/// # Errors
/// Internal only.
pub fn verified(report: &Report, exit_code: u8) -> Result<String> {
    let mut document = value(report)?;
    let mut tables = Vec::with_capacity(report.tables.len());
    for table in &report.tables {
        tables.push(outcome::verified(table, value(table)?));
    }
    document["exit_code"] = exit_code.into();
    document["location"] = layout::below(&report.destination, &report.below).into();
    document["totals"] = outcome::totals(&tables);
    document["tables"] = tables.into();
    pretty(&document)
}

/// What a publication did.
///
/// # Errors
/// Internal only.
pub fn published(published: &Published) -> Result<String> {
    pretty(published)
}

/// What a reader skips for a condition.
///
/// # Errors
/// Internal only.
pub fn skipped(layout: &Layout) -> Result<String> {
    pretty(layout)
}

/// A plan; `destination` is null when none was named.
///
/// # Errors
/// Internal only.
pub fn plan(plan: &RunPlan, destination: Option<&str>) -> Result<String> {
    let mut document = value(plan)?;
    document["destination"] = destination.map_or(Value::Null, Value::from);
    document["failed"] = failed(plan);
    pretty(&document)
}

/// Tables of a plan that cannot be exported, in the shape of all errors. `failures` has the same as pairs of texts.
fn failed(plan: &RunPlan) -> Value {
    let tables = plan.failures.iter().map(|(table, error)| {
        json!({ "schema": table.schema, "name": table.name, "error": outcome::error(error) })
    });
    tables.collect()
}

/// Tables and columns of a source.
///
/// # Errors
/// Internal only.
pub fn inspect(plan: &RunPlan) -> Result<String> {
    let mut document = value(plan)?;
    let tables: Result<Vec<Value>> = plan.tables.iter().map(inspected).collect();
    document["tables"] = tables?.into();
    document["failed"] = failed(plan);
    pretty(&document)
}

/// What a preflight found.
///
/// # Errors
/// Internal only.
pub fn checked(checked: &[Checked]) -> Result<String> {
    let lines: Vec<Value> = checked
        .iter()
        .map(|Checked { area, check }| match &check.outcome {
            Ok(found) => {
                let mut line = json!({ "area": area, "check": check.what, "ok": true, "found": found });
                if check.is_warning() {
                    line["warning"] = found.as_str().into();
                }
                line
            }
            Err(error) => {
                let mut line = json!({
                    "area": area, "check": check.what, "ok": false, "kind": error.kind().as_str(),
                    "error": error.to_string(), "error_code": error.code().to_string(), "hints": error.hints(),
                });
                if let Some(without) = check.warning() {
                    line["ok"] = true.into();
                    line["warning"] = without.into();
                }
                line
            }
        })
        .collect();
    let ok = checked.iter().all(|checked| checked.check.failure().is_none());
    pretty(&json!({ "ok": ok, "checks": lines }))
}

/// What an error code means.
///
/// # Errors
/// Internal only.
pub fn explained(page: &Page) -> Result<String> {
    pretty(&entry(page))
}

/// All error codes.
///
/// # Errors
/// Internal only.
pub fn codes(areas: &[Area]) -> Result<String> {
    pretty(&areas.iter().flat_map(|area| area.pages).map(entry).collect::<Vec<_>>())
}

fn entry(page: &Page) -> Value {
    json!({
        "code": page.code.to_string(), "title": page.title, "happened": page.happened, "remedies": page.remedies,
        "kinds": page.kinds.iter().map(|kind| ErrorKind::as_str(*kind)).collect::<Vec<_>>(),
        "exit_codes": page.exit_codes().collect::<Vec<_>>(),
    })
}

/// The latest runs.
///
/// # Errors
/// Internal only.
pub fn runs(runs: &[RunRecord]) -> Result<String> {
    let documents: Result<Vec<Value>> = runs
        .iter()
        .map(|run| {
            let mut document = record(run)?;
            if let Some(fields) = document.as_object_mut() {
                fields.remove("jobs");
            }
            Ok(document)
        })
        .collect();
    pretty(&documents?)
}

/// One run with its tables.
///
/// # Errors
/// Internal only.
pub fn run(run: &RunRecord) -> Result<String> {
    let mut document = record(run)?;
    let sub_path = run.sub_path();
    let tables: Vec<Value> = run.jobs.iter().map(|job| outcome::recorded(job, &sub_path)).collect();
    document["error"] = outcome::recorded_error(run.error_message.as_deref());
    document["totals"] = outcome::totals(&tables);
    document["tables"] = tables.into();
    pretty(&document)
}

/// The configuration is recorded as JSON text; a script wants it as JSON.
fn record(run: &RunRecord) -> Result<Value> {
    let mut document = value(run)?;
    if let Ok(config) = run.config.read::<Value>() {
        document["config"] = config;
    }
    document["location"] = layout::below(&run.destination, &run.sub_path()).into();
    document["silent_seconds"] = run.silent_seconds(clock::moment().into()).map_or(Value::Null, Value::from);
    Ok(document)
}

fn inspected(table: &TablePlan) -> Result<Value> {
    let info = &table.info;
    let column = |column: &ManifestColumn| {
        json!({
            "name": column.name,
            "source_type": column.source_type,
            "arrow_type": column.arrow_type,
            "nullable": column.nullable,
            "verdict": column.verdict,
            "note": super::text::note(table, column),
        })
    };
    Ok(json!({
        "schema": info.table.schema,
        "name": info.table.name,
        "kind": value(&info.kind)?,
        "est_rows": info.est_rows,
        "est_bytes": info.est_bytes,
        "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
    }))
}

fn value(of: &impl Serialize) -> Result<Value> {
    serde_json::to_value(of).map_err(|error| Error::internal("cannot write JSON").caused_by(error))
}

fn pretty(of: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(of).map_err(|error| Error::internal("cannot write JSON").caused_by(error))
}
