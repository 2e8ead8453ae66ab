//! `lakexpress runs`.

use super::args::RunsArgs;
use super::{print, resolve};
use crate::error::Result;
use crate::report;

/// Prints the latest runs.
pub(super) async fn run(args: &RunsArgs) -> Result<u8> {
    let runs = resolve::run_log(&args.auth)?.runs(args.limit).await?;
    if args.output.json {
        print(&report::json::runs(&runs)?)?;
    } else {
        print(&report::text::runs(&runs))?;
    }
    Ok(0)
}
