//! A temporary file that is being written.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::super::{PendingUpload, Upload};
use super::files;
use super::folder::{Folder, io_error};
use crate::blocking::blocking;
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
    folder: Arc<Folder>,
    /// Name of the temporary file in it.
    temporary: String,
    state: State,
    /// Whether the temporary file is to be removed on drop.
    ours: bool,
}

impl LocalUpload {
    /// An upload that will be the file `name` in `folder`.
    pub(super) fn create(path: String, folder: Folder, name: &str) -> Result<Self> {
        let (temporary, file) = files::create_temporary(&folder, name)?;
        Ok(Self::over(path, folder, temporary, file))
    }

    /// An upload that writes to `file`, which is `temporary` in `folder`.
    pub(super) fn over(path: String, folder: Folder, temporary: String, file: File) -> Self {
        let open = Open { file, crc: crc32fast::Hasher::new(), bytes: 0 };
        Self { path, folder: Arc::new(folder), temporary, state: State::Idle(open), ours: true }
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
        .map_err(|error| error.with("path", self.folder.at(&self.temporary).display()))
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn put_part(&mut self, data: Bytes) -> Result<()> {
        let open = self.settle().await?;
        let path = self.folder.at(&self.temporary);
        self.state = State::Writing(tokio::task::spawn_blocking(move || open.write(&data, &path)));
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<PendingUpload> {
        let open = self.settle().await?;
        let (folder, temporary) = (Arc::clone(&self.folder), self.folder.at(&self.temporary));
        let open = blocking(move || {
            open.file.sync_all().map_err(|error| io_error("cannot sync a file", &temporary, error))?;
            // The name too: after a power failure the upload can be completed from an intent.
            folder.sync()?;
            Ok(open)
        })
        .await?;
        let upload = PendingUpload {
            path: self.path.clone(),
            upload_id: self.temporary.clone(),
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
        let (folder, temporary) = (Arc::clone(&self.folder), self.temporary.clone());
        blocking(move || folder.remove(&temporary)).await
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if self.ours {
            // A block under way keeps writing into the removed file, which vanishes when it is done.
            let _ = self.folder.unlink(&self.temporary);
        }
    }
}
