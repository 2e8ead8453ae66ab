//! `lakexpress check`.

use super::args::CheckArgs;
use super::export::STOPPED;
use super::signals::Orderly;
use super::{Seen, notify, print, resolve, tell};
use crate::error::{Code, Error, Result};
use crate::report;
use crate::run;

const REMEDY: &str = "the storage did not take them back in time: a check that begins a quarter of an hour later removes the \
                      uploads, and takes over a lock half a minute after it was renewed last";

/// Prints one line per thing tried. The code is that of the first failure.
pub(super) async fn run(args: &CheckArgs, seen: &Seen<'_>) -> Result<u8> {
    let resolved = resolve::check(args)?;
    let (source, destination) = (resolved.source.as_ref(), resolved.destination.as_ref());
    if let Some(role) = &args.print_role {
        let source = source.ok_or_else(|| {
            Error::usage("--print-role needs a source")
                .coded(Code::FlagMissing)
                .hint("name it with --source, or --source-db-auth-id and --auth-file")
        })?;
        print(&run::least_role(&resolved.spec, source, role).await?)?;
        return Ok(0);
    }
    let notified = args.to.notify.as_ref().map(|to| notify::webhook(to, &args.auth)).transpose()?;
    let orderly = Orderly {
        what: "the check",
        run_id: None,
        destination: destination.cloned(),
        remedy: REMEDY,
        so_far: None,
    };
    let cancel = seen.stopping.cancel();
    let checking = Box::pin(run::check(&resolved.spec, source, destination, &cancel));
    // One that was asked to stop has not tried everything.
    let checked = seen.stopping.orderly(orderly, checking, |_| false).await;
    let Some(mut checked) = checked else { return Ok(STOPPED) };
    if let Some(webhook) = notified {
        checked.push(notify::look_up(&webhook).await);
    }
    let text = match args.output.json {
        true => report::json::checked(&checked)?,
        false => report::text::checked(&checked),
    };
    if let Some(first) = checked.iter().find_map(|checked| checked.check.failure()) {
        tell(&text, || format!("a check failed: {first}"));
        return Ok(first.kind().exit_code());
    }
    print(&text)?;
    Ok(0)
}
