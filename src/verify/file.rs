//! Files read back from a destination.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt, TryStreamExt};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::bloom_filter::Sbbf;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::footer;
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::fingerprint::{Fingerprint, RowHasher, Rule};

/// Bytes that are asked for at once when all are read.
const BLOCK: u64 = 8 << 20;
/// The end of a file that is asked for at once: most footers fit.
const FOOTER: u64 = 64 << 10;
/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1024;

/// A Parquet file at a destination.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// The destination.
    pub destination: Arc<dyn Destination>,
    /// Path below the base.
    pub path: String,
    /// Its size, by the destination.
    pub bytes: u64,
}

/// What the values of a file are.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Rows that were decoded.
    pub rows: u64,
    /// NULLs per top-level column, with its name.
    pub nulls: Vec<(String, u64)>,
    /// Their fingerprint, if it was asked for.
    pub fingerprint: Option<Fingerprint>,
}

impl StoredFile {
    /// The footer.
    ///
    /// Errors: `Data` when there is none that can be understood; those of the destination.
    pub async fn footer(&self) -> Result<Arc<ParquetMetaData>> {
        self.clone().get_metadata(None).await.map_err(unreadable)
    }

    /// The footer with the page indexes, where the file has any.
    ///
    /// Errors: as of [`footer`](Self::footer).
    pub async fn with_page_index(&self) -> Result<ParquetMetaData> {
        let footer = Arc::unwrap_or_clone(self.footer().await?);
        let reader = ParquetMetaDataReader::new_with_metadata(footer);
        let mut reader = reader.with_page_index_policy(PageIndexPolicy::Optional);
        reader.load_page_index(&mut self.clone()).await.map_err(unreadable)?;
        reader.finish().map_err(unreadable)
    }

    /// The Bloom filters of column chunks, each named by its row group and its place among the columns of Parquet.
    /// Those that the file does not have are left out.
    ///
    /// Errors: `Data` when one cannot be understood; those of the destination.
    pub async fn bloom_filters(
        &self,
        metadata: &Arc<ParquetMetaData>,
        wanted: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<HashMap<(usize, usize), Sbbf>> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata), options).map_err(unreadable)?;
        let mut reader = ParquetRecordBatchStreamBuilder::new_with_metadata(self.clone(), metadata);
        let mut filters = HashMap::new();
        for (group, column) in wanted {
            let filter = reader.get_row_group_column_bloom_filter(group, column).await.map_err(unreadable)?;
            filters.extend(filter.map(|filter| ((group, column), filter)));
        }
        Ok(filters)
    }

    /// CRC-32 of all bytes, eight hex digits.
    pub async fn crc32(&self) -> Result<String> {
        let mut crc = crc32fast::Hasher::new();
        let mut at = 0;
        while at < self.bytes {
            let end = self.bytes.min(at + BLOCK);
            crc.update(&self.destination.read_range(&self.path, at..end).await?);
            at = end;
        }
        Ok(format!("{:08x}", crc.finalize()))
    }

    /// Decodes every value, and hashes the rows if there is a rule for it.
    ///
    /// Errors: `Data` when something cannot be decoded, or a column has no form that can be hashed; those of the
    /// destination.
    pub async fn values(&self, hash: Option<Rule>) -> Result<Values> {
        let file = self.clone();
        // A task of its own: what a damaged file does to the decoder must not end the program.
        let read = tokio::spawn(async move { file.decode(hash).await });
        let mut guard = AbortOnDrop(read);
        match (&mut guard.0).await {
            Ok(values) => values,
            Err(panic) => {
                Err(Error::data("the file cannot be decoded").coded(Code::FileDamaged).caused_by(panic))
            }
        }
    }

    async fn decode(self, hash: Option<Rule>) -> Result<Values> {
        let builder = ParquetRecordBatchStreamBuilder::new(self).await.map_err(unreadable)?;
        let schema = Arc::clone(builder.schema());
        let mut hasher = hash.map(|rule| RowHasher::new(&schema, rule)).transpose()?;
        let names = schema.fields().iter().map(|field| (field.name().clone(), 0));
        let (mut rows, mut nulls) = (0, names.collect::<Vec<(String, u64)>>());
        let mut batches = builder.with_batch_size(BATCH_ROWS).build().map_err(unreadable)?;
        while let Some(batch) = batches.try_next().await.map_err(unreadable)? {
            rows += batch.num_rows() as u64;
            count_nulls(&batch, &mut nulls);
            if let Some(hasher) = &mut hasher {
                hasher.add(&batch)?;
            }
            tokio::task::coop::consume_budget().await;
        }
        Ok(Values { rows, nulls, fingerprint: hasher.map(RowHasher::finish) })
    }
}

fn count_nulls(batch: &RecordBatch, nulls: &mut [(String, u64)]) {
    for ((_, nulls), column) in nulls.iter_mut().zip(batch.columns()) {
        *nulls += column.null_count() as u64;
    }
}

/// Ends a task that nobody waits for any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Errors of the destination come out as they are; all others are about the file's content.
fn unreadable(error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => {
                Error::data("the file cannot be read as Parquet").coded(Code::FileDamaged).caused_by(other)
            }
        },
        other => Error::data("the file cannot be read as Parquet").coded(Code::FileDamaged).caused_by(other),
    }
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            if range.end > self.bytes {
                return Err(ParquetError::EOF(format!("there are {} bytes, not {}", self.bytes, range.end)));
            }
            self.destination
                .read_range(&self.path, range)
                .map_err(|error| ParquetError::External(Box::new(error)))
                .await
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let footer =
                self.footer_bytes().await.map_err(|error| ParquetError::External(Box::new(error)))?;
            Ok(Arc::new(ParquetMetaDataReader::decode_metadata(&footer)?))
        }
        .boxed()
    }
}

impl StoredFile {
    /// The bytes of the footer, looked at before anybody trusts them.
    async fn footer_bytes(&self) -> Result<Bytes> {
        let end = self.bytes;
        if end < footer::TAIL_BYTES {
            return Err(Error::data("the file is too short to be a Parquet file").coded(Code::FileDamaged));
        }
        let at = end.saturating_sub(FOOTER);
        let last = self.destination.read_range(&self.path, at..end).await?;
        let split = last.len().saturating_sub(footer::TAIL_BYTES as usize);
        let length = footer::length(&last[split..], end)? as usize;
        let footer = match split.checked_sub(length) {
            Some(begin) => last.slice(begin..split),
            None => {
                let tail = end - footer::TAIL_BYTES;
                self.destination.read_range(&self.path, tail - length as u64..tail).await?
            }
        };
        footer::check(&footer)?;
        Ok(footer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_nobody_waits_for_ends() {
        let (held, ended) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop(AbortOnDrop(task));
        let waited = crate::clock::timeout(std::time::Duration::from_secs(20), ended).await;
        assert!(waited.expect("the task has ended").is_err());
    }
}
