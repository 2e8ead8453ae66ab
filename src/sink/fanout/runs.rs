//! Rows that wait on disk, in the order of their keys, for the end of the part.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use datafusion::common::DataFusionError;

use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::sink::open_file::slice_bytes;

/// Rows of a batch on disk at most.
const BATCH_ROWS: usize = 4096;
/// Bytes of a batch on disk, about. One of each run is in memory when runs are read, and wide rows make it small.
const BATCH_BYTES: usize = 64 << 10;
/// Bytes that are written at once.
const BLOCK: usize = 256 << 10;

/// All that waits. The file has no name, so that the system frees it when the process ends, however it ends.
#[derive(Default)]
pub(super) struct Runs {
    file: Option<Arc<File>>,
    bytes: u64,
    runs: Vec<Run>,
    /// Rows that were put away and not taken.
    left: usize,
}

/// Rows that were put away together.
struct Run {
    /// Keys and their numbers of rows, in the order of the rows.
    keys: VecDeque<(u32, u32)>,
    /// Where what was read ends.
    at: u64,
    /// Where the messages end that were not read: the schema, the batches, and the end of them.
    ends: VecDeque<u64>,
    decoder: StreamDecoder,
    /// What the decoder left of the last message. One that has no body is only complete with the next.
    message: Buffer,
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
        let (at, number) = (self.bytes, rows.num_rows());
        let ends = blocking(move || write(&file, at, &rows).map_err(failed)).await?;
        self.bytes = ends.back().copied().unwrap_or(at);
        self.left += number;
        self.runs.push(Run {
            keys: keys.into(),
            at,
            ends,
            decoder: StreamDecoder::new(),
            message: Buffer::default(),
            rest: None,
        });
        Ok(())
    }

    /// The next rows that wait, of the first key in `order` that has any, in the order in which they were put away: about
    /// `rows` or `bytes` of them. Keys without rows are taken from `order`, in which every run has its keys. None when
    /// there are no more.
    pub(super) async fn next(
        &mut self,
        order: &mut VecDeque<u32>,
        rows: usize,
        bytes: usize,
    ) -> Result<Option<(u32, Vec<RecordBatch>)>> {
        while let Some(key) = order.front().copied()
            && !self.runs.iter().any(|run| run.has(key))
        {
            order.pop_front();
        }
        let (Some(key), Some(file)) = (order.front().copied(), &self.file) else {
            // So many are gone after an error, or when a key is not in `order`.
            return match self.left {
                0 => Ok(None),
                left => Err(Error::internal(format!("{left} rows that wait on disk are not found"))),
            };
        };
        let (file, mut runs) = (Arc::clone(file), std::mem::take(&mut self.runs));
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
        self.left -= pieces.iter().map(RecordBatch::num_rows).sum::<usize>();
        Ok(Some((key, pieces)))
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
        if some < batch.num_rows() {
            self.rest = Some(batch.slice(some, batch.num_rows() - some));
        }
        Ok(batch.slice(0, some))
    }

    fn read(&mut self, file: &File) -> Result<RecordBatch> {
        loop {
            if self.message.is_empty() {
                let Some(end) = self.ends.pop_front() else {
                    return Err(Error::internal("a run on disk ends before its last row"));
                };
                self.message = bytes(file, self.at, end).map_err(|error| failed(error.into()))?;
                self.at = end;
            }
            if let Some(batch) = self.decoder.decode(&mut self.message).map_err(failed)? {
                return Ok(batch);
            }
        }
    }
}

/// A number of rows or of a key, of which a part has less than 2^32.
pub(super) fn count(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|error| Error::internal("rows of a run").caused_by(error))
}

/// Writes `rows` as a stream at `at`. Returns where its schema ends, each of its batches, and the stream itself.
fn write(file: &Arc<File>, at: u64, rows: &RecordBatch) -> std::result::Result<VecDeque<u64>, ArrowError> {
    let out = BufWriter::with_capacity(BLOCK, End { file: Arc::clone(file), at });
    let mut writer = StreamWriter::try_new(out, &rows.schema())?;
    let end = |writer: &StreamWriter<BufWriter<End>>| {
        let out = writer.get_ref();
        out.get_ref().at + out.buffer().len() as u64
    };
    let mut ends = VecDeque::from([end(&writer)]);
    let of_row = slice_bytes(rows) / rows.num_rows().max(1);
    let batch = (BATCH_BYTES / of_row.max(1)).clamp(1, BATCH_ROWS);
    for from in (0..rows.num_rows()).step_by(batch) {
        writer.write(&rows.slice(from, batch.min(rows.num_rows() - from)))?;
        ends.push_back(end(&writer));
    }
    writer.finish()?;
    ends.push_back(end(&writer));
    writer.into_inner()?.flush()?;
    Ok(ends)
}

/// Bytes `from..to` of a file.
fn bytes(file: &File, from: u64, to: u64) -> io::Result<Buffer> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes.into())
}

/// What is appended to a file.
struct End {
    file: Arc<File>,
    at: u64,
}

impl Write for End {
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
