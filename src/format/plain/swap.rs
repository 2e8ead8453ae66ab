//! Phase 2 of a commit, from the intent alone: steps 2 to 6, by the run that wrote it or by the next one.

use std::sync::Arc;

use bytes::Bytes;

use super::intent::{Intent, read_intent};
use super::left::{Removed, emptied_in_place};
use super::place::{current_manifest, is_withdrawn};
use super::{Place, WITHDRAWN, all};
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
    tracing::info!(path = place.full(), run = intent.run_id, "finishing the commit of an earlier run");
    apply(place, intent).await.map(|(manifest, _)| Some(manifest))
}

/// Steps 2 to 6. Also says what became of the intent.
pub(super) async fn apply(place: &Place, intent: Intent) -> Result<(Manifest, Removed)> {
    finish(place, intent).await.map_err(|error| {
        error.with("path", place.full()).hint(
            "the table is between its old and its new content, and its manifest may be missing; \
             the next run on this directory finishes the commit",
        )
    })
}

async fn finish(place: &Place, intent: Intent) -> Result<(Manifest, Removed)> {
    let destination = &place.destination;
    let mut manifest = intent.manifest;
    let current = if place.blind { None } else { current_manifest(place).await? };
    let old_is_there = current.is_some();
    // All but step 6 is done when the new manifest is there.
    if let Some(current) = current.filter(|current| same(current, &manifest)) {
        return Ok((current, withdraw(place, INTENT).await?));
    }
    if old_is_there {
        withdraw(place, MANIFEST).await?;
    }

    let mut uploads = intent.uploads;
    for upload in &mut uploads {
        upload.path = place.path(&upload.path);
    }
    let mut completed = Vec::with_capacity(uploads.len());
    // What nobody could look for shows itself at the first file, and then no other one becomes visible.
    let first = if place.blind { uploads.len().min(1) } else { 0 };
    for upload in &uploads[..first] {
        completed.push(Ok(destination.complete(upload).await?));
    }
    completed.extend(all(uploads[first..].iter().map(|upload| destination.complete(upload))).await);
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
    let deleted = all(deletes.iter().map(|path| destination.delete(path))).await;
    for (name, deleted) in intent.deletes.iter().zip(deleted) {
        match Removed::of(deleted)? {
            Removed::Denied(_) if destination.replaces_freely() => {
                manifest.files.extend(emptied_in_place(place, name, &manifest).await?);
            }
            Removed::Denied(error) => return Err(error),
            Removed::Gone => {}
        }
    }
    place.write(MANIFEST, &manifest).await?;
    match withdraw(place, INTENT).await {
        // It stays, and the manifest that it holds is there: nothing is to be finished.
        Err(error) if error.kind() == ErrorKind::Denied && !destination.replaces_freely() => {
            Ok((manifest, Removed::Denied(error)))
        }
        intent => Ok((manifest, intent?)),
    }
}

/// Deletes the intent or the manifest; where nothing may be deleted, one that is withdrawn says the same. No version of
/// this program takes that for a manifest.
pub(super) async fn withdraw(place: &Place, name: &str) -> Result<Removed> {
    let path = place.path(name);
    match Removed::of(place.destination.delete(&path).await)? {
        Removed::Denied(error) if !place.destination.replaces_freely() => Err(error),
        Removed::Denied(error) => {
            place.destination.put(&path, Bytes::from_static(WITHDRAWN)).await?;
            Ok(Removed::Denied(error))
        }
        Removed::Gone => Ok(Removed::Gone),
    }
}

/// Whether a manifest is the one of an intent.
fn same(a: &Manifest, b: &Manifest) -> bool {
    without_tags(a) == without_tags(b)
}

/// E-tags are not known when an intent is written, and not what the one who finishes it may not delete.
fn without_tags(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.files.retain(|file| !file.leftover);
    for file in &mut manifest.files {
        file.e_tag = None;
    }
    manifest
}
