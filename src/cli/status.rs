//! `lakexpress status RUN_ID`.

use super::args::StatusArgs;
use super::{print, resolve};
use crate::error::{Error, Result};
use crate::report;

/// Prints one run and its tables.
pub(super) async fn run(args: &StatusArgs) -> Result<u8> {
    let runlog = resolve::run_log(&args.auth)?;
    let Some(run) = runlog.run(&args.run_id).await? else {
        return Err(Error::usage(format!("no run '{}'", args.run_id))
            .with("run log", runlog.location())
            .hint("`lakexpress runs` lists the runs of a run log; --log-db-auth-id names another one"));
    };
    if args.output.json {
        print(&report::json::run(&run)?)?;
    } else {
        print(&report::text::run(&run))?;
    }
    Ok(0)
}
