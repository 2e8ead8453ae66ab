//! The files of a part in one directory, one after the other.

use arrow::array::RecordBatch;

use super::blocks::{BLOCK_BYTES, SMALL_BLOCK_BYTES};
use super::file::FileForm;
use super::open_file::{FileName, OpenFile, slice_bytes};
use super::target::PartTarget;
use super::writer::WriterSettings;
use super::written::WrittenFiles;
use crate::error::Result;
use crate::spec::layout;

/// Share of its limit that a file has at least when it ends because of it.
const FULL: f64 = 0.95;
/// A row group does not become smaller than this share of what is encoded of it.
const LEAST_SHRINK: f64 = 0.02;
/// Pieces of which a file of the largest size has at least so many: the limit is looked at after each.
const PIECES: u64 = 40;
/// Rows that a piece has at least.
const PIECE_ROWS: usize = 64;

/// What the files of a part have in common.
pub(super) struct Common<'a> {
    /// Their form.
    pub(super) form: FileForm,
    /// How many columns they have. Those of keys follow in the rows.
    pub(super) columns: usize,
    pub(super) target: &'a PartTarget,
    pub(super) settings: &'a WriterSettings,
}

/// Files of one directory. Dropped before it is closed, nothing is left of the file that is open.
pub(super) struct Series<'a> {
    /// `key=value` directories below the table's, each followed by a slash; empty if there are none.
    directory: String,
    /// The number of the next file.
    next: usize,
    /// In a box: most of a part's series are closed.
    open: Option<Box<OpenFile<'a>>>,
    /// What became of an encoded byte when a row group ended, in the file.
    shrinks: f64,
}

impl<'a> Series<'a> {
    pub(super) fn new(directory: String) -> Self {
        Self { directory, next: 0, open: None, shrinks: 1.0 }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Bytes held, encoded or not.
    pub(super) fn memory(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.memory())
    }

    /// Ends the row group, if it has rows.
    pub(super) async fn end_group(&mut self) -> Result<()> {
        match &mut self.open {
            Some(open) => open.end_group().await,
            None => Ok(()),
        }
    }

    /// Appends `rows`. Files that are full are closed and added to `done`.
    pub(super) async fn write(
        &mut self,
        common: &Common<'a>,
        rows: &RecordBatch,
        done: &mut WrittenFiles,
    ) -> Result<()> {
        let Some(limit) = common.target.fanout.max_file_bytes else {
            return self.file(common).await?.write(rows).await;
        };
        let bytes = slice_bytes(rows).max(1) as u64;
        let pieces = (bytes * PIECES).div_ceil(limit.max(1)).max(1);
        let piece = rows.num_rows().div_ceil(usize::try_from(pieces).unwrap_or(usize::MAX)).max(PIECE_ROWS);
        let mut at = 0;
        while at < rows.num_rows() {
            let some = piece.min(rows.num_rows() - at);
            self.file(common).await?.write(&rows.slice(at, some)).await?;
            at += some;
            if self.is_full(limit).await? {
                self.close(done).await?;
            }
        }
        Ok(())
    }

    /// Whether the open file has come to `limit` bytes. What a row group will take is only known when it ends, so it
    /// ends when that seems to be near.
    async fn is_full(&mut self, limit: u64) -> Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let held = open.encoded() as f64;
        if (open.written() as f64 + held * self.shrinks) < limit as f64 {
            return Ok(false);
        }
        let before = open.written();
        open.end_group().await?;
        if held > 0.0 {
            self.shrinks = ((open.written() - before) as f64 / held).clamp(LEAST_SHRINK, 1.0);
        }
        Ok(open.written() as f64 >= limit as f64 * FULL)
    }

    /// The file that is open, to be closed while others are written.
    pub(super) fn take(&mut self) -> Option<OpenFile<'a>> {
        self.open.take().map(|open| *open)
    }

    /// Closes the file that is open, if one is.
    pub(super) async fn close(&mut self, done: &mut WrittenFiles) -> Result<()> {
        if let Some(open) = self.take() {
            done.add(open.close().await?);
        }
        Ok(())
    }

    /// Removes the file that is open.
    pub(super) async fn abort(&mut self) {
        if let Some(open) = self.take() {
            open.abort().await;
        }
    }

    /// The open file; a new one if none is.
    async fn file(&mut self, common: &Common<'a>) -> Result<&mut OpenFile<'a>> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let name = self.name(common.target);
                let many = !common.target.fanout.keys.is_empty();
                let encoder = common.form.encoder(if many { SMALL_BLOCK_BYTES } else { BLOCK_BYTES })?;
                let open = OpenFile::begin(encoder, common.target, name, common.settings).await?;
                self.next += 1;
                Box::new(open)
            }
        };
        Ok(self.open.insert(open))
    }

    /// The name of the next file: that of the part, with a number where it has one of several.
    pub(super) fn name(&self, target: &PartTarget) -> FileName {
        let numbered = self.next > 0 || target.fanout.max_file_bytes.is_some();
        let of = |path: &str| {
            let (directory, file) = path.rsplit_once('/').map_or(("", path), |(dir, file)| (dir, file));
            let file = if numbered { layout::numbered(file, self.next) } else { file.to_owned() };
            let slash = if directory.is_empty() { "" } else { "/" };
            format!("{directory}{slash}{}{file}", self.directory)
        };
        FileName { path: of(&target.path), name: of(&target.name) }
    }
}
