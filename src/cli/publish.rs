//! `lakexpress publish`.

use super::args::PublishArgs;
use super::print;
use super::resolve::publication;
use crate::error::Result;
use crate::{publish, report};

/// Publishes, and prints what was done.
pub(super) async fn run(args: &PublishArgs) -> Result<u8> {
    let found = publication::publication(args).await?;
    let published = Box::pin(publish::publish(&found.destination, &found.scope, &found.catalog)).await?;
    if args.output.json {
        print(&report::json::published(&published)?)?;
    } else if !args.output.quiet {
        print(&report::text::published(&published))?;
    }
    Ok(0)
}
