//! Record batches to the bytes of one Parquet file.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, SchemaRef};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use super::blocks::Blocks;
use super::columns::{Choice, ChunkEncoder, Codec, GeneralColumns, Kind};
use super::writer::WriterSettings;
use crate::error::{Error, Result};
use crate::readers::{converted, field_for};

/// Encodes batches; what is finished waits in [`Blocks`].
pub(super) struct FileEncoder {
    file: SerializedFileWriter<Blocks>,
    codec: Codec,
    columns: Vec<Column>,
    general: GeneralColumns,
    group_rows: usize,
    /// Encoders of the row group that is being filled, one per column; none if it has no rows.
    encoders: Vec<Box<dyn ChunkEncoder>>,
    rows: usize,
}

/// What is decided about a column once for the file.
struct Column {
    name: String,
    kind: Kind,
    /// The types before and after, if readers take another form of it.
    conversion: Option<[DataType; 2]>,
    /// Its only leaf, if it is not a general one.
    leaf: Option<ColumnDescPtr>,
    choice: Choice,
}

impl FileEncoder {
    /// An encoder for batches of `schema`.
    ///
    /// Errors: those of [`WriterSettings::check`].
    pub(super) fn new(schema: &SchemaRef, settings: &WriterSettings) -> Result<Self> {
        let layout = settings.layout(schema)?;
        let file = SerializedFileWriter::new(
            Blocks::default(),
            layout.columns.root_schema_ptr(),
            Arc::new(layout.properties),
        )
        .map_err(Error::from_parquet)?;
        let mut leaves: Vec<Vec<ColumnDescPtr>> = vec![Vec::new(); layout.schema.fields().len()];
        for (at, leaf) in layout.columns.columns().iter().enumerate() {
            leaves[layout.columns.get_column_root_idx(at)].push(Arc::clone(leaf));
        }
        let mut columns = Vec::with_capacity(leaves.len());
        let mut general: Vec<FieldRef> = Vec::new();
        for ((field, leaves), given) in layout.schema.fields().iter().zip(&leaves).zip(schema.fields()) {
            let kind = Kind::of(field, leaves);
            if kind == Kind::General {
                general.push(Arc::clone(field));
            }
            let choice = Choice {
                compression: layout.compression,
                dictionary: !settings.dictionary_off.contains(field.name()),
                delta: settings.parquet.encodings.has_delta(),
            };
            let (name, leaf) = (field.name().clone(), leaves.first().cloned());
            // Without the ids inside of it, of which the batches know nothing.
            let taken = field_for(given, &settings.parquet.readers);
            let conversion = (given.data_type() != taken.data_type())
                .then(|| [given.data_type().clone(), taken.data_type().clone()]);
            columns.push(Column { name, kind, conversion, leaf, choice });
        }
        Ok(Self {
            general: GeneralColumns::new(general, file.properties())?,
            file,
            codec: Codec::new(settings.parquet.compression)?,
            columns,
            group_rows: settings.parquet.row_group_rows.max(1),
            encoders: Vec::new(),
            rows: 0,
        })
    }

    /// Appends `batch`, whose columns are those of the schema.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut values = Vec::with_capacity(self.columns.len());
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            values.push(match &column.conversion {
                Some([from, to]) => {
                    converted(array, from, to).map_err(|error| error.with("column", &column.name))?
                }
                None => Arc::clone(array),
            });
        }
        let mut at = 0;
        while at < batch.num_rows() {
            let rows = (self.group_rows - self.rows).min(batch.num_rows() - at);
            if self.encoders.is_empty() {
                self.encoders = self.new_encoders()?;
            }
            for (i, encoder) in self.encoders.iter_mut().enumerate() {
                let column: &ArrayRef = &values[i];
                let piece = if rows == column.len() { Arc::clone(column) } else { column.slice(at, rows) };
                let written = encoder.write(&mut self.codec, &piece);
                written.map_err(|error| error.with("column", &self.columns[i].name))?;
            }
            self.rows += rows;
            at += rows;
            if self.rows >= self.group_rows {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn new_encoders(&self) -> Result<Vec<Box<dyn ChunkEncoder>>> {
        let mut general = self.general.encoders()?;
        let encoder = |column: &Column| {
            let own = column.leaf.as_ref().and_then(|leaf| column.kind.encoder(leaf, column.choice));
            own.or_else(|| general.next()).ok_or_else(|| Error::internal("a column has no encoder"))
        };
        self.columns.iter().map(encoder).collect()
    }

    /// Bytes of the row group that are held, encoded or not.
    pub(super) fn memory(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.memory()).sum()
    }

    /// Ends the row group, if it has rows.
    pub(super) fn end_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(Error::from_parquet)?;
        for (encoder, column) in self.encoders.drain(..).zip(&self.columns) {
            encoder
                .finish(&mut self.codec, &mut group)
                .map_err(|error| error.with("column", &column.name))?;
        }
        group.close().map_err(Error::from_parquet)?;
        self.rows = 0;
        Ok(())
    }

    /// Ends the file and returns its footer.
    pub(super) fn finish(&mut self) -> Result<ParquetMetaData> {
        self.end_group()?;
        self.file.finish().map_err(Error::from_parquet)
    }

    /// The finished bytes.
    pub(super) fn blocks(&mut self) -> &mut Blocks {
        self.file.inner_mut()
    }

    /// Bytes written so far, sent or not.
    pub(super) fn bytes_written(&self) -> usize {
        self.file.bytes_written()
    }
}
