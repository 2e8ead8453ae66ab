//! Phase 2 of a commit, from the intent alone: steps 2 to 6, by the run that wrote it or by the next one.

use std::sync::Arc;

use bytes::Bytes;

use super::found::current_manifest;
use super::intent::{Intent, read_intent};
use super::{Place, WITHDRAWN, all, json};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::Manifest;
use crate::spec::layout::{INTENT, MANIFEST};

/// Finishes the commit of which an intent lies in `dir`, from the intent alone; none if there is no intent.
/// The caller holds the directory's lock.
///
/// Errors: `Data` when the intent or a manifest cannot be understood or an upload is lost; nothing is deleted then
/// that the intent does not name.
pub async fn roll_forward(destination: Arc<dyn Destination>, dir: &str) -> Result<Option<Manifest>> {
    finish_intent(&Place { destination, dir: dir.to_owned() }).await
}

/// Whether the content of an intent says that a commit is to be finished.
pub fn is_unfinished(intent: &[u8]) -> bool {
    intent != WITHDRAWN
}

pub(super) async fn finish_intent(place: &Place) -> Result<Option<Manifest>> {
    let Some(content) = place.destination.get(&place.path(INTENT)).await? else { return Ok(None) };
    if !is_unfinished(&content) {
        return Ok(None);
    }
    let intent = read_intent(&content).map_err(|error| error.with("path", place.path(INTENT)))?;
    tracing::info!(path = place.full(), run = intent.run_id, "finishing the commit of an earlier run");
    apply(place, intent).await.map(Some)
}

/// Steps 2 to 6.
pub(super) async fn apply(place: &Place, intent: Intent) -> Result<Manifest> {
    finish(place, intent).await.map_err(|error| {
        error.with("path", place.full()).hint(
            "the table is between its old and its new content, and its manifest may be missing; \
             the next run on this directory finishes the commit",
        )
    })
}

async fn finish(place: &Place, intent: Intent) -> Result<Manifest> {
    let destination = &place.destination;
    let manifest_path = place.path(MANIFEST);
    let mut manifest = intent.manifest;
    let current = current_manifest(place).await?;
    let old_is_there = current.is_some();
    // All but step 6 is done when the new manifest is there.
    if let Some(current) = current.filter(|current| without_tags(current) == without_tags(&manifest)) {
        withdraw_intent(place).await?;
        return Ok(current);
    }
    if old_is_there {
        destination.delete(&manifest_path).await?;
    }

    let mut uploads = intent.uploads;
    for upload in &mut uploads {
        upload.path = place.path(&upload.path);
    }
    let completed = all(uploads.iter().map(|upload| destination.complete(upload))).await;
    for (upload, stored) in uploads.iter().zip(completed) {
        let stored = stored?;
        if stored.bytes != upload.bytes {
            let message = format!("a completed file has {} bytes, not {}", stored.bytes, upload.bytes);
            return Err(Error::data(message).with("file", &upload.path));
        }
        if let Some(file) = manifest.files.iter_mut().find(|file| place.path(&file.name) == upload.path) {
            file.e_tag = stored.e_tag;
        }
    }

    let deletes: Vec<String> = intent.deletes.iter().map(|name| place.path(name)).collect();
    all(deletes.iter().map(|path| destination.delete(path)))
        .await
        .into_iter()
        .collect::<Result<Vec<()>>>()?;
    destination.put(&manifest_path, json(&manifest)?).await?;
    withdraw_intent(place).await?;
    Ok(manifest)
}

/// Deletes the intent; where nothing may be deleted, one that is withdrawn says the same.
pub(super) async fn withdraw_intent(place: &Place) -> Result<()> {
    let path = place.path(INTENT);
    match place.destination.delete(&path).await {
        Err(error) if error.kind() == ErrorKind::Denied => {
            tracing::debug!(path = place.full(), %error, "the intent is marked as withdrawn instead");
            place.destination.put(&path, Bytes::from_static(WITHDRAWN)).await.map(|_| ())
        }
        outcome => outcome,
    }
}

/// E-tags are not known when an intent is written.
fn without_tags(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    for file in &mut manifest.files {
        file.e_tag = None;
    }
    manifest
}
