//! What is committed, read without the lock.

use std::collections::HashMap;

use super::place::{Place, current_manifest};
use crate::error::{ErrorKind, Result};
use crate::format::contract::{Committed, Version};
use crate::manifest::Manifest;

/// What is committed in `place`; none without a manifest.
pub(in crate::format) async fn committed(place: &Place) -> Result<Option<Committed>> {
    let manifest = current_manifest(place).await?;
    Ok(manifest.map(|manifest| Committed { version: version(&manifest), manifest }))
}

/// Which commit wrote `manifest`. What becomes of it in the same commit, as the verdict of a comparison, is no other one.
pub(in crate::format) fn version(manifest: &Manifest) -> Version {
    Version { run_id: manifest.run_id.clone(), tag: manifest.committed_at.clone() }
}

/// The manifest, if `run_id` committed it, `is_wanted` and all its files are there with their sizes.
pub(in crate::format) async fn committed_by(
    place: &Place,
    run_id: &str,
    is_wanted: &(dyn Fn(&Manifest) -> bool + Send + Sync),
) -> Result<Option<Manifest>> {
    let manifest = match current_manifest(place).await {
        Err(error) if error.kind() == ErrorKind::Data => None,
        manifest => manifest?.filter(|manifest| manifest.run_id == run_id && is_wanted(manifest)),
    };
    let Some(manifest) = manifest else { return Ok(None) };
    let listed = place.destination.list(&place.dir).await?;
    let start = place.path("");
    let sizes: HashMap<&str, u64> = listed
        .iter()
        .map(|object| (object.path.strip_prefix(&start).unwrap_or_default(), object.bytes))
        .collect();
    Ok(all_there(&manifest, &sizes).then_some(manifest))
}

/// Whether every file that the manifest names is there with its size.
pub(in crate::format) fn all_there(manifest: &Manifest, sizes: &HashMap<&str, u64>) -> bool {
    manifest.files.iter().all(|file| sizes.get(file.name.as_str()) == Some(&file.bytes))
}
