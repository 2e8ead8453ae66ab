//! Old files that may not be deleted: each gets the content of a file without rows.

use std::collections::HashSet;

use super::state::Found;
use crate::catalog::Slice;
use crate::destination::PendingUpload;
use crate::error::{Error, Result};
use crate::format::directory::Place;
use crate::manifest::{FileEntry, Manifest};
use crate::sink::{EmptyFile, Kept, PreparedFile};
use crate::spec::IfExists;

/// Adds to `files` those without rows that take the place of old ones which may not be deleted. Returns those that have no
/// rows already and are kept.
pub(super) fn empty_old(
    place: &Place,
    found: &Found,
    if_exists: IfExists,
    files: &mut Vec<PreparedFile>,
    empty: Option<EmptyFile>,
) -> Result<Vec<FileEntry>> {
    if found.may_delete || if_exists == IfExists::Append {
        return Ok(Vec::new());
    }
    let new: HashSet<&str> = files.iter().map(|file| file.entry.name.as_str()).collect();
    let old = found.old.iter().flat_map(|old| &old.files);
    let lacking: Vec<&FileEntry> =
        old.filter(|file| found.visible.contains(&file.name) && !new.contains(file.name.as_str())).collect();
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    let empty = empty.ok_or_else(|| Error::internal("no file to put in the place of old ones"))?;
    let (replaced, kept) = emptied(place, lacking.into_iter(), &empty);
    files.extend(replaced);
    Ok(kept)
}

/// What becomes of the old files that a new manifest does not name and that may not be deleted: each is replaced by a file
/// without rows, by an upload as any other, or is one already and is kept.
fn emptied<'f>(
    place: &Place,
    old: impl Iterator<Item = &'f FileEntry>,
    empty: &EmptyFile,
) -> (Vec<PreparedFile>, Vec<FileEntry>) {
    let EmptyFile { content, columns } = empty;
    let (bytes, crc32) = (content.len() as u64, format!("{:08x}", crc32fast::hash(content)));
    let (mut replaced, mut kept) = (Vec::new(), Vec::new());
    for old in old {
        if old.leftover && old.bytes == bytes && old.crc32 == crc32 {
            kept.push(old.clone());
            continue;
        }
        let entry = FileEntry {
            rows: 0,
            bytes,
            crc32: crc32.clone(),
            e_tag: None,
            source_hash: None,
            columns: columns.clone(),
            cost: None,
            leftover: true,
            ..old.clone()
        };
        let upload = PendingUpload {
            path: place.path(&entry.name),
            upload_id: String::new(),
            part_tags: Vec::new(),
            bytes,
            crc32: crc32.clone(),
        };
        replaced.push(PreparedFile { upload, entry, kept: Some(Kept(content.clone())) });
    }
    (replaced, kept)
}

/// The same for a file that the one who wrote the intent could delete, when its commit is finished by one who cannot: the
/// columns are those of the new files. None if it is gone.
pub(super) async fn emptied_in_place(
    place: &Place,
    name: &str,
    manifest: &Manifest,
) -> Result<Option<FileEntry>> {
    let (destination, path) = (place.destination.as_ref(), place.path(name));
    let Some(old) = destination.head(&path).await? else { return Ok(None) };
    let EmptyFile { content, columns } = match manifest.files.first() {
        Some(new) => EmptyFile::like(destination, &place.path(&new.name), new.bytes).await?,
        None => EmptyFile::like(destination, &path, old.bytes).await?,
    };
    let stored = destination.put(&path, content.clone()).await?;
    Ok(Some(FileEntry {
        name: name.to_owned(),
        rows: 0,
        bytes: content.len() as u64,
        crc32: format!("{:08x}", crc32fast::hash(&content)),
        e_tag: stored.e_tag,
        part: 0,
        slice: Slice::All,
        source_hash: None,
        columns,
        cost: None,
        leftover: true,
    }))
}
