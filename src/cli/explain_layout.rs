//! `lakexpress explain-layout`.

use super::args::ExplainLayoutArgs;
use super::print;
use super::resolve::looked_at;
use crate::error::Result;
use crate::report::{json, text};
use crate::skipping;

/// Prints what a reader skips for a condition.
pub(super) async fn run(args: &ExplainLayoutArgs) -> Result<u8> {
    let (place, condition) = looked_at::place(args).await?;
    let layout = Box::pin(skipping::explain(&place, &condition)).await?;
    print(&if args.output.json { json::skipped(&layout)? } else { text::skipped(&layout) })?;
    Ok(0)
}
