//! Proves that what lies at a destination is what its manifests say.
//!
//! | looked at | finds | costs |
//! |---|---|---|
//! | manifest, listing | a missing, an extra or a truncated file | a few requests per table |
//! | e-tags, where a store has them | a file that was written again | nothing more |
//! | Parquet footers | another file under the name, rows, statistics | a read of some KiB per file |
//! | all bytes, all values (`read`) | a flipped bit, any other row | reading the files twice |

pub mod file;
mod finding;
mod footer;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::file::StoredFile;
pub use self::finding::{Finding, Sample, TableReport};
use crate::catalog::TableRef;
use crate::destination::{Destination, StoredObject};
use crate::error::{Code, Error, Result};
use crate::spec::layout::{INTENT, MANIFEST, RUNS_DIR};

pub use table::table;

/// What was found at a destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The destination's base.
    pub destination: String,
    /// The directory below the base whose tables were looked at; empty for all.
    pub below: String,
    /// Percent of each table's files whose content was read; none when no content was.
    pub read_percent: Option<f64>,
    /// Whether nothing is wrong.
    pub ok: bool,
    /// Per table, by directory.
    pub tables: Vec<TableReport>,
}

/// What of a run's summary matters here.
#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    tables: Vec<SummaryTable>,
}

/// The tables of each directory, by the run that says so.
type Wrote = BTreeMap<String, HashMap<String, Vec<String>>>;

#[derive(Deserialize)]
struct SummaryTable {
    #[serde(default)]
    table: Option<TableRef>,
    directory: String,
    error: Option<String>,
}

/// Which tables are looked at.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Those of this run; none for all runs.
    pub run_id: Option<String>,
    /// Those in this directory below the base; empty for all.
    pub below: String,
}

/// Looks at the tables of one run, or at all that runs left at the destination; at the destination itself if it is
/// a table's directory.
///
/// Errors: `Usage` when there is nothing to look at; those of the destination when it cannot be read. What is wrong with
/// files and manifests is no error but in the report.
pub async fn verify(destination: &Arc<dyn Destination>, scope: &Scope, sample: Sample) -> Result<Report> {
    destination.reach().await?;
    let mut tables = Vec::new();
    for (directory, wrote) in directories(destination, scope).await? {
        let mut report = Box::pin(table(destination, &directory, sample)).await?;
        check_table(&mut report, &wrote);
        tables.push(report);
    }
    let ok = tables.iter().all(|table| table.problems.is_empty());
    Ok(Report {
        destination: destination.location(),
        below: scope.below.clone(),
        read_percent: sample.percent,
        ok,
        tables,
    })
}

/// The run that committed what is there must say so of the same table: a disk that ignores case has one directory for
/// two.
fn check_table(report: &mut TableReport, wrote: &HashMap<String, Vec<String>>) {
    let (Some(table), Some(run)) = (&report.table, &report.run_id) else { return };
    for other in wrote.get(run).into_iter().flatten().filter(|other| *other != table) {
        let detail = format!("run {run} wrote {other} here, and the manifest is that of {table}");
        report.problems.push(Finding::of_table("table", detail));
    }
}

/// The directories of the tables of `scope`, ascending.
///
/// # Errors
/// `Usage` when there is none; those of the destination.
pub async fn tables_at(destination: &Arc<dyn Destination>, scope: &Scope) -> Result<Vec<String>> {
    Ok(directories(destination, scope).await?.into_keys().collect())
}

/// Whether the runs of this destination name tables in a directory below it.
pub async fn has_tables_in(destination: &Arc<dyn Destination>, below: &str) -> bool {
    let scope = Scope { run_id: None, below: below.to_owned() };
    directories(destination, &scope).await.is_ok_and(|found| !found.is_empty())
}

fn is_below(directory: &str, below: &str) -> bool {
    let rest = directory.strip_prefix(below);
    rest.is_some_and(|rest| below.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// The tables' directories below the base.
async fn directories(destination: &Arc<dyn Destination>, scope: &Scope) -> Result<Wrote> {
    let run_id = scope.run_id.as_deref();
    if run_id.is_none() && scope.below.is_empty() {
        for name in [MANIFEST, INTENT] {
            if destination.head(name).await?.is_some() {
                return Ok([(String::new(), HashMap::new())].into());
            }
        }
    }
    let (mut found, mut failed) = (Wrote::new(), BTreeSet::new());
    let mut summaries = 0;
    for object in destination.list(RUNS_DIR).await? {
        let name = object.path.rsplit('/').next().unwrap_or_default();
        let Some(run) = name.strip_suffix(".json") else { continue };
        if run_id.is_some_and(|wanted| wanted != run) {
            continue;
        }
        let Some(content) = destination.get(&object.path).await? else { continue };
        let summary: Summary = serde_json::from_slice(&content).map_err(|error| {
            Error::data("a run's summary cannot be understood")
                .coded(Code::ManifestUnreadable)
                .with("path", &object.path)
                .caused_by(error)
                .hint("name the tables' directories one by one instead")
        })?;
        summaries += 1;
        for table in summary.tables {
            match table.error {
                None => {
                    let of_run = found.entry(table.directory).or_default().entry(run.to_owned());
                    of_run.or_default().extend(table.table.map(|table| table.full()));
                }
                Some(_) => drop(failed.insert(table.directory)),
            }
        }
    }
    // A table that failed may have been committed before it, or have failed because its files are not good.
    for directory in failed {
        if !found.contains_key(&directory)
            && destination.head(&format!("{directory}/{MANIFEST}")).await?.is_some()
        {
            found.insert(directory, HashMap::new());
        }
    }
    found.retain(|directory, _| is_below(directory, &scope.below));
    if found.is_empty() && run_id.is_none() && scope.below.is_empty() {
        // Files without a manifest: a table all the same, and not a good one.
        let is_data = |object: &StoredObject| object.path.ends_with(".parquet");
        if destination.list("").await?.iter().any(is_data) {
            found.insert(String::new(), HashMap::new());
        }
    }
    if found.is_empty() {
        let message = match (run_id, summaries) {
            (Some(run), 0) => format!("run {run} left no summary here"),
            (Some(run), _) => format!("run {run} committed no table here"),
            (None, _) if !scope.below.is_empty() => {
                format!("no run's summary in {RUNS_DIR}/ names a table in {}", scope.below)
            }
            (None, _) => {
                format!("there is neither {MANIFEST} nor a run's summary in {RUNS_DIR}/ with tables")
            }
        };
        return Err(Error::usage(message)
            .coded(Code::NothingToVerify)
            .with("destination", destination.location())
            .hint("name the directory that --output-dir named, a table's directory, or the id of a run"));
    }
    Ok(found)
}
