//! `lakexpress metadata RUN_ID`, and what an export tells of its metadata.

use super::args::{AuthArgs, DocumentArgs, ExportArgs, MetadataArgs, OutputArgs, TargetArgs};
use super::{origin, resolve, tell, values};
use crate::error::{Code, Error, Result};
use crate::report;
use crate::run::{self, MetadataOutcome, MetadataTable};
use crate::runlog::{RunRecord, RunStatus};

/// The exit code of "some tables failed".
const SOME_FAILED: u8 = 1;

/// Writes the metadata of a run.
pub(super) async fn run(args: &MetadataArgs) -> Result<u8> {
    let asked =
        Asked { documents: &args.documents, auth: &args.auth, target: &args.target, output: &args.output };
    write(&asked, &args.run_id).await
}

/// The same in LakeXpress' words: `--generate_metadata --run_id RUN_ID`.
pub(super) async fn of_export(args: &ExportArgs, run_id: &str) -> Result<u8> {
    let documents = &args.metadata.documents;
    let asked = Asked { documents, auth: &args.auth, target: &args.target, output: &args.output };
    write(&asked, run_id).await
}

/// 0 when all is written or nothing was asked for.
pub(super) fn exit_code(outcome: Option<&MetadataOutcome>) -> u8 {
    match outcome {
        Some(MetadataOutcome { error: Some(error), .. }) => error.kind().exit_code(),
        Some(outcome) if !outcome.skipped.is_empty() => SOME_FAILED,
        _ => 0,
    }
}

struct Asked<'a> {
    documents: &'a DocumentArgs,
    auth: &'a AuthArgs,
    target: &'a TargetArgs,
    output: &'a OutputArgs,
}

async fn write(asked: &Asked<'_>, run_id: &str) -> Result<u8> {
    let resolved = resolve::history(asked.auth, asked.target)?;
    let spec = resolve::metadata_spec(asked.documents);
    let run = resolve::recorded(resolved.runlog.as_ref(), run_id).await?;
    let destination = match resolved.destination {
        Some(destination) => destination,
        None => origin::recorded_destination(asked.auth, &run)?,
    };
    destination.reach().await?;
    let tables: Vec<MetadataTable> = run
        .jobs
        .iter()
        .map(|job| MetadataTable { table: job.table.clone(), done: job.status == RunStatus::Completed })
        .collect();
    if tables.is_empty() {
        return Err(Error::data("the run has no tables")
            .coded(Code::RunNotResumable)
            .with("run", &run.run_id));
    }
    let root = root(asked.target, &run)?;
    let outcome = Box::pin(run::metadata(&destination, &run.run_id, &root, &tables, &spec)).await;
    destination.settle().await;
    let code = exit_code(Some(&outcome));
    if outcome.error.is_some() {
        return outcome.error.map_or(Ok(code), Err);
    }
    let done = || format!("the metadata of run {} is written", run.run_id);
    if asked.output.json {
        tell(&report::json::metadata(&outcome)?, done);
    } else if !asked.output.quiet {
        tell(&report::text::metadata(&outcome), done);
    }
    Ok(code)
}

/// Directory of the run's schemas: `--sub-path` as it is given now, or as it was for the run.
pub(super) fn root(target: &TargetArgs, run: &RunRecord) -> Result<String> {
    if let Some(path) = &target.sub_path {
        return values::parse_sub_path(path);
    }
    let config: serde_json::Value = run.config.read().map_err(|error| {
        Error::data("the run log's configuration of the run is not JSON")
            .coded(Code::RunLogContent)
            .caused_by(error)
    })?;
    Ok(config["sub_path"].as_str().unwrap_or_default().to_owned())
}
