//! `lakexpress verify`.

use super::args::VerifyArgs;
use super::{print, resolve};
use crate::error::{ErrorKind, Result};
use crate::report;
use crate::verify::{Sample, verify};

/// Prints what was found; 65 if anything is wrong.
pub(super) async fn run(args: &VerifyArgs) -> Result<u8> {
    let resolved = resolve::verify(args).await?;
    let sample = Sample { percent: args.read_data };
    let found = Box::pin(verify(&resolved.destination, resolved.run_id.as_deref(), sample)).await?;
    if args.output.json {
        print(&report::json::verified(&found)?)?;
    } else if !(found.ok && args.output.quiet) {
        print(&report::text::verified(&found))?;
    }
    Ok(if found.ok { 0 } else { ErrorKind::Data.exit_code() })
}
