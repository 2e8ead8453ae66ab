//! `lakexpress report RUN_ID`.

use std::sync::Arc;

use super::args::{AuthArgs, ReportArgs};
use super::{metadata, origin, print, resolve};
use crate::catalog::TableRef;
use crate::destination::Destination;
use crate::error::Result;
use crate::report::{self, RunReport};
use crate::run::{self, Evidence};
use crate::runlog::RunRecord;

/// Prints what a run did. A destination that was named must answer; the run's own need not.
pub(super) async fn run(args: &ReportArgs) -> Result<u8> {
    let resolved = resolve::history(&args.auth, &args.target)?;
    let run = resolve::recorded(resolved.runlog.as_ref(), &args.run_id).await?;
    let root = metadata::root(&args.target, &run)?;
    let (evidence, note) = match &resolved.destination {
        Some(destination) => (found(destination, &root, &run).await?, None),
        None => match own(&args.auth, &root, &run).await {
            Ok(evidence) => (evidence, None),
            Err(error) => (Evidence::default(), Some(error.to_string())),
        },
    };
    let report = RunReport::of(&run, resolved.runlog.location(), &evidence, note);
    if args.output.json {
        print(&report::json::report(&report)?)?;
    } else {
        print(&report::text::report(&report, args.parts))?;
    }
    Ok(0)
}

async fn own(auth: &AuthArgs, root: &str, run: &RunRecord) -> Result<Evidence> {
    found(&origin::recorded_destination(auth, run)?, root, run).await
}

async fn found(destination: &Arc<dyn Destination>, root: &str, run: &RunRecord) -> Result<Evidence> {
    destination.reach().await?;
    let tables: Vec<&TableRef> = run.jobs.iter().map(|job| &job.table).collect();
    let evidence = Box::pin(run::evidence(destination, &run.run_id, root, &tables)).await;
    destination.settle().await;
    evidence
}
