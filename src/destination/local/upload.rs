//! A temporary file that is being written.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::super::{PendingUpload, Upload};
use super::files::{self, blocking, io_error};
use crate::error::{Error, Result};

/// What moves to the thread that writes, and back.
#[derive(Debug)]
struct Open {
    file: File,
    crc: crc32fast::Hasher,
    bytes: u64,
}

impl Open {
    fn write(mut self, data: &[u8], path: &Path) -> Result<Self> {
        self.file.write_all(data).map_err(|error| io_error("cannot write a file", path, error))?;
        self.crc.update(data);
        self.bytes += data.len() as u64;
        Ok(self)
    }
}

#[derive(Debug)]
enum State {
    Idle(Open),
    Writing(JoinHandle<Result<Open>>),
    /// An error was reported; what was sent is of no use.
    Broken,
}

/// An upload to local disk. One block is written behind the caller's back while it makes the next.
#[derive(Debug)]
pub(super) struct LocalUpload {
    path: String,
    temporary: PathBuf,
    state: State,
    /// Whether the temporary file is to be removed on drop.
    ours: bool,
}

impl LocalUpload {
    /// Makes the temporary file and the directories above it.
    pub(super) fn create(path: String, target: &Path) -> Result<Self> {
        let (temporary, file) = files::create_temporary(target)?;
        Ok(Self::over(path, temporary, file))
    }

    /// An upload that writes to `file`, found at `temporary`.
    pub(super) fn over(path: String, temporary: PathBuf, file: File) -> Self {
        let open = Open { file, crc: crc32fast::Hasher::new(), bytes: 0 };
        Self { path, temporary, state: State::Idle(open), ours: true }
    }

    /// Waits for the block that is being written.
    async fn settle(&mut self) -> Result<Open> {
        // A caller that gives up while waiting leaves the upload broken, never half of a state.
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Idle(open) => Ok(open),
            State::Writing(task) => match task.await {
                Ok(result) => result,
                Err(error) => Err(Error::internal("file work ended early").caused_by(error)),
            },
            State::Broken => Err(Error::internal("an upload was used after it failed")),
        }
        .map_err(|error| error.with("path", self.temporary.display()))
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn put_part(&mut self, data: Bytes) -> Result<()> {
        let open = self.settle().await?;
        let path = self.temporary.clone();
        self.state = State::Writing(tokio::task::spawn_blocking(move || open.write(&data, &path)));
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<PendingUpload> {
        let open = self.settle().await?;
        let temporary = self.temporary.clone();
        let open = blocking(move || {
            open.file.sync_all().map_err(|error| io_error("cannot sync a file", &temporary, error))?;
            // The name too: after a power failure the upload can be completed from an intent.
            files::sync_parent(&temporary)?;
            Ok(open)
        })
        .await?;
        let name = self.temporary.file_name().unwrap_or_default();
        let upload = PendingUpload {
            path: self.path.clone(),
            upload_id: name.to_string_lossy().into_owned(),
            part_tags: vec![],
            bytes: open.bytes,
            crc32: files::hex(open.crc),
        };
        self.ours = false;
        Ok(upload)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        // Whatever became of the block under way, its file goes; on cancel, by drop.
        let _ = self.settle().await;
        let temporary = self.temporary.clone();
        blocking(move || files::remove(&temporary)).await
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if self.ours {
            // A block under way keeps writing into the removed file, which vanishes when it is done.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
