//! Columns of all other types, by the encoders of the `parquet` crate: nested ones, floating point, booleans, numbers
//! of more than 64 bits.

use std::io::{Sink, Write, sink};
use std::sync::Arc;
use std::vec::IntoIter;

use arrow::array::ArrayRef;
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::codec::Codec;
use super::encoder::ChunkEncoder;
use super::error::{Error, Result};
use super::nan::{LeavesWithNan, without_bounds};

/// Makes the encoders of those columns of a file that have no other.
pub(super) struct GeneralColumns {
    fields: Vec<FieldRef>,
    /// How many leaves each of the fields has.
    leaves: Vec<usize>,
    factory: ArrowRowGroupWriterFactory,
}

impl GeneralColumns {
    /// Encoders for `fields`, with the settings of the whole file.
    pub(super) fn new(fields: Vec<FieldRef>, properties: &WriterPropertiesPtr) -> Result<Self> {
        let schema = Arc::new(Schema::new(fields.clone()));
        let leaves = |field: &FieldRef| {
            let one = Schema::new(vec![Arc::clone(field)]);
            ArrowSchemaConverter::new().convert(&one).map(|columns| columns.num_columns())
        };
        let leaves = fields.iter().map(leaves).collect::<Result<_, _>>()?;
        let columns = ArrowSchemaConverter::new().convert(&schema)?;
        // Nothing is written here: the crate wants a file to make encoders for.
        let file: SerializedFileWriter<Sink> =
            SerializedFileWriter::new(sink(), columns.root_schema_ptr(), Arc::clone(properties))?;
        let factory = ArrowRowGroupWriterFactory::new(&file, schema);
        Ok(Self { fields, leaves, factory })
    }

    /// One encoder per field, for the next row group.
    pub(super) fn encoders<W: Write + Send>(&self) -> Result<IntoIter<Box<dyn ChunkEncoder<W>>>> {
        if self.fields.is_empty() {
            return Ok(Vec::new().into_iter());
        }
        let mut writers = self.factory.create_column_writers(0)?.into_iter();
        let encoders = self.fields.iter().zip(&self.leaves).map(|(field, leaves)| {
            let writers = writers.by_ref().take(*leaves).collect();
            let nan = LeavesWithNan::new(*leaves);
            Box::new(GeneralEncoder { field: Arc::clone(field), writers, nan }) as Box<dyn ChunkEncoder<W>>
        });
        Ok(encoders.collect::<Vec<_>>().into_iter())
    }
}

/// Encodes the leaves of one field.
struct GeneralEncoder {
    field: FieldRef,
    writers: Vec<ArrowColumnWriter>,
    nan: LeavesWithNan,
}

impl<W: Write + Send> ChunkEncoder<W> for GeneralEncoder {
    fn write(&mut self, _codec: &mut Codec, array: &ArrayRef) -> Result<()> {
        let leaves = compute_leaves(&self.field, array)?;
        if leaves.len() != self.writers.len() {
            return Err(Error::OtherShape);
        }
        for (writer, leaf) in self.writers.iter_mut().zip(&leaves) {
            writer.write(leaf)?;
        }
        self.nan.look_at(array);
        Ok(())
    }

    fn memory(&self) -> usize {
        let held = |w: &ArrowColumnWriter| w.memory_size().max(w.get_estimated_total_bytes());
        self.writers.iter().map(held).sum()
    }

    fn finish(
        self: Box<Self>,
        _codec: &mut Codec,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        for (at, writer) in self.writers.into_iter().enumerate() {
            let mut chunk = writer.close()?;
            if self.nan.has(at) {
                let metadata = &mut chunk.close_mut().metadata;
                *metadata = without_bounds(metadata.clone())?;
            }
            chunk.append_to_row_group(group)?;
        }
        Ok(())
    }
}
