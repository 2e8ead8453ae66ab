//! Files without rows, in the place of those that may not be deleted.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::file::metadata::{FooterTail, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::file::FileEncoder;
use super::stats::column_stats;
use super::writer::{CREATED_BY, WriterSettings};
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::manifest::ColumnStats;

/// Bytes at the end of a file that say how long its footer is.
const TAIL: u64 = 8;

/// A whole file with the columns of a table and no rows.
#[derive(Debug, Clone)]
pub struct EmptyFile {
    pub(crate) content: Bytes,
    pub(crate) columns: Vec<ColumnStats>,
}

impl EmptyFile {
    /// Files of `schema` as `settings` have them, but without rows.
    ///
    /// Errors: as of the first part that would be written.
    pub fn new(schema: &SchemaRef, settings: &WriterSettings) -> Result<Self> {
        let mut encoder = FileEncoder::new(schema, settings)?;
        let metadata = encoder.finish()?;
        let mut content = Vec::new();
        while let Some(block) = encoder.blocks().next(true) {
            content.extend_from_slice(&block);
        }
        Ok(Self { content: content.into(), columns: column_stats(&metadata) })
    }

    /// The columns, and what else the footer says of them, of the file of `bytes` at `path`.
    ///
    /// Errors: `Data` when there is no footer that can be understood; those of the destination.
    pub(crate) async fn like(destination: &dyn Destination, path: &str, bytes: u64) -> Result<Self> {
        let damaged = || {
            Error::data("the file has no footer that can be read").coded(Code::FileDamaged).with("file", path)
        };
        let start = bytes.checked_sub(TAIL).ok_or_else(damaged)?;
        let tail = destination.read_range(path, start..bytes).await?;
        let tail = tail.as_ref().try_into().map_err(|_| damaged())?;
        let length = FooterTail::try_new(tail).map_err(Error::from_parquet)?.metadata_length() as u64;
        let footer = start.checked_sub(length).ok_or_else(damaged)?;
        let footer = destination.read_range(path, footer..start).await?;
        let found = ParquetMetaDataReader::decode_metadata(&footer).map_err(Error::from_parquet)?;
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_key_value_metadata(found.file_metadata().key_value_metadata().cloned());
        let columns = found.file_metadata().schema_descr().root_schema_ptr();
        let mut file = SerializedFileWriter::new(Vec::new(), columns, Arc::new(properties.build()))
            .map_err(Error::from_parquet)?;
        let metadata = file.finish().map_err(Error::from_parquet)?;
        let content = std::mem::take(file.inner_mut());
        Ok(Self { content: content.into(), columns: column_stats(&metadata) })
    }
}
