//! `lakexpress apply FILE`.

use super::again::Again;
use super::args::ApplyArgs;
use super::export::{Watched, conclude, watch};
use super::resolve::masks;
use super::{Seen, origin, resolve};
use crate::config::{own, process};
use crate::error::{Code, Error, Result};
use crate::run::{self, ReviewedPlan, Services};

/// Exports what the plan says, if it still holds.
pub(super) async fn run(args: &ApplyArgs, seen: &Seen<'_>) -> Result<u8> {
    let file = args.plan.display();
    let reviewed = reviewed(args).map_err(|error| error.with("file", &file))?;
    let opened = origin::planned(args, &reviewed.spec)?.paced(&reviewed.spec.limits);
    let auth = args.auth.or_recorded(&reviewed.spec.origin);
    let again = Again::of(&auth, &reviewed.spec.origin);
    let watched = Watched { opened, what: "the export", run_id: None, again: again.clone() };
    let ended = watch(watched, seen, async |run_id: &str, services: &Services| {
        Box::pin(run::apply(&reviewed, run_id, services)).await
    });
    conclude(Box::pin(ended).await?, seen, &args.output, &again)
}

/// The plan. It names source and destination, so nobody else may have written it.
fn reviewed(args: &ApplyArgs) -> Result<ReviewedPlan> {
    let read = own::read(&args.plan).map_err(|error| {
        let kind =
            if error.kind() == std::io::ErrorKind::PermissionDenied { Error::denied } else { Error::config };
        kind(format!("the plan cannot be read: {error}")).coded(Code::PlanFile)
    })?;
    let Some(text) = read else {
        return Err(Error::config("other users can write the plan, which names source and destination")
            .coded(Code::PlanFile)
            .hint("let only its owner write the file and its directory: chmod go-w FILE"));
    };
    let mut reviewed = ReviewedPlan::read(&text)?;
    // The process that planned is not the one that exports.
    reviewed.spec.origin.process = process::current();
    reviewed.spec.limits.closes = resolve::within_hours(args.start_between)?;
    reviewed.spec.limits.check(reviewed.spec.safety.consistency)?;
    if let Some(path) = &args.key.mask_key_file {
        let planned = reviewed.spec.masks.key_check.clone();
        masks::with_key(&mut reviewed.spec.masks, Some(masks::key(path)?));
        if planned.is_some() && planned != reviewed.spec.masks.key_check {
            return Err(Error::usage("the key of masks is not that of the plan").coded(Code::Mask));
        }
    }
    if reviewed.spec.origin.output_dir.is_none() && reviewed.spec.origin.target_storage_id.is_none() {
        return Err(Error::data("the plan has no destination").coded(Code::PlanFile));
    }
    Ok(reviewed)
}
