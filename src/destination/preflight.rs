//! Whether a destination can be used for all that an export does, tried on a probe.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use futures::future::join_all;
use uuid::Uuid;

pub use super::contract::Check;
use super::{Destination, ONE_DIRECTORY_PER_RUN, PendingUpload};
use crate::clock;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::spec::layout::{INTENT, LOCK, RUNS_DIR};

/// How the names of all that a check writes begin.
const PREFIX: &str = "check-";
const CONTENT: &[u8] = b"a probe of lakexpress check, safe to delete";
const UNSEEN: &str = "what a killed run leaves is not found and stays, unseen by readers; let a lifecycle rule of the \
                      bucket abort unfinished uploads";
const UNABORTED: &str = "uploads of a run that fails or is stopped stay, unseen by readers; let a lifecycle rule of the \
                         bucket abort unfinished uploads";

/// What a check that was killed leaves is removed by one that begins this much later: then it is in use no more,
/// whatever the clocks of two machines say.
const ABANDONED: TimeDelta = TimeDelta::minutes(15);

/// What a check writes, by its name. The name says when the check began.
#[derive(Debug)]
pub struct Probe(String);

impl Default for Probe {
    fn default() -> Self {
        Self(format!("{RUNS_DIR}/{PREFIX}{}", clock::ordered_id().simple()))
    }
}

impl Probe {
    /// Removes what the check has written, as far as it got.
    ///
    /// # Errors
    /// The first of the destination's, with what stays.
    pub async fn clear(&self, dest: &dyn Destination) -> Result<()> {
        let ours = |path: &str| path.starts_with(&self.0);
        let mut cleared = Ok(());
        let uploads = dest.list_pending(RUNS_DIR).await.unwrap_or_default();
        for upload in uploads.iter().filter(|upload| ours(&upload.path)) {
            cleared = cleared.and(dest.abort(upload).await);
        }
        let paths = ["", "-own", "-large"].map(|end| format!("{}{end}", self.0));
        for deleted in join_all(paths.iter().map(|path| dest.delete(path))).await {
            cleared = cleared.and(deleted);
        }
        cleared.map_err(|error| error.with("left", &self.0))
    }
}

/// Tries everything that an export does, beside the summaries of runs, and leaves no object there that it may delete.
/// Goes on after a failure, unless nothing can be reached or written at all; not when it is `stopped`, after which the
/// probe is to be cleared away.
pub async fn preflight(dest: &dyn Destination, probe: &Probe, stopped: impl Fn() -> bool) -> Vec<Check> {
    let mut checks = vec![Check::new("reach it", dest.reach().await.map(|()| dest.location()))];
    if checks[0].outcome.is_err() {
        return checks;
    }
    let dir = RUNS_DIR;
    // Deleting what is not there asks for the right and changes nothing.
    let may_delete = dest.delete(&format!("{dir}/_nothing")).await;
    let denied = may_delete.as_ref().is_err_and(|error| error.kind() == ErrorKind::Denied);
    let unique = probe.0.clone();
    if let Err(error) = may_delete
        && denied
        && !dest.replaces_freely()
    {
        only_creating(dest, &unique, error, &mut checks).await;
        return checks;
    }
    // What stays is replaced by the next check.
    let path = if denied { format!("{dir}/{PREFIX}probe") } else { unique };
    checks.push(Check::new("write and read an object", put_and_get(dest, &path).await));
    if checks[1].outcome.is_err() || stopped() {
        return checks;
    }
    checks.extend(swept(dest, dir).await);
    checks.push(Check::new(
        "upload in parts and complete",
        upload(dest, &path, true).await.map(|_| String::new()),
    ));
    if stopped() {
        return checks;
    }
    checks.push(Check::new("list objects", listed(dest, dir, &path).await));
    if stopped() {
        return checks;
    }
    unfinished(dest, dir, &path, &mut checks).await;
    if stopped() {
        return checks;
    }
    checks.push(Check::new("lock a directory and give it back", locked(dest, dir).await));
    let own = format!("{path}-own");
    checks.extend(dest.own_checks(&own).await);
    let deleted = dest.delete(&path).await.map(|()| String::new());
    let left = if denied {
        still_there(dest, &[&path, &own, &format!("{dir}/{LOCK}")]).await
    } else {
        String::new()
    };
    checks.push(Check::new("delete an object", deleted).or(format!(
        "any number of exports work; files of a table that its next export does not replace stay as files without \
         rows, which the manifest names, and {INTENT} and {LOCK} stay marked as done; of this check stay {left}"
    )));
    dest.settle().await;
    checks
}

/// Where nothing can be replaced or deleted.
async fn only_creating(dest: &dyn Destination, path: &str, denied: Error, checks: &mut Vec<Check>) {
    let dir = RUNS_DIR;
    checks.extend(dest.own_checks(path).await);
    let large = format!("{path}-large");
    let uploaded = upload(dest, &large, true).await.map(|_| String::new());
    checks.push(Check::new("upload in parts and complete", uploaded));
    let read = dest.get(path).await.map(|_| String::new());
    checks.push(Check::new("read an object", read).or(
        "what is there is not seen, and nothing that is there is replaced; --verify hash cannot read files back",
    ));
    checks.push(
        Check::new("list objects", dest.list(dir).await.map(|_| String::new()))
            .or("files that others have written to a table's directory are not seen, and stay"),
    );
    unfinished(dest, dir, &large, checks).await;
    checks.push(Check::new("replace and delete objects", Err(denied.hint(ONE_DIRECTORY_PER_RUN))).or(format!(
        "only a first export into an empty directory works, and leaves {LOCK} and {INTENT} there; of this check stay \
         {path}, {large}"
    )));
    dest.settle().await;
}

/// Uploads that are neither completed nor aborted.
async fn unfinished(dest: &dyn Destination, dir: &str, path: &str, checks: &mut Vec<Check>) {
    let pending = upload(dest, path, false).await;
    let found = found(dest, dir, pending.as_ref().ok()).await;
    checks.push(Check::new("list unfinished uploads", found).or(UNSEEN));
    let Ok(pending) = &pending else { return };
    let aborted = dest.abort(pending).await.map(|()| String::new());
    // Better one more version of the probe than an upload that nobody sees.
    let stays = aborted.is_err() && !(dest.replaces_freely() && dest.complete(pending).await.is_ok());
    let left = if stays { format!("; of this check stays the upload of {path}") } else { String::new() };
    checks.push(Check::new("abort an upload", aborted).or(format!("{UNABORTED}{left}")));
}

/// Removes what checks have left that were killed; none if there is nothing.
async fn swept(dest: &dyn Destination, dir: &str) -> Option<Check> {
    const WHAT: &str = "remove what earlier checks left";
    // Whether these can be listed is another check.
    let objects = dest.list(dir).await.unwrap_or_default();
    let uploads = dest.list_pending(dir).await.unwrap_or_default();
    let (mut count, mut stay, mut failed) = (0, Vec::new(), None);
    let mut note = |path: &str, removed: Result<()>| match removed {
        Ok(()) => count += 1,
        Err(error) => {
            stay.push(path.to_owned());
            failed.get_or_insert(error);
        }
    };
    for upload in uploads.iter().filter(|upload| is_abandoned(&upload.path)) {
        note(&upload.path, dest.abort(upload).await);
    }
    for object in objects.iter().filter(|object| is_abandoned(&object.path)) {
        note(&object.path, dest.delete(&object.path).await);
    }
    match failed {
        Some(error) => Some(Check::new(WHAT, Err(error)).or(format!("these stay: {}", stay.join(", ")))),
        None => (count > 0).then(|| Check::new(WHAT, Ok(format!("{count} removed")))),
    }
}

/// Whether `path` is what a check has written that began long ago. Names of earlier versions do not say when.
fn is_abandoned(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let id = ["-own", "-large"].iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
    match Uuid::try_parse(id) {
        Ok(id) if id.get_version_num() == 7 => {
            let begun = id.get_timestamp().map_or(0, |at| at.to_unix().0);
            let begun = i64::try_from(begun).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            begun.is_none_or(|begun| clock::moment() - begun > ABANDONED)
        }
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Those of `paths` that are there.
async fn still_there(dest: &dyn Destination, paths: &[&str]) -> String {
    let mut there = Vec::new();
    for path in paths {
        if let Ok(Some(_)) = dest.head(path).await {
            there.push(*path);
        }
    }
    there.join(", ")
}

async fn put_and_get(dest: &dyn Destination, path: &str) -> Result<String> {
    dest.put(path, Bytes::from_static(CONTENT)).await?;
    match dest.get(path).await? {
        Some(content) if content == CONTENT => Ok(String::new()),
        _ => Err(Error::data("what was written is not what is read")
            .coded(Code::StoreUnfit)
            .with("path", path)),
    }
}

/// An upload of one part, completed or left as it is.
async fn upload(dest: &dyn Destination, path: &str, complete: bool) -> Result<PendingUpload> {
    let mut upload = dest.create(path, 0).await?;
    if let Err(error) = upload.put_part(Bytes::from_static(CONTENT)).await {
        // The error that made us give up is the one to tell.
        let _ = upload.abort().await;
        return Err(error);
    }
    let pending = upload.finish().await?;
    if complete {
        dest.complete(&pending).await?;
    }
    Ok(pending)
}

async fn listed(dest: &dyn Destination, dir: &str, path: &str) -> Result<String> {
    if dest.list(dir).await?.iter().any(|object| object.path == path) {
        return Ok(String::new());
    }
    Err(Error::data("an object that was written is not listed").coded(Code::StoreUnfit).with("path", dir))
}

async fn found(dest: &dyn Destination, dir: &str, pending: Option<&PendingUpload>) -> Result<String> {
    let listed = dest.list_pending(dir).await?;
    if dest.uploads_expire() {
        return Ok("they expire by themselves".to_owned());
    }
    match pending {
        Some(upload) if !listed.iter().any(|found| found.upload_id == upload.upload_id) => {
            Err(Error::denied("an upload that is under way is not listed")
                .coded(Code::StoreUnfit)
                .hint("what a killed run leaves must be removed by a lifecycle rule, see docs/storage.md"))
        }
        _ => Ok(String::new()),
    }
}

async fn locked(dest: &dyn Destination, dir: &str) -> Result<String> {
    let lock = dest.lock(dir, "check").await?;
    lock.check().await?;
    lock.release().await?;
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_check_under_way_writes_is_left_alone() {
        let Probe(now) = Probe::default();
        assert!(!is_abandoned(&now) && !is_abandoned(&format!("{now}-own")));
        let old = "_lakexpress/check-0193a1b2c3d47e5f8a9b0c1d2e3f4a5b";
        for left in [old, &format!("{old}-large"), "_lakexpress/check-9b2f3c4d5e6f4a7b8c9d0e1f2a3b4c5d"] {
            assert!(is_abandoned(left), "{left}");
        }
        for other in ["_lakexpress/check-probe", "_lakexpress/check-in-2026.json", "_lakexpress/_lock"] {
            assert!(!is_abandoned(other), "{other}");
        }
    }
}
