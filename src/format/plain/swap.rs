//! Phase 2 of a commit: steps 1 to 6 by the run that decides it, steps 2 to 6 from the intent alone by the next one.

use std::collections::HashMap;

use super::emptied::emptied_in_place;
use crate::destination::{DirLock, PendingUpload};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::format::directory::{Intent, Place, Removed, abort_all, all, current_manifest, same, withdraw};
use crate::format::left::Left;
use crate::manifest::Manifest;
use crate::spec::layout::{INTENT, MANIFEST};

/// Phase 2: steps 1 to 6. The uploads of the intent are removed when the error comes before it is there.
pub(super) async fn swap(
    place: &Place,
    lock: &dyn DirLock,
    intent: Intent,
    left: &mut Left,
) -> Result<Manifest> {
    if let Err(error) = lock.check().await {
        abort_all(place, &uploads(place, intent.uploads)).await;
        return Err(error);
    }
    if let Err(error) = place.write(INTENT, &intent).await {
        // The error means unknown. Only when the intent is surely gone may its uploads go too.
        if withdraw(place, INTENT).await.is_ok() {
            abort_all(place, &uploads(place, intent.uploads)).await;
            return Err(error);
        }
        return Err(error.hint("the next run on this directory finishes the commit, or removes its uploads"));
    }
    let (manifest, intent) = apply(place, intent).await?;
    intent.noted(INTENT, left);
    Ok(manifest)
}

/// Those of an intent by their paths below the base.
fn uploads(place: &Place, mut uploads: Vec<PendingUpload>) -> Vec<PendingUpload> {
    for upload in &mut uploads {
        upload.path = place.path(&upload.path);
    }
    uploads
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

    let uploads = uploads(place, intent.uploads);
    let mut completed = Vec::with_capacity(uploads.len());
    // What nobody could look for shows itself at the first file, and then no other one becomes visible.
    let first = if place.blind { uploads.len().min(1) } else { 0 };
    for upload in &uploads[..first] {
        completed.push(Ok(destination.complete(upload).await?));
    }
    completed.extend(all(uploads[first..].iter().map(|upload| destination.complete(upload))).await);
    let places: HashMap<String, usize> =
        manifest.files.iter().enumerate().map(|(at, file)| (place.path(&file.name), at)).collect();
    for (upload, stored) in uploads.iter().zip(completed) {
        let stored = stored?;
        if stored.bytes != upload.bytes {
            let message = format!("a completed file has {} bytes, not {}", stored.bytes, upload.bytes);
            return Err(Error::data(message).coded(Code::CommittedMeanwhile).with("file", &upload.path));
        }
        if let Some(at) = places.get(&upload.path) {
            manifest.files[*at].e_tag = stored.e_tag;
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
