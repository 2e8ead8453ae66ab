//! Documents that are no more, and whether two of them are the same.

use bytes::Bytes;

use super::document::WITHDRAWN;
use super::place::Place;
use super::removed::Removed;
use crate::error::Result;
use crate::manifest::Manifest;

/// Deletes the intent or the manifest; where nothing may be deleted, one that is withdrawn says the same. No version of
/// this program takes that for a manifest.
pub(in crate::format) async fn withdraw(place: &Place, name: &str) -> Result<Removed> {
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
pub(in crate::format) fn same(a: &Manifest, b: &Manifest) -> bool {
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
