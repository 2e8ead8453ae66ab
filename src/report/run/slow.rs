//! What took long, and where the time went, as far as it was recorded.

use serde::Serialize;

use super::{TableReport, Times};
use crate::catalog::TableRef;

/// Tables that are named at most.
const NAMED: usize = 5;
/// A table of at least this share of the run's time is worth a word.
const SHARE: f64 = 0.1;
/// A part that takes this many times as long as the middle one is large.
const LARGE: f64 = 2.0;
/// Waiting for connections of this share of all time is worth a word.
const WAITING: f64 = 0.25;
/// What is shorter than that, in seconds, is not slow.
const SHORT: f64 = 1.0;

/// Something that took long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The table.
    pub table: TableRef,
    /// Its wall time in seconds.
    pub seconds: f64,
    /// Its share of the run's wall time, 0 to 1. Tables run beside each other: shares may add up to more than 1.
    pub share: f64,
    /// What most of its parts' time was: `waiting`, `reading`, `encoding` or `storing`; none when that was not recorded.
    pub mostly: Option<&'static str>,
    /// Share of that in the time of its parts, 0 to 1.
    pub mostly_share: Option<f64>,
    /// Further reasons, as sentences.
    pub reasons: Vec<String>,
}

/// The tables that took longest, longest first.
pub(super) fn findings(tables: &[TableReport], run_seconds: Option<f64>) -> Vec<Finding> {
    let Some(run_seconds) = run_seconds.filter(|seconds| *seconds > 0.0) else { return Vec::new() };
    let mut findings: Vec<Finding> = tables
        .iter()
        .filter_map(|table| {
            let seconds = table.seconds.filter(|seconds| *seconds >= SHORT)?;
            let share = (seconds / run_seconds).min(1.0);
            let (mostly, mostly_share) = mostly(table.times.as_ref()).unzip();
            let reasons = reasons(table, seconds);
            let finding =
                Finding { table: table.table.clone(), seconds, share, mostly, mostly_share, reasons };
            (share >= SHARE).then_some(finding)
        })
        .collect();
    findings.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    findings.truncate(NAMED);
    findings
}

fn mostly(times: Option<&Times>) -> Option<(&'static str, f64)> {
    let times = times?;
    let all = times.waiting + times.work();
    let kinds = [
        ("waiting", times.waiting),
        ("reading", times.reading),
        ("encoding", times.encoding),
        ("storing", times.storing),
    ];
    let (kind, seconds) = kinds.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (all > 0.0).then(|| (kind, seconds / all))
}

fn reasons(table: &TableReport, seconds: f64) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(times) =
        table.times.filter(|t| t.waiting / (t.waiting + t.work()).max(f64::EPSILON) >= WAITING)
    {
        reasons.push(format!(
            "its parts waited {:.1} s for a connection in all: --max-connections, or fewer tables at once with --n-jobs",
            times.waiting
        ));
    }
    let mut parts: Vec<(f64, usize)> =
        table.parts.iter().filter_map(|part| Some((part.seconds?, part.part))).collect();
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let (Some((longest, part)), Some((middle, _))) = (parts.last(), parts.get(parts.len() / 2))
        && parts.len() > 1
        && *longest > middle * LARGE
        && *longest > seconds / 2.0
    {
        reasons.push(format!(
            "part {part} took {longest:.1} s, the middle one {middle:.1} s: another method or key (--table-config) may cut it more evenly",
        ));
    }
    if parts.len() == 1 && table.parts.len() == 1 {
        reasons.push("it was one part, read by one reader".to_owned());
    }
    if let Some(retries) = table.retries.filter(|retries| *retries > 0) {
        reasons.push(format!("{retries} parts were read again after an error"));
    }
    reasons
}
