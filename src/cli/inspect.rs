//! `lakexpress inspect`.

use super::args::InspectArgs;
use super::{print, resolve};
use crate::error::Result;
use crate::report;
use crate::run;

/// Prints tables and column verdicts of a source. Code 1 when some tables could not be described.
pub(super) async fn run(args: &InspectArgs) -> Result<u8> {
    let resolved = resolve::inspect(args)?;
    let plan = run::plan(&resolved.spec, &resolved.source, &[]).await?;
    if args.output.json {
        print(&report::json::inspect(&plan)?)?;
    } else {
        print(&report::text::inspect(&plan))?;
    }
    Ok(u8::from(!plan.failures.is_empty()))
}
