//! One stream of batches to the Parquet files of a part, which nobody sees yet.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::blocks::BLOCK_BYTES;
use super::checked::Checked;
use super::fanout::{Keyed, escape};
use super::file::FileForm;
use super::laps::Laps;
use super::open_file::OpenFile;
use super::series::{Common, Series};
use super::target::{PartTarget, PreparedPart};
use super::writer::WriterSettings;
use super::written::WrittenFiles;
use crate::error::{Error, Result};
use crate::spec::layout::HIVE_NULL;

/// Progress callback: rows and Arrow bytes passed to the encoder. A part that fails reports its total negated, since it
/// may be written again.
pub type ProgressFn = Arc<dyn Fn(i64, i64) + Send + Sync>;

/// Writes the rows of `stream` into invisible files. A stream without rows leaves nothing.
///
/// What the encoders hold is bounded by `row_group_bytes`, and with keys by what the fanout holds too. A few blocks for each
/// open file, and the entry of each written file with its statistics, are not. An error of the stream, the encoder or the
/// destination removes what was written, and so does dropping the future.
pub async fn write_part(
    mut stream: SendableRecordBatchStream,
    target: &PartTarget,
    settings: &WriterSettings,
    progress: Option<&ProgressFn>,
) -> Result<PreparedPart> {
    let mut writer =
        PartWriter::new(&stream.schema(), target, settings).map_err(|error| placed(error, target))?;
    let mut laps = Laps::start();
    let mut reported = (0, 0);
    let outcome = async {
        while let Some(batch) = stream.next().await {
            laps.read();
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let (rows, bytes) = (signed(batch.num_rows()), signed(batch.get_array_memory_size()));
            writer.write(batch).await?;
            // A stream that is always ready must not keep a cancel or its neighbours waiting.
            tokio::task::coop::consume_budget().await;
            if let Some(progress) = progress {
                reported = (reported.0 + rows, reported.1 + bytes);
                progress(rows, bytes);
            }
            laps.skip();
        }
        laps.read();
        writer.close().await
    }
    .await;
    let prepared = match outcome {
        Ok(()) => Ok(writer.prepared(laps.reading_ms())),
        Err(error) => {
            writer.abort().await;
            Err(placed(error, target))
        }
    };
    if let (Err(_), Some(progress)) = (&prepared, progress) {
        progress(-reported.0, -reported.1);
    }
    prepared
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Writes a file with the columns of `schema` and no rows, the only one of its table. With keys it lies in the directory
/// of NULL, so that readers see the columns that the directories have.
pub async fn write_empty(
    schema: &SchemaRef,
    target: &PartTarget,
    settings: &WriterSettings,
) -> Result<PreparedPart> {
    let target = &PartTarget { only: target.fanout.keys.is_empty(), ..target.clone() };
    let written = async {
        let keys = target.fanout.keys.iter();
        let nulls: String = keys.map(|key| format!("{}={HIVE_NULL}/", escape(key))).collect();
        let name = Series::new(nulls).name(target);
        let encoder = FileForm::new(schema, settings)?.encoder(BLOCK_BYTES)?;
        OpenFile::begin(encoder, target, name, settings).await?.close().await
    };
    let file = written.await.map_err(|error| placed(error, target))?;
    Ok(PreparedPart { part: target.part, rows: 0, files: vec![file] })
}

fn placed(error: Error, target: &PartTarget) -> Error {
    error.with("part", target.part).with("path", &target.path)
}

/// The files of a part while it is written. Dropped, nothing of them is left.
struct PartWriter<'a> {
    checked: Checked,
    common: Common<'a>,
    files: Files<'a>,
    done: WrittenFiles,
    rows: u64,
}

enum Files<'a> {
    /// Of one directory.
    Series(Box<Series<'a>>),
    /// Of one directory for each value of the keys.
    Keyed(Box<Keyed<'a>>),
}

impl<'a> PartWriter<'a> {
    fn new(schema: &SchemaRef, target: &'a PartTarget, settings: &'a WriterSettings) -> Result<Self> {
        let columns = schema.fields().len().saturating_sub(target.fanout.keys.len());
        let fields: Vec<_> = schema.fields().iter().take(columns).cloned().collect();
        let in_files = Schema::new_with_metadata(fields, schema.metadata().clone()).into();
        let common = Common { form: FileForm::new(&in_files, settings)?, columns, target, settings };
        let files = match target.fanout.keys.is_empty() {
            true => Files::Series(Box::new(Series::new(String::new()))),
            false => Files::Keyed(Box::new(Keyed::new(&common))),
        };
        let done = WrittenFiles::new(&target.destination);
        Ok(Self { checked: Checked::new(schema), common, files, done, rows: 0 })
    }

    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.checked.check(&batch)?;
        self.rows += batch.num_rows() as u64;
        match &mut self.files {
            Files::Series(series) => series.write(&self.common, &batch, &mut self.done).await,
            Files::Keyed(keyed) => keyed.write(&self.common, batch, &mut self.done).await,
        }
    }

    async fn close(&mut self) -> Result<()> {
        match &mut self.files {
            Files::Series(series) => series.close(&mut self.done).await?,
            Files::Keyed(keyed) => keyed.close(&self.common, &mut self.done).await?,
        }
        let written = self.done.rows();
        if written != self.rows {
            let message = format!("{} rows were received, {written} are in the files", self.rows);
            return Err(Error::internal(message));
        }
        Ok(())
    }

    async fn abort(mut self) {
        match &mut self.files {
            Files::Series(series) => series.abort().await,
            Files::Keyed(keyed) => keyed.abort().await,
        }
        self.done.abort().await;
    }

    /// The part, for whose rows was waited so long.
    fn prepared(self, reading_ms: u64) -> PreparedPart {
        let mut files = self.done.take();
        if let Some(cost) = files.first_mut().and_then(|file| file.entry.cost.as_mut()) {
            cost.reading_ms = reading_ms;
        }
        PreparedPart { part: self.common.target.part, rows: self.rows, files }
    }
}
