//! From the intent to a version of the table, by the run that decides it or by the next one.

use std::collections::HashMap;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::log::document;
use crate::destination::PendingUpload;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::format::directory::{
    Intent, LogEntry, Place, Removed, all, current_manifest, is_withdrawn, read_intent, same, withdraw,
};
use crate::format::left::Left;
use crate::manifest::Manifest;
use crate::spec::layout::{INTENT, MANIFEST};

/// Finishes the commit of which an intent lies in the directory, or removes its files.
pub(super) async fn finish_intent(place: &Place) -> Result<()> {
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
    match apply(place, intent, &mut Left::default()).await {
        // What the dead run wanted cannot be; nothing of it is left.
        Err(error) if error.code() == Code::CommittedMeanwhile => {
            tracing::warn!(%error, "the commit of an earlier run is given up");
            Ok(())
        }
        done => done.map(drop),
    }
}

/// Steps 2 to 6.
///
/// # Errors
/// `Unavailable` when another program has written the document of the log meanwhile: then the files of the intent are
/// removed. After other errors the next run on the directory goes on.
pub(super) async fn apply(place: &Place, intent: Intent, left: &mut Left) -> Result<Manifest> {
    applied(place, intent, left).await.map_err(|error| match error.code() {
        Code::CommittedMeanwhile => error,
        _ => error.hint(
            "readers see the old or the new version; the next run on this directory finishes the commit",
        ),
    })
}

async fn applied(place: &Place, intent: Intent, left: &mut Left) -> Result<Manifest> {
    let Intent { uploads, deletes, mut manifest, log, .. } = intent;
    let log = log.ok_or_else(|| Error::internal("the intent of a delta table has no document of the log"))?;
    let uploads: Vec<PendingUpload> = uploads
        .into_iter()
        .map(|upload| PendingUpload { path: place.path(&upload.path), ..upload })
        .collect();
    if let Some(current) = current_manifest(place).await?.filter(|current| same(current, &manifest)) {
        remove_old(place, &deletes, left).await?;
        withdraw(place, INTENT).await?.noted(INTENT, left);
        return Ok(current);
    }
    match standing(place, &log).await? {
        Standing::Free => {
            complete(place, &uploads, &mut manifest).await?;
            write(place, &log, &uploads).await?;
        }
        Standing::Ours => tags(place, &mut manifest).await?,
        Standing::Theirs => return Err(give_up(place, &log, &uploads).await?),
    }
    place.write(MANIFEST, &manifest).await?;
    remove_old(place, &deletes, left).await?;
    withdraw(place, INTENT).await?.noted(INTENT, left);
    Ok(manifest)
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

/// The commit itself. An error means unknown, so that it is looked at.
async fn write(place: &Place, log: &LogEntry, uploads: &[PendingUpload]) -> Result<()> {
    let (path, content) = (place.path(&document(log.version)), Bytes::from(log.text.clone()));
    let Err(error) = place.destination.put_new(&path, content).await else { return Ok(()) };
    match standing(place, log).await? {
        Standing::Ours => Ok(()),
        Standing::Theirs => Err(give_up(place, log, uploads).await?),
        Standing::Free => Err(error),
    }
}

/// Removes the files of a commit that cannot be, and the intent. Returns why.
async fn give_up(place: &Place, log: &LogEntry, uploads: &[PendingUpload]) -> Result<Error> {
    for aborted in all(uploads.iter().map(|upload| place.destination.abort(upload))).await {
        aborted?;
    }
    for deleted in all(uploads.iter().map(|upload| place.destination.delete(&upload.path))).await {
        deleted?;
    }
    withdraw(place, INTENT).await?;
    Ok(Error::unavailable("another program committed a version of the table meanwhile")
        .coded(Code::CommittedMeanwhile)
        .with("version", log.version)
        .hint("nothing of this run is left in the table; run again, which begins with what is committed now"))
}

/// Deletes files that no version needs that is kept. Those that may not be deleted are no harm: no log names them.
async fn remove_old(place: &Place, deletes: &[String], left: &mut Left) -> Result<()> {
    let paths: Vec<String> = deletes.iter().map(|name| place.path(name)).collect();
    let calls = paths.iter().map(|path| -> BoxFuture<'_, Result<()>> { place.destination.delete(path) });
    for deleted in all(calls).await {
        match deleted {
            Err(error) if error.kind() == ErrorKind::Denied => {
                Removed::Denied(error).noted(INTENT, left);
            }
            deleted => deleted?,
        }
    }
    Ok(())
}
