//! One stream of batches to one Parquet file that nobody sees yet.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::file::FileEncoder;
use super::laps::Laps;
use super::schema::is_source_column;
use super::stats::column_stats;
use super::writer::WriterSettings;
use crate::catalog::Slice;
use crate::destination::{Destination, PendingUpload, Upload};
use crate::error::{Code, Error, Result};
use crate::manifest::{ColumnStats, FileEntry};

/// Progress callback: rows and Arrow bytes passed to the encoder. A part that fails reports its total negated, since it
/// may be written again.
pub type ProgressFn = Arc<dyn Fn(i64, i64) + Send + Sync>;

/// Where a part goes.
#[derive(Debug, Clone)]
pub struct PartTarget {
    /// The destination.
    pub destination: Arc<dyn Destination>,
    /// The file's path below the base.
    pub path: String,
    /// The file's name relative to its table's directory: the end of `path`.
    pub name: String,
    /// Number of the part.
    pub part: usize,
    /// The slice of the source it holds.
    pub slice: Slice,
    /// Estimated bytes of source.
    pub est_bytes: u64,
    /// Whether the table has no other part: one that is small is then kept and not uploaded.
    pub only: bool,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedPart {
    /// Its number.
    pub part: usize,
    /// Rows in it.
    pub rows: u64,
    /// Its file; none for a slice without rows.
    pub file: Option<PreparedFile>,
}

impl PreparedPart {
    /// Notes how long a connection for it was waited for.
    pub fn waited(&mut self, seconds: f64) {
        if let Some(cost) = self.file.as_mut().and_then(|file| file.entry.cost.as_mut()) {
            cost.waiting_ms = (seconds * 1000.0).round() as u64;
        }
    }
}

/// A file that a commit can make visible: its bytes are at the store, or kept here if there are few.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedFile {
    /// The upload; without an id if the content is kept.
    pub upload: PendingUpload,
    /// What the manifest will say about it.
    pub entry: FileEntry,
    /// The content, if it was not uploaded. Travels beside the JSON and not in it.
    #[serde(skip)]
    pub kept: Option<Kept>,
}

/// The content of a small file. Debug shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept(pub Bytes);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.0.len())
    }
}

/// Writes the rows of `stream` into one invisible file. A stream without rows leaves nothing.
///
/// Memory is bounded by `row_group_bytes` and a few blocks. An error of the stream, the encoder or the
/// destination aborts the upload, and so does dropping the future.
pub async fn write_part(
    mut stream: SendableRecordBatchStream,
    target: &PartTarget,
    settings: &WriterSettings,
    progress: Option<&ProgressFn>,
) -> Result<PreparedPart> {
    let schema = stream.schema();
    let mut writer: Option<PartWriter<'_>> = None;
    let mut laps = Laps::start();
    let mut reported = (0, 0);
    let outcome = async {
        while let Some(batch) = stream.next().await {
            laps.read();
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                empty => empty.insert(PartWriter::open(&schema, target, settings).await?),
            };
            laps.stored();
            writer.write(&batch, &mut laps).await?;
            // A stream that is always ready must not keep a cancel or its neighbours waiting.
            tokio::task::coop::consume_budget().await;
            if let Some(progress) = progress {
                let (rows, bytes) = (signed(batch.num_rows()), signed(batch.get_array_memory_size()));
                reported = (reported.0 + rows, reported.1 + bytes);
                progress(rows, bytes);
            }
        }
        laps.read();
        Ok(())
    }
    .await;
    let prepared = conclude(writer, outcome, target, laps).await;
    if let (Err(_), Some(progress)) = (&prepared, progress) {
        progress(-reported.0, -reported.1);
    }
    prepared
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Writes a file with the columns of `schema` and no rows, the only one of its table.
pub async fn write_empty(
    schema: &SchemaRef,
    target: &PartTarget,
    settings: &WriterSettings,
) -> Result<PreparedPart> {
    let target = &PartTarget { only: true, ..target.clone() };
    let writer = PartWriter::open(schema, target, settings).await.map_err(|error| placed(error, target))?;
    conclude(Some(writer), Ok(()), target, Laps::start()).await
}

/// Finishes the file, or removes what there is of it and returns the error.
async fn conclude(
    writer: Option<PartWriter<'_>>,
    outcome: Result<()>,
    target: &PartTarget,
    mut laps: Laps,
) -> Result<PreparedPart> {
    let Some(mut writer) = writer else {
        return match outcome {
            Ok(()) => Ok(PreparedPart { part: target.part, rows: 0, file: None }),
            Err(error) => Err(placed(error, target)),
        };
    };
    let columns = match outcome {
        Ok(()) => writer.close(&mut laps).await,
        Err(error) => Err(error),
    };
    let (columns, encoded_bytes) = match columns {
        Ok(closed) => closed,
        Err(error) => {
            tell(writer.upload.abort().await, target);
            return Err(placed(error, target));
        }
    };
    let kept = if target.only { writer.upload.take_back().map(Kept) } else { None };
    let upload = match &kept {
        Some(Kept(content)) => PendingUpload {
            path: target.path.clone(),
            upload_id: String::new(),
            part_tags: Vec::new(),
            bytes: content.len() as u64,
            crc32: format!("{:08x}", crc32fast::hash(content)),
        },
        None => writer.upload.finish().await.map_err(|error| placed(error, target))?,
    };
    if upload.bytes != writer.sent {
        let message = format!("{} bytes were sent and {} arrived", writer.sent, upload.bytes);
        tell(target.destination.abort(&upload).await, target);
        return Err(placed(Error::internal(message), target));
    }
    laps.stored();
    let entry = FileEntry {
        name: target.name.clone(),
        rows: writer.rows,
        bytes: upload.bytes,
        crc32: upload.crc32.clone(),
        e_tag: None,
        part: target.part,
        slice: target.slice.clone(),
        source_hash: None,
        columns,
        cost: Some(laps.cost(encoded_bytes)),
        leftover: false,
    };
    Ok(PreparedPart {
        part: target.part,
        rows: writer.rows,
        file: Some(PreparedFile { upload, entry, kept }),
    })
}

/// The error that made us give up is the one to return; this one is only logged.
fn tell(aborted: Result<()>, target: &PartTarget) {
    if let Err(error) = aborted {
        tracing::warn!(path = target.path, %error, "an unfinished upload was not removed; the next run removes it");
    }
}

fn placed(error: Error, target: &PartTarget) -> Error {
    error.with("part", target.part).with("path", &target.path)
}

struct PartWriter<'a> {
    settings: &'a WriterSettings,
    schema: SchemaRef,
    /// Columns that an expression made: nobody but us has seen whether their decimals fit.
    computed: Vec<bool>,
    encoder: FileEncoder,
    upload: Box<dyn Upload>,
    rows: u64,
    sent: u64,
}

impl<'a> PartWriter<'a> {
    async fn open(schema: &SchemaRef, target: &PartTarget, settings: &'a WriterSettings) -> Result<Self> {
        let encoder = FileEncoder::new(schema, settings)?;
        let (destination, path) = (&target.destination, &target.path);
        let upload = if target.only {
            destination.create_later(path, target.est_bytes).await?
        } else {
            destination.create(path, target.est_bytes).await?
        };
        let computed = schema.fields().iter().map(|field| !is_source_column(field)).collect();
        Ok(Self { settings, schema: Arc::clone(schema), computed, encoder, upload, rows: 0, sent: 0 })
    }

    async fn write(&mut self, batch: &RecordBatch, laps: &mut Laps) -> Result<()> {
        self.check(batch)?;
        self.encoder.write(batch)?;
        self.rows += batch.num_rows() as u64;
        // What is encoded and what is held to encode more: memory is the promise, not the file's layout.
        if self.encoder.memory() >= self.settings.parquet.row_group_bytes {
            self.encoder.end_group()?;
        }
        laps.encoded();
        let drained = self.drain(false).await;
        laps.stored();
        drained
    }

    /// The encoder trusts its caller: it would cut surplus columns, write what lies under a NULL of a
    /// required column, and keep the low bits of a decimal that is too long.
    fn check(&self, batch: &RecordBatch) -> Result<()> {
        if batch.num_columns() != self.schema.fields().len() {
            let message =
                format!("a batch has {} columns, its schema {}", batch.num_columns(), self.computed.len());
            return Err(Error::internal(message));
        }
        for (i, field) in self.schema.fields().iter().enumerate() {
            let column = batch.column(i);
            if !field.data_type().equals_datatype(column.data_type()) {
                let message =
                    format!("a batch has {} where {} was planned", column.data_type(), field.data_type());
                return Err(Error::internal(message).with("column", field.name()));
            }
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return Err(Error::data("a NULL in a column that has none by its definition")
                    .coded(Code::RowsContradict)
                    .with("column", field.name()));
            }
            if self.computed[i] {
                decimals_fit(column).map_err(|error| error.with("column", field.name()))?;
            }
        }
        Ok(())
    }

    /// Sends the blocks that are full; with `all`, the rest too.
    async fn drain(&mut self, all: bool) -> Result<()> {
        while let Some(block) = self.encoder.blocks().next(all) {
            self.sent += block.len() as u64;
            self.upload.put_part(block).await?;
        }
        Ok(())
    }

    /// Writes the footer and compares it with what was received. Returns its statistics and the bytes that were
    /// encoded, before compression.
    async fn close(&mut self, laps: &mut Laps) -> Result<(Vec<ColumnStats>, u64)> {
        let metadata = self.encoder.finish()?;
        laps.encoded();
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

/// Decimals that have more digits than their type.
fn decimals_fit(column: &ArrayRef) -> Result<()> {
    let checked = match column.data_type() {
        DataType::Decimal32(precision, _) => {
            column.as_primitive::<Decimal32Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal64(precision, _) => {
            column.as_primitive::<Decimal64Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal128(precision, _) => {
            column.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal256(precision, _) => {
            column.as_primitive::<Decimal256Type>().validate_decimal_precision(*precision)
        }
        _ => Ok(()),
    };
    checked.map_err(|error| {
        Error::data("a computed decimal has more digits than its type")
            .coded(Code::NumericRange)
            .hint("cast the expression in --columns to a decimal that is wide enough")
            .caused_by(error)
    })
}
