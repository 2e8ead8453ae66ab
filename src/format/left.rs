//! What a commit cannot clear away for lack of rights: it is made harmless where that is possible, and named.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use super::Place;
use crate::catalog::Slice;
use crate::destination::PendingUpload;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{FileEntry, Manifest};
use crate::sink::empty::EmptyFile;
use crate::sink::part::{Kept, PreparedFile};

/// What a commit could not clear away. Names are relative to the table's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Files of earlier runs, which have no rows any more. The manifest names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emptied: Vec<String>,
    /// Lock and intent, which say that nothing is under way, or that expire.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub documents: BTreeSet<String>,
    /// Uploads of earlier runs that could not be aborted. No reader sees them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub uploads: BTreeSet<String>,
    /// Whether uploads of earlier runs could not be looked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown_uploads: bool,
    /// The rights that are missing.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub missing_rights: BTreeSet<String>,
}

impl Left {
    /// What a manifest says was left.
    pub fn of(manifest: &Manifest) -> Self {
        let left = manifest.files.iter().filter(|file| file.leftover);
        Self { emptied: left.map(|file| file.name.clone()).collect(), ..Self::default() }
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For people; empty if nothing was left.
    pub fn text(&self) -> String {
        const SHOWN: usize = 10;
        let mut said = Vec::new();
        if !self.emptied.is_empty() {
            let more = if self.emptied.len() > SHOWN { ", ..." } else { "" };
            let shown = self.emptied.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
            said.push(format!(
                "{} files of earlier runs, now without rows ({shown}{more})",
                self.emptied.len()
            ));
        }
        let listed =
            |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if !self.documents.is_empty() {
            said.push(listed(&self.documents));
        }
        if !self.uploads.is_empty() {
            said.push(format!("unfinished uploads that nobody sees ({})", listed(&self.uploads)));
        }
        if self.unknown_uploads {
            said.push("unfinished uploads of earlier runs, if there are any".to_owned());
        }
        let mut text = said.join("; ");
        if !self.missing_rights.is_empty() {
            text = format!("{text}; to clear them away needs {}", listed(&self.missing_rights));
        }
        text
    }

    /// Notes the right that was missing.
    pub(super) fn lacks(&mut self, denied: &Error) {
        let needs = denied.context().iter().find(|(key, _)| *key == "needs");
        self.missing_rights.extend(needs.map(|(_, right)| right.clone()));
    }

    /// Notes that a document stays, if it was kept from being removed.
    pub(super) fn document(&mut self, name: &str, removed: Removed) {
        if let Removed::Denied(error) = removed {
            self.documents.insert(name.to_owned());
            self.lacks(&error);
        }
    }

    /// Aborts uploads that nobody will finish, and notes those that may not be aborted.
    pub(super) async fn sweep(&mut self, place: &Place, keep: &[PendingUpload]) -> Result<()> {
        let destination = &place.destination;
        let pending = match destination.list_pending(&place.dir).await {
            // A lifecycle rule can clean up as well.
            Err(error) if error.kind() == ErrorKind::Denied => {
                self.unknown_uploads = true;
                self.lacks(&error);
                return Ok(());
            }
            pending => pending?,
        };
        let kept: HashSet<(&str, &str)> =
            keep.iter().map(|u| (u.path.as_str(), u.upload_id.as_str())).collect();
        let swept: Vec<&PendingUpload> =
            pending.iter().filter(|u| !kept.contains(&(u.path.as_str(), u.upload_id.as_str()))).collect();
        let aborted = super::all(swept.iter().map(|upload| destination.abort(upload))).await;
        for (upload, aborted) in swept.into_iter().zip(aborted) {
            match aborted {
                Err(error) if error.kind() == ErrorKind::Denied => {
                    let start = place.path("");
                    self.uploads.insert(upload.path.strip_prefix(&start).unwrap_or(&upload.path).to_owned());
                    self.lacks(&error);
                }
                aborted => aborted?,
            }
        }
        Ok(())
    }
}

/// What became of an object that was to be removed.
#[derive(Debug)]
pub(super) enum Removed {
    /// It is gone.
    Gone,
    /// It may not be deleted, and stays.
    Denied(Error),
}

impl From<Option<Error>> for Removed {
    fn from(denied: Option<Error>) -> Self {
        denied.map_or(Self::Gone, Self::Denied)
    }
}

impl Removed {
    /// A refusal is an answer; any other error is none.
    pub(super) fn of(deleted: Result<()>) -> Result<Self> {
        match deleted {
            Ok(()) => Ok(Self::Gone),
            Err(error) if error.kind() == ErrorKind::Denied => Ok(Self::Denied(error)),
            Err(error) => Err(error),
        }
    }
}

/// What becomes of the old files that a new manifest does not name and that may not be deleted: each is replaced by a file
/// without rows, by an upload as any other, or is one already and is kept.
pub(super) fn emptied<'f>(
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
