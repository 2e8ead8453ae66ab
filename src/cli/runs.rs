//! `lakexpress runs`.

use super::args::RunsArgs;
use super::{print, resolve};
use crate::error::Result;
use crate::report;

/// Prints the latest runs.
pub(super) async fn run(args: &RunsArgs) -> Result<u8> {
    let runlog = resolve::run_log(&args.auth)?;
    // What an earlier run could not record is written now.
    runlog.reach().await?;
    let runs = runlog.runs(args.limit).await?;
    if args.output.json {
        print(&report::json::runs(&runs)?)?;
    } else {
        print(&report::text::runs(&runs))?;
    }
    Ok(0)
}
