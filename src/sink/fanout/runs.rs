//! Rows that wait on disk, in the order of their keys, for the end of the part.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use datafusion::common::DataFusionError;

use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::sink::open_file::slice_bytes;

/// Rows of a batch on disk at most.
const BATCH_ROWS: usize = 1024;
/// Bytes of a batch on disk, about. One of each run is in memory when runs are read, and wide rows make it small.
const BATCH_BYTES: usize = 64 << 10;
/// Bytes that are written at once.
const BLOCK: usize = 256 << 10;
/// Bytes that are read at once, of each run: what a batch begins with. Its values are read past it.
const HEAD: usize = 4 << 10;

/// All that waits. The file has no name, so that the system frees it when the process ends, however it ends.
#[derive(Default)]
pub(super) struct Runs {
    file: Option<Arc<File>>,
    bytes: u64,
    runs: Vec<Run>,
}

/// Rows that were put away together.
struct Run {
    /// Keys and their numbers of rows, in the order of the rows.
    keys: VecDeque<(u32, u32)>,
    from: u64,
    to: u64,
    reader: Option<StreamReader<BufReader<Range>>>,
    /// What was read and not taken.
    rest: Option<RecordBatch>,
}

impl Runs {
    /// Puts `rows` away, whose `keys` follow each other: each with its number of rows.
    pub(super) async fn put(&mut self, rows: RecordBatch, keys: Vec<(u32, u32)>) -> Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let made = blocking(|| tempfile::tempfile().map_err(|error| failed(error.into()))).await?;
                Arc::clone(self.file.insert(Arc::new(made)))
            }
        };
        let from = self.bytes;
        let to = blocking(move || write(&file, from, &rows).map_err(failed)).await?;
        self.bytes = to;
        self.runs.push(Run { keys: keys.into(), from, to, reader: None, rest: None });
        Ok(())
    }

    /// The next rows of `key`, in the order in which they were put away: about `rows` or `bytes` of them, and none when
    /// there are no more. Keys must be asked for in the order in which every run has them.
    pub(super) async fn next(&mut self, key: u32, rows: usize, bytes: usize) -> Result<Vec<RecordBatch>> {
        let file = match &self.file {
            Some(file) if self.runs.iter().any(|run| run.has(key)) => Arc::clone(file),
            _ => return Ok(Vec::new()),
        };
        let mut runs = std::mem::take(&mut self.runs);
        // All at once: a change of threads costs more than a piece.
        let (runs, pieces) = blocking(move || {
            let (mut pieces, mut found) = (Vec::new(), (0, 0));
            for run in &mut runs {
                while run.has(key) && (pieces.is_empty() || (found.0 < rows && found.1 < bytes)) {
                    let piece = run.next(&file)?;
                    found = (found.0 + piece.num_rows(), found.1 + slice_bytes(&piece));
                    pieces.push(piece);
                }
            }
            Ok((runs, pieces))
        })
        .await?;
        self.runs = runs;
        Ok(pieces)
    }
}

impl Run {
    /// Whether `key` is the first of those whose rows are left.
    fn has(&self, key: u32) -> bool {
        self.keys.front().is_some_and(|(first, _)| *first == key)
    }

    /// Some rows of the first key.
    fn next(&mut self, file: &Arc<File>) -> Result<RecordBatch> {
        let batch = match self.rest.take() {
            Some(batch) => batch,
            None => self.read(file)?,
        };
        let Some((_, wanted)) = self.keys.front_mut() else {
            return Err(Error::internal("a run on disk has no more keys"));
        };
        let some = batch.num_rows().min(*wanted as usize);
        *wanted -= count(some)?;
        if *wanted == 0 {
            self.keys.pop_front();
        }
        if self.keys.is_empty() {
            self.reader = None;
        }
        if some < batch.num_rows() {
            self.rest = Some(batch.slice(some, batch.num_rows() - some));
        }
        Ok(batch.slice(0, some))
    }

    fn read(&mut self, file: &Arc<File>) -> Result<RecordBatch> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let range = Range { file: Arc::clone(file), at: self.from, end: self.to };
                let range = BufReader::with_capacity(HEAD, range);
                none.insert(StreamReader::try_new(range, None).map_err(failed)?)
            }
        };
        let batch = reader.next().transpose().map_err(failed)?;
        batch.ok_or_else(|| Error::internal("a run on disk ends before its last row"))
    }
}

/// A number of rows or of a key, of which a part has less than 2^32.
pub(super) fn count(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|error| Error::internal("rows of a run").caused_by(error))
}

/// Writes `rows` as a stream at `from`; where it ends.
fn write(file: &Arc<File>, from: u64, rows: &RecordBatch) -> std::result::Result<u64, ArrowError> {
    let out = BufWriter::with_capacity(BLOCK, Range { file: Arc::clone(file), at: from, end: u64::MAX });
    let mut writer = StreamWriter::try_new(out, &rows.schema())?;
    let of_row = slice_bytes(rows) / rows.num_rows().max(1);
    let batch = (BATCH_BYTES / of_row.max(1)).clamp(1, BATCH_ROWS);
    for at in (0..rows.num_rows()).step_by(batch) {
        writer.write(&rows.slice(at, batch.min(rows.num_rows() - at)))?;
    }
    writer.finish()?;
    let out = writer.into_inner()?.into_inner().map_err(|error| ArrowError::from(error.into_error()))?;
    Ok(out.at)
}

/// A part of a file.
struct Range {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Range {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(out.len());
        let read = self.file.read_at(&mut out[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for Range {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(data, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of the temporary directory, as those of the query engine.
fn failed(error: ArrowError) -> Error {
    DataFusionError::from(error).into()
}
