//! `lakexpress query`.

use super::again::Again;
use super::args::QueryArgs;
use super::export::{Watched, conclude, watch};
use super::{Seen, resolve};
use crate::error::Result;
use crate::run::{self, Services};

/// Exports the results of queries.
pub(super) async fn run(args: &QueryArgs, seen: &Seen<'_>) -> Result<u8> {
    let (resolved, statements) = resolve::query(args)?;
    let mut spec = resolved.spec;
    spec.limits.closes = resolve::within_hours(args.limits.start_between)?;
    let again = Again::of(&args.auth, &spec.origin);
    let opened = resolved.opened.paced(&spec.limits);
    let watched = Watched { opened, what: "the query", run_id: None, again: again.clone() };
    let ended = watch(watched, seen, async |run_id: &str, services: &Services| {
        Box::pin(run::query(&spec, &statements, run_id, services)).await
    });
    conclude(Box::pin(ended).await?, seen, &args.output, &again)
}
