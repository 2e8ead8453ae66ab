//! Columns of batches to the row groups of one file.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow_schema::{FieldRef, Schema};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use super::codec::Codec;
use super::encoder::{Choice, ChunkEncoder};
use super::error::{Error, Result};
use super::general::GeneralColumns;
use super::kind::Kind;

/// Properties of a file as it is written here, but for its codec.
///
/// Chunk statistics steer readers past files and row groups; those of pages cost more than they save, and where pages
/// begin is of no use without them.
pub(in super::super) fn file_properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
}

/// What the properties of a file do not say.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Settings {
    /// The codec of all columns.
    pub(in super::super) compression: Compression,
    /// Whether packed differences may be used.
    pub(in super::super) delta: bool,
    /// Rows after which a row group ends.
    pub(in super::super) group_rows: usize,
}

/// Encodes batches into a file that is written to `W`.
pub(in super::super) struct FileWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    codec: Codec,
    columns: Vec<Column>,
    general: GeneralColumns,
    group_rows: usize,
    /// Encoders of the row group that is being filled, one per column; none if it has no rows.
    encoders: Vec<Box<dyn ChunkEncoder<W>>>,
    rows: usize,
}

/// What is decided about a column once for the file.
struct Column {
    name: String,
    kind: Kind,
    /// Its only leaf, if it is not a general one.
    leaf: Option<ColumnDescPtr>,
    choice: Choice,
}

impl<W: Write + Send> FileWriter<W> {
    /// A writer of batches of `schema`, which Parquet stores as `stored`, to `out`. `properties` are [`file_properties`] with
    /// the codec of `settings`, and say which leaves have no dictionary.
    ///
    /// Errors: for a codec that is not written, and for types that Parquet does not have.
    pub(in super::super) fn new(
        out: W,
        schema: &Schema,
        stored: &SchemaDescriptor,
        properties: WriterProperties,
        settings: Settings,
    ) -> Result<Self> {
        let file = SerializedFileWriter::new(out, stored.root_schema_ptr(), Arc::new(properties))?;
        let mut leaves: Vec<Vec<ColumnDescPtr>> = vec![Vec::new(); schema.fields().len()];
        for (at, leaf) in stored.columns().iter().enumerate() {
            leaves[stored.get_column_root_idx(at)].push(Arc::clone(leaf));
        }
        let mut columns = Vec::with_capacity(leaves.len());
        let mut general: Vec<FieldRef> = Vec::new();
        for (field, leaves) in schema.fields().iter().zip(&leaves) {
            let kind = Kind::of(field, leaves);
            if kind == Kind::General {
                general.push(Arc::clone(field));
            }
            let leaf = leaves.first().cloned();
            let choice = Choice {
                compression: settings.compression,
                dictionary: leaf.as_ref().is_some_and(|l| file.properties().dictionary_enabled(l.path())),
                delta: settings.delta,
            };
            columns.push(Column { name: field.name().clone(), kind, leaf, choice });
        }
        Ok(Self {
            general: GeneralColumns::new(general, file.properties())?,
            file,
            codec: Codec::new(settings.compression)?,
            columns,
            group_rows: settings.group_rows.max(1),
            encoders: Vec::new(),
            rows: 0,
        })
    }

    /// Appends the `rows` rows of `arrays`, one per column of the schema.
    pub(in super::super) fn write(&mut self, arrays: &[ArrayRef], rows: usize) -> Result<()> {
        if arrays.len() != self.columns.len() {
            return Err(Error::OtherColumns);
        }
        let mut at = 0;
        while at < rows {
            let some = (self.group_rows - self.rows).min(rows - at);
            if self.encoders.is_empty() {
                self.encoders = self.new_encoders()?;
            }
            for ((encoder, array), column) in self.encoders.iter_mut().zip(arrays).zip(&self.columns) {
                let piece = if some == array.len() { Arc::clone(array) } else { array.slice(at, some) };
                let written = encoder.write(&mut self.codec, &piece);
                written.map_err(|error| error.of_column(&column.name))?;
            }
            self.rows += some;
            at += some;
            if self.rows >= self.group_rows {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn new_encoders(&self) -> Result<Vec<Box<dyn ChunkEncoder<W>>>> {
        let mut general = self.general.encoders()?;
        let encoder = |column: &Column| {
            let own = column.leaf.as_ref().and_then(|leaf| column.kind.encoder(leaf, column.choice));
            own.or_else(|| general.next()).ok_or(Error::NoEncoder)
        };
        self.columns.iter().map(encoder).collect()
    }

    /// Bytes of the row group that are held, encoded or not.
    pub(in super::super) fn memory(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.memory()).sum()
    }

    /// Ends the row group, if it has rows.
    pub(in super::super) fn end_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for (encoder, column) in self.encoders.drain(..).zip(&self.columns) {
            let finished = encoder.finish(&mut self.codec, &mut group);
            finished.map_err(|error| error.of_column(&column.name))?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Ends the file and returns its footer.
    pub(in super::super) fn finish(&mut self) -> Result<ParquetMetaData> {
        self.end_group()?;
        Ok(self.file.finish()?)
    }

    /// Where the file is written to.
    pub(in super::super) fn out(&mut self) -> &mut W {
        self.file.inner_mut()
    }

    /// Bytes written so far.
    pub(in super::super) fn bytes_written(&self) -> usize {
        self.file.bytes_written()
    }
}
