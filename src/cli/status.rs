//! `lakexpress status RUN_ID`.

use super::args::StatusArgs;
use super::{print, resolve};
use crate::error::Result;
use crate::report;

/// Prints one run and its tables.
pub(super) async fn run(args: &StatusArgs) -> Result<u8> {
    let runlog = resolve::run_log(&args.auth)?;
    let run = resolve::recorded(runlog.as_ref(), &args.run_id).await?;
    if args.output.json {
        print(&report::json::run(&run)?)?;
    } else {
        print(&report::text::run(&run))?;
    }
    Ok(0)
}
