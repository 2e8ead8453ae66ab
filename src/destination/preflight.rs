//! Whether a destination can be used for all that an export does, tried on a probe.

use bytes::Bytes;

use super::{Destination, PendingUpload};
use crate::error::{Error, Result};
use crate::spec::layout::RUNS_DIR;

/// One thing that was tried.
#[derive(Debug)]
pub struct Check {
    /// What, in a few words.
    pub what: String,
    /// What was found, or why it does not work.
    pub outcome: Result<String>,
}

impl Check {
    /// A check with its outcome.
    pub fn new(what: impl Into<String>, outcome: Result<String>) -> Self {
        Self { what: what.into(), outcome }
    }
}

const CONTENT: &[u8] = b"a probe of lakexpress check, safe to delete";

/// Tries everything that an export does, beside the summaries of runs, and leaves no object there.
/// Goes on after a failure, unless nothing can be reached or written at all.
pub async fn preflight(dest: &dyn Destination) -> Vec<Check> {
    let mut checks = vec![Check::new("reach it and list", dest.reach().await.map(|()| dest.location()))];
    if checks[0].outcome.is_err() {
        return checks;
    }
    let dir = RUNS_DIR;
    let path = format!("{dir}/check-{}", uuid::Uuid::new_v4().simple());
    checks.push(Check::new("write and read an object", put_and_get(dest, &path).await));
    if checks[1].outcome.is_err() {
        return checks;
    }
    checks.push(Check::new(
        "upload in parts and complete",
        upload(dest, &path, true).await.map(|_| String::new()),
    ));
    checks.push(Check::new("list objects", listed(dest, dir, &path).await));
    let pending = upload(dest, &path, false).await;
    checks.push(Check::new("list unfinished uploads", found(dest, dir, pending.as_ref().ok()).await));
    if let Ok(pending) = &pending {
        checks.push(Check::new("abort an upload", dest.abort(pending).await.map(|()| String::new())));
    }
    checks.push(Check::new("lock a directory and give it back", locked(dest, dir).await));
    checks.extend(dest.own_checks(&format!("{path}-own")).await);
    checks.push(Check::new("delete an object", dest.delete(&path).await.map(|()| String::new())));
    dest.settle().await;
    checks
}

async fn put_and_get(dest: &dyn Destination, path: &str) -> Result<String> {
    dest.put(path, Bytes::from_static(CONTENT)).await?;
    match dest.get(path).await? {
        Some(content) if content == CONTENT => Ok(String::new()),
        _ => Err(Error::data("what was written is not what is read").with("path", path)),
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
    Err(Error::data("an object that was written is not listed").with("path", dir))
}

async fn found(dest: &dyn Destination, dir: &str, pending: Option<&PendingUpload>) -> Result<String> {
    let listed = dest.list_pending(dir).await?;
    if dest.uploads_expire() {
        return Ok("they expire by themselves".to_owned());
    }
    match pending {
        Some(upload) if !listed.iter().any(|found| found.upload_id == upload.upload_id) => {
            Err(Error::denied("an upload that is under way is not listed")
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
