//! The commit of a table of one small part that replaces nothing: two writes, no upload and no intent.
//!
//! | step | a run that dies after it leaves | the next run |
//! |---|---|---|
//! | 1 note the file and the manifest in the lock, which is renewed anyway before a commit | the note | finds no file: nothing was done |
//! | 2 write the file, where there is none | a file without a manifest, which is not committed | finds in the note whose file it is, and writes the manifest |
//! | 3 write the manifest, where there is none | the table | finds the manifest |
//! | 4 give the lock back, and the note with it | nothing | |
//!
//! Both writes are refused by the store if something is there already. So a run that was held up for so long that
//! another one has taken over its lock changes nothing any more. A failure that leaves it unknown what was done
//! leaves the note, in a lock that is marked as given back.

use bytes::Bytes;

use crate::destination::DirLock;
use crate::error::{Error, Result};
use crate::format::directory::{Intent, Place, current_manifest, json, read_intent};
use crate::manifest::Manifest;
use crate::spec::layout::MANIFEST;

/// Commits `content`, the one file of `intent`. None, and nothing is done, if the lock cannot keep a note.
pub(super) async fn commit(
    place: &Place,
    lock: &dyn DirLock,
    intent: Intent,
    content: Bytes,
) -> Result<Option<Manifest>> {
    let note = serde_json::to_string(&intent)
        .map_err(|error| Error::internal("a note cannot be written as JSON").caused_by(error))?;
    if !lock.note(&note).await? {
        return Ok(None);
    }
    let mut manifest = intent.manifest;
    let written = async {
        for file in &mut manifest.files {
            file.e_tag = lock.create(&place.path(&file.name), content.clone()).await?.e_tag;
        }
        lock.create(&place.path(MANIFEST), json(&manifest)?).await
    };
    written.await.map_err(|error| {
        error.hint("the table may be there without its manifest; the next run on this directory finishes or replaces it")
    })?;
    lock.settled().await;
    Ok(Some(manifest))
}

/// Finishes what the run noted from which `lock` was taken over.
pub(super) async fn finish(place: &Place, lock: &dyn DirLock) -> Result<()> {
    let Some(note) = lock.found().await else { return Ok(()) };
    let Intent { run_id, uploads, mut manifest, .. } =
        read_intent(&note).map_err(|error| error.with("path", place.full()))?;
    // With a manifest the note is settled. A file that is not the noted one is not ours.
    if current_manifest(place).await?.is_none()
        && let Some(upload) = uploads.first()
        && let Some(stored) = place.destination.head(&place.path(&upload.path)).await?
        && stored.bytes == upload.bytes
        && let Some(content) = place.destination.get(&place.path(&upload.path)).await?
        && format!("{:08x}", crc32fast::hash(&content)) == upload.crc32
    {
        tracing::info!(path = place.full(), run = run_id, "finishing the commit of an earlier run");
        for file in &mut manifest.files {
            file.e_tag.clone_from(&stored.e_tag);
        }
        lock.create(&place.path(MANIFEST), json(&manifest)?).await?;
    }
    lock.settled().await;
    Ok(())
}
