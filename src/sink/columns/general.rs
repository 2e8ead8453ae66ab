//! Columns of all other types, by the encoders of the `parquet` crate: nested ones, floating point, booleans, numbers
//! of more than 64 bits.

use std::io::{Sink, Write, sink};
use std::sync::Arc;
use std::vec::IntoIter;

use arrow::array::ArrayRef;
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::bloom::{Bloom, BloomChoice};
use super::codec::Codec;
use super::encoder::ChunkEncoder;
use super::error::{Error, Result};
use super::nan::{LeavesWithNan, without_bounds};

/// Makes the encoders of those columns of a file that have no other.
pub(super) struct GeneralColumns {
    /// With whether their chunks have a Bloom filter.
    fields: Vec<(FieldRef, BloomChoice)>,
    /// For each leaf of each of the fields whether a row may hold several of its values.
    leaves: Vec<Vec<bool>>,
    factory: ArrowRowGroupWriterFactory,
}

impl GeneralColumns {
    /// Encoders for `fields`, with the settings of the whole file.
    pub(super) fn new(
        fields: Vec<(FieldRef, BloomChoice)>,
        properties: &WriterPropertiesPtr,
    ) -> Result<Self> {
        let schema = Arc::new(Schema::new(fields.iter().map(|(f, _)| Arc::clone(f)).collect::<Vec<_>>()));
        let leaves = |(field, _): &(FieldRef, BloomChoice)| {
            let columns = ArrowSchemaConverter::new().convert(&Schema::new(vec![Arc::clone(field)]))?;
            Ok::<_, Error>(columns.columns().iter().map(|leaf| leaf.max_rep_level() > 0).collect())
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
        let encoders = self.fields.iter().zip(&self.leaves).map(|((field, bloom), leaves)| {
            Box::new(GeneralEncoder {
                field: Arc::clone(field),
                writers: writers.by_ref().take(leaves.len()).collect(),
                repeated: leaves.clone(),
                nan: LeavesWithNan::new(leaves.len()),
                bloom: Bloom::of(*bloom),
            }) as Box<dyn ChunkEncoder<W>>
        });
        Ok(encoders.collect::<Vec<_>>().into_iter())
    }
}

/// Encodes the leaves of one field.
struct GeneralEncoder {
    field: FieldRef,
    writers: Vec<ArrowColumnWriter>,
    repeated: Vec<bool>,
    nan: LeavesWithNan,
    bloom: Option<Bloom>,
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
        if let Some(bloom) = &mut self.bloom {
            bloom.add_all(array);
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        let held = |w: &ArrowColumnWriter| w.memory_size().max(w.get_estimated_total_bytes());
        self.writers.iter().map(held).sum::<usize>() + self.bloom.as_ref().map_or(0, Bloom::memory)
    }

    fn encoded(&self) -> usize {
        self.writers.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    fn finish(
        self: Box<Self>,
        _codec: &mut Codec,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        let mut filter = self.bloom.and_then(|bloom| match bloom.measured {
            true => bloom.into_filter_if_most_differ(),
            false => bloom.into_filter(),
        });
        for (at, writer) in self.writers.into_iter().enumerate() {
            let mut chunk = writer.close()?;
            let close = chunk.close_mut();
            // There is one leaf if there is a filter.
            close.bloom_filter = filter.take();
            // Of lists the crate counts rows where it compares NULLs: a page with values may seem to have none.
            close.column_index.take_if(|index| self.repeated[at] || self.nan.has(at) || has_no_value(index));
            if self.nan.has(at) {
                let metadata = &mut chunk.close_mut().metadata;
                *metadata = without_bounds(metadata.clone())?;
            }
            chunk.append_to_row_group(group)?;
        }
        Ok(())
    }
}

/// Whether all pages of a chunk have NULLs only: see [`super::page_index`].
fn has_no_value(index: &ColumnIndexMetaData) -> bool {
    (0..index.num_pages()).all(|page| index.is_null_page(page as usize))
}
