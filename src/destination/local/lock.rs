//! The only writer's lock of a directory: a file with an advisory lock that the kernel releases when we die.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::super::DirLock;
use super::files::{self, blocking, io_error};
use crate::error::{Error, Result};
use crate::spec::layout::LOCK;

/// Longest owner text that is shown.
const OWNER_BYTES: u64 = 300;

/// A lock that is held. The file is deleted while it is still locked, so nobody can lock a file that is gone
/// and believe in it: whoever gets the lock checks that the path still leads to it.
#[derive(Debug)]
pub(super) struct LocalLock {
    path: PathBuf,
    /// Whether the directory was made for this lock.
    made: bool,
    file: Option<File>,
}

impl LocalLock {
    /// Takes the lock of `dir` without waiting.
    pub(super) fn take(dir: &Path, owner: &str) -> Result<Self> {
        let path = dir.join(LOCK);
        let wrong = |error| io_error("cannot lock the directory", &path, error);
        let mut made = false;
        loop {
            made |= !dir.exists();
            files::make_directory(dir)?;
            let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = match opened {
                Ok(file) => file,
                // The directory went between making it and opening the file.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(wrong(error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(&path, &mut file)),
                Err(TryLockError::Error(error)) => {
                    return Err(wrong(error).hint("--output-dir needs a file system with file locks"));
                }
            }
            if !still_there(&path, &file) {
                continue;
            }
            let text = format!("run {owner}, process {}, since {}\n", std::process::id(), now());
            file.set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .and_then(|_| file.write_all(text.as_bytes()))
                .map_err(wrong)?;
            return Ok(Self { path, made, file: Some(file) });
        }
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The error of a directory that another run writes to.
fn held(path: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // The owner may be just about to write its name, or to let go.
    let _ = file.take(OWNER_BYTES).read_to_string(&mut text);
    let owner = if text.trim().is_empty() { "another run" } else { text.trim() };
    Error::unavailable(format!("another run writes to this directory: {owner}"))
        .with("path", path.parent().unwrap_or(path).display())
        .hint("wait until that run has ended, or choose another --output-dir")
}

/// Whether `path` leads to `file`: another run may have deleted it between our opening and locking it.
#[cfg(unix)]
fn still_there(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(held)) => named.ino() == held.ino() && named.dev() == held.dev(),
        _ => false,
    }
}

/// Elsewhere a file that is open cannot be deleted.
#[cfg(not(unix))]
fn still_there(_path: &Path, _file: &File) -> bool {
    true
}

#[async_trait]
impl DirLock for LocalLock {
    async fn release(mut self: Box<Self>) -> Result<Option<Error>> {
        let Some(file) = self.file.take() else { return Ok(None) };
        let (path, made) = (self.path.clone(), self.made);
        blocking(move || {
            let removed = files::remove(&path);
            if let Some(dir) = path.parent().filter(|_| made) {
                // Only if nothing came of it; whoever wants the lock meanwhile makes it anew.
                let _ = fs::remove_dir(dir);
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
            let _ = fs::remove_file(&self.path);
            drop(file);
        }
    }
}
