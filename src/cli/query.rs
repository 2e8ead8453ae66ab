//! `lakexpress query`.

use indicatif::MultiProgress;

use super::again::Again;
use super::args::QueryArgs;
use super::export::{Watched, conclude, watch};
use super::resolve;
use crate::error::Result;
use crate::pipeline::{self, Parts};

/// Exports the results of queries; progress lines are drawn on `bars` when `drawn`.
pub(super) async fn run(args: &QueryArgs, bars: &MultiProgress, drawn: bool) -> Result<u8> {
    let (resolved, statements) = resolve::query(args)?;
    let spec = resolved.spec;
    let again = Again::of(&args.auth, &spec.origin);
    let watched = Watched {
        opened: resolved.opened,
        output: &args.output,
        bars: drawn.then_some(bars),
        run_id: None,
        again: again.clone(),
    };
    let ended = watch(watched, async |run_id: &str, parts: &Parts| {
        Box::pin(pipeline::query(&spec, &statements, run_id, parts)).await
    });
    conclude(Box::pin(ended).await?, &args.output, &again)
}
