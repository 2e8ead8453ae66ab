//! Finishes a commit that a run has begun and not ended.

use std::sync::Arc;

use super::swap::apply;
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::format::directory::{Place, is_withdrawn, read_intent, same};
use crate::manifest::Manifest;
use crate::spec::layout::INTENT;

/// Finishes the commit of which an intent lies in `dir`, from the intent alone; none if there is no intent.
/// The caller holds the directory's lock.
///
/// Errors: `Data` when the intent or a manifest cannot be understood or an upload is lost; nothing is deleted then
/// that the intent does not name.
pub async fn roll_forward(destination: Arc<dyn Destination>, dir: &str) -> Result<Option<Manifest>> {
    finish_intent(&Place::new(destination, dir)).await
}

/// Whether the content of an intent says that a commit is to be finished. Where an intent cannot be removed it stays
/// beside the `manifest` that it holds.
pub fn is_unfinished(intent: &[u8], manifest: Option<&Manifest>) -> bool {
    let is_done = || {
        let intent = read_intent(intent).ok();
        intent.zip(manifest).is_some_and(|(intent, manifest)| same(&intent.manifest, manifest))
    };
    !is_withdrawn(intent) && !is_done()
}

pub(super) async fn finish_intent(place: &Place) -> Result<Option<Manifest>> {
    let Some(content) = place.destination.get(&place.path(INTENT)).await? else { return Ok(None) };
    if is_withdrawn(&content) {
        return Ok(None);
    }
    let intent = read_intent(&content).map_err(|error| error.with("path", place.path(INTENT)))?;
    if intent.log.is_some() {
        return Err(Error::data(
            "a table with a log, whose commit has not ended, lies where plain files are to be",
        )
        .coded(Code::OthersFiles)
        .with("path", place.path(INTENT))
        .hint("add --format delta, or use another --output-dir or --sub-path"));
    }
    tracing::info!(path = place.full(), run = intent.run_id, "finishing the commit of an earlier run");
    apply(place, intent).await.map(|(manifest, _)| Some(manifest))
}
