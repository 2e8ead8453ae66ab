//! Record batches to the bytes of one Parquet file.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::file::metadata::ParquetMetaData;

use super::blocks::{BLOCK_BYTES, Blocks};
use super::columns::{self, FileWriter, Settings};
use super::taken::Taken;
use super::writer::{Layout, WriterSettings};
use crate::error::{Code, Error, Result};

/// What is decided once for all files of a part.
pub(super) struct FileForm {
    layout: Layout,
    settings: Settings,
    taken: Arc<Taken>,
}

impl FileForm {
    /// Of files of batches of `schema`.
    ///
    /// Errors: those of [`WriterSettings::check`].
    pub(super) fn new(schema: &SchemaRef, settings: &WriterSettings) -> Result<Self> {
        let mut layout = settings.layout(schema)?;
        let own = Settings {
            delta: settings.parquet.encodings.has_delta(),
            group_rows: settings.parquet.row_group_rows,
            bloom_filters: std::mem::take(&mut layout.bloom_filters),
        };
        Ok(Self { layout, settings: own, taken: Arc::new(Taken::new(schema, &settings.parquet.readers)) })
    }

    /// The encoder of a new file, whose bytes come in blocks of `block_bytes`.
    pub(super) fn encoder(&self, block_bytes: usize) -> Result<FileEncoder> {
        let Layout { schema, columns, properties, .. } = &self.layout;
        let (properties, settings) = (Arc::clone(properties), self.settings.clone());
        let file =
            FileWriter::new(Blocks::new(block_bytes), schema, columns, properties, settings).map_err(ours)?;
        Ok(FileEncoder { file, taken: Arc::clone(&self.taken) })
    }
}

/// Encodes batches; what is finished waits in [`Blocks`].
pub(super) struct FileEncoder {
    file: FileWriter<Blocks>,
    taken: Arc<Taken>,
}

impl FileEncoder {
    /// An encoder for batches of `schema`.
    ///
    /// Errors: those of [`WriterSettings::check`].
    pub(super) fn new(schema: &SchemaRef, settings: &WriterSettings) -> Result<Self> {
        FileForm::new(schema, settings)?.encoder(BLOCK_BYTES)
    }

    /// Appends `batch`, whose columns are those of the schema.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.file.write(&self.taken.values(batch)?, batch.num_rows()).map_err(ours)
    }

    /// Bytes of the row group that are held, encoded or not.
    pub(super) fn memory(&self) -> usize {
        self.file.memory()
    }

    /// Bytes that the row group would have if it ended now, but for the compression of what is not in a page yet.
    pub(super) fn encoded(&self) -> usize {
        self.file.encoded()
    }

    /// Ends the row group, if it has rows.
    pub(super) fn end_group(&mut self) -> Result<()> {
        self.file.end_group().map_err(ours)
    }

    /// Ends the file and returns its footer.
    pub(super) fn finish(&mut self) -> Result<ParquetMetaData> {
        self.file.finish().map_err(ours)
    }

    /// The finished bytes.
    pub(super) fn blocks(&mut self) -> &mut Blocks {
        self.file.out()
    }

    /// Bytes written so far, sent or not.
    pub(super) fn bytes_written(&self) -> usize {
        self.file.bytes_written()
    }
}

/// An error of the encoders: of the data if Parquet cannot hold a value, otherwise a defect.
fn ours(error: columns::Error) -> Error {
    use columns::Error as E;
    let text = error.to_string();
    match error {
        E::ValueTooLong => Error::data(text).coded(Code::FileDamaged),
        E::PageTooLong(_) => {
            Error::data(text).coded(Code::FileDamaged).hint("leave the column out with --columns")
        }
        E::OtherType(data_type) => Error::internal(text).with("type", data_type),
        E::Codec(cause) => Error::internal(text).caused_by(cause),
        E::Parquet(error) => Error::from_parquet(error),
        E::Column { column, error } => ours(*error).with("column", column),
        E::RequiredNull
        | E::OtherShape
        | E::OtherColumns
        | E::TooManyValues
        | E::NoEncoder
        | E::NoCodec(_) => Error::internal(text),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, Int64Array};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::errors::ParquetError;

    use super::*;
    use crate::error::ErrorKind;

    /// The error of writing `array` into a file of one column of `field`.
    fn refused(field: Field, array: ArrayRef) -> Error {
        let schema = Arc::new(Schema::new(vec![field]));
        let mut encoder = FileEncoder::new(&schema, &WriterSettings::default()).expect("encoder");
        let given = Field::new("given", array.data_type().clone(), true);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![given])), vec![array]).expect("batch");
        encoder.write(&batch).expect_err("refused")
    }

    #[test]
    fn errors_of_encoders_name_what_and_where() {
        let field = || Field::new("n", DataType::Int64, false);
        let null = refused(field(), Arc::new(Int64Array::from(vec![Some(1), None])));
        assert_eq!(null.kind(), ErrorKind::Internal);
        assert_eq!(null.to_string(), "a NULL in a required column (column n)");
        let other = refused(field(), Arc::new(Int32Array::from(vec![1])));
        assert_eq!(other.kind(), ErrorKind::Internal);
        assert_eq!(other.to_string(), "a column has another type than its file (type Int32, column n)");
    }

    #[test]
    fn values_that_parquet_cannot_hold_are_errors_of_the_data() {
        for (error, text, hints) in [
            (columns::Error::ValueTooLong, "a value has more than 2 GiB, which Parquet cannot store", 0),
            (
                columns::Error::PageTooLong("values are"),
                "values are too long for Parquet, whose pages have less than 2 GiB",
                1,
            ),
        ] {
            let error = ours(columns::Error::Column { column: "t".into(), error: Box::new(error) });
            assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Data, hints));
            assert_eq!(error.to_string(), format!("{text} (column t)"));
        }
        // One of ours on its way through the crate comes out unchanged.
        let ours = ours(ParquetError::External(Box::new(Error::denied("no"))).into());
        assert_eq!((ours.kind(), ours.to_string().as_str()), (ErrorKind::Denied, "no"));
    }
}
