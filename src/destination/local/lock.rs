//! The single-writer lock of a directory: a file with an advisory lock that the kernel releases when we die.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::super::DirLock;
use super::folder::{Folder, io_error};
use crate::blocking::blocking;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::spec::layout::LOCK;

/// Longest owner text that is shown.
const OWNER_BYTES: u64 = 300;

/// A lock that is held. The file is deleted while it is still locked, so nobody can lock a file that is gone
/// and believe in it: whoever gets the lock checks that the path still leads to it.
#[derive(Debug)]
pub(super) struct LocalLock {
    folder: Arc<Folder>,
    /// Where the directory lies, if it was made for this lock.
    made: Option<(Arc<Path>, String)>,
    file: Option<File>,
}

impl LocalLock {
    /// Takes the lock of the directory `dir` below `base` without waiting.
    pub(super) fn take(base: &Arc<Path>, dir: &str, owner: &str) -> Result<Self> {
        let mut made = false;
        loop {
            let (folder, new) = Folder::make(base, dir)?;
            made |= new;
            let path = folder.at(LOCK);
            let wrong = |error| io_error("cannot lock the directory", &path, error);
            // None if the directory went between making it and opening the file.
            let Some(mut file) = folder.own_file(LOCK)? else { continue };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(folder.path(), &mut file)),
                Err(TryLockError::Error(error)) => {
                    return Err(wrong(error).hint("--output-dir needs a file system with file locks"));
                }
            }
            // Another run may have deleted it between our opening and locking it.
            if !folder.leads_to(LOCK, &file) {
                continue;
            }
            // Left by a killed run and linked by a backup, or put there: its content is not ours to change.
            if !folder.is_only_name(LOCK, &file)? {
                folder.remove(LOCK)?;
                continue;
            }
            let text = format!("run {owner}, process {}, since {}\n", std::process::id(), now());
            file.set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(text.as_bytes()))
                .map_err(wrong)?;
            let made = made.then(|| (Arc::clone(base), dir.to_owned()));
            return Ok(Self { folder: Arc::new(folder), made, file: Some(file) });
        }
    }
}

fn now() -> String {
    clock::moment().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The error of a directory that another run writes to.
pub(super) fn held(dir: &Path, file: &mut impl Read) -> Error {
    let mut text = String::new();
    // The owner may be just about to write its name, or to let go.
    let _ = file.take(OWNER_BYTES).read_to_string(&mut text);
    let owner = if text.trim().is_empty() { "another run" } else { text.trim() };
    Error::unavailable(format!("another run writes to this directory: {owner}"))
        .coded(Code::LockHeld)
        .with("path", dir.display())
        .hint("wait until that run has ended, or choose another --output-dir")
}

#[async_trait]
impl DirLock for LocalLock {
    async fn release(mut self: Box<Self>) -> Result<Option<Error>> {
        let Some(file) = self.file.take() else { return Ok(None) };
        let (folder, made) = (Arc::clone(&self.folder), self.made.take());
        blocking(move || {
            let removed = folder.remove(LOCK);
            if let Some((base, dir)) = made {
                // Only if nothing came of it; another run that wants the lock meanwhile makes it again.
                let (above, name) = dir.rsplit_once('/').unwrap_or(("", &dir));
                if let Ok(Some(above)) = Folder::open(&base, above) {
                    let _ = above.remove_directory(name);
                }
            }
            drop(file);
            removed.map(|()| None)
        })
        .await
    }
}

impl Drop for LocalLock {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = self.folder.unlink(LOCK);
            drop(file);
        }
    }
}
