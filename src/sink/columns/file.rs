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

use super::bloom::BloomChoice;
use super::codec::Codec;
use super::encoder::{Choice, ChunkEncoder, INDEXED_PAGE_ROWS};
use super::error::{Error, Result};
use super::general::GeneralColumns;
use super::kind::Kind;

/// Properties of a file as it is written here, but for its codecs.
///
/// Chunk statistics steer readers past files and row groups. Those of pages, and where pages begin, steer them past
/// pages where rows are in an order: with `page_index`.
pub(in super::super) fn file_properties(page_index: bool) -> WriterPropertiesBuilder {
    let properties = WriterProperties::builder().set_offset_index_disabled(!page_index);
    if page_index {
        properties
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_data_page_row_count_limit(INDEXED_PAGE_ROWS)
    } else {
        properties.set_statistics_enabled(EnabledStatistics::Chunk)
    }
}

/// What the properties of a file do not say.
#[derive(Debug, Clone)]
pub(in super::super) struct Settings {
    /// Whether packed differences may be used.
    pub(in super::super) delta: bool,
    /// Rows after which a row group ends.
    pub(in super::super) group_rows: usize,
    /// Whether chunks have a Bloom filter, for each column of the schema. What is missing has none.
    pub(in super::super) bloom_filters: Vec<BloomChoice>,
}

/// Encodes batches into a file that is written to `W`.
pub(in super::super) struct FileWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// One for all columns that have it: tables are large, and so is room for a page.
    codecs: Vec<(Compression, Codec)>,
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
    /// Its only leaf, or the first of a general one.
    leaf: ColumnDescPtr,
    choice: Choice,
    /// The place of its codec.
    codec: usize,
}

impl<W: Write + Send> FileWriter<W> {
    /// A writer of batches of `schema`, which Parquet stores as `stored`, to `out`. `properties` are [`file_properties`],
    /// and say which codec leaves have and which have no dictionary. All leaves of a column have one codec.
    ///
    /// Errors: for a codec that is not written, and for types that Parquet does not have.
    pub(in super::super) fn new(
        out: W,
        schema: &Schema,
        stored: &SchemaDescriptor,
        properties: impl Into<Arc<WriterProperties>>,
        settings: Settings,
    ) -> Result<Self> {
        let file = SerializedFileWriter::new(out, stored.root_schema_ptr(), properties.into())?;
        let mut leaves: Vec<Vec<ColumnDescPtr>> = vec![Vec::new(); schema.fields().len()];
        for (at, leaf) in stored.columns().iter().enumerate() {
            leaves[stored.get_column_root_idx(at)].push(Arc::clone(leaf));
        }
        let mut columns = Vec::with_capacity(leaves.len());
        let mut general: Vec<(FieldRef, BloomChoice)> = Vec::new();
        let mut codecs: Vec<(Compression, Codec)> = Vec::new();
        for (at, (field, leaves)) in schema.fields().iter().zip(&leaves).enumerate() {
            let kind = Kind::of(field, leaves);
            let bloom = settings.bloom_filters.get(at).copied().unwrap_or_default();
            if kind == Kind::General {
                general.push((Arc::clone(field), bloom));
            }
            let leaf = leaves.first().ok_or(Error::OtherShape)?;
            let choice = Choice {
                compression: file.properties().compression(leaf.path()),
                dictionary: file.properties().dictionary_enabled(leaf.path()),
                delta: settings.delta,
                indexed: !file.properties().offset_index_disabled(),
                bloom,
            };
            let codec = match codecs.iter().position(|(of, _)| *of == choice.compression) {
                Some(known) => known,
                None => {
                    codecs.push((choice.compression, Codec::new(choice.compression)?));
                    codecs.len() - 1
                }
            };
            columns.push(Column { name: field.name().clone(), kind, leaf: Arc::clone(leaf), choice, codec });
        }
        Ok(Self {
            general: GeneralColumns::new(general, file.properties())?,
            file,
            codecs,
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
                let written = encoder.write(&mut self.codecs[column.codec].1, &piece);
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
            let own = column.kind.encoder(&column.leaf, column.choice);
            own.or_else(|| general.next()).ok_or(Error::NoEncoder)
        };
        self.columns.iter().map(encoder).collect()
    }

    /// Bytes of the row group that are held, encoded or not.
    pub(in super::super) fn memory(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.memory()).sum()
    }

    /// Bytes that the row group would have if it ended now, but for the compression of what is not in a page yet.
    pub(in super::super) fn encoded(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.encoded()).sum()
    }

    /// Ends the row group, if it has rows.
    pub(in super::super) fn end_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for (encoder, column) in self.encoders.drain(..).zip(&self.columns) {
            let finished = encoder.finish(&mut self.codecs[column.codec].1, &mut group);
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
