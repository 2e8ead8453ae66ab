//! One Parquet file that is being written and that nobody sees yet.

use arrow::array::{Array, ArrayRef, RecordBatch};

use super::file::FileEncoder;
use super::laps::Laps;
use super::stats::column_stats;
use super::target::{Kept, PartTarget, PreparedFile};
use super::writer::WriterSettings;
use crate::destination::{PendingUpload, Upload};
use crate::error::{Error, Result};
use crate::manifest::{ColumnStats, FileEntry};

/// A row group is looked at after this part of its limit.
const STEPS: usize = 16;
/// What a row group may hold, as a multiple of its limit: rooms that grow are twice as large as what is in them.
const ROOM: usize = 2;

/// Names of a file of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// Below the base.
    pub(super) path: String,
    /// In the table's directory.
    pub(super) name: String,
}

/// Bytes of the rows of `batch` alone, which may be a slice of larger columns.
pub(super) fn slice_bytes(batch: &RecordBatch) -> usize {
    let of_column = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
    batch.columns().iter().map(of_column).sum()
}

/// A file of a part. Dropped before it is closed, nothing of it is left.
pub(super) struct OpenFile<'a> {
    settings: &'a WriterSettings,
    target: &'a PartTarget,
    name: FileName,
    encoder: FileEncoder,
    upload: Box<dyn Upload>,
    rows: u64,
    sent: u64,
    /// What this file cost; the reading of rows is the part's.
    laps: Laps,
}

impl<'a> OpenFile<'a> {
    /// Begins a file. `only`: it is the only one of its table.
    pub(super) async fn begin(
        encoder: FileEncoder,
        target: &'a PartTarget,
        name: FileName,
        settings: &'a WriterSettings,
    ) -> Result<Self> {
        let destination = &target.destination;
        // One of many files has a small share of the part. Its upload is then sent in small pieces.
        let est_bytes = if target.fanout.keys.is_empty() { target.est_bytes } else { 0 };
        let est_bytes = est_bytes.min(target.fanout.max_file_bytes.unwrap_or(u64::MAX));
        let upload = if target.only {
            destination.create_later(&name.path, est_bytes).await?
        } else {
            destination.create(&name.path, est_bytes).await?
        };
        Ok(Self { settings, target, name, encoder, upload, rows: 0, sent: 0, laps: Laps::start() })
    }

    /// Appends rows, which are [checked](super::checked).
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.laps.skip();
        let limit = self.settings.parquet.row_group_bytes;
        // A batch of wide rows must not carry a row group far over its limit.
        let of_row = slice_bytes(batch) / batch.num_rows().max(1);
        let at_once = (limit / STEPS / of_row.max(1)).max(1);
        let mut at = 0;
        while at < batch.num_rows() {
            let rows = at_once.min(batch.num_rows() - at);
            self.encoder.write(&batch.slice(at, rows))?;
            at += rows;
            // The memory that is held to encode more is promised too.
            if self.encoder.encoded() >= limit || self.encoder.memory() >= limit.saturating_mul(ROOM) {
                self.encoder.end_group()?;
            }
        }
        self.rows += batch.num_rows() as u64;
        self.laps.encoded();
        let drained = self.drain(false).await;
        self.laps.stored();
        drained
    }

    /// Bytes held, encoded or not.
    pub(super) fn memory(&self) -> usize {
        self.encoder.memory()
    }

    /// Bytes that the row group would have if it ended now, but for the compression of what is not in a page yet.
    pub(super) fn encoded(&self) -> usize {
        self.encoder.encoded()
    }

    /// Bytes of the row groups that are complete.
    pub(super) fn written(&self) -> u64 {
        self.encoder.bytes_written() as u64
    }

    /// Ends the row group, if it has rows.
    pub(super) async fn end_group(&mut self) -> Result<()> {
        self.laps.skip();
        self.encoder.end_group()?;
        self.laps.encoded();
        let drained = self.drain(false).await;
        self.laps.stored();
        drained
    }

    /// Sends the blocks that are full; with `all`, the rest too.
    async fn drain(&mut self, all: bool) -> Result<()> {
        while let Some(block) = self.encoder.blocks().next(all) {
            self.sent += block.len() as u64;
            self.upload.put_part(block).await?;
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) async fn close(mut self) -> Result<PreparedFile> {
        self.laps.skip();
        let (columns, encoded_bytes) = match self.end().await {
            Ok(ended) => ended,
            Err(error) => {
                tell(self.upload.abort().await, &self.name);
                return Err(error);
            }
        };
        let kept = if self.target.only { self.upload.take_back().map(Kept) } else { None };
        let upload = match &kept {
            Some(Kept(content)) => PendingUpload {
                path: self.name.path.clone(),
                upload_id: String::new(),
                part_tags: Vec::new(),
                bytes: content.len() as u64,
                crc32: format!("{:08x}", crc32fast::hash(content)),
            },
            None => self.upload.finish().await?,
        };
        if upload.bytes != self.sent {
            let message = format!("{} bytes were sent and {} arrived", self.sent, upload.bytes);
            tell(self.target.destination.abort(&upload).await, &self.name);
            return Err(Error::internal(message));
        }
        self.laps.stored();
        let entry = FileEntry {
            name: self.name.name,
            rows: self.rows,
            bytes: upload.bytes,
            crc32: upload.crc32.clone(),
            e_tag: None,
            part: self.target.part,
            slice: self.target.slice.clone(),
            source_hash: None,
            columns,
            cost: Some(self.laps.cost(encoded_bytes)),
            leftover: false,
        };
        Ok(PreparedFile { upload, entry, kept })
    }

    /// Removes what there is of it.
    pub(super) async fn abort(self) {
        tell(self.upload.abort().await, &self.name);
    }

    /// Writes the footer and compares it with what was received. Returns its statistics and the bytes that were
    /// encoded, before compression.
    async fn end(&mut self) -> Result<(Vec<ColumnStats>, u64)> {
        let metadata = self.encoder.finish()?;
        self.laps.encoded();
        self.drain(true).await?;
        let footer = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(u64::MAX);
        let groups: i64 = metadata.row_groups().iter().map(|group| group.num_rows()).sum();
        if footer != self.rows || u64::try_from(groups).ok() != Some(self.rows) {
            let message = format!("{} rows were received, the footer says {footer}", self.rows);
            return Err(Error::internal(message));
        }
        if self.encoder.bytes_written() as u64 != self.sent {
            let message =
                format!("{} bytes were encoded, {} were sent", self.encoder.bytes_written(), self.sent);
            return Err(Error::internal(message));
        }
        let encoded: i64 = metadata.row_groups().iter().map(|group| group.total_byte_size()).sum();
        Ok((column_stats(&metadata), u64::try_from(encoded).unwrap_or(0)))
    }
}

/// The error that made us give up is the one to return; this one is only logged.
fn tell(aborted: Result<()>, name: &FileName) {
    if let Err(error) = aborted {
        tracing::warn!(path = name.path, %error, "an unfinished upload was not removed; the next run removes it");
    }
}
