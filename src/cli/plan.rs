//! `lakexpress plan`.

use super::args::{ExportArgs, LogDbModeArg};
use super::{export, print, resolve};
use crate::error::{Code, Error, Result};
use crate::report;
use crate::run;

/// Prints what an export would read and write. Code 1 when some tables could not be exported.
pub(super) async fn run(args: &ExportArgs) -> Result<u8> {
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
    let destination = resolved.destination.as_deref();
    if args.output.json {
        print(&report::json::plan(&plan, destination)?)?;
    } else {
        print(&report::text::plan(&plan, destination))?;
    }
    Ok(u8::from(!plan.failures.is_empty()))
}
