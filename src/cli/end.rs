//! The last line of a log file: how it went, counts and the exit code. Standard error says it in other words.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{error, info};

use super::counts::Counts;
use super::logging::ENDING;
use super::signals::Interruption;
use crate::catalog::TableRef;
use crate::error::Error;
use crate::report::Again;
use crate::report::text::to_finish;
use crate::run::{RunSummary, TableOutcome};
use crate::runlog::RunStatus;

/// What is known of the run of this process when it ends.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) status: &'static str,
    /// The beginning of the line, when it is not the status.
    pub(super) how: Option<&'static str>,
    run: String,
    pub(super) counts: Counts,
    /// None of a run that did not come to its end.
    pub(super) tables: Vec<Table>,
    seconds: Option<f64>,
    /// Advice, a line each.
    advice: String,
}

/// What became of a table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) table: TableRef,
    pub(super) done: bool,
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) retries: u64,
}

impl Table {
    fn of(outcome: &TableOutcome) -> Self {
        Self {
            table: outcome.table.clone(),
            done: outcome.error.is_none(),
            rows: outcome.rows,
            files: outcome.files as u64,
            bytes: outcome.bytes,
            seconds: outcome.seconds,
            retries: outcome.retries,
        }
    }
}

/// A process has one run.
static LAST: OnceLock<Last> = OnceLock::new();
/// The last line is written, or is being written.
static LOGGED: AtomicBool = AtomicBool::new(false);

/// Keeps what became of the run.
pub(super) fn remember(summary: &RunSummary, again: &Again, remedies: &str) {
    let tables = &summary.tables;
    let failed = tables.iter().filter(|table| table.error.is_some()).count();
    let mut advice = remedies.to_owned();
    if failed > 0 && remedies.is_empty() {
        to_finish(&mut advice, again);
    }
    let counts = Counts {
        tables: tables.len(),
        done: tables.len() - failed,
        failed,
        rows: tables.iter().map(|table| table.rows).sum(),
        files: tables.iter().map(|table| table.files as u64).sum(),
        bytes: tables.iter().map(|table| table.bytes).sum(),
    };
    keep(Last {
        status: if summary.status == RunStatus::Completed { "completed" } else { "failed" },
        how: None,
        run: summary.run_id.clone(),
        counts,
        tables: tables.iter().map(Table::of).collect(),
        seconds: Some((summary.seconds * 1000.0).round() / 1000.0),
        advice,
    });
}

/// Keeps what a run had done when it failed as a whole, or when a signal ended it.
pub(super) fn cut_short(by: Option<Interruption>, run_id: &str, counts: Counts, again: Option<&Again>) {
    let mut advice = String::new();
    if let Some(again) = again {
        to_finish(&mut advice, again);
    }
    let status = if by.is_some() { "interrupted" } else { "failed" };
    let how = by.map(Interruption::name);
    keep(Last { status, how, run: run_id.to_owned(), counts, advice, ..Last::default() });
}

/// What became of the run, if one began.
pub(super) fn last() -> Option<&'static Last> {
    LAST.get()
}

fn keep(last: Last) {
    if LAST.set(last).is_err() {
        tracing::debug!("a second run of one process");
    }
}

/// Writes to the log file what else ended the command, what helps, and the last line; once.
pub(super) fn log(failure: Option<&Error>, exit_code: u8) {
    if LOGGED.swap(true, Ordering::SeqCst) {
        return;
    }
    if let Some(failure) = failure {
        error!(target: ENDING, kind = failure.kind().as_str(), code = %failure.code(), "{failure}");
        for hint in failure.hints() {
            error!(target: ENDING, "hint: {hint}");
        }
    }
    let Some(last) = LAST.get() else {
        match (exit_code, failure) {
            (0, None) => info!(target: ENDING, status = "completed", exit_code, "completed"),
            (129 | 130 | 143, None) => {
                error!(target: ENDING, status = "interrupted", exit_code, "interrupted");
            }
            _ => error!(target: ENDING, status = "failed", exit_code, "failed"),
        }
        return;
    };
    for line in last.advice.lines() {
        error!(target: ENDING, "{}", line.trim());
    }
    let Last { status, how, run, counts, seconds, .. } = last;
    let Counts { tables, done, failed, rows, files, bytes } = counts;
    let text = match failed {
        0 => format!("{}: {done} of {tables} tables exported", how.unwrap_or(status)),
        _ => format!("{}: {failed} of {tables} tables failed, {done} exported", how.unwrap_or(status)),
    };
    if exit_code == 0 {
        info!(target: ENDING, status, exit_code, run, tables, exported = done, failed, rows, files, bytes, seconds, "{text}");
    } else {
        error!(target: ENDING, status, exit_code, run, tables, exported = done, failed, rows, files, bytes, seconds, "{text}");
    }
}
