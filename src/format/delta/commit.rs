//! From the intent to a version of the table, by the run that decides it or by the next one.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::log::{Log, document};
use crate::destination::{DirLock, PendingUpload};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::format::directory::{
    Intent, LogEntry, Place, Removed, all, current_manifest, is_withdrawn, read_intent, same, withdraw,
};
use crate::format::left::Left;
use crate::manifest::Manifest;
use crate::spec::layout::{INTENT, MANIFEST};

/// How a commit ended.
enum Ended {
    /// The table has the version.
    Committed(Box<Manifest>),
    /// It has not, and cannot have it: nothing of the run is in the table any more.
    GivenUp(Error),
}

/// Finishes the commit of which an intent lies in the directory, or removes its files.
pub(super) async fn finish_intent(place: &Place, lock: &dyn DirLock) -> Result<()> {
    let Some(content) = place.destination.get(&place.path(INTENT)).await? else { return Ok(()) };
    if is_withdrawn(&content) {
        return Ok(());
    }
    let intent = read_intent(&content).map_err(|error| error.with("path", place.path(INTENT)))?;
    if intent.log.is_none() {
        return Err(Error::data(
            "a table of plain files, whose commit has not ended, lies where a delta table is to be",
        )
        .coded(Code::OthersFiles)
        .hint("use another --output-dir or --sub-path"));
    }
    tracing::info!(path = place.full(), run = intent.run_id, "finishing the commit of an earlier run");
    if let Ended::GivenUp(error) = applied(place, lock, intent, &mut Left::default()).await? {
        tracing::warn!(%error, "the commit of an earlier run is given up");
    }
    Ok(())
}

/// Steps 2 to 6.
///
/// # Errors
/// When another program has written the document of the log meanwhile, or the destination writes none so: then the files of
/// the intent are removed. After other errors the next run on the directory goes on.
pub(super) async fn apply(
    place: &Place,
    lock: &dyn DirLock,
    intent: Intent,
    left: &mut Left,
) -> Result<Manifest> {
    match applied(place, lock, intent, left).await {
        Ok(Ended::Committed(manifest)) => Ok(*manifest),
        Ok(Ended::GivenUp(error)) => Err(error),
        Err(error) => Err(error.hint(
            "readers see the old or the new version; the next run on this directory finishes the commit",
        )),
    }
}

async fn applied(place: &Place, lock: &dyn DirLock, intent: Intent, left: &mut Left) -> Result<Ended> {
    let Intent { uploads, deletes, mut manifest, log, .. } = intent;
    let log = log.ok_or_else(|| Error::internal("the intent of a delta table has no document of the log"))?;
    let uploads: Vec<PendingUpload> = uploads
        .into_iter()
        .map(|upload| PendingUpload { path: place.path(&upload.path), ..upload })
        .collect();
    if let Some(current) = current_manifest(place).await?.filter(|current| same(current, &manifest)) {
        remove_old(place, &log, &deletes, left).await?;
        withdrawn(place, left).await?;
        return Ok(Ended::Committed(Box::new(current)));
    }
    match standing(place, &log).await? {
        Standing::Free => {
            complete(place, &uploads, &mut manifest).await?;
            if let Some(reason) = write(place, &log).await? {
                return give_up(place, &uploads, reason).await.map(Ended::GivenUp);
            }
        }
        Standing::Ours => {
            // It may be there and not last: a process that died has not waited for the disk.
            place.destination.put_new(&place.path(&document(log.version)), log.text.clone().into()).await?;
            tags(place, &mut manifest).await?;
        }
        Standing::Theirs => {
            return give_up(place, &uploads, overtaken(&log)).await.map(Ended::GivenUp);
        }
    }
    // Who has lost the lock writes no manifest over that of the next run.
    lock.check().await?;
    place.write(MANIFEST, &manifest).await?;
    remove_old(place, &log, &deletes, left).await?;
    withdrawn(place, left).await?;
    Ok(Ended::Committed(Box::new(manifest)))
}

/// Takes the intent back. Where that may not be done it stays beside the manifest that it holds, and nothing is to be finished.
async fn withdrawn(place: &Place, left: &mut Left) -> Result<()> {
    match withdraw(place, INTENT).await {
        Err(error) if error.kind() == ErrorKind::Denied && !place.destination.replaces_freely() => {
            Removed::Denied(error).noted(INTENT, left);
        }
        removed => removed?.noted(INTENT, left),
    }
    Ok(())
}

/// Who has written the document of a version.
enum Standing {
    Free,
    Ours,
    Theirs,
}

async fn standing(place: &Place, log: &LogEntry) -> Result<Standing> {
    let found = place.destination.get(&place.path(&document(log.version))).await?;
    Ok(match found {
        None => Standing::Free,
        Some(content) if content == log.text.as_bytes() => Standing::Ours,
        Some(_) => Standing::Theirs,
    })
}

/// Makes the files visible to those who list the directory. No version names them yet.
async fn complete(place: &Place, uploads: &[PendingUpload], manifest: &mut Manifest) -> Result<()> {
    let completed = all(uploads.iter().map(|upload| place.destination.complete(upload))).await;
    let places: HashMap<String, usize> =
        manifest.files.iter().enumerate().map(|(at, file)| (place.path(&file.name), at)).collect();
    for (upload, stored) in uploads.iter().zip(completed) {
        let stored = stored?;
        if stored.bytes != upload.bytes {
            let message = format!("a completed file has {} bytes, not {}", stored.bytes, upload.bytes);
            return Err(Error::data(message).coded(Code::FileMissing).with("file", &upload.path));
        }
        if let Some(at) = places.get(&upload.path) {
            manifest.files[*at].e_tag = stored.e_tag;
        }
    }
    Ok(())
}

/// The tags of files that an earlier process has completed.
async fn tags(place: &Place, manifest: &mut Manifest) -> Result<()> {
    let listed = place.destination.list(&place.dir).await?;
    let start = place.path("");
    let tags: HashMap<&str, Option<String>> = listed
        .iter()
        .filter_map(|object| Some((object.path.strip_prefix(&start)?, object.e_tag.clone())))
        .collect();
    for file in &mut manifest.files {
        if file.e_tag.is_none() {
            file.e_tag = tags.get(file.name.as_str()).cloned().flatten();
        }
    }
    Ok(())
}

/// The commit itself; gives the reason for which it cannot be. An error means unknown, so that it is looked at.
async fn write(place: &Place, log: &LogEntry) -> Result<Option<Error>> {
    let (path, content) = (place.path(&document(log.version)), Bytes::from(log.text.clone()));
    let Err(error) = place.destination.put_new(&path, content).await else { return Ok(None) };
    match standing(place, log).await? {
        Standing::Ours => Ok(None),
        Standing::Theirs => Ok(Some(overtaken(log))),
        // A store that does not write under a condition says so each time.
        Standing::Free if error.kind() != ErrorKind::Unavailable => Ok(Some(error)),
        Standing::Free => Err(error),
    }
}

fn overtaken(log: &LogEntry) -> Error {
    Error::unavailable("another program committed a version of the table meanwhile")
        .coded(Code::CommittedMeanwhile)
        .with("version", log.version)
        .hint("nothing of this run is in the table; run again, which begins with what is committed now")
}

/// Removes the files of a commit that cannot be, and the intent. Returns why it cannot be.
async fn give_up(place: &Place, uploads: &[PendingUpload], mut why: Error) -> Result<Error> {
    let mut stay = Vec::new();
    let aborted = all(uploads.iter().map(|upload| place.destination.abort(upload))).await;
    for (upload, aborted) in uploads.iter().zip(aborted) {
        if let Removed::Denied(_) = Removed::of(aborted)? {
            stay.push(upload.path.as_str());
        }
    }
    // The intent is no proof of what nobody reads: the log is.
    let log = Log::read(place).await;
    let is_free = |upload: &&PendingUpload| {
        let name = upload.path.strip_prefix(&place.path("")).unwrap_or(&upload.path);
        match &log {
            Ok(log) => log.as_ref().is_none_or(|log| !log.names(name)),
            Err(_) => false,
        }
    };
    let free: Vec<&PendingUpload> = uploads.iter().filter(is_free).collect();
    let deleted = all(free.iter().map(|upload| place.destination.delete(&upload.path))).await;
    for (upload, deleted) in free.iter().zip(deleted) {
        if let Removed::Denied(_) = Removed::of(deleted)? {
            stay.push(upload.path.as_str());
        }
    }
    if !stay.is_empty() {
        stay.sort_unstable();
        stay.dedup();
        why = why.with("files that may not be deleted", stay.join(", "));
    }
    withdrawn(place, &mut Left::default()).await?;
    Ok(why)
}

/// Deletes files that no version needs that is kept, if the version that decided that is the newest still. Those that may not
/// be deleted are no harm: no version that is kept names them.
async fn remove_old(place: &Place, log: &LogEntry, deletes: &[String], left: &mut Left) -> Result<()> {
    if deletes.is_empty() {
        return Ok(());
    }
    let Some(now) = Log::read(place).await?.filter(|now| now.version == log.version) else { return Ok(()) };
    let kept: HashSet<&str> = now.files.keys().map(String::as_str).collect();
    let gone = deletes.iter().filter(|name| !kept.contains(name.as_str()));
    let paths: Vec<String> = gone.map(|name| place.path(name)).collect();
    let calls = paths.iter().map(|path| -> BoxFuture<'_, Result<()>> { place.destination.delete(path) });
    for deleted in all(calls).await {
        if let Removed::Denied(error) = Removed::of(deleted)? {
            left.lacks(&error);
        }
    }
    Ok(())
}
