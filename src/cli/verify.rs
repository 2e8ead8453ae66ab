//! `lakexpress verify`.

use super::args::VerifyArgs;
use super::{print, resolve, tell};
use crate::error::{ErrorKind, Result};
use crate::report;
use crate::verify::{Sample, verify};

/// Prints what was found; 65 if anything is wrong.
pub(super) async fn run(args: &VerifyArgs) -> Result<u8> {
    let resolved = resolve::verify(args).await?;
    let sample = Sample { percent: args.read_data };
    let found = Box::pin(verify(&resolved.destination, resolved.run_id.as_deref(), sample)).await?;
    // That something is wrong is said by the code too, which must not give way to that of a full disk.
    let text = match args.output.json {
        true => report::json::verified(&found)?,
        false => report::text::verified(&found),
    };
    if !found.ok {
        tell(&text, || "what was verified is not as it should be".to_owned());
        return Ok(ErrorKind::Data.exit_code());
    }
    if args.output.json || !args.output.quiet {
        print(&text)?;
    }
    Ok(0)
}
