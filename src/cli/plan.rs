//! `lakexpress plan`.

use std::path::Path;

use super::args::{ExportArgs, LogDbModeArg, PlanArgs};
use super::{export, named, print, resolve};
use crate::config::file::create;
use crate::error::{Code, Error, Result};
use crate::report;
use crate::run::{self, ReviewedPlan, RunPlan};

/// Prints what an export would read and write. Code 1 when some tables could not be exported.
pub(super) async fn run(given: &PlanArgs) -> Result<u8> {
    let args = &given.export;
    export::mention_ignored(&args.ignored);
    if args.run_log.init_db || args.run_log.log_db_mode != LogDbModeArg::Preserve {
        return Err(Error::usage("plan changes nothing: --init-db and --log-db-mode are for export")
            .coded(Code::FlagConflict)
            .hint("leave them out, or use `lakexpress logdb`"));
    }
    if args.resume.is_some() {
        return Err(Error::usage("--resume is for an export, not for a plan").coded(Code::FlagConflict));
    }
    let resolved = resolve::plan(args)?;
    let rows = match &resolved.runlog {
        Some(runlog) => runlog.partition_columns().await?,
        None => Vec::new(),
    };
    let plan = run::plan(&resolved.spec, &resolved.source, &rows).await?;
    if let Some(path) = &given.out {
        write(path, args, &resolved, &plan)?;
    }
    let destination = resolved.destination.as_deref();
    if args.output.json {
        print(&report::json::plan(&plan, destination)?)?;
    } else {
        print(&report::text::plan(&plan, destination))?;
    }
    Ok(u8::from(!plan.failures.is_empty()))
}

/// Writes the plan for `apply`.
fn write(path: &Path, args: &ExportArgs, resolved: &resolve::Plan, plan: &RunPlan) -> Result<()> {
    if args.limits.start_between.is_some() {
        return Err(Error::usage("--start-between is not kept in a plan")
            .coded(Code::FlagConflict)
            .hint("give it to `lakexpress apply`"));
    }
    let mut spec = resolved.spec.clone();
    spec.origin = named::origin(&args.auth, &args.source, &args.target)?;
    if spec.origin.output_dir.is_none() && spec.origin.target_storage_id.is_none() {
        return Err(Error::usage("--out needs a destination: an export without one cannot be applied")
            .coded(Code::FlagMissing)
            .hint("give --output-dir, or --target-storage-id with -a"));
    }
    let destination = resolved.location.clone();
    let reviewed = ReviewedPlan::new(spec, &plan.source, destination, &plan.tables, &plan.failures);
    let text = serde_json::to_string(&reviewed)
        .map_err(|error| Error::internal("the plan cannot be written as JSON").caused_by(error))?;
    create(path, &text, "--out")
}
