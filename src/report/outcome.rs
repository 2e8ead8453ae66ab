//! What became of a table, in one shape over the JSON documents of `export`, `query`, `resume`, `status` and `verify`:
//! `docs/schemas/table.schema.json`.

use serde_json::{Value, json};

use crate::error::{Code, Error, ErrorKind};
use crate::run::TableOutcome;
use crate::runlog::{JobRecord, RunStatus};
use crate::spec::layout;
use crate::verify::TableReport;

/// The keys of the shape. Documents add their own.
struct Outcome<'a> {
    schema: Option<&'a str>,
    name: Option<&'a str>,
    directory: &'a str,
    status: RunStatus,
    rows: Option<u64>,
    files: Option<u64>,
    bytes: Option<u64>,
    error: Value,
}

impl Outcome<'_> {
    /// `document` with the keys of the shape, which win over those of the same name.
    fn put_into(self, mut document: Value) -> Value {
        let shape = json!({
            "schema": self.schema, "name": self.name, "directory": self.directory, "status": self.status,
            "rows": self.rows, "files": self.files, "bytes": self.bytes, "error": self.error,
            // The same as text, under the key that `status` has always had, and its code.
            "error_message": self.error["message"],
            "error_code": self.error["error_code"],
        });
        if let (Value::Object(to), Value::Object(shape)) = (&mut document, shape) {
            to.extend(shape);
        }
        document
    }
}

/// An error in one line, its kind and what helps.
pub(super) fn error(error: &Error) -> Value {
    said(Some((error.kind(), error.code())), &error.to_string(), error.hints())
}

/// An error of which only the text was recorded.
pub(super) fn recorded_error(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| said(None, text, &[]))
}

fn said(what: Option<(ErrorKind, Code)>, message: &str, hints: &[String]) -> Value {
    let (kind, code) = what.unzip();
    json!({
        "kind": kind.map(ErrorKind::as_str), "error_code": code.map(|code| code.to_string()), "message": message,
        "hints": hints,
    })
}

/// A table of a run that has just ended; `document` holds its other keys.
pub(super) fn exported(outcome: &TableOutcome, document: Value) -> Value {
    let status = if outcome.error.is_some() { RunStatus::Failed } else { RunStatus::Completed };
    let of = Outcome {
        schema: Some(&outcome.table.schema),
        name: Some(&outcome.table.name),
        directory: &outcome.directory,
        status,
        rows: Some(outcome.rows),
        files: Some(outcome.files as u64),
        bytes: Some(outcome.bytes),
        error: outcome.error.as_ref().map_or(Value::Null, error),
    };
    of.put_into(document)
}

/// A table as the run log has it.
pub(super) fn recorded(job: &JobRecord, sub_path: &str) -> Value {
    let directory = layout::table_dir(sub_path, &job.table);
    let of = Outcome {
        schema: Some(&job.table.schema),
        name: Some(&job.table.name),
        directory: &directory,
        status: job.status,
        rows: job.row_count,
        files: job.file_count,
        bytes: job.bytes,
        error: recorded_error(job.error_message.as_deref()),
    };
    let (from, to) = (job.started_at, job.finished_at);
    of.put_into(json!({ "started_at": from, "finished_at": to, "method": job.method }))
}

/// A table whose files were looked at. One that is not as its manifest says is failed.
pub(super) fn verified(report: &TableReport, document: Value) -> Value {
    let wrong = report.problems.first().map(|first| {
        let more = match report.problems.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let file = first.file.as_deref().map_or(String::new(), |file| format!("{file}: "));
        let message = format!("{file}{}: {}{more}", first.problem, first.detail);
        said(Some((ErrorKind::Data, first.code())), &message, &[])
    });
    let of = Outcome {
        schema: report.source.as_ref().map(|table| table.schema.as_str()),
        name: report.source.as_ref().map(|table| table.name.as_str()),
        directory: &report.directory,
        status: if wrong.is_some() { RunStatus::Failed } else { RunStatus::Completed },
        rows: Some(report.rows),
        files: Some(report.files as u64),
        bytes: Some(report.bytes),
        error: wrong.unwrap_or_default(),
    };
    of.put_into(document)
}

/// Sums over tables of the shape.
pub(super) fn totals(tables: &[Value]) -> Value {
    let count = |status: &str| tables.iter().filter(|table| table["status"] == status).count();
    let sum = |key: &str| {
        let each = tables.iter().filter(|table| table["status"] == "completed");
        each.filter_map(|table| table[key].as_u64()).fold(0, u64::saturating_add)
    };
    json!({
        "tables": tables.len(), "completed": count("completed"), "failed": count("failed"),
        "rows": sum("rows"), "files": sum("files"), "bytes": sum("bytes"),
    })
}
