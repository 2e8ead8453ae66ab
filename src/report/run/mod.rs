//! `lakexpress report`: what a run did, table by table and part by part, from what was recorded of it.
//!
//! The JSON document is described in `docs/report.md`. Nothing in it is guessed: what was not recorded is null.

mod slow;
mod table;
#[cfg(test)]
mod tests;
pub(super) mod text;

use serde::Serialize;
use serde_json::Value;

pub use slow::Finding;

pub use self::table::{PartReport, TableReport, Times};
use crate::manifest::{FileEntry, Manifest};
use crate::run::Evidence;
use crate::runlog::{JobRecord, RunRecord, RunStatus, Timestamp};
use crate::spec::layout;

/// Version of the JSON document. It grows when a field changes its meaning or goes; new fields do not count.
pub const SCHEMA_VERSION: u32 = 1;

/// What became of a run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Its id.
    pub run_id: String,
    /// How it stands; `running` also if it was killed.
    pub status: RunStatus,
    /// When it began, RFC 3339 UTC.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Wall time in seconds.
    pub seconds: Option<f64>,
    /// Source without secrets.
    pub source: String,
    /// Base of the destination, without secrets.
    pub destination: String,
    /// The base with the sub path: where the schemas' directories are.
    pub location: String,
    /// Why it failed as a whole, or why its metadata was not written.
    pub error: Option<String>,
    /// The point in time, as in the manifests.
    pub snapshot: Option<Value>,
    /// The longest time that a snapshot was held, in seconds, by the process that ended the run.
    pub snapshot_seconds: Option<f64>,
    /// The limit that ended the run, as in the summary.
    pub ended_by: Option<String>,
    /// Where all this was found.
    pub evidence: Found,
    /// All tables together.
    pub totals: Totals,
    /// Its tables, in catalog order.
    pub tables: Vec<TableReport>,
    /// What took long, longest first.
    pub slow: Vec<Finding>,
}

/// Where the report comes from.
#[derive(Debug, Serialize)]
pub struct Found {
    /// The run log.
    pub run_log: String,
    /// Whether the run's summary was at the destination.
    pub summary: bool,
    /// Manifests of its tables that were there.
    pub manifests: usize,
    /// Why the destination was not asked, if so.
    pub note: Option<String>,
}

/// All tables together.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// Tables of the run.
    pub tables: usize,
    /// Those that are committed.
    pub completed: usize,
    /// Those that failed.
    pub failed: usize,
    /// Rows committed.
    pub rows: u64,
    /// Files committed.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Rows per second of the run's wall time, without the tables that were finished before the run was resumed.
    pub rows_per_second: Option<f64>,
    /// Bytes before compression divided by bytes; of the tables for which it is known.
    pub compression_ratio: Option<f64>,
    /// Parts that were read again.
    pub retries: Option<u64>,
}

impl RunReport {
    /// Puts together what the run log at `run_log` and the destination know. `note` says why the latter was not asked.
    pub fn of(run: &RunRecord, run_log: String, evidence: &Evidence, note: Option<String>) -> Self {
        let summary = evidence.summary.as_ref();
        let outcomes = summary.and_then(|summary| summary["tables"].as_array());
        let tables: Vec<TableReport> = run
            .jobs
            .iter()
            .enumerate()
            .map(|(at, job)| {
                let named = |outcome: &&Value| {
                    outcome["table"]["schema"] == job.table.schema
                        && outcome["table"]["name"] == job.table.name
                };
                let outcome = outcomes.and_then(|all| all.iter().find(named));
                table(run, job, outcome, evidence.manifests.get(at).and_then(Option::as_ref))
            })
            .collect();
        let seconds = summary
            .and_then(|summary| summary["seconds"].as_f64())
            .or_else(|| Some(run.finished_at?.seconds_since(run.started_at)));
        let snapshot = summary.map(|summary| summary["snapshot"].clone()).filter(|found| !found.is_null());
        let slow = slow::findings(&tables, seconds);
        Self {
            schema_version: SCHEMA_VERSION,
            run_id: run.run_id.clone(),
            status: run.status,
            started_at: run.started_at,
            finished_at: run.finished_at,
            seconds,
            source: run.source.clone(),
            destination: run.destination.clone(),
            location: layout::below(&run.destination, &run.sub_path()),
            error: run.error_message.clone(),
            snapshot,
            snapshot_seconds: summary.and_then(|summary| summary["snapshot_seconds"].as_f64()),
            ended_by: summary.and_then(|summary| summary["ended_by"].as_str()).map(str::to_owned),
            evidence: Found {
                run_log,
                summary: summary.is_some(),
                manifests: evidence.manifests.iter().flatten().count(),
                note,
            },
            totals: totals(&tables, seconds),
            tables,
            slow,
        }
    }
}

fn totals(tables: &[TableReport], seconds: Option<f64>) -> Totals {
    let count = |status: RunStatus| tables.iter().filter(|table| table.status == status).count();
    let rows = tables.iter().filter_map(|table| table.rows).sum();
    let read = tables.iter().filter(|table| !table.kept);
    let read = read.fold(None, |sum: Option<u64>, table| Some(sum.unwrap_or(0) + table.rows.unwrap_or(0)));
    let known = tables.iter().filter_map(|table| table.encoded_bytes.zip(table.bytes));
    let (encoded, written) = known.fold((0, 0), |sum, (encoded, bytes)| (sum.0 + encoded, sum.1 + bytes));
    let retries: Vec<u64> = tables.iter().filter_map(|table| table.retries).collect();
    Totals {
        tables: tables.len(),
        completed: count(RunStatus::Completed),
        failed: count(RunStatus::Failed),
        rows,
        files: tables.iter().filter_map(|table| table.files).sum(),
        bytes: tables.iter().filter_map(|table| table.bytes).sum(),
        rows_per_second: rate(read, seconds),
        compression_ratio: ratio(Some(encoded), written),
        retries: (!retries.is_empty()).then(|| retries.iter().sum()),
    }
}

fn table(
    run: &RunRecord,
    job: &JobRecord,
    outcome: Option<&Value>,
    manifest: Option<&Manifest>,
) -> TableReport {
    let done = job.status == RunStatus::Completed;
    // A table may be committed and failed: when it is not what the source hashed.
    let manifest = manifest.filter(|manifest| done || manifest.run_id == run.run_id);
    let own = manifest.filter(|manifest| manifest.run_id == run.run_id);
    let mut parts: Vec<PartReport> = manifest.map(|m| files_of(&run.run_id, m)).unwrap_or_default();
    let retries = retries(job, outcome, &mut parts);
    let encoded: Option<u64> = parts.iter().map(|part| part.encoded_bytes).sum();
    let encoded_bytes = encoded.filter(|_| !parts.is_empty());
    let times = parts.iter().filter_map(|part| part.times.as_ref());
    let times = times.fold(None, |sum: Option<Times>, next| Some(sum.unwrap_or_default().plus(next)));
    let recorded = outcome.filter(|_| done).and_then(|outcome| outcome["seconds"].as_f64());
    let seconds = recorded.or_else(|| Some(job.finished_at?.seconds_since(job.started_at?)));
    let verification = own.and_then(|manifest| serde_json::to_value(manifest).ok());
    let verification = verification.map(|mut manifest| manifest["verification"].take());
    TableReport {
        table: job.table.clone(),
        status: job.status,
        kept: outcome.is_some_and(|outcome| outcome["kept"] == true),
        method: job.method.clone(),
        started_at: job.started_at,
        finished_at: job.finished_at,
        seconds,
        rows: job.row_count,
        files: job.file_count,
        bytes: job.bytes,
        encoded_bytes,
        compression_ratio: ratio(encoded_bytes, parts.iter().map(|part| part.bytes).sum()),
        rows_per_second: rate(job.row_count, seconds),
        times,
        retries,
        retried: job.repeated.clone(),
        mixed_snapshots: own.map_or_else(|| job.mixed.clone(), |own| own.mixed_snapshots.clone()),
        verification: verification.filter(|found| !found.is_null()),
        replaced_by: manifest.filter(|m| m.run_id != run.run_id).map(|m| m.run_id.clone()),
        error: job.error_message.clone(),
        parts,
    }
}

/// How often parts of the table were read again, by the run log or else by the run's summary; noted in `parts` when
/// the run log has all of them.
fn retries(job: &JobRecord, outcome: Option<&Value>, parts: &mut [PartReport]) -> Option<u64> {
    let recorded: u64 = job.repeated.iter().map(|repeated| repeated.retries).sum();
    let told = outcome.and_then(|outcome| outcome["retries"].as_u64());
    let known = if recorded > 0 { Some(recorded) } else { told };
    if known == Some(recorded) {
        for part in parts {
            let of = job.repeated.iter().find(|repeated| repeated.part == Some(part.part));
            part.retries = Some(of.map_or(0, |repeated| repeated.retries));
        }
    }
    known
}

/// The files of a manifest that this run wrote. After an append those of other runs are there too; names tell which.
fn files_of(run_id: &str, manifest: &Manifest) -> Vec<PartReport> {
    let appended =
        |file: &&FileEntry| layout::is_of_part(&file.name, &layout::part_name(file.part, Some(run_id)));
    let own: Vec<&FileEntry> = manifest.own_files().filter(appended).collect();
    let files = match own.is_empty() && manifest.run_id == run_id {
        true => manifest.own_files().collect(),
        false => own,
    };
    files.into_iter().map(part).collect()
}

fn part(file: &FileEntry) -> PartReport {
    let times = file.cost.as_ref().map(Times::of);
    let seconds = times.map(|times| times.work());
    let encoded_bytes = file.cost.map(|cost| cost.encoded_bytes);
    PartReport {
        part: file.part,
        file: file.name.clone(),
        rows: file.rows,
        bytes: file.bytes,
        encoded_bytes,
        compression_ratio: ratio(encoded_bytes, file.bytes),
        seconds,
        rows_per_second: rate(Some(file.rows), seconds),
        times,
        retries: None,
    }
}

fn ratio(encoded: Option<u64>, bytes: u64) -> Option<f64> {
    encoded.filter(|encoded| *encoded > 0 && bytes > 0).map(|encoded| encoded as f64 / bytes as f64)
}

fn rate(rows: Option<u64>, seconds: Option<f64>) -> Option<f64> {
    let (rows, seconds) = (rows?, seconds?);
    (seconds > 0.0).then(|| rows as f64 / seconds)
}
